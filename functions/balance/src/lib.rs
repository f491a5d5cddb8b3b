//! GET /users/{userId}/wallet: one's own balance.

use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, Call};
use shared::ids::UserId;
use shared::lambda::{Function, Init};
use shared::money::{Currency, Money};
use shared::refusal::Refusal;
use shared::store::Consistency;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "balance",
    init: Init::Keys,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    user_id: UserId,
    balance: Money,
    currency: &'a Currency,
}

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.token(app).await?;
    let user_id = call.path_user()?;
    Call::check_own(&token, user_id)?;
    let settings = app.settings(call.now()).await?;
    let wallet = app.store().wallet(user_id, Consistency::Strong).await?;
    Ok(Answer::ok(&Body {
        user_id,
        balance: wallet.balance,
        currency: &settings.currency,
    }))
}
