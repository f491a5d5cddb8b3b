//! Wallets: charging, and paying for holds.

use serde_json::{Value, json};

use crate::world::{Buyer, EVENT, LATER_DATE, PRICE, Reply, World};

/// The ceiling of a wallet in these tests.
const CEILING: i64 = 10_000_000;

/// A charge with this text as its body.
async fn charge_with(world: &World, buyer: &Buyer, key: Option<&str>, body: &str) -> Reply {
    let bearer = format!("Bearer {}", buyer.token);
    let mut headers = vec![
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
    ];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    let path = format!("/users/{}/wallet/charges", buyer.user_id);
    world.send("POST", &path, &headers, Some(body)).await
}

/// Holds the seat, and returns the reservation's id.
async fn held(world: &World, buyer: &Buyer, seat: u32) -> String {
    let held = world.hold(buyer, seat).await;
    assert_eq!(held.status, 201, "{held:?}");
    held.text_of("reservationId").to_owned()
}

async fn status_of(world: &World, buyer: &Buyer, id: &str) -> Value {
    let path = format!("/reservations/{id}");
    world.get(&path, &buyer.token).await.body["status"].clone()
}

// C13
#[tokio::test]
async fn a_wallet_starts_empty_and_shows_charges() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let path = format!("/users/{}/wallet", buyer.user_id);
    let wallet = |balance: i64| json!({ "userId": buyer.user_id, "balance": balance, "withdrawable": 0, "currency": "KRW", "charging": "trusted" });
    let reply = world.get(&path, &buyer.token).await;
    assert_eq!((reply.status, reply.body), (200, wallet(0)));
    let charged = world.charge(&buyer, 70_000, "a").await;
    assert_eq!(charged.status, 201, "{charged:?}");
    assert_eq!(
        (&charged.body["amount"], &charged.body["balance"]),
        (&json!(70_000), &json!(70_000))
    );
    assert!(!charged.text_of("chargeId").is_empty() && !charged.header("location").is_empty());
    world.charge(&buyer, 1, "b").await;
    assert_eq!(world.get(&path, &buyer.token).await.body, wallet(70_001));
}

// C13
#[tokio::test]
async fn each_charge_key_charges_once() {
    let world = World::new().await;
    let (buyer, other) = (world.joins(EVENT).await, world.joins(EVENT).await);
    let first = world.charge(&buyer, 100, "once").await;
    assert_eq!(world.charge(&buyer, 20, "twice").await.body["balance"], 120);
    let again = world.charge(&buyer, 100, "once").await;
    assert_eq!((again.status, again.body), (200, first.body));
    let reused = world.charge(&buyer, 101, "once").await;
    reused.is_problem(422, "idempotency_key_reused");
    assert_eq!(world.balance(&buyer).await, 120);
    assert_eq!(world.charge(&other, 5, "once").await.status, 201);
    assert_eq!(world.balance(&other).await, 5);
}

// C13
#[tokio::test]
async fn a_wallet_cannot_exceed_its_ceiling() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let over = world.charge(&buyer, CEILING + 1, "over").await;
    over.is_problem(422, "limit_exceeded");
    assert_eq!(world.charge(&buyer, CEILING, "all").await.status, 201);
    let over = world.charge(&buyer, 1, "one").await;
    over.is_problem(422, "limit_exceeded");
    assert_eq!(world.charge(&buyer, CEILING, "all").await.status, 200);
    assert_eq!(world.balance(&buyer).await, CEILING);
}

// C13
#[tokio::test]
async fn nobody_sees_or_charges_another_users_wallet() {
    let world = World::new().await;
    let (owner, other) = (world.joins(EVENT).await, world.joins(EVENT).await);
    let thief = Buyer {
        user_id: owner.user_id.clone(),
        ..other
    };
    world
        .charge(&thief, 1, "k")
        .await
        .is_problem(403, "not_yours");
    let path = format!("/users/{}/wallet", owner.user_id);
    world
        .get(&path, &thief.token)
        .await
        .is_problem(403, "not_yours");
    world.get(&path, "").await.is_problem(401, "token_missing");
    assert_eq!(world.balance(&owner).await, 0);
}

// C13
#[tokio::test]
async fn an_amount_that_is_not_a_positive_whole_number_is_refused() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let huge = format!(r#"{{"amount":1{}}}"#, "0".repeat(30));
    for body in [
        r#"{"amount":0}"#,
        r#"{"amount":-1}"#,
        r#"{"amount":1.5}"#,
        r#"{"amount":"1"}"#,
        r#"{"amount":null}"#,
        "{}",
        &huge,
    ] {
        let reply = charge_with(&world, &buyer, Some("k"), body).await;
        reply.is_problem(400, "invalid_request");
        assert_eq!(reply.wrong_fields(), ["amount"], "{body}");
    }
    assert_eq!(world.balance(&buyer).await, 0);
}

