//! Rules for every endpoint: syntax, headers, limits, order of refusals.

use serde_json::{Value, json};
use shared::http::encode_cursor;
use shared::http::problem::KINDS;

use crate::world::{Buyer, DATE, EVENT, World, festival};

fn bearer(buyer: &Buyer) -> String {
    format!("Bearer {}", buyer.token)
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[tokio::test]
async fn paths_are_exact_and_a_wrong_method_is_answered_with_the_allowed_ones() {
    let world = World::new().await;
    for path in ["/events/", "/event", "/events/a/b/c", "/docs/"] {
        world.get(path, "").await.is_problem(404, "route_not_found");
    }
    for method in ["PUT", "POST", "PATCH"] {
        let reply = world.send(method, "/events", &[], None).await;
        reply.is_problem(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), "GET, HEAD");
    }
    let path = format!("/events/{EVENT}/tokens/me");
    let reply = world.send("PUT", &path, &[], None).await;
    assert_eq!(reply.header("allow"), "DELETE, GET, HEAD");
}

#[tokio::test]
async fn a_body_is_json_of_at_most_sixteen_kibibytes_and_its_media_type_may_have_parameters() {
    let world = World::new().await;
    let path = format!("/events/{EVENT}/tokens");
    let body = r#"{"userId":"4f2504e0-4f89-41d3-9a0c-0305e82c3301"}"#;
    for media_type in ["text/plain", "application/jsonx", ""] {
        let headers = [("content-type", media_type)];
        let reply = world.send("POST", &path, &headers, Some(body)).await;
        reply.is_problem(415, "unsupported_media_type");
    }
    world
        .send("POST", &path, &[], Some(body))
        .await
        .is_problem(415, "unsupported_media_type");
    let json = [("content-type", "Application/JSON; charset=utf-8")];
    assert_eq!(
        world.send("POST", &path, &json, Some(body)).await.status,
        201
    );
    let large = format!(r#"{{"userId":"{}"}}"#, "x".repeat(16 * 1024));
    let reply = world.send("POST", &path, &json, Some(&large)).await;
    reply.is_problem(413, "body_too_large");
    for nothing in [None, Some(""), Some("{}"), Some(" {} ")] {
        let reply = world.send("POST", &path, &[], nothing).await;
        assert_eq!(reply.status, 201, "{nothing:?}: {reply:?}");
    }
}

#[tokio::test]
async fn errors_of_a_request_are_reported_by_field() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let tokens = format!("/events/{EVENT}/tokens");
    for (body, field) in [
        (json!({"userId": "me"}), "userId"),
        (json!({"userId": 7}), "userId"),
        (json!({"userId": null}), "userId"),
        (json!({"user": "me"}), "user"),
        (json!([]), "body"),
    ] {
        let reply = world.post(&tokens, "", body).await;
        reply.is_problem(400, "invalid_request");
        assert_eq!(reply.wrong_fields(), [field]);
    }
    let holds = format!("/events/{EVENT}/holds");
    for (body, fields) in [
        (json!({"seatNumber": 1}), vec!["date"]),
        (json!({"date": DATE}), vec!["seatNumber"]),
        (
            json!({"date": "24.12.", "seatNumber": 0, "row": 1}),
            vec!["date", "seatNumber", "row"],
        ),
        (
            json!({"date": DATE, "seatNumbers": []}),
            vec!["seatNumbers"],
        ),
        (
            json!({"date": DATE, "seatNumbers": [1, 1]}),
            vec!["seatNumbers"],
        ),
        (
            json!({"date": DATE, "seatNumber": 1, "seatNumbers": [2]}),
            vec!["seatNumbers"],
        ),
    ] {
        let reply = world.post(&holds, &buyer.token, body).await;
        reply.is_problem(400, "invalid_request");
        assert_eq!(reply.wrong_fields(), fields);
    }
    let not_json = [
        ("content-type", "application/json"),
        ("authorization", &bearer(&buyer)),
    ];
    let reply = world.send("POST", &holds, &not_json, Some("{")).await;
    assert_eq!(reply.wrong_fields(), ["body"]);
}

#[tokio::test]
async fn malformed_ids_and_known_query_parameters_are_named_and_unknown_ones_ignored() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let seats = format!("/events/{EVENT}/dates/{DATE}/seats");
    let dates = format!("/events/{EVENT}/dates");
    for (path, field) in [
        ("/events/Winter".to_owned(), "path:eventId"),
        ("/events/Winter/queue".to_owned(), "path:eventId"),
        ("/users/me/wallet".to_owned(), "path:userId"),
        (format!("/events/{EVENT}/dates/tomorrow/seats"), "path:date"),
        (format!("{seats}?limit=0"), "query:limit"),
        (format!("{seats}?limit=1001"), "query:limit"),
        (format!("{seats}?status=free"), "query:status"),
        (format!("{seats}?cursor=!"), "query:cursor"),
        (format!("{seats}?section=Z"), "query:section"),
        (format!("{dates}?from=soon"), "query:from"),
        (format!("{dates}?soldOut=yes"), "query:soldOut"),
        (
            format!("/users/{}/reservations?status=LOST", buyer.user_id),
            "query:status",
        ),
        (
            format!("/users/{}/reservations?limit=101", buyer.user_id),
            "query:limit",
        ),
    ] {
        let reply = world.get(&path, &buyer.token).await;
        reply.is_problem(400, "invalid_request");
        assert_eq!(reply.wrong_fields(), [field], "{path}");
    }
    let reply = world
        .get(&format!("{dates}?colour=blue"), &buyer.token)
        .await;
    assert_eq!(reply.status, 200);
    let reply = world.get("/reservations/nothing", &buyer.token).await;
    reply.is_problem(404, "reservation_not_found");
}

