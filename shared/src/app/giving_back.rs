//! Tickets that are given back: all of a reservation, or a part.

use super::App;
use crate::metrics::Count;
use crate::store::{Consistency, GivenBack, StoreError, TransactionLost, back_off};
use domain::clock::EpochMs;
use domain::event::{Programme, RefundTo};
use domain::ids::{ReservationId, UserId};
use domain::journal::Author;
use domain::money::Money;
use domain::refusal::{FieldError, Refusal};
use domain::reservation::{Reservation, State};
use domain::returns::{NoSuchPart, Portion, Returning};
use domain::wallet::Wallet;
use domain::withdrawal::Part;

/// If items have changed since they were read, the operation is decided again, at most this many
/// times.
const ATTEMPTS: u32 = 6;

/// Who gives tickets back.
#[derive(Clone, Copy, Debug)]
pub enum Returner<'a> {
    /// As the event lets buyers do it.
    Buyer,
    /// At any time, and any part. The journal tells of it.
    Operator(&'a Author),
}

impl Returner<'_> {
    fn author(&self) -> Option<&Author> {
        match self {
            Self::Buyer => None,
            Self::Operator(author) => Some(author),
        }
    }
}

impl App {
    /// Cancels a reservation: releases a hold, or refunds a payment. `refund_to` says where the
    /// refund goes; without it, the event does. If the event or the date is cancelled, everything is
    /// given back, at any time, and so it is for some time if the date was postponed. Repeating the
    /// request returns the same result.
    pub async fn cancel(
        &self,
        user: UserId,
        id: &ReservationId,
        refund_to: Option<RefundTo>,
        now: EpochMs,
    ) -> Result<Reservation, Refusal> {
        self.give_back(user, id, None, refund_to, Returner::Buyer, now)
            .await
    }

    /// Gives a part of a paid reservation back, and refunds it like a cancellation. If it is all that
    /// is left, the reservation is cancelled. Repeating the request returns the reservation as it is.
    pub async fn return_tickets(
        &self,
        user: UserId,
        id: &ReservationId,
        wanted: &Returning,
        refund_to: Option<RefundTo>,
        by: Returner<'_>,
        now: EpochMs,
    ) -> Result<Reservation, Refusal> {
        self.give_back(user, id, Some(wanted), refund_to, by, now)
            .await
    }

    /// `wanted`: `None` for all that is left.
    async fn give_back(
        &self,
        user: UserId,
        id: &ReservationId,
        wanted: Option<&Returning>,
        refund_to: Option<RefundTo>,
        by: Returner<'_>,
        now: EpochMs,
    ) -> Result<Reservation, Refusal> {
        let mut now = now;
        for attempt in 1..=ATTEMPTS {
            let mut reservation = self.stored_reservation(user, id).await?;
            match &reservation.state {
                State::Cancelled { .. } => return Ok(reservation),
                State::Held { held_until } if *held_until <= now => {
                    return Err(Refusal::NotCancellable("the hold has expired"));
                }
                State::Held { .. } if wanted.is_some() => {
                    return Err(Refusal::NotCancellable(
                        "it is not paid yet, and only all of a hold can be given up",
                    ));
                }
                State::Held { .. } | State::Confirmed { .. } => {}
            }
            let programme = self.programme(id.event_id(), now).await?;
            reservation.keep_changed_plans(&programme.performance(id.date()), now);
            let back = if reservation.held_until().is_some() {
                GivenBack {
                    from: reservation,
                    tickets: None,
                    wallet: None,
                    refund: Money::ZERO,
                    parts: Vec::new(),
                }
            } else {
                let portion = match wanted {
                    None => Portion::All,
                    Some(wanted) => reservation.portion(wanted, now).map_err(no_such_part)?,
                };
                if portion == Portion::Nothing {
                    return Ok(reservation);
                }
                let back = self.of_confirmed(&programme, reservation, portion, refund_to, by, now);
                Box::pin(back).await?
            };
            match self.store.give_back(&back, by.author()).await {
                Ok(reservation) => {
                    self.count_returns(&back);
                    return Ok(reservation);
                }
                Err(TransactionLost::Changed) => {
                    back_off(attempt).await;
                    now = self.clock().now();
                }
                Err(TransactionLost::Store(error)) => return Err(error.into()),
            }
        }
        // Only the user's own requests and operators change these items.
        Err(StoreError::OwnConflict.into())
    }

