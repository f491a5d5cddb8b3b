//! POST /events/{eventId}/reservations: reserves general-admission tickets for an admitted user.

use domain::refusal::Refusal;
use shared::app::{App, Outcome};
use shared::http::field_types::{FieldType, WholeNumber};
use shared::http::{Answer, ApiRequest, BodyFields, views::ReservationView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "reserve-ticket",
    init: Init::Keys,
    takes_body: true,
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
        "POST /events/{eventId}/reservations",
        Tag::Reservations,
        Access::Admitted,
    )
    .describe(
        "Reserve tickets",
        "For general admission. If the tickets have a price, it is paid from the wallet in the \
         same step. Ends the session.",
    )
    .body(false, read_quantity)
    .response::<ReservationView<'_>>(201, "The reservation is confirmed.")
    .response::<ReservationView<'_>>(200, "This session has already reserved these tickets.")
    .problems(&[
        problem::EVENT_NOT_FOUND,
        problem::WRONG_ADMISSION,
        problem::EVENT_CANCELLED,
        problem::NOT_OPEN,
        problem::LIMIT_EXCEEDED,
        problem::ALREADY_RESERVED,
        problem::SOLD_OUT,
        problem::INSUFFICIENT_BALANCE,
        problem::PARALLEL_REQUESTS,
    ])
}

/// More tickets than the `maxSeatsPerUser` of any event.
const MOST_TICKETS: u32 = 100;

fn read_quantity(body: &mut BodyFields) -> u32 {
    let quantity = WholeNumber {
        noun: "a number of tickets",
        least: 1,
        most: MOST_TICKETS,
    }
    .described("The number of tickets, up to the event's `maxSeatsPerUser`.");
    body.optional_or("quantity", &quantity, 1)
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let token = request.event_token(app).await?;
    let quantity = request.read_body(|body| Some(read_quantity(body)))?;
    let programme = app.programme(&token.event_id, request.now()).await?;
    let (outcome, reservation) = app
        .reserve(&programme, &token, quantity, request.now())
        .await?;
    let view = ReservationView::of(&reservation, request.now());
    Ok(match outcome {
        Outcome::Done => {
            let path = format!("/reservations/{}", reservation.reservation_id);
            Answer::created(&path, &view)
        }
        Outcome::AlreadyDone => Answer::ok(&view),
    })
}
