//! `boxoffice desk`: the operator's page, on this machine only and with the operator's own credentials. The stack itself has
//! no operator's endpoint that could be attacked.
//!
//! Other users of this machine, and pages of other origins in the operator's browser, can reach the port. So every call
//! needs a key, which is in the address that is printed: behind the `#`, which browsers send nowhere.

mod refusals;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use axum::extract::{Path, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Args;
use domain::ids::{DateKey, EventId};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::app::App;
use shared::store::Consistency;
use tokio::signal::unix::{SignalKind, signal};

use crate::command::Outcome;
use crate::queue::{self, Gate, Steering};
use crate::report::Report;
use crate::target::Target;
use crate::{listen, live};

pub use refusals::Refusals;

/// What `desk` can be told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The page's port; 0 takes a free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Where CloudWatch keeps the stack's metrics: `Boxoffice/` and the stack's name. Without it no refusals are shown
    #[arg(long, env = "BOXOFFICE_METRICS_NAMESPACE", value_name = "NAMESPACE")]
    metrics_namespace: Option<String>,
}

/// Where an operator finds the desk.
pub const DEFAULT_PORT: u16 = 3001;
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Serves the desk until a signal says to stop.
pub async fn run(options: &Options, target: &Target) -> Result<Outcome> {
    let listener = listen::bind(LOOPBACK, options.port, "--port")?;
    let refusals = match &options.metrics_namespace {
        Some(namespace) => Refusals::cloud_watch(namespace).await,
        None => Refusals::Unknown,
    };
    let app = Arc::new(App::new(target.store().await?));
    // Says at once where the table cannot be reached.
    app.store().events(Consistency::Eventual).await?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let desk = Desk::new(app, refusals)?;
    println!("{}", desk.announcement(listener.local_addr()?));
    desk.serve(listener, async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
    .await?;
    Ok(Outcome::Done)
}

/// The page's server.
pub struct Desk {
    app: Arc<App>,
    refusals: Refusals,
    history: live::History,
    key: String,
}

/// Sixteen random bytes cannot be guessed.
const KEY_BYTES: usize = 16;

impl Desk {
    /// A desk with a key of its own.
    pub fn new(app: Arc<App>, refusals: Refusals) -> Result<Self> {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(|error| anyhow!("no random bytes: {error}"))?;
        Ok(Self {
            app,
            refusals,
            history: live::History::default(),
            key: hex::encode(key),
        })
    }

    /// The line that says where the desk is.
    #[must_use]
    pub fn announcement(&self, address: SocketAddr) -> String {
        format!("desk on http://{address}/#{}", self.key)
    }

    /// Serves until `stop` ends.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, router(Arc::new(self)))
            .with_graceful_shutdown(stop)
            .await?;
        Ok(())
    }
}

const PAGE: &str = include_str!("desk/page/index.html");
const STYLE: &str = include_str!("desk/page/desk.css");
const SCRIPT: &str = include_str!("desk/page/desk.js");
const CHART: &str = include_str!("desk/page/chart.js");
const WORDS: &str = include_str!("desk/page/words.js");

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Nothing but what this server sends.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn router(desk: Arc<Desk>) -> Router {
    let api = Router::new()
        .route("/api/events", get(events))
        .route("/api/events/{event}", get(event))
        .route("/api/events/{event}/dates/{date}", get(date))
        .route("/api/events/{event}/queue", post(steer))
        .route("/api/events/{event}/report.csv", get(report_csv))
        .route("/api/events/{event}/report.json", get(report_json))
        .route("/api/refusals", get(refused))
        .layer(from_fn_with_state(desk.clone(), check_key));
    let file = |content_type: &'static str, text: &'static str| {
        get(async move || ([(CONTENT_TYPE, content_type)], text))
    };
    Router::new()
        .route("/", file("text/html; charset=utf-8", PAGE))
        .route("/desk.css", file("text/css; charset=utf-8", STYLE))
        .route("/desk.js", file(JAVASCRIPT, SCRIPT))
        .route("/chart.js", file(JAVASCRIPT, CHART))
        .route("/words.js", file(JAVASCRIPT, WORDS))
        .merge(api)
        .layer(from_fn(guard))
        .with_state(desk)
}

