//! The queue's items: heads, sessions, entries in line.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::client::{Consistency, Query, Returning, Store};
use super::error::{Result, StoreError};
use super::expression::{IntoAttribute, Write};
use super::item::{Item, read_item, write_item};
use super::keys;
use super::refused::{TransactionError, Verdict, WriteError};
use crate::metrics::Count;
use domain::clock::EpochMs;
use domain::event::Event;
use domain::ids::{EventId, Lane, Rank, UserId};
use domain::queue::{
    BatchWindow, Draw, Head, Order, PROMOTION_INTERVAL_MS, QueueEntry, Rate, SKEW_MS, Session,
    TOMBSTONE_SECONDS, Turnout,
};

/// Whose turn, in which queue: a rank of a lane of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionKey {
    pub event_id: EventId,
    pub lane: Lane,
    pub rank: Rank,
}

/// What came of a called user's arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// Inside, from now on or already.
    Inside { expires_at: EpochMs },
    /// There is no living session at the rank.
    Missed,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum SessionState {
    Open,
    Called,
    Live,
    Ended,
}

/// A session as it is stored; the rank is its sort key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionRecord {
    state: SessionState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<EpochMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold_by: Option<EpochMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
}

impl TryFrom<SessionRecord> for Session {
    type Error = StoreError;
    fn try_from(record: SessionRecord) -> Result<Self> {
        let missing = |field| StoreError::Unreadable(format!("a session without {field}"));
        let expires_at = record.expires_at.ok_or_else(|| missing("expiresAt"));
        Ok(match record.state {
            SessionState::Open => Self::Open,
            SessionState::Called => Self::Called {
                expires_at: expires_at?,
            },
            SessionState::Live => Self::Live {
                user_id: record.user_id.ok_or_else(|| missing("userId"))?,
                expires_at: expires_at?,
                hold_by: record.hold_by.ok_or_else(|| missing("holdBy"))?,
            },
            // Who had come left a name.
            SessionState::Ended => Self::Ended {
                arrived: record.user_id.is_some(),
            },
        })
    }
}

pub(super) fn read_session(item: Item) -> Result<Session> {
    read_item::<SessionRecord>(item)?.try_into()
}

/// A session's item is swept a day after it ends.
pub(super) fn session_ttl(ends_at: EpochMs) -> i64 {
    ends_at.plus_seconds(TOMBSTONE_SECONDS).ttl_seconds()
}

/// Ends a session, whatever state it is in, so that its rank is never called (again).
pub(super) fn end_session(place: &SessionKey, keep_until: EpochMs) -> Write {
    let key = keys::session(&place.event_id, place.lane, place.rank);
    Write::update(key, "SET #state = :ended, #ttl = :ttl")
        .bind(":ended", "ENDED")
        .bind(":ttl", session_ttl(keep_until))
}

fn claim_promotion(event: &EventId, lane: Lane, now: EpochMs) -> Write {
    // A claim from the future was written by a clock that runs ahead; it must not stop the others.
    Write::update(keys::promotion_claim(event, lane), "SET #beganAt = :now")
        .when("attribute_not_exists(#pk) OR #beganAt <= :before OR #beganAt > :skewed")
        .bind(":now", now)
        .bind(":before", now.plus_ms(-PROMOTION_INTERVAL_MS))
        .bind(":skewed", now.plus_ms(SKEW_MS))
}

/// A number after the opening of a queue that draws fixes how many take part in the draw: those before it.
fn take_number(event: &EventId, lane: Lane, fixes_draw: bool) -> Write {
    let update = if fixes_draw {
        "SET #draw.#count = if_not_exists(#draw.#count, #issued) ADD #issued :one"
    } else {
        "ADD #issued :one"
    };
    let exists = if fixes_draw {
        "attribute_exists(#draw)"
    } else {
        "attribute_exists(#pk)"
    };
    Write::update(keys::head(event, lane), update)
        .when(exists)
        .bind(":one", 1_u64)
}

/// The opening: who has a number by now takes part in the draw.
fn fix_draw(event: &EventId, lane: Lane) -> Write {
    let update = "SET #draw.#count = if_not_exists(#draw.#count, #issued)";
    Write::update(keys::head(event, lane), update).when("attribute_exists(#draw)")
}

