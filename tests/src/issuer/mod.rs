//! A small OpenID Connect issuer on loopback: it serves discovery and keys, signs the tokens that a test wants, and signs users in.

mod accounts;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::clock::EpochMs;
use lambda_http::http::StatusCode;
use ring::rand::SystemRandom;
use ring::rsa::{self, KeyPair as RsaKeyPair};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use serde_json::{Value, json};
use shared::oidc::Issuer;
use tokio::net::TcpListener;

/// The audience of this issuer's tokens, unless a test changes it.
pub const AUDIENCE: &str = "boxoffice";

/// RFC 7517, appendix A.2: n, d, p, q, dp, dq, qi of a published key.
const RFC_7517_KEY: [&str; 7] = [
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRweUkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqijwp3RTzlBaCxWp4doFk5N2o8Gy_nHNKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2jx4IBTNBznbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q",
    "83i-7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxtPVnwD20R-60eTDmD2ujnMt5PoqMrm8RfmNhVWDtjjMmCMjOpSXicFHj7XOuVIYQyqVWlWEh6dN36GVZYk93N8Bc9vY41xy8B9RzzOGVQzXvNEvn7O0nVbfs",
    "3dfOR9cuYq-0S-mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyumqjVZQO1dIrdwgTnCdpYzBcOfW5r370AFXjiWft_NGEiovonizhKpo9VVS78TzFgxkIdrecRezsZ-1kYd_s1qDbxtkDEgfAITAG9LUnADun4vIcb6yelxk",
    "G4sPXkc6Ya9y8oJW9_ILj4xuppu0lzi_H7VTkS8xj5SdX3coE0oimYwxIi2emTAue0UOa5dpgFGyBJ4c8tQ2VF402XRugKDTP8akYhFo5tAA77Qe_NmtuYZc3C3m3I24G2GvR5sSDxUyAN2zq8Lfn9EUms6rY3Ob8YeiKkTiBj0",
    "s9lAH9fggBsoFR8Oac2R_E2gw282rT2kGOAhvIllETE1efrA6huUUvMfBcMpn8lqeW6vzznYY5SSQF7pMdC_agI3nG8Ibp1BUb0JUiraRNqUfLhcQb_d9GF4Dh7e74WbRsobRonujTYN1xCaP6TO61jvWrX-L18txXw494Q_cgk",
    "GyM_p6JrXySiz1toFgKbWV-JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzgUIZEVFEcOqwemRN81zoDAaa-Bk0KWNGDjJHZDdDmFhW3AN7lI-puxk_mHZGJ11rxyR8O55XLSe3SPmRfKwZI6yU24ZxvQKFYItdldUKGzO6Ia6zTKhAVRU",
];

/// A signing key.
pub enum SigningKey {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl SigningKey {
    /// A new key for ES256.
    #[must_use]
    pub fn es256() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random);
        Self::P256(Box::new(pair.expect("a key")))
    }

    /// The key for RS256. ring generates no RSA keys, so this is the one printed in RFC 7517.
    #[must_use]
    pub fn rs256() -> Self {
        let [n, d, p, q, dp, dq, qi] =
            RFC_7517_KEY.map(|number| URL_SAFE_NO_PAD.decode(number).expect("base64"));
        let components = rsa::KeyPairComponents {
            public_key: rsa::PublicKeyComponents {
                n,
                e: vec![1, 0, 1],
            },
            d,
            p,
            q,
            dP: dp,
            dQ: dq,
            qInv: qi,
        };
        let pair = RsaKeyPair::from_components(&components);
        Self::Rsa(Box::new(pair.expect("a key")))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
        }
    }

    /// The public key, as it is published under this id.
    #[must_use]
    pub fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                let public = rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({
                    "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid,
                    "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e),
                })
            }
            Self::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({
                    "kty": "EC", "crv": "P-256", "kid": kid,
                    "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
                })
            }
        }
    }

    /// A token with this header and payload.
    #[must_use]
    pub fn signs(&self, header: &Value, payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(payload));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    message.as_bytes(),
                    &mut signature,
                )
                .expect("a signature");
                signature
            }
            Self::P256(pair) => {
                let signature = pair.sign(&random, message.as_bytes());
                signature.expect("a signature").as_ref().to_vec()
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// How the issuer's server answers a request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    Answers,
    /// 500, as a failing server does.
    Fails,
    /// Redirects to the same document elsewhere.
    Redirects,
    /// Accepts the request, and never answers.
    Hangs,
    /// Discovery returns this instead.
    Describes(Value),
    /// The set of keys is followed by this many spaces.
    IsLong(usize),
}

struct PublishedKeys {
    url: String,
    keys: Vec<Value>,
    manner: Behaviour,
    requests: Vec<String>,
    key: SigningKey,
    kid: String,
    accounts: accounts::Accounts,
}

