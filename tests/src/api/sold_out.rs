//! Users who wait while nothing is left to buy: they are told, and not called.

use domain::clock::EpochMs;
use domain::event::{Admission, Programme, Section};
use domain::ids::{DateKey, EventId, Lane, SeatNumber};
use domain::money::Money;
use domain::queue::TokenEndsOn;
use serde_json::json;

use crate::invariants;
use crate::queue_steps::{crowd, is_now, steer, the_queue_moves};
use crate::world::{Buyer, EVENT, PRICE, Reply, World, concert_for, festival};

/// One date with this many seats.
fn small_concert(max_active: u32, seats: u32) -> Programme {
    let mut concert = concert_for(max_active);
    let (key, mut date) = concert.dates.pop_first().unwrap();
    date.sections = vec![Section::new("A", Money(PRICE), SeatNumber(1), seats)];
    concert.event.terms.last_start = Some(date.starts_at);
    concert.dates = [(key, date)].into();
    concert
}

/// Lets every process forget what it knew about the stock.
async fn later(world: &World) {
    world.clock.advance_seconds(5);
    the_queue_moves(world).await;
}

async fn queue(world: &World) -> Reply {
    world.get(&format!("/events/{EVENT}/queue"), "").await
}

async fn buys(world: &World, buyer: &Buyer, seat: u32) -> String {
    let held = world.hold(buyer, seat).await;
    let id = held.text_of("reservationId").to_owned();
    let paid = world.pay(buyer, &id).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    id
}

/// Two buyers have bought the only two seats. Their sessions are over, and two users wait.
async fn sold_out() -> (World, [Buyer; 2], Vec<Buyer>, String) {
    let world = World::with(small_concert(2, 2)).await;
    let buyers = [world.joins_with(PRICE).await, world.joins_with(PRICE).await];
    let waiting = crowd(&world, 2).await;
    let first = buys(&world, &buyers[0], 1).await;
    buys(&world, &buyers[1], 2).await;
    later(&world).await;
    (world, buyers, waiting, first)
}

