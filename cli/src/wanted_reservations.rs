//! Which reservations are looked for, and the cheapest way to read them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use anyhow::Result;
use domain::clock::EpochMs;
use domain::event::{Admission, Programme, Section};
use domain::ids::{DateKey, ReservationId, SeatNumber, UserId};
use domain::reservation::{Reservation, Status};
use domain::seats::Claim;
use shared::store::Store;

/// What reservations must have.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// `None`: any event.
    pub event: Option<Programme>,
    /// `None`: any date.
    pub date: Option<DateKey>,
    /// `None`: any seat.
    pub seat: Option<SeatNumber>,
    /// Empty: any status.
    pub statuses: Vec<Status>,
}

impl Wanted {
    /// Whether only a reading of the whole table finds them. An event's claims say whose the seats
    /// are that are held or sold, but not whose they were.
    #[must_use]
    pub fn needs_whole_table(&self) -> bool {
        self.seated().is_none()
    }

    /// The event, if its claims lead to all that is wanted.
    fn seated(&self) -> Option<&Programme> {
        let has_claim = |status: &Status| match status {
            Status::Held | Status::Confirmed => true,
            Status::Cancelled | Status::Expired => false,
        };
        let event = self.event.as_ref()?;
        let is_seated = match event.event.terms.admission {
            Admission::Seated => true,
            Admission::General { .. } => false,
        };
        let all_have = !self.statuses.is_empty() && self.statuses.iter().all(has_claim);
        (is_seated && all_have).then_some(event)
    }

    /// Whether a reservation is among them.
    #[must_use]
    pub fn includes(&self, reservation: &Reservation, now: EpochMs) -> bool {
        let event = self.event.as_ref().map(|event| &event.event.event_id);
        let has_seat = |seat| {
            let mut seats = reservation.seats.iter();
            seats.any(|reserved| reserved.seat_number == seat)
        };
        event.is_none_or(|event| reservation.event_id() == event)
            && self
                .date
                .is_none_or(|date| reservation.date() == Some(date))
            && self.seat.is_none_or(has_seat)
            && (self.statuses.is_empty() || self.statuses.contains(&reservation.status(now)))
    }

    /// Reads them page by page, each once, until `each` breaks. By an event's claims they come by
    /// date and seat, and otherwise in no particular order. `progress` is called with the number of
    /// items read of the whole table.
    ///
    /// What changes during the reading may be included or not.
    pub async fn read(
        &self,
        store: &Store,
        now: EpochMs,
        mut progress: impl FnMut(u64),
        mut each: impl FnMut(Vec<Reservation>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if let Some(programme) = self.seated() {
            return self.read_by_claims(store, programme, now, each).await;
        }
        let mut items = 0;
        let mut start = None;
        loop {
            let page = store.scan_reservations(start).await?;
            items += page.items;
            progress(items);
            let mut found = page.found;
            found.retain(|reservation| self.includes(reservation, now));
            start = page.next;
            if each(found)?.is_break() || start.is_none() {
                return Ok(());
            }
        }
    }

    async fn read_by_claims(
        &self,
        store: &Store,
        programme: &Programme,
        now: EpochMs,
        mut each: impl FnMut(Vec<Reservation>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let event = &programme.event.event_id;
        for (date, section) in self.sections(programme) {
            let mut start = None;
            loop {
                let (claims, next) = if let Some(seat) = self.seat {
                    let claim = store.claim(event, date, &section.name, seat).await?;
                    (claim.map(|claim| (seat, claim)).into_iter().collect(), None)
                } else {
                    let page = store.claims_page(event, date, &section.name, start).await?;
                    (page.claims, page.next)
                };
                let found = self.by_claims(store, &claims, now).await?;
                start = next;
                if each(found)?.is_break() {
                    return Ok(());
                }
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The sections in which the seats may be.
    fn sections<'a>(
        &'a self,
        programme: &'a Programme,
    ) -> impl Iterator<Item = (DateKey, &'a Section)> {
        let dates = programme.dates.values();
        dates
            .filter(|on_sale| self.date.is_none_or(|date| on_sale.date == date))
            .flat_map(|on_sale| {
                on_sale
                    .sections
                    .iter()
                    .map(|section| (on_sale.date, section))
            })
            .filter(|(_, section)| self.seat.is_none_or(|seat| section.has(seat)))
    }

    /// The reservations whose first seat is among these claims. A reservation may have seats in
    /// several pages and sections: so it is found once.
    async fn by_claims(
        &self,
        store: &Store,
        claims: &[(SeatNumber, Claim)],
        now: EpochMs,
    ) -> Result<Vec<Reservation>> {
        let mut first_seats = BTreeMap::new();
        let mut wanted = BTreeSet::new();
        let mut ids = Vec::new();
        for (seat, claim) in claims {
            let Some((user, id)) = holder(claim, now) else {
                continue;
            };
            if wanted.insert(id.to_string()) {
                ids.push((user, id.clone()));
            }
            first_seats.insert(*seat, id);
        }
        let is_first = |reservation: &Reservation| match (self.seat, reservation.seats.first()) {
            (Some(_), _) => true,
            (None, Some(first)) => {
                first_seats.get(&first.seat_number) == Some(&&reservation.reservation_id)
            }
            (None, None) => false,
        };
        let mut found = store.current_among(&ids).await?;
        found.retain(|reservation| is_first(reservation) && self.includes(reservation, now));
        found.sort_unstable_by_key(|reservation| {
            reservation.seats.first().map(|seat| seat.seat_number)
        });
        Ok(found)
    }
}

/// Whose a seat is.
fn holder(claim: &Claim, now: EpochMs) -> Option<(UserId, &ReservationId)> {
    match claim {
        Claim::Sold {
            user_id,
            reservation_id,
            ..
        } => Some((*user_id, reservation_id)),
        Claim::Held {
            user_id,
            reservation_id,
            held_until,
            ..
        } => (*held_until > now).then_some((*user_id, reservation_id)),
        Claim::Withdrawn { .. } | Claim::Blocked(_) => None,
    }
}
