//! The command line: what can be asked, and the exit codes.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use domain::ids::EventId;
use shared::app::App;

use crate::target::Target;
use crate::{apply, audit, desk, keys, queue, report, serve, verify_draw};

/// Concert tickets: a fair queue, a seat held for minutes, a prepaid wallet, one payment.
#[derive(Parser, Debug)]
#[command(name = "boxoffice", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    target: Target,
    /// Without a command: `serve`.
    #[command(subcommand)]
    command: Option<Command>,
}

const EXIT_CODES: &str = "Exit status: 0 done, 1 the answer is no, 2 wrong usage, 3 could not run.";

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve everything on this machine: the API, the schedule, an embedded DynamoDB
    Serve(serve::Options),
    /// Create or update events from a catalogue
    Apply(ApplyOptions),
    /// See and steer an event's queue, live
    Queue(QueueOptions),
    /// Say what an event has sold, and how its queue stands
    Report(report::Options),
    /// Check that the books add up: every invariant on the whole table
    Audit(audit::Options),
    /// The keys that sign queue tokens
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Open the operator's page on this machine
    Desk(desk::Options),
    /// Prove a draw from published data alone
    VerifyDraw(verify_draw::Options),
}

#[derive(Subcommand, Debug)]
enum KeysCommand {
    /// A new key from now on; the former stays valid until its tokens end
    Rotate,
}

#[derive(Args, Debug)]
struct ApplyOptions {
    /// The catalogue: YAML or JSON
    file: PathBuf,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args, Debug)]
struct QueueOptions {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    #[command(flatten)]
    action: QueueAction,
    /// So many may be inside from now on; who is inside beyond that finishes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_active: Option<u32>,
    /// So many are called in a batch from now on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: Option<u32>,
    /// The announced random value that the draw waits for; it can be given once
    #[arg(long, value_name = "VALUE", value_parser = queue::parse_beacon)]
    beacon: Option<String>,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
struct QueueAction {
    /// Stop calling and arriving; those inside shop on
    #[arg(long)]
    pause: bool,
    /// Go on after a pause or a close; who was called before it has a grace from now on
    #[arg(long)]
    resume: bool,
    /// End the sale; what is held stays payable
    #[arg(long)]
    close: bool,
}

impl QueueOptions {
    fn steering(&self) -> queue::Steering {
        let gate = match (self.action.pause, self.action.resume, self.action.close) {
            (true, ..) => Some(queue::Gate::Pause),
            (_, true, _) => Some(queue::Gate::Resume),
            (.., true) => Some(queue::Gate::Close),
            (false, false, false) => None,
        };
        queue::Steering {
            gate,
            max_active: self.max_active,
            batch_size: self.batch_size,
            beacon: self.beacon.clone(),
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    /// The answer is no: a catalogue refused, an audit broken.
    No,
}

/// Runs the command to its end.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    match execute(cli) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Err(error) => {
            eprintln!("boxoffice: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn execute(cli: Cli) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let command = cli
        .command
        .unwrap_or_else(|| Command::Serve(serve::Options::default()));
    let result = runtime.block_on(async {
        match command {
            Command::Serve(options) => serve::run(&options, &cli.target).await,
            Command::Apply(options) => {
                let store = cli.target.store().await?;
                let mode = if options.dry_run {
                    apply::Mode::DryRun
                } else {
                    apply::Mode::Apply
                };
                apply::run(&store, &options.file, mode).await
            }
            Command::Queue(options) => {
                let store = cli.target.store().await?;
                queue::run(store, &options.event, &options.steering()).await
            }
            Command::Report(options) => {
                let app = App::new(cli.target.store().await?);
                report::run(&app, &options).await
            }
            Command::Audit(options) => audit::run(&cli.target.store().await?, &options).await,
            Command::Keys(KeysCommand::Rotate) => keys::rotate(&cli.target.store().await?).await,
            Command::Desk(options) => desk::run(&options, &cli.target).await,
            Command::VerifyDraw(options) => verify_draw::run(&cli.target, &options).await,
        }
    });
    // Idle connections must not keep the process.
    runtime.shutdown_background();
    result
}
