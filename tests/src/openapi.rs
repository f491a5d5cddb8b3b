//! The API document matches the code: `infra/openapi.yaml`, and the responses of all other tests.

use std::collections::BTreeSet;
use std::path::Path;

use lambda_http::http::HeaderMap;
use shared::http::problem::KINDS;
use shared::openapi::Operation;

use crate::contract;

/// The document in the repository.
const PLACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/openapi.yaml");

const HEAD: &str = "\
# The API, as the code says it: made from the functions, their types and the table of problems. Do not edit it; after a
# change of the code: BOXOFFICE_WRITE=1 cargo test -p tests openapi
";

#[test]
fn the_openapi_document_in_the_repository_matches_the_code() {
    let document = serde_saphyr::to_string(&contract::document()).unwrap();
    let expected = format!("{HEAD}{document}");
    if std::env::var_os("BOXOFFICE_WRITE").is_some() {
        std::fs::write(PLACE, &expected).unwrap();
    }
    let found = std::fs::read_to_string(Path::new(PLACE)).unwrap();
    assert!(
        found == expected,
        "infra/openapi.yaml is old: BOXOFFICE_WRITE=1 cargo test -p tests openapi"
    );
}

#[test]
fn code_template_and_document_name_the_same_routes() {
    let described: BTreeSet<_> = contract::operations()
        .iter()
        .map(|operation| (operation.function, operation.method, operation.path))
        .collect();
    let routed: BTreeSet<_> = pages::ROUTES
        .iter()
        // HEAD is where GET is. Pages and pictures are no part of the API.
        .filter(|route| {
            !matches!(route.function, "get-image" | "pages" | "shop-page") && route.method != "HEAD"
        })
        .map(|route| (route.function, route.method, route.path))
        .collect();
    assert_eq!(described, routed);
}

#[test]
fn the_openapi_document_has_every_code_where_it_can_occur() {
    let described: BTreeSet<_> = contract::operations()
        .iter()
        .flat_map(Operation::errors)
        .map(|kind| kind.code)
        .collect();
    // Responses outside of any operation.
    let elsewhere = BTreeSet::from(["method_not_allowed", "route_not_found"]);
    assert!(described.is_disjoint(&elsewhere));
    let all: BTreeSet<_> = KINDS.iter().map(|kind| kind.code).collect();
    assert_eq!(&described | &elsewhere, all);
}

/// Other tests rely on this check, so this test checks that it finds violations.
#[test]
fn an_answer_that_breaks_the_openapi_document_is_detected() {
    let own = r#"{"userId":"0c0189ef-94ac-4db1-a220-ff8f573e1f55","balance":1,"withdrawable":0,"currency":"KRW","charging":"trusted"}"#;
    let problem = r#"{"type":"/docs/errors#not_yours","title":"T","status":403,"detail":"D","code":"not_yours"}"#;
    let json = "application/json";
    let problem_json = "application/problem+json";
    assert_eq!(complaint(200, "no-store", json, own), None);
    assert_eq!(complaint(403, "no-store", problem_json, problem), None);
    for (status, cache, media_type, body, expected) in [
        (201, "no-store", json, own, "never answers 201"),
        (
            200,
            "public, max-age=1, stale-if-error=0",
            json,
            own,
            "cache-control",
        ),
        (200, "no-store", "text/plain", own, "text/plain"),
        (200, "no-store", json, "{}", "required"),
        (
            200,
            "no-store",
            json,
            &own.replace("KRW", "won"),
            "/currency",
        ),
        (
            200,
            "no-store",
            json,
            &own.replace(":1,", ":null,"),
            "/balance",
        ),
        (
            200,
            "no-store",
            json,
            &own.replace('}', ",\"more\":1}"),
            "more",
        ),
        (403, "no-store", json, problem, "application/json"),
        (
            403,
            "no-store",
            problem_json,
            &problem.replace("not_yours", "sold_out"),
            "/code",
        ),
        (
            403,
            "no-store",
            problem_json,
            &problem.replace("403", "404"),
            "/status",
        ),
    ] {
        let found = complaint(status, cache, media_type, body).unwrap_or_default();
        assert!(found.contains(expected), "{body}: {found}");
    }
}

fn complaint(status: u16, cache: &str, media_type: &str, body: &str) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.insert("cache-control", cache.parse().unwrap());
    headers.insert("content-type", media_type.parse().unwrap());
    contract::complaint("balance", status, &headers, body)
}
