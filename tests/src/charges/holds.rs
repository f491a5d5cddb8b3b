//! A hold that a charge pays for: its extension, the payment, and what happens when it comes too late.

use domain::clock::EpochMs;
use serde_json::json;

use super::PayingShop;
use crate::invariants;
use crate::wire::{Fault, Rule};
use crate::world::{EVENT, PRICE, concert, concert_for};

fn time(value: &serde_json::Value) -> EpochMs {
    EpochMs::parse(value.as_str().expect("a time")).unwrap()
}

#[tokio::test]
async fn a_hold_is_paid_as_soon_as_the_money_has_come_although_the_buyer_is_gone() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.holder(7).await;
    let begun = shop.checkout(&buyer, &id).await;
    assert_eq!(begun.body["payFor"], id);
    shop.pays(&begun);
    assert_eq!(shop.notify(&begun).await.status, 200);
    shop.is_bought(&buyer, &id).await;
    let charge = shop.look(&buyer, &begun).await;
    assert_eq!(charge["purchase"], "PAID");

    let (other, id) = shop.holder(8).await;
    let begun = shop.checkout(&other, &id).await;
    shop.pays(&begun);
    shop.world.clock.advance_seconds(60);
    shop.settle().await.unwrap();
    shop.is_bought(&other, &id).await;
}

#[tokio::test]
async fn a_checkout_extends_its_hold_once_and_the_session_with_it() {
    let mut concert = concert_for(1);
    concert.event.terms.payment_seconds = 900;
    let shop = PayingShop::with(concert).await;
    let (buyer, id) = shop.holder(7).await;
    let next = shop.world.joins(EVENT).await;
    let start = shop.world.app.clock().now();
    shop.world.clock.advance_seconds(200);
    let begun = shop.checkout(&buyer, &id).await;
    let end = start.plus_seconds(200 + 900);
    assert_eq!(time(&begun.body["expiresAt"]), end);
    let held = shop.reservation(&buyer, &id).await;
    assert_eq!(time(&held["heldUntil"]), end);
    invariants::check(&shop.world).await;

    // The seat and the slot are the buyer's until then.
    shop.world.clock.advance_seconds(899);
    shop.world.app.promote_all().await.unwrap();
    assert_eq!(shop.world.status(&next).await.text_of("status"), "WAITING");
    shop.settle().await.unwrap();
    shop.world.clock.advance_seconds(20);
    shop.world.app.promote_all().await.unwrap();
    assert_eq!(shop.world.status(&next).await.text_of("status"), "ACTIVE");
    assert_eq!(shop.world.hold(&next, 7).await.status, 201);

    // A second checkout of the same hold extends nothing.
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.holder(7).await;
    let first = shop.checkout(&buyer, &id).await;
    shop.world.clock.advance_seconds(300);
    let second = shop.charge(&buyer, PRICE, "second", Some(&id)).await;
    assert_eq!(second.status, 202, "{second:?}");
    assert_eq!(second.body["expiresAt"], first.body["expiresAt"]);
    assert_eq!(shop.look(&buyer, &first).await["status"], "EXPIRED");
}

#[tokio::test]
async fn a_hold_that_is_about_to_be_paid_twice_is_paid_once() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.holder(7).await;
    let first = shop.checkout(&buyer, &id).await;
    shop.pays(&first);
    let second = shop.charge(&buyer, PRICE, "second", Some(&id)).await;
    second.is_problem(409, "not_payable");
    shop.is_bought(&buyer, &id).await;
}

#[tokio::test]
async fn a_charge_pays_only_for_a_hold_of_its_user_that_it_covers() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.holder(7).await;
    let (other, _) = shop.holder(8).await;
    let strange = shop.charge(&other, PRICE, "a", Some(&id)).await;
    strange.is_problem(404, "reservation_not_found");
    let short = shop.charge(&buyer, PRICE - 1, "a", Some(&id)).await;
    short.is_problem(402, "insufficient_balance");
    let wrong = shop.charge(&buyer, PRICE, "a", Some("x")).await;
    wrong.is_problem(400, "invalid_request");
    shop.world.clock.advance_seconds(300);
    let late = shop.charge(&buyer, PRICE, "a", Some(&id)).await;
    late.is_problem(410, "hold_expired");
}

