//! Reservations: held, confirmed, cancelled, or expired.

use serde::{Deserialize, Serialize};

use crate::block::Channel;
use crate::clock::EpochMs;
use crate::event::Section;
use crate::fees::{ReservedFees, TaxRate};
use crate::ids::{DateKey, EntryId, EventId, Lane, Rank, ReservationId, SeatNumber, UserId};
use crate::money::{Currency, Money};
use crate::profile::TimeZoneName;
use crate::returns::Returned;
use crate::seating::Plan;
use crate::stock::Allocation;

/// A seat of a reservation, with its price at the time of the hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservedSeat {
    pub seat_number: SeatNumber,
    pub section: String,
    pub price: Money,
    /// The labels by which an usher finds the seat. `None` in reservations that were made before
    /// seats had labels, and `row_label` in sections without rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat_label: Option<String>,
    /// The channel that opened the seat. Its claim keeps the block. `None`: the seat was on sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

impl ReservedSeat {
    /// A seat of the section, as it is now.
    #[must_use]
    pub fn of(section: &Section, seat: SeatNumber) -> Self {
        let place = Plan::of(section).place(seat);
        Self {
            seat_number: seat,
            section: section.name.clone(),
            price: section.price,
            row_label: place.row_label,
            seat_label: Some(place.seat_label),
            channel: None,
        }
    }
}

/// What a ticket says about the performance, as it was when the seats were held. Empty if an earlier
/// version wrote the reservation.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Performance {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue: Option<String>,
    /// `None` also for general admission without a start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<EpochMs>,
    /// The starts before, the first one first, if it was postponed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub postponed_from: Vec<EpochMs>,
    /// Until when the reservation can be cancelled once it is paid. `None` also if there is no
    /// start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_until: Option<EpochMs>,
    /// Until when a cancellation gives everything back, if it was postponed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns_until: Option<EpochMs>,
    /// When the event or the date was cancelled, if it does not take place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<EpochMs>,
    /// Whether buyers may give a part of the tickets back, and keep the others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial_returns: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZoneName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizer: Option<String>,
    /// For the receipt, like the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizer_tax_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizer_address: Option<String>,
}

impl Performance {
    /// The performance as the catalogue describes it now. The promises to the buyer stay: a ticket
    /// can be cancelled until the later of the two times, and a part of the tickets be given back if
    /// either says so. A catalogue without a start sets no limit.
    #[must_use]
    pub fn as_described_by(&self, current: Self) -> Self {
        Self {
            cancel_until: current
                .cancel_until
                .map(|now| self.cancel_until.map_or(now, |promised| promised.max(now))),
            partial_returns: self.partial_returns || current.partial_returns,
            ..current
        }
    }

    /// Whether a cancellation at `now` gives everything back: it was cancelled, or postponed a short
    /// while ago.
    #[must_use]
    pub fn gives_all_back(&self, now: EpochMs) -> bool {
        self.cancelled_at.is_some() || self.returns_until.is_some_and(|until| now < until)
    }
}

/// The payment of a reservation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    pub payment_id: EntryId,
    pub amount: Money,
    /// The wallet's balance after the payment. A repeated payment request returns the same value.
    pub balance_after: Money,
    pub paid_at: EpochMs,
}

/// The stored state of a reservation. An expired hold is still stored as held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    Held {
        held_until: EpochMs,
    },
    Confirmed {
        payment: Option<Payment>,
    },
    Cancelled {
        payment: Option<Payment>,
        /// With what was given back of it before.
        refunded: Money,
        /// The part of `refunded` that went on to where the money came from.
        to_source: Money,
    },
}

/// A user's tickets for a date of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reservation {
    pub reservation_id: ReservationId,
    pub user_id: UserId,
    pub event_name: String,
    pub performance: Performance,
    pub seats: Vec<ReservedSeat>,
    pub quantity: u32,
    /// The event's `maxSeatsPerUser` when this was made. The audit compares the quantity with it.
    pub seat_limit: u32,
    /// The event's fees at the time of the hold.
    pub fees: ReservedFees,
    /// Of the tax that `total_price` contains, at the time of the hold.
    pub tax_rate: Option<TaxRate>,
    /// The prices of all tickets, and the fees.
    pub total_price: Money,
    pub state: State,
    /// What was given back of it while the others stayed.
    pub returned: Returned,
    /// The latest charge that is to pay for it. Its checkout has extended the hold.
    pub charge_id: Option<EntryId>,
    /// The shards that general-admission tickets were taken from.
    pub stock: Vec<Allocation>,
    /// The session that made the reservation. Payment ends it.
    pub lane: Lane,
    pub rank: Rank,
    pub created_at: EpochMs,
    pub modified_at: EpochMs,
}

