//! Requests to a payment provider: bounded in time and size, repeated once, and silent about keys.

use std::time::Duration;

use lambda_http::http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

use super::secret::Secret;
use super::{ProviderError, TIMEOUT};
use crate::exchange::{Connector, Exchange, Reply, Unanswered, connector};
use crate::loopback::is_loopback;

/// A page of a provider's books has some hundred kilobytes, every other response less.
const LARGEST_BODY: usize = 1024 * 1024;
/// How long to wait before the second attempt, if the provider does not say.
const PAUSE: Duration = Duration::from_millis(300);
/// No error code of a provider is longer.
const LONGEST_CODE: usize = 80;

/// The URL is neither an https URL without user and query, nor one of this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be an https URL, or an http URL of this machine, without user, query and fragment")]
pub struct Unprotected;

/// Where a provider is, and how long a request to it may take.
#[derive(Clone, Debug)]
pub struct Endpoint {
    url: String,
    timeout: Duration,
}

impl Endpoint {
    /// The endpoint at this URL, with the timeout [`TIMEOUT`].
    pub fn new(url: &str) -> Result<Self, Unprotected> {
        let uri: Uri = url.parse().map_err(|_| Unprotected)?;
        let is_plain = uri
            .authority()
            .is_some_and(|at| !at.as_str().contains('@') && !at.host().is_empty())
            && !url.contains(['?', '#']);
        let is_protected = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_loopback(url),
            _ => false,
        };
        if is_plain && is_protected {
            Ok(Self {
                url: url.trim_end_matches('/').to_owned(),
                timeout: TIMEOUT,
            })
        } else {
            Err(Unprotected)
        }
    }

    /// The same endpoint with another timeout.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

/// A request. It has the same effect if it is repeated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    /// The path with its query. Use [`segment`] and [`form`] for the parts that are not fixed.
    pub(super) path: &'a str,
    pub(super) body: Body<'a>,
    pub(super) idempotency_key: Option<&'a str>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    Empty,
    Form(&'a str),
    Json(&'a str),
}

impl<'a> Request<'a> {
    pub(super) fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            body: Body::Empty,
            idempotency_key: None,
        }
    }

    pub(super) fn post(path: &'a str, body: Body<'a>) -> Self {
        Self {
            method: "POST",
            path,
            body,
            idempotency_key: None,
        }
    }

    pub(super) fn once(self, key: &'a str) -> Self {
        Self {
            idempotency_key: Some(key),
            ..self
        }
    }
}

/// What ids consist of. Anything else could lead elsewhere.
const NOT_OF_IDS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');

/// Text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NOT_OF_IDS).to_string()
}

/// Pairs as a form, or as a query.
pub(super) fn form<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// Finds the error code in the body of a refusal.
pub(super) type CodeOf = fn(&[u8]) -> Option<String>;

/// Sends requests to a provider.
#[derive(Debug)]
pub(super) struct Client {
    connector: Connector,
    endpoint: Endpoint,
    authorization: Secret,
    /// A header that each request has.
    version: Option<(&'static str, &'static str)>,
    code_of: CodeOf,
}

impl Client {
    pub(super) fn new(
        endpoint: Endpoint,
        authorization: Secret,
        version: Option<(&'static str, &'static str)>,
        code_of: CodeOf,
    ) -> Self {
        Self {
            connector: connector(),
            endpoint,
            authorization,
            version,
            code_of,
        }
    }

    /// Sends a request, and once more if it was not answered, or was answered with a status that
    /// [`may_pass`]. The response is read as `T`.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        request: Request<'_>,
    ) -> Result<T, ProviderError> {
        let deadline = Instant::now() + self.endpoint.timeout;
        let reply = match timeout_at(deadline, self.twice(request, deadline)).await {
            Ok(reply) => reply?,
            Err(_) => return Err(unreachable("no response in time")),
        };
        if (200..300).contains(&reply.status) {
            // It may have done what was asked.
            serde_json::from_slice(&reply.body)
                .map_err(|_| unreachable("the response is not understood"))
        } else {
            let code = self.code(&reply);
            Err(if may_pass(reply.status) {
                ProviderError::Unreachable(code)
            } else {
                ProviderError::Refused(code)
            })
        }
    }

    async fn twice(&self, request: Request<'_>, deadline: Instant) -> Result<Reply, ProviderError> {
        let first = self.attempt(request).await;
        let pause = match &first {
            Ok(reply) if may_pass(reply.status) => reply
                .retry_after_seconds
                .map_or(PAUSE, |seconds| Duration::from_secs(seconds.into())),
            Err(ProviderError::Unreachable(_)) => PAUSE,
            Ok(_) | Err(ProviderError::Refused(_)) => return first,
        };
        if Instant::now() + pause >= deadline {
            return first;
        }
        sleep(pause).await;
        self.attempt(request).await
    }

    async fn attempt(&self, request: Request<'_>) -> Result<Reply, ProviderError> {
        let url = format!("{}{}", self.endpoint.url, request.path);
        let mut headers = vec![
            ("accept", "application/json"),
            ("authorization", self.authorization.reveal()),
        ];
        headers.extend(self.version);
        headers.extend(request.idempotency_key.map(|key| ("idempotency-key", key)));
        let body = match request.body {
            Body::Empty => "",
            Body::Form(form) => {
                headers.push(("content-type", "application/x-www-form-urlencoded"));
                form
            }
            Body::Json(json) => {
                headers.push(("content-type", "application/json"));
                json
            }
        };
        let exchange = Exchange {
            method: request.method,
            url: &url,
            headers: &headers,
            body,
        };
        exchange
            .send(&self.connector, LARGEST_BODY)
            .await
            .map_err(|error| match error {
                Unanswered::Invalid => ProviderError::Refused("the request is invalid".to_owned()),
                Unanswered::Unreachable(why) => ProviderError::Unreachable(why),
            })
    }

    /// The provider's error code, and the status if there is none.
    fn code(&self, reply: &Reply) -> String {
        let is_code = |code: &String| {
            (1..=LONGEST_CODE).contains(&code.len())
                && code
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        (self.code_of)(&reply.body)
            .filter(is_code)
            .unwrap_or_else(|| format!("status {}", reply.status))
    }
}

/// Whether the same request may succeed later. 409 says that it is still being worked on, 424 that
/// somebody behind the provider does not answer.
fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 409 | 424 | 429 | 500..=599)
}

fn unreachable(why: &str) -> ProviderError {
    ProviderError::Unreachable(why.to_owned())
}

/// The provider's response contradicts its documentation.
pub(super) fn unexpected(what: &str) -> ProviderError {
    ProviderError::Refused(format!("unexpected {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_https_url_or_on_this_machine() {
        for good in [
            "https://api.stripe.com",
            "http://127.0.0.1:8000",
            "http://[::1]:8000/",
        ] {
            assert!(Endpoint::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.stripe.com",
            "http://api.stripe.com",
            "https://user@api.stripe.com",
            "https://api.stripe.com?a=b",
            "https://api.stripe.com#a",
            "ftp://127.0.0.1",
        ] {
            assert!(Endpoint::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_cannot_leave_their_place_in_a_path() {
        assert_eq!(segment("a/../b?c"), "a%2F%2E%2E%2Fb%3Fc");
        assert_eq!(segment("cs_test_a-1"), "cs_test_a-1");
        assert_eq!(form([("a[b]", "ㄱ &=")]), "a%5Bb%5D=%E3%84%B1+%26%3D");
    }
}
