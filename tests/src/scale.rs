//! Costs that must not grow with the waiting users, the open events or the seats.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{EventId, Lane, UserId};
use futures::future::join_all;
use shared::token::Token;

use crate::large_catalogue::{concert_on, list_more_events};
use crate::queue_steps::leaves;
use crate::wire::{Fault, Rule};
use crate::world::{DATE, EVENT, World, concert_for, festival};

/// Sets the head as if this many users had joined.
async fn set_issued(world: &World, issued: u64) {
    world
        .dynamodb
        .update_item()
        .table_name(&world.tables.main)
        .key("pk", AttributeValue::S(format!("QUEUE#{EVENT}#0")))
        .key("sk", AttributeValue::S("HEAD".to_owned()))
        .update_expression("SET issued = :issued")
        .expression_attribute_values(":issued", AttributeValue::N(issued.to_string()))
        .send()
        .await
        .unwrap();
}

async fn token(world: &World, number: u64) -> String {
    let event = EventId::parse(EVENT).unwrap();
    let token = Token::new(UserId::random(), event, Lane(0), number, world.clock.now());
    world.app.sign(&token).await.unwrap()
}

/// The calls, write units and read units of ten seconds in which forty waiting users poll twice a second, one user leaves,
/// and the next is admitted.
async fn ten_seconds(waiting: u64) -> (usize, f64, f64) {
    let world = World::with(concert_for(2)).await;
    let first = world.joins(EVENT).await;
    world.joins(EVENT).await;
    let third = world.joins(EVENT).await;
    set_issued(&world, waiting + 2).await;
    let mut tokens = Vec::new();
    for n in 1..=40 {
        tokens.push(token(&world, 3 + n * (waiting - 1) / 40).await);
    }
    world.clock.advance_seconds(2);
    world.status(&third).await;
    world.wire.reset_meter();
    leaves(&world, &first).await;
    let mut is_admitted = false;
    for _ in 0..20 {
        world.clock.advance_ms(500);
        for token in &tokens {
            let path = format!("/events/{EVENT}/tokens/me");
            let reply = world.get(&path, token).await;
            assert_eq!(reply.text_of("status"), "WAITING", "{reply:?}");
        }
        is_admitted |= world.status(&third).await.text_of("status") == "ACTIVE";
    }
    assert!(is_admitted, "the next user was not admitted");
    let cost = world.wire.cost();
    (world.wire.calls().len(), cost.write_units, cost.read_units)
}

#[tokio::test]
async fn a_second_costs_the_same_with_a_hundred_or_a_million_waiting() {
    let mut costs = Vec::new();
    for waiting in [100, 10_000, 1_000_000] {
        let cost = ten_seconds(waiting).await;
        println!(
            "{waiting} waiting: {} calls, {} write units, {} read units",
            cost.0, cost.1, cost.2
        );
        costs.push(cost);
    }
    assert!(costs.windows(2).all(|pair| pair[0] == pair[1]), "{costs:?}");
    // 840 polls. They cost only the promotion that one of them starts every second, and the reads that fill the caches.
    assert!(costs[0].1 + costs[0].2 < 100.0, "{costs:?}");
}

#[tokio::test]
async fn a_poll_returns_the_position_among_a_million() {
    let world = World::with(concert_for(2)).await;
    world.joins(EVENT).await;
    world.joins(EVENT).await;
    set_issued(&world, 1_000_000).await;
    world.clock.advance_seconds(2);
    let last = token(&world, 1_000_000).await;
    let reply = world
        .get(&format!("/events/{EVENT}/tokens/me"), &last)
        .await;
    assert_eq!(reply.body["position"], 999_998, "{reply:?}");
    // No rate is known yet, and a user this far back need not poll often.
    assert!(
        reply.body["pollAfterSeconds"].as_u64().unwrap() >= 20,
        "{reply:?}"
    );
}

