//! `boxoffice apply` while tickets are sold: a change and a sale that exclude each other never both succeed.

use std::sync::Arc;

use boxoffice::Outcome;
use boxoffice::catalog_update::{Mode, apply_text};
use boxoffice::output::Output;
use boxoffice::steering::{self, Steering};
use domain::clock::EpochMs;
use domain::event::{Event, Programme};
use domain::ids::{DateKey, EventId};
use serde_json::json;
use shared::store::Consistency;

use crate::call_gate::CallGate;
use crate::invariants;
use crate::printed::Printed;
use crate::wire::{Fault, Rule};
use crate::world::{
    Buyer, DATE, EVENT, FESTIVAL, LATER_DATE, PRICE, Reply, World, author, concert, festival,
};

/// The default date: one section of 50 seats.
const ONE_SECTION: &str = "[{name: A, seats: 50, price: 50000}]";

/// A catalogue with the concert of [`World::new`], with these sections on each date.
fn catalogue(dates: &[(&str, &str)]) -> String {
    let dates: Vec<String> = dates
        .iter()
        .map(|(date, sections)| {
            format!("      - {{date: {date}, startsAt: '{date}T19:00:00+09:00', sections: {sections}}}\n")
        })
        .collect();
    let dates = dates.concat();
    format!(
        "currency: KRW
events:
  - eventId: {EVENT}
    name: Winter Live 2026
    venue: Olympic Hall
    admission: seated
    dates:
{dates}"
    )
}

/// A catalogue with the festival of so many tickets.
fn festival_of(tickets: u32) -> String {
    format!(
        "currency: KRW
events:
  - eventId: {FESTIVAL}
    name: Summer Festival
    venue: Park
    admission: general
    totalTickets: {tickets}
    price: {PRICE}
    maxSeatsPerUser: 20
"
    )
}

/// The result of applying a catalogue by this process.
async fn apply(process: &World, catalogue: &str) -> Outcome {
    apply_text(
        process.app.store(),
        "catalogue.yaml",
        catalogue,
        Mode::Apply(&author()),
        &mut Output::to(Box::new(std::io::sink())),
    )
    .await
    .unwrap()
}

async fn programme(world: &World, event: &str) -> Programme {
    let id = EventId::parse(event).unwrap();
    let programme = world.app.store().programme(&id, Consistency::Strong).await;
    programme.unwrap().unwrap()
}

async fn stored_event(world: &World) -> Event {
    programme(world, EVENT).await.event
}

/// A process that has read the event within the last two seconds, and relies on what it read.
async fn process_that_knows_the_event(world: &World) -> World {
    let process = world.another_process();
    let path = format!("/events/{EVENT}");
    assert_eq!(process.get(&path, "").await.status, 200);
    process
}

/// Holds the seat and pays for it, through this process.
async fn buy(process: &World, buyer: &Buyer, date: &str, seat: u32) -> Reply {
    let held = process.hold_on(buyer, date, seat).await;
    if held.status != 201 {
        return held;
    }
    process.pay(buyer, held.text_of("reservationId")).await
}

