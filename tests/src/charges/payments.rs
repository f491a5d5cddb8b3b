//! A charge's life: begun, asked for, notified of, settled.

use boxoffice::demo_provider::DemoState;
use serde_json::json;

use super::{PayingShop, set_amount};
use crate::call_gate::CallGate;
use crate::invariants;
use crate::unreliable::Trouble;
use crate::world::{EVENT, PRICE, World};

// C19
#[tokio::test]
async fn a_charge_is_pending_until_the_provider_says_that_the_buyer_has_paid() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let begun = shop.charge(&buyer, 70_000, "a", None).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    assert_eq!(begun.body["status"], "PENDING");
    let id = begun.text_of("chargeId");
    let path = format!("/users/{}/wallet/charges/{id}", buyer.user_id);
    assert_eq!(begun.header("location"), path);
    let url = begun.body["checkout"]["url"].as_str().unwrap();
    assert!(url.starts_with("https://shop.example.com/"), "{url}");
    assert_eq!(shop.world.balance(&buyer).await, 0);
    assert_eq!(shop.look(&buyer, &begun).await["status"], "PENDING");

    shop.pays(&begun);
    let done = shop.look(&buyer, &begun).await;
    assert_eq!(done["status"], "DONE", "{done}");
    assert!(done.get("checkout").is_none());
    assert_eq!(shop.ledger(&buyer).await, [("CHARGE".to_owned(), 70_000)]);
    let wallet = shop
        .world
        .get(
            &format!("/users/{}/wallet/ledger", buyer.user_id),
            &buyer.token,
        )
        .await;
    assert_eq!(wallet.body["entries"][0]["entryId"], id);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn the_same_key_gives_the_same_charge_and_never_a_second_checkout() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let first = shop.charge(&buyer, 100, "once", None).await;
    let again = shop.charge(&buyer, 100, "once", None).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(shop.provider.requests(), ["begin"]);
    let other = shop.charge(&buyer, 101, "once", None).await;
    other.is_problem(422, "idempotency_key_reused");
    shop.pays(&first);
    shop.look(&buyer, &first).await;
    let done = shop.charge(&buyer, 100, "once", None).await;
    assert_eq!((done.status, &done.body["status"]), (200, &json!("DONE")));
}

/// The schedule has read that nobody can pay the charge, and at this moment somebody gets its checkout.
#[tokio::test]
async fn a_charge_does_not_expire_once_its_checkout_is_handed_out() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    shop.provider.trouble(0, Trouble::Down);
    let unanswered = shop.charge(&buyer, 100, "a", None).await;
    unanswered.is_problem(503, "provider_unreachable");

    let settling = shop.another_process();
    let gate = CallGate::of(&["EXPIRED"]);
    settling.world.wire.put_gate(gate.clone());
    let handed_out = async {
        gate.waits().await;
        let begun = shop.charge(&buyer, 100, "a", None).await;
        assert_eq!(begun.body["status"], "PENDING", "{begun:?}");
        gate.open();
        begun
    };
    let (_, begun) = futures::future::join(settling.settle_later(), handed_out).await;

    shop.pays(&begun);
    assert_eq!(shop.look(&buyer, &begun).await["status"], "DONE");
    assert_eq!(shop.ledger(&buyer).await, [("CHARGE".to_owned(), 100)]);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn a_payment_is_credited_once_however_often_and_late_it_is_told() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let begun = shop.charge(&buyer, 100, "a", None).await;
    shop.pays(&begun);
    for _ in 0..2 {
        assert_eq!(shop.notify(&begun).await.status, 200);
    }
    shop.look(&buyer, &begun).await;
    shop.world.clock.advance_seconds(3 * 24 * 3600);
    assert_eq!(shop.notify(&begun).await.status, 200);
    shop.settle().await.unwrap();
    assert_eq!(shop.ledger(&buyer).await, [("CHARGE".to_owned(), 100)]);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn many_processes_that_learn_of_a_payment_at_once_credit_it_once() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.holder(7).await;
    let begun = shop.checkout(&buyer, &id).await;
    shop.pays(&begun);
    shop.world.clock.advance_seconds(70);
    let processes: Vec<_> = (0..6).map(|_| shop.another_process()).collect();
    let told = processes.iter().enumerate().map(async |(index, process)| {
        if index % 2 == 0 {
            let _ = process.settle().await;
        } else {
            process.notify(&begun).await;
        }
    });
    futures::future::join_all(told).await;
    shop.settle().await.unwrap();
    shop.is_bought(&buyer, &id).await;
}

