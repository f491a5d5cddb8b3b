//! The shop: one page at the paths of all its views.

use lambda_http::http::header::{ACCEPT_ENCODING, ETAG};
use sha2::{Digest, Sha256};
use shared::http::{Answer, ApiRequest};
use shared::sign_in::SignIn;

use crate::encoding::Encoding;
use crate::web::{is_known, secured};

/// Where the shop itself is.
pub(crate) const SHOP: &str = "/";

/// Whether the shop has views at or below this path. The shop finds out which view, and says so if there is none.
pub(crate) fn is_view(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    path == SHOP || matches!(first, "e" | "tickets" | "wallet")
}

/// The page, which is made when the functions are built.
const PAGE: &str = include_str!(concat!(env!("OUT_DIR"), "/web/index.html"));
/// The length of the hash in a tag. 48 bits: two versions of a page never share a tag in practice.
const TAG_BYTES: usize = 6;
/// What surrounds the part of the page's head that depends on its view. The build requires both.
const HEAD: [&str; 2] = ["<!-- head -->", "<!-- /head -->"];

/// For the shop, which is one file. Allows its scripts and style sheet, the API of this origin, and the issuer that users sign
/// in with, if any. Allows no conversion of text to markup: a script in an event's name stays text. The one policy of trusted
/// types makes nothing but the address of the service worker (web/js/offline.js).
pub(crate) fn policy(sign_in: Option<&SignIn>) -> String {
    let mut connect = vec!["'self'".to_owned()];
    connect.extend(sign_in.into_iter().flat_map(SignIn::origins));
    format!(
        concat!(
            "default-src 'none'; script-src ",
            env!("BOXOFFICE_SHOP_SCRIPT"),
            "; style-src ",
            env!("BOXOFFICE_SHOP_STYLE"),
            "; img-src 'self' data:; connect-src {}; worker-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types service-worker"
        ),
        connect.join(" ")
    )
}

/// The shop with the head of one view, for a function that knows what the view shows.
#[must_use]
pub fn page(head: &str, request: &ApiRequest) -> Answer {
    let (before, rest) = PAGE.split_once(HEAD[0]).unwrap_or(("", PAGE));
    let (_, after) = rest.split_once(HEAD[1]).unwrap_or(("", rest));
    let page = [before, head, after].concat();
    let tag = format!("W/\"{}\"", hex::encode(&Sha256::digest(&page)[..TAG_BYTES]));
    let answer = if is_known(request, &tag) {
        Answer::not_modified()
    } else {
        encoded(page, request)
    };
    secured(answer.with(ETAG, &tag), &policy(request.sign_in().as_ref()))
}

fn encoded(page: String, request: &ApiRequest) -> Answer {
    let wanted = Encoding::accepted(request.header(ACCEPT_ENCODING.as_str()));
    let (encoding, body) = match wanted.encode(&page) {
        Ok(body) => (wanted, body),
        Err(error) => {
            tracing::error!(%error, "cannot compress the page");
            (Encoding::Plain, page.into_bytes())
        }
    };
    encoding.told(Answer::page("text/html; charset=utf-8", body))
}
