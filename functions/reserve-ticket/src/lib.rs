//! POST /events/{eventId}/reservations: tickets of general admission, for the user who is inside.

use domain::refusal::Refusal;
use serde_json::Value;
use shared::app::App;
use shared::http::{Answer, ApiRequest, views::ReservationView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "reserve-ticket",
    init: Init::Keys,
    takes_body: true,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// What the API's document says of it.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use serde_json::json;
    use shared::http::problem;
    use shared::openapi::{Operation, Tag, Who};

    Operation::new(
        &FUNCTION,
        "POST /events/{eventId}/reservations",
        Tag::Reservations,
        Who::Inside,
    )
    .says(
        "Reserve tickets",
        "For an event of general admission. Where they have a price, it is paid from the \
         wallet in the same step. It ends the session.",
    )
    .takes(
        false,
        json!({
            "type": "object",
            "properties": {
                "quantity": {
                    "description": "How many tickets, up to the event's `maxSeatsPerUser`.",
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MOST_TICKETS,
                    "default": 1,
                },
            },
            "additionalProperties": false,
        }),
    )
    .answers::<ReservationView<'_>>(201, "The tickets are the user's.")
    .refuses(&[
        problem::EVENT_NOT_FOUND,
        problem::WRONG_ADMISSION,
        problem::NOT_OPEN,
        problem::LIMIT_EXCEEDED,
        problem::ALREADY_RESERVED,
        problem::SOLD_OUT,
        problem::INSUFFICIENT_BALANCE,
    ])
}

/// More than any event's `maxSeatsPerUser`.
const MOST_TICKETS: u64 = 100;

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let token = request.event_token(app).await?;
    let mut fields = request.fields()?;
    let quantity = fields.optional("quantity", quantity).unwrap_or(1);
    fields.finish()?;
    let programme = app.programme(&token.event_id, request.now()).await?;
    let reservation = app
        .reserve(&programme, &token, quantity, request.now())
        .await?;
    let path = format!("/reservations/{}", reservation.reservation_id);
    let view = ReservationView::of(&reservation, request.now());
    Ok(Answer::created(&path, &view))
}

fn quantity(value: &Value) -> Result<u32, String> {
    value
        .as_u64()
        .filter(|quantity| (1..=MOST_TICKETS).contains(quantity))
        .and_then(|quantity| u32::try_from(quantity).ok())
        .ok_or_else(|| {
            format!("must be a number of tickets, a whole number from 1 to {MOST_TICKETS}")
        })
}
