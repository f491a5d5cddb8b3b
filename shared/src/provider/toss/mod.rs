//! Toss Payments: the buyer pays in a window that the page opens, and the shop confirms the payment.
//!
//! The API is described at <https://docs.tosspayments.com/reference>, in the version 2022-11-16,
//! which is chosen in Toss's developer centre.

mod books;
mod payment;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::charge::{
    Begun, Charge, ChargeState, Checkout, OrderId, ProviderAnswer, ProviderId, ProviderName,
    ProviderPayment,
};
use domain::clock::EpochMs;
use futures::FutureExt;
use serde::Deserialize;
use serde_json::json;

use self::payment::{Cancel, Payment, Status};
use super::http::{Body, Client, Endpoint, Request, segment, unexpected};
use super::secret::Secret;
use super::{
    BookedPage, CheckoutRequest, Notification, NotificationRefused, Provider, ProviderError,
    ProviderResult, RefundAnswer, RefundRequest,
};

/// Where Toss Payments is.
pub const URL: &str = "https://api.tosspayments.com";

/// A confirmation that was sent before the charge's end has been answered this long after it. Toss
/// advises to wait for an answer for a minute.
const CONFIRMATION_MS: i64 = 60_000;
/// A notification has some kilobytes.
const LARGEST_NOTIFICATION: usize = 64 * 1024;

/// The keys of a Toss Payments shop, for the payment window.
#[derive(Clone, Debug)]
pub struct TossKeys {
    client_key: String,
    secret_key: Secret,
}

impl TossKeys {
    /// The client key is public: the page opens the window with it.
    #[must_use]
    pub fn new(client_key: &str, secret_key: &str) -> Self {
        Self {
            client_key: client_key.to_owned(),
            secret_key: Secret::new(secret_key),
        }
    }
}

/// Toss Payments with a shop's keys.
#[derive(Debug)]
pub struct Toss {
    client: Client,
    client_key: String,
}

/// Why a payment was not confirmed, by the codes of
/// <https://docs.tosspayments.com/reference/error-codes>.
enum NotConfirmed {
    /// Toss or the card's issuer cannot do it now, or another request is doing it.
    NotNow,
    /// The buyer has let too much time pass.
    TooLate,
    /// The keys or the contract do not allow it.
    Contract,
    /// The card or the account is refused.
    Declined,
}

impl NotConfirmed {
    fn of(code: &str) -> Self {
        match code {
            "PROVIDER_ERROR"
            | "CARD_PROCESSING_ERROR"
            | "ALREADY_PROCESSED_PAYMENT"
            | "FORBIDDEN_CONSECUTIVE_REQUEST" => Self::NotNow,
            "NOT_FOUND_PAYMENT" | "NOT_FOUND_PAYMENT_SESSION" => Self::TooLate,
            "INVALID_REQUEST"
            | "INVALID_API_KEY"
            | "UNAUTHORIZED_KEY"
            | "FORBIDDEN_REQUEST"
            | "INCORRECT_BASIC_AUTH_FORMAT"
            | "NOT_FOUND_TERMINAL_ID"
            | "NOT_REGISTERED_BUSINESS"
            | "INVALID_UNREGISTERED_SUBMALL" => Self::Contract,
            _ => Self::Declined,
        }
    }
}

impl Toss {
    #[must_use]
    pub fn new(keys: &TossKeys, endpoint: Endpoint) -> Self {
        // The user is the key, and there is no password:
        // https://docs.tosspayments.com/reference/using-api/authorization
        let user = STANDARD.encode(format!("{}:", keys.secret_key.reveal()));
        let authorization = Secret::new(&format!("Basic {user}"));
        Self {
            client: Client::new(endpoint, authorization, None, code_of),
            client_key: keys.client_key.clone(),
        }
    }

