//! The transactions that pay and cancel a reservation.

use super::record::write_reservation;
use super::{reservation_key, seat_key};
use crate::store::charges::take_from;
use crate::store::client::Store;
use crate::store::error::StoreError;
use crate::store::expression::Write;
use crate::store::queue::{SessionKey, end_session};
use crate::store::refused::TransactionError;
use crate::store::stock::return_stock;
use crate::store::wallets::Step;
use crate::store::withdrawals::{Departure, Leaving};
use crate::store::{seats, wallets};
use domain::clock::EpochMs;
use domain::ids::{EntryId, UserId};
use domain::money::Money;
use domain::reservation::{Payment, Reservation, State};
use domain::wallet::{EntryKind, LedgerEntry, Purchase, Wallet};
use domain::withdrawal::Part;

/// Why a transaction on a reservation was not made.
#[derive(Debug)]
pub enum TransactionLost {
    /// An item that it depends on has changed since it was read.
    Changed,
    Store(StoreError),
}

impl From<StoreError> for TransactionLost {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<TransactionError> for TransactionLost {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Refused(_) => Self::Changed,
            TransactionError::Store(error) => Self::Store(error),
        }
    }
}

/// Replaces a reservation by its next state. The item must be the one that was read and, if it is a
/// hold, must not have lapsed.
fn advance(from: &Reservation, to: &Reservation, now: EpochMs) -> Write {
    let put =
        Write::put(reservation_key(from), write_reservation(to)).bind(":id", &from.reservation_id);
    match from.state {
        State::Held { .. } => put
            .when("#reservationId = :id AND #status = :held AND #heldUntil > :now")
            .bind(":held", "HELD")
            .bind(":now", now),
        State::Confirmed { .. } => put
            .when("#reservationId = :id AND #status = :confirmed")
            .bind(":confirmed", "CONFIRMED"),
        // A cancelled reservation never changes.
        State::Cancelled { .. } => put.when("#reservationId = :id AND attribute_not_exists(#pk)"),
    }
}

fn pay_writes(from: &Reservation, paid: &Paid, now: EpochMs) -> Vec<Write> {
    let id = &from.reservation_id;
    let session = SessionKey::of(from);
    let mut writes = vec![advance(from, &paid.reservation, now)];
    writes.extend(paid.wallet_writes(from.user_id));
    writes.push(end_session(&session, now));
    writes.extend(
        from.seats
            .iter()
            .filter_map(|seat| seat_key(from, seat))
            .map(|key| seats::sell_claim(key, id, now)),
    );
    writes
}

fn cancel_writes(
    from: &Reservation,
    to: &Reservation,
    refund: Option<Refund>,
    now: EpochMs,
) -> Vec<Write> {
    let id = &from.reservation_id;
    let mut writes = vec![advance(from, to, now)];
    writes.extend(
        from.seats
            .iter()
            .filter_map(|seat| Some((seat_key(from, seat)?, seat)))
            .map(|(key, seat)| match from.state {
                State::Held { .. } => seats::release_claim(key, id, now),
                State::Confirmed { .. } | State::Cancelled { .. } if seat.channel.is_some() => {
                    seats::return_opened_claim(key, id, now)
                }
                State::Confirmed { .. } | State::Cancelled { .. } => seats::delete_claim(key, id),
            }),
    );
    writes.extend(
        from.stock
            .iter()
            .map(|allocation| return_stock(from.event_id(), *allocation, from.ticket_price())),
    );
    if let Some(refund) = refund {
        let mut steps = vec![refund.step];
        steps.extend(refund.leaving.steps);
        writes.extend(wallets::change(from.user_id, refund.wallet, &steps));
        writes.extend(refund.leaving.writes);
    }
    writes
}

/// A payment about to be made.
pub(super) struct Paid {
    pub(super) payment: Payment,
    pub(super) reservation: Reservation,
    wallet_before: Wallet,
    wallet_after: Wallet,
    entry: LedgerEntry,
}

/// A refund about to be made, and what of it goes on to where the money came from.
struct Refund {
    wallet: Wallet,
    step: Step,
    leaving: Leaving,
}

impl Paid {
    pub(super) fn of(
        held: &Reservation,
        wallet_before: Wallet,
        wallet_after: Wallet,
        now: EpochMs,
    ) -> Self {
        let payment = Payment {
            payment_id: EntryId::new(now),
            amount: held.total_price,
            balance_after: wallet_after.balance,
            paid_at: now,
        };
        Self {
            entry: LedgerEntry {
                entry_id: payment.payment_id,
                kind: EntryKind::Payment,
                amount: -held.total_price,
                balance_after: wallet_after.balance,
                purchase: Some(Purchase::of(held)),
                withdrawal_id: None,
                at: now,
            },
            reservation: Reservation {
                state: State::Confirmed {
                    payment: Some(payment.clone()),
                },
                modified_at: now,
                ..held.clone()
            },
            payment,
            wallet_before,
            wallet_after,
        }
    }

