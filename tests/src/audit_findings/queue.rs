//! Invariant 5: the queue calls in order, and uses no more slots than were allowed.

use domain::ids::{EventId, Lane};
use domain::queue::Control;

use super::{apply, catalogue, copy, delete, is, key, n, only, remove, s, set};
use crate::invariants;
use crate::queue_steps::{crowd, is_now, leaves, steer, the_queue_moves};
use crate::world::{Buyer, EVENT, PRICE, World, concert_for};

/// The key of the session at a rank.
fn session(rank: u64) -> (String, String) {
    (format!("SESSIONS#{EVENT}#0"), format!("{rank:012}"))
}

/// As many users inside as there are slots.
async fn full_house(slots: u32) -> (World, Vec<Buyer>) {
    let world = World::with(concert_for(slots)).await;
    let inside = crowd(&world, slots as usize).await;
    invariants::check(&world).await;
    (world, inside)
}

async fn limited_to(world: &World, max_active: u32) {
    steer(world, |event| Control {
        max_active: Some(max_active),
        ..event.control.clone()
    })
    .await;
}

async fn promote(world: &World) {
    let event = EventId::parse(EVENT).unwrap();
    world.clock.advance_seconds(2);
    world.app.promote(&event, Lane::FIRST).await.unwrap();
}

/// Does what DynamoDB does some time after the time to live.
async fn sweep(world: &World) -> usize {
    let now = world.clock.now().0 / 1000;
    let is_over = |item: &invariants::Item| {
        let ttl = item.get("ttl").and_then(|ttl| ttl.as_n().ok());
        ttl.is_some_and(|ttl| ttl.parse::<i64>().unwrap() < now)
    };
    let items = invariants::items(world).await;
    let over: Vec<_> = items.iter().filter(|(_, item)| is_over(item)).collect();
    for (key, _) in &over {
        delete(world, key).await;
    }
    over.len()
}

#[tokio::test]
async fn sessions_above_the_watermark_and_under_the_floor_are_found() {
    for (name, value, expected) in [
        ("admitted", 1, "no called session above the watermark, 1"),
        ("floor", 99, "no living session up to the floor, 99"),
    ] {
        let (world, _) = full_house(3).await;
        let head = key(&world, "QUEUE#", "HEAD").await;
        set(&world, &head, name, n(value)).await;
        let broken = invariants::broken(&world).await;
        assert!(broken.iter().all(|finding| finding.invariant.number() == 5));
        assert!(
            broken.iter().any(|finding| finding.expected == expected),
            "{broken:#?}"
        );
    }
}

#[tokio::test]
async fn a_session_of_a_user_without_its_number_is_found() {
    let (world, _) = full_house(2).await;
    let stranger = "00000000-0000-4000-8000-000000000000";
    set(&world, &session(1), "userId", s(stranger)).await;
    let expected = format!("user {stranger} with the number 1");
    is(
        &only(&world).await,
        5,
        &session(1),
        &expected,
        "no queue entry",
    );
}

#[tokio::test]
async fn a_slot_too_many_is_found_whatever_the_limits_are_later() {
    let (world, _) = full_house(2).await;
    let third = world.joins(EVENT).await;
    invariants::check(&world).await;
    copy(&world, &session(2), (&session(3).0, &session(3).1)).await;
    set(&world, &session(3), "userId", s(&third.user_id)).await;
    let head = key(&world, "QUEUE#", "HEAD").await;
    set(&world, &head, "admitted", n(3)).await;
    let found = async |world: &World| {
        let expected = "at most 2 living sessions up to this rank";
        is(&only(world).await, 5, &session(3), expected, "3");
    };
    found(&world).await;
    for max_active in [1, 3, 100] {
        limited_to(&world, max_active).await;
        found(&world).await;
    }
    let settings = "{maxActive: 9, sessionSeconds: 60, graceSeconds: 5}";
    apply(&world, &catalogue(1, settings)).await;
    found(&world).await;
}

