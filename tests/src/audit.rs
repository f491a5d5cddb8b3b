//! `audit`: each way in which an invariant can be broken is found and named, and a sound table is found sound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::EventId;
use domain::invariants::Finding;
use serde_json::json;

use crate::call_gate::CallGate;
use crate::invariants;
use crate::world::{Buyer, DATE, EVENT, PRICE, World, concert, concert_for, festival};

const FESTIVAL: &str = "summer-festival";

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

async fn set(world: &World, (pk, sk): &(String, String), name: &str, value: AttributeValue) {
    world
        .dynamodb
        .update_item()
        .table_name(&world.tables.main)
        .key("pk", s(pk))
        .key("sk", s(sk))
        .update_expression("SET #name = :value")
        .expression_attribute_names("#name", name)
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

async fn sold(world: &World, seat: u32) -> Buyer {
    let buyer = world.joins_with(3 * PRICE).await;
    let held = world.hold(&buyer, seat).await;
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    buyer
}

/// Two who have bought, one who holds, one who has cancelled what was paid, one whose hold has lapsed and who holds anew,
/// two who wait, and two who have tickets of general admission, one of whom gave them back.
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

/// The one thing that is broken.
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
async fn a_table_in_full_operation_is_sound() {
    let world = busy_world().await;
    invariants::check(&world).await;
    let report = world.app.store().audit(None, |_| {}).await.unwrap();
    let items = invariants::items(&world).await.len() as u64;
    assert_eq!((report.items, report.is_cut_short), (items, false));
}

#[tokio::test]
async fn a_sold_seat_that_is_nobodys_and_a_sale_without_its_seat_are_found() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    delete(&world, &claim).await;
    let finding = only(&world).await;
    let text = format!("{finding:?}");
    assert!(
        finding.key.contains(&format!("RESERVATION#{EVENT}#{DATE}")),
        "{text}"
    );
    assert_eq!(
        (finding.invariant.number(), finding.found.as_str()),
        (1, "free")
    );

    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    copy(&world, &claim, (&claim.0, "SEAT#00017")).await;
    let stray = (claim.0, "SEAT#00017".to_owned());
    is(&only(&world).await, 1, &stray, "CONFIRMED", "is Confirmed");
}

#[tokio::test]
async fn a_seat_claimed_for_somebody_else_is_found_from_both_sides() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    set(
        &world,
        &claim,
        "userId",
        s("00000000-0000-4000-8000-000000000000"),
    )
    .await;
    let broken = invariants::broken(&world).await;
    assert_eq!(broken.len(), 2, "{broken:#?}");
    assert!(broken.iter().all(|finding| finding.invariant.number() == 1));
}

#[tokio::test]
async fn a_seat_that_nobody_sells_and_a_sold_one_that_would_be_swept_are_found() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    set(&world, &claim, "ttl", n(1)).await;
    is(&only(&world).await, 1, &claim, "stays", "swept");

    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    copy(&world, &claim, (&claim.0, "SEAT#00051")).await;
    let stray = (claim.0, "SEAT#00051".to_owned());
    let broken = invariants::broken(&world).await;
    assert!(
        broken.iter().any(|finding| finding.key.ends_with(&stray.1)
            && finding.expected == "a seat that is on sale"),
        "{broken:#?}"
    );
}

#[tokio::test]
async fn a_hold_and_its_seat_that_end_at_different_times_are_found() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00006").await;
    let later = world.clock.now().0 + 999_000;
    set(&world, &claim, "heldUntil", n(later)).await;
    let broken = invariants::broken(&world).await;
    assert_eq!(broken.len(), 2, "{broken:#?}");
}

#[tokio::test]
async fn a_won_too_many_and_an_entry_that_is_gone_are_found() {
    let world = busy_world().await;
    let wallet = key(&world, "WALLET#", "BALANCE").await;
    let balance = invariants::items(&world).await[&wallet]["balance"]
        .as_n()
        .unwrap()
        .parse::<i64>()
        .unwrap();
    set(&world, &wallet, "balance", n(balance + 1)).await;
    let expected = format!("the sum of its ledger, {balance}");
    is(
        &only(&world).await,
        2,
        &wallet,
        &expected,
        &(balance + 1).to_string(),
    );

    let world = busy_world().await;
    let entry = key(&world, "WALLET#", "LEDGER#000000000001").await;
    delete(&world, &entry).await;
    let broken = invariants::broken(&world).await;
    assert!(!broken.is_empty() && broken.iter().all(|finding| finding.invariant.number() == 2));
}

