//! Charges that a payment provider confirms, followed to their end.
//!
//! Everything that learns about a charge, be it the buyer's page, a notification or the schedule,
//! goes through [`App::follow`], which asks the provider and writes what it says.

use super::App;
use super::booking::Outcome;
use super::charging::FIRST_ASK_SECONDS;
use crate::metrics::Count;
use crate::provider::{Provider, ProviderError};
use crate::store::{Consistency, Due, StoreError, TransactionLost, back_off};
use domain::charge::{
    Charge, ChargeState, ChargeStatus, FailureReason, ProviderAnswer, ProviderPayment,
    PurchaseState,
};
use domain::clock::EpochMs;
use domain::ids::{ReservationId, UserId};
use domain::refusal::Refusal;
use domain::reservation::Status;

/// If items have changed since they were read, the operation is decided again, at most this many
/// times.
const ATTEMPTS: u32 = 6;
/// The schedule asks less often for what is older, down to once in this time.
const LEAST_OFTEN_MS: i64 = 60 * 60_000;

/// Why a charge or a withdrawal could not be followed. It stays listed.
#[derive(Debug)]
pub enum NotFollowed {
    Provider(ProviderError),
    /// Another provider took the money, before the deployment was changed.
    OtherProvider,
    Refusal(Refusal),
}

impl From<Refusal> for NotFollowed {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<StoreError> for NotFollowed {
    fn from(error: StoreError) -> Self {
        Self::Refusal(error.into())
    }
}

impl From<NotFollowed> for Refusal {
    fn from(error: NotFollowed) -> Self {
        match error {
            NotFollowed::Provider(_) | NotFollowed::OtherProvider => Self::ProviderUnreachable,
            NotFollowed::Refusal(refusal) => refusal,
        }
    }
}

/// When the schedule asks again for what was created at this time: the older, the later.
pub(super) fn next_time(created_at: EpochMs, now: EpochMs) -> EpochMs {
    let least = i64::from(FIRST_ASK_SECONDS) * 1_000;
    now.plus_ms(now.ms_since(created_at).clamp(least, LEAST_OFTEN_MS))
}

impl App {
    /// Asks the provider what has become of a charge, and writes what it says. A charge that has
    /// ended without a payment is asked for, too: it may have been paid late.
    pub(super) async fn follow(
        &self,
        provider: &dyn Provider,
        charge: Charge,
    ) -> Result<Charge, NotFollowed> {
        if charge.provider != provider.name() {
            return Err(NotFollowed::OtherProvider);
        }
        let now = self.clock().now();
        let answer = match &charge.state {
            ChargeState::Done { .. } => return self.pay_for(charge).await,
            // The operator has to look at it.
            ChargeState::Failed(FailureReason::Differs) => return Ok(charge),
            // Nobody was given a checkout to pay in.
            _ if charge.begun.is_none() && charge.expires_at <= now => ProviderAnswer::Ended,
            _ if charge.begun.is_none() => ProviderAnswer::Open,
            ChargeState::Pending if charge.expires_at <= now => provider
                .end(&charge, now)
                .await
                .map_err(NotFollowed::Provider)?,
            _ => provider
                .ask(&charge, now)
                .await
                .map_err(NotFollowed::Provider)?,
        };
        self.write_answer(charge, answer, now).await
    }

    /// Ends the checkout of a pending charge.
    pub(super) async fn end_checkout(
        &self,
        provider: &dyn Provider,
        charge: Charge,
    ) -> Result<Charge, NotFollowed> {
        if charge.provider != provider.name() {
            return Err(NotFollowed::OtherProvider);
        }
        let now = self.clock().now();
        let answer = match charge.begun {
            Some(_) => provider
                .end(&charge, now)
                .await
                .map_err(NotFollowed::Provider)?,
            None => ProviderAnswer::Ended,
        };
        self.write_answer(charge, answer, now).await
    }

    async fn write_answer(
        &self,
        charge: Charge,
        answer: ProviderAnswer,
        now: EpochMs,
    ) -> Result<Charge, NotFollowed> {
        let is_pending = charge.status() == ChargeStatus::Pending;
        match answer {
            ProviderAnswer::Paid(payment) if charge.is_paid_by(&payment) => {
                let done = self.credit(charge, &payment).await?;
                self.pay_for(done).await
            }
            ProviderAnswer::Paid(payment) => {
                tracing::error!(
                    user_id = %charge.user_id,
                    charge_id = %charge.charge_id,
                    payment_id = %payment.payment_id,
                    "the provider has taken another amount than was asked for"
                );
                self.end(charge, ChargeState::Failed(FailureReason::Differs))
                    .await
            }
            ProviderAnswer::Failed if is_pending => {
                self.end(charge, ChargeState::Failed(FailureReason::Refused))
                    .await
            }
            ProviderAnswer::Ended if is_pending => self.end(charge, ChargeState::Expired).await,
            ProviderAnswer::Open if is_pending => {
                self.ask_again_later(&charge, now).await?;
                Ok(charge)
            }
            ProviderAnswer::AwaitsDeposit { until } if is_pending => {
                // A hold does not wait for a deposit.
                if charge.pay_for.is_none() {
                    self.store.move_charge_end(charge.order_id(), until).await?;
                }
                self.ask_again_later(&charge, now).await?;
                Ok(self.known_charge(charge.order_id()).await?)
            }
            ProviderAnswer::Failed
            | ProviderAnswer::Ended
            | ProviderAnswer::Open
            | ProviderAnswer::AwaitsDeposit { .. } => Ok(charge),
        }
    }

