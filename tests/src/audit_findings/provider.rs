//! Invariant 6: the payment provider's books, and charges and withdrawals, are the same.

mod fakes;

use std::time::Duration;

use boxoffice::demo_provider::{DemoProvider, DemoRefundState, DemoState};
use domain::charge::{OrderId, ProviderId, ProviderPayment};
use domain::money::{Currency, Money};
use serde_json::json;
use shared::audit::{AuditReport, Compared, Incomplete};
use shared::provider::{Provider, RefundRequest};

use super::{Finding, key, set};
use crate::charges::{PayingShop, order, set_amount};
use crate::unreliable::{Trouble, Unreliable};
use crate::world::{Buyer, EVENT, PRICE, Reply, World};

/// What is younger may be under way.
const UNDER_WAY_SECONDS: u32 = 2 * 60 * 60;

/// The audit of a process that this provider confirms charges of.
async fn report(world: &World, provider: &dyn Provider) -> AuditReport {
    let undisturbed = world.another_process();
    let time = Duration::from_mins(10);
    shared::audit::run_within(undisturbed.app.store(), Some(provider), time)
        .await
        .unwrap()
}

/// What the audit of the next night finds.
async fn findings(world: &World, provider: &dyn Provider) -> Vec<Finding> {
    world.clock.advance_seconds(UNDER_WAY_SECONDS + 1);
    let report = report(world, provider).await;
    assert_eq!((report.incomplete, report.is_cut_short), (None, false));
    report.findings
}

/// The only finding, which is of invariant 6.
async fn only(world: &World, provider: &dyn Provider) -> Finding {
    let mut findings = findings(world, provider).await;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let finding = findings.remove(0);
    assert_eq!(finding.invariant.number(), 6, "{finding:?}");
    finding
}

fn says(finding: &Finding, expected: &str, found: &str) {
    assert!(finding.expected.contains(expected), "{finding:?}");
    assert!(finding.found.contains(found), "{finding:?}");
}

fn charge_id(charge: &Reply) -> String {
    charge.text_of("chargeId").to_owned()
}

/// Refunds a part of a payment at the provider, without us.
async fn refund_by_hand(shop: &PayingShop, charge: &Reply, amount: i64) {
    let name = order(charge);
    let payment = ProviderPayment {
        payment_id: ProviderId(format!("demo_{name}")),
        amount: Money(amount),
        currency: Currency::try_from("KRW".to_owned()).unwrap(),
    };
    let request = RefundRequest {
        key: &format!("by hand {name}"),
        order_id: OrderId::parse(name).unwrap(),
        payment: &payment,
        amount: Money(amount),
        at: shop.world.clock.now(),
    };
    shop.demo().refund(&request).await.unwrap();
}

/// A shop in which a buyer has topped up a wallet, and the charge.
async fn topped_up() -> (PayingShop, Buyer, Reply) {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let charge = shop.top_up(&buyer, 500, "a").await;
    (shop, buyer, charge)
}

/// The same, with a part of the money on its way back.
async fn withdrawn(amount: i64) -> (PayingShop, Buyer, Reply) {
    let (shop, buyer, charge) = topped_up().await;
    assert_eq!(shop.withdraw(&buyer, amount, "w").await.status, 202);
    shop.settle().await.unwrap();
    (shop, buyer, charge)
}

// M15
#[tokio::test]
async fn after_a_normal_day_ledger_and_provider_agree() {
    let shop = PayingShop::new().await;
    // Tickets, one of them paid too late for the hold: its money goes back.
    for seat in [7, 8] {
        let (buyer, id) = shop.holder(seat).await;
        let begun = shop.checkout(&buyer, &id).await;
        shop.pays(&begun);
        if seat == 8 {
            shop.world.clock.advance_seconds(700);
            let rival = shop.world.joins(EVENT).await;
            assert_eq!(shop.world.hold(&rival, 8).await.status, 201);
        }
        shop.look(&buyer, &begun).await;
    }
    // A top-up that goes back in parts, one that nobody pays, and one that is refused.
    let buyer = shop.world.joins(EVENT).await;
    shop.top_up(&buyer, 500, "a").await;
    for (key, amount) in [("w1", 200), ("w2", 100)] {
        assert_eq!(shop.withdraw(&buyer, amount, key).await.status, 202);
    }
    shop.charge(&buyer, 100, "b", None).await;
    let refused = shop.charge(&buyer, 100, "c", None).await;
    shop.decides(&refused, DemoState::Failed);
    shop.settle_later().await.unwrap();
    assert_eq!(findings(&shop.world, shop.demo()).await, []);
    let compared = report(&shop.world, shop.demo()).await.compared;
    let expected = Compared {
        payments: 3,
        refunds: 3,
        others: 0,
    };
    assert_eq!(compared, Some(expected));
}

