//! `boxoffice rush`: plays an on-sale against an own system.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use domain::clock::EpochMs;
use domain::ids::EventId;
use domain::journal::Author;
use domain::queue::Secret;
use shared::store::Store;
use tokio::sync::watch;

use crate::author::{self, WhyOption};
use crate::crowd::Share;
use crate::crowd_options::{CrowdOptions, parse_duration};
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::rush::preflight::{self, EventFacts};
use crate::rush::{Audited, Client, Faults, Report, Sale, Setting, Stock, Tally, Target};
use crate::table_options::TableOptions;
use crate::{permits, rush};

#[derive(Args, Debug)]
pub struct RushArgs {
    /// The event to load. The crowd really joins its queue, holds its seats and buys them
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// Allow a rush on the event for this long, print the permit, and do nothing else
    #[arg(long, value_name = "TIME", value_parser = parse_permit_time, conflicts_with_all = ["url", "permit", "json", "html"])]
    allow: Option<Duration>,
    /// The API's address [default with `--local`: port 3000 of this machine]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The permit that `--allow` printed. Without it, the rush makes its own permit in the table, and audits the table
    #[arg(long, env = "BOXOFFICE_RUSH_PERMIT", hide_env_values = true, value_parser = parse_permit)]
    permit: Option<Secret>,
    /// Rush on an event although people have joined its queue already
    #[arg(long)]
    although_joined: bool,
    /// The end of the rush, if people are still there
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = parse_duration)]
    at_most: Duration,
    /// The most connections to the API
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
    /// Requests whose answer is lost on the way
    #[arg(long, value_name = "PERCENT", default_value_t = Share::NONE)]
    lost_answers: Share,
    /// Requests that arrive twice
    #[arg(long, value_name = "PERCENT", default_value_t = Share::NONE)]
    duplicates: Share,
    /// ID tokens of the deployment's issuer, one a line: one for each person
    #[arg(long, value_name = "FILE")]
    id_tokens: Option<PathBuf>,
    /// Write the report as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    why: WhyOption,
    #[command(flatten)]
    crowd: CrowdOptions,
}

const LOCAL_URL: &str = "http://127.0.0.1:3000";
/// How long the rush's own permit outlasts it.
const PERMIT_RESERVE: Duration = Duration::from_mins(5);

fn parse_permit(text: &str) -> Result<Secret, String> {
    Secret::parse(text)
        .map_err(|_| "must be the 64 hexadecimal digits that --allow printed".to_owned())
}

fn parse_permit_time(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if permits::ALLOWED.contains(&time) {
        Ok(time)
    } else {
        Err("must be from 1 minute to 24 hours".to_owned())
    }
}

pub async fn run(args: &RushArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    if let Some(time) = args.allow {
        let store = tables.store().await?;
        let author = author::of(&args.why, tables).await?;
        return allow(args, time, &store, &author, out).await;
    }
    let target = target(args, tables)?;
    let (own, secret) = if let Some(secret) = args.permit {
        (None, secret)
    } else {
        let store = tables.store().await?;
        let author = author::of(&args.why, tables).await?;
        let time = (args.at_most + PERMIT_RESERVE).min(*permits::ALLOWED.end());
        let permit = permits::allow(&store, &args.event, time, &author).await?;
        (Some((store, author)), permit.secret)
    };
    let played = play(args, &target, &secret).await;
    if let Some((store, author)) = &own {
        permits::revoke(store, &args.event, &secret, author).await?;
    }
    let (setting, sale, before, after) = played?;
    let seconds = sale.client.tally.began.elapsed().as_secs_f64();
    let audited = audit(own.as_ref().map(|(store, _)| store)).await?;
    let stock = Stock {
        total: after.total,
        available_before: before.available,
        available_after: after.available,
    };
    let report = Report::new(
        setting,
        seconds,
        &sale.client.tally.counts(),
        stock,
        audited,
    );
    if let Some(file) = &args.html {
        report.to_page().write(file)?;
    }
    if args.json {
        out.json(&report)?;
    } else {
        for line in report.to_text() {
            out.line(line);
        }
    }
    Ok(if report.is_good() {
        Outcome::Done
    } else {
        Outcome::Negative
    })
}

