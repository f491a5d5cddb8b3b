//! Charges that a payment provider confirms.
//!
//! A charge is pending until the provider is asked and says that the buyer has paid exactly what was
//! asked for. Nothing that a client or a notification says is believed.

use std::fmt;

use serde::{Deserialize, Serialize};

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
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Checkout {
    /// A page of the provider. The browser goes there.
    Page {
        url: String,
    },
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
    },
    Failed(FailureReason),
    /// Nobody paid in time.
    Expired,
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
    /// Also the id of the ledger entry, and the order's id at the provider.
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
    pub created_at: EpochMs,
}

impl Charge {
    /// Whether the provider has taken exactly what was asked for.
    #[must_use]
    pub fn is_paid_by(&self, payment: &ProviderPayment) -> bool {
        payment.amount == self.amount && payment.currency == self.currency
    }
}
