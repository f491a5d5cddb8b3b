//! The command line, and the exit codes.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::commands::apply::ApplyArgs;
use crate::commands::audit::AuditArgs;
use crate::commands::blocks::{BlockArgs, BlocksArgs, UnblockArgs};
use crate::commands::cancel_event::CancelEventArgs;
use crate::commands::codes::CodesCommand;
use crate::commands::desk::DeskArgs;
use crate::commands::events::EventsArgs;
use crate::commands::export::ExportCommand;
use crate::commands::journal::JournalArgs;
use crate::commands::keys::KeysCommand;
use crate::commands::orders::OrdersArgs;
use crate::commands::plan::PlanArgs;
use crate::commands::postpone::PostponeArgs;
use crate::commands::queue::QueueArgs;
use crate::commands::report::ReportArgs;
use crate::commands::return_tickets::ReturnArgs;
use crate::commands::rush::RushArgs;
use crate::commands::serve::ServeArgs;
use crate::commands::verify_draw::VerifyDrawArgs;
use crate::commands::withdrawals::WithdrawalsArgs;
use crate::commands::{
    apply, audit, blocks, cancel_event, codes, desk, events, export, journal, keys, orders, plan,
    postpone, queue, report, return_tickets, rush, serve, verify_draw, withdrawals,
};
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::table_options::TableOptions;
use crate::unknown::Unknown;

/// Concert tickets: a fair queue, seats held for minutes, a prepaid wallet, one payment.
#[derive(Parser, Debug)]
#[command(name = "boxoffice", version, after_help = EXIT_CODES)]
pub struct CommandLine {
    #[command(flatten)]
    tables: TableOptions,
    /// Without a command: `serve`.
    #[command(subcommand)]
    command: Option<Command>,
}

const EXIT_CODES: &str = "Exit status: 0 done, 1 refused, a check failed or the output could not be written, 2 wrong usage, 3 could not run.";

#[derive(Subcommand, Debug)]
enum Command {
    /// Run everything on this machine: the API, the schedule and an embedded DynamoDB
    Serve(ServeArgs),
    /// Create or update events from a catalogue
    Apply(ApplyArgs),
    /// List all events with their sales and their queues
    Events(EventsArgs),
    /// Show an event's queue, or change how it runs
    Queue(QueueArgs),
    /// Cancel an event or a date for good, and give everybody the money back
    CancelEvent(CancelEventArgs),
    /// Move a date to another time, with its tickets
    Postpone(PostponeArgs),
    /// Keep seats off sale, until a time or until they are unblocked
    Block(BlockArgs),
    /// Put blocked seats on sale again
    Unblock(UnblockArgs),
    /// List the blocked seats of an event
    Blocks(BlocksArgs),
    /// Make, list and revoke codes for a presale
    #[command(subcommand)]
    Codes(CodesCommand),
    /// Show an event's sales and the state of its queue
    Report(ReportArgs),
    /// Find reservations, or tell the whole story of one
    Orders(OrdersArgs),
    /// Give tickets of a reservation back, whatever the event lets buyers do
    Return(ReturnArgs),
    /// Export attendees, sales or the ledger as CSV or JSON
    #[command(subcommand)]
    Export(ExportCommand),
    /// List money that is on its way back to where it came from
    Withdrawals(WithdrawalsArgs),
    /// Show what operators did, who did it, when and why
    Journal(JournalArgs),
    /// Check that every invariant holds on the whole table.
    ///
    /// The payment provider's books are compared by the nightly audit only, which has the provider's keys.
    Audit(AuditArgs),
    /// Play an on-sale against your own system: a crowd that waits, chooses and buys
    Rush(Box<RushArgs>),
    /// Manage the keys that sign queue tokens
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Open the operator's page on this machine
    Desk(DeskArgs),
    /// Simulate an on-sale and propose settings for it
    Plan(Box<PlanArgs>),
    /// Verify a draw from published data alone
    VerifyDraw(VerifyDrawArgs),
}

/// Runs the command to its end.
#[must_use]
pub fn run(command_line: CommandLine) -> ExitCode {
    let mut out = Output::stdout();
    match execute(command_line, &mut out) {
        Ok(Outcome::Done) if !out.has_failed() => ExitCode::SUCCESS,
        Ok(Outcome::Done | Outcome::Negative) => ExitCode::from(1),
        Err(error) => {
            error_line(format_args!("boxoffice: {error:#}"));
            ExitCode::from(if error.is::<Unknown>() { 1 } else { 3 })
        }
    }
}

fn execute(command_line: CommandLine, out: &mut Output) -> Result<Outcome> {
    let CommandLine { tables, command } = command_line;
    let command = command.unwrap_or_else(|| Command::Serve(ServeArgs::default()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        match command {
            Command::Serve(args) => serve::run(&args, &tables, out).await,
            Command::Apply(args) => apply::run(&args, &tables, out).await,
            Command::Events(args) => events::run(&args, &tables, out).await,
            Command::Queue(args) => queue::run(&args, &tables, out).await,
            Command::CancelEvent(args) => cancel_event::run(&args, &tables, out).await,
            Command::Postpone(args) => postpone::run(&args, &tables, out).await,
            Command::Block(args) => blocks::block(&args, &tables, out).await,
            Command::Unblock(args) => blocks::unblock(&args, &tables, out).await,
            Command::Blocks(args) => blocks::list(&args, &tables, out).await,
            Command::Codes(command) => codes::run(&command, &tables, out).await,
            Command::Report(args) => report::run(&args, &tables, out).await,
            Command::Orders(args) => orders::run(&args, &tables, out).await,
            Command::Return(args) => return_tickets::run(&args, &tables, out).await,
            Command::Export(command) => export::run(&command, &tables, out).await,
            Command::Withdrawals(args) => withdrawals::run(&args, &tables, out).await,
            Command::Journal(args) => journal::run(&args, &tables, out).await,
            Command::Audit(args) => audit::run(&args, &tables, out).await,
            Command::Rush(args) => rush::run(&args, &tables, out).await,
            Command::Keys(KeysCommand::Rotate(args)) => keys::rotate(&args, &tables, out).await,
            Command::Desk(args) => desk::run(&args, &tables, out).await,
            Command::Plan(args) => plan::run(&args, out).await,
            Command::VerifyDraw(args) => verify_draw::run(&args, &tables, out).await,
        }
    });
    // Idle connections must not keep the process alive.
    runtime.shutdown_background();
    result
}
