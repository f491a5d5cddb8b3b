//! Events, their dates and sections, and when they are on sale.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::fees::{Fees, TaxRate};
use crate::ids::{DateKey, EventId, Lane, SeatNumber};
use crate::money::{Currency, Money};
use crate::plans::Postponements;
use crate::presale::Presale;
use crate::profile::{Overview, Profile};
use crate::queue::{Control, Head, Order, Permutation, QueuePolicy, Ranking};
use crate::refusal::Refusal;
use crate::reservation::Performance;
use crate::seating::{Drawing, Numbering, Plan, Rows};

/// An event as the operator's catalogue defines it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    pub name: String,
    pub venue: String,
    pub admission: Admission,
    pub currency: Currency,
    /// Charged besides the prices, which stay without them.
    #[serde(default, skip_serializing_if = "Fees::is_none")]
    pub fees: Fees,
    /// Of the tax that prices and fees contain. `None`: nothing is said about tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<TaxRate>,
    /// The maximum number of tickets in one reservation, 1 to 20.
    pub max_seats_per_user: u32,
    /// How long a hold lasts, in seconds.
    pub hold_seconds: u32,
    /// How long a checkout at a payment provider may take, in seconds. A hold whose checkout is begun
    /// is extended to this, once.
    #[serde(default = "default_payment_seconds")]
    pub payment_seconds: u32,
    /// A paid reservation can be cancelled until this many hours before the start.
    pub cancel_until_hours: u32,
    /// Where a refund goes unless the buyer says otherwise.
    #[serde(default)]
    pub refund_to: RefundTo,
    /// Whether buyers may give a part of their tickets back, and keep the others.
    #[serde(default)]
    pub partial_returns: bool,
    /// When the sale opens. `None`: it is open from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<EpochMs>,
    /// Phases before that opening, in which joining needs a code. Empty if there is no opening.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presales: Vec<Presale>,
    /// When the sale closes, if the catalogue defines it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<EpochMs>,
    /// The start of the last date. `None` for general admission without a start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_start: Option<EpochMs>,
    /// When the doors open, for general admission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doors_open_at: Option<EpochMs>,
    /// Not in the list of events, but reachable by its link.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
    #[serde(default)]
    pub profile: Profile,
    /// Derived from the dates when the catalogue is applied. Empty if an earlier version applied it.
    #[serde(default)]
    pub overview: Overview,
    pub queue: QueuePolicy,
    /// The announced source of the random value that is mixed into the draw. `None`: the draw does
    /// not wait for a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon: Option<String>,
}

/// Time for a card's confirmation by another device, in seconds.
pub const DEFAULT_PAYMENT_SECONDS: u32 = 600;

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

fn default_payment_seconds() -> u32 {
    DEFAULT_PAYMENT_SECONDS
}

impl Terms {
    /// Until when a paid reservation for a start can be cancelled.
    #[must_use]
    pub fn cancel_until(&self, starts_at: EpochMs) -> EpochMs {
        starts_at.plus_ms(-i64::from(self.cancel_until_hours) * 3_600_000)
    }
}

/// Where the refund of a cancelled reservation goes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase", expecting = "wallet or source")]
pub enum RefundTo {
    /// It stays in the wallet.
    #[default]
    Wallet,
    /// What came from a payment provider goes back there. The rest stays in the wallet.
    Source,
}

impl RefundTo {
    /// Parses the name in the API and in the catalogue.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "wallet" => Ok(Self::Wallet),
            "source" => Ok(Self::Source),
            _ => Err("must be wallet or source".to_owned()),
        }
    }
}

/// How an event admits people: to a numbered seat on a date, or to the whole event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Admission {
    /// Numbered seats on dates.
    Seated,
    /// A number of tickets, without dates.
    General {
        total_tickets: u32,
        price: Money,
        /// The number of parts of the stock. Several parts allow concurrent purchases.
        stock_shards: u32,
    },
}

