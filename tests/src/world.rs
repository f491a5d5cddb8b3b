//! A world: an embedded DynamoDB with an event, processes that serve it, and a manual clock.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use boxoffice::embedded_dynamodb::{InProcess, Operations, unsigned_client};
use domain::clock::{Clock, EpochMs, ManualClock};
use domain::event::{Admission, Event, EventDate, Programme, Section, Terms};
use domain::fees::Fees;
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::journal::{Author, Who, Why};
use domain::money::{Currency, Money};
use domain::profile::{Overview, Profile};
use domain::queue::{Control, QueuePolicy};
use dynoxide::Database;
use lambda_http::Body;
use lambda_http::http::HeaderMap;
use serde_json::{Value, json};
use shared::app::App;
use shared::http::PAYMENT_PROVIDER;
use shared::lambda::Function;
use shared::provider::Provider;
use shared::store::{Change, Settings, Store, TableNames, create_tables};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use crate::api_gateway::http_event;
use crate::call_gate::CallGate;
use crate::grants::{self, Used};
use crate::issuer::TestIssuer;
use crate::wire::Wire;

/// The event of a world, unless a test changes it.
pub const EVENT: &str = "winter-live";
/// Its first date.
pub const DATE: &str = "2026-12-24";
/// Its second date.
pub const LATER_DATE: &str = "2026-12-25";
/// The price of a seat.
pub const PRICE: i64 = 50_000;
/// The time at which a world begins.
pub const START: &str = "2026-11-20T10:00:00Z";
/// The date of an event that is [`long_on_sale`].
pub const FAR_DATE: &str = "2099-12-24";
/// The event of [`festival`].
pub const FESTIVAL: &str = "summer-festival";

/// The operator of every world.
#[must_use]
pub fn author() -> Author {
    Author {
        who: Who::local("ann", "desk"),
        why: Why::parse("a test").ok(),
    }
}

/// Every function that answers requests.
pub const FUNCTIONS: [Function; 27] = boxoffice::gateway::FUNCTIONS;

/// At most this many requests are in progress over all tests: more would only queue up on a small machine.
static AT_ONCE: Semaphore = Semaphore::const_new(32);

/// The engine's server runs SQLite on the threads that serve it. They are its own, and shared by all worlds.
fn engine_runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime for the engine")
    })
}

/// The engine's own server, for programs that are not in this process. It starts when it is first needed.
pub struct Port {
    engine: Database,
    url: OnceLock<String>,
}

impl Port {
    fn url(&self) -> &str {
        self.url.get_or_init(|| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.set_nonblocking(true).expect("a socket");
            let address = listener.local_addr().expect("an address");
            let database = self.engine.clone();
            engine_runtime().spawn(async move {
                let listener = TcpListener::from_std(listener).expect("a socket");
                dynoxide::server::serve_on(listener, database).await;
            });
            format!("http://{address}")
        })
    }
}

/// A system with one event.
pub struct World {
    /// The process that [`World::call`] calls.
    pub app: Arc<App>,
    pub clock: ManualClock,
    /// The connection of this process to DynamoDB.
    pub wire: Wire,
    /// A client that bypasses the wire.
    pub dynamodb: Client,
    /// The engine, for what DynamoDB does on its own, such as TTL.
    pub engine: Database,
    /// How this process calls the engine.
    pub in_process: SharedHttpClient,
    /// See [`World::endpoint_url`].
    pub port: Arc<Port>,
    pub tables: TableNames,
    /// The permissions that the functions have needed.
    pub used: Used,
}

