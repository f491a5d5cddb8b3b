//! Money goes back to where it came from: asked for, after a cancellation, and when the provider
//! cannot.

use boxoffice::commands::withdrawals;
use boxoffice::demo_provider::DemoRefundState;
use domain::event::{Programme, RefundTo};
use serde_json::{Value, json};

use super::PayingShop;
use crate::invariants;
use crate::printed::Printed;
use crate::unreliable::Trouble;
use crate::world::{Buyer, EVENT, PRICE, Reply, concert};

impl PayingShop {
    async fn withdrawable(&self, buyer: &Buyer) -> i64 {
        let path = format!("/users/{}/wallet", buyer.user_id);
        let wallet = self.world.get(&path, &buyer.token).await.body;
        wallet["withdrawable"].as_i64().unwrap()
    }

    async fn cancel(&self, buyer: &Buyer, id: &str, query: &str) -> Reply {
        let path = format!("/reservations/{id}{query}");
        self.world.delete(&path, &buyer.token).await
    }
}

fn statuses(withdrawals: &[Value]) -> Vec<&str> {
    withdrawals
        .iter()
        .map(|of| of["status"].as_str().unwrap())
        .collect()
}

fn concert_that_refunds_to(refund_to: RefundTo) -> Programme {
    let mut concert = concert();
    concert.event.terms.refund_to = refund_to;
    concert
}

// M8
#[tokio::test]
async fn who_asks_gets_the_balance_that_came_from_a_provider_back() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    shop.top_up(&buyer, PRICE, "a").await;
    assert_eq!(shop.withdrawable(&buyer).await, PRICE);
    let asked = shop.withdraw(&buyer, PRICE, "w").await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let path = format!("/users/{}/wallet/withdrawals", buyer.user_id);
    assert_eq!(asked.header("location"), path);
    // The money has left the wallet before the provider is asked.
    assert_eq!(shop.world.balance(&buyer).await, 0);
    assert_eq!(statuses(&shop.withdrawals(&buyer).await), ["PENDING"]);
    shop.settle().await.unwrap();
    shop.is_given_back(&buyer).await;
    assert!(shop.withdrawals(&buyer).await[0]["endedAt"].is_string());
    assert_eq!(shop.settle().await.unwrap()["due"], 0);
}

#[tokio::test]
async fn what_was_granted_or_spent_cannot_go_back() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    // Before the deployment had a provider.
    let trusting = shop.world.another_process();
    assert_eq!(trusting.charge(&buyer, 700, "grant").await.status, 201);
    assert_eq!(shop.withdrawable(&buyer).await, 0);
    let asked = shop.withdraw(&buyer, 1, "w").await;
    asked.is_problem(409, "not_withdrawable");
    assert_eq!(asked.body["withdrawable"], 0);

    shop.top_up(&buyer, 500, "a").await;
    assert_eq!(shop.withdrawable(&buyer).await, 500);
    let too_much = shop.withdraw(&buyer, 501, "w").await;
    too_much.is_problem(409, "not_withdrawable");
    assert_eq!(too_much.body["withdrawable"], 500);
    assert_eq!(shop.withdraw(&buyer, 500, "w").await.status, 202);
    assert_eq!(shop.world.balance(&buyer).await, 700);
    shop.settle().await.unwrap();
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn nothing_goes_back_where_charging_is_trusted() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    shop.top_up(&buyer, 500, "a").await;
    let trusting = PayingShop {
        world: shop.world.another_process(),
        provider: shop.provider.clone(),
    };
    assert_eq!(trusting.withdrawable(&buyer).await, 0);
    let asked = trusting.withdraw(&buyer, 500, "w").await;
    asked.is_problem(409, "not_withdrawable");
}

#[tokio::test]
async fn the_same_key_withdraws_once() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    shop.top_up(&buyer, 500, "a").await;
    shop.top_up(&buyer, 500, "b").await;
    let first = shop.withdraw(&buyer, 700, "w").await;
    assert_eq!(first.body["withdrawals"].as_array().unwrap().len(), 2);
    let again = shop.withdraw(&buyer, 700, "w").await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    let other = shop.withdraw(&buyer, 300, "w").await;
    other.is_problem(422, "idempotency_key_reused");
    assert_eq!(shop.world.balance(&buyer).await, 300);
    shop.settle().await.unwrap();
    let done = shop.withdraw(&buyer, 700, "w").await;
    let done = done.body["withdrawals"].as_array().unwrap().clone();
    assert_eq!(statuses(&done), ["DONE", "DONE"]);
}

