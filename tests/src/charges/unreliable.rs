//! A provider that is down, or whose answers are lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use domain::charge::{
    Begun, Charge, OrderId, ProviderAnswer, ProviderId, ProviderName, ProviderPayment,
};
use domain::clock::EpochMs;
use shared::provider::{
    BookedPage, CheckoutRequest, Notification, NotificationRefused, Provider, ProviderError,
    ProviderResult, RefundAnswer, RefundRequest,
};

/// What happens to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// The provider does not get it.
    Down,
    /// The provider does it, but its answer is lost.
    AnswerLost,
    /// The provider refuses it, with this code.
    Refused(&'static str),
}

/// The provider inside it, with troubles.
#[derive(Clone, Debug)]
pub(super) struct Unreliable<P> {
    pub(super) inner: P,
    /// What happens to the next requests. `None`: nothing.
    next: Arc<Mutex<VecDeque<Option<Trouble>>>>,
    requests: Arc<Mutex<Vec<&'static str>>>,
}

impl<P> Unreliable<P> {
    pub(super) fn over(inner: P) -> Self {
        Self {
            inner,
            next: Arc::default(),
            requests: Arc::default(),
        }
    }

    /// The trouble of a later request.
    pub(super) fn trouble(&self, after: usize, trouble: Trouble) {
        let mut next = self.next.lock().unwrap();
        next.clear();
        next.extend(std::iter::repeat_n(None, after));
        next.push_back(Some(trouble));
    }

    /// The requests so far.
    pub(super) fn requests(&self) -> Vec<&'static str> {
        self.requests.lock().unwrap().clone()
    }

    async fn through<T>(
        &self,
        name: &'static str,
        request: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        self.requests.lock().unwrap().push(name);
        let trouble = self.next.lock().unwrap().pop_front().flatten();
        let lost = || ProviderError::Unreachable("no answer".to_owned());
        match trouble {
            None => request.await,
            Some(Trouble::Down) => Err(lost()),
            Some(Trouble::Refused(code)) => Err(ProviderError::Refused(code.to_owned())),
            Some(Trouble::AnswerLost) => {
                let _ = request.await;
                Err(lost())
            }
        }
    }
}

impl<P: Provider> Provider for Unreliable<P> {
    fn name(&self) -> ProviderName {
        self.inner.name()
    }

    fn begin<'a>(&'a self, request: &'a CheckoutRequest<'a>) -> ProviderResult<'a, Begun> {
        Box::pin(self.through("begin", self.inner.begin(request)))
    }

    fn ask<'a>(&'a self, charge: &'a Charge, now: EpochMs) -> ProviderResult<'a, ProviderAnswer> {
        Box::pin(self.through("ask", self.inner.ask(charge, now)))
    }

    fn end<'a>(&'a self, charge: &'a Charge, now: EpochMs) -> ProviderResult<'a, ProviderAnswer> {
        Box::pin(self.through("end", self.inner.end(charge, now)))
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest<'a>) -> ProviderResult<'a, RefundAnswer> {
        Box::pin(self.through("refund", self.inner.refund(request)))
    }

    fn ask_refund<'a>(
        &'a self,
        payment: &'a ProviderPayment,
        refund: &'a ProviderId,
    ) -> ProviderResult<'a, RefundAnswer> {
        Box::pin(self.through("ask_refund", self.inner.ask_refund(payment, refund)))
    }

    fn hints(&self, notification: Notification<'_>) -> Result<Vec<OrderId>, NotificationRefused> {
        self.inner.hints(notification)
    }

    fn booked<'a>(
        &'a self,
        from: EpochMs,
        to: EpochMs,
        position: Option<&'a str>,
    ) -> ProviderResult<'a, BookedPage> {
        Box::pin(self.through("booked", self.inner.booked(from, to, position)))
    }
}
