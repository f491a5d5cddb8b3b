//! The issuer's pages and its token endpoint: authorization code with PKCE, refresh tokens that rotate, signing out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::clock::Clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{AUDIENCE, PublishedKeys, TestIssuer};

/// The cookie by which the issuer knows a user who has signed in.
const COOKIE: &str = "issuer";

/// What a code stands for.
struct Grant {
    subject: String,
    redirect_uri: String,
    challenge: String,
    nonce: String,
}

/// What the issuer has given out, and how its tokens are to be.
pub(super) struct Accounts {
    /// The only addresses that users are sent back to.
    redirect_uris: BTreeSet<String>,
    token_seconds: i64,
    gives_refresh_tokens: bool,
    /// Claims that replace those of an ID token.
    said_instead: Value,
    codes: BTreeMap<String, Grant>,
    refresh_tokens: BTreeMap<String, String>,
    /// The grant types of all requests to the token endpoint, and whether they were accepted.
    exchanges: Vec<(String, bool)>,
    /// The addresses that users were sent back to.
    sent_back: Vec<String>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            redirect_uris: BTreeSet::new(),
            token_seconds: 3600,
            gives_refresh_tokens: false,
            said_instead: json!({}),
            codes: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
            exchanges: Vec::new(),
            sent_back: Vec::new(),
        }
    }
}

type Shared = State<Arc<Mutex<PublishedKeys>>>;
type Parameters = BTreeMap<String, String>;

fn response(status: u16, headers: &[(&str, &str)], body: String) -> Response<String> {
    let builder = Response::builder().status(status);
    let builder = headers.iter().fold(builder, |builder, (name, value)| {
        builder.header(*name, *value)
    });
    builder.body(body).expect("a response")
}

fn page(status: u16, body: &str) -> Response<String> {
    let html = format!("<!doctype html><title>Issuer</title><main>{body}</main>");
    response(status, &[("content-type", "text/html")], html)
}

fn parameters_of(form: &str) -> Parameters {
    form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect()
}

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> &'a str {
    parameters.get(name).map_or("", String::as_str)
}

fn url_with(url: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    format!("{url}?{query}")
}