#[tokio::test]
async fn a_payment_goes_back_in_parts_the_newest_first() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let older = shop.top_up(&buyer, 500, "a").await;
    let newer = shop.top_up(&buyer, 500, "b").await;
    for (key, amount) in [("w1", 200), ("w2", 400), ("w3", 400)] {
        assert_eq!(shop.withdraw(&buyer, amount, key).await.status, 202);
        shop.settle().await.unwrap();
    }
    let withdrawals = shop.withdrawals(&buyer).await;
    let told: Vec<(&Value, i64)> = withdrawals
        .iter()
        .rev()
        .map(|of| (&of["chargeId"], of["amount"].as_i64().unwrap()))
        .collect();
    let (older, newer) = (&older.body["chargeId"], &newer.body["chargeId"]);
    assert_eq!(
        told,
        [(newer, 200), (newer, 300), (older, 100), (older, 400)]
    );
    assert_eq!(shop.world.balance(&buyer).await, 0);
    assert_eq!(shop.demo().refunded().0, 1_000);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn withdrawals_are_listed_page_by_page() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    shop.top_up(&buyer, 500, "a").await;
    for amount in 1..=5 {
        let asked = shop.withdraw(&buyer, amount, &format!("w{amount}")).await;
        assert_eq!(asked.status, 202);
    }
    let mut path = format!("/users/{}/wallet/withdrawals?limit=2", buyer.user_id);
    let mut amounts = Vec::new();
    loop {
        let page = shop.world.get(&path, &buyer.token).await.body;
        let page_of = page["withdrawals"].as_array().unwrap();
        assert!(page_of.len() <= 2);
        amounts.extend(page_of.iter().map(|of| of["amount"].as_i64().unwrap()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!(
            "/users/{}/wallet/withdrawals?limit=2&cursor={cursor}",
            buyer.user_id
        );
    }
    assert_eq!(amounts, [5, 4, 3, 2, 1]);
    let stranger = shop.world.joins(EVENT).await;
    let strange = shop.world.get(&path, &stranger.token).await;
    strange.is_problem(403, "not_yours");
}

#[tokio::test]
async fn a_user_has_at_most_ten_withdrawals_on_their_way() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    shop.top_up(&buyer, 500, "a").await;
    for number in 0..10 {
        let asked = shop.withdraw(&buyer, 1, &format!("w{number}")).await;
        assert_eq!(asked.status, 202);
    }
    let more = shop.withdraw(&buyer, 1, "more").await;
    more.is_problem(422, "limit_exceeded");
    assert_eq!(more.body["maxPendingWithdrawals"], 10);
    shop.settle().await.unwrap();
    assert_eq!(shop.withdraw(&buyer, 1, "more").await.status, 202);
}

#[tokio::test]
async fn a_withdrawal_needs_an_amount_a_key_and_its_owner() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let none = shop.withdraw(&buyer, 0, "w").await;
    none.is_problem(400, "invalid_request");
    assert_eq!(none.body["errors"][0]["field"], "amount");
    let path = format!("/users/{}/wallet/withdrawals", buyer.user_id);
    let unnamed = shop
        .world
        .post(&path, &buyer.token, json!({"amount": 1}))
        .await;
    unnamed.is_problem(400, "invalid_request");
    assert_eq!(unnamed.body["errors"][0]["field"], "header:Idempotency-Key");
    let stranger = Buyer {
        user_id: buyer.user_id.clone(),
        ..shop.world.joins(EVENT).await
    };
    let strange = shop.withdraw(&stranger, 1, "w").await;
    strange.is_problem(403, "not_yours");
}

