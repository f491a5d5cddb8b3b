//! POST /users/{userId}/wallet/charges: charges the caller's wallet, once per Idempotency-Key.

use domain::ids::{EntryId, ReservationId, UserId};
use domain::money::Money;
use domain::refusal::{FieldError, Refusal};
use domain::wallet::IdempotencyKey;
use serde::Serialize;
use shared::app::{App, ChargeRequest, Outcome};
use shared::http::field_types::{FieldType, Text, WholeNumber};
use shared::http::{Answer, ApiRequest, BodyFields, ChargeView};
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
        "Adds money to the wallet, once per `Idempotency-Key`. With a payment provider, the charge is \
         pending until the buyer has paid in the `checkout`; with `payFor`, the reservation is then \
         paid at once, and its hold is extended for the checkout to the event's `paymentSeconds`, \
         once. Where charging is trusted, the money is in the wallet at once: callers then create \
         money with this operation.",
    )
    .header(
        IDEMPOTENCY_KEY,
        "Identifies this charge permanently. Visible ASCII characters. Each user has separate \
         keys.",
        idempotency_key_schema(),
    )
    .body(true, read_body)
    .response::<Body>(201, "Charged. Only where charging is trusted.")
    .response::<ChargeView<'_>>(
        202,
        "The buyer has to pay in the checkout. Only with a payment provider.",
    )
    .response::<Either<'_>>(
        200,
        "An earlier request with this key made the charge. The response tells how it is now.",
    )
    .problems(&[
        problem::NOT_YOURS,
        problem::IDEMPOTENCY_KEY_REUSED,
        problem::LIMIT_EXCEEDED,
        problem::EVENT_CANCELLED,
        problem::DATE_CANCELLED,
        problem::RESERVATION_NOT_FOUND,
        problem::NOT_PAYABLE,
        problem::HOLD_EXPIRED,
        problem::INSUFFICIENT_BALANCE,
        problem::PARALLEL_REQUESTS,
        problem::PROVIDER_UNREACHABLE,
    ])
}

/// A charge that is trusted, or one that a provider confirms.
#[cfg(feature = "openapi")]
#[derive(Serialize, schemars::JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "ChargeOfEitherKind")]
#[expect(dead_code, reason = "only the API document has it")]
enum Either<'a> {
    Trusted(Body),
    Confirmed(ChargeView<'a>),
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

/// What the request asks for.
struct Wanted {
    amount: Money,
    pay_for: Option<ReservationId>,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let caller = request.caller(app).await?;
    let user_id = request.path_user()?;
    let (key, wanted) = read(request)?;
    ApiRequest::check_own(caller, user_id)?;
    match app.provider_name() {
        Some(_) => {
            let charge = ChargeRequest {
                user_id,
                key,
                amount: wanted.amount,
                pay_for: wanted.pay_for,
                origin: request.public_origin(),
            };
            begin(app, &charge, request).await
        }
        None if wanted.pay_for.is_some() => Err(FieldError::new(
            "payFor",
            "needs a payment provider; charge, then pay the reservation",
        )
        .into()),
        None => trust(app, &key, wanted.amount, user_id, request).await,
    }
}

async fn begin(app: &App, wanted: &ChargeRequest, request: &ApiRequest) -> Result<Answer, Refusal> {
    let begun = Box::pin(app.begin_charge(wanted, request.now()));
    let (outcome, charge) = begun.await?;
    let body = ChargeView::of(&charge);
    let path = format!(
        "/users/{}/wallet/charges/{}",
        charge.user_id, charge.charge_id
    );
    Ok(match outcome {
        Outcome::Done => Answer::accepted(&path, &body),
        Outcome::AlreadyDone => Answer::ok(&body),
    })
}

async fn trust(
    app: &App,
    key: &IdempotencyKey,
    amount: Money,
    user_id: UserId,
    request: &ApiRequest,
) -> Result<Answer, Refusal> {
    let (outcome, charge) = app.charge(user_id, key, amount, request.now()).await?;
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

fn read_body(body: &mut BodyFields) -> Option<Wanted> {
    let amount = WholeNumber {
        noun: "an amount",
        least: 1,
        most: i64::MAX,
    }
    .described("In the currency's minor unit.");
    let amount = body.required("amount", &amount).map(Money);
    let pay_for = Text
        .map(|id| ReservationId::parse(&id))
        .described("The hold that is paid as soon as the money is in the wallet. Only with a payment provider.");
    let pay_for = body.optional("payFor", &pay_for);
    Some(Wanted {
        amount: amount?,
        pay_for,
    })
}

/// Errors of the body and of the header are reported together.
fn read(request: &ApiRequest) -> Result<(IdempotencyKey, Wanted), Refusal> {
    let mut body = request.body_fields()?;
    let wanted = read_body(&mut body);
    let key = request.idempotency_key(&mut body);
    body.finish(key.zip(wanted))
}
