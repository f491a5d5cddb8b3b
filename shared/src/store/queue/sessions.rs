//! Sessions: the items, one per rank, that use slots.

use serde::Deserialize;

use crate::metrics::Count;
use crate::store::client::{Consistency, Query, Returning, Store};
use crate::store::error::{Result, StoreError};
use crate::store::expression::{IntoAttribute, Write};
use crate::store::item::{Item, read_item};
use crate::store::keys;
use crate::store::refused::WriteError;
use domain::clock::EpochMs;
use domain::event::Event;
use domain::ids::{EventId, Lane, Rank, UserId};
use domain::invariants::OpenedSession;
use domain::queue::{Head, Opening, Session, TOMBSTONE_SECONDS};
use domain::reservation::Reservation;

/// Identifies a session: a rank of a lane of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionKey {
    pub event_id: EventId,
    pub lane: Lane,
    pub rank: Rank,
}

impl SessionKey {
    /// The session that made a reservation.
    #[must_use]
    pub fn of(reservation: &Reservation) -> Self {
        Self {
            event_id: reservation.event_id().clone(),
            lane: reservation.lane,
            rank: reservation.rank,
        }
    }
}

/// The result of a called user's arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// The session is live, since now or already.
    Inside { expires_at: EpochMs },
    /// There is no live session at the rank.
    Missed,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum SessionState {
    Open,
    Called,
    Live,
    Ended,
}

/// A session as it is stored. The rank is its sort key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionRecord {
    state: SessionState,
    #[serde(default)]
    expires_at: Option<EpochMs>,
    #[serde(default)]
    hold_by: Option<EpochMs>,
    #[serde(default)]
    user_id: Option<UserId>,
    #[serde(default)]
    holds: Option<u32>,
    // Only for the audit.
    #[serde(default)]
    opened_at: Option<EpochMs>,
    #[serde(default)]
    slot_limit: Option<u32>,
}

impl SessionRecord {
    fn opening(&self) -> Option<Opening> {
        Some(Opening {
            at: self.opened_at?,
            slot_limit: self.slot_limit?,
        })
    }
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
            // Only a user who arrived has left a `userId`.
            SessionState::Ended => Self::Ended {
                arrived: record.user_id.is_some(),
            },
        })
    }
}

pub(in crate::store) fn read_session(item: Item) -> Result<Session> {
    read_item::<SessionRecord>(item)?.try_into()
}

/// A session, and how often it has held seats.
pub(in crate::store) fn read_session_and_holds(item: Item) -> Result<(Session, u32)> {
    let record = read_item::<SessionRecord>(item)?;
    let holds = record.holds.unwrap_or(0);
    Ok((record.try_into()?, holds))
}

/// A session with what promotion stored for the audit.
pub(in crate::store) fn read_opened_session(item: Item) -> Result<OpenedSession> {
    let record = read_item::<SessionRecord>(item)?;
    Ok(OpenedSession {
        opening: record.opening(),
        session: record.try_into()?,
    })
}

/// TTL removes a session's item a day after the session ends.
pub(in crate::store) fn session_ttl(ends_at: EpochMs) -> i64 {
    ends_at.plus_seconds(TOMBSTONE_SECONDS).ttl_seconds()
}

/// Ends a session in any state, so that its rank is never called (again).
pub(in crate::store) fn end_session(session: &SessionKey, keep_until: EpochMs) -> Write {
    let key = keys::session(&session.event_id, session.lane, session.rank);
    Write::update(key, "SET #state = :ended, #ttl = :ttl")
        .bind(":ended", "ENDED")
        .bind(":ttl", session_ttl(keep_until))
}

/// Lets a live session end later, together with its hold. Its end must be the one that was read.
pub(in crate::store) fn extend_session(
    session: &SessionKey,
    former: EpochMs,
    end: EpochMs,
) -> Write {
    let key = keys::session(&session.event_id, session.lane, session.rank);
    Write::update(key, "SET #expiresAt = :end, #ttl = :ttl")
        .when("#state = :live AND #expiresAt = :former")
        .bind(":live", "LIVE")
        .bind(":former", former)
        .bind(":end", end)
        .bind(":ttl", session_ttl(end))
}

