//! The same with the providers that move money, each against its fake.

use domain::ids::UserId;
use serde_json::json;
use shared::audit::Compared;
use shared::provider::http::Endpoint;
use shared::provider::stripe::{Stripe, StripeKeys};
use shared::provider::toss::{Toss, TossKeys};

use super::{findings, only, report, says};
use crate::charges::order;
use crate::payment_fakes::stripe::FakeStripe;
use crate::payment_fakes::toss::FakeToss;
use crate::payment_fakes::{stripe, toss};
use crate::world::{Buyer, EVENT, Reply, World};

const AMOUNT: i64 = 500;
/// More than a page of the books.
const PAYMENTS: usize = 103;

async fn with_stripe() -> (World, FakeStripe, Stripe) {
    let world = World::new().await;
    let fake = FakeStripe::start(world.clock.clone()).await;
    let keys = StripeKeys::new(stripe::SECRET_KEY, &["whsec_fake"]);
    let provider = || Stripe::new(&keys, Endpoint::new(&fake.url).unwrap());
    let (world, provider) = (world.process_with_provider(provider()), provider());
    (world, fake, provider)
}

async fn with_toss() -> (World, FakeToss, Toss) {
    let world = World::new().await;
    let fake = FakeToss::start(world.clock.clone()).await;
    let keys = TossKeys::new(toss::CLIENT_KEY, toss::SECRET_KEY);
    let provider = || Toss::new(&keys, Endpoint::new(&fake.url).unwrap());
    let (world, provider) = (world.process_with_provider(provider()), provider());
    (world, fake, provider)
}

/// A buyer tops up, and the charge is credited.
async fn top_up(world: &World, buyer: &Buyer, key: &str, pay: impl Fn(&Reply)) -> Reply {
    let begun = world.charge(buyer, AMOUNT, key).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    pay(&begun);
    world.clock.advance_seconds(2);
    let id = begun.text_of("chargeId");
    let path = format!("/users/{}/wallet/charges/{id}", buyer.user_id);
    let charge = world.get(&path, &buyer.token).await;
    assert_eq!(charge.body["status"], "DONE", "{charge:?}");
    begun
}

/// Part of the money goes back, in two refunds of the newest payment.
async fn withdraw(world: &World, buyer: &Buyer) {
    let bearer = format!("Bearer {}", buyer.token);
    let path = format!("/users/{}/wallet/withdrawals", buyer.user_id);
    for amount in [100, 150] {
        let key = format!("w{amount}");
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("idempotency-key", key.as_str()),
        ];
        let body = json!({ "amount": amount }).to_string();
        let asked = world.send("POST", &path, &headers, Some(&body)).await;
        assert_eq!(asked.status, 202, "{asked:?}");
        settle::handle(&world.app).await.unwrap();
        // Toss takes one cancellation of a payment a second.
        world.clock.advance_seconds(1);
    }
}

fn count(requests: &[String], of: &str) -> usize {
    requests.iter().filter(|request| *request == of).count()
}

const TWO_REFUNDS: Compared = Compared {
    payments: PAYMENTS as u64,
    refunds: 2,
    others: 0,
};

#[tokio::test]
async fn a_day_at_stripe_agrees_page_by_page() {
    let (world, fake, provider) = with_stripe().await;
    let buyer = world.joins(EVENT).await;
    for number in 0..PAYMENTS {
        let pay = |begun: &Reply| fake.pay(order(begun));
        top_up(&world, &buyer, &number.to_string(), pay).await;
    }
    let declined = world.charge(&buyer, AMOUNT, "declined").await;
    fake.decline(order(&declined));
    world.clock.advance_seconds(3600);
    withdraw(&world, &buyer).await;
    let _ = fake.requests();
    assert_eq!(findings(&world, &provider).await, []);
    let requests = fake.requests();
    assert_eq!(count(&requests, "GET /v1/charges"), 2, "{requests:?}");
    assert_eq!(count(&requests, "GET /v1/refunds"), 1, "{requests:?}");
    assert_eq!(report(&world, &provider).await.compared, Some(TWO_REFUNDS));
}

#[tokio::test]
async fn a_refund_in_stripes_dashboard_and_one_that_stripe_could_not_make_are_found() {
    let (world, fake, provider) = with_stripe().await;
    let buyer = world.joins(EVENT).await;
    let begun = top_up(&world, &buyer, "a", |begun| fake.pay(order(begun))).await;
    fake.refund_in_dashboard(order(&begun), 70);
    let finding = only(&world, &provider).await;
    says(&finding, "of 70 KRW", "none");
    assert!(
        finding.expected.contains("a withdrawal by refund re_"),
        "{finding:?}"
    );

    let (world, fake, provider) = with_stripe().await;
    let buyer = world.joins(EVENT).await;
    top_up(&world, &buyer, "a", |begun| fake.pay(order(begun))).await;
    withdraw(&world, &buyer).await;
    let stored = refund_ids(&world, &buyer).await;
    assert_eq!(stored.len(), 2);
    fake.refund_becomes(&stored[0], "failed");
    says(&only(&world, &provider).await, &stored[0], "none");
}

/// The provider's ids of the buyer's refunds.
async fn refund_ids(world: &World, buyer: &Buyer) -> Vec<String> {
    let user = UserId::parse(&buyer.user_id).unwrap();
    let withdrawals = world.app.store().withdrawals(user, None, 10).await.unwrap();
    let ids = withdrawals.iter().filter_map(|of| of.refund_id());
    ids.map(ToString::to_string).collect()
}

/// The order that the window of Toss was opened for.
fn toss_order(begun: &Reply) -> &str {
    begun.body["checkout"]["orderId"].as_str().unwrap()
}

#[tokio::test]
async fn a_day_at_toss_agrees_page_by_page() {
    let (world, fake, provider) = with_toss().await;
    let buyer = world.joins(EVENT).await;
    for number in 0..PAYMENTS {
        let pay = |begun: &Reply| fake.authenticates(toss_order(begun), AMOUNT, "카드");
        top_up(&world, &buyer, &number.to_string(), pay).await;
    }
    withdraw(&world, &buyer).await;
    let _ = fake.requests();
    assert_eq!(findings(&world, &provider).await, []);
    let requests = fake.requests();
    assert_eq!(count(&requests, "GET /v1/transactions"), 2, "{requests:?}");
    assert_eq!(report(&world, &provider).await.compared, Some(TWO_REFUNDS));
}

#[tokio::test]
async fn two_payments_for_one_order_of_toss_are_found_and_other_business_is_passed_over() {
    let (world, fake, provider) = with_toss().await;
    let buyer = world.joins(EVENT).await;
    let pay = |begun: &Reply| fake.authenticates(toss_order(begun), AMOUNT, "카드");
    let begun = top_up(&world, &buyer, "a", pay).await;
    fake.is_paid_elsewhere("invoice-7", 9_000);
    assert_eq!(findings(&world, &provider).await, []);
    let expected = Compared {
        payments: 1,
        refunds: 0,
        others: 1,
    };
    assert_eq!(report(&world, &provider).await.compared, Some(expected));

    fake.is_paid_elsewhere(toss_order(&begun), AMOUNT);
    let finding = only(&world, &provider).await;
    says(
        &finding,
        "a charge that is done by payment",
        "it is done by payment",
    );
    // What was taken twice is given back once.
    fake.cancel_in_administration(toss_order(&begun), AMOUNT);
    assert_eq!(findings(&world, &provider).await, []);
}
