//! `boxoffice export`: attendees, sales or the ledger, for other programs.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use domain::ids::{DateKey, EventId};
use domain::reservation::Status;
use shared::store::Store;

use crate::export::{Export, Format};
use crate::known_event;
use crate::order_search::parse_status;
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::output_file::OutputFile;
use crate::table_options::TableOptions;
use crate::wanted_reservations::Wanted;

#[derive(Subcommand, Clone, Debug)]
pub enum ExportCommand {
    /// A line for each ticket: date, section, row, seat, price, reservation, user
    ///
    /// The whole table is read, except for the held and confirmed tickets of one event with seats.
    Attendees(AttendeesArgs),
    /// A line for each reservation that was bought: price, fees, tax, payment, refund, times
    ///
    /// The whole table is read, except for the confirmed reservations of one event with seats.
    Sales(SalesArgs),
    /// A line for each ledger entry, with the payment provider's id where there is one
    ///
    /// Of one event: the payments and refunds of its reservations. The whole table is read.
    Ledger(LedgerArgs),
}

#[derive(Args, Clone, Debug)]
pub struct AttendeesArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Only of this date of the event
    #[arg(long, value_name = "DATE", conflicts_with = "all", value_parser = DateKey::parse)]
    date: Option<DateKey>,
    /// Only tickets in these states: held, confirmed, cancelled, expired
    #[arg(long, value_name = "STATUS", value_delimiter = ',', default_value = "confirmed", value_parser = parse_status)]
    status: Vec<Status>,
}

#[derive(Args, Clone, Debug)]
pub struct SalesArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Only of this date of the event
    #[arg(long, value_name = "DATE", conflicts_with = "all", value_parser = DateKey::parse)]
    date: Option<DateKey>,
    /// Only reservations in these states: confirmed, cancelled
    #[arg(long, value_name = "STATUS", value_delimiter = ',', default_value = "confirmed,cancelled", value_parser = parse_sale_status)]
    status: Vec<Status>,
}

#[derive(Args, Clone, Debug)]
pub struct LedgerArgs {
    #[command(flatten)]
    scope: ScopeArgs,
}

/// Of what, and where to.
#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("scope").required(true).args(["event", "all"]))]
struct ScopeArgs {
    #[arg(value_parser = EventId::parse)]
    event: Option<EventId>,
    /// Export all events
    #[arg(long)]
    all: bool,
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Write to this file when everything has been read [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn parse_sale_status(text: &str) -> Result<Status, String> {
    match parse_status(text) {
        Ok(status @ (Status::Confirmed | Status::Cancelled)) => Ok(status),
        Ok(Status::Held | Status::Expired) | Err(_) => {
            Err("must be one of CONFIRMED, CANCELLED: nothing else was bought".to_owned())
        }
    }
}

impl ExportCommand {
    fn scope(&self) -> &ScopeArgs {
        match self {
            Self::Attendees(args) => &args.scope,
            Self::Sales(args) => &args.scope,
            Self::Ledger(args) => &args.scope,
        }
    }
}

pub async fn run(
    command: &ExportCommand,
    tables: &TableOptions,
    out: &mut Output,
) -> Result<Outcome> {
    let store = tables.store().await?;
    let Some(path) = &command.scope().output else {
        // A bar would be between the lines.
        let shows_progress = !std::io::stdout().is_terminal();
        write(command, &store, out, shows_progress).await?;
        return Ok(Outcome::Done);
    };
    let (file, mut lines) = match OutputFile::create(path) {
        Ok(created) => created,
        Err(error) => return Ok(not_written(&error)),
    };
    let written = write(command, &store, &mut lines, true).await?;
    if lines.has_failed() {
        return Ok(Outcome::Negative);
    }
    if let Err(error) = file.complete() {
        return Ok(not_written(&error));
    }
    let lines = if written == 1 { "line" } else { "lines" };
    out.line(format_args!("{written} {lines} in {}", path.display()));
    Ok(Outcome::Done)
}

fn not_written(error: &anyhow::Error) -> Outcome {
    error_line(format_args!("boxoffice: {error:#}"));
    Outcome::Negative
}

async fn write(
    command: &ExportCommand,
    store: &Store,
    out: &mut Output,
    shows_progress: bool,
) -> Result<u64> {
    let Some(settings) = store.settings().await? else {
        bail!("the table has no catalogue yet: see `boxoffice apply`");
    };
    let scope = command.scope();
    let export = Export {
        store,
        currency: settings.currency,
        format: scope.format,
        out,
        shows_progress,
    };
    match command {
        ExportCommand::Attendees(AttendeesArgs { date, status, .. }) => {
            let wanted = wanted(store, scope, *date, status).await?;
            export.attendees(&wanted).await
        }
        ExportCommand::Sales(SalesArgs { date, status, .. }) => {
            let wanted = wanted(store, scope, *date, status).await?;
            export.sales(&wanted).await
        }
        ExportCommand::Ledger(LedgerArgs { .. }) => {
            if let Some(event) = &scope.event {
                known_event::event(store, event).await?;
            }
            export.ledger(scope.event.as_ref()).await
        }
    }
}

async fn wanted(
    store: &Store,
    scope: &ScopeArgs,
    date: Option<DateKey>,
    statuses: &[Status],
) -> Result<Wanted> {
    let event = match &scope.event {
        Some(event) => Some(known_event::programme(store, event).await?),
        None => None,
    };
    if let (Some(event), Some(date)) = (&event, date) {
        known_event::date(event, date)?;
    }
    Ok(Wanted {
        event,
        date,
        seat: None,
        statuses: statuses.to_vec(),
    })
}
