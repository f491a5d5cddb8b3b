//! Single dates that are cancelled: nothing of them is sold any more, their tickets are refunded in full, and the other dates
//! go on.

use boxoffice::Outcome;
use boxoffice::cancelling::{self, Scope, Swept};
use boxoffice::catalog_update::{Mode, apply_text};
use boxoffice::output::Output;
use domain::clock::EpochMs;
use domain::event::Programme;
use domain::fees::Fees;
use domain::ids::{DateKey, EventId};
use domain::money::Money;
use domain::plans::{CANCELLATION_SETTLES_SECONDS, Cancellation};
use shared::store::Consistency;

use crate::invariants;
use crate::world::{Buyer, DATE, EVENT, LATER_DATE, PRICE, World, author, concert};

const FEE: i64 = 2_000;

fn id() -> EventId {
    EventId::parse(EVENT).unwrap()
}

fn key(date: &str) -> DateKey {
    DateKey::parse(date).unwrap()
}

fn on(date: &str) -> Scope {
    Scope {
        event: id(),
        date: Some(key(date)),
    }
}

/// With fees that a buyer who cancels does not get back.
fn with_fees() -> Programme {
    let mut programme = concert();
    programme.event.terms.fees = Fees {
        per_ticket: Money(FEE),
        per_order: Money::ZERO,
        refundable: false,
    };
    programme
}

async fn cancels(world: &World, date: &str) {
    let operator = world.another_process();
    let cancelled = cancelling::cancel(operator.app.store(), &on(date), &author()).await;
    let event = cancelled.unwrap().unwrap();
    assert!(!event.is_cancelled());
    assert!(event.cancelled_at(Some(key(date))).is_some());
}

/// Refunds, once nothing that began before the cancellation can be sold any more.
async fn sweep(world: &World, date: &str) -> Swept {
    world.clock.advance_seconds(CANCELLATION_SETTLES_SECONDS);
    sweep_now(world, date).await
}

/// Refunds beside what is still under way.
async fn sweep_now(world: &World, date: &str) -> Swept {
    let operator = world.another_process();
    let event = operator.app.programme(&id(), world.clock.now()).await;
    let event = event.unwrap().event.clone();
    let by = author();
    let swept = cancelling::sweep(&operator.app, &event, Some(key(date)), &by, |_| {
        world.clock.advance_seconds(CANCELLATION_SETTLES_SECONDS);
    });
    swept.await.unwrap()
}

async fn holds(world: &World, date: &str, seat: u32) -> (Buyer, String) {
    let buyer = world.joins_with(200_000).await;
    let held = world.hold_on(&buyer, date, seat).await;
    assert_eq!(held.status, 201, "{held:?}");
    let id = held.text_of("reservationId").to_owned();
    (buyer, id)
}

#[tokio::test]
async fn a_cancelled_date_refuses_holds_and_payments_and_says_so_and_others_go_on() {
    let world = World::new().await;
    let (holder, held) = holds(&world, DATE, 1).await;
    let (other, elsewhere) = holds(&world, LATER_DATE, 1).await;
    let inside = world.joins_with(200_000).await;
    cancels(&world, DATE).await;
    world.clock.advance_seconds(3);
    let refused = world.hold_on(&inside, DATE, 2).await;
    refused.is_problem(409, "date_cancelled");
    let seats = format!("/events/{EVENT}/dates/{DATE}/seats");
    let listed = world.get(&seats, &inside.token).await;
    listed.is_problem(409, "date_cancelled");
    let pay = world.pay(&holder, &held).await;
    pay.is_problem(409, "date_cancelled");
    assert_eq!(world.balance(&holder).await, 200_000);
    let seen = world
        .get(&format!("/reservations/{held}"), &holder.token)
        .await;
    assert!(seen.body["cancelledAt"].is_string(), "{seen:?}");
    assert_eq!(world.pay(&other, &elsewhere).await.status, 201);
    let held = world.hold_on(&inside, LATER_DATE, 2).await;
    assert_eq!(held.status, 201, "{held:?}");
    invariants::check(&world).await;
}

