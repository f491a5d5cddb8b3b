//! A stage: one endpoint in its own world, with any number of subjects, behind the HTTP server of `serve`, and a twin event on
//! which the bare calls are made.
//!
//! One subject, the template, is prepared and sends its request through a process whose wire records the calls. All other
//! subjects are copies of it under other names. The world's clock stands still, so caches never expire: the measured request
//! is the usual one, not the one each second that refills the shared caches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::clock::Clock;
use domain::event::{Programme, Section};
use domain::ids::{DateKey, EventId, Lane, ReservationId, SeatNumber, UserId};
use domain::money::Money;
use http_body_util::Full;
use lambda_http::http::Request;
use serde_json::{Value, json};
use shared::app::App;
use shared::store::Store;
use shared::token::Token;
use tempfile::TempDir;
use tests::api_gateway::http_event;
use tests::invariants;
use tests::large_catalogue::{concert_on, list_more_events};
use tests::wire::CallRecord;
use tests::world::{DATE, EVENT, FUNCTIONS, PRICE, World, concert};

use crate::calls::Call;
use crate::endpoints::{
    Beside, EVENT_OF_MANY, Endpoint, LIST_OF_MANY, MANY_DATES, MANY_EVENTS, Subject,
};
use crate::names::{Item, Names, mentions};
use crate::server::{Server, Storage};
use crate::table::{open_session, put_items, set_head};
use crate::work::Job;

/// At most this many requests warm up a process.
const MOST_WARMINGS: usize = 16;
/// The event of the bare calls. Its name is as long as the other's.
const TWIN: &str = "winter-twin";
const TEMPLATE_USER: &str = "c0ffee00-cafe-4bad-8bad-c0ffeec0ffee";
const TEMPLATE_SEAT: u32 = 10_007;
/// The first queue number: a number of nine digits is found wherever it occurs.
const FIRST_NUMBER: u64 = 700_000_000;
/// The first number of the copies.
const FIRST_COPY: u64 = FIRST_NUMBER + 1_000;
/// A watermark above all of them.
const ALL_CALLED: u64 = 900_000_000;

/// A side of the comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// Requests through HTTP to the server of `serve`.
    Served,
    /// The same requests to the handler, as the Lambda runtime passes them.
    Handler,
    /// The handler's calls to the store.
    Bare,
}

impl Side {
    fn event(self) -> &'static str {
        match self {
            Self::Served | Self::Handler => EVENT,
            Self::Bare => TWIN,
        }
    }
}

/// An endpoint with its subjects.
pub(crate) struct Stage {
    pub(crate) endpoint: Endpoint,
    /// Its process has no meter on the wire, and shares the client of the bare calls.
    world: World,
    template: Names,
    /// The template's items before its request.
    items: Vec<Item>,
    /// The calls of its request: operation and body, round after round.
    rounds: Vec<Vec<(String, Value)>>,
    /// The next number of the event, and of its twin.
    copies: AtomicU64,
    twins: AtomicU64,
    server: Server,
    /// The database's folder, if it has one; removed at the end.
    _data: Option<TempDir>,
}

fn programme(endpoint: &Endpoint) -> Programme {
    let mut programme = concert();
    if endpoint.name == EVENT_OF_MANY {
        let first = programme.dates.clone();
        programme
            .dates
            .extend(concert_on(MANY_DATES - first.len()).dates);
    }
    programme.event.terms.max_seats_per_user = 20;
    if matches!(endpoint.subject, Subject::NewOutside | Subject::Waiting) {
        programme.event.terms.queue.max_active = 1;
    }
    // Seats for thousands of subjects that want one each.
    if endpoint.subject == Subject::Holding || endpoint.name == "hold-seat" {
        for date in programme.dates.values_mut() {
            date.sections
                .push(Section::new("B", Money(PRICE), SeatNumber(10_000), 90_000));
        }
    }
    programme
}

/// The same system over the plain connection.
pub(crate) fn without_meter(world: &World) -> World {
    let store = Store::new(
        world.dynamodb.clone(),
        world.tables.clone(),
        Clock::Manual(world.clock.clone()),
    );
    World {
        app: Arc::new(App::new(store)),
        ..world.another_process()
    }
}

