//! `boxoffice block`, `unblock` and `blocks`: seats that are not on sale.

use anyhow::{Result, bail};
use clap::Args;
use domain::block::{Block, BlockKind, Channel, Ranges};
use domain::clock::EpochMs;
use domain::ids::{DateKey, EventId};
use domain::journal::Author;
use shared::store::Store;

use crate::author::{self, WhyOption};
use crate::block_list::BlockList;
use crate::blocking::{self, Blocking, Stopped, WantedSeats};
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::seat_list::SeatList;
use crate::table_options::TableOptions;

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
    fn wanted(&self) -> WantedSeats {
        WantedSeats {
            event: self.event.clone(),
            date: self.date,
            section: self.section.clone(),
            seats: self.seats.seats().to_vec(),
        }
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
    let Blocking {
        done,
        changed: fresh,
        stopped,
    } = blocking::block(store, &wanted.wanted(), block, author).await;
    if stopped.is_some() {
        show_done(wanted, "blocked", done, out);
    }
    match stopped {
        Some(Stopped::Taken(taken)) => {
            error_line(format_args!(
                "{event}: not blocked: {}",
                blocking::reasons(&taken)
            ));
            return Ok(Outcome::Negative);
        }
        Some(Stopped::Failed(error)) => return Err(error),
        None => {}
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
    let Blocking {
        done,
        changed: freed,
        stopped,
    } = blocking::unblock(store, &wanted.wanted(), author).await;
    if let Some(stopped) = stopped {
        show_done(wanted, "unblocked", done, out);
        return match stopped {
            Stopped::Failed(error) => Err(error),
            // Nothing takes a seat from those who unblock.
            Stopped::Taken(taken) => bail!("{}", blocking::reasons(&taken)),
        };
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

pub async fn list(args: &BlocksArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    let list = BlockList::read(&store, &args.event, args.date).await?;
    if args.json {
        out.json(&list)?;
        return Ok(Outcome::Done);
    }
    for line in list.to_text() {
        out.line(line);
    }
    Ok(Outcome::Done)
}
