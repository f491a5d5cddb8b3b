//! The audit's rules: what must hold for the items of the table at all times.
//!
//! The rules only judge values. `shared::audit` reads the items. The numbers of the invariants are those of
//! docs/ARCHITECTURE.md.

mod codes;
mod lane;
mod provider;
mod seats;
mod stock;
mod user;
mod withdrawals;

use serde::{Serialize, Serializer};

pub use codes::check_code;
pub use lane::{LaneSnapshot, NumberOwners, OpenedSession};
pub use provider::ProviderBooks;
pub use seats::{SeatClaim, check_seats, owner_of};
pub use stock::{ConfirmedTickets, StockLeft};
pub use user::{RememberedCharge, UserItems};

/// What must always hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Invariant {
    /// A seat has at most one living claim. Every SOLD claim belongs to one CONFIRMED reservation, and every seat of a
    /// CONFIRMED reservation has a SOLD claim.
    OneOwner = 1,
    /// A wallet is the sum of its ledger and never negative. Payments less refunds are the price of the CONFIRMED
    /// reservations, and the fees that CANCELLED ones keep.
    Money = 2,
    /// A user has at most one living reservation for a date, of no more seats than were allowed.
    OneReservation = 3,
    /// Remaining tickets and confirmed tickets add up to all tickets.
    Stock = 4,
    /// The queue calls in rank order, and uses no more slots than were allowed. A code counts the users who have used it, no more
    /// than may.
    Queue = 5,
    /// Payments and refunds in the payment provider's books and DONE charges and withdrawals are the same, by id and
    /// amount.
    Provider = 6,
    /// Nothing of a cancelled event or date is sold after its cancellation, and once its refunds are finished, it has no
    /// CONFIRMED reservation.
    Cancellation = 7,
}

impl Invariant {
    /// Its number in docs/ARCHITECTURE.md.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl Serialize for Invariant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

/// A broken invariant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Finding {
    pub invariant: Invariant,
    /// The item's key: `pk`, a space, `sk`.
    pub key: String,
    pub expected: String,
    pub found: String,
}

impl Finding {
    pub fn new(
        invariant: Invariant,
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            invariant,
            key: key.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// A stored value, with its item's key as a finding names it.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    pub key: String,
    pub value: T,
}