async fn allow(
    args: &RushArgs,
    time: Duration,
    store: &Store,
    author: &Author,
    out: &mut Output,
) -> Result<Outcome> {
    let permit = permits::allow(store, &args.event, time, author).await?;
    let EpochMs(until) = permit.until;
    let until = time_of(until);
    out.line(format_args!(
        "a rush on {} is allowed until {until}",
        args.event
    ));
    out.line(format_args!(
        "BOXOFFICE_RUSH_PERMIT={}",
        permit.secret.reveal()
    ));
    Ok(Outcome::Done)
}

fn time_of(epoch_ms: i64) -> String {
    let since_epoch = Duration::from_millis(epoch_ms.unsigned_abs());
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since_epoch).to_string()
}

fn target(args: &RushArgs, tables: &TableOptions) -> Result<Target> {
    match &args.url {
        Some(url) => Target::parse(url),
        None if tables.is_local() => Target::parse(LOCAL_URL),
        None => bail!("--url: say which API to load, or use --local"),
    }
}

/// Checks the permit, and plays. Returns what was played, and the event before and after.
async fn play(
    args: &RushArgs,
    target: &Target,
    secret: &Secret,
) -> Result<(Setting, Arc<Sale>, EventFacts, EventFacts)> {
    let no_faults = Faults {
        lost_answers: Share::NONE,
        duplicates: Share::NONE,
    };
    let event = &args.event;
    let asking = Client::new(target.clone(), 1, no_faults, Tally::default())?;
    preflight::check_permit(&asking, target.as_str(), event, secret).await?;
    let before = preflight::event(&asking, event).await?;
    if before.issued > 0 && !args.although_joined {
        bail!(
            "{} people have joined the queue of {event}: use another event, or --although-joined",
            before.issued
        );
    }
    let crowd = args.crowd.crowd(before.most_per_user)?;
    let id_tokens = match &args.id_tokens {
        Some(file) => Some(read_lines(file)?),
        None => None,
    };
    let identity = preflight::identity(&asking, event, id_tokens, crowd.people).await?;
    let arrivals_last_seconds = crowd.arrivals.lasts().as_secs_f64();
    error_line(format_args!(
        "rush: {} people within {arrivals_last_seconds:.0} s join {event} at {} and buy its tickets",
        crowd.people,
        target.as_str()
    ));
    let faults = Faults {
        lost_answers: args.lost_answers,
        duplicates: args.duplicates,
    };
    // Each connection is a file, and the usual limit is 1,024. If it cannot be raised, opening a connection fails, which
    // the report shows.
    let connections = usize::from(args.connections);
    let _ = rlimit::increase_nofile_limit(u64::from(args.connections) + 100);
    let client = Client::new(target.clone(), connections, faults, Tally::default())?;
    let lingering = crowd.habits.lingering;
    let sale = Arc::new(Sale::new(
        client,
        event,
        identity,
        before.tickets,
        lingering,
    ));
    let (stop, stopped) = watch::channel(false);
    let interrupt = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            error_line("rush: stopping");
            stop.send_replace(true);
        }
        // The sender must outlive the rush.
        std::future::pending::<()>().await;
    });
    rush::play(&sale, &crowd, args.at_most, stopped).await;
    interrupt.abort();
    // Public numbers may be a second old.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = preflight::event(&asking, event).await?;
    let setting = Setting {
        event_id: event.to_string(),
        event_name: before.name.clone(),
        target: target.as_str().to_owned(),
        people: crowd.people,
        arrivals_last_seconds,
        seed: crowd.seed,
        most_connections: connections,
    };
    Ok((setting, sale, before, after))
}

fn read_lines(file: &PathBuf) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("--id-tokens: cannot read {}", file.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// The whole table: the crowd's wallets belong to no event.
async fn audit(store: Option<&Store>) -> Result<Audited> {
    let Some(store) = store else {
        return Ok(Audited::NotChecked);
    };
    let report = shared::audit::run(store, None, |_| {}).await?;
    Ok(if report.findings.is_empty() {
        Audited::Clean {
            items: report.items,
        }
    } else {
        Audited::Broken {
            items: report.items,
            findings: report.findings,
        }
    })
}