/// A reservation's status at a given time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "ReservationStatus"))]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Not paid yet. It must be paid before `heldUntil`.
    Held,
    /// Paid, or free of charge.
    Confirmed,
    /// A released hold, or a cancelled purchase.
    Cancelled,
    /// A hold that was not paid in time.
    Expired,
}

impl Status {
    /// Parses the name in the API.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "HELD" => Ok(Self::Held),
            "CONFIRMED" => Ok(Self::Confirmed),
            "CANCELLED" => Ok(Self::Cancelled),
            "EXPIRED" => Ok(Self::Expired),
            _ => Err("must be one of HELD, CONFIRMED, CANCELLED, EXPIRED".to_owned()),
        }
    }

    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Confirmed => "CONFIRMED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }
}

impl Reservation {
    /// Whether it was confirmed once, even if it has been cancelled since. A hold that was given up
    /// was not.
    #[must_use]
    pub fn was_bought(&self) -> bool {
        match &self.state {
            State::Held { .. } => false,
            State::Confirmed { .. } => true,
            // General admission is confirmed at once. A confirmed seat reservation always has a
            // payment, even if the price was 0.
            State::Cancelled { payment, .. } => payment.is_some() || self.date().is_none(),
        }
    }

    /// The event it is for.
    #[must_use]
    pub fn event_id(&self) -> &EventId {
        self.reservation_id.event_id()
    }

    /// The date it is for; none for general admission.
    #[must_use]
    pub fn date(&self) -> Option<DateKey> {
        self.reservation_id.date()
    }

    /// The price of one ticket of general admission. All tickets of a reservation cost the same.
    #[must_use]
    pub fn ticket_price(&self) -> Money {
        let quantity = i64::from(self.quantity);
        let price = self.price_of_tickets().0.checked_div(quantity);
        Money(price.unwrap_or_default())
    }

    /// The price of all tickets, without fees.
    #[must_use]
    pub fn price_of_tickets(&self) -> Money {
        self.total_price - self.fees.total()
    }

    /// If changed plans give everything back, the reservation that is given back says so for good.
    pub fn keep_changed_plans(&mut self, current: &Performance, now: EpochMs) {
        let described = self.performance.as_described_by(current.clone());
        if described.gives_all_back(now) {
            self.performance = described;
        }
    }

    /// What a cancellation at `now` gives back: the price, without the fees unless they are
    /// refundable, or the plans have changed. Zero if nothing was paid.
    #[must_use]
    pub fn refund(&self, now: EpochMs) -> Money {
        if self.performance.gives_all_back(now) {
            return self.full_refund();
        }
        match &self.state {
            State::Confirmed {
                payment: Some(_), ..
            } => self.total_price - self.fees.kept_on_cancellation(),
            State::Confirmed { payment: None } | State::Held { .. } | State::Cancelled { .. } => {
                Money::ZERO
            }
        }
    }

    /// What is given back if the plans change: the price with all fees. Fees of tickets that were given
    /// back before stay as they are.
    #[must_use]
    pub fn full_refund(&self) -> Money {
        match &self.state {
            State::Confirmed { payment: Some(_) } => self.total_price,
            State::Confirmed { payment: None } | State::Held { .. } | State::Cancelled { .. } => {
                Money::ZERO
            }
        }
    }

    /// What has been given back so far, and the part of it that went on to where the money came from.
    #[must_use]
    pub fn given_back(&self) -> (Money, Money) {
        match &self.state {
            State::Held { .. } | State::Confirmed { .. } => {
                (self.returned.refunded, self.returned.to_source)
            }
            State::Cancelled {
                refunded,
                to_source,
                ..
            } => (*refunded, *to_source),
        }
    }

    /// When a change at `now` is made that keeps the status: later than the one before, so that
    /// `modified_at` tells apart any two states of one status.
    #[must_use]
    pub fn next_change(&self, now: EpochMs) -> EpochMs {
        now.max(self.modified_at.plus_ms(1))
    }

