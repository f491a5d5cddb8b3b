//! Events in which the session ends with the hold, which can still be paid.

use domain::event::Programme;
use domain::queue::TokenEndsOn;
use serde_json::json;

use crate::invariants;
use crate::queue_steps::the_queue_moves;
use crate::world::{DATE, EVENT, LATER_DATE, PRICE, World, concert_for};

fn ends_on_hold(max_active: u32) -> Programme {
    let mut concert = concert_for(max_active);
    concert.event.terms.queue.token_ends_on = TokenEndsOn::Hold;
    concert
}

#[tokio::test]
async fn the_session_ends_with_the_hold_and_the_hold_can_be_paid() {
    let world = World::with(ends_on_hold(1)).await;
    let buyer = world.joins_with(PRICE).await;
    let next = world.joins(EVENT).await;
    let held = world.hold(&buyer, 7).await;
    assert_eq!(held.status, 201, "{held:?}");
    assert_eq!(world.status(&buyer).await.text_of("status"), "EXPIRED");
    world
        .hold_on(&buyer, LATER_DATE, 7)
        .await
        .is_problem(410, "turn_over");
    // The next user gets the slot at once, while the hold is still unpaid.
    the_queue_moves(&world).await;
    assert_eq!(world.status(&next).await.text_of("status"), "ACTIVE");
    let paid = world.pay(&buyer, held.text_of("reservationId")).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    invariants::check(&world).await;
}

#[tokio::test]
async fn repeating_a_hold_after_the_turn_returns_the_same_hold() {
    let world = World::with(ends_on_hold(1)).await;
    let buyer = world.joins(EVENT).await;
    let held = world.hold(&buyer, 7).await;
    let again = world.hold(&buyer, 7).await;
    assert_eq!((again.status, again.body), (200, held.body));
}

#[tokio::test]
async fn a_refused_hold_does_not_end_the_session() {
    let world = World::with(ends_on_hold(2)).await;
    let first = world.joins(EVENT).await;
    let second = world.joins(EVENT).await;
    world.hold(&first, 7).await;
    world.hold(&second, 7).await.is_problem(409, "seat_taken");
    assert_eq!(world.status(&second).await.text_of("status"), "ACTIVE");
    assert_eq!(world.hold(&second, 8).await.status, 201);
}

#[tokio::test]
async fn after_a_lapsed_hold_its_owner_can_join_again() {
    let world = World::with(ends_on_hold(1)).await;
    let buyer = world.joins(EVENT).await;
    world.hold(&buyer, 7).await;
    world.clock.advance_seconds(301);
    let again = world.joins_as(EVENT, &buyer.user_id).await;
    assert_eq!(again.joined.status, 201);
    let held = world
        .post(
            &format!("/events/{EVENT}/holds"),
            &again.token,
            json!({ "date": DATE, "seatNumber": 8 }),
        )
        .await;
    assert_eq!(held.status, 201, "{held:?}");
    invariants::check(&world).await;
}
