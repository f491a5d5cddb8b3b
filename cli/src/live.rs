//! How an event stands now.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use domain::clock::{EpochMs, rfc3339};
use domain::event::{Admission, Event, Programme, SaleState};
use domain::ids::{DateKey, EventId, Lane};
use domain::queue::{Head, Rate, Strategy, Turnout, survey};
use domain::refusal::Refusal;
use domain::seats::SeatStatus;
use serde::Serialize;
use shared::app::{App, SectionSeats};
use shared::store::Consistency;

/// An event in the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    event_id: EventId,
    event_name: String,
    venue: String,
    state: SaleState,
}

/// All that is shown of an event, but for its seats.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    event_id: EventId,
    event_name: String,
    venue: String,
    currency: String,
    state: SaleState,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    opens_at: Option<EpochMs>,
    queue: Queue,
    sales: Sales,
    history: Vec<Sample>,
}

/// How a queue stands.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Queue {
    pub(crate) issued: u64,
    pub(crate) called: u64,
    pub(crate) waiting: u64,
    /// Living sessions.
    pub(crate) inside: u64,
    /// Called, and not seen yet.
    expected: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    admitted_per_minute: Option<f64>,
    /// Of the called whose time to come is over: how many came, and how many did not.
    arrived: u64,
    missed: u64,
    max_active: u32,
    catalogue_max_active: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<Batch>,
    lanes: Vec<LaneView>,
    /// What the draw waits for, where a random value was announced and has not been given.
    #[serde(skip_serializing_if = "Option::is_none")]
    awaits_beacon: Option<String>,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Batch {
    size: u32,
    seconds: u32,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct LaneView {
    issued: u64,
    called: u64,
    waiting: u64,
    inside: u64,
}

/// What is sold by now. From the seat maps and the stock, which are at most a second old.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Sales {
    total: u64,
    sold: u64,
    held: u64,
    /// The price of what is sold.
    revenue: i64,
    dates: Vec<DateSales>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DateSales {
    date: DateKey,
    #[serde(serialize_with = "rfc3339::serialize")]
    starts_at: EpochMs,
    total: u64,
    sold: u64,
    held: u64,
    revenue: i64,
}

/// A section's seats for the heat map.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct House {
    name: String,
    price: i64,
    first_seat: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u32>,
    /// A letter for each seat in order: a(vailable), h(eld), s(old).
    seats: String,
}

/// The queue at a moment, for the charts.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sample {
    at: EpochMs,
    waiting: u64,
    inside: u64,
    called: u64,
    /// 0 until it has been measured.
    admitted_per_minute: f64,
    /// Of a hundred whose time to come is over.
    no_shows: u64,
    sold: u64,
    revenue: i64,
}

/// What the charts show, for as long as the desk runs. Sampled while somebody looks.
#[derive(Default)]
pub(crate) struct History(Mutex<HashMap<EventId, VecDeque<Sample>>>);

/// Two hours, if a page asks every two seconds.
const MOST_SAMPLES: usize = 3_600;
/// More pages than one do not fill it faster.
const SAMPLE_EVERY_MS: i64 = 1_500;

impl History {
    fn add(&self, event: &EventId, sample: Sample) -> Vec<Sample> {
        // A panic between two lines of this file leaves a whole map.
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let samples = samples.entry(event.clone()).or_default();
        let is_due = samples
            .back()
            .is_none_or(|last| sample.at.ms_since(last.at) >= SAMPLE_EVERY_MS);
        if is_due {
            samples.push_back(sample);
            if samples.len() > MOST_SAMPLES {
                samples.pop_front();
            }
        }
        samples.iter().copied().collect()
    }
}

fn refused(refusal: Refusal) -> anyhow::Error {
    match refusal {
        Refusal::Busy(cause) => anyhow!(cause),
        other => anyhow!("{other:?}"),
    }
}

/// Every event, as `list-events` orders them.
pub(crate) async fn events(app: &App) -> Result<Vec<Listed>> {
    let now = app.clock().now();
    let events = app.store().events(Consistency::Eventual).await?;
    Ok(events
        .into_iter()
        .map(|event| Listed {
            state: event.sale_state(now),
            event_id: event.event_id,
            event_name: event.terms.name,
            venue: event.terms.venue,
        })
        .collect())
}

/// How an event stands now.
pub(crate) async fn snapshot(app: &App, history: &History, id: &EventId) -> Result<Snapshot> {
    let programme = app
        .store()
        .programme(id, Consistency::Strong)
        .await?
        .with_context(|| format!("there is no event {id}"))?;
    let now = app.clock().now();
    let event = &programme.event;
    let queue = queue(app, event, now).await?;
    let sales = sales(app, &programme, now).await?;
    let sample = Sample {
        at: now,
        waiting: queue.waiting,
        inside: queue.inside,
        called: queue.called,
        admitted_per_minute: queue.admitted_per_minute.unwrap_or_default(),
        no_shows: (100 * queue.missed)
            .checked_div(queue.arrived + queue.missed)
            .unwrap_or_default(),
        sold: sales.sold,
        revenue: sales.revenue,
    };
    Ok(Snapshot {
        event_id: event.event_id.clone(),
        event_name: event.terms.name.clone(),
        venue: event.terms.venue.clone(),
        currency: event.terms.currency.to_string(),
        state: event.sale_state(now),
        opens_at: event.terms.opens_at,
        queue,
        sales,
        history: history.add(id, sample),
    })
}