/// A called user arrives. The slot must still be waiting for the user: the session is OPEN, or it
/// is CALLED and its deadline is later than `cutoff`; see [`domain::queue::Pause::called_cutoff`].
fn arrive(session: &SessionKey, user: UserId, cutoff: EpochMs, expires_at: EpochMs) -> Write {
    let key = keys::session(&session.event_id, session.lane, session.rank);
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

/// A promotion passes a rank: it opens a session there. A session that is OPEN already, because the watermark has moved
/// back, gets the limit by which this promotion counted. The tombstone of a user who left while waiting stays one, but from
/// now on the user cannot take the departure back ([`return_to_line`]).
fn open_session(session: &SessionKey, opening: Opening) -> Write {
    let key = keys::session(&session.event_id, session.lane, session.rank);
    Write::update(
        key,
        "SET #state = if_not_exists(#state, :open), #openedAt = :at, #slotLimit = :limit",
    )
    .when(
        "attribute_not_exists(#pk) OR #state = :open \
         OR (#state = :ended AND attribute_not_exists(#openedAt))",
    )
    .bind(":open", "OPEN")
    .bind(":ended", "ENDED")
    .bind(":at", opening.at)
    .bind(":limit", opening.slot_limit)
}

/// Removes the tombstone of a user who left while waiting, unless a promotion has passed it. If
/// there need not be one, there may be none.
pub(super) fn return_to_line(session: &SessionKey, may_be_absent: bool) -> Write {
    let key = keys::session(&session.event_id, session.lane, session.rank);
    let write = Write::delete(key).bind(":ended", "ENDED");
    if may_be_absent {
        write.when(
            "attribute_not_exists(#pk) OR (#state = :ended AND attribute_not_exists(#openedAt))",
        )
    } else {
        write.when("#state = :ended AND attribute_not_exists(#openedAt)")
    }
}

/// Starts the grace of an open session: its number has been issued and its rank called.
fn call(session: &SessionKey, expires_at: EpochMs) -> Write {
    let key = keys::session(&session.event_id, session.lane, session.rank);
    Write::update(key, "SET #state = :called, #expiresAt = :end, #ttl = :ttl")
        .when("#state = :open")
        .bind(":called", "CALLED")
        .bind(":open", "OPEN")
        .bind(":end", expires_at)
        .bind(":ttl", session_ttl(expires_at))
}

/// A promotion reads at most this many departures above the watermark. Those beyond still count as
/// waiting.
pub(super) const MOST_DEPARTURES: i32 = 2_000;

fn rank_of(item: &Item) -> Result<Rank> {
    item.get("sk")
        .and_then(|sk| sk.as_s().ok())
        .and_then(|sk| sk.parse().ok())
        .map(Rank)
        .ok_or_else(|| StoreError::Unreadable("a session without a rank".to_owned()))
}

impl Store {
    /// The session at a rank.
    pub async fn session(
        &self,
        session: &SessionKey,
        consistency: Consistency,
    ) -> Result<Option<Session>> {
        let key = keys::session(&session.event_id, session.lane, session.rank);
        let record: Option<SessionRecord> = self.get(&key, consistency).await?;
        record.map(Session::try_from).transpose()
    }

    /// The session at a rank, with what the promotion stored that opened it.
    pub async fn opened_session(&self, session: &SessionKey) -> Result<Option<OpenedSession>> {
        let key = keys::session(&session.event_id, session.lane, session.rank);
        let item = self.get_item(&key, Consistency::Strong).await?;
        item.map(read_opened_session).transpose()
    }

    /// A called user arrives.
    pub async fn arrive(
        &self,
        session: &SessionKey,
        user: UserId,
        event: &Event,
    ) -> Result<Arrival> {
        let queue = event.queue();
        let expires = |now: EpochMs| now.plus_seconds(queue.session_seconds);
        let arrived = self
            .write(Returning::New, |now| {
                let cutoff = event.control.pause.called_cutoff(now);
                arrive(session, user, cutoff, expires(now))
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
        // A live session makes the condition fail in two cases: the same user arrived in another
        // tab, or this is the retry of a write whose response was lost.
        match read_session(item)? {
            Session::Live { expires_at, .. } if expires_at > self.clock.now() => {
                Ok(Arrival::Inside { expires_at })
            }
            _ => Ok(Arrival::Missed),
        }
    }

    /// The sessions of the ranks in (floor, admitted], in order, by a strongly consistent read.
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
                let rank = rank_of(&item)?;
                Ok((rank, read_session(item)?))
            })
            .collect()
    }

    /// Opens a session at a rank. `slot_limit` is how many slots the lane is allowed. Returns the session that is there
    /// afterwards: OPEN, or what another promotion opened and its user has used since, or the tombstone of a user who left
    /// while waiting.
    pub async fn open_session(&self, session: &SessionKey, slot_limit: u32) -> Result<Session> {
        let opened = self
            .write(Returning::New, |at| {
                open_session(session, Opening { at, slot_limit })
            })
            .await;
        match opened {
            Ok(item) | Err(WriteError::Refused(Some(item))) => read_session(item),
            Err(WriteError::Refused(None)) => Err(StoreError::Conflict),
            Err(WriteError::Store(error)) => Err(error),
        }
    }

    /// The ranks above the watermark that have been given up, the lowest ones first, at most
    /// `MOST_DEPARTURES`.
    pub async fn given_up_ranks(
        &self,
        event: &EventId,
        lane: Lane,
        above: Rank,
    ) -> Result<Vec<Rank>> {
        let mut query = Query::new(
            "#pk = :pk AND #sk > :above",
            [
                (":pk", keys::sessions_pk(event, lane).into_attribute()),
                (":above", keys::rank_sk(above).into_attribute()),
            ],
        );
        query.limit = Some(MOST_DEPARTURES);
        let page = self.query(&query, None).await?;
        let mut ranks = Vec::new();
        for item in page.items {
            let rank = rank_of(&item)?;
            if matches!(read_session(item)?, Session::Ended { .. }) {
                ranks.push(rank);
            }
        }
        Ok(ranks)
    }

    /// Starts the grace of a session that is still OPEN. Sessions in other states are left as they
    /// are.
    pub async fn call(&self, session: &SessionKey, grace_seconds: u32) -> Result<()> {
        self.write_if_allowed(|now| call(session, now.plus_seconds(grace_seconds)))
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_bound() {
        let at = EpochMs(1_000_000);
        let session = SessionKey {
            event_id: EventId::parse("e").unwrap(),
            lane: Lane::FIRST,
            rank: Rank(7),
        };
        let opening = Opening { at, slot_limit: 1 };
        for write in [
            end_session(&session, at),
            arrive(&session, UserId::random(), at, at),
            open_session(&session, opening),
            extend_session(&session, at, at),
            return_to_line(&session, true),
            return_to_line(&session, false),
            call(&session, at),
        ] {
            write.check().unwrap();
        }
    }
}
