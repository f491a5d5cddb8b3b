//! Charges that a payment provider confirms: begun by a buyer, then asked for until they have ended.
//!
//! Everything that learns about a charge, be it the buyer's page, a notification or the schedule,
//! goes through [`App::follow`], which asks the provider and writes what it says.

use super::App;
use super::booking::Outcome;
use crate::metrics::Count;
use crate::provider::{CheckoutRequest, Provider, ProviderError};
use crate::store::{
    ChargeConflict, Consistency, HoldExtension, SessionKey, StoreError, TransactionLost, back_off,
};
use domain::charge::{
    Charge, ChargeState, ChargeStatus, FailureReason, OrderId, ProviderAnswer, ProviderPayment,
    PurchaseState, TOP_UP_SECONDS,
};
use domain::clock::EpochMs;
use domain::ids::{EntryId, ReservationId, UserId};
use domain::money::Money;
use domain::queue::Session;
use domain::refusal::{Limit, Refusal};
use domain::reservation::{Reservation, Status};
use domain::seats::cool_off_seconds;
use domain::wallet::IdempotencyKey;

/// If items have changed since they were read, the operation is decided again, at most this many
/// times.
const ATTEMPTS: u32 = 6;
/// Nobody needs more checkouts at once. Each costs a request to the provider.
const MOST_PENDING: usize = 5;
/// A provider is asked about a charge at most this often.
const ASK_EVERY_MS: i64 = 2_000;
/// The schedule asks for a charge first after this time. Most have ended by then: the provider has
/// notified, or the buyer's page has asked.
const FIRST_ASK_SECONDS: u32 = 60;
/// The schedule asks for older charges less often, down to once in this time.
const LEAST_OFTEN_MS: i64 = 60 * 60_000;
/// Longest description of an order, in characters.
const MOST_DESCRIPTION: usize = 100;

/// A request for a charge.
#[derive(Clone, Debug)]
pub struct ChargeRequest {
    pub user_id: UserId,
    pub key: IdempotencyKey,
    pub amount: Money,
    pub pay_for: Option<ReservationId>,
    /// The shop's origin, to which the provider sends the buyer back.
    pub origin: String,
}

impl ChargeRequest {
    fn order_id(&self) -> OrderId {
        OrderId {
            user_id: self.user_id,
            charge_id: EntryId::of_charge(self.user_id, &self.key.sha256()),
        }
    }
}

/// Why a charge could not be followed. It stays listed.
#[derive(Debug)]
pub enum NotFollowed {
    Provider(ProviderError),
    /// Another provider took the charge, before the deployment was changed.
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

impl App {
    /// Begins a charge that the provider confirms. Repeating the request returns the same charge.
    pub async fn begin_charge(
        &self,
        request: &ChargeRequest,
        now: EpochMs,
    ) -> Result<(Outcome, Charge), Refusal> {
        let provider = self.provider().ok_or(Refusal::ProviderUnreachable)?;
        let order = request.order_id();
        let mut now = now;
        for attempt in 1..=ATTEMPTS {
            if let Some(known) = self.store.provider_charge(order).await? {
                return self.repeat_charge(provider, request, known).await;
            }
            let (charge, hold) = self.new_charge(provider, request, now).await?;
            let due_at = charge.expires_at.min(now.plus_seconds(FIRST_ASK_SECONDS));
            match self
                .store
                .begin_charge(&charge, due_at, hold.as_ref())
                .await
            {
                Ok(()) => {
                    let charge = self.open_checkout(provider, request, charge).await?;
                    return Ok((Outcome::Done, charge));
                }
                Err(ChargeConflict::Exists(known)) => {
                    return self.repeat_charge(provider, request, *known).await;
                }
                Err(ChargeConflict::HoldChanged) => {
                    back_off(attempt).await;
                    now = self.clock().now();
                }
                Err(ChargeConflict::Store(error)) => return Err(error.into()),
            }
        }
        // Only the user's own requests change these items.
        Err(StoreError::OwnConflict.into())
    }

    /// Answers a repeated request. If the first one did not get as far as the checkout, it is begun
    /// now.
    async fn repeat_charge(
        &self,
        provider: &dyn Provider,
        request: &ChargeRequest,
        known: Charge,
    ) -> Result<(Outcome, Charge), Refusal> {
        if !known.is_same(request.amount, request.pay_for.as_ref()) {
            return Err(Refusal::IdempotencyKeyReused);
        }
        let has_checkout = known.begun.is_some() || known.status() != ChargeStatus::Pending;
        let charge = if has_checkout || known.provider != provider.name() {
            known
        } else {
            self.open_checkout(provider, request, known).await?
        };
        Ok((Outcome::AlreadyDone, charge))
    }

