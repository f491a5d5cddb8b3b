//! `boxoffice events`, `orders` and `export`, as an operator runs them against a running server.

mod export;
mod listing;
mod orders;
mod reads;

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::serve::{Server, run};

/// Two events with fees and a tax: one with seats in two sections, whose name and first section begin as formulas do, and
/// one without seats.
const CATALOG: &str = r#"currency: EUR
events:
  - eventId: my-concert
    name: '=1+1, "live"'
    venue: Club
    admission: seated
    maxSeatsPerUser: 2
    fees: {perTicket: 20, perOrder: 10}
    taxRatePercent: 10
    dates:
      - date: 2099-12-24
        startsAt: '2099-12-24T19:00:00+01:00'
        sections:
          - {name: -1-2, seats: 4, rows: 2, price: 1250}
          - {name: 좌석, seats: 6, price: 1000}
      - {date: 2099-12-25, startsAt: '2099-12-25T19:00:00+01:00', price: 2000}
  - eventId: open-air
    name: Open Air
    venue: Meadow
    admission: general
    totalTickets: 40
    maxSeatsPerUser: 3
    price: 500
    queue: {maxActive: 1}
"#;
const EVENT: &str = "my-concert";
const DATE: &str = "2099-12-24";

/// A server whose charges the demo provider confirms.
struct Shop {
    server: Server,
    folder: tempfile::TempDir,
}

/// Who bought what.
#[derive(Debug)]
struct Bought {
    user: String,
    token: String,
    reservation: String,
    charge: String,
}

impl Shop {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = folder.path().join("catalog.yaml");
        std::fs::write(&catalog, CATALOG).unwrap();
        let catalog = catalog.to_str().unwrap();
        let provider = ["--payment-provider", "demo"];
        let server =
            Server::start(&[&["--in-memory", "--catalog", catalog], &provider[..]].concat()).await;
        Self { server, folder }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
        self.server.call(method, path, token, body).await.unwrap()
    }

    /// A new user who is admitted: user and token.
    async fn joins(&self, event: &str) -> (String, String) {
        let path = format!("/events/{event}/tokens");
        let (_, joined) = self.call("POST", &path, "", json!({})).await;
        let text = |field: &str| joined[field].as_str().unwrap().to_owned();
        (text("userId"), text("token"))
    }

    /// A new user holds seats: user, token and reservation.
    async fn holds(&self, date: &str, seats: &[u32]) -> (String, String, Value) {
        let (user, token) = self.joins(EVENT).await;
        let path = format!("/events/{EVENT}/holds");
        let body = json!({"date": date, "seatNumbers": seats});
        let (status, held) = self.call("POST", &path, &token, body).await;
        assert_eq!(status, 201, "{held}");
        (user, token, held)
    }

    /// A new user holds seats and pays for them at the provider.
    async fn buys(&self, date: &str, seats: &[u32]) -> Bought {
        let (user, token, held) = self.holds(date, seats).await;
        let reservation = held["reservationId"].as_str().unwrap().to_owned();
        let body = json!({"amount": held["totalPrice"], "payFor": reservation});
        let charge = self.pays(&user, &token, body).await;
        let path = format!("/reservations/{reservation}");
        let (_, bought) = self.call("GET", &path, &token, json!({})).await;
        assert_eq!(bought["status"], "CONFIRMED", "{bought}");
        Bought {
            user,
            token,
            reservation,
            charge,
        }
    }

    /// A new user buys tickets without seats.
    async fn buys_tickets(&self, event: &str, quantity: u32, amount: u32) -> Bought {
        let (user, token) = self.joins(event).await;
        let charge = self.pays(&user, &token, json!({ "amount": amount })).await;
        let path = format!("/events/{event}/reservations");
        let body = json!({ "quantity": quantity });
        let (status, bought) = self.call("POST", &path, &token, body).await;
        assert_eq!(status, 201, "{bought}");
        Bought {
            user,
            token,
            reservation: bought["reservationId"].as_str().unwrap().to_owned(),
            charge,
        }
    }

    /// Charges a wallet at the provider, and returns the charge's id.
    async fn pays(&self, user: &str, token: &str, body: Value) -> String {
        let path = format!("/users/{user}/wallet/charges");
        let (status, begun) = self.call("POST", &path, token, body).await;
        assert_eq!(status, 202, "{begun}");
        let page = begun["checkout"]["url"].as_str().unwrap();
        let form = reqwest::Client::new().post(page);
        form.header("content-type", "application/x-www-form-urlencoded")
            .body("choice=pay")
            .send()
            .await
            .unwrap();
        let id = begun["chargeId"].as_str().unwrap().to_owned();
        let (_, charge) = self
            .call("GET", &format!("{path}/{id}"), token, json!({}))
            .await;
        assert_eq!(charge["status"], "DONE", "{charge}");
        id
    }

    async fn cancels(&self, bought: &Bought) {
        let path = format!("/reservations/{}", bought.reservation);
        let (status, cancelled) = self.call("DELETE", &path, &bought.token, json!({})).await;
        assert_eq!(status, 200, "{cancelled}");
    }

    /// Runs a command on the server's tables.
    async fn command(&self, arguments: &[&str]) -> Output {
        let at = ["--endpoint-url", self.server.dynamodb.as_str()];
        run(&[arguments, &at[..]].concat()).await
    }

    /// What a command prints that succeeds.
    async fn prints(&self, arguments: &[&str]) -> String {
        let ended = self.command(arguments).await;
        let said = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {said}");
        assert_eq!(said, "", "{arguments:?}");
        text(&ended.stdout)
    }

    async fn prints_json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.prints(arguments).await).unwrap()
    }

    /// The exit code of a command that does not succeed, and what it says.
    async fn refuses(&self, arguments: &[&str]) -> (i32, String) {
        let ended = self.command(arguments).await;
        (ended.status.code().unwrap(), text(&ended.stderr))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
