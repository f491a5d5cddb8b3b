//! The journal of operators' acts.

use serde::{Deserialize, Serialize};

use super::client::{Consistency, Query, Store};
use super::error::Result;
use super::expression::{IntoAttribute, Write};
use super::item::{read_item, write_item};
use super::keys;
use domain::clock::EpochMs;
use domain::ids::EventId;
use domain::journal::{Act, Author, JournalEntry, Who, Why};

/// An entry as it is stored. Its key says of which event it is.
#[derive(Serialize, Deserialize)]
struct Record {
    at: EpochMs,
    who: Who,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
    act: String,
    details: Vec<String>,
}

/// What one transaction of an operator does.
pub(super) struct Deed<'a> {
    pub(super) author: &'a Author,
    pub(super) acts: Vec<Act>,
}

impl<'a> Deed<'a> {
    pub(super) fn one(author: &'a Author, act: Act) -> Self {
        Self {
            author,
            acts: vec![act],
        }
    }

    /// The writes that tell of it, one for each act, for its own transaction. `event` is None for acts on the whole table.
    pub(super) fn entries(
        &self,
        event: Option<&EventId>,
        now: EpochMs,
    ) -> impl Iterator<Item = Write> {
        self.acts.iter().map(move |act| {
            let record = Record {
                at: now,
                who: self.author.who.clone(),
                why: self.author.why.clone(),
                act: act.name().to_owned(),
                details: act.details(),
            };
            // It tells apart acts of the same millisecond.
            let key = keys::journal_entry(event, now, fastrand::u64(..));
            Write::put(key, write_item(&record)).when_absent()
        })
    }
}

impl Store {
    /// What was done to an event, or to the whole table, from `since` on: the newest first, at most `limit` entries.
    pub async fn journal(
        &self,
        event: Option<&EventId>,
        since: EpochMs,
        limit: usize,
    ) -> Result<Vec<JournalEntry>> {
        let pk = keys::journal_pk(event).into_attribute();
        let from = keys::journal_time(since).into_attribute();
        let mut query = Query::new("#pk = :pk AND #sk >= :from", [(":pk", pk), (":from", from)])
            .consistency(Consistency::Strong);
        query.ascending = false;
        let mut entries = Vec::new();
        let mut start = None;
        while entries.len() < limit {
            query.limit = i32::try_from(limit - entries.len()).ok();
            let page = self.query(&query, start).await?;
            for item in page.items {
                let Record {
                    at,
                    who,
                    why,
                    act,
                    details,
                } = read_item(item)?;
                entries.push(JournalEntry {
                    event_id: event.cloned(),
                    at,
                    who,
                    why,
                    act,
                    details,
                });
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_bound() {
        let author = Author {
            who: Who::local("ann", "desk"),
            why: None,
        };
        let deed = Deed::one(&author, Act::PauseSale);
        let writes: Vec<Write> = deed.entries(None, EpochMs(1)).collect();
        assert_eq!(writes.len(), 1);
        writes[0].check().unwrap();
    }
}
