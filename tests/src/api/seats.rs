//! Dates and seats: what is free, and who holds the rest.

use domain::clock::EpochMs;
use domain::event::{Programme, Section};
use domain::ids::{DateKey, SeatNumber};
use domain::money::Money;
use domain::seating::{Drawing, From, Numbering, Rows};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::world::{Buyer, DATE, EVENT, LATER_DATE, PRICE, Reply, World, concert, festival};

/// Four seats on the first date: R has 1 to 3 in two rows, and S has 4. One user may have all of them.
fn small_concert() -> Programme {
    let mut concert = concert();
    concert.event.terms.max_seats_per_user = 4;
    let section = |name: &str, price, first, seats, rows| Section {
        rows,
        ..Section::new(name, Money(price), SeatNumber(first), seats)
    };
    let date = DateKey::parse(DATE).expect("a date");
    concert.dates.get_mut(&date).expect("the date").sections = vec![
        section("R", 99_000, 1, 3, Some(Rows::Equal(2))),
        section("S", 77_000, 4, 1, None),
    ];
    concert
}

async fn list(world: &World, buyer: &Buyer, path: &str) -> Value {
    let path = format!("/events/{EVENT}/dates{path}");
    let reply = world.get(&path, &buyer.token).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body
}

async fn seats(world: &World, buyer: &Buyer, query: &str) -> Value {
    list(world, buyer, &format!("/{DATE}/seats{query}")).await
}

async fn dates(world: &World, buyer: &Buyer, query: &str) -> Value {
    list(world, buyer, query).await["dates"].clone()
}

async fn hold_all(world: &World, buyer: &Buyer, date: &str, seats: &[u32]) -> Reply {
    let body = json!({ "date": date, "seatNumbers": seats });
    let path = format!("/events/{EVENT}/holds");
    world.post(&path, &buyer.token, body).await
}

/// One field of each item of a list.
fn each(list: &Value, field: &str) -> Vec<Value> {
    let items = list.as_array().expect("a list");
    items.iter().map(|item| item[field].clone()).collect()
}

fn numbers(body: &Value) -> Vec<Value> {
    each(&body["seats"], "seatNumber")
}

// C9, P4
#[tokio::test]
async fn the_seats_of_a_date_are_listed_with_section_row_and_price() {
    let world = World::with(small_concert()).await;
    let buyer = world.joins(EVENT).await;
    // No message, no later dates, no cursor.
    let expected = json!({ "date": DATE, "seats": [
        { "seatNumber": 1, "section": "R", "row": 1, "rowLabel": "1", "seatLabel": "1", "price": 99_000, "status": "AVAILABLE" },
        { "seatNumber": 2, "section": "R", "row": 1, "rowLabel": "1", "seatLabel": "2", "price": 99_000, "status": "AVAILABLE" },
        { "seatNumber": 3, "section": "R", "row": 2, "rowLabel": "2", "seatLabel": "3", "price": 99_000, "status": "AVAILABLE" },
        { "seatNumber": 4, "section": "S", "seatLabel": "4", "price": 77_000, "status": "AVAILABLE" },
    ]});
    assert_eq!(seats(&world, &buyer, "").await, expected);
}

#[tokio::test]
async fn seats_have_the_labels_of_the_catalogue_in_lists_holds_reservations_and_the_event() {
    let mut concert = small_concert();
    let date = DateKey::parse(DATE).unwrap();
    let section = &mut concert.dates.get_mut(&date).unwrap().sections[0];
    section.rows = Some(Rows::Lengths(vec![1, 2]));
    section.row_labels = vec!["A".to_owned(), "C".to_owned()];
    section.numbering = Some(Numbering {
        from: From::Right,
        start: 11,
        skip: vec![13],
    });
    section.aisles = vec![1];
    section.drawing = Some(Drawing {
        x: -3,
        curve: 60,
        ..Drawing::default()
    });
    let world = World::with(concert).await;
    let buyer = world.joins(EVENT).await;
    let labels = |seats: &Value| {
        let (rows, chairs) = (each(seats, "rowLabel"), each(seats, "seatLabel"));
        rows.into_iter().zip(chairs).collect::<Vec<_>>()
    };
    let expected = [
        (json!("A"), json!("11")),
        (json!("C"), json!("12")),
        (json!("C"), json!("11")),
        (Value::Null, json!("4")),
    ];
    let listed = seats(&world, &buyer, "").await;
    assert_eq!(labels(&listed["seats"]), expected);
    // The row stays a number for older clients.
    assert_eq!(listed["seats"][1]["row"], 2);
    let held = hold_all(&world, &buyer, DATE, &[2, 4]).await;
    assert_eq!(held.status, 201, "{held:?}");
    assert_eq!(
        labels(&held.body["seats"]),
        [expected[1].clone(), expected[3].clone()]
    );
    let path = format!("/reservations/{}", held.text_of("reservationId"));
    let read = world.get(&path, &buyer.token).await;
    assert_eq!(read.body["seats"], held.body["seats"]);
    world.clock.advance_seconds(3);
    let event = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(
        event.body["dates"][0]["sections"],
        json!([
            {
                "name": "R", "price": 99_000, "seats": 3, "availableSeats": 2, "rows": 2, "rowLengths": [1, 2],
                "rowLabels": ["A", "C"], "numbering": {"from": "right", "start": 11, "skip": [13]}, "aisles": [1], "drawing": {"x": -3, "y": 0, "rotate": 0, "curve": 60}
            },
            {"name": "S", "price": 77_000, "seats": 1, "availableSeats": 0},
        ])
    );
}

