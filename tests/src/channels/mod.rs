//! Blocked seats that a channel's codes open.

mod races;

use boxoffice::Outcome;
use boxoffice::commands::blocks::{SeatsArgs, block_seats, unblock_seats};
use boxoffice::commands::codes::{self, WantedCodes};
use boxoffice::export::Format;
use boxoffice::seat_list::SeatList;
use domain::access_code::CodePrefix;
use domain::block::{Block, BlockKind, Channel};
use domain::event::{Programme, Section};
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::money::Money;
use domain::seats::Claim;
use serde_json::{Value, json};

use crate::invariants;
use crate::printed::Printed;
use crate::world::{Buyer, DATE, EVENT, PRICE, Reply, World, author, concert_for};

const KIM: &str = "kim-ltd";

pub(crate) fn seats_of(seats: &str) -> SeatsArgs {
    SeatsArgs {
        event: EventId::parse(EVENT).unwrap(),
        date: DateKey::parse(DATE).unwrap(),
        section: "A".to_owned(),
        seats: SeatList::parse(seats).unwrap(),
    }
}

fn block(seconds: Option<u32>, world: &World) -> Block {
    Block {
        kind: BlockKind::Sponsor,
        reason: author().why,
        until: seconds.map(|seconds| world.clock.now().plus_seconds(seconds)),
        channel: Channel::parse(KIM).ok(),
    }
}

/// Blocks seats for the channel, without an end or for some seconds.
pub(crate) async fn block_for_the_channel(world: &World, seats: &str, seconds: Option<u32>) {
    let printed = Printed::default();
    let mut out = printed.output();
    let (seats, block) = (seats_of(seats), block(seconds, world));
    let store = world.app.store();
    let done = block_seats(store, &seats, &block, &author(), &mut out).await;
    assert_eq!(done.unwrap(), Outcome::Done, "{}", printed.text());
}

/// A code of the channel.
pub(crate) async fn code_of_the_channel(world: &World, uses: u32) -> String {
    let printed = Printed::default();
    let mut out = printed.output();
    let wanted = WantedCodes {
        event: EventId::parse(EVENT).unwrap(),
        phase: None,
        channel: Channel::parse(KIM).ok(),
        count: 1,
        most_users: uses,
        prefix: CodePrefix::default(),
    };
    let store = world.app.store();
    let made = codes::make(store, &wanted, Format::Json, &author(), &mut out).await;
    assert_eq!(made.unwrap(), Outcome::Done);
    drop(out);
    let made: Value = serde_json::from_str(&printed.text()).unwrap();
    made[0]["code"].as_str().unwrap().to_owned()
}

async fn adds(world: &World, buyer: &Buyer, code: &str) -> Reply {
    let body = json!({ "userId": buyer.user_id, "code": code });
    world
        .post(&format!("/events/{EVENT}/tokens"), "", body)
        .await
}

/// A new buyer with money, who has joined with a code of the channel.
async fn guest(world: &World, code: &str) -> Buyer {
    let buyer = world.joins_with(10 * PRICE).await;
    assert_eq!(adds(world, &buyer, code).await.status, 200);
    buyer
}

async fn statuses(world: &World, buyer: &Buyer) -> Vec<String> {
    let path = format!("/events/{EVENT}/dates/{DATE}/seats?status=all");
    let listed = world.get(&path, &buyer.token).await;
    let seats = listed.body["seats"].as_array().expect("seats");
    let status = |seat: &Value| seat["status"].as_str().unwrap().to_owned();
    seats.iter().map(status).collect()
}

async fn claim(world: &World, seat: u32) -> Option<Claim> {
    let at = seats_of("1");
    let claims = world.app.store().claims(&at.event, at.date, "A").await;
    claims.unwrap().remove(&SeatNumber(seat))
}

/// The seat is blocked again, for the channel, and nobody else can have it.
async fn is_blocked_again(world: &World, seat: u32, code: &str) {
    let claim = claim(world, seat).await.unwrap();
    let block = claim.block_at(world.clock.now()).unwrap();
    assert_eq!(block.channel, Channel::parse(KIM).ok());
    let stranger = world.joins(EVENT).await;
    let refused = world.hold(&stranger, seat).await;
    refused.is_problem(409, "seat_taken");
    assert!(refused.body.get("heldUntil").is_none(), "{refused:?}");
    assert_eq!(statuses(world, &stranger).await[seat as usize - 1], "HELD");
    let other = guest(world, code).await;
    assert_eq!(
        statuses(world, &other).await[seat as usize - 1],
        "AVAILABLE"
    );
    invariants::check(world).await;
}