/// A head for a lane that nobody has joined.
fn prepare_lane(event: &EventId, lane: Lane, draw: Option<Draw>) -> Write {
    let head = Head {
        draw,
        ..Head::default()
    };
    Write::put(keys::head(event, lane), write_item(&head))
        .when("attribute_not_exists(#pk) OR #issued = :none")
        .bind(":none", 0_u64)
}

fn close_lane(event: &EventId, lane: Lane) -> Write {
    Write::delete(keys::head(event, lane))
        .when("attribute_not_exists(#pk) OR #issued = :none")
        .bind(":none", 0_u64)
}

/// Somebody left who has no rank yet.
fn mark_departure(event: &EventId, lane: Lane, number: u64, keep_until: EpochMs) -> Write {
    Write::put(keys::departure(event, lane, number), Item::new()).with_ttl(keep_until)
}

/// The end of a number's turn, now or when it would come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TurnEnd {
    /// Its rank is known.
    At(SessionKey),
    /// It has not drawn yet.
    BeforeDraw {
        event_id: EventId,
        lane: Lane,
        number: u64,
    },
}

pub(super) fn end_turn(end: &TurnEnd, keep_until: EpochMs) -> Write {
    match end {
        TurnEnd::At(place) => end_session(place, keep_until),
        TurnEnd::BeforeDraw {
            event_id,
            lane,
            number,
        } => mark_departure(event_id, *lane, *number, keep_until),
    }
}

fn put_queue_entry(
    user: UserId,
    event: &EventId,
    entry: QueueEntry,
    replaces: Option<u64>,
    keep_until: EpochMs,
) -> Write {
    let put = Write::put(keys::queue_entry(user, event), write_item(&entry)).with_ttl(keep_until);
    match replaces {
        None => put.when_absent(),
        Some(number) => put
            .when("attribute_not_exists(#pk) OR #number = :former")
            .bind(":former", number),
    }
}

fn delete_queue_entry(user: UserId, event: &EventId, number: u64) -> Write {
    Write::delete(keys::queue_entry(user, event))
        .when("#number = :number")
        .bind(":number", number)
}

/// The holder of a called rank comes. The place must still be kept for them: never seen yet (OPEN), or called and
/// awaited (later than `cutoff`, see [`domain::queue::Control::called_cutoff`]).
fn arrive(place: &SessionKey, user: UserId, cutoff: EpochMs, expires_at: EpochMs) -> Write {
    let key = keys::session(&place.event_id, place.lane, place.rank);
    Write::update(
        key,
        "SET #state = :live, #userId = :user, #expiresAt = :end, #holdBy = :end, #ttl = :ttl",
    )
    .when("#state = :open OR (#state = :called AND #expiresAt > :cutoff)")
    .bind(":live", "LIVE")
    .bind(":open", "OPEN")
    .bind(":called", "CALLED")
    .bind(":user", user)
    .bind(":end", expires_at)
    .bind(":cutoff", cutoff)
    .bind(":ttl", session_ttl(expires_at))
}

fn open_session(place: &SessionKey) -> Write {
    let record = SessionRecord {
        state: SessionState::Open,
        expires_at: None,
        hold_by: None,
        user_id: None,
    };
    let key = keys::session(&place.event_id, place.lane, place.rank);
    Write::put(key, write_item(&record)).when_absent()
}

/// The grace of a kept place starts: its number is out, and the watermark has passed it.
fn call(place: &SessionKey, expires_at: EpochMs) -> Write {
    let key = keys::session(&place.event_id, place.lane, place.rank);
    Write::update(key, "SET #state = :called, #expiresAt = :end, #ttl = :ttl")
        .when("#state = :open")
        .bind(":called", "CALLED")
        .bind(":open", "OPEN")
        .bind(":end", expires_at)
        .bind(":ttl", session_ttl(expires_at))
}

/// What a run has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The last rank that was passed.
    pub admitted: u64,
    pub floor: u64,
    pub turnout: Turnout,
    pub batch: Option<BatchWindow>,
    /// Where people are called in batches: the length of one, over which the rate is measured.
    pub batch_seconds: Option<u32>,
}

