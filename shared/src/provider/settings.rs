//! A provider's keys, as the deployer stores them: one JSON object in AWS Secrets Manager.

use serde_json::{Map, Value};

use super::Provider;
use super::http::{Endpoint, Unprotected};
use super::stripe::{self, Stripe, StripeKeys};
use super::toss::{self, Toss, TossKeys};

/// Why a provider's settings are invalid. It names the field, and never shows a value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSettings {
    #[error("the provider's secret is not a JSON object")]
    NotAnObject,
    #[error("{0} is missing in the provider's secret")]
    Missing(&'static str),
    #[error("{0} in the provider's secret must be {1}")]
    Invalid(&'static str, &'static str),
    #[error("the provider's secret has a field of another name than {0}")]
    Unknown(&'static str),
    #[error(
        "clientKey and secretKey in the provider's secret must both be for tests, or both live"
    )]
    MixedModes,
    #[error("the provider's URL {0}")]
    Url(Unprotected),
}

/// A provider that takes real payments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaidProvider {
    Stripe,
    Toss,
}

impl PaidProvider {
    /// The provider with the keys in `secret`, at `url` if it is not the provider's own address.
    pub fn with(
        self,
        secret: &str,
        url: Option<&str>,
    ) -> Result<Box<dyn Provider>, InvalidSettings> {
        let endpoint = |own| Endpoint::new(url.unwrap_or(own)).map_err(InvalidSettings::Url);
        Ok(match self {
            Self::Stripe => Box::new(Stripe::new(&stripe_keys(secret)?, endpoint(stripe::URL)?)),
            Self::Toss => Box::new(Toss::new(&toss_keys(secret)?, endpoint(toss::URL)?)),
        })
    }
}

fn stripe_keys(secret: &str) -> Result<StripeKeys, InvalidSettings> {
    let fields = object(
        secret,
        &["secretKey", "webhookSecret"],
        "secretKey and webhookSecret",
    )?;
    let secret_key = key(
        &fields,
        "secretKey",
        &["sk_test_", "sk_live_", "rk_test_", "rk_live_"],
        "a secret or restricted key of Stripe: sk_… or rk_…",
    )?;
    let must_be = "a webhook secret of Stripe, whsec_…, or a list of one or two of them";
    let invalid = InvalidSettings::Invalid("webhookSecret", must_be);
    let given = match fields.get("webhookSecret") {
        None => return Err(InvalidSettings::Missing("webhookSecret")),
        Some(Value::Array(list)) if (1..=2).contains(&list.len()) => list.iter().collect(),
        Some(one) => vec![one],
    };
    let secrets: Option<Vec<&str>> = given
        .into_iter()
        .map(|value| value.as_str().filter(|text| is_key(text, &["whsec_"])))
        .collect();
    Ok(StripeKeys::new(secret_key, &secrets.ok_or(invalid)?))
}

fn toss_keys(secret: &str) -> Result<TossKeys, InvalidSettings> {
    let fields = object(
        secret,
        &["clientKey", "secretKey"],
        "clientKey and secretKey",
    )?;
    let client_key = key(
        &fields,
        "clientKey",
        &["test_ck_", "live_ck_"],
        "a client key of Toss Payments for the payment window: test_ck_… or live_ck_…",
    )?;
    let secret_key = key(
        &fields,
        "secretKey",
        &["test_sk_", "live_sk_"],
        "a secret key of Toss Payments for the payment window: test_sk_… or live_sk_…",
    )?;
    if client_key.starts_with("test_") != secret_key.starts_with("test_") {
        return Err(InvalidSettings::MixedModes);
    }
    Ok(TossKeys::new(client_key, secret_key))
}

/// A parser's message could show a part of the secret, so there is none.
fn object(
    secret: &str,
    names: &[&str],
    shown: &'static str,
) -> Result<Map<String, Value>, InvalidSettings> {
    let Ok(Value::Object(fields)) = serde_json::from_str(secret) else {
        return Err(InvalidSettings::NotAnObject);
    };
    if fields.keys().all(|name| names.contains(&name.as_str())) {
        Ok(fields)
    } else {
        Err(InvalidSettings::Unknown(shown))
    }
}

fn key<'a>(
    fields: &'a Map<String, Value>,
    name: &'static str,
    prefixes: &[&str],
    must_be: &'static str,
) -> Result<&'a str, InvalidSettings> {
    let value = fields.get(name).ok_or(InvalidSettings::Missing(name))?;
    value
        .as_str()
        .filter(|text| is_key(text, prefixes))
        .ok_or(InvalidSettings::Invalid(name, must_be))
}