// C9
#[tokio::test]
async fn taken_seats_are_listed_only_on_request() {
    let world = World::with(small_concert()).await;
    let holder = world.joins(EVENT).await;
    let owner = world.joins_with(100_000).await;
    world.hold(&holder, 2).await;
    let held = world.hold(&owner, 4).await;
    world.pay(&owner, held.text_of("reservationId")).await;
    let all = seats(&world, &holder, "?status=all").await;
    let statuses = ["AVAILABLE", "HELD", "AVAILABLE", "SOLD"];
    assert_eq!(each(&all["seats"], "status"), statuses);
    for (query, expected) in [
        ("", vec![1, 3]),
        ("?status=available", vec![1, 3]),
        ("?section=R", vec![1, 3]),
        ("?section=S", vec![]),
        ("?section=S&status=all", vec![4]),
    ] {
        let listed = numbers(&seats(&world, &holder, query).await);
        assert_eq!(listed, expected, "{query}");
    }
}

#[tokio::test]
async fn seats_are_listed_page_by_page_without_gaps_or_repeats() {
    let world = World::with(small_concert()).await;
    let buyer = world.joins(EVENT).await;
    world.hold(&buyer, 3).await;
    for (status, expected) in [("available", vec![1, 2, 4]), ("all", vec![1, 2, 3, 4])] {
        let mut listed = Vec::new();
        let mut query = format!("?status={status}&limit=2");
        loop {
            let page = seats(&world, &buyer, &query).await;
            listed.push(numbers(&page));
            let Some(cursor) = page["nextCursor"].as_str() else {
                break;
            };
            query = format!("?status={status}&limit=2&cursor={cursor}");
        }
        let pages: Vec<Vec<Value>> = expected
            .chunks(2)
            .map(|page| page.iter().map(|number| json!(number)).collect())
            .collect();
        assert_eq!(listed, pages);
    }
}

// C8, C9
#[tokio::test]
async fn a_sold_out_date_is_omitted_and_its_seat_list_names_later_dates() {
    let world = World::with(small_concert()).await;
    let buyer = world.joins(EVENT).await;
    let first = json!({
        "date": DATE, "startsAt": "2026-12-24T10:00:00.000Z", "totalSeats": 4, "availableSeats": 4,
    });
    assert_eq!(dates(&world, &buyer, "").await[0], first);
    hold_all(&world, &buyer, DATE, &[1, 2, 3, 4]).await;
    world.clock.advance_seconds(2);
    let reply = seats(&world, &buyer, "").await;
    assert!(reply["message"].is_string(), "{reply:?}");
    let later = json!([{ "date": LATER_DATE, "availableSeats": 50 }]);
    assert_eq!(reply["laterDates"], later);
    assert_eq!(each(&dates(&world, &buyer, "").await, "date"), [LATER_DATE]);
    let all = dates(&world, &buyer, "?soldOut=true").await;
    assert_eq!(each(&all, "date"), [DATE, LATER_DATE]);
    assert_eq!(each(&all, "availableSeats"), [0, 50]);
}

// C8, E5
#[tokio::test]
async fn a_date_that_has_started_is_not_listed_counted_or_sold() {
    let world = World::new().await;
    let begins = EpochMs::parse("2026-12-24T10:00:00Z").expect("a time");
    world.clock.set(begins.plus_ms(-60_000));
    let buyer = world.joins(EVENT).await;
    let days = async |query: &str| each(&dates(&world, &buyer, query).await, "date");
    assert_eq!(days("").await, [DATE, LATER_DATE]);
    assert_eq!(days("?from=2026-12-24").await, [DATE, LATER_DATE]);
    assert_eq!(days("?from=2026-12-25").await, [LATER_DATE]);
    assert!(days("?from=2026-12-26").await.is_empty());
    world.clock.set(begins);
    assert_eq!(days("?soldOut=true").await, [LATER_DATE]);
    world.hold(&buyer, 1).await.is_problem(409, "not_open");
    let event = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(event.body["availableTickets"], 50);
    assert_eq!(world.hold_on(&buyer, LATER_DATE, 1).await.status, 201);
}