#[tokio::test]
async fn a_percent_encoded_segment_is_the_same_as_a_plain_one() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let plain = world
        .get(&format!("/events/{EVENT}/dates/{DATE}/seats"), &buyer.token)
        .await;
    let path = "/events/winter%2Dlive/dates/2026%2D12-24/seats";
    let encoded = world.get(path, &buyer.token).await;
    assert_eq!((encoded.status, encoded.body), (200, plain.body));
}

// C5
#[tokio::test]
async fn requests_that_need_a_token_say_so_when_it_is_missing() {
    let world = World::new().await;
    let paths = [
        ("GET", format!("/events/{EVENT}/tokens/me")),
        ("GET", format!("/events/{EVENT}/dates")),
        ("POST", format!("/events/{EVENT}/holds")),
        ("GET", "/reservations/x".to_owned()),
        ("GET", "/users/x/wallet".to_owned()),
    ];
    for (method, path) in paths {
        let reply = world.send(method, &path, &[], None).await;
        reply.is_problem(401, "token_missing");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        assert!(reply.text_of("detail").contains("/tokens"));
        let basic = [("authorization", "Basic eDp5")];
        let reply = world.send(method, &path, &basic, None).await;
        reply.is_problem(401, "token_missing");
        let forged = [("authorization", "Bearer a.b.c")];
        let reply = world.send(method, &path, &forged, None).await;
        reply.is_problem(401, "token_invalid");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn the_first_refusal_in_the_documented_order_is_returned() {
    let world = World::new().await;
    world.add(festival()).await;
    let buyer = world.joins(EVENT).await;
    let holds = format!("/events/{EVENT}/holds");
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(17_000));
    let media = [("content-type", "text/plain")];
    let json_type = [("content-type", "application/json")];
    // The media type before the size, the size before the token, the token before the fields.
    world
        .send("POST", &holds, &media, Some(&large))
        .await
        .is_problem(415, "unsupported_media_type");
    world
        .send("POST", &holds, &json_type, Some(&large))
        .await
        .is_problem(413, "body_too_large");
    world
        .send("POST", &holds, &json_type, Some("[]"))
        .await
        .is_problem(401, "token_missing");
    // An unknown route or method comes before the body.
    world
        .send("POST", "/nowhere", &media, Some(&large))
        .await
        .is_problem(404, "route_not_found");
    world
        .send("POST", "/events", &media, Some(&large))
        .await
        .is_problem(405, "method_not_allowed");
    // The fields come before the ownership.
    let other = uuid::Uuid::new_v4();
    let charges = format!("/users/{other}/wallet/charges");
    world
        .post(&charges, &buyer.token, json!({"amount": 0}))
        .await
        .is_problem(400, "invalid_request");
    // A token of another event comes before anything about that event.
    let body = json!({"date": "1999-01-01", "seatNumber": 99});
    let reply = world
        .post("/events/summer-festival/holds", &buyer.token, body.clone())
        .await;
    reply.is_problem(401, "token_invalid");
    let visitor = world.joins("summer-festival").await;
    let reply = world
        .post(
            "/events/summer-festival/holds",
            &visitor.token,
            body.clone(),
        )
        .await;
    reply.is_problem(409, "wrong_admission");
    // The end of the turn comes before errors of the date.
    world.leave(&buyer).await;
    world
        .post(&holds, &buyer.token, body.clone())
        .await
        .is_problem(410, "turn_over");
    let buyer = world.joins(EVENT).await;
    world
        .post(&holds, &buyer.token, body)
        .await
        .is_problem(404, "date_not_found");
    let body = json!({"date": DATE, "seatNumbers": [51, 52]});
    let reply = world.post(&holds, &buyer.token, body).await;
    reply.is_problem(404, "seat_not_found");
    assert_eq!(reply.body["seatNumber"], 51);
    let body = json!({"date": DATE, "seatNumbers": [1, 2]});
    world
        .post(&holds, &buyer.token, body)
        .await
        .is_problem(422, "limit_exceeded");
}

#[tokio::test]
async fn unknown_events_are_not_found() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/events/other"),
        ("GET", "/events/other/queue"),
        ("POST", "/events/other/tokens"),
    ] {
        world
            .send(method, path, &[], None)
            .await
            .is_problem(404, "event_not_found");
    }
}

