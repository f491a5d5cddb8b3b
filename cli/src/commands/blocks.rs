//! `boxoffice block`, `unblock` and `blocks`: seats that are not on sale.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use domain::block::{Block, BlockKind, Channel, Ranges};
use domain::clock::{EpochMs, rfc3339};
use domain::event::{Admission, Section};
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::journal::{Author, SomeSeats, Why};
use domain::seats::Claim;
use serde::Serialize;
use shared::store::{BlockRefused, MOST_BLOCKED_AT_ONCE, Store};

use crate::author::{self, WhyOption};
use crate::known_event;
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::seat_list::SeatList;
use crate::table_options::TableOptions;
use crate::text_table::{Column, TextTable};
use crate::unknown::Unknown;

const BATCHES: &str = "Up to 99 seats are blocked all or none. More are blocked 99 at a time, in the order of their numbers; if one of \
    them is not free, the command ends and says what it has done. Repeating the command goes on from there.";

/// Seats of a section of a date.
#[derive(Args, Clone, Debug)]
pub struct SeatsArgs {
    #[arg(value_parser = EventId::parse)]
    pub event: EventId,
    #[arg(value_parser = DateKey::parse)]
    pub date: DateKey,
    pub section: String,
    /// Numbers and ranges of seats, such as 101-120,125
    #[arg(value_parser = SeatList::parse)]
    pub seats: SeatList,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = BATCHES)]
pub struct BlockArgs {
    #[command(flatten)]
    seats: SeatsArgs,
    /// For whom or why: house, sponsor, sightline, accessible, companion
    #[arg(long = "as", value_name = "KIND", value_parser = BlockKind::parse)]
    kind: BlockKind,
    /// When the seats are on sale again by themselves, such as 2026-12-20T10:00:00+09:00
    #[arg(long, value_name = "TIME", value_parser = EpochMs::parse)]
    until: Option<EpochMs>,
    /// Open the seats to those who have a code of this channel (`boxoffice codes make --channel`)
    #[arg(long, value_name = "NAME", value_parser = Channel::parse)]
    channel: Option<Channel>,
    #[command(flatten)]
    why: WhyOption,
}

#[derive(Args, Clone, Debug)]
pub struct UnblockArgs {
    #[command(flatten)]
    seats: SeatsArgs,
    #[command(flatten)]
    why: WhyOption,
}

