//! Reservations: the transactions that hold, sell and release seats, and what has become of them.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::client::{Consistency, Query, Store};
use super::error::{Result, StoreError};
use super::expression::{IntoAttribute, Key, Write};
use super::item::{Item, read_item, write_item};
use super::queue::{SessionKey, end_session, read_session, session_ttl};
use super::refused::{TransactionError, Verdict};
use super::stock::return_stock;
use super::{keys, seats, wallets};
use domain::clock::EpochMs;
use domain::event::Event;
use domain::ids::{DateKey, EntryId, EventId, Lane, Rank, ReservationId, SeatNumber, UserId};
use domain::money::Money;
use domain::queue::{Session, TokenEndsOn};
use domain::reservation::{Payment, Reservation, ReservedSeat, State};
use domain::seats::Claim;
use domain::stock::Take;
use domain::wallet::{EntryKind, LedgerEntry, Wallet};

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum StoredStatus {
    Held,
    Confirmed,
    Cancelled,
}

/// A reservation as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReservationRecord {
    reservation_id: ReservationId,
    user_id: UserId,
    event_name: String,
    seats: Vec<ReservedSeat>,
    quantity: u32,
    total_price: Money,
    status: StoredStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_until: Option<EpochMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment: Option<Payment>,
    /// There from the beginning, so that every image of the stream has it.
    #[serde(default)]
    refunded: Money,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stock: Vec<Take>,
    lane: Lane,
    rank: Rank,
    created_at: EpochMs,
    modified_at: EpochMs,
    // What the key and the id say, in words for those who read the table's stream (docs/EVENTS.md). Never read here.
    #[serde(skip_deserializing)]
    event_id: String,
    /// Empty for general admission.
    #[serde(skip_deserializing)]
    date: String,
    #[serde(skip_deserializing)]
    change: StateRecord,
}

/// What has become of a reservation by the write that stored it so.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum StateRecord {
    #[default]
    Held,
    /// Paid, or free of charge.
    Confirmed,
    /// A hold was given up.
    Released,
    /// What had been confirmed was given back.
    Cancelled,
}

impl From<&Reservation> for StateRecord {
    fn from(reservation: &Reservation) -> Self {
        match &reservation.state {
            State::Held { .. } => Self::Held,
            State::Confirmed { .. } => Self::Confirmed,
            // General admission is confirmed at once; of seats, what was confirmed was paid, be it with nothing.
            State::Cancelled { payment: None, .. } if reservation.date().is_some() => {
                Self::Released
            }
            State::Cancelled { .. } => Self::Cancelled,
        }
    }
}

impl From<Reservation> for ReservationRecord {
    fn from(r: Reservation) -> Self {
        let event_id = r.event_id().to_string();
        let date = r.date().map(|date| date.to_string()).unwrap_or_default();
        let change = StateRecord::from(&r);
        let (status, held_until, payment, refunded) = match r.state {
            State::Held { held_until } => (StoredStatus::Held, Some(held_until), None, Money::ZERO),
            State::Confirmed { payment } => (StoredStatus::Confirmed, None, payment, Money::ZERO),
            State::Cancelled { payment, refunded } => {
                (StoredStatus::Cancelled, None, payment, refunded)
            }
        };
        Self {
            reservation_id: r.reservation_id,
            user_id: r.user_id,
            event_name: r.event_name,
            seats: r.seats,
            quantity: r.quantity,
            total_price: r.total_price,
            status,
            held_until,
            payment,
            refunded,
            stock: r.stock,
            lane: r.lane,
            rank: r.rank,
            created_at: r.created_at,
            modified_at: r.modified_at,
            event_id,
            date,
            change,
        }
    }
}

impl TryFrom<ReservationRecord> for Reservation {
    type Error = StoreError;
    fn try_from(r: ReservationRecord) -> Result<Self> {
        let state = match r.status {
            StoredStatus::Held => State::Held {
                held_until: r
                    .held_until
                    .ok_or_else(|| StoreError::Unreadable("a hold without an end".to_owned()))?,
            },
            StoredStatus::Confirmed => State::Confirmed { payment: r.payment },
            StoredStatus::Cancelled => State::Cancelled {
                payment: r.payment,
                refunded: r.refunded,
            },
        };
        Ok(Self {
            reservation_id: r.reservation_id,
            user_id: r.user_id,
            event_name: r.event_name,
            seats: r.seats,
            quantity: r.quantity,
            total_price: r.total_price,
            state,
            stock: r.stock,
            lane: r.lane,
            rank: r.rank,
            created_at: r.created_at,
            modified_at: r.modified_at,
        })
    }
}

pub(super) fn read_reservation(item: Item) -> Result<Reservation> {
    read_item::<ReservationRecord>(item)?.try_into()
}

