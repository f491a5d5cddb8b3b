//! GET /events/{eventId}: an event with dates, prices and availability. Public.

use domain::clock::{EpochMs, rfc3339};
use domain::event::{Admission, EventDate, Programme, RefundTo};
use domain::ids::DateKey;
use domain::localized::LocalizedText;
use domain::money::Money;
use domain::refusal::Refusal;
use domain::seating::{Drawing, Numbering, Rows};
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
    /// All seats of all dates that take place, or all tickets for general admission.
    total_tickets: u32,
    /// Neither sold nor held.
    available_tickets: u32,
    max_seats_per_user: u32,
    /// How long a hold lasts, in seconds.
    hold_seconds: u32,
    /// How long a checkout at a payment provider may take, in seconds. A hold whose checkout is begun
    /// is extended to this, once.
    payment_seconds: u32,
    /// Where the refund of a cancelled reservation goes unless the buyer says otherwise.
    refund_to: RefundTo,
    /// Whether a part of a reservation's tickets can be given back, and the others be kept.
    partial_returns: bool,
    /// The price of a ticket, for general admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Money>,
    /// The start, for general admission. Omitted if there is none.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    starts_at: Option<EpochMs>,
    /// The starts before, the first one first, for general admission. Omitted unless it was postponed.
    #[serde(
        serialize_with = "rfc3339::list::serialize",
        skip_serializing_if = "<[_]>::is_empty"
    )]
    postponed_from: Vec<EpochMs>,
    /// When the doors open, for general admission.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    doors_open_at: Option<EpochMs>,
    /// Until when paid tickets can be cancelled, for general admission with a start.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    cancel_until: Option<EpochMs>,
    /// The street address of the venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organizer: Option<&'a str>,
    /// The minimum age in years.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_minutes: Option<u32>,
    /// What the event is, in a subset of Markdown: paragraphs, bullet lists, bold, italics and
    /// https links.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a LocalizedText>,
    /// The conditions of a purchase, in the same subset of Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<&'a LocalizedText>,
    /// For seated admission: all dates including past and cancelled ones, in the order of their starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    dates: Option<Vec<DateDetailsView<'a>>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "DateOnSale"))]
#[serde(rename_all = "camelCase")]
struct DateDetailsView<'a> {
    /// Identifies the date. It stays the same when the date is postponed.
    date: DateKey,
    #[serde(serialize_with = "rfc3339::serialize")]
    starts_at: EpochMs,
    /// The starts before, the first one first. Omitted unless the date was postponed.
    #[serde(
        serialize_with = "rfc3339::list::serialize",
        skip_serializing_if = "<[_]>::is_empty"
    )]
    postponed_from: Vec<EpochMs>,
    /// When the organiser cancelled the date, or the event. Omitted if it takes place.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    cancelled_at: Option<EpochMs>,
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    doors_open_at: Option<EpochMs>,
    /// Until when paid tickets can be cancelled.
    #[serde(serialize_with = "rfc3339::serialize")]
    cancel_until: EpochMs,
    /// Neither sold nor held. None once the performance has begun, or if it is cancelled.
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
    /// Neither sold nor held. None once the performance has begun, or if it is cancelled.
    available_seats: u32,
    /// The number of rows, if known. The first row is nearest to the stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u32>,
    /// The number of seats of each row. If omitted, all rows have the same length; if the seats
    /// cannot be divided evenly, the front rows have one seat more.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    row_lengths: &'a [u32],
    /// What an usher calls each row. If omitted, the rows are numbered from 1.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    row_labels: &'a [String],
    /// How the chairs of each row are numbered, or of the section if it has no rows. If omitted,
    /// the number on a chair is its `seatNumber`. Within a row, seat numbers ascend from left to
    /// right, as the audience sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    numbering: Option<&'a Numbering>,
    /// There is an aisle after this many seats from the left of the longest row. Shorter rows are
    /// centred.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aisles: &'a [u32],
    /// How to draw the section. If omitted, it is behind the section before it that has no drawing
    /// either.
    #[serde(skip_serializing_if = "Option::is_none")]
    drawing: Option<Drawing>,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let event_id = request.path_event()?;
    let programme = app.programme(&event_id, request.now()).await?;
    let (total_tickets, available_tickets, left) =
        app.tickets_left(&programme, request.now()).await?;
    let texts = app.texts(&programme.event).await?;
    let whole = programme.performance(None);
    let terms = &programme.event.terms;
    let profile = &terms.profile;
    let (price, starts_at, dates) = match terms.admission {
        Admission::General { price, .. } => (Some(price), terms.last_start, None),
        Admission::Seated => (None, None, Some(dates(&programme, &left, request.now()))),
    };
    let body = Body {
        event: EventView::of(&programme.event, request.now()),
        total_tickets,
        available_tickets,
        max_seats_per_user: terms.max_seats_per_user,
        hold_seconds: terms.hold_seconds,
        payment_seconds: terms.payment_seconds,
        refund_to: terms.refund_to,
        partial_returns: terms.partial_returns,
        price,
        starts_at,
        postponed_from: whole.postponed_from,
        doors_open_at: terms.doors_open_at,
        cancel_until: whole.cancel_until.filter(|_| starts_at.is_some()),
        address: profile.address.as_deref(),
        organizer: profile.organizer.as_deref(),
        age_limit: profile.age_limit,
        duration_minutes: profile.duration_minutes,
        description: texts.description.as_ref(),
        terms: texts.terms.as_ref(),
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
        .dates_by_start()
        .into_iter()
        .zip(left)
        .map(|(date, left)| {
            let is_ahead = programme.is_ahead(date, now);
            let performance = programme.performance(Some(date.date));
            let usual = programme.event.terms.cancel_until(date.starts_at);
            DateDetailsView {
                date: date.date,
                starts_at: date.starts_at,
                postponed_from: performance.postponed_from,
                cancelled_at: performance.cancelled_at,
                doors_open_at: date.doors_open_at,
                cancel_until: performance.cancel_until.unwrap_or(usual),
                available_seats: if is_ahead { left.available_seats() } else { 0 },
                total_seats: left.total_seats,
                sections: sections(date, left, is_ahead),
            }
        })
        .collect()
}

fn sections<'a>(
    date: &'a EventDate,
    left: &DateAvailability,
    is_ahead: bool,
) -> Vec<SectionView<'a>> {
    date.sections
        .iter()
        .zip(&left.available)
        .map(|(section, available)| SectionView {
            name: &section.name,
            price: section.price,
            seats: section.seats,
            available_seats: if is_ahead { *available } else { 0 },
            rows: section.rows.as_ref().map(Rows::count),
            row_lengths: match &section.rows {
                Some(Rows::Lengths(lengths)) => lengths,
                Some(Rows::Equal(_)) | None => &[],
            },
            row_labels: &section.row_labels,
            numbering: section.numbering.as_ref(),
            aisles: &section.aisles,
            drawing: section.drawing,
        })
        .collect()
}