    /// What is given back of a confirmed reservation, if that is allowed.
    async fn of_confirmed(
        &self,
        programme: &Programme,
        reservation: Reservation,
        portion: Portion,
        refund_to: Option<RefundTo>,
        by: Returner<'_>,
        now: EpochMs,
    ) -> Result<GivenBack, Refusal> {
        let tickets = match portion {
            Portion::Some(tickets) => Some(tickets),
            Portion::Nothing | Portion::All => None,
        };
        if tickets.is_some() {
            // Of what is cancelled, everything is given back.
            programme.event.check_takes_place(reservation.date())?;
        }
        if let Returner::Buyer = by {
            check_allowed(programme, &reservation, tickets.is_some(), now)?;
        }
        let refund = match &tickets {
            Some(tickets) => tickets.refund(),
            None => reservation.refund(now),
        };
        let is_paid = matches!(&reservation.state, State::Confirmed { payment: Some(_) });
        let (wallet, parts) = if is_paid {
            let user = reservation.user_id;
            let wallet = self.store.wallet(user, Consistency::Strong).await?;
            let refund_to = refund_to.unwrap_or(programme.event.terms.refund_to);
            let parts = self.parts_of_refund(&reservation, wallet, refund, refund_to);
            (Some(wallet), parts.await?)
        } else {
            (None, Vec::new())
        };
        Ok(GivenBack {
            from: reservation,
            tickets,
            wallet,
            refund,
            parts,
        })
    }

    fn count_returns(&self, back: &GivenBack) {
        self.metrics().add(Count::Cancellations, 1);
        if back.refund > Money::ZERO {
            self.metrics().add(Count::Refunds, 1);
            self.metrics().add_money(Count::Refunded, back.refund);
        }
    }

    /// What of a refund goes on to where the money came from.
    async fn parts_of_refund(
        &self,
        reservation: &Reservation,
        wallet: Wallet,
        refund: Money,
        refund_to: RefundTo,
    ) -> Result<Vec<Part>, Refusal> {
        let most = wallet.refunded(refund).withdrawable().min(refund);
        match refund_to {
            RefundTo::Source if most > Money::ZERO => {
                self.parts_to_source(reservation.user_id, most, reservation.charge_id)
                    .await
            }
            RefundTo::Source | RefundTo::Wallet => Ok(Vec::new()),
        }
    }
}

/// A confirmed reservation can be cancelled until `cancelUntilHours` before the start, or until the
/// time that was promised when its seats were held, if that is later; and at any time if everything
/// is given back. A part of it can be given back if the event says so, or has said so then.
fn check_allowed(
    programme: &Programme,
    reservation: &Reservation,
    is_part: bool,
    now: EpochMs,
) -> Result<(), Refusal> {
    let current = programme.performance(reservation.date());
    let performance = reservation.performance.as_described_by(current);
    let is_too_late = performance.cancel_until.is_some_and(|until| now >= until);
    if is_too_late && !performance.gives_all_back(now) {
        return Err(Refusal::NotCancellable("it is too late to cancel"));
    }
    if is_part && !performance.partial_returns {
        return Err(Refusal::NotCancellable(
            "the event takes only all tickets of a reservation back",
        ));
    }
    Ok(())
}

fn no_such_part(refused: NoSuchPart) -> Refusal {
    let (field, message) = match refused {
        NoSuchPart::Seat(seat) => return Refusal::SeatNotFound(seat),
        NoSuchPart::HasSeats => ("query:keep", "is only for tickets without seats"),
        NoSuchPart::HasNoSeats => ("query:seats", "is only for tickets with seats"),
    };
    FieldError::new(field, message).into()
}
