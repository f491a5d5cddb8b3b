//! Reservations: the limit per user, cancelling, and the history.

use domain::clock::EpochMs;
use serde_json::Value;

use crate::world::{Buyer, DATE, EVENT, LATER_DATE, PRICE, Reply, World};

async fn held_on(world: &World, buyer: &Buyer, date: &str, seat: u32) -> String {
    let held = world.hold_on(buyer, date, seat).await;
    assert_eq!(held.status, 201, "{held:?}");
    held.text_of("reservationId").to_owned()
}

async fn bought(world: &World, buyer: &Buyer, seat: u32) -> String {
    let id = held_on(world, buyer, DATE, seat).await;
    let paid = world.pay(buyer, &id).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    id
}

async fn get(world: &World, buyer: &Buyer, id: &str) -> Reply {
    world
        .get(&format!("/reservations/{id}"), &buyer.token)
        .await
}

async fn cancel(world: &World, buyer: &Buyer, id: &str) -> Reply {
    world
        .delete(&format!("/reservations/{id}"), &buyer.token)
        .await
}

async fn history(world: &World, buyer: &Buyer, query: &str) -> Reply {
    let path = format!("/users/{}/reservations{query}", buyer.user_id);
    let reply = world.get(&path, &buyer.token).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

fn each(reply: &Reply, field: &str) -> Vec<Value> {
    let list = reply.body["reservations"].as_array().expect("a list");
    list.iter().map(|item| item[field].clone()).collect()
}

// C10
#[tokio::test]
async fn repeating_a_hold_returns_the_same_reservation() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let first = world.hold(&buyer, 7).await;
    world.clock.advance_seconds(10);
    let again = world.hold(&buyer, 7).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    let read = get(&world, &buyer, first.text_of("reservationId")).await;
    assert_eq!((read.status, &read.body), (200, &first.body));
    assert_eq!(first.text_of("eventName"), "Winter Live 2026");
}

// C12, E6
#[tokio::test]
async fn a_user_has_one_active_reservation_for_each_date() {
    let world = World::new().await;
    let buyer = world.joins_with(2 * PRICE).await;
    let first = held_on(&world, &buyer, DATE, 7).await;
    let refused = world.hold(&buyer, 8).await;
    refused.is_problem(409, "already_reserved");
    assert_eq!(refused.body["reservationId"], first.as_str());
    let other = held_on(&world, &buyer, LATER_DATE, 8).await;
    assert_ne!(first, other);
    world.pay(&buyer, &first).await;

    let again = world.joins_as(EVENT, &buyer.user_id).await;
    let refused = world.hold(&again, 8).await;
    refused.is_problem(409, "already_reserved");
    assert_eq!(refused.body["reservationId"], first.as_str());
    cancel(&world, &again, &first).await;
    assert_eq!(world.hold(&again, 8).await.status, 201);
}

// C10, C11
#[tokio::test]
async fn repeated_holds_do_not_extend_the_turn() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    // Each hold is released before the next. A session lasts 600 seconds.
    let mut id = held_on(&world, &buyer, DATE, 1).await;
    for (seconds, seat) in [(250, 2), (250, 3), (99, 4)] {
        world.clock.advance_seconds(seconds);
        assert_eq!(cancel(&world, &buyer, &id).await.status, 200);
        id = held_on(&world, &buyer, DATE, seat).await;
    }
    let status = world.status(&buyer).await;
    assert_eq!(status.text_of("expiresAt"), "2026-11-20T10:14:59.000Z");
    world.clock.advance_seconds(1);
    assert_eq!(cancel(&world, &buyer, &id).await.status, 200);
    world.hold(&buyer, 1).await.is_problem(410, "turn_over");
}

// E4
#[tokio::test]
async fn a_released_hold_frees_the_seat_at_once_and_stays_cancelled() {
    let world = World::new().await;
    let (buyer, other) = (world.joins(EVENT).await, world.joins(EVENT).await);
    let id = held_on(&world, &buyer, DATE, 7).await;
    let first = cancel(&world, &buyer, &id).await;
    assert_eq!((first.status, first.text_of("status")), (200, "CANCELLED"));
    assert_eq!(first.body["refunded"], 0);
    assert_eq!(world.hold(&other, 7).await.status, 201);
    world.clock.advance_seconds(400);
    let again = cancel(&world, &buyer, &id).await;
    assert_eq!((again.status, again.body), (200, first.body));
}

// E4
#[tokio::test]
async fn a_cancelled_purchase_is_refunded_once_and_its_seat_is_free() {
    let world = World::new().await;
    let buyer = world.joins_with(PRICE + 1).await;
    let id = bought(&world, &buyer, 7).await;
    assert_eq!(world.balance(&buyer).await, 1);
    let first = cancel(&world, &buyer, &id).await;
    assert_eq!((first.status, first.text_of("status")), (200, "CANCELLED"));
    assert_eq!(first.body["refunded"], PRICE);
    let again = cancel(&world, &buyer, &id).await;
    assert_eq!((again.status, again.body), (200, first.body));
    assert_eq!(world.balance(&buyer).await, PRICE + 1);
    world.pay(&buyer, &id).await.is_problem(409, "not_payable");
    let other = world.joins(EVENT).await;
    assert_eq!(world.hold(&other, 7).await.status, 201);
}

