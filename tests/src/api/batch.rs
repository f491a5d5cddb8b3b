//! Users who are called in batches.

use domain::event::Programme;
use domain::queue::{Lanes, Strategy};

use crate::invariants;
use crate::queue_steps::{crowd, leaves, statuses, the_queue_moves};
use crate::world::{EVENT, World, concert_for};

/// A batch of this size every minute, and at most this many sessions.
fn batches(batch_size: u32, max_active: u32) -> Programme {
    let mut concert = concert_for(max_active);
    concert.event.terms.queue.strategy = Strategy::Batch {
        batch_size,
        batch_seconds: 60,
    };
    concert
}

#[tokio::test]
async fn one_batch_is_called_at_a_time_and_the_next_after_its_window() {
    let world = World::with(batches(3, 100)).await;
    let buyers = crowd(&world, 8).await;
    assert_eq!(statuses(&world, &buyers).await, "AAAWWWWW");
    world.clock.advance_seconds(55);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "AAAWWWWW");
    world.clock.advance_seconds(5);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "AAAAAAWW");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_freed_slot_is_filled_only_by_the_next_batch() {
    let world = World::with(batches(2, 100)).await;
    let buyers = crowd(&world, 4).await;
    leaves(&world, &buyers[0]).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "EAWW");
    world.clock.advance_seconds(60);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "EAAA");
}

#[tokio::test]
async fn unused_batches_do_not_accumulate() {
    let world = World::with(batches(3, 100)).await;
    world.joins(EVENT).await;
    // Ten windows pass without users, some of them with a poll.
    for _ in 0..10 {
        world.clock.advance_seconds(60);
        world.app.promote_all().await.unwrap();
    }
    let buyers = crowd(&world, 10).await;
    let inside = statuses(&world, &buyers).await.matches('A').count();
    // The batch of the present window; the ten windows before it add nothing.
    assert_eq!(inside, 3);
    the_queue_moves(&world).await;
    let inside = statuses(&world, &buyers).await.matches('A').count();
    assert_eq!(inside, 3);
    world.clock.advance_seconds(60);
    the_queue_moves(&world).await;
    let later = statuses(&world, &buyers).await.matches('A').count();
    assert_eq!(later, 6);
}

#[tokio::test]
async fn active_sessions_never_exceed_the_slots_however_large_the_batch() {
    let world = World::with(batches(5, 7)).await;
    let buyers = crowd(&world, 20).await;
    for window in 0..4 {
        let inside = statuses(&world, &buyers).await.matches('A').count();
        assert_eq!(inside, [5, 7, 7, 7][window], "window {window}");
        invariants::check(&world).await;
        world.clock.advance_seconds(60);
        the_queue_moves(&world).await;
    }
}

#[tokio::test]
async fn a_user_who_left_while_waiting_uses_nothing_of_a_batch() {
    let world = World::with(batches(2, 100)).await;
    let buyers = crowd(&world, 7).await;
    leaves(&world, &buyers[2]).await;
    leaves(&world, &buyers[3]).await;
    world.clock.advance_seconds(60);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "AAEEAAW");
}

#[tokio::test]
async fn concurrent_promotions_use_a_batch_once() {
    let world = World::with(batches(4, 100)).await;
    let buyers = crowd(&world, 12).await;
    world.clock.advance_seconds(60);
    let processes: Vec<_> = (0..6).map(|_| world.another_process()).collect();
    for _ in 0..3 {
        world.clock.advance_ms(1_001);
        let runs = processes.iter().map(|process| process.app.promote_all());
        for run in futures::future::join_all(runs).await {
            run.unwrap();
        }
    }
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "AAAAAAAAWWWW");
}

#[tokio::test]
async fn lanes_share_a_batch() {
    let mut concert = batches(4, 100);
    concert.event.terms.queue.lanes = Lanes::new(4).unwrap();
    let world = World::with(concert).await;
    let buyers = crowd(&world, 40).await;
    the_queue_moves(&world).await;
    let inside = statuses(&world, &buyers).await.matches('A').count();
    assert_eq!(inside, 4, "one a lane");
}
