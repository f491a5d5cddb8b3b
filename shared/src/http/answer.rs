//! Answers: a status, a JSON body, headers.

use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use lambda_http::http::{HeaderName, HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use serde::Serialize;

use domain::queue::PollAfter;

/// A body that anybody may see may be kept by a CDN for a second.
const PUBLIC: &str = "public, max-age=1";
const PRIVATE: &str = "no-store";

/// What a handler answers.
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
        // Bodies are plain structs and maps with text keys: they always serialize.
        Self {
            body: Some(serde_json::to_vec(body).unwrap_or_default()),
            ..Self::new(status)
        }
    }

    /// 200.
    #[must_use]
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// 201, with the path of what was made.
    #[must_use]
    pub fn created(location: &str, body: &impl Serialize) -> Self {
        Self::json(StatusCode::CREATED, body).with(LOCATION, location)
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT)
    }

    /// A page of text.
    #[must_use]
    pub fn page(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            content_type,
            body: Some(body.into()),
            ..Self::new(StatusCode::OK)
        }
    }

    /// 304: what the client has is still what there is.
    #[must_use]
    pub fn not_modified() -> Self {
        Self::new(StatusCode::NOT_MODIFIED)
    }

    /// How long it may be kept, where that is neither not at all nor a second.
    #[must_use]
    pub fn kept(self, cache_control: &'static str) -> Self {
        Self {
            cache_control,
            ..self
        }
    }

    pub(super) fn problem(status: StatusCode, body: &impl Serialize) -> Self {
        Self {
            content_type: "application/problem+json",
            ..Self::json(status, body)
        }
    }

    /// A CDN and browsers may keep it for a second: it is the same for everybody.
    #[must_use]
    pub fn public(self) -> Self {
        Self {
            cache_control: PUBLIC,
            ..self
        }
    }

    /// When to ask again.
    #[must_use]
    pub fn retry_after(self, poll_after: PollAfter) -> Self {
        self.with(RETRY_AFTER, &poll_after.whole_seconds().to_string())
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The response, as the Lambda runtime and the local front send it.
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
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        for (name, value) in self.headers {
            // Ids, numbers and methods: always visible ASCII.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}
