//! Toss Payments, from the window to the books.

use std::time::Duration;

use domain::books::BookedKind;
use domain::charge::{Charge, ChargeState, Checkout, FailureReason, ProviderAnswer, ProviderName};
use domain::clock::ManualClock;
use domain::money::Money;
use lambda_http::http::HeaderMap;
use serde_json::json;
use shared::provider::http::Endpoint;
use shared::provider::toss::{Toss, TossKeys};
use shared::provider::{Notification, NotificationRefused, Provider, ProviderError};

use super::{AMOUNT, books, charge, checkout, clock, code, currency, paid, passing, sum};
use crate::payment_fakes::toss::{CLIENT_KEY, FakeToss, SECRET_KEY};

const CARD: &str = "카드";
pub(super) const VIRTUAL_ACCOUNT: &str = "가상계좌";
const CONFIRM: &str = "POST /v1/payments/confirm";

fn toss(endpoint: Endpoint) -> Toss {
    Toss::new(&TossKeys::new(CLIENT_KEY, SECRET_KEY), endpoint)
}

pub(super) struct Shop {
    pub(super) clock: ManualClock,
    pub(super) fake: FakeToss,
    pub(super) toss: Toss,
}

impl Shop {
    pub(super) async fn open() -> Self {
        let clock = clock();
        let fake = FakeToss::start(clock.clone()).await;
        let toss = toss(Endpoint::new(&fake.url).unwrap());
        Self { clock, fake, toss }
    }

    /// The same with little patience.
    pub(super) fn hasty(&self) -> Toss {
        let endpoint = Endpoint::new(&self.fake.url).unwrap();
        toss(endpoint.within(Duration::from_secs(1)))
    }

    /// A charge whose window is open, and its order.
    pub(super) async fn begun(&self) -> (Charge, String) {
        let mut charge = charge(ProviderName::Toss, self.clock.now());
        charge.begun = Some(self.toss.begin(&checkout(&charge)).await.unwrap());
        let order = charge.order_id().to_string();
        (charge, order)
    }

    /// A charge that was paid by card.
    pub(super) async fn paid(&self) -> (Charge, String) {
        let (charge, order) = self.begun().await;
        self.fake.authenticates(&order, AMOUNT.0, CARD);
        paid(self.ask(&charge).await);
        (charge, order)
    }

    pub(super) async fn ask(&self, charge: &Charge) -> ProviderAnswer {
        self.toss.ask(charge, self.clock.now()).await.unwrap()
    }

    async fn end(&self, charge: &Charge) -> ProviderAnswer {
        self.toss.end(charge, self.clock.now()).await.unwrap()
    }

    fn confirmations(&self) -> usize {
        let requests = self.fake.requests();
        requests.iter().filter(|it| *it == CONFIRM).count()
    }
}

#[tokio::test]
async fn a_window_is_opened_without_a_request_to_toss() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    assert!(shop.fake.requests().is_empty());
    assert_eq!(
        charge.begun.unwrap().checkout,
        Checkout::TossWindow {
            client_key: CLIENT_KEY.to_owned(),
            customer_key: charge.user_id.to_string(),
            order_id: order,
            order_name: "Winter Live 겨울".to_owned(),
            amount: AMOUNT,
            currency: "KRW".to_owned(),
            success_url: super::RETURN_URL.to_owned(),
            fail_url: super::RETURN_URL.to_owned(),
        }
    );
}

#[tokio::test]
async fn another_currency_than_won_is_refused() {
    let shop = Shop::open().await;
    let mut charge = charge(ProviderName::Toss, shop.clock.now());
    charge.currency = currency("USD");
    let error = shop.toss.begin(&checkout(&charge)).await.unwrap_err();
    assert_eq!(code(error), "CURRENCY_NOT_SUPPORTED");
}

#[tokio::test]
async fn a_payment_is_confirmed_when_it_is_asked_for_and_then_paid() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Open);
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    let payment = paid(shop.ask(&charge).await);
    assert!(charge.is_paid_by(&payment));
    assert_eq!(paid(shop.ask(&charge).await), payment);
    assert_eq!(shop.confirmations(), 1);
}

#[tokio::test]
async fn another_amount_or_currency_than_asked_for_is_never_confirmed() {
    let shop = Shop::open().await;
    for amount in [AMOUNT.0 - 1, AMOUNT.0 + 1, 100] {
        let (charge, order) = shop.begun().await;
        shop.fake.authenticates(&order, amount, CARD);
        assert_eq!(shop.ask(&charge).await, ProviderAnswer::Failed);
    }
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    shop.fake.payment_becomes(&order, "currency", json!("USD"));
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Failed);
    assert_eq!(shop.confirmations(), 0);
}

