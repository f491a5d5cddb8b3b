//! `boxoffice serve --payment-provider demo`, as a buyer without a browser uses it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::serve::{Server, something_on_sale};

struct Buyer {
    server: Server,
    token: String,
    user: String,
    /// A held seat.
    reservation: String,
    price: i64,
}

impl Buyer {
    async fn with_a_held_seat() -> Self {
        let server = Server::start(&["--in-memory", "--payment-provider", "demo"]).await;
        let (event, date) = something_on_sale(&server).await;
        let path = format!("/events/{event}/tokens");
        let (_, joined) = server.call("POST", &path, "", json!({})).await.unwrap();
        let token = joined["token"].as_str().unwrap().to_owned();
        let path = format!("/events/{event}/holds");
        let body = json!({"date": date, "seatNumber": 1});
        let (status, held) = server.call("POST", &path, &token, body).await.unwrap();
        assert_eq!(status, 201, "{held}");
        Self {
            server,
            token,
            user: joined["userId"].as_str().unwrap().to_owned(),
            reservation: held["reservationId"].as_str().unwrap().to_owned(),
            price: held["totalPrice"].as_i64().unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.server.call("GET", path, &self.token, json!({})).await;
        let (status, body) = answer.unwrap();
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn begins_to_pay(&self) -> Value {
        let path = format!("/users/{}/wallet/charges", self.user);
        let body = json!({"amount": self.price, "payFor": self.reservation});
        let answer = self.server.call("POST", &path, &self.token, body).await;
        let (status, charge) = answer.unwrap();
        assert_eq!((status, &charge["status"]), (202, &json!("PENDING")));
        charge
    }

    /// The charge, as soon as it has ended.
    async fn ended(&self, charge: &Value) -> Value {
        let id = charge["chargeId"].as_str().unwrap();
        let path = format!("/users/{}/wallet/charges/{id}", self.user);
        for _ in 0..600 {
            let charge = self.get(&path).await;
            if charge["status"] != "PENDING" && charge["purchase"] != "DUE" {
                return charge;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the charge does not end");
    }

    /// Chooses on the provider's page. Returns where the provider leads.
    async fn decides(&self, charge: &Value, choice: &str) -> String {
        let url = charge["checkout"]["url"].as_str().unwrap();
        let stays = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(stays).build().unwrap();
        let page = client.get(url).send().await.unwrap();
        assert!(page.text().await.unwrap().contains("No money moves here"));
        let form = client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("choice={choice}"));
        let answer = form.send().await.unwrap();
        assert_eq!(answer.status(), 303);
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The amounts in the ledger, newest first.
    async fn ledger(&self) -> Value {
        let path = format!("/users/{}/wallet/ledger", self.user);
        let ledger = self.get(&path).await;
        let entries = ledger["entries"].as_array().unwrap();
        entries.iter().map(|it| it["amount"].clone()).collect()
    }
}

#[tokio::test]
async fn a_hold_is_paid_at_the_demo_provider_and_the_ticket_is_there() {
    let buyer = Buyer::with_a_held_seat().await;
    let charge = buyer.begins_to_pay().await;
    let back = buyer.decides(&charge, "pay").await;
    assert!(
        back.ends_with(charge["chargeId"].as_str().unwrap()),
        "{back}"
    );
    let charge = buyer.ended(&charge).await;
    assert_eq!(
        (&charge["status"], &charge["purchase"]),
        (&json!("DONE"), &json!("PAID"))
    );
    let path = format!("/reservations/{}", buyer.reservation);
    let ticket = buyer.get(&path).await;
    assert_eq!(ticket["status"], "CONFIRMED");
    assert!(ticket["paymentId"].is_string(), "{ticket}");
    assert_eq!(buyer.ledger().await, json!([-buyer.price, buyer.price]));
}

#[tokio::test]
async fn a_payment_that_nobody_notices_is_found_when_the_charge_is_asked_for() {
    let buyer = Buyer::with_a_held_seat().await;
    let charge = buyer.begins_to_pay().await;
    let page = buyer.decides(&charge, "pay-unnoticed").await;
    assert!(charge["checkout"]["url"].as_str().unwrap().ends_with(&page));
    let charge = buyer.ended(&charge).await;
    assert_eq!(
        (&charge["status"], &charge["purchase"]),
        (&json!("DONE"), &json!("PAID"))
    );
    assert_eq!(buyer.ledger().await, json!([-buyer.price, buyer.price]));
}

#[tokio::test]
async fn a_payment_that_is_refused_or_of_another_amount_moves_nothing_and_the_hold_stays() {
    for (choice, failure) in [("fail", "REFUSED"), ("pay-half", "DIFFERS")] {
        let buyer = Buyer::with_a_held_seat().await;
        let charge = buyer.begins_to_pay().await;
        buyer.decides(&charge, choice).await;
        let charge = buyer.ended(&charge).await;
        assert_eq!(
            (&charge["status"], &charge["failure"]),
            (&json!("FAILED"), &json!(failure))
        );
        let path = format!("/reservations/{}", buyer.reservation);
        assert_eq!(buyer.get(&path).await["status"], "HELD");
        assert_eq!(buyer.ledger().await, json!([]));
    }
}
