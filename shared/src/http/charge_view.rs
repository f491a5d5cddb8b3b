//! The JSON of a charge that a payment provider confirms.

use domain::charge::{
    Charge, ChargeState, ChargeStatus, Checkout, FailureReason, ProviderName, PurchaseState,
};
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{EntryId, ReservationId};
use domain::money::{Currency, Money};
use serde::Serialize;

/// A charge that a payment provider confirms.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "ProviderCharge"))]
#[serde(rename_all = "camelCase")]
pub struct ChargeView<'a> {
    charge_id: EntryId,
    status: ChargeStatus,
    provider: ProviderName,
    amount: Money,
    currency: &'a Currency,
    /// Until when the buyer may pay.
    #[serde(serialize_with = "rfc3339::serialize")]
    expires_at: EpochMs,
    /// What the browser needs to pay. Only while the charge is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkout: Option<&'a Checkout>,
    /// The reservation that the charge is to pay for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_for: Option<&'a ReservationId>,
    /// What has become of that reservation. Omitted until the money is in the wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase: Option<PurchaseState>,
    /// Why the charge failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureReason>,
    #[serde(serialize_with = "rfc3339::serialize")]
    created_at: EpochMs,
}

impl<'a> ChargeView<'a> {
    #[must_use]
    pub fn of(charge: &'a Charge) -> Self {
        let (purchase, failure) = match charge.state {
            ChargeState::Done { purchase, .. } => (purchase, None),
            ChargeState::Failed(reason) => (None, Some(reason)),
            ChargeState::Pending | ChargeState::Expired => (None, None),
        };
        let begun = charge.begun.as_ref();
        Self {
            charge_id: charge.charge_id,
            status: charge.status(),
            provider: charge.provider,
            amount: charge.amount,
            currency: &charge.currency,
            expires_at: charge.expires_at,
            checkout: begun
                .filter(|_| charge.status() == ChargeStatus::Pending)
                .map(|begun| &begun.checkout),
            pay_for: charge.pay_for.as_ref(),
            purchase,
            failure,
            created_at: charge.created_at,
        }
    }
}