impl Stage {
    pub(crate) async fn new(endpoint: Endpoint, storage: Storage) -> Self {
        let (engine, data) = storage.open();
        let world = World::on(engine, programme(&endpoint)).await;
        if endpoint.name == LIST_OF_MANY {
            list_more_events(&world, MANY_EVENTS - 1).await;
        }
        let begin = [FIRST_NUMBER; 3];
        set_head(&world, ["issued", "admitted", "floor"], begin).await;
        // The first user is admitted, and holds some seats that a list shows.
        let first = world.joins(EVENT).await;
        let body = json!({ "date": DATE, "seatNumbers": (1..=20).collect::<Vec<u32>>() });
        let path = format!("/events/{EVENT}/holds");
        assert_eq!(world.post(&path, &first.token, body).await.status, 201);
        let template = template(&world, endpoint.subject).await;
        let (own, common) = invariants::items(&world)
            .await
            .into_values()
            .partition(|item| mentions(item, TEMPLATE_USER));
        let items = match endpoint.subject {
            Subject::Anyone | Subject::NewOutside => Vec::new(),
            Subject::NewInside => vec![open_session(EVENT, template.rank)],
            _ => own,
        };
        if !matches!(endpoint.subject, Subject::NewOutside | Subject::Waiting) {
            set_head(&world, ["admitted"], [ALL_CALLED]).await;
        }
        // If the head did not know a number yet, it would be read again for each request.
        let issued = if endpoint.subject.is_new() {
            FIRST_COPY - 1
        } else {
            ALL_CALLED
        };
        set_head(&world, ["issued"], [issued]).await;
        let process = without_meter(&world);
        let server = Server::start(process.app.clone());
        let mut stage = Self {
            endpoint,
            world: process,
            template,
            items,
            rounds: Vec::new(),
            copies: AtomicU64::new(FIRST_COPY),
            twins: AtomicU64::new(FIRST_COPY),
            server,
            _data: data,
        };
        stage.make_twin(common).await;
        stage.record(&world).await;
        stage
    }

    /// Copies the event's shared items to the twin.
    async fn make_twin(&self, common: Vec<Item>) {
        let twin = Names {
            event: TWIN,
            ..self.template.clone()
        };
        let renamed = common
            .iter()
            .filter(|item| item["pk"].as_s().is_ok_and(|pk| pk != "CATALOG"))
            .filter(|item| mentions(item, EVENT))
            .map(|item| self.template.rename_item(item, &twin))
            .collect();
        put_items(&self.world, renamed).await;
    }

    /// Lets the template send its request, after another subject has warmed up the process, and keeps the calls.
    async fn record(&mut self, world: &World) {
        let process = world.another_process();
        let [warming, copy]: [Names; 2] = [self.copy(Side::Handler), self.copy(Side::Handler)];
        let own = [&warming, &copy].map(|names| self.items_of(names)).concat();
        put_items(&self.world, own).await;
        // Caches of an event with many dates fill over several requests.
        for _ in 0..MOST_WARMINGS {
            let calls = self.calls_to(&process, &warming).await;
            if calls.is_empty() || self.endpoint.subject != Subject::Anyone {
                break;
            }
        }
        // For new users, the second copy only creates an open slot, and the template takes it.
        let mut calls = self.calls_to(&process, &self.template).await;
        if !self.endpoint.subject.is_new() {
            let of_copy = self.calls_to(&process, &copy).await;
            assert_eq!(
                operations(&calls),
                operations(&of_copy),
                "{}: the copies are not asked as the template is",
                self.endpoint.name
            );
        }
        calls.sort_by_key(|call| call.began);
        let mut last_end = None;
        for call in calls {
            if last_end.is_none_or(|end| call.began >= end) {
                self.rounds.push(Vec::new());
            }
            last_end = last_end.max(Some(call.ended));
            if let Some(round) = self.rounds.last_mut() {
                round.push((call.operation, call.request));
            }
        }
        if self.endpoint.beside == Beside::CounterOnly {
            self.rounds
                .retain(|round| round.iter().any(|(operation, _)| operation == "UpdateItem"));
        }
    }

    /// The calls that the process makes for one request.
    async fn calls_to(&self, process: &World, names: &Names) -> Vec<CallRecord> {
        process.wire.reset_meter();
        let request = self.job(names, process.app.clone()).await;
        request.run().await.expect("an answer");
        process.wire.calls()
    }

    /// How many calls a request takes.
    pub(crate) fn calls(&self) -> usize {
        self.rounds.iter().map(Vec::len).sum()
    }

    fn copy(&self, side: Side) -> Names {
        let copies = match side {
            Side::Served | Side::Handler => &self.copies,
            Side::Bare => &self.twins,
        };
        let number = copies.fetch_add(1, Ordering::Relaxed);
        let seat = 20_000 + u32::try_from(number % 79_000).unwrap_or_default();
        Names {
            event: side.event(),
            user: uuid::Uuid::new_v4().to_string(),
            rank: number,
            seat,
            reservation: reservation_id(&self.world),
        }
    }