// M9
#[tokio::test]
async fn a_refund_goes_to_the_wallet_and_on_to_the_source_if_the_buyer_asks() {
    let shop = PayingShop::new().await;
    let (buyer, id) = shop.ticket_holder(7).await;
    let cancelled = shop.cancel(&buyer, &id, "?refundTo=source").await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(cancelled.body["refunded"], PRICE);
    assert_eq!(cancelled.body["refundedToSource"], PRICE);
    let kinds: Vec<String> = shop
        .ledger(&buyer)
        .await
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, ["CHARGE", "PAYMENT", "REFUND", "WITHDRAWAL"]);
    // A repeated request gives nothing more.
    let again = shop.cancel(&buyer, &id, "?refundTo=source").await;
    assert_eq!((again.status, &again.body), (200, &cancelled.body));
    shop.settle().await.unwrap();
    let withdrawals = shop.withdrawals(&buyer).await;
    assert_eq!(statuses(&withdrawals), ["DONE"]);
    assert_eq!(withdrawals[0]["reservationId"], id);
    assert_eq!(shop.demo().refunded().0, PRICE);
    assert_eq!(shop.world.balance(&buyer).await, 0);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn a_returned_part_goes_on_to_the_source_if_the_buyer_asks() {
    let mut concert = concert_that_refunds_to(RefundTo::Wallet);
    concert.event.terms.max_seats_per_user = 2;
    concert.event.terms.partial_returns = true;
    let shop = PayingShop::with(concert).await;
    let (buyer, id) = shop.holder_of_tickets(&[7, 8]).await;
    for _ in 0..2 {
        let returned = shop.cancel(&buyer, &id, "?seats=8&refundTo=source").await;
        assert_eq!(returned.status, 200, "{returned:?}");
        assert_eq!(returned.text_of("status"), "CONFIRMED");
        assert_eq!(returned.body["refunded"], PRICE);
        assert_eq!(returned.body["refundedToSource"], PRICE);
        shop.settle().await.unwrap();
        assert_eq!(shop.demo().refunded().0, PRICE);
    }
    let cancelled = shop.cancel(&buyer, &id, "").await;
    assert_eq!(cancelled.body["refunded"], 2 * PRICE);
    assert_eq!(cancelled.body["refundedToSource"], PRICE);
    assert_eq!(shop.world.balance(&buyer).await, PRICE);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn a_refund_goes_where_the_event_says_unless_the_buyer_says_otherwise() {
    for (event, query, to_source) in [
        (RefundTo::Wallet, "", 0),
        (RefundTo::Wallet, "?refundTo=source", PRICE),
        (RefundTo::Source, "", PRICE),
        (RefundTo::Source, "?refundTo=wallet", 0),
    ] {
        let shop = PayingShop::with(concert_that_refunds_to(event)).await;
        let (buyer, id) = shop.ticket_holder(7).await;
        let cancelled = shop.cancel(&buyer, &id, query).await;
        assert_eq!(cancelled.body["refunded"], PRICE, "{event:?}{query}");
        assert_eq!(
            cancelled.body["refundedToSource"], to_source,
            "{event:?}{query}"
        );
        assert_eq!(shop.world.balance(&buyer).await, PRICE - to_source);
        shop.settle().await.unwrap();
        assert_eq!(shop.demo().refunded().0, to_source);
        invariants::check(&shop.world).await;
    }
}

#[tokio::test]
async fn the_event_tells_where_refunds_go() {
    let shop = PayingShop::with(concert_that_refunds_to(RefundTo::Source)).await;
    let event = shop.world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(event.body["refundTo"], "source");
    let (buyer, id) = shop.holder(7).await;
    let wrong = shop.cancel(&buyer, &id, "?refundTo=card").await;
    wrong.is_problem(400, "invalid_request");
    assert_eq!(wrong.body["errors"][0]["field"], "query:refundTo");
    let released = shop.cancel(&buyer, &id, "?refundTo=source").await;
    assert_eq!(released.body["refundedToSource"], 0);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn only_what_came_from_the_provider_goes_back_after_a_cancellation() {
    let shop = PayingShop::with(concert_that_refunds_to(RefundTo::Source)).await;
    let (buyer, id) = shop.holder(7).await;
    let trusting = shop.world.another_process();
    assert_eq!(
        trusting.charge(&buyer, PRICE - 30, "grant").await.status,
        201
    );
    let begun = shop.charge(&buyer, 30, "a", Some(&id)).await;
    shop.pays(&begun);
    assert_eq!(shop.look(&buyer, &begun).await["purchase"], "PAID");
    let cancelled = shop.cancel(&buyer, &id, "").await;
    assert_eq!(cancelled.body["refunded"], PRICE);
    assert_eq!(cancelled.body["refundedToSource"], 30);
    assert_eq!(shop.world.balance(&buyer).await, PRICE - 30);
    shop.settle().await.unwrap();
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn a_cancelled_ticket_goes_back_to_the_payment_that_bought_it() {
    let shop = PayingShop::with(concert_that_refunds_to(RefundTo::Source)).await;
    let (buyer, id) = shop.ticket_holder(7).await;
    let ours = shop.reservation(&buyer, &id).await["chargeId"].clone();
    shop.top_up(&buyer, PRICE, "newer").await;
    assert_eq!(shop.cancel(&buyer, &id, "").await.status, 200);
    assert_eq!(shop.withdrawals(&buyer).await[0]["chargeId"], ours);
}

#[tokio::test]
async fn a_refund_that_the_provider_makes_later_is_asked_for_until_it_is_done() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    shop.top_up(&buyer, PRICE, "a").await;
    shop.withdraw(&buyer, PRICE, "w").await;
    shop.demo().set_refunds(DemoRefundState::Pending);
    shop.settle().await.unwrap();
    assert_eq!(statuses(&shop.withdrawals(&buyer).await), ["PENDING"]);
    shop.settle_later().await.unwrap();
    assert_eq!(statuses(&shop.withdrawals(&buyer).await), ["PENDING"]);
    shop.demo().set_refunds(DemoRefundState::Done);
    shop.settle_later().await.unwrap();
    shop.is_given_back(&buyer).await;
    let asked = shop.provider.requests();
    assert_eq!(asked.iter().filter(|of| **of == "refund").count(), 1);
}

// M10
#[tokio::test]
async fn a_refund_that_fails_puts_the_money_into_the_wallet_again() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    shop.top_up(&buyer, PRICE, "a").await;
    shop.withdraw(&buyer, PRICE, "w").await;
    shop.demo().set_refunds(DemoRefundState::Failed);
    shop.settle().await.unwrap();
    assert_eq!(statuses(&shop.withdrawals(&buyer).await), ["REVERSED"]);
    assert_eq!(shop.world.balance(&buyer).await, PRICE);
    assert_eq!(
        shop.ledger(&buyer).await.last().unwrap(),
        &("REVERSAL".to_owned(), PRICE)
    );
    let path = format!("/users/{}/wallet/ledger", buyer.user_id);
    let ledger = shop.world.get(&path, &buyer.token).await.body;
    let id = &shop.withdrawals(&buyer).await[0]["withdrawalId"];
    assert_eq!(&ledger["entries"][0]["withdrawalId"], id);
    assert_eq!(&ledger["entries"][1]["withdrawalId"], id);
    assert_eq!(shop.withdrawable(&buyer).await, PRICE);
    assert_eq!(shop.settle_later().await.unwrap()["due"], 0);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn a_refund_that_fails_after_it_was_done_puts_the_money_into_the_wallet_again() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let charge = shop.top_up(&buyer, PRICE, "a").await;
    shop.withdraw(&buyer, PRICE, "w").await;
    shop.settle().await.unwrap();
    shop.is_given_back(&buyer).await;
    shop.world.clock.advance_seconds(5 * 24 * 3600);
    shop.demo().set_refunds(DemoRefundState::Failed);
    assert_eq!(shop.notify(&charge).await.status, 200);
    assert_eq!(statuses(&shop.withdrawals(&buyer).await), ["REVERSED"]);
    assert_eq!(shop.world.balance(&buyer).await, PRICE);
    // A second notification changes nothing.
    assert_eq!(shop.notify(&charge).await.status, 200);
    assert_eq!(shop.world.balance(&buyer).await, PRICE);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn a_provider_that_refuses_is_asked_for_a_day_and_the_operator_sees_why() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    shop.top_up(&buyer, PRICE, "a").await;
    shop.withdraw(&buyer, PRICE, "w").await;
    let printed = async |as_json| {
        let printed = Printed::default();
        let store = shop.world.app.store();
        let mut out = printed.output();
        withdrawals::print(store, as_json, &mut out).await.unwrap();
        printed.text()
    };
    assert!(printed(false).await.contains("on its way"));
    let mut hours = 0;
    while statuses(&shop.withdrawals(&buyer).await) == ["PENDING"] {
        assert!(hours < 30, "the withdrawal does not end");
        shop.provider
            .trouble(0, Trouble::Refused("balance_insufficient"));
        let settled = shop.settle_later().await;
        hours += 1;
        if hours < 24 {
            assert!(settled.is_err(), "the operator is told");
            let line = printed(false).await;
            assert!(line.contains("last error: balance_insufficient"), "{line}");
            let listed: Value = serde_json::from_str(&printed(true).await).unwrap();
            let asked = &shop.withdrawals(&buyer).await[0];
            assert_eq!(listed[0]["withdrawalId"], asked["withdrawalId"]);
            assert_eq!(listed[0]["problem"], "balance_insufficient");
        }
    }
    assert_eq!(hours, 24);
    assert_eq!(printed(false).await, "no withdrawal is on its way\n");
    assert_eq!(statuses(&shop.withdrawals(&buyer).await), ["REVERSED"]);
    assert_eq!(shop.world.balance(&buyer).await, PRICE);
    invariants::check(&shop.world).await;
}

#[tokio::test]
async fn a_provider_that_recovers_within_a_day_gives_the_money_back_once() {
    for trouble in [
        Trouble::Down,
        Trouble::AnswerLost,
        Trouble::Refused("balance_insufficient"),
    ] {
        let shop = PayingShop::new().await;
        let buyer = shop.world.joins(EVENT).await;
        shop.top_up(&buyer, PRICE, "a").await;
        shop.withdraw(&buyer, PRICE, "w").await;
        shop.provider.trouble(0, trouble);
        assert!(shop.settle().await.is_err(), "the operator is told");
        shop.settle_later().await.unwrap();
        shop.is_given_back(&buyer).await;
    }
}
