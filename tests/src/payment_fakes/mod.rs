//! Payment providers on loopback, written from their documentation. They refuse what the real ones
//! refuse: a wrong key, a missing or unknown parameter, an amount that is none, a key used twice
//! for different requests. The time is the test's clock.

pub mod stripe;
pub mod toss;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use domain::clock::{EpochMs, ManualClock};
use futures::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// No request of ours is larger.
const LARGEST_REQUEST: usize = 64 * 1024;

/// The header with the idempotency key.
const KEY: &str = "idempotency-key";

/// A request as a provider sees it.
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub form: BTreeMap<String, String>,
    pub json: Value,
    pub headers: HeaderMap,
    body: String,
}

impl Asked {
    async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, LARGEST_REQUEST).await;
        let body = String::from_utf8(body.expect("a body").to_vec()).expect("UTF-8");
        let pairs = |text: &str| {
            let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect();
            let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
            assert_eq!(map.len(), pairs.len(), "a parameter is given twice: {text}");
            map
        };
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: pairs(parts.uri.query().unwrap_or_default()),
            form: pairs(&body),
            json: serde_json::from_str(&body).unwrap_or_default(),
            headers: parts.headers,
            body,
        }
    }

    /// A header, empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// What the idempotency key belongs to: a provider distinguishes by address, too. `None` without
    /// a key, and for GET, which is repeatable by itself.
    fn scope(&self) -> Option<String> {
        let key = self.header(KEY);
        let is_used = !key.is_empty() && self.method != "GET";
        is_used.then(|| format!("{key} {} {}", self.method, self.path))
    }

    /// The method and the segments of the path.
    #[must_use]
    pub fn route(&self) -> (&str, Vec<&str>) {
        let segments = self.path.split('/').skip(1).collect();
        (&self.method, segments)
    }
}

/// A status and a body.
pub type Answer = (u16, Value);

/// What a provider knows and does.
pub trait Account: Send + 'static {
    /// The longest idempotency key, in characters.
    const LONGEST_KEY: usize;
    /// Why the request does not get as far as its idempotency key: the account's key, the version,
    /// or too many requests.
    fn turns_away(&mut self, asked: &Asked, now: EpochMs) -> Option<Answer>;
    fn answers(&mut self, asked: &Asked, now: EpochMs) -> Answer;
    /// Whether the answer is repeated when the same key comes again.
    fn is_kept(answer: &Answer) -> bool;
    /// What an idempotency key used for another request gets. `None` if nobody compares.
    fn other_request() -> Option<Answer>;
    /// What a request gets while the first one with its key is still being worked on.
    fn in_flight() -> Answer;
    /// What a longer key than [`Account::LONGEST_KEY`] gets.
    fn key_too_long() -> Answer;
    /// What the body of an error with this status and code looks like.
    fn error(status: u16, code: &str) -> Value;
}

/// What goes wrong with a request.
enum Fault {
    /// It is done, and the connection breaks.
    Lost,
    /// It is not answered at all, and not done.
    Silent,
    /// It is not answered, and done only when [`Fake::work_ends`].
    InFlight,
    /// It is done, and then what took long.
    WorkEnds,
    /// It is refused with this status and code, and not done.
    Status(u16, &'static str, Option<u32>),
    /// It is answered with this, and not done.
    Nonsense(&'static str),
}

struct Server<A> {
    account: A,
    clock: ManualClock,
    /// What goes wrong with the next requests. `None`: nothing.
    faults: VecDeque<Option<Fault>>,
    /// Idempotency keys: their request, and its answer.
    kept: BTreeMap<String, (String, Answer)>,
    /// The requests that are still being worked on.
    in_flight: Vec<Asked>,
    requests: Vec<String>,
    /// All requests with their parameters.
    sent: Vec<Value>,
}

/// A provider that listens on loopback.
pub struct Fake<A> {
    pub url: String,
    server: Arc<Mutex<Server<A>>>,
}

type Shared<A> = Arc<Mutex<Server<A>>>;

fn locked<A>(server: &Mutex<Server<A>>) -> MutexGuard<'_, Server<A>> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<A: Account> Fake<A> {
    async fn with(account: A, clock: ManualClock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Arc::new(Mutex::new(Server {
            account,
            clock,
            faults: VecDeque::new(),
            kept: BTreeMap::new(),
            in_flight: Vec::new(),
            requests: Vec::new(),
            sent: Vec::new(),
        }));
        let router = Router::new()
            .fallback(handle::<A>)
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, server }
    }

    /// Nothing goes wrong with the next request, only with the one after it.
    fn spares_one(&self) {
        locked(&self.server).faults.push_back(None);
    }

    /// The request after the next one is done, but its answer is lost.
    pub fn answer_after_the_next_is_lost(&self) {
        self.spares_one();
        self.next_answer_is_lost();
    }

    /// The request after the next one takes longer than anybody waits for its answer.
    pub fn request_after_the_next_takes_long(&self) {
        self.spares_one();
        self.fails(Fault::InFlight);
    }