    /// What the window is opened with: <https://docs.tosspayments.com/sdk/v2/js>.
    fn window(&self, request: &CheckoutRequest<'_>) -> Result<Begun, ProviderError> {
        let charge = request.charge;
        // Other currencies need a contract for foreign wallets, whose amounts have decimals.
        if charge.currency.to_string() != payment::WON {
            return Err(ProviderError::Refused("CURRENCY_NOT_SUPPORTED".to_owned()));
        }
        let order = charge.order_id().to_string();
        Ok(Begun {
            checkout_id: ProviderId(order.clone()),
            checkout: Checkout::TossWindow {
                client_key: self.client_key.clone(),
                customer_key: charge.user_id.to_string(),
                order_id: order,
                order_name: request.description.to_owned(),
                amount: charge.amount,
                currency: payment::WON.to_owned(),
                success_url: request.return_url.to_owned(),
                fail_url: request.return_url.to_owned(),
            },
        })
    }

    /// The order's payment. `None` as long as the buyer has not opened the window.
    async fn payment_of(&self, order: OrderId) -> Result<Option<Payment>, ProviderError> {
        let path = format!("/v1/payments/orders/{order}");
        let payment: Payment = match self.client.send(Request::get(&path)).await {
            Ok(payment) => payment,
            Err(ProviderError::Refused(code)) if code == "NOT_FOUND_PAYMENT" => return Ok(None),
            Err(error) => return Err(error),
        };
        if payment.is_of(order) {
            Ok(Some(payment))
        } else {
            Err(unexpected("payment of another order"))
        }
    }

    async fn ask_payment(
        &self,
        charge: &Charge,
        now: EpochMs,
    ) -> Result<ProviderAnswer, ProviderError> {
        let is_over = charge.expires_at <= now;
        let unpaid = if is_over {
            ProviderAnswer::Ended
        } else {
            ProviderAnswer::Open
        };
        let Some(payment) = self.payment_of(charge.order_id()).await? else {
            return Ok(unpaid);
        };
        match payment.status {
            Status::Ready => Ok(unpaid),
            Status::InProgress if is_over => Ok(after_end(charge, now)),
            Status::InProgress if charge.state != ChargeState::Pending => Ok(ProviderAnswer::Open),
            // Someone has changed the amount in the page. Such a payment is never confirmed.
            Status::InProgress if !payment.is_for(charge) => Ok(ProviderAnswer::Failed),
            Status::InProgress => self.confirm(charge, &payment, now).await,
            _ => payment.answer(),
        }
    }

    /// Confirms a payment: <https://docs.tosspayments.com/reference#결제-승인>.
    ///
    /// Toss repeats its first answer to a key, also one that says that it cannot now, so the key
    /// lasts a minute. A payment is confirmed once, whatever the key.
    async fn confirm(
        &self,
        charge: &Charge,
        payment: &Payment,
        now: EpochMs,
    ) -> Result<ProviderAnswer, ProviderError> {
        let order = charge.order_id();
        let body = json!({
            "paymentKey": payment.key,
            "orderId": order.to_string(),
            "amount": charge.amount.0,
        })
        .to_string();
        let key = format!("confirm-{}-{}", payment.key, now.0 / 60_000);
        let request = Request::post("/v1/payments/confirm", Body::Json(&body)).once(&key);
        let code = match self.client.send::<Payment>(request).await {
            Ok(confirmed) if confirmed.is_of(order) => return confirmed.answer(),
            Ok(_) => return Err(unexpected("payment of another order")),
            Err(ProviderError::Refused(code)) => code,
            Err(error) => return Err(error),
        };
        // Another request may have confirmed it.
        match self.payment_of(order).await? {
            Some(payment) if payment.status != Status::InProgress => payment.answer(),
            Some(_) | None => match NotConfirmed::of(&code) {
                NotConfirmed::NotNow => Err(ProviderError::Unreachable(code)),
                NotConfirmed::Contract => Err(ProviderError::Refused(code)),
                NotConfirmed::TooLate => Ok(ProviderAnswer::Ended),
                NotConfirmed::Declined => Ok(ProviderAnswer::Failed),
            },
        }
    }

