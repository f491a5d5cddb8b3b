//! How charges, withdrawals and ledger entries are shown to an operator.

use domain::charge::{
    Charge, ChargeState, ChargeStatus, FailureReason, ProviderId, ProviderName, PurchaseState,
};
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{EntryId, ReservationId, UserId};
use domain::money::{Currency, Money};
use domain::wallet::{EntryKind, LedgerEntry};
use domain::withdrawal::{Withdrawal, WithdrawalStatus};
use serde::Serialize;

/// An amount in the major unit, with its currency.
#[must_use]
pub fn amount_text(amount: Money, currency: &Currency) -> String {
    format!("{} {currency}", amount.in_major_units(currency))
}

/// A charge that a payment provider confirms.
#[derive(Serialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ChargeView {
    pub charge_id: EntryId,
    pub user_id: UserId,
    pub provider: ProviderName,
    pub amount: Money,
    pub currency: Currency,
    #[serde(rename = "chargeStatus")]
    pub status: ChargeStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_for: Option<ReservationId>,
    /// The provider's id of the checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout_id: Option<ProviderId>,
    /// The provider's id of the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_payment_id: Option<ProviderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purchase: Option<PurchaseState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReason>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: EpochMs,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub expires_at: EpochMs,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    pub done_at: Option<EpochMs>,
}

impl From<&Charge> for ChargeView {
    fn from(charge: &Charge) -> Self {
        let (payment, purchase, done_at, failure) = match &charge.state {
            ChargeState::Pending | ChargeState::Expired => (None, None, None, None),
            ChargeState::Done {
                payment,
                at,
                purchase,
            } => (Some(payment.payment_id.clone()), *purchase, Some(*at), None),
            ChargeState::Failed(reason) => (None, None, None, Some(*reason)),
        };
        Self {
            charge_id: charge.charge_id,
            user_id: charge.user_id,
            provider: charge.provider,
            amount: charge.amount,
            currency: charge.currency.clone(),
            status: charge.status(),
            pay_for: charge.pay_for.clone(),
            checkout_id: charge.begun.as_ref().map(|begun| begun.checkout_id.clone()),
            provider_payment_id: payment,
            purchase,
            failure,
            created_at: charge.created_at,
            expires_at: charge.expires_at,
            done_at,
        }
    }
}

impl ChargeView {
    #[must_use]
    pub fn to_text(&self) -> String {
        let state = match self.status {
            ChargeStatus::Pending => format!("pending until {}", self.expires_at),
            ChargeStatus::Done => "done".to_owned(),
            ChargeStatus::Expired => "nobody paid in time".to_owned(),
            ChargeStatus::Failed => match self.failure {
                Some(FailureReason::Differs) => {
                    "failed: the provider took another amount; look at it there".to_owned()
                }
                Some(FailureReason::Refused) | None => "failed: refused".to_owned(),
            },
        };
        let checkout = self.checkout_id.as_ref();
        let checkout = checkout.map(|id| format!(", checkout {id}"));
        let payment = self.provider_payment_id.as_ref();
        let payment = payment.map(|id| format!(", payment {id}"));
        format!(
            "charge {} of {} at {}{}{}: {state}",
            self.charge_id,
            amount_text(self.amount, &self.currency),
            self.provider,
            checkout.unwrap_or_default(),
            payment.unwrap_or_default(),
        )
    }
}

/// A withdrawal to where the money came from.
#[derive(Serialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalView {
    pub withdrawal_id: EntryId,
    pub charge_id: EntryId,
    pub provider: ProviderName,
    pub amount: Money,
    pub currency: Currency,
    #[serde(rename = "withdrawalStatus")]
    pub status: WithdrawalStatus,
    /// The provider's id of the payment that it refunds.
    pub provider_payment_id: ProviderId,
    /// The provider's id of the refund, once it has accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_refund_id: Option<ProviderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<ReservationId>,
    /// The provider's last error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: EpochMs,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    pub ended_at: Option<EpochMs>,
}

impl From<&Withdrawal> for WithdrawalView {
    fn from(withdrawal: &Withdrawal) -> Self {
        Self {
            withdrawal_id: withdrawal.key.withdrawal_id(),
            charge_id: withdrawal.charge_id,
            provider: withdrawal.provider,
            amount: withdrawal.amount,
            currency: withdrawal.payment.currency.clone(),
            status: withdrawal.status(),
            provider_payment_id: withdrawal.payment.payment_id.clone(),
            provider_refund_id: withdrawal.refund_id().cloned(),
            reservation_id: withdrawal.reservation_id.clone(),
            problem: withdrawal.problem.clone(),
            created_at: withdrawal.created_at,
            ended_at: withdrawal.ended_at(),
        }
    }
}

impl WithdrawalView {
    #[must_use]
    pub fn to_text(&self) -> String {
        let state = match self.status {
            WithdrawalStatus::Pending => "on its way",
            WithdrawalStatus::Done => "given back",
            WithdrawalStatus::Reversed => "the provider could not; it is in the wallet again",
        };
        let refund = self.provider_refund_id.as_ref();
        let refund = refund.map(|id| format!(", refund {id}"));
        let problem = self.problem.as_ref();
        let problem = problem.map(|code| format!(" (last error: {code})"));
        format!(
            "withdrawal {} of {} from payment {} at {}{}: {state}{}",
            self.withdrawal_id,
            amount_text(self.amount, &self.currency),
            self.provider_payment_id,
            self.provider,
            refund.unwrap_or_default(),
            problem.unwrap_or_default(),
        )
    }
}

/// A ledger entry.
#[derive(Serialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// Its number in the user's ledger.
    pub seq: u64,
    pub entry_id: EntryId,
    pub kind: EntryKind,
    pub amount: Money,
    pub balance_after: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<ReservationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawal_id: Option<EntryId>,
    #[serde(rename = "enteredAt", serialize_with = "rfc3339::serialize")]
    pub at: EpochMs,
}

impl EntryView {
    #[must_use]
    pub fn of(seq: u64, entry: &LedgerEntry) -> Self {
        Self {
            seq,
            entry_id: entry.entry_id,
            kind: entry.kind,
            amount: entry.amount,
            balance_after: entry.balance_after,
            reservation_id: entry.reservation_id().cloned(),
            withdrawal_id: entry.withdrawal_id,
            at: entry.at,
        }
    }

    #[must_use]
    pub fn to_text(&self, currency: &Currency) -> String {
        format!(
            "ledger entry {}, {}: {} {}, then the balance is {}",
            self.seq,
            self.kind.as_str(),
            self.entry_id,
            amount_text(self.amount, currency),
            amount_text(self.balance_after, currency),
        )
    }
}