async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers: [(HeaderName, &'static str); 4] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn check_key(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if given == Some(desk.key.as_str()) {
        next.run(request).await
    } else {
        let why = "open the address that the command printed, with all that is behind the #";
        Failed(StatusCode::UNAUTHORIZED, why.to_owned()).into_response()
    }
}

/// Why something could not be shown or done, in words for the operator.
struct Failed(StatusCode, String);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self(StatusCode::BAD_GATEWAY, format!("{error:#}"))
    }
}

type Answer<T> = Result<T, Failed>;

fn parsed<T, E: std::fmt::Display>(what: &str, parsed: Result<T, E>) -> Answer<T> {
    parsed.map_err(|error| Failed(StatusCode::BAD_REQUEST, format!("{what}: {error}")))
}

async fn events(State(desk): State<Arc<Desk>>) -> Answer<Json<Value>> {
    let events = live::events(&desk.app).await?;
    Ok(Json(json!({ "events": events })))
}

async fn event(
    State(desk): State<Arc<Desk>>,
    Path(event): Path<String>,
) -> Answer<Json<live::Snapshot>> {
    let id = parsed("event", EventId::parse(&event))?;
    Ok(Json(live::snapshot(&desk.app, &desk.history, &id).await?))
}

async fn date(
    State(desk): State<Arc<Desk>>,
    Path((event, date)): Path<(String, String)>,
) -> Answer<Json<Value>> {
    let id = parsed("event", EventId::parse(&event))?;
    let date = parsed("date", DateKey::parse(&date))?;
    let sections = live::house(&desk.app, &id, date).await?;
    Ok(Json(json!({ "sections": sections })))
}

async fn report_csv(State(desk): State<Arc<Desk>>, Path(event): Path<String>) -> Answer<Response> {
    let report = report(&desk, &event).await?.to_csv();
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], report).into_response())
}

async fn report_json(State(desk): State<Arc<Desk>>, Path(event): Path<String>) -> Answer<Response> {
    let report = report(&desk, &event).await?.to_json()?;
    Ok(([(CONTENT_TYPE, "application/json")], report).into_response())
}

async fn report(desk: &Desk, event: &str) -> Answer<Report> {
    let id = parsed("event", EventId::parse(event))?;
    Ok(Report::of(&desk.app, &id).await?)
}

async fn refused(State(desk): State<Arc<Desk>>) -> Json<refusals::ByCode> {
    Json(desk.refusals.by_code(&desk.app).await)
}

/// As `boxoffice queue` is told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    gate: Option<GateOrder>,
    max_active: Option<u32>,
    batch_size: Option<u32>,
    beacon: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum GateOrder {
    Pause,
    Resume,
    Close,
}

/// Mirrors the command's range.
const MOST_ACTIVE: u32 = 100_000;

impl Order {
    fn steering(self) -> Answer<Steering> {
        let in_range = |field: &str, value: Option<u32>| match value {
            Some(value) if !(1..=MOST_ACTIVE).contains(&value) => Err(Failed(
                StatusCode::BAD_REQUEST,
                format!("{field}: must be 1 to {MOST_ACTIVE}"),
            )),
            value => Ok(value),
        };
        let beacon = self
            .beacon
            .map(|text| parsed("beacon", queue::parse_beacon(&text)))
            .transpose()?;
        Ok(Steering {
            gate: self.gate.map(|gate| match gate {
                GateOrder::Pause => Gate::Pause,
                GateOrder::Resume => Gate::Resume,
                GateOrder::Close => Gate::Close,
            }),
            max_active: in_range("maxActive", self.max_active)?,
            batch_size: in_range("batchSize", self.batch_size)?,
            beacon,
        })
    }
}

async fn steer(
    State(desk): State<Arc<Desk>>,
    Path(event): Path<String>,
    order: Result<Json<Order>, axum::extract::rejection::JsonRejection>,
) -> Answer<Json<live::Snapshot>> {
    let id = parsed("event", EventId::parse(&event))?;
    let Json(order) = order.map_err(|error| Failed(error.status(), error.body_text()))?;
    let steering = order.steering()?;
    match queue::steer(desk.app.store(), &id, &steering).await? {
        Ok(event) => queue::take_effect(&desk.app, &event).await,
        Err(why_not) => return Err(Failed(StatusCode::CONFLICT, why_not)),
    }
    Ok(Json(live::snapshot(&desk.app, &desk.history, &id).await?))
}
