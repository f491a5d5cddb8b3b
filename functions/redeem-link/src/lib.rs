//! POST /device-links: uses a link of one use. The caller's device becomes the user's.

use domain::clock::{EpochMs, rfc3339};
use domain::device_link::LinkCode;
use domain::ids::{EventId, UserId};
use domain::refusal::Refusal;
use domain::wallet::IdempotencyKey;
use serde::Serialize;
use shared::app::App;
use shared::http::field_types::{FieldType, Text};
use shared::http::{Answer, ApiRequest, BodyFields};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "redeem-link",
    init: Init::Users,
    takes_body: true,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// The operation in the API document.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::{IDEMPOTENCY_KEY, idempotency_key_schema, problem};
    use shared::openapi::{Access, Operation, Tag};

    Operation::new(
        &FUNCTION,
        "POST /device-links",
        Tag::Reservations,
        Access::Anyone,
    )
    .describe(
        "Use a device link",
        "Returns a queue token of the user who made the link. It identifies the user at the wallet \
         and ticket endpoints, and has the place in line of the token that made the link. A link \
         works once: only a request with the same `Idempotency-Key` can be repeated.",
    )
    .header(
        IDEMPOTENCY_KEY,
        "Identifies this use of the link. Visible ASCII characters.",
        idempotency_key_schema(),
    )
    .body(true, read_code)
    .response::<Body>(200, "The user's id and token.")
    .problems(&[problem::SIGN_IN_INSTEAD, problem::LINK_NOT_VALID])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "LinkedDevice"))]
#[serde(rename_all = "camelCase")]
struct Body {
    user_id: UserId,
    /// The event of the token.
    event_id: EventId,
    /// Opaque. Send it as `Authorization: Bearer`.
    token: String,
    #[serde(serialize_with = "rfc3339::serialize")]
    token_expires_at: EpochMs,
}

fn read_code(body: &mut BodyFields) -> Option<LinkCode> {
    let code = Text
        .map(|text| LinkCode::parse(&text))
        .described("The code, in either case, with or without hyphens and spaces.");
    body.required("code", &code)
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let (key, code) = read(request)?;
    let token = app.redeem_link(&code, &key, request.now()).await?;
    request.set_user(token.user_id);
    let signed = app.sign(&token).await?;
    Ok(Answer::ok(&Body {
        user_id: token.user_id,
        event_id: token.event_id,
        token: signed,
        token_expires_at: token.expires_at,
    }))
}

fn read(request: &ApiRequest) -> Result<(IdempotencyKey, LinkCode), Refusal> {
    let mut body = request.body_fields()?;
    let code = read_code(&mut body);
    let key = request.idempotency_key(&mut body);
    body.finish(key.zip(code))
}
