//! The HTTP server that stands in for API Gateway. Its routes are those of template.yaml.

mod connection_limit;
mod cors;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;
use axum::Router;
use axum::body::Body as AxumBody;
use axum::extract::{Request as AxumRequest, State};
use axum::http::header::DATE;
use axum::http::{HeaderValue, Response};
use connection_limit::LimitedListener;
use cors::Cors;
use domain::clock::EpochMs;
use http_body_util::BodyExt;
use lambda_http::{Body, RequestExt};
use pages::{Resolved, resolve};
use shared::app::App;
use shared::http::LARGEST_BODY;
use shared::lambda::Function;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Every function that answers HTTP requests.
pub const FUNCTIONS: [Function; 18] = [
    balance::FUNCTION,
    cancel_reservation::FUNCTION,
    charge::FUNCTION,
    get_event::FUNCTION,
    get_reservation::FUNCTION,
    hold_seat::FUNCTION,
    issue_token::FUNCTION,
    leave_queue::FUNCTION,
    list_dates::FUNCTION,
    list_events::FUNCTION,
    list_ledger::FUNCTION,
    list_reservations::FUNCTION,
    list_seats::FUNCTION,
    pages::FUNCTION,
    pay::FUNCTION,
    queue_status::FUNCTION,
    reserve_ticket::FUNCTION,
    token_status::FUNCTION,
];

/// API Gateway's limit.
const MAX_BODY_READ: usize = 10 * 1024 * 1024;

/// Like a limit of concurrent Lambda executions. Other requests wait before their clock is read. The embedded DynamoDB does one
/// thing at a time, so more concurrency would only make the store's requests time out.
const MAX_CONCURRENT_REQUESTS: usize = 32;

struct Gateway {
    app: Arc<App>,
    permits: Semaphore,
}

/// Serves until `stop` ends, then finishes the running requests.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let gateway = Arc::new(Gateway {
        app,
        permits: Semaphore::new(MAX_CONCURRENT_REQUESTS),
    });
    let router = Router::new().fallback(answer).with_state(gateway);
    axum::serve(LimitedListener::new(listener), router)
        .with_graceful_shutdown(stop)
        .await?;
    Ok(())
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: AxumRequest) -> Response<AxumBody> {
    let mut response = match Cors::of(request.method(), request.headers()) {
        Cors::Preflight => cors::preflight(),
        Cors::Simple => cors::readable(call_function(&gateway, request).await),
        Cors::None => call_function(&gateway, request).await,
    };
    if let Ok(date) = HeaderValue::try_from(http_date(gateway.app.clock().now())) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// The server's time, from which the pages compute remaining times. The HTTP library would add it,
/// but it keeps the last value until the clock passes it: for an hour if the clock is set back by
/// an hour.
fn http_date(now: EpochMs) -> String {
    let since_epoch = Duration::from_millis(now.0.unsigned_abs());
    httpdate::fmt_http_date(UNIX_EPOCH + since_epoch)
}

/// Calls the function of the route.
async fn call_function(gateway: &Gateway, request: AxumRequest) -> Response<AxumBody> {
    let (parts, body) = request.into_parts();
    let body = read_body(body).await;
    let resolved = resolve(parts.method.as_str(), parts.uri.path());
    let (name, parameters) = match resolved {
        Resolved::Route {
            function,
            parameters,
            ..
        } => (function, parameters),
        Resolved::Unmatched => ("pages", Vec::new()),
    };
    let parameters: HashMap<String, String> = parameters
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let path = parts.uri.path().to_owned();
    let mut query: HashMap<String, Vec<String>> = HashMap::new();
    for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        query
            .entry(name.into_owned())
            .or_default()
            .push(value.into_owned());
    }
    let request = lambda_http::Request::from_parts(parts, body)
        .with_raw_http_path(path)
        .with_query_string_parameters(query)
        .with_path_parameters(parameters);
    let function = FUNCTIONS
        .iter()
        .find(|function| function.name == name)
        .unwrap_or(&pages::FUNCTION);
    // An error means that the semaphore was closed, which never happens.
    let _permit = gateway.permits.acquire().await.ok();
    function
        .answer(&gateway.app, request)
        .await
        .map(|body| match body {
            Body::Text(text) => AxumBody::from(text),
            Body::Binary(bytes) => AxumBody::from(bytes),
            _ => AxumBody::empty(),
        })
}

/// Keeps at most one byte more than a function accepts, so that the function refuses a body that is too large. The rest is
/// read and dropped, so that the client gets to see the answer.
async fn read_body(mut body: AxumBody) -> Body {
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            // The client disconnected. Half a body must not be taken for a whole one.
            kept.resize(LARGEST_BODY + 1, 0);
            break;
        };
        // Trailers are ignored.
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        let room = LARGEST_BODY + 1 - kept.len();
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        length += bytes.len();
        if length > MAX_BODY_READ {
            break;
        }
    }
    if kept.is_empty() {
        return Body::Empty;
    }
    match String::from_utf8(kept) {
        Ok(text) => Body::Text(text),
        Err(error) => Body::Binary(error.into_bytes()),
    }
}
