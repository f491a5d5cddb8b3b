//! ID tokens of an OpenID Connect issuer, which identify users.
//!
//! A key is bound to one algorithm and verifies only with that. The algorithm stated by a token is
//! only compared with it, so a token cannot make its key be used in a way that the issuer did not
//! intend.

pub(crate) mod fetch;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lambda_http::http::Uri;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::jwt::{self, Jwt};
use crate::loopback::is_loopback;
use crate::token::Rejection;
use domain::clock::EpochMs;
use domain::ids::UserId;

/// The allowed difference between the issuer's clock and ours.
const LEEWAY_MS: i64 = 30_000;
/// The maximum length of `sub` in OpenID Connect.
const LONGEST_SUBJECT: usize = 255;
/// Further keys of a set are ignored; issuers publish a handful.
const MOST_KEYS: usize = 64;
/// RSA keys of 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// A coordinate of P-256.
const P256_BYTES: usize = 32;

/// Why an issuer's configuration is not valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidIssuer {
    #[error(
        "the issuer must be an https URL without user, query and fragment (http only on this machine)"
    )]
    Url,
    #[error("the audience must not be empty or contain control characters")]
    Audience,
}

/// The issuer whose tokens are accepted, and the audience that they must be for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issuer {
    /// Exactly as in the `iss` claim.
    url: String,
    /// `None`: the client id in the request's stage variables.
    audience: Option<String>,
}

impl Issuer {
    /// An issuer with its URL and the audience that its tokens must be for.
    pub fn new(url: &str, audience: &str) -> Result<Self, InvalidIssuer> {
        let issuer = Self::with_client_of_stage(url)?;
        if audience.is_empty() || audience.chars().any(char::is_control) {
            return Err(InvalidIssuer::Audience);
        }
        Ok(Self {
            audience: Some(audience.to_owned()),
            ..issuer
        })
    }

    /// An issuer with its URL. Its tokens must be for the client that the request's stage variables
    /// name ([`crate::sign_in`]).
    pub fn with_client_of_stage(url: &str) -> Result<Self, InvalidIssuer> {
        if !is_protected_in_transit(url) || url.contains(['?', '#']) {
            return Err(InvalidIssuer::Url);
        }
        Ok(Self {
            url: url.to_owned(),
            audience: None,
        })
    }

    /// The audience that tokens must be for, in a request to a stage with this client.
    pub(crate) fn audience<'a>(&'a self, client_of_stage: Option<&'a str>) -> Option<&'a str> {
        self.audience.as_deref().or(client_of_stage)
    }

    /// The URL as in the issuer's tokens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the issuer publishes the location of its keys (OpenID Connect Discovery 1.0, section
    /// 4).
    fn discovery_url(&self) -> String {
        let base = self.url.trim_end_matches('/');
        format!("{base}/.well-known/openid-configuration")
    }

    /// The user with this subject: a UUID version 5 of the subject. Its namespace is the UUID
    /// version 5 of the issuer's URL in RFC 9562's URL namespace. Anybody who knows both can
    /// compute it.
    #[must_use]
    pub fn user(&self, subject: &str) -> UserId {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, self.url.as_bytes());
        UserId::from(Uuid::new_v5(&namespace, subject.as_bytes()))
    }
}

/// Whether responses from this URL cannot be modified in transit: https, or http on this machine.
fn is_protected_in_transit(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let has_user = uri.authority().is_none_or(|at| at.as_str().contains('@'));
    match uri.scheme_str() {
        _ if has_user || uri.host().is_none_or(str::is_empty) => false,
        Some("https") => true,
        Some("http") => is_loopback(url),
        Some(_) | None => false,
    }
}

/// The supported signature algorithms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
enum Algorithm {
    RS256,
    ES256,
}

/// A token that has the form of an ID token. Nothing in it has been verified.
#[derive(Debug)]
pub struct Unverified<'a> {
    algorithm: Algorithm,
    kid: String,
    /// The signed part: header and payload.
    message: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: String,
    #[serde(default)]
    typ: Option<String>,
    /// Critical extensions. None is supported.
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

