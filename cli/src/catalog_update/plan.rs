//! What applying a catalogue would change, and what it must not change.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use domain::clock::EpochMs;
use domain::event::{Admission, Event, EventDate, Programme, Section, Terms};
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::journal::Author;
use domain::money::Money;
use domain::plans::Postponements;
use domain::queue::{Control, Order, QueuePolicy, Strategy};
use domain::seating;
use domain::seats::Claim;
use shared::store::{ApplyRefused, Change, Consistency, Described, Settings, Store};

use super::differences::{differences, summary};
use crate::catalog::{Catalog, CatalogError, DEFAULT_WALLET_CEILING, Doubt, DoubtReason, Known};

/// At most this many attempts for each event, because others may change it at the same moment.
const ATTEMPTS: usize = 5;

pub(super) struct Plan {
    pub(super) settings: Settings,
    /// Describes how the table's settings change.
    pub(super) settings_change: Option<String>,
    pub(super) steps: Vec<Step>,
    /// Changes that are not allowed. If there are any, or errors, nothing is changed.
    pub(super) conflicts: Vec<String>,
    /// Times that cannot be meant.
    pub(super) errors: Vec<CatalogError>,
    /// Times that are odd.
    pub(super) warnings: Vec<CatalogError>,
}

/// What happens to one event of the catalogue.
pub(super) struct Step {
    /// One line, and one for each changed field.
    pub(super) description: Vec<String>,
    /// None if the event is as the catalogue describes it.
    pub(super) change: Option<Change>,
}

impl Plan {
    pub(super) async fn make(
        store: &Store,
        catalog: Catalog,
        known: Known,
        now: EpochMs,
    ) -> Result<Self> {
        let former_ceiling = known.settings.as_ref().map(|former| former.wallet_ceiling);
        let mut plan = Self {
            steps: Vec::new(),
            conflicts: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            settings: Settings {
                currency: catalog.currency,
                wallet_ceiling: catalog
                    .wallet_ceiling
                    .or(former_ceiling)
                    .unwrap_or(DEFAULT_WALLET_CEILING),
            },
            settings_change: None,
        };
        if let Some(former) = known.settings {
            let (was, is) = (&former, &plan.settings);
            if was.currency != is.currency {
                plan.conflicts.push(format!(
                    "currency: cannot change from {} to {}",
                    was.currency, is.currency
                ));
            }
            if was.wallet_ceiling != is.wallet_ceiling {
                plan.settings_change = Some(format!(
                    "update settings: walletCeiling {} -> {}",
                    was.wallet_ceiling, is.wallet_ceiling
                ));
            }
        }
        if former_ceiling.is_some_and(|former| plan.settings.wallet_ceiling < former) {
            let named: BTreeSet<_> = catalog
                .events
                .iter()
                .map(|described| &described.programme.event.event_id)
                .collect();
            let others = known.first_applied.keys().filter(|id| !named.contains(id));
            for id in others {
                let other = store.programme(id, Consistency::Strong).await?;
                let dear = other.and_then(|other| highest_price(&other, now));
                if let Some(price) = dear.filter(|price| *price > plan.settings.wallet_ceiling) {
                    plan.conflicts.push(format!(
                        "walletCeiling: cannot be less than {price}, a price of {id}"
                    ));
                }
            }
        }
        let mut doubts = catalog.doubts;
        for described in catalog.events {
            let id = &described.programme.event.event_id;
            let former = store.described(id).await?;
            for doubt in doubts.extract_if(.., |doubt| doubt.event == *id) {
                plan.judge(doubt, former.as_ref().map(|former| &former.programme));
            }
            match step(store, former, &described, now).await? {
                Ok(step) => plan.steps.push(step),
                Err(conflicts) => plan.conflicts.extend(conflicts),
            }
        }
        Ok(plan)
    }

    fn judge(&mut self, doubt: Doubt, former: Option<&Programme>) {
        let is_new = match (former, doubt.date) {
            (None, _) => true,
            (Some(former), Some(date)) => !former.dates.contains_key(&date),
            (Some(_), None) => false,
        };
        match (doubt.reason, is_new) {
            (DoubtReason::OtherDay, true) => self.errors.push(doubt.message),
            // It is on another day by command.
            (DoubtReason::OtherDay, false) if is_postponed(former, doubt.date) => {}
            (DoubtReason::OtherDay, false) | (DoubtReason::Past, true) => {
                self.warnings.push(doubt.message);
            }
            (DoubtReason::Past, false) => {}
        }
    }
}

fn is_postponed(former: Option<&Programme>, date: Option<DateKey>) -> bool {
    let control = former.map(|former| &former.event.control);
    let all = control.and_then(|control| control.postponements(date));
    all.is_some_and(|all| !all.is_empty())
}

