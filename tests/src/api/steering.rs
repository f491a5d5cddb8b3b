//! Changes of the control during a sale: no user loses their turn.

use boxoffice::Outcome;
use boxoffice::commands::queue::steer_and_show;
use boxoffice::output::Output;
use boxoffice::steering::{SaleAction, Steering};
use domain::ids::EventId;
use domain::queue::{Lanes, Strategy};

use crate::invariants;
use crate::queue_steps::{crowd, leaves, statuses, the_queue_moves};
use crate::world::{EVENT, World, author, concert_for};

async fn steer(world: &World, steering: Steering) -> Outcome {
    let store = world.another_process().app.store().clone();
    let event = EventId::parse(EVENT).unwrap();
    steer_and_show(store, &event, &steering, &author(), &mut Output::log())
        .await
        .unwrap()
}

fn action(action: SaleAction) -> Steering {
    Steering {
        action: Some(action),
        ..Steering::default()
    }
}

fn max_active(max_active: u32) -> Steering {
    Steering {
        max_active: Some(max_active),
        ..Steering::default()
    }
}

#[tokio::test]
async fn raising_max_active_admits_the_next_at_once() {
    let world = World::with(concert_for(1)).await;
    let buyers = crowd(&world, 5).await;
    world.clock.advance_seconds(2);
    assert_eq!(steer(&world, max_active(3)).await, Outcome::Done);
    world.clock.advance_seconds(1);
    assert_eq!(statuses(&world, &buyers).await, "AAAWW");
    invariants::check(&world).await;
}

#[tokio::test]
async fn lowering_max_active_lets_sessions_finish_and_admits_nobody_until_there_is_room() {
    let world = World::with(concert_for(3)).await;
    let buyers = crowd(&world, 6).await;
    world.clock.advance_seconds(2);
    steer(&world, max_active(1)).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "AAAWWW");
    for left in 0..2 {
        leaves(&world, &buyers[left]).await;
        the_queue_moves(&world).await;
        assert_eq!(statuses(&world, &buyers[2..]).await, "AWWW");
    }
    leaves(&world, &buyers[2]).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers[2..]).await, "EAWW");
    invariants::check(&world).await;
}

#[tokio::test]
async fn open_slots_are_withdrawn_when_max_active_is_lowered() {
    let world = World::with(concert_for(50)).await;
    let inside = crowd(&world, 2).await;
    world.clock.advance_seconds(2);
    steer(&world, max_active(3)).await;
    let newcomers = crowd(&world, 4).await;
    assert_eq!(statuses(&world, &inside).await, "AA");
    assert_eq!(statuses(&world, &newcomers).await, "AWWW");
    invariants::check(&world).await;
    // Raising it again calls the next rank: nobody was passed over.
    world.clock.advance_seconds(2);
    steer(&world, max_active(50)).await;
    world.clock.advance_seconds(1);
    assert_eq!(statuses(&world, &newcomers).await, "AAAA");
    invariants::check(&world).await;
}

#[tokio::test]
async fn the_batch_size_can_be_changed() {
    let mut concert = concert_for(100);
    concert.event.terms.queue.strategy = Strategy::Batch {
        batch_size: 2,
        batch_seconds: 60,
    };
    let world = World::with(concert).await;
    let buyers = crowd(&world, 9).await;
    world.clock.advance_seconds(2);
    let batch_size = |size| Steering {
        batch_size: Some(size),
        ..Steering::default()
    };
    steer(&world, batch_size(4)).await;
    world.clock.advance_seconds(1);
    assert_eq!(statuses(&world, &buyers).await, "AAAAWWWWW");
    steer(&world, batch_size(1)).await;
    world.clock.advance_seconds(60);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "AAAAAWWWW");
}

#[tokio::test]
async fn an_invalid_change_is_refused_and_changes_nothing() {
    let mut concert = concert_for(8);
    concert.event.terms.queue.lanes = Lanes::new(4).unwrap();
    let world = World::with(concert).await;
    let event = EventId::parse(EVENT).unwrap();
    let store = world.app.store();
    let strong = shared::store::Consistency::Strong;
    let before = store.event(&event, strong).await.unwrap();
    for steering in [
        max_active(3),
        Steering {
            batch_size: Some(9),
            ..Steering::default()
        },
        Steering {
            beacon: Some("00".to_owned()),
            ..Steering::default()
        },
    ] {
        assert_eq!(steer(&world, steering).await, Outcome::Negative);
    }
    assert_eq!(store.event(&event, strong).await.unwrap(), before);
}

#[tokio::test]
async fn a_manually_closed_sale_can_be_reopened() {
    let world = World::with(concert_for(1)).await;
    let buyers = crowd(&world, 3).await;
    steer(&world, action(SaleAction::Close)).await;
    world.clock.advance_seconds(3);
    world.hold(&buyers[0], 1).await.is_problem(409, "not_open");
    let path = format!("/events/{EVENT}/tokens");
    let refused = world.post(&path, "", serde_json::json!({})).await;
    refused.is_problem(409, "not_open");
    steer(&world, action(SaleAction::Resume)).await;
    world.clock.advance_seconds(3);
    assert_eq!(statuses(&world, &buyers).await, "AWW");
    assert_eq!(world.joins(EVENT).await.joined.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn all_settings_can_be_changed_at_once() {
    let world = World::with(concert_for(1)).await;
    let buyers = crowd(&world, 4).await;
    steer(&world, action(SaleAction::Pause)).await;
    world.clock.advance_seconds(3);
    let both = Steering {
        action: Some(SaleAction::Resume),
        max_active: Some(2),
        ..Steering::default()
    };
    steer(&world, both).await;
    world.clock.advance_seconds(3);
    assert_eq!(statuses(&world, &buyers).await, "AAWW");
}
