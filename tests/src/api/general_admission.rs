//! General admission: a number of tickets, no seats.

use std::sync::Arc;

use domain::event::{Admission, Programme};
use domain::money::Money;
use futures::future::join_all;
use serde_json::json;

use crate::call_gate::CallGate;
use crate::invariants;
use crate::wire::{Fault, Rule};
use crate::world::{Buyer, EVENT, FESTIVAL, PRICE, Reply, World, festival};

/// An event with this many tickets, in this many shards, at this price.
fn tickets(total: u32, shards: u32, price: i64) -> Programme {
    let mut programme = festival();
    programme.event.terms.admission = Admission::General {
        total_tickets: total,
        price: Money(price),
        stock_shards: shards,
    };
    programme.event.terms.max_seats_per_user = 4;
    programme.event.terms.queue.max_active = 1_000;
    programme
}

async fn reserve(world: &World, buyer: &Buyer, quantity: u32) -> Reply {
    let path = format!("/events/{FESTIVAL}/reservations");
    world
        .post(&path, &buyer.token, json!({ "quantity": quantity }))
        .await
}

async fn left(world: &World) -> u64 {
    world.clock.advance_ms(1_001);
    let reply = world.get(&format!("/events/{FESTIVAL}"), "").await;
    reply.body["availableTickets"].as_u64().unwrap()
}

async fn cancel(world: &World, buyer: &Buyer, reservation_id: &str) -> Reply {
    let path = format!("/reservations/{reservation_id}");
    world.delete(&path, &buyer.token).await
}

#[tokio::test]
async fn reserving_a_ticket_confirms_it_and_ends_the_turn() {
    let world = World::with(tickets(100, 4, 0)).await;
    let buyer = world.joins(FESTIVAL).await;
    let path = format!("/events/{FESTIVAL}/reservations");
    let reply = world.call("POST", &path, &buyer.token, None).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.text_of("status"), "CONFIRMED");
    assert_eq!(reply.body["quantity"], 1);
    assert_eq!(reply.body["seats"], json!([]));
    assert_eq!(reply.body["totalPrice"], 0);
    for absent in ["date", "heldUntil", "paymentId"] {
        assert!(reply.body.get(absent).is_none(), "{absent}: {reply:?}");
    }
    let location = reply.header("location").to_owned();
    let shown = world.get(&location, &buyer.token).await;
    assert_eq!(shown.body, reply.body);
    assert_eq!(left(&world).await, 99);
    let me = format!("/events/{FESTIVAL}/tokens/me");
    let status = world.get(&me, &buyer.token).await;
    assert_eq!(status.text_of("status"), "EXPIRED");
    invariants::check(&world).await;
}

