//! `boxoffice apply`: makes the table say what a catalogue says, unless that would break what is sold.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use domain::clock::EpochMs;
use domain::event::{Admission, Event, EventDate, Programme, Terms};
use domain::ids::{DateKey, EventId};
use domain::queue::{QueuePolicy, Strategy};
use domain::seats::SeatStatus;
use serde_json::Value;
use shared::app::App;
use shared::store::{Change, Consistency, Settings, Store};

use crate::catalog::{self, Catalog};
use crate::command::Outcome;
use crate::queue;

/// A catalogue is a file that somebody wrote: this is more than enough.
const LARGEST_FILE: u64 = 10 * 1024 * 1024;

/// What is done, and where it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Changes are told on standard output.
    Apply,
    /// Nothing is changed.
    DryRun,
    /// As a part of `serve`: changes are told in the log.
    Serve,
}

/// Applies a file.
pub async fn run(store: &Store, file: &Path, mode: Mode) -> Result<Outcome> {
    let name = file.display().to_string();
    let read = || -> Result<String> {
        let length = std::fs::metadata(file)?.len();
        anyhow::ensure!(
            length <= LARGEST_FILE,
            "is larger than {LARGEST_FILE} bytes"
        );
        Ok(std::fs::read_to_string(file)?)
    };
    let text = read().with_context(|| format!("cannot read the catalogue {name}"))?;
    apply(store, &name, &text, mode).await
}

/// Applies a catalogue's text; `name` is what it is called in messages.
pub async fn apply(store: &Store, name: &str, text: &str, mode: Mode) -> Result<Outcome> {
    let now = store.clock().now();
    let known: BTreeMap<EventId, EpochMs> = store
        .events(Consistency::Strong)
        .await?
        .into_iter()
        .map(|event| (event.event_id, event.first_applied_at))
        .collect();
    let catalog = match catalog::parse(text, &known, now) {
        Ok(catalog) => catalog,
        Err(errors) => {
            for error in errors {
                eprintln!("{name}:{error}");
            }
            return Ok(Outcome::No);
        }
    };
    let plan = plan(store, catalog, now).await?;
    if !plan.refusals.is_empty() {
        for refusal in &plan.refusals {
            eprintln!("{name}: {refusal}");
        }
        return Ok(Outcome::No);
    }
    if mode != Mode::DryRun && !store.put_settings(&plan.settings).await? {
        eprintln!("{name}: currency: the table has another one already");
        return Ok(Outcome::No);
    }
    if let Some(told) = &plan.settings_told {
        tell(mode, told);
    }
    for step in &plan.steps {
        if let (Some(change), true) = (&step.change, mode != Mode::DryRun) {
            store.apply(change).await?;
            if let Change::Update { programme, .. } = change {
                // Fewer places hold from now on, also where nobody polls.
                queue::take_effect(&App::new(store.clone()), &programme.event).await;
            }
        }
        tell(mode, &step.told);
    }
    Ok(Outcome::Done)
}

fn tell(mode: Mode, told: &str) {
    match mode {
        Mode::Apply | Mode::DryRun => println!("{told}"),
        Mode::Serve => tracing::info!("{told}"),
    }
}

struct Plan {
    settings: Settings,
    /// Where they change what the table has.
    settings_told: Option<String>,
    steps: Vec<Step>,
    /// What must not be done; then nothing is.
    refusals: Vec<String>,
}

struct Step {
    told: String,
    change: Option<Change>,
}

async fn plan(store: &Store, catalog: Catalog, now: EpochMs) -> Result<Plan> {
    let mut plan = Plan {
        steps: Vec::new(),
        refusals: Vec::new(),
        settings: Settings {
            currency: catalog.currency,
            wallet_ceiling: catalog.wallet_ceiling,
        },
        settings_told: None,
    };
    if let Some(former) = store.settings().await? {
        let (was, is) = (&former, &plan.settings);
        if was.currency != is.currency {
            plan.refusals.push(format!(
                "currency: the table's is {}, and cannot become {}",
                was.currency, is.currency
            ));
        }
        if was.wallet_ceiling != is.wallet_ceiling {
            plan.settings_told = Some(format!(
                "update settings: walletCeiling {} -> {}",
                was.wallet_ceiling, is.wallet_ceiling
            ));
        }
    }
    for programme in catalog.programmes {
        let id = programme.event.event_id.clone();
        let step = match store.programme(&id, Consistency::Strong).await? {
            None => Step {
                told: format!("create {id}"),
                change: Some(Change::Create(programme)),
            },
            Some(former) => {
                plan.refusals
                    .extend(refusals(store, &former, &programme, now).await?);
                update(&former, programme, now)
            }
        };
        plan.steps.push(step);
    }
    Ok(plan)
}

