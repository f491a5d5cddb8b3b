//! DELETE /events/{eventId}/tokens/me: leaves the queue, inside or waiting.

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

/// What the API's document says of it.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::problem;
    use shared::openapi::{Operation, Tag, Who};

    Operation::new(
        &FUNCTION,
        "DELETE /events/{eventId}/tokens/me",
        Tag::Queue,
        Who::Known,
    )
    .says("Leave", "The place goes to the next. A hold stays payable.")
    .answers_nothing("The number is out of the queue, whatever it was before.")
    .refuses(&[problem::INVALID_REQUEST, problem::EVENT_NOT_FOUND])
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let (known, event_id) = request.known_in_line(app).await?;
    if let Some(token) = app.place_in_line(known, &event_id).await? {
        app.leave(&token, request.now()).await?;
    }
    Ok(Answer::no_content())
}
