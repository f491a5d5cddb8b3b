//! After the run: everything is settled, audited and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::books::BookedKind;
use domain::charge::{ChargeState, FailureReason, OrderId, ProviderId, ProviderPayment};
use domain::clock::EpochMs;
use domain::ids::UserId;
use domain::invariants::UserItems;
use domain::money::Money;
use domain::reservation::State;
use shared::audit::AuditReport;
use shared::provider::{Provider, RefundRequest};

use super::Shop;
use crate::random::number_of;

/// What is younger may be under way, and is not compared.
const UNDER_WAY_SECONDS: u32 = 2 * 60 * 60;
/// The schedule needs as many hourly runs at most.
const LONGEST_SETTLEMENT: usize = 40;

impl Shop {
    /// The schedule runs, without troubles, until nothing is due any more.
    async fn settle(&self) {
        let process = self.process().world;
        for _ in 0..LONGEST_SETTLEMENT {
            self.world.clock.advance_seconds(60 * 60);
            settle::handle(&process.app).await.unwrap();
            let due = process.app.store().due(EpochMs(i64::MAX), 1_000).await;
            if due.unwrap().is_empty() {
                return;
            }
        }
        panic!("something is always due");
    }

    /// All of every buyer's items.
    async fn everything(&self) -> Vec<(UserId, UserItems)> {
        let store = self.world.another_process();
        let store = store.app.store().clone();
        let mut all = Vec::new();
        for at in 0..self.buyers.len() {
            let user = UserId::parse(&self.known(at).0).unwrap();
            all.push((user, store.inspect_user(user).await.unwrap().items));
        }
        all
    }

    /// The audit of the next night.
    async fn audit(&self) -> AuditReport {
        self.world.clock.advance_seconds(UNDER_WAY_SECONDS + 1);
        let process = self.world.another_process();
        let time = Duration::from_mins(10);
        let report = shared::audit::run_within(process.app.store(), Some(&self.demo), time).await;
        let report = report.unwrap();
        assert_eq!((&report.incomplete, report.is_cut_short), (&None, false));
        report
    }

    /// What the provider has taken, less what it has given back.
    async fn is_at_the_provider(&self) -> Money {
        let end = EpochMs(i64::MAX);
        let mut sum = Money::ZERO;
        let mut position: Option<String> = None;
        loop {
            let page = self.demo.booked(EpochMs(0), end, position.as_deref()).await;
            let page = page.unwrap();
            for booked in &page.booked {
                sum = match booked.kind {
                    BookedKind::Payment => sum + booked.amount,
                    BookedKind::Refund => sum - booked.amount,
                };
            }
            position = page.next;
            if position.is_none() {
                return sum;
            }
        }
    }

    /// Gives a payment that nobody asked for back, by hand.
    async fn give_back(&self, order: OrderId) {
        let name = order.to_string();
        let amount = self.demo.order(&name).unwrap().amount;
        let payment = ProviderPayment {
            payment_id: ProviderId(format!("demo_{name}")),
            amount,
            currency: self.demo.order(&name).unwrap().currency,
        };
        let request = RefundRequest {
            key: &format!("by hand {name}"),
            order_id: order,
            payment: &payment,
            amount,
            at: self.world.clock.now(),
        };
        self.demo.refund(&request).await.unwrap();
    }
}

/// What tickets have cost, and what cancellations have kept.
fn spent(items: &UserItems) -> Money {
    let reservations = items.reservations.iter().chain(&items.archived);
    let owed = reservations.map(|reservation| match &reservation.value.state {
        State::Confirmed { .. } => reservation.value.total_price + reservation.value.returned.kept,
        State::Cancelled {
            payment: Some(_), ..
        } => reservation.value.fees.kept_on_cancellation() + reservation.value.returned.kept,
        State::Held { .. } | State::Cancelled { payment: None, .. } => Money::ZERO,
    });
    owed.sum()
}

/// The provider's money is where the books say: what is not in tickets and fees is in wallets, and what can go back adds
/// up to what the provider has of charges that were credited.
async fn no_money_is_lost_or_made(shop: &Shop, everything: &[(UserId, UserItems)]) {
    let total = |of: fn(&UserItems) -> Money| -> Money {
        everything.iter().map(|(_, items)| of(items)).sum()
    };
    let at_provider = shop.is_at_the_provider().await;
    let balances = total(|items| {
        items
            .wallet
            .as_ref()
            .map_or(Money::ZERO, |it| it.value.balance)
    });
    let returnable = total(|items| {
        items
            .wallet
            .as_ref()
            .map_or(Money::ZERO, |it| it.value.returnable)
    });
    assert_eq!(balances + total(spent), at_provider);
    assert_eq!(returnable, at_provider);
    assert!(at_provider > Money::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_agree_and_no_money_is_lost_while_buyers_pay_and_withdraw_at_random() {
    let buyers = number_of("RANDOM_BUYERS", 16);
    let actions = number_of("RANDOM_ACTIONS", 2_000);
    let seed = std::env::var("RANDOM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("RANDOM_SEED={seed}");
    let shop = Shop::open(buyers, actions).await;
    shop.act(seed).await;
    let answers = shop.answers.lock().unwrap().clone();
    println!("{answers:#?}");
    shop.settle().await;

    // An operator sees the payments of another amount, and nothing else.
    let everything = shop.everything().await;
    let charges = everything.iter().flat_map(|(_, it)| &it.provider_charges);
    let differ: BTreeMap<String, OrderId> = charges
        .filter(|charge| charge.value.state == ChargeState::Failed(FailureReason::Differs))
        .map(|charge| (charge.key.clone(), charge.value.order_id()))
        .collect();
    let report = shop.audit().await;
    let found: BTreeSet<&String> = report.findings.iter().map(|finding| &finding.key).collect();
    assert_eq!(found, differ.keys().collect(), "{:#?}", report.findings);
    assert!(report.findings.iter().all(|it| it.invariant.number() == 6));

    // They are given back.
    for order in differ.into_values() {
        shop.give_back(order).await;
    }
    let report = shop.audit().await;
    assert_eq!(report.findings, []);
    let compared = report.compared.unwrap();
    assert!(
        compared.payments > 0 && compared.refunds > 0,
        "{compared:?}"
    );
    no_money_is_lost_or_made(&shop, &everything).await;

    // Each of these has happened.
    for what in [
        "hold-seat 201",
        "pay-for 202",
        "pay-for hold_expired",
        "top-up 202",
        "top-up 200",
        "top-up provider_unreachable",
        "DONE PAID",
        "DONE",
        "payment-webhook 200",
        "cancel-reservation 200",
        "withdraw 202",
        "withdraw 200",
        "withdraw not_withdrawable",
    ] {
        assert!(answers.contains_key(what), "no {what}: {answers:#?}");
    }
}
