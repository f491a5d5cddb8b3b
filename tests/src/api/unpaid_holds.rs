//! How long and how often a user may hold seats without paying.

use domain::seats::MOST_HOLDS_PER_SESSION;
use serde_json::{Value, json};

use crate::invariants;
use crate::world::{Buyer, DATE, EVENT, Reply, World, concert};

async fn post_hold(world: &World, buyer: &Buyer, wanted: Value) -> Reply {
    let mut body = wanted;
    body["date"] = json!(DATE);
    world
        .post(&format!("/events/{EVENT}/holds"), &buyer.token, body)
        .await
}

async fn hold_all(world: &World, buyer: &Buyer, seats: &[u32]) -> Reply {
    post_hold(world, buyer, json!({ "seatNumbers": seats })).await
}

async fn best(world: &World, buyer: &Buyer, count: u32) -> Reply {
    post_hold(world, buyer, json!({ "bestAvailable": { "count": count } })).await
}

async fn release(world: &World, buyer: &Buyer, held: &Reply) {
    assert_eq!(held.status, 201, "{held:?}");
    let path = format!("/reservations/{}", held.text_of("reservationId"));
    let reply = world.delete(&path, &buyer.token).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

fn seats(reply: &Reply) -> Vec<u64> {
    let seats = reply.body["seats"].as_array().unwrap();
    let number = |seat: &Value| seat["seatNumber"].as_u64().unwrap();
    seats.iter().map(number).collect()
}

/// An event of one section with this many seats, of which a user may have four.
async fn hall(seats: u32) -> World {
    let mut hall = concert();
    hall.event.terms.max_seats_per_user = 4;
    for date in hall.dates.values_mut() {
        date.sections[0].seats = seats;
    }
    World::with(hall).await
}

#[tokio::test]
async fn a_user_who_keeps_releasing_and_holding_a_seat_has_to_leave_it_to_others() {
    let world = World::new().await;
    let (owner, other) = (world.joins(EVENT).await, world.joins(EVENT).await);
    let first = world.hold(&owner, 7).await;
    world.clock.advance_seconds(290);
    release(&world, &owner, &first).await;
    let again = world.hold(&owner, 7).await;
    world.clock.advance_seconds(200);
    release(&world, &owner, &again).await;
    invariants::check(&world).await;
    let refused = world.hold(&owner, 7).await;
    refused.is_problem(409, "recently_held");
    assert_eq!(refused.body["seatNumber"], 7);
    // From the release, which counts as five seconds old.
    assert_eq!(refused.body["retryAfterSeconds"], 295);
    assert_eq!(refused.header("retry-after"), "295");
    assert_eq!(world.hold(&owner, 8).await.status, 201);
    assert_eq!(world.hold(&other, 7).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_lapsed_hold_can_be_repeated_by_its_user_only_after_the_cool_off() {
    let world = World::new().await;
    let owner = world.joins(EVENT).await;
    world.hold(&owner, 7).await;
    world.clock.advance_seconds(300);
    let owner = world.joins_as(EVENT, &owner.user_id).await;
    let refused = world.hold(&owner, 7).await;
    refused.is_problem(409, "recently_held");
    assert_eq!(refused.body["retryAfterSeconds"], 300);
    world.clock.advance_seconds(299);
    let refused = world.hold(&owner, 7).await;
    refused.is_problem(409, "recently_held");
    world.clock.advance_seconds(1);
    assert_eq!(world.hold(&owner, 7).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_selection_can_be_changed_and_keep_some_of_its_seats() {
    let world = hall(50).await;
    let buyer = world.joins_with(10_000_000).await;
    let first = hold_all(&world, &buyer, &[1, 2]).await;
    world.clock.advance_seconds(20);
    release(&world, &buyer, &first).await;
    let second = hold_all(&world, &buyer, &[2, 3]).await;
    world.clock.advance_seconds(20);
    release(&world, &buyer, &second).await;
    let third = hold_all(&world, &buyer, &[1, 2, 3]).await;
    assert_eq!(third.status, 201, "{third:?}");
    invariants::check(&world).await;
    let paid = world.pay(&buyer, third.text_of("reservationId")).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_seat_that_another_user_had_in_between_counts_as_new() {
    let world = World::new().await;
    let (owner, other) = (world.joins(EVENT).await, world.joins(EVENT).await);
    let first = world.hold(&owner, 7).await;
    world.clock.advance_seconds(10);
    release(&world, &owner, &first).await;
    let taken = world.hold(&other, 7).await;
    world.clock.advance_seconds(10);
    release(&world, &other, &taken).await;
    let again = world.hold(&owner, 7).await;
    assert_eq!(again.status, 201, "{again:?}");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_refunded_seat_can_be_bought_again_at_once() {
    let world = World::new().await;
    let buyer = world.joins_with(1_000_000).await;
    let held = world.hold(&buyer, 7).await;
    let id = held.text_of("reservationId");
    assert_eq!(world.pay(&buyer, id).await.status, 201);
    world
        .delete(&format!("/reservations/{id}"), &buyer.token)
        .await;
    let buyer = world.joins_as(EVENT, &buyer.user_id).await;
    assert_eq!(world.hold(&buyer, 7).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_session_holds_seats_a_limited_number_of_times() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    for seat in 1..=MOST_HOLDS_PER_SESSION {
        let held = world.hold(&buyer, seat).await;
        let repeated = world.hold(&buyer, seat).await;
        assert_eq!(
            repeated.status, 200,
            "a repeated request is no further hold"
        );
        release(&world, &buyer, &held).await;
    }
    let refused = world.hold(&buyer, 50).await;
    refused.is_problem(409, "too_many_holds");
    assert_eq!(refused.body["maxHolds"], MOST_HOLDS_PER_SESSION);
    best(&world, &buyer, 1)
        .await
        .is_problem(409, "too_many_holds");
    world.leave(&buyer).await;
    let again = world.joins_as(EVENT, &buyer.user_id).await;
    assert_eq!(world.hold(&again, 50).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn the_best_available_seats_are_not_those_that_the_user_has_to_leave_to_others() {
    let world = hall(12).await;
    let buyer = world.joins(EVENT).await;
    let first = best(&world, &buyer, 4).await;
    world.clock.advance_seconds(300);
    let buyer = world.joins_as(EVENT, &buyer.user_id).await;
    let second = best(&world, &buyer, 4).await;
    assert_eq!(second.status, 201, "{second:?}");
    let former = seats(&first);
    assert!(seats(&second).iter().all(|seat| !former.contains(seat)));
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_user_is_told_if_the_only_free_seats_are_those_to_be_left_to_others() {
    let world = hall(4).await;
    let buyer = world.joins(EVENT).await;
    best(&world, &buyer, 4).await;
    world.clock.advance_seconds(300);
    let buyer = world.joins_as(EVENT, &buyer.user_id).await;
    best(&world, &buyer, 2)
        .await
        .is_problem(409, "recently_held");
    let other = world.joins(EVENT).await;
    assert_eq!(best(&world, &other, 2).await.status, 201);
    let third = world.joins(EVENT).await;
    let refused = best(&world, &third, 3).await;
    refused.is_problem(409, "sold_out");
    assert_eq!(refused.body["availableTickets"], 2);
}
