//! Parts of reservations that are given back while the other tickets stay.

mod operators;

use boxoffice::Outcome;
use boxoffice::cancelling;
use boxoffice::catalog_update::{Mode, apply_text};
use boxoffice::output::Output;
use boxoffice::sales_report::SalesReport;
use domain::event::{Admission, Programme};
use domain::fees::Fees;
use domain::ids::EventId;
use domain::money::Money;
use domain::plans::CANCELLATION_SETTLES_SECONDS;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::invariants;
use crate::world::{
    Buyer, DATE, EVENT, FESTIVAL, PRICE, Reply, World, author, concert, concert_for, festival,
};

const PER_TICKET: i64 = 2_000;
const PER_ORDER: i64 = 500;
const MONEY: i64 = 2_000_000;

fn with_fees(mut programme: Programme, refundable: bool) -> Programme {
    let terms = &mut programme.event.terms;
    terms.fees = Fees {
        per_ticket: Money(PER_TICKET),
        per_order: Money(PER_ORDER),
        refundable,
    };
    terms.max_seats_per_user = 4;
    terms.partial_returns = true;
    programme
}

/// General admission at [`PRICE`], with fees.
fn tickets() -> Programme {
    let mut programme = with_fees(festival(), false);
    programme.event.terms.admission = Admission::General {
        total_tickets: 100,
        price: Money(PRICE),
        stock_shards: 4,
    };
    programme
}

/// A user who has bought these seats, and the reservation.
async fn bought(world: &World, seats: &[u32]) -> (Buyer, String) {
    let buyer = world.joins_with(MONEY).await;
    let path = format!("/events/{EVENT}/holds");
    let body = json!({"date": DATE, "seatNumbers": seats});
    let held = world.post(&path, &buyer.token, body).await;
    assert_eq!(held.status, 201, "{held:?}");
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    (buyer, id)
}

/// A user who has bought tickets without seats, and the reservation.
async fn bought_tickets(world: &World, quantity: u32) -> (Buyer, String) {
    let buyer = world.joins(FESTIVAL).await;
    assert_eq!(world.charge(&buyer, MONEY, "money").await.status, 201);
    let path = format!("/events/{FESTIVAL}/reservations");
    let body = json!({"quantity": quantity});
    let bought = world.post(&path, &buyer.token, body).await;
    assert_eq!(bought.status, 201, "{bought:?}");
    (buyer, bought.text_of("reservationId").to_owned())
}

async fn returns(world: &World, buyer: &Buyer, id: &str, query: &str) -> Reply {
    let path = format!("/reservations/{id}?{query}");
    world.delete(&path, &buyer.token).await
}

fn seat_numbers(seats: &Value) -> Vec<u64> {
    let seats = seats.as_array().expect("seats").iter();
    seats
        .map(|seat| seat["seatNumber"].as_u64().expect("a number"))
        .collect()
}

#[tokio::test]
async fn a_seat_goes_back_for_its_price_and_the_others_stay() {
    let world = World::with(with_fees(concert(), false)).await;
    let (buyer, id) = bought(&world, &[7, 8, 9]).await;
    let total = 3 * (PRICE + PER_TICKET) + PER_ORDER;
    world.clock.advance_seconds(60);
    let returned = returns(&world, &buyer, &id, "seats=8").await;
    assert_eq!(returned.status, 200, "{returned:?}");
    let body = &returned.body;
    assert_eq!(
        (&body["status"], &body["quantity"]),
        (&json!("CONFIRMED"), &json!(2))
    );
    assert_eq!(seat_numbers(&body["seats"]), [7, 9]);
    assert_eq!(body["totalPrice"], 2 * (PRICE + PER_TICKET) + PER_ORDER);
    assert_eq!(
        body["fees"],
        json!({"tickets": 2 * PER_TICKET, "order": PER_ORDER, "refundable": false})
    );
    assert_eq!(body["refundable"], 2 * PRICE);
    assert_eq!(body["refunded"], PRICE);
    assert_eq!(seat_numbers(&body["returned"]["seats"]), [8]);
    assert_eq!(body["returned"]["keptFees"], PER_TICKET);
    assert_eq!(world.balance(&buyer).await, MONEY - total + PRICE);

    let path = format!("/users/{}/wallet/ledger", buyer.user_id);
    let ledger = world.get(&path, &buyer.token).await;
    let newest = &ledger.body["entries"][0];
    assert_eq!(
        (&newest["kind"], &newest["amount"]),
        (&json!("REFUND"), &json!(PRICE))
    );
    assert_eq!(seat_numbers(&newest["seats"]), [8]);
    let other = world.joins(EVENT).await;
    assert_eq!(world.hold(&other, 8).await.status, 201);
    let another = world.joins(EVENT).await;
    world.hold(&another, 7).await.is_problem(409, "seat_taken");
    let read = world
        .get(&format!("/reservations/{id}"), &buyer.token)
        .await;
    assert_eq!(read.body, returned.body);
    invariants::check(&world).await;
}