    /// What the organiser has of the buyer's money: payments less refunds.
    #[must_use]
    pub fn kept(&self) -> Money {
        match &self.state {
            State::Held { .. } => Money::ZERO,
            State::Confirmed { payment } | State::Cancelled { payment, .. } => {
                let paid = payment.as_ref().map(|payment| payment.amount);
                paid.unwrap_or_default() - self.given_back().0
            }
        }
    }

    /// The status at `now`.
    #[must_use]
    pub fn status(&self, now: EpochMs) -> Status {
        match &self.state {
            State::Held { held_until } if *held_until <= now => Status::Expired,
            State::Held { .. } => Status::Held,
            State::Confirmed { .. } => Status::Confirmed,
            State::Cancelled { .. } => Status::Cancelled,
        }
    }

    /// The hold while a checkout is under way: once, it is extended to `payment_seconds` from `now`.
    #[must_use]
    pub fn in_checkout(&self, charge: EntryId, payment_seconds: u32, now: EpochMs) -> Self {
        let state = match &self.state {
            State::Held { held_until } if self.charge_id.is_none() => State::Held {
                held_until: now.plus_seconds(payment_seconds).max(*held_until),
            },
            state => state.clone(),
        };
        Self {
            state,
            charge_id: Some(charge),
            modified_at: now,
            ..self.clone()
        }
    }

    /// The end of the hold. `None` if it is no hold.
    #[must_use]
    pub fn held_until(&self) -> Option<EpochMs> {
        match self.state {
            State::Held { held_until } => Some(held_until),
            State::Confirmed { .. } | State::Cancelled { .. } => None,
        }
    }

    /// Whether the reservation is held or confirmed. A user has at most one such reservation per
    /// date.
    #[must_use]
    pub fn is_live(&self, now: EpochMs) -> bool {
        match self.status(now) {
            Status::Held | Status::Confirmed => true,
            Status::Cancelled | Status::Expired => false,
        }
    }

    /// Whether this is a valid hold of exactly these seats. Repeating such a request returns the
    /// same hold.
    #[must_use]
    pub fn is_same_hold(&self, seats: &[SeatNumber], now: EpochMs) -> bool {
        self.status(now) == Status::Held && self.seats.iter().map(|s| &s.seat_number).eq(seats)
    }

