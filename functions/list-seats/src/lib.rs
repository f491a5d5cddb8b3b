//! GET /events/{eventId}/dates/{date}/seats: the seats of a date.

use domain::event::{EventDate, Programme, Section};
use domain::ids::{DateKey, SeatNumber};
use domain::money::Money;
use domain::refusal::{FieldError, Refusal};
use domain::seats::SeatStatus;
use serde::Serialize;
use shared::app::{App, SeatOnSale, SectionSeats, check_not_closed, check_seated};
use shared::http::{Answer, ApiRequest, decode_cursor, encode_cursor};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-seats",
    init: Init::Keys,
    takes_body: false,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// The operation in the API document.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use serde_json::json;
    use shared::http::problem;
    use shared::openapi::{Access, Operation, Tag};

    Operation::new(
        &FUNCTION,
        "GET /events/{eventId}/dates/{date}/seats",
        Tag::Seats,
        Access::Admitted,
    )
    .describe(
        "List the seats of a date",
        "In ascending order. If the requested sections have more than 500 seats together, the list may be a second old. \
         Once the performance has begun, no seat is `AVAILABLE`.",
    )
    .query(
        "status",
        "`all` includes held and sold seats.",
        json!({"type": "string", "enum": ["available", "all"], "default": "available"}),
    )
    .query(
        "section",
        "Only seats of this section.",
        json!({"type": "string"}),
    )
    .paginated(MOST_SEATS, MOST_SEATS)
    .response::<Body>(200, "The seats.")
    .problems(&[
        problem::INVALID_REQUEST,
        problem::EVENT_NOT_FOUND,
        problem::WRONG_ADMISSION,
        problem::EVENT_CANCELLED,
        problem::DATE_CANCELLED,
        problem::NOT_OPEN,
        problem::DATE_NOT_FOUND,
    ])
}