impl Admission {
    /// The name in the API.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Seated => "seated",
            Self::General { .. } => "general",
        }
    }
}

/// An event as it is stored: its terms, and what operators did to its queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub event_id: EventId,
    pub terms: Terms,
    #[serde(default)]
    pub control: Control,
    /// When a catalogue first contained the event. Relative dates count from here.
    pub first_applied_at: EpochMs,
    /// Counts the changes to the event and its dates. Each write requires the revision that it was
    /// decided on, so concurrent operators cannot revert each other's changes.
    #[serde(default)]
    pub revision: u64,
}

/// Whether tickets are on sale. The first that applies, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SaleState {
    /// Over for good, or until an operator reopens the sale.
    Closed,
    /// Before the opening, and outside of presales: users can join the queue, but nobody is admitted.
    NotOpen,
    /// The operator has paused the queue: nobody is called, and nobody can arrive.
    Paused,
    /// On sale; during a presale, to those who joined with a code.
    Open,
}

impl Programme {
    /// The start of a date, or of the event for general admission. `None` if there is no such date,
    /// or no start.
    #[must_use]
    pub fn starts_at(&self, date: Option<DateKey>) -> Option<EpochMs> {
        match date {
            Some(date) => self.dates.get(&date).map(|date| date.starts_at),
            None => self.event.terms.last_start,
        }
    }

    /// What a ticket for a date, or for the event for general admission, says about it.
    #[must_use]
    pub fn performance(&self, date: Option<DateKey>) -> Performance {
        let terms = &self.event.terms;
        let starts_at = self.starts_at(date);
        let postponements = self.event.control.postponements(date);
        let returns_until = postponements.and_then(Postponements::returns_until);
        let cancel_until = starts_at.map(|start| terms.cancel_until(start));
        Performance {
            venue: Some(terms.venue.clone()),
            starts_at,
            postponed_from: postponements.map_or_else(Vec::new, Postponements::former_starts),
            cancel_until: cancel_until.map(|usual| usual.max(returns_until.unwrap_or(usual))),
            returns_until,
            cancelled_at: self.event.cancelled_at(date),
            partial_returns: terms.partial_returns,
            time_zone: terms.profile.time_zone.clone(),
            currency: Some(terms.currency.clone()),
            organizer: terms.profile.organizer.clone(),
            organizer_tax_number: terms.profile.organizer_tax_number.clone(),
            organizer_address: terms.profile.organizer_address.clone(),
        }
    }

    /// The dates that take place, in the order of their keys; all of them if none does.
    pub fn held_dates(&self) -> impl Iterator<Item = &EventDate> {
        let is_held = |date: &EventDate| {
            self.event
                .control
                .cancellation_of(Some(date.date))
                .is_none()
        };
        let any_is = self.dates.values().any(is_held);
        self.dates
            .values()
            .filter(move |date| !any_is || is_held(date))
    }

    /// The dates in the order of their starts, which is not that of their keys if one was postponed.
    #[must_use]
    pub fn dates_by_start(&self) -> Vec<&EventDate> {
        let mut dates: Vec<&EventDate> = self.dates.values().collect();
        dates.sort_by_key(|date| (date.starts_at, date.date));
        dates
    }

    /// The day of a date's start at the venue: that of its key, unless it was postponed.
    #[must_use]
    pub fn day_of(&self, date: &EventDate) -> DateKey {
        let postponements = self.event.control.postponements(Some(date.date));
        let last = postponements.and_then(Postponements::last);
        last.map_or(date.date, |last| last.day)
    }

    /// Whether seats of the date can still be sold: it takes place, and it has not begun.
    #[must_use]
    pub fn is_ahead(&self, date: &EventDate, now: EpochMs) -> bool {
        !date.has_begun(now) && self.event.cancelled_at(Some(date.date)).is_none()
    }

