//! Refunds: <https://docs.stripe.com/api/refunds>.

use domain::charge::ProviderId;
use serde::Deserialize;

use super::super::http::form;
use super::super::{RefundAnswer, RefundRequest};
use super::{Metadata, ORDER, REFUND_KEY, amount};

/// The parameters that a refund is made with. `None` if Stripe cannot take the amount.
pub(super) fn parameters(request: &RefundRequest<'_>) -> Option<String> {
    let amount = amount::to_stripe(request.amount, &request.payment.currency)?.to_string();
    let order = request.order_id.to_string();
    Some(form([
        ("payment_intent", request.payment.payment_id.0.as_str()),
        ("amount", &amount),
        (&format!("metadata[{ORDER}]"), &order),
        (&format!("metadata[{REFUND_KEY}]"), request.key),
    ]))
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    id: String,
    /// In Stripe's minor unit.
    amount: i64,
    status: Option<RefundStatus>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// <https://docs.stripe.com/api/refunds/object#refund_object-status>
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundStatus {
    Pending,
    RequiresAction,
    Succeeded,
    Failed,
    Canceled,
}

impl Refund {
    pub(super) fn answer(&self) -> RefundAnswer {
        let id = ProviderId(self.id.clone());
        match self.status {
            Some(RefundStatus::Succeeded) => RefundAnswer::Done(id),
            None | Some(RefundStatus::Pending | RefundStatus::RequiresAction) => {
                RefundAnswer::Pending(id)
            }
            Some(RefundStatus::Failed | RefundStatus::Canceled) => RefundAnswer::Failed(id),
        }
    }

    /// Whether it is for exactly what was asked for.
    pub(super) fn is_for(&self, request: &RefundRequest<'_>) -> bool {
        amount::to_stripe(request.amount, &request.payment.currency) == Some(self.amount)
    }

    fn key(&self) -> Option<&str> {
        self.metadata.as_ref()?.refund_key.as_deref()
    }
}

/// The refunds of one payment. A payment with more than a hundred relies on the idempotency key.
#[derive(Debug, Deserialize)]
pub(super) struct RefundList {
    data: Vec<Refund>,
}

impl RefundList {
    pub(super) fn with_key(&self, key: &str) -> Option<&Refund> {
        self.data.iter().find(|refund| refund.key() == Some(key))
    }
}