#[tokio::test]
async fn a_seat_of_a_removed_date_cannot_be_held_by_a_process_that_still_knows_the_date() {
    let world = World::new().await;
    let buyer = world.joins_with(PRICE).await;
    let process = process_that_knows_the_event(&world).await;
    let shorter = catalogue(&[(DATE, ONE_SECTION)]);
    assert_eq!(apply(&world, &shorter).await, Outcome::Done);
    let late = buy(&process, &buyer, LATER_DATE, 7).await;
    late.is_problem(404, "date_not_found");
    // The process knows the new dates now.
    assert_eq!(buy(&process, &buyer, DATE, 7).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_seat_that_a_smaller_section_lost_cannot_be_held_by_a_process_that_still_knows_it() {
    let world = World::new().await;
    let buyer = world.joins_with(PRICE).await;
    let process = process_that_knows_the_event(&world).await;
    let smaller = catalogue(&[
        (DATE, "[{name: A, seats: 40, price: 50000}]"),
        (LATER_DATE, ONE_SECTION),
    ]);
    assert_eq!(apply(&world, &smaller).await, Outcome::Done);
    let late = process.hold(&buyer, 50).await;
    late.is_problem(404, "seat_not_found");
    assert_eq!(buy(&process, &buyer, DATE, 40).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_date_stays_if_a_seat_is_held_after_the_catalogue_was_checked() {
    let world = World::new().await;
    let buyer = world.joins_with(PRICE).await;
    let gate = CallGate::of(&["WITHDRAWN"]);
    let operator = Arc::new(world.process_behind(gate.clone()));
    let applying = tokio::spawn({
        let operator = operator.clone();
        async move { apply(&operator, &catalogue(&[(DATE, ONE_SECTION)])).await }
    });
    gate.waits().await;
    let held = world.hold_on(&buyer, LATER_DATE, 50).await;
    assert_eq!(held.status, 201, "{held:?}");
    gate.open();
    assert_eq!(applying.await.unwrap(), Outcome::Negative);
    let paid = world.pay(&buyer, held.text_of("reservationId")).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    // The other seats are on sale again at once.
    let other = world.joins_with(PRICE).await;
    assert_eq!(buy(&world, &other, LATER_DATE, 1).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_removing_a_date_and_buying_its_last_free_seat_exactly_one_succeeds() {
    let world = Arc::new(World::new().await);
    let both = catalogue(&[(DATE, ONE_SECTION), (LATER_DATE, ONE_SECTION)]);
    let shorter = catalogue(&[(DATE, ONE_SECTION)]);
    for round in 0..6 {
        let buyer = world.joins_with(PRICE).await;
        let process = Arc::new(process_that_knows_the_event(&world).await);
        let buying = tokio::spawn({
            let (process, buyer) = (process.clone(), buyer.clone());
            async move { buy(&process, &buyer, LATER_DATE, 50).await }
        });
        let applying = tokio::spawn({
            let (operator, shorter) = (world.another_process(), shorter.clone());
            async move { apply(&operator, &shorter).await }
        });
        let (bought, applied) = (buying.await.unwrap(), applying.await.unwrap());
        let was_bought = match bought.status {
            201 => true,
            404 | 409 => false,
            _ => panic!("round {round}: {bought:?}"),
        };
        assert_eq!(applied == Outcome::Done, !was_bought, "round {round}");
        invariants::check(&world).await;
        if was_bought {
            let path = format!("/users/{}/reservations", buyer.user_id);
            let mine = world.get(&path, &buyer.token).await;
            let id = mine.body["reservations"][0]["reservationId"].as_str();
            let path = format!("/reservations/{}", id.unwrap());
            assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
        } else {
            assert_eq!(apply(&world, &both).await, Outcome::Done);
            // The withdrawn seats return to sale.
            world.clock.advance_seconds(130);
        }
        world.clock.advance_seconds(3);
    }
}

#[tokio::test]
async fn seats_return_to_sale_some_minutes_after_apply_crashed() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let crashing = world.another_process();
    // It withdraws the seats, and never writes the date.
    let transactions = Rule::every("TransactWriteItems", "", Fault::CutOff);
    crashing.wire.inject(transactions);
    let shorter = catalogue(&[(DATE, ONE_SECTION)]);
    let mut out = Output::to(Box::new(std::io::sink()));
    let store = crashing.app.store();
    let by = author();
    let mode = Mode::Apply(&by);
    let crashed = apply_text(store, "catalogue.yaml", &shorter, mode, &mut out);
    assert!(crashed.await.is_err());
    let refused = world.hold_on(&buyer, LATER_DATE, 1).await;
    refused.is_problem(409, "seat_taken");
    let until = EpochMs::parse(refused.text_of("heldUntil")).unwrap();
    let minutes = until.ms_since(world.clock.now());
    assert!((60_000..300_000).contains(&minutes), "{minutes} ms");
    invariants::check(&world).await;
    world.clock.advance_ms(minutes);
    assert_eq!(world.hold_on(&buyer, LATER_DATE, 1).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_change_of_the_queue_during_apply_and_the_catalogue_both_remain() {
    let world = World::new().await;
    let gate = CallGate::of(&["Summer Live"]);
    let operator = world.process_behind(gate.clone());
    let renamed = catalogue(&[(DATE, ONE_SECTION), (LATER_DATE, ONE_SECTION)])
        .replace("Winter Live 2026", "Summer Live");
    let applying = tokio::spawn(async move { apply(&operator, &renamed).await });
    gate.waits().await;
    let id = EventId::parse(EVENT).unwrap();
    let fewer = Steering {
        max_active: Some(3),
        ..Steering::default()
    };
    let steered = steering::steer(world.app.store(), &id, &fewer, &author()).await;
    assert!(steered.unwrap().is_ok());
    gate.open();
    assert_eq!(applying.await.unwrap(), Outcome::Done);
    let event = stored_event(&world).await;
    assert_eq!(event.terms.name, "Summer Live");
    assert_eq!(event.control.max_active, Some(3));
}

#[tokio::test]
async fn a_catalogue_that_is_applied_while_a_queue_is_steered_remains() {
    let world = World::new().await;
    // Contained in the write of the steered event.
    let gate = CallGate::of(&[r#""maxActive":{"N":"3"}"#]);
    let desk = world.process_behind(gate.clone());
    let steering = tokio::spawn(async move {
        let id = EventId::parse(EVENT).unwrap();
        let fewer = Steering {
            max_active: Some(3),
            ..Steering::default()
        };
        steering::steer(desk.app.store(), &id, &fewer, &author())
            .await
            .unwrap()
    });
    gate.waits().await;
    let renamed = catalogue(&[(DATE, ONE_SECTION), (LATER_DATE, ONE_SECTION)])
        .replace("Winter Live 2026", "Summer Live");
    assert_eq!(apply(&world, &renamed).await, Outcome::Done);
    gate.open();
    assert!(steering.await.unwrap().is_ok());
    let event = stored_event(&world).await;
    assert_eq!(event.terms.name, "Summer Live");
    assert_eq!(event.control.max_active, Some(3));
}

#[tokio::test]
async fn of_two_catalogues_applied_at_once_the_event_is_as_one_of_them_says() {
    let world = World::new().await;
    let one = catalogue(&[(DATE, "[{name: A, seats: 50, price: 1000}]")])
        .replace("Winter Live 2026", "One");
    let other = catalogue(&[(LATER_DATE, "[{name: A, seats: 50, price: 2000}]")])
        .replace("Winter Live 2026", "Other");
    let gate = CallGate::of(&["TransactItems"]);
    let slow = world.process_behind(gate.clone());
    let applying = tokio::spawn(async move { apply(&slow, &one).await });
    gate.waits().await;
    assert_eq!(apply(&world, &other).await, Outcome::Done);
    gate.open();
    // It begins anew, with the other's dates.
    assert_eq!(applying.await.unwrap(), Outcome::Done);
    let programme = programme(&world, EVENT).await;
    assert_eq!(programme.event.terms.name, "One");
    let dates: Vec<_> = programme.dates.keys().copied().collect();
    assert_eq!(dates, [DateKey::parse(DATE).unwrap()]);
    assert_eq!(
        programme.event.terms.last_start,
        Some(programme.dates[&dates[0]].starts_at)
    );
}

/// What applying a catalogue prints.
async fn printed(world: &World, catalogue: &str, mode: Mode<'_>) -> String {
    let printed = Printed::default();
    let mut out = printed.output();
    let store = world.app.store();
    let outcome = apply_text(store, "catalogue.yaml", catalogue, mode, &mut out).await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
    printed.text()
}

#[tokio::test]
async fn a_dry_run_and_apply_print_each_changed_field_with_its_old_and_its_new_value() {
    let world = World::new().await;
    let changed = catalogue(&[
        (
            DATE,
            "[{name: A, seats: 50, price: 60000, rows: 5}, {name: B, seats: 2, price: 1000}]",
        ),
        ("2026-12-26", ONE_SECTION),
    ])
    .replace(
        "    admission: seated",
        "    admission: seated
    opensAt: 2026-12-01T11:00:00+09:00
    holdSeconds: 240
    queue: {strategy: batch, batchSize: 5, batchSeconds: 60, maxActive: 7}",
    );
    let expected = "update winter-live
  holdSeconds: 300 -> 240
  opensAt: none -> 2026-12-01T02:00:00.000Z
  queue.batchSeconds: none -> 60
  queue.batchSize: none -> 5
  queue.maxActive: 100 -> 7
  queue.strategy: slots -> batch
  dates[2026-12-24].sections[A].price: 50000 -> 60000
  dates[2026-12-24].sections[A].rows: none -> 5
  dates[2026-12-24].sections[B].first seat: none -> 51
  dates[2026-12-24].sections[B].price: none -> 1000
  dates[2026-12-24].sections[B].seats: none -> 2
  dates[2026-12-25]: removed: startsAt 2026-12-25T10:00:00.000Z, A 50 seats at 50000
  dates[2026-12-26]: added: startsAt 2026-12-26T10:00:00.000Z, A 50 seats at 50000
";
    assert_eq!(printed(&world, &changed, Mode::DryRun).await, expected);
    assert_eq!(
        printed(&world, &changed, Mode::Apply(&author())).await,
        expected
    );
    let unchanged = "unchanged winter-live\n";
    assert_eq!(
        printed(&world, &changed, Mode::Apply(&author())).await,
        unchanged
    );
    let created = printed(&world, &festival_of(5), Mode::Apply(&author())).await;
    assert_eq!(created, "create summer-festival\n");
    let raised = printed(&world, &festival_of(40), Mode::DryRun).await;
    assert_eq!(raised, "update summer-festival\n  totalTickets: 5 -> 40\n");
}

#[tokio::test]
async fn a_sold_seat_cannot_move_to_another_row_or_get_another_label() {
    let world = World::new().await;
    let two = |first: &str, second: &str| {
        let sections =
            format!("[{{name: A, {first}, price: 50000}}, {{name: B, {second}, price: 50000}}]");
        catalogue(&[(DATE, &sections)])
    };
    let before = two("seats: 50", "seats: 50, rows: 5");
    assert_eq!(apply(&world, &before).await, Outcome::Done);
    world.clock.advance_seconds(3);
    let buyer = world.joins_with(PRICE).await;
    assert_eq!(buy(&world, &buyer, DATE, 75).await.status, 201);
    for after in [
        two("seats: 50", "seats: 50, rows: 2"),
        two("seats: 50", "seats: 50"),
        two("seats: 50", "seats: 50, rows: 5, rowLabels: A"),
        two("seats: 50", "seats: 50, rows: 5, numbering: {from: right}"),
        two("seats: 49", "seats: 50, rows: 5"),
    ] {
        assert_eq!(apply(&world, &after).await, Outcome::Negative);
    }
    // Rows for the section without any, and seats behind the sold one.
    let after = two("seats: 50, rows: 5", "seats: 50, rows: 5")
        .replace("}]", "}, {name: C, seats: 5, price: 50000}]");
    assert_eq!(apply(&world, &after).await, Outcome::Done);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_wallet_ceiling_stays_unless_a_catalogue_names_another_that_all_prices_fit() {
    let world = World::new().await;
    let ceiling = async || {
        let settings = world.app.store().settings().await.unwrap().unwrap();
        settings.wallet_ceiling.0
    };
    let with_ceiling = |ceiling: u32| format!("walletCeiling: {ceiling}\n{}", festival_of(5));
    assert_eq!(apply(&world, &with_ceiling(300_000)).await, Outcome::Done);
    assert_eq!(apply(&world, &festival_of(6)).await, Outcome::Done);
    assert_eq!(ceiling().await, 300_000);
    // The concert, which this catalogue does not name, costs more than that.
    let lower = with_ceiling(49_999).replace("price: 50000", "price: 100");
    assert_eq!(apply(&world, &lower).await, Outcome::Negative);
    let dear = festival_of(6).replace("price: 50000", "price: 300001");
    assert_eq!(apply(&world, &dear).await, Outcome::Negative);
    assert_eq!(ceiling().await, 300_000);
}

#[tokio::test]
async fn a_date_that_is_not_the_day_of_its_start_is_refused_unless_it_was_postponed() {
    let world = World::new().await;
    let both = catalogue(&[(DATE, ONE_SECTION), (LATER_DATE, ONE_SECTION)]);
    let postponed = both.replace("2026-12-25T19", "2027-01-25T19");
    assert_eq!(apply(&world, &postponed).await, Outcome::Done);
    let new = postponed.replace("date: 2026-12-25", "date: 2026-12-26");
    assert_eq!(apply(&world, &new).await, Outcome::Negative);
    let new_event = postponed.replace(EVENT, "new-event");
    assert_eq!(apply(&world, &new_event).await, Outcome::Negative);
}

#[tokio::test]
async fn nothing_is_available_for_a_date_that_has_begun_and_its_event_closes_with_its_last() {
    let mut concert = concert();
    // An earlier version accepted this.
    concert.event.terms.closes_at = EpochMs::parse("2027-06-01T00:00:00Z").ok();
    let world = World::with(concert).await;
    let buyer = world.joins(EVENT).await;
    let begun = EpochMs::parse("2026-12-24T10:00:00Z").unwrap();
    world.clock.set(begun);
    let buyer = world.joins_as(EVENT, &buyer.user_id).await;
    let path = format!("/events/{EVENT}/dates/{DATE}/seats");
    let free = world.get(&path, &buyer.token).await;
    assert_eq!((free.status, &free.body["seats"]), (200, &json!([])));
    let all = world.get(&format!("{path}?status=all"), &buyer.token).await;
    let seats = all.body["seats"].as_array().unwrap();
    assert_eq!(seats.len(), 50);
    assert!(seats.iter().all(|seat| seat["status"] == "HELD"));
    let event = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(event.body["dates"][0]["availableSeats"], 0);
    assert_eq!(event.body["dates"][1]["availableSeats"], 50);
    world.clock.advance_seconds(86_400);
    let event = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(event.text_of("state"), "CLOSED", "{event:?}");
    let path = format!("/events/{EVENT}/tokens");
    world
        .post(&path, "", json!({}))
        .await
        .is_problem(409, "not_open");
}

#[tokio::test]
async fn general_admission_is_not_sold_after_its_start() {
    let world = World::new().await;
    let mut fair = festival();
    fair.event.terms.last_start = EpochMs::parse("2026-11-21T10:00:00Z").ok();
    fair.event.terms.closes_at = EpochMs::parse("2026-11-22T10:00:00Z").ok();
    world.add(fair).await;
    let buyer = world.joins(FESTIVAL).await;
    assert_eq!(world.charge(&buyer, PRICE, "first").await.status, 201);
    world
        .clock
        .set(EpochMs::parse("2026-11-21T10:00:00Z").unwrap());
    let path = format!("/events/{FESTIVAL}/reservations");
    let late = world
        .post(&path, &buyer.token, json!({"quantity": 1}))
        .await;
    late.is_problem(409, "not_open");
}

/// The names of ../shared/cases/names.yaml, and more.
const NAMES: [&str; 8] = [
    "R&S",
    "1. Rang",
    "O'Brien",
    "Block A/1",
    "ที่นั่ง",
    "सामने",
    "-1-2",
    "Nº #3?",
];

#[tokio::test]
async fn seats_of_sections_with_any_name_are_listed_and_sold() {
    let world = World::new().await;
    let sections: Vec<_> = NAMES
        .iter()
        .map(|name| json!({"name": name, "seats": 5, "price": 1000}))
        .collect();
    let named = catalogue(&[(DATE, &json!(sections).to_string())]);
    assert_eq!(apply(&world, &named).await, Outcome::Done);
    world.clock.advance_seconds(3);
    for name in NAMES {
        let buyer = world.joins_with(PRICE).await;
        let path = format!("/events/{EVENT}/dates/{DATE}/seats");
        let query: String = form_urlencoded(name);
        let listed = world
            .get(&format!("{path}?section={query}"), &buyer.token)
            .await;
        let seats = listed.body["seats"]
            .as_array()
            .unwrap_or_else(|| panic!("{listed:?}"));
        assert_eq!(seats.len(), 5, "{listed:?}");
        assert!(seats.iter().all(|seat| seat["section"] == name));
        let body = json!({"date": DATE, "bestAvailable": {"count": 1, "section": name}});
        let path = format!("/events/{EVENT}/holds");
        let held = world.post(&path, &buyer.token, body).await;
        assert_eq!(held.body["seats"][0]["section"], name, "{held:?}");
        let paid = world.pay(&buyer, held.text_of("reservationId")).await;
        assert_eq!(paid.status, 201, "{paid:?}");
    }
    invariants::check(&world).await;
}

/// Percent-encodes every byte, as a browser may.
fn form_urlencoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
    bytes.collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn an_event_of_hundreds_of_dates_is_created_and_changed() {
    let world = World::new().await;
    let dates: Vec<String> = (0..200)
        .map(|n| format!("2027-{:02}-{:02}", n / 28 + 1, n % 28 + 1))
        .collect();
    let with = |sections: &'static str, count: usize| {
        let dates: Vec<_> = dates[..count]
            .iter()
            .map(|date| (&**date, sections))
            .collect();
        catalogue(&dates).replace(EVENT, "musical")
    };
    let small = "[{name: A, seats: 2, price: 1000}]";
    assert_eq!(apply(&world, &with(small, 200)).await, Outcome::Done);
    assert_eq!(programme(&world, "musical").await.dates.len(), 200);
    let dear = "[{name: A, seats: 2, price: 9000}]";
    assert_eq!(apply(&world, &with(dear, 100)).await, Outcome::Done);
    let changed = programme(&world, "musical").await;
    assert_eq!(changed.dates.len(), 100);
    assert!(
        changed
            .dates
            .values()
            .all(|date| date.sections[0].price.0 == 9000)
    );
    assert_eq!(
        changed.event.terms.last_start,
        changed.dates.values().map(|date| date.starts_at).max()
    );
    invariants::check(&world).await;
}

/// Reserves tickets of the festival for a new buyer.
async fn reserve(world: &World, quantity: u32) -> Reply {
    let buyer = world.joins(FESTIVAL).await;
    let charged = world.charge(&buyer, 20 * PRICE, "tickets").await;
    assert_eq!(charged.status, 201, "{charged:?}");
    let path = format!("/events/{FESTIVAL}/reservations");
    world
        .post(&path, &buyer.token, json!({ "quantity": quantity }))
        .await
}

#[tokio::test]
async fn the_capacity_of_general_admission_can_be_raised_and_lowered_to_what_is_sold() {
    let world = World::new().await;
    assert_eq!(apply(&world, &festival_of(5)).await, Outcome::Done);
    assert_eq!(reserve(&world, 4).await.status, 201);
    assert_eq!(apply(&world, &festival_of(40)).await, Outcome::Done);
    invariants::check(&world).await;
    world.clock.advance_seconds(3);
    assert_eq!(reserve(&world, 20).await.status, 201);
    assert_eq!(apply(&world, &festival_of(23)).await, Outcome::Negative);
    assert_eq!(apply(&world, &festival_of(25)).await, Outcome::Done);
    world.clock.advance_seconds(3);
    reserve(&world, 2).await.is_problem(409, "sold_out");
    assert_eq!(apply(&world, &festival_of(24)).await, Outcome::Done);
    world.clock.advance_seconds(3);
    // Everything is sold, so nobody is called.
    reserve(&world, 1).await.is_problem(403, "not_admitted");
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_capacity_can_be_changed_while_tickets_are_sold() {
    let world = Arc::new(World::new().await);
    let mut open_air = festival();
    open_air.event.terms.max_seats_per_user = 20;
    world.add(open_air).await;
    let selling = tokio::spawn({
        let world = world.clone();
        async move {
            let mut sold = 0;
            for _ in 0..12 {
                let reply = reserve(&world, 3).await;
                match (reply.status, reply.code()) {
                    (201, _) => sold += 3,
                    // Nobody is called while everything is sold.
                    (409, "sold_out") | (403, "not_admitted") => {}
                    other => panic!("{other:?}"),
                }
            }
            sold
        }
    });
    let operator = world.another_process();
    for tickets in [60, 20, 90, 33, 40, 12, 70] {
        let outcome = apply(&operator, &festival_of(tickets)).await;
        let total = match programme(&world, FESTIVAL).await.event.terms.admission {
            domain::event::Admission::General { total_tickets, .. } => total_tickets,
            domain::event::Admission::Seated => panic!("a festival"),
        };
        if outcome == Outcome::Done {
            assert_eq!(total, tickets);
        }
    }
    let sold: u32 = selling.await.unwrap();
    assert!(sold > 0);
    invariants::check(&world).await;
}
