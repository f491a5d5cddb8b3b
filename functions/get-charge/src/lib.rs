//! GET /users/{userId}/wallet/charges/{chargeId}: a charge that a payment provider confirms.

use domain::charge::OrderId;
use domain::ids::EntryId;
use domain::refusal::Refusal;
use shared::app::App;
use shared::http::{Answer, ApiRequest, ChargeView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "get-charge",
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
        "GET /users/{userId}/wallet/charges/{chargeId}",
        Tag::Wallet,
        Access::Identified,
    )
    .describe(
        "Get a charge",
        "A charge that a payment provider confirms. While it is pending, the provider is asked, at \
         most every two seconds.",
    )
    .response::<ChargeView<'_>>(200, "The charge as it is now.")
    .problems(&[
        problem::INVALID_REQUEST,
        problem::NOT_YOURS,
        problem::CHARGE_NOT_FOUND,
    ])
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let caller = request.caller(app).await?;
    let user_id = request.path_user()?;
    let charge_id = request.path_parameter("chargeId", EntryId::parse)?;
    ApiRequest::check_own(caller, user_id)?;
    let charge = app.charge_of(OrderId { user_id, charge_id }).await?;
    Ok(Answer::ok(&ChargeView::of(&charge)))
}