pub(super) fn write_reservation(reservation: &Reservation) -> Item {
    write_item(&ReservationRecord::from(reservation.clone()))
}

/// A hold to be made: what the reservation will say, but for its times and id.
#[derive(Clone, Debug)]
pub struct HoldRequest<'a> {
    pub user_id: UserId,
    pub event: &'a Event,
    pub date: DateKey,
    pub seats: Vec<ReservedSeat>,
    /// The session that holds.
    pub place: SessionKey,
}

/// What stood in a hold's way. The reasons are read from the items that refused.
#[derive(Debug, Default)]
pub struct HoldConflict {
    /// The user's reservation for the date.
    pub reservation: Option<Reservation>,
    /// The session, where it does not let its owner hold (any more, or yet); none inside where there is no session.
    pub session: Option<Option<Session>>,
    /// The first seat that is somebody's, and its claim.
    pub seat: Option<(SeatNumber, Option<Claim>)>,
}

/// Why a transaction on a reservation was not made.
#[derive(Debug)]
pub enum TransactionLost {
    /// Something it counts on has changed since it was read.
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

fn reservation_key(reservation: &Reservation) -> Key {
    keys::reservation(
        reservation.user_id,
        reservation.event_id(),
        reservation.date(),
    )
}

/// Puts the reservation in the place of an ended one that has been archived, or of none. The ended one must be what
/// was archived: the same, and ended still.
pub(super) fn put_reservation(reservation: &Reservation, replaced: Option<&Reservation>) -> Write {
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

/// The session's end becomes the hold's: an unpaid hold and its token end together. Or the session ends with the hold,
/// where that is the turn. Only a living session may hold, and only until `holdBy`, so that holding again and again
/// prolongs nothing.
pub(super) fn use_session(
    place: &SessionKey,
    ends_on: TokenEndsOn,
    held_until: EpochMs,
    now: EpochMs,
) -> Write {
    let write = match ends_on {
        TokenEndsOn::Hold => end_session(place, now),
        TokenEndsOn::Payment => {
            let key = keys::session(&place.event_id, place.lane, place.rank);
            Write::update(key, "SET #expiresAt = :end, #ttl = :ttl")
                .bind(":end", held_until)
                .bind(":ttl", session_ttl(held_until))
        }
    };
    write
        .when("#state = :live AND #expiresAt > :now AND #holdBy > :now")
        .bind(":live", "LIVE")
        .bind(":now", now)
}

/// Replaces a reservation by its next state, on condition that it is what was read, and (where it is a hold)
/// lives.
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
        // Cancelled is the end.
        State::Cancelled { .. } => put.when("#reservationId = :id AND attribute_not_exists(#pk)"),
    }
}

fn seat_key(reservation: &Reservation, seat: &ReservedSeat) -> Option<Key> {
    Some(keys::seat(
        reservation.event_id(),
        reservation.date()?,
        &seat.section,
        seat.seat_number,
    ))
}

fn hold_writes(
    reservation: &Reservation,
    replaced: Option<&Reservation>,
    session: (&SessionKey, TokenEndsOn),
    held_until: EpochMs,
    now: EpochMs,
) -> Vec<Write> {
    let id = &reservation.reservation_id;
    let user = reservation.user_id;
    let mut writes = vec![
        put_reservation(reservation, replaced),
        use_session(session.0, session.1, held_until, now),
    ];
    writes.extend(
        reservation
            .seats
            .iter()
            .filter_map(|seat| seat_key(reservation, seat))
            .map(|key| seats::hold_claim(key, user, id, held_until, now)),
    );
    writes.extend(replaced.map(archive));
    writes
}

fn pay_writes(from: &Reservation, paid: &Paid, now: EpochMs) -> Vec<Write> {
    let id = &from.reservation_id;
    let user = from.user_id;
    let place = SessionKey {
        event_id: from.event_id().clone(),
        lane: from.lane,
        rank: from.rank,
    };
    let mut writes = vec![
        advance(from, &paid.reservation, now),
        wallets::change_wallet(user, paid.wallet_before, paid.wallet_after),
        wallets::put_entry(user, paid.wallet_after.seq, &paid.entry),
        end_session(&place, now),
    ];
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
    refund: Option<&Refund>,
    now: EpochMs,
) -> Vec<Write> {
    let mut writes = vec![advance(from, to, now)];
    writes.extend(
        from.seats
            .iter()
            .filter_map(|seat| seat_key(from, seat))
            .map(|key| seats::release_claim(key, &from.reservation_id)),
    );
    writes.extend(
        from.stock
            .iter()
            .map(|take| return_stock(from.event_id(), *take)),
    );
    if let Some(refund) = refund {
        writes.push(wallets::change_wallet(
            from.user_id,
            refund.wallet_before,
            refund.wallet_after,
        ));
        writes.push(wallets::put_entry(
            from.user_id,
            refund.wallet_after.seq,
            &refund.entry,
        ));
    }
    writes
}

