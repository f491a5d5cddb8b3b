//! The transactions that pay a reservation and give its tickets back.

use super::record::write_reservation;
use super::{reservation_key, seat_key};
use crate::store::charges::take_from;
use crate::store::client::Store;
use crate::store::error::StoreError;
use crate::store::expression::Write;
use crate::store::journal::Deed;
use crate::store::queue::{SessionKey, end_session};
use crate::store::refused::TransactionError;
use crate::store::stock::return_stock;
use crate::store::wallets::Step;
use crate::store::withdrawals::{Departure, Leaving};
use crate::store::{seats, wallets};
use domain::clock::EpochMs;
use domain::ids::{EntryId, UserId};
use domain::journal::{Act, Author};
use domain::money::Money;
use domain::reservation::{Payment, Reservation, ReservedSeat, State};
use domain::returns::TicketsBack;
use domain::stock::Allocation;
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

/// Replaces a reservation by its next state. The item must be the one that was read, as it was read,
/// and, if it is a hold, must not have lapsed.
fn advance(from: &Reservation, to: &Reservation, now: EpochMs) -> Write {
    let put =
        Write::put(reservation_key(from), write_reservation(to)).bind(":id", &from.reservation_id);
    match from.state {
        State::Held { .. } => put
            .when("#reservationId = :id AND #status = :held AND #heldUntil > :now")
            .bind(":held", "HELD")
            .bind(":now", now),
        State::Confirmed { .. } => put
            .when("#reservationId = :id AND #status = :confirmed AND #modifiedAt = :modified")
            .bind(":confirmed", "CONFIRMED")
            .bind(":modified", from.modified_at),
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

/// What a transaction gives back of a reservation.
#[derive(Clone, Debug)]
pub struct GivenBack {
    pub from: Reservation,
    /// The tickets, while others stay. `None`: all that is left, which ends the reservation.
    pub tickets: Option<TicketsBack>,
    /// The wallet, if there is a payment to refund.
    pub wallet: Option<Wallet>,
    pub refund: Money,
    /// What of the refund goes on to where the money came from.
    pub parts: Vec<Part>,
}

impl GivenBack {
    fn seats(&self) -> &[ReservedSeat] {
        let tickets = self.tickets.as_ref();
        tickets.map_or(&self.from.seats, |tickets| &tickets.seats)
    }

    fn quantity(&self) -> u32 {
        let tickets = self.tickets.as_ref();
        tickets.map_or(self.from.quantity, |tickets| tickets.quantity)
    }

    fn stock(&self) -> &[Allocation] {
        let tickets = self.tickets.as_ref();
        tickets.map_or(&self.from.stock, |tickets| &tickets.stock)
    }

    /// The reservation afterwards.
    fn to(&self, to_source: Money, now: EpochMs) -> Reservation {
        let from = &self.from;
        if let Some(tickets) = &self.tickets {
            return from.without(tickets, to_source, now);
        }
        let payment = match &from.state {
            State::Confirmed { payment } => payment.clone(),
            State::Held { .. } | State::Cancelled { .. } => None,
        };
        Reservation {
            state: State::Cancelled {
                payment,
                refunded: from.returned.refunded + self.refund,
                to_source: from.returned.to_source + to_source,
            },
            modified_at: now.max(from.modified_at),
            ..from.clone()
        }
    }

    fn purchase(&self) -> Purchase {
        Purchase {
            seats: self.seats().to_vec(),
            quantity: Some(self.quantity()),
            ..Purchase::of(&self.from)
        }
    }

    fn act(&self) -> Act {
        Act::ReturnTickets {
            reservation: self.from.reservation_id.clone(),
            seats: self.seats().iter().map(|seat| seat.seat_number).collect(),
            quantity: self.quantity(),
            refunded: self.refund,
        }
    }
}

fn give_back_writes(
    back: &GivenBack,
    to: &Reservation,
    refund: Option<Refund>,
    now: EpochMs,
) -> Vec<Write> {
    let from = &back.from;
    let id = &from.reservation_id;
    let mut writes = vec![advance(from, to, now)];
    writes.extend(
        back.seats()
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
        back.stock()
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
    fn of(back: &GivenBack, wallet: Wallet, now: EpochMs) -> Self {
        let reservation = &back.from;
        let to = wallet.refunded(back.refund);
        let entry = LedgerEntry {
            entry_id: EntryId::new(now),
            kind: EntryKind::Refund,
            amount: back.refund,
            balance_after: to.balance,
            purchase: Some(back.purchase()),
            withdrawal_id: None,
            at: now,
        };
        let departure = Departure {
            user_id: reservation.user_id,
            parts: &back.parts,
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

    /// Gives tickets back: frees the seats, returns the stock and refunds the payment in one
    /// transaction. If an operator does so, the journal tells of it.
    pub async fn give_back(
        &self,
        back: &GivenBack,
        author: Option<&Author>,
    ) -> std::result::Result<Reservation, TransactionLost> {
        let deed = author.map(|author| Deed::one(author, back.act()));
        let made = self.transact(|now| {
            let refund = back.wallet.map(|wallet| Refund::of(back, wallet, now));
            let to_source = refund.as_ref().map(|refund| refund.leaving.total());
            let to = back.to(to_source.unwrap_or_default(), now);
            let mut writes = give_back_writes(back, &to, refund, now);
            let event = Some(back.from.event_id());
            writes.extend(deed.iter().flat_map(|deed| deed.entries(event, now)));
            (writes, to)
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
    use domain::reservation::Performance;
    use domain::returns::Returned;

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
            returned: Returned::default(),
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
        let back = |from: &Reservation, wallet| GivenBack {
            from: from.clone(),
            tickets: None,
            wallet,
            refund: Money(5),
            parts: Vec::new(),
        };
        let refunded = back(&confirmed, Some(wallet(2)));
        let refund = Refund::of(&refunded, wallet(2), at);
        let writes = [
            pay_writes(&held, &paid, at),
            give_back_writes(&back(&held, None), &confirmed, None, at),
            give_back_writes(&refunded, &confirmed, Some(refund), at),
        ];
        for write in writes.iter().flatten() {
            write.check().unwrap();
        }
    }
}
