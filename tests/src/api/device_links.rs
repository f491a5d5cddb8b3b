//! Links of one use, by which a user's other device becomes the user's.

use serde_json::json;

use crate::invariants;
use crate::issuer::TestIssuer;
use crate::world::{Buyer, EVENT, PRICE, Reply, World};

async fn link(world: &World, buyer: &Buyer) -> Reply {
    let path = format!("/users/{}/device-links", buyer.user_id);
    world.call("POST", &path, &buyer.token, None).await
}

/// The code of a new link.
async fn code(world: &World, buyer: &Buyer) -> String {
    let reply = link(world, buyer).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.text_of("code").to_owned()
}

async fn redeem(world: &World, code: &str, key: &str) -> Reply {
    let body = json!({ "code": code }).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    world
        .send("POST", "/device-links", &headers, Some(&body))
        .await
}

#[tokio::test]
async fn a_link_opens_wallet_tickets_and_place_in_line_on_another_device() {
    let world = World::new().await;
    let buyer = world.joins_with(2 * PRICE).await;
    let held = world.hold(&buyer, 7).await;
    let id = held.text_of("reservationId").to_owned();
    let reply = link(&world, &buyer).await;
    assert_eq!(reply.text_of("expiresAt"), "2026-11-20T10:10:00.000Z");
    let code = reply.text_of("code");
    assert_eq!(code.len(), "XXXX-XXXX-XXXX-XXXX".len());
    // As people type it.
    let typed = code.replace('-', "").to_lowercase();
    let linked = redeem(&world, &typed, "first").await;
    assert_eq!(linked.status, 200, "{linked:?}");
    assert_eq!(linked.text_of("userId"), buyer.user_id);
    assert_eq!(linked.text_of("eventId"), EVENT);
    let other = Buyer {
        token: linked.text_of("token").to_owned(),
        ..buyer.clone()
    };
    assert_eq!(world.balance(&other).await, 2 * PRICE);
    assert_eq!(world.status(&other).await.text_of("status"), "ACTIVE");
    assert_eq!(world.pay(&other, &id).await.status, 201);
    let list = format!("/users/{}/reservations", buyer.user_id);
    let list = world.get(&list, &other.token).await;
    assert_eq!(list.body["reservations"][0]["reservationId"], *id);
    // The first device stays the user's.
    assert_eq!(world.balance(&buyer).await, PRICE);
}

#[tokio::test]
async fn a_link_works_once_and_a_repeated_request_gets_the_same_user() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let code = code(&world, &buyer).await;
    for _ in 0..2 {
        let linked = redeem(&world, &code, "first").await;
        assert_eq!(
            (linked.status, linked.text_of("userId")),
            (200, &*buyer.user_id)
        );
    }
    redeem(&world, &code, "second")
        .await
        .is_problem(404, "link_not_valid");
}

#[tokio::test]
async fn of_two_devices_at_once_one_gets_the_link() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let code = code(&world, &buyer).await;
    let other = world.another_process();
    let (one, two) = tokio::join!(redeem(&world, &code, "one"), redeem(&other, &code, "two"));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404]);
}

#[tokio::test]
async fn a_link_lasts_ten_minutes() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let late = code(&world, &buyer).await;
    world.clock.advance_seconds(600);
    redeem(&world, &late, "late")
        .await
        .is_problem(404, "link_not_valid");
    let in_time = code(&world, &buyer).await;
    world.clock.advance_ms(599_999);
    assert_eq!(redeem(&world, &in_time, "in-time").await.status, 200);
}

#[tokio::test]
async fn a_new_link_replaces_the_former_so_a_user_has_one_at_most() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let former = code(&world, &buyer).await;
    let newer = code(&world, &buyer).await;
    redeem(&world, &former, "former")
        .await
        .is_problem(404, "link_not_valid");
    assert_eq!(redeem(&world, &newer, "newer").await.status, 200);
}

#[tokio::test]
async fn only_the_user_makes_links_to_the_user() {
    let world = World::new().await;
    let [buyer, other] = [world.joins(EVENT).await, world.joins(EVENT).await];
    let theirs = Buyer {
        user_id: other.user_id.clone(),
        ..buyer.clone()
    };
    link(&world, &theirs).await.is_problem(403, "not_yours");
    let nobody = Buyer {
        token: String::new(),
        ..buyer
    };
    link(&world, &nobody).await.is_problem(401, "token_missing");
}

#[tokio::test]
async fn a_malformed_code_and_a_missing_key_are_reported_together() {
    let world = World::new().await;
    let reply = world
        .post("/device-links", "", json!({ "code": "nonsense" }))
        .await;
    reply.is_problem(400, "invalid_request");
    assert_eq!(reply.wrong_fields(), ["code", "header:Idempotency-Key"]);
    // A code that nobody has.
    redeem(&world, "0000-0000-0000-0000", "guess")
        .await
        .is_problem(404, "link_not_valid");
}

#[tokio::test]
async fn users_of_an_issuer_sign_in_on_the_other_device_instead() {
    let issuer = TestIssuer::start().await;
    let world = World::new().await.process_with_issuer(&issuer);
    let token = issuer.token("alice", world.clock.now());
    let joined = world
        .call("POST", &format!("/events/{EVENT}/tokens"), &token, None)
        .await;
    for token in [token.as_str(), joined.text_of("token")] {
        let alice = Buyer {
            user_id: issuer.user_id("alice"),
            token: token.to_owned(),
            joined: joined.clone(),
        };
        link(&world, &alice)
            .await
            .is_problem(409, "sign_in_instead");
    }
    redeem(&world, "0000-0000-0000-0000", "first")
        .await
        .is_problem(409, "sign_in_instead");
}

#[tokio::test]
async fn neither_a_code_nor_a_key_is_stored() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let code = code(&world, &buyer).await;
    assert_eq!(redeem(&world, &code, "a-key-of-its-own").await.status, 200);
    let items = invariants::items(&world).await;
    let stored = format!("{items:?}");
    assert!(stored.contains("LINK#"));
    for secret in [code.as_str(), &code.replace('-', ""), "a-key-of-its-own"] {
        assert!(!stored.contains(secret));
    }
    // The audit knows the items.
    invariants::check(&world).await;
}
