//! GET /events/{eventId}: an event with dates, prices and availability. Public.

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

/// The operation in the API document.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::problem;
    use shared::openapi::{Access, Operation, Tag};

    Operation::new(
        &FUNCTION,
        "GET /events/{eventId}",
        Tag::Events,
        Access::Anyone,
    )
    .describe(
        "See an event",
        "The event with its dates, prices and availability. Availability may be a second old, and some seconds old in an event with hundreds of sections.",
    )
    .response::<Body<'_>>(200, "The event.")
    .public()
    .problems(&[problem::INVALID_REQUEST, problem::EVENT_NOT_FOUND])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "EventDetails"))]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(flatten)]
    event: EventView<'a>,
    /// All seats of all dates, or all tickets for general admission.
    total_tickets: u32,
    /// Neither sold nor held.
    available_tickets: u32,
    max_seats_per_user: u32,
    /// How long a hold lasts, in seconds.
    hold_seconds: u32,
    /// The price of a ticket, for general admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Money>,
    /// For seated admission: all dates including past ones, in ascending order.
    #[serde(skip_serializing_if = "Option::is_none")]
    dates: Option<Vec<DateDetailsView<'a>>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "DateOnSale"))]
#[serde(rename_all = "camelCase")]
struct DateDetailsView<'a> {
    date: DateKey,
    #[serde(serialize_with = "rfc3339::serialize")]
    starts_at: EpochMs,
    /// Neither sold nor held. None once the performance has begun.
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
    /// The number of seats.
    seats: u32,
    /// The number of rows, if known.
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
        Admission::Seated => (None, Some(dates(&programme, &left, request.now()))),
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

fn dates<'a>(
    programme: &'a Programme,
    left: &[DateAvailability],
    now: EpochMs,
) -> Vec<DateDetailsView<'a>> {
    programme
        .dates
        .values()
        .zip(left)
        .map(|(date, left)| DateDetailsView {
            date: date.date,
            starts_at: date.starts_at,
            available_seats: if date.has_begun(now) {
                0
            } else {
                left.available_seats
            },
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