#[tokio::test]
async fn of_a_thousand_events_only_those_with_waiting_users_are_promoted_and_a_failing_one_stops_no_other()
 {
    let world = World::with(concert_for(1)).await;
    for n in 0..999 {
        let mut event = festival();
        event.event.event_id = EventId::parse(&format!("festival-{n:03}")).unwrap();
        event.event.terms.queue.max_active = 1;
        if let domain::event::Admission::General { stock_shards, .. } =
            &mut event.event.terms.admission
        {
            *stock_shards = 1;
        }
        world.add(event).await;
    }
    // Each event opens a slot for its first user.
    let first = world.app.promote_all().await.unwrap();
    assert_eq!((first.events, first.promoted), (1_000, 1_000));
    let busy = [EVENT, "festival-007", "festival-500", "festival-998"];
    let mut next = Vec::new();
    for event in busy {
        let inside = world.joins(event).await;
        next.push(world.joins(event).await);
        world
            .delete(&format!("/events/{event}/tokens/me"), &inside.token)
            .await;
    }
    world.clock.advance_seconds(2);
    let schedule = world.another_process();
    let refused = Rule::every("UpdateItem", "PROMOTE#festival-500", Fault::Throttle);
    schedule.wire.inject(refused);
    let summary = schedule.app.promote_all().await.unwrap();
    assert_eq!(
        (summary.promoted, summary.failed, summary.skipped),
        (3, 1, 0)
    );
    // The list of events, one head each, and what the four events cost; events without waiting users cost nothing else.
    let cost = schedule.wire.cost();
    assert!(cost.write_units < 30.0, "{cost:?}");
    assert!(cost.read_units < 1_000.0, "{cost:?}");
    world.clock.advance_seconds(1);
    for (event, buyer) in busy.into_iter().zip(&next) {
        let path = format!("/events/{event}/tokens/me");
        let reply = schedule.get(&path, &buyer.token).await;
        let expected = if event == "festival-500" {
            "WAITING"
        } else {
            "ACTIVE"
        };
        assert_eq!(reply.text_of("status"), expected, "{event}");
    }
}

/// An event of this many seats in sections of up to that many, with a tenth of them sold, and an admitted user.
async fn house(seats: u32, in_section: u32) -> (World, crate::world::Buyer) {
    use domain::event::Section;
    use domain::ids::{DateKey, SeatNumber};
    use domain::seating::Rows;
    let mut concert = concert_for(10);
    let date = DateKey::parse(crate::world::DATE).unwrap();
    let sections = (0..seats.div_ceil(in_section)).map(|n| {
        let (name, price) = (format!("S{n:02}"), domain::money::Money(1_000));
        let seats = seats.min(in_section);
        Section {
            rows: Some(Rows::Equal(seats / 25)),
            ..Section::new(name, price, SeatNumber(n * in_section + 1), seats)
        }
    });
    concert.dates.retain(|key, _| *key == date);
    concert.dates.get_mut(&date).unwrap().sections = sections.collect();
    let world = World::with(concert).await;
    let buyer = world.joins(EVENT).await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let held = world.hold(&buyer, 1).await;
    let reservation_id = held.text_of("reservationId").to_owned();
    for seat in (11..=seats).step_by(10) {
        let section = format!("S{:02}", (seat - 1) / in_section);
        world
            .dynamodb
            .put_item()
            .table_name(&world.tables.main)
            .item(
                "pk",
                text(&format!("SEATS#{EVENT}#{}#{section}", crate::world::DATE)),
            )
            .item("sk", text(&format!("SEAT#{seat:05}")))
            .item("state", text("SOLD"))
            .item("userId", text(&buyer.user_id))
            .item("reservationId", text(&reservation_id))
            .send()
            .await
            .unwrap();
    }
    // The first promotion may have counted the seats before.
    world.clock.advance_seconds(2);
    (world, buyer)
}

/// A date of many sections is as expensive to list as one of a large section.
#[tokio::test]
async fn lists_and_choices_of_the_best_seats_read_the_claims_once_a_second_in_small_sections_too() {
    let (world, buyer) = house(4_000, 400).await;
    let page = format!("/events/{EVENT}/dates/{}/seats", crate::world::DATE);
    let refresh = world.get(&page, &buyer.token).await;
    assert_eq!(refresh.body["seats"].as_array().unwrap().len(), 1_000);
    world.wire.reset_meter();
    for _ in 0..10 {
        let reply = world.get(&page, &buyer.token).await;
        assert_eq!(reply.body["seats"].as_array().unwrap().len(), 1_000);
    }
    let best = serde_json::json!({ "date": crate::world::DATE, "bestAvailable": { "count": 1 } });
    let path = format!("/events/{EVENT}/holds");
    let other = world.joins(EVENT).await;
    let held = world.post(&path, &other.token, best).await;
    assert_eq!(held.status, 201, "{held:?}");
    let reads = world.wire.cost().read_units;
    // Reading the 400 claims of 250 bytes would cost a dozen units each time.
    assert!(reads < 12.0, "{reads} read units");
}

