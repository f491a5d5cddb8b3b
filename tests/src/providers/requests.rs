//! What both providers have in common: time, size, repetition, and silence about keys.

use std::time::Duration;

use domain::charge::{ProviderAnswer, ProviderName};
use shared::provider::http::Endpoint;
use shared::provider::stripe::{Stripe, StripeKeys};
use shared::provider::{Provider, ProviderError};

use super::{charge, checkout, clock};
use crate::payment_fakes::stripe::{FakeStripe, SECRET_KEY};

fn stripe(fake: &FakeStripe, key: &str) -> Stripe {
    let keys = StripeKeys::new(key, &["whsec_fake"]);
    Stripe::new(&keys, Endpoint::new(&fake.url).unwrap())
}

#[tokio::test]
async fn a_request_is_repeated_once_if_the_provider_cannot_now() {
    let clock = clock();
    let fake = FakeStripe::start(clock.clone()).await;
    let stripe = stripe(&fake, SECRET_KEY);
    let charge = charge(ProviderName::Stripe, clock.now());
    for status in [409, 429, 500, 503] {
        fake.next_is_refused(status, "lock_timeout");
        stripe.begin(&checkout(&charge)).await.unwrap();
        assert_eq!(fake.requests().len(), 2, "{status}");
        fake.next_is_refused(status, "lock_timeout");
        fake.next_is_refused(status, "lock_timeout");
        let error = stripe.begin(&checkout(&charge)).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unreachable(code) if code == "lock_timeout"));
        assert_eq!(fake.requests().len(), 2, "{status}");
    }
    assert_eq!(fake.sessions(), 1);
}

#[tokio::test]
async fn a_request_is_not_repeated_if_the_provider_wants_it_later_than_there_is_time() {
    let clock = clock();
    let fake = FakeStripe::start(clock.clone()).await;
    let stripe = stripe(&fake, SECRET_KEY);
    let charge = charge(ProviderName::Stripe, clock.now());
    fake.next_is_one_too_many("rate_limit", 60);
    let error = stripe.begin(&checkout(&charge)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unreachable(code) if code == "rate_limit"));
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_request_that_is_refused_is_not_repeated() {
    let clock = clock();
    let fake = FakeStripe::start(clock.clone()).await;
    let charge = charge(ProviderName::Stripe, clock.now());
    let wrong = stripe(&fake, "sk_test_wrong");
    let error = wrong.begin(&checkout(&charge)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused(code) if code == "invalid_request_error"));
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_given_up() {
    let clock = clock();
    let fake = FakeStripe::start(clock.clone()).await;
    let keys = StripeKeys::new(SECRET_KEY, &["whsec_fake"]);
    let endpoint = Endpoint::new(&fake.url).unwrap();
    let stripe = Stripe::new(&keys, endpoint.within(Duration::from_millis(50)));
    let charge = charge(ProviderName::Stripe, clock.now());
    fake.next_request_hangs();
    let error = stripe.begin(&checkout(&charge)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unreachable(_)));
    assert_eq!(fake.sessions(), 0);
}

#[tokio::test]
async fn an_answer_that_is_not_understood_may_have_done_what_was_asked() {
    let clock = clock();
    let fake = FakeStripe::start(clock.clone()).await;
    let stripe = stripe(&fake, SECRET_KEY);
    let charge = charge(ProviderName::Stripe, clock.now());
    for body in ["", "[]", "<html>", "{\"id\":7}"] {
        fake.next_answer_is(body);
        let error = stripe.begin(&checkout(&charge)).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unreachable(_)), "{body}");
    }
}

#[tokio::test]
async fn an_error_shows_neither_the_key_nor_the_providers_message() {
    let clock = clock();
    let fake = FakeStripe::start(clock.clone()).await;
    let mut charge = charge(ProviderName::Stripe, clock.now());
    charge.amount = domain::money::Money(1);
    for key in [SECRET_KEY, "sk_test_wrong"] {
        let stripe = stripe(&fake, key);
        let error = stripe.begin(&checkout(&charge)).await.unwrap_err();
        let shown = format!("{error} {error:?} {stripe:?}");
        assert!(
            !shown.contains("private") && !shown.contains("sk_"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_charge_without_a_checkout_asks_nobody() {
    let clock = clock();
    let fake = FakeStripe::start(clock.clone()).await;
    let stripe = stripe(&fake, SECRET_KEY);
    let charge = charge(ProviderName::Stripe, clock.now());
    let answer = stripe.ask(&charge, clock.now()).await.unwrap();
    assert_eq!(answer, ProviderAnswer::Open);
    let answer = stripe.end(&charge, clock.now()).await.unwrap();
    assert_eq!(answer, ProviderAnswer::Ended);
    assert!(fake.requests().is_empty());
}