fn update(former: &Programme, mut programme: Programme, now: EpochMs) -> Step {
    programme.event.control =
        former
            .event
            .control
            .under(&former.event.terms.queue, &programme.event.terms.queue, now);
    if former.event.terms.beacon != programme.event.terms.beacon {
        // It was another source's value.
        programme.event.control.beacon = None;
    }
    let seat_limit = |programme: &Programme| programme.event.terms.max_seats_per_user;
    if seat_limit(&programme) < seat_limit(former) {
        let highest = &mut programme.event.control.highest_seat_limit;
        *highest = seat_limit(former).max(*highest);
    }
    programme.event.first_applied_at = former.event.first_applied_at;
    let id = programme.event.event_id.clone();
    if programme == *former {
        return Step {
            told: format!("unchanged {id}"),
            change: None,
        };
    }
    let removed: Vec<DateKey> = former
        .dates
        .keys()
        .filter(|date| !programme.dates.contains_key(date))
        .copied()
        .collect();
    Step {
        told: format!("update {id}: {}", differences(former, &programme)),
        change: Some(Change::Update {
            programme,
            former: Box::new(former.event.clone()),
            removed,
        }),
    }
}

/// What would break what is sold, or what people stand in line for.
async fn refusals(
    store: &Store,
    former: &Programme,
    programme: &Programme,
    now: EpochMs,
) -> Result<Vec<String>> {
    let id = &former.event.event_id;
    let mut refusals = Vec::new();
    let (was, is) = (
        &former.event.terms.admission,
        &programme.event.terms.admission,
    );
    let mut fixed = fixed_once_joined(&former.event.terms, &programme.event.terms);
    match (was, is) {
        (Admission::Seated, Admission::Seated) => {}
        (Admission::Seated, Admission::General { .. }) => {
            fixed.push("admission");
        }
        (Admission::General { .. }, Admission::Seated) => {
            refusals.push(format!("{id}: admission: general cannot become seated"));
        }
        (
            Admission::General { total_tickets, .. },
            Admission::General {
                total_tickets: wanted,
                ..
            },
        ) => {
            if total_tickets != wanted {
                refusals.push(format!(
                    "{id}: totalTickets: cannot change from {total_tickets} to {wanted}"
                ));
            }
        }
    }
    if !fixed.is_empty() && has_been_joined(store, &former.event).await? {
        refusals.extend(fixed.into_iter().map(|field| {
            format!("{id}: {field}: cannot change once people have joined the queue")
        }));
    }
    for date in former.dates.values() {
        let after = programme.dates.get(&date.date);
        if after.is_none_or(|after| after.sections != date.sections) {
            refusals.extend(lost_seats(store, id, date, after, now).await?);
        }
    }
    Ok(refusals)
}

/// What of the terms differs although people in line rely on it.
fn fixed_once_joined(former: &Terms, terms: &Terms) -> Vec<&'static str> {
    let (was, is) = (&former.queue, &terms.queue);
    let strategy = |queue: &QueuePolicy| matches!(queue.strategy, Strategy::Slots);
    [
        ("queue.strategy", strategy(was) != strategy(is)),
        ("queue.order", was.order != is.order),
        ("queue.lanes", was.lanes != is.lanes),
        ("queue.beacon", former.beacon != terms.beacon),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

async fn has_been_joined(store: &Store, event: &Event) -> Result<bool> {
    let heads = store.heads(event, Consistency::Strong).await?;
    Ok(heads.into_iter().flatten().any(|head| head.issued > 0))
}

/// Seats of a date that are somebody's, and would be gone or in another section.
async fn lost_seats(
    store: &Store,
    id: &EventId,
    date: &EventDate,
    after: Option<&EventDate>,
    now: EpochMs,
) -> Result<Option<String>> {
    let mut lost = Vec::new();
    for section in &date.sections {
        for (seat, claim) in store.claims(id, date.date, &section.name).await? {
            let is_kept = after
                .and_then(|after| after.section_of(seat))
                .is_some_and(|kept| kept.name == section.name);
            if !is_kept && SeatStatus::of(Some(&claim), now) != SeatStatus::Available {
                lost.push(seat.to_string());
            }
        }
    }
    if lost.is_empty() {
        return Ok(None);
    }
    let count = lost.len();
    lost.truncate(10);
    Ok(Some(format!(
        "{id}: dates: {}: {count} sold or held seats would be gone or in another section: {}{}",
        date.date,
        lost.join(", "),
        if count > lost.len() { ", …" } else { "" }
    )))
}

/// What changes, for a person: `holdSeconds 300 -> 240, date 2026-12-24 added`.
fn differences(former: &Programme, programme: &Programme) -> String {
    let mut told = Vec::new();
    let terms =
        |programme: &Programme| serde_json::to_value(&programme.event.terms).unwrap_or_default();
    compare("", &terms(former), &terms(programme), &mut told);
    for (key, date) in &programme.dates {
        match former.dates.get(key) {
            None => told.push(format!("date {key} added")),
            Some(before) if before != date => told.push(format!("date {key} changed")),
            Some(_) => {}
        }
    }
    for key in former.dates.keys() {
        if !programme.dates.contains_key(key) {
            told.push(format!("date {key} removed"));
        }
    }
    told.join(", ")
}

fn compare(path: &str, before: &Value, after: &Value, told: &mut Vec<String>) {
    if before == after {
        return;
    }
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let mut field = path.to_owned();
            if !field.is_empty() {
                field.push('.');
            }
            // Writing to a text cannot fail.
            let _ = write!(field, "{key}");
            let value = |map: &serde_json::Map<_, _>| map.get(key).cloned().unwrap_or_default();
            compare(&field, &value(before), &value(after), told);
        }
        return;
    }
    told.push(format!("{path} {before} -> {after}"));
}
