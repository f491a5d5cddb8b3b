//! POST /users/{userId}/wallet/withdrawals: money goes back to where it came from, once per
//! Idempotency-Key.

use domain::money::Money;
use domain::refusal::Refusal;
use domain::wallet::IdempotencyKey;
use serde::Serialize;
use shared::app::{App, Outcome};
use shared::http::field_types::{FieldType, WholeNumber};
use shared::http::{Answer, ApiRequest, BodyFields, WithdrawalView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "withdraw",
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
        "POST /users/{userId}/wallet/withdrawals",
        Tag::Wallet,
        Access::Identified,
    )
    .describe(
        "Withdraw money",
        "Sends money back to where it came from: the payment provider refunds the payments of \
         charges, the newest first. At most the wallet's `withdrawable` amount, once per \
         `Idempotency-Key`. The money leaves the wallet at once. If the provider cannot give it \
         back, it returns to the wallet.",
    )
    .header(
        IDEMPOTENCY_KEY,
        "Identifies this request permanently. Visible ASCII characters. Each user has separate \
         keys.",
        idempotency_key_schema(),
    )
    .body(true, read_body)
    .response::<Body<'_>>(202, "The money is on its way.")
    .response::<Body<'_>>(
        200,
        "An earlier request with this key made the withdrawals. The response tells how they are now.",
    )
    .problems(&[
        problem::NOT_YOURS,
        problem::IDEMPOTENCY_KEY_REUSED,
        problem::LIMIT_EXCEEDED,
        problem::NOT_WITHDRAWABLE,
        problem::PARALLEL_REQUESTS,
    ])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "MadeWithdrawals"))]
struct Body<'a> {
    /// One for each payment that is refunded, wholly or in part.
    withdrawals: Vec<WithdrawalView<'a>>,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let caller = request.caller(app).await?;
    let user_id = request.path_user()?;
    let (key, amount) = read(request)?;
    ApiRequest::check_own(caller, user_id)?;
    if request.payment_provider().is_none() {
        return Err(Refusal::NotWithdrawable {
            withdrawable: Money::ZERO,
        });
    }
    let (outcome, withdrawals) = app.withdraw(user_id, &key, amount).await?;
    let body = Body {
        withdrawals: withdrawals.iter().map(WithdrawalView::of).collect(),
    };
    Ok(match outcome {
        Outcome::Done => Answer::accepted(&format!("/users/{user_id}/wallet/withdrawals"), &body),
        Outcome::AlreadyDone => Answer::ok(&body),
    })
}

fn read_body(body: &mut BodyFields) -> Option<Money> {
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
    let amount = read_body(&mut body);
    let key = request.idempotency_key(&mut body);
    body.finish(key.zip(amount))
}