#[tokio::test]
async fn a_negative_balance_and_a_wrong_balance_after_an_entry_are_found() {
    let world = busy_world().await;
    let entry = key(&world, "WALLET#", "LEDGER#000000000001").await;
    set(&world, &entry, "balanceAfter", n(7)).await;
    let broken = invariants::broken(&world).await;
    // The charge's key remembers it otherwise, too.
    assert!(
        broken.iter().any(
            |finding| finding.key == format!("{} {}", entry.0, entry.1) && finding.found == "7"
        ),
        "{broken:#?}"
    );

    let world = busy_world().await;
    let entry = key(&world, "WALLET#", "LEDGER#000000000001").await;
    set(&world, &entry, "amount", n(-5)).await;
    let broken = invariants::broken(&world).await;
    assert!(
        broken
            .iter()
            .any(|finding| finding.expected == "a balance that is not negative"),
        "{broken:#?}"
    );
}

#[tokio::test]
async fn a_charge_without_its_key_and_a_key_without_its_charge_are_found() {
    let world = busy_world().await;
    let memory = key(&world, "WALLET#", "IDEMPOTENCY#").await;
    delete(&world, &memory).await;
    let finding = only(&world).await;
    assert_eq!(
        (finding.invariant.number(), finding.expected.as_str()),
        (2, "a key that remembers the charge")
    );

    let world = busy_world().await;
    let memory = key(&world, "WALLET#", "IDEMPOTENCY#").await;
    let stray = (memory.0.clone(), "IDEMPOTENCY#00".to_owned());
    copy(&world, &memory, (&stray.0, &stray.1)).await;
    // The first of the two keys has the charge, the other has none.
    is(&only(&world).await, 2, &memory, "a charge", "none");
    delete(&world, &stray).await;
    let charged = invariants::items(&world).await[&memory]["amount"].clone();
    let charged = charged.as_n().unwrap().clone();
    set(&world, &memory, "amount", n(1)).await;
    is(
        &only(&world).await,
        2,
        &memory,
        "of 1 in the ledger",
        &charged,
    );
}

#[tokio::test]
async fn what_was_paid_and_what_is_confirmed_must_agree() {
    let world = busy_world().await;
    let (pk, _) = key(&world, "SEATS#", "SEAT#00001").await;
    let claim = &invariants::items(&world).await[&(pk, "SEAT#00001".to_owned())];
    let user = claim["userId"].as_s().unwrap().clone();
    let reservation = key(&world, &format!("USER#{user}"), "RESERVATION#").await;
    set(&world, &reservation, "totalPrice", n(1)).await;
    let broken = invariants::broken(&world).await;
    // Beside what was paid for it, beside its seat's price.
    assert_eq!(broken.len(), 2, "{broken:#?}");
    is(
        &broken[0],
        2,
        &reservation,
        "payments less refunds of 1",
        &PRICE.to_string(),
    );

    let world = busy_world().await;
    let (pk, _) = key(&world, "SEATS#", "SEAT#00001").await;
    let claim = &invariants::items(&world).await[&(pk, "SEAT#00001".to_owned())];
    let user = claim["userId"].as_s().unwrap().clone();
    let reservation = key(&world, &format!("USER#{user}"), "RESERVATION#").await;
    delete(&world, &reservation).await;
    let broken = invariants::broken(&world).await;
    let numbers: Vec<u8> = broken
        .iter()
        .map(|finding| finding.invariant.number())
        .collect();
    // The seat without its reservation, the payment for nothing.
    assert_eq!(numbers, [1, 2], "{broken:#?}");
}

#[tokio::test]
async fn a_second_living_reservation_and_too_many_seats_are_found() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00006").await;
    let user = invariants::items(&world).await[&claim]["userId"]
        .as_s()
        .unwrap()
        .clone();
    let reservation = key(&world, &format!("USER#{user}"), "RESERVATION#").await;
    let archive = (reservation.0.clone(), "ARCHIVE#000001#x".to_owned());
    copy(&world, &reservation, (&archive.0, &archive.1)).await;
    is(&only(&world).await, 3, &archive, "is over", "Held");

    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00006").await;
    let user = invariants::items(&world).await[&claim]["userId"]
        .as_s()
        .unwrap()
        .clone();
    let reservation = key(&world, &format!("USER#{user}"), "RESERVATION#").await;
    set(&world, &reservation, "quantity", n(2)).await;
    let broken = invariants::broken(&world).await;
    assert_eq!(broken.len(), 2, "{broken:#?}");
    assert!(
        broken
            .iter()
            .any(|finding| finding.expected == "at most 1 tickets")
    );
}

