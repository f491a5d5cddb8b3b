//! Invariant 2: wallets are the sums of their ledgers, and reservations are paid.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::money::Money;
use serde_json::json;

use super::{busy_world, copy, delete, is, key, n, only, set};
use crate::invariants;
use crate::world::{DATE, EVENT, PRICE, World, concert_for};

#[tokio::test]
async fn a_wrong_balance_and_a_missing_ledger_entry_are_found() {
    let world = busy_world().await;
    let wallet = key(&world, "WALLET#", "BALANCE").await;
    let balance = invariants::items(&world).await[&wallet]["balance"]
        .as_n()
        .unwrap()
        .parse::<i64>()
        .unwrap();
    set(&world, &wallet, "balance", n(balance + 1)).await;
    let expected = format!("the sum of its ledger, {balance}");
    is(
        &only(&world).await,
        2,
        &wallet,
        &expected,
        &(balance + 1).to_string(),
    );

    let world = busy_world().await;
    let entry = key(&world, "WALLET#", "LEDGER#000000000001").await;
    delete(&world, &entry).await;
    let broken = invariants::broken(&world).await;
    assert!(!broken.is_empty() && broken.iter().all(|finding| finding.invariant.number() == 2));
}

#[tokio::test]
async fn a_negative_balance_and_a_wrong_balance_after_an_entry_are_found() {
    let world = busy_world().await;
    let entry = key(&world, "WALLET#", "LEDGER#000000000001").await;
    set(&world, &entry, "balanceAfter", n(7)).await;
    let broken = invariants::broken(&world).await;
    // The charge's key remembers it otherwise, too.
    assert!(
        broken.iter().any(
            |finding| finding.key == format!("{} {}", entry.0, entry.1) && finding.found == "7"
        ),
        "{broken:#?}"
    );

    let world = busy_world().await;
    let entry = key(&world, "WALLET#", "LEDGER#000000000001").await;
    set(&world, &entry, "amount", n(-5)).await;
    let broken = invariants::broken(&world).await;
    assert!(
        broken
            .iter()
            .any(|finding| finding.expected == "a balance that is not negative"),
        "{broken:#?}"
    );
}

#[tokio::test]
async fn a_charge_without_its_key_and_a_key_without_its_charge_are_found() {
    let world = busy_world().await;
    let memory = key(&world, "WALLET#", "IDEMPOTENCY#").await;
    delete(&world, &memory).await;
    let finding = only(&world).await;
    assert_eq!(
        (finding.invariant.number(), finding.expected.as_str()),
        (2, "a charge key, or a charge that is done, for this charge")
    );

    let world = busy_world().await;
    let memory = key(&world, "WALLET#", "IDEMPOTENCY#").await;
    let stray = (memory.0.clone(), "IDEMPOTENCY#00".to_owned());
    copy(&world, &memory, (&stray.0, &stray.1)).await;
    // The first of the two keys has the charge, the other has none.
    is(
        &only(&world).await,
        2,
        &memory,
        "a charge",
        "no such charge",
    );
    delete(&world, &stray).await;
    let charged = invariants::items(&world).await[&memory]["amount"].clone();
    let charged = charged.as_n().unwrap().clone();
    set(&world, &memory, "amount", n(1)).await;
    is(
        &only(&world).await,
        2,
        &memory,
        "of 1 in the ledger",
        &charged,
    );
}

#[tokio::test]
async fn payments_that_differ_from_the_price_of_confirmed_reservations_are_found() {
    let world = busy_world().await;
    let (pk, _) = key(&world, "SEATS#", "SEAT#00001").await;
    let claim = &invariants::items(&world).await[&(pk, "SEAT#00001".to_owned())];
    let user = claim["userId"].as_s().unwrap().clone();
    let reservation = key(&world, &format!("USER#{user}"), "RESERVATION#").await;
    set(&world, &reservation, "totalPrice", n(1)).await;
    let broken = invariants::broken(&world).await;
    // Beside what was paid for it, beside its seat's price.
    assert_eq!(broken.len(), 2, "{broken:#?}");
    is(
        &broken[0],
        2,
        &reservation,
        "payments less refunds of 1",
        &PRICE.to_string(),
    );

    let world = busy_world().await;
    let (pk, _) = key(&world, "SEATS#", "SEAT#00001").await;
    let claim = &invariants::items(&world).await[&(pk, "SEAT#00001".to_owned())];
    let user = claim["userId"].as_s().unwrap().clone();
    let reservation = key(&world, &format!("USER#{user}"), "RESERVATION#").await;
    delete(&world, &reservation).await;
    let broken = invariants::broken(&world).await;
    let numbers: Vec<u8> = broken
        .iter()
        .map(|finding| finding.invariant.number())
        .collect();
    // The seat without its reservation, the payment for nothing.
    assert_eq!(numbers, [1, 2], "{broken:#?}");
}

#[tokio::test]
async fn a_cancellation_that_kept_other_than_its_fees_is_found() {
    let mut programme = concert_for(1);
    programme.event.terms.fees.per_order = Money(500);
    let world = World::with(programme).await;
    let buyer = world.joins_with(PRICE + 500).await;
    let held = world.hold(&buyer, 1).await;
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    let path = format!("/reservations/{id}");
    assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
    invariants::check(&world).await;

    let reservation = key(&world, "USER#", "RESERVATION#").await;
    let refundable = AttributeValue::M(HashMap::from([
        ("order".to_owned(), n(500)),
        ("refundable".to_owned(), AttributeValue::Bool(true)),
    ]));
    set(&world, &reservation, "fees", refundable).await;
    let expected = "payments less refunds of 0";
    is(&only(&world).await, 2, &reservation, expected, "500");
}

#[tokio::test]
async fn what_a_reservation_returned_must_agree_with_its_payment() {
    let mut programme = concert_for(1);
    programme.event.terms.max_seats_per_user = 2;
    programme.event.terms.partial_returns = true;
    let world = World::with(programme).await;
    let buyer = world.joins_with(2 * PRICE).await;
    let path = format!("/events/{EVENT}/holds");
    let body = json!({"date": DATE, "seatNumbers": [1, 2]});
    let held = world.post(&path, &buyer.token, body).await;
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    let path = format!("/reservations/{id}?seats=2");
    assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
    invariants::check(&world).await;

    let reservation = key(&world, "USER#", "RESERVATION#").await;
    let mut returned = invariants::items(&world).await[&reservation]["returned"]
        .as_m()
        .unwrap()
        .clone();
    returned.insert("refunded".to_owned(), n(PRICE - 1));
    set(
        &world,
        &reservation,
        "returned",
        AttributeValue::M(returned),
    )
    .await;
    let expected = format!("a payment of {}, for all tickets", 2 * PRICE - 1);
    let found = (2 * PRICE).to_string();
    is(&only(&world).await, 2, &reservation, &expected, &found);
}

#[tokio::test]
async fn free_reservations_are_paid_and_refunded_with_nothing() {
    let mut programme = concert_for(1);
    for date in programme.dates.values_mut() {
        for section in &mut date.sections {
            section.price = Money::ZERO;
        }
    }
    let world = World::with(programme).await;
    let buyer = world.joins(EVENT).await;
    let held = world.hold(&buyer, 1).await;
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    invariants::check(&world).await;
    let path = format!("/reservations/{id}");
    assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
    invariants::check(&world).await;
}
