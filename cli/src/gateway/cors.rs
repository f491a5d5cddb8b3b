//! CORS, as API Gateway handles it by the template's `CorsConfiguration`. The values here repeat the template's.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

const ANY_ORIGIN: (HeaderName, &str) = (ACCESS_CONTROL_ALLOW_ORIGIN, "*");

const PREFLIGHT: [(HeaderName, &str); 4] = [
    ANY_ORIGIN,
    (ACCESS_CONTROL_ALLOW_METHODS, "GET,POST,DELETE"),
    (
        ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization,content-type,idempotency-key",
    ),
    (ACCESS_CONTROL_MAX_AGE, "7200"),
];

const READABLE: [(HeaderName, &str); 2] = [
    ANY_ORIGIN,
    (ACCESS_CONTROL_EXPOSE_HEADERS, "retry-after,location"),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cors {
    /// A browser asks for permission. No function is called.
    Preflight,
    /// A page makes a request.
    Simple,
    /// The request does not come from a page.
    None,
}

impl Cors {
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let is_preflight =
            *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        match (headers.contains_key(ORIGIN), is_preflight) {
            (true, true) => Self::Preflight,
            (true, false) => Self::Simple,
            (false, _) => Self::None,
        }
    }
}

pub(super) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    add(&mut response, PREFLIGHT);
    response
}

/// Lets pages of other origins read the answer.
pub(super) fn readable(mut response: Response<Body>) -> Response<Body> {
    add(&mut response, READABLE);
    response
}

fn add<const N: usize>(response: &mut Response<Body>, headers: [(HeaderName, &'static str); N]) {
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    response.headers_mut().extend(headers);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(method: &Method, names: &[HeaderName]) -> Cors {
        let value = HeaderValue::from_static("x");
        let headers = names.iter().map(|name| (name.clone(), value.clone()));
        Cors::of(method, &headers.collect())
    }

    #[test]
    fn only_a_preflight_request_is_answered_here() {
        let both = [ORIGIN, ACCESS_CONTROL_REQUEST_METHOD];
        assert_eq!(kind(&Method::OPTIONS, &both), Cors::Preflight);
        assert_eq!(kind(&Method::OPTIONS, &both[..1]), Cors::Simple);
        assert_eq!(kind(&Method::OPTIONS, &both[1..]), Cors::None);
        assert_eq!(kind(&Method::POST, &both), Cors::Simple);
        assert_eq!(kind(&Method::GET, &[]), Cors::None);
    }

    #[test]
    fn the_template_has_the_same_values() {
        let template = include_str!("../../../template.yaml");
        for setting in [
            "AllowOrigins: [\"*\"]",
            "AllowMethods: [GET, POST, DELETE]",
            "AllowHeaders: [Authorization, Content-Type, Idempotency-Key]",
            "ExposeHeaders: [Retry-After, Location]",
            "MaxAge: 7200",
        ] {
            assert!(template.contains(setting), "{setting}");
        }
    }
}
