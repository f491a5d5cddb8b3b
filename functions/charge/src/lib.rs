//! POST /users/{userId}/wallet/charges: puts money into one's own wallet, once for each Idempotency-Key.

use serde::Serialize;
use shared::app::{Answered, App};
use shared::http::{Answer, Call, positive};
use shared::lambda::{Function, Init};
use shared::money::Money;
use shared::refusal::{FieldError, Refusal};
use shared::wallet::IdempotencyKey;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "charge",
    init: Init::Keys,
    takes_body: true,
    handler: |app, call| Box::pin(handle(app, call)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    charge_id: String,
    amount: Money,
    balance: Money,
}

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.token(app).await?;
    let user_id = call.path_user()?;
    let (key, amount) = read(call)?;
    Call::check_own(&token, user_id)?;
    let (answered, charge) = app.charge(user_id, &key, amount, call.now()).await?;
    let body = Body {
        charge_id: charge.charge_id.to_string(),
        amount: charge.amount,
        balance: charge.balance,
    };
    Ok(match answered {
        Answered::Now => Answer::created(&format!("/users/{user_id}/wallet"), &body),
        Answered::Before => Answer::ok(&body),
    })
}

fn read(call: &Call) -> Result<(IdempotencyKey, Money), Refusal> {
    let mut fields = call.fields()?;
    let amount = fields.required("amount", positive).map(Money);
    let key = match call.header("idempotency-key").map(IdempotencyKey::parse) {
        Some(Ok(key)) => Some(key),
        Some(Err(message)) => {
            fields.refuse("header:Idempotency-Key", &message);
            None
        }
        None => {
            fields.refuse("header:Idempotency-Key", "is required");
            None
        }
    };
    fields.finish()?;
    // Whatever is missing has been refused.
    key.zip(amount)
        .ok_or_else(|| FieldError::new("body", "is incomplete").into())
}
