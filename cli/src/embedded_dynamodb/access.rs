//! Who may use the embedded DynamoDB: whoever signs requests with its access keys (AWS Signature Version 4).
//!
//! Pages in a browser on this machine can send requests to any port, and a hostile domain name can be resolved to loopback.
//! So requests with an `Origin` are refused even if they are signed, and on loopback those for another host.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, Uri};
use sha2::{Digest, Sha256};
use shared::loopback::is_loopback;
use time::PrimitiveDateTime;
use time::macros::format_description;

use crate::access_keys::AccessKeys;

pub(super) struct Access {
    pub(super) keys: AccessKeys,
    /// Whether only this machine can connect.
    pub(super) is_on_loopback: bool,
}

impl Access {
    /// Whether a request comes from a page of a browser, or was meant for another host.
    pub(super) fn is_from_page(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        headers.contains_key(ORIGIN) || (self.is_on_loopback && !host.is_some_and(is_loopback))
    }

    /// Whether a request is signed with the keys. The age of the signature does not matter: only this user could repeat it.
    pub(super) fn is_signed(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> bool {
        self.expected_signature(method, uri, headers, body)
            .is_some_and(|(given, expected)| is_equal(given.as_bytes(), expected.as_bytes()))
    }

    /// The given signature and the right one. None if the request is not signed, or with another access key id.
    fn expected_signature<'a>(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &'a HeaderMap,
        body: &[u8],
    ) -> Option<(&'a str, String)> {
        let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let parts = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let part = |name: &str| {
            parts
                .split(',')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let (id, scope) = part("Credential")?.split_once('/')?;
        if id != self.keys.id {
            return None;
        }
        let scope_parts: Vec<&str> = scope.split('/').collect();
        let [date, region, service, "aws4_request"] = scope_parts[..] else {
            return None;
        };
        let signed_headers = part("SignedHeaders")?;
        let signed_at = headers.get("x-amz-date")?.to_str().ok()?;
        if !signed_at.starts_with(date) || uri.path() != "/" || uri.query().is_some() {
            return None;
        }
        let mut request = format!("{method}\n/\n\n");
        for name in signed_headers.split(';') {
            let values: Option<Vec<&str>> = headers
                .get_all(name)
                .iter()
                .map(|value| value.to_str().ok())
                .collect();
            let value = values.filter(|values| !values.is_empty())?.join(",");
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            request.extend([name, ":", &value, "\n"]);
        }
        request.extend(["\n", signed_headers, "\n", &sha256(body)]);
        let text = format!(
            "AWS4-HMAC-SHA256\n{signed_at}\n{scope}\n{}",
            sha256(request.as_bytes())
        );
        let key = generate_signing_key(&self.keys.secret, moment(signed_at)?, region, service);
        Some((
            part("Signature")?,
            calculate_signature(key, text.as_bytes()),
        ))
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Reads `20261224T100000Z`.
fn moment(text: &str) -> Option<SystemTime> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let moment = PrimitiveDateTime::parse(text, &format).ok()?.assume_utc();
    let seconds = u64::try_from(moment.unix_timestamp()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// In a time that does not depend on where they differ.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let difference = one
        .iter()
        .zip(other)
        .fold(0, |sum, (one, other)| sum | (one ^ other));
    one.len() == other.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn access() -> Access {
        Access {
            keys: AccessKeys {
                id: "AKIDEXAMPLE".to_owned(),
                secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            },
            is_on_loopback: true,
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn requests_of_pages_are_refused() {
        let access = access();
        for (pairs, is_from_page) in [
            (&[("host", "127.0.0.1:8000")][..], false),
            (&[("host", "localhost:8000")], false),
            (&[("host", "[::1]:8000")], false),
            (&[], true),
            (&[("host", "evil.example:8000")], true),
            (&[("host", "127.0.0.1.evil.example")], true),
            (
                &[
                    ("host", "127.0.0.1:8000"),
                    ("origin", "http://127.0.0.1:3000"),
                ],
                true,
            ),
            (&[("host", "127.0.0.1:8000"), ("origin", "null")], true),
        ] {
            assert_eq!(
                access.is_from_page(&headers(pairs)),
                is_from_page,
                "{pairs:?}"
            );
        }
        let reachable = Access {
            is_on_loopback: false,
            ..access
        };
        assert!(!reachable.is_from_page(&headers(&[("host", "172.17.0.1:8000")])));
        assert!(reachable.is_from_page(&headers(&[("host", "x"), ("origin", "http://x")])));
    }

    /// From AWS's test suite of Signature Version 4: `post-vanilla`.
    #[test]
    fn a_request_is_accepted_only_as_it_was_signed() {
        let access = access();
        let signature = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        let authorization = |id: &str, signature: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential={id}/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature={signature}"
            )
        };
        let is_signed = |authorization: &str, host: &str, body: &[u8]| {
            let headers = headers(&[
                ("host", host),
                ("x-amz-date", "20150830T123600Z"),
                ("authorization", authorization),
            ]);
            access.is_signed(&Method::POST, &Uri::from_static("/"), &headers, body)
        };
        let right = authorization("AKIDEXAMPLE", signature);
        let host = "example.amazonaws.com";
        assert!(is_signed(&right, host, b""));
        assert!(!is_signed(&right, host, b"{}"));
        assert!(!is_signed(&right, "evil.example", b""));
        assert!(!is_signed(
            &authorization("AKIDOTHER", signature),
            host,
            b""
        ));
        assert!(!is_signed(
            &authorization("AKIDEXAMPLE", &signature[1..]),
            host,
            b""
        ));
        assert!(!is_signed(&right.replace("5da7", "5da8"), host, b""));
        assert!(!is_signed("Bearer x", host, b""));
        assert!(!is_signed("", host, b""));
    }
}
