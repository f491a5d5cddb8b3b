//! Fees and tax, from the price that is shown to what a cancellation gives back.

use boxoffice::Outcome;
use boxoffice::catalog_update::{Mode, apply_text};
use boxoffice::output::Output;
use domain::event::{Admission, Programme};
use domain::fees::{Fees, TaxRate};
use domain::money::Money;
use serde_json::json;

use crate::invariants;
use crate::world::{DATE, EVENT, FESTIVAL, PRICE, World, author, concert, festival};

const PER_TICKET: i64 = 2_000;
const PER_ORDER: i64 = 500;

fn with_fees(mut programme: Programme, refundable: bool) -> Programme {
    let terms = &mut programme.event.terms;
    terms.fees = Fees {
        per_ticket: Money(PER_TICKET),
        per_order: Money(PER_ORDER),
        refundable,
    };
    terms.tax_rate = TaxRate::of_basis_points(1_000);
    terms.max_seats_per_user = 4;
    terms.profile.organizer = Some("Han River Concerts".to_owned());
    terms.profile.organizer_tax_number = Some("123-45-67890".to_owned());
    programme
}

/// General admission at this price, with fees.
fn tickets(price: i64) -> Programme {
    let mut programme = with_fees(festival(), false);
    programme.event.terms.admission = Admission::General {
        total_tickets: 100,
        price: Money(price),
        stock_shards: 4,
    };
    programme
}

#[tokio::test]
async fn the_fees_of_an_event_are_shown_from_the_beginning_and_prices_stay_without_them() {
    let world = World::with(with_fees(concert(), false)).await;
    let fees = json!({"perTicket": PER_TICKET, "perOrder": PER_ORDER, "refundable": false});
    let event = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(event.body["fees"], fees);
    assert_eq!(event.body["dates"][0]["sections"][0]["price"], PRICE);
    let events = world.get("/events", "").await;
    assert_eq!(events.body["events"][0]["fees"], fees);

    let without = World::new().await;
    let event = without.get(&format!("/events/{EVENT}"), "").await;
    assert!(event.body.get("fees").is_none(), "{event:?}");
}

#[tokio::test]
async fn a_hold_costs_prices_and_fees_and_its_cancellation_keeps_the_fees() {
    let world = World::with(with_fees(concert(), false)).await;
    let buyer = world.joins_with(200_000).await;
    let body = json!({"date": DATE, "seatNumbers": [1, 2]});
    let path = format!("/events/{EVENT}/holds");
    let held = world.post(&path, &buyer.token, body).await;
    let total = 2 * PRICE + 2 * PER_TICKET + PER_ORDER;
    assert_eq!(held.status, 201, "{held:?}");
    assert_eq!(held.body["totalPrice"], total);
    assert_eq!(held.body["seats"][0]["price"], PRICE);
    assert_eq!(
        held.body["fees"],
        json!({"tickets": 2 * PER_TICKET, "order": PER_ORDER, "refundable": false})
    );
    assert!(held.body.get("refundable").is_none(), "{held:?}");

    let id = held.text_of("reservationId").to_owned();
    let paid = world.pay(&buyer, &id).await;
    assert_eq!(paid.body["amount"], total, "{paid:?}");
    assert_eq!(world.balance(&buyer).await, 200_000 - total);
    let path = format!("/reservations/{id}");
    let bought = world.get(&path, &buyer.token).await;
    assert_eq!(bought.body["refundable"], 2 * PRICE);
    assert_eq!(
        bought.body["tax"],
        json!({"rateBasisPoints": 1_000, "amount": 9_500})
    );
    assert_eq!(bought.body["organizer"], "Han River Concerts");
    assert_eq!(bought.body["organizerTaxNumber"], "123-45-67890");
    assert!(bought.body["paidAt"].is_string(), "{bought:?}");

    let cancelled = world.delete(&path, &buyer.token).await;
    assert_eq!(cancelled.body["refunded"], 2 * PRICE, "{cancelled:?}");
    // The tax of the kept fees.
    assert_eq!(cancelled.body["tax"]["amount"], 409);
    let kept = 2 * PER_TICKET + PER_ORDER;
    assert_eq!(world.balance(&buyer).await, 200_000 - kept);
    invariants::check(&world).await;
}

