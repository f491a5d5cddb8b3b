//! `boxoffice audit`, `report` and `keys rotate` against a running server, as an operator runs them.

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::access_keys::AccessKeys;
use boxoffice::http_server::HttpServer;
use domain::clock::{Clock, ManualClock};
use serde_json::{Value, json};

use crate::serve::{Server, run, something_on_sale};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A new user buys the seat. Returns user, token and reservation.
async fn bought(server: &Server, event: &str, date: &str, seat: u32) -> (String, String, String) {
    let path = format!("/events/{event}/tokens");
    let (_, joined) = server.call("POST", &path, "", json!({})).await.unwrap();
    let token = joined["token"].as_str().unwrap().to_owned();
    let user = joined["userId"].as_str().unwrap().to_owned();
    let path = format!("/users/{user}/wallet/charges");
    let body = json!({"amount": 1_000_000});
    server.call("POST", &path, &token, body).await.unwrap();
    let path = format!("/events/{event}/holds");
    let body = json!({"date": date, "seatNumber": seat});
    let (status, held) = server.call("POST", &path, &token, body).await.unwrap();
    assert_eq!(status, 201, "{held}");
    let id = held["reservationId"].as_str().unwrap().to_owned();
    let path = format!("/reservations/{id}/payment");
    let (status, paid) = server.call("POST", &path, &token, json!({})).await.unwrap();
    assert_eq!(status, 201, "{paid}");
    (user, token, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_audits_a_running_server_and_sees_the_broken_item() {
    let server = Server::start(&["--in-memory"]).await;
    let (event, date) = something_on_sale(&server).await;
    let (user, ..) = bought(&server, &event, &date, 1).await;
    let at = ["--endpoint-url", server.dynamodb.as_str()];
    let fine = run(&[&["audit"], &at[..]].concat()).await;
    assert_eq!(fine.status.code(), Some(0), "{}", text(&fine.stdout));
    assert!(text(&fine.stdout).contains("all invariants hold"));
    // Without a terminal there is no progress bar.
    assert_eq!(text(&fine.stderr), "");

    // An edit of the table by hand.
    let keys = AccessKeys::read(&server.keys).unwrap();
    let connection = boxoffice::table_options::local_connection(&server.dynamodb, keys.as_ref());
    let text_of = |text: &str| AttributeValue::S(text.to_owned());
    shared::store::connect(connection)
        .update_item()
        .table_name("boxoffice")
        .key("pk", text_of(&format!("WALLET#{user}")))
        .key("sk", text_of("BALANCE"))
        .update_expression("ADD balance :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
    let broken = run(&[&["audit"], &at[..]].concat()).await;
    assert_eq!(broken.status.code(), Some(1));
    let line = format!("2 WALLET#{user} BALANCE: expected the sum of its ledger");
    let said = text(&broken.stdout);
    assert!(said.starts_with(&line), "{said}");
    assert!(said.ends_with("1 is broken\n"), "{said}");
    let broken = run(&[&["audit", "--json"], &at[..]].concat()).await;
    let said: Value = serde_json::from_slice(&broken.stdout).unwrap();
    assert_eq!(said["broken"][0]["invariant"], 2);
    assert_eq!(said["broken"][0]["key"], format!("WALLET#{user} BALANCE"));
    // It does not affect another event's invariants.
    let one = run(&[&["audit", &event], &at[..]].concat()).await;
    assert_eq!(one.status.code(), Some(0), "{}", text(&one.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_counts_sold_held_and_refunded_tickets() {
    let server = Server::start(&["--in-memory"]).await;
    let (event, date) = something_on_sale(&server).await;
    bought(&server, &event, &date, 1).await;
    let (_, token, id) = bought(&server, &event, &date, 2).await;
    let path = format!("/reservations/{id}");
    let (status, cancelled) = server
        .call("DELETE", &path, &token, json!({}))
        .await
        .unwrap();
    assert_eq!(status, 200, "{cancelled}");
    let at = ["--endpoint-url", server.dynamodb.as_str()];
    let report = run(&[&["report", &event, "--json"], &at[..]].concat()).await;
    assert_eq!(report.status.code(), Some(0), "{}", text(&report.stderr));
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["eventId"], event);
    let reservations = &report["reservations"];
    assert_eq!(
        (&reservations["confirmed"], &reservations["cancelled"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(report["tickets"]["sold"], 1);
    assert_eq!(report["tickets"]["revenue"], report["sections"][0]["price"]);
    assert_eq!(report["refunded"], cancelled["refunded"]);
    assert_eq!(report["queue"]["issued"], 2);

    let csv = run(&[&["report", &event, "--csv"], &at[..]].concat()).await;
    let csv = text(&csv.stdout);
    // Excel takes a file without the mark for another encoding than UTF-8.
    let csv = csv.strip_prefix('\u{feff}').unwrap();
    assert_eq!(csv.matches("\r\n").count(), csv.matches('\n').count());
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("date,section,price,total,sold,held,available,revenue,currency,blocked")
    );
    let first: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(
        (first[0], first[4], first[7]),
        (date.as_str(), "1", first[2]),
        "{csv}"
    );
    assert_eq!(
        csv.lines().count(),
        1 + report["sections"].as_array().unwrap().len()
    );

    let plain = run(&[&["report", &event], &at[..]].concat()).await;
    assert!(text(&plain.stdout).contains("1 confirmed, 0 held, 1 cancelled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_says_that_there_is_no_such_event_or_table() {
    let server = Server::start(&["--in-memory"]).await;
    let at = ["--endpoint-url", server.dynamodb.as_str()];
    for command in [
        &["report", "nowhere"][..],
        &["audit", "nowhere"],
        &["queue", "nowhere"],
        &["queue", "nowhere", "--pause"],
        &["block", "nowhere", "2026-12-24", "A", "1", "--as", "house"],
        &["unblock", "nowhere", "2026-12-24", "A", "1"],
        &["blocks", "nowhere"],
        &["verify-draw", "nowhere"],
        &["orders", "--event", "nowhere"],
        &["export", "attendees", "nowhere"],
        &["export", "sales", "nowhere"],
        &["export", "ledger", "nowhere"],
    ] {
        let ended = run(&[command, &at[..]].concat()).await;
        assert_eq!(ended.status.code(), Some(1), "{command:?}");
        let said = text(&ended.stderr);
        assert_eq!(
            said, "boxoffice: there is no event nowhere\n",
            "{command:?}"
        );
        let wrong_table = [command, &at[..], &["--table", "elsewhere"]].concat();
        let ended = run(&wrong_table).await;
        assert_eq!(ended.status.code(), Some(3), "{command:?}");
        let said = text(&ended.stderr);
        let expected = "boxoffice: there is no table elsewhere: see --table\n";
        assert_eq!(said, expected, "{command:?}");
    }
    let keys = ["keys", "rotate", "--keys-table", "elsewhere"];
    let ended = run(&[&keys[..], &at[..]].concat()).await;
    assert_eq!(ended.status.code(), Some(3));
    assert!(text(&ended.stderr).contains("elsewhere: DynamoDB has no such table"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_tells_fees_kept_fees_and_the_tax_in_what_was_received() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog.yaml");
    let yaml = "currency: KRW
events:
  - eventId: my-concert
    name: My Concert
    venue: Club
    admission: seated
    fees: {perTicket: 2000, perOrder: 1000}
    taxRatePercent: 10
    dates: [{date: 2099-12-24, startsAt: '2099-12-24T19:00:00+01:00', price: 30000}]
";
    std::fs::write(&catalog, yaml).unwrap();
    let server = Server::start(&["--in-memory", "--catalog", catalog.to_str().unwrap()]).await;
    bought(&server, "my-concert", "2099-12-24", 1).await;
    let (_, token, id) = bought(&server, "my-concert", "2099-12-24", 2).await;
    let path = format!("/reservations/{id}");
    let cancelled = server.call("DELETE", &path, &token, json!({})).await;
    assert_eq!(cancelled.unwrap().1["refunded"], 30_000);
    let at = ["--endpoint-url", server.dynamodb.as_str()];
    let report = run(&[&["report", "my-concert", "--json"], &at[..]].concat()).await;
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["tickets"]["revenue"], 30_000);
    for (name, amount) in [
        ("fees", 3_000),
        ("refunded", 30_000),
        ("keptFees", 3_000),
        ("received", 36_000),
        // 3000 of 33,000, and 273 of 3000.
        ("containedTax", 3_273),
    ] {
        assert_eq!(report[name], amount, "{name}: {report}");
    }
    let plain = run(&[&["report", "my-concert"], &at[..]].concat()).await;
    let plain = text(&plain.stdout);
    for line in [
        "fees        3000 KRW",
        "kept fees   3000 KRW",
        "tax in it   3273 KRW",
    ] {
        assert!(plain.contains(line), "{plain}");
    }
    let audit = run(&[&["audit"], &at[..]].concat()).await;
    assert_eq!(audit.status.code(), Some(0), "{}", text(&audit.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_shows_money_in_the_major_unit_of_its_currency() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog.yaml");
    let yaml = "currency: EUR
events:
  - eventId: my-concert
    name: My Concert
    venue: Club
    admission: seated
    dates: [{date: 2099-12-24, startsAt: '2099-12-24T19:00:00+01:00', price: 1250}]
";
    std::fs::write(&catalog, yaml).unwrap();
    let server = Server::start(&["--in-memory", "--catalog", catalog.to_str().unwrap()]).await;
    bought(&server, "my-concert", "2099-12-24", 1).await;
    let at = ["--endpoint-url", server.dynamodb.as_str()];
    let plain = run(&[&["report", "my-concert"], &at[..]].concat()).await;
    let plain = text(&plain.stdout);
    assert!(plain.contains("revenue     12.50 EUR\n"), "{plain}");
    let csv = run(&[&["report", "my-concert", "--csv"], &at[..]].concat()).await;
    let csv = text(&csv.stdout);
    let line = csv.lines().nth(1).unwrap();
    assert!(line.starts_with("2099-12-24,"), "{csv}");
    assert!(line.contains(",12.50,50,1,0,49,12.50,EUR"), "{csv}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_clock_follows_the_time_of_the_service() {
    let system = Clock::System.now();
    let ahead = system.plus_seconds(3_600);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = HttpServer {
        listener,
        max_connections: 4,
        clock: Clock::Manual(ManualClock::at(ahead)),
    };
    let router = axum::Router::new().fallback(async || "{}");
    tokio::spawn(service.serve(router, std::future::pending()));
    let client =
        shared::store::connect(boxoffice::table_options::local_connection(&endpoint, None));
    let (client, clock) = boxoffice::service_clock::follow(&client);
    let before = clock.now().ms_since(Clock::System.now());
    client.list_tables().send().await.unwrap();
    let after = clock.now().ms_since(ahead);
    assert_eq!(before / 1_000, 0);
    // The service's clock stands still, and this test may take a while.
    assert!((-2_000..600_000).contains(&after), "{after}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_a_retired_key_stay_valid() {
    let server = Server::start(&["--in-memory"]).await;
    let (event, _) = something_on_sale(&server).await;
    let path = format!("/events/{event}/tokens");
    let (_, joined) = server.call("POST", &path, "", json!({})).await.unwrap();
    let token = joined["token"].as_str().unwrap();
    let rotated = run(&["keys", "rotate", "--endpoint-url", &server.dynamodb]).await;
    assert_eq!(rotated.status.code(), Some(0), "{}", text(&rotated.stderr));
    let said = text(&rotated.stdout);
    assert!(
        said.contains("new key    000002") && said.contains("retired    000001"),
        "{said}"
    );
    let me = format!("/events/{event}/tokens/me");
    let (status, _) = server.call("GET", &me, token, json!({})).await.unwrap();
    assert_eq!(status, 200);
    let again = run(&["keys", "rotate", "--endpoint-url", &server.dynamodb]).await;
    assert!(text(&again.stdout).contains("new key    000003"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lowering_the_seat_limit_keeps_larger_reservations_valid() {
    let server = Server::start(&["--in-memory"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.yaml");
    let apply = async |most: u32| {
        let catalog = format!(
            "currency: KRW
events:
  - eventId: duo
    name: Duo
    venue: Hall
    admission: seated
    maxSeatsPerUser: {most}
    dates:
      - {{ date: 2099-01-01, startsAt: '2099-01-01T19:00:00+09:00', price: 1000 }}
"
        );
        std::fs::write(&file, catalog).unwrap();
        let name = file.to_str().unwrap();
        let applied = run(&["apply", name, "--endpoint-url", &server.dynamodb]).await;
        assert_eq!(applied.status.code(), Some(0), "{}", text(&applied.stderr));
    };
    apply(2).await;
    let (_, joined) = server
        .call("POST", "/events/duo/tokens", "", json!({}))
        .await
        .unwrap();
    let token = joined["token"].as_str().unwrap();
    let body = json!({"date": "2099-01-01", "seatNumbers": [1, 2]});
    let (status, held) = server
        .call("POST", "/events/duo/holds", token, body)
        .await
        .unwrap();
    assert_eq!(status, 201, "{held}");
    apply(1).await;
    apply(1).await;
    let audit = run(&["audit", "--endpoint-url", &server.dynamodb]).await;
    assert_eq!(audit.status.code(), Some(0), "{}", text(&audit.stdout));
}
