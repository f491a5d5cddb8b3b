//! Stripe's signed notifications.

use domain::charge::{OrderId, ProviderName};
use domain::clock::EpochMs;
use lambda_http::http::HeaderMap;
use serde_json::{Value, json};
use shared::provider::NotificationRefused::{Malformed, Signature};
use shared::provider::http::Endpoint;
use shared::provider::stripe::{self, Stripe, StripeKeys};
use shared::provider::{Notification, NotificationRefused, Provider};

use super::{charge, clock};
use crate::payment_fakes::stripe::signature;

const SECRET: &str = "whsec_first";
const NEXT_SECRET: &str = "whsec_next";

fn stripe_with(secrets: &[&str]) -> Stripe {
    let keys = StripeKeys::new("sk_test_fake", secrets);
    Stripe::new(&keys, Endpoint::new(stripe::URL).unwrap())
}

fn hints(
    stripe: &Stripe,
    header: &str,
    body: &[u8],
    received_at: EpochMs,
) -> Result<Vec<OrderId>, NotificationRefused> {
    let mut headers = HeaderMap::new();
    if !header.is_empty() {
        headers.insert("stripe-signature", header.parse().unwrap());
    }
    stripe.hints(Notification {
        headers: &headers,
        body,
        received_at,
    })
}

fn event(kind: &str, object: &Value) -> Vec<u8> {
    json!({ "id": "evt_1", "object": "event", "type": kind, "data": { "object": object } })
        .to_string()
        .into_bytes()
}

fn order() -> OrderId {
    charge(ProviderName::Stripe, clock().now()).order_id()
}

#[test]
fn an_event_about_a_session_a_refund_or_a_refunded_charge_leads_to_the_charge() {
    let (now, order) = (clock().now(), order());
    let object = json!({ "id": "x", "metadata": { "orderId": order.to_string() } });
    for (kind, expected) in [
        ("checkout.session.completed", vec![order]),
        ("checkout.session.async_payment_succeeded", vec![order]),
        ("checkout.session.async_payment_failed", vec![order]),
        ("checkout.session.expired", vec![order]),
        ("refund.updated", vec![order]),
        ("refund.failed", vec![order]),
        ("charge.refunded", vec![order]),
        ("charge.refund.updated", vec![order]),
        ("payout.paid", vec![]),
        ("charge.succeeded", vec![]),
    ] {
        let body = event(kind, &object);
        let header = signature(SECRET, now, &body);
        let found = hints(&stripe_with(&[SECRET]), &header, &body, now);
        assert_eq!(found, Ok(expected), "{kind}");
    }
}

#[test]
fn an_event_about_something_of_others_leads_nowhere() {
    let now = clock().now();
    for object in [
        json!({}),
        json!({ "metadata": null }),
        json!({ "metadata": { "orderId": "7" } }),
    ] {
        let body = event("checkout.session.completed", &object);
        let header = signature(SECRET, now, &body);
        let found = hints(&stripe_with(&[SECRET]), &header, &body, now);
        assert_eq!(found, Ok(vec![]), "{object}");
    }
}

#[test]
fn a_signature_of_another_secret_body_or_time_is_refused() {
    let now = clock().now();
    let stripe = stripe_with(&[SECRET]);
    let body = event("payout.paid", &json!({}));
    let good = signature(SECRET, now, &body);
    assert_eq!(hints(&stripe, &good, &body, now), Ok(vec![]));
    let (time, mac) = good.split_once(',').unwrap();
    let later = format!("t={},{mac}", now.0 / 1000 + 1);
    let twice = format!("{time},{good}");
    let v0 = good.replace("v1=", "v0=");
    let other = signature(NEXT_SECRET, now, &body);
    for bad in [
        "", "t=1", "v1=00", "nonsense", time, mac, &later, &twice, &v0, &other,
    ] {
        assert_eq!(hints(&stripe, bad, &body, now), Err(Signature), "{bad}");
    }
    let changed = event("payout.paid", &json!({ "id": 1 }));
    assert_eq!(hints(&stripe, &good, &changed, now), Err(Signature));
}

#[test]
fn a_signature_is_accepted_for_five_minutes_in_both_directions() {
    let now = clock().now();
    let stripe = stripe_with(&[SECRET]);
    let body = event("payout.paid", &json!({}));
    for (seconds, is_accepted) in [
        (0, true),
        (300, true),
        (301, false),
        (-300, true),
        (-301, false),
    ] {
        let header = signature(SECRET, now.plus_ms(-seconds * 1000), &body);
        let found = hints(&stripe, &header, &body, now);
        assert_eq!(found.is_ok(), is_accepted, "{seconds}");
    }
}

#[test]
fn while_a_secret_is_replaced_both_are_accepted() {
    let now = clock().now();
    let body = event("payout.paid", &json!({}));
    let both = stripe_with(&[SECRET, NEXT_SECRET]);
    let (first, next) = (
        signature(SECRET, now, &body),
        signature(NEXT_SECRET, now, &body),
    );
    assert!(hints(&both, &first, &body, now).is_ok());
    assert!(hints(&both, &next, &body, now).is_ok());
    // Stripe signs with both, too.
    let v1 = next.split_once(',').unwrap().1;
    let signed_twice = format!("{first},{v1}");
    for secret in [SECRET, NEXT_SECRET] {
        assert!(hints(&stripe_with(&[secret]), &signed_twice, &body, now).is_ok());
    }
}

#[test]
fn a_signed_body_that_is_no_event_is_malformed() {
    let now = clock().now();
    let large = vec![b' '; 256 * 1024 + 1];
    for body in [&b"{}"[..], b"", b"[]", b"\xff", &large] {
        let header = signature(SECRET, now, body);
        let found = hints(&stripe_with(&[SECRET]), &header, body, now);
        assert_eq!(found, Err(Malformed));
    }
}

#[test]
#[ignore = ".ci/stripe/run has Stripe's own library sign what it reads"]
fn what_stripes_own_library_signs_is_accepted() {
    let path = std::env::var("BOXOFFICE_STRIPE_SIGNED").unwrap();
    let signed: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(signed.len() >= 4, "too few");
    for case in signed {
        let secret = case["secret"].as_str().unwrap();
        let body = case["body"].as_str().unwrap().as_bytes();
        let header = case["header"].as_str().unwrap();
        let at = EpochMs(case["seconds"].as_i64().unwrap() * 1000);
        let found = hints(&stripe_with(&[secret]), header, body, at).unwrap();
        let orders: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(json!(orders), case["orders"]);
    }
}
