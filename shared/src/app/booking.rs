//! Payments, and the user's reservations and wallet.

use std::collections::HashSet;

use super::App;
use crate::metrics::Count;
use crate::store::{ChargeRecord, ChargeRefused, Charged, StoreError, TransactionLost, back_off};
use domain::clock::EpochMs;
use domain::ids::{ReservationId, UserId};
use domain::money::Money;
use domain::refusal::{Limit, Refusal};
use domain::reservation::{Payment, Reservation, State, Status};
use domain::wallet::{IdempotencyKey, LedgerEntry, Wallet, WalletRefusal};

/// If items have changed since they were read, the operation is decided again, at most this many
/// times.
const ATTEMPTS: u32 = 6;

/// Where a page of a user's history ends: the creation time and id of the last reservation.
pub type HistoryPosition = (EpochMs, String);

/// The number of archived reservations per read, and the number of reads per page.
const ARCHIVE_PAGE: usize = 100;
const MOST_ARCHIVE_PAGES: usize = 20;

/// Whether a request took effect now, or an earlier identical one did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    AlreadyDone,
}

impl App {
    /// Refuses if the event or the date of a reservation is cancelled.
    pub(super) async fn check_takes_place(
        &self,
        id: &ReservationId,
        now: EpochMs,
    ) -> Result<(), Refusal> {
        let programme = self.programme(id.event_id(), now).await?;
        programme.event.check_takes_place(id.date())
    }

    /// Pays a hold from the user's wallet. Repeating the request returns the first payment.
    pub async fn pay(
        &self,
        user: UserId,
        id: &ReservationId,
        now: EpochMs,
    ) -> Result<(Outcome, Payment), Refusal> {
        let mut now = now;
        for attempt in 1..=ATTEMPTS {
            let (reservation, wallet) = self.reservation_and_wallet(user, id).await?;
            match (reservation.status(now), &reservation.state) {
                (
                    Status::Confirmed,
                    State::Confirmed {
                        payment: Some(payment),
                    },
                ) => {
                    return Ok((Outcome::AlreadyDone, payment.clone()));
                }
                // There is nothing to pay: the reservation was free or is cancelled.
                (Status::Confirmed | Status::Cancelled, _) => return Err(Refusal::NotPayable),
                (Status::Expired, _) => return Err(Refusal::HoldExpired),
                // A payment that was decided before the cancellation is found by its sweep.
                (Status::Held, _) => self.check_takes_place(id, now).await?,
            }
            let wallet_after = wallet.paid(reservation.total_price).map_err(insufficient)?;
            match self.store.pay(&reservation, wallet, wallet_after).await {
                Ok(payment) => {
                    self.count_sale(reservation.seats.len(), payment.amount);
                    return Ok((Outcome::Done, payment));
                }
                Err(TransactionLost::Changed) => {
                    back_off(attempt).await;
                    now = self.clock().now();
                }
                Err(TransactionLost::Store(error)) => return Err(error.into()),
            }
        }
        // Only the user's own requests change these items.
        Err(StoreError::OwnConflict.into())
    }

    /// The reservation and the wallet for a payment, by a strongly consistent read in one call.
    pub(super) async fn reservation_and_wallet(
        &self,
        user: UserId,
        id: &ReservationId,
    ) -> Result<(Reservation, Wallet), Refusal> {
        let (current, wallet) = self
            .store
            .reservation_and_wallet(user, id.event_id(), id.date())
            .await?;
        let reservation = match current.filter(|current| current.reservation_id == *id) {
            Some(current) => current,
            None => self
                .store
                .archived(user, id)
                .await?
                .ok_or(Refusal::ReservationNotFound)?,
        };
        Ok((reservation, wallet))
    }

    /// A reservation of the user, with the performance as it is now. One of another user is reported
    /// as not found.
    pub async fn reservation(
        &self,
        user: UserId,
        id: &ReservationId,
        now: EpochMs,
    ) -> Result<Reservation, Refusal> {
        let mut reservation = self.stored_reservation(user, id).await?;
        self.describe(std::slice::from_mut(&mut reservation), now)
            .await?;
        Ok(reservation)
    }

