//! The demo payment provider: no money moves. For trying the shop, and for tests.
//!
//! Its orders are kept in memory. Its page lets one pay, fail, be slow, notify twice or never.

mod page;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::charge::{
    Begun, Charge, Checkout, OrderId, ProviderAnswer, ProviderId, ProviderName, ProviderPayment,
};
use domain::clock::EpochMs;
use domain::money::{Currency, Money};
use lambda_http::http::{HeaderMap, HeaderValue};
use shared::provider::{
    Booked, BookedKind, BookedPage, CheckoutRequest, Notification, NotificationRefused, Provider,
    ProviderError, ProviderResult, RefundAnswer, RefundRequest,
};

pub use page::router;

/// What the order's page and the provider's API know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DemoOrder {
    pub amount: Money,
    pub currency: Currency,
    pub description: String,
    /// Where the buyer goes afterwards.
    pub return_url: String,
    pub state: DemoState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DemoState {
    Open,
    /// Paid at this time, which may be ahead: then the provider is slow to say so.
    Paid(EpochMs),
    Failed,
    Ended,
}

/// What has become of a refund.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum DemoRefundState {
    #[default]
    Done,
    Pending,
    /// The money is at the shop again, and is not in the books any more.
    Failed,
}

#[derive(Clone, Debug)]
struct DemoRefund {
    order: String,
    amount: Money,
    at: EpochMs,
    state: DemoRefundState,
}

impl DemoRefund {
    fn answer(&self, key: &str) -> RefundAnswer {
        let id = ProviderId(key.to_owned());
        match self.state {
            DemoRefundState::Done => RefundAnswer::Done(id),
            DemoRefundState::Pending => RefundAnswer::Pending(id),
            DemoRefundState::Failed => RefundAnswer::Failed(id),
        }
    }
}

#[derive(Debug, Default)]
struct Books {
    orders: BTreeMap<String, DemoOrder>,
    /// By key.
    refunds: BTreeMap<String, DemoRefund>,
    /// What becomes of the next refunds.
    next_refunds: DemoRefundState,
}

impl Books {
    /// The refunds that have not failed.
    fn live_refunds(&self) -> impl Iterator<Item = (&String, &DemoRefund)> {
        self.refunds
            .iter()
            .filter(|(_, refund)| refund.state != DemoRefundState::Failed)
    }
}

/// The provider. Clones share its books.
#[derive(Clone, Debug)]
pub struct DemoProvider {
    books: Arc<Mutex<Books>>,
    /// Signs notifications.
    secret: String,
}

/// The header of a notification that proves that it is from here.
const SIGNATURE: &str = "demo-signature";

/// Orders on a page of the books.
const BOOKED_PAGE: usize = 100;

impl Default for DemoProvider {
    fn default() -> Self {
        Self {
            books: Arc::default(),
            secret: domain::ids::UserId::random().to_string(),
        }
    }
}

/// The provider's id of an order's payment.
fn payment_id(order: &str) -> ProviderId {
    ProviderId(format!("demo_{order}"))
}

impl DemoProvider {
    fn books(&self) -> MutexGuard<'_, Books> {
        // No code of this file can panic in the middle of a change, so the books are consistent.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The order of this name.
    #[must_use]
    pub fn order(&self, order: &str) -> Option<DemoOrder> {
        self.books().orders.get(order).cloned()
    }

    /// Sets what has become of an order that is still open. Returns whether it was.
    #[must_use]
    pub fn decide(&self, order: &str, state: DemoState) -> bool {
        match self.books().orders.get_mut(order) {
            Some(open) if open.state == DemoState::Open => {
                open.state = state;
                true
            }
            _ => false,
        }
    }

    /// Changes the amount that an order will be said to have been paid with.
    pub fn set_amount(&self, order: &str, amount: Money) {
        if let Some(order) = self.books().orders.get_mut(order) {
            order.amount = amount;
        }
    }

    /// Sets what becomes of refunds, those that were made and those to come.
    pub fn set_refunds(&self, state: DemoRefundState) {
        let mut books = self.books();
        books.next_refunds = state;
        for refund in books.refunds.values_mut() {
            refund.state = state;
        }
    }

    /// The sum of all refunds that have not failed.
    #[must_use]
    pub fn refunded(&self) -> Money {
        let books = self.books();
        books.live_refunds().map(|(_, refund)| refund.amount).sum()
    }

    /// A notification about an order: its headers and its body.
    #[must_use]
    pub fn notification(&self, order: &str) -> (HeaderMap, Vec<u8>) {
        let mut headers = HeaderMap::new();
        if let Ok(secret) = HeaderValue::from_str(&self.secret) {
            headers.insert(SIGNATURE, secret);
        }
        let body = serde_json::json!({ "orderId": order }).to_string();
        (headers, body.into_bytes())
    }

    fn answer(&self, charge: &Charge, now: EpochMs) -> Result<ProviderAnswer, ProviderError> {
        let name = charge.order_id().to_string();
        let order = self
            .order(&name)
            .ok_or_else(|| ProviderError::Refused("order_not_found".to_owned()))?;
        Ok(match order.state {
            DemoState::Open => ProviderAnswer::Open,
            DemoState::Paid(at) if at > now => ProviderAnswer::Open,
            DemoState::Paid(_) => ProviderAnswer::Paid(ProviderPayment {
                payment_id: payment_id(&name),
                amount: order.amount,
                currency: order.currency,
            }),
            DemoState::Failed => ProviderAnswer::Failed,
            DemoState::Ended => ProviderAnswer::Ended,
        })
    }

