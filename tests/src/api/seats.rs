//! Dates and seats: what is left, and who holds it.

use futures::future::join_all;
use serde_json::{Value, json};
use shared::clock::EpochMs;
use shared::event::{Programme, Section};
use shared::ids::{DateKey, SeatNumber};
use shared::money::Money;

use crate::world::{
    Buyer, DATE, EVENT, LATER_DATE, PRICE, Reply, World, concert, festival,
};

/// When the first date begins.
const BEGINS: &str = "2026-12-24T10:00:00Z";

/// Five seats on the first date: R, 1 to 3 in two rows, and S, 4 and 5.
fn small_concert() -> Programme {
    let mut concert = concert();
    let section = |name: &str, price, first, seats, rows| Section {
        name: name.to_owned(),
        price: Money(price),
        first_seat: SeatNumber(first),
        seats,
        rows,
    };
    let date = DateKey::parse(DATE).expect("a date");
    concert.dates.get_mut(&date).expect("the date").sections = vec![
        section("R", 99_000, 1, 3, Some(2)),
        section("S", 77_000, 4, 2, None),
    ];
    concert
}

fn concert_with_four_seats_each() -> Programme {
    let mut concert = concert();
    concert.event.terms.max_seats_per_user = 4;
    concert
}

async fn seats(world: &World, buyer: &Buyer, query: &str) -> Reply {
    let path = format!("/events/{EVENT}/dates/{DATE}/seats{query}");
    let reply = world.get(&path, &buyer.token).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

async fn dates(world: &World, buyer: &Buyer, query: &str) -> Value {
    let path = format!("/events/{EVENT}/dates{query}");
    let reply = world.get(&path, &buyer.token).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body["dates"].clone()
}

async fn hold_all(world: &World, buyer: &Buyer, seats: &[u32]) -> Reply {
    let body = json!({ "date": DATE, "seatNumbers": seats });
    let path = format!("/events/{EVENT}/holds");
    world.post(&path, &buyer.token, body).await
}

/// One field of each item of a list.
fn each(list: &Value, field: &str) -> Vec<Value> {
    let items = list.as_array().expect("a list");
    items.iter().map(|item| item[field].clone()).collect()
}

fn numbers(reply: &Reply) -> Vec<Value> {
    each(&reply.body["seats"], "seatNumber")
}

async fn sell_all_of_the_first_date(world: &World) {
    for seat in 1..=5 {
        let buyer = world.joins_with(100_000).await;
        let held = world.hold(&buyer, seat).await;
        let paid = world.pay(&buyer, held.text_of("reservationId")).await;
        assert_eq!(paid.status, 201, "{paid:?}");
    }
    world.clock.advance_seconds(2);
}

// C9, P4
#[tokio::test]
async fn the_seats_of_a_date_are_listed_with_section_row_and_price() {
    let world = World::with(small_concert()).await;
    let buyer = world.joins(EVENT).await;
    let reply = seats(&world, &buyer, "").await;
    assert_eq!(reply.body["date"], DATE);
    assert_eq!(
        reply.body["seats"],
        json!([
            { "seatNumber": 1, "section": "R", "row": 1, "price": 99_000, "status": "AVAILABLE" },
            { "seatNumber": 2, "section": "R", "row": 1, "price": 99_000, "status": "AVAILABLE" },
            { "seatNumber": 3, "section": "R", "row": 2, "price": 99_000, "status": "AVAILABLE" },
            { "seatNumber": 4, "section": "S", "price": 77_000, "status": "AVAILABLE" },
            { "seatNumber": 5, "section": "S", "price": 77_000, "status": "AVAILABLE" },
        ])
    );
    for absent in ["message", "laterDates", "nextCursor"] {
        assert!(reply.body.get(absent).is_none(), "{absent}: {reply:?}");
    }
}

// C9
#[tokio::test]
async fn taken_seats_are_listed_only_when_all_are_asked_for() {
    let world = World::with(small_concert()).await;
    let holder = world.joins(EVENT).await;
    let owner = world.joins_with(100_000).await;
    world.hold(&holder, 2).await;
    let held = world.hold(&owner, 4).await;
    world.pay(&owner, held.text_of("reservationId")).await;
    world.clock.advance_seconds(2);

    let left = seats(&world, &holder, "").await;
    assert_eq!(numbers(&left), [1, 3, 5]);
    assert_eq!(numbers(&seats(&world, &holder, "?status=available").await), [1, 3, 5]);
    let all = seats(&world, &holder, "?status=all").await;
    assert_eq!(
        each(&all.body["seats"], "status"),
        ["AVAILABLE", "HELD", "AVAILABLE", "SOLD", "AVAILABLE"]
    );
    assert_eq!(numbers(&seats(&world, &holder, "?section=S").await), [5]);
    assert_eq!(numbers(&seats(&world, &holder, "?section=S&status=all").await), [4, 5]);
}

#[tokio::test]
async fn seats_are_listed_page_by_page_without_gaps_or_repeats() {
    let world = World::with(small_concert()).await;
    let buyer = world.joins(EVENT).await;
    world.hold(&buyer, 3).await;
    for (status, expected) in [("available", vec![1, 2, 4, 5]), ("all", vec![1, 2, 3, 4, 5])] {
        let mut listed = Vec::new();
        let mut query = format!("?status={status}&limit=2");
        loop {
            let page = seats(&world, &buyer, &query).await;
            assert!(numbers(&page).len() <= 2);
            listed.extend(numbers(&page));
            let Some(cursor) = page.body["nextCursor"].as_str() else {
                break;
            };
            query = format!("?status={status}&limit=2&cursor={cursor}");
        }
        assert_eq!(listed, expected);
    }
}

#[tokio::test]
async fn a_seat_list_says_which_part_of_the_question_is_wrong() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    for (query, field) in [
        ("?status=free", "query:status"),
        ("?section=Z", "query:section"),
        ("?limit=0", "query:limit"),
        ("?limit=1001", "query:limit"),
        ("?cursor=%21", "query:cursor"),
    ] {
        let path = format!("/events/{EVENT}/dates/{DATE}/seats{query}");
        let reply = world.get(&path, &buyer.token).await;
        reply.is_problem(400, "invalid_request");
        assert_eq!(reply.wrong_fields(), [field]);
    }
    let path = format!("/events/{EVENT}/dates/2027-01-01/seats");
    world.get(&path, &buyer.token).await.is_problem(404, "date_not_found");
    world.hold_on(&buyer, "2027-01-01", 1).await.is_problem(404, "date_not_found");
    world.hold(&buyer, 51).await.is_problem(404, "seat_not_found");
}

