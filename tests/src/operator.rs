//! `boxoffice audit`, `report` and `keys rotate` against a running server, as an operator runs them.

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::access_keys::AccessKeys;
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
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("date,section,price,total,sold,held,available,revenue")
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
    let nowhere = run(&[&["report", "nowhere"], &at[..]].concat()).await;
    assert_eq!(nowhere.status.code(), Some(3));
    assert!(text(&nowhere.stderr).contains("there is no event nowhere"));
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