    fn begin_order(&self, request: &CheckoutRequest<'_>) -> Begun {
        let order = request.charge.order_id().to_string();
        let begun = Begun {
            checkout_id: ProviderId(order.clone()),
            checkout: Checkout::Page {
                url: format!("{}{}/{order}", origin(request.return_url), page::PATH),
            },
        };
        self.books()
            .orders
            .entry(order)
            .or_insert_with(|| DemoOrder {
                amount: request.charge.amount,
                currency: request.charge.currency.clone(),
                description: request.description.to_owned(),
                return_url: request.return_url.to_owned(),
                state: DemoState::Open,
            });
        begun
    }

    fn refund_once(&self, request: &RefundRequest<'_>) -> Result<RefundAnswer, ProviderError> {
        let refused = |code: &str| ProviderError::Refused(code.to_owned());
        let mut books = self.books();
        if let Some(known) = books.refunds.get(request.key) {
            return if known.amount == request.amount {
                Ok(known.answer(request.key))
            } else {
                Err(refused("key_reused"))
            };
        }
        let payment = &request.payment.payment_id;
        let paid = books.orders.iter().find(|(name, order)| {
            payment_id(name) == *payment && matches!(order.state, DemoState::Paid(_))
        });
        let (name, paid) = paid
            .map(|(name, order)| (name.clone(), order.amount))
            .ok_or_else(|| refused("payment_not_found"))?;
        let refunded: Money = books
            .live_refunds()
            .filter(|(_, refund)| refund.order == name)
            .map(|(_, refund)| refund.amount)
            .sum();
        if refunded + request.amount > paid {
            return Err(refused("more_than_was_paid"));
        }
        let refund = DemoRefund {
            order: name,
            amount: request.amount,
            at: request.at,
            state: books.next_refunds,
        };
        let answer = refund.answer(request.key);
        books.refunds.insert(request.key.to_owned(), refund);
        Ok(answer)
    }

    fn booked_between(&self, from: EpochMs, to: EpochMs, after: Option<&str>) -> BookedPage {
        let books = self.books();
        let payments = books.orders.iter().filter_map(|(name, order)| {
            let DemoState::Paid(at) = order.state else {
                return None;
            };
            Some(Booked {
                kind: BookedKind::Payment,
                id: payment_id(name),
                order_id: OrderId::parse(name),
                amount: order.amount,
                currency: order.currency.clone(),
                at,
            })
        });
        let refunds = books.live_refunds().filter_map(|(key, refund)| {
            Some(Booked {
                kind: BookedKind::Refund,
                id: ProviderId(key.clone()),
                order_id: OrderId::parse(&refund.order),
                amount: refund.amount,
                currency: books.orders.get(&refund.order)?.currency.clone(),
                at: refund.at,
            })
        });
        let mut booked: Vec<Booked> = payments
            .chain(refunds)
            .filter(|booked| (from..to).contains(&booked.at))
            .filter(|booked| after.is_none_or(|after| booked.id.0.as_str() > after))
            .collect();
        booked.sort_by(|one, other| one.id.0.cmp(&other.id.0));
        let has_more = booked.len() > BOOKED_PAGE;
        booked.truncate(BOOKED_PAGE);
        let last = booked.last().map(|booked| booked.id.0.clone());
        BookedPage {
            next: last.filter(|_| has_more),
            booked,
        }
    }
}

/// The scheme and host of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

impl Provider for DemoProvider {
    fn name(&self) -> ProviderName {
        ProviderName::Demo
    }

    fn begin<'a>(&'a self, request: &'a CheckoutRequest<'a>) -> ProviderResult<'a, Begun> {
        Box::pin(async move { Ok(self.begin_order(request)) })
    }

    fn ask<'a>(&'a self, charge: &'a Charge, now: EpochMs) -> ProviderResult<'a, ProviderAnswer> {
        Box::pin(async move { self.answer(charge, now) })
    }

    fn end<'a>(&'a self, charge: &'a Charge, now: EpochMs) -> ProviderResult<'a, ProviderAnswer> {
        Box::pin(async move {
            let _ = self.decide(&charge.order_id().to_string(), DemoState::Ended);
            self.answer(charge, now)
        })
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest<'a>) -> ProviderResult<'a, RefundAnswer> {
        Box::pin(async move { self.refund_once(request) })
    }

    fn ask_refund<'a>(
        &'a self,
        _payment: &'a ProviderPayment,
        refund: &'a ProviderId,
    ) -> ProviderResult<'a, RefundAnswer> {
        Box::pin(async move {
            let books = self.books();
            let known = books.refunds.get(&refund.0);
            known
                .map(|known| known.answer(&refund.0))
                .ok_or_else(|| ProviderError::Refused("refund_not_found".to_owned()))
        })
    }

    fn hints(&self, notification: Notification<'_>) -> Result<Vec<OrderId>, NotificationRefused> {
        let signature = notification.headers.get(SIGNATURE);
        if signature.is_none_or(|signature| signature.as_bytes() != self.secret.as_bytes()) {
            return Err(NotificationRefused::Signature);
        }
        let body: serde_json::Value = serde_json::from_slice(notification.body)
            .map_err(|_| NotificationRefused::Malformed)?;
        let order = body["orderId"].as_str().and_then(OrderId::parse);
        Ok(vec![order.ok_or(NotificationRefused::Malformed)?])
    }

    fn booked<'a>(
        &'a self,
        from: EpochMs,
        to: EpochMs,
        position: Option<&'a str>,
    ) -> ProviderResult<'a, BookedPage> {
        Box::pin(async move { Ok(self.booked_between(from, to, position)) })
    }
}
