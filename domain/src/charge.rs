//! Charges that a payment provider confirms.
//!
//! A charge is pending until the provider is asked and says that the buyer has paid exactly what was
//! asked for. Nothing that a client or a notification says is believed.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::EpochMs;
use crate::ids::{EntryId, ReservationId, UserId};
use crate::money::{Currency, Money};

/// A payment provider.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProviderName {
    /// Stripe Checkout.
    Stripe,
    /// Toss Payments.
    Toss,
    /// A provider without money, for trying and testing.
    Demo,
}

impl ProviderName {
    /// The name in the API and in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Toss => "toss",
            Self::Demo => "demo",
        }
    }

    /// Parses the name in the API.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Stripe, Self::Toss, Self::Demo]
            .into_iter()
            .find(|name| name.as_str() == text)
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A charge as its order is named at the provider: the user's id and the charge's, 64 hexadecimal
/// digits, the longest order id that Toss Payments allows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OrderId {
    pub user_id: UserId,
    pub charge_id: EntryId,
}

impl OrderId {
    /// Parses the name at the provider. `None` if the order is not one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (user, charge) = text.split_at_checked(32)?;
        let id = |text: &str| Uuid::try_parse(text).ok().filter(|_| text.len() == 32);
        Some(Self {
            user_id: id(user)?.into(),
            charge_id: id(charge)?.into(),
        })
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let simple = |id: String| id.replace('-', "");
        f.write_str(&simple(self.user_id.to_string()))?;
        f.write_str(&simple(self.charge_id.to_string()))
    }
}

/// A provider's own id of a checkout, a payment or a refund.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderId(pub String);

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the buyer's browser needs to pay at the provider.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Checkout {
    /// A page of the provider. The browser goes there.
    Page { url: String },
    /// The payment window of Toss Payments, opened by its JavaScript SDK with these values.
    TossWindow {
        client_key: String,
        customer_key: String,
        order_id: String,
        order_name: String,
        amount: Money,
        currency: String,
        success_url: String,
        fail_url: String,
    },
}

/// A checkout that was begun at the provider.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Begun {
    /// By what the provider is asked about the checkout.
    pub checkout_id: ProviderId,
    pub checkout: Checkout,
}

/// A payment that the provider has taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderPayment {
    /// By what the provider refunds it.
    pub payment_id: ProviderId,
    pub amount: Money,
    pub currency: Currency,
}

/// What the provider says about a charge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProviderAnswer {
    /// Nobody has paid yet.
    Open,
    /// The buyer was given a bank account, and pays into it until this time.
    AwaitsDeposit {
        until: EpochMs,
    },
    Paid(ProviderPayment),
    /// The payment failed and cannot be repeated in this checkout.
    Failed,
    /// The checkout has ended without a payment. Nobody can pay in it any more.
    Ended,
}

/// The state of a charge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChargeState {
    Pending,
    /// Paid and in the wallet.
    Done {
        payment: ProviderPayment,
        at: EpochMs,
        /// `None` if the charge is for no reservation.
        purchase: Option<PurchaseState>,
    },
    Failed(FailureReason),
    /// Nobody paid in time.
    Expired,
}

/// What has become of the reservation that a charge is for, once the money is in the wallet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PurchaseState {
    /// It is about to be paid.
    Due,
    Paid,
    /// It could not be paid any more: the money goes back to where it came from.
    Returned,
    /// It could not be paid any more: the money stays in the wallet.
    NotPaid,
}

/// Why a charge failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureReason {
    /// The provider refused the payment.
    Refused,
    /// The provider has taken another amount or another currency than was asked for. An operator must
    /// look at it.
    Differs,
}

/// A charge that a payment provider confirms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charge {
    /// Also the id of the ledger entry.
    pub charge_id: EntryId,
    pub user_id: UserId,
    pub provider: ProviderName,
    pub amount: Money,
    pub currency: Currency,
    /// The reservation that is paid as soon as the money is in the wallet.
    pub pay_for: Option<ReservationId>,
    /// Until when the buyer may pay.
    pub expires_at: EpochMs,
    /// `None` until the provider has answered the first request.
    pub begun: Option<Begun>,
    pub state: ChargeState,
    /// What has gone back to the source, or is on its way.
    pub withdrawn: Money,
    /// The provider could not give money of this charge back once.
    pub was_reversed: bool,
    pub created_at: EpochMs,
}

/// A charge's status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "ChargeStatus"))]
#[serde(rename_all = "UPPERCASE")]
pub enum ChargeStatus {
    /// The buyer has not paid yet, or the provider has not said so yet.
    Pending,
    /// The money is in the wallet.
    Done,
    /// The provider refused the payment, or took another amount.
    Failed,
    /// Nobody paid in time.
    Expired,
}

/// A charge without a reservation can be paid for this long, in seconds.
pub const TOP_UP_SECONDS: u32 = 30 * 60;

impl Charge {
    /// The order at the provider.
    #[must_use]
    pub fn order_id(&self) -> OrderId {
        OrderId {
            user_id: self.user_id,
            charge_id: self.charge_id,
        }
    }

    #[must_use]
    pub fn status(&self) -> ChargeStatus {
        match self.state {
            ChargeState::Pending => ChargeStatus::Pending,
            ChargeState::Done { .. } => ChargeStatus::Done,
            ChargeState::Failed(_) => ChargeStatus::Failed,
            ChargeState::Expired => ChargeStatus::Expired,
        }
    }

    /// Whether the reservation that it is for is about to be paid.
    #[must_use]
    pub fn is_purchase_due(&self) -> bool {
        matches!(
            self.state,
            ChargeState::Done {
                purchase: Some(PurchaseState::Due),
                ..
            }
        )
    }

    /// The payment and how much of it can still go back. `None` if nothing can.
    #[must_use]
    pub fn returnable(&self) -> Option<(&ProviderPayment, Money)> {
        match &self.state {
            ChargeState::Done { payment, .. } if self.withdrawn < self.amount => {
                Some((payment, self.amount - self.withdrawn))
            }
            _ => None,
        }
    }

    /// Whether a repeated request asks for this charge. The provider may have been changed since.
    #[must_use]
    pub fn is_same(&self, amount: Money, pay_for: Option<&ReservationId>) -> bool {
        self.amount == amount && self.pay_for.as_ref() == pay_for
    }

    /// Whether the provider has taken exactly what was asked for.
    #[must_use]
    pub fn is_paid_by(&self, payment: &ProviderPayment) -> bool {
        payment.amount == self.amount && payment.currency == self.currency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_named_by_user_and_charge_within_64_characters() {
        let user_id = UserId::random();
        let order = OrderId {
            user_id,
            charge_id: EntryId::of_charge(user_id, "00"),
        };
        let name = order.to_string();
        assert_eq!(name.len(), 64);
        assert_eq!(OrderId::parse(&name), Some(order));
        for bad in ["", "x", &name[1..], &user_id.to_string(), &"é".repeat(32)] {
            assert_eq!(OrderId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_same_key_of_a_user_always_names_the_same_charge() {
        let user = UserId::random();
        assert_eq!(EntryId::of_charge(user, "a"), EntryId::of_charge(user, "a"));
        assert_ne!(EntryId::of_charge(user, "a"), EntryId::of_charge(user, "b"));
        let other = UserId::random();
        assert_ne!(
            EntryId::of_charge(user, "a"),
            EntryId::of_charge(other, "a")
        );
    }
}