// E4
#[tokio::test]
async fn a_purchase_is_cancellable_until_24_hours_before_the_start() {
    let world = World::new().await;
    let last_moment = EpochMs::parse("2026-12-23T10:00:00Z").expect("a time");
    world.clock.set(last_moment.plus_ms(-60_000));
    let (early, late) = (world.joins_with(PRICE).await, world.joins_with(PRICE).await);
    let (in_time, too_late) = (
        bought(&world, &early, 1).await,
        bought(&world, &late, 2).await,
    );
    world.clock.set(last_moment.plus_ms(-1));
    assert_eq!(cancel(&world, &early, &in_time).await.status, 200);
    world.clock.set(last_moment);
    let refused = cancel(&world, &late, &too_late).await;
    refused.is_problem(409, "not_cancellable");
    assert_eq!(world.balance(&late).await, 0);
    // A reservation that is still held can be released.
    let undecided = world.joins(EVENT).await;
    let held = held_on(&world, &undecided, DATE, 3).await;
    assert_eq!(cancel(&world, &undecided, &held).await.status, 200);
}

// C11
#[tokio::test]
async fn a_lapsed_hold_is_expired_and_cannot_be_cancelled() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let id = held_on(&world, &buyer, DATE, 7).await;
    world.clock.advance_seconds(300);
    assert_eq!(get(&world, &buyer, &id).await.text_of("status"), "EXPIRED");
    cancel(&world, &buyer, &id)
        .await
        .is_problem(409, "not_cancellable");
    let again = world.joins_as(EVENT, &buyer.user_id).await;
    held_on(&world, &again, DATE, 8).await;
    assert_eq!(get(&world, &again, &id).await.text_of("status"), "EXPIRED");
    cancel(&world, &again, &id)
        .await
        .is_problem(409, "not_cancellable");
}

// E4
#[tokio::test]
async fn another_users_reservation_is_not_found() {
    let world = World::new().await;
    let (owner, thief) = (world.joins(EVENT).await, world.joins_with(PRICE).await);
    let id = held_on(&world, &owner, DATE, 7).await;
    for id in [id.as_str(), "no-such-reservation", "a.b"] {
        for reply in [
            get(&world, &thief, id).await,
            world.pay(&thief, id).await,
            cancel(&world, &thief, id).await,
        ] {
            reply.is_problem(404, "reservation_not_found");
        }
    }
    assert_eq!(get(&world, &owner, &id).await.text_of("status"), "HELD");
    assert_eq!(world.balance(&thief).await, PRICE);
    let path = format!("/users/{}/reservations", owner.user_id);
    world
        .get(&path, &thief.token)
        .await
        .is_problem(403, "not_yours");
}

// C16, E3, P8
#[tokio::test]
async fn a_history_is_paged_newest_first_and_remains_after_the_turn() {
    let world = World::new().await;
    let mut buyer = world.joins_with(PRICE).await;
    let mut ids = Vec::new();
    for seat in 1..=4 {
        ids.insert(0, held_on(&world, &buyer, DATE, seat).await);
        world.clock.advance_seconds(300);
        buyer = world.joins_as(EVENT, &buyer.user_id).await;
    }
    ids.insert(0, held_on(&world, &buyer, LATER_DATE, 1).await);
    world.clock.advance_seconds(1);
    ids.insert(0, held_on(&world, &buyer, DATE, 5).await);
    cancel(&world, &buyer, &ids[0]).await;
    world.clock.advance_seconds(1);
    ids.insert(0, bought(&world, &buyer, 6).await);
    assert_eq!(world.status(&buyer).await.text_of("status"), "EXPIRED");

    let all = history(&world, &buyer, "").await;
    assert_eq!(each(&all, "reservationId"), ids);
    let statuses = "CONFIRMED CANCELLED HELD EXPIRED EXPIRED EXPIRED EXPIRED".split(' ');
    assert_eq!(each(&all, "status"), statuses.collect::<Vec<_>>());
    for (filter, expected) in [
        ("", &ids[..]),
        ("&status=CONFIRMED", &ids[..1]),
        ("&status=CANCELLED", &ids[1..2]),
        ("&status=HELD", &ids[2..3]),
        ("&status=EXPIRED", &ids[3..]),
    ] {
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = history(&world, &buyer, &format!("?limit=2{filter}{cursor}")).await;
            assert!(each(&page, "reservationId").len() <= 2);
            listed.extend(each(&page, "reservationId"));
            match page.body["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(listed, expected);
    }
}
