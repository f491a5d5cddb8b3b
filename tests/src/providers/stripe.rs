//! Stripe Checkout, from the session to the books.

use std::time::Duration;

use domain::books::BookedKind;
use domain::charge::{Charge, Checkout, ProviderAnswer, ProviderName};
use domain::clock::ManualClock;
use domain::money::Money;
use serde_json::json;
use shared::provider::http::Endpoint;
use shared::provider::stripe::{Stripe, StripeKeys};
use shared::provider::{Provider, ProviderError};

use super::{AMOUNT, books, charge, checkout, clock, code, currency, paid, passing, sum};
use crate::payment_fakes::stripe::{FakeStripe, SECRET_KEY};

fn stripe(endpoint: Endpoint) -> Stripe {
    let keys = StripeKeys::new(SECRET_KEY, &["whsec_fake"]);
    Stripe::new(&keys, endpoint)
}

pub(super) struct Shop {
    pub(super) clock: ManualClock,
    pub(super) fake: FakeStripe,
    pub(super) stripe: Stripe,
}

impl Shop {
    pub(super) async fn open() -> Self {
        let clock = clock();
        let fake = FakeStripe::start(clock.clone()).await;
        let stripe = stripe(Endpoint::new(&fake.url).unwrap());
        Self {
            clock,
            fake,
            stripe,
        }
    }

    /// The same with little patience.
    pub(super) fn hasty(&self) -> Stripe {
        let endpoint = Endpoint::new(&self.fake.url).unwrap();
        stripe(endpoint.within(Duration::from_secs(1)))
    }

    /// A charge whose page is open, and the session.
    pub(super) async fn begun(&self) -> (Charge, String) {
        let charge = charge(ProviderName::Stripe, self.clock.now());
        self.begin(charge).await
    }

    pub(super) async fn begin(&self, mut charge: Charge) -> (Charge, String) {
        let begun = self.stripe.begin(&checkout(&charge)).await.unwrap();
        let session = begun.checkout_id.0.clone();
        charge.begun = Some(begun);
        (charge, session)
    }

    pub(super) async fn ask(&self, charge: &Charge) -> ProviderAnswer {
        self.stripe.ask(charge, self.clock.now()).await.unwrap()
    }

    async fn end(&self, charge: &Charge) -> ProviderAnswer {
        self.stripe.end(charge, self.clock.now()).await.unwrap()
    }
}

#[tokio::test]
async fn a_buyer_is_sent_to_a_page_and_pays_exactly_what_was_asked_for() {
    let shop = Shop::open().await;
    let (charge, session) = shop.begun().await;
    let Checkout::Page { url } = &charge.begun.as_ref().unwrap().checkout else {
        panic!("not a page");
    };
    assert!(url.contains(&session));
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Open);
    shop.fake.decline(&session);
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Open);
    shop.fake.pay(&session);
    let payment = paid(shop.ask(&charge).await);
    assert!(charge.is_paid_by(&payment));
    assert!(payment.payment_id.0.starts_with("pi_"));
}

#[tokio::test]
async fn a_checkout_that_is_begun_again_is_the_same_one() {
    let shop = Shop::open().await;
    shop.fake.next_answer_is_lost();
    let (charge, session) = shop.begun().await;
    assert_eq!(shop.fake.requests().len(), 2);
    // Nothing in the request depends on the time.
    shop.clock.advance_seconds(240);
    let (_, again) = shop.begin(charge).await;
    assert_eq!(again, session);
    assert_eq!(shop.fake.sessions(), 1);
}

#[tokio::test]
async fn a_checkout_that_is_still_being_made_is_asked_for_again_and_made_once() {
    let shop = Shop::open().await;
    let charge = charge(ProviderName::Stripe, shop.clock.now());
    shop.fake.next_request_takes_long();
    let error = shop.hasty().begin(&checkout(&charge)).await.unwrap_err();
    passing(error);
    let error = shop.stripe.begin(&checkout(&charge)).await.unwrap_err();
    assert_eq!(passing(error), "idempotency_key_in_use");
    assert_eq!(shop.fake.sessions(), 0);
    shop.fake.work_ends();
    shop.begin(charge).await;
    assert_eq!(shop.fake.sessions(), 1);
}

