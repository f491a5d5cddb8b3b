//! What operators see of blocked seats, and what a catalogue does with them.

use boxoffice::Outcome;
use boxoffice::catalog_update::{Mode, apply_text};
use boxoffice::event_list::EventList;
use boxoffice::sales_report::SalesReport;
use domain::ids::EventId;
use serde_json::{Value, json};

use super::{house, is_blocked, unblock, until};
use crate::invariants;
use crate::printed::Printed;
use crate::serve::{Server, run, something_on_sale};
use crate::world::{DATE, EVENT, LATER_DATE, PRICE, World, author};

#[tokio::test]
async fn the_report_and_the_claims_agree_on_what_is_blocked_sold_held_and_free() {
    let world = World::new().await;
    let (first, second) = (world.joins_with(PRICE).await, world.joins(EVENT).await);
    let held = world.hold(&first, 1).await;
    let paid = world.pay(&first, held.text_of("reservationId")).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    assert_eq!(world.hold(&second, 2).await.status, 201);
    is_blocked(&world, &house("11-20")).await;
    is_blocked(&world, &until("21-25", world.clock.now().plus_seconds(60))).await;
    for (passed, blocked) in [(0, 15), (60, 10)] {
        world.clock.advance_seconds(passed);
        let event = EventId::parse(EVENT).unwrap();
        let report = SalesReport::read(&world.app, &event).await.unwrap();
        let csv = report.to_csv().unwrap();
        let line = csv.lines().nth(1).unwrap();
        assert!(line.ends_with(&format!(",{blocked}")), "{csv}");
        let report: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        let counts = json!({
            "total": 100, "sold": 1, "held": 1, "blocked": blocked,
            "available": 98 - blocked, "revenue": PRICE,
        });
        assert_eq!(report["tickets"], counts);
        let events = EventList::read(world.app.store()).await.unwrap();
        let events = serde_json::to_value(&events).unwrap();
        assert_eq!(events["events"][0]["tickets"], counts);
    }
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_catalogue_that_removes_or_moves_a_blocked_seat_is_refused_until_it_is_unblocked() {
    let world = World::new().await;
    is_blocked(&world, &house("50")).await;
    let catalogue = format!(
        "currency: KRW
events:
  - eventId: {EVENT}
    name: Winter Live 2026
    venue: Olympic Hall
    admission: seated
    dates:
      - {{date: {DATE}, startsAt: '{DATE}T19:00:00+09:00', sections: [{{name: A, seats: 40, price: {PRICE}}}]}}
      - {{date: {LATER_DATE}, startsAt: '{LATER_DATE}T19:00:00+09:00', sections: [{{name: A, seats: 50, price: {PRICE}}}]}}
"
    );
    let apply = async || {
        let printed = Printed::default();
        let mut out = printed.output();
        let store = world.app.store();
        apply_text(
            store,
            "c.yaml",
            &catalogue,
            Mode::Apply(&author()),
            &mut out,
        )
        .await
        .unwrap()
    };
    assert_eq!(apply().await, Outcome::Negative);
    unblock(&world, "50").await;
    assert_eq!(apply().await, Outcome::Done);
    invariants::check(&world).await;
}

#[tokio::test]
async fn blocking_reads_and_writes_only_what_the_documented_permissions_allow() {
    let world = World::new().await;
    let act = async || {
        is_blocked(&world, &house("1-3")).await;
        unblock(&world, "2").await;
    };
    let [before, after] = invariants::writes_only(&world, &["JOURNAL", "SEATS"], act).await;
    let is_kept = |key| after.contains_key(key);
    assert!(before.keys().all(is_kept));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_are_blocked_listed_and_unblocked_by_command_on_a_running_server() {
    let server = Server::start(&["--in-memory"]).await;
    let (event, date) = something_on_sale(&server).await;
    let at = ["--endpoint-url", server.dynamodb.as_str()];
    let report = run(&[&["report", &event, "--json"], &at[..]].concat()).await;
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    let sections = report["sections"].as_array().unwrap();
    let on_date = |section: &&Value| section["date"] == date.as_str();
    let section = sections.iter().find(on_date).unwrap()["section"].as_str();
    let section = section.unwrap();
    let seats = ["block", &event, &date, section, "1-2,4", "--as", "sponsor"];
    let more = ["--until", "2099-01-01T00:00:00+09:00", "--why", "Kim Ltd."];
    let blocked = run(&[&seats[..], &more, &at].concat()).await;
    let said = String::from_utf8(blocked.stdout).unwrap();
    let error = String::from_utf8(blocked.stderr).unwrap();
    assert_eq!(blocked.status.code(), Some(0), "{error}");
    let end = "2098-12-31T15:00:00.000Z";
    let expected =
        format!("blocked 3 seats of section {section} on {date} as sponsor until {end}\n");
    assert_eq!(said, expected);

    let listed = run(&[&["blocks", &event, &date, "--json"], &at[..]].concat()).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(
        (&listed["blocked"], &listed["blocks"]),
        (
            &json!(3),
            &json!([{
                "date": date, "section": section, "kind": "sponsor", "until": end,
                "reason": "Kim Ltd.", "seats": [1, 2, 4],
            }])
        )
    );
    let listed = run(&[&["blocks", &event], &at[..]].concat()).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("1-2,4"), "{listed}");

    let again = ["block", &event, &date, section, "4-5", "--as", "house"];
    let refused = run(&[&again, &at[..]].concat()).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    let reason = format!("{event}: not blocked: seat 4 is blocked as sponsor until {end}\n");
    assert_eq!(said, reason);

    let freed = run(&[&["unblock", &event, &date, section, "1-5"], &at[..]].concat()).await;
    let said = String::from_utf8(freed.stdout).unwrap();
    assert!(said.starts_with("unblocked 3 seats"), "{said}");
    let listed = run(&[&["blocks", &event], &at[..]].concat()).await;
    assert_eq!(listed.stdout, b"no seat is blocked\n");

    let wrong = ["block", &event, &date, section, "1", "--as", "press"];
    let wrong = run(&[&wrong, &at[..]].concat()).await;
    assert_eq!(wrong.status.code(), Some(2));
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert!(
        said.contains("--as") && said.contains("companion"),
        "{said}"
    );
}