    pub(super) fn wallet_writes(&self, user: UserId) -> Vec<Write> {
        let step = Step {
            to: self.wallet_after,
            entry: self.entry.clone(),
        };
        wallets::change(user, self.wallet_before, &[step])
    }
}

impl Refund {
    fn of(
        reservation: &Reservation,
        amount: Money,
        wallet: Wallet,
        parts: &[Part],
        now: EpochMs,
    ) -> Self {
        let to = wallet.refunded(amount);
        let entry = LedgerEntry {
            entry_id: EntryId::new(now),
            kind: EntryKind::Refund,
            amount,
            balance_after: to.balance,
            purchase: Some(Purchase::of(reservation)),
            withdrawal_id: None,
            at: now,
        };
        let departure = Departure {
            user_id: reservation.user_id,
            parts,
            reservation_id: Some(&reservation.reservation_id),
            take: take_from,
        };
        Self {
            wallet,
            step: Step { to, entry },
            leaving: Leaving::of(departure, to, now),
        }
    }
}

impl Store {
    /// Pays a hold: updates wallet, ledger, seats, reservation and session in one transaction.
    pub async fn pay(
        &self,
        held: &Reservation,
        wallet: Wallet,
        wallet_after: Wallet,
    ) -> std::result::Result<Payment, TransactionLost> {
        let made = self.transact(|now| {
            let paid = Paid::of(held, wallet, wallet_after, now);
            (pay_writes(held, &paid, now), paid.payment)
        });
        Ok(made.await?)
    }

    /// Cancels a reservation: frees the seats and gives `refunded` back in one transaction. `wallet` is needed if there is a payment to refund. `parts` of the refund go on
    /// to where the money came from.
    pub async fn cancel(
        &self,
        reservation: &Reservation,
        wallet: Option<Wallet>,
        refunded: Money,
        parts: &[Part],
    ) -> std::result::Result<Reservation, TransactionLost> {
        let payment = match &reservation.state {
            State::Confirmed { payment } => payment.clone(),
            State::Held { .. } | State::Cancelled { .. } => None,
        };
        let made = self.transact(|now| {
            let refund = wallet.map(|wallet| Refund::of(reservation, refunded, wallet, parts, now));
            let to_source = refund.as_ref().map(|refund| refund.leaving.total());
            let cancelled = Reservation {
                state: State::Cancelled {
                    payment: payment.clone(),
                    refunded,
                    to_source: to_source.unwrap_or_default(),
                },
                modified_at: now,
                ..reservation.clone()
            };
            let writes = cancel_writes(reservation, &cancelled, refund, now);
            (writes, cancelled)
        });
        Ok(made.await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::event::Section;
    use domain::fees::ReservedFees;
    use domain::ids::{DateKey, EventId, Lane, Rank, ReservationId, SeatNumber};
    use domain::reservation::{Performance, ReservedSeat};

    fn held(at: EpochMs) -> Reservation {
        let event = EventId::parse("winter-live").unwrap();
        let date = DateKey::parse("2026-12-24").unwrap();
        Reservation {
            reservation_id: ReservationId::new(event, Some(date), at),
            user_id: UserId::random(),
            event_name: "Winter Live".to_owned(),
            performance: Performance::default(),
            seats: vec![ReservedSeat::of(
                &Section::new("R", Money(5), SeatNumber(1), 9),
                SeatNumber(1),
            )],
            quantity: 1,
            seat_limit: 1,
            fees: ReservedFees::default(),
            tax_rate: None,
            total_price: Money(5),
            state: State::Held {
                held_until: at.plus_seconds(300),
            },
            charge_id: None,
            stock: Vec::new(),
            lane: Lane::FIRST,
            rank: Rank(3),
            created_at: at,
            modified_at: at,
        }
    }

    #[test]
    fn every_placeholder_is_bound() {
        let at = EpochMs(1_000_000);
        let held = held(at);
        let confirmed = Reservation {
            state: State::Confirmed { payment: None },
            ..held.clone()
        };
        let wallet = |seq| Wallet {
            balance: Money(5),
            seq,
            returnable: Money::ZERO,
        };
        let paid = Paid::of(&held, wallet(1), wallet(2), at);
        let refund = Refund::of(&confirmed, Money(5), wallet(2), &[], at);
        let writes = [
            pay_writes(&held, &paid, at),
            cancel_writes(&held, &confirmed, None, at),
            cancel_writes(&confirmed, &confirmed, Some(refund), at),
        ];
        for write in writes.iter().flatten() {
            write.check().unwrap();
        }
    }
}