/// On condition that neither watermark nor floor has moved since the head was read: so the turnout of the ranks that the
/// floor passes is counted once.
fn move_watermark(
    event: &EventId,
    lane: Lane,
    from: &Head,
    to: &Progress,
    rate: Rate,
    now: EpochMs,
) -> Write {
    let mut update = "SET #admitted = :to, #floor = :floor, #promotedAt = :now, #rate = :rate, \
                      #turnout = :turnout"
        .to_owned();
    if to.batch.is_some() {
        update.push_str(", #batch = :batch");
    }
    // Back only over places that nobody has a number for.
    let condition = if to.admitted < from.admitted {
        "#admitted = :from AND #floor = :fromFloor AND #issued <= :to"
    } else {
        "#admitted = :from AND #floor = :fromFloor"
    };
    let write = Write::update(keys::head(event, lane), update)
        .when(condition)
        .bind(":from", from.admitted)
        .bind(":fromFloor", from.floor)
        .bind(":to", to.admitted)
        .bind(":floor", to.floor)
        .bind(":now", now)
        .bind(":rate", AttributeValue::M(write_item(&rate)))
        .bind(":turnout", AttributeValue::M(write_item(&to.turnout)));
    match to.batch {
        Some(batch) => write.bind(":batch", AttributeValue::M(write_item(&batch))),
        None => write,
    }
}

impl Store {
    /// A lane's head; none where there is no such queue.
    pub async fn head(
        &self,
        event: &EventId,
        lane: Lane,
        consistency: Consistency,
    ) -> Result<Option<Head>> {
        self.get(&keys::head(event, lane), consistency).await
    }

    /// A lane's head and the event, in one call.
    pub async fn head_and_event(
        &self,
        event: &EventId,
        lane: Lane,
    ) -> Result<(Option<Head>, Option<Event>)> {
        self.get_both(keys::head(event, lane), keys::event(event))
            .await
    }

    /// Hands out a number: the head after it, whose `issued` is the number. None where there is no such queue.
    pub async fn take_number(&self, event: &Event, lane: Lane) -> Result<Option<Head>> {
        let draws = event.terms.queue.order == Order::Draw;
        self.change_head(|now| take_number(&event.event_id, lane, draws && event.has_opened(now)))
            .await
    }

    /// Fixes how many take part in a lane's draw, if nobody has; the head as it is then. None where nothing is drawn.
    pub async fn fix_draw(&self, event: &EventId, lane: Lane) -> Result<Option<Head>> {
        self.change_head(|_| fix_draw(event, lane)).await
    }

    async fn change_head(&self, change: impl Fn(EpochMs) -> Write) -> Result<Option<Head>> {
        match self.write(Returning::New, change).await {
            Ok(head) => read_item(head).map(Some),
            Err(WriteError::Refused(_)) => Ok(None),
            Err(WriteError::Store(error)) => Err(error),
        }
    }

    /// Makes a lane ready; false where somebody has joined it.
    pub async fn prepare_lane(
        &self,
        event: &EventId,
        lane: Lane,
        draw: Option<Draw>,
    ) -> Result<bool> {
        self.unless_refused(|_| prepare_lane(event, lane, draw))
            .await
    }

    /// Does away with a lane; false where somebody has joined it.
    pub async fn close_lane(&self, event: &EventId, lane: Lane) -> Result<bool> {
        self.unless_refused(|_| close_lane(event, lane)).await
    }

    async fn unless_refused(&self, write: impl Fn(EpochMs) -> Write) -> Result<bool> {
        match self.write(Returning::Nothing, write).await {
            Ok(_) => Ok(true),
            Err(WriteError::Refused(_)) => Ok(false),
            Err(WriteError::Store(error)) => Err(error),
        }
    }

    /// A user's entry in line.
    pub async fn queue_entry(
        &self,
        user: UserId,
        event: &EventId,
        consistency: Consistency,
    ) -> Result<Option<QueueEntry>> {
        self.get(&keys::queue_entry(user, event), consistency).await
    }

    /// Puts the user's entry, where there is none but the one that it replaces. Gives the entry that is in force
    /// afterwards: another where the same user was faster elsewhere.
    pub async fn put_queue_entry(
        &self,
        user: UserId,
        event: &Event,
        entry: QueueEntry,
        replaces: Option<u64>,
    ) -> Result<QueueEntry> {
        let keep_until = event.keep_until(entry.joined_at);
        let put = self
            .write(Returning::Nothing, |_| {
                put_queue_entry(user, &event.event_id, entry, replaces, keep_until)
            })
            .await;
        match put {
            Ok(_) => Ok(entry),
            Err(WriteError::Refused(Some(other))) => read_item(other),
            // Gone between the refusal and its answer: as good as a conflict.
            Err(WriteError::Refused(None)) => Err(StoreError::Conflict),
            Err(WriteError::Store(error)) => Err(error),
        }
    }

