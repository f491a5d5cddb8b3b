//! Stripe Checkout: the buyer pays on a page of Stripe.
//!
//! The API is described at <https://docs.stripe.com/api>, in the version [`VERSION`].

mod amount;
mod books;
mod notification;
mod refund;
mod session;

use domain::charge::{
    Begun, Charge, Checkout, OrderId, ProviderAnswer, ProviderId, ProviderName, ProviderPayment,
};
use domain::clock::EpochMs;
use futures::FutureExt;
use serde::Deserialize;

use self::books::Position;
use self::notification::WebhookSecrets;
use self::refund::{Refund, RefundList};
use self::session::{Opened, Session};
use super::http::{Body, Client, Endpoint, Request, form, segment, unexpected};
use super::secret::Secret;
use super::{
    BookedPage, CheckoutRequest, Notification, NotificationRefused, Provider, ProviderError,
    ProviderResult, RefundAnswer, RefundRequest,
};

/// Stripe keeps old versions working, so ours changes only with this line:
/// <https://docs.stripe.com/api/versioning>.
pub const VERSION: &str = "2026-06-24.dahlia";
/// Where Stripe is.
pub const URL: &str = "https://api.stripe.com";

/// The name, in the metadata of Stripe's objects, of the order that they belong to.
const ORDER: &str = "orderId";
/// The name, in the metadata of a refund, of the key that it was made with.
const REFUND_KEY: &str = "refundKey";
/// The longest list that Stripe returns: <https://docs.stripe.com/api/pagination>.
const LONGEST_LIST: &str = "100";
/// How deep a session is read: the payment, and what was given back of it.
const SESSION_QUERY: (&str, &str) = ("expand[]", "payment_intent.latest_charge");

/// The keys of a Stripe account.
#[derive(Clone, Debug)]
pub struct StripeKeys {
    secret_key: Secret,
    webhook_secrets: WebhookSecrets,
}

impl StripeKeys {
    /// Notifications are signed with one of the webhook secrets: two, while one replaces the other.
    #[must_use]
    pub fn new(secret_key: &str, webhook_secrets: &[&str]) -> Self {
        Self {
            secret_key: Secret::new(secret_key),
            webhook_secrets: WebhookSecrets::new(webhook_secrets),
        }
    }
}

/// Stripe Checkout with a shop's account.
#[derive(Debug)]
pub struct Stripe {
    client: Client,
    webhook_secrets: WebhookSecrets,
}

impl Stripe {
    #[must_use]
    pub fn new(keys: &StripeKeys, endpoint: Endpoint) -> Self {
        let authorization = Secret::new(&format!("Bearer {}", keys.secret_key.reveal()));
        let version = Some(("stripe-version", VERSION));
        Self {
            client: Client::new(endpoint, authorization, version, code_of),
            webhook_secrets: keys.webhook_secrets.clone(),
        }
    }

    async fn begin_session(&self, request: &CheckoutRequest<'_>) -> Result<Begun, ProviderError> {
        let order = request.charge.order_id();
        let body = session::parameters(request).ok_or_else(amount_not_representable)?;
        let key = format!("checkout-{order}");
        let request = Request::post("/v1/checkout/sessions", Body::Form(&body)).once(&key);
        let session: Opened = self.client.send(request).await?;
        let url = session
            .url
            .ok_or_else(|| unexpected("session without url"))?;
        Ok(Begun {
            checkout_id: ProviderId(session.id),
            checkout: Checkout::Page { url },
        })
    }

    async fn ask_session(
        &self,
        charge: &Charge,
        now: EpochMs,
    ) -> Result<ProviderAnswer, ProviderError> {
        let Some(begun) = &charge.begun else {
            return Ok(ProviderAnswer::Open);
        };
        let id = segment(&begun.checkout_id.0);
        let path = format!("/v1/checkout/sessions/{id}?{}", form([SESSION_QUERY]));
        let session: Session = self.client.send(Request::get(&path)).await?;
        session.answer(charge.order_id(), now)
    }

