//! What operators find and do at the desk, through its own API.

use std::time::Duration;

use serde_json::{Value, json};

use crate::desk::{Page, hold};
use crate::serve::{Server, run, something_on_sale};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_blocks_and_unblocks_seats_as_the_commands_do() {
    let server = Server::start(&["--in-memory"]).await;
    let page = Page::at(&server.desk);
    let (event, date) = something_on_sale(&server).await;
    let house = page.get(&format!("/api/events/{event}/dates/{date}")).await;
    let section = house["sections"][0]["name"].clone();
    assert_eq!(house["sections"][0]["firstSeat"], 1);
    hold(&server, &event, &date, 5).await;
    let path = format!("/api/events/{event}/dates/{date}");
    let request = |seats: &[u32]| json!({"section": section, "seats": seats, "kind": "house", "why": "for the band"});
    let post = async |act: &str, body: Value| {
        page.call("POST", &format!("{path}/{act}"), Some(body))
            .await
    };
    let (status, done) = post("block", request(&[3, 1, 2, 2])).await;
    assert_eq!((status, done), (200, json!({"done": 3, "changed": 3})));
    let (status, done) = post("block", request(&[1, 2, 3])).await;
    assert_eq!((status, done), (200, json!({"done": 3, "changed": 0})));
    let blocks = page.get(&format!("{path}/blocks")).await;
    assert_eq!(blocks["blocks"][0]["seats"], json!([1, 2, 3]));
    assert_eq!(blocks["blocks"][0]["reason"], "for the band");
    let (status, refused) = post("block", request(&[4, 5])).await;
    assert_eq!(status, 409);
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.starts_with("nothing was done: seat 5 is held until"),
        "{message}"
    );
    for (change, status, said) in [
        (json!({"seats": []}), 400, "seats: must be 1 to 10000"),
        (json!({"kind": "friends"}), 400, "kind: a kind is one of"),
        (
            json!({"until": "2020-01-01T00:00:00Z"}),
            400,
            "until: must be in the future",
        ),
        (
            json!({"section": "nowhere"}),
            404,
            "there is no section nowhere",
        ),
        (json!({"seats": [999_999]}), 404, "there is no seat 999999"),
    ] {
        let mut body = request(&[7]);
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let (answered, body) = post("block", body).await;
        assert_eq!(answered, status, "{body}");
        assert!(body["message"].as_str().unwrap().contains(said), "{body}");
    }
    let (status, done) = post("unblock", json!({"section": section, "seats": [2, 3, 4]})).await;
    assert_eq!((status, done), (200, json!({"done": 3, "changed": 2})));
    let journal = page.get(&format!("/api/events/{event}/journal")).await;
    let acts: Vec<_> = journal["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["act"].as_str().unwrap())
        .collect();
    assert_eq!(acts[..2], ["unblock seats", "block seats"], "{journal}");
    let all = page.get("/api/journal").await;
    assert_eq!(all["entries"][0]["eventId"], event.as_str());
    let audit = run(&["audit", "--endpoint-url", &server.dynamodb]).await;
    assert_eq!(audit.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_finds_what_the_orders_command_finds() {
    let server = Server::start(&["--in-memory"]).await;
    let page = Page::at(&server.desk_to_see);
    let (event, date) = something_on_sale(&server).await;
    let (token, id) = hold(&server, &event, &date, 1).await;
    let path = format!("/reservations/{id}/payment");
    let (_, paid) = server.call("POST", &path, &token, json!({})).await.unwrap();
    hold(&server, &event, &date, 2).await;
    let ids = async |query: &str| -> Vec<String> {
        let found = page.get(&format!("/api/orders?{query}")).await;
        let orders = found["orders"].as_array().unwrap();
        orders
            .iter()
            .map(|order| order["reservationId"].as_str().unwrap().to_owned())
            .collect()
    };
    let only = std::slice::from_ref(&id);
    assert_eq!(ids(&format!("event={event}")).await.len(), 2);
    assert_eq!(ids(&format!("event={event}&status=confirmed")).await, *only);
    assert_eq!(
        ids(&format!("event={event}&date={date}&seat=1")).await,
        *only
    );
    let payment = paid["paymentId"].as_str().unwrap();
    assert_eq!(ids(&format!("payment={payment}")).await, *only);
    let story = page.get(&format!("/api/orders/{id}")).await;
    let user = story["reservation"]["userId"].as_str().unwrap();
    assert_eq!(ids(&format!("user={user}")).await, *only);
    let told = page.get(&format!("/api/orders/{id}?user={user}")).await;
    assert_eq!(told["reservation"], story["reservation"]);
    let steps: Vec<_> = story["story"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["what"].as_str().unwrap())
        .collect();
    assert!(steps.contains(&"CONFIRMED"), "{steps:?}");
    assert_eq!(
        page.get("/api/withdrawals").await,
        json!({"withdrawals": []})
    );
    for (query, status, said) in [
        ("", 400, "user: or an event or a payment is needed"),
        ("seat=1&event=x", 400, "date: is needed for a seat"),
        ("user=ann", 400, "user: "),
        ("event=x&status=gone", 400, "status: "),
        ("events=x", 400, "unknown field"),
        ("event=nowhere", 404, "there is no event nowhere"),
    ] {
        let (answered, body) = page
            .call("GET", &format!("/api/orders?{query}"), None)
            .await;
        assert_eq!(answered, status, "{query}: {body}");
        assert!(
            body["message"].as_str().unwrap().contains(said),
            "{query}: {body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_cancelled_at_the_desk_and_its_progress_is_told() {
    let server = Server::start(&["--in-memory"]).await;
    let page = Page::at(&server.desk);
    let (event, date) = something_on_sale(&server).await;
    hold(&server, &event, &date, 1).await;
    let path = format!("/api/events/{event}/cancellation");
    assert_eq!(
        page.get(&format!("{path}/outlook")).await,
        json!({"confirmed": 0, "held": 1, "amount": 0})
    );
    assert_eq!(page.get(&path).await["running"], false);
    for body in [json!({}), json!({"why": " "})] {
        let (status, _) = page.call("POST", &path, Some(body)).await;
        assert!((400..=422).contains(&status), "{status}");
    }
    let why = json!({"why": "the singer is ill"});
    let (status, body) = page.call("POST", &path, Some(why.clone())).await;
    assert_eq!((status, body), (200, json!({"running": true})));
    let (status, body) = page.call("POST", &path, Some(why)).await;
    assert_eq!(
        (status, &body["message"]),
        (409, &json!("it is running already"))
    );
    let shown = page.get(&format!("/api/events/{event}")).await;
    assert_eq!(shown["state"], "CLOSED");
    assert!(shown["cancelledAt"].is_string(), "{shown}");
    let mut told = Value::Null;
    for _ in 0..600 {
        told = page.get(&path).await;
        if told["released"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        (&told["total"], &told["failures"]),
        (&json!(1), &json!([])),
        "{told}"
    );
    let journal = page.get(&format!("/api/events/{event}/journal")).await;
    assert_eq!(journal["entries"][0]["why"], "the singer is ill");
}
