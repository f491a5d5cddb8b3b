//! `boxoffice plan`: simulates an on-sale, and proposes settings for it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use domain::clock::{Clock, EpochMs};
use domain::event::{Programme, SaleState};
use domain::ids::EventId;

use crate::account_quotas;
use crate::catalog::{self, Known};
use crate::crowd_options::{CrowdOptions, parse_duration};
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::plan::account::{Account, Quota, Source};
use crate::plan::proposal::{MOST_READY, Proposal, Wishes, most_simulations, propose};
use crate::plan::report::PlanReport;
use crate::plan::scenario::{Front, Scenario, Settings};
use crate::plan::simulation::simulate;
use crate::progress::Progress;

#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    /// The catalogue: YAML or JSON
    file: PathBuf,
    /// The event, if the catalogue has several
    #[arg(long, value_parser = EventId::parse)]
    event: Option<EventId>,
    /// The time in which 99 of 100 tickets are to be sold
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_duration, conflicts_with = "as_is")]
    sold_within: Duration,
    /// Simulate the catalogue's settings with a stack's defaults, instead of proposing others
    #[arg(long)]
    as_is: bool,
    /// Each poll reaches the API: there is no CDN, or clients do not poll as the shop does
    #[arg(long)]
    direct: bool,
    /// The environments of each function of an opening that are ready before it [default: as many as are needed]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_READY)))]
    ready_environments: Option<u32>,
    /// How long they stay ready after the opening
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = parse_duration)]
    ready_for: Duration,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// Also write a page with curves
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    crowd: CrowdOptions,
    #[command(flatten)]
    account: AccountOptions,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The account's quotas")]
struct AccountOptions {
    /// Read the account's quotas from AWS, with your credentials. The options below win
    #[arg(long)]
    account: bool,
    /// Lambda: concurrent executions [default: 1000]
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,
    /// API Gateway: requests a second [default: 10000]
    #[arg(long, value_name = "N")]
    gateway_rate: Option<u32>,
    /// API Gateway: requests at once [default: 5000]
    #[arg(long, value_name = "N")]
    gateway_burst: Option<u32>,
    /// DynamoDB: write units a second of a table [default: 40000]
    #[arg(long, value_name = "N")]
    table_writes: Option<u32>,
    /// DynamoDB: read units a second of a table [default: 40000]
    #[arg(long, value_name = "N")]
    table_reads: Option<u32>,
}

impl AccountOptions {
    fn given(&self, quota: Quota) -> Option<u32> {
        match quota {
            Quota::Concurrency => self.concurrency,
            Quota::GatewayRate => self.gateway_rate,
            Quota::GatewayBurst => self.gateway_burst,
            Quota::TableWrites => self.table_writes,
            Quota::TableReads => self.table_reads,
        }
    }

    /// The quotas by the options, by AWS if it is to be asked, and by AWS's defaults.
    async fn quotas(&self) -> Result<Account> {
        let mut account = Account::default();
        let mut unknown = Vec::new();
        for quota in Quota::ALL {
            match self.given(quota) {
                Some(value) => account.set(quota, value, Source::Option),
                None => unknown.push(quota),
            }
        }
        if self.account {
            let found = account_quotas::read(&unknown).await?;
            for warning in found.warnings {
                error_line(format_args!("warning: {warning}"));
            }
            for (quota, value) in found.values {
                account.set(quota, value, Source::Account);
            }
        }
        Ok(account)
    }
}

/// A simulation ends after this time of the sale.
const LONGEST_SECONDS: u32 = 3 * 3_600;

pub async fn run(args: &PlanArgs, out: &mut Output) -> Result<Outcome> {
    let now = Clock::System.now();
    let name = args.file.display().to_string();
    let text = catalog::read_file(&args.file)?;
    let catalog = match catalog::parse(&text, &Known::default(), now) {
        Ok(catalog) => catalog,
        Err(errors) => {
            for error in errors {
                error_line(format_args!("{name}:{error}"));
            }
            return Ok(Outcome::Negative);
        }
    };
    let programmes = catalog.events.into_iter().map(|event| event.programme);
    let programme = chosen(programmes.collect(), args.event.as_ref(), &name)?;
    let scenario = scenario(programme, args, now)?;
    let account = args.account.quotas().await?;
    let proposal = if args.as_is {
        let settings = Settings {
            concurrency: account.value(Quota::Concurrency),
            ready_environments: args.ready_environments.unwrap_or(0),
            ready_for: args.ready_for,
            ..Settings::of(&scenario.programme.event.queue())
        };
        Proposal {
            observed: simulate(&scenario, &settings),
            settings,
            simulations: 1,
            shortcomings: Vec::new(),
        }
    } else {
        let mut progress = Progress::of(most_simulations().into());
        let wishes = Wishes {
            sold_within: args.sold_within,
            ready_environments: args.ready_environments,
            ready_for: args.ready_for,
        };
        let proposal = propose(&scenario, &wishes, &mut |done, why| {
            progress.report(done.into(), || format!("simulation {}: {why}", done + 1));
        });
        progress.finish();
        proposal
    };
    let report = PlanReport::new(&scenario, &proposal, &account, !args.as_is);
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
    Ok(Outcome::Done)
}

/// The event to plan.
fn chosen(programmes: Vec<Programme>, event: Option<&EventId>, name: &str) -> Result<Programme> {
    let ids: Vec<String> = programmes
        .iter()
        .map(|programme| programme.event.event_id.to_string())
        .collect();
    match event {
        None if ids.len() > 1 => bail!("--event: {name} has several events: {}", ids.join(", ")),
        None => programmes
            .into_iter()
            .next()
            .with_context(|| format!("{name}: events: there is none")),
        Some(event) => programmes
            .into_iter()
            .find(|programme| programme.event.event_id == *event)
            .with_context(|| {
                format!(
                    "--event: {name} has no event {event}, but {}",
                    ids.join(", ")
                )
            }),
    }
}

fn scenario(programme: Programme, args: &PlanArgs, now: EpochMs) -> Result<Scenario> {
    let terms = &programme.event.terms;
    let opens_at = terms.opens_at.map_or(now, |opening| opening.max(now));
    if programme.event.sale_state(opens_at) == SaleState::Closed {
        bail!(
            "{}: the sale has closed before it opens",
            programme.event.event_id
        );
    }
    let crowd = args.crowd.crowd(terms.max_seats_per_user)?;
    let scenario = Scenario {
        crowd,
        front: if args.direct {
            Front::Direct
        } else {
            Front::Cdn
        },
        opens_at,
        longest_seconds: LONGEST_SECONDS,
        programme,
    };
    if scenario.seats() == 0 {
        bail!(
            "{}: there is nothing to sell",
            scenario.programme.event.event_id
        );
    }
    Ok(scenario)
}