    /// Only an open session can be expired, so a refusal says that it has ended otherwise:
    /// <https://docs.stripe.com/api/checkout/sessions/expire>.
    async fn end_session(
        &self,
        charge: &Charge,
        now: EpochMs,
    ) -> Result<ProviderAnswer, ProviderError> {
        let Some(begun) = &charge.begun else {
            return Ok(ProviderAnswer::Ended);
        };
        let path = format!(
            "/v1/checkout/sessions/{}/expire",
            segment(&begun.checkout_id.0)
        );
        let body = form([SESSION_QUERY]);
        let request = Request::post(&path, Body::Form(&body));
        match self.client.send::<Session>(request).await {
            Ok(session) => session.answer(charge.order_id(), now),
            Err(refused @ ProviderError::Refused(_)) => {
                match self.ask_session(charge, now).await? {
                    // It is as open as before, so the refusal has another reason.
                    ProviderAnswer::Open => Err(refused),
                    answer => Ok(answer),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Stripe forgets an idempotency key after a day or later, so the payment's refunds are looked
    /// through first: <https://docs.stripe.com/api/idempotent_requests>. Until then it also repeats
    /// a failure, 500 too, so a refund that failed in this way is made a day later.
    async fn refund_once(
        &self,
        request: &RefundRequest<'_>,
    ) -> Result<RefundAnswer, ProviderError> {
        let payment = &request.payment.payment_id.0;
        let query = form([
            ("payment_intent", payment.as_str()),
            ("limit", LONGEST_LIST),
        ]);
        let path = format!("/v1/refunds?{query}");
        let made: Result<RefundList, _> = self.client.send(Request::get(&path)).await;
        let made = made.map_err(ProviderError::of_question)?;
        if let Some(refund) = made.with_key(request.key) {
            return if refund.is_for(request) {
                Ok(refund.answer())
            } else {
                Err(ProviderError::refund_key_reused())
            };
        }
        let body = refund::parameters(request).ok_or_else(amount_not_representable)?;
        let key = format!("refund-{}", request.key);
        let request = Request::post("/v1/refunds", Body::Form(&body)).once(&key);
        match self.client.send::<Refund>(request).await {
            Ok(refund) => Ok(refund.answer()),
            Err(ProviderError::Refused(code)) if code == "idempotency_error" => {
                Err(ProviderError::refund_key_reused())
            }
            Err(error) => Err(error),
        }
    }

    async fn read_refund(&self, refund: &ProviderId) -> Result<RefundAnswer, ProviderError> {
        let path = format!("/v1/refunds/{}", segment(&refund.0));
        let refund: Refund = self.client.send(Request::get(&path)).await?;
        Ok(refund.answer())
    }
}

impl Provider for Stripe {
    fn name(&self) -> ProviderName {
        ProviderName::Stripe
    }

    fn begin<'a>(&'a self, request: &'a CheckoutRequest<'a>) -> ProviderResult<'a, Begun> {
        self.begin_session(request).boxed()
    }

    fn ask<'a>(&'a self, charge: &'a Charge, now: EpochMs) -> ProviderResult<'a, ProviderAnswer> {
        self.ask_session(charge, now).boxed()
    }

    fn end<'a>(&'a self, charge: &'a Charge, now: EpochMs) -> ProviderResult<'a, ProviderAnswer> {
        self.end_session(charge, now).boxed()
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest<'a>) -> ProviderResult<'a, RefundAnswer> {
        self.refund_once(request).boxed()
    }

    fn ask_refund<'a>(
        &'a self,
        _payment: &'a ProviderPayment,
        refund: &'a ProviderId,
    ) -> ProviderResult<'a, RefundAnswer> {
        self.read_refund(refund).boxed()
    }

    fn hints(&self, notification: Notification<'_>) -> Result<Vec<OrderId>, NotificationRefused> {
        self.webhook_secrets.verify(notification)?;
        notification::orders(notification.body)
    }

    fn booked<'a>(
        &'a self,
        from: EpochMs,
        to: EpochMs,
        position: Option<&'a str>,
    ) -> ProviderResult<'a, BookedPage> {
        async move {
            let position = Position::parse(position)?;
            books::page(&self.client, from, to, position).await
        }
        .boxed()
    }
}

/// The order in an object's metadata.
#[derive(Clone, Debug, Default, Deserialize)]
struct Metadata {
    #[serde(rename = "orderId")]
    order_id: Option<String>,
    #[serde(rename = "refundKey")]
    refund_key: Option<String>,
}

impl Metadata {
    fn order(&self) -> Option<OrderId> {
        OrderId::parse(self.order_id.as_deref()?)
    }
}

fn amount_not_representable() -> ProviderError {
    ProviderError::Refused("amount_not_representable".to_owned())
}

/// The code of a refusal, or its type if it has none: <https://docs.stripe.com/api/errors>.
fn code_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(rename = "type")]
        kind: Option<String>,
        code: Option<String>,
    }
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    refusal.error.code.or(refusal.error.kind)
}
