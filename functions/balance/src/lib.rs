//! GET /users/{userId}/wallet: one's own balance.

use domain::ids::UserId;
use domain::money::{Currency, Money};
use domain::refusal::Refusal;
use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, ApiRequest};
use shared::lambda::{Function, Init};
use shared::store::Consistency;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "balance",
    init: Init::Users,
    takes_body: false,
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
        "GET /users/{userId}/wallet",
        Tag::Wallet,
        Who::Known,
    )
    .says(
        "See one's balance",
        "A wallet that was never charged has none.",
    )
    .answers::<Body<'_>>(200, "The balance.")
    .refuses(&[problem::INVALID_REQUEST, problem::NOT_YOURS])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Wallet"))]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    user_id: UserId,
    balance: Money,
    currency: &'a Currency,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let known = request.known(app).await?;
    let user_id = request.path_user()?;
    ApiRequest::check_own(known, user_id)?;
    let settings = app.settings(request.now()).await?;
    let wallet = app.store().wallet(user_id, Consistency::Strong).await?;
    Ok(Answer::ok(&Body {
        user_id,
        balance: wallet.balance,
        currency: &settings.currency,
    }))
}
