//! The operator's desk: what it shows and does, through its own API.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::serve::{Server, boxoffice, run, something_on_sale};

/// The desk's address and its key.
pub(crate) struct Page {
    address: String,
    key: String,
}

impl Page {
    pub(crate) fn at(announced: &str) -> Self {
        let (address, key) = announced.split_once("/#").expect(announced);
        Self {
            address: address.to_owned(),
            key: key.to_owned(),
        }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = reqwest::Client::new()
            .request(method.parse().unwrap(), format!("{}{path}", self.address))
            .bearer_auth(&self.key)
            .timeout(Duration::from_secs(30));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

/// A new user is admitted, holds a seat and charges the wallet. Returns the token and the reservation's id.
pub(crate) async fn hold(server: &Server, event: &str, date: &str, seat: u32) -> (String, String) {
    let path = format!("/events/{event}/tokens");
    let (_, joined) = server.call("POST", &path, "", json!({})).await.unwrap();
    let token = joined["token"].as_str().unwrap().to_owned();
    let user = joined["userId"].as_str().unwrap().to_owned();
    let body = json!({"date": date, "seatNumber": seat});
    let path = format!("/events/{event}/holds");
    let (status, held) = server.call("POST", &path, &token, body).await.unwrap();
    assert_eq!(status, 201, "{held}");
    let id = held["reservationId"].as_str().unwrap().to_owned();
    let path = format!("/users/{user}/wallet/charges");
    let body = json!({"amount": 1_000_000});
    server.call("POST", &path, &token, body).await.unwrap();
    (token, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_of_a_server_shows_queue_sales_seats_and_refusals_live() {
    let server = Server::start(&["--in-memory"]).await;
    let page = Page::at(&server.desk);
    let (event, date) = something_on_sale(&server).await;
    let (token, id) = hold(&server, &event, &date, 1).await;
    hold(&server, &event, &date, 2).await;
    let path = format!("/reservations/{id}/payment");
    let (status, paid) = server.call("POST", &path, &token, json!({})).await.unwrap();
    assert_eq!(status, 201, "{paid}");
    server.call("GET", "/events/nowhere", "", json!({})).await;

    let listed = page.get("/api/events").await;
    let events = listed["events"].as_array().unwrap();
    assert!(
        events
            .iter()
            .any(|listed| listed["eventId"] == event.as_str())
    );
    // Seat maps may be a second old.
    let mut shown = Value::Null;
    for _ in 0..600 {
        shown = page.get(&format!("/api/events/{event}")).await;
        let sales = &shown["sales"];
        if sales["sold"] == 1 && sales["held"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(shown["state"], "OPEN");
    let queue = &shown["queue"];
    assert_eq!(
        (&queue["issued"], &queue["waiting"]),
        (&json!(2), &json!(0))
    );
    // The user who paid has no session any more.
    assert_eq!(queue["inside"], 1);
    assert_eq!(queue["expected"], 0);
    let sales = &shown["sales"];
    assert_eq!((&sales["sold"], &sales["held"]), (&json!(1), &json!(1)));
    assert_eq!(sales["revenue"], paid["amount"]);

    let house = page.get(&format!("/api/events/{event}/dates/{date}")).await;
    let seats = house["sections"][0]["seats"].as_str().unwrap();
    assert!(seats.starts_with("sha"), "{seats}");
    let rows = house["sections"][0]["rows"].as_array().unwrap();
    let in_rows = rows.iter().map(|row| row["seatLabels"].as_array().unwrap());
    assert_eq!(in_rows.map(Vec::len).sum::<usize>(), seats.len());
    let refusals = page.get("/api/refusals").await;
    assert_eq!(refusals["byCode"]["event_not_found"], 1);
    assert_eq!(refusals["since"], "START");
}

/// Seats and tickets at this price.
fn priced(price: u32) -> String {
    format!(
        "currency: KRW
events:
  - eventId: seats
    name: Seats
    venue: Hall
    admission: seated
    dates:
      - {{date: 2099-01-01, startsAt: '2099-01-01T19:00:00+09:00', seats: 10, price: {price}}}
      - {{date: 2099-01-02, startsAt: '2099-01-02T19:00:00+09:00', seats: 600, price: {price}}}
  - eventId: tickets
    name: Tickets
    venue: Park
    admission: general
    totalTickets: 10
    price: {price}
    maxSeatsPerUser: 2
"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_revenue_is_what_was_paid_even_after_the_price_has_changed() {
    let server = Server::start(&["--in-memory"]).await;
    let page = Page::at(&server.desk);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.yaml");
    let apply = async |price: u32| {
        std::fs::write(&file, priced(price)).unwrap();
        let name = file.to_str().unwrap();
        let applied = run(&["apply", name, "--endpoint-url", &server.dynamodb]).await;
        let said = String::from_utf8_lossy(&applied.stderr).into_owned();
        assert_eq!(applied.status.code(), Some(0), "{said}");
    };
    let buy = async |date: &str, seat: u32| {
        let (token, id) = hold(&server, "seats", date, seat).await;
        let path = format!("/reservations/{id}/payment");
        let (status, paid) = server.call("POST", &path, &token, json!({})).await.unwrap();
        assert_eq!(status, 201, "{paid}");
    };
    let reserve = async |quantity: u32| {
        let (_, joined) = server
            .call("POST", "/events/tickets/tokens", "", json!({}))
            .await
            .unwrap();
        let token = joined["token"].as_str().unwrap().to_owned();
        let path = format!(
            "/users/{}/wallet/charges",
            joined["userId"].as_str().unwrap()
        );
        let body = json!({"amount": 100_000});
        server.call("POST", &path, &token, body).await.unwrap();
        let path = "/events/tickets/reservations";
        let body = json!({"quantity": quantity});
        let (status, reserved) = server.call("POST", path, &token, body).await.unwrap();
        assert_eq!(status, 201, "{reserved}");
        (
            token,
            reserved["reservationId"].as_str().unwrap().to_owned(),
        )
    };
    apply(1000).await;
    buy("2099-01-01", 1).await;
    buy("2099-01-02", 1).await;
    reserve(1).await;
    let (token, returned) = reserve(2).await;
    apply(9000).await;
    // A process knows the new price within two seconds.
    for (event, price) in [
        ("tickets", "/price"),
        ("seats", "/dates/0/sections/0/price"),
    ] {
        let path = format!("/events/{event}");
        for _ in 0..600 {
            let (_, shown) = server.call("GET", &path, "", json!({})).await.unwrap();
            if shown.pointer(price) == Some(&json!(9000)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    buy("2099-01-01", 2).await;
    reserve(1).await;
    // The refund is the old price.
    let path = format!("/reservations/{returned}");
    let (status, cancelled) = server
        .call("DELETE", &path, &token, json!({}))
        .await
        .unwrap();
    assert_eq!((status, &cancelled["refunded"]), (200, &json!(2000)));

    // Seat maps may be a second old.
    for (event, sold, revenue) in [("seats", 3, 11_000), ("tickets", 2, 10_000)] {
        let mut sales = Value::Null;
        for _ in 0..600 {
            sales = page.get(&format!("/api/events/{event}")).await["sales"].clone();
            if sales["sold"] == sold {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(sales["revenue"], revenue, "{event}: {sales}");
        let report = page.get(&format!("/api/events/{event}/report.json")).await;
        assert_eq!(report["tickets"]["sold"], sold, "{event}: {report}");
        assert_eq!(report["tickets"]["revenue"], revenue, "{event}: {report}");
        if event == "seats" {
            assert_eq!(sales["dates"][0]["revenue"], 10_000);
            assert_eq!(sales["dates"][1]["revenue"], 1000);
        }
    }
    let audit = run(&["audit", "--endpoint-url", &server.dynamodb]).await;
    let said = String::from_utf8_lossy(&audit.stdout).into_owned();
    assert_eq!(audit.status.code(), Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_beside_a_running_server_steers_its_queue() {
    let server = Server::start(&["--in-memory"]).await;
    let (event, _) = something_on_sale(&server).await;
    let mut desk = boxoffice(&["desk", "--port", "0", "--endpoint-url", &server.dynamodb])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(desk.stdout.take().unwrap()).lines();
    let mut line = String::new();
    while !line.starts_with("desk to decide on ") {
        let next = tokio::time::timeout(Duration::from_mins(1), lines.next_line()).await;
        line = next.expect("a line in time").unwrap().expect("a line");
    }
    let page = Page::at(line.strip_prefix("desk to decide on ").expect(&line));

    let path = format!("/api/events/{event}/queue");
    let (status, shown) = page
        .call("POST", &path, Some(json!({"action": "pause"})))
        .await;
    assert_eq!((status, &shown["state"]), (200, &json!("PAUSED")));
    let seen = run(&["queue", &event, "--endpoint-url", &server.dynamodb]).await;
    let seen = String::from_utf8(seen.stdout).unwrap();
    assert!(seen.contains("state      PAUSED"), "{seen}");
    let order = json!({"action": "resume", "maxActive": 7, "why": "the doors are open"});
    let (status, shown) = page.call("POST", &path, Some(order)).await;
    assert_eq!((status, &shown["state"]), (200, &json!("OPEN")));
    assert_eq!(shown["queue"]["maxActive"], 7);
    assert_ne!(shown["queue"]["catalogueMaxActive"], 7);
    let journal = run(&["journal", &event, "--endpoint-url", &server.dynamodb]).await;
    let journal = String::from_utf8(journal.stdout).unwrap();
    for told in ["resume sale", "set max active", "why: the doors are open"] {
        assert!(journal.contains(told), "{journal}");
    }

    for (order, status, said) in [
        (
            json!({"maxActive": 0}),
            400,
            "maxActive: must be 1 to 100000",
        ),
        (json!({"batchSize": 5}), 409, "not called in batches"),
        (
            json!({"beacon": "ab"}),
            409,
            "no random value was announced",
        ),
        (json!({"action": "pause", "why": " "}), 400, "why: must be"),
        (json!({"action": "open"}), 422, "unknown variant"),
        (json!({"actions": "pause"}), 422, "unknown field"),
    ] {
        let (answered, body) = page.call("POST", &path, Some(order)).await;
        let message = body["message"].as_str().unwrap_or_default();
        assert_eq!(answered, status, "{body}");
        assert!(message.contains(said), "{message}");
    }
    let refusals = page.get("/api/refusals").await;
    let message = refusals["message"].as_str().unwrap();
    assert!(message.contains("--metrics-namespace"), "{message}");
    desk.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_key_the_desk_refuses_every_request() {
    let server = Server::start(&["--in-memory"]).await;
    let (event, _) = something_on_sale(&server).await;
    let mut page = Page::at(&server.desk);
    assert!(page.key.len() >= 32);
    page.key = "0".repeat(page.key.len());
    for (method, path) in [
        ("GET", "/api/events".to_owned()),
        ("GET", format!("/api/events/{event}")),
        ("GET", "/api/refusals".to_owned()),
        ("POST", format!("/api/events/{event}/queue")),
    ] {
        let body = (method == "POST").then(|| json!({"action": "close"}));
        let (status, body) = page.call(method, &path, body).await;
        assert_eq!(status, 401, "{path}: {body}");
    }
    let (_, public) = server
        .call("GET", &format!("/events/{event}/queue"), "", json!({}))
        .await
        .unwrap();
    assert_eq!(public["state"], "OPEN");
}

/// A key opens what its role may do, and is told which address opens the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_of_the_desk_opens_what_its_role_may_do() {
    let server = Server::start(&["--in-memory"]).await;
    let (event, _) = something_on_sale(&server).await;
    let pages = [
        ("SEE", Page::at(&server.desk_to_see)),
        ("SELL", Page::at(&server.desk_to_sell)),
        ("DECIDE", Page::at(&server.desk)),
    ];
    let path = format!("/api/events/{event}/queue");
    for (role, page) in &pages {
        assert_eq!(page.get("/api/desk").await["role"], *role);
        page.get(&format!("/api/events/{event}")).await;
        let (status, body) = page
            .call("POST", &path, Some(json!({"maxActive": 9})))
            .await;
        if *role == "DECIDE" {
            assert_eq!((status, &body["queue"]["maxActive"]), (200, &json!(9)));
        } else {
            let message = format!(
                "this page was opened to {}; open the address to decide for that",
                role.to_lowercase()
            );
            assert_eq!((status, &body["message"]), (403, &json!(message)));
        }
    }
    assert!(
        pages
            .iter()
            .all(|(_, page)| page.address == pages[0].1.address)
    );
    let keys: std::collections::BTreeSet<_> = pages.iter().map(|(_, page)| &page.key).collect();
    assert_eq!(keys.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_charts_show_the_recorded_minutes_of_an_hour_a_day_a_week_or_a_month() {
    let server = Server::start(&["--in-memory"]).await;
    let page = Page::at(&server.desk);
    let (event, _) = something_on_sale(&server).await;
    let path = format!("/api/events/{event}/history");
    for (span, length, step) in [
        ("hour", 3_600_000, 60_000),
        ("day", 86_400_000, 300_000),
        ("week", 604_800_000, 1_800_000),
        ("month", 2_678_400_000_i64, 7_200_000),
    ] {
        let charts = page.get(&format!("{path}?span={span}")).await;
        let of = |name: &str| charts[name].as_i64().unwrap();
        assert_eq!(of("stepMs"), step);
        assert!(
            (length..length + step).contains(&(of("to") - of("from"))),
            "{charts}"
        );
        // The server has recorded a sample at its start.
        let points = charts["points"].as_array().unwrap();
        assert_eq!(points.len(), 1, "{charts}");
        assert_eq!(points[0]["at"].as_i64().unwrap() % step, 0);
        assert_eq!(points[0]["sold"], 0);
    }
    let (status, body) = page.call("GET", &format!("{path}?span=year"), None).await;
    let message = "span: must be hour, day, week or month";
    assert_eq!((status, &body["message"]), (400, &json!(message)));
    let (status, _) = page
        .call("GET", "/api/events/nowhere/history?span=hour", None)
        .await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_loads_nothing_from_other_origins_and_cannot_be_framed() {
    let server = Server::start(&["--in-memory"]).await;
    let page = Page::at(&server.desk);
    let mut paths = vec![
        "/".to_owned(),
        "/desk.css".to_owned(),
        "/desk.js".to_owned(),
    ];
    // Each module, by the modules that import it.
    let mut next = 0;
    while let Some(path) = paths.get(next).cloned() {
        next += 1;
        let response = reqwest::get(format!("{}{path}", page.address))
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        let text = response.text().await.unwrap();
        for import in text.split("from \"./").skip(1) {
            let name = format!("/{}", import.split('"').next().unwrap());
            if !paths.contains(&name) {
                paths.push(name);
            }
        }
        let elsewhere = text
            .match_indices("http")
            .map(|(at, _)| &text[at..text.len().min(at + 30)])
            .find(|url| url.starts_with("http") && !url.starts_with("http://www.w3.org/2000/svg"));
        assert_eq!(elsewhere, None, "{path}");
        assert!(!text.contains(&page.key), "{path}");
    }
    assert!(paths.len() > 20, "{paths:?}");
}