#[tokio::test]
async fn a_payment_is_never_confirmed_from_the_charges_end_on() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    shop.clock.set(charge.expires_at);
    // A confirmation that was sent before may still be under way.
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Open);
    assert_eq!(shop.end(&charge).await, ProviderAnswer::Open);
    shop.clock.advance_seconds(60);
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Ended);
    assert_eq!(shop.end(&charge).await, ProviderAnswer::Ended);
    assert_eq!(shop.confirmations(), 0);
}

#[tokio::test]
async fn a_payment_of_a_charge_that_has_ended_is_never_confirmed() {
    let shop = Shop::open().await;
    let (mut charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    assert_eq!(shop.end(&charge).await, ProviderAnswer::Ended);
    for state in [
        ChargeState::Expired,
        ChargeState::Failed(FailureReason::Refused),
    ] {
        charge.state = state;
        assert_eq!(shop.ask(&charge).await, ProviderAnswer::Open);
    }
    assert_eq!(shop.confirmations(), 0);
}

#[tokio::test]
async fn a_window_that_nobody_used_ends_with_the_charge() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    assert_eq!(shop.end(&charge).await, ProviderAnswer::Ended);
    shop.clock.set(charge.expires_at);
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Ended);
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    shop.fake.payment_becomes(&order, "status", json!("READY"));
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Ended);
    assert_eq!(shop.end(&charge).await, ProviderAnswer::Ended);
}

#[tokio::test]
async fn a_confirmation_whose_answer_is_lost_is_found_and_not_repeated() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    shop.fake.answer_after_the_next_is_lost();
    let payment = paid(shop.ask(&charge).await);
    assert!(charge.is_paid_by(&payment));
    let books = books(&shop.toss, charge.created_at, charge.expires_at).await;
    assert_eq!(sum(&books, BookedKind::Payment), AMOUNT);
}

#[tokio::test]
async fn a_payment_that_another_request_has_just_confirmed_is_paid() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    shop.fake.another_request_confirms_first();
    assert!(charge.is_paid_by(&paid(shop.ask(&charge).await)));
    let books = books(&shop.toss, charge.created_at, charge.expires_at).await;
    assert_eq!(sum(&books, BookedKind::Payment), AMOUNT);
}

#[tokio::test]
async fn a_payment_that_another_request_is_confirming_is_asked_for_again() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    shop.fake
        .next_confirmation_is_refused(400, "ALREADY_PROCESSED_PAYMENT");
    let error = shop.toss.ask(&charge, shop.clock.now()).await;
    assert!(matches!(error, Err(ProviderError::Unreachable(_))));
}

#[tokio::test]
async fn a_confirmation_that_is_still_being_worked_on_is_asked_for_again_and_made_once() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    shop.fake.request_after_the_next_takes_long();
    let now = shop.clock.now();
    let error = shop.hasty().ask(&charge, now).await;
    assert!(matches!(error, Err(ProviderError::Unreachable(_))));
    let error = shop.toss.ask(&charge, now).await.unwrap_err();
    assert_eq!(passing(error), "IDEMPOTENT_REQUEST_PROCESSING");
    shop.fake.work_ends();
    assert!(charge.is_paid_by(&paid(shop.ask(&charge).await)));
    let books = books(&shop.toss, charge.created_at, charge.expires_at).await;
    assert_eq!(sum(&books, BookedKind::Payment), AMOUNT);
}

#[tokio::test]
async fn a_card_that_is_refused_fails_the_charge() {
    let shop = Shop::open().await;
    for (status, code) in [
        (403, "REJECT_CARD_COMPANY"),
        (403, "REJECT_CARD_PAYMENT"),
        (400, "INVALID_STOPPED_CARD"),
    ] {
        let (charge, order) = shop.begun().await;
        shop.fake.authenticates(&order, AMOUNT.0, CARD);
        shop.fake.next_confirmation_is_refused(status, code);
        assert_eq!(shop.ask(&charge).await, ProviderAnswer::Failed, "{code}");
    }
}

#[tokio::test]
async fn a_refusal_that_is_not_the_buyers_fault_leaves_the_charge_open() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    shop.fake
        .next_confirmation_is_refused(400, "PROVIDER_ERROR");
    let error = shop.toss.ask(&charge, shop.clock.now()).await;
    assert!(matches!(error, Err(ProviderError::Unreachable(_))));
    // Toss repeats its answer to the same key. The next minute has another one.
    shop.clock.advance_seconds(60);
    shop.fake
        .next_confirmation_is_refused(403, "FORBIDDEN_REQUEST");
    let error = shop.toss.ask(&charge, shop.clock.now()).await;
    assert_eq!(code(error.unwrap_err()), "FORBIDDEN_REQUEST");
    shop.clock.advance_seconds(60);
    paid(shop.ask(&charge).await);
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    shop.fake
        .next_confirmation_is_refused(404, "NOT_FOUND_PAYMENT_SESSION");
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Ended);
}

