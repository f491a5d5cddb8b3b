//! Events that draw the order of the users who joined before the opening.

use std::collections::BTreeMap;

use boxoffice::output::Output;
use boxoffice::steering::Steering;
use domain::clock::EpochMs;
use domain::event::Programme;
use domain::ids::{EventId, Lane};
use domain::queue::{Lanes, Order, Permutation, Reissue, Secret};
use serde_json::Value;
use shared::store::{ApplyRefused, Change, Store};

use crate::call_gate::CallGate;
use crate::invariants;
use crate::queue_steps::{crowd, leaves, statuses, the_queue_moves};
use crate::world::{Buyer, EVENT, PRICE, Reply, World, author, concert_for};

/// A concert that opens in an hour, by a draw.
fn drawing(max_active: u32) -> Programme {
    let mut concert = concert_for(max_active);
    concert.event.terms.queue.order = Order::Draw;
    concert.event.terms.opens_at = Some(EpochMs::parse("2026-11-20T11:00:00Z").unwrap());
    concert
}

async fn opens(world: &World) {
    world.clock.advance_seconds(3_600);
    world.app.promote_all().await.unwrap();
    world.clock.advance_seconds(2);
}

async fn queue(world: &World) -> Reply {
    world.get(&format!("/events/{EVENT}/queue"), "").await
}

fn number(buyer: &Buyer) -> u64 {
    buyer.joined.body["queueNumber"].as_u64().unwrap()
}

/// The order that follows from the published numbers, as an outsider computes it.
fn published_order(body: &Value, lane: u8) -> Permutation {
    let draw = &body["draw"];
    let secret = Secret::parse(draw["secret"].as_str().unwrap()).unwrap();
    assert_eq!(draw["commitment"], secret.commitment());
    let count = draw["counts"][usize::from(lane)].as_u64().unwrap();
    let beacon = draw["beacon"]["value"].as_str().unwrap_or_default();
    let event = EventId::parse(EVENT).unwrap();
    Permutation::new(&secret, &event, Lane(lane), count, beacon)
}

/// Every user's rank, as shown to the user.
async fn ranks(world: &World, buyers: &[Buyer]) -> Vec<u64> {
    let mut ranks = Vec::new();
    for buyer in buyers {
        ranks.push(world.status(buyer).await.body["rank"].as_u64().unwrap());
    }
    ranks
}

async fn steer(world: &World, steering: Steering) {
    let store = Store::clone(world.another_process().app.store());
    let event = EventId::parse(EVENT).unwrap();
    boxoffice::commands::queue::steer_and_show(
        store,
        &event,
        &steering,
        &author(),
        &mut Output::log(),
    )
    .await
    .unwrap();
    world.clock.advance_seconds(3);
}

#[tokio::test]
async fn before_the_opening_there_are_no_ranks_or_positions_and_the_secret_is_hidden() {
    let world = World::with(drawing(2)).await;
    let buyers = crowd(&world, 5).await;
    for buyer in &buyers {
        let reply = world.status(buyer).await;
        assert_eq!(reply.text_of("status"), "WAITING");
        for field in ["rank", "position", "ahead", "estimatedWaitSeconds"] {
            assert!(reply.body.get(field).is_none(), "{field}: {reply:?}");
        }
        let refused = world.hold(buyer, 1).await;
        refused.is_problem(403, "not_admitted");
        assert!(refused.body.get("position").is_none(), "{refused:?}");
    }
    world.clock.advance_seconds(1);
    let draw = &queue(&world).await.body["draw"];
    assert_eq!(draw["commitment"].as_str().unwrap().len(), 64);
    for field in ["secret", "count", "counts"] {
        assert!(draw.get(field).is_none(), "{draw}");
    }
}