#[tokio::test]
async fn who_pays_too_late_gets_the_seat_if_it_is_still_free() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.holder(7).await;
    let begun = shop.checkout(&buyer, &id).await;
    shop.world.clock.advance_seconds(599);
    shop.pays(&begun);
    shop.world.clock.advance_seconds(60);
    assert_eq!(
        shop.reservation(&buyer, &id).await["status"],
        json!("EXPIRED")
    );
    shop.settle().await.unwrap();
    shop.is_bought(&buyer, &id).await;

    // Also long after the claim has gone.
    let (other, id) = shop.holder(8).await;
    let begun = shop.checkout(&other, &id).await;
    shop.pays(&begun);
    shop.world.clock.advance_seconds(24 * 3600);
    shop.settle().await.unwrap();
    shop.is_bought(&other, &id).await;
}

#[tokio::test]
async fn who_pays_too_late_for_a_seat_that_is_taken_gets_the_money_back() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.holder(7).await;
    let begun = shop.checkout(&buyer, &id).await;
    shop.world.clock.advance_seconds(599);
    shop.pays(&begun);
    shop.world.clock.advance_seconds(2);
    shop.world.app.promote_all().await.unwrap();
    let rival = shop.world.joins(EVENT).await;
    assert_eq!(shop.world.hold(&rival, 7).await.status, 201);
    shop.settle().await.unwrap();
    let charge = shop.look(&buyer, &begun).await;
    assert_eq!(
        (&charge["status"], &charge["purchase"]),
        (&json!("DONE"), &json!("RETURNED"))
    );
    let [withdrawal] = shop.withdrawals(&buyer).await.try_into().unwrap();
    assert_eq!(withdrawal["status"], "PENDING");
    assert_eq!(withdrawal["chargeId"], charge["chargeId"]);
    assert_eq!(withdrawal["reservationId"], id);
    shop.settle().await.unwrap();
    shop.is_given_back(&buyer).await;
    assert_eq!(shop.settle().await.unwrap()["due"], 0);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn who_pays_after_the_performance_has_begun_gets_the_money_back() {
    let mut concert = concert();
    for date in concert.dates.values_mut() {
        date.starts_at = EpochMs::parse("2026-11-20T10:05:00Z").unwrap();
    }
    let shop = PayingShop::with(concert).await;
    let (buyer, id) = shop.holder(7).await;
    let begun = shop.checkout(&buyer, &id).await;
    shop.pays(&begun);
    shop.world.clock.advance_seconds(3600);
    shop.settle().await.unwrap();
    assert_eq!(shop.look(&buyer, &begun).await["purchase"], "RETURNED");
    shop.settle().await.unwrap();
    shop.is_given_back(&buyer).await;
}

#[tokio::test]
async fn who_releases_the_hold_while_paying_gets_the_money_back() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.holder(7).await;
    let begun = shop.checkout(&buyer, &id).await;
    let path = format!("/reservations/{id}");
    assert_eq!(shop.world.delete(&path, &buyer.token).await.status, 200);
    shop.pays(&begun);
    let charge = shop.look(&buyer, &begun).await;
    assert_eq!(charge["purchase"], "RETURNED");
    shop.settle().await.unwrap();
    shop.is_given_back(&buyer).await;
}

#[tokio::test]
async fn a_late_payment_that_was_spent_meanwhile_stays_in_the_wallet() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.holder(7).await;
    let begun = shop.checkout(&buyer, &id).await;
    shop.pays(&begun);
    let path = format!("/reservations/{id}");
    assert_eq!(shop.world.delete(&path, &buyer.token).await.status, 200);
    // The process dies after the credit, and the buyer withdraws.
    let crashed = shop.another_process();
    crashed.world.wire.inject(Rule {
        operation: "BatchGetItem",
        containing: "",
        after: 0,
        times: u32::MAX,
        fault: Fault::CutOff,
    });
    let _ = crashed.settle_later().await;
    assert_eq!(shop.world.balance(&buyer).await, PRICE);
    assert_eq!(shop.withdraw(&buyer, PRICE, "w").await.status, 202);
    let charge = shop.look(&buyer, &begun).await;
    assert_eq!(charge["purchase"], "NOT_PAID");
    shop.settle().await.unwrap();
    shop.is_given_back(&buyer).await;
}
