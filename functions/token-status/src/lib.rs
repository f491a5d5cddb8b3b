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

/// What the API's document says of it.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::http::openapi::Operation {
    use shared::http::openapi::{Operation, Tag, Who};
    use shared::http::problem;

    Operation::new(
        &FUNCTION,
        "GET /events/{eventId}/tokens/me",
        Tag::Queue,
        Who::Known,
    )
    .says(
        "See where one stands",
        "Ask again after `pollAfterSeconds`. Who is called arrives by asking.",
    )
    .answers::<views::TokenView<'_>>(200, "Where the number stands.")
    .says_when_to_ask_again()
    .refuses(&[problem::EVENT_NOT_FOUND])
}

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.event_token(app).await?;
    let programme = app.programme(&token.event_id, call.now()).await?;
    let standing = app.standing(&programme, &token, call.now()).await?;
    Ok(views::token_status(&token, standing))
}
