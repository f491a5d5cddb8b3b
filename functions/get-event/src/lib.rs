//! GET /events/{eventId}: an event with its dates, prices and what is left, for anyone.

use serde::Serialize;
use shared::app::{App, DateAvailability};
use shared::clock::{EpochMs, rfc3339};
use shared::event::{Admission, EventDate, Programme};
use shared::http::{Answer, Call, views::EventView};
use shared::ids::DateKey;
use shared::lambda::{Function, Init};
use shared::money::Money;
use shared::refusal::Refusal;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "get-event",
    init: Init::Catalog,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(flatten)]
    event: EventView<'a>,
    total_tickets: u32,
    available_tickets: u32,
    max_seats_per_user: u32,
    hold_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dates: Option<Vec<DateView<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DateView<'a> {
    date: DateKey,
    #[serde(serialize_with = "rfc3339::serialize")]
    starts_at: EpochMs,
    available_seats: u32,
    total_seats: u32,
    sections: Vec<SectionView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SectionView<'a> {
    name: &'a str,
    price: Money,
    seats: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u32>,
}

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let event_id = call.path_event()?;
    let programme = app.programme(&event_id, call.now()).await?;
    let (total_tickets, available_tickets, left) = app.tickets_left(&programme, call.now()).await?;
    let terms = &programme.event.terms;
    let (price, dates) = match terms.admission {
        Admission::General { price, .. } => (Some(price), None),
        Admission::Seated => (None, Some(dates(&programme, &left))),
    };
    let body = Body {
        event: EventView::of(&programme.event, call.now()),
        total_tickets,
        available_tickets,
        max_seats_per_user: terms.max_seats_per_user,
        hold_seconds: terms.hold_seconds,
        price,
        dates,
    };
    Ok(Answer::ok(&body).public())
}

fn dates<'a>(programme: &'a Programme, left: &[DateAvailability]) -> Vec<DateView<'a>> {
    programme
        .dates
        .values()
        .zip(left)
        .map(|(date, left)| DateView {
            date: date.date,
            starts_at: date.starts_at,
            available_seats: left.available_seats,
            total_seats: left.total_seats,
            sections: sections(date),
        })
        .collect()
}

fn sections(date: &EventDate) -> Vec<SectionView<'_>> {
    date.sections
        .iter()
        .map(|section| SectionView {
            name: &section.name,
            price: section.price,
            seats: section.seats,
            rows: section.rows,
        })
        .collect()
}
