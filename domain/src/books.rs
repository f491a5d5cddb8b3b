//! What is in a payment provider's books.

use crate::charge::{OrderId, ProviderId};
use crate::clock::EpochMs;
use crate::money::{Currency, Money};

/// A payment or a refund, as a provider has booked it, or as it has to be booked there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Booked {
    pub kind: BookedKind,
    /// The id of the payment, or of the refund.
    pub id: ProviderId,
    /// The charge, if the provider's record names one of ours.
    pub order_id: Option<OrderId>,
    /// Never negative.
    pub amount: Money,
    pub currency: Currency,
    pub at: EpochMs,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BookedKind {
    Payment,
    Refund,
}

impl Booked {
    /// Whether both are the same payment or refund, whatever their times.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let of = |booked: &Self| (booked.kind, booked.order_id, booked.amount);
        of(self) == of(other) && self.id == other.id && self.currency == other.currency
    }
}
