//! GET /users/{userId}/reservations: all that the user ever reserved, newest first.

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

/// What the API's document says of it.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use serde_json::json;
    use shared::http::problem;
    use shared::openapi::{Operation, Tag, Who};

    Operation::new(
        &FUNCTION,
        "GET /users/{userId}/reservations",
        Tag::Reservations,
        Who::Known,
    )
    .says(
        "List one's reservations",
        "All that the user ever had, newest first.",
    )
    .query(
        "status",
        "Only those that are now so.",
        json!({"type": "string", "enum": ["HELD", "CONFIRMED", "CANCELLED", "EXPIRED"]}),
    )
    .pages(DEFAULT_LIMIT, MOST)
    .answers::<Body<'_>>(200, "A page of reservations.")
    .refuses(&[problem::INVALID_REQUEST, problem::NOT_YOURS])
}

/// A page's length where the request does not say it, and the longest.
const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Reservations"))]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    /// Newest first.
    reservations: Vec<ReservationView<'a>>,
    /// There are more: the `cursor` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let known = request.known(app).await?;
    let user_id = request.path_user()?;
    let status = request.query("status", Status::parse)?;
    let limit = request.limit(DEFAULT_LIMIT, MOST)?;
    let before = match request.query("cursor", |text| Ok(text.to_owned()))? {
        Some(cursor) => Some(decode_cursor(&cursor)?),
        None => None,
    };
    ApiRequest::check_own(known, user_id)?;
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