/// The most that one ticket still costs, with its fees.
fn highest_price(programme: &Programme, now: EpochMs) -> Option<Money> {
    let Event { terms, .. } = &programme.event;
    if programme.event.closes_at().is_some_and(|end| end <= now) {
        return None;
    }
    let highest = match terms.admission {
        Admission::General { price, .. } => Some(price),
        Admission::Seated => {
            let dates = programme
                .dates
                .values()
                .filter(|date| programme.is_ahead(date, now));
            let sections = dates.flat_map(|date| &date.sections);
            sections.map(|section| section.price).max()
        }
    };
    highest.map(|price| price + terms.fees.of_order([price]).total())
}

/// What has to be done for one event, or why it is not allowed.
async fn step(
    store: &Store,
    former: Option<Described>,
    described: &Described,
    now: EpochMs,
) -> Result<Result<Step, Vec<String>>> {
    let Some(former) = former else {
        return Ok(Ok(Step {
            description: created(&described.programme),
            change: Some(Change::Create(described.clone())),
        }));
    };
    let conflicts = conflicts(store, &former.programme, &described.programme, now).await?;
    Ok(if conflicts.is_empty() {
        update(&former, described.clone()).map_err(|conflict| vec![conflict])
    } else {
        Err(conflicts)
    })
}

impl Step {
    /// Makes the change. If somebody else changes the event at the same time, decides again what
    /// has to be done. Returns the step that was made, or why it is not allowed.
    pub(super) async fn make(
        mut self,
        store: &Store,
        now: EpochMs,
        author: &Author,
    ) -> Result<Result<Self, Vec<String>>> {
        for _ in 0..ATTEMPTS {
            let Some(change) = &self.change else {
                return Ok(Ok(self));
            };
            let described = change.described();
            let id = &described.programme.event.event_id;
            // Behind the line that names the event.
            let changes = self.description.get(1..).unwrap_or_default();
            match store.apply(change, changes, author).await {
                Ok(()) => return Ok(Ok(self)),
                Err(ApplyRefused::Raced) => {}
                Err(ApplyRefused::Store(error)) => return Err(error.into()),
                Err(refused) => return Ok(Err(vec![format!("{id}: {refused}")])),
            }
            let former = store.described(id).await?;
            match step(store, former, described, now).await? {
                Ok(step) => self = step,
                Err(conflicts) => return Ok(Err(conflicts)),
            }
        }
        Err(ApplyRefused::Raced.into())
    }
}

fn created(programme: &Programme) -> Vec<String> {
    let dates = programme.dates.iter();
    let dates = dates.map(|(key, date)| format!("  dates[{key}]: {}", summary(date)));
    std::iter::once(format!("create {}", programme.event.event_id))
        .chain(dates)
        .collect()
}

/// What changes, or why it may not.
fn update(before: &Described, described: Described) -> Result<Step, String> {
    let Described { programme, texts } = described;
    let former = &before.programme;
    let mut control = former
        .event
        .control
        .under(&former.event.terms.queue, &programme.event.terms.queue);
    if former.event.terms.beacon != programme.event.terms.beacon {
        // The given value came from the former source.
        control.beacon = None;
    }
    let kept = kept_postponements(&programme, &control);
    let mut programme = replanned(programme, &control)?;
    programme.event.first_applied_at = former.event.first_applied_at;
    programme.event.revision = former.event.revision;
    keep_shards(
        &former.event.terms.admission,
        &mut programme.event.terms.admission,
    );
    let id = programme.event.event_id.clone();
    let described = Described { programme, texts };
    if described == *before {
        let mut description = vec![format!("unchanged {id}")];
        description.extend(kept);
        return Ok(Step {
            description,
            change: None,
        });
    }
    let mut description = vec![format!("update {id}")];
    description.extend(kept);
    let changes = differences(before, &described).into_iter();
    description.extend(changes.map(|change| format!("  {change}")));
    Ok(Step {
        description,
        change: Some(Change::Update {
            described,
            former: Box::new(before.clone()),
        }),
    })
}

/// What the catalogue describes, with what operators have changed about its dates.
fn replanned(programme: Programme, control: &Control) -> Result<Programme, String> {
    let id = programme.event.event_id.clone();
    programme.under(control.clone()).map_err(|date| {
        let place = date.map_or_else(String::new, |date| format!("dates: {date}: "));
        let to = control.postponements(date).and_then(Postponements::last);
        let to = to.map_or_else(String::new, |last| format!(" to {}", last.to));
        format!("{id}: {place}startsAt: it was postponed{to}: write this or a former time, or use `boxoffice postpone`")
    })
}