/// Only characters that a header may have: a key copied with a line break is no key.
fn is_key(text: &str, prefixes: &[&str]) -> bool {
    let has_rest = |prefix: &&str| {
        text.strip_prefix(*prefix)
            .is_some_and(|rest| !rest.is_empty())
    };
    text.len() <= 300 && text.bytes().all(|b| b.is_ascii_graphic()) && prefixes.iter().any(has_rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::charge::ProviderName;

    const STRIPE: &str = r#"{"secretKey":"sk_test_abc","webhookSecret":"whsec_def"}"#;
    const TOSS: &str = r#"{"clientKey":"test_ck_abc","secretKey":"test_sk_def"}"#;

    fn error(provider: PaidProvider, secret: &str) -> String {
        provider.with(secret, None).unwrap_err().to_string()
    }

    #[test]
    fn a_provider_is_made_of_its_keys() {
        let stripe = PaidProvider::Stripe.with(STRIPE, None).unwrap();
        assert_eq!(stripe.name(), ProviderName::Stripe);
        let toss = PaidProvider::Toss
            .with(TOSS, Some("http://127.0.0.1:1"))
            .unwrap();
        assert_eq!(toss.name(), ProviderName::Toss);
        let two = r#"{"secretKey":"rk_live_a","webhookSecret":["whsec_a","whsec_b"]}"#;
        assert!(PaidProvider::Stripe.with(two, None).is_ok());
    }

    #[test]
    fn an_error_names_the_field() {
        for (provider, secret, field) in [
            (
                PaidProvider::Stripe,
                r#"{"webhookSecret":"whsec_a"}"#,
                "secretKey",
            ),
            (
                PaidProvider::Stripe,
                r#"{"secretKey":"sk_test_a"}"#,
                "webhookSecret",
            ),
            (
                PaidProvider::Stripe,
                r#"{"secretKey":"pk_test_a","webhookSecret":"whsec_a"}"#,
                "secretKey",
            ),
            (
                PaidProvider::Stripe,
                r#"{"secretKey":"sk_test_a\n","webhookSecret":"whsec_a"}"#,
                "secretKey",
            ),
            (
                PaidProvider::Stripe,
                r#"{"secretKey":"sk_test_a","webhookSecret":[]}"#,
                "webhookSecret",
            ),
            (
                PaidProvider::Stripe,
                r#"{"secretKey":"sk_test_a","webhookSecret":["whsec_a","whsec_b","whsec_c"]}"#,
                "webhookSecret",
            ),
            (
                PaidProvider::Stripe,
                r#"{"secretKey":"sk_test_a","webhookSecret":7}"#,
                "webhookSecret",
            ),
            (
                PaidProvider::Toss,
                r#"{"clientKey":"test_gck_a","secretKey":"test_sk_a"}"#,
                "clientKey",
            ),
            (
                PaidProvider::Toss,
                r#"{"clientKey":"test_ck_a","secretKey":"test_sk_"}"#,
                "secretKey",
            ),
            (
                PaidProvider::Toss,
                r#"{"clientKey":"test_ck_a","secretKey":"live_sk_a"}"#,
                "both",
            ),
            (PaidProvider::Toss, TOSS_WITH_MORE, "another name"),
            (PaidProvider::Toss, "[]", "JSON object"),
            (PaidProvider::Toss, "sk", "JSON object"),
        ] {
            let error = error(provider, secret);
            assert!(error.contains(field), "{secret}: {error}");
        }
    }

    const TOSS_WITH_MORE: &str =
        r#"{"clientKey":"test_ck_a","secretKey":"test_sk_a","securityKey":"b"}"#;

    #[test]
    fn neither_an_error_nor_a_debug_text_shows_a_key() {
        let private = "sk_live_private";
        for secret in [
            private.to_owned(),
            format!(r#"{{"secretKey":"{private}"}}"#),
        ] {
            assert!(!error(PaidProvider::Stripe, &secret).contains("private"));
            assert!(!error(PaidProvider::Toss, &secret).contains("private"));
        }
        let secret = STRIPE.replace("abc", "private").replace("def", "private");
        let stripe = PaidProvider::Stripe.with(&secret, None).unwrap();
        assert!(!format!("{stripe:?}").contains("private"));
        let secret = TOSS.replace("def", "private");
        let toss = PaidProvider::Toss.with(&secret, None).unwrap();
        assert!(!format!("{toss:?}").contains("private"));
    }

    #[test]
    fn a_provider_is_reached_over_https_or_on_this_machine() {
        let result = PaidProvider::Stripe.with(STRIPE, Some("http://example.com"));
        assert!(result.unwrap_err().to_string().contains("https"));
    }
}
