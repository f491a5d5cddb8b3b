//! What the desk shows of an event.

use anyhow::{Context, Result, anyhow};
use domain::clock::{EpochMs, rfc3339};
use domain::event::{Programme, SaleState, Section};
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::money::Money;
use domain::refusal::Refusal;
use domain::seating::{Plan, Row};
use domain::seats::SeatStatus;
use serde::Serialize;
use shared::app::{App, Freshness, SectionSeats};

use crate::known_event;
use crate::queue_status::QueueStatus;
use crate::ticket_counts::TicketCounts;

/// Everything but the seats.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventStatus {
    event_id: EventId,
    event_name: String,
    venue: String,
    state: SaleState,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    opens_at: Option<EpochMs>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    cancelled_at: Option<EpochMs>,
    /// When everybody had everything back.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    refunded_at: Option<EpochMs>,
    queue: QueueStatus,
    sales: Sales,
}

/// Counted from the seat maps and the stock, which are at most a second old.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Sales {
    total: u64,
    sold: u64,
    held: u64,
    blocked: u64,
    /// What was paid for the sold tickets.
    revenue: Money,
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
    blocked: u64,
    revenue: Money,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SeatChart {
    name: String,
    price: i64,
    first_seat: SeatNumber,
    /// A letter for each seat in order: `a` is available, `h` held, `s` sold, `b` blocked.
    seats: String,
    /// From the front, as the shop's map draws them.
    rows: Vec<ChartRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChartRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// The numbers of seats between two aisles.
    blocks: Vec<u32>,
    /// What is on the chairs.
    seat_labels: Vec<String>,
}

impl ChartRow {
    fn of(section: &Section, plan: &Plan, row: Row) -> Self {
        let first = section.first_seat.0 + row.first;
        let places: Vec<_> = (first..first + row.length)
            .map(|seat| plan.place(SeatNumber(seat)))
            .collect();
        Self {
            label: places.first().and_then(|place| place.row_label.clone()),
            blocks: plan
                .blocks(row)
                .map(|block| block.end - block.start)
                .collect(),
            seat_labels: places.into_iter().map(|place| place.seat_label).collect(),
        }
    }
}

fn error_of(refusal: Refusal) -> anyhow::Error {
    match refusal {
        Refusal::Busy(cause) => anyhow!(cause),
        other => anyhow!("{other:?}"),
    }
}

pub(super) async fn read_event(app: &App, id: &EventId) -> Result<EventStatus> {
    let programme = known_event::programme(app.store(), id).await?;
    let now = app.clock().now();
    let event = &programme.event;
    let queue = QueueStatus::read(app, event, now).await?;
    let sales = read_sales(app, &programme, now).await?;
    let cancellation = event.control.cancellation;
    Ok(EventStatus {
        event_id: event.event_id.clone(),
        event_name: event.terms.name.clone(),
        venue: event.terms.venue.clone(),
        state: event.sale_state(now),
        opens_at: event.terms.opens_at,
        cancelled_at: cancellation.map(|cancellation| cancellation.at),
        refunded_at: cancellation.and_then(|cancellation| cancellation.refunded_at),
        queue,
        sales,
    })
}

async fn read_sales(app: &App, programme: &Programme, now: EpochMs) -> Result<Sales> {
    let event = &programme.event;
    if let Some(counts) = TicketCounts::of_stock(app.store(), event).await? {
        return Ok(Sales {
            total: counts.total,
            sold: counts.sold,
            held: counts.held,
            blocked: counts.blocked,
            revenue: counts.revenue,
            dates: Vec::new(),
        });
    }
    let mut counted = app
        .section_sales(event, programme.dates.values(), now, Freshness::LIVE)
        .await
        .map_err(error_of)?
        .into_iter();
    let mut sales = Sales::default();
    for (date, on_sale) in &programme.dates {
        let mut of_date = DateSales {
            date: *date,
            starts_at: on_sale.starts_at,
            total: on_sale.total_seats().into(),
            sold: 0,
            held: 0,
            blocked: 0,
            revenue: Money::ZERO,
        };
        for section in counted.by_ref().take(on_sale.sections.len()) {
            of_date.sold += u64::from(section.sold);
            of_date.held += u64::from(section.held);
            of_date.blocked += u64::from(section.blocked);
            of_date.revenue = of_date.revenue + section.revenue;
        }
        sales.total += of_date.total;
        sales.sold += of_date.sold;
        sales.held += of_date.held;
        sales.blocked += of_date.blocked;
        sales.revenue = sales.revenue + of_date.revenue;
        sales.dates.push(of_date);
    }
    Ok(sales)
}

/// The seats of a date, in one chart for each section.
pub(super) async fn read_seats(app: &App, id: &EventId, date: DateKey) -> Result<Vec<SeatChart>> {
    let now = app.clock().now();
    let programme = app.programme(id, now).await.map_err(error_of)?;
    let on_sale = programme
        .dates
        .get(&date)
        .with_context(|| format!("the event {id} has no date {date}"))?;
    let sections = app
        .section_seats(
            &programme.event,
            on_sale,
            on_sale.sections.clone(),
            None,
            now,
        )
        .await
        .map_err(error_of)?;
    let letter = |status: &SeatStatus| match status {
        SeatStatus::Available => 'a',
        SeatStatus::Held => 'h',
        SeatStatus::Sold => 's',
        SeatStatus::Blocked => 'b',
    };
    Ok(sections
        .into_iter()
        .map(|SectionSeats { section, statuses }| {
            let plan = Plan::of(&section);
            let rows = plan.drawn_rows();
            SeatChart {
                rows: rows
                    .iter()
                    .map(|row| ChartRow::of(&section, &plan, *row))
                    .collect(),
                name: section.name.clone(),
                first_seat: section.first_seat,
                price: section.price.0,
                seats: statuses.iter().map(letter).collect(),
            }
        })
        .collect())
}