    /// An unconfirmed payment ends by not being confirmed. A virtual account is cancelled.
    async fn end_payment(
        &self,
        charge: &Charge,
        now: EpochMs,
    ) -> Result<ProviderAnswer, ProviderError> {
        let order = charge.order_id();
        let Some(payment) = self.payment_of(order).await? else {
            return Ok(ProviderAnswer::Ended);
        };
        match payment.status {
            Status::Ready => Ok(ProviderAnswer::Ended),
            Status::InProgress => Ok(after_end(charge, now)),
            Status::WaitingForDeposit => {
                let body = json!({ "cancelReason": "결제 기한 만료" }).to_string();
                let key = format!("end-{order}");
                match self.cancel(&payment.key, &body, &key).await {
                    Ok(cancelled) => cancelled.answer(),
                    // The deposit may have come just before.
                    Err(refused @ ProviderError::Refused(_)) => {
                        match self.payment_of(order).await? {
                            Some(payment) if payment.status != Status::WaitingForDeposit => {
                                payment.answer()
                            }
                            Some(_) | None => Err(refused),
                        }
                    }
                    Err(error) => Err(error),
                }
            }
            _ => payment.answer(),
        }
    }

    /// <https://docs.tosspayments.com/reference#결제-취소>
    async fn cancel(
        &self,
        payment_key: &str,
        body: &str,
        key: &str,
    ) -> Result<Payment, ProviderError> {
        let path = format!("/v1/payments/{}/cancel", segment(payment_key));
        let request = Request::post(&path, Body::Json(body)).once(key);
        self.client.send(request).await
    }

    async fn payment(&self, payment_key: &str) -> Result<Payment, ProviderError> {
        let path = format!("/v1/payments/{}", segment(payment_key));
        self.client.send(Request::get(&path)).await
    }

