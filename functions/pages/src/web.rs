//! Serves the files of `web/` as prepared by build.rs: the shop at the paths of its views, the API documentation at `/docs`, and
//! their assets at `/assets/<name>.<hash>.<extension>`. How the shop signs users in is at `/assets/sign-in.json`.

use lambda_http::http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, VARY,
};
use lambda_http::http::{HeaderName, Method};
use serde_json::json;
use shared::http::{Answer, ApiRequest};
use shared::sign_in::SignIn;

/// A file to serve.
struct File {
    path: &'static str,
    /// Hash of the content, including the hashed names that it references.
    hash: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// For assets: their names change with their content.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// For pages: browsers must revalidate them on each visit. The CDN keeps them for a few seconds, so that a rush of visitors
/// does not need as many environments of the function.
const REVALIDATE: &str = "public, max-age=0, s-maxage=5, must-revalidate";

/// Where the shop itself is.
const SHOP: &str = "/";

/// Whether the shop has views at or below this path. The shop finds out which view, and says so if there is none.
fn is_view(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    path == SHOP || matches!(first, "e" | "tickets" | "wallet")
}

/// How the shop signs its users in. It is not part of the page, which is the same in every deployment and compressed when it
/// is built.
const SIGN_IN: &str = "/assets/sign-in.json";

/// For the shop, which is one file. Allows its script and style sheet, the API of this origin, and the issuer that users sign
/// in with, if any. Allows no conversion of text to markup: a script in an event's name stays text.
fn shop_policy(sign_in: Option<&SignIn>) -> String {
    let mut connect = vec!["'self'".to_owned()];
    connect.extend(sign_in.into_iter().flat_map(SignIn::origins));
    format!(
        concat!(
            "default-src 'none'; script-src ",
            env!("BOXOFFICE_SHOP_SCRIPT"),
            "; style-src ",
            env!("BOXOFFICE_SHOP_STYLE"),
            "; img-src 'self' data:; connect-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        connect.join(" ")
    )
}

/// For everything else: only files of this origin.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// For Swagger UI, which builds markup from strings (sanitized, from this origin's own document) and embeds images in its
/// style sheet.
const DOCS_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Security headers of every page and asset, besides those of every response.
const SECURITY_HEADERS: [(HeaderName, &str); 2] = [
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// The response with the file at a path. None if there is no such file.
pub(crate) fn answer(path: &str, request: &ApiRequest) -> Option<Answer> {
    if path == SIGN_IN {
        let settings = request.sign_in().map(|sign_in| sign_in.for_page());
        return Some(Answer::ok(&json!({ "signIn": settings })).kept(REVALIDATE));
    }
    let path = if is_view(path) { SHOP } else { path };
    let file = FILES.iter().find(|file| file.path == path)?;
    // A weak tag, because it is the same for all encodings.
    let tag = format!("W/\"{}\"", file.hash);
    let known = request.header(IF_NONE_MATCH.as_str()).unwrap_or_default();
    let answer = if known.split(',').any(|known| is_same(known.trim(), &tag)) {
        Answer::not_modified()
    } else {
        file.answer(request)
    };
    let kept = if path.starts_with("/assets/") {
        FOREVER
    } else {
        REVALIDATE
    };
    let answer = answer
        .kept(kept)
        .with(ETAG, &tag)
        .with(VARY, ACCEPT_ENCODING.as_str());
    Some(file.secured(answer, request))
}

/// The shop, which says that it has no such view, for somebody who opens a path that does not exist. None for clients of the
/// API.
pub(crate) fn nowhere(request: &ApiRequest) -> Option<Answer> {
    let accepted = request.header(ACCEPT.as_str()).unwrap_or_default();
    let is_browser = request.method() == Method::GET && accepted.contains("text/html");
    let shop = FILES.iter().find(|file| is_browser && file.path == SHOP)?;
    Some(shop.secured(shop.answer(request).not_found(), request))
}

/// Whether a tag of `If-None-Match` matches, by weak comparison.
fn is_same(known: &str, tag: &str) -> bool {
    known == "*" || known.trim_start_matches("W/") == tag.trim_start_matches("W/")
}

impl File {
    /// The file in an encoding that the client accepts.
    fn answer(&self, request: &ApiRequest) -> Answer {
        let encoding = Encoding::accepted(request.header(ACCEPT_ENCODING.as_str()));
        let answer = Answer::page(self.content_type, self.encoded(encoding));
        match encoding.name() {
            Some(name) => answer.with(CONTENT_ENCODING, name),
            None => answer,
        }
    }

    fn secured(&self, answer: Answer, request: &ApiRequest) -> Answer {
        let policy = match self.path {
            SHOP => &shop_policy(request.sign_in().as_ref()),
            "/docs" => DOCS_POLICY,
            _ => POLICY,
        };
        SECURITY_HEADERS
            .into_iter()
            .chain([(CONTENT_SECURITY_POLICY, policy)])
            .fold(answer, |answer, (name, value)| answer.with(name, value))
    }

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
    /// The smallest encoding that the client accepts. Quality values other than 0 are ignored.
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

/// Whether a parameter is `q=0`, `q=0.0` and so on.
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
