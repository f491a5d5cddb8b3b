//! The audit: tests break the table in every way that an invariant forbids, and see that it is found. Whatever is allowed
//! causes no finding.

mod conditions;
mod money;
mod provider;
mod queue;
mod reservations;
mod seats;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use boxoffice::Outcome;
use boxoffice::catalog_update::{Mode, apply_text};
use boxoffice::output::Output;
use domain::ids::EventId;
use domain::invariants::Finding;
use serde_json::json;
use shared::audit::Incomplete;

use crate::call_gate::CallGate;
use crate::invariants;
use crate::world::{
    Buyer, DATE, EVENT, FESTIVAL, LATER_DATE, PRICE, World, author, concert, concert_for, festival,
};

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// The key of the first item whose key, `pk` and `sk`, begins so.
async fn key(world: &World, pk: &str, sk: &str) -> (String, String) {
    invariants::items(world)
        .await
        .into_keys()
        .find(|(p, s)| p.starts_with(pk) && s.starts_with(sk))
        .unwrap_or_else(|| panic!("there is no {pk} {sk}"))
}

fn update(
    world: &World,
    (pk, sk): &(String, String),
    expression: &str,
    name: &str,
) -> UpdateItemFluentBuilder {
    world
        .dynamodb
        .update_item()
        .table_name(&world.tables.main)
        .key("pk", s(pk))
        .key("sk", s(sk))
        .update_expression(expression)
        .expression_attribute_names("#name", name)
}

async fn set(world: &World, key: &(String, String), name: &str, value: AttributeValue) {
    update(world, key, "SET #name = :value", name)
        .expression_attribute_values(":value", value)
        .send()
        .await
        .unwrap();
}

async fn delete(world: &World, (pk, sk): &(String, String)) {
    world
        .dynamodb
        .delete_item()
        .table_name(&world.tables.main)
        .key("pk", s(pk))
        .key("sk", s(sk))
        .send()
        .await
        .unwrap();
}

async fn remove(world: &World, key: &(String, String), name: &str) {
    update(world, key, "REMOVE #name", name)
        .send()
        .await
        .unwrap();
}

/// Puts a copy of an item under another key.
async fn copy(world: &World, from: &(String, String), to: (&str, &str)) {
    let mut item = invariants::items(world).await.remove(from).unwrap();
    item.insert("pk".to_owned(), s(to.0));
    item.insert("sk".to_owned(), s(to.1));
    world
        .dynamodb
        .put_item()
        .table_name(&world.tables.main)
        .set_item(Some(item))
        .send()
        .await
        .unwrap();
}

/// A catalogue of the concert with other settings.
fn catalogue(max_seats_per_user: u32, queue: &str) -> String {
    format!(
        r#"
currency: KRW
walletCeiling: 10000000
events:
  - eventId: {EVENT}
    name: Winter Live 2026
    venue: Olympic Hall
    admission: seated
    maxSeatsPerUser: {max_seats_per_user}
    queue: {queue}
    dates:
      - date: {DATE}
        startsAt: "2026-12-24T19:00:00+09:00"
        sections: [{{name: A, seats: 50, price: {PRICE}}}]
      - date: {LATER_DATE}
        startsAt: "2026-12-25T19:00:00+09:00"
        sections: [{{name: A, seats: 50, price: {PRICE}}}]
"#
    )
}

/// Applies a catalogue, and lets every process see it.
async fn apply(world: &World, catalogue: &str) {
    let outcome = apply_text(
        world.app.store(),
        "catalogue.yaml",
        catalogue,
        Mode::Apply(&author()),
        &mut Output::log(),
    )
    .await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
    world.clock.advance_seconds(3);
}

async fn sold(world: &World, seat: u32) -> Buyer {
    let buyer = world.joins_with(3 * PRICE).await;
    let held = world.hold(&buyer, seat).await;
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    buyer
}

