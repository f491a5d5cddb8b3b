//! If a write of money that comes from a payment provider, or goes back to it, loses its condition, the audit notices. With
//! the condition, the slower process changes nothing.

use boxoffice::demo_provider::DemoProvider;
use futures::FutureExt;
use futures::future::LocalBoxFuture;

use crate::call_gate::CallGate;
use crate::charges::PayingShop;
use crate::invariants;
use crate::wire::{Fault, Rule};
use crate::world::{Buyer, EVENT, World};

/// A day in which the provider is asked for a refund again and again, and some more.
const A_DAY_SECONDS: u32 = 25 * 60 * 60;

/// What the wallet is read by.
const WALLET: &[&str] = &["BALANCE"];
/// What charges are read by.
const CHARGES: &[&str] = &["CHARGE#"];

/// One process works until it reads this. Then another one does all its work. Then the first one writes, perhaps without
/// the conditions on some items.
async fn is_overtaken(
    slow: (&World, &'static [&'static str]),
    forgotten: Option<&'static str>,
    work: LocalBoxFuture<'_, ()>,
    other_work: LocalBoxFuture<'_, ()>,
) {
    let (process, reads) = slow;
    let gate = CallGate::of(reads);
    process.wire.put_gate(gate.clone());
    let rule =
        forgotten.map(|keys| Rule::every("TransactWriteItems", "", Fault::Unconditional(keys)));
    process.wire.inject_all(rule.as_ref());
    let other = async {
        gate.waits().await;
        other_work.await;
        gate.open();
    };
    futures::future::join(work, other).await;
}

/// Nothing is found with the conditions, and broken money without those on these items.
async fn is_noticed(keys: &'static str, scene: impl AsyncFn(Option<&'static str>) -> World) {
    invariants::check(&Box::pin(scene(None)).await).await;
    let broken = invariants::broken(&Box::pin(scene(Some(keys))).await).await;
    let is_of_money = |number: u8| number == 2;
    assert!(
        broken.iter().any(|it| is_of_money(it.invariant.number())),
        "without the conditions on {keys}: {broken:#?}"
    );
}

async fn topped_up() -> (PayingShop, Buyer) {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    shop.top_up(&buyer, 500, "a").await;
    (shop, buyer)
}

#[tokio::test]
async fn a_credit_without_the_charges_condition_is_noticed() {
    is_noticed("CHARGE#", async |forgotten| {
        let shop = PayingShop::new().await;
        let buyer = shop.world.joins(EVENT).await;
        let begun = shop.charge(&buyer, 500, "a", None).await;
        shop.pays(&begun);
        shop.world.clock.advance_seconds(60);
        let slow = shop.another_process();
        let slow = &slow.world;
        is_overtaken(
            (slow, WALLET),
            forgotten,
            settles(slow).boxed_local(),
            settles(&shop.world).boxed_local(),
        )
        .await;
        shop.world
    })
    .await;
}

/// A withdrawal that the provider has refused for a day.
async fn refused() -> (PayingShop, Buyer, [World; 2]) {
    let (shop, buyer) = topped_up().await;
    assert_eq!(shop.withdraw(&buyer, 200, "w").await.status, 202);
    shop.world.clock.advance_seconds(A_DAY_SECONDS);
    // This provider knows of no payment.
    let process = || shop.world.process_with_provider(DemoProvider::default());
    let processes = [process(), process()];
    (shop, buyer, processes)
}

async fn settles(process: &World) {
    let _ = Box::pin(settle::handle(&process.app)).await;
}

#[tokio::test]
async fn a_reversal_without_the_withdrawals_condition_is_noticed() {
    is_noticed("WITHDRAWAL#", async |forgotten| {
        let (shop, _, [slow, fast]) = refused().await;
        is_overtaken(
            (&slow, CHARGES),
            forgotten,
            settles(&slow).boxed_local(),
            settles(&fast).boxed_local(),
        )
        .await;
        shop.world
    })
    .await;
}

#[tokio::test]
async fn a_reversal_without_the_charges_condition_is_noticed() {
    is_noticed("CHARGE#", async |forgotten| {
        let (shop, buyer, [slow, _]) = refused().await;
        let again = async {
            assert_eq!(shop.withdraw(&buyer, 100, "more").await.status, 202);
        };
        is_overtaken(
            (&slow, WALLET),
            forgotten,
            settles(&slow).boxed_local(),
            again.boxed_local(),
        )
        .await;
        shop.world
    })
    .await;
}

#[tokio::test]
async fn a_withdrawal_without_the_wallets_conditions_is_noticed() {
    is_noticed("WALLET#", async |forgotten| {
        let (shop, buyer) = topped_up().await;
        let slow = shop.another_process();
        let withdraws = async |shop: &PayingShop, amount, key: &'static str| {
            shop.withdraw(&buyer, amount, key).await;
        };
        let slow_one = withdraws(&slow, 200, "a").boxed_local();
        let other_one = withdraws(&shop, 300, "b").boxed_local();
        is_overtaken((&slow.world, CHARGES), forgotten, slow_one, other_one).await;
        shop.world
    })
    .await;
}
