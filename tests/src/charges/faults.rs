//! Faults between every two steps of a payment, in the store and at the provider: books and provider
//! agree in the end, and nothing is in neither place.

use futures::stream::{StreamExt, iter};

use super::PayingShop;
use crate::invariants;
use crate::unreliable::Trouble;
use crate::wire::{Fault, Rule};
use crate::world::{Buyer, PRICE, Reply};

/// A buyer pays for a hold; the answers are ignored.
async fn troubled(shop: &PayingShop, buyer: &Buyer, id: &str) {
    let begun = shop.charge(buyer, PRICE, "checkout", Some(id)).await;
    pay_if_possible(shop, &begun);
    shop.notify_if_possible(&begun).await;
    shop.world.clock.advance_seconds(60);
    let _ = shop.settle().await;
}

fn pay_if_possible(shop: &PayingShop, begun: &Reply) {
    if begun.body["checkout"].is_object() {
        shop.pays(begun);
    }
}

impl PayingShop {
    async fn notify_if_possible(&self, begun: &Reply) {
        if begun.body["checkout"].is_object() {
            self.notify(begun).await;
        }
    }
}

/// The buyer repeats the request, as a page does, pays if that has not happened, and comes back.
async fn is_bought_in_the_end(shop: &PayingShop, buyer: &Buyer, id: &str, what: &str) {
    let sound = shop.another_process();
    let again = sound.charge(buyer, PRICE, "checkout", Some(id)).await;
    assert!(matches!(again.status, 200 | 202), "{what}: {again:?}");
    if again.body["checkout"].is_object() {
        let now = sound.world.app.clock().now();
        let paid = boxoffice::demo_provider::DemoState::Paid(now);
        let _ = sound.demo().decide(super::order(&again), paid);
    }
    sound.world.clock.advance_seconds(60);
    sound.settle().await.unwrap();
    let charge = sound.look(buyer, &again).await;
    assert_eq!(charge["status"], "DONE", "{what}");
    assert_eq!(charge["purchase"], "PAID", "{what}");
    sound.is_bought(buyer, id).await;
    assert_eq!(sound.settle().await.unwrap()["due"], 0, "{what}");
    invariants::check(&sound.world).await;
}

/// A buyer returns a ticket to the card; the answers are ignored.
async fn returned(shop: &PayingShop, buyer: &Buyer, id: &str) {
    let path = format!("/reservations/{id}?refundTo=source");
    shop.world.delete(&path, &buyer.token).await;
    let _ = shop.settle().await;
}

/// The buyer repeats the request, and the schedule goes on. The money is back, once.
async fn is_back_in_the_end(shop: &PayingShop, buyer: &Buyer, id: &str, what: &str) {
    let sound = shop.another_process();
    let path = format!("/reservations/{id}?refundTo=source");
    let cancelled = sound.world.delete(&path, &buyer.token).await;
    assert_eq!(
        cancelled.body["refundedToSource"], PRICE,
        "{what}: {cancelled:?}"
    );
    sound.settle_later().await.unwrap();
    let withdrawals = sound.withdrawals(buyer).await;
    assert_eq!(withdrawals.len(), 1, "{what}");
    assert_eq!(withdrawals[0]["status"], "DONE", "{what}");
    assert_eq!(sound.demo().refunded().0, PRICE, "{what}");
    assert_eq!(sound.world.balance(buyer).await, 0, "{what}");
    assert_eq!(sound.settle_later().await.unwrap()["due"], 0, "{what}");
    invariants::check(&sound.world).await;
}

/// What a buyer does while a call fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Pays,
    Returns,
}

impl Deed {
    /// A shop, and a buyer with the reservation that it is about.
    async fn begins(self) -> (PayingShop, Buyer, String) {
        let shop = PayingShop::new().await;
        let (buyer, id) = match self {
            Self::Pays => shop.holder(7).await,
            Self::Returns => shop.ticket_holder(7).await,
        };
        (shop, buyer, id)
    }

    async fn is_done(self, process: &PayingShop, buyer: &Buyer, id: &str) {
        match self {
            Self::Pays => troubled(process, buyer, id).await,
            Self::Returns => returned(process, buyer, id).await,
        }
    }

    async fn is_right_in_the_end(self, shop: &PayingShop, buyer: &Buyer, id: &str, what: &str) {
        match self {
            Self::Pays => is_bought_in_the_end(shop, buyer, id, what).await,
            Self::Returns => is_back_in_the_end(shop, buyer, id, what).await,
        }
    }

    async fn calls_without_faults(self) -> u32 {
        let (shop, buyer, id) = self.begins().await;
        let process = shop.another_process();
        self.is_done(&process, &buyer, &id).await;
        self.is_right_in_the_end(&shop, &buyer, &id, "no fault")
            .await;
        u32::try_from(process.world.wire.calls().len()).unwrap()
    }
}

async fn sweep(deed: Deed, fault: Fault) {
    let calls = deed.calls_without_faults().await;
    assert!(calls > 10, "only {calls} calls");
    iter(0..calls)
        .for_each_concurrent(4, |after| async move {
            let (shop, buyer, id) = deed.begins().await;
            let process = shop.another_process();
            process.world.wire.inject(Rule {
                operation: "",
                containing: "",
                after,
                times: if fault == Fault::CutOff { u32::MAX } else { 1 },
                fault,
            });
            deed.is_done(&process, &buyer, &id).await;
            let what = format!("{fault:?} in call {after}");
            deed.is_right_in_the_end(&shop, &buyer, &id, &what).await;
        })
        .await;
}

#[tokio::test]
async fn a_process_that_crashes_at_any_call_gives_the_money_back_once() {
    sweep(Deed::Returns, Fault::CutOff).await;
}

#[tokio::test]
async fn a_lost_answer_at_any_call_gives_the_money_back_once() {
    sweep(Deed::Returns, Fault::LoseAnswer).await;
}

#[tokio::test]
async fn a_conflict_at_any_call_gives_the_money_back_once() {
    sweep(Deed::Returns, Fault::Conflict).await;
}

#[tokio::test]
async fn a_process_that_crashes_at_any_call_loses_no_payment() {
    sweep(Deed::Pays, Fault::CutOff).await;
}

#[tokio::test]
async fn a_lost_answer_at_any_call_loses_no_payment() {
    sweep(Deed::Pays, Fault::LoseAnswer).await;
}

#[tokio::test]
async fn a_conflict_at_any_call_loses_no_payment() {
    sweep(Deed::Pays, Fault::Conflict).await;
}

#[tokio::test]
async fn a_provider_that_fails_at_any_request_loses_no_payment() {
    for trouble in [Trouble::Down, Trouble::AnswerLost] {
        for after in 0..4 {
            let shop = PayingShop::new().await;
            let (buyer, id) = shop.holder(7).await;
            shop.provider.trouble(after, trouble);
            troubled(&shop, &buyer, &id).await;
            let what = format!("{trouble:?} in request {after}");
            is_bought_in_the_end(&shop, &buyer, &id, &what).await;
        }
    }
}
