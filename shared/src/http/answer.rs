//! Responses: status, JSON body, headers.

use lambda_http::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use lambda_http::http::{HeaderName, HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use serde::Serialize;

use domain::queue::PollAfter;

/// Public bodies may be cached by a CDN for a second. After that, an error is told as it is: by default, a CDN like
/// Amazon's answers 200 with the last body that it knows, for as long as the API returns errors.
const PUBLIC: &str = "public, max-age=1, stale-if-error=0";
const PRIVATE: &str = "no-store";
/// For addresses that change with their content.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// A handler's response.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Option<Vec<u8>>,
    headers: Vec<(HeaderName, String)>,
    cache_control: &'static str,
}

impl Answer {
    fn new(status: StatusCode) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: None,
            headers: Vec::new(),
            cache_control: PRIVATE,
        }
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Self {
        // Bodies are plain structs and maps with string keys, which always serialize.
        Self {
            body: Some(serde_json::to_vec(body).unwrap_or_default()),
            ..Self::new(status)
        }
    }

    /// 200 OK.
    #[must_use]
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// 201 Created, with the path of the new resource.
    #[must_use]
    pub fn created(location: &str, body: &impl Serialize) -> Self {
        Self::json(StatusCode::CREATED, body).with(LOCATION, location)
    }

    /// 202 Accepted, with the path of the resource that tells how it goes on.
    #[must_use]
    pub fn accepted(location: &str, body: &impl Serialize) -> Self {
        Self::json(StatusCode::ACCEPTED, body).with(LOCATION, location)
    }

    /// 204 No Content.
    #[must_use]
    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT)
    }

    /// A page.
    #[must_use]
    pub fn page(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            content_type,
            body: Some(body.into()),
            ..Self::new(StatusCode::OK)
        }
    }

    /// The same answer, but 404 Not Found: a page that says so itself.
    #[must_use]
    pub fn not_found(self) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            ..self
        }
    }

    /// 304 Not Modified.
    #[must_use]
    pub fn not_modified() -> Self {
        Self::new(StatusCode::NOT_MODIFIED)
    }

    /// Sets `Cache-Control`.
    #[must_use]
    pub fn kept(self, cache_control: &'static str) -> Self {
        Self {
            cache_control,
            ..self
        }
    }

    /// Allows CDNs and browsers to keep the response for ever, because its address changes with its content.
    #[must_use]
    pub fn kept_forever(self) -> Self {
        self.kept(FOREVER)
    }

    pub(super) fn problem(status: StatusCode, body: &impl Serialize) -> Self {
        Self {
            content_type: "application/problem+json",
            ..Self::json(status, body)
        }
    }

    /// Allows CDNs and browsers to cache the response for a second, because it is the same for
    /// everybody.
    #[must_use]
    pub fn public(self) -> Self {
        Self {
            cache_control: PUBLIC,
            ..self
        }
    }

    /// Sets `Retry-After`.
    #[must_use]
    pub fn retry_after(self, poll_after: PollAfter) -> Self {
        self.with(RETRY_AFTER, &poll_after.whole_seconds().to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The body alone, for an answer that becomes a part of another one.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body.unwrap_or_default()
    }

    /// Converts it to the response of the Lambda runtime.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let body = match self.body {
            None => Body::Empty,
            Some(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Body::Text(text),
                Err(error) => Body::Binary(error.into_bytes()),
            },
        };
        let has_body = !matches!(body, Body::Empty);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(self.cache_control));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        for (name, value) in self.headers {
            // The values are ids, numbers and methods, which are visible ASCII.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}
