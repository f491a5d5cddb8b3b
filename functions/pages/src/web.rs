//! Serves the files of `web/` as prepared by build.rs: the shop at the paths of its views, the API documentation at `/docs`, and
//! their assets at `/assets/<name>.<hash>.<extension>`. The service worker is at `/sw.js`, from where it can serve the whole shop. How the shop signs users in is at `/assets/sign-in.json`.

use std::borrow::Cow;

use lambda_http::http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use lambda_http::http::{HeaderName, Method};
use serde_json::json;
use shared::http::{Answer, ApiRequest};

use crate::encoding::Encoding;
use crate::shop::{self, SHOP, is_view};

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

/// For pages: browsers must revalidate them on each visit. The CDN keeps them for a few seconds, so that a rush of visitors
/// does not need as many environments of the function.
pub const REVALIDATE: &str = "public, max-age=0, s-maxage=5, must-revalidate";

/// How the shop signs its users in. It is not part of the page, which is the same in every deployment and compressed when it
/// is built.
const SIGN_IN: &str = "/assets/sign-in.json";

/// For everything else: only files of this origin.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// For Swagger UI, which builds markup from strings (sanitized, from this origin's own document) and embeds images in its
/// style sheet.
const DOCS_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds the headers of every page and asset.
pub(crate) fn secured(answer: Answer, policy: &str) -> Answer {
    SECURITY_HEADERS
        .into_iter()
        .chain([
            (CONTENT_SECURITY_POLICY, policy),
            (VARY, ACCEPT_ENCODING.as_str()),
        ])
        .fold(answer, |answer, (name, value)| answer.with(name, value))
}

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
    let answer = if is_known(request, &tag) {
        Answer::not_modified()
    } else {
        file.answer(request)
    };
    let answer = if path.starts_with("/assets/") {
        answer.kept_forever()
    } else {
        answer.kept(REVALIDATE)
    };
    let answer = answer.with(ETAG, &tag);
    Some(secured(answer, &file.policy(request)))
}

/// The shop, which says that it has no such view, for somebody who opens a path that does not exist. None for clients of the
/// API.
pub(crate) fn nowhere(request: &ApiRequest) -> Option<Answer> {
    let accepted = request.header(ACCEPT.as_str()).unwrap_or_default();
    let is_browser = request.method() == Method::GET && accepted.contains("text/html");
    let shop = FILES.iter().find(|file| is_browser && file.path == SHOP)?;
    let answer = shop.answer(request).not_found();
    Some(secured(answer, &shop.policy(request)))
}

/// Whether the client has the version with this tag already.
pub(crate) fn is_known(request: &ApiRequest, tag: &str) -> bool {
    let known = request.header(IF_NONE_MATCH.as_str()).unwrap_or_default();
    known.split(',').any(|known| is_same(known.trim(), tag))
}

/// Whether a tag of `If-None-Match` matches, by weak comparison.
fn is_same(known: &str, tag: &str) -> bool {
    known == "*" || known.trim_start_matches("W/") == tag.trim_start_matches("W/")
}

impl File {
    /// The file in an encoding that the client accepts.
    fn answer(&self, request: &ApiRequest) -> Answer {
        let encoding = Encoding::accepted(request.header(ACCEPT_ENCODING.as_str()));
        let body = match encoding {
            Encoding::Brotli => self.brotli,
            Encoding::Gzip => self.gzip,
            Encoding::Plain => self.plain,
        };
        encoding.told(Answer::page(self.content_type, body))
    }

    fn policy(&self, request: &ApiRequest) -> Cow<'static, str> {
        match self.path {
            SHOP => shop::policy(request).into(),
            "/docs" => DOCS_POLICY.into(),
            _ => POLICY.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_same_weak_or_strong() {
        assert!(is_same("W/\"a\"", "W/\"a\"") && is_same("\"a\"", "W/\"a\"") && is_same("*", "x"));
        assert!(!is_same("\"b\"", "W/\"a\""));
    }
}
