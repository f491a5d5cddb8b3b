//! The tickets of general admission.

use super::{Finding, Invariant};
use crate::clock::{EpochMs, WRITE_MS};
use crate::event::{Admission, Event};
use crate::money::Money;
use crate::reservation::{Reservation, State};
use crate::stock::TicketsSold;

/// The stock of an event, as read at `at`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StockLeft {
    pub at: EpochMs,
    pub shards: Vec<u32>,
    pub sales: TicketsSold,
}

/// An event's confirmed tickets, counted from its reservations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConfirmedTickets {
    /// Confirmed when the reservation was read.
    seen: u64,
    /// The price of the tickets in `seen`.
    seen_price: Money,
    /// Confirmed when the stock was read.
    at_stock: u64,
    /// Confirmed or cancelled so close to the reading of the stock that the order is unknown.
    in_doubt: u64,
}

/// Clocks differ by up to three seconds.
const CLOCKS_MS: i64 = 3_000;
/// A write takes effect at most this long before or after its time stamp.
const DOUBT_MS: i64 = WRITE_MS.cast_signed() + CLOCKS_MS;

impl ConfirmedTickets {
    /// Counts a reservation. `at` is when the stock was read.
    pub fn add(&mut self, reservation: &Reservation, at: EpochMs) {
        let quantity = u64::from(reservation.quantity);
        let returned = u64::from(reservation.returned.quantity);
        let ended = match reservation.state {
            State::Confirmed { .. } => {
                self.seen += quantity;
                self.seen_price = self.seen_price + reservation.price_of_tickets();
                None
            }
            State::Cancelled { .. } => Some(reservation.modified_at),
            State::Held { .. } => return,
        };
        let is_near = |moment: EpochMs| moment.ms_since(at).abs() <= DOUBT_MS;
        if is_near(reservation.created_at) || ended.is_some_and(is_near) {
            self.in_doubt += quantity;
        } else if reservation.created_at < at && ended.is_none_or(|ended| ended > at) {
            self.at_stock += quantity;
        }
        // When they were given back is not known, only that they were by the last change.
        let last_change = reservation.modified_at;
        let is_of_then = reservation.created_at < at || is_near(reservation.created_at);
        if is_of_then && (last_change > at || is_near(last_change)) {
            self.in_doubt += returned;
        }
    }

    /// Checks that confirmed and remaining tickets add up to all tickets. The check is exact if the stock did not change
    /// while the reservations were read. Otherwise tickets in doubt may count either way.
    pub fn check(
        self,
        event: &Event,
        key: &str,
        before: &StockLeft,
        after: &StockLeft,
    ) -> Option<Finding> {
        let Admission::General { total_tickets, .. } = event.terms.admission else {
            return None;
        };
        let total = u64::from(total_tickets);
        let left: u64 = before.shards.iter().copied().map(u64::from).sum();
        let (confirmed, in_doubt) = if before.shards == after.shards {
            (self.seen, 0)
        } else {
            (self.at_stock, self.in_doubt)
        };
        let accounted = left + confirmed;
        let is_sound = accounted <= total && total - accounted <= in_doubt;
        if !is_sound {
            return Some(Finding::new(
                Invariant::Stock,
                key,
                format!("{total} tickets, left or confirmed"),
                format!("{left} left, {confirmed} confirmed"),
            ));
        }
        self.check_revenue(key, before, after)
    }

    /// Checks the revenue that the stock counted, if it counted all sales and did not change meanwhile.
    fn check_revenue(self, key: &str, before: &StockLeft, after: &StockLeft) -> Option<Finding> {
        let TicketsSold { quantity, revenue } = before.sales;
        let is_comparable = before.shards == after.shards
            && before.sales == after.sales
            && u64::try_from(quantity) == Ok(self.seen);
        (is_comparable && revenue != self.seen_price).then(|| {
            Finding::new(
                Invariant::Stock,
                key,
                format!(
                    "a revenue of {}, the price of its reservations",
                    self.seen_price
                ),
                revenue.to_string(),
            )
        })
    }
}
