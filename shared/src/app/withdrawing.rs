//! Money that goes back from the wallet to where it came from.

use super::App;
use super::booking::Outcome;
use super::following::{NotFollowed, next_time};
use crate::metrics::Count;
use crate::provider::{Provider, ProviderError, RefundAnswer, RefundRequest};
use crate::store::{
    Consistency, Due, StoreError, TransactionLost, WithdrawalConflict, WithdrawalRequest, back_off,
};
use domain::charge::{Charge, OrderId, ProviderId, PurchaseState};
use domain::ids::{EntryId, UserId};
use domain::money::Money;
use domain::refusal::{Limit, Refusal};
use domain::wallet::{IdempotencyKey, Wallet};
use domain::withdrawal::{
    MOST_PARTS, Part, Withdrawal, WithdrawalKey, WithdrawalState, WithdrawalStatus, parts_of,
    total_of,
};

/// If items have changed since they were read, the operation is decided again, at most this many
/// times.
const ATTEMPTS: u32 = 6;
/// Nobody needs more withdrawals on their way at once. Each costs requests to the provider.
const MOST_PENDING: usize = 10;
/// The newest withdrawals that are looked through for those on their way.
const MOST_READ: usize = 100;
/// A provider that refuses a refund is asked again for this long. An operator may have to fill the
/// account at the provider, or to renew a key.
const RETRY_SECONDS: u32 = 24 * 60 * 60;
/// The problem of a withdrawal whose payment another provider took.
const OTHER_PROVIDER: &str = "other_provider";
/// The problem of a refund that the provider accepted, and that failed later.
const FAILED: &str = "failed";

impl App {
    /// Withdraws an amount, once per key. Repeating the request returns the same withdrawals.
    pub async fn withdraw(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        amount: Money,
    ) -> Result<(Outcome, Vec<Withdrawal>), Refusal> {
        for attempt in 1..=ATTEMPTS {
            if let Some(former) = self.store.withdrawal_request(user, key).await? {
                return self.repeat_withdrawal(user, former, amount).await;
            }
            let wallet = self.store.wallet(user, Consistency::Strong).await?;
            let parts = self.parts_to_source(user, amount, None).await?;
            let withdrawable = wallet.withdrawable().min(total_of(&parts));
            if withdrawable < amount {
                return Err(Refusal::NotWithdrawable { withdrawable });
            }
            self.check_pending_withdrawals(user).await?;
            match self.store.withdraw(user, key, wallet, &parts).await {
                Ok(withdrawals) => return Ok((Outcome::Done, withdrawals)),
                Err(WithdrawalConflict::Exists(former)) => {
                    return self.repeat_withdrawal(user, former, amount).await;
                }
                Err(WithdrawalConflict::Changed) => back_off(attempt).await,
                Err(WithdrawalConflict::Store(error)) => return Err(error.into()),
            }
        }
        // Only the user's own requests and charges change these items.
        Err(StoreError::OwnConflict.into())
    }

    async fn repeat_withdrawal(
        &self,
        user: UserId,
        former: WithdrawalRequest,
        amount: Money,
    ) -> Result<(Outcome, Vec<Withdrawal>), Refusal> {
        if former.amount != amount {
            return Err(Refusal::IdempotencyKeyReused);
        }
        let mut withdrawals = Vec::new();
        let numbers = former.first_number..former.first_number + former.count;
        for number in numbers.take(MOST_PARTS) {
            let key = WithdrawalKey {
                user_id: user,
                number,
            };
            withdrawals.extend(self.store.withdrawal(key).await?);
        }
        Ok((Outcome::AlreadyDone, withdrawals))
    }

    async fn check_pending_withdrawals(&self, user: UserId) -> Result<(), Refusal> {
        let newest = self.store.withdrawals(user, None, MOST_READ).await?;
        let pending = newest
            .iter()
            .filter(|of| of.status() == WithdrawalStatus::Pending);
        if pending.count() >= MOST_PENDING {
            return Err(Refusal::LimitExceeded(Limit::PendingWithdrawals {
                most: u32::try_from(MOST_PENDING).unwrap_or(u32::MAX),
            }));
        }
        Ok(())
    }

    /// One page of a user's withdrawals, newest first, and the number before which the next page
    /// begins.
    pub async fn withdrawals(
        &self,
        user: UserId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<Withdrawal>, Option<u64>), Refusal> {
        let mut page = self.store.withdrawals(user, before, limit + 1).await?;
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().map(|last| last.key.number).filter(|_| more);
        Ok((page, next))
    }

    /// The parts of an amount that can go back to where they came from: first to the charge that
    /// paid for a reservation.
    pub(super) async fn parts_to_source(
        &self,
        user: UserId,
        amount: Money,
        first: Option<EntryId>,
    ) -> Result<Vec<Part>, Refusal> {
        let charges = self.store.provider_charges(user).await?;
        Ok(parts_of(amount, charges, first))
    }