    /// The charge waits for the schedule, but not beyond its end.
    async fn ask_again_later(&self, charge: &Charge, now: EpochMs) -> Result<(), StoreError> {
        let due_at = next_time(charge.created_at, now);
        let due_at = if charge.expires_at > now {
            due_at.min(charge.expires_at)
        } else {
            due_at
        };
        let due = Due::Charge(charge.order_id());
        self.store.postpone(due, due_at).await
    }

    async fn end(&self, charge: Charge, state: ChargeState) -> Result<Charge, NotFollowed> {
        match self.store.end_charge(&charge, state).await {
            Ok(charge) => Ok(charge),
            // Another request was faster.
            Err(TransactionLost::Changed) => Ok(self.known_charge(charge.order_id()).await?),
            Err(TransactionLost::Store(error)) => Err(error.into()),
        }
    }

    /// Credits a charge once, whoever learns of the payment first.
    async fn credit(
        &self,
        charge: Charge,
        payment: &ProviderPayment,
    ) -> Result<Charge, NotFollowed> {
        let mut charge = charge;
        for attempt in 1..=ATTEMPTS {
            let wallet = self
                .store
                .wallet(charge.user_id, Consistency::Strong)
                .await?;
            match self.store.credit_charge(&charge, payment, wallet).await {
                Ok(done) => {
                    self.metrics().add(Count::Charges, 1);
                    return Ok(done);
                }
                Err(TransactionLost::Changed) => {
                    back_off(attempt).await;
                    charge = self.known_charge(charge.order_id()).await?;
                    if charge.status() == ChargeStatus::Done {
                        return Ok(charge);
                    }
                }
                Err(TransactionLost::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::OwnConflict.into())
    }

    /// Pays the reservation that a credited charge is for. If that is not possible any more, the
    /// money goes back to where it came from.
    async fn pay_for(&self, charge: Charge) -> Result<Charge, NotFollowed> {
        let Some(id) = charge.pay_for.as_ref().filter(|_| charge.is_purchase_due()) else {
            return Ok(charge);
        };
        let user = charge.user_id;
        let outcome = match self.pay(user, id, self.clock().now()).await {
            Ok((Outcome::Done, _)) => PurchaseState::Paid,
            // By this charge, or by another one.
            Ok((Outcome::AlreadyDone, _)) => {
                let reservation = self.store.reservation(user, id).await?;
                match reservation.and_then(|reservation| reservation.charge_id) {
                    Some(charge_id) if charge_id == charge.charge_id => PurchaseState::Paid,
                    _ => PurchaseState::NotPaid,
                }
            }
            Err(Refusal::HoldExpired) => self.pay_lapsed(user, id).await?,
            Err(refusal @ (Refusal::Busy(_) | Refusal::Throttled | Refusal::ParallelRequests)) => {
                return Err(refusal.into());
            }
            Err(_) => PurchaseState::NotPaid,
        };
        let order = charge.order_id();
        match outcome {
            PurchaseState::NotPaid => self.return_late(charge).await?,
            PurchaseState::Paid | PurchaseState::Due | PurchaseState::Returned => {
                self.store.end_purchase(order, outcome).await?;
            }
        }
        Ok(self.known_charge(order).await?)
    }

    /// Pays a hold that has lapsed, if its seats are still free.
    async fn pay_lapsed(&self, user: UserId, id: &ReservationId) -> Result<PurchaseState, Refusal> {
        for attempt in 1..=ATTEMPTS {
            let now = self.clock().now();
            let programme = self.current_programme(id.event_id(), now).await?;
            let (reservation, wallet) = self.reservation_and_wallet(user, id).await?;
            let date = reservation
                .date()
                .and_then(|date| programme.dates.get(&date))
                .filter(|date| programme.is_ahead(date, now));
            let is_there = date.is_some_and(|date| {
                reservation.seats.iter().all(|seat| {
                    let section = date.section_of(seat.seat_number);
                    section.is_some_and(|section| section.name == seat.section)
                })
            });
            let after = wallet.paid(reservation.total_price);
            let (Status::Expired, true, Ok(after)) = (reservation.status(now), is_there, after)
            else {
                return Ok(PurchaseState::NotPaid);
            };
            match self.store.pay_late(&reservation, wallet, after).await {
                Ok(payment) => {
                    self.count_sale(reservation.seats.len(), payment.amount);
                    return Ok(PurchaseState::Paid);
                }
                Err(TransactionLost::Changed) => back_off(attempt).await,
                Err(TransactionLost::Store(error)) => return Err(error.into()),
            }
        }
        // The seats are taken.
        Ok(PurchaseState::NotPaid)
    }
}
