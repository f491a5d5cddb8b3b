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

/// What the API's document says of it.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::problem;
    use shared::openapi::{Operation, Tag, Who};

    Operation::new(
        &FUNCTION,
        "POST /events/{eventId}/tokens",
        Tag::Queue,
        Who::Joiner,
    )
    .says(
        "Join the queue",
        "Gives a number and a token. Who has a place already keeps it, and gets a new \
         token for it; where the event requeues, it is given up for a new one at the end \
         of the line. One may join before the sale opens, and while it is paused.",
    )
    .body(false, read_user_id)
    .answers::<views::JoinedView<'_>>(201, "A new place in line.")
    .answers::<views::JoinedView<'_>>(200, "The place that the user has already.")
    .says_when_to_ask_again()
    .refuses(&[problem::EVENT_NOT_FOUND, problem::NOT_OPEN])
}

fn read_user_id(body: &mut BodyFields) -> Option<Option<UserId>> {
    let user_id = User.described(
        "Who joins; without, somebody new, whom the answer names. Where people sign in with an \
         issuer: no other than the token's user, the UUID of version 5 of issuer and `sub`.",
    );
    Some(body.optional("userId", &user_id))
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let signed_in = request.joiner(app).await?;
    let event_id = request.path_event()?;
    let user_id = request.read_body(read_user_id)?;
    let user_id = match (signed_in, user_id) {
        (Some(known), named) => {
            ApiRequest::check_own(known, named.unwrap_or(known))?;
            known
        }
        (None, Some(believed)) => believed,
        // Who names nobody is somebody new; the answer says who.
        (None, None) => UserId::random(),
    };
    request.is_by(user_id);
    let joined = app.join(user_id, &event_id, request.now()).await?;
    let signed = app.sign(&joined.token).await?;
    Ok(views::joined(&joined, &signed))
}