#[tokio::test]
async fn a_living_session_that_no_promotion_opened_is_found() {
    for name in ["openedAt", "slotLimit"] {
        let (world, _) = full_house(2).await;
        remove(&world, &session(2), name).await;
        let expected = "openedAt and slotLimit";
        is(&only(&world).await, 5, &session(2), expected, "without");
    }
}

#[tokio::test]
async fn another_limit_with_users_inside_is_no_finding() {
    let (world, inside) = full_house(4).await;
    crowd(&world, 4).await;
    // Lowered by an operator: four are inside, then three, where one may be.
    limited_to(&world, 1).await;
    invariants::check(&world).await;
    leaves(&world, &inside[1]).await;
    the_queue_moves(&world).await;
    invariants::check(&world).await;
    // Raised: one more user is called, and arrives after it is lowered again.
    limited_to(&world, 4).await;
    the_queue_moves(&world).await;
    invariants::check(&world).await;
    limited_to(&world, 1).await;
    the_queue_moves(&world).await;
    invariants::check(&world).await;
    // By a catalogue, both ways.
    for max_active in [3, 2, 6] {
        let settings = format!("{{maxActive: {max_active}}}");
        apply(&world, &catalogue(1, &settings)).await;
        invariants::check(&world).await;
        the_queue_moves(&world).await;
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn a_user_who_was_called_before_the_limit_was_lowered_may_arrive_after() {
    let (world, inside) = full_house(2).await;
    let comes = world.joins(EVENT).await;
    leaves(&world, &inside[1]).await;
    the_queue_moves(&world).await;
    limited_to(&world, 1).await;
    world.clock.advance_seconds(8);
    is_now(&world, &comes, "ACTIVE").await;
    invariants::check(&world).await;
}

#[tokio::test]
async fn sessions_that_were_taken_back_count_by_the_limit_of_their_next_opening() {
    let world = World::with(concert_for(50)).await;
    promote(&world).await;
    let limit = async |rank| {
        let items = invariants::items(&world).await;
        items[&session(rank)]["slotLimit"].as_n().unwrap().clone()
    };
    assert_eq!(limit(3).await, "50");
    limited_to(&world, 2).await;
    promote(&world).await;
    let inside = crowd(&world, 2).await;
    let third = world.joins(EVENT).await;
    is_now(&world, &third, "WAITING").await;
    invariants::check(&world).await;
    leaves(&world, &inside[1]).await;
    the_queue_moves(&world).await;
    is_now(&world, &third, "ACTIVE").await;
    invariants::check(&world).await;
    assert_eq!(limit(3).await, "2");
    // The second user comes back inside by hand.
    set(&world, &session(2), "state", s("LIVE")).await;
    let broken = invariants::broken(&world).await;
    assert!(
        broken
            .iter()
            .any(|finding| finding.key.ends_with("000000000003")
                && finding.expected == "at most 2 living sessions up to this rank"),
        "{broken:#?}"
    );
}

#[tokio::test]
async fn a_pause_that_spares_called_users_is_no_finding() {
    let (world, inside) = full_house(2).await;
    let waiting = crowd(&world, 2).await;
    leaves(&world, &inside[0]).await;
    the_queue_moves(&world).await;
    let now = world.clock.now();
    steer(&world, |event| event.control.clone().paused_at(now)).await;
    // Longer than the grace of the called user, and than the session of the one inside.
    world.clock.advance_seconds(700);
    invariants::check(&world).await;
    let now = world.clock.now();
    steer(&world, |event| {
        let grace = event.terms.queue.grace_seconds;
        event.control.clone().resumed_at(now, grace)
    })
    .await;
    the_queue_moves(&world).await;
    invariants::check(&world).await;
    for buyer in &waiting {
        is_now(&world, buyer, "ACTIVE").await;
    }
    invariants::check(&world).await;
}

#[tokio::test]
async fn shorter_session_and_grace_times_with_users_inside_are_no_finding() {
    let (world, inside) = full_house(2).await;
    let waiting = crowd(&world, 3).await;
    leaves(&world, &inside[0]).await;
    the_queue_moves(&world).await;
    let settings = "{maxActive: 2, sessionSeconds: 30, graceSeconds: 5}";
    apply(&world, &catalogue(1, settings)).await;
    invariants::check(&world).await;
    // Called under the longer grace.
    world.clock.advance_seconds(60);
    is_now(&world, &waiting[0], "ACTIVE").await;
    invariants::check(&world).await;
    // The shorter session is over, the longer one is not.
    world.clock.advance_seconds(40);
    the_queue_moves(&world).await;
    is_now(&world, &waiting[1], "ACTIVE").await;
    invariants::check(&world).await;
    let settings = "{maxActive: 1, sessionSeconds: 1, graceSeconds: 1}";
    apply(&world, &catalogue(1, settings)).await;
    the_queue_moves(&world).await;
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_passed_rank_without_a_session_is_found() {
    for rank in 1..=3 {
        let (world, _) = full_house(3).await;
        delete(&world, &session(rank)).await;
        let expected = "the watermark has passed this rank";
        is(&only(&world).await, 5, &session(rank), expected, "none");
    }
}

#[tokio::test]
async fn a_missing_tombstone_is_found() {
    let (world, inside) = full_house(3).await;
    leaves(&world, &inside[1]).await;
    invariants::check(&world).await;
    delete(&world, &session(2)).await;
    let expected = "the watermark has passed this rank";
    is(&only(&world).await, 5, &session(2), expected, "none");
}

#[tokio::test]
async fn a_missing_session_is_found_also_long_after_the_event_was_created() {
    let world = World::with(concert_for(3)).await;
    world.clock.advance_seconds(5 * 24 * 3600);
    let inside = crowd(&world, 4).await;
    leaves(&world, &inside[0]).await;
    the_queue_moves(&world).await;
    invariants::check(&world).await;
    // The first rank above the floor: it was opened after the tombstone under the floor.
    delete(&world, &session(2)).await;
    let expected = "the watermark has passed this rank";
    is(&only(&world).await, 5, &session(2), expected, "none");
}

#[tokio::test]
async fn a_lane_that_stood_still_until_its_sessions_were_swept_has_no_findings() {
    let (world, _) = full_house(3).await;
    world.clock.advance_seconds(3 * 24 * 3600);
    assert!(sweep(&world).await >= 3);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_session_that_was_swept_beside_younger_and_older_ones_is_no_finding() {
    let mut concert = concert_for(2);
    concert.event.terms.queue.session_seconds = 3 * 24 * 3600;
    let world = World::with(concert).await;
    world.joins(EVENT).await;
    let pays = world.joins_with(PRICE).await;
    let held = world.hold(&pays, 1).await;
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&pays, &id).await.status, 201);
    world.clock.advance_seconds(2 * 24 * 3600);
    assert_eq!(sweep(&world).await, 1);
    invariants::check(&world).await;
    let leaves_soon = world.joins(EVENT).await;
    invariants::check(&world).await;
    leaves(&world, &leaves_soon).await;
    world.joins(EVENT).await;
    the_queue_moves(&world).await;
    invariants::check(&world).await;
    // The next rank was opened after one that was opened today.
    delete(&world, &session(4)).await;
    let expected = "the watermark has passed this rank";
    is(&only(&world).await, 5, &session(4), expected, "none");
}

#[tokio::test]
async fn a_number_of_two_users_and_one_that_was_never_handed_out_are_found() {
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
    for entry in &waiting {
        set(&world, entry, "number", n(3)).await;
    }
    let finding = only(&world).await;
    assert_eq!(
        (finding.invariant.number(), finding.expected.as_str()),
        (5, "a number that no other user has")
    );
    set(&world, &waiting[0], "number", n(2)).await;
    set(&world, &waiting[1], "number", n(9)).await;
    is(&only(&world).await, 5, &waiting[1], "at most 3", "9");
}