#[tokio::test]
async fn a_charge_needs_a_key_of_1_to_64_visible_characters() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let long = "k".repeat(65);
    for key in [None, Some(""), Some(long.as_str()), Some("a b")] {
        let reply = charge_with(&world, &buyer, key, r#"{"amount":1}"#).await;
        reply.is_problem(400, "invalid_request");
        assert_eq!(reply.wrong_fields(), ["header:Idempotency-Key"], "{key:?}");
    }
    assert_eq!(world.charge(&buyer, 1, &long[1..]).await.status, 201);
}

// C15, P8
#[tokio::test]
async fn a_hold_can_be_paid_after_topping_up_an_insufficient_balance() {
    let world = World::new().await;
    let buyer = world.joins_with(PRICE - 1).await;
    let id = held(&world, &buyer, 7).await;
    let refused = world.pay(&buyer, &id).await;
    refused.is_problem(402, "insufficient_balance");
    assert_eq!(refused.body["balance"], PRICE - 1);
    assert_eq!(refused.body["required"], PRICE);
    assert_eq!(world.balance(&buyer).await, PRICE - 1);
    assert_eq!(status_of(&world, &buyer, &id).await, "HELD");
    world.charge(&buyer, 1, "rest").await;
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    assert_eq!(world.balance(&buyer).await, 0);
}

// C14, P9
#[tokio::test]
async fn paying_twice_takes_the_money_once_and_gives_the_same_answer() {
    let world = World::new().await;
    let buyer = world.joins_with(3 * PRICE).await;
    let id = held(&world, &buyer, 7).await;
    let first = world.pay(&buyer, &id).await;
    assert_eq!(first.status, 201, "{first:?}");
    world.charge(&buyer, 5, "later").await;
    let again = world.pay(&buyer, &id).await;
    assert_eq!((again.status, again.body), (200, first.body));
    assert_eq!(world.balance(&buyer).await, 2 * PRICE + 5);
}

// P9
#[tokio::test]
async fn a_double_click_pays_once() {
    let world = World::new().await;
    let buyer = world.joins_with(3 * PRICE).await;
    let id = held(&world, &buyer, 7).await;
    let (one, two) = futures::join!(world.pay(&buyer, &id), world.pay(&buyer, &id));
    assert_eq!(one.status + two.status, 201 + 200, "{one:?} {two:?}");
    assert_eq!(one.body, two.body);
    assert_eq!(world.balance(&buyer).await, 2 * PRICE);
}

// C11, C14
#[tokio::test]
async fn a_late_payment_takes_nothing_even_after_another_hold_of_the_seat() {
    let world = World::new().await;
    let buyer = world.joins_with(3 * PRICE).await;
    let late = held(&world, &buyer, 7).await;
    world.clock.advance_seconds(300);
    world
        .pay(&buyer, &late)
        .await
        .is_problem(410, "hold_expired");
    assert_eq!(world.balance(&buyer).await, 3 * PRICE);
    // Until then, only others may hold the seat.
    world.clock.advance_seconds(300);
    let buyer = world.joins_as(EVENT, &buyer.user_id).await;
    let next = held(&world, &buyer, 7).await;
    world
        .pay(&buyer, &late)
        .await
        .is_problem(410, "hold_expired");
    assert_eq!(world.balance(&buyer).await, 3 * PRICE);
    assert_eq!(world.pay(&buyer, &next).await.status, 201);
    world
        .pay(&buyer, &late)
        .await
        .is_problem(410, "hold_expired");
    assert_eq!(world.balance(&buyer).await, 2 * PRICE);
}

// P8
#[tokio::test]
async fn a_cancelled_reservation_cannot_be_paid() {
    let world = World::new().await;
    let buyer = world.joins_with(3 * PRICE).await;
    let id = held(&world, &buyer, 7).await;
    world
        .delete(&format!("/reservations/{id}"), &buyer.token)
        .await;
    world.pay(&buyer, &id).await.is_problem(409, "not_payable");
    assert_eq!(world.hold_on(&buyer, LATER_DATE, 7).await.status, 201);
    world.pay(&buyer, &id).await.is_problem(409, "not_payable");
    assert_eq!(world.balance(&buyer).await, 3 * PRICE);
}
