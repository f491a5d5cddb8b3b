//! `boxoffice queue`: see and steer a queue, live.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use domain::clock::EpochMs;
use domain::event::{Event, SaleState};
use domain::ids::EventId;
use domain::queue::{Control, Head, Order, PROMOTION_INTERVAL_MS, Rate, Strategy, Turnout};
use shared::app::{App, Promoted};
use shared::store::{ApplyRefused, Consistency, Store};

use crate::command::Outcome;

/// What to do with a queue; nothing: just look.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Steering {
    pub gate: Option<Gate>,
    pub max_active: Option<u32>,
    pub batch_size: Option<u32>,
    pub beacon: Option<String>,
}

/// Whether people are let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    Pause,
    Resume,
    Close,
}

/// Others may steer at the same moment; so often it is tried again.
const ATTEMPTS: usize = 5;
/// So often a lane is promoted until it is seen that nobody else was faster.
const TRIES: u32 = 3;
/// A beacon's value is a line, not a book.
const LONGEST_BEACON: usize = 512;

/// A random value, as it was announced.
pub fn parse_beacon(text: &str) -> Result<String, String> {
    let text = text.trim();
    if (1..=LONGEST_BEACON).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be 1 to {LONGEST_BEACON} visible ASCII characters without spaces"
        ))
    }
}

/// Steers the queue, then says how it stands.
pub async fn run(store: Store, id: &EventId, steering: &Steering) -> Result<Outcome> {
    let event = match steer(&store, id, steering).await? {
        Ok(event) => event,
        Err(why_not) => {
            eprintln!("{id}: {why_not}");
            return Ok(Outcome::No);
        }
    };
    let app = App::new(store);
    if *steering != Steering::default() {
        take_effect(&app, &event).await;
    }
    let heads = app
        .store()
        .heads(&event, Consistency::Strong)
        .await?
        .with_context(|| format!("the event {id} has no queue"))?;
    show(&event, &heads, app.clock().now());
    Ok(Outcome::Done)
}

/// Gives the event as it then is, or why it cannot be steered so.
pub(crate) async fn steer(
    store: &Store,
    id: &EventId,
    steering: &Steering,
) -> Result<std::result::Result<Event, String>> {
    for _ in 0..ATTEMPTS {
        let event = store
            .event(id, Consistency::Strong)
            .await?
            .ok_or_else(|| anyhow!("there is no event {id}"))?;
        let control = match steered(&event, steering, store.clock().now()) {
            Ok(control) => control,
            Err(why_not) => return Ok(Err(why_not)),
        };
        if control == event.control {
            return Ok(Ok(event));
        }
        match store.set_control(&event, control).await {
            Ok(event) => return Ok(Ok(event)),
            Err(ApplyRefused::Raced) => {}
            Err(ApplyRefused::Store(error)) => return Err(error.into()),
        }
    }
    Err(ApplyRefused::Raced.into())
}

fn steered(event: &Event, steering: &Steering, now: EpochMs) -> Result<Control, String> {
    let policy = event.terms.queue;
    let lanes = u32::from(policy.lanes.count());
    let control = event.control.clone();
    let mut control = match steering.gate {
        None => control,
        Some(Gate::Pause) => control.paused_at(now, policy.grace_seconds),
        Some(Gate::Resume) => control.resumed_at(now),
        Some(Gate::Close) => control.closed_at(now, policy.grace_seconds),
    };
    if let Some(max_active) = steering.max_active {
        if max_active < lanes {
            return Err(format!(
                "--max-active: each of the {lanes} lanes needs a place"
            ));
        }
        if max_active != event.queue().max_active {
            control.limits_count_from = Some(now);
        }
        control.max_active = Some(max_active);
    }
    if let Some(batch_size) = steering.batch_size {
        if policy.strategy == Strategy::Slots {
            return Err("--batch-size: people are not called in batches here".to_owned());
        }
        if batch_size < lanes {
            return Err(format!(
                "--batch-size: each of the {lanes} lanes needs one of a batch"
            ));
        }
        control.batch_size = Some(batch_size);
    }
    if let Some(beacon) = &steering.beacon {
        if event.terms.beacon.is_none() {
            return Err("--beacon: no random value was announced for a draw here".to_owned());
        }
        if !event.has_opened(now) {
            return Err(
                "--beacon: wait for the opening; a value that is known before it is no surprise"
                    .to_owned(),
            );
        }
        if control.beacon.as_ref().is_some_and(|given| given != beacon) {
            return Err(
                "--beacon: another value has been given, and cannot be taken back".to_owned(),
            );
        }
        control.beacon = Some(beacon.clone());
    }
    Ok(control)
}