    /// The programme with other changes of operators, and with what follows from them: the starts of
    /// postponed performances, and what is derived from the dates that take place. `None`: a start is
    /// neither what a postponement moved nor what it moved it to; the performance is returned.
    pub fn under(mut self, control: Control) -> Result<Self, Option<DateKey>> {
        for (key, plan) in &control.dates {
            if let Some(date) = self.dates.get_mut(key) {
                let start = plan.postponements.start_for(date.starts_at);
                date.move_to(start.ok_or(Some(*key))?);
            }
        }
        if let Some(start) = self.event.terms.last_start
            && self.event.terms.admission != Admission::Seated
        {
            let moved = control.postponements.start_for(start).ok_or(None)?;
            let terms = &mut self.event.terms;
            terms.doors_open_at = terms
                .doors_open_at
                .map(|doors| doors.plus_ms(moved.ms_since(start)));
            terms.last_start = Some(moved);
        }
        self.event.control = control;
        if self.event.terms.admission == Admission::Seated {
            let last = self.held_dates().map(|date| date.starts_at).max();
            self.event.terms.last_start = last;
        }
        self.event.terms.overview = self.overview();
        Ok(self)
    }

    /// What the list of events shows about the dates.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let dates: Vec<&EventDate> = self.held_dates().collect();
        let sections = dates.iter().flat_map(|date| &date.sections);
        let prices = sections.map(|section| section.price);
        match self.event.terms.admission {
            Admission::Seated => Overview::of(dates.iter().map(|date| date.starts_at), prices),
            Admission::General { price, .. } => {
                let start = self.event.terms.last_start;
                Overview::of(start.into_iter(), std::iter::once(price))
            }
        }
    }
}

impl Event {
    /// When the sale ends: at `closesAt` of the catalogue, and at the start of the last date at the
    /// latest.
    #[must_use]
    pub fn closes_at(&self) -> Option<EpochMs> {
        let ends = [self.terms.closes_at, self.terms.last_start];
        ends.into_iter().flatten().min()
    }

    /// The state of the sale at `now`.
    #[must_use]
    pub fn sale_state(&self, now: EpochMs) -> SaleState {
        if self.is_cancelled()
            || self.control.closed
            || self.closes_at().is_some_and(|at| at <= now)
        {
            SaleState::Closed
        } else if self.next_opening(now).is_some() {
            SaleState::NotOpen
        } else if self.control.pause.is_on() {
            SaleState::Paused
        } else {
            SaleState::Open
        }
    }

    /// Whether the whole event does not take place.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.control.cancellation.is_some()
    }

    /// When a date was cancelled, by itself or with its event. `None`: it takes place. The date is
    /// `None` for general admission.
    #[must_use]
    pub fn cancelled_at(&self, date: Option<DateKey>) -> Option<EpochMs> {
        let cancellations = [
            self.control.cancellation,
            self.control.cancellation_of(date),
        ];
        cancellations.into_iter().flatten().map(|of| of.at).min()
    }

    /// Refuses if the event or the date is cancelled.
    pub fn check_takes_place(&self, date: Option<DateKey>) -> Result<(), Refusal> {
        if self.is_cancelled() {
            return Err(Refusal::EventCancelled);
        }
        match self.cancelled_at(date) {
            Some(_) => Err(Refusal::DateCancelled),
            None => Ok(()),
        }
    }

    /// The queue's policies with the operators' changes.
    #[must_use]
    pub fn queue(&self) -> QueuePolicy {
        self.control.applied_to(self.terms.queue)
    }

    /// Whether the first opening has come, regardless of pauses, closings, and the ends of presales.
    #[must_use]
    pub fn has_opened(&self, now: EpochMs) -> bool {
        self.first_opening().is_none_or(|at| at <= now)
    }

    /// The order in which a lane calls its numbers.
    #[must_use]
    pub fn ranking(&self, lane: Lane, head: &Head) -> Ranking {
        let draw = match self.terms.queue.order {
            Order::Arrival => return Ranking::ByArrival,
            Order::Draw => head.draw,
        };
        let beacon = match &self.terms.beacon {
            None => Some(""),
            Some(_) => self.control.beacon.as_deref(),
        };
        match (draw, draw.and_then(|draw| draw.count), beacon) {
            (Some(draw), Some(count), Some(beacon)) => Ranking::Drawn(Permutation::new(
                &draw.secret,
                &self.event_id,
                lane,
                count,
                beacon,
            )),
            (_, count, _) => Ranking::NotDrawn { count },
        }
    }

    /// How long data of the sale (queue entries, departure marks) must be kept: for the lifetime of
    /// a token, 30 days, after the end of the sale or after `now`, whichever is later.
    #[must_use]
    pub fn keep_until(&self, now: EpochMs) -> EpochMs {
        let end = self.closes_at().map_or(now, |at| at.max(now));
        end.plus_seconds(crate::queue::TOKEN_LIFETIME_SECONDS)
    }
}