/// A payment about to be made.
struct Paid {
    reservation: Reservation,
    wallet_before: Wallet,
    wallet_after: Wallet,
    entry: LedgerEntry,
}

/// A refund about to be made.
struct Refund {
    wallet_before: Wallet,
    wallet_after: Wallet,
    entry: LedgerEntry,
}

impl Store {
    /// Holds seats: every claim, the reservation and the session's new end in one transaction. `replaced` is an
    /// ended reservation in the new one's place, which is archived.
    pub async fn hold(
        &self,
        request: &HoldRequest<'_>,
        replaced: Option<&Reservation>,
    ) -> Result<std::result::Result<Reservation, HoldConflict>> {
        let made = std::sync::Mutex::new(None);
        let result = self
            .transact(|now| {
                let held_until = now.plus_seconds(request.event.terms.hold_seconds);
                let reservation = request.reservation(now, held_until);
                let session = (&request.place, request.event.terms.queue.token_ends_on);
                let writes = hold_writes(&reservation, replaced, session, held_until, now);
                if let Ok(mut made) = made.lock() {
                    *made = Some(reservation);
                }
                writes
            })
            .await;
        match result {
            Ok(()) => made
                .into_inner()
                .ok()
                .flatten()
                .map(Ok)
                .ok_or(StoreError::Conflict),
            Err(TransactionError::Store(error)) => Err(error),
            Err(TransactionError::Refused(verdicts)) => request.conflict(verdicts).map(Err),
        }
    }

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

    /// A user's reservation by its id, wherever it is by now.
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

    /// A reservation that ended and was followed by another.
    pub async fn archived(&self, user: UserId, id: &ReservationId) -> Result<Option<Reservation>> {
        let record: Option<ReservationRecord> = self
            .get(&keys::archive(user, id), Consistency::Strong)
            .await?;
        record.map(Reservation::try_from).transpose()
    }

    /// Sells what the reservation holds: wallet, ledger, seats, reservation and session in one transaction.
    pub async fn pay(
        &self,
        held: &Reservation,
        wallet: Wallet,
        wallet_after: Wallet,
        now: EpochMs,
    ) -> std::result::Result<Payment, TransactionLost> {
        let payment = Payment {
            payment_id: EntryId::new(now),
            amount: held.total_price,
            balance_after: wallet_after.balance,
            paid_at: now,
        };
        let paid = Paid {
            reservation: Reservation {
                state: State::Confirmed {
                    payment: Some(payment.clone()),
                },
                modified_at: now,
                ..held.clone()
            },
            wallet_before: wallet,
            wallet_after,
            entry: LedgerEntry {
                entry_id: payment.payment_id,
                kind: EntryKind::Payment,
                amount: -held.total_price,
                balance_after: wallet_after.balance,
                reservation_id: Some(held.reservation_id.clone()),
                at: now,
            },
        };
        self.transact(|now| pay_writes(held, &paid, now)).await?;
        Ok(payment)
    }

    /// Cancels: the seats are free again at once, and what was paid is back in the wallet, in one transaction.
    /// `wallet` is needed where something was paid.
    pub async fn cancel(
        &self,
        reservation: &Reservation,
        wallet: Option<Wallet>,
        now: EpochMs,
    ) -> std::result::Result<Reservation, TransactionLost> {
        let payment = match &reservation.state {
            State::Confirmed { payment } => payment.clone(),
            State::Held { .. } | State::Cancelled { .. } => None,
        };
        let refunded = payment.as_ref().map_or(Money::ZERO, |p| p.amount);
        let refund = wallet.map(|wallet_before| {
            let wallet_after = wallet_before.refunded(refunded);
            Refund {
                wallet_before,
                wallet_after,
                entry: LedgerEntry {
                    entry_id: EntryId::new(now),
                    kind: EntryKind::Refund,
                    amount: refunded,
                    balance_after: wallet_after.balance,
                    reservation_id: Some(reservation.reservation_id.clone()),
                    at: now,
                },
            }
        });
        let cancelled = Reservation {
            state: State::Cancelled { payment, refunded },
            modified_at: now,
            ..reservation.clone()
        };
        self.transact(|now| cancel_writes(reservation, &cancelled, refund.as_ref(), now))
            .await?;
        Ok(cancelled)
    }

