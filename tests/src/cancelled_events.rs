//! Events that are cancelled: nothing is sold any more, and everybody gets everything back.

use boxoffice::cancelling::{self, Scope, Swept};
use boxoffice::steering::{self, SaleAction, Steering};
use domain::clock::EpochMs;
use domain::event::Programme;
use domain::fees::Fees;
use domain::ids::EventId;
use domain::money::Money;
use domain::plans::{CANCELLATION_SETTLES_SECONDS, Cancellation};
use domain::queue::Control;
use serde_json::json;
use shared::store::Consistency;

use crate::invariants;
use crate::wire::{Fault, Rule};
use crate::world::{
    Buyer, DATE, EVENT, FESTIVAL, LATER_DATE, PRICE, World, author, concert, festival,
};

const FEE: i64 = 2_000;

fn id(event: &str) -> EventId {
    EventId::parse(event).unwrap()
}

/// With fees that a buyer who cancels does not get back.
fn with_fees(mut programme: Programme) -> Programme {
    programme.event.terms.fees = Fees {
        per_ticket: Money(FEE),
        per_order: Money::ZERO,
        refundable: false,
    };
    programme
}

async fn cancels(world: &World, event: &str) {
    let operator = world.another_process();
    let scope = Scope {
        event: id(event),
        date: None,
    };
    let cancelled = cancelling::cancel(operator.app.store(), &scope, &author()).await;
    assert!(cancelled.unwrap().unwrap().is_cancelled());
}

/// Everybody gets the money back, once nothing that began before can be sold any more.
async fn sweeps(world: &World, event: &str) -> Swept {
    world.clock.advance_seconds(CANCELLATION_SETTLES_SECONDS);
    let operator = world.another_process();
    let event = operator.app.programme(&id(event), world.clock.now()).await;
    let event = event.unwrap().event.clone();
    let swept = cancelling::sweep(&operator.app, &event, None, &author(), |_| {}).await;
    swept.unwrap()
}

/// A process reads an event again after two seconds.
fn every_process_knows(world: &World) {
    world.clock.advance_seconds(3);
}

async fn holds(world: &World, date: &str, seat: u32) -> (Buyer, String) {
    let buyer = world.joins_with(200_000).await;
    let held = world.hold_on(&buyer, date, seat).await;
    assert_eq!(held.status, 201, "{held:?}");
    let id = held.text_of("reservationId").to_owned();
    (buyer, id)
}

async fn status(world: &World, buyer: &Buyer, reservation: &str) -> String {
    let path = format!("/reservations/{reservation}");
    let seen = world.get(&path, &buyer.token).await;
    seen.text_of("status").to_owned()
}

#[tokio::test]
async fn a_cancelled_event_refuses_joining_holding_and_paying_and_says_so() {
    let world = World::new().await;
    let (holder, held) = holds(&world, DATE, 1).await;
    let inside = world.joins_with(200_000).await;
    cancels(&world, EVENT).await;
    every_process_knows(&world);
    let join = world
        .post(&format!("/events/{EVENT}/tokens"), "", json!({}))
        .await;
    join.is_problem(409, "event_cancelled");
    let refused = world.hold(&inside, 2).await;
    refused.is_problem(409, "event_cancelled");
    let pay = world.pay(&holder, &held).await;
    pay.is_problem(409, "event_cancelled");
    assert_eq!(world.balance(&holder).await, 200_000);
    for path in [format!("/events/{EVENT}"), "/events".to_owned()] {
        let seen = world.get(&path, "").await;
        let event = seen.body.get("events").map_or(&seen.body, |all| &all[0]);
        assert_eq!(event["state"], "CLOSED", "{event}");
        assert!(event["cancelledAt"].is_string(), "{event}");
    }
}

#[tokio::test]
async fn tickets_of_a_cancelled_event_without_seats_cannot_be_reserved() {
    let world = World::with(festival()).await;
    let buyer = world.joins(FESTIVAL).await;
    world.charge(&buyer, 200_000, "money").await;
    cancels(&world, FESTIVAL).await;
    every_process_knows(&world);
    let path = format!("/events/{FESTIVAL}/reservations");
    let reserved = world
        .post(&path, &buyer.token, json!({"quantity": 1}))
        .await;
    reserved.is_problem(409, "event_cancelled");
}