#[tokio::test]
async fn listing_twenty_thousand_seats_costs_little_more_than_listing_fifty() {
    let mut costs = Vec::new();
    for seats in [50, 2_000, 20_000] {
        let (world, buyer) = house(seats, 2_000).await;
        let dates = format!("/events/{EVENT}/dates");
        let page = format!(
            "/events/{EVENT}/dates/{}/seats?section=S00&limit=50",
            crate::world::DATE
        );
        let reply = world.get(&dates, &buyer.token).await;
        assert_eq!(reply.body["dates"][0]["totalSeats"], seats, "{reply:?}");
        assert_eq!(reply.body["dates"][0]["availableSeats"], seats - seats / 10);
        world.clock.advance_seconds(2);
        // One second of many requests: one of them rebuilds the counts, and the others read them.
        world.wire.reset_meter();
        for _ in 0..25 {
            assert_eq!(world.get(&dates, &buyer.token).await.status, 200);
        }
        let dates = world.wire.cost();
        world.wire.reset_meter();
        for _ in 0..25 {
            let reply = world.get(&page, &buyer.token).await;
            assert!(
                !reply.body["seats"].as_array().unwrap().is_empty(),
                "{reply:?}"
            );
        }
        let seats_listed = world.wire.cost();
        println!(
            "{seats} seats: 25 × list-dates {} read units, {} write units; 25 × list-seats {} and {}",
            dates.read_units, dates.write_units, seats_listed.read_units, seats_listed.write_units
        );
        costs.push(dates.read_units + seats_listed.read_units);
    }
    // 400 times the seats, 10 sections instead of one. The growth is the rebuilding of the counts from a tenth of 20,000
    // claims, once a second whatever the number of requests.
    assert!(costs[2] < costs[0] + 150.0, "{costs:?}");
}

#[tokio::test]
async fn thirty_two_callers_share_one_read_of_a_thousand_events() {
    let world = World::new().await;
    list_more_events(&world, 999).await;
    world.wire.reset_meter();
    let replies = join_all((0..32).map(|_| world.get("/events", ""))).await;
    for reply in &replies {
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body["events"].as_array().unwrap().len(), 1_000);
    }
    // A page has up to a megabyte.
    assert!(
        world.wire.calls().len() <= 2,
        "{}",
        world.wire.calls().len()
    );
}

/// The calls and write units of one request for the event, and how many of its seats it counts.
async fn calls_of_get_event(world: &World) -> (usize, f64, u64) {
    world.wire.reset_meter();
    let reply = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let calls = world.wire.calls().len();
    let left = reply.body["availableTickets"].as_u64().unwrap();
    (calls, world.wire.cost().write_units, left)
}

#[tokio::test]
async fn an_event_of_400_dates_takes_a_bounded_number_of_calls_per_request() {
    let world = World::with(concert_on(400)).await;
    // Four batches of maps; three calls for each of 64 that are rebuilt; and once the event and its texts.
    let most_calls = 4 + 3 * 64 + 2;
    for _ in 0..7 {
        let (calls, writes, left) = calls_of_get_event(&world).await;
        assert!(calls <= most_calls, "{calls} calls");
        assert!(writes <= 2.0 * 64.0, "{writes} write units");
        assert_eq!(left, 400 * 50);
    }
    // Now all are built, and this process knows them.
    assert_eq!(calls_of_get_event(&world).await, (0, 0.0, 400 * 50));
    // Another process only reads them.
    let other = world.another_process();
    assert_eq!(calls_of_get_event(&other).await, (6, 0.0, 400 * 50));
}

#[tokio::test]
async fn callers_at_the_same_time_do_not_rebuild_the_same_maps() {
    let world = World::with(concert_on(400)).await;
    world.wire.reset_meter();
    let path = format!("/events/{EVENT}");
    let replies = join_all((0..32).map(|_| world.get(&path, ""))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let calls = world.wire.calls().len();
    assert!(calls <= 2 + 7 * (4 + 3 * 64), "{calls} calls");
}

#[tokio::test]
async fn the_seat_maps_of_past_dates_are_final() {
    let world = World::new().await;
    let begins = domain::clock::EpochMs::parse("2026-12-24T10:00:00Z").unwrap();
    world.clock.set(begins.plus_seconds(3_600));
    let maps_written = async || {
        world.clock.advance_seconds(2);
        calls_of_get_event(&world).await;
        let mut keys: Vec<String> = Vec::new();
        for call in world.wire.calls() {
            let pk = call.request["Key"]["pk"]["S"].as_str().unwrap_or_default();
            if call.operation == "UpdateItem" && pk.starts_with("SEATMAP#") {
                keys.push(pk.to_owned());
            }
        }
        keys
    };
    let is_past = |key: &String| key.contains(DATE);
    assert!(maps_written().await.iter().any(is_past));
    let again = maps_written().await;
    assert!(!again.iter().any(is_past), "{again:?}");
    assert!(!again.is_empty(), "the later date is counted each second");
}