#[tokio::test]
async fn a_ticket_too_many_in_the_stock_is_found() {
    for wrong in [-1, 1] {
        let world = busy_world().await;
        let shard = key(&world, &format!("STOCK#{FESTIVAL}#0"), "STOCK").await;
        let left: i64 = invariants::items(&world).await[&shard]["left"]
            .as_n()
            .unwrap()
            .parse()
            .unwrap();
        set(&world, &shard, "left", n(left + wrong)).await;
        is(
            &only(&world).await,
            4,
            &shard,
            "100 tickets",
            &format!("{} left, 1 confirmed", 99 + wrong),
        );
    }
    let world = busy_world().await;
    let reservation = key(&world, "USER#", &format!("RESERVATION#{FESTIVAL}#")).await;
    set(&world, &reservation, "stock", AttributeValue::L(Vec::new())).await;
    let finding = only(&world).await;
    assert_eq!(finding.invariant.number(), 4, "{finding:?}");
}

#[tokio::test]
async fn who_is_inside_out_of_turn_and_one_too_many_are_found() {
    // Behind the watermark; under the floor.
    for (name, value, expected) in [
        ("admitted", 1, "nobody called behind the watermark"),
        ("floor", 99, "nobody alive up to the floor"),
    ] {
        let world = World::with(concert_for(3)).await;
        for _ in 0..3 {
            world.joins(EVENT).await;
        }
        invariants::check(&world).await;
        let head = key(&world, "QUEUE#", "HEAD").await;
        set(&world, &head, name, n(value)).await;
        let broken = invariants::broken(&world).await;
        assert!(broken.iter().all(|finding| finding.invariant.number() == 5));
        assert!(
            broken
                .iter()
                .any(|finding| finding.expected.contains(expected)),
            "{broken:#?}"
        );
    }
    // More than may be.
    let world = World::with(concert_for(2)).await;
    for _ in 0..3 {
        world.joins(EVENT).await;
    }
    invariants::check(&world).await;
    let event = key(&world, &format!("EVENT#{EVENT}"), "META").await;
    let control = AttributeValue::M(std::collections::HashMap::from([
        ("maxActive".to_owned(), n(1)),
        (
            "pause".to_owned(),
            AttributeValue::M(std::collections::HashMap::new()),
        ),
        ("closed".to_owned(), AttributeValue::Bool(false)),
    ]));
    set(&world, &event, "control", control).await;
    let head = key(&world, "QUEUE#", "HEAD").await;
    is(&only(&world).await, 5, &head, "at most 1 inside", "2");
}

#[tokio::test]
async fn who_came_before_the_operator_lowered_the_limit_is_not_one_too_many() {
    let world = World::with(concert_for(3)).await;
    for _ in 0..3 {
        world.joins(EVENT).await;
    }
    world.clock.advance_seconds(5);
    let now = world.clock.now();
    crate::queue_steps::steer(&world, |event| domain::queue::Control {
        max_active: Some(1),
        limits_count_from: Some(now),
        ..event.control.clone()
    })
    .await;
    invariants::check(&world).await;
}

/// Does what DynamoDB does some time after the time to live.
async fn sweep(world: &World) -> usize {
    let now = world.clock.now().0 / 1000;
    let over = |item: &invariants::Item| {
        let ttl = item.get("ttl").and_then(|ttl| ttl.as_n().ok());
        ttl.is_some_and(|ttl| ttl.parse::<i64>().unwrap() < now)
    };
    let items = invariants::items(world).await;
    let over: Vec<_> = items.iter().filter(|(_, item)| over(item)).collect();
    for (key, _) in &over {
        delete(world, key).await;
    }
    over.len()
}

#[tokio::test]
async fn a_lane_that_stood_still_until_its_places_were_swept_is_sound() {
    let world = World::with(concert_for(3)).await;
    for _ in 0..3 {
        world.joins(EVENT).await;
    }
    world.clock.advance_seconds(3 * 24 * 3600);
    assert!(sweep(&world).await >= 3);
    invariants::check(&world).await;
}