#[tokio::test]
async fn the_sweep_gives_everybody_everything_back_and_releases_what_is_held() {
    let world = World::with(with_fees(concert())).await;
    let (one, first) = holds(&world, DATE, 1).await;
    let (two, second) = holds(&world, LATER_DATE, 1).await;
    world.pay(&one, &first).await;
    world.pay(&two, &second).await;
    assert_eq!(world.balance(&one).await, 200_000 - PRICE - FEE);
    cancels(&world, EVENT).await;
    let swept = sweeps(&world, EVENT).await;
    assert!(swept.is_complete);
    assert_eq!(
        (swept.refunded, swept.amount),
        (2, Money(2 * (PRICE + FEE)))
    );
    for (buyer, reservation) in [(&one, &first), (&two, &second)] {
        assert_eq!(status(&world, buyer, reservation).await, "CANCELLED");
        assert_eq!(world.balance(buyer).await, 200_000);
    }
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_hold_of_a_cancelled_event_is_released() {
    let world = World::new().await;
    let (buyer, held) = holds(&world, DATE, 1).await;
    cancels(&world, EVENT).await;
    let operator = world.another_process();
    let event = operator.app.programme(&id(EVENT), world.clock.now()).await;
    let event = event.unwrap().event.clone();
    let by = author();
    let sweep = cancelling::sweep(&operator.app, &event, None, &by, |_| {
        world.clock.advance_seconds(CANCELLATION_SETTLES_SECONDS);
    });
    let swept = sweep.await.unwrap();
    assert_eq!((swept.released, swept.refunded), (1, 0));
    assert!(swept.is_complete);
    assert_eq!(status(&world, &buyer, &held).await, "CANCELLED");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_payment_that_is_under_way_while_the_event_is_cancelled_ends_refunded() {
    let world = World::with(with_fees(concert())).await;
    let (buyer, held) = holds(&world, DATE, 1).await;
    cancels(&world, EVENT).await;
    // This process has read the event before it was cancelled.
    let paid = world.pay(&buyer, &held).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    let swept = sweeps(&world, EVENT).await;
    assert_eq!((swept.refunded, swept.is_complete), (1, true));
    assert_eq!(status(&world, &buyer, &held).await, "CANCELLED");
    assert_eq!(world.balance(&buyer).await, 200_000);
    invariants::check(&world).await;
}

#[tokio::test]
async fn payments_that_race_with_the_sweep_end_refunded() {
    for _ in 0..8 {
        let world = World::with(with_fees(concert())).await;
        let (buyer, held) = holds(&world, DATE, 1).await;
        cancels(&world, EVENT).await;
        let operator = world.another_process();
        let event = operator.app.programme(&id(EVENT), world.clock.now()).await;
        let event = event.unwrap().event.clone();
        let by = author();
        let (paid, swept) = tokio::join!(
            world.pay(&buyer, &held),
            cancelling::sweep(&operator.app, &event, None, &by, |_| {
                world.clock.advance_seconds(CANCELLATION_SETTLES_SECONDS);
            })
        );
        assert!(swept.unwrap().is_complete, "{paid:?}");
        assert_eq!(status(&world, &buyer, &held).await, "CANCELLED");
        assert_eq!(world.balance(&buyer).await, 200_000);
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn an_interrupted_sweep_says_what_is_left_and_the_next_one_completes_it() {
    let world = World::with(with_fees(concert())).await;
    let (one, first) = holds(&world, DATE, 1).await;
    let (two, second) = holds(&world, DATE, 2).await;
    world.pay(&one, &first).await;
    world.pay(&two, &second).await;
    cancels(&world, EVENT).await;
    world.clock.advance_seconds(CANCELLATION_SETTLES_SECONDS);
    let operator = world.another_process();
    operator
        .wire
        .inject(Rule::next("TransactWriteItems", "", Fault::CutOff));
    let event = operator.app.programme(&id(EVENT), world.clock.now()).await;
    let event = event.unwrap().event.clone();
    let swept = cancelling::sweep(&operator.app, &event, None, &author(), |_| {}).await;
    let swept = swept.unwrap();
    assert!(!swept.is_complete);
    assert_eq!((swept.refunded, swept.failed.len()), (1, 1));
    let again = sweeps(&world, EVENT).await;
    assert!(again.is_complete && again.failed.is_empty());
    assert_eq!(again.refunded, 1);
    for buyer in [&one, &two] {
        assert_eq!(world.balance(buyer).await, 200_000);
    }
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_buyer_who_returns_a_ticket_of_a_cancelled_event_gets_everything_back_at_any_time() {
    let mut programme = with_fees(concert());
    programme.event.terms.cancel_until_hours = 24 * 365;
    let world = World::with(programme).await;
    let (buyer, held) = holds(&world, DATE, 1).await;
    world.pay(&buyer, &held).await;
    let path = format!("/reservations/{held}");
    let late = world.delete(&path, &buyer.token).await;
    late.is_problem(409, "not_cancellable");
    cancels(&world, EVENT).await;
    every_process_knows(&world);
    let returned = world.delete(&path, &buyer.token).await;
    assert_eq!(returned.status, 200, "{returned:?}");
    assert_eq!(world.balance(&buyer).await, 200_000);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_cancelled_event_cannot_be_resumed_and_the_journal_tells_its_end() {
    let world = World::new().await;
    cancels(&world, EVENT).await;
    cancels(&world, EVENT).await;
    sweeps(&world, EVENT).await;
    let resume = Steering {
        action: Some(SaleAction::Resume),
        ..Steering::default()
    };
    let refused = steering::steer(world.app.store(), &id(EVENT), &resume, &author()).await;
    assert_eq!(refused.unwrap().unwrap_err(), "the event is cancelled");
    let store = world.app.store();
    let since = EpochMs(0);
    let entries = store.journal(Some(&id(EVENT)), since, 10).await.unwrap();
    let acts: Vec<_> = entries.iter().map(|entry| entry.act.as_str()).collect();
    let told = |act| acts.iter().filter(|told| **told == act).count();
    assert_eq!(
        (told("cancel event"), told("finish refunds")),
        (1, 1),
        "{acts:?}"
    );
}

#[tokio::test]
async fn the_audit_finds_what_is_sold_after_a_cancellation_or_left_behind_its_refunds() {
    let world = World::new().await;
    let (buyer, held) = holds(&world, DATE, 1).await;
    world.pay(&buyer, &held).await;
    let store = world.app.store();
    for (cancelled_at, expected) in [
        (world.clock.now(), "everything refunded since"),
        (EpochMs(0), "no payment after the cancellation at 1970"),
    ] {
        let event = store.event(&id(EVENT), Consistency::Strong).await;
        let event = event.unwrap().unwrap();
        let control = Control {
            cancellation: Some(Cancellation {
                at: cancelled_at,
                refunded_at: Some(world.clock.now()),
            }),
            ..event.control.clone()
        };
        store.set_control(&event, control, &author()).await.unwrap();
        let broken = invariants::broken(&world).await;
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert_eq!(broken[0].invariant.number(), 7);
        assert!(broken[0].expected.starts_with(expected), "{broken:?}");
    }
}