    async fn new_charge(
        &self,
        provider: &dyn Provider,
        request: &ChargeRequest,
        now: EpochMs,
    ) -> Result<(Charge, Option<HoldExtension>), Refusal> {
        let user = request.user_id;
        let settings = self.settings(now).await?;
        let charge_id = request.order_id().charge_id;
        let (hold, most) = match &request.pay_for {
            Some(id) => {
                let hold = self.hold_in_checkout(provider, request, id, now).await?;
                // The money is spent at once.
                let most = settings.wallet_ceiling.max(hold.from.total_price);
                (Some(hold), most)
            }
            None => (None, settings.wallet_ceiling),
        };
        let wallet = self.store.wallet(user, Consistency::Strong).await?;
        wallet
            .charged(request.amount, most)
            .map_err(super::booking::insufficient)?;
        if let Some(hold) = &hold {
            wallet
                .refunded(request.amount)
                .paid(hold.from.total_price)
                .map_err(super::booking::insufficient)?;
        }
        if self.store.pending_charges(user).await?.len() >= MOST_PENDING {
            return Err(Refusal::LimitExceeded(Limit::PendingCharges {
                most: u32::try_from(MOST_PENDING).unwrap_or(u32::MAX),
            }));
        }
        let held_until = hold.as_ref().and_then(|hold| hold.to.held_until());
        let charge = Charge {
            charge_id,
            user_id: user,
            provider: provider.name(),
            amount: request.amount,
            currency: settings.currency.clone(),
            pay_for: request.pay_for.clone(),
            expires_at: held_until.unwrap_or_else(|| now.plus_seconds(TOP_UP_SECONDS)),
            begun: None,
            state: ChargeState::Pending,
            created_at: now,
        };
        Ok((charge, hold))
    }

    /// The hold that a charge is to pay for, extended for the checkout. An earlier checkout of the
    /// same hold is ended first, so that nobody can pay twice.
    async fn hold_in_checkout(
        &self,
        provider: &dyn Provider,
        request: &ChargeRequest,
        id: &ReservationId,
        now: EpochMs,
    ) -> Result<HoldExtension, Refusal> {
        let user = request.user_id;
        let mut reservation = self.payable(user, id, now).await?;
        if let Some(charge_id) = reservation.charge_id {
            let order = OrderId {
                user_id: user,
                charge_id,
            };
            if let Some(former) = self.store.provider_charge(order).await?
                && former.status() == ChargeStatus::Pending
            {
                let former = self.end_checkout(provider, former).await?;
                // Somebody may be paying in it at this moment.
                if former.status() == ChargeStatus::Pending {
                    return Err(Refusal::ProviderUnreachable);
                }
                reservation = self.payable(user, id, now).await?;
            }
        }
        let terms = &self.programme(id.event_id(), now).await?.event.terms;
        let charge_id = request.order_id().charge_id;
        let to = reservation.in_checkout(charge_id, terms.payment_seconds, now);
        Ok(HoldExtension {
            session: self.session_to_extend(&reservation, &to, now).await?,
            cool_off_seconds: cool_off_seconds(terms.hold_seconds),
            from: reservation,
            to,
        })
    }

    /// The user's hold, if it can be paid now.
    async fn payable(
        &self,
        user: UserId,
        id: &ReservationId,
        now: EpochMs,
    ) -> Result<Reservation, Refusal> {
        let (reservation, _) = self.reservation_and_wallet(user, id).await?;
        match reservation.status(now) {
            Status::Held => Ok(reservation),
            Status::Expired => Err(Refusal::HoldExpired),
            Status::Confirmed | Status::Cancelled => Err(Refusal::NotPayable),
        }
    }

    /// The session of an extended hold, if it would end before the hold.
    async fn session_to_extend(
        &self,
        from: &Reservation,
        to: &Reservation,
        now: EpochMs,
    ) -> Result<Option<(SessionKey, EpochMs)>, Refusal> {
        let key = SessionKey::of(from);
        let end = to.held_until().filter(|_| to.state != from.state);
        let session = match end {
            Some(_) => self.store.session(&key, Consistency::Strong).await?,
            None => None,
        };
        Ok(match session {
            Some(Session::Live { expires_at, .. })
                if expires_at > now && end.is_some_and(|end| expires_at < end) =>
            {
                Some((key, expires_at))
            }
            _ => None,
        })
    }

