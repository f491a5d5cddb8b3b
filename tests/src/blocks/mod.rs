//! Seats that an operator keeps off sale.

mod operators;
mod races;

use boxoffice::Outcome;
use boxoffice::commands::blocks::{SeatsArgs, block_seats, unblock_seats};
use boxoffice::seat_list::SeatList;
use domain::block::{Block, BlockKind};
use domain::clock::EpochMs;
use domain::event::{Programme, Section};
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::journal::Why;
use domain::money::Money;
use serde_json::{Value, json};

use crate::invariants;
use crate::printed::Printed;
use crate::queue_steps::{crowd, is_now, the_queue_moves};
use crate::world::{Buyer, DATE, EVENT, PRICE, World, author, concert, concert_for};

fn seats_of(seats: &str) -> SeatsArgs {
    SeatsArgs {
        event: EventId::parse(EVENT).unwrap(),
        date: DateKey::parse(DATE).unwrap(),
        section: "A".to_owned(),
        seats: SeatList::parse(seats).unwrap(),
    }
}

/// Seats, and how to block them.
#[derive(Clone)]
struct Wanted {
    seats: SeatsArgs,
    block: Block,
}

/// Seats of section A of the first date, for the house, without an end.
fn house(seats: &str) -> Wanted {
    Wanted {
        seats: seats_of(seats),
        block: Block {
            kind: BlockKind::House,
            reason: None,
            until: None,
            channel: None,
        },
    }
}

fn until(seats: &str, until: EpochMs) -> Wanted {
    let mut wanted = house(seats);
    wanted.block.until = Some(until);
    wanted
}

/// Blocks, and returns the outcome and what was printed.
async fn block(world: &World, Wanted { seats, block }: &Wanted) -> (Outcome, String) {
    let printed = Printed::default();
    let mut out = printed.output();
    let outcome = block_seats(world.app.store(), seats, block, &author(), &mut out).await;
    (outcome.unwrap(), printed.text())
}

async fn unblock(world: &World, seats: &str) -> String {
    let printed = Printed::default();
    let mut out = printed.output();
    let outcome = unblock_seats(world.app.store(), &seats_of(seats), &author(), &mut out).await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
    printed.text()
}

/// Blocks seats of section A of the first date, without an end.
pub(crate) async fn block_for_the_house(world: &World, seats: &str) {
    is_blocked(world, &house(seats)).await;
}

async fn is_blocked(world: &World, args: &Wanted) {
    let (outcome, said) = block(world, args).await;
    assert_eq!(outcome, Outcome::Done, "{said}");
}

/// The status of each seat that a buyer is shown.
async fn statuses(world: &World, buyer: &Buyer) -> Vec<String> {
    let path = format!("/events/{EVENT}/dates/{DATE}/seats?status=all");
    let listed = world.get(&path, &buyer.token).await;
    let seats = listed.body["seats"].as_array().expect("seats");
    let status = |seat: &Value| seat["status"].as_str().unwrap().to_owned();
    seats.iter().map(status).collect()
}

/// The free seats that the list of dates shows.
async fn available(world: &World, buyer: &Buyer) -> Value {
    world.clock.advance_seconds(2);
    let path = format!("/events/{EVENT}/dates");
    let dates = world.get(&path, &buyer.token).await;
    dates.body["dates"][0]["availableSeats"].clone()
}

/// A date with one section of so many seats.
fn small_concert(max_active: u32, seats: u32) -> Programme {
    let mut concert = concert_for(max_active);
    let (key, mut date) = concert.dates.pop_first().unwrap();
    date.sections = vec![Section::new("A", Money(PRICE), SeatNumber(1), seats)];
    concert.event.terms.last_start = Some(date.starts_at);
    concert.dates = [(key, date)].into();
    concert
}

