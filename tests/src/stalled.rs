//! When the schedule reports a queue as stalled: if promotions fail, but not if the queue has a reason to stand still.

use domain::clock::EpochMs;
use domain::event::Event;
use domain::queue::{Control, Pause};
use shared::app::PromotionSummary;

use crate::queue_steps;
use crate::wire::{Fault, Rule};
use crate::world::{EVENT, START, World, concert_for};

/// One run of the schedule.
async fn scheduled(world: &World) -> PromotionSummary {
    world.app.promote_all().await.expect("a summary")
}

/// From now on every promotion fails.
fn promotion_fails(world: &World) {
    world
        .wire
        .inject(Rule::every("", "PROMOTE#", Fault::Throttle));
}

/// One user of four was admitted and leaves; three wait.
async fn three_wait_for_a_free_slot() -> World {
    let world = World::with(concert_for(1)).await;
    let crowd = queue_steps::crowd(&world, 4).await;
    world.clock.advance_seconds(2);
    scheduled(&world).await;
    queue_steps::leaves(&world, &crowd[0]).await;
    world.clock.advance_seconds(2);
    world
}

fn paused(event: &Event, at: EpochMs, ended_at: Option<EpochMs>) -> Control {
    Control {
        pause: Pause {
            began_at: Some(at),
            ended_at,
            spares_until: None,
        },
        ..event.control.clone()
    }
}

#[tokio::test]
async fn a_queue_whose_promotions_fail_is_reported_as_stalled_after_two_minutes() {
    let world = three_wait_for_a_free_slot().await;
    let last = scheduled(&world).await;
    assert_eq!((last.promoted, last.stalled), (1, 0));
    promotion_fails(&world);
    world.clock.advance_ms(119_999);
    let early = scheduled(&world).await;
    assert_eq!((early.failed, early.stalled), (1, 0));
    world.clock.advance_seconds(2);
    let late = scheduled(&world).await;
    assert_eq!((late.failed, late.stalled), (1, 1));
    // Another process, whose promotions succeed.
    let repaired = scheduled(&world.another_process()).await;
    assert_eq!((repaired.failed, repaired.stalled), (0, 0));
}

#[tokio::test]
async fn a_queue_that_another_process_claims_but_never_promotes_is_reported_as_stalled() {
    let world = three_wait_for_a_free_slot().await;
    scheduled(&world).await;
    world.clock.advance_seconds(120);
    let dying = world.another_process();
    dying
        .wire
        .inject(Rule::every("Query", "SESSIONS#", Fault::CutOff));
    scheduled(&dying).await;
    let summary = scheduled(&world).await;
    assert_eq!(
        (summary.promoted, summary.failed, summary.stalled),
        (0, 0, 1)
    );
    assert_eq!(summary.waiting.values().sum::<u64>(), 2);
}

#[tokio::test]
async fn a_sold_out_queue_is_never_reported_as_stalled() {
    let mut concert = concert_for(1);
    concert.event.terms.queue.session_seconds = 86_400;
    let world = World::with(concert).await;
    queue_steps::crowd(&world, 4).await;
    for _ in 0..5 {
        world.clock.advance_seconds(600);
        let summary = scheduled(&world).await;
        assert_eq!(
            (summary.promoted, summary.failed, summary.stalled),
            (1, 0, 0)
        );
        assert_eq!(summary.waiting.values().sum::<u64>(), 3);
    }
}

#[tokio::test]
async fn an_empty_or_paused_or_just_resumed_queue_is_not_stalled() {
    let world = World::with(concert_for(1)).await;
    promotion_fails(&world);
    world.clock.advance_seconds(600);
    assert_eq!(scheduled(&world).await.stalled, 0, "nobody has come");
    let undisturbed = three_wait_for_a_free_slot().await;
    let world = undisturbed.another_process();
    promotion_fails(&world);
    let now = world.clock.now();
    queue_steps::steer(&undisturbed, |event| paused(event, now, None)).await;
    world.clock.advance_seconds(600);
    assert_eq!(scheduled(&world).await.stalled, 0, "paused");
    let ended = world.clock.now();
    queue_steps::steer(&undisturbed, |event| paused(event, now, Some(ended))).await;
    let resumed = scheduled(&world).await;
    assert_eq!((resumed.failed, resumed.stalled), (1, 0), "just resumed");
    world.clock.advance_seconds(120);
    assert_eq!(scheduled(&world).await.stalled, 1);
}

#[tokio::test]
async fn a_sale_that_has_not_opened_or_has_just_opened_is_not_stalled() {
    let mut concert = concert_for(1);
    let opens_at = EpochMs::parse(START).unwrap().plus_seconds(3_600);
    concert.event.terms.opens_at = Some(opens_at);
    let world = World::with(concert).await;
    queue_steps::crowd(&world, 3).await;
    promotion_fails(&world);
    world.clock.advance_seconds(3_599);
    assert_eq!(scheduled(&world).await.stalled, 0, "not open");
    world.clock.advance_seconds(2);
    let opened = scheduled(&world).await;
    assert_eq!((opened.failed, opened.stalled), (1, 0), "just opened");
    world.clock.advance_seconds(120);
    assert_eq!(scheduled(&world).await.stalled, 1);
    assert_eq!(world.joins(EVENT).await.joined.text_of("status"), "WAITING");
}