#[tokio::test]
async fn more_requests_than_stripe_allows_in_a_second_are_made_in_the_next_one() {
    let shop = Shop::open().await;
    shop.fake.allows_each_second(1);
    shop.begun().await;
    let other = super::charge(ProviderName::Stripe, shop.clock.now());
    let error = shop.stripe.begin(&checkout(&other)).await.unwrap_err();
    assert_eq!(passing(error), "rate_limit");
    shop.clock.advance_seconds(1);
    shop.begin(other).await;
    assert_eq!(shop.fake.sessions(), 2);
}

#[tokio::test]
async fn a_checkout_that_stripe_fails_to_make_is_refused_and_a_failure_inside_stripe_may_pass() {
    let shop = Shop::open().await;
    let charge = charge(ProviderName::Stripe, shop.clock.now());
    shop.fake.next_request_fails(402, "account_closed");
    let error = shop.stripe.begin(&checkout(&charge)).await.unwrap_err();
    assert_eq!(code(error), "account_closed");
    assert_eq!(shop.fake.requests().len(), 1);
    let charge = super::charge(ProviderName::Stripe, shop.clock.now());
    shop.fake.next_request_fails(500, "api_error");
    let error = shop.stripe.begin(&checkout(&charge)).await.unwrap_err();
    assert_eq!(passing(error), "api_error");
    assert_eq!(shop.fake.requests().len(), 2);
    assert_eq!(shop.fake.sessions(), 0);
}

#[tokio::test]
async fn a_checkout_of_a_charge_near_its_end_is_as_long_as_stripe_demands() {
    let shop = Shop::open().await;
    let charge = charge(ProviderName::Stripe, shop.clock.now());
    shop.clock.advance_seconds(299);
    shop.begin(charge).await;
    assert_eq!(shop.fake.sessions(), 1);
}

#[tokio::test]
async fn an_amount_that_stripe_does_not_take_is_refused() {
    let shop = Shop::open().await;
    for (amount, of, expected) in [
        (49, "KRW", "amount_too_small"),
        (100_000_000, "KRW", "amount_too_large"),
        (12_345, "KWD", "amount_not_representable"),
    ] {
        let mut charge = charge(ProviderName::Stripe, shop.clock.now());
        charge.amount = Money(amount);
        charge.currency = currency(of);
        let error = shop.stripe.begin(&checkout(&charge)).await.unwrap_err();
        assert_eq!(code(error), expected);
    }
}

#[tokio::test]
async fn an_amount_of_a_currency_with_minor_units_of_stripe_comes_back_in_ours() {
    let shop = Shop::open().await;
    let mut charge = charge(ProviderName::Stripe, shop.clock.now());
    charge.amount = Money(1_000);
    charge.currency = currency("ISK");
    let (charge, session) = shop.begin(charge).await;
    shop.fake.pay(&session);
    let payment = paid(shop.ask(&charge).await);
    assert!(charge.is_paid_by(&payment));
}

#[tokio::test]
async fn another_amount_or_currency_than_asked_for_is_told_as_it_is() {
    for (field, value) in [
        ("amount_received", json!(43_000)),
        ("currency", json!("usd")),
    ] {
        let shop = Shop::open().await;
        let (charge, session) = shop.begun().await;
        shop.fake.pay(&session);
        shop.fake.payment_differs(&session, field, value);
        let payment = paid(shop.ask(&charge).await);
        assert!(!charge.is_paid_by(&payment), "{field}");
    }
}

#[tokio::test]
async fn a_session_of_another_order_is_not_believed() {
    let shop = Shop::open().await;
    let (charge, session) = shop.begun().await;
    shop.fake.pay(&session);
    let mut other = super::charge(ProviderName::Stripe, shop.clock.now());
    other.begun = charge.begun;
    let error = shop.stripe.ask(&other, shop.clock.now()).await;
    assert!(matches!(error, Err(ProviderError::Refused(_))));
}