#[tokio::test]
async fn a_blocked_seat_is_not_available_to_buyers_until_its_time_comes_without_a_job() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let end = world.clock.now().plus_seconds(60);
    is_blocked(&world, &until("1-3", end)).await;
    let listed = statuses(&world, &buyer).await;
    assert_eq!(listed[..4], ["HELD", "HELD", "HELD", "AVAILABLE"]);
    assert_eq!(available(&world, &buyer).await, 47);
    let refused = world.hold(&buyer, 2).await;
    refused.is_problem(409, "seat_taken");
    // When a block ends is not for buyers.
    assert!(refused.body.get("heldUntil").is_none(), "{refused:?}");
    invariants::check(&world).await;

    world.clock.advance_seconds(58);
    assert_eq!(statuses(&world, &buyer).await[0], "AVAILABLE");
    assert_eq!(available(&world, &buyer).await, 50);
    assert_eq!(world.hold(&buyer, 2).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn the_best_available_seats_are_never_blocked_ones_and_too_few_are_sold_out() {
    let mut concert = small_concert(10, 6);
    concert.event.terms.max_seats_per_user = 4;
    let world = World::with(concert).await;
    is_blocked(&world, &house("2-4")).await;
    let path = format!("/events/{EVENT}/holds");
    let buyer = world.joins(EVENT).await;
    let four = json!({"date": DATE, "bestAvailable": {"count": 4}});
    let refused = world.post(&path, &buyer.token, four).await;
    refused.is_problem(409, "sold_out");
    assert_eq!(refused.body["availableTickets"], 3);
    let two = json!({"date": DATE, "bestAvailable": {"count": 2}});
    let held = world.post(&path, &buyer.token, two).await;
    assert_eq!(held.status, 201, "{held:?}");
    let seats = held.body["seats"].as_array().unwrap();
    let numbers: Vec<_> = seats.iter().map(|seat| &seat["seatNumber"]).collect();
    assert_eq!(numbers, [5, 6]);
}

#[tokio::test]
async fn a_held_or_sold_seat_is_never_blocked_and_then_none_of_the_seats_is() {
    let world = World::new().await;
    let (first, second) = (world.joins_with(PRICE).await, world.joins(EVENT).await);
    let held = world.hold(&first, 4).await;
    let paid = world.pay(&first, held.text_of("reservationId")).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    assert_eq!(world.hold(&second, 6).await.status, 201);
    for seats in ["3-4", "5-6", "1-10"] {
        let (outcome, said) = block(&world, &house(seats)).await;
        assert_eq!((outcome, said.as_str()), (Outcome::Negative, ""));
    }
    assert!(!statuses(&world, &second).await[..3].contains(&"HELD".to_owned()));
    // The hold lapses.
    world.clock.advance_seconds(300);
    is_blocked(&world, &house("5-6")).await;
    invariants::check(&world).await;
}

#[tokio::test]
async fn blocking_again_changes_nothing_and_another_block_of_a_seat_is_refused() {
    let world = World::new().await;
    let (_, said) = block(&world, &house("1-3")).await;
    assert_eq!(
        said,
        format!("blocked 3 seats of section A on {DATE} as house\n")
    );
    let (outcome, said) = block(&world, &house("1-4")).await;
    assert_eq!(outcome, Outcome::Done);
    assert!(said.ends_with("(3 before)\n"), "{said}");
    let mut sponsor = house("4-5");
    sponsor.block.kind = BlockKind::Sponsor;
    assert_eq!(block(&world, &sponsor).await.0, Outcome::Negative);
    let mut otherwise = house("4");
    otherwise.block.reason = Why::parse("mixing desk").ok();
    assert_eq!(block(&world, &otherwise).await.0, Outcome::Negative);
    let buyer = world.joins(EVENT).await;
    assert_eq!(available(&world, &buyer).await, 46);
}

#[tokio::test]
async fn unblocked_seats_are_on_sale_again_and_the_others_stay_as_they_are() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    assert_eq!(world.hold(&buyer, 7).await.status, 201);
    is_blocked(&world, &house("1-5")).await;
    let said = unblock(&world, "4-8").await;
    let expected = format!("unblocked 2 seats of section A on {DATE}; 3 were not blocked\n");
    assert_eq!(said, expected);
    let listed = statuses(&world, &buyer).await;
    assert_eq!(
        listed[2..8],
        [
            "HELD",
            "AVAILABLE",
            "AVAILABLE",
            "AVAILABLE",
            "HELD",
            "AVAILABLE"
        ]
    );
    let said = unblock(&world, "4-5").await;
    assert!(said.starts_with("unblocked 0 seats"), "{said}");
    invariants::check(&world).await;
}