impl PublishedKeys {
    fn header(&self) -> Value {
        json!({ "alg": self.key.algorithm(), "typ": "JWT", "kid": self.kid })
    }
}

/// A running issuer.
pub struct TestIssuer {
    pub url: String,
    published: Arc<Mutex<PublishedKeys>>,
}

async fn answer(
    State(published): State<Arc<Mutex<PublishedKeys>>>,
    request: Request<Body>,
) -> Response<Body> {
    let (body, status) = {
        let mut published = published.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.uri().path().to_owned();
        published.requests.push(path.clone());
        let url = &published.url;
        let keys = json!({ "keys": published.keys }).to_string();
        let own = json!({
            "issuer": url,
            "jwks_uri": format!("{url}/keys"),
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "end_session_endpoint": format!("{url}/logout"),
        });
        let own = own.to_string();
        let is_discovery = path == "/.well-known/openid-configuration";
        let document = match path.as_str() {
            "/keys" | "/elsewhere/keys" => keys,
            _ => own,
        };
        match &published.manner {
            Behaviour::Fails => (Some(document), StatusCode::INTERNAL_SERVER_ERROR),
            Behaviour::Redirects => (Some(document), StatusCode::FOUND),
            Behaviour::Hangs => (None, StatusCode::OK),
            Behaviour::Describes(instead) if is_discovery => {
                (Some(instead.to_string()), StatusCode::OK)
            }
            Behaviour::IsLong(spaces) if !is_discovery => (
                Some(format!("{document}{}", " ".repeat(*spaces))),
                StatusCode::OK,
            ),
            Behaviour::Answers | Behaviour::Describes(_) | Behaviour::IsLong(_) => {
                (Some(document), StatusCode::OK)
            }
        }
    };
    let Some(body) = body else {
        return std::future::pending().await;
    };
    Response::builder()
        .status(status)
        .header("location", "/elsewhere/keys")
        .header("content-type", "application/json")
        .header("access-control-allow-origin", "*")
        .body(Body::from(body))
        .expect("an answer")
}

impl TestIssuer {
    /// An issuer that signs with ES256.
    pub async fn start() -> Self {
        Self::signing_by(SigningKey::es256()).await
    }

    /// An issuer that signs with this key.
    pub async fn signing_by(key: SigningKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let published = Arc::new(Mutex::new(PublishedKeys {
            url: url.clone(),
            keys: vec![key.jwk("first")],
            manner: Behaviour::Answers,
            requests: Vec::new(),
            key,
            kid: "first".to_owned(),
            accounts: accounts::Accounts::default(),
        }));
        let router = Router::new()
            .route(
                "/authorize",
                get(accounts::authorize).post(accounts::answer),
            )
            .route("/token", post(accounts::token))
            .route("/logout", get(accounts::logout))
            .fallback(answer)
            .with_state(published.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, published }
    }

    fn published(&self) -> std::sync::MutexGuard<'_, PublishedKeys> {
        self.published
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how it answers from now on.
    pub fn behaves(&self, manner: Behaviour) {
        self.published().manner = manner;
    }

    /// Publishes this set of keys.
    pub fn publishes(&self, keys: Vec<Value>) {
        self.published().keys = keys;
    }

    /// Signs with a new key from now on, and publishes only that one.
    pub fn rotates(&self, kid: &str) {
        let mut published = self.published();
        published.key = SigningKey::es256();
        kid.clone_into(&mut published.kid);
        published.keys = vec![published.key.jwk(kid)];
    }

    /// How many times its keys were requested.
    #[must_use]
    pub fn times_asked(&self) -> usize {
        let published = self.published();
        let discoveries = published
            .requests
            .iter()
            .filter(|path| path.as_str() == "/.well-known/openid-configuration");
        discoveries.count()
    }

    /// The issuer as a deployment is configured with it.
    #[must_use]
    pub fn configured(&self) -> Issuer {
        Issuer::new(&self.url, AUDIENCE).expect("an issuer")
    }

    /// The id of a user.
    #[must_use]
    pub fn user_id(&self, subject: &str) -> String {
        self.configured().user(subject).to_string()
    }

    /// The header of its tokens.
    #[must_use]
    pub fn header(&self) -> Value {
        self.published().header()
    }

    /// The claims of a token that is issued at `now` and valid for an hour.
    #[must_use]
    pub fn claims(&self, subject: &str, now: EpochMs) -> Value {
        let now = now.0 / 1000;
        json!({ "iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 3600 })
    }

    /// A token with this header and these claims.
    #[must_use]
    pub fn signs(&self, header: &Value, claims: &Value) -> String {
        self.published().key.signs(header, claims)
    }

    /// A token for a user, issued at `now`.
    #[must_use]
    pub fn token(&self, subject: &str, now: EpochMs) -> String {
        self.signs(&self.header(), &self.claims(subject, now))
    }
}
