//! Charges that a payment provider confirms, as a buyer begins them and asks for them.

use super::App;
use super::booking::Outcome;
use crate::provider::{CheckoutRequest, Provider, ProviderError};
use crate::store::{ChargeConflict, Consistency, HoldExtension, SessionKey, StoreError, back_off};
use domain::charge::{Charge, ChargeState, ChargeStatus, FailureReason, OrderId, TOP_UP_SECONDS};
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
pub(super) const FIRST_ASK_SECONDS: u32 = 60;
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
            let (charge, hold) = Box::pin(self.new_charge(provider, request, now)).await?;
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
        let charges = self.store.provider_charges(user).await?;
        let pending = charges
            .iter()
            .filter(|charge| charge.status() == ChargeStatus::Pending);
        if pending.count() >= MOST_PENDING {
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
            withdrawn: Money::ZERO,
            was_reversed: false,
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
        self.check_takes_place(id, now).await?;
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

    pub(super) async fn known_charge(&self, order: OrderId) -> Result<Charge, Refusal> {
        let charge = self.store.provider_charge(order).await?;
        charge.ok_or(Refusal::ChargeNotFound)
    }

    /// A user's charge. If it is pending, the provider is asked first, but not too often. If the
    /// provider does not answer, the charge is as it was.
    pub async fn charge_of(&self, order: OrderId) -> Result<Charge, Refusal> {
        let charge = self.known_charge(order).await?;
        let is_open = match charge.state {
            ChargeState::Pending => charge.begun.is_some(),
            ChargeState::Done { .. } => charge.is_purchase_due(),
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
}
