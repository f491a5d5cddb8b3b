//! Queue entries, and the end of a number's turn.

use super::sessions::{SessionKey, end_session};
use crate::store::client::{Consistency, Returning, Store};
use crate::store::error::{Result, StoreError};
use crate::store::expression::Write;
use crate::store::item::{Item, read_item, write_item};
use crate::store::keys;
use crate::store::refused::{TransactionError, Verdict, WriteError};
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

    /// Deletes the user's entry if it has this number.
    pub async fn delete_queue_entry(
        &self,
        user: UserId,
        event: &EventId,
        number: u64,
    ) -> Result<()> {
        self.write_if_allowed(|_| delete_queue_entry(user, event, number))
            .await
            .map(drop)
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
        };
        let before_draw = TurnEnd::BeforeDraw {
            event_id: event.clone(),
            lane: Lane::FIRST,
            number: 7,
        };
        for write in [
            put_queue_entry(user, &event, entry, None, at),
            put_queue_entry(user, &event, entry, Some(3), at),
            delete_queue_entry(user, &event, 7),
            end_turn(&before_draw, at),
        ] {
            write.check().unwrap();
        }
    }
}
