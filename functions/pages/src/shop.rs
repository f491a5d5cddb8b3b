//! The shop: one page at the paths of all its views.

use domain::charge::ProviderName;
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

/// The view that opens the payment window of Toss Payments.
const CHARGES: &str = "/wallet/charges/";

/// What the script of Toss Payments needs. It is not ours, so it cannot keep to trusted types. It takes the whole window to its
/// own page, so it needs no frames.
const TOSS_SCRIPT: &str = "https://js.tosspayments.com";
const TOSS_ORIGINS: &str = "https://*.tosspayments.com";

/// For the shop, which is one file. Allows its scripts and style sheet, the API of this origin, and the issuer that users sign
/// in with, if any. Allows no conversion of text to markup: a script in an event's name stays text. The one policy of trusted
/// types makes nothing but the address of the service worker (web/js/offline.js). Only the view of a charge allows the script of
/// Toss Payments, and only if that is the provider.
pub(crate) fn policy(request: &ApiRequest) -> String {
    let mut connect = vec!["'self'".to_owned()];
    let sign_in = request.sign_in();
    connect.extend(sign_in.iter().flat_map(SignIn::origins));
    let opens_toss = request.payment_provider() == Some(ProviderName::Toss)
        && request.path().starts_with(CHARGES);
    let (script, form, types) = if opens_toss {
        connect.push(TOSS_ORIGINS.to_owned());
        (format!(" {TOSS_SCRIPT}"), TOSS_ORIGINS, "")
    } else {
        let types = "; require-trusted-types-for 'script'; trusted-types service-worker";
        (String::new(), "'none'", types)
    };
    format!(
        concat!(
            "default-src 'none'; script-src ",
            env!("BOXOFFICE_SHOP_SCRIPT"),
            "{}; style-src ",
            env!("BOXOFFICE_SHOP_STYLE"),
            "; img-src 'self' data:; connect-src {}; worker-src 'self'; base-uri 'none'; form-action {}; \
             frame-ancestors 'none'{}"
        ),
        script,
        connect.join(" "),
        form,
        types
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
    secured(answer.with(ETAG, &tag), &policy(request))
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
