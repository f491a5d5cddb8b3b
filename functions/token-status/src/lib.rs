//! GET /events/{eventId}/tokens/me: the status of the caller's place in line.

use domain::refusal::Refusal;
use shared::app::App;
use shared::http::{Answer, ApiRequest, views};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "token-status",
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
        "GET /events/{eventId}/tokens/me",
        Tag::Queue,
        Access::Identified,
    )
    .describe(
        "See the place in line",
        "Ask again after `pollAfterSeconds`. A called user arrives with this request. With an ID \
         token, the response has the user's place in line and the expiry of the ID token as \
         `tokenExpiresAt`, or `turn_over` if there is no place in line. A queue token costs \
         less.",
    )
    .response::<views::TokenView<'_>>(200, "The place in line.")
    .retry_after()
    .problems(&[
        problem::INVALID_REQUEST,
        problem::EVENT_NOT_FOUND,
        problem::TURN_OVER,
    ])
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let (caller, event_id) = request.event_caller(app).await?;
    let programme = app.programme(&event_id, request.now()).await?;
    let place = app.queue_token_of(caller, &event_id).await?;
    let token = place.ok_or(Refusal::TurnOver)?;
    let status = app.token_status(&programme, &token, request.now()).await?;
    Ok(views::token_status(&token, status))
}
