//! POST /reservations/{reservationId}/payment: pays a hold from the user's wallet.

use serde::Serialize;
use shared::app::{Answered, App};
use shared::clock::{EpochMs, rfc3339};
use shared::http::{Answer, Call};
use shared::ids::ReservationId;
use shared::lambda::{Function, Init};
use shared::money::Money;
use shared::refusal::Refusal;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "pay",
    init: Init::Keys,
    takes_body: true,
    handler: |app, call| Box::pin(handle(app, call)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    payment_id: String,
    reservation_id: ReservationId,
    amount: Money,
    balance: Money,
    #[serde(serialize_with = "rfc3339::serialize")]
    paid_at: EpochMs,
}

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.token(app).await?;
    call.fields()?.finish()?;
    let reservation_id = call.path_reservation()?;
    let (answered, payment) = app.pay(token.user_id, &reservation_id, call.now()).await?;
    let path = format!("/reservations/{reservation_id}");
    let body = Body {
        payment_id: payment.payment_id.to_string(),
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
