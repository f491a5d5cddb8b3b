//! What is sent to Stripe, for Stripe's own library to judge: `.ci/stripe/run`.

use domain::charge::ProviderName;
use shared::provider::http::Endpoint;
use shared::provider::stripe::{Stripe, StripeKeys};
use shared::provider::{Provider, RefundAnswer};

use super::{books, charge, checkout, clock, id_of, paid, refund};
use crate::payment_fakes::stripe::{FakeStripe, SECRET_KEY};

#[tokio::test]
#[ignore = ".ci/stripe/run gives it a file and reads it"]
async fn every_kind_of_request_is_written_down() {
    let clock = clock();
    let fake = FakeStripe::start(clock.clone()).await;
    let keys = StripeKeys::new(SECRET_KEY, &["whsec_fake"]);
    let stripe = Stripe::new(&keys, Endpoint::new(&fake.url).unwrap());
    let now = clock.now();
    let mut charge = charge(ProviderName::Stripe, now);
    charge.begun = Some(stripe.begin(&checkout(&charge)).await.unwrap());
    stripe.end(&charge, now).await.unwrap();
    let mut charge = super::charge(ProviderName::Stripe, now);
    let begun = stripe.begin(&checkout(&charge)).await.unwrap();
    fake.pay(&begun.checkout_id.0);
    charge.begun = Some(begun);
    let payment = paid(stripe.ask(&charge, now).await.unwrap());
    let answer = refund(&stripe, &charge, &payment, "a", 1_000, now)
        .await
        .unwrap();
    assert!(matches!(answer, RefundAnswer::Done(_)));
    stripe.ask_refund(&payment, &id_of(answer)).await.unwrap();
    books(&stripe, now, now.plus_seconds(1)).await;
    stripe
        .booked(now, now.plus_seconds(1), Some("charges/ch_0004"))
        .await
        .unwrap();
    let sent = fake.sent();
    assert!(sent.len() >= 9, "{}", sent.len());
    let path = std::env::var("BOXOFFICE_STRIPE_SENT").unwrap();
    std::fs::write(path, serde_json::to_vec(&sent).unwrap()).unwrap();
}