/// An event of 50 seats on each of two dates. Tests change it.
#[must_use]
pub fn concert() -> Programme {
    let date = |key: &str, starts_at: &str| EventDate {
        date: DateKey::parse(key).expect("a date"),
        starts_at: EpochMs::parse(starts_at).expect("a time"),
        doors_open_at: None,
        sections: vec![Section::new("A", Money(PRICE), SeatNumber(1), 50)],
    };
    let dates = [
        date(DATE, "2026-12-24T19:00:00+09:00"),
        date(LATER_DATE, "2026-12-25T19:00:00+09:00"),
    ];
    Programme {
        event: Event {
            event_id: EventId::parse(EVENT).expect("an event id"),
            terms: Terms {
                name: "Winter Live 2026".to_owned(),
                venue: "Olympic Hall".to_owned(),
                admission: Admission::Seated,
                currency: currency(),
                fees: Fees::default(),
                tax_rate: None,
                max_seats_per_user: 1,
                hold_seconds: 300,
                payment_seconds: 600,
                refund_to: domain::event::RefundTo::Wallet,
                partial_returns: false,
                cancel_until_hours: 24,
                opens_at: None,
                presales: Vec::new(),
                closes_at: None,
                last_start: Some(dates[1].starts_at),
                doors_open_at: None,
                hidden: false,
                profile: Profile::default(),
                overview: Overview::default(),
                queue: QueuePolicy::default(),
                beacon: None,
            },
            control: Control::default(),
            first_applied_at: EpochMs::parse(START).expect("a time"),
            revision: 0,
        },
        dates: dates.map(|date| (date.date, date)).into_iter().collect(),
    }
}

/// The same event with at most this many sessions.
#[must_use]
pub fn concert_for(max_active: u32) -> Programme {
    let mut concert = concert();
    concert.event.terms.queue.max_active = max_active;
    concert
}

/// An event without dates or seats.
#[must_use]
pub fn festival() -> Programme {
    let mut festival = concert();
    festival.event.event_id = EventId::parse(FESTIVAL).expect("an event id");
    festival.event.terms.admission = Admission::General {
        total_tickets: 100,
        price: Money(PRICE),
        stock_shards: 4,
    };
    festival.dates = BTreeMap::new();
    festival
}

/// The same event with its start far in the future, for executables, which use the system clock. Keeps only the first date,
/// at [`FAR_DATE`].
#[must_use]
pub fn long_on_sale(mut programme: Programme) -> Programme {
    let begins = EpochMs::parse("2099-12-24T19:00:00+09:00").expect("a time");
    programme.event.terms.last_start = Some(begins);
    if let Some((_, mut date)) = programme.dates.pop_first() {
        date.date = DateKey::parse(FAR_DATE).expect("a date");
        date.starts_at = begins;
        programme.dates = BTreeMap::from([(date.date, date)]);
    }
    programme
}

/// The currency of all events.
#[must_use]
pub fn currency() -> Currency {
    Currency::try_from("KRW".to_owned()).expect("a currency")
}

/// A client that waits however long an answer takes: on a loaded machine the product's time-outs would expire and fail a
/// test that is not about them. Benchmarks measure the product's client.
fn client(http_client: SharedHttpClient) -> Client {
    let product = unsigned_client(http_client);
    if !cfg!(test) {
        return product;
    }
    let patient = product
        .config()
        .to_builder()
        .timeout_config(TimeoutConfig::disabled())
        .build();
    Client::from_conf(patient)
}

impl World {
    /// A world with [`concert`].
    pub async fn new() -> Self {
        Self::with(concert()).await
    }

    /// A world with this event.
    pub async fn with(programme: Programme) -> Self {
        Box::pin(Self::on(
            Operations::in_memory().expect("an engine"),
            programme,
        ))
        .await
    }

    /// A world with this event, on a new database.
    pub async fn on(operations: Operations, programme: Programme) -> Self {
        if std::env::var_os("SHOW_LOGS").is_some() {
            static LOGS: std::sync::Once = std::sync::Once::new();
            LOGS.call_once(boxoffice::logging::init);
        }
        let clock = ManualClock::at(EpochMs::parse(START).expect("a time"));
        let engine = operations.database().expect("an open engine");
        let in_process = InProcess::new(operations);
        let in_process = SharedHttpClient::new(in_process);
        let wire = Wire::over(in_process.clone());
        let dynamodb = client(in_process.clone());
        let tables = TableNames {
            main: "boxoffice".to_owned(),
            keys: "boxoffice-keys".to_owned(),
        };
        create_tables(&dynamodb, &tables).await.expect("tables");
        let world = Self {
            app: Arc::new(App::new(Store::new(
                client(SharedHttpClient::new(wire.clone())),
                tables.clone(),
                Clock::Manual(clock.clone()),
            ))),
            clock,
            wire,
            dynamodb,
            in_process,
            port: Arc::new(Port {
                engine: engine.clone(),
                url: OnceLock::new(),
            }),
            engine,
            tables,
            used: Used::default(),
        };
        let settings = Settings {
            currency: currency(),
            wallet_ceiling: Money(10_000_000),
        };
        assert!(
            world
                .app
                .store()
                .put_settings(&settings, None, &author())
                .await
                .expect("settings")
        );
        world.add(programme).await;
        world
    }

