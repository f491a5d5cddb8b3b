//! Notices of changed plans, for those who tell buyers (docs/EVENTS.md). Each is written in the transaction of the change.
//!
//! A notice has the attributes of a reservation, because one pipe passes on both, and a pipe has one template.

use serde::Serialize;

use super::expression::Write;
use super::item::write_item;
use super::keys;
use domain::clock::EpochMs;
use domain::event::Programme;
use domain::fees::ReservedFees;
use domain::ids::DateKey;
use domain::reservation::Performance;
use domain::returns::Returned;

/// The `detail-type` of a notice on the bus.
const TOLD: &str = "PlansChanged";

/// What has changed for buyers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Change {
    /// The event or a date does not take place.
    Cancelled,
    /// A date, or an event of general admission, starts at another time.
    Postponed,
    /// The event has another name.
    Renamed,
    /// The event is at another place.
    Relocated,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    told: &'static str,
    change: Change,
    event_id: &'a str,
    event_name: &'a str,
    /// Empty if it is of the whole event.
    date: String,
    performance: Performance,
    created_at: EpochMs,
    modified_at: EpochMs,
    // What only reservations have.
    reservation_id: &'static str,
    user_id: &'static str,
    seats: [(); 0],
    quantity: u32,
    fees: ReservedFees,
    total_price: u32,
    refunded: u32,
    returned: Returned,
    status: &'static str,
}

/// What has changed, of which date.
pub(super) type Told = (Change, Option<DateKey>);

/// The writes that tell of these changes. `programme` is as it will be, and `former` as it was.
pub(super) fn notices(
    former: &Programme,
    programme: &Programme,
    told: &[Told],
    now: EpochMs,
) -> Vec<Write> {
    let write = |(change, date): &Told| {
        let mut performance = programme.performance(*date);
        let before = former.starts_at(*date);
        if *change == Change::Postponed && performance.postponed_from.is_empty() {
            // By a catalogue, which keeps no history.
            performance.postponed_from.extend(before);
        }
        let event = &programme.event;
        let id = event.event_id.to_string();
        let record = Record {
            told: TOLD,
            change: *change,
            event_id: &id,
            event_name: &event.terms.name,
            date: date.map(|date| date.to_string()).unwrap_or_default(),
            performance,
            created_at: now,
            modified_at: now,
            reservation_id: "",
            user_id: "",
            seats: [],
            quantity: 0,
            fees: ReservedFees::default(),
            total_price: 0,
            refunded: 0,
            returned: Returned::default(),
            status: "",
        };
        // It tells apart notices of the same millisecond.
        let key = keys::notice(&event.event_id, now, fastrand::u64(..));
        Write::put(key, write_item(&record)).when_absent()
    };
    told.iter().map(write).collect()
}

/// What buyers have to know about the event as a whole.
pub(super) fn of_event(former: &Programme, programme: &Programme) -> Vec<Told> {
    let (was, is) = (&former.event, &programme.event);
    let place = |of: &Programme| {
        let profile = &of.event.terms.profile;
        (
            of.event.terms.venue.clone(),
            profile.address.clone(),
            profile.city.clone(),
        )
    };
    let begun = |of: &Programme| of.event.control.cancellation.map(|of| of.at);
    let mut told = Vec::new();
    if begun(former) != begun(programme) {
        told.push((Change::Cancelled, None));
    }
    if was.terms.name != is.terms.name {
        told.push((Change::Renamed, None));
    }
    if place(former) != place(programme) {
        told.push((Change::Relocated, None));
    }
    let is_general = programme.dates.is_empty() && former.dates.is_empty();
    if is_general && was.terms.last_start != is.terms.last_start && was.terms.last_start.is_some() {
        told.push((Change::Postponed, None));
    }
    told
}

/// What buyers have to know about one date.
pub(super) fn of_date(former: &Programme, programme: &Programme, date: DateKey) -> Vec<Told> {
    let begun = |of: &Programme| of.event.control.cancellation_of(Some(date)).map(|of| of.at);
    let mut told = Vec::new();
    if begun(former) != begun(programme) {
        told.push((Change::Cancelled, Some(date)));
    }
    let (was, is) = (former.dates.get(&date), programme.dates.get(&date));
    if let (Some(was), Some(is)) = (was, is)
        && was.starts_at != is.starts_at
    {
        told.push((Change::Postponed, Some(date)));
    }
    told
}
