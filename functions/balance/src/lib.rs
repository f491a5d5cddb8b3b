//! GET /users/{userId}/wallet: the caller's balance.

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

/// The operation in the API document.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::problem;
    use shared::openapi::{Access, Operation, Tag};

    Operation::new(
        &FUNCTION,
        "GET /users/{userId}/wallet",
        Tag::Wallet,
        Access::Identified,
    )
    .describe(
        "See the balance",
        "The balance of a wallet that was never charged is 0.",
    )
    .response::<Body<'_>>(200, "The balance.")
    .problems(&[problem::INVALID_REQUEST, problem::NOT_YOURS])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Wallet"))]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    user_id: UserId,
    balance: Money,
    /// How much can go back to where it came from, at most the balance. 0 without a payment provider.
    withdrawable: Money,
    currency: &'a Currency,
    charging: Charging,
}

/// Who confirms that the money of a charge has come.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Charging {
    /// Nobody: a charge is in the wallet at once.
    Trusted,
    /// A payment provider: the buyer has to pay in a checkout.
    Provider,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let caller = request.caller(app).await?;
    let user_id = request.path_user()?;
    ApiRequest::check_own(caller, user_id)?;
    let settings = app.settings(request.now()).await?;
    let wallet = app.store().wallet(user_id, Consistency::Strong).await?;
    let (charging, withdrawable) = match request.payment_provider() {
        Some(_) => (Charging::Provider, wallet.withdrawable()),
        None => (Charging::Trusted, Money::ZERO),
    };
    Ok(Answer::ok(&Body {
        user_id,
        balance: wallet.balance,
        withdrawable,
        currency: &settings.currency,
        charging,
    }))
}
