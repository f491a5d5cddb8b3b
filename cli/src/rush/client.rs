//! The HTTP client of the crowd: a bounded number of connections, the faults of bad networks, and a record of every answer.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fastrand::Rng;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, Uri};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::loopback::is_loopback;
use tokio::sync::Semaphore;

use super::tally::Tally;
use crate::crowd::Share;

/// API Gateway answers within 30 s.
const TIMEOUT: Duration = Duration::from_secs(35);
/// A page of 1,000 seats has about 100 KB.
const MOST_BODY_BYTES: usize = 4 * 1024 * 1024;
/// The longest time after which a broken connection is cut.
const CUT_WITHIN: Duration = Duration::from_millis(50);
/// Less than the 30 s for which `serve` keeps an idle connection.
const KEEP_IDLE: Duration = Duration::from_secs(20);

/// The requests that people make, by the function that answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    GetEvent,
    QueueStatus,
    IssueToken,
    TokenStatus,
    LeaveQueue,
    ListDates,
    ListSeats,
    HoldSeat,
    ReserveTicket,
    Charge,
    Pay,
    CancelReservation,
    GetReservation,
    Balance,
    RehearsalProof,
}

impl Endpoint {
    pub const ALL: [Self; 15] = [
        Self::GetEvent,
        Self::QueueStatus,
        Self::IssueToken,
        Self::TokenStatus,
        Self::LeaveQueue,
        Self::ListDates,
        Self::ListSeats,
        Self::HoldSeat,
        Self::ReserveTicket,
        Self::Charge,
        Self::Pay,
        Self::CancelReservation,
        Self::GetReservation,
        Self::Balance,
        Self::RehearsalProof,
    ];

    /// The function's name, as in logs and on the dashboard.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GetEvent => "get-event",
            Self::QueueStatus => "queue-status",
            Self::IssueToken => "issue-token",
            Self::TokenStatus => "token-status",
            Self::LeaveQueue => "leave-queue",
            Self::ListDates => "list-dates",
            Self::ListSeats => "list-seats",
            Self::HoldSeat => "hold-seat",
            Self::ReserveTicket => "reserve-ticket",
            Self::Charge => "charge",
            Self::Pay => "pay",
            Self::CancelReservation => "cancel-reservation",
            Self::GetReservation => "get-reservation",
            Self::Balance => "balance",
            Self::RehearsalProof => "rehearsal-proof",
        }
    }

    fn method(self) -> Method {
        match self {
            Self::IssueToken | Self::HoldSeat | Self::ReserveTicket | Self::Charge | Self::Pay => {
                Method::POST
            }
            Self::LeaveQueue | Self::CancelReservation => Method::DELETE,
            _ => Method::GET,
        }
    }
}

/// A request of the API.
#[derive(Clone, Debug)]
pub struct Call {
    pub endpoint: Endpoint,
    pub path: String,
    pub token: Option<String>,
    pub body: Option<String>,
    pub idempotency_key: Option<String>,
}

impl Call {
    #[must_use]
    pub fn new(endpoint: Endpoint, path: impl Into<String>) -> Self {
        Self {
            endpoint,
            path: path.into(),
            token: None,
            body: None,
            idempotency_key: None,
        }
    }

    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self
        }
    }

    #[must_use]
    pub fn with_body(self, body: &serde_json::Value) -> Self {
        Self {
            body: Some(body.to_string()),
            ..self
        }
    }
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    body: Bytes,
}

/// The fields of a problem that people act on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Problem {
    pub code: String,
    pub retry_after_seconds: Option<f64>,
    pub available_tickets: Option<u32>,
    pub reservation_id: Option<String>,
}

impl Answer {
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a success, as JSON.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Unexpected> {
        serde_json::from_slice(&self.body).map_err(|_| Unexpected)
    }

    /// The problem of a refusal. Answers that API Gateway makes by itself have no code; their status is the code.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let problem = serde_json::from_slice(&self.body).unwrap_or_default();
        let Problem { code, .. } = &problem;
        // A foreign text may be anything.
        let is_code = (1..=40).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if is_code {
            problem
        } else {
            Problem {
                code: format!("http_{}", self.status),
                ..Problem::default()
            }
        }
    }
}

/// An answer that the API never gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unexpected;

/// No answer came: a time-out, a broken connection, or a fault that was injected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unanswered;

/// The server to load.
#[derive(Clone, Debug)]
pub struct Target {
    /// Without a slash at the end.
    base: String,
}

impl Target {
    /// Parses the address of an API, with or without a path. Outside of this machine it must be https.
    pub fn parse(text: &str) -> Result<Self> {
        let base = text.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().context("--url")?;
        if uri.query().is_some() || uri.host().is_none() {
            bail!("--url: must be the address of an API, such as https://shop.example.com");
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(&base) => {}
            Some("http") => bail!("--url: http is for this machine only; use https"),
            _ => bail!("--url: must begin with https://"),
        }
        Ok(Self { base })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.base
    }

