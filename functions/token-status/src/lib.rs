//! GET /events/{eventId}/tokens/me: where the token's number stands.

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

/// What the API's document says of it.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::problem;
    use shared::openapi::{Operation, Tag, Who};

    Operation::new(
        &FUNCTION,
        "GET /events/{eventId}/tokens/me",
        Tag::Queue,
        Who::Known,
    )
    .says(
        "See where one stands",
        "Ask again after `pollAfterSeconds`. Who is called arrives by asking. With the issuer's \
         token it is the place of the user's ticket, `turn_over` where there is none, and \
         `tokenExpiresAt` is that token's; asking with the queue token costs less.",
    )
    .answers::<views::TokenView<'_>>(200, "Where the number stands.")
    .says_when_to_ask_again()
    .refuses(&[
        problem::INVALID_REQUEST,
        problem::EVENT_NOT_FOUND,
        problem::TURN_OVER,
    ])
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let (known, event_id) = request.known_in_line(app).await?;
    let programme = app.programme(&event_id, request.now()).await?;
    let place = app.place_in_line(known, &event_id).await?;
    let token = place.ok_or(Refusal::TurnOver)?;
    let standing = app.standing(&programme, &token, request.now()).await?;
    Ok(views::token_status(&token, standing))
}