    /// Deletes the user's entry if it bears the number.
    pub async fn delete_queue_entry(
        &self,
        user: UserId,
        event: &EventId,
        number: u64,
    ) -> Result<()> {
        done_or_refused(
            self.write(Returning::Nothing, |_| {
                delete_queue_entry(user, event, number)
            })
            .await,
        )
    }

    /// The session at a rank.
    pub async fn session(
        &self,
        place: &SessionKey,
        consistency: Consistency,
    ) -> Result<Option<Session>> {
        let key = keys::session(&place.event_id, place.lane, place.rank);
        let record: Option<SessionRecord> = self.get(&key, consistency).await?;
        record.map(Session::try_from).transpose()
    }

    /// The holder of a called rank comes.
    pub async fn arrive(&self, place: &SessionKey, user: UserId, event: &Event) -> Result<Arrival> {
        let queue = event.queue();
        let expires = |now: EpochMs| now.plus_seconds(queue.session_seconds);
        let arrived = self
            .write(Returning::New, |now| {
                let cutoff = event.control.pause.called_cutoff(now, queue.grace_seconds);
                arrive(place, user, cutoff, expires(now))
            })
            .await;
        if arrived.is_ok() {
            self.metrics.add(Count::Arrivals, 1);
        }
        let item = match arrived {
            Ok(item) | Err(WriteError::Refused(Some(item))) => item,
            Err(WriteError::Refused(None)) => return Ok(Arrival::Missed),
            Err(WriteError::Store(error)) => return Err(error),
        };
        // Refused by a living session: the same user came by another tab, or this is the second try of a
        // write whose answer was lost.
        match read_session(item)? {
            Session::Live { expires_at, .. } if expires_at > self.clock.now() => {
                Ok(Arrival::Inside { expires_at })
            }
            _ => Ok(Arrival::Missed),
        }
    }

    /// Puts the user's entry in place of the one with the number `former`, and ends the former's turn, together. Gives the
    /// entry that is in force afterwards: another where the same user was faster elsewhere.
    pub async fn replace_queue_entry(
        &self,
        user: UserId,
        event: &Event,
        entry: QueueEntry,
        former: u64,
        former_end: &TurnEnd,
    ) -> Result<QueueEntry> {
        let keep_until = event.keep_until(entry.joined_at);
        let replaced = self
            .transact(|_| {
                vec![
                    put_queue_entry(user, &event.event_id, entry, Some(former), keep_until),
                    end_turn(former_end, keep_until),
                ]
            })
            .await;
        match replaced {
            Ok(()) => Ok(entry),
            Err(TransactionError::Refused(verdicts)) => match verdicts.into_iter().next() {
                Some(Verdict::Refused(Some(other))) => read_item(other),
                _ => Err(StoreError::Conflict),
            },
            Err(TransactionError::Store(error)) => Err(error),
        }
    }

    /// Ends a number's turn, or marks it ahead of time so that it is never called.
    pub async fn end_turn(&self, end: &TurnEnd, keep_until: EpochMs) -> Result<()> {
        done_or_refused(
            self.write(Returning::Nothing, |_| end_turn(end, keep_until))
                .await,
        )
    }

    /// Whether the holder of a number left before the draw.
    pub async fn has_departed(&self, event: &EventId, lane: Lane, number: u64) -> Result<bool> {
        let mark: Option<serde::de::IgnoredAny> = self
            .get(&keys::departure(event, lane, number), Consistency::Strong)
            .await?;
        Ok(mark.is_some())
    }

    /// Claims a promotion of a lane; false where one began less than a second ago.
    pub async fn claim_promotion(&self, event: &EventId, lane: Lane) -> Result<bool> {
        self.unless_refused(|now| claim_promotion(event, lane, now))
            .await
    }