#[derive(Args, Clone, Debug)]
pub struct BlocksArgs {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// Only of this date
    #[arg(value_parser = DateKey::parse)]
    date: Option<DateKey>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl SeatsArgs {
    /// Checks that the section has the seats. This is repeated before each transaction, so that none
    /// relies on a date that was changed more than moments ago: `boxoffice apply` keeps seats that it
    /// moves off sale for a minute longer.
    async fn check(&self, store: &Store) -> Result<()> {
        let programme = known_event::programme(store, &self.event).await?;
        if let Admission::General { .. } = programme.event.terms.admission {
            let what = format_args!("seat in the event {}: its admission is general", self.event);
            return Err(Unknown::new(what).into());
        }
        let date = known_event::date(&programme, self.date)?;
        let section = date.sections.iter().find(|it| it.name == self.section);
        let section = section.ok_or_else(|| {
            Unknown::new(format_args!(
                "section {} on {} of the event {}",
                self.section, self.date, self.event
            ))
        })?;
        match self.seats.seats().iter().find(|seat| !section.has(**seat)) {
            None => Ok(()),
            Some(seat) => {
                let what = format_args!("seat {seat} in section {}", self.section);
                Err(Unknown::new(what).into())
            }
        }
    }

    /// The seats of each transaction.
    fn batches(&self) -> impl Iterator<Item = SomeSeats> {
        let batches = self.seats.seats().chunks(MOST_BLOCKED_AT_ONCE);
        batches.map(|seats| SomeSeats {
            date: self.date,
            section: self.section.clone(),
            seats: seats.to_vec(),
        })
    }

    fn place(&self) -> String {
        format!("section {} on {}", self.section, self.date)
    }
}

/// How a command counts seats.
fn seats(count: usize) -> String {
    match count {
        1 => "1 seat".to_owned(),
        _ => format!("{count} seats"),
    }
}

pub async fn block(args: &BlockArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    let author = author::of(&args.why, tables).await?;
    let block = Block {
        kind: args.kind,
        reason: author.why.clone(),
        until: args.until,
        channel: args.channel.clone(),
    };
    block_seats(&store, &args.seats, &block, &author, out).await
}

/// Blocks the seats, a transaction at a time.
pub async fn block_seats(
    store: &Store,
    wanted: &SeatsArgs,
    block: &Block,
    author: &Author,
    out: &mut Output,
) -> Result<Outcome> {
    if !block.lasts(store.clock().now()) {
        error_line("--until: must be in the future");
        return Ok(Outcome::Negative);
    }
    let event = &wanted.event;
    let (mut done, mut fresh) = (0, 0);
    for batch in wanted.batches() {
        wanted.check(store).await?;
        match store.block_seats(event, &batch, block, author).await {
            Ok(newly) => {
                done += batch.seats.len();
                fresh += newly;
            }
            Err(BlockRefused::Taken(taken)) => {
                show_done(wanted, "blocked", done, out);
                error_line(format_args!("{event}: not blocked: {}", reasons(&taken)));
                return Ok(Outcome::Negative);
            }
            Err(error) => {
                show_done(wanted, "blocked", done, out);
                return Err(error.into());
            }
        }
    }
    let known = match done - fresh {
        0 => String::new(),
        known => format!(" ({known} before)"),
    };
    out.line(format_args!(
        "blocked {} of {} as {block}{known}",
        seats(done),
        wanted.place()
    ));
    Ok(Outcome::Done)
}

/// After a failure: which seats the transactions before it have changed.
fn show_done(wanted: &SeatsArgs, what: &str, done: usize, out: &mut Output) {
    if let Some(some @ [_, ..]) = wanted.seats.seats().get(..done) {
        out.line(format_args!(
            "{what} until then: {} of {}",
            Ranges(some),
            wanted.place()
        ));
    }
}

/// Why each seat is not free, of the first ten.
fn reasons(taken: &[(SeatNumber, Claim)]) -> String {
    const SHOWN: usize = 10;
    let reason = |(seat, claim): &(SeatNumber, Claim)| match claim {
        Claim::Sold { .. } => format!("seat {seat} is sold"),
        Claim::Held {
            kept: Some(block),
            held_until,
            ..
        } => format!("seat {seat} is or was held until {held_until}, and then blocked as {block}"),
        Claim::Held { held_until, .. } => format!("seat {seat} is held until {held_until}"),
        Claim::Withdrawn { until } => {
            format!("seat {seat} is being moved by a catalogue until {until}")
        }
        Claim::Blocked(block) => format!("seat {seat} is blocked as {block}"),
    };
    let mut text: Vec<String> = taken.iter().take(SHOWN).map(reason).collect();
    if taken.len() > SHOWN {
        text.push(format!("and {} more", taken.len() - SHOWN));
    }
    text.join(", ")
}

pub async fn unblock(
    args: &UnblockArgs,
    tables: &TableOptions,
    out: &mut Output,
) -> Result<Outcome> {
    let store = tables.store().await?;
    let author = author::of(&args.why, tables).await?;
    unblock_seats(&store, &args.seats, &author, out).await
}

/// Puts the blocked ones of the seats on sale again, a transaction at a time.
pub async fn unblock_seats(
    store: &Store,
    wanted: &SeatsArgs,
    author: &Author,
    out: &mut Output,
) -> Result<Outcome> {
    let mut done = 0;
    let mut freed = 0;
    for batch in wanted.batches() {
        wanted.check(store).await?;
        match store.unblock_seats(&wanted.event, &batch, author).await {
            Ok(seats) => {
                done += batch.seats.len();
                freed += seats.len();
            }
            Err(error) => {
                show_done(wanted, "unblocked", done, out);
                return Err(error.into());
            }
        }
    }
    let others = match done - freed {
        0 => String::new(),
        1 => "; 1 was not blocked".to_owned(),
        others => format!("; {others} were not blocked"),
    };
    out.line(format_args!(
        "unblocked {} of {}{others}",
        seats(freed),
        wanted.place()
    ));
    Ok(Outcome::Done)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockList {
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

pub async fn list(args: &BlocksArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    let list = BlockList::read(&store, &args.event, args.date).await?;
    if args.json {
        out.json(&list)?;
        return Ok(Outcome::Done);
    }
    if list.blocks.is_empty() {
        out.line("no seat is blocked");
        return Ok(Outcome::Done);
    }
    for line in list.to_text() {
        out.line(line);
    }
    Ok(Outcome::Done)
}

impl BlockList {
    async fn read(store: &Store, event: &EventId, date: Option<DateKey>) -> Result<Self> {
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

    fn to_text(&self) -> Vec<String> {
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
