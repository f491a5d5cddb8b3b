//! Charges that a payment provider confirms, from the checkout to the ticket.

mod faults;
mod for_operators;
mod holds;
mod keys;
mod payments;
mod withdrawals;

use boxoffice::demo_provider::{DemoProvider, DemoState};
use domain::event::Programme;
use domain::money::Money;
use serde_json::{Value, json};

use crate::invariants;
use crate::unreliable::Unreliable;
use crate::world::{Buyer, DATE, EVENT, PRICE, Reply, World, concert};

/// A shop whose charges the demo provider confirms.
pub(crate) struct PayingShop {
    pub(crate) world: World,
    pub(crate) provider: Unreliable<DemoProvider>,
}

impl PayingShop {
    pub(crate) async fn new() -> Self {
        Self::with(concert()).await
    }

    pub(crate) async fn with(programme: Programme) -> Self {
        let world = World::with(programme).await;
        world.app.promote_all().await.unwrap();
        let provider = Unreliable::over(DemoProvider::default());
        Self {
            world: world.process_with_provider(provider.clone()),
            provider,
        }
    }

    pub(crate) fn demo(&self) -> &DemoProvider {
        &self.provider.inner
    }

    /// Another process of the same shop.
    pub(crate) fn another_process(&self) -> Self {
        Self {
            world: self.world.process_with_provider(self.provider.clone()),
            provider: self.provider.clone(),
        }
    }

    /// A buyer who holds a seat, and the reservation's id.
    pub(crate) async fn holder(&self, seat: u32) -> (Buyer, String) {
        self.holder_of(&[seat]).await
    }

    async fn holder_of(&self, seats: &[u32]) -> (Buyer, String) {
        let buyer = self.world.joins(EVENT).await;
        let path = format!("/events/{EVENT}/holds");
        let body = json!({"date": DATE, "seatNumbers": seats});
        let held = self.world.post(&path, &buyer.token, body).await;
        assert_eq!(held.status, 201, "{held:?}");
        (buyer, held.text_of("reservationId").to_owned())
    }

