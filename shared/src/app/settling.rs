//! The schedule and the notifications that follow charges and withdrawals to their end.

use std::time::Duration;

use futures::stream::{StreamExt, iter};

use super::App;
use crate::provider::{Notification, NotificationRefused, Provider};
use crate::store::Due;
use domain::charge::{ChargeState, ChargeStatus, OrderId};
use domain::refusal::{FieldError, Refusal};
use domain::withdrawal::WithdrawalKey;

/// A run asks for at most this many items of each shard. The others wait for the next run.
const MOST_OF_SHARD: usize = 100;
/// Items that are asked for at the same time. Providers limit the rate.
const CONCURRENCY: usize = 8;
/// A run begins no further item after this time. It ends before the next one begins.
const BEGIN_WITHIN: Duration = Duration::from_secs(40);
/// A notification is about one charge. More are none of the provider's.
const MOST_HINTS: usize = 10;
/// A notification makes the provider be asked at most this often about a pending charge.
const HINT_EVERY_MS: i64 = 1_000;

/// What a run of the schedule did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SettlementSummary {
    /// Charges and withdrawals that were due.
    pub due: usize,
    /// Those that have ended.
    pub ended: usize,
    /// Those that could not be followed. They stay due.
    pub failed: usize,
    /// Those for which there was no time.
    pub left: usize,
}

enum Step {
    Ended,
    Open,
    Failed,
    Left,
}

impl App {
    /// Follows all charges and withdrawals that are due.
    pub async fn settle_due(&self) -> Result<SettlementSummary, Refusal> {
        let Some(provider) = self.provider() else {
            return Ok(SettlementSummary::default());
        };
        let due = self.store.due(self.clock().now(), MOST_OF_SHARD).await?;
        let deadline = tokio::time::Instant::now() + BEGIN_WITHIN;
        let mut summary = SettlementSummary {
            due: due.len(),
            ..SettlementSummary::default()
        };
        let steps = iter(due).map(|due| self.settle_one(provider, due, deadline));
        let mut steps = steps.buffer_unordered(CONCURRENCY);
        while let Some(step) = steps.next().await {
            match step {
                Step::Ended => summary.ended += 1,
                Step::Open => {}
                Step::Failed => summary.failed += 1,
                Step::Left => summary.left += 1,
            }
        }
        Ok(summary)
    }

    async fn settle_one(
        &self,
        provider: &dyn Provider,
        due: Due,
        deadline: tokio::time::Instant,
    ) -> Step {
        if tokio::time::Instant::now() >= deadline {
            return Step::Left;
        }
        let settled = match due {
            Due::Charge(order) => self.settle_charge(provider, order).await,
            Due::Withdrawal(key) => self.settle_withdrawal(provider, key).await,
        };
        match settled {
            Ok(true) => Step::Ended,
            Ok(false) => Step::Open,
            Err(error) => {
                tracing::warn!(?error, ?due, "not settled");
                Step::Failed
            }
        }
    }

    /// Follows a listed charge. Returns whether it has ended.
    async fn settle_charge(
        &self,
        provider: &dyn Provider,
        order: OrderId,
    ) -> Result<bool, super::NotFollowed> {
        let charge = self.store.provider_charge(order).await?;
        let charge = charge.ok_or(Refusal::ChargeNotFound)?;
        let charge = self.follow(provider, charge).await?;
        Ok(charge.status() != ChargeStatus::Pending)
    }

    /// Has a listed withdrawal made. Returns whether it has ended.
    async fn settle_withdrawal(
        &self,
        provider: &dyn Provider,
        key: WithdrawalKey,
    ) -> Result<bool, super::NotFollowed> {
        let withdrawal = self.store.withdrawal(key).await?;
        let withdrawal = withdrawal.ok_or(Refusal::ChargeNotFound)?;
        self.follow_withdrawal(provider, &withdrawal).await
    }

    /// Follows the charges that a provider's notification is about. Nothing else in it is believed.
    pub async fn notified(&self, notification: Notification<'_>) -> Result<(), Refusal> {
        let provider = self.provider().ok_or(Refusal::ProviderUnreachable)?;
        let hints = provider
            .hints(notification)
            .map_err(|refused| match refused {
                NotificationRefused::Signature => Refusal::InvalidSignature,
                NotificationRefused::Malformed => {
                    FieldError::new("body", "is not a notification of this provider").into()
                }
            })?;
        for order in hints.into_iter().take(MOST_HINTS) {
            let Some(charge) = self.store.provider_charge(order).await? else {
                tracing::warn!(user_id = %order.user_id, "a notification is about no known charge");
                continue;
            };
            match charge.state {
                ChargeState::Done { .. } if !charge.is_purchase_due() => {
                    self.follow_refunds_of(provider, &charge).await?;
                    continue;
                }
                // The provider is told to repeat the notification.
                ChargeState::Pending if !self.store.claim_asking(order, HINT_EVERY_MS).await? => {
                    return Err(Refusal::Throttled);
                }
                _ => {}
            }
            self.follow(provider, charge).await?;
        }
        Ok(())
    }
}