#[tokio::test]
async fn tickets_with_a_price_are_paid_from_the_wallet_and_refunded_to_it() {
    let world = World::with(tickets(100, 4, PRICE)).await;
    let buyer = world.joins(FESTIVAL).await;
    reserve(&world, &buyer, 3)
        .await
        .is_problem(402, "insufficient_balance");
    assert_eq!(left(&world).await, 100);
    world.charge(&buyer, 4 * PRICE, "first").await;
    let reply = reserve(&world, &buyer, 3).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.body["totalPrice"], 3 * PRICE);
    assert!(!reply.text_of("paymentId").is_empty());
    assert_eq!(world.balance(&buyer).await, PRICE);
    assert_eq!(left(&world).await, 97);
    invariants::check(&world).await;
    let cancelled = cancel(&world, &buyer, reply.text_of("reservationId")).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(cancelled.body["refunded"], 3 * PRICE);
    assert_eq!(world.balance(&buyer).await, 4 * PRICE);
    assert_eq!(left(&world).await, 100);
    let again = cancel(&world, &buyer, reply.text_of("reservationId")).await;
    assert_eq!(again.body, cancelled.body);
    assert_eq!(left(&world).await, 100);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_user_has_one_reservation_for_an_event_and_another_after_cancelling() {
    let world = World::with(tickets(100, 4, 0)).await;
    let buyer = world.joins(FESTIVAL).await;
    let first = reserve(&world, &buyer, 2).await;
    let buyer = world.joins_as(FESTIVAL, &buyer.user_id).await;
    let second = reserve(&world, &buyer, 1).await;
    second.is_problem(409, "already_reserved");
    assert_eq!(second.body["reservationId"], first.body["reservationId"]);
    cancel(&world, &buyer, first.text_of("reservationId")).await;
    world.clock.advance_seconds(1);
    let third = reserve(&world, &buyer, 1).await;
    assert_eq!(third.status, 201, "{third:?}");
    assert_eq!(left(&world).await, 99);
    let path = format!("/users/{}/reservations", buyer.user_id);
    let history = world.get(&path, &buyer.token).await;
    let statuses: Vec<_> = history.body["reservations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["CONFIRMED", "CANCELLED"]);
    invariants::check(&world).await;
}

#[tokio::test]
async fn an_impossible_reservation_is_refused_with_the_reason() {
    let world = World::with(tickets(5, 2, 0)).await;
    world.add(crate::world::concert()).await;
    let buyer = world.joins(FESTIVAL).await;
    reserve(&world, &buyer, 5)
        .await
        .is_problem(422, "limit_exceeded");
    for (body, field) in [
        (json!({ "quantity": 0 }), "quantity"),
        (json!({ "quantity": "1" }), "quantity"),
        (json!({ "seats": 1 }), "seats"),
    ] {
        let path = format!("/events/{FESTIVAL}/reservations");
        let reply = world.post(&path, &buyer.token, body).await;
        reply.is_problem(400, "invalid_request");
        assert_eq!(reply.wrong_fields(), [field]);
    }
    let seated = world.joins(EVENT).await;
    let path = format!("/events/{EVENT}/reservations");
    world
        .post(&path, &seated.token, json!({}))
        .await
        .is_problem(409, "wrong_admission");
    world
        .post(&path, "", json!({}))
        .await
        .is_problem(401, "token_missing");
}

#[tokio::test]
async fn the_last_tickets_are_sold_from_several_shards_and_none_beyond_them() {
    let world = World::with(tickets(10, 8, 0)).await;
    let mut sold = 0;
    for _ in 0..3 {
        let buyer = world.joins(FESTIVAL).await;
        let reply = reserve(&world, &buyer, 3).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        sold += 3;
    }
    let buyer = world.joins(FESTIVAL).await;
    let refused = reserve(&world, &buyer, 3).await;
    refused.is_problem(409, "sold_out");
    assert_eq!(refused.body["availableTickets"], 1);
    assert_eq!(reserve(&world, &buyer, 1).await.status, 201);
    assert_eq!(sold + 1, 10);
    let late = world.joins(FESTIVAL).await;
    reserve(&world, &late, 1).await.is_problem(409, "sold_out");
    assert_eq!(left(&world).await, 0);
    invariants::check(&world).await;
}

#[tokio::test]
async fn concurrent_buyers_take_every_ticket_and_none_beyond_them() {
    let world = World::with(tickets(120, 16, PRICE)).await;
    let joins = (0..200).map(|_| world.joins(FESTIVAL));
    let buyers = join_all(joins).await;
    world.clock.advance_seconds(2);
    world.app.promote_all().await.unwrap();
    let charges = buyers
        .iter()
        .map(|buyer| world.charge(buyer, PRICE, "first"));
    for reply in join_all(charges).await {
        assert_eq!(reply.status, 201, "{reply:?}");
    }
    let processes: Vec<World> = (0..4).map(|_| world.another_process()).collect();
    let replies = join_all(
        buyers
            .iter()
            .enumerate()
            .map(|(n, buyer)| reserve(&processes[n % 4], buyer, 1)),
    )
    .await;
    let sold = replies.iter().filter(|reply| reply.status == 201).count();
    let sold_out = replies.iter().filter(|r| r.code() == "sold_out").count();
    let mut codes: Vec<_> = replies.iter().map(Reply::code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!((sold, sold_out), (120, 80), "{codes:?}");
    assert_eq!(left(&world).await, 0);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_double_click_reserves_once() {
    let world = World::with(tickets(50, 4, PRICE)).await;
    let buyer = world.joins(FESTIVAL).await;
    world.charge(&buyer, 3 * PRICE, "first").await;
    let replies = join_all((0..10).map(|_| reserve(&world, &buyer, 1))).await;
    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    let expected = [&[200; 9][..], &[201]].concat();
    assert_eq!(statuses, expected);
    assert!(replies.iter().all(|reply| reply.body == replies[0].body));
    assert_eq!(world.balance(&buyer).await, 2 * PRICE);
    assert_eq!(left(&world).await, 49);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_called_users_first_request_can_be_a_reservation() {
    let mut programme = tickets(50, 4, 0);
    programme.event.terms.queue.max_active = 1;
    let world = World::with(programme).await;
    let first = world.joins(FESTIVAL).await;
    let second = world.joins(FESTIVAL).await;
    reserve(&world, &second, 1)
        .await
        .is_problem(403, "not_admitted");
    assert_eq!(reserve(&world, &first, 1).await.status, 201);
    world.clock.advance_seconds(2);
    world.app.promote_all().await.unwrap();
    assert_eq!(reserve(&world, &second, 1).await.status, 201);
    reserve(&world, &second, 2)
        .await
        .is_problem(410, "turn_over");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_repeated_reservation_returns_the_first_one_although_it_ended_the_session() {
    let mut programme = tickets(50, 4, PRICE);
    let start = domain::clock::EpochMs::parse(crate::world::START).unwrap();
    programme.event.terms.last_start = Some(start.plus_seconds(600));
    programme.event.terms.cancel_until_hours = 0;
    let world = World::with(programme).await;
    let buyer = world.joins(FESTIVAL).await;
    world.charge(&buyer, 2 * PRICE, "first").await;
    let first = reserve(&world, &buyer, 2).await;
    assert_eq!(first.status, 201, "{first:?}");
    // The wallet is empty now.
    let again = reserve(&world, &buyer, 2).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    reserve(&world, &buyer, 1)
        .await
        .is_problem(410, "turn_over");
    assert_eq!(world.balance(&buyer).await, 0);
    assert_eq!(left(&world).await, 48);
    // In a new session it is another request.
    let rejoined = world.joins_as(FESTIVAL, &buyer.user_id).await;
    reserve(&world, &rejoined, 2)
        .await
        .is_problem(409, "already_reserved");
    // Repeats are answered after the close, and not after a cancellation.
    world.clock.advance_seconds(600);
    let late = reserve(&world, &buyer, 2).await;
    assert_eq!((late.status, &late.body), (200, &first.body));
    reserve(&world, &rejoined, 2)
        .await
        .is_problem(409, "not_open");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_repeated_reservation_that_was_cancelled_is_not_returned() {
    let world = World::with(tickets(50, 4, 0)).await;
    let buyer = world.joins(FESTIVAL).await;
    let first = reserve(&world, &buyer, 1).await;
    cancel(&world, &buyer, first.text_of("reservationId")).await;
    reserve(&world, &buyer, 1)
        .await
        .is_problem(410, "turn_over");
}

#[tokio::test]
async fn a_sale_that_is_over_refuses_reservations() {
    let mut programme = tickets(50, 4, 0);
    let start = crate::world::START;
    let start = domain::clock::EpochMs::parse(start).unwrap();
    programme.event.terms.last_start = Some(start.plus_seconds(60));
    let world = World::with(programme).await;
    let buyer = world.joins(FESTIVAL).await;
    world.clock.advance_seconds(60);
    reserve(&world, &buyer, 1).await.is_problem(409, "not_open");
}

/// Ten tickets, a process whose calls fail by this rule, and a buyer with money for two.
async fn ten_tickets_with(rule: Rule) -> (World, World, Buyer) {
    let world = World::with(tickets(10, 2, PRICE)).await;
    let buyer = world.joins(FESTIVAL).await;
    world.charge(&buyer, 2 * PRICE, "first").await;
    let process = world.process_with_time_outs();
    process.wire.inject(rule);
    (world, process, buyer)
}

#[tokio::test]
async fn a_fault_in_the_store_reserves_once_or_not_at_all() {
    // One fault is retried, and the buyer does not notice.
    for fault in [
        Fault::Conflict,
        Fault::LoseAnswer,
        Fault::Throttle,
        Fault::TimeOut,
    ] {
        let rule = Rule::next("TransactWriteItems", "STOCK#", fault);
        let (world, process, buyer) = ten_tickets_with(rule).await;
        let reply = reserve(&process, &buyer, 1).await;
        assert_eq!(reply.status, 201, "{fault:?}: {reply:?}");
        invariants::check(&world).await;
        let again = reserve(&world, &buyer, 1).await;
        assert_eq!((again.status, &again.body), (200, &reply.body), "{fault:?}");
        assert_eq!(world.balance(&buyer).await, PRICE, "{fault:?}");
        assert_eq!(left(&world).await, 9, "{fault:?}");
        invariants::check(&world).await;
    }
    // A lasting fault is reported, and nothing is reserved.
    for (fault, status, code) in [
        (Fault::Conflict, 503, "busy"),
        (Fault::Throttle, 429, "throttled"),
        (Fault::TimeOut, 503, "busy"),
    ] {
        let rule = Rule::every("TransactWriteItems", "STOCK#", fault);
        let (world, process, buyer) = ten_tickets_with(rule).await;
        let reply = reserve(&process, &buyer, 1).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{fault:?}");
        assert_eq!(world.balance(&buyer).await, 2 * PRICE, "{fault:?}");
        assert_eq!(left(&world).await, 10, "{fault:?}");
        invariants::check(&world).await;
        assert_eq!(reserve(&world, &buyer, 1).await.status, 201, "{fault:?}");
    }
}

/// The audit relies on a time stamp being at most a write's duration older than the write.
#[tokio::test]
async fn a_reservation_that_is_tried_again_has_the_time_of_its_last_attempt() {
    let world = World::with(tickets(10, 2, PRICE)).await;
    let buyer = world.joins(FESTIVAL).await;
    world.charge(&buyer, 2 * PRICE, "first").await;
    let gate = CallGate::of(&["TransactItems"]);
    let slow = Arc::new(world.process_behind(gate.clone()));
    let (process, same) = (slow.clone(), buyer.clone());
    let reserving = tokio::spawn(async move { reserve(&process, &same, 1).await });
    gate.waits().await;
    // The wallet changes, so the first attempt is refused.
    world.charge(&buyer, PRICE, "second").await;
    world.clock.advance_seconds(60);
    gate.open();
    let reply = reserving.await.unwrap();
    assert_eq!(reply.status, 201, "{reply:?}");
    let now = world.clock.now().to_string();
    assert_eq!(reply.text_of("createdAt"), now);
    assert_eq!(reply.text_of("modifiedAt"), now);
    invariants::check(&world).await;
}
