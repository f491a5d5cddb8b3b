//! The server of the operator's page, the desk.
//!
//! It listens on this machine only and uses the operator's own credentials. The deployed stack has no endpoint for operators
//! that could be attacked.
//!
//! Other users of this machine, and pages of other origins in the operator's browser, can reach the port. So every call of
//! the API needs a key. It is printed as the fragment of the page's address, behind `#`, which browsers never send.

mod api;
mod chart_history;
mod event_status;
mod refusal_counts;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use api::DeskState;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::clock::Clock;
use domain::journal::Who;
use shared::app::App;

use crate::http_server::HttpServer;

pub use refusal_counts::RefusalSource;

/// The port that the desk tries first.
pub const DEFAULT_PORT: u16 = 3001;

pub struct Desk {
    state: Arc<DeskState>,
    key: Arc<str>,
}

/// For the pages of a few operators, each with some connections.
const MAX_CONNECTIONS: usize = 64;

/// 128 random bits.
const KEY_BYTES: usize = 16;

impl Desk {
    /// Makes a desk with a new key. `who` acts through it, for the journal.
    pub fn new(app: Arc<App>, refusals: RefusalSource, who: Who) -> Result<Self> {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(|error| anyhow!("cannot get random bytes: {error}"))?;
        Ok(Self {
            state: Arc::new(DeskState::new(app, refusals, who)),
            key: hex::encode(key).into(),
        })
    }

    /// The line that prints the page's address.
    #[must_use]
    pub fn announcement(&self, address: SocketAddr) -> String {
        format!("desk on http://{address}/#{}", self.key)
    }

    /// Serves until `stop` ends.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<()> {
        let server = HttpServer {
            listener,
            max_connections: MAX_CONNECTIONS,
            clock: Clock::System,
        };
        server.serve(router(self), stop).await
    }
}

const PAGE: &str = include_str!("desk/page/index.html");
const STYLE: &str = include_str!("desk/page/desk.css");
const SCRIPT: &str = include_str!("desk/page/desk.js");
const CHART: &str = include_str!("desk/page/chart.js");
const SEATS: &str = include_str!("desk/page/seats.js");
const WORDS: &str = include_str!("desk/page/words.js");

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The page loads nothing from other origins.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn router(desk: Desk) -> Router {
    let api = api::router().layer(from_fn_with_state(desk.key, check_key));
    let file = |content_type: &'static str, text: &'static str| {
        get(async move || ([(CONTENT_TYPE, content_type)], text))
    };
    Router::new()
        .route("/", file("text/html; charset=utf-8", PAGE))
        .route("/desk.css", file("text/css; charset=utf-8", STYLE))
        .route("/desk.js", file(JAVASCRIPT, SCRIPT))
        .route("/chart.js", file(JAVASCRIPT, CHART))
        .route("/seats.js", file(JAVASCRIPT, SEATS))
        .route("/words.js", file(JAVASCRIPT, WORDS))
        .merge(api)
        .layer(from_fn(add_security_headers))
        .with_state(desk.state)
}

async fn add_security_headers(request: Request, next: Next) -> Response {
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

async fn check_key(State(key): State<Arc<str>>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if given == Some(&*key) {
        next.run(request).await
    } else {
        api::wrong_key().into_response()
    }
}
