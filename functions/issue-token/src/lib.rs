//! POST /events/{eventId}/tokens: joins the queue.

use domain::ids::UserId;
use domain::refusal::Refusal;
use shared::app::App;
use shared::http::field_types::{FieldType, User};
use shared::http::{Answer, ApiRequest, BodyFields, views};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "issue-token",
    init: Init::Users,
    takes_body: true,
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
        "POST /events/{eventId}/tokens",
        Tag::Queue,
        Access::SignedIn,
    )
    .describe(
        "Join the queue",
        "Returns a number and a token. A user who is already in line keeps the number and gets a \
         new token; if the event requeues, the user gets a new number at the end of the line \
         instead, at most once a minute. A user who left while waiting and joins again within a \
         minute gets the same number, unless its turn has passed. Joining is possible before the sale opens and while it is paused.",
    )
    .body(false, read_user_id)
    .response::<views::JoinedView<'_>>(201, "A new place in line.")
    .response::<views::JoinedView<'_>>(200, "The user's existing place in line.")
    .retry_after()
    .problems(&[
        problem::EVENT_NOT_FOUND,
        problem::EVENT_CANCELLED,
        problem::NOT_OPEN,
        problem::PARALLEL_REQUESTS,
    ])
}

fn read_user_id(body: &mut BodyFields) -> Option<UserId> {
    let user_id = User.described(
        "The user who joins. If omitted, the response contains the id of a new user. If users \
         sign in with an issuer, only the ID token's user is allowed: the UUID version 5 of \
         issuer and `sub`.",
    );
    body.optional("userId", &user_id)
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let signed_in = request.signed_in_user(app).await?;
    let event_id = request.path_event()?;
    let user_id = request.read_body(|body| Some(read_user_id(body)))?;
    let user_id = match (signed_in, user_id) {
        (Some(signed_in), named) => {
            ApiRequest::check_own(signed_in, named.unwrap_or(signed_in))?;
            signed_in
        }
        (None, Some(named)) => named,
        // A new user, who learns the id from the response.
        (None, None) => UserId::random(),
    };
    request.set_user(user_id);
    let joined = app.join(user_id, &event_id, request.now()).await?;
    let signed = app.sign(&joined.token).await?;
    Ok(views::joined(&joined, &signed))
}
