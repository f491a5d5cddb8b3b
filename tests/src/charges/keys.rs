//! The provider's keys: read from Secrets Manager when a function starts, and never shown.

use axum::body::Bytes;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::binaries;
use crate::world::{World, concert, long_on_sale};

/// A Secrets Manager whose secrets all have this text.
async fn secrets_manager(text: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = move |body: Bytes| async move {
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["SecretId"], "boxoffice/payments");
        Json(json!({ "Name": "boxoffice/payments", "SecretString": text }))
    };
    let router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// What the executable says when it ends: at the latest because there is no Runtime API.
async fn said(world: &World, function: &str, variables: &[(&str, &str)]) -> String {
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let environment = binaries::environment(function, world, nowhere)
        .into_iter()
        .filter(|(name, _)| *name != "BOXOFFICE_PAYMENT_PROVIDER");
    let output = Command::new(binaries::path(function))
        .env_clear()
        .envs(environment)
        .envs(variables.iter().copied())
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_asks_a_provider_does_not_start_without_its_keys() {
    let world = World::with(long_on_sale(concert())).await;
    let secret = ("BOXOFFICE_PAYMENT_SECRET", "boxoffice/payments");
    let stripe = ("BOXOFFICE_PAYMENT_PROVIDER", "Stripe");
    let none = [];
    let unknown = [("BOXOFFICE_PAYMENT_PROVIDER", "stripe")];
    let keyless = [stripe];
    for function in ["charge", "get-charge", "payment-webhook", "settle"] {
        for (variables, named) in [
            (&none[..], "BOXOFFICE_PAYMENT_PROVIDER"),
            (&unknown, "BOXOFFICE_PAYMENT_PROVIDER"),
            (&keyless, "BOXOFFICE_PAYMENT_SECRET"),
        ] {
            let said = said(&world, function, variables).await;
            assert!(said.contains(named), "{function} {variables:?}: {said}");
        }
    }
    for (text, named) in [
        ("[]", "JSON object"),
        (r#"{"secretKey":"sk_test_geheim"}"#, "webhookSecret"),
        (
            r#"{"secretKey":"geheim","webhookSecret":"whsec_geheim"}"#,
            "secretKey",
        ),
    ] {
        let url = secrets_manager(text).await;
        let endpoint = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url.as_str());
        let said = said(&world, "charge", &[stripe, secret, endpoint]).await;
        assert!(said.contains(named) && !said.contains("geheim"), "{said}");
    }
    let url = secrets_manager(r#"{"secretKey":"sk_test_geheim","webhookSecret":"whsec_geheim"}"#);
    let url = url.await;
    let endpoint = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url.as_str());
    let said = said(&world, "charge", &[stripe, secret, endpoint]).await;
    // It gets as far as asking for the first request.
    assert!(
        !said.contains("secret") && !said.contains("geheim"),
        "{said}"
    );
}