    fn items_of(&self, names: &Names) -> Vec<Item> {
        let items = self.items.iter();
        items
            .map(|item| self.template.rename_item(item, names))
            .collect()
    }

    /// This many new subjects, each with its job.
    pub(crate) async fn jobs(&self, side: Side, wanted: usize) -> Vec<Job> {
        let copies: Vec<Names> = (0..wanted).map(|_| self.copy(side)).collect();
        let items = copies
            .iter()
            .flat_map(|names| self.items_of(names))
            .collect();
        put_items(&self.world, items).await;
        let mut jobs = Vec::with_capacity(wanted);
        for names in &copies {
            jobs.push(match side {
                Side::Served => self.served(names).await,
                Side::Handler => self.job(names, self.world.app.clone()).await,
                Side::Bare => Job::Calls(self.calls_of(names)),
            });
        }
        jobs
    }

    fn calls_of(&self, names: &Names) -> Vec<Vec<Call>> {
        let call = |(operation, body): &(String, Value)| {
            let body = self.template.rename(&body.to_string(), names);
            let body = serde_json::from_str(&body).expect("a body");
            Call::new(&self.world.dynamodb, operation, &body)
        };
        let rounds = self.rounds.iter();
        rounds
            .map(|round| round.iter().map(call).collect())
            .collect()
    }

    async fn job(&self, names: &Names, app: Arc<App>) -> Job {
        let ask = (self.endpoint.ask)(names);
        let bearer = self.bearer(names).await;
        let headers = headers(&bearer);
        let (name, event) = http_event(ask.method, &ask.path, &headers, ask.body.as_deref());
        let request = lambda_http::request::from_str(&event.to_string()).expect("an event");
        let function = FUNCTIONS.iter().find(|function| function.name == name);
        Job::Ask {
            app,
            function: *function.expect("a function"),
            request: Box::new(request),
        }
    }

    async fn served(&self, names: &Names) -> Job {
        let ask = (self.endpoint.ask)(names);
        let bearer = self.bearer(names).await;
        let mut request = Request::builder()
            .method(ask.method)
            .uri(&ask.path)
            .header("host", self.server.address.to_string());
        for (name, value) in headers(&bearer) {
            request = request.header(name, value);
        }
        let body = Full::from(ask.body.unwrap_or_default());
        Job::Send {
            server: self.server.clone(),
            request: Box::new(request.body(body).expect("a request")),
        }
    }

    /// The `Authorization` of a subject; empty if it sends none.
    async fn bearer(&self, names: &Names) -> String {
        if self.endpoint.subject == Subject::Anyone {
            return String::new();
        }
        let app = &self.world.app;
        let token = Token::new(
            UserId::parse(&names.user).expect("a user id"),
            EventId::parse(EVENT).expect("an event id"),
            Lane::FIRST,
            names.rank,
            app.clock().now(),
        );
        format!("Bearer {}", app.sign(&token).await.expect("a token"))
    }
}

fn headers(bearer: &str) -> Vec<(&str, &str)> {
    let mut headers = vec![
        ("content-type", "application/json"),
        ("idempotency-key", "measured"),
    ];
    if !bearer.is_empty() {
        headers.push(("authorization", bearer));
    }
    headers
}

/// Prepares the template.
async fn template(world: &World, subject: Subject) -> Names {
    let mut names = Names {
        event: EVENT,
        user: TEMPLATE_USER.to_owned(),
        // The second to join, if the request takes a number.
        rank: FIRST_COPY + 1,
        seat: TEMPLATE_SEAT,
        reservation: reservation_id(world),
    };
    if subject.is_new() {
        return names;
    }
    let buyer = world.joins_as(EVENT, TEMPLATE_USER).await;
    names.rank = buyer.joined.body["queueNumber"].as_u64().expect("a number");
    if matches!(subject, Subject::WithMoney | Subject::Holding) {
        assert_eq!(world.charge(&buyer, 2 * PRICE, "first").await.status, 201);
    }
    if subject == Subject::Holding {
        let held = world.hold(&buyer, TEMPLATE_SEAT).await;
        assert_eq!(held.status, 201, "{held:?}");
        held.text_of("reservationId")
            .clone_into(&mut names.reservation);
    }
    names
}

/// The order of concurrent calls does not matter.
fn operations(calls: &[CallRecord]) -> Vec<&str> {
    let mut operations: Vec<&str> = calls.iter().map(|call| call.operation.as_str()).collect();
    operations.sort_unstable();
    operations
}

pub(crate) fn reservation_id(world: &World) -> String {
    let event = EventId::parse(EVENT).expect("an event id");
    let date = DateKey::parse(DATE).expect("a date");
    ReservationId::new(event, Some(date), world.clock.now()).to_string()
}
