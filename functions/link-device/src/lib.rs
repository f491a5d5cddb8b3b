//! POST /users/{userId}/device-links: makes a link of one use, by which the user's other device becomes the user's.

use domain::clock::{EpochMs, rfc3339};
use domain::refusal::Refusal;
use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, ApiRequest};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "link-device",
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
        "POST /users/{userId}/device-links",
        Tag::Reservations,
        Access::Identified,
    )
    .describe(
        "Link another device",
        "Returns a code that identifies the user on another device, once, within ten minutes: see \
         POST /device-links. A new code replaces the former one. Only without an OpenID Connect \
         issuer; with one, the user signs in on the other device.",
    )
    .response::<Body>(200, "The code.")
    .problems(&[
        problem::INVALID_REQUEST,
        problem::NOT_YOURS,
        problem::SIGN_IN_INSTEAD,
    ])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "DeviceLink"))]
#[serde(rename_all = "camelCase")]
struct Body {
    /// 16 letters and digits in groups of four. Whoever has it can become the user.
    code: String,
    #[serde(serialize_with = "rfc3339::serialize")]
    expires_at: EpochMs,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let caller = request.any_caller(app).await?;
    let user_id = request.path_user()?;
    ApiRequest::check_own(caller.user_id(), user_id)?;
    let (code, expires_at) = app.link_device(&caller, request.now()).await?;
    Ok(Answer::ok(&Body {
        code: code.to_string(),
        expires_at,
    }))
}
