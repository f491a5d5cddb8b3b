//! The blocked seats of an event, for people and as JSON.

use std::collections::BTreeMap;

use anyhow::Result;
use domain::block::{Block, BlockKind, Channel, Ranges};
use domain::clock::{EpochMs, rfc3339};
use domain::event::Section;
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::journal::Why;
use serde::Serialize;
use shared::store::Store;

use crate::known_event;
use crate::text_table::{Column, TextTable};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockList {
    event_id: EventId,
    #[serde(serialize_with = "rfc3339::serialize")]
    at: EpochMs,
    blocked: usize,
    blocks: Vec<ListedBlock>,
}

/// The seats of a section that are blocked alike.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedBlock {
    date: DateKey,
    section: String,
    kind: BlockKind,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    until: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Why>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Channel>,
    seats: Vec<SeatNumber>,
}

impl BlockList {
    /// Reads the blocks of a date, or of all dates.
    pub async fn read(store: &Store, event: &EventId, date: Option<DateKey>) -> Result<Self> {
        let programme = known_event::programme(store, event).await?;
        let dates = match date {
            Some(date) => vec![known_event::date(&programme, date)?],
            None => programme.dates.values().collect(),
        };
        let now = store.clock().now();
        let mut blocks = Vec::new();
        for date in dates {
            for section in &date.sections {
                blocks.extend(blocks_of(store, event, date.date, section, now).await?);
            }
        }
        Ok(Self {
            event_id: event.clone(),
            at: now,
            blocked: blocks.iter().map(|block| block.seats.len()).sum(),
            blocks,
        })
    }

    /// The lines for a terminal.
    #[must_use]
    pub fn to_text(&self) -> Vec<String> {
        if self.blocks.is_empty() {
            return vec!["no seat is blocked".to_owned()];
        }
        let mut table = TextTable::new(&[
            Column::Text("date"),
            Column::Text("section"),
            Column::Text("kind"),
            Column::Text("channel"),
            Column::Number("seats"),
            Column::Text("until"),
            Column::Text("numbers"),
            Column::Text("reason"),
        ]);
        for block in &self.blocks {
            let reason = block.reason.as_ref();
            table.row([
                block.date.to_string(),
                block.section.clone(),
                block.kind.to_string(),
                block
                    .channel
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), Channel::to_string),
                block.seats.len().to_string(),
                block
                    .until
                    .map_or_else(|| "-".to_owned(), |until| until.to_string()),
                Ranges(&block.seats).to_string(),
                reason.map(Why::to_string).unwrap_or_default(),
            ]);
        }
        table.lines()
    }
}

async fn blocks_of(
    store: &Store,
    event: &EventId,
    date: DateKey,
    section: &Section,
    now: EpochMs,
) -> Result<Vec<ListedBlock>> {
    let mut found: BTreeMap<Block, Vec<SeatNumber>> = BTreeMap::new();
    for (seat, claim) in store.claims(event, date, &section.name).await? {
        if let Some(block) = claim.block_at(now) {
            found.entry(block.clone()).or_default().push(seat);
        }
    }
    let listed = found.into_iter().map(|(block, seats)| ListedBlock {
        date,
        section: section.name.clone(),
        kind: block.kind,
        until: block.until,
        channel: block.channel,
        reason: block.reason,
        seats,
    });
    Ok(listed.collect())
}