    /// Whether the session at this rank bought exactly this many tickets. A session buys tickets at
    /// most once, so such a request is a repeated one, and returns the same reservation.
    #[must_use]
    pub fn is_same_purchase(&self, lane: Lane, rank: Rank, quantity: u32) -> bool {
        let bought = self.quantity + self.returned.quantity;
        matches!(self.state, State::Confirmed { .. })
            && (self.lane, self.rank, bought) == (lane, rank, quantity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reservation(state: State) -> Reservation {
        let event = EventId::parse("e").unwrap();
        let date = DateKey::parse("2026-12-24").unwrap();
        Reservation {
            reservation_id: ReservationId::new(event, Some(date), EpochMs(0)),
            user_id: UserId::random(),
            event_name: "E".to_owned(),
            performance: Performance::default(),
            seats: [7, 8]
                .map(|seat| {
                    let section = Section::new("R", Money(100), SeatNumber(1), 10);
                    ReservedSeat::of(&section, SeatNumber(seat))
                })
                .to_vec(),
            quantity: 2,
            seat_limit: 2,
            fees: ReservedFees::default(),
            tax_rate: None,
            total_price: Money(200),
            state,
            returned: Returned::default(),
            charge_id: None,
            stock: Vec::new(),
            lane: Lane::FIRST,
            rank: Rank(1),
            created_at: EpochMs(0),
            modified_at: EpochMs(0),
        }
    }

    #[test]
    fn a_hold_is_valid_until_the_millisecond_it_expires() {
        let held = reservation(State::Held {
            held_until: EpochMs(1000),
        });
        assert_eq!(held.status(EpochMs(999)), Status::Held);
        assert!(held.is_live(EpochMs(999)));
        assert_eq!(held.status(EpochMs(1000)), Status::Expired);
        assert!(!held.is_live(EpochMs(1000)));
    }

    #[test]
    fn a_ticket_can_be_cancelled_until_the_later_of_the_promise_and_the_catalogue() {
        let until = |at: Option<i64>| Performance {
            cancel_until: at.map(EpochMs),
            ..Performance::default()
        };
        for (promised, now, expected) in [
            (Some(5), Some(3), Some(5)),
            (Some(3), Some(5), Some(5)),
            (None, Some(5), Some(5)),
            (Some(5), None, None),
        ] {
            let described = until(promised).as_described_by(until(now));
            assert_eq!(described.cancel_until, expected.map(EpochMs));
        }
    }

    /// Two tickets at 100, with fees of 30.
    fn paid(refundable: bool) -> Reservation {
        let payment = Payment {
            payment_id: EntryId::new(EpochMs(0)),
            amount: Money(230),
            balance_after: Money(0),
            paid_at: EpochMs(0),
        };
        Reservation {
            fees: ReservedFees {
                tickets: Money(20),
                order: Money(10),
                refundable,
            },
            total_price: Money(230),
            ..reservation(State::Confirmed {
                payment: Some(payment),
            })
        }
    }

    #[test]
    fn a_cancellation_gives_the_price_back_and_the_fees_only_if_they_are_refundable() {
        assert_eq!(paid(false).refund(EpochMs(0)), Money(200));
        assert_eq!(paid(true).refund(EpochMs(0)), Money(230));
        assert_eq!(paid(true).price_of_tickets(), Money(200));
        assert_eq!(paid(true).ticket_price(), Money(100));
    }

    #[test]
    fn everything_is_given_back_if_it_is_cancelled_and_for_some_time_if_it_is_postponed() {
        let with = |performance| Reservation {
            performance,
            ..paid(false)
        };
        let cancelled = with(Performance {
            cancelled_at: Some(EpochMs(5)),
            ..Performance::default()
        });
        assert_eq!(cancelled.refund(EpochMs(9)), Money(230));
        let postponed = with(Performance {
            returns_until: Some(EpochMs(9)),
            ..Performance::default()
        });
        assert_eq!(postponed.refund(EpochMs(8)), Money(230));
        assert_eq!(postponed.refund(EpochMs(9)), Money(200));
    }

    #[test]
    fn nothing_is_given_back_for_what_was_not_paid() {
        let held = State::Held {
            held_until: EpochMs(1),
        };
        let free = State::Confirmed { payment: None };
        for state in [held, free] {
            let unpaid = Reservation {
                state,
                ..paid(false)
            };
            assert_eq!(
                (unpaid.refund(EpochMs(0)), unpaid.kept()),
                (Money::ZERO, Money::ZERO)
            );
        }
    }

    #[test]
    fn a_hold_that_was_given_up_was_not_bought_and_a_cancelled_purchase_was() {
        let cancelled = |payment| State::Cancelled {
            payment,
            refunded: Money::ZERO,
            to_source: Money::ZERO,
        };
        let State::Confirmed { payment } = paid(false).state else {
            unreachable!("it is paid");
        };
        for (state, bought) in [
            (State::Confirmed { payment: None }, true),
            (cancelled(payment), true),
            (cancelled(None), false),
        ] {
            assert_eq!(reservation(state).was_bought(), bought);
        }
        let event = EventId::parse("e").unwrap();
        let general = Reservation {
            reservation_id: ReservationId::new(event, None, EpochMs(0)),
            ..reservation(cancelled(None))
        };
        assert!(general.was_bought());
    }

    #[test]
    fn the_same_hold_has_the_same_seats_and_is_valid() {
        let seats = [SeatNumber(7), SeatNumber(8)];
        let held = reservation(State::Held {
            held_until: EpochMs(1000),
        });
        assert!(held.is_same_hold(&seats, EpochMs(0)));
        assert!(!held.is_same_hold(&seats[..1], EpochMs(0)));
        assert!(!held.is_same_hold(&seats, EpochMs(1000)));
        let sold = reservation(State::Confirmed { payment: None });
        assert!(!sold.is_same_hold(&seats, EpochMs(0)));
    }

    #[test]
    fn the_same_purchase_has_the_same_session_and_quantity_and_is_not_cancelled() {
        let bought = reservation(State::Confirmed { payment: None });
        assert!(bought.is_same_purchase(Lane::FIRST, Rank(1), 2));
        assert!(!bought.is_same_purchase(Lane::FIRST, Rank(2), 2));
        assert!(!bought.is_same_purchase(Lane::FIRST, Rank(1), 1));
        let cancelled = reservation(State::Cancelled {
            payment: None,
            refunded: Money::ZERO,
            to_source: Money::ZERO,
        });
        assert!(!cancelled.is_same_purchase(Lane::FIRST, Rank(1), 2));
    }
}