    /// Gives the money of a charge back that came too late for its reservation. What was spent
    /// meanwhile, or cannot go back, stays in the wallet.
    pub(super) async fn return_late(&self, charge: Charge) -> Result<(), Refusal> {
        let order = charge.order_id();
        let mut charge = charge;
        for attempt in 1..=ATTEMPTS {
            let wallet = self
                .store
                .wallet(charge.user_id, Consistency::Strong)
                .await?;
            let Some(part) = returned_part(&charge, wallet) else {
                self.store
                    .end_purchase(order, PurchaseState::NotPaid)
                    .await?;
                return Ok(());
            };
            match self.store.return_charge(&part, wallet).await {
                Ok(()) => return Ok(()),
                Err(TransactionLost::Changed) => {
                    back_off(attempt).await;
                    charge = self.known_charge(order).await?;
                    if !charge.is_purchase_due() {
                        return Ok(());
                    }
                }
                Err(TransactionLost::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::OwnConflict.into())
    }

    /// Has the provider refund a withdrawal, or asks what has become of the refund, and writes what
    /// it says. Returns whether the withdrawal has ended.
    pub(super) async fn follow_withdrawal(
        &self,
        provider: &dyn Provider,
        withdrawal: &Withdrawal,
    ) -> Result<bool, NotFollowed> {
        let now = self.clock().now();
        let due = Due::Withdrawal(withdrawal.key);
        let answer = match &withdrawal.state {
            WithdrawalState::Reversed { .. } => return Ok(true),
            WithdrawalState::Waiting if withdrawal.provider != provider.name() => {
                Err(ProviderError::Refused(OTHER_PROVIDER.to_owned()))
            }
            _ if withdrawal.provider != provider.name() => return Err(NotFollowed::OtherProvider),
            WithdrawalState::Waiting => self.refund(provider, withdrawal).await,
            WithdrawalState::Sent { refund_id } | WithdrawalState::Done { refund_id, .. } => {
                provider.ask_refund(&withdrawal.payment, refund_id).await
            }
        };
        let is_waiting = withdrawal.state == WithdrawalState::Waiting;
        match answer {
            Ok(RefundAnswer::Done(id)) => {
                self.note_refund(withdrawal, &id, true).await?;
                Ok(true)
            }
            Ok(RefundAnswer::Pending(id)) => {
                self.note_refund(withdrawal, &id, false).await?;
                self.store
                    .postpone(due, next_time(withdrawal.created_at, now))
                    .await?;
                Ok(false)
            }
            Ok(RefundAnswer::Failed(_)) => {
                self.reverse(withdrawal, FAILED).await?;
                Ok(true)
            }
            Err(ProviderError::Refused(code))
                if is_waiting && withdrawal.created_at.plus_seconds(RETRY_SECONDS) <= now =>
            {
                self.reverse(withdrawal, &code).await?;
                Ok(true)
            }
            Err(error) => {
                if let ProviderError::Refused(code) = &error {
                    self.store.note_problem(withdrawal.key, code).await?;
                }
                self.store
                    .postpone(due, next_time(withdrawal.created_at, now))
                    .await?;
                Err(NotFollowed::Provider(error))
            }
        }
    }

    async fn refund(
        &self,
        provider: &dyn Provider,
        withdrawal: &Withdrawal,
    ) -> Result<RefundAnswer, ProviderError> {
        let key = withdrawal.key.withdrawal_id().to_string();
        let request = RefundRequest {
            key: &key,
            order_id: OrderId {
                user_id: withdrawal.key.user_id,
                charge_id: withdrawal.charge_id,
            },
            payment: &withdrawal.payment,
            amount: withdrawal.amount,
            at: self.clock().now(),
        };
        provider.refund(&request).await
    }

    /// Another request may have noted it before.
    async fn note_refund(
        &self,
        withdrawal: &Withdrawal,
        refund_id: &ProviderId,
        is_done: bool,
    ) -> Result<(), StoreError> {
        let is_known = match &withdrawal.state {
            WithdrawalState::Waiting => false,
            WithdrawalState::Sent { .. } => !is_done,
            WithdrawalState::Done { .. } | WithdrawalState::Reversed { .. } => true,
        };
        if is_known {
            return Ok(());
        }
        self.store
            .note_refund(withdrawal, refund_id, is_done)
            .await
            .map(drop)
    }

    /// Puts the money into the wallet again, and tells the operator.
    async fn reverse(&self, withdrawal: &Withdrawal, code: &str) -> Result<(), NotFollowed> {
        let user = withdrawal.key.user_id;
        let order = OrderId {
            user_id: user,
            charge_id: withdrawal.charge_id,
        };
        for attempt in 1..=ATTEMPTS {
            let charge = self.known_charge(order).await?;
            let wallet = self.store.wallet(user, Consistency::Strong).await?;
            let reversed = self
                .store
                .reverse_withdrawal(withdrawal, code, &charge, wallet);
            match reversed.await {
                Ok(()) => {
                    self.metrics().add(Count::Reversals, 1);
                    tracing::error!(
                        user_id = %user,
                        withdrawal_id = %withdrawal.key.withdrawal_id(),
                        payment_id = %withdrawal.payment.payment_id,
                        code,
                        "the provider could not give money back; it is in the wallet again"
                    );
                    return Ok(());
                }
                Err(TransactionLost::Changed) => {
                    back_off(attempt).await;
                    let now = self.store.withdrawal(withdrawal.key).await?;
                    // Another request was faster.
                    if now.is_none_or(|now| now.state != withdrawal.state) {
                        return Ok(());
                    }
                }
                Err(TransactionLost::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::OwnConflict.into())
    }

    /// Asks again about the refunds of a charge that the provider has accepted: one may have failed
    /// later.
    pub(super) async fn follow_refunds_of(
        &self,
        provider: &dyn Provider,
        charge: &Charge,
    ) -> Result<(), NotFollowed> {
        let newest = self
            .store
            .withdrawals(charge.user_id, None, MOST_READ)
            .await?;
        for withdrawal in newest {
            if withdrawal.charge_id == charge.charge_id && withdrawal.refund_id().is_some() {
                self.follow_withdrawal(provider, &withdrawal).await?;
            }
        }
        Ok(())
    }
}

/// What of a charge can go back from the wallet. `None` if nothing can.
fn returned_part(charge: &Charge, wallet: Wallet) -> Option<Part> {
    let (payment, returnable) = charge.returnable()?;
    let amount = returnable.min(wallet.withdrawable());
    (amount > Money::ZERO).then(|| Part {
        payment: payment.clone(),
        amount,
        charge: charge.clone(),
    })
}
