//! A hold in checkout: its extension, and its payment after it has lapsed.

use super::record::write_reservation;
use super::settle::{Paid, TransactionLost};
use super::{reservation_key, seat_key};
use crate::store::client::Store;
use crate::store::expression::Write;
use crate::store::queue::{SessionKey, end_session, extend_session};
use crate::store::seats;
use domain::clock::EpochMs;
use domain::reservation::{Payment, Reservation};
use domain::wallet::Wallet;

/// A hold whose checkout is begun.
#[derive(Clone, Debug)]
pub struct HoldExtension {
    pub from: Reservation,
    pub to: Reservation,
    /// The session that ends with the hold, and its end when it was read.
    pub session: Option<(SessionKey, EpochMs)>,
    /// For how long after the hold others come first.
    pub cool_off_seconds: u32,
}

/// The writes that extend a hold: reservation, claims and session. Each must be as it was read, and
/// must not have lapsed.
pub(in crate::store) fn extend_writes(hold: &HoldExtension, now: EpochMs) -> Vec<Write> {
    let (from, to) = (&hold.from, &hold.to);
    let id = &from.reservation_id;
    let mut writes = vec![
        Write::put(reservation_key(from), write_reservation(to))
            .when(
                "#reservationId = :id AND #status = :held AND #heldUntil > :now \
                 AND #modifiedAt = :modified",
            )
            .bind(":id", id)
            .bind(":held", "HELD")
            .bind(":now", now)
            .bind(":modified", from.modified_at),
    ];
    let Some(end) = to.held_until().filter(|_| to.state != from.state) else {
        return writes;
    };
    writes.extend(
        from.seats
            .iter()
            .filter_map(|seat| Some((seat_key(from, seat)?, seat)))
            .map(|(key, seat)| {
                let cool_off = seat.channel.is_none().then_some(hold.cool_off_seconds);
                seats::extend_claim(key, id, end, cool_off, now)
            }),
    );
    writes.extend(
        hold.session
            .as_ref()
            .map(|(session, former)| extend_session(session, *former, end)),
    );
    writes
}

/// The writes of a payment after the hold has lapsed. The seats must still be free.
fn pay_late_writes(from: &Reservation, paid: &Paid, now: EpochMs) -> Vec<Write> {
    let session = SessionKey::of(from);
    let mut writes = vec![
        Write::put(reservation_key(from), write_reservation(&paid.reservation))
            .when("#reservationId = :id AND #status = :held")
            .bind(":id", &from.reservation_id)
            .bind(":held", "HELD"),
    ];
    writes.extend(paid.wallet_writes(from.user_id));
    writes.push(end_session(&session, now));
    writes.extend(from.seats.iter().filter_map(|seat| {
        let key = seat_key(from, seat)?;
        if seat.channel.is_some() {
            return Some(seats::sell_lapsed_claim(key, &from.reservation_id));
        }
        Some(seats::sell_free_claim(
            key,
            from.user_id,
            &from.reservation_id,
            seat.price,
            now,
        ))
    }));
    writes
}

impl Store {
    /// Pays a hold that has lapsed, if all its seats are still free: one transaction, like
    /// [`Store::pay`].
    pub async fn pay_late(
        &self,
        lapsed: &Reservation,
        wallet: Wallet,
        wallet_after: Wallet,
    ) -> std::result::Result<Payment, TransactionLost> {
        let made = self.transact(|now| {
            let paid = Paid::of(lapsed, wallet, wallet_after, now);
            (pay_late_writes(lapsed, &paid, now), paid.payment)
        });
        Ok(made.await?)
    }
}
