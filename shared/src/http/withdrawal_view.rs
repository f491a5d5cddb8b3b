//! The JSON of a withdrawal.

use domain::charge::ProviderName;
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{EntryId, ReservationId};
use domain::money::{Currency, Money};
use domain::withdrawal::{Withdrawal, WithdrawalStatus};
use serde::Serialize;

/// Money that goes back to where it came from.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Withdrawal"))]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalView<'a> {
    withdrawal_id: EntryId,
    /// The charge whose payment is refunded.
    charge_id: EntryId,
    provider: ProviderName,
    amount: Money,
    currency: &'a Currency,
    status: WithdrawalStatus,
    /// The reservation that was cancelled, or that was paid too late. Omitted if the buyer asked for
    /// the withdrawal.
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<&'a ReservationId>,
    #[serde(serialize_with = "rfc3339::serialize")]
    created_at: EpochMs,
    /// When it was done or reversed.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    ended_at: Option<EpochMs>,
}

impl<'a> WithdrawalView<'a> {
    #[must_use]
    pub fn of(withdrawal: &'a Withdrawal) -> Self {
        Self {
            withdrawal_id: withdrawal.key.withdrawal_id(),
            charge_id: withdrawal.charge_id,
            provider: withdrawal.provider,
            amount: withdrawal.amount,
            currency: &withdrawal.payment.currency,
            status: withdrawal.status(),
            reservation_id: withdrawal.reservation_id.as_ref(),
            created_at: withdrawal.created_at,
            ended_at: withdrawal.ended_at(),
        }
    }
}