    /// Adds an event.
    pub async fn add(&self, programme: Programme) {
        let change = Change::Create(programme.into());
        let (store, by) = (self.app.store(), author());
        // Boxed, because the futures of whole tests contain it.
        let applied = Box::pin(store.apply(&change, &[], &by));
        applied.await.expect("an event");
    }

    /// The engine's address, for programs that are not in this process. It accepts any access keys.
    #[must_use]
    pub fn endpoint_url(&self) -> &str {
        self.port.url()
    }

    /// Another process over the same tables, with its own caches.
    #[must_use]
    pub fn another_process(&self) -> Self {
        let wire = Wire::over(self.in_process.clone());
        Self {
            app: Arc::new(App::new(Store::new(
                client(SharedHttpClient::new(wire.clone())),
                self.tables.clone(),
                Clock::Manual(self.clock.clone()),
            ))),
            clock: self.clock.clone(),
            wire,
            dynamodb: self.dynamodb.clone(),
            engine: self.engine.clone(),
            in_process: self.in_process.clone(),
            port: self.port.clone(),
            tables: self.tables.clone(),
            used: self.used.clone(),
        }
    }

    /// Another process, which identifies users by an issuer. It reads the issuer's keys when it first needs them.
    #[must_use]
    pub fn process_with_issuer(&self, issuer: &TestIssuer) -> Self {
        let process = self.another_process();
        let app = App::new(process.app.store().clone()).with_issuer(issuer.configured());
        Self {
            app: Arc::new(app),
            ..process
        }
    }

    /// Another process, whose charges a payment provider confirms.
    #[must_use]
    pub fn process_with_provider(&self, provider: impl Provider + 'static) -> Self {
        let process = self.another_process();
        let app = App::new(process.app.store().clone()).with_provider(Box::new(provider));
        Self {
            app: Arc::new(app),
            ..process
        }
    }

    /// Another process, whose calls wait at a gate.
    #[must_use]
    pub fn process_behind(&self, gate: CallGate) -> Self {
        let process = self.another_process();
        process.wire.put_gate(gate);
        process
    }

    /// Another process, with the product's time-outs.
    #[must_use]
    pub fn process_with_time_outs(&self) -> Self {
        let process = self.another_process();
        let client = unsigned_client(SharedHttpClient::new(process.wire.clone()));
        let store = Store::new(
            client,
            self.tables.clone(),
            Clock::Manual(self.clock.clone()),
        );
        Self {
            app: Arc::new(App::new(store)),
            ..process
        }
    }

    /// Sends a request through the handler that API Gateway would choose.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Reply {
        let (name, mut event) = http_event(method, path, headers, body);
        if let Some(provider) = self.app.provider_name() {
            event["stageVariables"] = json!({ PAYMENT_PROVIDER: provider.as_str() });
        }
        let function = FUNCTIONS
            .iter()
            .find(|function| function.name == name)
            .expect("a function");
        let request = lambda_http::request::from_str(&event.to_string()).expect("an event");
        let _permit = AT_ONCE.acquire().await.expect("room");
        let response =
            grants::as_function(name, &self.used, function.answer(&self.app, request)).await;
        let (parts, body) = response.into_parts();
        let text = match body {
            Body::Text(text) => text,
            Body::Binary(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            _ => String::new(),
        };
        // Benchmarks measure the handler alone.
        #[cfg(test)]
        if method == "HEAD" {
            assert_eq!(text, "");
        } else {
            let status = parts.status.as_u16();
            let complaint = crate::contract::complaint(name, status, &parts.headers, &text);
            assert_eq!(complaint, None);
        }
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    /// GET, with a token.
    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.call("GET", path, token, None).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call("POST", path, token, Some(body)).await
    }

    /// DELETE, with a token.
    pub async fn delete(&self, path: &str, token: &str) -> Reply {
        self.call("DELETE", path, token, None).await
    }