    fn is_https(&self) -> bool {
        self.base.starts_with("https:")
    }
}

/// Faults that are added to those of the network.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Faults {
    /// Requests whose answer is lost: half of them are answered, and of the others the connection is cut while they are on
    /// their way.
    pub lost_answers: Share,
    /// Requests that arrive twice, at the same time.
    pub duplicates: Share,
}

pub struct Client {
    http: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    target: Target,
    connections: Semaphore,
    faults: Faults,
    pub tally: Tally,
}

impl Client {
    pub fn new(target: Target, connections: usize, faults: Faults, tally: Tally) -> Result<Self> {
        let config =
            ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()?;
        let config = if target.is_https() {
            config
                .with_native_roots()
                .context("cannot read this machine's certificate authorities")?
                .with_no_client_auth()
        } else {
            config
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth()
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_IDLE)
            .pool_max_idle_per_host(connections)
            .build(connector);
        Ok(Self {
            http,
            target,
            connections: Semaphore::new(connections),
            faults,
            tally,
        })
    }

    /// Sends a request once, perhaps with a fault.
    pub async fn send(&self, call: &Call, rng: &mut Rng) -> Result<Answer, Unanswered> {
        if rng.f64() < self.faults.duplicates.as_fraction() {
            self.tally.count_duplicate();
            let (first, second) = tokio::join!(self.send_once(call), self.send_once(call));
            return if rng.bool() {
                first.or(second)
            } else {
                second.or(first)
            };
        }
        if rng.f64() < self.faults.lost_answers.as_fraction() {
            self.tally.count_lost_answer();
            if rng.bool() {
                let _ = self.send_once(call).await;
            } else {
                let cut_after = CUT_WITHIN.mul_f64(rng.f64());
                // Dropping the future closes the connection.
                let _ = tokio::time::timeout(cut_after, self.send_once(call)).await;
            }
            return Err(Unanswered);
        }
        self.send_once(call).await
    }

    async fn send_once(&self, call: &Call) -> Result<Answer, Unanswered> {
        // From the moment when the person acts: waiting for a connection is waiting, too.
        let began = Instant::now();
        let mut request = Unfinished {
            tally: &self.tally,
            endpoint: call.endpoint,
            is_done: false,
        };
        // An error means that the semaphore was closed, which never happens.
        let _connection = self.connections.acquire().await.ok();
        self.tally.count_connection_wait(began.elapsed());
        let answer = tokio::time::timeout(TIMEOUT, self.exchange(call)).await;
        let answer = answer.map_err(|_| Unanswered).flatten();
        request.is_done = true;
        match &answer {
            Ok(answer) => {
                let code = (!answer.is_success()).then(|| answer.problem().code);
                self.tally
                    .count_answer(call.endpoint, began.elapsed(), code.as_deref());
            }
            Err(Unanswered) => self.tally.count_unanswered(call.endpoint, false),
        }
        answer
    }

    async fn exchange(&self, call: &Call) -> Result<Answer, Unanswered> {
        let uri = format!("{}{}", self.target.base, call.path);
        let mut request = Request::builder().method(call.endpoint.method()).uri(uri);
        if let Some(token) = &call.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(key) = &call.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(call.body.clone().unwrap_or_default()));
        let request = request.body(body).map_err(|_| Unanswered)?;
        let response = self.http.request(request).await.map_err(|_| Unanswered)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MOST_BODY_BYTES);
        let body = body.collect().await.map_err(|_| Unanswered)?.to_bytes();
        Ok(Answer { status, body })
    }
}

/// Counts a request that the rush itself cuts, so that every request is counted once.
struct Unfinished<'a> {
    tally: &'a Tally,
    endpoint: Endpoint,
    is_done: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.tally.count_unanswered(self.endpoint, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_leaves_this_machine() {
        for url in [
            "https://shop.example.com",
            "https://shop.example.com/api/",
            "http://127.0.0.1:3000",
            "http://localhost:3000/",
        ] {
            assert!(Target::parse(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "shop.example.com",
            "http://shop.example.com",
            "ftp://127.0.0.1",
            "https://shop.example.com/?a=b",
            "http://127.0.0.1@shop.example.com",
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_refusal_without_a_code_is_named_by_its_status() {
        let answer = |body: &'static str| Answer {
            status: 502,
            body: Bytes::from_static(body.as_bytes()),
        };
        for body in ["", "<html>", "{}", r#"{"code": "\u001b[2J"}"#] {
            assert_eq!(answer(body).problem().code, "http_502", "{body}");
        }
        assert_eq!(answer(r#"{"code": "busy"}"#).problem().code, "busy");
    }
}