    pub(crate) async fn charge(
        &self,
        buyer: &Buyer,
        amount: i64,
        key: &str,
        pay_for: Option<&str>,
    ) -> Reply {
        let bearer = format!("Bearer {}", buyer.token);
        let path = format!("/users/{}/wallet/charges", buyer.user_id);
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("idempotency-key", key),
            ("host", "shop.example.com"),
            ("x-forwarded-proto", "https"),
        ];
        let mut body = json!({ "amount": amount });
        if let Some(id) = pay_for {
            body["payFor"] = id.into();
        }
        let body = body.to_string();
        self.world.send("POST", &path, &headers, Some(&body)).await
    }

    /// Begins a charge that pays for a hold.
    pub(crate) async fn checkout(&self, buyer: &Buyer, id: &str) -> Reply {
        self.checkout_of(buyer, id, 1).await
    }

    /// The same, for several seats.
    async fn checkout_of(&self, buyer: &Buyer, id: &str, seats: usize) -> Reply {
        let amount = PRICE * i64::try_from(seats).unwrap();
        let begun = self.charge(buyer, amount, "checkout", Some(id)).await;
        assert_eq!(begun.status, 202, "{begun:?}");
        begun
    }

    /// The charge as the buyer's page sees it, after the pause between two questions to the provider.
    pub(crate) async fn look(&self, buyer: &Buyer, charge: &Reply) -> Value {
        self.world.clock.advance_seconds(2);
        let id = charge.text_of("chargeId");
        let path = format!("/users/{}/wallet/charges/{id}", buyer.user_id);
        let reply = self.world.get(&path, &buyer.token).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body
    }

    /// What the buyer does on the provider's page.
    pub(crate) fn decides(&self, charge: &Reply, state: DemoState) {
        assert!(self.demo().decide(order(charge), state));
    }

    pub(crate) fn pays(&self, charge: &Reply) {
        self.decides(charge, DemoState::Paid(self.world.app.clock().now()));
    }

    pub(crate) async fn notify(&self, charge: &Reply) -> Reply {
        let (headers, body) = self.demo().notification(order(charge));
        let mut sent = vec![("content-type", "application/json")];
        sent.extend(
            headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap())),
        );
        let body = String::from_utf8(body).unwrap();
        self.world
            .send("POST", "/webhooks/demo", &sent, Some(&body))
            .await
    }

    /// A run of the schedule.
    pub(crate) async fn settle(&self) -> Result<Value, String> {
        let settled = settle::handle(&self.world.app).await;
        settled.map_err(|error| error.to_string())
    }

    async fn reservation(&self, buyer: &Buyer, id: &str) -> Value {
        let path = format!("/reservations/{id}");
        self.world.get(&path, &buyer.token).await.body
    }

    /// The kinds and amounts of the wallet's ledger, oldest first.
    async fn ledger(&self, buyer: &Buyer) -> Vec<(String, i64)> {
        let path = format!("/users/{}/wallet/ledger", buyer.user_id);
        let reply = self.world.get(&path, &buyer.token).await;
        let entries = reply.body["entries"].as_array().unwrap().iter().rev();
        entries
            .map(|entry| {
                (
                    entry["kind"].as_str().unwrap().to_owned(),
                    entry["amount"].as_i64().unwrap(),
                )
            })
            .collect()
    }

    /// A run of the schedule when everything that is open is due.
    pub(crate) async fn settle_later(&self) -> Result<Value, String> {
        self.world.clock.advance_seconds(3600);
        self.settle().await
    }

    pub(crate) async fn withdraw(&self, buyer: &Buyer, amount: i64, key: &str) -> Reply {
        let bearer = format!("Bearer {}", buyer.token);
        let path = format!("/users/{}/wallet/withdrawals", buyer.user_id);
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("idempotency-key", key),
        ];
        let body = json!({ "amount": amount }).to_string();
        self.world.send("POST", &path, &headers, Some(&body)).await
    }

    /// The buyer's withdrawals, newest first.
    pub(crate) async fn withdrawals(&self, buyer: &Buyer) -> Vec<Value> {
        let path = format!("/users/{}/wallet/withdrawals", buyer.user_id);
        let reply = self.world.get(&path, &buyer.token).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body["withdrawals"].as_array().unwrap().clone()
    }

    /// Puts money from the provider into the wallet.
    pub(crate) async fn top_up(&self, buyer: &Buyer, amount: i64, key: &str) -> Reply {
        let begun = self.charge(buyer, amount, key, None).await;
        self.pays(&begun);
        assert_eq!(self.look(buyer, &begun).await["status"], "DONE");
        begun
    }

    /// A buyer with a ticket that the provider was paid for.
    async fn ticket_holder(&self, seat: u32) -> (Buyer, String) {
        self.holder_of_tickets(&[seat]).await
    }

    /// The same, with several seats.
    async fn holder_of_tickets(&self, seats: &[u32]) -> (Buyer, String) {
        let (buyer, id) = self.holder_of(seats).await;
        let begun = self.checkout_of(&buyer, &id, seats.len()).await;
        self.pays(&begun);
        let charge = self.look(&buyer, &begun).await;
        assert_eq!(charge["purchase"], "PAID", "{charge}");
        (buyer, id)
    }

    /// All money of a charge is at its source again, and wallet and ledger say so.
    async fn is_given_back(&self, buyer: &Buyer) {
        assert_eq!(self.world.balance(buyer).await, 0);
        let withdrawals = self.withdrawals(buyer).await;
        assert!(withdrawals.iter().all(|of| of["status"] == "DONE"));
        let back = [
            ("CHARGE".to_owned(), PRICE),
            ("WITHDRAWAL".to_owned(), -PRICE),
        ];
        assert_eq!(self.ledger(buyer).await, back);
        assert_eq!(self.demo().refunded(), Money(PRICE));
        invariants::check(&self.world).await;
    }

    async fn is_bought(&self, buyer: &Buyer, id: &str) {
        let reservation = self.reservation(buyer, id).await;
        assert_eq!(reservation["status"], "CONFIRMED", "{reservation}");
        let bought = [("CHARGE".to_owned(), PRICE), ("PAYMENT".to_owned(), -PRICE)];
        assert_eq!(self.ledger(buyer).await, bought);
        invariants::check(&self.world).await;
    }
}

/// The order at the provider: the last part of the checkout's address.
pub(crate) fn order(charge: &Reply) -> &str {
    let url = charge.body["checkout"]["url"].as_str().expect("a checkout");
    url.rsplit('/').next().expect("an order")
}

pub(crate) fn set_amount(shop: &PayingShop, charge: &Reply, amount: i64) {
    shop.demo().set_amount(order(charge), Money(amount));
}
