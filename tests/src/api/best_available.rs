//! Holding the best free seats.

use domain::event::{Programme, Section};
use domain::ids::{DateKey, SeatNumber};
use domain::money::Money;
use domain::seating::Rows;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::invariants;
use crate::world::{Buyer, DATE, EVENT, Reply, World, concert};

/// Two sections with rows, and up to four seats for each buyer.
fn hall() -> Programme {
    let mut concert = concert();
    concert.event.terms.max_seats_per_user = 4;
    concert.event.terms.queue.max_active = 200;
    let section = |name: &str, first: u32, seats: u32, rows: u32| Section {
        rows: Some(Rows::Equal(rows)),
        ..Section::new(name, Money(1_000), SeatNumber(first), seats)
    };
    let date = DateKey::parse(DATE).unwrap();
    concert.dates.get_mut(&date).unwrap().sections =
        vec![section("R", 1, 40, 4), section("S", 41, 40, 4)];
    concert
}

async fn best(world: &World, buyer: &Buyer, wanted: Value) -> Reply {
    let body = json!({ "date": DATE, "bestAvailable": wanted });
    world
        .post(&format!("/events/{EVENT}/holds"), &buyer.token, body)
        .await
}

fn seats(reply: &Reply) -> Vec<u64> {
    reply.body["seats"]
        .as_array()
        .unwrap_or(&vec![])
        .iter()
        .map(|seat| seat["seatNumber"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn the_best_seats_are_together_in_one_row_of_the_first_section() {
    let world = World::with(hall()).await;
    let buyer = world.joins(EVENT).await;
    let reply = best(&world, &buyer, json!({ "count": 4 })).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let seats = seats(&reply);
    assert_eq!(seats.len(), 4);
    assert!(
        seats.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{seats:?}"
    );
    assert_eq!(
        (seats[0] - 1) / 10,
        (seats[3] - 1) / 10,
        "one row: {seats:?}"
    );
    assert!(seats[3] <= 40, "{seats:?}");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_section_may_be_named() {
    let world = World::with(hall()).await;
    let buyer = world.joins(EVENT).await;
    let wanted = json!({ "count": 2, "section": "S" });
    let reply = best(&world, &buyer, wanted).await;
    assert!(seats(&reply).iter().all(|seat| *seat > 40), "{reply:?}");
    let other = world.joins(EVENT).await;
    let reply = best(&world, &other, json!({ "count": 1, "section": "X" })).await;
    reply.is_problem(400, "invalid_request");
    assert_eq!(reply.wrong_fields(), ["bestAvailable.section"]);
}

#[tokio::test]
async fn repeating_a_best_available_hold_returns_the_same_seats() {
    let world = World::with(hall()).await;
    let buyer = world.joins(EVENT).await;
    let first = best(&world, &buyer, json!({ "count": 3 })).await;
    let again = best(&world, &buyer, json!({ "count": 3 })).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    let more = best(&world, &buyer, json!({ "count": 4 })).await;
    more.is_problem(409, "already_reserved");
    let elsewhere = best(&world, &buyer, json!({ "count": 3, "section": "S" })).await;
    elsewhere.is_problem(409, "already_reserved");
    let double = join_all((0..5).map(|_| best(&world, &buyer, json!({ "count": 3 })))).await;
    assert!(double.iter().all(|reply| reply.body == first.body));
}

#[tokio::test]
async fn forty_concurrent_best_available_holds_get_adjacent_seats_of_their_own() {
    let world = World::with(hall()).await;
    let buyers = join_all((0..40).map(|_| world.joins(EVENT))).await;
    // Joins at the same moment may leave an older head in the cache than the one that called the last buyer.
    world.clock.advance_seconds(2);
    let replies = join_all(
        buyers
            .iter()
            .map(|buyer| best(&world, buyer, json!({ "count": 2 }))),
    )
    .await;
    let mut given = std::collections::BTreeSet::new();
    let mut held = 0;
    for (buyer, reply) in buyers.iter().zip(&replies) {
        let mut reply = reply.clone();
        // 503 if others were faster too often; the hold can be repeated.
        for _ in 0..10 {
            if reply.code() != "busy" {
                break;
            }
            reply = best(&world, buyer, json!({ "count": 2 })).await;
        }
        assert_eq!(reply.status, 201, "{reply:?}");
        held += 1;
        for seat in seats(&reply) {
            assert!(given.insert(seat), "seat {seat} twice");
        }
    }
    assert_eq!((held, given.len()), (40, 80));
    let late = world.joins(EVENT).await;
    best(&world, &late, json!({ "count": 1 }))
        .await
        .is_problem(409, "sold_out");
    invariants::check(&world).await;
}

#[tokio::test]
async fn an_impossible_selection_is_refused_with_the_name_of_its_field() {
    let world = World::with(hall()).await;
    let buyer = world.joins(EVENT).await;
    for (wanted, field) in [
        (json!({}), "bestAvailable.count"),
        (json!({ "count": 0 }), "bestAvailable.count"),
        (json!({ "count": 1, "rows": 2 }), "bestAvailable.rows"),
        (json!({ "count": 1, "section": 7 }), "bestAvailable.section"),
        (json!(3), "bestAvailable"),
    ] {
        let reply = best(&world, &buyer, wanted).await;
        reply.is_problem(400, "invalid_request");
        assert_eq!(reply.wrong_fields(), [field]);
    }
    best(&world, &buyer, json!({ "count": 5 }))
        .await
        .is_problem(422, "limit_exceeded");
    let both = json!({ "date": DATE, "seatNumber": 1, "bestAvailable": { "count": 1 } });
    let reply = world
        .post(&format!("/events/{EVENT}/holds"), &buyer.token, both)
        .await;
    reply.is_problem(400, "invalid_request");
    assert_eq!(reply.wrong_fields(), ["bestAvailable"]);
}

#[tokio::test]
async fn a_user_without_a_session_is_told_so_even_when_sold_out() {
    let mut hall = hall();
    hall.event.terms.queue.max_active = 1;
    let date = DateKey::parse(DATE).unwrap();
    hall.dates.get_mut(&date).unwrap().sections.truncate(1);
    hall.dates.get_mut(&date).unwrap().sections[0].seats = 4;
    let world = World::with(hall).await;
    let inside = world.joins(EVENT).await;
    let waiting = world.joins(EVENT).await;
    best(&world, &inside, json!({ "count": 4 })).await;
    best(&world, &waiting, json!({ "count": 1 }))
        .await
        .is_problem(403, "not_admitted");
}

#[tokio::test]
async fn seats_are_picked_from_a_large_section_too() {
    let mut hall = hall();
    let date = DateKey::parse(DATE).unwrap();
    let section = &mut hall.dates.get_mut(&date).unwrap().sections;
    section.truncate(1);
    section[0].seats = 2_000;
    section[0].rows = Some(Rows::Equal(40));
    let world = World::with(hall).await;
    let buyers = join_all((0..12).map(|_| world.joins(EVENT))).await;
    let mut given = std::collections::BTreeSet::new();
    for buyer in &buyers {
        let reply = best(&world, buyer, json!({ "count": 4 })).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        assert!(seats(&reply).into_iter().all(|seat| given.insert(seat)));
    }
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_waiting_user_cannot_have_the_whole_house_read() {
    let mut hall = hall();
    hall.event.terms.queue.max_active = 1;
    let world = World::with(hall).await;
    world.joins(EVENT).await;
    let waiting = world.joins(EVENT).await;
    world.wire.reset_meter();
    best(&world, &waiting, json!({ "count": 1 }))
        .await
        .is_problem(403, "not_admitted");
    let calls = world.wire.calls();
    let mut requests = calls.iter().map(|call| call.request.to_string());
    assert!(!requests.any(|request| request.contains("SEATS#") || request.contains("SEATMAP#")));
}