    /// The payment's cancellations are looked through before and after: their reason has our key.
    ///
    /// Toss repeats its first answer to an idempotency key for 15 days, also one that says that it
    /// cannot now, so that key lasts a minute:
    /// <https://docs.tosspayments.com/reference/using-api/authorization>. What is never cancelled
    /// twice is made sure by `refundableAmount`: Toss refuses if the balance is not the one in which
    /// we have not found our cancellation.
    async fn refund_once(
        &self,
        request: &RefundRequest<'_>,
    ) -> Result<RefundAnswer, ProviderError> {
        let payment_key = &request.payment.payment_id.0;
        let reason = format!("환불 {}", request.key);
        let refunded = |payment: &Payment| {
            let cancel = payment.cancel_because(&reason)?;
            let is_same = cancel.is_of(request.amount, &request.payment.currency);
            Some(if is_same {
                Ok(cancel.answer())
            } else {
                Err(ProviderError::refund_key_reused())
            })
        };
        let read = || async {
            let payment = self.payment(payment_key).await;
            payment.map_err(ProviderError::of_question)
        };
        let payment = read().await?;
        if let Some(answer) = refunded(&payment) {
            return answer;
        }
        if payment.is_by_deposit() {
            // The buyer's account must be given, which the shop does not know.
            return Err(ProviderError::Refused("REFUND_ACCOUNT_NEEDED".to_owned()));
        }
        let body = json!({
            "cancelReason": reason,
            "cancelAmount": request.amount.0,
            "refundableAmount": payment.balance_amount,
        })
        .to_string();
        let key = format!("refund-{}-{}", request.key, request.at.0 / 60_000);
        match self.cancel(payment_key, &body, &key).await {
            Ok(payment) => refunded(&payment).unwrap_or_else(|| Err(without_cancellation())),
            Err(ProviderError::Refused(code)) => {
                // Another attempt may have made it.
                refunded(&read().await?).unwrap_or_else(|| {
                    Err(if is_refund_possible_later(&code) {
                        ProviderError::Unreachable(code)
                    } else {
                        ProviderError::Refused(code)
                    })
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn read_refund(
        &self,
        payment: &ProviderPayment,
        refund: &ProviderId,
    ) -> Result<RefundAnswer, ProviderError> {
        let payment = self.payment(&payment.payment_id.0).await?;
        payment
            .cancel_with(refund)
            .map(Cancel::answer)
            .ok_or_else(|| ProviderError::Refused("REFUND_NOT_FOUND".to_owned()))
    }
}

/// It may have been made all the same.
fn without_cancellation() -> ProviderError {
    ProviderError::Unreachable("payment without its cancellation".to_owned())
}

/// Whether the same cancellation may succeed later, by the codes of
/// <https://docs.tosspayments.com/reference/error-codes#결제-취소>: the bank cannot now, another one
/// of the same payment was just made, or the shop's key must be replaced.
fn is_refund_possible_later(code: &str) -> bool {
    matches!(
        code,
        "PROVIDER_ERROR"
            | "FORBIDDEN_CONSECUTIVE_REQUEST"
            | "NOT_MATCHES_REFUNDABLE_AMOUNT"
            | "NOT_AVAILABLE_BANK"
            | "UNAUTHORIZED_KEY"
            | "INVALID_API_KEY"
            | "INCORRECT_BASIC_AUTH_FORMAT"
    )
}

/// What has become of a payment that was not confirmed. Just after the charge's end, a confirmation
/// may still be under way.
fn after_end(charge: &Charge, now: EpochMs) -> ProviderAnswer {
    if (0..CONFIRMATION_MS).contains(&now.ms_since(charge.expires_at)) {
        ProviderAnswer::Open
    } else {
        ProviderAnswer::Ended
    }
}

impl Provider for Toss {
    fn name(&self) -> ProviderName {
        ProviderName::Toss
    }

    /// Calls nobody: Toss learns of the order when the buyer opens the window.
    fn begin<'a>(&'a self, request: &'a CheckoutRequest<'a>) -> ProviderResult<'a, Begun> {
        futures::future::ready(self.window(request)).boxed()
    }

    fn ask<'a>(&'a self, charge: &'a Charge, now: EpochMs) -> ProviderResult<'a, ProviderAnswer> {
        self.ask_payment(charge, now).boxed()
    }

    fn end<'a>(&'a self, charge: &'a Charge, now: EpochMs) -> ProviderResult<'a, ProviderAnswer> {
        self.end_payment(charge, now).boxed()
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest<'a>) -> ProviderResult<'a, RefundAnswer> {
        self.refund_once(request).boxed()
    }

    fn ask_refund<'a>(
        &'a self,
        payment: &'a ProviderPayment,
        refund: &'a ProviderId,
    ) -> ProviderResult<'a, RefundAnswer> {
        self.read_refund(payment, refund).boxed()
    }

    /// Notifications of payments are not signed, so anyone could have sent one:
    /// <https://docs.tosspayments.com/reference/using-api/webhook-events>.
    fn hints(&self, notification: Notification<'_>) -> Result<Vec<OrderId>, NotificationRefused> {
        orders(notification.body)
    }

    fn booked<'a>(
        &'a self,
        from: EpochMs,
        to: EpochMs,
        position: Option<&'a str>,
    ) -> ProviderResult<'a, BookedPage> {
        books::page(self, from, to, position).boxed()
    }
}

/// The order in `PAYMENT_STATUS_CHANGED`, whose `data` is a payment, and in `DEPOSIT_CALLBACK`,
/// which has the order at the top.
fn orders(body: &[u8]) -> Result<Vec<OrderId>, NotificationRefused> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Event {
        order_id: Option<String>,
        data: Option<Data>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        order_id: Option<String>,
    }
    if body.len() > LARGEST_NOTIFICATION {
        return Err(NotificationRefused::Malformed);
    }
    let event: Event = serde_json::from_slice(body).map_err(|_| NotificationRefused::Malformed)?;
    let order = event.order_id.or(event.data.and_then(|data| data.order_id));
    Ok(order
        .as_deref()
        .and_then(OrderId::parse)
        .into_iter()
        .collect())
}

/// <https://docs.tosspayments.com/reference/using-api/req-res>
fn code_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        code: String,
    }
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    Some(refusal.code)
}