#[tokio::test]
async fn a_payment_that_comes_long_after_the_charge_has_ended_is_compared_too() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let begun = shop.charge(&buyer, 500, "a", None).await;
    // The provider is slow to say so.
    let late = shop.world.clock.now().plus_seconds(60 * 3600);
    shop.decides(&begun, DemoState::Paid(late));
    shop.world.clock.set(late);
    shop.settle_later().await.unwrap();
    assert_eq!(findings(&shop.world, shop.demo()).await, []);
    let compared = report(&shop.world, shop.demo()).await.compared;
    assert_eq!(compared.map(|compared| compared.payments), Some(1));
    let charge = key(&shop.world, "WALLET#", "CHARGE#").await;
    set(&shop.world, &charge, "amount", super::n(501)).await;
    let findings = findings(&shop.world, shop.demo()).await;
    let last = findings.last().unwrap();
    assert_eq!(last.invariant.number(), 6, "{findings:#?}");
    says(last, "of 501 KRW", "of 500 KRW");
}

#[tokio::test]
async fn what_is_under_way_is_not_reported() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let begun = shop.charge(&buyer, 500, "a", None).await;
    shop.pays(&begun);
    let report = report(&shop.world, shop.demo()).await;
    assert_eq!((report.findings, report.incomplete), (vec![], None));
}

#[tokio::test]
async fn a_payment_without_a_charge_is_found() {
    let (shop, ..) = topped_up().await;
    // Of a user nobody knows, as after a restore of the table.
    let other = PayingShop::new().await;
    let other = other.world.process_with_provider(shop.provider.clone());
    let stranger = other.joins(EVENT).await;
    let lost = other.charge(&stranger, 700, "a").await;
    shop.pays(&lost);
    let finding = only(&shop.world, shop.demo()).await;
    let payment = format!("payment demo_{} of 700 KRW", order(&lost));
    says(&finding, &payment, "no such charge");
    let key = format!("WALLET#{} CHARGE#{}", stranger.user_id, charge_id(&lost));
    assert_eq!(finding.key, key);
}

#[tokio::test]
async fn a_payment_of_another_amount_than_was_asked_for_is_found_until_it_is_given_back() {
    let shop = PayingShop::new().await;
    let buyer = shop.world.joins(EVENT).await;
    let begun = shop.charge(&buyer, 500, "a", None).await;
    set_amount(&shop, &begun, 7);
    shop.pays(&begun);
    assert_eq!(shop.look(&buyer, &begun).await["failure"], "DIFFERS");
    let finding = only(&shop.world, shop.demo()).await;
    says(&finding, "of 7 KRW", "it has failed: Differs");
    refund_by_hand(&shop, &begun, 7).await;
    assert_eq!(findings(&shop.world, shop.demo()).await, []);
}

#[tokio::test]
async fn a_charge_without_a_payment_is_found() {
    let (shop, _, charge) = topped_up().await;
    let finding = only(&shop.world, &DemoProvider::default()).await;
    let payment = format!("payment demo_{} of 500 KRW", order(&charge));
    says(&finding, &payment, "none");
    assert!(
        finding
            .key
            .ends_with(&format!("CHARGE#{}", charge_id(&charge)))
    );
}

#[tokio::test]
async fn another_amount_than_was_credited_is_found() {
    let (shop, _, charge) = topped_up().await;
    set_amount(&shop, &charge, 501);
    let finding = only(&shop.world, shop.demo()).await;
    says(&finding, "of 500 KRW", "of 501 KRW");
}

#[tokio::test]
async fn another_currency_than_was_credited_is_found() {
    let (shop, ..) = topped_up().await;
    let charge = key(&shop.world, "WALLET#", "CHARGE#").await;
    set(&shop.world, &charge, "currency", super::s("USD")).await;
    let finding = only(&shop.world, shop.demo()).await;
    says(&finding, "of 500 USD", "of 500 KRW");
}

#[tokio::test]
async fn a_refund_made_by_hand_at_the_provider_is_found() {
    let (shop, _, charge) = topped_up().await;
    refund_by_hand(&shop, &charge, 200).await;
    let finding = only(&shop.world, shop.demo()).await;
    says(&finding, "a withdrawal by refund by hand", "none");
    assert!(finding.expected.contains("of 200 KRW"), "{finding:?}");
}

