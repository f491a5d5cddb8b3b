//! Toss Payments: confirmations, virtual accounts, cancellations, transactions.
//! <https://docs.tosspayments.com/reference>

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::clock::{EpochMs, ManualClock};
use serde_json::{Value, json};

use super::{Account, Answer, Asked, Fake};

pub const CLIENT_KEY: &str = "test_ck_fake";
pub const SECRET_KEY: &str = "test_sk_fake";

#[derive(Default)]
pub struct TossAccount {
    payments: Vec<Value>,
    /// Oldest first.
    transactions: Vec<Value>,
    next_confirmation: Option<(u16, &'static str)>,
    is_confirmed_by_another: bool,
    next_cancel_status: Option<&'static str>,
    next_cancel_refusal: Option<(u16, &'static str)>,
    /// When each payment was last cancelled, by its key.
    last_cancels: BTreeMap<String, EpochMs>,
    made: u32,
}

fn refuse(status: u16, code: &str) -> Answer {
    (status, json!({ "code": code, "message": "private" }))
}

/// A time as Toss writes it.
fn shown(time: EpochMs) -> String {
    let local = time.plus_ms(9 * 60 * 60_000).to_string();
    format!("{}+09:00", &local[..19])
}

impl Account for TossAccount {
    /// <https://docs.tosspayments.com/reference/using-api/authorization>
    const LONGEST_KEY: usize = 300;

    fn turns_away(&mut self, asked: &Asked, _: EpochMs) -> Option<Answer> {
        let user = STANDARD.encode(format!("{SECRET_KEY}:"));
        let is_known = asked.header("authorization") == format!("Basic {user}");
        (!is_known).then(|| refuse(401, "UNAUTHORIZED_KEY"))
    }

    fn answers(&mut self, asked: &Asked, now: EpochMs) -> Answer {
        let answer = match asked.route() {
            ("POST", path) if path == ["v1", "payments", "confirm"] => self.confirm(asked, now),
            ("GET", path) if path.starts_with(&["v1", "payments", "orders"]) => {
                self.find("orderId", path[3]).cloned()
            }
            ("GET", path) if path.starts_with(&["v1", "payments"]) => {
                self.find("paymentKey", path[2]).cloned()
            }
            ("POST", path) if path.last() == Some(&"cancel") => self.cancel(path[2], asked, now),
            ("GET", path) if path == ["v1", "transactions"] => self.list(asked),
            _ => Err(refuse(404, "NOT_FOUND")),
        };
        answer.map_or_else(|refusal| refusal, |body| (200, body))
    }

    /// The first answer, whatever it was.
    fn is_kept(_: &Answer) -> bool {
        true
    }

    fn other_request() -> Option<Answer> {
        None
    }

    fn in_flight() -> Answer {
        refuse(409, "IDEMPOTENT_REQUEST_PROCESSING")
    }

    fn key_too_long() -> Answer {
        refuse(400, "INVALID_IDEMPOTENCY_KEY")
    }

    fn error(status: u16, code: &str) -> Value {
        refuse(status, code).1
    }
}

fn fields(body: &Value, known: &[&str], needed: &[&str]) -> Result<(), Answer> {
    let given = body
        .as_object()
        .ok_or_else(|| refuse(400, "INVALID_REQUEST"))?;
    let is_known = given.keys().all(|name| known.contains(&name.as_str()));
    let is_whole = needed.iter().all(|name| given.contains_key(*name));
    if is_known && is_whole {
        Ok(())
    } else {
        Err(refuse(400, "INVALID_REQUEST"))
    }
}

impl TossAccount {
    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{:04}", self.made)
    }

    /// The newest payment with this field.
    fn find(&self, field: &str, value: &str) -> Result<&Value, Answer> {
        let mut newest = self.payments.iter().rev();
        newest
            .find(|it| it[field] == *value)
            .ok_or_else(|| refuse(404, "NOT_FOUND_PAYMENT"))
    }

    fn payment(&mut self, field: &str, value: &str) -> Result<&mut Value, Answer> {
        let mut newest = self.payments.iter_mut().rev();
        newest
            .find(|it| it[field] == *value)
            .ok_or_else(|| refuse(404, "NOT_FOUND_PAYMENT"))
    }

    fn confirm(&mut self, asked: &Asked, now: EpochMs) -> Result<Value, Answer> {
        let known = ["paymentKey", "orderId", "amount"];
        fields(&asked.json, &known, &known)?;
        let key = asked.json["paymentKey"].as_str().unwrap_or_default();
        let refusal = self.next_confirmation.take();
        if std::mem::take(&mut self.is_confirmed_by_another) {
            self.approve(key, now);
        }
        let payment = self.payment("paymentKey", key)?;
        if payment["status"] != "IN_PROGRESS" {
            return Err(refuse(400, "ALREADY_PROCESSED_PAYMENT"));
        }
        if payment["orderId"] != asked.json["orderId"]
            || payment["totalAmount"] != asked.json["amount"]
        {
            return Err(refuse(400, "INVALID_REQUEST"));
        }
        if let Some((status, code)) = refusal {
            if matches!(code, "REJECT_CARD_COMPANY" | "REJECT_CARD_PAYMENT") {
                payment["status"] = json!("ABORTED");
            }
            return Err(refuse(status, code));
        }
        if payment["method"] == "가상계좌" {
            payment["status"] = json!("WAITING_FOR_DEPOSIT");
            payment["virtualAccount"] = json!({
                "accountNumber": "1", "dueDate": shown(now.plus_ms(24 * 60 * 60_000)),
            });
            return Ok(payment.clone());
        }
        let key = key.to_owned();
        self.approve(&key, now);
        self.find("paymentKey", &key).cloned()
    }

    fn approve(&mut self, key: &str, now: EpochMs) {
        let payment = self.payment("paymentKey", key).expect("a payment");
        payment["status"] = json!("DONE");
        payment["approvedAt"] = json!(shown(now));
        let payment = payment.clone();
        let amount = payment["totalAmount"].clone();
        self.book(&payment, "DONE", &amount, now);
    }

    fn book(&mut self, payment: &Value, status: &str, amount: &Value, now: EpochMs) -> String {
        let key = self.id("txrd_");
        self.transactions.push(json!({
            "mId": "fake", "transactionKey": key, "paymentKey": payment["paymentKey"],
            "orderId": payment["orderId"], "currency": payment["currency"],
            "method": payment["method"], "customerKey": null, "useEscrow": false,
            "amount": amount, "status": status, "transactionAt": shown(now),
        }));
        key
    }

    fn cancel(&mut self, key: &str, asked: &Asked, now: EpochMs) -> Result<Value, Answer> {
        fields(
            &asked.json,
            &["cancelReason", "cancelAmount", "refundableAmount"],
            &["cancelReason"],
        )?;
        let reason = asked.json["cancelReason"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if reason.is_empty() || reason.chars().count() > 200 {
            return Err(refuse(400, "INVALID_REQUEST"));
        }
        let whole = |name: &str| {
            let given = asked.json.get(name);
            let given = given.map(|it| it.as_i64().ok_or_else(|| refuse(400, "INVALID_REQUEST")));
            given.transpose()
        };
        let (amount, refundable) = (whole("cancelAmount")?, whole("refundableAmount")?);
        let payment = self.find("paymentKey", key)?;
        if refundable.is_some_and(|it| payment["balanceAmount"] != it) {
            return Err(refuse(400, "NOT_MATCHES_REFUNDABLE_AMOUNT"));
        }
        if let Some((status, code)) = self.next_cancel_refusal.take() {
            return Err(refuse(status, code));
        }
        // "Of several cancellations of a payment within a second, only the first is worked on."
        let last = self.last_cancels.get(key);
        if last.is_some_and(|last| now.ms_since(*last) < 1000) {
            return Err(refuse(403, "FORBIDDEN_CONSECUTIVE_REQUEST"));
        }
        let answer = self.give_back(key, &reason, amount, now)?;
        self.last_cancels.insert(key.to_owned(), now);
        Ok(answer)
    }

    fn give_back(
        &mut self,
        key: &str,
        reason: &str,
        amount: Option<i64>,
        now: EpochMs,
    ) -> Result<Value, Answer> {
        let status = self.next_cancel_status.take().unwrap_or("DONE");
        let payment = self.find("paymentKey", key)?.clone();
        let balance = payment["balanceAmount"].as_i64().expect("an amount");
        let amount = amount.unwrap_or(balance);
        let is_waiting = payment["status"] == "WAITING_FOR_DEPOSIT";
        if balance == 0 {
            return Err(refuse(400, "ALREADY_CANCELED_PAYMENT"));
        }
        if !is_waiting && payment["approvedAt"].is_null() {
            return Err(refuse(403, "NOT_CANCELABLE_PAYMENT"));
        }
        if payment["method"] == "가상계좌" && !is_waiting {
            return Err(refuse(400, "INVALID_REFUND_ACCOUNT_INFO"));
        }
        if is_waiting && amount != balance {
            return Err(refuse(403, "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT"));
        }
        if amount < 1 || amount > balance {
            return Err(refuse(403, "NOT_CANCELABLE_AMOUNT"));
        }
        let left = balance - amount;
        let becomes = if left == 0 {
            "CANCELED"
        } else {
            "PARTIAL_CANCELED"
        };
        let transaction = self.book(&payment, becomes, &json!(amount), now);
        let payment = self.payment("paymentKey", key)?;
        payment["status"] = json!(becomes);
        payment["balanceAmount"] = json!(left);
        if payment["cancels"].is_null() {
            payment["cancels"] = json!([]);
        }
        payment["cancels"]
            .as_array_mut()
            .expect("a list")
            .push(json!({
                "transactionKey": transaction, "cancelReason": reason, "cancelAmount": amount,
                "cancelStatus": status, "canceledAt": shown(now), "refundableAmount": left,
            }));
        Ok(payment.clone())
    }

    fn list(&self, asked: &Asked) -> Result<Value, Answer> {
        let known = ["startDate", "endDate", "startingAfter", "limit"];
        let bound = |name: &str| {
            let text = asked.query.get(name).map(|text| format!("{text}+09:00"));
            text.and_then(|text| EpochMs::parse(&text).ok())
                .ok_or_else(|| refuse(400, "INVALID_DATE"))
        };
        if !asked
            .query
            .keys()
            .all(|name| known.contains(&name.as_str()))
        {
            return Err(refuse(400, "INVALID_REQUEST"));
        }
        let (from, to) = (bound("startDate")?, bound("endDate")?);
        let limit = asked
            .query
            .get("limit")
            .map_or(Ok(100), |text| text.parse());
        let limit: usize = limit.map_err(|_| refuse(400, "INVALID_REQUEST"))?;
        let mut rest: Vec<&Value> = self
            .transactions
            .iter()
            .filter(|it| {
                let at = it["transactionAt"].as_str().expect("a time");
                let at = EpochMs::parse(at).expect("a time");
                // Toss compares whole seconds, and includes the last one.
                at.0 / 1000 >= from.0 / 1000 && at.0 / 1000 <= to.0 / 1000 + 1
            })
            .collect();
        if let Some(after) = asked.query.get("startingAfter") {
            let place = rest.iter().position(|it| it["transactionKey"] == *after);
            let place = place.ok_or_else(|| refuse(400, "INVALID_TRANSACTION_KEY"))?;
            rest.drain(..=place);
        }
        rest.truncate(limit);
        Ok(json!(rest))
    }
}

pub type FakeToss = Fake<TossAccount>;

impl FakeToss {
    pub async fn start(clock: ManualClock) -> Self {
        Self::with(TossAccount::default(), clock).await
    }

    /// The buyer proves in the window who pays, by this method. The payment waits to be confirmed.
    pub fn authenticates(&self, order: &str, amount: i64, method: &str) {
        self.account(|it, now| {
            let key = it.id("tgen_");
            it.payments.push(json!({
                "paymentKey": key, "orderId": order, "status": "IN_PROGRESS", "currency": "KRW",
                "totalAmount": amount, "balanceAmount": amount, "method": method,
                "requestedAt": shown(now), "approvedAt": null, "virtualAccount": null,
                "cancels": null,
            }));
        });
    }

    /// A payment of the order is made and confirmed without the shop.
    pub fn is_paid_elsewhere(&self, order: &str, amount: i64) {
        self.authenticates(order, amount, "카드");
        self.account(|it, now| {
            let payment = it.find("orderId", order).expect("a payment");
            let key = payment["paymentKey"].as_str().expect("a key").to_owned();
            it.approve(&key, now);
        });
    }

    /// A field of the order's payment becomes this.
    pub fn payment_becomes(&self, order: &str, field: &str, value: Value) {
        self.account(|it, _| it.payment("orderId", order).expect("a payment")[field] = value);
    }

    /// The next confirmation is refused. Refusals of a card abort the payment.
    pub fn next_confirmation_is_refused(&self, status: u16, code: &'static str) {
        self.account(|it, _| it.next_confirmation = Some((status, code)));
    }

    /// Another request confirms the payment just before the next confirmation.
    pub fn another_request_confirms_first(&self) {
        self.account(|it, _| it.is_confirmed_by_another = true);
    }

    /// The buyer transfers the money to the virtual account.
    pub fn deposit_arrives(&self, order: &str) {
        self.account(|it, now| {
            let payment = it.find("orderId", order).expect("a payment");
            assert_eq!(payment["status"], "WAITING_FOR_DEPOSIT");
            let key = payment["paymentKey"].as_str().expect("a key").to_owned();
            it.approve(&key, now);
        });
    }

    /// Someone cancels a payment in Toss's shop administration.
    pub fn cancel_in_administration(&self, order: &str, amount: i64) {
        self.account(|it, now| {
            let payment = it.find("orderId", order).expect("a payment");
            let key = payment["paymentKey"].as_str().expect("a key").to_owned();
            let cancelled = it.give_back(&key, "고객 요청", Some(amount), now);
            cancelled.expect("a cancellation");
        });
    }

    /// The next cancellation has this status.
    pub fn next_cancel_is(&self, status: &'static str) {
        self.account(|it, _| it.next_cancel_status = Some(status));
    }

    /// What has become of the order's only cancellation. If it was aborted, the payment is what it
    /// was before.
    pub fn cancel_becomes(&self, order: &str, status: &str) {
        self.account(|it, _| {
            let payment = it.payment("orderId", order).expect("a payment");
            payment["cancels"][0]["cancelStatus"] = json!(status);
            if status == "ABORTED" {
                payment["status"] = json!("DONE");
                payment["balanceAmount"] = payment["totalAmount"].clone();
            }
        });
    }

    /// The next cancellation with valid fields is refused.
    pub fn next_cancel_is_refused(&self, status: u16, code: &'static str) {
        self.account(|it, _| it.next_cancel_refusal = Some((status, code)));
    }

    /// How much of the order's payment was not cancelled.
    #[must_use]
    pub fn balance(&self, order: &str) -> Option<i64> {
        self.account(|it, _| {
            it.find("orderId", order).expect("a payment")["balanceAmount"].as_i64()
        })
    }

    /// The status of the order's payment.
    #[must_use]
    pub fn status(&self, order: &str) -> String {
        self.account(|it, _| {
            let payment = it.find("orderId", order).expect("a payment");
            payment["status"].as_str().expect("a status").to_owned()
        })
    }
}
