//! POST /events/{eventId}/tokens: joins the queue.

use domain::ids::UserId;
use domain::refusal::Refusal;
use shared::app::App;
use shared::http::field_types::{FieldType, Text, User};
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
         minute gets the same number, unless its turn has passed. Joining is possible before the sale opens and while it is paused. \
         While the event's `codeRequired` is true, a new place needs a `code` of the presale that is open or opens next. A code \
         gives no better place: the order is that of joining, or of the draw.",
    )
    .body(false, read_joining)
    .response::<views::JoinedView<'_>>(201, "A new place in line.")
    .response::<views::JoinedView<'_>>(200, "The user's existing place in line.")
    .retry_after()
    .problems(&[
        problem::EVENT_NOT_FOUND,
        problem::EVENT_CANCELLED,
        problem::NOT_OPEN,
        problem::CODE_REQUIRED,
        problem::CODE_INVALID,
        problem::CODE_NOT_NOW,
        problem::CODE_USED_UP,
        problem::PARALLEL_REQUESTS,
    ])
}

/// Who joins, with which code.
struct Joining {
    user_id: Option<UserId>,
    code: Option<String>,
}

fn read_joining(body: &mut BodyFields) -> Joining {
    let user_id = User.described(
        "The user who joins. If omitted, the response contains the id of a new user. If users \
         sign in with an issuer, only the ID token's user is allowed: the UUID version 5 of \
         issuer and `sub`.",
    );
    let code = Text.described(
        "A code of a presale. Case, hyphens and spaces do not matter. A user who has a place in line needs none, and a user who \
         has used a code can use it again: each user counts once.",
    );
    Joining {
        user_id: body.optional("userId", &user_id),
        code: body.optional("code", &code),
    }
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let signed_in = request.signed_in_user(app).await?;
    let event_id = request.path_event()?;
    let Joining { user_id, code } = request.read_body(|body| Some(read_joining(body)))?;
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
    let joined = app
        .join(user_id, &event_id, code.as_deref(), request.now())
        .await?;
    let signed = app.sign(&joined.token).await?;
    Ok(views::joined(&joined, &signed))
}
