//! Events in which joining again gives up the number for one at the end.

use domain::event::Programme;
use domain::queue::Reissue;
use futures::future::join_all;

use crate::invariants;
use crate::queue_steps::{crowd, statuses, the_queue_moves};
use crate::world::{EVENT, PRICE, World, concert_for};

fn requeue(max_active: u32) -> Programme {
    let mut concert = concert_for(max_active);
    concert.event.terms.queue.reissue = Reissue::Requeue;
    concert
}

#[tokio::test]
async fn rejoining_while_waiting_moves_to_the_end_and_invalidates_the_old_token() {
    let world = World::with(requeue(1)).await;
    let buyers = crowd(&world, 4).await;
    world.clock.advance_seconds(60);
    let again = world.joins_as(EVENT, &buyers[1].user_id).await;
    assert_eq!(again.joined.status, 201);
    assert_eq!(again.joined.body["queueNumber"], 5);
    assert_eq!(again.joined.text_of("status"), "WAITING");
    // At once, and for every request.
    assert_eq!(world.status(&buyers[1]).await.text_of("status"), "EXPIRED");
    world.hold(&buyers[1], 1).await.is_problem(410, "turn_over");
    assert_eq!(world.status(&again).await.text_of("status"), "WAITING");
    // The users behind lose nothing.
    world.leave(&buyers[0]).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "EEAW");
    world.leave(&buyers[2]).await;
    world.leave(&buyers[3]).await;
    the_queue_moves(&world).await;
    the_queue_moves(&world).await;
    assert_eq!(world.status(&again).await.text_of("status"), "ACTIVE");
    invariants::check(&world).await;
}

#[tokio::test]
async fn rejoining_while_active_passes_the_slot_to_the_next_user() {
    let world = World::with(requeue(1)).await;
    let buyers = crowd(&world, 2).await;
    world.clock.advance_seconds(60);
    let again = world.joins_as(EVENT, &buyers[0].user_id).await;
    assert_eq!(again.joined.text_of("status"), "WAITING");
    assert_eq!(world.status(&buyers[0]).await.text_of("status"), "EXPIRED");
    the_queue_moves(&world).await;
    assert_eq!(world.status(&buyers[1]).await.text_of("status"), "ACTIVE");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_hold_stays_payable_with_the_old_and_the_new_token() {
    for pays_with_old in [true, false] {
        let world = World::with(requeue(5)).await;
        let buyer = world.joins_with(PRICE).await;
        let held = world.hold(&buyer, 1).await;
        world.clock.advance_seconds(60);
        let again = world.joins_as(EVENT, &buyer.user_id).await;
        let payer = if pays_with_old { &buyer } else { &again };
        let paid = world.pay(payer, held.text_of("reservationId")).await;
        assert_eq!(paid.status, 201, "{paid:?}");
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn twenty_concurrent_rejoins_leave_one_queue_entry_with_the_last_number() {
    let world = World::with(requeue(2)).await;
    let buyer = world.joins(EVENT).await;
    world.clock.advance_seconds(60);
    let joins = (0..20).map(|_| world.joins_as(EVENT, &buyer.user_id));
    let tabs = join_all(joins).await;
    let mut in_force = std::collections::BTreeSet::new();
    for tab in &tabs {
        if world.status(tab).await.text_of("status") != "EXPIRED" {
            in_force.insert(tab.joined.body["queueNumber"].as_u64().unwrap());
        }
    }
    assert_eq!(in_force, [21].into(), "only the highest number counts");
    // The twenty numbers that were given up cost the next user no slot.
    let next = world.joins(EVENT).await;
    the_queue_moves(&world).await;
    assert_eq!(world.status(&next).await.text_of("status"), "ACTIVE");
    invariants::check(&world).await;
}

#[tokio::test]
async fn after_the_turn_rejoining_starts_at_the_end_like_everybody_else() {
    let world = World::with(requeue(1)).await;
    let first = world.joins(EVENT).await;
    world.leave(&first).await;
    let again = world.joins_as(EVENT, &first.user_id).await;
    the_queue_moves(&world).await;
    assert_eq!(world.status(&again).await.text_of("status"), "ACTIVE");
}
