//! GET /users/{userId}/wallet/ledger: every change of the user's wallet, newest first.

use serde::Serialize;
use shared::app::App;
use shared::clock::{EpochMs, rfc3339};
use shared::http::{Answer, Call, decode_cursor, encode_cursor};
use shared::ids::{EntryId, ReservationId};
use shared::lambda::{Function, Init};
use shared::money::Money;
use shared::refusal::Refusal;
use shared::wallet::{EntryKind, LedgerEntry};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-ledger",
    init: Init::Keys,
    takes_body: false,
    handler: |app, call| Box::pin(handle(app, call)),
};

/// A page's length where the request does not say it, and the longest.
const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    entries: Vec<EntryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    entry_id: EntryId,
    kind: EntryKind,
    amount: Money,
    balance_after: Money,
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

async fn handle(app: &App, call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.token(app).await?;
    let user_id = call.path_user()?;
    let limit = call.limit(DEFAULT_LIMIT, MOST)?;
    let before = match call.query("cursor", |text| Ok(text.to_owned()))? {
        Some(cursor) => Some(decode_cursor(&cursor)?),
        None => None,
    };
    Call::check_own(&token, user_id)?;
    let (entries, next) = app.ledger(user_id, before, limit).await?;
    Ok(Answer::ok(&Body {
        entries: entries.into_iter().map(Into::into).collect(),
        next_cursor: next.map(|next| encode_cursor(&next)),
    }))
}