    /// Every reservation there is or was for an event, in no order. Reads the whole table.
    pub async fn reservations_of(
        &self,
        event: &EventId,
        mut each: impl FnMut(Reservation),
    ) -> Result<()> {
        let mut start = None;
        loop {
            let page = self
                .client
                .scan()
                .table_name(&self.tables.main)
                .filter_expression("begins_with(#sk, :current) OR begins_with(#sk, :archived)")
                .expression_attribute_names("#sk", "sk")
                .expression_attribute_values(":current", keys::RESERVATION_PREFIX.into_attribute())
                .expression_attribute_values(":archived", keys::ARCHIVE_PREFIX.into_attribute())
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(super::error::store_error)?;
            for item in page.items.unwrap_or_default() {
                let reservation = read_reservation(item)?;
                if reservation.event_id() == event {
                    each(reservation);
                }
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(());
            }
        }
    }

    /// A user's current reservations: one for a date at most.
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

    /// Ended reservations that others have followed, newest first: those before `before` (when it was made, and
    /// its id), at most `limit`.
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
        // One more, for `before` itself is within the bounds.
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

impl HoldRequest<'_> {
    fn reservation(&self, now: EpochMs, held_until: EpochMs) -> Reservation {
        Reservation {
            reservation_id: ReservationId::new(self.event.event_id.clone(), Some(self.date), now),
            user_id: self.user_id,
            event_name: self.event.terms.name.clone(),
            seats: self.seats.clone(),
            quantity: u32::try_from(self.seats.len()).unwrap_or(u32::MAX),
            total_price: self.seats.iter().map(|seat| seat.price).sum(),
            state: State::Held { held_until },
            stock: Vec::new(),
            lane: self.place.lane,
            rank: self.place.rank,
            created_at: now,
            modified_at: now,
        }
    }

    /// Reads the refusals in the order in which [`hold_writes`] made the writes.
    fn conflict(&self, verdicts: Vec<Verdict>) -> Result<HoldConflict> {
        let mut conflict = HoldConflict::default();
        for (index, verdict) in verdicts.into_iter().enumerate() {
            let Verdict::Refused(item) = verdict else {
                continue;
            };
            match index {
                0 => conflict.reservation = item.map(read_reservation).transpose()?,
                1 => conflict.session = Some(item.map(read_session).transpose()?),
                _ => {
                    if let (None, Some(seat)) = (&conflict.seat, self.seats.get(index - 2)) {
                        let claim = item.map(seats::read_claim).transpose()?;
                        conflict.seat = Some((seat.seat_number, claim));
                    }
                }
            }
        }
        Ok(conflict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::event::{Admission, Terms};
    use domain::ids::EventId;
    use domain::money::Currency;
    use domain::queue::{Control, QueuePolicy};

    fn event() -> Event {
        Event {
            event_id: EventId::parse("winter-live").unwrap(),
            terms: Terms {
                name: "Winter Live".to_owned(),
                venue: "Olympic Hall".to_owned(),
                admission: Admission::Seated,
                currency: Currency::try_from("KRW".to_owned()).unwrap(),
                max_seats_per_user: 1,
                hold_seconds: 300,
                cancel_until_hours: 24,
                opens_at: None,
                closes_at: None,
                last_start: None,
                queue: QueuePolicy::default(),
                beacon: None,
            },
            control: Control::default(),
            first_applied_at: EpochMs(0),
        }
    }

    #[test]
    fn every_placeholder_is_bound() {
        let at = EpochMs(1_000_000);
        let event = event();
        let place = SessionKey {
            event_id: EventId::parse("winter-live").unwrap(),
            lane: Lane::FIRST,
            rank: Rank(3),
        };
        let request = HoldRequest {
            user_id: UserId::random(),
            event: &event,
            date: DateKey::parse("2026-12-24").unwrap(),
            seats: vec![ReservedSeat {
                seat_number: SeatNumber(1),
                section: "R".to_owned(),
                price: Money(5),
            }],
            place: place.clone(),
        };
        let held = request.reservation(at, at.plus_seconds(300));
        let confirmed = Reservation {
            state: State::Confirmed { payment: None },
            ..held.clone()
        };
        let entry = || LedgerEntry {
            entry_id: EntryId::new(at),
            kind: EntryKind::Payment,
            amount: Money(-5),
            balance_after: Money(0),
            reservation_id: None,
            at,
        };
        let wallet = |seq| Wallet {
            balance: Money(5),
            seq,
        };
        let paid = Paid {
            reservation: confirmed.clone(),
            wallet_before: wallet(1),
            wallet_after: wallet(2),
            entry: entry(),
        };
        let refund = Refund {
            wallet_before: wallet(2),
            wallet_after: wallet(3),
            entry: entry(),
        };
        let writes = [
            hold_writes(&held, None, (&place, TokenEndsOn::Payment), at, at),
            hold_writes(&held, Some(&confirmed), (&place, TokenEndsOn::Hold), at, at),
            pay_writes(&held, &paid, at),
            cancel_writes(&held, &confirmed, None, at),
            cancel_writes(&confirmed, &confirmed, Some(&refund), at),
        ];
        for write in writes.iter().flatten() {
            write.check().unwrap();
        }
    }
}
