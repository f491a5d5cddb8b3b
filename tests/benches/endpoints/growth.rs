//! How long requests take as people, seats, events and ledger entries grow: one caller, over HTTP.
//!
//! Each request is measured with warm caches, while the world's clock stands still, and with expired ones, after the clock has
//! moved: the usual request, and the one each second or two that reads what the others share.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::event::Section;
use domain::ids::{EventId, Lane, SeatNumber, UserId};
use domain::money::Money;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use serde_json::json;
use shared::token::Token;
use tests::invariants;
use tests::large_catalogue::list_more_events;
use tests::world::{DATE, EVENT, PRICE, World, concert_for};

use crate::names::Item;
use crate::server::{Server, Storage};
use crate::stage::{reservation_id, without_meter};
use crate::table::{put_items, set_head};

/// Requests of each kind and size, warm and expired alike.
const REQUESTS: usize = 40;
/// Longer than any cache keeps what a request may not find older.
const EXPIRED_AFTER: u32 = 6;
/// At most this many attempts of a request.
const ATTEMPTS: usize = 100;
const SLOTS: u32 = 1_000;
const SECTION_SEATS: u32 = 500;
const USER: &str = "c0ffee00-cafe-4bad-8bad-c0ffeec0ffee";

/// The median time of a kind of request at one size.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    /// What grows.
    pub(crate) of: &'static str,
    pub(crate) size: u64,
    pub(crate) request: &'static str,
    pub(crate) warm_us: f64,
    pub(crate) expired_us: f64,
}

struct Place {
    world: World,
    server: Server,
    _data: Option<tempfile::TempDir>,
}

/// A request of one of many callers.
struct Ask {
    method: &'static str,
    path: String,
    token: String,
    body: String,
}

impl Ask {
    fn get(path: String, token: &str) -> Self {
        Self {
            method: "GET",
            path,
            token: token.to_owned(),
            body: String::new(),
        }
    }

    fn post(path: String, token: &str, body: &serde_json::Value) -> Self {
        Self {
            method: "POST",
            body: body.to_string(),
            ..Self::get(path, token)
        }
    }
}

/// All sizes of everything that grows.
pub(crate) async fn measure(storage: Storage) -> Vec<Growth> {
    let mut all = Vec::new();
    for people in [100, 10_000, 1_000_000] {
        all.extend(waiting(storage, people).await);
    }
    for seats in [50, 500, 5_000, 50_000] {
        all.extend(on_sale(storage, seats).await);
    }
    for events in [10, 100, 1_000] {
        all.extend(listed(storage, events).await);
    }
    for entries in [10, 1_000, 100_000] {
        all.extend(in_ledger(storage, entries).await);
    }
    all
}

async fn waiting(storage: Storage, people: u64) -> Vec<Growth> {
    let place = Place::new(storage, 1, SLOTS).await;
    set_head(&place.world, ["issued", "admitted"], [people + 1, 1]).await;
    let token = place.token_of(1 + people / 2).await;
    let of = ("people waiting", people);
    vec![
        place
            .times(of, "poll", |_| {
                Ask::get(format!("/events/{EVENT}/tokens/me"), &token)
            })
            .await,
        place
            .times(of, "join", |_| {
                let body = json!({ "userId": UserId::random().to_string() });
                Ask::post(format!("/events/{EVENT}/tokens"), "", &body)
            })
            .await,
    ]
}

/// Half of the seats are sold.
async fn on_sale(storage: Storage, seats: u32) -> Vec<Growth> {
    let place = Place::new(storage, seats, SLOTS).await;
    let mut buyers = Vec::new();
    for _ in 0..2 * REQUESTS {
        buyers.push(place.world.joins(EVENT).await.token);
    }
    let lists = buyers[0].clone();
    place.sell_every_other_seat(seats).await;
    let of = ("seats", u64::from(seats));
    let mut grown = vec![
        place
            .times(of, "list-dates", |_| {
                Ask::get(format!("/events/{EVENT}/dates"), &lists)
            })
            .await,
        place
            .times(of, "list-seats of a section", |_| {
                let path = format!("/events/{EVENT}/dates/{DATE}/seats?section=S000");
                Ask::get(path, &lists)
            })
            .await,
    ];
    // As many free seats are needed as there are holds.
    if usize::try_from(seats).unwrap_or(0) >= 4 * REQUESTS {
        let hold = |n: usize| {
            let seat = 2 + 2 * n;
            let body = json!({ "date": DATE, "seatNumber": seat });
            Ask::post(format!("/events/{EVENT}/holds"), &buyers[n], &body)
        };
        grown.push(place.times(of, "hold", hold).await);
    }
    grown
}

async fn listed(storage: Storage, events: u64) -> Vec<Growth> {
    let place = Place::new(storage, 50, SLOTS).await;
    let more = usize::try_from(events - 1).expect("a small number");
    list_more_events(&place.world, more).await;
    let of = ("events", events);
    vec![
        place
            .times(of, "list-events", |_| Ask::get("/events".to_owned(), ""))
            .await,
        place
            .times(of, "get-event", |_| {
                Ask::get(format!("/events/{EVENT}"), "")
            })
            .await,
    ]
}