// C9
#[tokio::test]
async fn a_full_date_says_so_and_names_the_later_dates_that_have_seats() {
    let world = World::with(small_concert()).await;
    sell_all_of_the_first_date(&world).await;
    let late = world.joins(EVENT).await;
    for query in ["", "?status=all"] {
        let reply = seats(&world, &late, query).await;
        assert!(!reply.text_of("message").is_empty(), "{reply:?}");
        assert_eq!(
            reply.body["laterDates"],
            json!([{ "date": LATER_DATE, "availableSeats": 50 }])
        );
    }
}

// C8
#[tokio::test]
async fn full_dates_are_left_out_unless_asked_for() {
    let world = World::with(small_concert()).await;
    let early = world.joins(EVENT).await;
    assert_eq!(
        dates(&world, &early, "").await[0],
        json!({
            "date": DATE,
            "startsAt": "2026-12-24T10:00:00.000Z",
            "totalSeats": 5,
            "availableSeats": 5,
        })
    );
    sell_all_of_the_first_date(&world).await;
    assert_eq!(each(&dates(&world, &early, "").await, "date"), [LATER_DATE]);
    let all = dates(&world, &early, "?soldOut=true").await;
    assert_eq!(each(&all, "date"), [DATE, LATER_DATE]);
    assert_eq!(each(&all, "availableSeats"), [0, 50]);
}

// C8
#[tokio::test]
async fn dates_can_be_listed_from_a_day_onwards() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let from = async |day: &str| each(&dates(&world, &buyer, &format!("?from={day}")).await, "date");
    assert_eq!(from(DATE).await, [DATE, LATER_DATE]);
    assert_eq!(from(LATER_DATE).await, [LATER_DATE]);
    assert!(from("2026-12-26").await.is_empty());
    let path = format!("/events/{EVENT}/dates?from=tomorrow");
    let reply = world.get(&path, &buyer.token).await;
    reply.is_problem(400, "invalid_request");
    assert_eq!(reply.wrong_fields(), ["query:from"]);
}

// C8, E5
#[tokio::test]
async fn a_date_that_has_begun_is_neither_listed_nor_counted_nor_sold() {
    let world = World::new().await;
    let begins = EpochMs::parse(BEGINS).expect("a time");
    world.clock.set(begins.plus_ms(-60_000));
    let buyer = world.joins(EVENT).await;
    assert_eq!(each(&dates(&world, &buyer, "").await, "date"), [DATE, LATER_DATE]);
    world.clock.set(begins);
    assert_eq!(each(&dates(&world, &buyer, "?soldOut=true").await, "date"), [LATER_DATE]);
    world.hold(&buyer, 1).await.is_problem(409, "not_open");
    let event = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(event.body["availableTickets"], 50);
    assert_eq!(world.hold_on(&buyer, LATER_DATE, 1).await.status, 201);
}