impl<'a> Unverified<'a> {
    /// Parses a token. `None` if it cannot be an ID token, for example if it is a queue token.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let jwt = Jwt::split(text)?;
        let header: Header = jwt::json(jwt.header)?;
        // A logout token has the same issuer and audience, but does not identify a caller.
        let is_user_token = header.typ.is_none_or(|typ| {
            ["JWT", "at+jwt", "application/at+jwt"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&typ))
        });
        if !is_user_token || header.crit.is_some() {
            return None;
        }
        Some(Self {
            algorithm: header.alg,
            kid: header.kid,
            message: jwt.message,
            payload: jwt.payload,
            signature: jwt::bytes(jwt.signature)?,
        })
    }
}

/// The user that a verified token identifies, and its expiry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identified {
    pub user_id: UserId,
    pub expires_at: EpochMs,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn contains(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|one| one == wanted),
        }
    }
}

#[derive(Deserialize)]
struct IdTokenClaims {
    iss: String,
    sub: String,
    aud: OneOrMany,
    /// Seconds, possibly with a fraction.
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    /// Present in security event tokens, which do not identify a caller.
    #[serde(default)]
    events: Option<serde_json::Value>,
}

/// Converts a JWT's time.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, far beyond any clock"
)]
fn moment(seconds: f64) -> EpochMs {
    EpochMs(0).plus_ms((seconds * 1000.0) as i64)
}

/// A public key, bound to one algorithm.
#[derive(Clone, PartialEq, Eq)]
enum PublicKey {
    Rs256 {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// An uncompressed point.
    Es256(Vec<u8>),
}

impl PublicKey {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rs256 { .. } => Algorithm::RS256,
            Self::Es256(_) => Algorithm::ES256,
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rs256 { modulus, exponent } => RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok(),
            Self::Es256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
struct NamedKey {
    kid: String,
    key: PublicKey,
}

impl NamedKey {
    fn to_jwk(&self) -> serde_json::Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.key {
            PublicKey::Rs256 { modulus, exponent } => json!({
                "kty": "RSA", "alg": "RS256", "kid": self.kid, "n": text(modulus), "e": text(exponent),
            }),
            PublicKey::Es256(point) => {
                // The first byte marks an uncompressed point.
                let (x, y) = point[1..].split_at(P256_BYTES);
                json!({
                    "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": self.kid, "x": text(x), "y": text(y),
                })
            }
        }
    }
}

/// A published key (RFC 7517).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(default)]
    r#use: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl Jwk {
    /// `None` if the key is for another purpose.
    fn read(self) -> Option<NamedKey> {
        if self.r#use.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let number = |text: Option<String>| -> Option<Vec<u8>> {
            let bytes = jwt::bytes(&text?)?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            Some(bytes[zeros..].to_vec())
        };
        let coordinate = |text: Option<String>| {
            let bytes = jwt::bytes(&text?)?;
            (bytes.len() == P256_BYTES).then_some(bytes)
        };
        let key = match (self.kty.as_str(), self.alg.as_deref(), self.crv.as_deref()) {
            ("RSA", None | Some("RS256"), None) => {
                let modulus = number(self.n).filter(|n| RSA_BYTES.contains(&n.len()))?;
                let exponent = number(self.e).filter(|e| !e.is_empty())?;
                PublicKey::Rs256 { modulus, exponent }
            }
            ("EC", None | Some("ES256"), Some("P-256")) => {
                // 4 marks an uncompressed point, with both coordinates.
                PublicKey::Es256([vec![4], coordinate(self.x)?, coordinate(self.y)?].concat())
            }
            _ => return None,
        };
        Some(NamedKey { kid: self.kid, key })
    }
}

/// The published signing keys of an issuer.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuerKeys(Vec<NamedKey>);

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|key| &key.kid))
            .finish()
    }
}

impl IssuerKeys {
    /// Parses a JWK set. Skips keys of other types, without an id, or for other purposes.
    #[must_use]
    pub fn read(set: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(set).ok()?;
        let keys = set
            .keys
            .into_iter()
            .take(MOST_KEYS)
            .filter_map(|key| Jwk::deserialize(key).ok()?.read())
            .collect();
        Some(Self(keys))
    }

