//! Dates that are postponed: every ticket follows in one write, everything that goes by the date goes by the new one, and for
//! some time everybody can give tickets back for all that was paid.

use boxoffice::Outcome;
use boxoffice::catalog_update::{Mode, apply_text};
use boxoffice::output::Output;
use boxoffice::postponing::{self, NewTime, Wanted};
use boxoffice::replanning::Replanned;
use domain::clock::EpochMs;
use domain::event::{Programme, SaleState};
use domain::fees::Fees;
use domain::ids::{DateKey, EventId};
use domain::money::Money;
use serde_json::json;

use crate::invariants;
use crate::world::{Buyer, DATE, EVENT, FESTIVAL, LATER_DATE, PRICE, World, author, concert};

const FEE: i64 = 2_000;
/// After the other date.
const NEW_DAY: &str = "2027-01-09";

fn id(event: &str) -> EventId {
    EventId::parse(event).unwrap()
}

fn key(date: &str) -> DateKey {
    DateKey::parse(date).unwrap()
}

fn with_fees() -> Programme {
    let mut programme = concert();
    programme.event.terms.fees = Fees {
        per_ticket: Money(FEE),
        per_order: Money::ZERO,
        refundable: false,
    };
    programme
}

async fn tries(world: &World, date: Option<&str>, to: &str, returns: Option<EpochMs>) -> Replanned {
    let event = if date.is_some() { EVENT } else { FESTIVAL };
    let wanted = Wanted {
        event: id(event),
        date: date.map(key),
        to: NewTime::parse(to).unwrap(),
        returns_until: returns,
    };
    let operator = world.another_process();
    let result = postponing::postpone(operator.app.store(), &wanted, &author()).await;
    world.clock.advance_seconds(3);
    result.unwrap()
}

async fn postpones(world: &World, to: &str, returns: Option<EpochMs>) {
    tries(world, Some(DATE), to, returns).await.unwrap();
}

async fn start(world: &World) -> EpochMs {
    let programme = world.app.programme(&id(EVENT), world.clock.now()).await;
    programme.unwrap().starts_at(Some(key(DATE))).unwrap()
}

async fn buys(world: &World, seat: u32) -> (Buyer, String) {
    let buyer = world.joins_with(200_000).await;
    let held = world.hold_on(&buyer, DATE, seat).await;
    let id = held.text_of("reservationId").to_owned();
    let paid = world.pay(&buyer, &id).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    (buyer, id)
}

#[tokio::test]
async fn every_ticket_follows_its_date_and_shows_both_times() {
    let world = World::new().await;
    let (buyer, ticket) = buys(&world, 1).await;
    let before = start(&world).await;
    postpones(&world, NEW_DAY, None).await;
    let after = start(&world).await;
    assert!(after > before);
    let seen = world
        .get(&format!("/reservations/{ticket}"), &buyer.token)
        .await;
    assert_eq!(seen.text_of("startsAt"), after.to_string());
    assert_eq!(seen.body["postponedFrom"], json!([before.to_string()]));
    assert_eq!(seen.text_of("date"), DATE);
    assert!(seen.body["returnsUntil"].is_null());
    let event = world.get(&format!("/events/{EVENT}"), "").await;
    // In the order of their starts, which is not that of their keys any more.
    let dates = &event.body["dates"];
    assert_eq!(
        (&dates[0]["date"], &dates[1]["date"]),
        (&json!(LATER_DATE), &json!(DATE))
    );
    assert_eq!(dates[1]["postponedFrom"], json!([before.to_string()]));
    assert_eq!(event.text_of("closesAt"), after.to_string());
    assert_eq!(event.body["startTimes"][1], after.to_string());
    invariants::check(&world).await;
}