    /// A request with a token (none if it is empty) and perhaps a JSON body.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Reply {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("content-type", "application/json")];
        if !token.is_empty() {
            headers.push(("authorization", bearer.as_str()));
        }
        let body = body.map(|body| body.to_string());
        self.send(method, path, &headers, body.as_deref()).await
    }

    /// A new user joins the event's queue.
    pub async fn joins(&self, event: &str) -> Buyer {
        let user_id = uuid::Uuid::new_v4().to_string();
        let buyer = self.joins_as(event, &user_id).await;
        assert_eq!(buyer.joined.status, 201, "{:?}", buyer.joined);
        buyer
    }

    /// A user joins the event's queue: for the first time (201) or again (200).
    pub async fn joins_as(&self, event: &str, user_id: &str) -> Buyer {
        let reply = self
            .post(
                &format!("/events/{event}/tokens"),
                "",
                json!({ "userId": user_id }),
            )
            .await;
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
        Buyer {
            user_id: user_id.to_owned(),
            token: reply.body["token"].as_str().expect("a token").to_owned(),
            joined: reply,
        }
    }

    /// A new user joins the queue, and charges the wallet.
    pub async fn joins_with(&self, money: i64) -> Buyer {
        let buyer = self.joins(EVENT).await;
        let reply = self.charge(&buyer, money, "first").await;
        assert_eq!(reply.status, 201, "{reply:?}");
        buyer
    }

    /// The status of the buyer's queue token.
    pub async fn status(&self, buyer: &Buyer) -> Reply {
        self.get(&format!("/events/{EVENT}/tokens/me"), &buyer.token)
            .await
    }

    /// Leaves the queue.
    pub async fn leave(&self, buyer: &Buyer) -> Reply {
        self.delete(&format!("/events/{EVENT}/tokens/me"), &buyer.token)
            .await
    }

    /// Holds one seat of the event's first date.
    pub async fn hold(&self, buyer: &Buyer, seat: u32) -> Reply {
        self.hold_on(buyer, DATE, seat).await
    }

    /// Holds one seat of a date.
    pub async fn hold_on(&self, buyer: &Buyer, date: &str, seat: u32) -> Reply {
        self.post(
            &format!("/events/{EVENT}/holds"),
            &buyer.token,
            json!({ "date": date, "seatNumber": seat }),
        )
        .await
    }

    /// Pays a reservation.
    pub async fn pay(&self, buyer: &Buyer, reservation_id: &str) -> Reply {
        let path = format!("/reservations/{reservation_id}/payment");
        self.call("POST", &path, &buyer.token, None).await
    }

    /// Charges the buyer's wallet.
    pub async fn charge(&self, buyer: &Buyer, amount: i64, key: &str) -> Reply {
        let bearer = format!("Bearer {}", buyer.token);
        let path = format!("/users/{}/wallet/charges", buyer.user_id);
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("idempotency-key", key),
        ];
        let body = json!({ "amount": amount }).to_string();
        self.send("POST", &path, &headers, Some(&body)).await
    }

    /// The buyer's balance.
    pub async fn balance(&self, buyer: &Buyer) -> i64 {
        let path = format!("/users/{}/wallet", buyer.user_id);
        let reply = self.get(&path, &buyer.token).await;
        reply.body["balance"].as_i64().expect("a balance")
    }
}

/// A user with a token.
#[derive(Clone, Debug)]
pub struct Buyer {
    pub user_id: String,
    pub token: String,
    /// The answer to joining.
    pub joined: Reply,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null if the body is not JSON.
    pub body: Value,
    pub text: String,
}

impl Reply {
    /// The problem's code; empty if the response is not a problem.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// A string field of the body.
    #[must_use]
    pub fn text_of(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_default()
    }

    /// The field names of an `invalid_request`.
    #[must_use]
    pub fn wrong_fields(&self) -> Vec<&str> {
        self.body["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error["field"].as_str())
            .collect()
    }

    /// Asserts a problem's status and code, and the form that every problem has.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], format!("/docs/errors#{code}"));
        assert!(!self.text_of("title").is_empty() && !self.text_of("detail").is_empty());
    }
}
