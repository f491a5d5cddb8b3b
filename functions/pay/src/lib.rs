//! POST /reservations/{reservationId}/payment: pays a hold from the user's wallet.

use domain::clock::{EpochMs, rfc3339};
use domain::ids::{EntryId, ReservationId};
use domain::money::Money;
use domain::refusal::Refusal;
use serde::Serialize;
use shared::app::{Answered, App};
use shared::http::{Answer, ApiRequest, no_fields};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "pay",
    init: Init::Users,
    takes_body: true,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// What the API's document says of it.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::problem;
    use shared::openapi::{Operation, Tag, Who};

    Operation::new(
        &FUNCTION,
        "POST /reservations/{reservationId}/payment",
        Tag::Reservations,
        Who::Known,
    )
    .says(
        "Pay a hold",
        "From the wallet. It ends the session, so that the next can come in.",
    )
    .body(false, no_fields)
    .answers::<Body>(201, "Paid: the seats are sold.")
    .answers::<Body>(200, "Paid before: the same answer.")
    .refuses(&[
        problem::RESERVATION_NOT_FOUND,
        problem::NOT_PAYABLE,
        problem::HOLD_EXPIRED,
        problem::INSUFFICIENT_BALANCE,
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
    /// As it was after the payment.
    balance: Money,
    #[serde(serialize_with = "rfc3339::serialize")]
    paid_at: EpochMs,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let user_id = request.known(app).await?;
    request.read_body(no_fields)?;
    let reservation_id = request.path_reservation()?;
    let (answered, payment) = app.pay(user_id, &reservation_id, request.now()).await?;
    let path = format!("/reservations/{reservation_id}");
    let body = Body {
        payment_id: payment.payment_id,
        reservation_id,
        amount: payment.amount,
        balance: payment.balance_after,
        paid_at: payment.paid_at,
    };
    Ok(match answered {
        Answered::Now => Answer::created(&path, &body),
        Answered::Before => Answer::ok(&body),
    })
}
