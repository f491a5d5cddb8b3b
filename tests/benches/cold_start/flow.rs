//! Each function's first request: somebody new buys a seat, and each step of it finds a process that has just begun.

use std::net::SocketAddr;
use std::path::Path;

use domain::event::Admission;
use serde_json::{Value, json};
use tests::api_gateway::event_by;
use tests::binaries::environment;
use tests::world::{EVENT, FAR_DATE, FESTIVAL, World, concert, festival, long_on_sale};

use crate::process::{Start, start};
use crate::store::Recording;

/// The event and the festival, which has tickets for many starts.
pub(crate) async fn world() -> World {
    let mut general = long_on_sale(festival());
    if let Admission::General { total_tickets, .. } = &mut general.event.terms.admission {
        *total_tickets = 100_000;
    }
    let world = World::with(long_on_sale(concert())).await;
    world.add(general).await;
    world
}

/// A function that reads one item, written without regard to cold starts. It is not part of this repository, because it
/// needs aws-lc: `docs/adr/0026` has its source. It is measured if its executable is in the folder.
const PLAIN: &str = "plain";

/// The executables in a world.
pub(crate) struct Flow<'a> {
    pub folder: &'a Path,
    pub world: &'a World,
    /// What each function's start showed, in the order of the starts.
    pub starts: Vec<(&'static str, Start)>,
}

impl Flow<'_> {
    /// Two starts: one with the engine, whose answer is given, and one that is measured, with what the engine answered. Where
    /// that does not suffice, the first is measured.
    fn start(&mut self, function: &'static str, event: &Value) -> Value {
        let executable = self.folder.join(function).join("bootstrap");
        let engine = self.world.endpoint_url();
        let (recording, store) = Recording::of(engine.strip_prefix("http://").expect("an address"));
        let (first, answer) = start(&executable, event, |address| {
            self.environment(function, address, store.address)
        });
        let store = recording.replayed();
        let (second, again) = start(&executable, event, |address| {
            self.environment(function, address, store.address)
        });
        let measured = if recording.was_lacking() {
            first
        } else {
            assert_eq!(answer["statusCode"], again["statusCode"], "{function}");
            second
        };
        self.starts.push((function, measured));
        answer
    }

    /// Of two variables of a name the last counts.
    fn environment(
        &self,
        function: &str,
        runtime: SocketAddr,
        store: SocketAddr,
    ) -> Vec<(&'static str, String)> {
        let mut variables: Vec<_> = environment(function, self.world, runtime).into();
        variables.push(("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{store}")));
        variables
    }

    /// A request to a function that has just begun; its answer, which must have this status.
    fn asks(
        &mut self,
        (method, path): (&str, &str),
        token: &str,
        body: Option<Value>,
        expected: u16,
    ) -> Value {
        let (function, event) = event_by(token, (method, path), body);
        self.asks_function(function, &event, expected)
    }

    fn asks_function(&mut self, function: &'static str, event: &Value, expected: u16) -> Value {
        let answer = self.start(function, event);
        assert_eq!(answer["statusCode"], expected, "{function}: {answer}");
        let body = answer["body"].as_str().unwrap_or_default();
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    /// Every executable once.
    pub(crate) fn run(&mut self) {
        let hello = self.start("hello", &json!({}));
        assert_eq!(hello["body"], "hello");
        if self.folder.join(PLAIN).exists() {
            self.asks_function(PLAIN, &event_by("", ("GET", "/events"), None).1, 200);
        }
        self.asks(("GET", "/"), "", None, 200);
        self.asks(("GET", "/events"), "", None, 200);
        let event = format!("/events/{EVENT}");
        self.asks(("GET", &event), "", None, 200);
        self.asks(("GET", &format!("{event}/queue")), "", None, 200);
        let joined = self.asks(("POST", &format!("{event}/tokens")), "", None, 201);
        let token = text(&joined, "token");
        let me = format!("{event}/tokens/me");
        self.asks(("GET", &me), token, None, 200);
        self.asks(("GET", &format!("{event}/dates")), token, None, 200);
        let seats = format!("{event}/dates/{FAR_DATE}/seats");
        self.asks(("GET", &seats), token, None, 200);
        let body = json!({"date": FAR_DATE, "seatNumber": 7});
        let held = self.asks(("POST", &format!("{event}/holds")), token, Some(body), 201);
        let user = format!("/users/{}", text(&joined, "userId"));
        let charges = format!("{user}/wallet/charges");
        let body = json!({"amount": 200_000});
        self.asks(("POST", &charges), token, Some(body), 201);
        let reservation = format!("/reservations/{}", text(&held, "reservationId"));
        let payment = format!("{reservation}/payment");
        self.asks(("POST", &payment), token, None, 201);
        self.asks(("GET", &format!("{user}/wallet")), token, None, 200);
        self.asks(("GET", &format!("{user}/wallet/ledger")), token, None, 200);
        self.asks(("GET", &reservation), token, None, 200);
        self.asks(("GET", &format!("{user}/reservations")), token, None, 200);
        // The seat is free again for the next run.
        self.asks(("DELETE", &reservation), token, None, 200);
        let tokens = format!("/events/{FESTIVAL}/tokens");
        let body = json!({"userId": text(&joined, "userId")});
        let joined = self.asks(("POST", &tokens), "", Some(body), 201);
        let reservations = format!("/events/{FESTIVAL}/reservations");
        self.asks(("POST", &reservations), text(&joined, "token"), None, 201);
        self.asks(("DELETE", &me), token, None, 204);
        let promoted = self.start("promote", &json!({"source": "aws.scheduler"}));
        assert_eq!(promoted["events"], 2, "{promoted}");
        let audited = self.start("audit", &json!({"source": "aws.scheduler"}));
        assert_eq!(audited["broken"], 0, "{audited}");
    }
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().expect("a text")
}
