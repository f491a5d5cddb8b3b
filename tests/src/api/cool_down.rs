//! Users who leave and come back: within the cool-down they keep the number. And positions of users
//! behind those who have left.

use domain::clock::EpochMs;
use domain::event::Programme;
use domain::queue::{Order, Reissue};
use serde_json::json;

use crate::invariants;
use crate::queue_steps::{crowd, is_now, leaves, statuses, the_queue_moves};
use crate::world::{Buyer, EVENT, Reply, World, concert_for};

fn number(buyer: &Buyer) -> u64 {
    buyer.joined.body["queueNumber"].as_u64().unwrap()
}

async fn rejoins(world: &World, buyer: &Buyer) -> Buyer {
    world.joins_as(EVENT, &buyer.user_id).await
}

async fn queue(world: &World) -> Reply {
    world.get(&format!("/events/{EVENT}/queue"), "").await
}

fn drawing() -> Programme {
    let mut concert = concert_for(1);
    concert.event.terms.queue.order = Order::Draw;
    concert.event.terms.opens_at = Some(EpochMs::parse("2026-11-20T10:00:30Z").unwrap());
    concert
}

#[tokio::test]
async fn a_waiting_user_who_leaves_and_comes_back_at_once_has_the_same_place() {
    let world = World::with(concert_for(1)).await;
    let four = crowd(&world, 4).await;
    leaves(&world, &four[1]).await;
    world.clock.advance_seconds(59);
    let back = rejoins(&world, &four[1]).await;
    assert_eq!(back.joined.status, 200, "{:?}", back.joined);
    assert_eq!(number(&back), number(&four[1]));
    assert_eq!(back.joined.body["position"], 1);
    leaves(&world, &four[0]).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &four).await, "EAWW");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_user_whose_rank_was_passed_meanwhile_gets_a_new_number() {
    let world = World::with(concert_for(1)).await;
    let four = crowd(&world, 4).await;
    leaves(&world, &four[1]).await;
    leaves(&world, &four[0]).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &four).await, "EEAW");
    let back = rejoins(&world, &four[1]).await;
    assert_eq!(back.joined.status, 201, "{:?}", back.joined);
    assert_eq!(number(&back), 5);
    is_now(&world, &back, "WAITING").await;
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_user_who_left_has_no_place_until_coming_back() {
    let world = World::with(concert_for(2)).await;
    let two = crowd(&world, 2).await;
    leaves(&world, &two[0]).await;
    is_now(&world, &two[0], "EXPIRED").await;
    world.hold(&two[0], 1).await.is_problem(410, "turn_over");
    // A turn that has begun cannot be taken back.
    let back = rejoins(&world, &two[0]).await;
    assert_eq!((back.joined.status, number(&back)), (201, 3));
    invariants::check(&world).await;
}

#[tokio::test]
async fn joining_again_and_again_uses_one_number_per_cool_down() {
    for reissue in [Reissue::Keep, Reissue::Requeue] {
        let mut concert = concert_for(1);
        concert.event.terms.queue.reissue = reissue;
        let world = World::with(concert).await;
        let two = crowd(&world, 2).await;
        for _ in 0..50 {
            world.clock.advance_ms(500);
            if reissue == Reissue::Keep {
                leaves(&world, &two[1]).await;
            }
            assert_eq!(number(&rejoins(&world, &two[1]).await), 2);
        }
        assert_eq!(queue(&world).await.body["issued"], 2);
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn the_next_in_line_behind_a_thousand_departures_has_position_one() {
    let mut concert = concert_for(1);
    concert.event.terms.queue.session_seconds = 86_400;
    let world = World::with(concert).await;
    // One user shops. Another leaves and joins again after each cool-down.
    let mut restless = crowd(&world, 2).await.pop().unwrap();
    for _ in 0..1_000 {
        leaves(&world, &restless).await;
        world.clock.advance_seconds(60);
        restless = rejoins(&world, &restless).await;
    }
    assert_eq!(number(&restless), 1_002);
    leaves(&world, &restless).await;
    world.clock.advance_seconds(60);
    let next = world.joins(EVENT).await;
    assert_eq!(next.joined.body["position"], 1, "{:?}", next.joined);
    the_queue_moves(&world).await;
    assert_eq!(is_now(&world, &next, "WAITING").await.body["position"], 1);
    assert_eq!(queue(&world).await.body["waiting"], 1);
}

#[tokio::test]
async fn users_who_left_ahead_do_not_count_in_positions_and_numbers() {
    let world = World::with(concert_for(1)).await;
    let ten = crowd(&world, 10).await;
    for gone in [2, 3, 6] {
        leaves(&world, &ten[gone]).await;
    }
    the_queue_moves(&world).await;
    for (buyer, position) in [(1, 1), (4, 2), (5, 3), (7, 4), (9, 6)] {
        let reply = is_now(&world, &ten[buyer], "WAITING").await;
        assert_eq!(reply.body["position"], position, "{reply:?}");
    }
    let public = queue(&world).await.body;
    assert_eq!(public["waiting"], 6);
    assert_eq!(
        public["lanes"][0]["departed"],
        json!([[3, 4, 2], [7, 7, 1]])
    );
    // One of them comes back.
    rejoins(&world, &ten[3]).await;
    the_queue_moves(&world).await;
    assert_eq!(is_now(&world, &ten[9], "WAITING").await.body["position"], 7);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_departure_before_a_draw_can_be_taken_back_before_and_after_it() {
    for after in [0, 40] {
        let world = World::with(drawing()).await;
        let three = crowd(&world, 3).await;
        leaves(&world, &three[1]).await;
        world.clock.advance_seconds(after);
        let back = rejoins(&world, &three[1]).await;
        assert_eq!(
            (back.joined.status, number(&back)),
            (200, 2),
            "{:?}",
            back.joined
        );
        world.clock.advance_seconds(40);
        for _ in 0..3 {
            the_queue_moves(&world).await;
            let seen = statuses(&world, &three).await;
            assert_eq!(seen.matches('A').count(), 1, "{seen}");
            let inside = seen.find('A').unwrap();
            leaves(&world, &three[inside]).await;
        }
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn users_who_left_before_a_draw_do_not_count_after_it() {
    let world = World::with(drawing()).await;
    let ten = crowd(&world, 10).await;
    for gone in &ten[..4] {
        leaves(&world, gone).await;
    }
    world.clock.advance_seconds(100);
    the_queue_moves(&world).await;
    the_queue_moves(&world).await;
    let mut positions = Vec::new();
    for buyer in &ten[4..] {
        let reply = world.status(buyer).await;
        positions.push(reply.body["position"].as_u64().unwrap());
    }
    positions.sort_unstable();
    assert_eq!(positions, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn coming_back_while_the_rank_is_passed_gives_a_place_that_is_called() {
    let world = World::with(concert_for(1)).await;
    let mut inside = world.joins(EVENT).await;
    for _ in 0..30 {
        let back = world.joins(EVENT).await;
        leaves(&world, &back).await;
        leaves(&world, &inside).await;
        world.clock.advance_seconds(2);
        let (promoting, rejoining) = (world.another_process(), world.another_process());
        let (promoted, again) =
            tokio::join!(promoting.app.promote_all(), rejoins(&rejoining, &back));
        promoted.unwrap();
        the_queue_moves(&world).await;
        // Whichever came first, the user has a place, and the slot is free.
        is_now(&world, &again, "ACTIVE").await;
        invariants::check(&world).await;
        inside = again;
    }
}
