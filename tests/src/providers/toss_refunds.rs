//! Money that Toss Payments gives back.

use domain::books::BookedKind;
use domain::charge::{Charge, ProviderPayment};
use domain::money::Money;
use shared::provider::{Provider, ProviderError, RefundAnswer};

use super::toss::{Shop, VIRTUAL_ACCOUNT};
use super::{AMOUNT, books, code, id_of, paid, passing, refund, sum};

/// A shop with a payment of 44,000 won by card.
struct Paid {
    shop: Shop,
    charge: Charge,
    order: String,
    payment: ProviderPayment,
}

impl Paid {
    async fn by_card() -> Self {
        let shop = Shop::open().await;
        let (charge, order) = shop.paid().await;
        let payment = paid(shop.ask(&charge).await);
        Self {
            shop,
            charge,
            order,
            payment,
        }
    }

    /// A second passes before each request: Toss takes one cancellation of a payment in a second.
    async fn refunds(&self, key: &str, amount: i64) -> Result<RefundAnswer, ProviderError> {
        self.shop.clock.advance_seconds(1);
        self.refunds_at_once(key, amount).await
    }

    async fn refunds_at_once(&self, key: &str, amount: i64) -> Result<RefundAnswer, ProviderError> {
        let Self { shop, charge, .. } = self;
        let now = shop.clock.now();
        refund(&shop.toss, charge, &self.payment, key, amount, now).await
    }

    /// The same with a client that does not wait for the answer.
    async fn hastily(&self, key: &str, amount: i64) -> Result<RefundAnswer, ProviderError> {
        let Self { shop, charge, .. } = self;
        let now = shop.clock.now();
        refund(&shop.hasty(), charge, &self.payment, key, amount, now).await
    }

    /// What the books say was given back.
    async fn given_back(&self) -> Money {
        let from = self.charge.created_at;
        let books = books(&self.shop.toss, from, from.plus_seconds(7200)).await;
        sum(&books, BookedKind::Refund)
    }
}

#[tokio::test]
async fn a_refund_is_made_once_per_key_however_late_it_is_repeated() {
    let paid = Paid::by_card().await;
    let first = paid.refunds("a", 4_000).await.unwrap();
    assert!(matches!(first, RefundAnswer::Done(_)));
    assert_eq!(paid.refunds("a", 4_000).await.unwrap(), first);
    paid.shop.fake.forgets_keys();
    assert_eq!(paid.refunds("a", 4_000).await.unwrap(), first);
    assert_eq!(paid.shop.fake.balance(&paid.order), Some(40_000));
    assert_ne!(paid.refunds("b", 40_000).await.unwrap(), first);
    let error = paid.refunds("c", 1).await.unwrap_err();
    assert_eq!(code(error), "ALREADY_CANCELED_PAYMENT");
    assert_eq!(paid.given_back().await, AMOUNT);
}

#[tokio::test]
async fn a_refund_of_more_than_is_left_is_refused() {
    let paid = Paid::by_card().await;
    let error = paid.refunds("a", 44_001).await.unwrap_err();
    assert_eq!(code(error), "NOT_CANCELABLE_AMOUNT");
    paid.refunds("b", 20_000).await.unwrap();
    paid.shop.fake.cancel_in_administration(&paid.order, 20_000);
    let error = paid.refunds("c", 4_001).await.unwrap_err();
    assert_eq!(code(error), "NOT_CANCELABLE_AMOUNT");
    paid.refunds("d", 4_000).await.unwrap();
    assert_eq!(paid.given_back().await, AMOUNT);
}

