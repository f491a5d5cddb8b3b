//! Queue tokens: signed, to be treated as opaque by clients. A genuine token says who somebody is; only a
//! living session lets them shop.

use std::collections::BTreeMap;
use std::sync::Once;

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use signature::{Signer, Verifier};

use domain::clock::EpochMs;
use domain::ids::{EventId, Lane, UserId};
use domain::queue::TOKEN_LIFETIME_SECONDS;

/// What a genuine token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    pub user_id: UserId,
    pub event_id: EventId,
    pub lane: Lane,
    /// The number in line.
    pub number: u64,
    pub issued_at: EpochMs,
    pub expires_at: EpochMs,
}

impl Token {
    /// A token for a number in line, issued at `now`.
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

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    aud: EventId,
    num: u64,
    lane: Lane,
    iat: i64,
    exp: i64,
}

/// A signing key as it is stored: 32 random bytes under an id.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    pub kid: String,
    pub secret: Vec<u8>,
    pub created_at: EpochMs,
}

/// A young key does not sign yet: by then every process knows it, or last read the keys so long ago that it may read them
/// again when it meets a token of it.
pub const SETTLING_SECONDS: u32 = 30;

impl SigningKey {
    /// A new key, named `kid`, made at `now`.
    ///
    /// # Errors
    /// Where the operating system has no randomness to give.
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

/// Why a text is not a token of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejection {
    /// Signed by a key that this process has not read (yet).
    UnknownKey,
    /// Anything else: not a token, a bad signature, expired.
    Invalid,
}

/// The keys of a table. The newest that has settled signs; all verify.
#[derive(Clone, Debug)]
pub struct KeyRing {
    /// Signs until a younger one has settled.
    oldest: SigningKey,
    keys: BTreeMap<String, SigningKey>,
}

impl KeyRing {
    /// A ring; none where there is no key. Key ids are ordered as they were made.
    #[must_use]
    pub fn new(keys: Vec<SigningKey>) -> Option<Self> {
        install_hs256();
        let keys: BTreeMap<_, _> = keys.into_iter().map(|key| (key.kid.clone(), key)).collect();
        let oldest = keys.first_key_value()?.1.clone();
        Some(Self { oldest, keys })
    }

    /// Signs a token with the newest key that had settled when it was issued.
    ///
    /// # Errors
    /// Never with a ring's keys; the JWT library's signature allows for it.
    pub fn sign(&self, token: &Token) -> Result<String, jsonwebtoken::errors::Error> {
        let has_settled =
            |key: &&SigningKey| key.created_at.plus_seconds(SETTLING_SECONDS) <= token.issued_at;
        let key = self.keys.values().rev().find(has_settled);
        let key = key.unwrap_or(&self.oldest);
        let header = Header {
            kid: Some(key.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        let claims = Claims {
            sub: token.user_id,
            aud: token.event_id.clone(),
            num: token.number,
            lane: token.lane,
            iat: token.issued_at.0 / 1000,
            exp: token.expires_at.0 / 1000,
        };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&key.secret))
    }

    /// Reads a token that is genuine and not expired at `now`.
    pub fn verify(&self, text: &str, now: EpochMs) -> Result<Token, Rejection> {
        let header = jsonwebtoken::decode_header(text).map_err(|_| Rejection::Invalid)?;
        let kid = header.kid.ok_or(Rejection::Invalid)?;
        let key = self.keys.get(&kid).ok_or(Rejection::UnknownKey)?;
        let mut validation = Validation::new(Algorithm::HS256);
        // The library would ask the machine's clock, and one audience for all: both are checked by
        // us, against the clock that is passed in and the event that is asked for.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_secret(&key.secret);
        let claims = jsonwebtoken::decode::<Claims>(text, &key, &validation)
            .map_err(|_| Rejection::Invalid)?
            .claims;
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

/// The JWT library's own providers bring RSA and elliptic curves along. Tokens need HMAC-SHA-256 and nothing
/// else, so nothing else can be asked for.
static HS256: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        check_family(*algorithm, key.family())?;
        Ok(Box::new(HmacSha256::new(key.as_bytes())?))
    },
    verifier_factory: |algorithm, key| {
        check_family(*algorithm, key.family())?;
        Ok(Box::new(HmacSha256::new(key.try_get_as_bytes()?)?))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn install_hs256() {
    static INSTALL: Once = Once::new();
    // An error says that a provider is installed already, which only this line does.
    INSTALL.call_once(|| {
        let _ = HS256.install_default();
    });
}

fn check_family(
    algorithm: Algorithm,
    family: AlgorithmFamily,
) -> Result<(), jsonwebtoken::errors::Error> {
    if algorithm == Algorithm::HS256 && family == AlgorithmFamily::Hmac {
        Ok(())
    } else {
        Err(ErrorKind::InvalidAlgorithm.into())
    }
}

struct HmacSha256(Hmac<Sha256>);

impl HmacSha256 {
    fn new(secret: &[u8]) -> Result<Self, jsonwebtoken::errors::Error> {
        Hmac::new_from_slice(secret)
            .map(Self)
            .map_err(|_| ErrorKind::InvalidKeyFormat.into())
    }
}

impl Signer<Vec<u8>> for HmacSha256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mac = self.0.clone().chain_update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for HmacSha256 {
    /// In constant time.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let mac = self.0.clone().chain_update(message);
        mac.verify_slice(signature)
            .map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for HmacSha256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for HmacSha256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
        // Where there is no other, a young one signs at once.
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
