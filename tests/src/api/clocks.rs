//! Clocks that are set back or run ahead: what they wrote blocks nobody.

use domain::ids::EventId;
use domain::queue::Strategy;
use shared::store::Change;

use crate::queue_steps::{crowd, leaves, statuses, steer, the_queue_moves};
use crate::world::{DATE, EVENT, World, author, concert_for};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_batch_queue_goes_on_after_the_clock_was_set_back() {
    let mut concert = concert_for(100);
    concert.event.terms.queue.strategy = Strategy::Batch {
        batch_size: 3,
        batch_seconds: 60,
    };
    let world = World::with(concert).await;
    world.clock.advance_ms(HOUR_MS);
    let buyers = crowd(&world, 9).await;
    assert_eq!(statuses(&world, &buyers).await, "AAAWWWWWW");
    world.clock.advance_ms(-HOUR_MS);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "AAAAAAWWW");
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "AAAAAAWWW");
    world.clock.advance_seconds(60);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "AAAAAAAAA");
}

#[tokio::test]
async fn a_rate_is_measured_after_the_clock_was_set_back() {
    let world = World::with(concert_for(1)).await;
    world.clock.advance_ms(HOUR_MS);
    let buyers = crowd(&world, 30).await;
    the_queue_moves(&world).await;
    world.clock.advance_ms(-HOUR_MS);
    for buyer in &buyers[..12] {
        leaves(&world, buyer).await;
        the_queue_moves(&world).await;
    }
    let waiting = world.status(&buyers[29]).await;
    let estimate = waiting.body["estimatedWaitSeconds"].as_u64();
    // One every two seconds.
    assert!(estimate.is_some_and(|seconds| seconds < 60), "{waiting:?}");
}

#[tokio::test]
async fn seat_counts_follow_the_sales_after_the_clock_was_set_back() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let path = format!("/events/{EVENT}/dates");
    world.clock.advance_ms(HOUR_MS);
    let ahead = world.another_process();
    let visitor = ahead.joins(EVENT).await;
    assert_eq!(ahead.get(&path, &visitor.token).await.status, 200);
    world.clock.advance_ms(-HOUR_MS);
    assert_eq!(world.hold(&buyer, 1).await.status, 201);
    world.clock.advance_seconds(10);
    let dates = world.another_process().get(&path, &buyer.token).await;
    assert_eq!(dates.body["dates"][0]["date"], DATE);
    assert_eq!(dates.body["dates"][0]["availableSeats"], 49, "{dates:?}");
}

#[tokio::test]
async fn a_longer_grace_soon_after_a_pause_revives_nobody_whose_slot_was_given_away() {
    let world = World::with(concert_for(1)).await;
    let three = crowd(&world, 3).await;
    leaves(&world, &three[0]).await;
    the_queue_moves(&world).await;
    let now = world.clock.now();
    steer(&world, |event| event.control.clone().paused_at(now)).await;
    let now = world.clock.now();
    steer(&world, |event| {
        let grace = event.terms.queue.grace_seconds;
        event.control.clone().resumed_at(now, grace)
    })
    .await;
    // The second user does not arrive, so the slot goes to the third.
    world.clock.advance_seconds(130);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &three).await, "EEA");
    let store = world.app.store();
    let id = EventId::parse(EVENT).unwrap();
    let former = store.described(&id).await.unwrap().unwrap();
    let mut described = former.clone();
    described.programme.event.terms.queue.grace_seconds = 3_600;
    let change = Change::Update {
        described,
        former: Box::new(former),
    };
    store.apply(&change, &[], &author()).await.unwrap();
    world.clock.advance_seconds(3);
    assert_eq!(statuses(&world, &three).await, "EEA");
}