#[tokio::test]
async fn fees_of_returned_tickets_go_back_only_if_they_are_refundable_and_the_orders_fee_stays() {
    let world = World::with(with_fees(concert(), true)).await;
    let (buyer, id) = bought(&world, &[1, 2]).await;
    let returned = returns(&world, &buyer, &id, "seats=1").await;
    assert_eq!(returned.body["refunded"], PRICE + PER_TICKET);
    assert_eq!(returned.body["returned"]["keptFees"], 0);
    assert_eq!(
        returned.body["totalPrice"],
        PRICE + PER_TICKET + PER_ORDER,
        "{returned:?}"
    );
    invariants::check(&world).await;
    // The last ticket takes the order's fee with it.
    let cancelled = returns(&world, &buyer, &id, "seats=2").await;
    assert_eq!(cancelled.text_of("status"), "CANCELLED");
    assert_eq!(world.balance(&buyer).await, MONEY);
    invariants::check(&world).await;
}

#[tokio::test]
async fn tickets_without_seats_go_back_to_the_stock_and_may_be_sold_again() {
    let world = World::with(tickets()).await;
    let (buyer, id) = bought_tickets(&world, 4).await;
    let left = async || {
        world.clock.advance_seconds(2);
        let path = format!("/events/{FESTIVAL}");
        world.get(&path, "").await.body["availableTickets"].clone()
    };
    assert_eq!(left().await, 96);
    let returned = returns(&world, &buyer, &id, "keep=1").await;
    assert_eq!(returned.status, 200, "{returned:?}");
    assert_eq!(returned.body["quantity"], 1);
    assert_eq!(returned.body["returned"]["quantity"], 3);
    assert_eq!(returned.body["refunded"], 3 * PRICE);
    assert_eq!(left().await, 99);
    // The same purchase again, after a lost answer, is still the same.
    let path = format!("/events/{FESTIVAL}/reservations");
    let again = world
        .post(&path, &buyer.token, json!({"quantity": 4}))
        .await;
    assert_eq!(
        (again.status, again.text_of("reservationId")),
        (200, id.as_str())
    );
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_repeated_return_gives_nothing_back_twice() {
    let world = World::with(with_fees(concert(), false)).await;
    let (buyer, id) = bought(&world, &[7, 8, 9]).await;
    let first = returns(&world, &buyer, &id, "seats=7,8").await;
    assert_eq!(first.status, 200, "{first:?}");
    let balance = world.balance(&buyer).await;
    for query in ["seats=7,8", "seats=8", "seats=7"] {
        world.clock.advance_seconds(1);
        let again = returns(&world, &buyer, &id, query).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "{query}");
    }
    assert_eq!(world.balance(&buyer).await, balance);

    let world = World::with(tickets()).await;
    let (buyer, id) = bought_tickets(&world, 4).await;
    let first = returns(&world, &buyer, &id, "keep=2").await;
    for query in ["keep=2", "keep=3", "keep=4"] {
        let again = returns(&world, &buyer, &id, query).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "{query}");
    }
    invariants::check(&world).await;
}

#[tokio::test]
async fn returning_all_that_is_left_is_a_cancellation() {
    let world = World::with(with_fees(concert(), false)).await;
    let (buyer, id) = bought(&world, &[7, 8]).await;
    assert_eq!(returns(&world, &buyer, &id, "seats=7").await.status, 200);
    let cancelled = returns(&world, &buyer, &id, "seats=7,8").await;
    assert_eq!(cancelled.text_of("status"), "CANCELLED");
    assert_eq!(cancelled.body["refunded"], 2 * PRICE);
    assert_eq!(seat_numbers(&cancelled.body["seats"]), [8]);
    let kept = 2 * PER_TICKET + PER_ORDER;
    assert_eq!(world.balance(&buyer).await, MONEY - kept);
    let again = returns(&world, &buyer, &id, "seats=8").await;
    assert_eq!((again.status, again.body), (200, cancelled.body));
    invariants::check(&world).await;

    let world = World::with(tickets()).await;
    let (buyer, id) = bought_tickets(&world, 3).await;
    assert_eq!(returns(&world, &buyer, &id, "keep=1").await.status, 200);
    let cancelled = returns(&world, &buyer, &id, "keep=0").await;
    assert_eq!(cancelled.text_of("status"), "CANCELLED");
    assert_eq!(cancelled.body["refunded"], 3 * PRICE);
    invariants::check(&world).await;
}