async fn in_ledger(storage: Storage, entries: u64) -> Vec<Growth> {
    let place = Place::new(storage, 50, SLOTS).await;
    let buyer = place.world.joins_as(EVENT, USER).await;
    assert_eq!(place.world.charge(&buyer, 1, "first").await.status, 201);
    place.lengthen_ledger(entries).await;
    let token = &buyer.token;
    let of = ("ledger entries", entries);
    let path = format!("/users/{USER}/wallet");
    vec![
        place
            .times(of, "balance", |_| Ask::get(path.clone(), token))
            .await,
        place
            .times(of, "list-ledger, newest", |_| {
                Ask::get(format!("{path}/ledger"), token)
            })
            .await,
        place
            .times(of, "charge", |_| {
                Ask::post(format!("{path}/charges"), token, &json!({ "amount": 1 }))
            })
            .await,
    ]
}

impl Place {
    async fn new(storage: Storage, seats: u32, slots: u32) -> Self {
        let mut programme = concert_for(slots);
        // Nobody's turn ends while the clock moves.
        programme.event.terms.queue.session_seconds = 3_600;
        for date in programme.dates.values_mut() {
            date.sections = (0..seats.div_ceil(SECTION_SEATS))
                .map(|section| {
                    let before = section * SECTION_SEATS;
                    let name = format!("S{section:03}");
                    let seats = SECTION_SEATS.min(seats - before);
                    Section::new(name, Money(PRICE), SeatNumber(1 + before), seats)
                })
                .collect();
        }
        let (engine, data) = storage.open();
        let world = World::on(engine, programme).await;
        let server = Server::start(without_meter(&world).app);
        Self {
            world,
            server,
            _data: data,
        }
    }

    async fn token_of(&self, number: u64) -> String {
        let event = EventId::parse(EVENT).expect("an event id");
        let now = self.world.clock.now();
        let token = Token::new(UserId::random(), event, Lane::FIRST, number, now);
        self.world.app.sign(&token).await.expect("a token")
    }

    /// The median times of requests; each gets its number.
    async fn times(
        &self,
        (of, size): (&'static str, u64),
        request: &'static str,
        ask: impl Fn(usize) -> Ask,
    ) -> Growth {
        let mut times = [Vec::new(), Vec::new()];
        for number in 0..2 * REQUESTS {
            let expires = number % 2;
            if expires == 1 {
                self.world.clock.advance_seconds(EXPIRED_AFTER);
            }
            times[expires].push(self.time(ask(number), number).await);
        }
        let [warm_us, expired_us] = times.map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e6
        });
        Growth {
            of,
            size,
            request,
            warm_us,
            expired_us,
        }
    }

    async fn time(&self, ask: Ask, number: usize) -> Duration {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(&ask.path)
            .header("host", self.server.address.to_string())
            .header("content-type", "application/json")
            .header("idempotency-key", format!("measured-{number}"));
        if !ask.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", ask.token));
        }
        let request = request
            .body(Full::new(Bytes::from(ask.body)))
            .expect("a request");
        let began = Instant::now();
        // On a slow machine a large read can time out. Then the request is repeated, as a client would do.
        for _ in 0..ATTEMPTS {
            let response = self.server.answer(request.clone()).await;
            let response = response.expect("a response");
            if response.status().is_success() {
                return began.elapsed();
            }
            let text = String::from_utf8_lossy(response.body());
            assert_eq!(response.status(), 503, "{}: {text}", ask.path);
        }
        panic!("{} is not answered", ask.path)
    }

    /// Claims of the odd seats.
    async fn sell_every_other_seat(&self, seats: u32) {
        let reservation = reservation_id(&self.world);
        let claims = (1..=seats).step_by(2).map(|seat| {
            let section = (seat - 1) / SECTION_SEATS;
            [
                ("pk", format!("SEATS#{EVENT}#{DATE}#S{section:03}")),
                ("sk", format!("SEAT#{seat:05}")),
                ("state", "SOLD".to_owned()),
                ("userId", USER.to_owned()),
                ("reservationId", reservation.clone()),
            ]
            .map(|(name, text)| (name.to_owned(), AttributeValue::S(text)))
            .into()
        });
        put_items(&self.world, claims.collect()).await;
    }

    /// By copies of the only entry.
    async fn lengthen_ledger(&self, entries: u64) {
        let items = invariants::items(&self.world).await;
        let of_wallet = |sk: &str| -> Item {
            let key = (format!("WALLET#{USER}"), sk.to_owned());
            items.get(&key).expect("an item of the wallet").clone()
        };
        let number = |n: u64| AttributeValue::N(n.to_string());
        let entry = of_wallet("LEDGER#000000000001");
        let mut all: Vec<Item> = (2..=entries)
            .map(|seq| {
                let mut entry = entry.clone();
                let key = AttributeValue::S(format!("LEDGER#{seq:012}"));
                entry.insert("sk".to_owned(), key);
                entry
            })
            .collect();
        let mut wallet = of_wallet("BALANCE");
        wallet.insert("seq".to_owned(), number(entries));
        all.push(wallet);
        put_items(&self.world, all).await;
    }
}
