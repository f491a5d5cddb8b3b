//! Queue tokens. They are signed, and opaque to clients. A valid token identifies a user; only a
//! live session admits the user.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::jwt::{self, Jwt};
use domain::clock::EpochMs;
use domain::ids::{EventId, Lane, UserId};
use domain::queue::TOKEN_LIFETIME_SECONDS;

/// The content of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    pub user_id: UserId,
    pub event_id: EventId,
    pub lane: Lane,
    /// The queue number.
    pub number: u64,
    pub issued_at: EpochMs,
    pub expires_at: EpochMs,
}

impl Token {
    /// A token for a queue number, issued at `now`.
    #[must_use]
    pub fn new(user_id: UserId, event_id: EventId, lane: Lane, number: u64, now: EpochMs) -> Self {
        // JWT times are whole seconds.
        let issued_at = EpochMs(now.0 - now.0.rem_euclid(1000));
        Self {
            user_id,
            event_id,
            lane,
            number,
            issued_at,
            expires_at: issued_at.plus_seconds(TOKEN_LIFETIME_SECONDS),
        }
    }
}

/// The only accepted algorithm.
#[derive(Serialize, Deserialize)]
enum Algorithm {
    HS256,
}

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(default)]
    typ: Option<String>,
    alg: Algorithm,
    kid: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    aud: EventId,
    num: u64,
    lane: Lane,
    iat: i64,
    exp: i64,
}

/// A stored signing key: 32 random bytes with an id.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    pub kid: String,
    pub secret: Vec<u8>,
    pub created_at: EpochMs,
}

/// A new key does not sign for this time. After it, every process either has the key, or has read
/// the keys so long ago that it may read them again when it receives a token with that key.
pub const SETTLING_SECONDS: u32 = 30;

impl SigningKey {
    /// Creates a key with the id `kid`.
    ///
    /// # Errors
    /// If the operating system provides no randomness.
    pub fn random(kid: String, now: EpochMs) -> Result<Self, getrandom::Error> {
        let mut secret = vec![0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self {
            kid,
            secret,
            created_at: now,
        })
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// Why a text is not a valid token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejection {
    /// The token's key is not among the known ones. It may be newer.
    UnknownKey,
    /// The text is not a token, or its signature is wrong, or it has expired.
    Invalid,
}

/// The keys of a table. The newest settled one signs; all verify.
#[derive(Clone, Debug)]
pub struct KeyRing {
    /// Signs until a newer key has settled.
    oldest: SigningKey,
    keys: BTreeMap<String, SigningKey>,
}

impl KeyRing {
    /// Creates a key ring. `None` without keys. The order of the ids is the order of creation.
    #[must_use]
    pub fn new(keys: Vec<SigningKey>) -> Option<Self> {
        let keys: BTreeMap<_, _> = keys.into_iter().map(|key| (key.kid.clone(), key)).collect();
        let oldest = keys.first_key_value()?.1.clone();
        Some(Self { oldest, keys })
    }