#[tokio::test]
async fn a_refund_that_another_withdrawal_names_is_found_on_both_sides() {
    let (shop, ..) = Box::pin(withdrawn(200)).await;
    let withdrawal = key(&shop.world, "WALLET#", "WITHDRAWAL#").await;
    set(&shop.world, &withdrawal, "refundId", super::s("other")).await;
    let findings = findings(&shop.world, shop.demo()).await;
    assert_eq!(findings.len(), 2, "{findings:#?}");
    says(&findings[0], "a withdrawal by refund", "none");
    says(&findings[1], "refund other of 200 KRW", "none");
}

#[tokio::test]
async fn a_refund_that_failed_after_it_was_done_is_found_until_it_is_noticed() {
    let (shop, buyer, charge) = Box::pin(withdrawn(200)).await;
    shop.demo().set_refunds(DemoRefundState::Failed);
    let finding = only(&shop.world, shop.demo()).await;
    says(&finding, "of 200 KRW", "none");
    assert!(finding.key.contains("WITHDRAWAL#"), "{finding:?}");
    assert_eq!(shop.notify(&charge).await.status, 200);
    assert_eq!(shop.world.balance(&buyer).await, 500);
    assert_eq!(findings(&shop.world, shop.demo()).await, []);
}

#[tokio::test]
async fn another_amount_than_was_withdrawn_is_found() {
    let (shop, ..) = Box::pin(withdrawn(200)).await;
    let withdrawal = key(&shop.world, "WALLET#", "WITHDRAWAL#").await;
    set(&shop.world, &withdrawal, "amount", super::n(201)).await;
    let findings = findings(&shop.world, shop.demo()).await;
    let of_books: Vec<_> = findings
        .iter()
        .filter(|finding| finding.invariant.number() == 6)
        .collect();
    assert_eq!(of_books.len(), 1, "{findings:#?}");
    says(of_books[0], "of 201 KRW", "of 200 KRW");
}

#[tokio::test]
async fn books_that_cannot_be_read_make_the_audit_incomplete_and_never_clean() {
    let (shop, ..) = topped_up().await;
    let undisturbed = shop.another_process();
    let provider = Unreliable::over(shop.demo().clone());
    let world = undisturbed.world.process_with_provider(provider.clone());
    provider.stays_down();
    let time = Duration::from_mins(10);
    let result = audit::handle(&world.app, time).await.unwrap();
    assert_eq!(result["isIncomplete"], true);
    assert!(result.get("payments").is_none(), "{result}");
    let incomplete = report(&world, &provider).await.incomplete;
    assert!(matches!(incomplete, Some(Incomplete::Books(_))));

    // A provider that cannot answer at first is asked again.
    let provider = Unreliable::over(shop.demo().clone());
    let world = undisturbed.world.process_with_provider(provider.clone());
    provider.trouble(0, Trouble::Down);
    let result = audit::handle(&world.app, time).await.unwrap();
    let clean = json!({ "broken": 0, "items": result["items"], "isIncomplete": false,
        "payments": 0, "refunds": 0, "others": 0 });
    assert_eq!(result, clean);
    let provider = Unreliable::over(shop.demo().clone());
    provider.trouble(0, Trouble::Refused("forbidden"));
    let incomplete = report(&world, &provider).await.incomplete;
    assert!(matches!(incomplete, Some(Incomplete::Books(_))));
}

#[tokio::test]
async fn several_pages_of_books_are_compared_and_a_night_that_was_missed_is_made_up_for() {
    let shop = PayingShop::new().await;
    let mut buyer = shop.world.joins(EVENT).await;
    for number in 0..105 {
        if number % 50 == 0 {
            buyer = shop.world.joins(EVENT).await;
        }
        shop.top_up(&buyer, PRICE, &number.to_string()).await;
    }
    assert_eq!(findings(&shop.world, shop.demo()).await, []);
    shop.world.clock.advance_seconds(49 * 3600);
    let report = report(&shop.world, shop.demo()).await;
    assert_eq!(report.compared.map(|compared| compared.payments), Some(105));
    assert_eq!(report.findings, []);
}

#[tokio::test]
async fn what_another_provider_has_taken_is_passed_over() {
    let (shop, ..) = Box::pin(withdrawn(200)).await;
    for (prefix, name) in [("CHARGE#", "stripe"), ("WITHDRAWAL#", "stripe")] {
        let item = key(&shop.world, "WALLET#", prefix).await;
        set(&shop.world, &item, "provider", super::s(name)).await;
    }
    assert_eq!(findings(&shop.world, &DemoProvider::default()).await, []);
}