#[tokio::test]
async fn when_everything_is_sold_waiting_users_are_told_and_nobody_is_called() {
    let (world, _, waiting, _) = sold_out().await;
    for buyer in &waiting {
        let reply = is_now(&world, buyer, "WAITING").await;
        assert_eq!(reply.body["soldOut"], true, "{reply:?}");
        assert!(
            reply.body.get("estimatedWaitSeconds").is_none(),
            "{reply:?}"
        );
    }
    let public = queue(&world).await;
    assert_eq!(
        (&public.body["soldOut"], &public.body["admitted"]),
        (&json!(true), &json!(2))
    );
    assert!(public.body.get("admittedPerMinute").is_none());
    // A newcomer is told at once.
    let late = world.joins(EVENT).await;
    assert_eq!(late.joined.text_of("status"), "WAITING");
    assert_eq!(late.joined.body["soldOut"], true, "{:?}", late.joined);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_cancelled_seat_calls_the_next_user() {
    let (world, buyers, waiting, reservation) = sold_out().await;
    let path = format!("/reservations/{reservation}");
    let cancelled = world.delete(&path, &buyers[0].token).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    later(&world).await;
    let called = is_now(&world, &waiting[0], "ACTIVE").await;
    assert!(called.body.get("soldOut").is_none(), "{called:?}");
    assert!(queue(&world).await.body.get("soldOut").is_none());
    invariants::check(&world).await;
}

#[tokio::test]
async fn while_the_last_seats_are_held_nobody_is_called_until_a_hold_lapses() {
    let mut concert = small_concert(2, 2);
    concert.event.terms.queue.token_ends_on = TokenEndsOn::Hold;
    let world = World::with(concert).await;
    let buyers = [world.joins_with(PRICE).await, world.joins_with(PRICE).await];
    let waiting = crowd(&world, 1).await;
    buys(&world, &buyers[0], 1).await;
    assert_eq!(world.hold(&buyers[1], 2).await.status, 201);
    later(&world).await;
    let told = is_now(&world, &waiting[0], "WAITING").await;
    assert_eq!(told.body["allHeld"], true, "{told:?}");
    assert!(told.body.get("soldOut").is_none(), "{told:?}");
    world.clock.advance_seconds(300);
    later(&world).await;
    is_now(&world, &waiting[0], "ACTIVE").await;
}

#[tokio::test]
async fn sessions_opened_ahead_are_taken_back_when_everything_is_sold() {
    let world = World::with(small_concert(50, 1)).await;
    let buyer = world.joins_with(PRICE).await;
    buys(&world, &buyer, 1).await;
    // The other 49 slots are open for newcomers. The first one to wait looks at what is left.
    later(&world).await;
    let event = EventId::parse(EVENT).unwrap();
    world.app.promote(&event, Lane::FIRST).await.unwrap();
    let late = world.another_process().joins(EVENT).await;
    assert_eq!(
        late.joined.text_of("status"),
        "WAITING",
        "{:?}",
        late.joined
    );
    assert_eq!(late.joined.body["soldOut"], true, "{:?}", late.joined);
    invariants::check(&world).await;
}

#[tokio::test]
async fn sold_out_tickets_of_general_admission_call_nobody() {
    let mut festival = festival();
    festival.event.event_id = EventId::parse(EVENT).unwrap();
    festival.event.terms.queue.max_active = 1;
    festival.event.terms.admission = Admission::General {
        total_tickets: 1,
        price: Money(PRICE),
        stock_shards: 1,
    };
    let world = World::with(festival).await;
    let buyer = world.joins_with(PRICE).await;
    let waiting = crowd(&world, 1).await;
    let path = format!("/events/{EVENT}/reservations");
    let bought = world
        .post(&path, &buyer.token, json!({ "quantity": 1 }))
        .await;
    assert_eq!(bought.status, 201, "{bought:?}");
    later(&world).await;
    let told = is_now(&world, &waiting[0], "WAITING").await;
    assert_eq!(told.body["soldOut"], true, "{told:?}");
    let path = format!("/reservations/{}", bought.text_of("reservationId"));
    assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
    later(&world).await;
    is_now(&world, &waiting[0], "ACTIVE").await;
}

#[tokio::test]
async fn dates_that_have_begun_have_nothing_left() {
    let mut concert = small_concert(1, 10);
    let starts_at = EpochMs::parse("2026-11-20T10:10:00Z").unwrap();
    concert
        .dates
        .values_mut()
        .for_each(|date| date.starts_at = starts_at);
    concert.event.terms.closes_at = Some(EpochMs::parse("2026-11-21T10:00:00Z").unwrap());
    let world = World::with(concert).await;
    let two = crowd(&world, 2).await;
    world.clock.advance_seconds(1_200);
    later(&world).await;
    let told = is_now(&world, &two[1], "WAITING").await;
    assert_eq!(told.body["soldOut"], true, "{told:?}");
}

/// The same date as often as this, a day apart.
fn run_of(dates: i64, max_active: u32) -> Programme {
    let mut concert = small_concert(max_active, 1);
    let (_, first) = concert.dates.pop_first().unwrap();
    for day in 0..dates {
        let mut date = first.clone();
        date.starts_at = first.starts_at.plus_ms(day * 86_400_000);
        date.date = DateKey::parse(&date.starts_at.to_string()[..10]).unwrap();
        concert.dates.insert(date.date, date);
    }
    concert
}

/// The number of calls of a promotion that looks at what is left.
async fn calls_of_a_promotion(world: &World) -> usize {
    world.clock.advance_seconds(10);
    world.wire.reset_meter();
    world.app.promote_all().await.unwrap();
    world.wire.calls().len()
}

#[tokio::test]
async fn what_is_left_of_an_event_of_any_size_costs_a_promotion_a_limited_number_of_reads() {
    let mut calls = Vec::new();
    for dates in [1, 400] {
        let world = World::with(run_of(dates, 1)).await;
        crowd(&world, 2).await;
        calls_of_a_promotion(&world).await;
        calls.push(calls_of_a_promotion(&world).await);
    }
    assert_eq!(
        calls[0], calls[1],
        "one section tells that something is left"
    );

    let concert = run_of(100, 5);
    let dates: Vec<DateKey> = concert.dates.keys().copied().collect();
    let world = World::with(concert).await;
    let buyers = crowd(&world, 5).await;
    let waiting = crowd(&world, 8).await;
    // A session may hold 20 times.
    for (buyer, dates) in buyers.iter().zip(dates.chunks(20)) {
        for date in dates {
            let held = world.hold_on(buyer, &date.to_string(), 1).await;
            assert_eq!(held.status, 201, "{held:?}");
        }
        world.leave(buyer).await;
    }
    for _ in 0..3 {
        // 40 sections, and until all have been seen, users are called: two writes for each.
        assert!(calls_of_a_promotion(&world).await <= calls[0] + 40 + 2 * 5);
    }
    let told = is_now(&world, &waiting[7], "WAITING").await;
    assert_eq!(told.body["allHeld"], true, "{told:?}");
}

#[tokio::test]
async fn during_a_pause_there_is_no_estimate() {
    let world = World::with(concert_for(1)).await;
    let three = crowd(&world, 3).await;
    the_queue_moves(&world).await;
    world.clock.advance_seconds(20);
    world.leave(&three[0]).await;
    the_queue_moves(&world).await;
    let known = is_now(&world, &three[2], "WAITING").await;
    assert!(known.body["estimatedWaitSeconds"].is_u64(), "{known:?}");
    let now = world.clock.now();
    steer(&world, |event| event.control.clone().paused_at(now)).await;
    let paused = is_now(&world, &three[2], "WAITING").await;
    assert!(
        paused.body.get("estimatedWaitSeconds").is_none(),
        "{paused:?}"
    );
    assert!(paused.body["pollAfterSeconds"].is_u64(), "{paused:?}");
    assert!(queue(&world).await.body.get("admittedPerMinute").is_none());
}

#[tokio::test]
async fn a_rush_after_idle_hours_is_told_less_than_a_minute_or_nothing_yet() {
    let world = World::with(concert_for(3)).await;
    world.app.promote_all().await.unwrap();
    world.clock.advance_seconds(6 * 3_600);
    let buyers = crowd(&world, 30).await;
    for turn in 0..9 {
        for buyer in &buyers[3 * turn..3 * turn + 3] {
            world.leave(buyer).await;
        }
        world.clock.advance_seconds(1);
        let last = world.status(&buyers[29]).await;
        let told = last.body["estimatedWaitSeconds"].as_u64();
        assert!(told.is_none_or(|seconds| seconds < 60), "{last:?}");
    }
}
