//! `boxoffice events`.

use serde_json::json;

use super::{DATE, EVENT, Shop};
use crate::serve::run;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_events_are_listed_with_what_is_sold_held_and_left_and_who_waits() {
    let shop = Shop::new().await;
    shop.buys(DATE, &[1]).await;
    let cancelled = shop.buys(DATE, &[2]).await;
    shop.cancels(&cancelled).await;
    shop.holds(DATE, &[5, 6]).await;
    shop.buys_tickets("open-air", 3, 1_500).await;

    let list = shop.prints_json(&["events", "--json"]).await;
    let events = list["events"].as_array().unwrap();
    assert_eq!(events.len(), 2, "{list}");
    let concert = &events[0];
    assert_eq!(concert["eventId"], EVENT);
    assert_eq!(concert["state"], "OPEN");
    assert_eq!(concert["closesAt"], "2099-12-25T18:00:00.000Z");
    assert_eq!(
        concert["dates"],
        json!([
            {"date": DATE, "startsAt": "2099-12-24T18:00:00.000Z"},
            {"date": "2099-12-25", "startsAt": "2099-12-25T18:00:00.000Z"},
        ])
    );
    assert_eq!(
        concert["tickets"],
        json!({"total": 60, "sold": 1, "held": 2, "blocked": 0, "available": 57, "revenue": 1250})
    );
    assert_eq!(concert["waiting"], 0);
    assert_eq!(
        events[1]["tickets"],
        json!({"total": 40, "sold": 3, "held": 0, "blocked": 0, "available": 37, "revenue": 1500})
    );

    // The report, which counts reservations, says the same.
    let report = shop.prints_json(&["report", EVENT, "--json"]).await;
    assert_eq!(report["tickets"], concert["tickets"]);

    let table = shop.prints(&["events"]).await;
    let line = table.lines().nth(1).unwrap();
    let row = line
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty());
    assert_eq!(
        row.collect::<Vec<_>>(),
        [
            EVENT,
            "OPEN until 2099-12-25T18:00:00.000Z",
            "2099-12-24 to 2099-12-25 (2)",
            "1",
            "2",
            "0",
            "57",
            "12.50 EUR",
            "0",
            "=1+1, \"live\""
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_paused_or_closed_say_so_and_who_waits_is_counted() {
    let shop = Shop::new().await;
    let endpoint = shop.server.dynamodb.as_str();
    run(&["queue", EVENT, "--pause", "--endpoint-url", endpoint]).await;
    // One is inside, and two wait.
    for _ in 0..3 {
        shop.joins("open-air").await;
    }
    run(&["queue", "open-air", "--close", "--endpoint-url", endpoint]).await;
    let list = shop.prints_json(&["events", "--json"]).await;
    assert_eq!(list["events"][0]["state"], "PAUSED");
    assert_eq!(list["events"][1]["state"], "CLOSED");
    assert_eq!(list["events"][1]["waiting"], 2);
}