    /// Has the provider begin the checkout of a pending charge. A provider that does not answer
    /// leaves the charge as it is, and the request can be repeated.
    async fn open_checkout(
        &self,
        provider: &dyn Provider,
        request: &ChargeRequest,
        charge: Charge,
    ) -> Result<Charge, Refusal> {
        let description = self.description(&charge).await?;
        let return_url = format!("{}/wallet/charges/{}", request.origin, charge.charge_id);
        let checkout = CheckoutRequest {
            charge: &charge,
            description: &description,
            return_url: &return_url,
        };
        let order = charge.order_id();
        let begun = match provider.begin(&checkout).await {
            Ok(begun) => begun,
            Err(error @ ProviderError::Unreachable(_)) => {
                tracing::warn!(%error, user_id = %charge.user_id, "a checkout was not begun");
                return Err(Refusal::ProviderUnreachable);
            }
            Err(error @ ProviderError::Refused(_)) => {
                tracing::error!(%error, user_id = %charge.user_id, "a checkout was refused");
                let failed = ChargeState::Failed(FailureReason::Refused);
                return match self.store.end_charge(&charge, failed).await {
                    Ok(charge) => Ok(charge),
                    Err(_) => self.known_charge(order).await,
                };
            }
        };
        self.store.note_checkout(order, &begun).await?;
        self.known_charge(order).await
    }

    /// What the buyer reads at the provider.
    async fn description(&self, charge: &Charge) -> Result<String, Refusal> {
        let name = match &charge.pay_for {
            Some(id) => self
                .store
                .reservation(charge.user_id, id)
                .await?
                .map(|reservation| reservation.event_name),
            None => None,
        };
        let name = name.unwrap_or_else(|| "Wallet".to_owned());
        Ok(name.chars().take(MOST_DESCRIPTION).collect())
    }

    async fn known_charge(&self, order: OrderId) -> Result<Charge, Refusal> {
        let charge = self.store.provider_charge(order).await?;
        charge.ok_or(Refusal::ChargeNotFound)
    }

    /// A user's charge. If it is pending, the provider is asked first, but not too often. If the
    /// provider does not answer, the charge is as it was.
    pub async fn charge_of(&self, order: OrderId) -> Result<Charge, Refusal> {
        let charge = self.known_charge(order).await?;
        let is_open = match charge.state {
            ChargeState::Pending => charge.begun.is_some(),
            ChargeState::Done { purchase, .. } => purchase == Some(PurchaseState::Due),
            ChargeState::Failed(_) | ChargeState::Expired => false,
        };
        let Some(provider) = self.provider().filter(|_| is_open) else {
            return Ok(charge);
        };
        if !self.store.claim_asking(order, ASK_EVERY_MS).await? {
            return Ok(charge);
        }
        match self.follow(provider, charge.clone()).await {
            Ok(charge) => Ok(charge),
            Err(error) => {
                tracing::warn!(?error, user_id = %charge.user_id, "a charge was not followed");
                Ok(charge)
            }
        }
    }

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
    async fn end_checkout(
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

    /// The older a charge is, the longer it waits for the schedule, but not beyond its end.
    async fn ask_again_later(&self, charge: &Charge, now: EpochMs) -> Result<(), StoreError> {
        let least = i64::from(FIRST_ASK_SECONDS) * 1_000;
        let pause = now.ms_since(charge.created_at).clamp(least, LEAST_OFTEN_MS);
        let due_at = now.plus_ms(pause);
        let due_at = if charge.expires_at > now {
            due_at.min(charge.expires_at)
        } else {
            due_at
        };
        self.store.postpone_charge(charge.order_id(), due_at).await
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
    /// money stays in the wallet.
    async fn pay_for(&self, charge: Charge) -> Result<Charge, NotFollowed> {
        let ChargeState::Done {
            purchase: Some(PurchaseState::Due),
            ..
        } = charge.state
        else {
            return Ok(charge);
        };
        let Some(id) = &charge.pay_for else {
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
        self.store.end_purchase(charge.order_id(), outcome).await?;
        Ok(self.known_charge(charge.order_id()).await?)
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
                .filter(|date| date.starts_at > now);
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
