//! Stripe: Checkout Sessions, refunds, charges, and signed notifications.
//! <https://docs.stripe.com/api>

mod controls;

use std::collections::BTreeMap;

use domain::clock::EpochMs;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use shared::provider::stripe::VERSION;

use super::{Account, Answer, Asked, Fake};

pub const SECRET_KEY: &str = "sk_test_fake";

/// What a session may be created with, of what Stripe's documentation lists.
const SESSION_PARAMETERS: [&str; 12] = [
    "mode",
    "client_reference_id",
    "metadata[orderId]",
    "payment_intent_data[metadata][orderId]",
    "success_url",
    "cancel_url",
    "expires_at",
    "adaptive_pricing[enabled]",
    "line_items[0][quantity]",
    "line_items[0][price_data][currency]",
    "line_items[0][price_data][unit_amount]",
    "line_items[0][price_data][product_data][name]",
];
const REFUND_PARAMETERS: [&str; 4] = [
    "payment_intent",
    "amount",
    "metadata[orderId]",
    "metadata[refundKey]",
];
const LIST_PARAMETERS: [&str; 7] = [
    "created[gte]",
    "created[lt]",
    "limit",
    "starting_after",
    "expand[]",
    "payment_intent",
    "charge",
];

#[derive(Default)]
pub struct StripeAccount {
    sessions: BTreeMap<String, Value>,
    /// The orders of sessions, by the session.
    orders: BTreeMap<String, String>,
    /// Newest last.
    charges: Vec<Value>,
    refunds: Vec<Value>,
    intents: BTreeMap<String, Value>,
    next_refund_status: Option<&'static str>,
    /// What the next request fails with once its parameters were found valid.
    next_failure: Option<Answer>,
    /// How many requests are allowed in a second, and how many the current one has had.
    limit: Option<u32>,
    second: i64,
    asked: u32,
    made: u32,
}

fn refuse(status: u16, kind: &str, code: Option<&str>) -> Answer {
    let mut error = json!({ "type": kind, "message": "private" });
    if let Some(code) = code {
        error["code"] = json!(code);
    }
    (status, json!({ "error": error }))
}

fn invalid(code: &str) -> Answer {
    refuse(400, "invalid_request_error", Some(code))
}

/// The path names nothing that exists.
fn missing() -> Answer {
    refuse(404, "invalid_request_error", Some("resource_missing"))
}

impl Account for StripeAccount {
    /// <https://docs.stripe.com/api/idempotent_requests>
    const LONGEST_KEY: usize = 255;

    /// Too many requests are turned away before their idempotency key is looked at:
    /// <https://docs.stripe.com/error-low-level#idempotency>.
    fn turns_away(&mut self, asked: &Asked, now: EpochMs) -> Option<Answer> {
        let second = now.0 / 1000;
        if self.second != second {
            (self.second, self.asked) = (second, 0);
        }
        self.asked += 1;
        if self.limit.is_some_and(|limit| self.asked > limit) {
            return Some(refuse(429, "invalid_request_error", Some("rate_limit")));
        }
        if asked.header("authorization") != format!("Bearer {SECRET_KEY}") {
            return Some(refuse(401, "invalid_request_error", None));
        }
        (asked.header("stripe-version") != VERSION).then(|| invalid("invalid_version"))
    }

    fn answers(&mut self, asked: &Asked, now: EpochMs) -> Answer {
        let answer = match asked.route() {
            ("POST", path) if path == ["v1", "checkout", "sessions"] => self.create(asked, now),
            ("GET", path) if path.starts_with(&["v1", "checkout", "sessions"]) => {
                self.read_session(path[3], &asked.query)
            }
            ("POST", path) if path.last() == Some(&"expire") => self.expire(path[3], asked),
            ("POST", path) if path == ["v1", "refunds"] => self.refund(asked, now),
            ("GET", path) if path == ["v1", "refunds"] => list(&self.refunds, asked, |refund| {
                let mut refund = refund.clone();
                let intent = refund["payment_intent"].as_str().expect("an id").to_owned();
                refund["payment_intent"] = self.intents[&intent].clone();
                refund
            }),
            ("GET", path) if path == ["v1", "charges"] => list(&self.charges, asked, Value::clone),
            ("GET", path) if path.starts_with(&["v1", "refunds"]) => {
                let found = self.refunds.iter().find(|it| it["id"] == path[2]);
                found.cloned().ok_or_else(missing)
            }
            _ => Err(refuse(404, "invalid_request_error", None)),
        };
        answer.map_or_else(|refusal| refusal, |body| (200, body))
    }

    /// Whatever was begun is kept, failures too, but not what a check of the parameters refused.
    fn is_kept((status, body): &Answer) -> bool {
        let code = body["error"]["code"].as_str().unwrap_or_default();
        !matches!(status, 400 | 404)
            || ["charge_already_refunded", "amount_too_large"].contains(&code)
    }