/// A line for each start of the catalogue that a postponement has replaced.
fn kept_postponements(programme: &Programme, control: &Control) -> Vec<String> {
    let line = |date: Option<DateKey>| {
        let last = control.postponements(date).and_then(Postponements::last)?;
        let said = programme.starts_at(date).filter(|said| *said != last.to)?;
        let place = date.map_or_else(String::new, |date| format!("dates[{date}]."));
        Some(format!(
            "  {place}startsAt: {said} was postponed: stays at {}",
            last.to
        ))
    };
    let dates = programme.dates.keys().copied().map(Some);
    std::iter::once(None)
        .chain(dates)
        .filter_map(line)
        .collect()
}

/// Reservations return their tickets to the shards that they came from, so shards remain.
fn keep_shards(former: &Admission, admission: &mut Admission) {
    if let (
        Admission::General {
            stock_shards: was, ..
        },
        Admission::General { stock_shards, .. },
    ) = (former, admission)
    {
        *stock_shards = (*stock_shards).max(*was);
    }
}

/// Changes that would break sold tickets or a queue.
async fn conflicts(
    store: &Store,
    former: &Programme,
    programme: &Programme,
    now: EpochMs,
) -> Result<Vec<String>> {
    let id = &former.event.event_id;
    let mut conflicts = Vec::new();
    let (was, is) = (
        &former.event.terms.admission,
        &programme.event.terms.admission,
    );
    if moves_held_draw(store, &former.event, &programme.event).await? {
        conflicts.push(format!("{id}: {}", ApplyRefused::DrawHeld));
    }
    let mut fixed = fixed_once_joined(&former.event.terms, &programme.event.terms);
    match (was, is) {
        (Admission::Seated, Admission::Seated) => {}
        (Admission::Seated, Admission::General { .. }) => {
            fixed.push("admission");
        }
        (Admission::General { .. }, Admission::Seated) => {
            conflicts.push(format!("{id}: admission: general cannot become seated"));
        }
        (
            Admission::General {
                total_tickets: was,
                stock_shards,
                ..
            },
            Admission::General { total_tickets, .. },
        ) => {
            if total_tickets < was {
                let left = store.stock(id, *stock_shards, Consistency::Strong).await?;
                let sold = was.saturating_sub(left.iter().sum());
                if *total_tickets < sold {
                    conflicts.push(format!("{id}: {}", ApplyRefused::TicketsSold { sold }));
                }
            }
        }
    }
    if !fixed.is_empty() && has_been_joined(store, &former.event).await? {
        conflicts.extend(fixed.into_iter().map(|field| {
            format!("{id}: {field}: cannot change once people have joined the queue")
        }));
    }
    for date in former.dates.values() {
        let after = programme.dates.get(&date.date);
        conflicts.extend(lost_seats(store, id, date, after, now).await?);
    }
    Ok(conflicts)
}

/// Whether a draw whose opening is changed has been held.
async fn moves_held_draw(store: &Store, former: &Event, event: &Event) -> Result<bool> {
    let is_draw = |event: &Event| event.terms.queue.order == Order::Draw;
    if !is_draw(former) || !is_draw(event) || former.first_opening() == event.first_opening() {
        return Ok(false);
    }
    let heads = store.heads(former, Consistency::Strong).await?;
    let mut draws = heads.into_iter().flatten().filter_map(|head| head.draw);
    Ok(draws.any(|draw| draw.count.is_some()))
}

/// The changed terms that waiting users rely on.
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

/// Sold, held and blocked seats of a date that would disappear, move to another section or row, or get other labels.
async fn lost_seats(
    store: &Store,
    id: &EventId,
    date: &EventDate,
    after: Option<&EventDate>,
    now: EpochMs,
) -> Result<Option<String>> {
    let mut moved: BTreeMap<&str, (&Section, BTreeSet<SeatNumber>)> = BTreeMap::new();
    for (section, seat) in date.seats_moved_by(after) {
        let (_, seats) = moved
            .entry(&section.name)
            .or_insert((section, BTreeSet::new()));
        seats.insert(seat);
    }
    let mut lost = Vec::new();
    for (section, moved) in moved.into_values() {
        for (seat, claim) in store.claims(id, date.date, &section.name).await? {
            let is_taken = match claim {
                Claim::Sold { .. } => true,
                ref claim if claim.block_at(now).is_some() => true,
                Claim::Held { held_until, .. } => held_until > now,
                Claim::Blocked(block) => block.lasts(now),
                // By another catalogue that is being applied. The store decides.
                Claim::Withdrawn { .. } => false,
            };
            if is_taken && moved.contains(&seat) {
                let place = seating::Plan::of(section).place(seat);
                lost.push(format!("{seat} ({place})"));
            }
        }
    }
    if lost.is_empty() {
        return Ok(None);
    }
    let count = lost.len();
    lost.truncate(10);
    Ok(Some(format!(
        "{id}: dates: {}: {count} sold, held or blocked seats would disappear, move or get other labels: {}{}",
        date.date,
        lost.join(", "),
        if count > lost.len() { ", …" } else { "" }
    )))
}