/// A date of an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventDate {
    pub date: DateKey,
    pub starts_at: EpochMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doors_open_at: Option<EpochMs>,
    pub sections: Vec<Section>,
}

/// A block of seats with one price. The numbering continues from the previous section.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    pub name: String,
    pub price: Money,
    pub first_seat: SeatNumber,
    pub seats: u32,
    /// `None`: the section has no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    /// The label of each row. Empty: the rows are numbered from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row_labels: Vec<String>,
    /// How the chairs of each row are numbered. `None`: by their seat numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbering: Option<Numbering>,
    /// There is an aisle after this many seats from the left of the longest row, in ascending order.
    /// Shorter rows are centred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aisles: Vec<u32>,
    /// Where and how the map draws the section. `None`: behind the section before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<Drawing>,
}

impl Section {
    /// A section without rows. Its seats are called by their seat numbers.
    #[must_use]
    pub fn new(name: impl Into<String>, price: Money, first_seat: SeatNumber, seats: u32) -> Self {
        Self {
            name: name.into(),
            price,
            first_seat,
            seats,
            rows: None,
            row_labels: Vec::new(),
            numbering: None,
            aisles: Vec::new(),
            drawing: None,
        }
    }

    /// The section's last seat.
    #[must_use]
    pub fn last_seat(&self) -> SeatNumber {
        SeatNumber(self.first_seat.0 + self.seats - 1)
    }

    /// Whether the seat is in this section.
    #[must_use]
    pub fn has(&self, seat: SeatNumber) -> bool {
        (self.first_seat..=self.last_seat()).contains(&seat)
    }

    /// The section's seats in order.
    pub fn seat_numbers(&self) -> impl Iterator<Item = SeatNumber> + use<> {
        (self.first_seat.0..=self.last_seat().0).map(SeatNumber)
    }
}

impl EventDate {
    /// The number of seats of the date.
    #[must_use]
    pub fn total_seats(&self) -> u32 {
        self.sections.iter().map(|s| s.seats).sum()
    }

    /// The section that contains the seat.
    #[must_use]
    pub fn section_of(&self, seat: SeatNumber) -> Option<&Section> {
        self.sections.iter().find(|section| section.has(seat))
    }

    /// The seats that `after` does not have, or has in another section, row or place in the row, or
    /// with other labels; each with its section. `None`: the date is removed.
    pub fn seats_moved_by<'a>(
        &'a self,
        after: Option<&'a Self>,
    ) -> impl Iterator<Item = (&'a Section, SeatNumber)> + 'a {
        let plans: Vec<(&Section, Plan<'_>)> = after
            .into_iter()
            .flat_map(|after| &after.sections)
            .map(|section| (section, Plan::of(section)))
            .collect();
        let plans = Rc::new(plans);
        self.sections.iter().flat_map(move |section| {
            let plans = Rc::clone(&plans);
            let plan = Plan::of(section);
            section.seat_numbers().filter_map(move |seat| {
                let kept = plans.iter().find(|(after, _)| after.has(seat));
                let moves = !kept.is_some_and(|(_, after)| plan.keeps(seat, after));
                moves.then_some((section, seat))
            })
        })
    }

    /// Moves the performance, and the opening of its doors with it.
    fn move_to(&mut self, start: EpochMs) {
        let by = start.ms_since(self.starts_at);
        self.doors_open_at = self.doors_open_at.map(|doors| doors.plus_ms(by));
        self.starts_at = start;
    }

    /// Whether the performance has begun. Then nothing can be bought for it.
    #[must_use]
    pub fn has_begun(&self, now: EpochMs) -> bool {
        self.starts_at <= now
    }
}

/// An event and all its dates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Programme {
    pub event: Event,
    pub dates: BTreeMap<DateKey, EventDate>,
}

