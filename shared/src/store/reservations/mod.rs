//! Reservations: the transactions that hold, sell and release seats and tickets, and the reads.

mod checkout;
mod hold;
mod record;
mod settle;
mod tickets;

pub use checkout::HoldExtension;
pub use hold::{FormerHolds, HoldConflict, HoldRequest};
pub use settle::{GivenBack, TransactionLost};
pub use tickets::{TicketConflict, TicketRequest};

pub(super) use checkout::extend_writes;
pub(super) use record::read_reservation;

use aws_sdk_dynamodb::types::AttributeValue;

use super::client::{Consistency, Query, Store};
use super::error::Result;
use super::expression::{IntoAttribute, Key, Write};
use super::keys;
use super::queue::{SessionKey, end_session, session_ttl};
use domain::clock::EpochMs;
use domain::ids::{DateKey, EventId, ReservationId, UserId};
use domain::queue::TokenEndsOn;
use domain::reservation::{Reservation, ReservedSeat};
use domain::seats::MOST_HOLDS_PER_SESSION;
use domain::wallet::Wallet;
use record::{ReservationRecord, write_reservation};

fn reservation_key(reservation: &Reservation) -> Key {
    keys::reservation(
        reservation.user_id,
        reservation.event_id(),
        reservation.date(),
    )
}

/// Writes the reservation, either at an unused key or over an ended reservation that the same
/// transaction archives. The condition makes sure that the replaced item is the one that was read.
fn put_reservation(reservation: &Reservation, replaced: Option<&Reservation>) -> Write {
    let put = Write::put(reservation_key(reservation), write_reservation(reservation));
    match replaced {
        None => put.when_absent(),
        Some(ended) => put
            .when("#reservationId = :ended AND #modifiedAt = :modified")
            .bind(":ended", &ended.reservation_id)
            .bind(":modified", ended.modified_at),
    }
}

fn archive(ended: &Reservation) -> Write {
    let key = keys::archive(ended.user_id, &ended.reservation_id);
    Write::put(key, write_reservation(ended))
}

fn seat_key(reservation: &Reservation, seat: &ReservedSeat) -> Option<Key> {
    Some(keys::seat(
        reservation.event_id(),
        reservation.date()?,
        &seat.section,
        seat.seat_number,
    ))
}

/// Uses the session for a hold. If the event's sessions end on payment, the session now ends
/// together with the hold, and counts it. If they end on hold, it ends at once. Only a live session
/// may hold, only until `holdBy`, so repeated holds do not extend a session, and only a limited
/// number of times.
fn use_session(
    session: &SessionKey,
    ends_on: TokenEndsOn,
    held_until: EpochMs,
    now: EpochMs,
) -> Write {
    const LIVE: &str = "#state = :live AND #expiresAt > :now AND #holdBy > :now";
    let write = match ends_on {
        TokenEndsOn::Hold => end_session(session, now).when(LIVE),
        TokenEndsOn::Payment => {
            let key = keys::session(&session.event_id, session.lane, session.rank);
            Write::update(
                key,
                "SET #expiresAt = :end, #ttl = :ttl, #holds = if_not_exists(#holds, :none) + :one",
            )
            .when(format!(
                "{LIVE} AND (attribute_not_exists(#holds) OR #holds < :most)"
            ))
            .bind(":end", held_until)
            .bind(":ttl", session_ttl(held_until))
            .bind(":none", 0_u32)
            .bind(":one", 1_u32)
            .bind(":most", MOST_HOLDS_PER_SESSION)
        }
    };
    write.bind(":live", "LIVE").bind(":now", now)
}

impl Store {
    /// The user's reservation for an event and date, if there is one.
    pub async fn reservation_for(
        &self,
        user: UserId,
        event: &EventId,
        date: Option<DateKey>,
    ) -> Result<Option<Reservation>> {
        let key = keys::reservation(user, event, date);
        let record: Option<ReservationRecord> = self.get(&key, Consistency::Strong).await?;
        record.map(Reservation::try_from).transpose()
    }

    /// The user's reservation for an event and date, and the user's wallet, in one call.
    pub async fn reservation_and_wallet(
        &self,
        user: UserId,
        event: &EventId,
        date: Option<DateKey>,
    ) -> Result<(Option<Reservation>, Wallet)> {
        let key = keys::reservation(user, event, date);
        let (record, wallet): (Option<ReservationRecord>, Option<Wallet>) =
            self.get_both(key, keys::wallet(user)).await?;
        let reservation = record.map(Reservation::try_from).transpose()?;
        Ok((reservation, wallet.unwrap_or_default()))
    }

    /// A user's reservation by its id, whether current or archived.
    pub async fn reservation(
        &self,
        user: UserId,
        id: &ReservationId,
    ) -> Result<Option<Reservation>> {
        let current = self
            .reservation_for(user, id.event_id(), id.date())
            .await?
            .filter(|reservation| reservation.reservation_id == *id);
        match current {
            Some(current) => Ok(Some(current)),
            None => self.archived(user, id).await,
        }
    }

    /// An ended reservation that a later one has replaced.
    pub async fn archived(&self, user: UserId, id: &ReservationId) -> Result<Option<Reservation>> {
        let record: Option<ReservationRecord> = self
            .get(&keys::archive(user, id), Consistency::Strong)
            .await?;
        record.map(Reservation::try_from).transpose()
    }

    /// A user's current reservations: at most one per date.
    pub async fn current_reservations(&self, user: UserId) -> Result<Vec<Reservation>> {
        let query = Query::new(
            "#pk = :pk AND begins_with(#sk, :prefix)",
            [
                (":pk", keys::user_pk(user).into_attribute()),
                (":prefix", keys::RESERVATION_PREFIX.into_attribute()),
            ],
        )
        .consistency(Consistency::Strong);
        self.query_all(&query)
            .await?
            .into_iter()
            .map(read_reservation)
            .collect()
    }

    /// A user's archived reservations, newest first: at most `limit` of those before `before` (its
    /// creation time and id).
    pub async fn archived_reservations(
        &self,
        user: UserId,
        before: Option<&(EpochMs, String)>,
        limit: usize,
    ) -> Result<Vec<Reservation>> {
        let last = match before {
            Some((at, id)) => keys::archive_sk(*at, id),
            None => format!("{}~", keys::ARCHIVE_PREFIX),
        };
        let mut query = Query::new(
            "#pk = :pk AND #sk BETWEEN :first AND :last",
            [
                (":pk", keys::user_pk(user).into_attribute()),
                (":first", keys::ARCHIVE_PREFIX.into_attribute()),
                (":last", AttributeValue::S(last.clone())),
            ],
        )
        .consistency(Consistency::Strong);
        query.ascending = false;
        // One more, because the range includes `before` itself.
        query.limit = i32::try_from(limit + 1).ok();
        let page = self.query(&query, None).await?;
        page.items
            .into_iter()
            .filter(|item| item.get("sk").and_then(|sk| sk.as_s().ok()) != Some(&last))
            .take(limit)
            .map(read_reservation)
            .collect()
    }
}