    /// The sessions of the ranks in (floor, admitted], in order, as every write before has left them.
    pub async fn sessions(
        &self,
        event: &EventId,
        lane: Lane,
        head: &Head,
    ) -> Result<Vec<(Rank, Session)>> {
        if head.floor >= head.admitted {
            return Ok(Vec::new());
        }
        let query = Query::new(
            "#pk = :pk AND #sk BETWEEN :first AND :last",
            [
                (":pk", keys::sessions_pk(event, lane).into_attribute()),
                (
                    ":first",
                    keys::rank_sk(Rank(head.floor).next()).into_attribute(),
                ),
                (":last", keys::rank_sk(Rank(head.admitted)).into_attribute()),
            ],
        )
        .consistency(Consistency::Strong);
        self.query_all(&query)
            .await?
            .into_iter()
            .map(|item| {
                let rank = item
                    .get("sk")
                    .and_then(|sk| sk.as_s().ok())
                    .and_then(|sk| sk.parse().ok())
                    .map(Rank)
                    .ok_or_else(|| StoreError::Unreadable("a session without rank".to_owned()))?;
                Ok((rank, read_session(item)?))
            })
            .collect()
    }

    /// Keeps a place for a rank. Gives what is there already, if something is.
    pub async fn open_session(&self, place: &SessionKey) -> Result<Option<Session>> {
        match self
            .write(Returning::Nothing, |_| open_session(place))
            .await
        {
            Ok(_) => Ok(None),
            Err(WriteError::Refused(Some(item))) => read_session(item).map(Some),
            Err(WriteError::Refused(None)) => Err(StoreError::Conflict),
            Err(WriteError::Store(error)) => Err(error),
        }
    }

    /// Starts the grace of a place that is still OPEN; any other state stays.
    pub async fn call(&self, place: &SessionKey, grace_seconds: u32) -> Result<()> {
        done_or_refused(
            self.write(Returning::Nothing, |now| {
                call(place, now.plus_seconds(grace_seconds))
            })
            .await,
        )
    }

    /// Moves the watermark from where `head` has it; none where another promotion was faster.
    pub async fn move_watermark(
        &self,
        event: &EventId,
        lane: Lane,
        head: &Head,
        to: &Progress,
    ) -> Result<Option<Head>> {
        self.change_head(|now| {
            let called = head.issued.min(to.admitted);
            let somebody_waits = head.waiting() > 0;
            let rate = Rate::observe(head.rate, now, called, somebody_waits, to.batch_seconds);
            move_watermark(event, lane, head, to, rate, now)
        })
        .await
    }
}

fn done_or_refused(result: std::result::Result<Item, WriteError>) -> Result<()> {
    match result {
        Ok(_) | Err(WriteError::Refused(_)) => Ok(()),
        Err(WriteError::Store(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_bound() {
        let event = EventId::parse("e").unwrap();
        let user = UserId::random();
        let at = EpochMs(1_000_000);
        let place = SessionKey {
            event_id: event.clone(),
            lane: Lane::FIRST,
            rank: Rank(7),
        };
        let entry = QueueEntry {
            lane: Lane::FIRST,
            number: 7,
            joined_at: at,
        };
        let rate = Rate::observe(None, at, 0, false, None);
        let batch = BatchWindow {
            since: at,
            used: 1,
            kept: 0,
        };
        let progress = |batch| Progress {
            admitted: 1,
            floor: 0,
            turnout: Turnout::default(),
            batch,
            batch_seconds: None,
        };
        let before_draw = TurnEnd::BeforeDraw {
            event_id: event.clone(),
            lane: Lane::FIRST,
            number: 7,
        };
        let head = Head::default();
        for write in [
            end_session(&place, at),
            claim_promotion(&event, Lane::FIRST, at),
            take_number(&event, Lane::FIRST, false),
            take_number(&event, Lane::FIRST, true),
            fix_draw(&event, Lane::FIRST),
            prepare_lane(&event, Lane::FIRST, None),
            close_lane(&event, Lane::FIRST),
            end_turn(&before_draw, at),
            put_queue_entry(user, &event, entry, None, at),
            put_queue_entry(user, &event, entry, Some(3), at),
            delete_queue_entry(user, &event, 7),
            arrive(&place, user, at, at),
            open_session(&place),
            call(&place, at),
            move_watermark(&event, Lane::FIRST, &head, &progress(None), rate, at),
            move_watermark(&event, Lane::FIRST, &head, &progress(Some(batch)), rate, at),
        ] {
            write.check().unwrap();
        }
    }
}