/// A world in which two users have bought seats and one has cancelled a paid seat. One holds a seat after an earlier hold
/// lapsed, one holds a seat, and four have joined. Of two users with tickets of general admission, one gave them back.
async fn busy_world() -> World {
    let mut concert = concert_for(4);
    concert.event.terms.hold_seconds = 60;
    let world = World::with(concert).await;
    world.add(festival()).await;
    sold(&world, 1).await;
    sold(&world, 2).await;
    let gave_back = sold(&world, 3).await;
    let list = format!("/users/{}/reservations", gave_back.user_id);
    let listed = world.get(&list, &gave_back.token).await;
    let id = listed.body["reservations"][0]["reservationId"].clone();
    let path = format!("/reservations/{}", id.as_str().unwrap());
    assert_eq!(world.delete(&path, &gave_back.token).await.status, 200);
    let lapses = world.joins_with(PRICE).await;
    assert_eq!(world.hold(&lapses, 4).await.status, 201);
    world.clock.advance_seconds(61);
    let again = world.joins_as(EVENT, &lapses.user_id).await;
    assert_eq!(world.hold(&again, 5).await.status, 201);
    let holds = world.joins_with(PRICE).await;
    assert_eq!(world.hold(&holds, 6).await.status, 201);
    for _ in 0..4 {
        world.joins(EVENT).await;
    }
    for gives_back in [false, true] {
        let buyer = world.joins(FESTIVAL).await;
        world.charge(&buyer, 5 * PRICE, "first").await;
        let path = format!("/events/{FESTIVAL}/reservations");
        let reserved = world.post(&path, &buyer.token, json!({})).await;
        assert_eq!(reserved.status, 201, "{:?}", reserved.body);
        if gives_back {
            let path = format!("/reservations/{}", reserved.text_of("reservationId"));
            assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
        }
    }
    world
}

/// The only finding.
async fn only(world: &World) -> Finding {
    let mut broken = invariants::broken(world).await;
    assert_eq!(broken.len(), 1, "{broken:#?}");
    broken.remove(0)
}

fn is(finding: &Finding, invariant: u8, key: &(String, String), expected: &str, found: &str) {
    assert_eq!(finding.invariant.number(), invariant, "{finding:?}");
    assert_eq!(finding.key, format!("{} {}", key.0, key.1));
    assert!(finding.expected.contains(expected), "{finding:?}");
    assert!(finding.found.contains(found), "{finding:?}");
}

#[tokio::test]
async fn a_table_in_full_operation_has_no_findings() {
    let world = busy_world().await;
    invariants::check(&world).await;
    let report = shared::audit::run(world.app.store(), None, |_| {})
        .await
        .unwrap();
    let items = invariants::items(&world).await.len() as u64;
    assert_eq!((report.items, report.is_cut_short), (items, false));
}

/// Writes more unreadable items of a user than the audit lists, and more than a page of a scan holds.
async fn flood(world: &World, pk: &str) {
    let items: Vec<WriteRequest> = (0..1_100)
        .map(|number| {
            let put = PutRequest::builder()
                .item("pk", s(pk))
                .item("sk", s(&format!("ENTRY#nonsense-{number:04}")))
                .item("text", s(&"x".repeat(1_200)));
            let put = put.build().unwrap();
            WriteRequest::builder().put_request(put).build()
        })
        .collect();
    for items in items.chunks(25) {
        let write = world.dynamodb.batch_write_item();
        let write = write.request_items(&world.tables.main, items.to_vec());
        let written = write.send().await.unwrap();
        assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    }
}

#[tokio::test]
async fn an_audit_that_ends_early_says_so_and_finds_no_fault_with_what_it_did_not_read() {
    let world = busy_world().await;
    for _ in 0..10 {
        let buyer = world.joins(FESTIVAL).await;
        world.charge(&buyer, PRICE, "first").await;
        let path = format!("/events/{FESTIVAL}/reservations");
        assert_eq!(world.post(&path, &buyer.token, json!({})).await.status, 201);
    }
    // The audit ends at the first user of a scan, before it has read the tickets of the others.
    let scan = world.dynamodb.scan().table_name(&world.tables.main);
    let first = scan.send().await.unwrap().items().iter().find_map(|item| {
        let pk = item["pk"].as_s().unwrap();
        pk.starts_with("USER#").then(|| pk.clone())
    });
    flood(&world, &first.unwrap()).await;
    let report = shared::audit::run(world.app.store(), None, |_| {})
        .await
        .unwrap();
    assert!(report.is_cut_short);
    for finding in &report.findings {
        assert!(finding.key.contains(" ENTRY#nonsense-"), "{finding:?}");
    }
}