    /// Signs a token with the newest key that had settled when it was issued.
    ///
    /// # Errors
    /// If the token cannot be written as JSON, which does not happen.
    pub fn sign(&self, token: &Token) -> Result<String, serde_json::Error> {
        let has_settled =
            |key: &&SigningKey| key.created_at.plus_seconds(SETTLING_SECONDS) <= token.issued_at;
        let key = self.keys.values().rev().find(has_settled);
        let key = key.unwrap_or(&self.oldest);
        let header = Header {
            typ: Some("JWT".to_owned()),
            alg: Algorithm::HS256,
            kid: key.kid.clone(),
        };
        let claims = Claims {
            sub: token.user_id,
            aud: token.event_id.clone(),
            num: token.number,
            lane: token.lane,
            iat: token.issued_at.0 / 1000,
            exp: token.expires_at.0 / 1000,
        };
        let message = format!("{}.{}", encode(&header)?, encode(&claims)?);
        let signature = mac(key, &message).finalize().into_bytes();
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Verifies a token: its signature, and its expiry at `now`.
    pub fn verify(&self, text: &str, now: EpochMs) -> Result<Token, Rejection> {
        let jwt = Jwt::split(text).ok_or(Rejection::Invalid)?;
        let header: Header = jwt::json(jwt.header).ok_or(Rejection::Invalid)?;
        let key = self.keys.get(&header.kid).ok_or(Rejection::UnknownKey)?;
        let signature = jwt::bytes(jwt.signature).ok_or(Rejection::Invalid)?;
        // In constant time.
        mac(key, jwt.message)
            .verify_slice(&signature)
            .map_err(|_| Rejection::Invalid)?;
        let claims: Claims = jwt::json(jwt.payload).ok_or(Rejection::Invalid)?;
        let token = Token {
            user_id: claims.sub,
            event_id: claims.aud,
            lane: claims.lane,
            number: claims.num,
            issued_at: EpochMs(claims.iat.saturating_mul(1000)),
            expires_at: EpochMs(claims.exp.saturating_mul(1000)),
        };
        if token.expires_at <= now {
            return Err(Rejection::Invalid);
        }
        Ok(token)
    }
}

fn mac(key: &SigningKey, message: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(&key.secret)
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
        .chain_update(message)
}

/// Encodes a header or claims.
fn encode(part: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(part)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(kid: &str, fill: u8) -> SigningKey {
        SigningKey {
            kid: kid.to_owned(),
            secret: vec![fill; 32],
            created_at: EpochMs(0),
        }
    }

    fn token() -> Token {
        Token::new(
            UserId::random(),
            EventId::parse("winter-live").unwrap(),
            Lane::FIRST,
            7,
            EpochMs(1_793_000_000_123),
        )
    }

    #[test]
    fn a_token_reads_back_what_was_signed() {
        let ring = KeyRing::new(vec![key("1", 1)]).unwrap();
        let text = ring.sign(&token()).unwrap();
        let token = token();
        let read = ring.verify(&text, token.issued_at).unwrap();
        assert_eq!(read.number, 7);
        assert_eq!(read.expires_at, token.expires_at);
    }

    /// Tokens live for 30 days, across deployments, so their format must not change.
    #[test]
    fn the_form_of_a_token_is_fixed() {
        let ring = KeyRing::new(vec![key("1", 1)]).unwrap();
        let token = Token {
            user_id: UserId::parse("0192f0a1-7c5e-4d3b-9a8f-1234567890ab").unwrap(),
            ..token()
        };
        let text = ring.sign(&token).unwrap();
        assert_eq!(
            text,
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiIwMTkyZjBhMS03YzVlLTRkM2ItOWE4Zi0xMjM0NTY3ODkwYWIiLCJhdWQiOiJ3aW50ZXItbGl2ZSIsIm51bSI6NywibGFuZSI6MCwiaWF0IjoxNzkzMDAwMDAwLCJleHAiOjE3OTU1OTIwMDB9.beYaYzxlW2Ue9WzlyYr3gYp1_8_7U7IVfoEXL1h4A3M"
        );
        assert_eq!(ring.verify(&text, token.issued_at), Ok(token));
    }

    #[test]
    fn a_token_dies_after_thirty_days() {
        let ring = KeyRing::new(vec![key("1", 1)]).unwrap();
        let token = token();
        let text = ring.sign(&token).unwrap();
        assert!(ring.verify(&text, token.expires_at.plus_ms(-1)).is_ok());
        assert_eq!(
            ring.verify(&text, token.expires_at),
            Err(Rejection::Invalid)
        );
    }

    #[test]
    fn a_rotated_key_signs_while_the_former_still_verifies() {
        let old = KeyRing::new(vec![key("1", 1)]).unwrap();
        let both = KeyRing::new(vec![key("1", 1), key("2", 2)]).unwrap();
        let token = token();
        let by_old = old.sign(&token).unwrap();
        let by_new = both.sign(&token).unwrap();
        assert!(both.verify(&by_old, token.issued_at).is_ok());
        assert!(both.verify(&by_new, token.issued_at).is_ok());
        assert_eq!(
            old.verify(&by_new, token.issued_at),
            Err(Rejection::UnknownKey)
        );
    }

    #[test]
    fn a_key_signs_when_every_process_may_know_it() {
        let token = token();
        let young = |seconds: i64| SigningKey {
            created_at: token.issued_at.plus_ms(-1000 * seconds),
            ..key("2", 2)
        };
        let old = KeyRing::new(vec![key("1", 1)]).unwrap();
        let settling = KeyRing::new(vec![key("1", 1), young(29)]).unwrap();
        assert!(
            old.verify(&settling.sign(&token).unwrap(), token.issued_at)
                .is_ok()
        );
        let settled = KeyRing::new(vec![key("1", 1), young(30)]).unwrap();
        assert_eq!(
            old.verify(&settled.sign(&token).unwrap(), token.issued_at),
            Err(Rejection::UnknownKey)
        );
        // The only key signs at once, even if it is new.
        let first = KeyRing::new(vec![young(0)]).unwrap();
        assert!(
            first
                .verify(&first.sign(&token).unwrap(), token.issued_at)
                .is_ok()
        );
    }

    #[test]
    fn a_token_signed_with_another_secret_or_algorithm_is_rejected() {
        let ours = KeyRing::new(vec![key("1", 1)]).unwrap();
        let theirs = KeyRing::new(vec![key("1", 9)]).unwrap();
        let token = token();
        let forged = theirs.sign(&token).unwrap();
        assert_eq!(
            ours.verify(&forged, token.issued_at),
            Err(Rejection::Invalid)
        );
        let genuine = ours.sign(&token).unwrap();
        let (_, rest) = genuine.split_once('.').unwrap();
        for header in [
            r#"{"alg":"none","typ":"JWT","kid":"1"}"#,
            r#"{"alg":"RS256","typ":"JWT","kid":"1"}"#,
            r#"{"alg":"HS512","typ":"JWT","kid":"1"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
        ] {
            let text = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(
                ours.verify(&text, token.issued_at),
                Err(Rejection::Invalid),
                "{header}"
            );
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let text = format!("{:?}", key("1", 77));
        assert!(!text.contains("77"), "{text}");
    }

    proptest! {
        #[test]
        fn a_token_changed_anywhere_is_rejected(at: prop::sample::Index, to in "[A-Za-z0-9_.-]") {
            let ring = KeyRing::new(vec![key("1", 1)]).unwrap();
            let token = token();
            let text = ring.sign(&token).unwrap();
            let at = at.index(text.len());
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != text);
            prop_assert!(ring.verify(&changed, token.issued_at).is_err());
        }

        #[test]
        fn any_text_is_rejected_without_a_panic(text in ".{0,200}") {
            let ring = KeyRing::new(vec![key("1", 1)]).unwrap();
            prop_assert!(ring.verify(&text, EpochMs(0)).is_err());
        }
    }
}