#[tokio::test]
async fn only_public_answers_are_cacheable_and_no_field_is_null() {
    let world = World::new().await;
    let buyer = world.joins_with(80_000).await;
    let held = world.hold(&buyer, 7).await;
    let id = held.text_of("reservationId").to_owned();
    let paid = world.pay(&buyer, &id).await;
    assert_eq!(paid.header("location"), format!("/reservations/{id}"));
    let user = &buyer.user_id;
    let mut private = vec![buyer.joined.clone(), held.clone(), paid];
    for path in [
        format!("/events/{EVENT}/tokens/me"),
        format!("/reservations/{id}"),
        format!("/users/{user}/reservations"),
        format!("/users/{user}/wallet"),
    ] {
        private.push(world.get(&path, &buyer.token).await);
    }
    for reply in &private {
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("content-type"), "application/json");
        assert!(!has_null(&reply.body), "{reply:?}");
    }
    for path in [
        "/events".to_owned(),
        format!("/events/{EVENT}"),
        format!("/events/{EVENT}/queue"),
    ] {
        let reply = world.get(&path, "").await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.header("cache-control"),
            "public, max-age=1, stale-if-error=0"
        );
        assert!(!has_null(&reply.body), "{reply:?}");
    }
    // RFC 3339 in UTC, with milliseconds.
    let until = held.text_of("heldUntil");
    assert_eq!(until, "2026-11-20T10:05:00.000Z");
}

#[test]
fn every_code_has_one_status_and_one_title() {
    let mut codes: Vec<_> = KINDS.iter().map(|kind| kind.code).collect();
    assert_eq!(codes.len(), 43);
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), 43);
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let wallet = format!("/users/{}/wallet", buyer.user_id);
    let event = format!("/events/{EVENT}");
    for path in [
        "/events",
        &event,
        &wallet,
        "/",
        "/docs",
        "/openapi.json",
        "/nowhere",
    ] {
        let get = world.get(path, &buyer.token).await;
        let head = world.call("HEAD", path, &buyer.token, None).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.text, "", "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert_eq!(head.header("cache-control"), get.header("cache-control"));
        assert_eq!(head.header("content-length"), get.text.len().to_string());
    }
    let tokens = format!("/events/{EVENT}/tokens");
    let head = world.send("HEAD", &tokens, &[], None).await;
    assert_eq!((head.status, head.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn every_response_forbids_browsers_to_guess_its_type() {
    let world = World::new().await;
    for path in ["/events", "/nowhere", "/", "/openapi.json"] {
        let reply = world.get(path, "").await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_as_a_media_type() {
    let world = World::new().await;
    let path = format!("/events/{EVENT}/tokens");
    let body = r#"{"userId":"4f2504e0-4f89-41d3-9a0c-0305e82c3301"}"#;
    let headers = |coding| {
        [
            ("content-type", "application/json"),
            ("content-encoding", coding),
        ]
    };
    for coding in ["gzip", "br", "identity, gzip"] {
        world
            .send("POST", &path, &headers(coding), Some(body))
            .await
            .is_problem(415, "unsupported_media_type");
    }
    let plain = headers("identity");
    let plain = world.send("POST", &path, &plain, Some(body)).await;
    assert_eq!(plain.status, 201);
}

#[tokio::test]
async fn a_field_that_is_there_twice_is_refused() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let bearer = format!("Bearer {}", buyer.token);
    let headers = [
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
        ("idempotency-key", "first"),
    ];
    let path = format!("/users/{}/wallet/charges", buyer.user_id);
    let body = r#"{"amount":1,"amount":1000000}"#;
    let reply = world.send("POST", &path, &headers, Some(body)).await;
    reply.is_problem(400, "invalid_request");
    assert_eq!(reply.wrong_fields(), ["amount"]);
    assert_eq!(world.balance(&buyer).await, 0);
}

#[tokio::test]
async fn a_forged_cursor_is_refused_whatever_its_length() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let user = format!("/users/{}", buyer.user_id);
    for length in [0, 1, 100, 2_000] {
        let forged = encode_cursor(&(1_795_176_000_000_i64, "x".repeat(length)));
        for list in ["reservations", "wallet/ledger"] {
            let path = format!("{user}/{list}?cursor={forged}");
            let reply = world.get(&path, &buyer.token).await;
            reply.is_problem(400, "invalid_request");
            assert_eq!(reply.wrong_fields(), ["query:cursor"]);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_a_bad_request() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let app = world.app.clone();
    let server = tokio::spawn(boxoffice::gateway::serve(
        listener,
        app,
        None,
        None,
        async {
            let _ = stopped.await;
        },
    ));
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /events/{EVENT}/tokens HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/json\r\nContent-Length: 60\r\n\r\n{{\"userId\":"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("\"invalid_request\""), "{answer}");
    drop(stop);
    server.await.unwrap().unwrap();
}