#[tokio::test]
async fn a_method_that_confirms_later_is_waited_for() {
    let shop = Shop::open().await;
    for status in ["processing", "requires_action"] {
        let (charge, session) = shop.begun().await;
        shop.fake.pay_later(&session, status);
        let until = shop.clock.now().plus_seconds(14 * 24 * 3600);
        let waits = ProviderAnswer::AwaitsDeposit { until };
        assert_eq!(shop.ask(&charge).await, waits);
        assert_eq!(shop.end(&charge).await, waits);
        shop.fake.payment_fails(&session);
        assert_eq!(shop.ask(&charge).await, ProviderAnswer::Failed);
    }
}

#[tokio::test]
async fn a_page_that_was_ended_cannot_be_paid_in() {
    let shop = Shop::open().await;
    let (charge, _) = shop.begun().await;
    assert_eq!(shop.end(&charge).await, ProviderAnswer::Ended);
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Ended);
    // Again, and after a lost answer.
    assert_eq!(shop.end(&charge).await, ProviderAnswer::Ended);
    let (charge, _) = shop.begun().await;
    shop.fake.next_answer_is_lost();
    assert_eq!(shop.end(&charge).await, ProviderAnswer::Ended);
    let (charge, session) = shop.begun().await;
    shop.fake.session_expires(&session);
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Ended);
}

#[tokio::test]
async fn a_page_that_was_paid_just_before_its_end_is_paid() {
    let shop = Shop::open().await;
    let (charge, session) = shop.begun().await;
    shop.fake.pay(&session);
    let payment = paid(shop.end(&charge).await);
    assert!(charge.is_paid_by(&payment));
}

#[tokio::test]
async fn a_payment_that_was_given_back_before_it_was_noticed_is_not_paid() {
    let shop = Shop::open().await;
    let (charge, session) = shop.begun().await;
    shop.fake.pay(&session);
    shop.fake.refund_in_dashboard(&session, 1_000);
    assert_eq!(paid(shop.ask(&charge).await).amount, Money(43_000));
    shop.fake.refund_in_dashboard(&session, 43_000);
    assert_eq!(shop.ask(&charge).await, ProviderAnswer::Failed);
}

#[tokio::test]
async fn the_books_have_every_payment_and_refund_once_also_those_of_the_dashboard() {
    let shop = Shop::open().await;
    let from = shop.clock.now();
    let mut orders = Vec::new();
    for number in 0..103 {
        let (charge, session) = shop.begun().await;
        shop.fake.pay(&session);
        if number < 2 {
            shop.fake.refund_in_dashboard(&session, 1_000);
        }
        orders.push(charge.order_id());
    }
    let (_, declined) = shop.begun().await;
    shop.fake.decline(&declined);
    shop.clock.advance_seconds(60);
    let to = shop.clock.now();
    // After the range.
    let (_, session) = shop.begun().await;
    shop.fake.pay(&session);
    let books = books(&shop.stripe, from, to).await;
    assert_eq!(sum(&books, BookedKind::Payment), AMOUNT.times(103));
    assert_eq!(sum(&books, BookedKind::Refund), Money(2_000));
    assert_eq!(books.len(), 105);
    for booked in &books {
        assert!(orders.contains(&booked.order_id.unwrap()));
        assert_eq!(booked.at, from);
    }
}

#[tokio::test]
async fn a_refund_that_failed_is_not_in_the_books() {
    let shop = Shop::open().await;
    let from = shop.clock.now();
    let (_, session) = shop.begun().await;
    shop.fake.pay(&session);
    shop.fake.next_refund_is("failed");
    shop.fake.refund_in_dashboard(&session, 1_000);
    let books = books(&shop.stripe, from, from.plus_seconds(1)).await;
    assert_eq!(sum(&books, BookedKind::Refund), Money::ZERO);
    let error = shop.stripe.booked(from, from, Some("elsewhere")).await;
    assert_eq!(code(error.unwrap_err()), "invalid_position");
}