#[tokio::test]
async fn a_payment_nobody_tells_of_is_found_by_the_schedule() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let begun = shop.charge(&buyer, 100, "a", None).await;
    shop.pays(&begun);
    assert_eq!(shop.settle().await.unwrap()["due"], 0);
    shop.world.clock.advance_seconds(60);
    let summary = shop.settle().await.unwrap();
    assert_eq!(summary, json!({ "due": 1, "ended": 1, "left": 0 }));
    assert_eq!(shop.world.balance(&buyer).await, 100);
    assert_eq!(shop.settle().await.unwrap()["due"], 0);
}

#[tokio::test]
async fn a_refused_payment_fails_and_one_that_nobody_makes_expires() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let refused = shop.charge(&buyer, 100, "a", None).await;
    shop.decides(&refused, DemoState::Failed);
    let failed = shop.look(&buyer, &refused).await;
    assert_eq!(
        (&failed["status"], &failed["failure"]),
        (&json!("FAILED"), &json!("REFUSED"))
    );
    let abandoned = shop.charge(&buyer, 100, "b", None).await;
    shop.world.clock.advance_seconds(31 * 60);
    shop.settle().await.unwrap();
    let expired = shop.look(&buyer, &abandoned).await;
    assert_eq!(expired["status"], "EXPIRED");
    // Nobody can pay any more.
    let now = shop.world.app.clock().now();
    assert!(
        !shop
            .demo()
            .decide(super::order(&abandoned), DemoState::Paid(now))
    );
    assert_eq!(shop.world.balance(&buyer).await, 0);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn a_payment_of_another_amount_is_not_believed() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let begun = shop.charge(&buyer, 70_000, "a", None).await;
    set_amount(&shop, &begun, 7);
    shop.pays(&begun);
    let failed = shop.look(&buyer, &begun).await;
    assert_eq!(
        (&failed["status"], &failed["failure"]),
        (&json!("FAILED"), &json!("DIFFERS"))
    );
    shop.notify(&begun).await;
    assert_eq!(shop.world.balance(&buyer).await, 0);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn a_forged_notification_is_refused_and_one_about_a_strange_order_changes_nothing() {
    let shop = PayingShop::new().await;
    let headers = [
        ("content-type", "application/json"),
        ("demo-signature", "x"),
    ];
    let body = json!({ "orderId": "x" }).to_string();
    let send = async |path: &str| shop.world.send("POST", path, &headers, Some(&body)).await;
    send("/webhooks/demo")
        .await
        .is_problem(400, "invalid_signature");
    send("/webhooks/stripe")
        .await
        .is_problem(400, "invalid_request");
    send("/webhooks/nobody")
        .await
        .is_problem(400, "invalid_request");

    let stranger = PayingShop::new().await;
    let buyer = stranger.world.joins(EVENT).await;
    let begun = stranger.charge(&buyer, 100, "a", None).await;
    let (headers, body) = shop.demo().notification(super::order(&begun));
    let signature = headers.values().next().unwrap().to_str().unwrap();
    let headers = [
        ("content-type", "application/json"),
        ("demo-signature", signature),
    ];
    let body = String::from_utf8(body).unwrap();
    let reply = shop
        .world
        .send("POST", "/webhooks/demo", &headers, Some(&body))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let empty = shop
        .world
        .send("POST", "/webhooks/demo", &headers, Some("{\"a\":1}"))
        .await;
    empty.is_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_notification_that_comes_too_soon_after_another_is_to_be_repeated() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let begun = shop.charge(&buyer, 100, "a", None).await;
    assert_eq!(shop.notify(&begun).await.status, 200);
    shop.notify(&begun).await.is_problem(429, "throttled");
    shop.world.clock.advance_seconds(1);
    shop.pays(&begun);
    assert_eq!(shop.notify(&begun).await.status, 200);
    assert_eq!(shop.world.balance(&buyer).await, 100);
}

