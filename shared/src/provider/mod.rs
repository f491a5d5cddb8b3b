//! Payment providers, behind one trait.

pub mod http;
mod secret;
pub mod settings;
pub mod stripe;
pub mod toss;

use std::fmt;

use domain::books::Booked;
use domain::charge::{
    Begun, Charge, OrderId, ProviderAnswer, ProviderId, ProviderName, ProviderPayment,
};
use domain::clock::EpochMs;
use domain::money::Money;
use futures::future::BoxFuture;
use lambda_http::http::HeaderMap;

/// A request to a provider takes at most this long, with all its retries. A function's timeout is
/// longer.
pub const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(8);

/// Why a provider did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It did not answer in time, or it says that it cannot now (409, 429, 5xx). The request may or
    /// may not have taken effect. It is safe to repeat it.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// It refuses the request. The text is the provider's error code, never its message.
    #[error("the provider refuses: {0}")]
    Refused(String),
}

impl ProviderError {
    /// The key of a refund has been used for another amount. Something was refunded, so this is no
    /// refusal: an operator must look at it.
    #[must_use]
    pub fn refund_key_reused() -> Self {
        Self::Unreachable("refund_key_reused".to_owned())
    }

    /// The same error of a question, on whose answer it depends whether something was refunded. That
    /// it is refused says nothing about the refund.
    fn of_question(self) -> Self {
        match self {
            Self::Refused(code) | Self::Unreachable(code) => Self::Unreachable(code),
        }
    }
}

pub type ProviderResult<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

/// What a checkout is begun with.
#[derive(Clone, Debug)]
pub struct CheckoutRequest<'a> {
    pub charge: &'a Charge,
    /// What the buyer pays for, at most 100 characters.
    pub description: &'a str,
    /// Where the browser goes afterwards, whether the buyer has paid or not. It tells nothing: the
    /// page asks for the charge.
    pub return_url: &'a str,
}

/// A refund of a payment, or of a part of it.
#[derive(Clone, Debug)]
pub struct RefundRequest<'a> {
    /// The same key never refunds twice, whatever the amount. At most 150 characters.
    pub key: &'a str,
    /// The charge that was paid.
    pub order_id: OrderId,
    pub payment: &'a ProviderPayment,
    pub amount: Money,
    /// The time of this attempt.
    pub at: EpochMs,
}

/// What has become of a refund.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RefundAnswer {
    Done(ProviderId),
    /// The provider has accepted it, and will tell later whether it succeeded.
    Pending(ProviderId),
    Failed(ProviderId),
}

/// A notification from a provider, as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Notification<'a> {
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    pub received_at: EpochMs,
}

/// Why a notification is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotificationRefused {
    #[error("the signature is missing, wrong or too old")]
    Signature,
    #[error("the body is not a notification of this provider")]
    Malformed,
}

/// A page of a provider's books, and where the next one begins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BookedPage {
    pub booked: Vec<Booked>,
    pub next: Option<String>,
}

/// A payment provider.
pub trait Provider: fmt::Debug + Send + Sync {
    fn name(&self) -> ProviderName;

    /// Begins a checkout of the order [`Charge::order_id`]. A repeated request for the same charge
    /// returns the same checkout.
    fn begin<'a>(&'a self, request: &'a CheckoutRequest<'a>) -> ProviderResult<'a, Begun>;

    /// Asks what has become of a charge whose checkout was begun. If the provider takes the money
    /// only after the shop's confirmation, this confirms a payment of the right amount before
    /// `charge.expires_at`, if the charge is pending.
    ///
    /// A payment counts with what the provider has not given back. One that was given back in full
    /// has failed.
    fn ask<'a>(&'a self, charge: &'a Charge, now: EpochMs) -> ProviderResult<'a, ProviderAnswer>;

    /// Ends the checkout, so that nobody can pay in it any more. Returns what has become of the
    /// charge: it may have been paid just before. [`ProviderAnswer::Open`] and
    /// [`ProviderAnswer::AwaitsDeposit`] say that it cannot be ended yet.
    fn end<'a>(&'a self, charge: &'a Charge, now: EpochMs) -> ProviderResult<'a, ProviderAnswer>;

    /// Refunds a payment, or a part of it, once per key. [`ProviderError::Refused`] says that nothing
    /// was refunded with this key, and nothing will be.
    fn refund<'a>(&'a self, request: &'a RefundRequest<'a>) -> ProviderResult<'a, RefundAnswer>;

    /// Asks what has become of a refund that was pending. An error says nothing about it.
    fn ask_refund<'a>(
        &'a self,
        payment: &'a ProviderPayment,
        refund: &'a ProviderId,
    ) -> ProviderResult<'a, RefundAnswer>;

    /// The charges that a notification is about. They are only hints: each charge is asked for
    /// again.
    ///
    /// # Errors
    /// If the notification is not from this provider.
    fn hints(&self, notification: Notification<'_>) -> Result<Vec<OrderId>, NotificationRefused>;

    /// A page of the payments and refunds that the provider has booked in `[from, to)`, from the
    /// position where an earlier page said that the next one begins.
    fn booked<'a>(
        &'a self,
        from: EpochMs,
        to: EpochMs,
        position: Option<&'a str>,
    ) -> ProviderResult<'a, BookedPage>;
}