#[tokio::test]
async fn the_event_shows_the_cancelled_date_without_seats_and_lists_only_the_others() {
    let world = World::new().await;
    cancels(&world, DATE).await;
    world.clock.advance_seconds(3);
    let event = world.get(&format!("/events/{EVENT}"), "").await;
    let dates = event.body["dates"].as_array().unwrap();
    let date = |key: &str| dates.iter().find(|date| date["date"] == key).unwrap();
    assert!(date(DATE)["cancelledAt"].is_string(), "{event:?}");
    assert_eq!(date(DATE)["availableSeats"], 0);
    assert!(date(LATER_DATE)["cancelledAt"].is_null());
    let total = date(LATER_DATE)["totalSeats"].clone();
    assert_eq!(event.body["totalTickets"], total);
    assert_eq!(event.body["startTimes"].as_array().unwrap().len(), 1);
    assert!(event.body["cancelledAt"].is_null());
    let buyer = world.joins(EVENT).await;
    let listed = world
        .get(&format!("/events/{EVENT}/dates"), &buyer.token)
        .await;
    let listed = listed.body["dates"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["date"], LATER_DATE);
}

#[tokio::test]
async fn the_sweep_refunds_only_the_tickets_of_the_date_in_full() {
    let world = World::with(with_fees()).await;
    let (one, first) = holds(&world, DATE, 1).await;
    let (two, second) = holds(&world, LATER_DATE, 1).await;
    let (three, third) = holds(&world, DATE, 3).await;
    world.pay(&one, &first).await;
    world.pay(&two, &second).await;
    cancels(&world, DATE).await;
    let swept = sweep(&world, DATE).await;
    assert!(swept.is_complete);
    assert_eq!((swept.refunded, swept.released), (1, 1));
    assert_eq!(swept.amount, Money(PRICE + FEE));
    assert_eq!(world.balance(&one).await, 200_000);
    assert_eq!(world.balance(&two).await, 200_000 - PRICE - FEE);
    for (buyer, id, status) in [
        (&one, &first, "CANCELLED"),
        (&two, &second, "CONFIRMED"),
        (&three, &third, "CANCELLED"),
    ] {
        let seen = world
            .get(&format!("/reservations/{id}"), &buyer.token)
            .await;
        assert_eq!(seen.text_of("status"), status);
        // The ticket says why it was cancelled, also when that is long past.
        let says_why = seen.body["cancelledAt"].is_string();
        assert_eq!(says_why, status == "CANCELLED", "{seen:?}");
    }
    let again = sweep(&world, DATE).await;
    assert_eq!(
        (again.refunded, again.released, again.is_complete),
        (0, 0, true)
    );
    invariants::check(&world).await;
}

#[tokio::test]
async fn payments_that_race_with_the_sweep_of_a_date_end_refunded_and_those_of_others_stay() {
    for _ in 0..4 {
        let world = World::with(with_fees()).await;
        let (buyer, held) = holds(&world, DATE, 1).await;
        let (other, elsewhere) = holds(&world, LATER_DATE, 1).await;
        cancels(&world, DATE).await;
        // This process has read the event before the date was cancelled.
        let (paid, kept, swept) = tokio::join!(
            world.pay(&buyer, &held),
            world.pay(&other, &elsewhere),
            sweep_now(&world, DATE),
        );
        assert!(swept.is_complete, "{paid:?}");
        assert_eq!(kept.status, 201, "{kept:?}");
        assert_eq!(world.balance(&buyer).await, 200_000);
        assert_eq!(world.balance(&other).await, 200_000 - PRICE - FEE);
        invariants::check(&world).await;
    }
}