#[cfg(test)]
pub(crate) mod fixtures {
    use super::*;

    pub(crate) fn event() -> Event {
        Event {
            event_id: EventId::parse("winter-live").unwrap(),
            terms: Terms {
                name: "Winter Live".to_owned(),
                venue: "Olympic Hall".to_owned(),
                admission: Admission::Seated,
                currency: Currency::try_from("KRW".to_owned()).unwrap(),
                fees: Fees::default(),
                tax_rate: None,
                max_seats_per_user: 1,
                hold_seconds: 300,
                payment_seconds: 600,
                cancel_until_hours: 24,
                refund_to: RefundTo::Wallet,
                partial_returns: false,
                opens_at: Some(EpochMs(1_000_000)),
                presales: Vec::new(),
                closes_at: None,
                last_start: Some(EpochMs(9_000_000)),
                doors_open_at: None,
                hidden: false,
                profile: Profile::default(),
                overview: Overview::default(),
                queue: QueuePolicy::default(),
                beacon: None,
            },
            control: Control::default(),
            first_applied_at: EpochMs(0),
            revision: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::event;
    use super::*;
    use crate::seating::From;
    use proptest::prelude::*;

    #[test]
    fn a_sale_opens_at_its_time_and_closes_at_the_last_start() {
        let event = event();
        assert_eq!(event.sale_state(EpochMs(999_999)), SaleState::NotOpen);
        assert_eq!(event.sale_state(EpochMs(1_000_000)), SaleState::Open);
        assert_eq!(event.sale_state(EpochMs(8_999_999)), SaleState::Open);
        assert_eq!(event.sale_state(EpochMs(9_000_000)), SaleState::Closed);
    }

    #[test]
    fn a_sale_closes_at_the_last_start_even_if_the_catalogue_says_later() {
        let mut event = event();
        event.terms.closes_at = Some(EpochMs(9_500_000));
        assert_eq!(event.sale_state(EpochMs(9_000_000)), SaleState::Closed);
        event.terms.closes_at = Some(EpochMs(8_000_000));
        assert_eq!(event.sale_state(EpochMs(8_000_000)), SaleState::Closed);
    }

    #[test]
    fn closed_has_precedence_over_not_open_and_not_open_over_paused() {
        let mut event = event();
        event.control = event.control.paused_at(EpochMs(5));
        assert_eq!(event.sale_state(EpochMs(10)), SaleState::NotOpen);
        assert_eq!(event.sale_state(EpochMs(2_000_000)), SaleState::Paused);
        event.control.closed = true;
        assert_eq!(event.sale_state(EpochMs(10)), SaleState::Closed);
    }

    /// A date with sections A, B, C … of so many seats and rows (0: none).
    fn date(sections: &[(u32, u32)]) -> EventDate {
        let mut first_seat = 1;
        let sections = sections.iter().zip('A'..).map(|((seats, rows), name)| {
            let section = Section {
                rows: (*rows > 0).then_some(Rows::Equal(*rows)),
                ..Section::new(name, Money(1), SeatNumber(first_seat), *seats)
            };
            first_seat += seats;
            section
        });
        EventDate {
            date: DateKey::parse("2026-12-24").unwrap(),
            starts_at: EpochMs(0),
            doors_open_at: None,
            sections: sections.collect(),
        }
    }

    fn moved(before: &EventDate, after: &EventDate) -> Vec<u32> {
        before
            .seats_moved_by(Some(after))
            .map(|(_, seat)| seat.0)
            .collect()
    }

    #[test]
    fn a_seat_moves_with_its_row_and_with_the_sections_before_it() {
        let before = date(&[(50, 5), (50, 5)]);
        assert!(moved(&before, &before).is_empty());
        // B has rows of 25 instead of 10: only the first row's first ten seats stay.
        let fewer_rows = moved(&before, &date(&[(50, 5), (50, 2)]));
        assert_eq!(fewer_rows, (61..=100).collect::<Vec<_>>());
        // All seats of B are one seat further on.
        let larger_a = moved(&before, &date(&[(51, 5), (50, 5)]));
        assert!((51..=100).all(|seat| larger_a.contains(&seat)));
        assert_eq!(before.seats_moved_by(None).count(), 100);
    }

    #[test]
    fn adding_seats_at_the_end_or_rows_to_a_section_without_moves_no_seat() {
        let before = date(&[(50, 0)]);
        assert!(moved(&before, &date(&[(50, 5)])).is_empty());
        assert!(moved(&before, &date(&[(60, 0), (10, 1)])).is_empty());
        let smaller = moved(&before, &date(&[(48, 0)]));
        assert_eq!(smaller, [49, 50]);
        // The tickets name a row.
        assert_eq!(moved(&date(&[(50, 5)]), &before).len(), 50);
    }

    #[test]
    fn a_seat_moves_with_the_labels_that_its_ticket_names() {
        let before = date(&[(20, 2)]);
        let changed = |change: fn(&mut Section)| {
            let mut after = before.clone();
            change(&mut after.sections[0]);
            moved(&before, &after)
        };
        let all: Vec<_> = (1..=20).collect();
        let second_row = &all[10..];
        // The labels that the rows have without any.
        let same = changed(|section| section.row_labels = vec!["1".to_owned(), "2".to_owned()]);
        assert!(same.is_empty());
        let renamed = changed(|section| section.row_labels = vec!["1".to_owned(), "B".to_owned()]);
        assert_eq!(renamed, second_row);
        let numbered = changed(|section| {
            section.numbering = Some(Numbering {
                from: From::Left,
                start: 1,
                skip: vec![],
            });
        });
        assert_eq!(numbered, second_row);
        assert!(changed(|section| section.aisles = vec![5]).is_empty());
        let uneven = changed(|section| section.rows = Some(Rows::Lengths(vec![9, 11])));
        assert_eq!(uneven, (10..=20).collect::<Vec<_>>());
        assert!(changed(|section| section.rows = Some(Rows::Lengths(vec![10, 10]))).is_empty());
    }

    proptest! {
        #[test]
        fn seats_that_do_not_move_have_the_same_row_and_the_same_number_of_seats_before_them(
            before in proptest::collection::vec((1..40_u32, 1..6_u32), 1..4),
            after in proptest::collection::vec((1..40_u32, 1..6_u32), 1..4),
        ) {
            let rows_fit = |sections: Vec<(u32, u32)>| -> Vec<(u32, u32)> {
                sections.into_iter().map(|(seats, rows)| (seats, rows.min(seats))).collect()
            };
            let (before, after) = (date(&rows_fit(before)), date(&rows_fit(after)));
            let place = |date: &EventDate, seat: u32| {
                let section = date.section_of(SeatNumber(seat))?;
                let plan = Plan::of(section);
                let row = plan.place(SeatNumber(seat)).row;
                let before = section.seat_numbers().filter(|other| other.0 < seat && plan.place(*other).row == row);
                Some((section.name.clone(), row, before.count()))
            };
            let moved = moved(&before, &after);
            for seat in 1..=before.total_seats() {
                prop_assert_eq!(moved.contains(&seat), place(&before, seat) != place(&after, seat));
            }
        }
    }
}
