//! The buyers' pages, through the front and the real handler: how they are sent, what they may do, and their texts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use domain::clock::ManualClock;
use flate2::read::GzDecoder;
use lambda_http::RequestExt;
use reqwest::Client;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use shared::http::PAYMENT_PROVIDER;
use shared::http::problem::KINDS;
use shared::sign_in::SignIn;

use crate::world::World;

/// The size of the shop, compressed: 110 KiB.
const BUDGET_BYTES: usize = 112_640;

/// How the shop signs its users in.
const SETTINGS: &str = "/assets/sign-in.json";

const PAGES: [&str; 3] = ["/", "/docs", "/docs/errors"];

/// A page or an asset, as it was sent.
#[derive(Clone, Debug)]
struct Sent {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Sent {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// A world that is served over HTTP.
struct Site {
    address: String,
    client: Client,
    clock: ManualClock,
}

impl Site {
    async fn open() -> Self {
        Self::with(None).await
    }

    async fn with(sign_in: Option<SignIn>) -> Self {
        let world = World::new().await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Arc::clone(&world.app);
        tokio::spawn(boxoffice::gateway::serve(
            listener,
            app,
            sign_in,
            None,
            std::future::pending(),
        ));
        Self {
            address,
            client: Client::new(),
            clock: world.clock.clone(),
        }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Sent {
        let mut request = self.client.get(format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let body = response.bytes().await.unwrap().to_vec();
        Sent {
            status,
            headers,
            body,
        }
    }

    /// The pages and all assets that they refer to, by their paths.
    async fn everything(&self) -> BTreeMap<String, Sent> {
        let mut found = BTreeMap::new();
        let mut next: Vec<String> = PAGES.iter().map(|path| (*path).to_owned()).collect();
        while let Some(path) = next.pop() {
            if found.contains_key(&path) {
                continue;
            }
            let sent = self.get(&path, &[]).await;
            assert_eq!(sent.status, 200, "{path}");
            // Third-party files refer to nothing of ours.
            if !path.contains("swagger-ui") {
                next.extend(mentioned(&sent.text()));
            }
            found.insert(path, sent);
        }
        found
    }
}

/// The quoted strings of a text that begin with `start`, without it.
fn quoted<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.split(start)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// The assets that a page refers to.
fn mentioned(text: &str) -> Vec<String> {
    quoted(text, "\"/assets/")
        .into_iter()
        // A setting of the deployment, not a part of the page.
        .filter(|name| SETTINGS != format!("/assets/{name}"))
        .map(|name| format!("/assets/{name}"))
        .collect()
}

/// The files below a folder: name and content.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn web_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../web")
}

fn web() -> Vec<(String, String)> {
    sources(&web_folder())
}

fn source(name: &str) -> String {
    let (_, text) = web().into_iter().find(|(it, _)| it == name).unwrap();
    text
}

#[tokio::test]
async fn the_date_header_follows_a_clock_that_is_set_back() {
    let site = Site::open().await;
    let date = async || site.get("/", &[]).await.header("date").to_owned();
    assert_eq!(date().await, "Fri, 20 Nov 2026 10:00:00 GMT");
    site.clock.advance_seconds(3_600);
    assert_eq!(date().await, "Fri, 20 Nov 2026 11:00:00 GMT");
    site.clock.advance_ms(-3_000_000);
    assert_eq!(date().await, "Fri, 20 Nov 2026 10:10:00 GMT");
}

#[tokio::test]
async fn the_page_is_revalidated_and_sent_only_when_changed() {
    let site = Site::open().await;
    let page = site.get("/", &[]).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let kept = "public, max-age=0, s-maxage=5, must-revalidate";
    assert_eq!(page.header("cache-control"), kept);
    let tag = page.header("etag");
    let again = site.get("/", &[(IF_NONE_MATCH.as_str(), tag)]).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), tag);
    assert_eq!(again.header("cache-control"), kept);
    let other = site.get("/", &[(IF_NONE_MATCH.as_str(), "W/\"x\"")]).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn an_asset_name_has_its_content_hash_and_may_be_cached_forever() {
    let site = Site::open().await;
    let everything = site.everything().await;
    let (vendored, own): (HashSet<&str>, HashSet<&str>) = everything
        .keys()
        .filter_map(|path| path.strip_prefix("/assets/"))
        .partition(|name| name.starts_with("swagger-ui"));
    assert_eq!(vendored.len(), 2);
    // Besides the pages, web/docs/ has a style sheet and a script, and the documentation shows the shop's icon.
    assert_eq!(own.len(), 3);
    for (path, asset) in &everything {
        let Some(name) = path.strip_prefix("/assets/") else {
            continue;
        };
        assert_eq!(
            asset.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        let hash = hex::encode(Sha256::digest(&asset.body));
        let mut parts = name.rsplit('.').skip(1);
        assert_eq!(parts.next(), hash.get(..12), "{path}");
        let kind = match name.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            other => panic!("{other:?}"),
        };
        assert_eq!(asset.header("content-type"), kind);
    }
}

#[tokio::test]
async fn a_missing_page_is_an_uncacheable_problem() {
    let site = Site::open().await;
    for path in [
        "/assets/app.js",
        "/assets/app.000000000000.js",
        "/assets/../Cargo.toml",
        "/index.html",
    ] {
        let sent = site.get(path, &[]).await;
        assert_eq!(sent.status, 404, "{path}");
        assert_eq!(sent.header("content-type"), "application/problem+json");
        assert_eq!(sent.header("cache-control"), "no-store");
    }
    let world = World::new().await;
    let reply = world.post("/", "", serde_json::json!({})).await;
    reply.is_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn pages_are_sent_compressed_to_clients_that_accept_it() {
    let site = Site::open().await;
    for (path, plain) in site.everything().await {
        assert_eq!(plain.header("content-encoding"), "");
        assert_eq!(plain.header("vary"), "accept-encoding");
        let gzip = site.get(&path, &[(ACCEPT_ENCODING.as_str(), "gzip")]).await;
        assert_eq!(gzip.header("content-encoding"), "gzip");
        assert_eq!(gzip.header("etag"), plain.header("etag"));
        let mut body = Vec::new();
        GzDecoder::new(gzip.body.as_slice())
            .read_to_end(&mut body)
            .unwrap();
        assert_eq!(body, plain.body, "{path}");
        let brotli = site
            .get(
                &path,
                &[(ACCEPT_ENCODING.as_str(), "gzip, deflate, br, zstd")],
            )
            .await;
        assert_eq!(brotli.header("content-encoding"), "br");
        let mut body = Vec::new();
        brotli::BrotliDecompress(&mut brotli.body.as_slice(), &mut body).unwrap();
        assert_eq!(body, plain.body, "{path}");
    }
}

const SCRIPT: &str = "<script>";

/// The contents of the page's two scripts: of the first views, and of all others.
fn scripts(page: &str) -> [&str; 2] {
    let scripts = page.split(SCRIPT).skip(1);
    let scripts: Vec<_> = scripts
        .map(|rest| rest.split_once("</script>").unwrap().0)
        .collect();
    scripts.try_into().unwrap()
}

/// The content of the only element of this kind, by its start tag.
fn content<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(start).unwrap();
    assert!(!rest.contains(start));
    rest.split_once(end).unwrap().0
}

#[tokio::test]
async fn the_shop_is_one_small_file() {
    let site = Site::open().await;
    let sent = site.get("/", &[(ACCEPT_ENCODING.as_str(), "gzip")]).await;
    assert!(sent.body.len() < BUDGET_BYTES, "{}", sent.body.len());
    let page = site.get("/", &[]).await.text();
    let without_settings = page.replace(SETTINGS, "");
    for outside in ["/assets/", " src=", "import(", "from \"", "@import", "url("] {
        assert!(!without_settings.contains(outside), "{outside}");
    }
    let script = scripts(&page).concat();
    let style = content(&page, "<style>", "</style>");
    assert_eq!(style, source("style.css"));
    // Each module is there once, without comments.
    for (name, _) in sources(&web_folder().join("js")) {
        let module = name.replace(".js", "").replace(['-', '.'], "_");
        let beginning = format!("const module_{module} = (() => {{");
        assert_eq!(script.matches(&beginning).count(), 1, "{name}");
    }
    let is_comment = |line: &str| line.starts_with("//") || line.starts_with("/*");
    assert_eq!(script.lines().filter(|line| is_comment(line)).count(), 0);
}

#[tokio::test]
async fn each_view_of_the_shop_has_a_path_of_its_own() {
    let site = Site::open().await;
    let shop = site.get("/wallet", &[]).await;
    for path in [
        "/e/hall/line",
        "/e/hall/shop/2026-12-24T19%3A00",
        "/tickets",
        "/tickets/AaH41GOOfyqRxNB75hWKRAHI_zBtYXJ1LXRyaW8",
    ] {
        let sent = site.get(path, &[]).await;
        assert_eq!((sent.status, &sent.body), (200, &shop.body), "{path}");
        assert_eq!(sent.header("etag"), shop.header("etag"), "{path}");
        let policy = "content-security-policy";
        assert_eq!(sent.header(policy), shop.header(policy), "{path}");
    }
    // Other paths are unknown, which a page says to a browser.
    for path in ["/ee", "/e2/hall", "/ticket", "/events/hall/photos"] {
        let sent = site.get(path, &[]).await;
        let kind = sent.header("content-type");
        assert_eq!((sent.status, kind), (404, "application/problem+json"));
        let accepted = "text/html,application/xhtml+xml";
        let sent = site.get(path, &[(ACCEPT.as_str(), accepted)]).await;
        assert_eq!((sent.status, &sent.body), (404, &shop.body), "{path}");
        assert_eq!(sent.header("cache-control"), "no-store");
    }
}

/// The directives of a content security policy.
fn directives(policy: &str) -> BTreeMap<&str, &str> {
    policy
        .split(';')
        .filter_map(|directive| directive.trim().split_once(' '))
        .collect()
}

#[tokio::test]
async fn the_content_security_policy_allows_this_origin_only() {
    let site = Site::open().await;
    for (path, sent) in site.everything().await {
        let policy = directives(sent.header("content-security-policy"));
        for name in ["base-uri", "form-action", "frame-ancestors"] {
            assert_eq!(policy[name], "'none'", "{path}");
        }
        assert_eq!(policy["connect-src"], "'self'", "{path}");
        assert_eq!(sent.header("x-content-type-options"), "nosniff");
        assert_eq!(sent.header("referrer-policy"), "no-referrer");
        if path == "/" {
            continue;
        }
        assert_eq!(policy["default-src"], "'self'", "{path}");
        assert_eq!(policy["object-src"], "'none'", "{path}");
        assert_eq!(policy["script-src"], "'self'", "{path}");
        assert_eq!(policy["style-src"], "'self'", "{path}");
    }
    for (name, text) in web() {
        for inline in [" style=", " onclick=", "javascript:"] {
            assert!(!text.contains(inline), "{name}: {inline}");
        }
        for unsafe_call in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
        ] {
            assert!(!text.contains(unsafe_call), "{name}: {unsafe_call}");
        }
    }
}

#[tokio::test]
async fn the_shop_may_connect_to_the_issuer_that_users_sign_in_with_and_to_no_other() {
    let pool = "https://cognito-idp.ap-northeast-2.amazonaws.com/ap-northeast-2_abc";
    let domain = "https://box.auth.ap-northeast-2.amazoncognito.com";
    let sign_in = SignIn::new(pool, "client", "openid,email", Some(domain)).unwrap();
    let site = Site::with(Some(sign_in)).await;
    let sent = site.get("/", &[]).await;
    let policy = directives(sent.header("content-security-policy"));
    let origins = format!("'self' https://cognito-idp.ap-northeast-2.amazonaws.com {domain}");
    assert_eq!(policy["connect-src"], origins);
    // The other pages have nothing to do with it.
    let docs = site.get("/docs", &[]).await;
    let policy = directives(docs.header("content-security-policy"));
    assert_eq!(policy["connect-src"], "'self'");
    let settings = site.get(SETTINGS, &[]).await;
    let told: Value = serde_json::from_str(&settings.text()).unwrap();
    let expected = serde_json::json!({
        "signIn": { "issuer": pool, "clientId": "client", "scope": "openid email" },
    });
    assert_eq!(told, expected);
    // A changed setting is known to all within seconds.
    assert!(settings.header("cache-control").contains("max-age=0"));
    let without = Site::open().await.get(SETTINGS, &[]).await;
    assert_eq!(without.text(), "{\"signIn\":null}");
}

/// The policy of a page of a stage whose payment provider is this one.
async fn policy_with(provider: &str, path: &str) -> String {
    let world = World::new().await;
    let request = lambda_http::http::Request::get(path);
    let variables = [(PAYMENT_PROVIDER.to_owned(), provider.to_owned())];
    let request = request
        .body(lambda_http::Body::Empty)
        .unwrap()
        .with_raw_http_path(path)
        .with_stage_variables(HashMap::from(variables));
    let response = pages::FUNCTION.answer(&world.app, request).await;
    let policy = &response.headers()["content-security-policy"];
    policy.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn only_the_view_of_a_charge_runs_the_script_of_toss_payments_and_only_if_that_is_the_provider()
 {
    const VIEW: &str = "/wallet/charges/7f6f1a4e-3d0b-4c53-9d3a-0a1b2c3d4e5f";
    let strict = policy_with("TrustCharges", "/wallet").await;
    for (provider, path) in [
        ("TrustCharges", VIEW),
        ("Stripe", VIEW),
        ("Demo", VIEW),
        ("Toss", "/wallet"),
        ("Toss", "/tickets"),
    ] {
        let policy = policy_with(provider, path).await;
        assert_eq!(policy, strict, "{provider} {path}");
    }
    let policy = policy_with("Toss", VIEW).await;
    let (policy, strict) = (directives(&policy), directives(&strict));
    let scripts = format!("{} https://js.tosspayments.com", strict["script-src"]);
    assert_eq!(policy["script-src"], scripts);
    assert_eq!(policy["connect-src"], "'self' https://*.tosspayments.com");
    assert_eq!(policy["form-action"], "https://*.tosspayments.com");
    assert_eq!(strict["form-action"], "'none'");
    assert!(!policy.contains_key("require-trusted-types-for"));
    for same in ["default-src", "style-src", "img-src", "frame-ancestors"] {
        assert_eq!(policy[same], strict[same], "{same}");
    }
}

#[tokio::test]
async fn the_shop_runs_its_own_script_only_and_makes_no_markup_of_texts() {
    let site = Site::open().await;
    let sent = site.get("/", &[]).await;
    let page = sent.text();
    let policy = directives(sent.header("content-security-policy"));
    assert_eq!(policy["default-src"], "'none'");
    let source = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    assert_eq!(policy["script-src"], scripts(&page).map(source).join(" "));
    let style = content(&page, "<style>", "</style>");
    assert_eq!(policy["style-src"], source(style));
    assert_eq!(policy["img-src"], "'self' data:");
    assert_eq!(policy["require-trusted-types-for"], "'script'");
    // The one policy makes the address of the service worker.
    assert_eq!(policy["trusted-types"], "service-worker");
    assert_eq!(policy["worker-src"], "'self'");
    let files = web();
    let made = files
        .iter()
        .map(|(_, text)| text.matches("createPolicy(").count());
    assert_eq!(made.sum::<usize>(), 1);
}

#[tokio::test]
async fn the_service_worker_is_of_the_pages_version_and_is_never_kept_for_long() {
    let site = Site::open().await;
    let shop = site.get("/tickets", &[]).await;
    // The page that the worker keeps is shown at every path.
    assert!(!shop.text().contains("id=\"answer\""));
    let sent = site.get("/sw.js", &[]).await;
    assert_eq!(sent.status, 200);
    assert_eq!(
        sent.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    let kept = "public, max-age=0, s-maxage=5, must-revalidate";
    assert_eq!(sent.header("cache-control"), kept);
    let version = shop
        .header("etag")
        .trim_start_matches("W/")
        .trim_matches('"');
    let name = format!("\"shop-{version}\"");
    assert_eq!(sent.text().matches(&name).count(), 1);
}

#[test]
fn no_file_refers_to_another_origin() {
    for (name, text) in web() {
        // The name of the SVG namespace, which is never fetched.
        let text = text.replace("\"http://www.w3.org/2000/svg\"", "");
        // A link for users to follow. The page itself loads nothing from there.
        let text = text.replace("`https://www.openstreetmap.org/search?query=", "");
        // Only the view of a charge loads it, and only if Toss Payments is the provider.
        let text = match name.as_str() {
            "checkouts.js" => text.replace("\"https://js.tosspayments.com/v2/standard\"", ""),
            _ => text,
        };
        assert!(!text.contains("://"), "{name}");
        for start in ["\"//", "'//", "url(//", "`//"] {
            assert!(!text.contains(start), "{name}: {start}");
        }
    }
}

fn words(language: &str) -> Map<String, Value> {
    let text = source(&format!("words.{language}.js"));
    let json = text
        .trim()
        .strip_prefix(&format!("export const {} = ", language.to_uppercase()))
        .and_then(|rest| rest.strip_suffix(';'))
        .unwrap();
    match serde_json::from_str(json).unwrap() {
        Value::Object(words) => words,
        other => panic!("{other}"),
    }
}

/// The placeholders in braces.
fn placeholders(form: &str) -> BTreeSet<&str> {
    form.split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .collect()
}

/// The forms of an entry by their plural category; an entry without categories is `other`.
fn forms(entry: &Value) -> BTreeMap<&str, &str> {
    match entry {
        Value::String(form) => BTreeMap::from([("other", form.as_str())]),
        Value::Object(forms) => forms
            .iter()
            .map(|(category, form)| (category.as_str(), form.as_str().unwrap()))
            .collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn both_languages_have_every_text() {
    let (english, korean) = (words("en"), words("ko"));
    let keys = |words: &Map<String, Value>| words.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&english), keys(&korean));
    for (key, entry) in &english {
        let (here, there) = (forms(entry), forms(&korean[key]));
        for form in here.values().chain(there.values()) {
            assert!(!form.trim().is_empty(), "{key}");
        }
        assert_eq!(
            placeholders(here["other"]),
            placeholders(there["other"]),
            "{key}"
        );
        // English has two forms if it has several, and Korean has one.
        assert!(here.len() == 1 || here.contains_key("one"), "{key}");
        assert_eq!(there.len(), 1, "{key}");
        // A Korean text contains Korean, unless it consists of placeholders only.
        let is_korean = |letter: char| ('가'..='힣').contains(&letter);
        let is_bare = there["other"]
            .split(['{', '}'])
            .step_by(2)
            .all(|between| !between.contains(char::is_alphanumeric));
        assert!(is_bare || there["other"].contains(is_korean), "{key}");
    }
}

#[test]
fn every_refusal_has_a_text_that_says_what_to_do_next() {
    let codes = KINDS.iter().map(|kind| kind.code);
    for language in ["en", "ko"] {
        let words = words(language);
        let mut expected: BTreeSet<String> =
            codes.clone().map(|code| format!("error.{code}")).collect();
        // Errors that the page itself raises.
        let own = ["network", "sign_in", "sign_in_failed", "unexpected"];
        expected.extend(own.map(|code| format!("error.{code}")));
        let told: BTreeSet<String> = words
            .keys()
            .filter(|key| key.starts_with("error."))
            .cloned()
            .collect();
        assert_eq!(told, expected, "{language}");
        for key in &told {
            let text = words[key].as_str().unwrap();
            // What happened, and what to do: more than one clause.
            let clauses = text.matches(['.', ':', ';', '!', ',']).count();
            assert!(clauses >= 2, "{language} {key}: {text}");
        }
    }
}

#[test]
fn the_pages_use_every_defined_text_and_no_others() {
    let words = words("en");
    let texts: Vec<String> = web()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("words."))
        .map(|(_, text)| text)
        .collect();
    let all = texts.concat();
    for key in quoted(&all, "data-t=\"")
        .into_iter()
        .chain(quoted(&all, "data-label=\""))
    {
        assert!(words.contains_key(key), "{key}");
    }
    // Every string in a module that looks like a key of one of the groups is a key.
    let groups: HashSet<_> = words
        .keys()
        .filter_map(|key| key.split_once('.'))
        .map(|(group, _)| group)
        .collect();
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    for literal in all.split('"') {
        let Some((group, name)) = literal.split_once('.') else {
            continue;
        };
        assert!(
            !groups.contains(group) || !is_name(name) || words.contains_key(literal),
            "{literal}"
        );
    }
    for (at, call) in all.match_indices("t(\"") {
        let is_own = all[..at].ends_with(|c: char| !c.is_alphanumeric() && c != '.');
        let key = all[at + call.len()..].split('"').next().unwrap();
        assert!(!is_own || words.contains_key(key), "{key}");
    }
    // Keys that are composed at run time.
    let made = [
        "account.",
        "error.",
        "state.",
        "seat.",
        "seats.",
        "reservation.",
        "ledger.",
        "draw.step",
        "network.",
        "pay.step_",
        "refund.to_",
        "withdrawal.",
    ];
    for key in words.keys() {
        let used = all.contains(&format!("\"{key}\"")) || made.iter().any(|m| key.starts_with(m));
        assert!(used, "nobody says {key}");
    }
}

/// A tag of the page: its name and attributes.
#[derive(Debug)]
struct Tag {
    name: String,
    attributes: String,
    closes: bool,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        quoted(&self.attributes, &format!(" {name}=\""))
            .first()
            .copied()
    }
}

fn tags(html: &str) -> Vec<Tag> {
    html.split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>'))
        .map(|(tag, _)| {
            let closes = tag.starts_with('/');
            let tag = tag.trim_start_matches('/');
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            Tag {
                name: name.to_owned(),
                attributes: format!(" {attributes}"),
                closes,
            }
        })
        .collect()
}

#[tokio::test]
async fn the_page_is_well_formed_and_readable_by_screen_readers() {
    let site = Site::open().await;
    let page = site.get("/", &[]).await.text();
    assert!(page.starts_with("<!doctype html>"));
    // The scripts and the style sheet contain no tags.
    let [first, later] = scripts(&page);
    let page = page.replace(first, "").replace(later, "");
    let style = content(&page, "<style>", "</style>");
    let tags = tags(&page.replace(style, ""));
    // Every element is closed, in order.
    let mut open: Vec<&str> = Vec::new();
    for tag in &tags {
        let is_void = ["meta", "link", "!doctype"].contains(&tag.name.as_str());
        if tag.closes {
            assert_eq!(open.pop(), Some(tag.name.as_str()));
        } else if !is_void && !tag.attributes.ends_with('/') {
            open.push(&tag.name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let all = |name: &str| {
        let opening = tags.iter().filter(|tag| !tag.closes && tag.name == name);
        opening.collect::<Vec<_>>()
    };
    assert_eq!(all("html")[0].attribute("lang"), Some("en"));
    assert_eq!(all("title").len(), 1);
    for landmark in ["header", "nav", "main", "footer"] {
        assert_eq!(all(landmark).len(), 1, "{landmark}");
    }
    assert!(all("nav")[0].attribute("aria-label").is_some());
    for button in all("button") {
        // The text of the last one says what it does.
        let is_named = button.attribute("aria-label").is_some()
            || button.attribute("lang").is_some()
            || button.attribute("id") == Some("account");
        assert!(is_named, "{button:?}");
        assert_eq!(button.attribute("type"), Some("button"));
    }
    for picture in all("svg") {
        assert_eq!(picture.attribute("aria-hidden"), Some("true"));
    }
    let viewport = all("meta")
        .into_iter()
        .find(|meta| meta.attribute("name") == Some("viewport"))
        .unwrap();
    let content = viewport.attribute("content").unwrap();
    assert!(content.contains("width=device-width"));
    assert!(!content.contains("user-scalable") && !content.contains("maximum-scale"));
    // Position and countdown are announced, and a link skips the menu.
    assert!(page.contains("aria-live=\"polite\"") && page.contains("role=\"alert\""));
    assert!(page.contains("href=\"#main\""));
    let ids: Vec<_> = tags.iter().filter_map(|tag| tag.attribute("id")).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    for element in quoted(&source("app.js"), "getElementById(\"") {
        assert!(ids.contains(&element), "{element}");
    }
}

#[test]
fn the_style_covers_dark_mode_forced_colours_print_focus_and_reduced_motion() {
    let style = source("style.css");
    for query in [
        "prefers-color-scheme: dark",
        "prefers-reduced-motion: reduce",
        "forced-colors: active",
        "@media print",
        ":focus-visible",
    ] {
        assert!(style.contains(query), "{query}");
    }
    assert_eq!(style.matches('{').count(), style.matches('}').count());
}

/// The relative luminance of `#rrggbb`.
fn luminance(colour: &str) -> f64 {
    let channel = |from: usize| {
        let value = u8::from_str_radix(&colour[from..from + 2], 16).unwrap();
        let share = f64::from(value) / 255.0;
        if share <= 0.03928 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn colours_have_enough_contrast_in_light_and_dark_mode() {
    let style = source("style.css");
    let (day, night) = style
        .split_once("@media (prefers-color-scheme: dark)")
        .unwrap();
    let colours = |text: &str| -> BTreeMap<String, String> {
        text.split("--")
            .skip(1)
            .filter_map(|declaration| declaration.split(';').next()?.split_once(": "))
            .filter(|(_, value)| value.starts_with('#') && value.len() == 7)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let night = night.split("\n}").next().unwrap();
    for (scheme, colours) in [("day", colours(day)), ("night", colours(night))] {
        let contrast = |a: &str, b: &str| {
            let (a, b) = (luminance(&colours[a]), luminance(&colours[b]));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        // WCAG 2.2 AA: 4.5 for text, 3 for the parts of a control.
        for (ink, ground, least) in [
            ("ink", "ground", 7.0),
            ("ink", "surface", 7.0),
            ("ink", "wash", 7.0),
            ("soft", "ground", 4.5),
            ("soft", "surface", 4.5),
            ("soft", "wash", 4.5),
            ("accent", "ground", 4.5),
            ("accent", "surface", 4.5),
            ("on-accent", "accent", 4.5),
            ("on-accent", "accent-hover", 4.5),
            ("good", "surface", 4.5),
            ("bad", "surface", 4.5),
            ("bad", "bad-wash", 4.5),
            ("ink", "bad-wash", 4.5),
            ("ink", "good-wash", 4.5),
            ("warn", "warn-wash", 4.5),
            ("warn", "raised", 4.5),
            ("strong-line", "surface", 3.0),
            ("focus", "ground", 3.0),
            ("tint-0", "surface", 4.5),
            ("tint-1", "surface", 4.5),
            ("tint-2", "surface", 4.5),
            ("tint-3", "surface", 4.5),
            ("tint-4", "surface", 4.5),
            ("tint-5", "surface", 4.5),
        ] {
            let found = contrast(ink, ground);
            assert!(found >= least, "{scheme}: {ink} on {ground} is {found:.2}");
        }
    }
}