fn catalogue(dates: &[&str]) -> String {
    let dates: Vec<String> = dates
        .iter()
        .map(|date| {
            format!(
                "      - {{date: {date}, startsAt: '{date}T19:00:00+09:00', sections: [{{name: A, seats: 50, price: {PRICE}}}]}}\n"
            )
        })
        .collect();
    format!(
        "currency: KRW\nevents:\n  - eventId: {EVENT}\n    name: Concert\n    venue: Hall\n    admission: seated\n    \
         maxSeatsPerUser: 4\n    dates:\n{}",
        dates.concat()
    )
}

async fn applies(world: &World, dates: &[&str]) {
    let process = world.another_process();
    let mut out = Output::to(Box::new(std::io::sink()));
    let mode = Mode::Apply(&author());
    let text = catalogue(dates);
    let applied = apply_text(process.app.store(), "c.yaml", &text, mode, &mut out).await;
    assert_eq!(applied.unwrap(), Outcome::Done);
    world.clock.advance_seconds(3);
}

#[tokio::test]
async fn no_catalogue_brings_a_cancelled_date_back_not_even_by_removing_and_adding_it() {
    let world = World::new().await;
    applies(&world, &[DATE, LATER_DATE]).await;
    cancels(&world, DATE).await;
    for dates in [&[DATE, LATER_DATE][..], &[LATER_DATE], &[DATE, LATER_DATE]] {
        applies(&world, dates).await;
        let programme = world.app.programme(&id(), world.clock.now()).await.unwrap();
        assert!(programme.event.cancelled_at(Some(key(DATE))).is_some());
        let later = programme.dates[&key(LATER_DATE)].starts_at;
        assert_eq!(programme.event.terms.last_start, Some(later));
        assert_eq!(programme.event.terms.overview.start_times, [later]);
    }
}

#[tokio::test]
async fn the_sale_ends_with_the_last_date_that_takes_place_and_that_date_cannot_be_cancelled_alone()
{
    let world = World::new().await;
    cancels(&world, LATER_DATE).await;
    let operator = world.another_process();
    let programme = operator
        .app
        .programme(&id(), world.clock.now())
        .await
        .unwrap();
    let start = programme.dates[&key(DATE)].starts_at;
    assert_eq!(programme.event.closes_at(), Some(start));
    let refused = cancelling::cancel(operator.app.store(), &on(DATE), &author()).await;
    let reason = refused.unwrap().unwrap_err();
    assert_eq!(
        reason,
        "no other date takes place: cancel the event instead"
    );
    // It can be repeated for the one that is cancelled.
    cancels(&world, LATER_DATE).await;
}

#[tokio::test]
async fn the_journal_tells_of_a_cancelled_date_and_of_the_end_of_its_refunds() {
    let world = World::new().await;
    cancels(&world, DATE).await;
    cancels(&world, DATE).await;
    sweep(&world, DATE).await;
    let store = world.app.store();
    let entries = store.journal(Some(&id()), EpochMs(0), 10).await.unwrap();
    let told = |act: &str| -> Vec<_> {
        let told = entries.iter().filter(|entry| entry.act == act);
        told.flat_map(|entry| entry.details.clone()).collect()
    };
    assert_eq!(told("cancel date"), [DATE]);
    assert_eq!(told("finish refunds"), [DATE]);
}

#[tokio::test]
async fn the_audit_finds_what_is_left_behind_the_refunds_of_a_date() {
    let world = World::new().await;
    let (buyer, held) = holds(&world, DATE, 1).await;
    let (other, elsewhere) = holds(&world, LATER_DATE, 1).await;
    world.pay(&buyer, &held).await;
    world.pay(&other, &elsewhere).await;
    let store = world.app.store();
    let programme = store.programme(&id(), Consistency::Strong).await;
    let programme = programme.unwrap().unwrap();
    let mut control = programme.event.control.clone();
    control.dates.entry(key(DATE)).or_default().cancellation = Some(Cancellation {
        at: world.clock.now(),
        refunded_at: Some(world.clock.now()),
    });
    store.replan(&programme, control, &author()).await.unwrap();
    let broken = invariants::broken(&world).await;
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert_eq!(broken[0].invariant.number(), 7);
}
