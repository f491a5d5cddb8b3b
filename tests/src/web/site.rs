//! A server for the browser tests, with catalogues whose times are short.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::browser::Browser;
use crate::issuer::{AUDIENCE, TestIssuer};
use crate::serve::{Server, run};

pub(super) struct Site {
    pub(super) server: Server,
    pub(super) home: String,
    _catalog: Option<tempfile::NamedTempFile>,
}

/// A hall of forty seats in two sections, with up to two for each buyer.
pub(super) const HALL: &str = "
  - eventId: hall
    name: Evening at the Hall
    venue: The Hall, Seoul
    admission: seated
    maxSeatsPerUser: 2
    cancelUntilHours: 0
    dates:
      - date: +9d
        startsAt: \"19:00:00+09:00\"
        sections:
          - {name: R, seats: 20, price: 50000, rows: 2}
          - {name: S, seats: 20, price: 30000, rows: 2}
      - {date: +10d, startsAt: \"19:00:00+09:00\", seats: 40, price: 30000}
";
/// Seats are held for six seconds.
pub(super) const BRIEF: &str = "
  - eventId: brief
    name: Quick Decisions
    venue: The Cellar, Seoul
    admission: seated
    holdSeconds: 6
    dates:
      - {date: +9d, startsAt: \"19:00:00+09:00\", seats: 20, price: 30000}
";
/// One slot. The grace is short, so pages poll often: at most half of the grace apart.
pub(super) const NARROW: &str = "
  - eventId: narrow
    name: One by One
    venue: The Booth, Seoul
    admission: seated
    queue: {maxActive: 1, sessionSeconds: 600, graceSeconds: 6}
    dates:
      - {date: +9d, startsAt: \"19:00:00+09:00\", seats: 20, price: 30000}
";
/// The draw takes place soon after the server has started.
pub(super) const LOTTERY: &str = "
  - eventId: lottery
    name: Luck of the Draw
    venue: The Dome, Seoul
    admission: seated
    opensAt: +30s
    queue: {order: draw, lanes: 2, maxActive: 2}
    dates:
      - {date: +9d, startsAt: \"19:00:00+09:00\", seats: 20, price: 30000}
";
/// The same, but the draw does not take place during a test.
pub(super) const LOTTERY_TOMORROW: &str = "
  - eventId: lottery
    name: Luck of the Draw
    venue: The Dome, Seoul
    admission: seated
    opensAt: +1d
    queue: {order: draw, lanes: 2, maxActive: 2}
    dates:
      - {date: +9d, startsAt: \"19:00:00+09:00\", seats: 20, price: 30000}
";
/// A hundred tickets without seats.
pub(super) const FIELD: &str = "
  - eventId: field
    name: A Day in the Field
    venue: The Field, Seoul
    admission: general
    totalTickets: 100
    price: 20000
    maxSeatsPerUser: 4
";
/// A hall that shows its sections first, with labelled rows; the balcony has a drawing.
pub(super) const OPERA: &str = "
  - eventId: opera
    name: At the Opera
    venue: The Opera, Seoul
    admission: seated
    maxSeatsPerUser: 2
    dates:
      - date: +9d
        startsAt: \"19:00:00+09:00\"
        sections:
          - {name: R, seats: 400, price: 165000, rows: 10, rowLabels: [A-H, J], numbering: {from: left}, aisles: [10, 30]}
          - {name: Balcony, seats: 160, price: 90000, rows: 4, rowLabels: [AA, BB, CC, DD], numbering: {from: oddLeft, start: 101}, drawing: {y: 18, curve: 50}}
";
/// A hall of two thousand seats.
pub(super) const GREAT: &str = "
  - eventId: great
    name: Great Hall
    venue: The Great Hall, Seoul
    admission: seated
    maxSeatsPerUser: 4
    dates:
      - date: +9d
        startsAt: \"19:00:00+09:00\"
        sections:
          - {name: R, seats: 320, price: 165000, rows: 8}
          - {name: S, seats: 480, price: 132000, rows: 12}
          - {name: A, seats: 720, price: 99000, rows: 18}
          - {name: B, seats: 480, price: 66000, rows: 12}
";

impl Site {
    pub(super) async fn with(events: &[&str]) -> Self {
        Self::in_currency("KRW", events).await
    }

    /// Prices and amounts are in the minor unit of this currency.
    pub(super) async fn in_currency(currency: &str, events: &[&str]) -> Self {
        let mut text = format!("currency: {currency}\nevents:\n");
        for event in events {
            write!(text, "{event}").unwrap();
        }
        Self::of(&text, &[]).await
    }

    /// The demo provider confirms charges.
    pub(super) async fn with_provider(events: &[&str]) -> Self {
        let text = format!("currency: KRW\nevents:\n{}", events.concat());
        Self::of(&text, &["--payment-provider", "demo"]).await
    }

    /// Users sign in with this issuer.
    pub(super) async fn signing_in(issuer: &TestIssuer, events: &[&str]) -> Self {
        let text = format!("currency: KRW\nevents:\n{}", events.concat());
        let options = ["--oidc-issuer", &issuer.url, "--oidc-client-id", AUDIENCE];
        let site = Self::of(&text, &options).await;
        issuer.registers(&format!("{}/", site.home));
        site
    }

    /// The example catalogue.
    pub(super) async fn of_the_example() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/catalog.example.yaml");
        Self::start(file, &[], None).await
    }

    async fn of(text: &str, options: &[&str]) -> Self {
        let catalog = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(catalog.path(), text).unwrap();
        let file = catalog.path().to_str().unwrap().to_owned();
        Self::start(&file, options, Some(catalog)).await
    }

    async fn start(file: &str, options: &[&str], catalog: Option<tempfile::NamedTempFile>) -> Self {
        let catalogue = ["--in-memory", "--catalog", file];
        let server = Server::start(&[&catalogue[..], options].concat()).await;
        let home = server.api.clone();
        Self {
            server,
            home,
            _catalog: catalog,
        }
    }

    /// The address of a view.
    pub(super) fn view(&self, path: &str) -> String {
        format!("{}/{path}", self.home)
    }

    pub(super) async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Value {
        let answer = self.server.call(method, path, token, body).await;
        answer.unwrap().1
    }

    /// A user without a browser joins. Returns the token.
    pub(super) async fn stranger(&self, event: &str) -> String {
        let path = format!("/events/{event}/tokens");
        let joined = self.call("POST", &path, "", json!({})).await;
        joined["token"].as_str().unwrap().to_owned()
    }

    /// A user without a browser leaves. The response has no body.
    pub(super) async fn leaves(&self, event: &str, token: &str) {
        let path = format!("/events/{event}/tokens/me");
        self.server.call("DELETE", &path, token, json!({})).await;
    }

    /// Waits until an event reports this many tickets left: it may be a second behind.
    pub(super) async fn has_left(&self, event: &str, tickets: u64) {
        let mut left = None;
        for _ in 0..600 {
            left = self.event(event).await["availableTickets"].as_u64();
            if left == Some(tickets) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{left:?} left of {event}, not {tickets}");
    }

    /// Applies a catalogue with these events to the running server.
    pub(super) async fn apply(&self, events: &str) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("currency: KRW\nevents:\n{events}")).unwrap();
        let name = file.path().to_str().unwrap();
        let applied = run(&["apply", name, "--endpoint-url", &self.server.dynamodb]).await;
        let said = String::from_utf8_lossy(&applied.stderr).into_owned();
        assert_eq!(applied.status.code(), Some(0), "{said}");
    }

    /// Waits until the event's public data has this value: a process knows a new catalogue within two seconds.
    pub(super) async fn becomes(&self, event: &str, pointer: &str, value: Value) {
        for _ in 0..600 {
            if self.event(event).await.pointer(pointer) == Some(&value) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{event}: {pointer} does not become {value}");
    }

    /// The event's public data.
    pub(super) async fn event(&self, event: &str) -> Value {
        self.call("GET", &format!("/events/{event}"), "", json!({}))
            .await
    }
}

/// The steps of a buyer.
impl Browser {
    /// Joins an event's queue.
    pub(super) async fn joins(&self, site: &Site, event: &str) {
        self.open(&site.view(&format!("e/{event}"))).await;
        self.click("[data-testid=join]").await;
        self.until("!document.querySelector('[data-testid=join]')")
            .await;
    }

    /// Goes to the seat map of an event's first date. A large hall shows its sections.
    pub(super) async fn goes_to_the_seats(&self, site: &Site, event: &str) {
        self.joins(site, event).await;
        self.chooses_a_date().await;
    }

    /// Goes to the seat map of an event's first date during the turn.
    pub(super) async fn goes_on_to_the_seats(&self, site: &Site, event: &str) {
        self.open(&site.view(&format!("e/{event}/shop"))).await;
        self.chooses_a_date().await;
    }

    async fn chooses_a_date(&self) {
        self.click("[data-testid=date]").await;
        self.until(
            "document.querySelector('.seat.available[data-seat], svg.map:not(.seats) .block')",
        )
        .await;
    }

    /// Goes from the sections of a large hall to the seats in the middle of one.
    pub(super) async fn enters_the_section(&self, index: u32) {
        self.click(&format!(
            "svg.map:not(.seats) .block[data-section='{index}']"
        ))
        .await;
        self.shows("svg.map.seats .seat.available").await;
    }

    /// Selects seats on the map.
    pub(super) async fn chooses(&self, seats: &[u32]) {
        for seat in seats {
            let css = format!(".seat[data-seat=\"{seat}\"]");
            self.shows(&css).await;
            // The first tap on a small map zooms in.
            for _ in 0..3 {
                self.click(&css).await;
                let chosen = format!(
                    "return document.querySelector({css:?}).classList.contains('selected')"
                );
                if self.run(&chosen).await == true {
                    break;
                }
                self.until("!document.querySelector('.gliding')").await;
            }
            self.shows(&format!("{css}.selected")).await;
        }
    }

    pub(super) async fn holds(&self) {
        self.click("[data-testid=hold]").await;
        self.shows(".hold-clock").await;
    }

    /// Pays for held seats. What is missing in the wallet is topped up.
    pub(super) async fn pays(&self) {
        self.click("[data-testid=pay]").await;
        self.confirms().await;
        self.shows(".ticket .qr").await;
    }

    /// Says yes to a question.
    pub(super) async fn confirms(&self) {
        self.click("dialog button[value=yes]").await;
        self.until("!document.querySelector('dialog')").await;
    }
}