/// The page that asks who the user is. A user whom the cookie names is sent back at once.
pub(super) async fn authorize(
    State(published): Shared,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<String> {
    let mut parameters = parameters_of(&query.unwrap_or_default());
    let known = headers
        .get("cookie")
        .and_then(|cookies| cookies.to_str().ok())
        .and_then(|cookies| {
            let mut each = cookies.split("; ");
            each.find_map(|cookie| cookie.strip_prefix(COOKIE)?.strip_prefix('='))
        });
    if let Some(subject) = known {
        parameters.insert("subject".to_owned(), subject.to_owned());
        return granted(&published, &parameters);
    }
    let fields: String = parameters
        .iter()
        .map(|(name, value)| {
            let value = value.replace('&', "&amp;").replace('"', "&quot;");
            format!("<input type=hidden name=\"{name}\" value=\"{value}\">")
        })
        .collect::<Vec<_>>()
        .concat();
    let form = format!(
        "<form method=post>{fields}<input name=subject><button name=answer value=yes id=yes>Sign in</button>\
         <button name=answer value=no id=no>Cancel</button></form>"
    );
    page(200, &form)
}

/// The user has answered the page.
pub(super) async fn answer(State(published): Shared, body: String) -> Response<String> {
    granted(&published, &parameters_of(&body))
}

/// Sends the user back with a code.
fn granted(published: &Mutex<PublishedKeys>, parameters: &Parameters) -> Response<String> {
    let of = |name: &str| parameter(parameters, name);
    let mut published = published.lock().unwrap_or_else(PoisonError::into_inner);
    let issuer = published.url.clone();
    let accounts = &mut published.accounts;
    let redirect_uri = of("redirect_uri").to_owned();
    let is_valid = of("client_id") == AUDIENCE
        && of("response_type") == "code"
        && of("code_challenge_method") == "S256"
        && of("code_challenge").len() == 43
        && of("state").len() >= 22
        && of("scope").split(' ').any(|scope| scope == "openid")
        && accounts.redirect_uris.contains(&redirect_uri);
    if !is_valid {
        return page(400, "The request is not valid.");
    }
    if of("answer") == "no" {
        let back = [("error", "access_denied"), ("state", of("state"))];
        let location = url_with(&redirect_uri, &back);
        return response(302, &[("location", &location)], String::new());
    }
    let code = uuid::Uuid::new_v4().to_string();
    let back = [("code", &*code), ("state", of("state")), ("iss", &*issuer)];
    let location = url_with(&redirect_uri, &back);
    accounts.sent_back.push(location.clone());
    accounts.codes.insert(
        code,
        Grant {
            subject: of("subject").to_owned(),
            redirect_uri,
            challenge: of("code_challenge").to_owned(),
            nonce: of("nonce").to_owned(),
        },
    );
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly", of("subject"));
    response(
        302,
        &[("location", &location), ("set-cookie", &cookie)],
        String::new(),
    )
}

/// Exchanges a code or a refresh token, each of which is accepted once.
pub(super) async fn token(State(published): Shared, body: String) -> Response<String> {
    let parameters = parameters_of(&body);
    let of = |name: &str| parameter(&parameters, name);
    let mut published = published.lock().unwrap_or_else(PoisonError::into_inner);
    let accounts = &mut published.accounts;
    let granted = match of("grant_type") {
        "authorization_code" => accounts.codes.remove(of("code")).and_then(|grant| {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(of("code_verifier")));
            let is_own = challenge == grant.challenge && of("redirect_uri") == grant.redirect_uri;
            is_own.then_some((grant.subject, Some(grant.nonce)))
        }),
        "refresh_token" => {
            let subject = accounts.refresh_tokens.remove(of("refresh_token"));
            subject.map(|subject| (subject, None))
        }
        _ => None,
    };
    let granted = granted.filter(|_| of("client_id") == AUDIENCE);
    let exchange = (of("grant_type").to_owned(), granted.is_some());
    accounts.exchanges.push(exchange);
    let json_type = [
        ("content-type", "application/json"),
        ("access-control-allow-origin", "*"),
    ];
    let Some((subject, nonce)) = granted else {
        let refusal = json!({ "error": "invalid_grant" }).to_string();
        return response(400, &json_type, refusal);
    };
    let now = Clock::System.now().0 / 1000;
    let mut answer = json!({ "token_type": "Bearer", "access_token": "none" });
    if accounts.gives_refresh_tokens {
        let refresh_token = uuid::Uuid::new_v4().to_string();
        answer["refresh_token"] = json!(refresh_token);
        accounts
            .refresh_tokens
            .insert(refresh_token, subject.clone());
    }
    let mut claims = json!({
        "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + accounts.token_seconds,
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    for (name, value) in accounts.said_instead.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    claims["iss"] = json!(published.url);
    let header = published.header();
    answer["id_token"] = json!(published.key.signs(&header, &claims));
    response(200, &json_type, answer.to_string())
}

/// Forgets the user, and sends them back.
pub(super) async fn logout(
    State(published): Shared,
    RawQuery(query): RawQuery,
) -> Response<String> {
    let parameters = parameters_of(&query.unwrap_or_default());
    let published = published.lock().unwrap_or_else(PoisonError::into_inner);
    let back = parameter(&parameters, "post_logout_redirect_uri");
    if !published.accounts.redirect_uris.contains(back)
        || parameter(&parameters, "logout_uri") != back
        || parameter(&parameters, "client_id") != AUDIENCE
    {
        return page(400, "The request is not valid.");
    }
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0");
    response(
        302,
        &[("location", back), ("set-cookie", &cookie)],
        String::new(),
    )
}

impl TestIssuer {
    fn accounts<T>(&self, work: impl FnOnce(&mut Accounts) -> T) -> T {
        work(&mut self.published().accounts)
    }

    /// Users may be sent back to this address.
    pub fn registers(&self, redirect_uri: &str) {
        self.accounts(|it| it.redirect_uris.insert(redirect_uri.to_owned()));
    }

    /// ID tokens are valid for so long from now on.
    pub fn gives_tokens_for(&self, seconds: i64) {
        self.accounts(|it| it.token_seconds = seconds);
    }

    /// Whether refresh tokens come with the ID tokens from now on. If not, those given out are revoked.
    pub fn gives_refresh_tokens(&self, gives: bool) {
        self.accounts(|it| {
            it.gives_refresh_tokens = gives;
            it.refresh_tokens.clear();
        });
    }

    /// ID tokens of the token endpoint have these claims instead of the right ones.
    pub fn says_instead(&self, claims: Value) {
        self.accounts(|it| it.said_instead = claims);
    }

    /// The requests to the token endpoint with this grant type: how many were accepted, and how many refused.
    #[must_use]
    pub fn exchanges(&self, grant_type: &str) -> (usize, usize) {
        self.accounts(|it| {
            let count = |accepted| {
                let wanted = (grant_type.to_owned(), accepted);
                it.exchanges.iter().filter(|it| **it == wanted).count()
            };
            (count(true), count(false))
        })
    }

    /// The last address, with its code, that a user was sent back to.
    #[must_use]
    pub fn last_sent_back(&self) -> Option<String> {
        self.accounts(|it| it.sent_back.last().cloned())
    }
}
