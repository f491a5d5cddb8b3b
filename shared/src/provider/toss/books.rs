//! What Toss has booked: <https://docs.tosspayments.com/reference#거래-조회>.

use domain::books::{Booked, BookedKind};
use domain::charge::{OrderId, ProviderId};
use domain::clock::EpochMs;
use domain::money::Money;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::Number;
use time::UtcOffset;
use time::macros::{format_description, offset};

use super::super::http::{Request, form, unexpected};
use super::super::{BookedPage, ProviderError};
use super::Toss;
use super::payment::{amount, moment};

/// How many transactions are read at once. Toss returns up to 5,000.
const PAGE: usize = 100;
/// How many payments are asked for at once.
const CONCURRENCY: usize = 8;
/// Toss's local time.
const SEOUL: UtcOffset = offset!(+9);
/// The method of a virtual account.
const VIRTUAL_ACCOUNT: &str = "가상계좌";

/// One step of a payment: the payment itself, or a cancellation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    #[serde(rename = "transactionKey")]
    key: String,
    payment_key: String,
    order_id: String,
    method: Option<String>,
    status: String,
    #[serde(rename = "transactionAt")]
    at: String,
    currency: String,
    amount: Number,
}

pub(super) async fn page(
    toss: &Toss,
    from: EpochMs,
    to: EpochMs,
    position: Option<&str>,
) -> Result<BookedPage, ProviderError> {
    // Toss's end belongs to the range, and a day's last second is the next day's first for it, so
    // what is not in the range is left out below.
    let start = local(from)?;
    let end = local(to.plus_ms(-1))?;
    let limit = PAGE.to_string();
    let mut query = vec![
        ("startDate", start.as_str()),
        ("endDate", end.as_str()),
        ("limit", limit.as_str()),
    ];
    query.extend(position.map(|key| ("startingAfter", key)));
    let path = format!("/v1/transactions?{}", form(query));
    let read: Vec<Transaction> = toss.client.send(Request::get(&path)).await?;
    let next = match read.last() {
        Some(last) if read.len() >= PAGE => Some(last.key.clone()),
        Some(_) | None => None,
    };
    let booked: Vec<Option<Booked>> = stream::iter(read)
        .map(|transaction| async move { booked(toss, &transaction).await })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let booked = booked
        .into_iter()
        .flatten()
        .filter(|booked| (from..to).contains(&booked.at))
        .collect();
    Ok(BookedPage { booked, next })
}

fn local(time: EpochMs) -> Result<String, ProviderError> {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]");
    time.to_utc()
        .to_offset(SEOUL)
        .format(&format)
        .map_err(|_| unexpected("time"))
}

/// `None` for what moved no money.
async fn booked(toss: &Toss, transaction: &Transaction) -> Result<Option<Booked>, ProviderError> {
    let (kind, id) = match transaction.status.as_str() {
        "DONE" => (BookedKind::Payment, &transaction.payment_key),
        "CANCELED" | "PARTIAL_CANCELED" => {
            if is_unpaid_account(toss, transaction).await? {
                return Ok(None);
            }
            (BookedKind::Refund, &transaction.key)
        }
        _ => return Ok(None),
    };
    let (amount, currency) = amount(&transaction.amount, &transaction.currency)
        .ok_or_else(|| unexpected("amount or currency"))?;
    let at = moment(&transaction.at).ok_or_else(|| unexpected("time"))?;
    Ok(Some(Booked {
        kind,
        id: ProviderId(id.clone()),
        order_id: OrderId::parse(&transaction.order_id),
        amount: Money(amount.0.saturating_abs()),
        currency,
        at,
    }))
}

/// Whether a virtual account was cancelled before anyone paid into it. The transaction itself does
/// not tell.
async fn is_unpaid_account(toss: &Toss, transaction: &Transaction) -> Result<bool, ProviderError> {
    if transaction.method.as_deref() != Some(VIRTUAL_ACCOUNT) {
        return Ok(false);
    }
    let payment = toss.payment(&transaction.payment_key).await?;
    Ok(!payment.was_approved())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_told_in_the_time_of_seoul() {
        let time = EpochMs::parse("2026-12-24T15:30:00.250Z").unwrap();
        assert_eq!(local(time).unwrap(), "2026-12-25T00:30:00.250");
    }
}