    /// The JWK set of these keys, as [`Self::read`] parses it.
    pub(crate) fn to_set(&self) -> String {
        let keys: Vec<_> = self.0.iter().map(NamedKey::to_jwk).collect();
        json!({ "keys": keys }).to_string()
    }

    /// Verifies a token: its signature, issuer, audience and validity at `now`.
    pub(crate) fn verify(
        &self,
        issuer: &Issuer,
        audience: &str,
        token: &Unverified<'_>,
        now: EpochMs,
    ) -> Result<Identified, Rejection> {
        let named: Vec<_> = self.0.iter().filter(|key| key.kid == token.kid).collect();
        if named.is_empty() {
            return Err(Rejection::UnknownKey);
        }
        // An issuer may use the same key id for keys of different algorithms.
        let is_signed = named
            .iter()
            .map(|named| &named.key)
            .filter(|key| key.algorithm() == token.algorithm)
            .any(|key| key.verifies(token.message.as_bytes(), &token.signature));
        if !is_signed {
            return Err(Rejection::Invalid);
        }
        let claims: IdTokenClaims = jwt::json(token.payload).ok_or(Rejection::Invalid)?;
        let expires_at = moment(claims.exp);
        let is_in_force = expires_at.plus_ms(LEEWAY_MS) > now
            && claims
                .nbf
                .is_none_or(|nbf| moment(nbf) <= now.plus_ms(LEEWAY_MS));
        let is_for_us = claims.iss == issuer.url && claims.aud.contains(audience);
        let has_subject = (1..=LONGEST_SUBJECT).contains(&claims.sub.len());
        if !is_in_force || !is_for_us || !has_subject || claims.events.is_some() {
            return Err(Rejection::Invalid);
        }
        Ok(Identified {
            user_id: issuer.user(&claims.sub),
            expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_must_use_https_or_be_local() {
        for url in [
            "https://id.example.com",
            "https://id.example.com/",
            "https://cognito-idp.ap-northeast-2.amazonaws.com/ap-northeast-2_abc",
            "https://id.example.com:8443/realms/x",
            "http://127.0.0.1:9000",
            "http://localhost:9000/realms/x",
            "http://[::1]:9000",
        ] {
            assert!(Issuer::new(url, "a").is_ok(), "{url}");
        }
        for url in [
            "",
            "id.example.com",
            "/realms/x",
            "http://id.example.com",
            "http://localhost.example.com",
            "http://localhost:80@id.example.com",
            "https://user@id.example.com",
            "https://id.example.com?a=b",
            "https://id.example.com#a",
            "https://",
            "ftp://127.0.0.1",
            "https://id.example.com/a b",
        ] {
            assert_eq!(Issuer::new(url, "a"), Err(InvalidIssuer::Url), "{url}");
        }
        for audience in ["", "a\nb"] {
            let issuer = Issuer::new("https://id.example.com", audience);
            assert_eq!(issuer, Err(InvalidIssuer::Audience));
        }
    }

    #[test]
    fn the_discovery_url_follows_the_standard() {
        for (url, expected) in [
            (
                "https://id.example.com",
                "https://id.example.com/.well-known/openid-configuration",
            ),
            (
                "https://id.example.com/a/",
                "https://id.example.com/a/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(Issuer::new(url, "a").unwrap().discovery_url(), expected);
        }
    }

    /// Other systems compute this id, so the value must never change. With Python:
    /// `uuid5(uuid5(NAMESPACE_URL, issuer), sub)`.
    #[test]
    fn a_users_id_follows_from_issuer_and_subject() {
        let issuer = Issuer::new("https://id.example.com", "shop").unwrap();
        assert_eq!(
            issuer.user("alice").to_string(),
            "5781faa8-5363-5af5-a42e-229bf7c8faaa"
        );
        let other = Issuer::new("https://id.example.com/", "shop").unwrap();
        assert_ne!(other.user("alice"), issuer.user("alice"));
    }

    #[test]
    fn only_signing_keys_of_the_two_algorithms_are_used() {
        let n = URL_SAFE_NO_PAD.encode([255; 256]);
        let short = URL_SAFE_NO_PAD.encode([255; 128]);
        let x = URL_SAFE_NO_PAD.encode([1; 32]);
        let rsa = |extra: &str| format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB"{extra}}}"#);
        let ec = |extra: &str| format!(r#"{{"kty":"EC","x":"{x}","y":"{x}"{extra}}}"#);
        for (key, is_used) in [
            (rsa(r#","kid":"1""#), true),
            (
                rsa(r#","kid":"1","use":"sig","alg":"RS256","x5t":"t""#),
                true,
            ),
            (rsa(""), false),
            (rsa(r#","kid":"1","use":"enc""#), false),
            (rsa(r#","kid":"1","alg":"RS512""#), false),
            (rsa(r#","kid":"1","alg":"HS256""#), false),
            (rsa(r#","kid":"1""#).replace(&n, &short), false),
            (rsa(r#","kid":"1""#).replace("AQAB", ""), false),
            (ec(r#","kid":"1","crv":"P-256""#), true),
            (ec(r#","kid":"1","crv":"P-384""#), false),
            (ec(r#","kid":"1""#), false),
            (ec(r#","kid":"1","crv":"P-256""#).replace(&x, "AQ"), false),
            (
                r#"{"kty":"oct","k":"c2VjcmV0","kid":"1","alg":"HS256"}"#.to_owned(),
                false,
            ),
            ("7".to_owned(), false),
        ] {
            let set = format!(r#"{{"keys":[{key}]}}"#);
            let keys = IssuerKeys::read(set.as_bytes()).unwrap();
            assert_eq!(keys.0.len(), usize::from(is_used), "{key}");
        }
        assert!(IssuerKeys::read(b"[]").is_none());
        let many = vec![rsa(r#","kid":"1""#); 1000].join(",");
        let keys = IssuerKeys::read(format!(r#"{{"keys":[{many}]}}"#).as_bytes()).unwrap();
        assert_eq!(keys.0.len(), MOST_KEYS);
    }

    #[test]
    fn only_tokens_in_the_form_of_id_tokens_are_parsed() {
        let token = |header: &str| format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header));
        assert!(Unverified::read(&token(r#"{"alg":"ES256","kid":"1"}"#)).is_some());
        assert!(Unverified::read(&token(r#"{"alg":"RS256","kid":"1","typ":"jwt"}"#)).is_some());
        for header in [
            r#"{"alg":"HS256","kid":"1"}"#,
            r#"{"alg":"none","kid":"1"}"#,
            r#"{"alg":"None","kid":"1"}"#,
            r#"{"alg":"RS512","kid":"1"}"#,
            r#"{"alg":"PS256","kid":"1"}"#,
            r#"{"alg":"RS256","alg":"HS256","kid":"1"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"RS256","kid":"1","typ":"logout+jwt"}"#,
            r#"{"alg":"RS256","kid":"1","crit":["exp"]}"#,
            "{}",
            "",
        ] {
            assert!(Unverified::read(&token(header)).is_none(), "{header}");
        }
        let good = token(r#"{"alg":"RS256","kid":"1"}"#);
        for text in [
            "",
            ".",
            "..",
            &good[..good.len() - 5],
            &format!("{good}.AAAA"),
            &format!("{good}="),
            &good.replace("AAAA", "AA A"),
        ] {
            assert!(Unverified::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn keys_are_written_as_the_set_that_they_were_read_from() {
        let modulus = URL_SAFE_NO_PAD.encode([0xab; 256]);
        let coordinate = URL_SAFE_NO_PAD.encode([7; 32]);
        let keys = json!([
            { "kty": "RSA", "use": "sig", "kid": "one", "n": modulus, "e": "AQAB" },
            { "kty": "EC", "crv": "P-256", "kid": "two", "x": coordinate, "y": coordinate },
            { "kty": "oct", "kid": "three", "k": "AA" },
        ]);
        let read = IssuerKeys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        assert_eq!(read.0.len(), 2);
        let again = IssuerKeys::read(read.to_set().as_bytes());
        assert_eq!(again, Some(read));
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        assert_eq!(moment(1.5), EpochMs(1500));
        assert_eq!(moment(-1.0), EpochMs(0));
        assert_eq!(moment(1e300), EpochMs::MAX);
        assert_eq!(moment(-1e300), EpochMs(0));
    }
}
