//! `boxoffice queue`: shows a queue, and changes how it runs.

use anyhow::{Context, Result};
use clap::Args;
use domain::clock::EpochMs;
use domain::event::Event;
use domain::ids::EventId;
use domain::journal::Author;
use domain::queue::{Head, Order, Rate, Strategy, Turnout};
use domain::shortage::Shortage;
use shared::app::App;
use shared::store::{Consistency, Store};

use crate::author::{self, WhyOption};
use crate::catalog::MAX_ACTIVE_LIMIT;
use crate::known_event;
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::queue_status::sale_state_name;
use crate::steering::{self, SaleAction, Steering};
use crate::table_options::TableOptions;

#[derive(Args, Debug)]
pub struct QueueArgs {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    #[command(flatten)]
    action: ActionArgs,
    /// Set how many sessions may be open at once; sessions above the new limit may finish
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_ACTIVE_LIMIT))]
    max_active: Option<u32>,
    /// Set how many users are called in a batch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_ACTIVE_LIMIT))]
    batch_size: Option<u32>,
    /// Give the announced random value that the draw waits for; this can be done once
    #[arg(long, value_name = "VALUE", value_parser = steering::parse_beacon)]
    beacon: Option<String>,
    #[command(flatten)]
    why: WhyOption,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
struct ActionArgs {
    /// Stop calling users and letting them in; open sessions go on
    #[arg(long)]
    pause: bool,
    /// Go on after a pause or a close; users called before it get a new grace period
    #[arg(long)]
    resume: bool,
    /// End the sale; held seats can still be paid
    #[arg(long)]
    close: bool,
}

impl QueueArgs {
    fn steering(&self) -> Steering {
        let action = match (self.action.pause, self.action.resume, self.action.close) {
            (true, ..) => Some(SaleAction::Pause),
            (_, true, _) => Some(SaleAction::Resume),
            (.., true) => Some(SaleAction::Close),
            (false, false, false) => None,
        };
        Steering {
            action,
            max_active: self.max_active,
            batch_size: self.batch_size,
            beacon: self.beacon.clone(),
        }
    }
}

pub async fn run(args: &QueueArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    let steering = args.steering();
    if steering == Steering::default() {
        let event = known_event::event(&store, &args.event).await?;
        return show(&App::new(store), &event, out).await;
    }
    let author = author::of(&args.why, tables).await?;
    steer_and_show(store, &args.event, &steering, &author, out).await
}

/// Changes the queue, then prints its state.
pub async fn steer_and_show(
    store: Store,
    id: &EventId,
    steering: &Steering,
    author: &Author,
    out: &mut Output,
) -> Result<Outcome> {
    let event = match steering::steer(&store, id, steering, author).await? {
        Ok(event) => event,
        Err(reason) => {
            error_line(format_args!("{id}: {reason}"));
            return Ok(Outcome::Negative);
        }
    };
    let app = App::new(store);
    steering::promote_lanes(&app, &event).await;
    show(&app, &event, out).await
}

async fn show(app: &App, event: &Event, out: &mut Output) -> Result<Outcome> {
    let id = &event.event_id;
    let heads = app
        .store()
        .heads(event, Consistency::Strong)
        .await?
        .with_context(|| format!("the event {id} has no queue"))?;
    print(event, &heads, app.clock().now(), out);
    Ok(Outcome::Done)
}

fn print(event: &Event, heads: &[Head], now: EpochMs, out: &mut Output) {
    let sum = |number: fn(&Head) -> u64| heads.iter().map(number).sum::<u64>();
    let queue = event.queue();
    out.line(format_args!("event      {}", event.event_id));
    out.line(format_args!(
        "state      {}",
        sale_state_name(event.sale_state(now))
    ));
    out.line(format_args!("issued     {}", sum(|head| head.issued)));
    out.line(format_args!("called     {}", sum(Head::called)));
    out.line(format_args!("waiting    {}", sum(Head::waiting)));
    match Head::shortage_of_lanes(heads, now) {
        Some(Shortage::SoldOut) => out.line(format_args!("left       nothing: sold out")),
        Some(Shortage::AllHeld) => {
            out.line(format_args!("left       nothing: the last seats are held"));
        }
        None => {}
    }
    out.line(format_args!(
        "max active {}{}",
        queue.max_active,
        steered_from(event.control.max_active, event.terms.queue.max_active)
    ));
    if let (
        Strategy::Batch {
            batch_size,
            batch_seconds,
        },
        Strategy::Batch {
            batch_size: was, ..
        },
    ) = (queue.strategy, event.terms.queue.strategy)
    {
        let note = steered_from(event.control.batch_size, was);
        out.line(format_args!(
            "batch      {batch_size} every {batch_seconds} s{note}"
        ));
    }
    let rates = heads
        .iter()
        .filter_map(|head| head.rate.and_then(Rate::per_minute));
    match rates.reduce(|sum, lane| sum + lane) {
        Some(rate) => out.line(format_args!("per minute {rate:.1}")),
        None => out.line("per minute not measured yet"),
    }
    let turnout = heads
        .iter()
        .fold(Turnout::default(), |sum, head| sum.with(head.turnout));
    if let Some(percent) = turnout.percent() {
        out.line(format_args!(
            "turnout    {percent} % of {}",
            turnout.decided()
        ));
    }
    if queue.lanes.count() > 1 {
        for (lane, head) in heads.iter().enumerate() {
            out.line(format_args!(
                "lane {lane:<5} issued {}, called {}, waiting {}",
                head.issued,
                head.called(),
                head.waiting()
            ));
        }
    }
    show_draw(event, heads, out);
}

fn steered_from(steered: Option<u32>, catalogue: u32) -> String {
    match steered {
        Some(value) if value != catalogue => format!(" (the catalogue says {catalogue})"),
        Some(_) | None => String::new(),
    }
}

fn show_draw(event: &Event, heads: &[Head], out: &mut Output) {
    if event.terms.queue.order == Order::Arrival {
        return;
    }
    if let Some(draw) = heads.first().and_then(|head| head.draw) {
        out.line(format_args!("commitment {}", draw.secret.commitment()));
    }
    if let Some(source) = &event.terms.beacon {
        match &event.control.beacon {
            Some(value) => out.line(format_args!("beacon     {value} ({source})")),
            None => out.line(format_args!("beacon     not given yet: {source}")),
        }
    }
    let counts: Option<Vec<u64>> = heads.iter().map(|head| head.draw?.count).collect();
    match counts {
        Some(counts) => out.line(format_args!(
            "drawn      among {}",
            counts.iter().sum::<u64>()
        )),
        None => out.line("drawn      at the opening"),
    }
}
