//! Money that Stripe gives back.

use domain::books::BookedKind;
use domain::charge::{Charge, ProviderPayment};
use domain::money::Money;
use shared::provider::{Provider, ProviderError, RefundAnswer};

use super::stripe::Shop;
use super::{books, code, id_of, paid, passing, refund, sum};

/// A shop with a payment of 44,000 won.
struct Paid {
    shop: Shop,
    charge: Charge,
    session: String,
    payment: ProviderPayment,
}

impl Paid {
    async fn by_card() -> Self {
        let shop = Shop::open().await;
        let (charge, session) = shop.begun().await;
        shop.fake.pay(&session);
        let payment = paid(shop.ask(&charge).await);
        Self {
            shop,
            charge,
            session,
            payment,
        }
    }

    async fn refunds(&self, key: &str, amount: i64) -> Result<RefundAnswer, ProviderError> {
        let Self { shop, charge, .. } = self;
        let now = shop.clock.now();
        refund(&shop.stripe, charge, &self.payment, key, amount, now).await
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
        let books = books(&self.shop.stripe, from, from.plus_seconds(7200)).await;
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
    assert_eq!(paid.shop.fake.refunds(), 1);
    assert_ne!(paid.refunds("b", 40_000).await.unwrap(), first);
    let error = paid.refunds("c", 1).await.unwrap_err();
    assert_eq!(code(error), "charge_already_refunded");
    assert_eq!(paid.given_back().await, Money(44_000));
}

#[tokio::test]
async fn a_refund_of_more_than_is_left_is_refused() {
    let paid = Paid::by_card().await;
    let error = paid.refunds("a", 44_001).await.unwrap_err();
    assert_eq!(code(error), "amount_too_large");
    paid.refunds("b", 20_000).await.unwrap();
    paid.shop.fake.refund_in_dashboard(&paid.session, 20_000);
    let error = paid.refunds("c", 4_001).await.unwrap_err();
    assert_eq!(code(error), "amount_too_large");
    paid.refunds("d", 4_000).await.unwrap();
    assert_eq!(paid.given_back().await, Money(44_000));
}

#[tokio::test]
async fn a_key_of_another_amount_refunds_nothing_and_is_no_refusal() {
    let paid = Paid::by_card().await;
    paid.refunds("a", 4_000).await.unwrap();
    let error = paid.refunds("a", 5_000).await.unwrap_err();
    assert_eq!(passing(error), "refund_key_reused");
    paid.shop.fake.forgets_keys();
    let error = paid.refunds("a", 5_000).await.unwrap_err();
    assert_eq!(passing(error), "refund_key_reused");
    assert_eq!(paid.given_back().await, Money(4_000));
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_found() {
    let paid = Paid::by_card().await;
    paid.shop.fake.answer_after_the_next_is_lost();
    let first = paid.refunds("a", 4_000).await.unwrap();
    paid.shop.fake.forgets_keys();
    assert_eq!(paid.refunds("a", 4_000).await.unwrap(), first);
    assert_eq!(paid.given_back().await, Money(4_000));
}

#[tokio::test]
async fn a_refund_that_is_still_being_made_is_asked_for_again_and_made_once() {
    let paid = Paid::by_card().await;
    paid.shop.fake.request_after_the_next_takes_long();
    let error = paid.hastily("a", 4_000).await.unwrap_err();
    passing(error);
    let error = paid.refunds("a", 4_000).await.unwrap_err();
    assert_eq!(passing(error), "idempotency_key_in_use");
    paid.shop.fake.work_ends();
    let answer = paid.refunds("a", 4_000).await.unwrap();
    assert!(matches!(answer, RefundAnswer::Done(_)));
    assert_eq!(paid.given_back().await, Money(4_000));
}

#[tokio::test]
async fn a_refund_that_the_card_or_the_account_does_not_allow_is_refused_under_its_key() {
    let paid = Paid::by_card().await;
    paid.shop.fake.next_request_fails(402, "card_declined");
    for _ in 0..2 {
        let error = paid.refunds("a", 4_000).await.unwrap_err();
        assert_eq!(code(error), "card_declined");
    }
    assert_eq!(paid.given_back().await, Money::ZERO);
    paid.refunds("b", 4_000).await.unwrap();
}

#[tokio::test]
async fn a_refund_that_failed_inside_stripe_is_made_when_stripe_has_forgotten_the_failure() {
    let paid = Paid::by_card().await;
    for status in [424, 500] {
        let key = status.to_string();
        paid.shop.fake.next_request_fails(status, "api_error");
        for _ in 0..2 {
            let error = paid.refunds(&key, 4_000).await.unwrap_err();
            assert_eq!(passing(error), "api_error", "{status}");
        }
        paid.shop.fake.forgets_keys();
        let answer = paid.refunds(&key, 4_000).await.unwrap();
        assert!(matches!(answer, RefundAnswer::Done(_)));
    }
    assert_eq!(paid.given_back().await, Money(8_000));
}

#[tokio::test]
async fn a_refund_is_not_refused_because_the_question_before_it_is() {
    let paid = Paid::by_card().await;
    paid.refunds("a", 4_000).await.unwrap();
    for status in [400, 401, 403, 404] {
        paid.shop.fake.next_is_refused(status, "api_key_expired");
        let error = paid.refunds("a", 4_000).await.unwrap_err();
        assert_eq!(passing(error), "api_key_expired", "{status}");
    }
    assert_eq!(paid.given_back().await, Money(4_000));
}

#[tokio::test]
async fn a_payment_that_was_never_made_cannot_be_refunded() {
    let shop = Shop::open().await;
    let (charge, session) = shop.begun().await;
    shop.fake.pay_later(&session, "processing");
    let payment = ProviderPayment {
        payment_id: shop.fake.payment_of(&session),
        amount: charge.amount,
        currency: charge.currency.clone(),
    };
    let now = shop.clock.now();
    let error = refund(&shop.stripe, &charge, &payment, "a", 1_000, now).await;
    assert_eq!(code(error.unwrap_err()), "invalid_request_error");
}

#[tokio::test]
async fn a_pending_refund_is_asked_for_until_it_succeeds() {
    let paid = Paid::by_card().await;
    paid.shop.fake.next_refund_is("pending");
    let answer = paid.refunds("a", 4_000).await.unwrap();
    assert!(matches!(answer, RefundAnswer::Pending(_)));
    assert_eq!(paid.refunds("a", 4_000).await.unwrap(), answer);
    let id = id_of(answer);
    for (status, expected) in [
        ("pending", RefundAnswer::Pending(id.clone())),
        ("requires_action", RefundAnswer::Pending(id.clone())),
        ("succeeded", RefundAnswer::Done(id.clone())),
    ] {
        paid.shop.fake.refund_becomes(&id.0, status);
        let answer = paid.shop.stripe.ask_refund(&paid.payment, &id).await;
        assert_eq!(answer.unwrap(), expected, "{status}");
    }
    assert_eq!(paid.given_back().await, Money(4_000));
}

#[tokio::test]
async fn a_refund_that_fails_later_is_told_and_its_money_can_be_refunded_again() {
    for status in ["failed", "canceled"] {
        let paid = Paid::by_card().await;
        let id = id_of(paid.refunds("a", 44_000).await.unwrap());
        paid.shop.fake.refund_becomes(&id.0, status);
        let answer = paid.shop.stripe.ask_refund(&paid.payment, &id).await;
        assert_eq!(answer.unwrap(), RefundAnswer::Failed(id.clone()));
        paid.shop.fake.forgets_keys();
        let answer = paid.refunds("a", 44_000).await.unwrap();
        assert_eq!(answer, RefundAnswer::Failed(id), "{status}");
        assert_eq!(paid.given_back().await, Money::ZERO);
        paid.refunds("b", 44_000).await.unwrap();
        assert_eq!(paid.given_back().await, Money(44_000));
    }
}

#[tokio::test]
async fn a_refund_that_stripe_does_not_know_is_no_failed_refund() {
    let paid = Paid::by_card().await;
    let id = domain::charge::ProviderId("re_other".to_owned());
    let error = paid.shop.stripe.ask_refund(&paid.payment, &id).await;
    assert_eq!(code(error.unwrap_err()), "resource_missing");
}