/// A date with one section of so many seats.
fn hall(seats: u32) -> Programme {
    let mut concert = concert_for(100);
    concert.event.terms.max_seats_per_user = 4;
    let (key, mut date) = concert.dates.pop_first().unwrap();
    date.sections = vec![Section::new("A", Money(PRICE), SeatNumber(1), seats)];
    concert.event.terms.last_start = Some(date.starts_at);
    concert.dates = [(key, date)].into();
    concert
}

#[tokio::test]
async fn whoever_has_a_code_of_the_channel_sees_its_seats_as_available_and_may_hold_them() {
    let world = World::with(hall(6)).await;
    block_for_the_channel(&world, "1-3", None).await;
    let code = code_of_the_channel(&world, 9).await;
    let stranger = world.joins(EVENT).await;
    assert_eq!(
        statuses(&world, &stranger).await[..4],
        ["HELD", "HELD", "HELD", "AVAILABLE"]
    );
    let refused = world.hold(&stranger, 2).await;
    refused.is_problem(409, "seat_taken");
    // The code can be brought when joining, or later.
    let body = json!({ "code": code });
    let path = format!("/events/{EVENT}/tokens");
    let joined = world.post(&path, "", body).await;
    let early = Buyer {
        user_id: joined.text_of("userId").to_owned(),
        token: joined.text_of("token").to_owned(),
        joined,
    };
    let late = guest(&world, &code).await;
    for buyer in [&early, &late] {
        assert_eq!(statuses(&world, buyer).await[..3], ["AVAILABLE"; 3]);
    }
    assert_eq!(world.hold(&early, 2).await.status, 201);
    assert_eq!(
        statuses(&world, &late).await[..3],
        ["AVAILABLE", "HELD", "AVAILABLE"]
    );
    let taken = world.hold(&late, 2).await;
    taken.is_problem(409, "seat_taken");
    assert!(taken.body["heldUntil"].is_string());
    invariants::check(&world).await;
}

