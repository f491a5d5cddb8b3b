//! The recorded history: a sample of each event on sale and minute.

use domain::clock::EpochMs;
use domain::event::{Programme, Section};
use domain::history::{Sample, Span, points};
use domain::ids::{EventId, SeatNumber};
use domain::money::Money;
use domain::queue::{Control, Pause};
use futures::future::join_all;
use serde_json::json;

use crate::grants;
use crate::wire::{Fault, Rule};
use crate::world::{EVENT, FESTIVAL, PRICE, World, author, concert, concert_for, festival};

/// One run of the schedule.
async fn scheduled(world: &World) {
    let promote = promote::handle(&world.app);
    let result = grants::as_function("promote", &world.used, Box::pin(promote)).await;
    result.unwrap();
}

async fn samples(world: &World, event: &str) -> Vec<Sample> {
    let event = EventId::parse(event).unwrap();
    world.app.store().samples(&event, EpochMs(0)).await.unwrap()
}

/// The event's control is changed by an operator.
async fn control(world: &World, change: impl Fn(Control) -> Control) {
    let id = EventId::parse(EVENT).unwrap();
    let store = world.app.store();
    let consistency = shared::store::Consistency::Strong;
    let event = store.event(&id, consistency).await.unwrap().unwrap();
    let control = change(event.control.clone());
    store.set_control(&event, control, &author()).await.unwrap();
}

#[tokio::test]
async fn every_minute_of_a_sale_has_a_sample_of_its_queue_and_its_sales() {
    let world = World::with(concert_for(1)).await;
    scheduled(&world).await;
    let buyer = world.joins_with(PRICE).await;
    world.joins(EVENT).await;
    world.joins(EVENT).await;
    let held = world.hold(&buyer, 7).await;
    world.clock.advance_seconds(60);
    scheduled(&world).await;
    let paid = world.pay(&buyer, held.text_of("reservationId")).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    world.clock.advance_seconds(60);
    scheduled(&world).await;

    let recorded = samples(&world, EVENT).await;
    assert_eq!(recorded.len(), 3);
    let [empty, held, sold] = [recorded[0], recorded[1], recorded[2]];
    assert_eq!((empty.waiting, empty.inside, empty.held), (0, 0, 0));
    assert_eq!((held.waiting, held.inside, held.called), (2, 1, 1));
    assert_eq!((held.held, held.sold, held.revenue), (1, 0, Money(0)));
    assert_eq!((sold.held, sold.sold, sold.revenue), (0, 1, Money(PRICE)));
    // The first has paid and is no longer inside. The next one is called.
    assert_eq!((sold.waiting, sold.called, sold.arrived), (1, 2, 1));
    assert_eq!(held.at.ms_since(empty.at), 60_000);
}

#[tokio::test]
async fn runs_of_the_same_minute_write_one_sample() {
    let world = World::new().await;
    let others: Vec<World> = (0..6).map(|_| world.another_process()).collect();
    let events = world.app.promote_all().await.unwrap().on_sale;
    let runs = others.iter().map(|other| other.app.record_history(&events));
    let runs = join_all(runs).await;
    let recorded: usize = runs.iter().map(|run| run.recorded).sum();
    let known: usize = runs.iter().map(|run| run.known).sum();
    assert_eq!((recorded, known), (1, 5), "{runs:?}");
    let first = samples(&world, EVENT).await;
    assert_eq!(first.len(), 1);
    // The first one stays as it is.
    world.joins(EVENT).await;
    world.clock.advance_ms(59_999);
    scheduled(&world).await;
    assert_eq!(samples(&world, EVENT).await, first);
    world.clock.advance_ms(1);
    scheduled(&world).await;
    assert_eq!(samples(&world, EVENT).await.len(), 2);
}

