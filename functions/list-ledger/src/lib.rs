//! GET /users/{userId}/wallet/ledger: all changes of the caller's wallet, newest first.

use domain::clock::{EpochMs, rfc3339};
use domain::ids::{DateKey, EntryId, EventId, ReservationId};
use domain::money::Money;
use domain::refusal::Refusal;
use domain::wallet::{EntryKind, LedgerEntry};
use serde::Serialize;
use shared::app::App;
use shared::http::views::ReservedSeatView;
use shared::http::{Answer, ApiRequest, decode_cursor, encode_cursor};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "list-ledger",
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
        "GET /users/{userId}/wallet/ledger",
        Tag::Wallet,
        Access::Identified,
    )
    .describe(
        "List the ledger",
        "All charges, payments, refunds, withdrawals and reversals, newest first, each with the \
         balance after it.",
    )
    .paginated(DEFAULT_LIMIT, MOST)
    .response::<Body<'_>>(200, "A page of entries.")
    .problems(&[problem::INVALID_REQUEST, problem::NOT_YOURS])
}

/// The default and the maximum length of a page.
const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Ledger"))]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    /// Newest first.
    entries: Vec<EntryView<'a>>,
    /// The `cursor` of the next page. Omitted on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "LedgerEntry"))]
#[serde(rename_all = "camelCase")]
struct EntryView<'a> {
    entry_id: EntryId,
    kind: EntryKind,
    /// Negative for a payment and a withdrawal. The sum of all entries is the balance.
    amount: Money,
    balance_after: Money,
    /// For a payment or a refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<&'a ReservationId>,
    /// For a payment or a refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a EventId>,
    /// The event's name as the reservation has it. Omitted in entries made by an earlier version,
    /// like `seats` and `quantity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_name: Option<&'a str>,
    /// The date of the reservation. Omitted for general admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<DateKey>,
    /// The seats of the reservation. Omitted for general admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<Vec<ReservedSeatView<'a>>>,
    /// The number of tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
    /// For a withdrawal or a reversal.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawal_id: Option<EntryId>,
    #[serde(serialize_with = "rfc3339::serialize")]
    at: EpochMs,
}

impl<'a> From<&'a LedgerEntry> for EntryView<'a> {
    fn from(entry: &'a LedgerEntry) -> Self {
        let purchase = entry.purchase.as_ref();
        let id = entry.reservation_id();
        Self {
            entry_id: entry.entry_id,
            kind: entry.kind,
            amount: entry.amount,
            balance_after: entry.balance_after,
            reservation_id: id,
            event_id: id.map(ReservationId::event_id),
            event_name: purchase
                .map(|purchase| purchase.event_name.as_str())
                .filter(|name| !name.is_empty()),
            date: id.and_then(ReservationId::date),
            seats: purchase
                .filter(|purchase| !purchase.seats.is_empty())
                .map(|purchase| purchase.seats.iter().map(Into::into).collect()),
            quantity: purchase.and_then(|purchase| purchase.quantity),
            withdrawal_id: entry.withdrawal_id,
            at: entry.at,
        }
    }
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
    let (entries, next) = app.ledger(user_id, before, limit).await?;
    Ok(Answer::ok(&Body {
        entries: entries.iter().map(Into::into).collect(),
        next_cursor: next.map(|next| encode_cursor(&next)),
    }))
}
