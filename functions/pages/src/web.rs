//! The web pages of `web/`, as build.rs has prepared them: the shop at `/`, the API's documentation at `/docs`, everything
//! they need at `/assets/<name>.<hash>.<extension>`.

use lambda_http::http::HeaderName;
use lambda_http::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use shared::http::{Answer, ApiRequest};

/// One file, as it is sent.
struct File {
    path: &'static str,
    /// Of its content, with the hashed names that it mentions.
    hash: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// An asset's name changes with its content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The page names the assets of today, so each visit asks whether it still does.
const ASK_FIRST: &str = "no-cache";

/// Only what this origin serves, nothing inline, and no way from text to markup: an event's name that holds a script is just
/// a name.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// For Swagger UI, which makes markup (cleaned, from this origin's own document) and has its pictures in its style sheet.
const DOCS_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a browser should not do with a page that sells things.
const GUARDS: [(HeaderName, &str); 3] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// The file at a path.
pub(crate) fn answer(path: &str, request: &ApiRequest) -> Option<Answer> {
    let file = FILES.iter().find(|file| file.path == path)?;
    // Weak, as it is the same for each encoding.
    let tag = format!("W/\"{}\"", file.hash);
    let known = request.header(IF_NONE_MATCH.as_str()).unwrap_or_default();
    let answer = if known.split(',').any(|known| is_same(known.trim(), &tag)) {
        Answer::not_modified()
    } else {
        let encoding = Encoding::accepted(request.header(ACCEPT_ENCODING.as_str()));
        let answer = Answer::page(file.content_type, file.encoded(encoding));
        match encoding.name() {
            Some(name) => answer.with(CONTENT_ENCODING, name),
            None => answer,
        }
    };
    let answer = answer
        .kept(if path.starts_with("/assets/") {
            FOR_EVER
        } else {
            ASK_FIRST
        })
        .with(ETAG, &tag)
        .with(VARY, ACCEPT_ENCODING.as_str());
    let answer = GUARDS
        .into_iter()
        .fold(answer, |answer, (name, value)| answer.with(name, value));
    let policy = if path == "/docs" { DOCS_POLICY } else { POLICY };
    Some(answer.with(CONTENT_SECURITY_POLICY, policy))
}

/// Whether a tag of `If-None-Match` is this one, however strong it says that it is.
fn is_same(known: &str, tag: &str) -> bool {
    known == "*" || known.trim_start_matches("W/") == tag.trim_start_matches("W/")
}

impl File {
    fn encoded(&self, encoding: Encoding) -> &'static [u8] {
        match encoding {
            Encoding::Brotli => self.brotli,
            Encoding::Gzip => self.gzip,
            Encoding::Plain => self.plain,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Encoding {
    Brotli,
    Gzip,
    Plain,
}

impl Encoding {
    /// The smallest that the client takes. Its own preferences are not weighed: what it does not want has `q=0`.
    fn accepted(header: Option<&str>) -> Self {
        let takes = |name: &str| {
            header.unwrap_or_default().split(',').any(|item| {
                let mut parts = item.split(';').map(str::trim);
                let named = parts
                    .next()
                    .is_some_and(|part| part.eq_ignore_ascii_case(name));
                named && !parts.any(is_zero)
            })
        };
        if takes("br") {
            Self::Brotli
        } else if takes("gzip") {
            Self::Gzip
        } else {
            Self::Plain
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Plain => None,
        }
    }
}

/// `q=0`, `q=0.0` and so on.
fn is_zero(parameter: &str) -> bool {
    parameter
        .to_ascii_lowercase()
        .strip_prefix("q=")
        .is_some_and(|quality| quality.parse::<f32>().is_ok_and(|quality| quality <= 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_encoding_that_is_taken_is_sent() {
        for (header, expected) in [
            (None, Encoding::Plain),
            (Some(""), Encoding::Plain),
            (Some("gzip, deflate, br, zstd"), Encoding::Brotli),
            (Some("gzip;q=1.0, br;q=0"), Encoding::Gzip),
            (Some("br; q=0.000, GZIP"), Encoding::Gzip),
            (Some("brotli, gzipped"), Encoding::Plain),
            (Some("br;q=0.1"), Encoding::Brotli),
        ] {
            assert_eq!(Encoding::accepted(header), expected, "{header:?}");
        }
    }

    #[test]
    fn a_tag_is_the_same_weak_or_strong() {
        assert!(is_same("W/\"a\"", "W/\"a\"") && is_same("\"a\"", "W/\"a\"") && is_same("*", "x"));
        assert!(!is_same("\"b\"", "W/\"a\""));
    }
}