#[tokio::test]
async fn buyers_return_parts_only_where_the_event_says_so_and_its_promise_stays() {
    let mut strict = with_fees(concert(), false);
    strict.event.terms.partial_returns = false;
    let world = World::with(strict).await;
    let (buyer, id) = bought(&world, &[1, 2]).await;
    let seen = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(seen.body["partialReturns"], false);
    let refused = returns(&world, &buyer, &id, "seats=1").await;
    refused.is_problem(409, "not_cancellable");
    // Both seats are everything.
    let cancelled = returns(&world, &buyer, &id, "seats=1,2").await;
    assert_eq!(cancelled.text_of("status"), "CANCELLED");

    let world = World::with(with_fees(concert(), false)).await;
    let (buyer, id) = bought(&world, &[1, 2]).await;
    let yaml = format!(
        "currency: KRW
events:
  - eventId: {EVENT}
    name: Winter Live 2026
    venue: Olympic Hall
    admission: seated
    dates: [{{date: {DATE}, startsAt: '2026-12-24T19:00:00+09:00', price: {PRICE}}}]
"
    );
    let (store, mut out) = (world.app.store(), Output::log());
    let applied = apply_text(store, "strict", &yaml, Mode::Apply(&author()), &mut out).await;
    assert_eq!(applied.unwrap(), Outcome::Done);
    world.clock.advance_seconds(3);
    let now = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(now.body["partialReturns"], false);
    let path = format!("/reservations/{id}");
    let seen = world.get(&path, &buyer.token).await;
    assert_eq!(seen.body["partialReturns"], true);
    assert_eq!(returns(&world, &buyer, &id, "seats=1").await.status, 200);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_part_cannot_be_returned_later_than_the_whole() {
    let world = World::with(with_fees(concert(), false)).await;
    let (buyer, id) = bought(&world, &[1, 2]).await;
    let seen = world
        .get(&format!("/reservations/{id}"), &buyer.token)
        .await;
    let until = domain::clock::EpochMs::parse(seen.text_of("cancelUntil")).unwrap();
    world.clock.set(until);
    let again = world.joins_as(EVENT, &buyer.user_id).await;
    let late = returns(&world, &again, &id, "seats=1").await;
    late.is_problem(409, "not_cancellable");
}

#[tokio::test]
async fn a_return_of_what_is_not_there_or_not_understood_changes_nothing() {
    let world = World::with(with_fees(concert(), false)).await;
    let (buyer, id) = bought(&world, &[7, 8]).await;
    returns(&world, &buyer, &id, "seats=7,9")
        .await
        .is_problem(404, "seat_not_found");
    for (query, field) in [
        ("seats=", "query:seats"),
        ("seats=x", "query:seats"),
        ("seats=7,", "query:seats"),
        ("keep=-1", "query:keep"),
        ("keep=1", "query:keep"),
        ("seats=7&keep=1", "query:keep"),
        // A misspelled parameter must not cancel everything.
        ("seat=7", "query:seat"),
    ] {
        let refused = returns(&world, &buyer, &id, query).await;
        refused.is_problem(400, "invalid_request");
        assert_eq!(refused.wrong_fields(), [field], "{query}");
    }
    let stranger = world.joins(EVENT).await;
    returns(&world, &stranger, &id, "seats=7")
        .await
        .is_problem(404, "reservation_not_found");
    let held = world.hold(&stranger, 20).await;
    let held = held.text_of("reservationId");
    returns(&world, &stranger, held, "seats=20")
        .await
        .is_problem(409, "not_cancellable");
    let path = format!("/reservations/{id}");
    let seen = world.get(&path, &buyer.token).await;
    assert_eq!(seat_numbers(&seen.body["seats"]), [7, 8]);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_cancelled_event_gives_the_rest_back_and_no_fee_of_what_was_returned_before() {
    let world = World::with(with_fees(concert(), false)).await;
    let (buyer, id) = bought(&world, &[1, 2, 3]).await;
    assert_eq!(returns(&world, &buyer, &id, "seats=1").await.status, 200);
    let event = EventId::parse(EVENT).unwrap();
    let operator = world.another_process();
    let scope = cancelling::Scope::of_event(event);
    let cancelled = cancelling::cancel(operator.app.store(), &scope, &author())
        .await
        .unwrap()
        .unwrap();
    world.clock.advance_seconds(CANCELLATION_SETTLES_SECONDS);
    returns(&world, &buyer, &id, "seats=2")
        .await
        .is_problem(409, "event_cancelled");
    let swept = cancelling::sweep(&operator.app, &cancelled, None, &author(), |_| {})
        .await
        .unwrap();
    let rest = 2 * (PRICE + PER_TICKET) + PER_ORDER;
    assert_eq!((swept.refunded, swept.amount), (1, Money(rest)));
    assert_eq!(world.balance(&buyer).await, MONEY - PER_TICKET);
    invariants::check(&world).await;
}

#[tokio::test]
async fn the_report_counts_what_was_returned_and_what_stayed() {
    let world = World::with(with_fees(concert(), false)).await;
    let (buyer, id) = bought(&world, &[1, 2, 3]).await;
    assert_eq!(returns(&world, &buyer, &id, "seats=3").await.status, 200);
    let event = EventId::parse(EVENT).unwrap();
    let report = SalesReport::read(&world.app, &event).await.unwrap();
    let report: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(
        (&report["tickets"]["sold"], &report["tickets"]["revenue"]),
        (&json!(2), &json!(2 * PRICE))
    );
    assert_eq!(report["refunded"], PRICE);
    assert_eq!(report["fees"], 2 * PER_TICKET + PER_ORDER);
    assert_eq!(report["keptFees"], PER_TICKET);
    let received = MONEY - world.balance(&buyer).await;
    assert_eq!(report["received"], received);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_the_same_return_in_many_processes_one_takes_effect() {
    let world = World::with(with_fees(concert_for(100), false)).await;
    for round in 0..6 {
        let first = round * 4 + 1;
        let (buyer, id) = bought(&world, &[first, first + 1, first + 2, first + 3]).await;
        let before = world.balance(&buyer).await;
        // Each seat twice, and one together with another.
        let queries = [
            format!("seats={first}"),
            format!("seats={first}"),
            format!("seats={}", first + 1),
            format!("seats={first},{}", first + 1),
        ];
        let requests = queries.map(|query| {
            let (process, buyer, id) = (world.another_process(), buyer.clone(), id.clone());
            tokio::spawn(async move {
                // The user's own requests meet: each may be told to repeat.
                for _ in 0..20 {
                    let reply = returns(&process, &buyer, &id, &query).await;
                    if reply.status == 200 {
                        return;
                    }
                    assert!([429, 503].contains(&reply.status), "{reply:?}");
                }
                panic!("no answer");
            })
        });
        for done in join_all(requests).await {
            done.unwrap();
        }
        let seen = world
            .get(&format!("/reservations/{id}"), &buyer.token)
            .await;
        assert_eq!(
            seat_numbers(&seen.body["seats"]),
            [u64::from(first + 2), u64::from(first + 3)]
        );
        assert_eq!(world.balance(&buyer).await - before, 2 * PRICE);
    }
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_return_and_a_cancellation_at_once_give_back_each_ticket_once() {
    let mut free = tickets();
    free.event.terms.admission = Admission::General {
        total_tickets: 100,
        price: Money::ZERO,
        stock_shards: 4,
    };
    // Without a wallet, only the reservation itself tells the requests apart.
    for programme in [free, tickets()] {
        let world = World::with(programme).await;
        for _ in 0..8 {
            let (buyer, id) = bought_tickets(&world, 4).await;
            let (one, two) = (world.another_process(), world.another_process());
            let path = format!("/reservations/{id}");
            let (part, all) = futures::future::join(
                returns(&one, &buyer, &id, "keep=2"),
                two.delete(&path, &buyer.token),
            )
            .await;
            assert_eq!((part.status, all.status), (200, 200), "{part:?} {all:?}");
            assert_eq!(all.text_of("status"), "CANCELLED");
        }
        invariants::check(&world).await;
    }
}
