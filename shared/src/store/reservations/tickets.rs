//! The transaction that reserves general-admission tickets.

use super::record::read_reservation;
use super::{archive, put_reservation, use_session};
use crate::store::client::Store;
use crate::store::error::Result;
use crate::store::expression::Write;
use crate::store::queue::{SessionKey, read_session};
use crate::store::refused::{TransactionError, Verdict};
use crate::store::stock::take_stock;
use crate::store::wallets::{self, Step};
use domain::clock::EpochMs;
use domain::event::Event;
use domain::fees::ReservedFees;
use domain::ids::{EntryId, ReservationId, UserId};
use domain::money::Money;
use domain::queue::{Session, TokenEndsOn};
use domain::reservation::{Payment, Performance, Reservation, State};
use domain::returns::Returned;
use domain::stock::Allocation;
use domain::wallet::{EntryKind, LedgerEntry, Purchase, Wallet};

/// A reservation of tickets to be made.
#[derive(Clone, Debug)]
pub struct TicketRequest<'a> {
    pub user_id: UserId,
    pub event: &'a Event,
    pub performance: Performance,
    pub quantity: u32,
    pub fees: ReservedFees,
    /// With the fees.
    pub total_price: Money,
    /// The session that reserves. It ends with the reservation.
    pub session: SessionKey,
    /// The wallet before and after the payment. `None` if the tickets are free.
    pub wallet: Option<(Wallet, Wallet)>,
    /// An ended reservation at the same key; it is moved to the archive.
    pub replaced: Option<Reservation>,
    pub allocations: Vec<Allocation>,
}

/// Why the tickets were not reserved, read from the items whose conditions failed.
#[derive(Debug, Default)]
pub struct TicketConflict {
    /// The user's existing reservation for the event.
    pub reservation: Option<Reservation>,
    /// Set if the session does not allow reserving. The inner value is `None` if there is no
    /// session.
    pub session: Option<Option<Session>>,
    /// The wallet has changed since it was read.
    pub wallet_changed: bool,
    /// A shard no longer has enough tickets.
    pub out_of_stock: bool,
}

/// [`TicketRequest::conflict`] depends on this order: reservation, session, stock, payment.
fn reserve_writes(
    request: &TicketRequest<'_>,
    reservation: &Reservation,
    now: EpochMs,
) -> Vec<Write> {
    let user = request.user_id;
    let mut writes = vec![
        put_reservation(reservation, request.replaced.as_ref()),
        use_session(&request.session, TokenEndsOn::Hold, now, now),
    ];
    let event = &request.event.event_id;
    writes.extend(
        request
            .allocations
            .iter()
            .map(|allocation| take_stock(event, *allocation, reservation.ticket_price())),
    );
    if let (
        Some((before, after)),
        State::Confirmed {
            payment: Some(payment),
        },
    ) = (request.wallet, &reservation.state)
    {
        let entry = LedgerEntry {
            entry_id: payment.payment_id,
            kind: EntryKind::Payment,
            amount: -payment.amount,
            balance_after: after.balance,
            purchase: Some(Purchase::of(reservation)),
            withdrawal_id: None,
            at: now,
        };
        let step = Step { to: after, entry };
        writes.extend(wallets::change(user, before, &[step]));
    }
    writes.extend(request.replaced.as_ref().map(archive));
    writes
}

impl TicketRequest<'_> {
    fn reservation(&self, now: EpochMs) -> Reservation {
        let payment = self.wallet.map(|(_, after)| Payment {
            payment_id: EntryId::new(now),
            amount: self.total_price,
            balance_after: after.balance,
            paid_at: now,
        });
        Reservation {
            reservation_id: ReservationId::new(self.event.event_id.clone(), None, now),
            user_id: self.user_id,
            event_name: self.event.terms.name.clone(),
            performance: self.performance.clone(),
            seats: Vec::new(),
            quantity: self.quantity,
            seat_limit: self.event.terms.max_seats_per_user,
            fees: self.fees,
            tax_rate: self.event.terms.tax_rate,
            total_price: self.total_price,
            state: State::Confirmed { payment },
            returned: Returned::default(),
            charge_id: None,
            stock: self.allocations.clone(),
            lane: self.session.lane,
            rank: self.session.rank,
            created_at: now,
            modified_at: now,
        }
    }

    fn conflict(&self, verdicts: Vec<Verdict>) -> Result<TicketConflict> {
        let mut conflict = TicketConflict::default();
        for (index, verdict) in verdicts.into_iter().enumerate() {
            let Verdict::Refused(item) = verdict else {
                continue;
            };
            match index {
                0 => conflict.reservation = item.map(read_reservation).transpose()?,
                1 => conflict.session = Some(item.map(read_session).transpose()?),
                _ if index < 2 + self.allocations.len() => conflict.out_of_stock = true,
                _ => conflict.wallet_changed = true,
            }
        }
        Ok(conflict)
    }
}

impl Store {
    /// Reserves tickets: writes stock, reservation and session, and for paid tickets wallet and
    /// ledger, in one transaction.
    pub async fn reserve_tickets(
        &self,
        request: &TicketRequest<'_>,
    ) -> Result<std::result::Result<Reservation, TicketConflict>> {
        let result = self
            .transact(|now| {
                let reservation = request.reservation(now);
                (reserve_writes(request, &reservation, now), reservation)
            })
            .await;
        match result {
            Ok(reservation) => Ok(Ok(reservation)),
            Err(TransactionError::Store(error)) => Err(error),
            Err(TransactionError::Refused(verdicts)) => request.conflict(verdicts).map(Err),
        }
    }
}
