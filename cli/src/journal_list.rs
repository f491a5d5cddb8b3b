//! What operators did, for people and as JSON.

use std::cmp::Reverse;

use anyhow::Result;
use domain::clock::{EpochMs, rfc3339};
use domain::ids::EventId;
use domain::journal::{JournalEntry, Who, Why};
use futures::stream::{self, StreamExt};
use serde::Serialize;
use shared::store::{Consistency, Store};

/// Journals of events that are read at once.
const JOURNALS_AT_ONCE: usize = 8;

#[derive(Serialize, Debug)]
pub struct JournalList {
    /// The newest first.
    entries: Vec<Entry>,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(serialize_with = "rfc3339::serialize")]
    at: EpochMs,
    /// None for an act on the whole table.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<EventId>,
    act: String,
    who: Who,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
    details: Vec<String>,
}

impl From<JournalEntry> for Entry {
    fn from(entry: JournalEntry) -> Self {
        Self {
            at: entry.at,
            event_id: entry.event_id,
            act: entry.act,
            who: entry.who,
            why: entry.why,
            details: entry.details,
        }
    }
}

impl JournalList {
    /// What was done to an event.
    pub async fn of_event(
        store: &Store,
        event: &EventId,
        since: EpochMs,
        limit: usize,
    ) -> Result<Self> {
        let entries = store.journal(Some(event), since, limit).await?;
        Ok(Self::newest(entries, limit))
    }

    /// What was done to all events, and to the table.
    pub async fn of_all(store: &Store, since: EpochMs, limit: usize) -> Result<Self> {
        let events = store.events(Consistency::Strong).await?.into_iter();
        let journals = std::iter::once(None).chain(events.map(|event| Some(event.event_id)));
        let mut journals = stream::iter(journals)
            .map(async |event| store.journal(event.as_ref(), since, limit).await)
            .buffered(JOURNALS_AT_ONCE);
        let mut newest = Vec::new();
        while let Some(entries) = journals.next().await {
            newest.extend(entries?);
            // So that the memory that is needed does not grow with the number of events.
            newest.sort_by_key(|entry: &JournalEntry| Reverse(entry.at));
            newest.truncate(limit);
        }
        Ok(Self::newest(newest, limit))
    }

    fn newest(entries: Vec<JournalEntry>, limit: usize) -> Self {
        Self {
            entries: entries.into_iter().take(limit).map(Entry::from).collect(),
        }
    }

    /// The lines for a terminal.
    #[must_use]
    pub fn to_text(&self) -> Vec<String> {
        if self.entries.is_empty() {
            return vec!["nothing was done".to_owned()];
        }
        self.entries.iter().flat_map(Entry::to_text).collect()
    }
}

impl Entry {
    fn to_text(&self) -> Vec<String> {
        let of = match &self.event_id {
            Some(event) => event.to_string(),
            None => "the table".to_owned(),
        };
        let mut lines = vec![format!("{}  {of}  {}", self.at, self.act)];
        lines.push(format!("  by {}", self.who));
        lines.extend(self.why.iter().map(|why| format!("  why: {why}")));
        lines.extend(
            self.details
                .iter()
                .map(|detail| format!("    {}", detail.trim_start())),
        );
        lines
    }
}
