//! DELETE /events/{eventId}/tokens/me: leaves the queue, inside or waiting.

use shared::app::App;
use shared::http::{Answer, Call};
use shared::lambda::{Function, Init};
use shared::refusal::Refusal;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "leave-queue",
    init: Init::Keys,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.event_token(app).await?;
    app.leave(&token, call.now()).await?;
    Ok(Answer::no_content())
}
