//! POST /users/{userId}/wallet/charges: charges the caller's wallet, once per Idempotency-Key.

use domain::ids::EntryId;
use domain::money::Money;
use domain::refusal::Refusal;
use domain::wallet::IdempotencyKey;
use serde::Serialize;
use shared::app::{App, Outcome};
use shared::http::field_types::{FieldType, WholeNumber};
use shared::http::{Answer, ApiRequest, BodyFields};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "charge",
    init: Init::Users,
    takes_body: true,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// The operation in the API document.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::{IDEMPOTENCY_KEY, idempotency_key_schema, problem};
    use shared::openapi::{Access, Operation, Tag};

    Operation::new(
        &FUNCTION,
        "POST /users/{userId}/wallet/charges",
        Tag::Wallet,
        Access::Identified,
    )
    .describe(
        "Charge the wallet",
        "Adds money to the wallet, once per `Idempotency-Key`. Callers create money with this \
         operation, so put a payment provider in front of it.",
    )
    .header(
        IDEMPOTENCY_KEY,
        "Identifies this charge permanently. Visible ASCII characters. Each user has separate \
         keys.",
        idempotency_key_schema(),
    )
    .body(true, read_amount)
    .response::<Body>(201, "Charged.")
    .response::<Body>(
        200,
        "An earlier request with this key made the charge. The response is the same.",
    )
    .problems(&[
        problem::NOT_YOURS,
        problem::IDEMPOTENCY_KEY_REUSED,
        problem::LIMIT_EXCEEDED,
        problem::PARALLEL_REQUESTS,
    ])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Charge"))]
#[serde(rename_all = "camelCase")]
struct Body {
    charge_id: EntryId,
    amount: Money,
    /// The balance after the charge.
    balance: Money,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let caller = request.caller(app).await?;
    let user_id = request.path_user()?;
    let (key, amount) = read(request)?;
    ApiRequest::check_own(caller, user_id)?;
    let (outcome, charge) = app.charge(user_id, &key, amount, request.now()).await?;
    let body = Body {
        charge_id: charge.charge_id,
        amount: charge.amount,
        balance: charge.balance,
    };
    Ok(match outcome {
        Outcome::Done => Answer::created(&format!("/users/{user_id}/wallet"), &body),
        Outcome::AlreadyDone => Answer::ok(&body),
    })
}

fn read_amount(body: &mut BodyFields) -> Option<Money> {
    let amount = WholeNumber {
        noun: "an amount",
        least: 1,
        most: i64::MAX,
    }
    .described("In the currency's minor unit.");
    body.required("amount", &amount).map(Money)
}

/// Errors of the body and of the header are reported together.
fn read(request: &ApiRequest) -> Result<(IdempotencyKey, Money), Refusal> {
    let mut body = request.body_fields()?;
    let amount = read_amount(&mut body);
    let key = request.idempotency_key(&mut body);
    body.finish(key.zip(amount))
}