    fn other_request() -> Option<Answer> {
        Some(refuse(400, "idempotency_error", None))
    }

    fn in_flight() -> Answer {
        let code = Some("idempotency_key_in_use");
        refuse(409, "invalid_request_error", code)
    }

    fn key_too_long() -> Answer {
        invalid("parameter_invalid_string")
    }

    fn error(status: u16, code: &str) -> Value {
        let kind = match status {
            402 => "card_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        refuse(status, kind, Some(code)).1
    }
}

/// Refuses parameters that are not known, or missing.
fn check(given: &BTreeMap<String, String>, known: &[&str], needed: &[&str]) -> Result<(), Answer> {
    if given.keys().any(|name| !known.contains(&name.as_str())) {
        return Err(invalid("parameter_unknown"));
    }
    let is_given = |name: &&str| given.get(*name).is_some_and(|value| !value.is_empty());
    if needed.iter().all(is_given) {
        Ok(())
    } else {
        Err(invalid("parameter_missing"))
    }
}

fn integer(text: &str) -> Result<i64, Answer> {
    text.parse()
        .map_err(|_| invalid("parameter_invalid_integer"))
}

/// A page of a list, newest first.
fn list(all: &[Value], asked: &Asked, shown: impl Fn(&Value) -> Value) -> Result<Value, Answer> {
    check(&asked.query, &LIST_PARAMETERS, &[])?;
    let bound = |name: &str| asked.query.get(name).map(|text| integer(text)).transpose();
    let (from, to) = (bound("created[gte]")?, bound("created[lt]")?);
    let limit = bound("limit")?.unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return Err(invalid("parameter_invalid_integer"));
    }
    let is_asked_for = |it: &&Value| {
        let created = it["created"].as_i64().expect("a time");
        let intent = asked.query.get("payment_intent");
        from.is_none_or(|from| created >= from)
            && to.is_none_or(|to| created < to)
            && intent.is_none_or(|id| it["payment_intent"] == *id)
    };
    let mut rest: Vec<&Value> = all.iter().rev().filter(is_asked_for).collect();
    if let Some(after) = asked.query.get("starting_after") {
        let place = rest.iter().position(|it| it["id"] == *after);
        let place = place.ok_or_else(|| invalid("resource_missing"))?;
        rest.drain(..=place);
    }
    let limit = usize::try_from(limit).expect("a small number");
    let is_expanded = asked.query.contains_key("expand[]");
    let data: Vec<Value> = rest
        .iter()
        .take(limit)
        .map(|it| {
            if is_expanded {
                shown(it)
            } else {
                (*it).clone()
            }
        })
        .collect();
    Ok(json!({ "object": "list", "data": data, "has_more": rest.len() > limit }))
}

impl StripeAccount {
    /// The request was valid, but fails.
    fn fails_now(&mut self) -> Result<(), Answer> {
        self.next_failure.take().map_or(Ok(()), Err)
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_{:04}", self.made)
    }

    fn create(&mut self, asked: &Asked, now: EpochMs) -> Result<Value, Answer> {
        let form = &asked.form;
        let needed = SESSION_PARAMETERS;
        check(form, &SESSION_PARAMETERS, &needed)?;
        let seconds = now.0 / 1000;
        let expires_at = integer(&form["expires_at"])?;
        if !(30 * 60..=24 * 60 * 60).contains(&(expires_at - seconds)) {
            return Err(invalid("parameter_invalid_integer"));
        }
        let amount = integer(&form["line_items[0][price_data][unit_amount]"])?;
        // https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
        if amount < 50 {
            return Err(invalid("amount_too_small"));
        }
        if amount > 99_999_999 {
            return Err(invalid("amount_too_large"));
        }
        if form["mode"] != "payment" || form["client_reference_id"].len() > 200 {
            return Err(invalid("parameter_invalid_string"));
        }
        let currency = &form["line_items[0][price_data][currency]"];
        if currency.len() != 3 || currency.bytes().any(|b| !b.is_ascii_lowercase()) {
            return Err(invalid("parameter_invalid_string"));
        }
        self.fails_now()?;
        let id = self.id("cs_test");
        let order = form["client_reference_id"].clone();
        let session = json!({
            "id": id, "object": "checkout.session", "status": "open", "payment_status": "unpaid",
            "url": format!("https://checkout.stripe.com/c/pay/{id}"), "payment_intent": null,
            "client_reference_id": order, "amount_total": amount, "currency": currency,
            "created": seconds, "expires_at": expires_at, "metadata": { "orderId": order },
        });
        self.sessions.insert(id.clone(), session.clone());
        self.orders.insert(id, order);
        Ok(session)
    }