#[tokio::test]
async fn a_provider_that_is_down_makes_nobody_pay_twice() {
    for trouble in [Trouble::Down, Trouble::AnswerLost] {
        let shop = PayingShop::new().await;
        let buyer = shop.world.joins(EVENT).await;
        shop.provider.trouble(0, trouble);
        let refused = shop.charge(&buyer, 100, "a", None).await;
        refused.is_problem(503, "provider_unreachable");
        let begun = shop.charge(&buyer, 100, "a", None).await;
        assert_eq!(begun.status, 200, "{begun:?}");
        shop.pays(&begun);
        shop.provider.trouble(0, trouble);
        assert_eq!(shop.look(&buyer, &begun).await["status"], "PENDING");
        shop.provider.trouble(0, trouble);
        shop.world.clock.advance_seconds(60);
        assert!(shop.settle().await.is_err(), "the alarm is told");
        assert_eq!(shop.look(&buyer, &begun).await["status"], "DONE");
        assert_eq!(shop.world.balance(&buyer).await, 100);
    }
}

#[tokio::test]
async fn a_user_has_at_most_five_pending_charges_and_no_more_than_the_ceiling() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    for key in ["a", "b", "c", "d", "e"] {
        assert_eq!(shop.charge(&buyer, 100, key, None).await.status, 202);
    }
    let sixth = shop.charge(&buyer, 100, "f", None).await;
    sixth.is_problem(422, "limit_exceeded");
    assert_eq!(sixth.body["maxPendingCharges"], 5);
    let other = shop.world.joins(EVENT).await;
    let over = shop.charge(&other, 10_000_001, "a", None).await;
    over.is_problem(422, "limit_exceeded");
}

#[tokio::test]
async fn a_charge_is_its_users_alone() {
    let shop = PayingShop::new().await;
    let (buyer, other) = (shop.world.joins(EVENT).await, shop.world.joins(EVENT).await);
    let begun = shop.charge(&buyer, 100, "a", None).await;
    let id = begun.text_of("chargeId");
    let path = |user: &str, id: &str| format!("/users/{user}/wallet/charges/{id}");
    let get = async |path: String| shop.world.get(&path, &other.token).await;
    get(path(&buyer.user_id, id))
        .await
        .is_problem(403, "not_yours");
    get(path(&other.user_id, id))
        .await
        .is_problem(404, "charge_not_found");
    get(path(&other.user_id, "x"))
        .await
        .is_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_trusted_charge_pays_for_nothing_by_itself() {
    let world = World::new().await;
    let shop = PayingShop {
        provider: PayingShop::new().await.provider,
        world,
    };
    shop.world.app.promote_all().await.unwrap();
    let (buyer, id) = shop.holder(7).await;
    let refused = shop.charge(&buyer, PRICE, "a", Some(&id)).await;
    refused.is_problem(400, "invalid_request");
    assert_eq!(refused.wrong_fields(), ["payFor"]);
}

#[tokio::test]
async fn a_reservation_names_the_charge_that_is_to_pay_for_it() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.holder(8).await;
    let path = format!("/reservations/{id}");
    let before = shop.world.get(&path, &buyer.token).await;
    assert!(before.body.get("chargeId").is_none(), "{before:?}");
    let begun = shop.checkout(&buyer, &id).await;
    let held = shop.world.get(&path, &buyer.token).await;
    assert_eq!(held.body["chargeId"], begun.body["chargeId"]);
    assert_eq!(held.body["heldUntil"], begun.body["expiresAt"]);
}
