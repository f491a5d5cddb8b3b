//! Queue entries, and the end of a number's turn.

use super::sessions::{MOST_DEPARTURES, SessionKey, end_session, return_to_line, session_ttl};
use crate::store::client::{Consistency, Query, Returning, Store};
use crate::store::codes::use_code;
use crate::store::error::{Result, StoreError};
use crate::store::expression::{IntoAttribute, Write};
use crate::store::item::{Item, read_item, write_item};
use crate::store::keys;
use crate::store::refused::{TransactionError, Verdict, WriteError};
use domain::access_code::CodeHash;
use domain::clock::EpochMs;
use domain::event::Event;
use domain::ids::{EventId, Lane, UserId};
use domain::queue::QueueEntry;

/// Marks a number whose holder left before the draw. It has no rank yet, so there is no session to
/// end.
fn mark_departure(event: &EventId, lane: Lane, number: u64, keep_until: EpochMs) -> Write {
    Write::put(keys::departure(event, lane, number), Item::new()).with_ttl(keep_until)
}

/// How to end a number's turn, now or in advance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TurnEnd {
    /// The number's rank is known: its session ends.
    At(SessionKey),
    /// The draw is still to come: the number gets a departure mark.
    BeforeDraw {
        event_id: EventId,
        lane: Lane,
        number: u64,
    },
}

fn end_turn(end: &TurnEnd, keep_until: EpochMs) -> Write {
    match end {
        TurnEnd::At(session) => end_session(session, keep_until),
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
        None => put.when("attribute_not_exists(#pk) OR attribute_exists(#leftAt)"),
        Some(number) => put
            .when("attribute_not_exists(#pk) OR #number = :former OR attribute_exists(#leftAt)")
            .bind(":former", number),
    }
}

/// The user leaves. The entry stays for a day, so that the user can come back.
fn mark_as_left(user: UserId, event: &EventId, number: u64, now: EpochMs) -> Write {
    Write::update(
        keys::queue_entry(user, event),
        "SET #leftAt = :now, #ttl = :ttl",
    )
    .when("#number = :number")
    .bind(":number", number)
    .bind(":now", now)
    .bind(":ttl", session_ttl(now))
}

/// The user comes back, unless something has changed since the entry was read.
fn unmark_as_left(user: UserId, event: &EventId, left: &QueueEntry, keep_until: EpochMs) -> Write {
    let write = Write::update(
        keys::queue_entry(user, event),
        "SET #ttl = :ttl REMOVE #leftAt",
    )
    .when("#number = :number AND #leftAt = :leftAt")
    .bind(":number", left.number)
    .bind(":ttl", keep_until.ttl_seconds());
    write.bind(":leftAt", left.left_at.unwrap_or(EpochMs(0)))
}

/// A promotion passes the rank that the number drew. From now on, the departure cannot be taken
/// back.
fn pass_departure(event: &EventId, lane: Lane, number: u64, now: EpochMs) -> Write {
    Write::update(keys::departure(event, lane, number), "SET #passedAt = :now")
        .when("attribute_exists(#pk)")
        .bind(":now", now)
}

/// Removes a departure mark, if there is one, unless a promotion has passed it.
fn unmark_departure(event: &EventId, lane: Lane, number: u64) -> Write {
    Write::delete(keys::departure(event, lane, number)).when("attribute_not_exists(#passedAt)")
}

/// The result of storing an entry together with the first use of a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entered {
    /// The entry that is valid now. If it is another one, the same user was faster in a parallel request, and the code was not
    /// counted.
    InForce(QueueEntry),
    /// The code was used up or revoked meanwhile, or this user has used it in a parallel request. Nothing was written.
    CodeChanged,
}

impl Store {
    /// A user's queue entry.
    pub async fn queue_entry(
        &self,
        user: UserId,
        event: &EventId,
        consistency: Consistency,
    ) -> Result<Option<QueueEntry>> {
        self.get(&keys::queue_entry(user, event), consistency).await
    }

