//! GET /users/{userId}/wallet/withdrawals: the caller's withdrawals, newest first.

use domain::refusal::Refusal;
use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, ApiRequest, WithdrawalView, decode_cursor, encode_cursor};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-withdrawals",
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
        "GET /users/{userId}/wallet/withdrawals",
        Tag::Wallet,
        Access::Identified,
    )
    .describe(
        "List withdrawals",
        "All money that went back, or is on its way, to where it came from, newest first.",
    )
    .paginated(DEFAULT_LIMIT, MOST)
    .response::<Body<'_>>(200, "A page of withdrawals.")
    .problems(&[problem::INVALID_REQUEST, problem::NOT_YOURS])
}

/// The default and the maximum length of a page.
const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Withdrawals"))]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    /// Newest first.
    withdrawals: Vec<WithdrawalView<'a>>,
    /// The `cursor` of the next page. Omitted on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let caller = request.caller(app).await?;
    let user_id = request.path_user()?;
    let limit = request.limit(DEFAULT_LIMIT, MOST)?;
    let before = match request.query("cursor", |text| Ok(text.to_owned()))? {
        Some(cursor) => Some(decode_cursor(&cursor)?),
        None => None,
    };
    ApiRequest::check_own(caller, user_id)?;
    let (withdrawals, next) = app.withdrawals(user_id, before, limit).await?;
    Ok(Answer::ok(&Body {
        withdrawals: withdrawals.iter().map(WithdrawalView::of).collect(),
        next_cursor: next.map(|next| encode_cursor(&next)),
    }))
}
