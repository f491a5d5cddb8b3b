//! What Stripe has booked: its list of charges, then its list of refunds.

use domain::books::{Booked, BookedKind};
use domain::charge::ProviderId;
use domain::clock::EpochMs;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::http::{Client, Request, form, unexpected};
use super::super::{BookedPage, ProviderError};
use super::refund::RefundStatus;
use super::{LONGEST_LIST, Metadata, amount};

/// A position in the books: the list, and the id of the last object that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Position<'a> {
    Charges { after: Option<&'a str> },
    Refunds { after: Option<&'a str> },
}

const CHARGES: &str = "charges";
const REFUNDS: &str = "refunds";

impl<'a> Position<'a> {
    /// Parses what [`page`] returned as the next position.
    pub(super) fn parse(position: Option<&'a str>) -> Result<Self, ProviderError> {
        let Some(position) = position else {
            return Ok(Self::Charges { after: None });
        };
        match position.split_once('/') {
            Some((CHARGES, after)) => Ok(Self::Charges { after: Some(after) }),
            Some((REFUNDS, after)) => Ok(Self::Refunds { after: Some(after) }),
            None if position == REFUNDS => Ok(Self::Refunds { after: None }),
            Some(_) | None => Err(ProviderError::Refused("invalid_position".to_owned())),
        }
    }
}

/// <https://docs.stripe.com/api/pagination>
#[derive(Debug, Deserialize)]
struct List<T> {
    data: Vec<T>,
    has_more: bool,
}

/// <https://docs.stripe.com/api/charges/object>. It has the metadata of its payment intent.
#[derive(Debug, Deserialize)]
struct Charge {
    id: String,
    paid: bool,
    amount_captured: i64,
    currency: String,
    created: i64,
    payment_intent: Option<String>,
    metadata: Metadata,
}

/// A refund, and the payment that it belongs to. One that was made in Stripe's dashboard has no
/// metadata, but its payment has.
#[derive(Debug, Deserialize)]
struct Refund {
    id: String,
    amount: i64,
    currency: String,
    created: i64,
    status: Option<RefundStatus>,
    payment_intent: Option<Payment>,
}

#[derive(Debug, Deserialize)]
struct Payment {
    metadata: Metadata,
}

pub(super) async fn page(
    client: &Client,
    from: EpochMs,
    to: EpochMs,
    position: Position<'_>,
) -> Result<BookedPage, ProviderError> {
    match position {
        Position::Charges { after } => {
            let list: List<Charge> = list(client, "/v1/charges", from, to, after, None).await?;
            let next = match list.data.last() {
                Some(end) if list.has_more => format!("{CHARGES}/{}", end.id),
                Some(_) | None => REFUNDS.to_owned(),
            };
            let booked = list
                .data
                .iter()
                .filter_map(charge)
                .collect::<Result<_, _>>()?;
            Ok(BookedPage {
                booked,
                next: Some(next),
            })
        }
        Position::Refunds { after } => {
            let expand = Some("data.payment_intent");
            let list: List<Refund> = list(client, "/v1/refunds", from, to, after, expand).await?;
            let next = list
                .data
                .last()
                .filter(|_| list.has_more)
                .map(|end| format!("{REFUNDS}/{}", end.id));
            let booked = list
                .data
                .iter()
                .filter_map(refund)
                .collect::<Result<_, _>>()?;
            Ok(BookedPage { booked, next })
        }
    }
}

/// Stripe's times are whole seconds.
async fn list<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    from: EpochMs,
    to: EpochMs,
    after: Option<&str>,
    expand: Option<&str>,
) -> Result<List<T>, ProviderError> {
    let from = first_second(from).to_string();
    let to = first_second(to).to_string();
    let mut query = vec![
        ("created[gte]", from.as_str()),
        ("created[lt]", to.as_str()),
        ("limit", LONGEST_LIST),
    ];
    query.extend(after.map(|id| ("starting_after", id)));
    query.extend(expand.map(|field| ("expand[]", field)));
    let path = format!("{path}?{}", form(query));
    client.send(Request::get(&path)).await
}

/// The first whole second that is not before the time.
fn first_second(time: EpochMs) -> i64 {
    time.0.saturating_add(999).div_euclid(1000)
}

/// A payment that was taken. `None` for an attempt that failed.
fn charge(charge: &Charge) -> Option<Result<Booked, ProviderError>> {
    if !charge.paid || charge.amount_captured == 0 {
        return None;
    }
    let id = charge.payment_intent.as_ref().unwrap_or(&charge.id);
    Some(booked(
        BookedKind::Payment,
        id,
        &charge.metadata,
        (charge.amount_captured, &charge.currency),
        charge.created,
    ))
}

/// A refund that has taken money out. `None` for one that failed, of which Stripe has taken the
/// money back.
fn refund(refund: &Refund) -> Option<Result<Booked, ProviderError>> {
    if matches!(
        refund.status,
        Some(RefundStatus::Failed | RefundStatus::Canceled)
    ) {
        return None;
    }
    let none = Metadata::default();
    let payment = refund.payment_intent.as_ref();
    Some(booked(
        BookedKind::Refund,
        &refund.id,
        payment.map_or(&none, |payment| &payment.metadata),
        (refund.amount, &refund.currency),
        refund.created,
    ))
}

fn booked(
    kind: BookedKind,
    id: &str,
    metadata: &Metadata,
    (amount, currency): (i64, &str),
    created: i64,
) -> Result<Booked, ProviderError> {
    let (amount, currency) =
        amount::from_stripe(amount, currency).ok_or_else(|| unexpected("amount or currency"))?;
    Ok(Booked {
        kind,
        id: ProviderId(id.to_owned()),
        order_id: metadata.order(),
        amount,
        currency,
        at: EpochMs(created.saturating_mul(1000)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_begin_with_the_charges_and_positions_lead_through_both_lists() {
        let parsed = |position| Position::parse(position).unwrap();
        assert_eq!(parsed(None), Position::Charges { after: None });
        let after = Some("ch_1");
        assert_eq!(parsed(Some("charges/ch_1")), Position::Charges { after });
        assert_eq!(parsed(Some("refunds")), Position::Refunds { after: None });
        let after = Some("re_1");
        assert_eq!(parsed(Some("refunds/re_1")), Position::Refunds { after });
        for bad in ["", "charges", "payouts/po_1"] {
            assert!(Position::parse(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_second_belongs_to_the_range_that_it_begins_in() {
        assert_eq!(first_second(EpochMs(1_000)), 1);
        assert_eq!(first_second(EpochMs(1_001)), 2);
    }
}
