//! POST /reservations/{reservationId}/payment: pays a hold from the user's wallet.

use domain::clock::{EpochMs, rfc3339};
use domain::ids::{EntryId, ReservationId};
use domain::money::Money;
use domain::refusal::Refusal;
use serde::Serialize;
use shared::app::{App, Outcome};
use shared::http::{Answer, ApiRequest, no_fields};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "pay",
    init: Init::Users,
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
        "POST /reservations/{reservationId}/payment",
        Tag::Reservations,
        Access::Identified,
    )
    .describe(
        "Pay a hold",
        "Pays from the wallet. Ends the session, so that the next user can be called.",
    )
    .body(false, no_fields)
    .response::<Body>(201, "Paid. The seats are sold.")
    .response::<Body>(200, "Already paid. The response is the same.")
    .problems(&[
        problem::EVENT_CANCELLED,
        problem::DATE_CANCELLED,
        problem::RESERVATION_NOT_FOUND,
        problem::NOT_PAYABLE,
        problem::HOLD_EXPIRED,
        problem::INSUFFICIENT_BALANCE,
        problem::PARALLEL_REQUESTS,
    ])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Payment"))]
#[serde(rename_all = "camelCase")]
struct Body {
    payment_id: EntryId,
    reservation_id: ReservationId,
    amount: Money,
    /// The balance after the payment.
    balance: Money,
    #[serde(serialize_with = "rfc3339::serialize")]
    paid_at: EpochMs,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let user_id = request.caller(app).await?;
    request.read_body(no_fields)?;
    let reservation_id = request.path_reservation()?;
    let (outcome, payment) = app.pay(user_id, &reservation_id, request.now()).await?;
    let path = format!("/reservations/{reservation_id}");
    let body = Body {
        payment_id: payment.payment_id,
        reservation_id,
        amount: payment.amount,
        balance: payment.balance_after,
        paid_at: payment.paid_at,
    };
    Ok(match outcome {
        Outcome::Done => Answer::created(&path, &body),
        Outcome::AlreadyDone => Answer::ok(&body),
    })
}
