//! Events with several lanes, for more joins than one lane can take.

use domain::event::Programme;
use domain::queue::Lanes;

use crate::invariants;
use crate::queue_steps::{crowd, leaves, statuses, the_queue_moves};
use crate::world::{Buyer, EVENT, PRICE, World, concert_for};

fn in_lanes(lanes: u8, max_active: u32) -> Programme {
    let mut concert = concert_for(max_active);
    concert.event.terms.queue.lanes = Lanes::new(lanes).unwrap();
    concert
}

fn number(buyer: &Buyer, field: &str) -> u64 {
    buyer.joined.body[field].as_u64().unwrap()
}

/// Users join until each lane has at least this many of them. The user's id decides the lane.
async fn users_by_lane(world: &World, lanes: usize, at_least: usize) -> Vec<Vec<Buyer>> {
    let mut users = vec![Vec::new(); lanes];
    while users.iter().any(|of_lane| of_lane.len() < at_least) {
        let buyer = world.joins(EVENT).await;
        users[usize::try_from(number(&buyer, "lane")).unwrap()].push(buyer);
    }
    users
}

#[tokio::test]
async fn each_lane_keeps_its_order_and_all_lanes_are_used() {
    let world = World::with(in_lanes(4, 8)).await;
    let lanes = users_by_lane(&world, 4, 8).await;
    for round in 0..3 {
        for users in &lanes {
            // Two sessions in each lane, of the first users who have not left.
            let seen = statuses(&world, users).await;
            let waiting = "W".repeat(users.len() - 2 * round - 2);
            assert_eq!(seen, format!("{}AA{waiting}", "EE".repeat(round)));
        }
        for users in &lanes {
            leaves(&world, &users[2 * round]).await;
            leaves(&world, &users[2 * round + 1]).await;
        }
        the_queue_moves(&world).await;
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn a_user_is_always_in_the_same_lane() {
    let world = World::with(in_lanes(16, 16)).await;
    let first = world.joins(EVENT).await;
    leaves(&world, &first).await;
    let again = world.joins_as(EVENT, &first.user_id).await;
    assert_eq!(number(&first, "lane"), number(&again, "lane"));
    assert_ne!(number(&first, "queueNumber"), number(&again, "queueNumber"));
}

#[tokio::test]
async fn lanes_share_the_slots_and_concurrent_promotions_never_exceed_them() {
    let world = World::with(in_lanes(5, 7)).await;
    let buyers = crowd(&world, 60).await;
    let processes: Vec<_> = (0..4).map(|_| world.another_process()).collect();
    for _ in 0..4 {
        world.clock.advance_ms(1_001);
        let runs = processes.iter().map(|process| process.app.promote_all());
        for run in futures::future::join_all(runs).await {
            run.unwrap();
        }
        invariants::check(&world).await;
    }
    assert_eq!(statuses(&world, &buyers).await.matches('A').count(), 7);
}

#[tokio::test]
async fn the_public_queue_numbers_sum_the_lanes() {
    let world = World::with(in_lanes(3, 3)).await;
    let buyers = crowd(&world, 30).await;
    world.clock.advance_seconds(2);
    let reply = world.get(&format!("/events/{EVENT}/queue"), "").await;
    let lanes = reply.body["lanes"].as_array().unwrap();
    assert_eq!(lanes.len(), 3);
    for field in ["issued", "admitted"] {
        let sum: u64 = lanes.iter().map(|lane| lane[field].as_u64().unwrap()).sum();
        assert_eq!(reply.body[field], sum, "{field}");
    }
    assert_eq!(reply.body["issued"], buyers.len());
    assert_eq!(reply.body["waiting"], 27);
    for (lane, view) in (0..).zip(lanes) {
        let joined = buyers.iter().filter(|b| number(b, "lane") == lane).count();
        assert_eq!(view["issued"], joined, "lane {lane}");
    }
}

#[tokio::test]
async fn a_position_counts_users_ahead_in_all_lanes() {
    let world = World::with(in_lanes(3, 3)).await;
    let buyers = crowd(&world, 30).await;
    for buyer in &buyers {
        let reply = world.status(buyer).await;
        let ahead_in_lane = number(buyer, "queueNumber") - 1;
        if ahead_in_lane == 0 {
            assert_eq!(reply.text_of("status"), "ACTIVE");
        } else {
            assert_eq!(reply.body["position"], 3 * ahead_in_lane, "{reply:?}");
            assert_eq!(reply.body["ahead"], 3 * ahead_in_lane - 1);
        }
    }
}

#[tokio::test]
async fn users_of_every_lane_can_hold_and_pay() {
    let world = World::with(in_lanes(8, 40)).await;
    for (seat, users) in (1..).zip(users_by_lane(&world, 8, 1).await) {
        let buyer = &users[0];
        assert_eq!(world.charge(buyer, PRICE, "first").await.status, 201);
        let held = world.hold(buyer, seat).await;
        assert_eq!(held.status, 201, "{held:?}");
        let paid = world.pay(buyer, held.text_of("reservationId")).await;
        assert_eq!(paid.status, 201, "{paid:?}");
        assert_eq!(world.status(buyer).await.text_of("status"), "EXPIRED");
    }
    invariants::check(&world).await;
}