#[tokio::test]
async fn many_seats_are_blocked_in_batches_and_a_repeated_command_goes_on() {
    let world = World::with(small_concert(10, 250)).await;
    let buyer = world.joins(EVENT).await;
    assert_eq!(world.hold(&buyer, 150).await.status, 201);
    let (outcome, said) = block(&world, &house("1-250")).await;
    assert_eq!(outcome, Outcome::Negative);
    let expected = format!("blocked until then: 1-99 of section A on {DATE}\n");
    assert_eq!(said, expected);
    assert_eq!(available(&world, &buyer).await, 150);
    let path = format!("/users/{}/reservations", buyer.user_id);
    let mine = world.get(&path, &buyer.token).await;
    let id = mine.body["reservations"][0]["reservationId"].clone();
    let path = format!("/reservations/{}", id.as_str().unwrap());
    assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
    let (outcome, said) = block(&world, &house("1-250")).await;
    assert_eq!(outcome, Outcome::Done);
    assert!(said.starts_with("blocked 250 seats"), "{said}");
    assert!(said.ends_with("(99 before)\n"), "{said}");
    let said = unblock(&world, "1-250").await;
    assert!(said.starts_with("unblocked 250 seats"), "{said}");
    invariants::check(&world).await;
}

#[tokio::test]
async fn if_only_blocked_seats_are_left_waiting_users_are_told_and_called_when_they_are_released() {
    let world = World::with(small_concert(1, 3)).await;
    let buyer = world.joins_with(PRICE).await;
    let waiting = crowd(&world, 1).await;
    let held = world.hold(&buyer, 1).await;
    assert_eq!(
        world
            .pay(&buyer, held.text_of("reservationId"))
            .await
            .status,
        201
    );
    is_blocked(&world, &house("2-3")).await;
    world.clock.advance_seconds(5);
    the_queue_moves(&world).await;
    let told = is_now(&world, &waiting[0], "WAITING").await;
    assert_eq!(told.body["soldOut"], true, "{told:?}");
    unblock(&world, "3").await;
    world.clock.advance_seconds(5);
    the_queue_moves(&world).await;
    is_now(&world, &waiting[0], "ACTIVE").await;
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_block_needs_an_end_in_the_future_and_seats_that_exist() {
    let world = World::with(concert()).await;
    let past = until("1", world.clock.now());
    assert_eq!(block(&world, &past).await.0, Outcome::Negative);
    let mut elsewhere = house("1");
    elsewhere.seats.section = "Z".to_owned();
    for (wrong, what) in [
        (house("51"), "there is no seat 51 in section A"),
        (elsewhere, "there is no section Z on"),
    ] {
        let mut out = Printed::default().output();
        let store = world.app.store();
        let error = block_seats(store, &wrong.seats, &wrong.block, &author(), &mut out).await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with(what), "{error}");
    }
}

#[tokio::test]
async fn the_journal_tells_of_each_transaction_that_blocked_or_unblocked_seats_and_of_no_other() {
    let world = World::with(small_concert(10, 150)).await;
    world.clock.advance_seconds(1);
    let end = world.clock.now().plus_seconds(60);
    is_blocked(&world, &until("1-3,7", end)).await;
    world.clock.advance_seconds(1);
    // Nothing is left to do, or it is refused: no entry.
    is_blocked(&world, &until("1-2", end)).await;
    assert_eq!(block(&world, &house("7-8")).await.0, Outcome::Negative);
    unblock(&world, "100-150").await;
    is_blocked(&world, &house("10-120")).await;
    world.clock.advance_seconds(1);
    unblock(&world, "2-8").await;
    let event = EventId::parse(EVENT).unwrap();
    let store = world.app.store();
    let entries = store.journal(Some(&event), EpochMs(0), 100).await.unwrap();
    let mut told: Vec<String> = entries
        .iter()
        .filter(|entry| entry.act != "create event")
        .map(|entry| format!("{}: {}", entry.act, entry.details.join(", ")))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            format!("block seats: {DATE}, section A: 1-3,7, as house until {end}"),
            format!("block seats: {DATE}, section A: 10-108, as house"),
            format!("block seats: {DATE}, section A: 109-120, as house"),
            format!("unblock seats: {DATE}, section A: 2-3,7"),
        ]
    );
    assert!(entries.iter().all(|entry| entry.who == author().who));
}
