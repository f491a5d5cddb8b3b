//! GET /users/{userId}/reservations: all that the user ever reserved, newest first.

use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, Call, decode_cursor, encode_cursor, views::ReservationView};
use shared::lambda::{Function, Init};
use shared::refusal::Refusal;
use shared::reservation::Status;

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-reservations",
    init: Init::Keys,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

/// A page's length where the request does not say it, and the longest.
const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    reservations: Vec<ReservationView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.token(app).await?;
    let user_id = call.path_user()?;
    let status = call.query("status", Status::parse)?;
    let limit = call.limit(DEFAULT_LIMIT, MOST)?;
    let before = match call.query("cursor", |text| Ok(text.to_owned()))? {
        Some(cursor) => Some(decode_cursor(&cursor)?),
        None => None,
    };
    Call::check_own(&token, user_id)?;
    let (reservations, next) = app
        .reservations(user_id, status, before, limit, call.now())
        .await?;
    Ok(Answer::ok(&Body {
        reservations: reservations
            .iter()
            .map(|reservation| ReservationView::of(reservation, call.now()))
            .collect(),
        next_cursor: next.map(|next| encode_cursor(&next)),
    }))
}
