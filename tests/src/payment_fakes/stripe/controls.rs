//! What happens at Stripe without the shop: buyers pay, someone uses the dashboard, time passes, and
//! requests fail.

use domain::charge::ProviderId;
use domain::clock::ManualClock;
use serde_json::{Value, json};

use super::{FakeStripe, StripeAccount};
use crate::payment_fakes::Account;

impl FakeStripe {
    pub async fn start(clock: ManualClock) -> Self {
        Self::with(StripeAccount::default(), clock).await
    }

    /// The payment of a session.
    #[must_use]
    pub fn payment_of(&self, session: &str) -> ProviderId {
        self.account(|it, _| ProviderId(it.intent_of(session)))
    }

    /// How many sessions were created.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.account(|it, _| it.sessions.len())
    }

    /// The buyer pays by card.
    pub fn pay(&self, session: &str) {
        self.account(|it, now| it.complete(session, "succeeded", now));
    }

    /// The buyer pays by a method that confirms later: the payment now has this status.
    pub fn pay_later(&self, session: &str, status: &str) {
        self.account(|it, now| it.complete(session, status, now));
    }

    /// A payment that was to be confirmed later has failed.
    pub fn payment_fails(&self, session: &str) {
        self.account(|it, _| {
            let intent = it.intent_of(session);
            let intent = it.intents.get_mut(&intent).expect("a payment");
            intent["status"] = json!("requires_payment_method");
        });
    }

    /// The card is refused. The page stays open.
    pub fn decline(&self, session: &str) {
        self.account(|it, now| {
            let charge = it.id("ch");
            let metadata = json!({ "orderId": it.orders[session] });
            it.charges.push(json!({
                "id": charge, "object": "charge", "paid": false, "amount_captured": 0,
                "amount_refunded": 0, "currency": "krw", "created": now.0 / 1000,
                "payment_intent": null, "metadata": metadata,
            }));
        });
    }

    /// A field of the received payment is another than asked for.
    pub fn payment_differs(&self, session: &str, field: &str, value: Value) {
        self.account(|it, _| {
            let intent = it.intent_of(session);
            it.intents.get_mut(&intent).expect("a payment")[field] = value;
        });
    }

    /// The session's time is over.
    pub fn session_expires(&self, session: &str) {
        self.account(|it, _| {
            it.sessions.get_mut(session).expect("a session")["status"] = json!("expired");
        });
    }

    /// Someone refunds a payment in Stripe's dashboard.
    pub fn refund_in_dashboard(&self, session: &str, amount: i64) {
        self.account(|it, now| {
            let intent = it.intent_of(session);
            let refund = it.give_back(&intent, Some(amount), &json!({}), now);
            refund.expect("a refund");
        });
    }

    /// The next refund has this status.
    pub fn next_refund_is(&self, status: &'static str) {
        self.account(|it, _| it.next_refund_status = Some(status));
    }

    /// What has become of a pending refund. If it fails, the money is the account's again:
    /// <https://docs.stripe.com/refunds#failed-refunds>.
    pub fn refund_becomes(&self, id: &str, status: &str) {
        self.account(|it, _| {
            let refund = it.refunds.iter_mut().find(|it| it["id"] == *id);
            let refund = refund.expect("a refund");
            let has_failed = |status: &Value| status == "failed" || status == "canceled";
            assert!(!has_failed(&refund["status"]), "a failed refund stays one");
            refund["status"] = json!(status);
            if has_failed(&refund["status"]) {
                let charge = it
                    .charges
                    .iter_mut()
                    .find(|it| it["id"] == refund["charge"]);
                let given_back = &mut charge.expect("a charge")["amount_refunded"];
                let amount = refund["amount"].as_i64().expect("an amount");
                *given_back = json!(given_back.as_i64().expect("an amount") - amount);
            }
        });
    }

    /// The next request with valid parameters fails, e.g. with 402. The failure is kept under its
    /// key.
    pub fn next_request_fails(&self, status: u16, code: &str) {
        let answer = (status, StripeAccount::error(status, code));
        self.account(|it, _| it.next_failure = Some(answer));
    }

    /// Only so many requests are answered in a second: <https://docs.stripe.com/rate-limits>.
    pub fn allows_each_second(&self, requests: u32) {
        self.account(|it, _| it.limit = Some(requests));
    }

    /// How many refunds were made.
    #[must_use]
    pub fn refunds(&self) -> usize {
        self.account(|it, _| it.refunds.len())
    }
}