    fn fails(&self, fault: Fault) {
        locked(&self.server).faults.push_back(Some(fault));
    }

    /// The next request is done, but its answer is lost.
    pub fn next_answer_is_lost(&self) {
        self.fails(Fault::Lost);
    }

    /// The next request gets no answer.
    pub fn next_request_hangs(&self) {
        self.fails(Fault::Silent);
    }

    /// The next request takes longer than anybody waits for its answer.
    pub fn next_request_takes_long(&self) {
        self.fails(Fault::InFlight);
    }

    /// What took long is done.
    pub fn work_ends(&self) {
        locked(&self.server).ends_work();
    }

    /// What took long is done as soon as the next request is answered.
    pub fn work_ends_after_the_next(&self) {
        self.fails(Fault::WorkEnds);
    }

    /// The next request is refused with this status and code.
    pub fn next_is_refused(&self, status: u16, code: &'static str) {
        self.fails(Fault::Status(status, code, None));
    }

    /// The next request is refused as one too many, with `Retry-After`.
    pub fn next_is_one_too_many(&self, code: &'static str, retry_after_seconds: u32) {
        self.fails(Fault::Status(429, code, Some(retry_after_seconds)));
    }

    /// The next request is answered with this body.
    pub fn next_answer_is(&self, body: &'static str) {
        self.fails(Fault::Nonsense(body));
    }

    /// Idempotency keys are forgotten, as after some days.
    pub fn forgets_keys(&self) {
        locked(&self.server).kept.clear();
    }

    /// The requests since the last call: method and path.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut locked(&self.server).requests)
    }

    /// All requests, with the parameters of query and form.
    #[must_use]
    pub fn sent(&self) -> Vec<Value> {
        locked(&self.server).sent.clone()
    }

    fn account<T>(&self, work: impl FnOnce(&mut A, EpochMs) -> T) -> T {
        let mut server = locked(&self.server);
        let now = server.clock.now();
        work(&mut server.account, now)
    }
}

impl<A: Account> Server<A> {
    fn ends_work(&mut self) {
        for asked in std::mem::take(&mut self.in_flight) {
            let _ = self.answer(&asked);
        }
    }

    fn answer(&mut self, asked: &Asked) -> Answer {
        let now = self.clock.now();
        if let Some(refusal) = self.account.turns_away(asked, now) {
            return refusal;
        }
        let Some(scope) = asked.scope() else {
            return self.account.answers(asked, now);
        };
        if asked.header(KEY).len() > A::LONGEST_KEY {
            return A::key_too_long();
        }
        if self
            .in_flight
            .iter()
            .any(|it| it.scope() == Some(scope.clone()))
        {
            return A::in_flight();
        }
        if let Some((body, answer)) = self.kept.get(&scope) {
            let is_other = *body != asked.body;
            return match A::other_request() {
                Some(refusal) if is_other => refusal,
                Some(_) | None => answer.clone(),
            };
        }
        let answer = self.account.answers(asked, now);
        if A::is_kept(&answer) {
            let kept = (asked.body.clone(), answer.clone());
            self.kept.insert(scope, kept);
        }
        answer
    }
}

async fn handle<A: Account>(State(server): State<Shared<A>>, request: Request) -> Response<Body> {
    let asked = Asked::read(request).await;
    let (fault, answer) = {
        let mut server = locked(&server);
        let line = format!("{} {}", asked.method, asked.path);
        let parameters: BTreeMap<_, _> = asked.query.iter().chain(&asked.form).collect();
        let sent = json!({ "request": line, "parameters": parameters });
        server.sent.push(sent);
        server.requests.push(line);
        let fault = server.faults.pop_front().flatten();
        let answer = match &fault {
            None | Some(Fault::Lost | Fault::WorkEnds) => server.answer(&asked),
            Some(Fault::Status(status, code, _)) => (*status, A::error(*status, code)),
            Some(Fault::Silent | Fault::InFlight | Fault::Nonsense(_)) => (200, json!(null)),
        };
        match fault {
            Some(Fault::InFlight) => server.in_flight.push(asked),
            Some(Fault::WorkEnds) => server.ends_work(),
            _ => {}
        }
        (fault, answer)
    };
    let response = Response::builder()
        .status(answer.0)
        .header("content-type", "application/json");
    let response = match &fault {
        Some(Fault::Status(_, _, Some(seconds))) => response.header("retry-after", *seconds),
        _ => response,
    };
    let body = match fault {
        Some(Fault::Lost) => {
            let broken = std::io::Error::other("the connection breaks");
            Body::from_stream(stream::iter([Err::<Bytes, _>(broken)]))
        }
        Some(Fault::Silent | Fault::InFlight) => std::future::pending().await,
        Some(Fault::Nonsense(body)) => Body::from(body),
        Some(Fault::Status(..) | Fault::WorkEnds) | None => Body::from(answer.1.to_string()),
    };
    response.body(body).expect("a response")
}
