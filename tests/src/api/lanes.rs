//! Events with several lanes, for more joins than one lane can take.

use std::collections::BTreeMap;

use domain::event::Programme;
use domain::queue::Lanes;

use crate::invariants;
use crate::queue_steps::{crowd, leaves, statuses, the_queue_moves};
use crate::world::{Buyer, EVENT, World, concert_for};

fn in_lanes(lanes: u8, max_active: u32) -> Programme {
    let mut concert = concert_for(max_active);
    concert.event.terms.queue.lanes = Lanes::new(lanes).unwrap();
    concert
}

fn number(buyer: &Buyer, field: &str) -> u64 {
    buyer.joined.body[field].as_u64().unwrap()
}

#[tokio::test]
async fn each_lane_keeps_its_order_and_all_lanes_are_used() {
    let world = World::with(in_lanes(4, 8)).await;
    let buyers = crowd(&world, 60).await;
    let mut lanes: BTreeMap<u64, Vec<&Buyer>> = BTreeMap::new();
    for buyer in &buyers {
        lanes.entry(number(buyer, "lane")).or_default().push(buyer);
    }
    assert_eq!(lanes.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
    for round in 0..3 {
        for line in lanes.values() {
            let line: Vec<Buyer> = line.iter().copied().cloned().collect();
            // Two sessions in each lane, of the first users who have not left.
            let seen = statuses(&world, &line).await;
            let (left, rest) = seen.split_at(2 * round);
            assert!(left.chars().all(|c| c == 'E'), "{seen}");
            assert!(rest.starts_with("AA") && !rest[2..].contains('A'), "{seen}");
        }
        for line in lanes.values() {
            leaves(&world, line[2 * round]).await;
            leaves(&world, line[2 * round + 1]).await;
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
    let mut lanes = std::collections::BTreeSet::new();
    for seat in 1..=30 {
        let buyer = world.joins_with(crate::world::PRICE).await;
        lanes.insert(number(&buyer, "lane"));
        if buyer.joined.text_of("status") != "ACTIVE" {
            continue;
        }
        let held = world.hold(&buyer, seat).await;
        assert_eq!(held.status, 201, "{held:?}");
        let paid = world.pay(&buyer, held.text_of("reservationId")).await;
        assert_eq!(paid.status, 201, "{paid:?}");
        assert_eq!(world.status(&buyer).await.text_of("status"), "EXPIRED");
    }
    assert!(lanes.len() > 4, "{lanes:?}");
    invariants::check(&world).await;
}