// C10, C11
#[tokio::test]
async fn a_lapsed_hold_frees_the_seat_at_once_and_ends_its_owners_turn() {
    let world = World::new().await;
    let (owner, other) = (world.joins(EVENT).await, world.joins(EVENT).await);
    let held = world.hold(&owner, 7).await;
    assert_eq!(held.text_of("heldUntil"), "2026-11-20T10:05:00.000Z");
    world.clock.advance_seconds(299);
    let refused = world.hold(&other, 7).await;
    refused.is_problem(409, "seat_taken");
    assert_eq!(refused.body["seatNumber"], 7);
    assert_eq!(refused.body["heldUntil"], held.body["heldUntil"]);
    let seventh = async || seats(&world, &other, "?status=all").await["seats"][6]["status"].clone();
    assert_eq!(seventh().await, "HELD");
    world.clock.advance_seconds(1);
    assert_eq!(seventh().await, "AVAILABLE");
    assert_eq!(world.hold(&other, 7).await.status, 201);
    world.hold(&owner, 8).await.is_problem(410, "turn_over");
    assert_eq!(world.status(&owner).await.text_of("status"), "EXPIRED");
}

// C10
#[tokio::test]
async fn seats_are_held_all_or_none_and_up_to_the_limit() {
    let world = World::with(small_concert()).await;
    let (owner, other) = (world.joins(EVENT).await, world.joins(EVENT).await);
    world.hold(&owner, 2).await;
    let refused = hold_all(&world, &other, DATE, &[1, 2, 4]).await;
    refused.is_problem(409, "seat_taken");
    assert_eq!(refused.body["seatNumber"], 2);
    assert_eq!(numbers(&seats(&world, &other, "").await), [1, 3, 4]);
    let refused = hold_all(&world, &other, LATER_DATE, &[1, 2, 3, 4, 5]).await;
    refused.is_problem(422, "limit_exceeded");
    let held = hold_all(&world, &other, DATE, &[1, 4]).await;
    assert_eq!(held.status, 201, "{held:?}");
    assert_eq!(held.body["quantity"], 2);
    assert_eq!(held.body["totalPrice"], 99_000 + 77_000);
    assert_eq!(each(&held.body["seats"], "section"), ["R", "S"]);
}

// P6, P7
#[tokio::test]
async fn holds_of_different_seats_never_conflict_and_one_seat_goes_to_one_user() {
    let world = World::new().await;
    let buyers = join_all((0..20).map(|_| world.joins(EVENT))).await;
    join_all(buyers.iter().map(|buyer| world.status(buyer))).await;
    world.wire.reset_meter();
    let each_another = buyers.iter().zip(1..);
    let held = join_all(each_another.map(|(buyer, seat)| world.hold(buyer, seat))).await;
    assert!(held.iter().all(|reply| reply.status == 201), "{held:?}");
    let mut calls = world.wire.calls();
    calls.retain(|call| call.operation == "TransactWriteItems");
    assert_eq!(calls.len(), 20, "no hold was retried");

    let buyers = join_all((0..20).map(|_| world.joins(EVENT))).await;
    let held = join_all(buyers.iter().map(|buyer| world.hold(buyer, 50))).await;
    let (won, lost): (Vec<_>, Vec<_>) = held.iter().partition(|reply| reply.status == 201);
    assert_eq!(won.len(), 1, "{held:?}");
    for refused in lost {
        refused.is_problem(409, "seat_taken");
    }
}

// E5
#[tokio::test]
async fn general_admission_shows_tickets_and_a_price_and_has_no_seats() {
    let world = World::new().await;
    world.add(festival()).await;
    let event = world.get("/events/summer-festival", "").await;
    assert_eq!(event.body["totalTickets"], 100);
    assert_eq!(event.body["availableTickets"], 100);
    assert_eq!(event.body["price"], PRICE);
    assert_eq!(event.body["admission"], "general");
    assert!(event.body.get("dates").is_none(), "{event:?}");

    let buyer = world.joins("summer-festival").await;
    let hold = json!({ "date": DATE, "seatNumber": 1 });
    for (method, path, body) in [
        ("POST", "holds".to_owned(), Some(hold)),
        ("GET", "dates".to_owned(), None),
        ("GET", format!("dates/{DATE}/seats"), None),
    ] {
        let path = format!("/events/summer-festival/{path}");
        let reply = world.call(method, &path, &buyer.token, body).await;
        reply.is_problem(409, "wrong_admission");
    }
}
