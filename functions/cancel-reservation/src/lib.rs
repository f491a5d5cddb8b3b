//! DELETE /reservations/{reservationId}: releases a hold or cancels a paid reservation with a
//! refund.

use domain::event::RefundTo;
use domain::refusal::Refusal;
use shared::app::App;
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
         before the start. What came from a payment provider can go back there at once.",
    )
    .query(
        REFUND_TO,
        "Where the refund goes: `wallet` or `source`. Without it, where the event's `refundTo` says. \
         What did not come from a payment provider stays in the wallet.",
        serde_json::json!({"type": "string", "enum": ["wallet", "source"]}),
    )
    .response::<ReservationView<'_>>(
        200,
        "Cancelled, now or by an earlier request. `refunded` is the amount that went back to the \
         wallet.",
    )
    .problems(&[
        problem::INVALID_REQUEST,
        problem::RESERVATION_NOT_FOUND,
        problem::NOT_CANCELLABLE,
        problem::PARALLEL_REQUESTS,
    ])
}

/// The query parameter that says where the refund goes.
const REFUND_TO: &str = "refundTo";

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let user_id = request.caller(app).await?;
    let id = request.path_reservation()?;
    let wanted = request.query(REFUND_TO, RefundTo::parse)?;
    let refund_to = match request.payment_provider() {
        Some(_) => wanted,
        // Nobody could give the money back.
        None => Some(RefundTo::Wallet),
    };
    let reservation = app.cancel(user_id, &id, refund_to, request.now()).await?;
    Ok(Answer::ok(&ReservationView::of(
        &reservation,
        request.now(),
    )))
}