#[tokio::test]
async fn a_minute_in_which_nothing_ran_is_a_gap() {
    let world = World::new().await;
    for seconds in [60, 60, 180, 60] {
        scheduled(&world).await;
        world.clock.advance_seconds(seconds);
    }
    let samples = samples(&world, EVENT).await;
    let points = points(&samples, Span::Hour);
    let minutes: Vec<i64> = points
        .iter()
        .map(|point| point.at.ms_since(points[0].at) / 60_000)
        .collect();
    assert_eq!(minutes, [0, 1, 2, 5]);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_no_reason_for_the_promotion_to_fail() {
    for (operation, containing) in [("PutItem", "HISTORY#"), ("BatchGetItem", "SEATMAP#")] {
        let world = World::with(concert_for(1)).await;
        let first = world.joins(EVENT).await;
        let second = world.joins(EVENT).await;
        assert_eq!(world.leave(&first).await.status, 204);
        world.clock.advance_seconds(10);
        world
            .wire
            .inject(Rule::every(operation, containing, Fault::Throttle));
        let summary = promote::handle(&world.app).await.unwrap();
        assert_eq!(summary, json!({"events": 1, "promoted": 1, "skipped": 0}));
        assert_eq!(world.status(&second).await.body["status"], "ACTIVE");
        assert_eq!(samples(&world, EVENT).await, []);
    }
}

#[tokio::test]
async fn a_paused_sale_has_a_history_and_a_closed_one_has_no_more() {
    let world = World::new().await;
    let now = world.clock.now();
    control(&world, |control| Control {
        pause: Pause {
            began_at: Some(now),
            ..Pause::default()
        },
        ..control
    })
    .await;
    scheduled(&world).await;
    assert_eq!(samples(&world, EVENT).await.len(), 1);
    world.clock.advance_seconds(60);
    control(&world, |control| control.cancelled_at(None, now)).await;
    scheduled(&world).await;
    assert_eq!(samples(&world, EVENT).await.len(), 1);
}

#[tokio::test]
async fn general_admission_has_a_history_too() {
    let world = World::with(festival()).await;
    world.app.promote_all().await.unwrap();
    let buyer = world.joins(FESTIVAL).await;
    assert_eq!(world.charge(&buyer, 10 * PRICE, "k").await.status, 201);
    let path = format!("/events/{FESTIVAL}/reservations");
    let reply = world
        .post(&path, &buyer.token, json!({"quantity": 1}))
        .await;
    assert_eq!(reply.status, 201, "{reply:?}");
    scheduled(&world).await;
    let sample = samples(&world, FESTIVAL).await[0];
    assert_eq!(sample.sold, 1);
    assert_eq!(
        sample.revenue,
        Money(reply.body["totalPrice"].as_i64().unwrap())
    );
}

/// A concert of many sections on its first date.
fn of_sections(count: u32) -> Programme {
    let mut concert = concert();
    let date = concert.dates.values_mut().next().unwrap();
    date.sections = (0..count)
        .map(|number| {
            let first = SeatNumber(1 + 10 * number);
            Section::new(format!("S{number}"), Money(PRICE), first, 10)
        })
        .collect();
    concert
}

#[tokio::test]
async fn an_event_of_many_sections_costs_no_more_rebuilt_seat_maps_than_one_of_eight() {
    let world = World::with(of_sections(100)).await;
    scheduled(&world).await;
    for _ in 0..3 {
        world.clock.advance_seconds(60);
        world.wire.reset_meter();
        scheduled(&world).await;
        let calls = world.wire.calls();
        let read = calls.iter().filter(|call| {
            let pk = &call.request["ExpressionAttributeValues"][":pk"]["S"];
            call.operation == "Query" && pk.as_str().is_some_and(|pk| pk.starts_with("SEATS#"))
        });
        assert_eq!(read.count(), 8);
    }
    assert_eq!(samples(&world, EVENT).await.len(), 4);
}

#[tokio::test]
async fn a_minute_of_history_costs_what_plan_says() {
    use boxoffice::plan::month::{HISTORY_READ_UNITS, HISTORY_WRITE_UNITS};
    let world = World::with(concert_for(100)).await;
    scheduled(&world).await;
    world.clock.advance_seconds(60);
    let events = world.app.promote_all().await.unwrap().on_sale;
    world.wire.reset_meter();
    assert_eq!(world.app.record_history(&events).await.recorded, 1);
    let cost = world.wire.cost();
    assert!(
        (cost.read_units - HISTORY_READ_UNITS).abs() < 1e-9,
        "{cost:?}"
    );
    assert!(
        (cost.write_units - HISTORY_WRITE_UNITS).abs() < 1e-9,
        "{cost:?}"
    );
}