#[tokio::test]
async fn unknown_and_unreadable_items_are_found() {
    let world = busy_world().await;
    let wallet = key(&world, "WALLET#", "BALANCE").await;
    copy(&world, &wallet, ("NONSENSE#1", "X")).await;
    set(&world, &wallet, "balance", s("much")).await;
    let broken = invariants::broken(&world).await;
    assert!(
        broken.iter().any(|finding| finding.key == "NONSENSE#1 X"),
        "{broken:#?}"
    );
    assert!(
        broken.iter().any(
            |finding| finding.key == format!("{} {}", wallet.0, wallet.1)
                && finding.expected == "an item that this version writes"
        ),
        "{broken:#?}"
    );
}

#[tokio::test]
async fn an_audit_of_one_event_checks_nothing_else() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    delete(&world, &claim).await;
    let audit = async |event: &str| {
        let event = EventId::parse(event).unwrap();
        shared::audit::run(world.app.store(), Some(&event), |_| {})
            .await
            .unwrap()
            .findings
    };
    assert_eq!(audit(EVENT).await.len(), 1);
    assert_eq!(audit(FESTIVAL).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_that_continues_meanwhile_causes_no_findings() {
    let mut concert = concert();
    concert.event.terms.queue.max_active = 1_000;
    let world = Arc::new(World::with(concert).await);
    world.add(festival()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let sellers: Vec<_> = (0..3)
        .map(|seller| {
            let (world, stop) = (world.clone(), stop.clone());
            tokio::spawn(async move {
                let mut seat = 1 + 16 * seller;
                while !stop.load(Ordering::Relaxed) {
                    let buyer = world.joins_with(2 * PRICE).await;
                    let held = world.hold(&buyer, seat).await;
                    if held.status == 201 {
                        let id = held.text_of("reservationId").to_owned();
                        world.pay(&buyer, &id).await;
                        world
                            .delete(&format!("/reservations/{id}"), &buyer.token)
                            .await;
                    }
                    let guest = world.joins_as(FESTIVAL, &buyer.user_id).await;
                    let path = format!("/events/{FESTIVAL}/reservations");
                    world.post(&path, &guest.token, json!({})).await;
                    seat = 1 + 16 * seller + seat % 16;
                }
            })
        })
        .collect();
    for _ in 0..3 {
        invariants::check(&world).await;
    }
    stop.store(true, Ordering::Relaxed);
    for seller in sellers {
        seller.await.unwrap();
    }
    invariants::check(&world).await;
}

#[tokio::test]
async fn an_audit_that_runs_out_of_time_keeps_its_findings() {
    let world = busy_world().await;
    let whole = shared::audit::run_within(world.app.store(), None, Duration::from_mins(1))
        .await
        .unwrap();
    assert_eq!(
        (whole.incomplete, whole.items),
        (None, invariants::items(&world).await.len() as u64)
    );
    // A wallet is wrong, and the sessions cannot be read in time.
    let wallet = key(&world, "WALLET#", "BALANCE").await;
    set(&world, &wallet, "balance", n(7)).await;
    let stuck = world.process_behind(CallGate::of(&["SESSIONS#"]));
    for seconds in [1, 2, 4, 8, 16] {
        let time = Duration::from_secs(seconds);
        let report = shared::audit::run_within(stuck.app.store(), None, time)
            .await
            .unwrap();
        assert_eq!(report.incomplete, Some(Incomplete::Time));
        let keys: Vec<_> = report.findings.iter().map(|broken| &broken.key).collect();
        // A slow machine may need more time to reach the wallet.
        if !keys.is_empty() {
            assert_eq!(keys, [&format!("{} BALANCE", wallet.0)]);
            return;
        }
    }
    panic!("it never found the wallet");
}
