//! GET /events/{eventId}/dates: the dates that one can still buy for.

use serde::Serialize;
use serde_json::json;
use shared::app::{App, DateAvailability, check_not_closed, check_seated};
use shared::clock::{EpochMs, rfc3339};
use shared::http::{Answer, Call};
use shared::ids::DateKey;
use shared::lambda::{Function, Init};
use shared::refusal::Refusal;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-dates",
    init: Init::Keys,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DateView {
    date: DateKey,
    #[serde(serialize_with = "rfc3339::serialize")]
    starts_at: EpochMs,
    total_seats: u32,
    available_seats: u32,
}

impl From<DateAvailability> for DateView {
    fn from(date: DateAvailability) -> Self {
        Self {
            date: date.date,
            starts_at: date.starts_at,
            total_seats: date.total_seats,
            available_seats: date.available_seats,
        }
    }
}

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.event_token(app).await?;
    let from = call.query("from", whole_day)?;
    let shows_sold_out = call.query("soldOut", truth)?.unwrap_or(false);
    let programme = app.programme(&token.event_id, call.now()).await?;
    check_seated(&programme.event)?;
    check_not_closed(&programme.event, call.now())?;
    app.admit(&programme, &token, call.now()).await?;
    let dates = programme
        .dates
        .values()
        .filter(|date| !date.has_begun(call.now()))
        .filter(|date| from.is_none_or(|from| date.date.is_from(from)));
    let dates: Vec<DateView> = app
        .availability(&token.event_id, dates, call.now())
        .await?
        .into_iter()
        .filter(|date| shows_sold_out || date.available_seats > 0)
        .map(DateView::from)
        .collect();
    Ok(Answer::ok(&json!({ "dates": dates })))
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
