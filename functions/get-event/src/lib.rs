//! GET /events/{eventId}: an event with its dates, prices and what is left, for anyone.

use domain::clock::{EpochMs, rfc3339};
use domain::event::{Admission, EventDate, Programme};
use domain::ids::DateKey;
use domain::money::Money;
use domain::refusal::Refusal;
use serde::Serialize;
use shared::app::{App, DateAvailability};
use shared::http::{Answer, ApiRequest, views::EventView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "get-event",
    init: Init::Catalog,
    takes_body: false,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// What the API's document says of it.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::problem;
    use shared::openapi::{Operation, Tag, Who};

    Operation::new(&FUNCTION, "GET /events/{eventId}", Tag::Events, Who::Anyone)
        .says(
            "See an event",
            "Its dates, prices, and how many places are left; those up to a second old.",
        )
        .answers::<Body<'_>>(200, "The event.")
        .public()
        .refuses(&[problem::INVALID_REQUEST, problem::EVENT_NOT_FOUND])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "EventDetails"))]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(flatten)]
    event: EventView<'a>,
    /// Seats of all dates; or tickets, where admission is general.
    total_tickets: u32,
    /// Neither sold nor held.
    available_tickets: u32,
    max_seats_per_user: u32,
    /// How long a hold lasts.
    hold_seconds: u32,
    /// Of a ticket, where admission is general.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Money>,
    /// Where admission is seated: in ascending order, past ones too.
    #[serde(skip_serializing_if = "Option::is_none")]
    dates: Option<Vec<DateView<'a>>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "DateOnSale"))]
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
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Section"))]
#[serde(rename_all = "camelCase")]
struct SectionView<'a> {
    name: &'a str,
    price: Money,
    /// How many it has.
    seats: u32,
    /// In how many rows they stand, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u32>,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let event_id = request.path_event()?;
    let programme = app.programme(&event_id, request.now()).await?;
    let (total_tickets, available_tickets, left) =
        app.tickets_left(&programme, request.now()).await?;
    let terms = &programme.event.terms;
    let (price, dates) = match terms.admission {
        Admission::General { price, .. } => (Some(price), None),
        Admission::Seated => (None, Some(dates(&programme, &left))),
    };
    let body = Body {
        event: EventView::of(&programme.event, request.now()),
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