#[tokio::test]
async fn who_was_called_before_the_operator_lowered_the_limit_may_come_after() {
    let world = World::with(concert_for(2)).await;
    world.joins(EVENT).await;
    let leaves = world.joins(EVENT).await;
    let comes = world.joins(EVENT).await;
    crate::queue_steps::leaves(&world, &leaves).await;
    crate::queue_steps::the_queue_moves(&world).await;
    let now = world.clock.now();
    crate::queue_steps::steer(&world, |event| domain::queue::Control {
        max_active: Some(1),
        limits_count_from: Some(now),
        ..event.control.clone()
    })
    .await;
    world.clock.advance_seconds(8);
    crate::queue_steps::is_now(&world, &comes, "ACTIVE").await;
    invariants::check(&world).await;
    // Without the operator, that would be one too many.
    crate::queue_steps::steer(&world, |event| domain::queue::Control {
        max_active: Some(1),
        limits_count_from: None,
        ..event.control.clone()
    })
    .await;
    let head = key(&world, "QUEUE#", "HEAD").await;
    is(&only(&world).await, 5, &head, "at most 1 inside", "2");
}

#[tokio::test]
async fn what_costs_nothing_is_paid_and_refunded_with_nothing() {
    let mut programme = concert_for(1);
    for date in programme.dates.values_mut() {
        for section in &mut date.sections {
            section.price = domain::money::Money::ZERO;
        }
    }
    let world = World::with(programme).await;
    let buyer = world.joins(EVENT).await;
    let held = world.hold(&buyer, 1).await;
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    invariants::check(&world).await;
    let path = format!("/reservations/{id}");
    assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_rank_that_was_passed_without_a_place_is_found() {
    let world = World::with(concert_for(3)).await;
    for _ in 0..3 {
        world.joins(EVENT).await;
    }
    let session = key(&world, "SESSIONS#", "000000000002").await;
    delete(&world, &session).await;
    is(
        &only(&world).await,
        5,
        &session,
        "at every rank that was passed",
        "none",
    );
}

#[tokio::test]
async fn a_number_that_two_have_or_that_was_never_issued_is_found() {
    let world = World::with(concert_for(1)).await;
    for _ in 0..3 {
        world.joins(EVENT).await;
    }
    let waiting: Vec<(String, String)> = invariants::items(&world)
        .await
        .into_iter()
        .filter(|((_, sk), item)| sk.starts_with("ENTRY#") && item["number"].as_n().unwrap() != "1")
        .map(|(key, _)| key)
        .collect();
    for ticket in &waiting {
        set(&world, ticket, "number", n(3)).await;
    }
    let finding = only(&world).await;
    assert_eq!(
        (finding.invariant.number(), finding.expected.as_str()),
        (5, "a number of its own")
    );
    set(&world, &waiting[0], "number", n(2)).await;
    set(&world, &waiting[1], "number", n(9)).await;
    is(&only(&world).await, 5, &waiting[1], "issued, up to 3", "9");
}

#[tokio::test]
async fn what_is_no_item_of_this_table_is_found() {
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
async fn an_audit_of_one_event_looks_at_nothing_else() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    delete(&world, &claim).await;
    let audit = async |event: &str| {
        let event = EventId::parse(event).unwrap();
        world
            .app
            .store()
            .audit(Some(&event), |_| {})
            .await
            .unwrap()
            .findings
    };
    assert_eq!(audit(EVENT).await.len(), 1);
    assert_eq!(audit(FESTIVAL).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_that_goes_on_meanwhile_is_not_called_broken() {
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
async fn an_audit_that_is_stopped_keeps_what_it_found_and_says_nothing_false() {
    let world = busy_world().await;
    let whole = world
        .app
        .store()
        .audit_within(Duration::from_mins(1))
        .await
        .unwrap();
    assert_eq!(
        (whole.is_incomplete, whole.items),
        (false, invariants::items(&world).await.len() as u64)
    );
    // A wallet is broken, and the queue's sessions cannot be read in time.
    let wallet = key(&world, "WALLET#", "BALANCE").await;
    set(&world, &wallet, "balance", n(7)).await;
    let stuck = world.process_behind(CallGate::of(&["SESSIONS#"]));
    for seconds in [1, 2, 4, 8, 16] {
        let time = Duration::from_secs(seconds);
        let report = stuck.app.store().audit_within(time).await.unwrap();
        assert!(report.is_incomplete);
        let keys: Vec<_> = report.findings.iter().map(|broken| &broken.key).collect();
        // A slow machine may take longer until it finds it.
        if !keys.is_empty() {
            assert_eq!(keys, [&format!("{} BALANCE", wallet.0)]);
            return;
        }
    }
    panic!("it never found the wallet");
}
