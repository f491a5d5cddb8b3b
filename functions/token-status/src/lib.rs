//! GET /events/{eventId}/tokens/me: where the token's number stands.

use shared::app::App;
use shared::http::{Answer, Call, views};
use shared::lambda::{Function, Init};
use shared::refusal::Refusal;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "token-status",
    init: Init::Keys,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.event_token(app).await?;
    let programme = app.programme(&token.event_id, call.now()).await?;
    let standing = app.standing(&programme, &token, call.now()).await?;
    Ok(views::token_status(&token, standing))
}
