//! What the queue costs however many wait, and however many events are open.

use aws_sdk_dynamodb::types::AttributeValue;
use shared::ids::{EventId, Lane, UserId};
use shared::token::Token;

use crate::line::leaves;
use crate::wire::{Fault, Rule};
use crate::world::{EVENT, World, concert_for, festival};

/// As if so many had joined.
async fn so_many_have_joined(world: &World, issued: u64) {
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

/// Calls, write units and read units of ten seconds in which forty of those who wait ask twice a second, one who is
/// inside leaves, and the next is let in.
async fn ten_seconds(waiting: u64) -> (usize, f64, f64) {
    let world = World::with(concert_for(2)).await;
    let first = world.joins(EVENT).await;
    world.joins(EVENT).await;
    let third = world.joins(EVENT).await;
    so_many_have_joined(&world, waiting + 2).await;
    let mut tokens = Vec::new();
    for n in 1..=40 {
        tokens.push(token(&world, 3 + n * (waiting - 1) / 40).await);
    }
    world.clock.advance_seconds(2);
    world.status(&third).await;
    world.wire.reset_meter();
    leaves(&world, &first).await;
    let mut let_in = false;
    for _ in 0..20 {
        world.clock.advance_ms(500);
        for token in &tokens {
            let path = format!("/events/{EVENT}/tokens/me");
            let reply = world.get(&path, token).await;
            assert_eq!(reply.text_of("status"), "WAITING", "{reply:?}");
        }
        let_in |= world.status(&third).await.text_of("status") == "ACTIVE";
    }
    assert!(let_in, "the next was not let in");
    let cost = world.wire.cost();
    (world.wire.calls().len(), cost.write_units, cost.read_units)
}

#[tokio::test]
async fn a_second_costs_the_same_whether_a_hundred_wait_or_a_million() {
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
    // 840 polls; what little they cost is the promotion that one of them a second starts, and the reads that fill the caches.
    assert!(costs[0].1 + costs[0].2 < 100.0, "{costs:?}");
}

#[tokio::test]
async fn a_poll_is_told_its_position_among_a_million() {
    let world = World::with(concert_for(2)).await;
    world.joins(EVENT).await;
    world.joins(EVENT).await;
    so_many_have_joined(&world, 1_000_000).await;
    world.clock.advance_seconds(2);
    let last = token(&world, 1_000_000).await;
    let reply = world
        .get(&format!("/events/{EVENT}/tokens/me"), &last)
        .await;
    assert_eq!(reply.body["position"], 999_998, "{reply:?}");
    // Nobody knows the rate yet, and who is so far back need not ask often.
    assert!(
        reply.body["pollAfterSeconds"].as_u64().unwrap() >= 20,
        "{reply:?}"
    );
}

#[tokio::test]
async fn of_a_thousand_open_events_those_move_in_which_somebody_waits_and_one_that_fails_stops_no_other()
 {
    let world = World::with(concert_for(1)).await;
    for n in 0..999 {
        let mut event = festival();
        event.event.event_id = EventId::parse(&format!("festival-{n:03}")).unwrap();
        event.event.terms.queue.max_active = 1;
        if let shared::event::Admission::General { stock_shards, .. } =
            &mut event.event.terms.admission
        {
            *stock_shards = 1;
        }
        world.add(event).await;
    }
    // Each keeps a place for who comes first.
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
    // The list, a head each, and what the four cost: nothing for those where nobody waits.
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