    fn read_session(&self, id: &str, query: &BTreeMap<String, String>) -> Result<Value, Answer> {
        check(query, &["expand[]"], &[])?;
        let session = self.sessions.get(id);
        let mut session = session.cloned().ok_or_else(missing)?;
        let is_expanded =
            query.get("expand[]").map(String::as_str) == Some("payment_intent.latest_charge");
        if let (true, Some(id)) = (is_expanded, session["payment_intent"].as_str()) {
            let mut intent = self.intents[id].clone();
            let charge = self.charges.iter().find(|it| it["payment_intent"] == *id);
            intent["latest_charge"] = charge.cloned().unwrap_or_default();
            session["payment_intent"] = intent;
        }
        Ok(session)
    }

    fn expire(&mut self, id: &str, asked: &Asked) -> Result<Value, Answer> {
        check(&asked.form, &["expand[]"], &[])?;
        let session = self.sessions.get_mut(id);
        let session = session.ok_or_else(missing)?;
        if session["status"] != "open" {
            // https://docs.stripe.com/api/checkout/sessions/expire
            return Err(refuse(400, "invalid_request_error", None));
        }
        session["status"] = json!("expired");
        session["url"] = json!(null);
        self.read_session(id, &asked.form)
    }

    fn refund(&mut self, asked: &Asked, now: EpochMs) -> Result<Value, Answer> {
        check(&asked.form, &REFUND_PARAMETERS, &["payment_intent"])?;
        let form = &asked.form;
        // Without an amount, it is all that is left.
        let amount = form.get("amount").map(|text| integer(text)).transpose()?;
        self.fails_now()?;
        let metadata: Map<String, Value> = ["orderId", "refundKey"]
            .into_iter()
            .filter_map(|name| {
                let value = form.get(&format!("metadata[{name}]"))?;
                Some((name.to_owned(), json!(value)))
            })
            .collect();
        self.give_back(&form["payment_intent"], amount, &json!(metadata), now)
    }

    fn give_back(
        &mut self,
        intent: &str,
        amount: Option<i64>,
        metadata: &Value,
        now: EpochMs,
    ) -> Result<Value, Answer> {
        let id = self.id("re");
        let status = self.next_refund_status.take().unwrap_or("succeeded");
        let charge = self.charges.iter_mut();
        let charge = charge
            .into_iter()
            .find(|it| it["payment_intent"] == *intent)
            .ok_or_else(|| invalid("resource_missing"))?;
        if charge["paid"] != true {
            // "This PaymentIntent does not have a successful charge to refund."
            return Err(refuse(400, "invalid_request_error", None));
        }
        let given_back = charge["amount_refunded"].as_i64().expect("an amount");
        let left = charge["amount_captured"].as_i64().expect("an amount") - given_back;
        if left == 0 {
            return Err(invalid("charge_already_refunded"));
        }
        let amount = amount.unwrap_or(left);
        if amount < 1 {
            return Err(invalid("parameter_invalid_integer"));
        }
        if amount > left {
            return Err(invalid("amount_too_large"));
        }
        if status != "failed" {
            charge["amount_refunded"] = json!(given_back + amount);
        }
        let refund = json!({
            "id": id, "object": "refund", "amount": amount, "currency": charge["currency"],
            "created": now.0 / 1000, "status": status, "payment_intent": intent,
            "charge": charge["id"], "metadata": metadata,
        });
        self.refunds.push(refund.clone());
        Ok(refund)
    }

    /// The buyer fills in the page.
    fn complete(&mut self, id: &str, status: &str, now: EpochMs) {
        let intent = self.id("pi");
        let charge = self.id("ch");
        let session = self.sessions.get_mut(id).expect("a session");
        assert_eq!(session["status"], "open", "the page is closed");
        let metadata = json!({ "orderId": self.orders[id] });
        let is_paid = status == "succeeded";
        let amount = if is_paid {
            session["amount_total"].clone()
        } else {
            json!(0)
        };
        let currency = session["currency"].clone();
        session["status"] = json!("complete");
        session["url"] = json!(null);
        session["payment_status"] = json!(if is_paid { "paid" } else { "unpaid" });
        session["payment_intent"] = json!(intent);
        self.charges.push(json!({
            "id": charge, "object": "charge", "paid": is_paid, "amount_captured": amount,
            "amount_refunded": 0, "currency": currency, "created": now.0 / 1000,
            "payment_intent": intent, "metadata": metadata,
        }));
        self.intents.insert(
            intent.clone(),
            json!({
                "id": intent, "object": "payment_intent", "status": status,
                "amount_received": amount, "currency": currency, "latest_charge": charge,
                "metadata": metadata,
            }),
        );
    }

    fn intent_of(&self, session: &str) -> String {
        let intent = self.sessions[session]["payment_intent"].as_str();
        intent.expect("a payment").to_owned()
    }
}

pub type FakeStripe = Fake<StripeAccount>;

/// The header that Stripe signs a notification with.
#[must_use]
pub fn signature(secret: &str, at: EpochMs, body: &[u8]) -> String {
    let seconds = at.0 / 1000;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!(
        "t={seconds},v1={}",
        hex::encode(mac.finalize().into_bytes())
    )
}