    /// Stores the user's entry, provided that there is none or only the one with the number
    /// `replaces`. Returns the entry that is valid afterwards. It is another one if the same user
    /// was faster in a parallel request.
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
            // The item disappeared between the failed condition and the response: treat it as a
            // conflict.
            Err(WriteError::Refused(None)) => Err(StoreError::Conflict),
            Err(WriteError::Store(error)) => Err(error),
        }
    }

    /// Marks the user's entry as left if it has this number.
    pub async fn mark_as_left(&self, user: UserId, event: &EventId, number: u64) -> Result<()> {
        self.write_if_allowed(|now| mark_as_left(user, event, number, now))
            .await
            .map(drop)
    }

    /// Takes a departure back: the user waits again, at the same rank. `rank` is the session at the
    /// number's rank, if that is known; `drew` says whether the number is in a draw, so that the
    /// user may have left before it. Returns `false` if a promotion has passed the rank, or if the
    /// entry has changed since it was read.
    pub async fn return_to_line(
        &self,
        user: UserId,
        event: &Event,
        left: &QueueEntry,
        rank: Option<&SessionKey>,
        drew: bool,
    ) -> Result<bool> {
        let id = &event.event_id;
        let returned = self
            .transact(|now| {
                let mut writes = vec![unmark_as_left(user, id, left, event.keep_until(now))];
                writes.extend(rank.map(|session| return_to_line(session, drew)));
                if drew {
                    writes.push(unmark_departure(id, left.lane, left.number));
                }
                (writes, ())
            })
            .await;
        match returned {
            Ok(()) => Ok(true),
            Err(TransactionError::Refused(_)) => Ok(false),
            Err(TransactionError::Store(error)) => Err(error),
        }
    }

    /// Replaces the user's entry with the number `former` and ends that number's turn, in one
    /// transaction. Returns the entry that is valid afterwards. It is another one if the same user
    /// was faster in a parallel request.
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
                let writes = vec![
                    put_queue_entry(user, &event.event_id, entry, Some(former), keep_until),
                    end_turn(former_end, keep_until),
                ];
                (writes, ())
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

    /// Stores the user's entry and counts the use of a code, in one transaction. It replaces the entry with the number `replaces`;
    /// with `former_end`, that number's turn ends in the same step.
    pub async fn enter_with_code(
        &self,
        user: UserId,
        event: &Event,
        entry: QueueEntry,
        replaces: Option<u64>,
        former_end: Option<&TurnEnd>,
        code: &CodeHash,
    ) -> Result<Entered> {
        let id = &event.event_id;
        let keep_until = event.keep_until(entry.joined_at);
        let stored = self
            .transact(|now| {
                let mut writes = vec![put_queue_entry(user, id, entry, replaces, keep_until)];
                writes.extend(use_code(user, id, code, now));
                writes.extend(former_end.map(|end| end_turn(end, keep_until)));
                (writes, ())
            })
            .await;
        match stored {
            Ok(()) => Ok(Entered::InForce(entry)),
            Err(TransactionError::Refused(verdicts)) => match verdicts.into_iter().next() {
                Some(Verdict::Refused(Some(other))) => read_item(other).map(Entered::InForce),
                Some(Verdict::Refused(None)) => Err(StoreError::Conflict),
                Some(Verdict::Fine) | None => Ok(Entered::CodeChanged),
            },
            Err(TransactionError::Store(error)) => Err(error),
        }
    }

    /// Ends a number's turn, or marks the number in advance so that it is never called.
    pub async fn end_turn(&self, end: &TurnEnd, keep_until: EpochMs) -> Result<()> {
        self.write_if_allowed(|_| end_turn(end, keep_until))
            .await
            .map(drop)
    }

    /// Whether the number has a departure mark.
    pub async fn has_departed(&self, event: &EventId, lane: Lane, number: u64) -> Result<bool> {
        let mark: Option<serde::de::IgnoredAny> = self
            .get(&keys::departure(event, lane, number), Consistency::Strong)
            .await?;
        Ok(mark.is_some())
    }

    /// Whether the number has a departure mark. If so, its rank is passed, and the departure cannot
    /// be taken back any more.
    pub async fn pass_departed(&self, event: &EventId, lane: Lane, number: u64) -> Result<bool> {
        if !self.has_departed(event, lane, number).await? {
            return Ok(false);
        }
        self.write_if_allowed(|now| pass_departure(event, lane, number, now))
            .await
    }

    /// The numbers that were given up before the draw, at most `MOST_DEPARTURES`.
    pub async fn departed_numbers(&self, event: &EventId, lane: Lane) -> Result<Vec<u64>> {
        let mut query = Query::new(
            "#pk = :pk",
            [(":pk", keys::departures_pk(event, lane).into_attribute())],
        );
        query.limit = Some(MOST_DEPARTURES);
        let page = self.query(&query, None).await?;
        page.items
            .iter()
            .map(|item| {
                item.get("sk")
                    .and_then(|sk| sk.as_s().ok())
                    .and_then(|sk| keys::number_of_departure(sk))
                    .ok_or_else(|| StoreError::Unreadable("a mark without a number".to_owned()))
            })
            .collect()
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
        let entry = QueueEntry {
            lane: Lane::FIRST,
            number: 7,
            joined_at: at,
            left_at: None,
        };
        let before_draw = TurnEnd::BeforeDraw {
            event_id: event.clone(),
            lane: Lane::FIRST,
            number: 7,
        };
        for write in [
            put_queue_entry(user, &event, entry, None, at),
            put_queue_entry(user, &event, entry, Some(3), at),
            mark_as_left(user, &event, 7, at),
            unmark_as_left(user, &event, &entry, at),
            pass_departure(&event, Lane::FIRST, 7, at),
            unmark_departure(&event, Lane::FIRST, 7),
            end_turn(&before_draw, at),
        ] {
            write.check().unwrap();
        }
    }
}
