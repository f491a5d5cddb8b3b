//! GET /events/{eventId}/rehearsal/{challenge}: proves that the operator allows `boxoffice rush` to load the event.

use domain::clock::{EpochMs, rfc3339};
use domain::ids::EventId;
use domain::refusal::Refusal;
use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, ApiRequest};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "rehearsal-proof",
    init: Init::Catalog,
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
        "GET /events/{eventId}/rehearsal/{challenge}",
        Tag::Events,
        Access::Anyone,
    )
    .describe(
        "Prove that a rehearsal is allowed",
        "`boxoffice rush` asks this before it sends load. The operator allows it for some time \
         with `boxoffice rush --allow`, which stores a secret. The answer is an HMAC of event and \
         challenge under that secret.",
    )
    .response::<Body>(200, "The proof, if a rehearsal is allowed.")
    .problems(&[problem::INVALID_REQUEST, problem::EVENT_NOT_FOUND])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "RehearsalProof"))]
#[serde(rename_all = "camelCase")]
struct Body {
    event_id: EventId,
    /// HMAC-SHA-256 in hexadecimal. Omitted if no rehearsal is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// Until when the rehearsal is allowed. Omitted if none is.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    until: Option<EpochMs>,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let event_id = request.path_event()?;
    let challenge = request.path_challenge()?;
    let programme = app.programme(&event_id, request.now()).await?;
    let permit = programme.event.control.rehearsal;
    let permit = permit.filter(|permit| permit.is_valid(request.now()));
    Ok(Answer::ok(&Body {
        answer: permit.map(|permit| challenge.answer(&permit.secret, &event_id)),
        until: permit.map(|permit| permit.until),
        event_id,
    }))
}
