//! DELETE /reservations/{reservationId}: releases a hold, cancels a paid reservation with a refund, or
//! gives a part of it back.

use domain::event::RefundTo;
use domain::refusal::{FieldError, Refusal};
use domain::returns::Returning;
use shared::app::{App, Returner};
use shared::http::{Answer, ApiRequest, views::ReservationView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "cancel-reservation",
    init: Init::Users,
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
        "DELETE /reservations/{reservationId}",
        Tag::Reservations,
        Access::Identified,
    )
    .describe(
        "Cancel a reservation",
        "Releases a hold, or cancels a paid reservation and refunds it, until `cancelUntilHours` \
         before the start. What came from a payment provider can go back there at once. With `seats` \
         or `keep`, a part of a paid reservation is given back, if its `partialReturns` says so: the \
         reservation stays CONFIRMED with the other tickets, and the fee of the order stays with \
         them. Both name what goes or what stays, so a repeated request gives nothing back twice. \
         Giving back all that is left is a cancellation.",
    )
    .query(
        SEATS,
        "Give only these seats back: seat numbers, separated by commas. Those that were given back \
         before are passed over.",
        serde_json::json!({"type": "string", "pattern": "^[0-9]+(,[0-9]+)*$", "maxLength": 200}),
    )
    .query(
        KEEP,
        "For tickets without seats: keep this many of them, and give the others back.",
        serde_json::json!({"type": "integer", "minimum": 0, "maximum": MOST_KEPT}),
    )
    .query(
        REFUND_TO,
        "Where the refund goes: `wallet` or `source`. Without it, where the event's `refundTo` says. \
         What did not come from a payment provider stays in the wallet.",
        serde_json::json!({"type": "string", "enum": ["wallet", "source"]}),
    )
    .response::<ReservationView<'_>>(
        200,
        "Cancelled or given back, now or by an earlier request. `refunded` is the amount that went \
         back to the wallet.",
    )
    .problems(&[
        problem::INVALID_REQUEST,
        problem::EVENT_CANCELLED,
        problem::SEAT_NOT_FOUND,
        problem::RESERVATION_NOT_FOUND,
        problem::NOT_CANCELLABLE,
        problem::PARALLEL_REQUESTS,
    ])
}

/// The query parameter that says where the refund goes.
const REFUND_TO: &str = "refundTo";
/// The query parameters that say which part is given back.
const SEATS: &str = "seats";
const KEEP: &str = "keep";
/// More than a reservation can have.
const MOST_KEPT: u32 = 100;

fn part(request: &ApiRequest) -> Result<Option<Returning>, FieldError> {
    let seats = request.query(SEATS, Returning::parse_seats)?;
    let stay = request.query(KEEP, |text| {
        text.parse()
            .ok()
            .filter(|stay| *stay <= MOST_KEPT)
            .map(Returning::AllBut)
            .ok_or_else(|| format!("must be 0 to {MOST_KEPT}"))
    })?;
    match (seats, stay) {
        (Some(_), Some(_)) => Err(FieldError::new(
            format!("query:{KEEP}"),
            "cannot be combined with seats",
        )),
        (seats, stay) => Ok(seats.or(stay)),
    }
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let user_id = request.caller(app).await?;
    let id = request.path_reservation()?;
    // A misspelled one would cancel the whole reservation.
    request.refuse_other_queries(&[REFUND_TO, SEATS, KEEP])?;
    let wanted = request.query(REFUND_TO, RefundTo::parse)?;
    let refund_to = match request.payment_provider() {
        Some(_) => wanted,
        // Nobody could give the money back.
        None => Some(RefundTo::Wallet),
    };
    let now = request.now();
    let reservation = match part(request)? {
        None => app.cancel(user_id, &id, refund_to, now).await?,
        Some(part) => {
            app.return_tickets(user_id, &id, &part, refund_to, Returner::Buyer, now)
                .await?
        }
    };
    Ok(Answer::ok(&ReservationView::of(&reservation, now)))
}