pub(crate) async fn queue(app: &App, event: &Event, now: EpochMs) -> Result<Queue> {
    let policy = event.queue();
    let heads = app
        .store()
        .heads(event, Consistency::Eventual)
        .await?
        .context("the event has no queue")?;
    let mut lanes = Vec::with_capacity(heads.len());
    let mut expected = 0;
    let mut turnout = Turnout::default();
    for (lane, head) in policy.lanes.all().zip(&heads) {
        let (view, awaited, seen) = look(app, event, lane, head, now).await?;
        lanes.push(view);
        expected += awaited;
        turnout = turnout.with(head.turnout).with(seen);
    }
    let rates = heads
        .iter()
        .filter_map(|head| head.rate.and_then(Rate::per_minute));
    Ok(Queue {
        issued: lanes.iter().map(|lane| lane.issued).sum(),
        called: lanes.iter().map(|lane| lane.called).sum(),
        waiting: lanes.iter().map(|lane| lane.waiting).sum(),
        inside: lanes.iter().map(|lane| lane.inside).sum(),
        expected,
        admitted_per_minute: rates.reduce(|sum, lane| sum + lane),
        arrived: turnout.arrived,
        missed: turnout.missed,
        max_active: policy.max_active,
        catalogue_max_active: event.terms.queue.max_active,
        batch: match policy.strategy {
            Strategy::Slots => None,
            Strategy::Batch {
                batch_size,
                batch_seconds,
            } => Some(Batch {
                size: batch_size,
                seconds: batch_seconds,
            }),
        },
        lanes,
        awaits_beacon: event
            .terms
            .beacon
            .clone()
            .filter(|_| event.control.beacon.is_none()),
    })
}

/// A lane: its numbers, for how many of the called a place is kept, and the turnout that no run has counted yet.
async fn look(
    app: &App,
    event: &Event,
    lane: Lane,
    head: &Head,
    now: EpochMs,
) -> Result<(LaneView, u64, Turnout)> {
    let sessions = app.store().sessions(&event.event_id, lane, head).await?;
    let grace = event.terms.queue.grace_seconds;
    let seen = survey(head, &sessions, now, event.control.pause, grace);
    // Places are also kept for numbers that nobody has yet.
    let ahead = head.admitted.saturating_sub(head.issued);
    let view = LaneView {
        issued: head.issued,
        called: head.called(),
        waiting: head.waiting(),
        inside: seen.live.into(),
    };
    let expected = u64::from(seen.awaited).saturating_sub(ahead);
    Ok((view, expected, seen.passed.with(seen.seen)))
}

async fn sales(app: &App, programme: &Programme, now: EpochMs) -> Result<Sales> {
    let event = &programme.event;
    if let Admission::General {
        total_tickets,
        price,
        ..
    } = event.terms.admission
    {
        let (_, left, _) = app.tickets_left(programme, now).await.map_err(refused)?;
        let sold = total_tickets.saturating_sub(left);
        return Ok(Sales {
            total: total_tickets.into(),
            sold: sold.into(),
            revenue: price.times(sold).0,
            ..Sales::default()
        });
    }
    let mut sales = Sales::default();
    for (date, on_sale) in &programme.dates {
        let sections = app
            .section_seats(&event.event_id, *date, on_sale.sections.clone(), now)
            .await
            .map_err(refused)?;
        let mut of_date = DateSales {
            date: *date,
            starts_at: on_sale.starts_at,
            total: on_sale.total_seats().into(),
            sold: 0,
            held: 0,
            revenue: 0,
        };
        for section in &sections {
            let sold = count(section, SeatStatus::Sold);
            of_date.sold += u64::from(sold);
            of_date.held += u64::from(count(section, SeatStatus::Held));
            of_date.revenue += section.section.price.times(sold).0;
        }
        sales.total += of_date.total;
        sales.sold += of_date.sold;
        sales.held += of_date.held;
        sales.revenue += of_date.revenue;
        sales.dates.push(of_date);
    }
    Ok(sales)
}

fn count(section: &SectionSeats, status: SeatStatus) -> u32 {
    let counted = section.statuses.iter().filter(|seat| **seat == status);
    u32::try_from(counted.count()).unwrap_or(u32::MAX)
}

/// A date's seats, section by section.
pub(crate) async fn house(app: &App, id: &EventId, date: DateKey) -> Result<Vec<House>> {
    let now = app.clock().now();
    let programme = app.programme(id, now).await.map_err(refused)?;
    let on_sale = programme
        .dates
        .get(&date)
        .with_context(|| format!("the event {id} has no date {date}"))?;
    let sections = app
        .section_seats(id, date, on_sale.sections.clone(), now)
        .await
        .map_err(refused)?;
    let letter = |status: &SeatStatus| match status {
        SeatStatus::Available => 'a',
        SeatStatus::Held => 'h',
        SeatStatus::Sold => 's',
    };
    Ok(sections
        .into_iter()
        .map(|SectionSeats { section, statuses }| House {
            name: section.name,
            price: section.price.0,
            first_seat: section.first_seat.0,
            rows: section.rows,
            seats: statuses.iter().map(letter).collect(),
        })
        .collect())
}