#[tokio::test]
async fn the_list_of_dates_goes_by_the_new_day() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    postpones(&world, NEW_DAY, None).await;
    let listed = async |from: &str| -> Vec<String> {
        let path = format!("/events/{EVENT}/dates?from={from}");
        let reply = world.get(&path, &buyer.token).await;
        let dates = reply.body["dates"].as_array().unwrap().clone();
        dates
            .iter()
            .map(|date| date["date"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(listed(DATE).await, [LATER_DATE, DATE]);
    assert_eq!(listed(NEW_DAY).await, [DATE]);
}

#[tokio::test]
async fn the_sale_goes_on_until_the_new_start_even_if_it_was_over() {
    let world = World::new().await;
    postpones(&world, NEW_DAY, None).await;
    let programme = world
        .app
        .programme(&id(EVENT), world.clock.now())
        .await
        .unwrap();
    let later = programme.dates[&key(LATER_DATE)].starts_at;
    assert_eq!(programme.event.sale_state(later), SaleState::Open);
    let end = start(&world).await;
    world.clock.set(end.plus_seconds(60));
    // The doors stay closed: it is postponed once more, after its start.
    postpones(&world, "2027-02-01", None).await;
    let buyer = world.joins_with(200_000).await;
    let held = world.hold_on(&buyer, DATE, 5).await;
    assert_eq!(held.status, 201, "{held:?}");
    let seen = world.get(&format!("/events/{EVENT}"), "").await;
    let from = &seen.body["dates"][1]["postponedFrom"];
    assert_eq!(from.as_array().unwrap().len(), 2, "{seen:?}");
}

#[tokio::test]
async fn within_the_window_everybody_gets_everything_back_whatever_the_rules_say() {
    let mut programme = with_fees();
    programme.event.terms.cancel_until_hours = 24 * 365;
    let world = World::with(programme).await;
    let (buyer, ticket) = buys(&world, 1).await;
    let path = format!("/reservations/{ticket}");
    let late = world.delete(&path, &buyer.token).await;
    late.is_problem(409, "not_cancellable");
    let until = world.clock.now().plus_seconds(3_600);
    postpones(&world, NEW_DAY, Some(until)).await;
    let seen = world.get(&path, &buyer.token).await;
    assert_eq!(seen.text_of("returnsUntil"), until.to_string());
    assert_eq!(seen.text_of("cancelUntil"), until.to_string());
    assert_eq!(seen.body["refundable"], PRICE + FEE);
    let returned = world.delete(&path, &buyer.token).await;
    assert_eq!(returned.status, 200, "{returned:?}");
    assert_eq!(returned.body["refunded"], PRICE + FEE);
    assert_eq!(world.balance(&buyer).await, 200_000);
    invariants::check(&world).await;
}

#[tokio::test]
async fn after_the_window_the_usual_rules_hold() {
    let world = World::with(with_fees()).await;
    let (buyer, ticket) = buys(&world, 1).await;
    let until = world.clock.now().plus_seconds(3_600);
    postpones(&world, NEW_DAY, Some(until)).await;
    world.clock.set(until);
    let path = format!("/reservations/{ticket}");
    let seen = world.get(&path, &buyer.token).await;
    assert_eq!(seen.body["refundable"], PRICE);
    let returned = world.delete(&path, &buyer.token).await;
    assert_eq!(returned.body["refunded"], PRICE);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_second_postponement_keeps_the_history_and_the_promise_of_the_first() {
    let world = World::new().await;
    let (buyer, ticket) = buys(&world, 1).await;
    let first = start(&world).await;
    let until = world.clock.now().plus_seconds(3_600);
    postpones(&world, NEW_DAY, Some(until)).await;
    let second = start(&world).await;
    postpones(&world, "2027-02-01T12:00:00Z", None).await;
    let seen = world
        .get(&format!("/reservations/{ticket}"), &buyer.token)
        .await;
    let history = json!([first.to_string(), second.to_string()]);
    assert_eq!(seen.body["postponedFrom"], history);
    assert_eq!(seen.text_of("returnsUntil"), until.to_string());
    assert_eq!(seen.text_of("startsAt"), "2027-02-01T12:00:00.000Z");
}

#[tokio::test]
async fn payments_and_holds_beside_a_postponement_all_end_on_the_new_date() {
    for _ in 0..4 {
        let world = World::new().await;
        let payer = world.joins_with(200_000).await;
        let holder = world.joins_with(200_000).await;
        let held = world.hold_on(&payer, DATE, 1).await;
        let held = held.text_of("reservationId").to_owned();
        let (paid, other, ()) = tokio::join!(
            world.pay(&payer, &held),
            world.hold_on(&holder, DATE, 2),
            postpones(&world, NEW_DAY, None),
        );
        assert_eq!((paid.status, other.status), (201, 201));
        world.clock.advance_seconds(3);
        let after = start(&world).await.to_string();
        for (buyer, id) in [
            (&payer, held.as_str()),
            (&holder, other.text_of("reservationId")),
        ] {
            let seen = world
                .get(&format!("/reservations/{id}"), &buyer.token)
                .await;
            assert_eq!(seen.text_of("startsAt"), after);
        }
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn general_admission_is_postponed_as_a_whole() {
    let world = World::with(festival_with_start()).await;
    let moved = tries(&world, None, "2027-01-09T12:00:00Z", None)
        .await
        .unwrap();
    assert_eq!(
        moved.terms.last_start.unwrap().to_string(),
        "2027-01-09T12:00:00.000Z"
    );
    let seen = world.get(&format!("/events/{FESTIVAL}"), "").await;
    assert_eq!(seen.text_of("startsAt"), "2027-01-09T12:00:00.000Z");
    assert_eq!(seen.body["postponedFrom"].as_array().unwrap().len(), 1);
    let day = tries(&world, None, NEW_DAY, None).await.unwrap_err();
    assert_eq!(
        day,
        "--to: needs a time with an offset, because the event has no timeZone"
    );
}

fn festival_with_start() -> Programme {
    let mut programme = crate::world::festival();
    programme.event.terms.last_start = Some(EpochMs::parse("2026-12-24T10:00:00Z").unwrap());
    programme
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let now = world.clock.now();
    let before = start(&world).await;
    let soon = Some(now.plus_seconds(3_600));
    for (date, to, returns, reason) in [
        (
            Some("2026-11-01"),
            NEW_DAY,
            None,
            "there is no date 2026-11-01",
        ),
        (
            Some(DATE),
            "2026-01-01",
            None,
            "--to: must be in the future",
        ),
        (Some(DATE), DATE, None, "--to: it starts then already"),
        (
            Some(DATE),
            NEW_DAY,
            Some(now),
            "--returns-until: must be in the future",
        ),
        (
            Some(DATE),
            NEW_DAY,
            Some(before.plus_seconds(60 * 86_400)),
            "--returns-until: must not be later than the new start",
        ),
    ] {
        let refused = tries(&world, date, to, returns).await;
        assert_eq!(refused.unwrap_err(), reason);
    }
    assert_eq!(start(&world).await, before);
    postpones(&world, NEW_DAY, soon).await;
    postpones(&world, NEW_DAY, soon).await;
    let store = world.app.store();
    let entries = store
        .journal(Some(&id(EVENT)), EpochMs(0), 10)
        .await
        .unwrap();
    let told = entries.iter().filter(|entry| entry.act == "postpone");
    assert_eq!(
        told.count(),
        1,
        "a repeated command is no second act: {entries:?}"
    );
}

fn catalogue(starts_at: &str) -> String {
    format!(
        "currency: KRW\nevents:\n  - eventId: {EVENT}\n    name: Concert\n    venue: Hall\n    admission: seated\n    \
         timeZone: Asia/Seoul\n    dates:\n      \
         - {{date: {DATE}, startsAt: '{starts_at}', doorsOpenAt: '18:00', sections: [{{name: A, seats: 50, price: {PRICE}}}]}}\n      \
         - {{date: {LATER_DATE}, startsAt: '{LATER_DATE}T19:00:00', sections: [{{name: A, seats: 50, price: {PRICE}}}]}}\n",
    )
}

async fn applies(world: &World, starts_at: &str) -> Outcome {
    let process = world.another_process();
    let mut out = Output::to(Box::new(std::io::sink()));
    let mode = Mode::Apply(&author());
    let text = catalogue(starts_at);
    let applied = apply_text(process.app.store(), "c.yaml", &text, mode, &mut out).await;
    world.clock.advance_seconds(3);
    applied.unwrap()
}

#[tokio::test]
async fn a_catalogue_does_not_move_a_postponed_date_back_and_may_say_the_new_time() {
    let world = World::new().await;
    let old = format!("{DATE}T19:00:00");
    assert_eq!(applies(&world, &old).await, Outcome::Done);
    postpones(&world, &format!("{NEW_DAY}T20:00"), None).await;
    let doors = async || {
        let programme = world
            .app
            .programme(&id(EVENT), world.clock.now())
            .await
            .unwrap();
        let date = programme.dates[&key(DATE)].clone();
        (
            date.starts_at.to_string(),
            date.starts_at.ms_since(date.doors_open_at.unwrap()),
        )
    };
    let new = "2027-01-09T11:00:00.000Z".to_owned();
    // The doors open an hour before, as they did.
    assert_eq!(doors().await, (new.clone(), 3_600_000));
    assert_eq!(applies(&world, &old).await, Outcome::Done);
    assert_eq!(doors().await, (new.clone(), 3_600_000));
    assert_eq!(
        applies(&world, &format!("{NEW_DAY}T20:00:00")).await,
        Outcome::Done
    );
    // The catalogue says when the doors open now: at 18:00.
    assert_eq!(doors().await, (new.clone(), 7_200_000));
    assert_eq!(
        applies(&world, &format!("{NEW_DAY}T21:00:00")).await,
        Outcome::Negative
    );
    assert_eq!(doors().await.0, new);
    let programme = world
        .app
        .programme(&id(EVENT), world.clock.now())
        .await
        .unwrap();
    assert_eq!(
        programme.event.terms.last_start,
        Some(programme.dates[&key(DATE)].starts_at)
    );
}
