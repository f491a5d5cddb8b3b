//! GET /events/{eventId}/dates: the dates that are on sale.

use domain::clock::{EpochMs, rfc3339};
use domain::ids::DateKey;
use domain::refusal::Refusal;
use serde::Serialize;
use shared::app::{App, DateAvailability, check_not_closed, check_seated};
use shared::http::{Answer, ApiRequest};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-dates",
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
        "GET /events/{eventId}/dates",
        Tag::Seats,
        Access::Admitted,
    )
    .describe(
        "List the dates",
        "Dates that take place, have not begun and have free seats, in the order of their starts.",
    )
    .query(
        "from",
        "The first day.",
        json!({"type": "string", "format": "date", "examples": ["2026-12-24"]}),
    )
    .query(
        "soldOut",
        "`true` includes dates without free seats.",
        json!({"type": "boolean", "default": false}),
    )
    .response::<Body>(200, "The dates.")
    .problems(&[
        problem::INVALID_REQUEST,
        problem::EVENT_NOT_FOUND,
        problem::WRONG_ADMISSION,
        problem::EVENT_CANCELLED,
        problem::NOT_OPEN,
    ])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "DateAvailability"))]
#[serde(rename_all = "camelCase")]
struct DateAvailabilityView {
    /// Identifies the date. It stays the same when the date is postponed.
    date: DateKey,
    #[serde(serialize_with = "rfc3339::serialize")]
    starts_at: EpochMs,
    total_seats: u32,
    available_seats: u32,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Dates"))]
struct Body {
    dates: Vec<DateAvailabilityView>,
}

impl From<DateAvailability> for DateAvailabilityView {
    fn from(date: DateAvailability) -> Self {
        Self {
            date: date.date,
            starts_at: date.starts_at,
            total_seats: date.total_seats,
            available_seats: date.available_seats(),
        }
    }
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let token = request.event_token(app).await?;
    let from = request.query("from", whole_day)?;
    let shows_sold_out = request.query("soldOut", truth)?.unwrap_or(false);
    let programme = app.programme(&token.event_id, request.now()).await?;
    check_seated(&programme.event)?;
    check_not_closed(&programme.event, request.now())?;
    app.admit(&programme, &token, request.now()).await?;
    let dates = programme
        .dates_by_start()
        .into_iter()
        .filter(|date| programme.is_ahead(date, request.now()))
        .filter(|date| from.is_none_or(|from| programme.day_of(date).is_from(from)));
    let dates = app
        .availability(&programme.event, dates, request.now())
        .await?
        .into_iter()
        .filter(|date| shows_sold_out || date.available_seats() > 0)
        .map(DateAvailabilityView::from)
        .collect();
    Ok(Answer::ok(&Body { dates }))
}

fn whole_day(text: &str) -> Result<DateKey, String> {
    DateKey::parse(text)
        .ok()
        .filter(|date| date.is_whole_day())
        .ok_or_else(|| "must be YYYY-MM-DD".to_owned())
}

fn truth(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}
