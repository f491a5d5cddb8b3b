//! Sessions: the items at the ranks that use slots.

use serde::{Deserialize, Serialize};

use crate::metrics::Count;
use crate::store::client::{Consistency, Query, Returning, Store};
use crate::store::error::{Result, StoreError};
use crate::store::expression::{IntoAttribute, Write};
use crate::store::item::{Item, read_item, write_item};
use crate::store::keys;
use crate::store::refused::WriteError;
use domain::clock::EpochMs;
use domain::event::Event;
use domain::ids::{EventId, Lane, Rank, UserId};
use domain::queue::{Head, Session, TOMBSTONE_SECONDS};

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
struct SessionRecord {
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

pub(in crate::store) fn read_session(item: Item) -> Result<Session> {
    read_item::<SessionRecord>(item)?.try_into()
}

/// A session's item is swept a day after it ends.
pub(in crate::store) fn session_ttl(ends_at: EpochMs) -> i64 {
    ends_at.plus_seconds(TOMBSTONE_SECONDS).ttl_seconds()
}

/// Ends a session, whatever state it is in, so that its rank is never called (again).
pub(in crate::store) fn end_session(place: &SessionKey, keep_until: EpochMs) -> Write {
    let key = keys::session(&place.event_id, place.lane, place.rank);
    Write::update(key, "SET #state = :ended, #ttl = :ttl")
        .bind(":ended", "ENDED")
        .bind(":ttl", session_ttl(keep_until))
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

impl Store {
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
        self.write_if_allowed(|now| call(place, now.plus_seconds(grace_seconds)))
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
        let place = SessionKey {
            event_id: EventId::parse("e").unwrap(),
            lane: Lane::FIRST,
            rank: Rank(7),
        };
        for write in [
            end_session(&place, at),
            arrive(&place, UserId::random(), at, at),
            open_session(&place),
            call(&place, at),
        ] {
            write.check().unwrap();
        }
    }
}