#[tokio::test]
async fn a_key_of_another_amount_refunds_nothing_and_is_no_refusal() {
    let paid = Paid::by_card().await;
    paid.refunds("a", 4_000).await.unwrap();
    let error = paid.refunds("a", 5_000).await.unwrap_err();
    assert_eq!(passing(error), "refund_key_reused");
    assert_eq!(paid.given_back().await, Money(4_000));
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_found() {
    let paid = Paid::by_card().await;
    paid.shop.fake.answer_after_the_next_is_lost();
    let first = paid.refunds("a", 4_000).await.unwrap();
    paid.shop.clock.advance_seconds(60);
    assert_eq!(paid.refunds("a", 4_000).await.unwrap(), first);
    assert_eq!(paid.given_back().await, Money(4_000));
}

#[tokio::test]
async fn a_refund_that_is_still_being_made_is_asked_for_again_and_made_once() {
    let paid = Paid::by_card().await;
    paid.shop.fake.request_after_the_next_takes_long();
    let error = paid.hastily("a", 4_000).await.unwrap_err();
    passing(error);
    let error = paid.refunds_at_once("a", 4_000).await.unwrap_err();
    assert_eq!(passing(error), "IDEMPOTENT_REQUEST_PROCESSING");
    paid.shop.fake.work_ends();
    let answer = paid.refunds("a", 4_000).await.unwrap();
    assert!(matches!(answer, RefundAnswer::Done(_)));
    assert_eq!(paid.given_back().await, Money(4_000));
}

#[tokio::test]
async fn a_refund_is_not_made_twice_by_an_attempt_that_was_under_way_for_longer_than_its_key() {
    let paid = Paid::by_card().await;
    // The first attempt is worked on between the question and the cancellation of the second one.
    paid.shop.fake.request_after_the_next_takes_long();
    passing(paid.hastily("a", 4_000).await.unwrap_err());
    paid.shop.clock.advance_seconds(60);
    paid.shop.fake.work_ends_after_the_next();
    let answer = paid.refunds_at_once("a", 4_000).await.unwrap();
    assert!(matches!(answer, RefundAnswer::Done(_)));
    assert_eq!(paid.given_back().await, Money(4_000));
}

#[tokio::test]
async fn a_refund_that_toss_or_the_bank_cannot_make_now_is_made_a_minute_later() {
    let paid = Paid::by_card().await;
    let mut given_back = 0;
    for (status, expected) in [
        (400, "PROVIDER_ERROR"),
        (403, "NOT_AVAILABLE_BANK"),
        (401, "UNAUTHORIZED_KEY"),
        (500, "FAILED_REFUND_PROCESS"),
    ] {
        paid.shop.fake.next_cancel_is_refused(status, expected);
        // Toss repeats its first answer to the same key. The next minute has another one.
        for _ in 0..2 {
            let error = paid.refunds_at_once(expected, 1_000).await.unwrap_err();
            assert_eq!(passing(error), expected);
        }
        paid.shop.clock.advance_seconds(60);
        paid.refunds_at_once(expected, 1_000).await.unwrap();
        given_back += 1_000;
    }
    assert_eq!(paid.given_back().await, Money(given_back));
}

#[tokio::test]
async fn two_refunds_of_a_payment_within_a_second_are_made_one_after_the_other() {
    let paid = Paid::by_card().await;
    paid.refunds_at_once("a", 1_000).await.unwrap();
    let error = paid.refunds_at_once("b", 1_000).await.unwrap_err();
    assert_eq!(passing(error), "FORBIDDEN_CONSECUTIVE_REQUEST");
    paid.shop.clock.advance_seconds(60);
    paid.refunds_at_once("b", 1_000).await.unwrap();
    assert_eq!(paid.given_back().await, Money(2_000));
}

#[tokio::test]
async fn a_refund_that_the_card_does_not_allow_is_refused() {
    let paid = Paid::by_card().await;
    for (status, expected) in [
        (400, "REFUND_REJECTED"),
        (403, "EXCEED_MAX_REFUND_DUE"),
        (403, "NOT_ALLOWED_PARTIAL_REFUND"),
        (403, "NOT_CANCELABLE_PAYMENT"),
    ] {
        paid.shop.fake.next_cancel_is_refused(status, expected);
        let error = paid.refunds(expected, 4_000).await.unwrap_err();
        assert_eq!(code(error), expected);
    }
    assert_eq!(paid.given_back().await, Money::ZERO);
}

#[tokio::test]
async fn a_refund_is_not_refused_because_the_question_before_it_is() {
    let paid = Paid::by_card().await;
    paid.refunds("a", 4_000).await.unwrap();
    for (status, expected) in [
        (403, "FORBIDDEN_CONSECUTIVE_REQUEST"),
        (401, "UNAUTHORIZED_KEY"),
        (404, "NOT_FOUND_PAYMENT"),
    ] {
        paid.shop.fake.next_is_refused(status, expected);
        let error = paid.refunds("a", 4_000).await.unwrap_err();
        assert_eq!(passing(error), expected);
    }
    assert_eq!(paid.given_back().await, Money(4_000));
}

#[tokio::test]
async fn a_pending_refund_is_asked_for_until_it_succeeds_or_fails() {
    let paid = Paid::by_card().await;
    paid.shop.fake.next_cancel_is("IN_PROGRESS");
    let answer = paid.refunds("a", 4_000).await.unwrap();
    assert!(matches!(answer, RefundAnswer::Pending(_)));
    assert_eq!(paid.refunds("a", 4_000).await.unwrap(), answer);
    let id = id_of(answer);
    for (status, expected) in [
        ("IN_PROGRESS", RefundAnswer::Pending(id.clone())),
        ("DONE", RefundAnswer::Done(id.clone())),
        ("ABORTED", RefundAnswer::Failed(id.clone())),
    ] {
        paid.shop.fake.cancel_becomes(&paid.order, status);
        let answer = paid.shop.toss.ask_refund(&paid.payment, &id).await;
        assert_eq!(answer.unwrap(), expected, "{status}");
    }
    let answer = paid.refunds("a", 4_000).await.unwrap();
    assert_eq!(answer, RefundAnswer::Failed(id));
    paid.refunds("b", 44_000).await.unwrap();
}

#[tokio::test]
async fn a_refund_that_toss_does_not_know_is_no_failed_refund() {
    let paid = Paid::by_card().await;
    let id = domain::charge::ProviderId("other".to_owned());
    let error = paid.shop.toss.ask_refund(&paid.payment, &id).await;
    assert_eq!(code(error.unwrap_err()), "REFUND_NOT_FOUND");
}

#[tokio::test]
async fn a_deposit_is_not_refunded_without_the_payers_account() {
    let shop = Shop::open().await;
    let (charge, order) = shop.begun().await;
    shop.fake.authenticates(&order, AMOUNT.0, VIRTUAL_ACCOUNT);
    shop.ask(&charge).await;
    shop.fake.deposit_arrives(&order);
    let payment = paid(shop.ask(&charge).await);
    let now = shop.clock.now();
    let error = refund(&shop.toss, &charge, &payment, "a", 1_000, now).await;
    assert_eq!(code(error.unwrap_err()), "REFUND_ACCOUNT_NEEDED");
}