#[tokio::test]
async fn best_available_chooses_the_channels_seats_for_its_holders_only() {
    let world = World::with(hall(6)).await;
    block_for_the_channel(&world, "1-4", None).await;
    let code = code_of_the_channel(&world, 9).await;
    let four = json!({"date": DATE, "bestAvailable": {"count": 4}});
    let path = format!("/events/{EVENT}/holds");
    let stranger = world.joins(EVENT).await;
    let refused = world.post(&path, &stranger.token, four.clone()).await;
    refused.is_problem(409, "sold_out");
    let buyer = guest(&world, &code).await;
    let held = world.post(&path, &buyer.token, four).await;
    assert_eq!(held.status, 201, "{held:?}");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_large_section_shows_the_channels_seats_too() {
    let world = World::with(hall(600)).await;
    block_for_the_channel(&world, "1-3", None).await;
    let code = code_of_the_channel(&world, 1).await;
    let buyer = guest(&world, &code).await;
    world.clock.advance_seconds(2);
    assert_eq!(statuses(&world, &buyer).await[..3], ["AVAILABLE"; 3]);
    let stranger = world.joins(EVENT).await;
    assert_eq!(statuses(&world, &stranger).await[..3], ["HELD"; 3]);
}

#[tokio::test]
async fn a_hold_of_the_channel_that_lapses_or_is_given_up_leaves_the_seat_blocked() {
    let world = World::with(hall(10)).await;
    block_for_the_channel(&world, "1-2", None).await;
    let code = code_of_the_channel(&world, 99).await;
    let (one, other) = (guest(&world, &code).await, guest(&world, &code).await);
    assert_eq!(world.hold(&one, 1).await.status, 201);
    let held = world.hold(&other, 2).await;
    let path = format!("/reservations/{}", held.text_of("reservationId"));
    assert_eq!(world.delete(&path, &other.token).await.status, 200);
    is_blocked_again(&world, 2, &code).await;
    // Who gave it up may take it again.
    assert_eq!(world.hold(&other, 2).await.status, 201);
    invariants::check(&world).await;
    world.clock.advance_seconds(301);
    is_blocked_again(&world, 1, &code).await;
    // What TTL may sweep is swept. The block is not.
    world.clock.advance_seconds(7 * 86_400);
    let engine = world.engine.clone();
    let swept = tokio::task::spawn_blocking(move || engine.sweep_ttl()).await;
    swept.unwrap().unwrap();
    is_blocked_again(&world, 1, &code).await;
}

#[tokio::test]
async fn a_ticket_of_the_channel_that_is_given_back_leaves_the_seat_blocked() {
    let world = World::with(hall(10)).await;
    block_for_the_channel(&world, "1", None).await;
    let code = code_of_the_channel(&world, 99).await;
    let buyer = guest(&world, &code).await;
    let held = world.hold(&buyer, 1).await;
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    assert!(matches!(
        claim(&world, 1).await,
        Some(Claim::Sold { kept: Some(_), .. })
    ));
    invariants::check(&world).await;
    let path = format!("/reservations/{id}");
    assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
    is_blocked_again(&world, 1, &code).await;
    // Others of the channel can buy it.
    let next = guest(&world, &code).await;
    let held = world.hold(&next, 1).await;
    let paid = world.pay(&next, held.text_of("reservationId")).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    invariants::check(&world).await;
}

#[tokio::test]
async fn when_the_block_ends_a_lapsed_hold_of_the_channel_is_free_for_everybody() {
    let world = World::with(hall(10)).await;
    block_for_the_channel(&world, "1", Some(1_000)).await;
    let code = code_of_the_channel(&world, 99).await;
    let buyer = guest(&world, &code).await;
    assert_eq!(world.hold(&buyer, 1).await.status, 201);
    world.clock.advance_seconds(301);
    is_blocked_again(&world, 1, &code).await;
    world.clock.advance_seconds(700);
    let stranger = world.joins(EVENT).await;
    assert_eq!(world.hold(&stranger, 1).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_seat_whose_channel_hold_has_lapsed_is_listed_and_unblocked_like_any_blocked_one() {
    let world = World::with(hall(10)).await;
    block_for_the_channel(&world, "1-2", None).await;
    let code = code_of_the_channel(&world, 99).await;
    let buyer = guest(&world, &code).await;
    assert_eq!(world.hold(&buyer, 1).await.status, 201);
    world.clock.advance_seconds(301);
    // The same block again changes nothing.
    block_for_the_channel(&world, "1-2", None).await;
    let printed = Printed::default();
    let mut out = printed.output();
    let store = world.app.store();
    let freed = unblock_seats(store, &seats_of("1-2"), &author(), &mut out).await;
    assert_eq!(freed.unwrap(), Outcome::Done);
    assert!(printed.text().starts_with("unblocked 2 seats"));
    let stranger = world.joins(EVENT).await;
    assert_eq!(world.hold(&stranger, 1).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_code_that_is_no_code_of_the_channel_opens_nothing_and_is_refused() {
    let world = World::with(hall(10)).await;
    block_for_the_channel(&world, "1", None).await;
    let single = code_of_the_channel(&world, 1).await;
    let buyer = world.joins(EVENT).await;
    for (code, status, refusal) in [
        ("no code", 403, "code_invalid"),
        ("0000-0000-0000-0", 403, "code_invalid"),
    ] {
        adds(&world, &buyer, code).await.is_problem(status, refusal);
    }
    guest(&world, &single).await;
    adds(&world, &buyer, &single)
        .await
        .is_problem(409, "code_used_up");
    assert_eq!(statuses(&world, &buyer).await[0], "HELD");
    // Adding it again counts nothing, and the place stays.
    assert_eq!(world.status(&buyer).await.text_of("status"), "ACTIVE");
    invariants::check(&world).await;
}

#[tokio::test]
async fn holding_a_free_seat_costs_what_it_did_beside_seats_of_a_channel() {
    let world = World::with(hall(10)).await;
    let mut costs = Vec::new();
    for seat in [5, 6] {
        let buyer = world.joins(EVENT).await;
        world.wire.reset_meter();
        assert_eq!(world.hold(&buyer, seat).await.status, 201);
        let cost = world.wire.cost();
        costs.push(format!("{} {}", cost.calls_in_sequence, cost.write_units));
        block_for_the_channel(&world, "1-3", None).await;
    }
    assert_eq!(costs[0], costs[1]);
}
