//! GET /users/{userId}/reservations: all reservations of the caller, past and present, newest
//! first.

use domain::clock::EpochMs;
use domain::ids::ReservationId;
use domain::refusal::Refusal;
use domain::reservation::Status;
use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, ApiRequest, decode_cursor, encode_cursor, views::ReservationView};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-reservations",
    init: Init::Users,
    takes_body: false,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// The operation in the API document.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use serde_json::json;
    use shared::http::problem;
    use shared::openapi::{Access, Operation, Tag};

    Operation::new(
        &FUNCTION,
        "GET /users/{userId}/reservations",
        Tag::Reservations,
        Access::Identified,
    )
    .describe(
        "List reservations",
        "All reservations of the user, past and present, newest first.",
    )
    .query(
        "status",
        "Only reservations with this status now.",
        json!({"type": "string", "enum": ["HELD", "CONFIRMED", "CANCELLED", "EXPIRED"]}),
    )
    .paginated(DEFAULT_LIMIT, MOST)
    .response::<Body<'_>>(200, "A page of reservations.")
    .problems(&[problem::INVALID_REQUEST, problem::NOT_YOURS])
}

/// The default and the maximum length of a page.
const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Reservations"))]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    /// Newest first.
    reservations: Vec<ReservationView<'a>>,
    /// The `cursor` of the next page. Omitted on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let caller = request.caller(app).await?;
    let user_id = request.path_user()?;
    let status = request.query("status", Status::parse)?;
    let limit = request.limit(DEFAULT_LIMIT, MOST)?;
    let before = match request.query("cursor", |text| Ok(text.to_owned()))? {
        Some(cursor) => {
            // Only an id of the right form has a length that fits into a key.
            let (at, id): (EpochMs, ReservationId) = decode_cursor(&cursor)?;
            Some((at, id.to_string()))
        }
        None => None,
    };
    ApiRequest::check_own(caller, user_id)?;
    let (reservations, next) = app
        .reservations(user_id, status, before, limit, request.now())
        .await?;
    Ok(Answer::ok(&Body {
        reservations: reservations
            .iter()
            .map(|reservation| ReservationView::of(reservation, request.now()))
            .collect(),
        next_cursor: next.map(|next| encode_cursor(&next)),
    }))
}