#[tokio::test]
async fn refundable_fees_go_back_with_the_price() {
    let world = World::with(with_fees(concert(), true)).await;
    let buyer = world.joins_with(100_000).await;
    let held = world.hold(&buyer, 1).await;
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    let path = format!("/reservations/{id}");
    let cancelled = world.delete(&path, &buyer.token).await;
    assert_eq!(cancelled.body["refunded"], PRICE + PER_TICKET + PER_ORDER);
    assert_eq!(world.balance(&buyer).await, 100_000);
    invariants::check(&world).await;
}

#[tokio::test]
async fn the_fees_of_a_hold_stay_as_they_were() {
    let world = World::with(with_fees(concert(), false)).await;
    let buyer = world.joins_with(100_000).await;
    let held = world.hold(&buyer, 1).await;
    let id = held.text_of("reservationId").to_owned();
    let yaml = format!(
        "currency: KRW
events:
  - eventId: {EVENT}
    name: Winter Live 2026
    venue: Olympic Hall
    admission: seated
    fees: {{perTicket: 9000, refundable: true}}
    dates: [{{date: {DATE}, startsAt: '2026-12-24T19:00:00+09:00', price: {PRICE}}}]
"
    );
    let store = world.app.store();
    let outcome = apply_text(
        store,
        "new",
        &yaml,
        Mode::Apply(&author()),
        &mut Output::log(),
    )
    .await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
    world.clock.advance_ms(60_000);
    let shown = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(shown.body["fees"]["perTicket"], 9_000);

    let paid = world.pay(&buyer, &id).await;
    assert_eq!(paid.body["amount"], PRICE + PER_TICKET + PER_ORDER);
    let path = format!("/reservations/{id}");
    let bought = world.get(&path, &buyer.token).await;
    assert_eq!(bought.body["refundable"], PRICE);
    invariants::check(&world).await;
}

#[tokio::test]
async fn tickets_without_seats_have_fees_too_and_the_stock_counts_their_prices() {
    let world = World::with(tickets(30_000)).await;
    let buyer = world.joins(FESTIVAL).await;
    let path = format!("/events/{FESTIVAL}/reservations");
    let body = json!({"quantity": 3});
    let total = 3 * (30_000 + PER_TICKET) + PER_ORDER;
    let poor = world.post(&path, &buyer.token, body.clone()).await;
    assert_eq!(poor.code(), "insufficient_balance");
    assert_eq!(poor.body["required"], total);
    assert_eq!(world.charge(&buyer, total, "k").await.status, 201);
    let bought = world.post(&path, &buyer.token, body).await;
    assert_eq!(bought.status, 201, "{bought:?}");
    assert_eq!(bought.body["totalPrice"], total);
    assert_eq!(bought.body["refundable"], 90_000);
    invariants::check(&world).await;

    let path = format!("/reservations/{}", bought.text_of("reservationId"));
    let cancelled = world.delete(&path, &buyer.token).await;
    assert_eq!(cancelled.body["refunded"], 90_000);
    assert_eq!(world.balance(&buyer).await, 90_000);
    invariants::check(&world).await;
}

#[tokio::test]
async fn free_tickets_have_no_fees() {
    let world = World::with(tickets(0)).await;
    let buyer = world.joins(FESTIVAL).await;
    let path = format!("/events/{FESTIVAL}/reservations");
    let free = world
        .post(&path, &buyer.token, json!({"quantity": 2}))
        .await;
    assert_eq!(free.status, 201, "{free:?}");
    assert_eq!(free.body["totalPrice"], 0);
    assert!(free.body.get("fees").is_none(), "{free:?}");
    invariants::check(&world).await;
}