    /// Replaces what tickets say about their performances by what the catalogue says now, because an
    /// event can be renamed and moved, and a date postponed. Ended reservations stay as they are.
    async fn describe(
        &self,
        reservations: &mut [Reservation],
        now: EpochMs,
    ) -> Result<(), Refusal> {
        let key = |reservation: &Reservation| (reservation.event_id().clone(), reservation.date());
        let live = |reservation: &&Reservation| reservation.is_live(now);
        let wanted: HashSet<_> = reservations.iter().filter(live).map(key).collect();
        let current = self.store.performances(&wanted).await?;
        for reservation in reservations.iter_mut().filter(|of| of.is_live(now)) {
            if let Some((name, current)) = current.get(&key(reservation)) {
                reservation.event_name.clone_from(name);
                let performance = &mut reservation.performance;
                *performance = performance.as_described_by(current.clone());
            }
        }
        Ok(())
    }

    pub(super) async fn stored_reservation(
        &self,
        user: UserId,
        id: &ReservationId,
    ) -> Result<Reservation, Refusal> {
        self.store
            .reservation(user, id)
            .await?
            .ok_or(Refusal::ReservationNotFound)
    }

    /// One page of a user's reservations, newest first, and the position of the next page.
    pub async fn reservations(
        &self,
        user: UserId,
        status: Option<Status>,
        before: Option<HistoryPosition>,
        limit: usize,
        now: EpochMs,
    ) -> Result<(Vec<Reservation>, Option<HistoryPosition>), Refusal> {
        let position = |r: &Reservation| (r.created_at, r.reservation_id.to_string());
        let mut page: Vec<Reservation> = Vec::new();
        let mut rest: Vec<Reservation> = self.store.current_reservations(user).await?;
        rest.retain(|r| before.as_ref().is_none_or(|before| position(r) < *before));
        let mut archived_before = before;
        // Each iteration reads one page of the archive. With a filter, many may be needed.
        for _ in 0..MOST_ARCHIVE_PAGES {
            let archived = self
                .store
                .archived_reservations(user, archived_before.as_ref(), ARCHIVE_PAGE)
                .await?;
            let read_to = archived
                .last()
                .filter(|_| archived.len() == ARCHIVE_PAGE)
                .map(position);
            rest.extend(archived);
            rest.sort_by_cached_key(|r| std::cmp::Reverse(position(r)));
            // Reservations that are older than the part of the archive read so far have to wait,
            // because the archive may have newer ones.
            let ready = rest.partition_point(|r| {
                read_to
                    .as_ref()
                    .is_none_or(|read_to| position(r) >= *read_to)
            });
            page.extend(
                rest.drain(..ready)
                    .filter(|r| status.is_none_or(|status| r.status(now) == status)),
            );
            archived_before = read_to;
            if page.len() > limit || archived_before.is_none() {
                break;
            }
        }
        let next = if page.len() > limit {
            page.truncate(limit);
            page.last().map(position)
        } else {
            archived_before
        };
        self.describe(&mut page, now).await?;
        Ok((page, next))
    }

    /// Charges a wallet, once per key.
    pub async fn charge(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        amount: Money,
        now: EpochMs,
    ) -> Result<(Outcome, ChargeRecord), Refusal> {
        let ceiling = self.settings(now).await?.wallet_ceiling;
        match self.store.charge(user, key, amount, ceiling).await {
            Ok(Charged::Done(charge)) => {
                self.metrics().add(Count::Charges, 1);
                Ok((Outcome::Done, charge))
            }
            Ok(Charged::AlreadyDone(charge)) => Ok((Outcome::AlreadyDone, charge)),
            Err(ChargeRefused::KeyReused) => Err(Refusal::IdempotencyKeyReused),
            Err(ChargeRefused::OverCeiling { balance, ceiling }) => {
                Err(Refusal::LimitExceeded(Limit::Wallet { balance, ceiling }))
            }
            Err(ChargeRefused::Store(error)) => Err(error.into()),
        }
    }

    /// One page of a wallet's ledger, newest first, and the entry before which the next page
    /// begins.
    pub async fn ledger(
        &self,
        user: UserId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<LedgerEntry>, Option<u64>), Refusal> {
        let mut page = self.store.ledger(user, before, limit + 1).await?;
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().map(|(seq, _)| *seq).filter(|_| more);
        Ok((page.into_iter().map(|(_, entry)| entry).collect(), next))
    }
}

pub(super) fn insufficient(refusal: WalletRefusal) -> Refusal {
    match refusal {
        WalletRefusal::Insufficient { balance, required } => {
            Refusal::InsufficientBalance { balance, required }
        }
        WalletRefusal::OverCeiling { balance, ceiling } => {
            Refusal::LimitExceeded(Limit::Wallet { balance, ceiling })
        }
        WalletRefusal::NotWithdrawable { withdrawable } => {
            Refusal::NotWithdrawable { withdrawable }
        }
    }
}
