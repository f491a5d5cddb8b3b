//! DELETE /events/{eventId}/tokens/me: leaves the queue, before or after being called.

use domain::refusal::Refusal;
use shared::app::App;
use shared::http::{Answer, ApiRequest};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "leave-queue",
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
        "DELETE /events/{eventId}/tokens/me",
        Tag::Queue,
        Access::Identified,
    )
    .describe(
        "Leave the queue",
        "The slot goes to the next user. A hold remains payable.",
    )
    .no_content("The number is not in the queue any more, whatever its status was.")
    .problems(&[problem::INVALID_REQUEST, problem::EVENT_NOT_FOUND])
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let (caller, event_id) = request.event_caller(app).await?;
    if let Some(token) = app.queue_token_of(caller, &event_id).await? {
        app.leave(&token, request.now()).await?;
    }
    Ok(Answer::no_content())
}