#[tokio::test]
async fn each_status_of_toss_has_one_meaning() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, CARD);
    for (status, expected) in [
        ("READY", ProviderAnswer::Open),
        ("ABORTED", ProviderAnswer::Failed),
        ("EXPIRED", ProviderAnswer::Ended),
        ("CANCELED", ProviderAnswer::Ended),
    ] {
        shop.fake.payment_becomes(&order, "status", json!(status));
        assert_eq!(shop.ask(&charge).await, expected, "{status}");
    }
    shop.fake.payment_becomes(&order, "status", json!("NEW"));
    assert!(shop.toss.ask(&charge, shop.clock.now()).await.is_err());
}

#[tokio::test]
async fn a_virtual_account_is_waited_for_until_the_deposit_arrives() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, VIRTUAL_ACCOUNT);
    let until = shop.clock.now().plus_seconds(24 * 3600);
    let waits = ProviderAnswer::AwaitsDeposit { until };
    assert_eq!(shop.ask(&charge).await, waits);
    shop.clock.set(charge.expires_at);
    assert_eq!(shop.ask(&charge).await, waits);
    shop.fake.deposit_arrives(&order);
    let payment = paid(shop.end(&charge).await);
    assert!(charge.is_paid_by(&payment));
}

#[tokio::test]
async fn a_virtual_account_that_nobody_pays_into_is_cancelled_and_is_no_refund() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, VIRTUAL_ACCOUNT);
    shop.ask(&charge).await;
    shop.fake.next_answer_is_lost();
    assert_eq!(shop.end(&charge).await, ProviderAnswer::Ended);
    assert_eq!(shop.fake.status(&order), "CANCELED");
    assert_eq!(shop.end(&charge).await, ProviderAnswer::Ended);
    let books = books(&shop.toss, charge.created_at, charge.expires_at).await;
    assert_eq!(books, vec![]);
}

#[tokio::test]
async fn a_payment_that_was_cancelled_before_it_was_noticed_is_not_paid() {
    let shop = Shop::open().await;
    let (charge, order) = shop.paid().await;
    shop.fake.cancel_in_administration(&order, 1_000);
    assert_eq!(paid(shop.ask(&charge).await).amount, Money(43_000));
    shop.fake.cancel_in_administration(&order, 43_000);
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Failed);
}

#[tokio::test]
async fn the_books_have_every_payment_and_cancellation_once() {
    let shop = Shop::open().await;
    let from = shop.clock.now();
    let mut orders = Vec::new();
    for number in 0..101 {
        let (charge, order) = shop.paid().await;
        if number < 2 {
            shop.fake.cancel_in_administration(&order, 1_000);
        }
        orders.push(charge.order_id());
    }
    shop.clock.advance_seconds(60);
    let to = shop.clock.now();
    // After the range, in a second that Toss still returns.
    shop.paid().await;
    let books = books(&shop.toss, from, to).await;
    assert_eq!(sum(&books, BookedKind::Payment), AMOUNT.times(101));
    assert_eq!(sum(&books, BookedKind::Refund), Money(2_000));
    assert_eq!(books.len(), 103);
    assert!(
        books
            .iter()
            .all(|it| orders.contains(&it.order_id.unwrap()))
    );
    let error = shop.toss.booked(from, to, Some("elsewhere")).await;
    assert_eq!(code(error.unwrap_err()), "INVALID_TRANSACTION_KEY");
}

#[tokio::test]
async fn a_notification_is_a_hint_to_the_order_it_names_and_nothing_more() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    let large = "x".repeat(64 * 1024);
    let hints = |body: &str| {
        shop.toss.hints(Notification {
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
            received_at: shop.clock.now(),
        })
    };
    let changed = json!({ "eventType": "PAYMENT_STATUS_CHANGED", "createdAt": "2026-12-24T19:00:00.000000",
        "data": { "orderId": order, "status": "DONE" } });
    let deposit = json!({ "createdAt": "2026-12-24T19:00:00.000000", "secret": "ps_1",
        "orderId": order, "status": "DONE", "transactionKey": "1" });
    for body in [changed, deposit] {
        assert_eq!(hints(&body.to_string()), Ok(vec![charge.order_id()]));
    }
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Open);
    for body in [
        "{}",
        "{\"orderId\":\"7\"}",
        "{\"data\":{\"payoutId\":\"1\"}}",
    ] {
        assert_eq!(hints(body), Ok(vec![]), "{body}");
    }
    for body in ["", "[]", "x", "{\"orderId\":7}", &large] {
        assert_eq!(hints(body), Err(NotificationRefused::Malformed));
    }
}
