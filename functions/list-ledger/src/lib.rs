//! GET /users/{userId}/wallet/ledger: every change of the user's wallet, newest first.

use domain::clock::{EpochMs, rfc3339};
use domain::ids::{EntryId, ReservationId};
use domain::money::Money;
use domain::refusal::Refusal;
use domain::wallet::{EntryKind, LedgerEntry};
use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, ApiRequest, decode_cursor, encode_cursor};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-ledger",
    init: Init::Users,
    takes_body: false,
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
        "GET /users/{userId}/wallet/ledger",
        Tag::Wallet,
        Who::Known,
    )
    .says(
        "List a wallet's changes",
        "Every charge, payment and refund, newest first, each with the balance after it.",
    )
    .pages(DEFAULT_LIMIT, MOST)
    .answers::<Body>(200, "A page of entries.")
    .refuses(&[problem::INVALID_REQUEST, problem::NOT_YOURS])
}

/// A page's length where the request does not say it, and the longest.
const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Ledger"))]
#[serde(rename_all = "camelCase")]
struct Body {
    /// Newest first.
    entries: Vec<EntryView>,
    /// There are more: the `cursor` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "LedgerEntry"))]
#[serde(rename_all = "camelCase")]
struct EntryView {
    entry_id: EntryId,
    kind: EntryKind,
    /// Below zero for a payment. The sum of all is the balance.
    amount: Money,
    balance_after: Money,
    /// Of a payment or a refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<ReservationId>,
    #[serde(serialize_with = "rfc3339::serialize")]
    at: EpochMs,
}

impl From<LedgerEntry> for EntryView {
    fn from(entry: LedgerEntry) -> Self {
        Self {
            entry_id: entry.entry_id,
            kind: entry.kind,
            amount: entry.amount,
            balance_after: entry.balance_after,
            reservation_id: entry.reservation_id,
            at: entry.at,
        }
    }
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let known = request.known(app).await?;
    let user_id = request.path_user()?;
    let limit = request.limit(DEFAULT_LIMIT, MOST)?;
    let before = match request.query("cursor", |text| Ok(text.to_owned()))? {
        Some(cursor) => Some(decode_cursor(&cursor)?),
        None => None,
    };
    ApiRequest::check_own(known, user_id)?;
    let (entries, next) = app.ledger(user_id, before, limit).await?;
    Ok(Answer::ok(&Body {
        entries: entries.into_iter().map(Into::into).collect(),
        next_cursor: next.map(|next| encode_cursor(&next)),
    }))
}
