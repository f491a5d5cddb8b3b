//! The server of the operator's page, the desk.
//!
//! It listens on this machine only and uses the operator's own credentials. The deployed stack has no endpoint for operators
//! that could be attacked.
//!
//! Other users of this machine, and pages of other origins in the operator's browser, can reach the port. So every call of
//! the API needs a key. There is one for each role, printed as the fragment of the page's address, behind `#`, which
//! browsers never send.

mod answer;
mod api;
mod block_api;
mod cancellation;
mod charts;
mod event_status;
mod order_api;
mod page;
mod refusal_counts;
mod roles;
mod steering_request;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Result;
use api::DeskState;
use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use domain::clock::Clock;
use domain::journal::Who;
use roles::Keys;
use shared::app::App;

use crate::http_server::HttpServer;

pub use refusal_counts::RefusalSource;
pub use roles::Role;

/// The port that the desk tries first.
pub const DEFAULT_PORT: u16 = 3001;

pub struct Desk {
    state: Arc<DeskState>,
    keys: Arc<Keys>,
}

/// For the pages of a few operators, each with some connections.
const MAX_CONNECTIONS: usize = 64;

impl Desk {
    /// Makes a desk with new keys. `who` acts through it, for the journal.
    pub fn new(app: Arc<App>, refusals: RefusalSource, who: Who) -> Result<Self> {
        Ok(Self {
            state: Arc::new(DeskState::new(app, refusals, who)),
            keys: Arc::new(Keys::new()?),
        })
    }

    /// The lines that print the page's addresses, one for each role.
    #[must_use]
    pub fn announcement(&self, address: SocketAddr) -> Vec<String> {
        self.keys.announcement(address)
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

/// The page loads nothing from other origins.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn router(desk: Desk) -> Router {
    let api = api::router(&desk.keys);
    page::router()
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