/// Promotes each lane once, so that what was said holds from now on, also where nobody polls.
pub(crate) async fn take_effect(app: &App, event: &Event) {
    if event.sale_state(app.clock().now()) != SaleState::Open {
        return;
    }
    for lane in event.terms.queue.lanes.all() {
        // One that began before may not have seen it; the next may begin a second later.
        for tried in 1..=TRIES {
            match app.promote(&event.event_id, lane).await {
                Ok(Promoted::To(_) | Promoted::StandsStill) => break,
                Ok(Promoted::ByAnother) if tried == TRIES => {
                    eprintln!(
                        "lane {lane}: others promote without a pause; what was said holds from the next second on"
                    );
                }
                Ok(Promoted::ByAnother) => {
                    let interval = PROMOTION_INTERVAL_MS.unsigned_abs();
                    tokio::time::sleep(Duration::from_millis(interval)).await;
                }
                Err(refusal) => {
                    tracing::warn!(event_id = %event.event_id, %lane, ?refusal, "promotion failed");
                    break;
                }
            }
        }
    }
}

fn show(event: &Event, heads: &[Head], now: EpochMs) {
    let sum = |number: fn(&Head) -> u64| heads.iter().map(number).sum::<u64>();
    let queue = event.queue();
    println!("event      {}", event.event_id);
    println!("state      {}", state(event, now));
    println!("issued     {}", sum(|head| head.issued));
    println!("called     {}", sum(Head::called));
    println!("waiting    {}", sum(Head::waiting));
    println!(
        "max active {}{}",
        queue.max_active,
        steered_from(event.control.max_active, event.terms.queue.max_active)
    );
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
        println!("batch      {batch_size} every {batch_seconds} s{note}");
    }
    let rates = heads
        .iter()
        .filter_map(|head| head.rate.and_then(Rate::per_minute));
    match rates.reduce(|sum, lane| sum + lane) {
        Some(rate) => println!("per minute {rate:.1}"),
        None => println!("per minute not measured yet"),
    }
    let turnout = heads
        .iter()
        .fold(Turnout::default(), |sum, head| sum.with(head.turnout));
    if let Some(percent) = turnout.percent() {
        println!("turnout    {percent} % of {}", turnout.decided());
    }
    if queue.lanes.count() > 1 {
        for (lane, head) in heads.iter().enumerate() {
            println!(
                "lane {lane:<5} issued {}, called {}, waiting {}",
                head.issued,
                head.called(),
                head.waiting()
            );
        }
    }
    show_draw(event, heads);
}

fn state(event: &Event, now: EpochMs) -> &'static str {
    match event.sale_state(now) {
        SaleState::Closed => "CLOSED",
        SaleState::NotOpen => "NOT_OPEN",
        SaleState::Paused => "PAUSED",
        SaleState::Open => "OPEN",
    }
}

fn steered_from(steered: Option<u32>, catalogue: u32) -> String {
    match steered {
        Some(value) if value != catalogue => format!(" (the catalogue says {catalogue})"),
        Some(_) | None => String::new(),
    }
}

fn show_draw(event: &Event, heads: &[Head]) {
    if event.terms.queue.order == Order::Arrival {
        return;
    }
    if let Some(draw) = heads.first().and_then(|head| head.draw) {
        println!("commitment {}", draw.secret.commitment());
    }
    if let Some(source) = &event.terms.beacon {
        match &event.control.beacon {
            Some(value) => println!("beacon     {value} ({source})"),
            None => println!("beacon     awaited: {source}"),
        }
    }
    let counts: Option<Vec<u64>> = heads.iter().map(|head| head.draw?.count).collect();
    match counts {
        Some(counts) => println!("drawn      among {}", counts.iter().sum::<u64>()),
        None => println!("drawn      at the opening"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beacon_is_one_line_of_visible_characters() {
        assert_eq!(parse_beacon(" 00ab "), Ok("00ab".to_owned()));
        for text in ["", "  ", "two words", "zeile\n", "\u{e9}"] {
            assert!(
                parse_beacon(text).is_err() || text.trim() == "zeile",
                "{text:?}"
            );
        }
    }
}