/// The default and maximum length of a page.
const MOST_SEATS: usize = 1_000;

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Seats"))]
#[serde(rename_all = "camelCase")]
struct Body {
    date: DateKey,
    /// In ascending order.
    seats: Vec<SeatView>,
    /// A message for people if no seat is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// If no seat is left: later dates with free seats.
    #[serde(skip_serializing_if = "Option::is_none")]
    later_dates: Option<Vec<LaterDate>>,
    /// The `cursor` of the next page. Omitted on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Seat"))]
#[serde(rename_all = "camelCase")]
struct SeatView {
    seat_number: SeatNumber,
    section: String,
    /// The row, counted from the front, if the section has rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u32>,
    /// What an usher calls the row, if the section has rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    row_label: Option<String>,
    /// The number on the chair.
    seat_label: String,
    price: Money,
    status: BuyersStatus,
}

/// A seat's status for buyers.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "SeatStatus"))]
#[serde(rename_all = "UPPERCASE")]
enum BuyersStatus {
    /// Can be held.
    Available,
    /// Held by a user who has some minutes to pay, or not on sale.
    Held,
    /// Sold.
    Sold,
}

impl From<SeatStatus> for BuyersStatus {
    fn from(status: SeatStatus) -> Self {
        match status {
            SeatStatus::Available => Self::Available,
            // For whom a seat is kept is not for buyers.
            SeatStatus::Held | SeatStatus::Blocked => Self::Held,
            SeatStatus::Sold => Self::Sold,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "LaterDate"))]
#[serde(rename_all = "camelCase")]
struct LaterDate {
    date: DateKey,
    available_seats: u32,
}

impl From<SeatOnSale> for SeatView {
    fn from(seat: SeatOnSale) -> Self {
        Self {
            seat_number: seat.seat_number,
            section: seat.section,
            row: seat.place.row,
            row_label: seat.place.row_label,
            seat_label: seat.place.seat_label,
            price: seat.price,
            status: seat.status.into(),
        }
    }
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let token = request.event_token(app).await?;
    let date_key = request.path_date()?;
    let shows_all = request.query("status", which)?.unwrap_or(false);
    let limit = request.limit(MOST_SEATS, MOST_SEATS)?;
    let after: Option<SeatNumber> = match request.query("cursor", |text| Ok(text.to_owned()))? {
        Some(cursor) => Some(decode_cursor(&cursor)?),
        None => None,
    };
    let wanted = request.query("section", |name| Ok(name.to_owned()))?;
    let programme = app.programme(&token.event_id, request.now()).await?;
    check_seated(&programme.event)?;
    check_not_closed(&programme.event, request.now())?;
    app.admit(&programme, &token, request.now()).await?;
    let date = programme
        .dates
        .get(&date_key)
        .ok_or(Refusal::DateNotFound)?;
    programme.event.check_takes_place(Some(date_key))?;
    let sections = sections(date, wanted.as_deref(), after)?;
    let has_begun = date.has_begun(request.now());
    let mut seats: Vec<SeatOnSale> = app
        .section_seats(
            &programme.event,
            date,
            sections,
            Some(token.user_id),
            request.now(),
        )
        .await?
        .iter()
        .flat_map(SectionSeats::seats)
        .map(|seat| if has_begun { not_on_sale(seat) } else { seat })
        .filter(|seat| after.is_none_or(|after| seat.seat_number > after))
        .filter(|seat| shows_all || seat.status == SeatStatus::Available)
        .take(limit + 1)
        .collect();
    let has_more = seats.len() > limit;
    seats.truncate(limit);
    let next_cursor = seats
        .last()
        .filter(|_| has_more)
        .map(|seat| encode_cursor(&seat.seat_number));
    let nothing_left = after.is_none()
        && !seats
            .iter()
            .any(|seat| seat.status == SeatStatus::Available)
        && !has_more;
    let later_dates = if nothing_left {
        Some(later_dates(app, &programme, date, request).await?)
    } else {
        None
    };
    Ok(Answer::ok(&Body {
        date: date_key,
        message: later_dates
            .as_deref()
            .map(|later| message(has_begun, wanted.as_deref(), later)),
        later_dates,
        seats: seats.into_iter().map(SeatView::from).collect(),
        next_cursor,
    }))
}

/// Whether `status` is `all`.
fn which(text: &str) -> Result<bool, String> {
    match text {
        "all" => Ok(true),
        "available" => Ok(false),
        _ => Err("must be all or available".to_owned()),
    }
}

/// The sections of a page: the requested one or all, starting at the cursor.
fn sections(
    date: &EventDate,
    wanted: Option<&str>,
    after: Option<SeatNumber>,
) -> Result<Vec<Section>, Refusal> {
    if let Some(name) = wanted
        && !date.sections.iter().any(|section| section.name == name)
    {
        return Err(FieldError::new("query:section", "is not a section of this date").into());
    }
    Ok(date
        .sections
        .iter()
        .filter(|section| wanted.is_none_or(|name| section.name == name))
        .filter(|section| after.is_none_or(|after| section.last_seat() > after))
        .cloned()
        .collect())
}

async fn later_dates(
    app: &App,
    programme: &Programme,
    date: &EventDate,
    request: &ApiRequest,
) -> Result<Vec<LaterDate>, Refusal> {
    let later = programme
        .dates_by_start()
        .into_iter()
        .filter(|later| later.starts_at > date.starts_at)
        .filter(|later| programme.is_ahead(later, request.now()));
    Ok(app
        .availability(&programme.event, later, request.now())
        .await?
        .into_iter()
        .filter(|later| later.available_seats() > 0)
        .map(|later| LaterDate {
            date: later.date,
            available_seats: later.available_seats(),
        })
        .collect())
}

/// A seat of a date that has begun.
fn not_on_sale(seat: SeatOnSale) -> SeatOnSale {
    match seat.status {
        SeatStatus::Available => SeatOnSale {
            status: SeatStatus::Held,
            ..seat
        },
        SeatStatus::Held | SeatStatus::Sold | SeatStatus::Blocked => seat,
    }
}

fn message(has_begun: bool, section: Option<&str>, later: &[LaterDate]) -> String {
    let here = match section {
        _ if has_begun => "The performance has begun.".to_owned(),
        Some(name) => format!("No seat is left in section {name} of this date."),
        None => "No seat is left for this date.".to_owned(),
    };
    let elsewhere = match later {
        [] => "No later date has any.",
        _ => "Later dates have some.",
    };
    format!("{here} {elsewhere}")
}
