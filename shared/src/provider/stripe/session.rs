//! Checkout Sessions: <https://docs.stripe.com/api/checkout/sessions>.

use domain::charge::{OrderId, ProviderAnswer, ProviderId, ProviderPayment};
use domain::clock::EpochMs;
use domain::money::Money;
use serde::Deserialize;

use super::super::http::{form, unexpected};
use super::super::{CheckoutRequest, ProviderError};
use super::{ORDER, amount};

/// A session's end is between 30 minutes and 24 hours after its creation, so ours is at least this
/// long after the charge's: a repeated request, which has the same parameters, comes within the
/// first half of the time. We end a session earlier when the charge ends.
const SHORTEST_MS: i64 = 60 * 60_000;
const LONGEST_MS: i64 = 23 * 60 * 60_000;
/// Methods that confirm a payment later do so within 14 days:
/// <https://docs.stripe.com/payments/payment-methods#payment-notification>.
const DEPOSIT_MS: i64 = 14 * 24 * 60 * 60_000;
/// A payment that is still under way after that is asked for again after this time.
const LATER_MS: i64 = 24 * 60 * 60_000;

/// The parameters that a session is created with: the same ones whenever the same charge is begun.
/// `None` if Stripe cannot take the amount.
///
/// Adaptive pricing is off. With it, buyers could pay in another currency than the wallet's.
pub(super) fn parameters(request: &CheckoutRequest<'_>) -> Option<String> {
    let charge = request.charge;
    let order = charge.order_id().to_string();
    let unit_amount = amount::to_stripe(charge.amount, &charge.currency)?.to_string();
    let currency = amount::code(&charge.currency);
    let lifetime = charge
        .expires_at
        .ms_since(charge.created_at)
        .clamp(SHORTEST_MS, LONGEST_MS);
    let expires_at = (charge.created_at.plus_ms(lifetime).0 / 1000).to_string();
    let order_of_session = format!("metadata[{ORDER}]");
    let order_of_payment = format!("payment_intent_data[metadata][{ORDER}]");
    Some(form([
        ("mode", "payment"),
        ("client_reference_id", &order),
        (&order_of_session, &order),
        (&order_of_payment, &order),
        ("success_url", request.return_url),
        ("cancel_url", request.return_url),
        ("expires_at", &expires_at),
        ("adaptive_pricing[enabled]", "false"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", &currency),
        ("line_items[0][price_data][unit_amount]", &unit_amount),
        (
            "line_items[0][price_data][product_data][name]",
            request.description,
        ),
    ]))
}

/// A session that was created.
#[derive(Debug, Deserialize)]
pub(super) struct Opened {
    pub(super) id: String,
    pub(super) url: Option<String>,
}

/// A session with its payment and the payment's charge.
#[derive(Debug, Deserialize)]
pub(super) struct Session {
    client_reference_id: Option<String>,
    created: i64,
    status: Status,
    payment_status: PaymentStatus,
    payment_intent: Option<PaymentIntent>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Open,
    Complete,
    Expired,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PaymentStatus {
    Paid,
    Unpaid,
    NoPaymentRequired,
}

/// <https://docs.stripe.com/api/payment_intents>
#[derive(Debug, Deserialize)]
struct PaymentIntent {
    id: String,
    status: PaymentIntentStatus,
    amount_received: i64,
    currency: String,
    latest_charge: Option<LatestCharge>,
}

/// <https://docs.stripe.com/payments/paymentintents/lifecycle>
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PaymentIntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    RequiresCapture,
    Processing,
    Succeeded,
    Canceled,
}

#[derive(Debug, Deserialize)]
struct LatestCharge {
    amount_refunded: i64,
}

impl Session {
    /// What the session says about the order.
    pub(super) fn answer(
        &self,
        order: OrderId,
        now: EpochMs,
    ) -> Result<ProviderAnswer, ProviderError> {
        let is_of_order = self
            .client_reference_id
            .as_deref()
            .and_then(OrderId::parse)
            .is_some_and(|named| named == order);
        if !is_of_order {
            return Err(unexpected("session of another order"));
        }
        match (self.status, self.payment_status) {
            (Status::Open, _) => Ok(ProviderAnswer::Open),
            (Status::Expired, _) => Ok(ProviderAnswer::Ended),
            (Status::Complete, PaymentStatus::Paid) => self.payment()?.paid(),
            (Status::Complete, PaymentStatus::Unpaid) => self.unpaid(now),
            // An order always has an amount.
            (Status::Complete, PaymentStatus::NoPaymentRequired) => {
                Err(unexpected("session without payment"))
            }
        }
    }

    fn payment(&self) -> Result<&PaymentIntent, ProviderError> {
        self.payment_intent
            .as_ref()
            .ok_or_else(|| unexpected("session without payment"))
    }

    /// The buyer chose a method that confirms later.
    fn unpaid(&self, now: EpochMs) -> Result<ProviderAnswer, ProviderError> {
        let payment = self.payment()?;
        match payment.status {
            PaymentIntentStatus::Processing
            | PaymentIntentStatus::RequiresAction
            | PaymentIntentStatus::RequiresConfirmation
            | PaymentIntentStatus::RequiresCapture => {
                let begun = EpochMs(self.created.saturating_mul(1000));
                let until = begun.plus_ms(DEPOSIT_MS).max(now.plus_ms(LATER_MS));
                Ok(ProviderAnswer::AwaitsDeposit { until })
            }
            PaymentIntentStatus::RequiresPaymentMethod | PaymentIntentStatus::Canceled => {
                Ok(ProviderAnswer::Failed)
            }
            PaymentIntentStatus::Succeeded => payment.paid(),
        }
    }
}

impl PaymentIntent {
    fn paid(&self) -> Result<ProviderAnswer, ProviderError> {
        let given_back = self
            .latest_charge
            .as_ref()
            .map_or(0, |charge| charge.amount_refunded);
        let kept = self.amount_received.saturating_sub(given_back);
        let (amount, currency) = amount::from_stripe(kept, &self.currency)
            .ok_or_else(|| unexpected("amount or currency"))?;
        if amount <= Money::ZERO {
            return Ok(ProviderAnswer::Failed);
        }
        Ok(ProviderAnswer::Paid(ProviderPayment {
            payment_id: ProviderId(self.id.clone()),
            amount,
            currency,
        }))
    }
}