#[tokio::test]
async fn at_the_opening_ranks_are_drawn_and_users_are_called_in_their_order() {
    let world = World::with(drawing(3)).await;
    let buyers = crowd(&world, 40).await;
    let commitment = queue(&world).await.body["draw"]["commitment"].clone();
    opens(&world).await;
    let body = queue(&world).await.body;
    assert_eq!(body["draw"]["commitment"], commitment);
    assert_eq!(body["draw"]["count"], 40);
    let order = published_order(&body, 0);
    let ranks = ranks(&world, &buyers).await;
    for (buyer, rank) in buyers.iter().zip(&ranks) {
        assert_eq!(order.rank_of(number(buyer)).unwrap().0, *rank);
    }
    assert!(!ranks.is_sorted(), "a draw of 40 in order of arrival");
    let mut by_rank: Vec<_> = ranks.iter().zip(&buyers).collect();
    by_rank.sort_by_key(|(rank, _)| **rank);
    let in_order: Vec<Buyer> = by_rank.into_iter().map(|(_, b)| b.clone()).collect();
    for inside in 0..4 {
        let seen = statuses(&world, &in_order).await;
        let (left, rest) = seen.split_at(3 * inside);
        assert!(left.chars().all(|c| c == 'E'), "{seen}");
        assert!(
            rest.starts_with("AAAW") && !rest[3..].contains('A'),
            "{seen}"
        );
        for buyer in &in_order[3 * inside..3 * inside + 3] {
            leaves(&world, buyer).await;
        }
        the_queue_moves(&world).await;
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn users_who_join_after_the_opening_follow_the_draw_in_order_of_arrival() {
    let world = World::with(drawing(1)).await;
    let early = crowd(&world, 10).await;
    world.clock.advance_seconds(3_600);
    // Nobody has promoted yet: the first latecomer closes the draw.
    let late = crowd(&world, 5).await;
    for (buyer, rank) in late.iter().zip(11..) {
        assert_eq!(buyer.joined.body["rank"], rank, "{:?}", buyer.joined);
    }
    the_queue_moves(&world).await;
    let mut drawn = ranks(&world, &early).await;
    drawn.sort_unstable();
    assert_eq!(drawn, (1..=10).collect::<Vec<_>>());
    assert_eq!(queue(&world).await.body["draw"]["count"], 10);
}

#[tokio::test]
async fn users_called_by_the_draw_can_hold_and_pay() {
    let world = World::with(drawing(30)).await;
    let buyer = world.joins_with(PRICE).await;
    crowd(&world, 9).await;
    opens(&world).await;
    assert_eq!(world.status(&buyer).await.text_of("status"), "ACTIVE");
    let held = world.hold(&buyer, 4).await;
    assert_eq!(held.status, 201, "{held:?}");
    let paid = world.pay(&buyer, held.text_of("reservationId")).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    assert_eq!(world.status(&buyer).await.text_of("status"), "EXPIRED");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_called_users_first_request_can_be_a_hold() {
    let world = World::with(drawing(30)).await;
    let buyers = crowd(&world, 10).await;
    opens(&world).await;
    // A process with empty caches.
    let other = world.another_process();
    assert_eq!(other.hold(&buyers[3], 4).await.status, 201);
}

#[tokio::test]
async fn a_user_who_left_before_the_draw_takes_no_slot_and_no_time() {
    let world = World::with(drawing(3)).await;
    let buyers = crowd(&world, 12).await;
    for buyer in &buyers[..8] {
        leaves(&world, buyer).await;
    }
    opens(&world).await;
    the_queue_moves(&world).await;
    let seen = statuses(&world, &buyers[8..]).await;
    assert_eq!(seen.matches('A').count(), 3, "{seen}");
    for buyer in &buyers[..8] {
        world.hold(buyer, 1).await.is_problem(410, "turn_over");
    }
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_user_who_leaves_and_rejoins_before_the_draw_is_drawn_once() {
    let world = World::with(drawing(50)).await;
    let first = world.joins(EVENT).await;
    leaves(&world, &first).await;
    world.clock.advance_seconds(60);
    let again = world.joins_as(EVENT, &first.user_id).await;
    crowd(&world, 3).await;
    opens(&world).await;
    assert_eq!(world.status(&again).await.text_of("status"), "ACTIVE");
    let old = world.status(&first).await;
    assert_eq!(old.text_of("status"), "EXPIRED", "{old:?}");
    invariants::check(&world).await;
}

#[tokio::test]
async fn rejoining_before_the_draw_gives_up_the_first_number_under_requeue() {
    let mut concert = drawing(50);
    concert.event.terms.queue.reissue = Reissue::Requeue;
    let world = World::with(concert).await;
    let first = world.joins(EVENT).await;
    world.clock.advance_seconds(60);
    let again = world.joins_as(EVENT, &first.user_id).await;
    assert_eq!(again.joined.status, 201);
    assert_eq!(world.status(&first).await.text_of("status"), "EXPIRED");
    opens(&world).await;
    assert_eq!(world.status(&again).await.text_of("status"), "ACTIVE");
    assert_eq!(world.status(&first).await.text_of("status"), "EXPIRED");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_pause_at_the_opening_adds_nobody_to_the_draw() {
    let world = World::with(drawing(2)).await;
    let early = crowd(&world, 4).await;
    let pause = Steering {
        action: Some(boxoffice::steering::SaleAction::Pause),
        ..Steering::default()
    };
    steer(&world, pause).await;
    world.clock.advance_seconds(3_600);
    world.app.promote_all().await.unwrap();
    let late = world.joins(EVENT).await;
    assert_eq!(late.joined.body["rank"], 5);
    let resume = Steering {
        action: Some(boxoffice::steering::SaleAction::Resume),
        ..Steering::default()
    };
    steer(&world, resume).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &early).await.matches('A').count(), 2);
    assert_eq!(world.status(&late).await.text_of("status"), "WAITING");
}

#[tokio::test]
async fn each_lane_has_its_own_draw_and_the_secret_is_published_after_the_last() {
    let mut concert = drawing(6);
    concert.event.terms.queue.lanes = Lanes::new(3).unwrap();
    let world = World::with(concert).await;
    let buyers = crowd(&world, 45).await;
    world.clock.advance_seconds(3_600);
    let event = EventId::parse(EVENT).unwrap();
    world.app.promote(&event, Lane(0)).await.unwrap();
    let other = world.another_process();
    other.wire.inject(crate::wire::Rule::every(
        "UpdateItem",
        "PROMOTE#",
        crate::wire::Fault::Throttle,
    ));
    let reply = other.get(&format!("/events/{EVENT}/queue"), "").await;
    assert!(reply.body["draw"].get("secret").is_none(), "{reply:?}");
    world.clock.advance_ms(1_001);
    world.app.promote_all().await.unwrap();
    world.clock.advance_seconds(2);
    let body = queue(&world).await.body;
    let mut by_lane: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
    for buyer in &buyers {
        let lane = u8::try_from(buyer.joined.body["lane"].as_u64().unwrap()).unwrap();
        let rank = world.status(buyer).await.body["rank"].as_u64().unwrap();
        let order = published_order(&body, lane);
        assert_eq!(order.rank_of(number(buyer)).unwrap().0, rank);
        by_lane.entry(lane).or_default().push(rank);
    }
    assert_eq!(by_lane.len(), 3);
    for (lane, mut ranks) in by_lane {
        ranks.sort_unstable();
        assert!(
            ranks.iter().copied().eq(1..=ranks.len() as u64),
            "lane {lane}"
        );
    }
    invariants::check(&world).await;
}

/// Runs the script of docs/QUEUE.md on the published queue data.
async fn by_the_script_of_the_docs(published: &Value, lane: u8) -> Option<BTreeMap<u64, u64>> {
    use std::process::Stdio;
    use tokio::io::AsyncWriteExt;
    let page = include_str!("../../../docs/QUEUE.md");
    let (_, script) = page.split_once("```python\n").expect("a script");
    let (script, _) = script.split_once("```").expect("its end");
    let python = tokio::process::Command::new("python3")
        .args(["-c", script, &lane.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        // Rust and a C compiler are all that the tests require. CI has Python.
        assert!(std::env::var_os("CI").is_none(), "CI has Python");
        println!("left out: there is no python3 here");
        return None;
    };
    let mut stdin = python.stdin.take().expect("an input");
    stdin
        .write_all(published.to_string().as_bytes())
        .await
        .unwrap();
    drop(stdin);
    let output = python.wait_with_output().await.unwrap();
    assert!(output.status.success());
    let ranks = String::from_utf8(output.stdout).unwrap();
    let pair = |line: &str| {
        let (number, rank) = line.split_once(' ').expect("a number and a rank");
        (number.parse().unwrap(), rank.parse().unwrap())
    };
    Some(ranks.lines().map(pair).collect())
}

#[tokio::test]
async fn the_documented_script_computes_everybodys_published_rank() {
    let mut concert = drawing(6);
    concert.event.terms.queue.lanes = Lanes::new(2).unwrap();
    concert.event.terms.beacon = Some("the lottery of the day".to_owned());
    let world = World::with(concert).await;
    let buyers = crowd(&world, 40).await;
    opens(&world).await;
    let value = Steering {
        beacon: Some("04|17|23".to_owned()),
        ..Steering::default()
    };
    steer(&world, value).await;
    the_queue_moves(&world).await;
    let body = queue(&world).await.body;
    for lane in 0..2 {
        let Some(ranks) = by_the_script_of_the_docs(&body, lane).await else {
            return;
        };
        let mut told = BTreeMap::new();
        for buyer in &buyers {
            if buyer.joined.body["lane"] == lane {
                let rank = world.status(buyer).await.body["rank"].as_u64().unwrap();
                told.insert(number(buyer), rank);
            }
        }
        assert_eq!(ranks, told, "lane {lane}");
        assert!(told.len() > 5);
    }
}

#[tokio::test]
async fn a_draw_waits_for_its_beacon_and_uses_it() {
    let mut concert = drawing(2);
    concert.event.terms.beacon = Some("drand round 12345".to_owned());
    let world = World::with(concert).await;
    let buyers = crowd(&world, 20).await;
    opens(&world).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await, "W".repeat(20));
    assert!(world.status(&buyers[0]).await.body.get("rank").is_none());
    let late = world.joins(EVENT).await;
    assert_eq!(late.joined.body["rank"], 21);
    assert_eq!(
        queue(&world).await.body["draw"]["beacon"]["source"],
        "drand round 12345"
    );
    let value = Steering {
        beacon: Some("c0ffee".to_owned()),
        ..Steering::default()
    };
    steer(&world, value).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &buyers).await.matches('A').count(), 2);
    let body = queue(&world).await.body;
    assert_eq!(body["draw"]["beacon"]["value"], "c0ffee");
    let order = published_order(&body, 0);
    for (buyer, rank) in buyers.iter().zip(ranks(&world, &buyers).await) {
        assert_eq!(order.rank_of(number(buyer)).unwrap().0, rank);
    }
    // The beacon cannot be replaced.
    let another = Steering {
        beacon: Some("decaf".to_owned()),
        ..Steering::default()
    };
    steer(&world, another).await;
    assert_eq!(
        queue(&world).await.body["draw"]["beacon"]["value"],
        "c0ffee"
    );
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_user_who_leaves_during_the_draw_is_never_called() {
    // The draw is held and the rank called between the departure mark and the second read of the head.
    let world = World::with(drawing(10)).await;
    let buyers = crowd(&world, 3).await;
    let gate = CallGate::of(&["DEPARTED#"]);
    let slow = world.process_behind(gate.clone());
    let (left, ()) = futures::future::join(slow.leave(&buyers[1]), async {
        gate.waits().await;
        opens(&world).await;
        gate.open();
    })
    .await;
    assert_eq!(left.status, 204);
    world.clock.advance_seconds(2);
    assert_eq!(statuses(&world, &buyers).await, "AEA");
    invariants::check(&world).await;
    let dead = invariants::items(&world)
        .await
        .into_iter()
        .filter(|((pk, _), item)| {
            pk.starts_with("SESSIONS#")
                && item
                    .get("state")
                    .and_then(|s| s.as_s().ok())
                    .is_some_and(|s| s == "ENDED")
        })
        .count();
    assert_eq!(dead, 1, "the place was given back");
}

/// Moves the opening as a catalogue does, by another process.
async fn moves_opening(world: &World, opens_at: EpochMs) -> Result<(), ApplyRefused> {
    let other = world.another_process();
    let id = EventId::parse(EVENT).unwrap();
    let store = other.app.store();
    let former = store.described(&id).await.unwrap().unwrap();
    let mut described = former.clone();
    described.programme.event.terms.opens_at = Some(opens_at);
    described.programme.event.terms.queue.order = Order::Draw;
    let change = Change::Update {
        described,
        former: Box::new(former),
    };
    store.apply(&change, &[], &author()).await
}

async fn is_not_drawn(world: &World) {
    let draw = &queue(world).await.body["draw"];
    for field in ["secret", "count", "counts"] {
        assert!(draw.get(field).is_none(), "{draw}");
    }
}

#[tokio::test]
async fn a_draw_that_is_postponed_after_users_joined_remains_a_draw() {
    let world = World::with(drawing(10)).await;
    let early = crowd(&world, 5).await;
    world.clock.advance_ms(3_600_000 - 500);
    // This process has just read the event with the old opening.
    assert_eq!(queue(&world).await.body["state"], "NOT_OPEN");
    let opens_at = EpochMs::parse("2026-11-20T13:00:00Z").unwrap();
    moves_opening(&world, opens_at).await.unwrap();
    world.clock.advance_ms(1_000);
    // For this process, the sale has opened.
    assert_eq!(queue(&world).await.body["state"], "OPEN");
    is_not_drawn(&world).await;
    let late = world.joins(EVENT).await;
    assert!(late.joined.body.get("rank").is_none(), "{:?}", late.joined);
    the_queue_moves(&world).await;
    is_not_drawn(&world).await;
    world.clock.set(opens_at);
    the_queue_moves(&world).await;
    the_queue_moves(&world).await;
    let body = queue(&world).await.body;
    assert_eq!(body["draw"]["count"], 6, "{body}");
    assert!(published_order(&body, 0).rank_of(6).is_some());
    assert_eq!(statuses(&world, &early).await, "AAAAA");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_draw_that_was_not_held_at_its_hour_can_be_postponed() {
    let world = World::with(drawing(10)).await;
    crowd(&world, 5).await;
    world.clock.advance_seconds(3_700);
    let opens_at = EpochMs::parse("2026-11-20T13:00:00Z").unwrap();
    moves_opening(&world, opens_at).await.unwrap();
    the_queue_moves(&world).await;
    is_not_drawn(&world).await;
    let late = world.joins(EVENT).await;
    assert!(late.joined.body.get("rank").is_none(), "{:?}", late.joined);
    world.clock.set(opens_at);
    the_queue_moves(&world).await;
    world.clock.advance_seconds(2);
    assert_eq!(queue(&world).await.body["draw"]["count"], 6);
}

#[tokio::test]
async fn the_opening_of_a_draw_that_was_held_cannot_change() {
    let world = World::with(drawing(10)).await;
    crowd(&world, 5).await;
    opens(&world).await;
    let opens_at = EpochMs::parse("2026-11-20T13:00:00Z").unwrap();
    let refused = moves_opening(&world, opens_at).await;
    assert!(
        matches!(refused, Err(ApplyRefused::DrawHeld)),
        "{refused:?}"
    );
    world.clock.advance_seconds(3);
    assert_eq!(queue(&world).await.body["draw"]["count"], 5);
}

#[tokio::test]
async fn an_event_that_becomes_a_draw_is_not_drawn_by_a_promotion_under_way() {
    let world = World::with(concert_for(10)).await;
    let gate = CallGate::of(&["QUEUE#"]);
    let promoting = world.process_behind(gate.clone());
    let event = EventId::parse(EVENT).unwrap();
    let promotion = tokio::spawn(async move { promoting.app.promote(&event, Lane::FIRST).await });
    // It has read the event, which is on sale.
    gate.waits().await;
    let opens_at = EpochMs::parse("2026-11-20T13:00:00Z").unwrap();
    moves_opening(&world, opens_at).await.unwrap();
    gate.open();
    promotion.await.unwrap().unwrap();
    world.clock.advance_seconds(3);
    is_not_drawn(&world).await;
    assert_eq!(crowd(&world, 2).await.len(), 2);
    world.clock.set(opens_at);
    the_queue_moves(&world).await;
    world.clock.advance_seconds(2);
    assert_eq!(queue(&world).await.body["draw"]["count"], 2);
}

#[tokio::test]
async fn a_beacon_is_taken_only_after_every_lane_has_fixed_its_count() {
    let mut concert = drawing(4);
    concert.event.terms.beacon = Some("the lottery of the day".to_owned());
    concert.event.terms.queue.lanes = Lanes::new(2).unwrap();
    let world = World::with(concert).await;
    crowd(&world, 6).await;
    let beacon = Steering {
        beacon: Some("17".to_owned()),
        ..Steering::default()
    };
    steer(&world, beacon.clone()).await;
    let draw = queue(&world).await.body["draw"].clone();
    assert!(draw["beacon"].get("value").is_none(), "{draw}");
    // Nobody has polled since the opening. The command fixes the counts before it takes the value.
    world.clock.advance_seconds(3_600);
    steer(&world, beacon).await;
    let draw = queue(&world).await.body["draw"].clone();
    assert_eq!(
        (&draw["beacon"]["value"], &draw["count"]),
        (&"17".into(), &6.into())
    );
}
