//! The HTTP server that stands in for API Gateway. Its routes are those of template.yaml.

mod cors;

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Body as AxumBody;
use axum::extract::{Request as AxumRequest, State};
use axum::http::Response;
use cors::Cors;
use domain::refusal::FieldError;
use http_body_util::BodyExt;
use lambda_http::{Body, RequestExt};
use pages::{Resolved, resolve};
use shared::app::App;
use shared::http::problem::Problem;
use shared::http::{LARGEST_BODY, PAYMENT_PROVIDER};
use shared::lambda::Function;
use shared::sign_in::SignIn;
use tokio::sync::Semaphore;

use crate::http_server::HttpServer;

/// Every function that answers HTTP requests.
pub const FUNCTIONS: [Function; 27] = [
    balance::FUNCTION,
    cancel_reservation::FUNCTION,
    charge::FUNCTION,
    get_charge::FUNCTION,
    get_event::FUNCTION,
    get_image::FUNCTION,
    get_reservation::FUNCTION,
    hold_seat::FUNCTION,
    issue_token::FUNCTION,
    leave_queue::FUNCTION,
    link_device::FUNCTION,
    list_dates::FUNCTION,
    list_events::FUNCTION,
    list_ledger::FUNCTION,
    list_withdrawals::FUNCTION,
    withdraw::FUNCTION,
    list_reservations::FUNCTION,
    list_seats::FUNCTION,
    pages::FUNCTION,
    pay::FUNCTION,
    payment_webhook::FUNCTION,
    queue_status::FUNCTION,
    redeem_link::FUNCTION,
    rehearsal_proof::FUNCTION,
    reserve_ticket::FUNCTION,
    shop_page::FUNCTION,
    token_status::FUNCTION,
];

/// API Gateway's limit.
const MAX_BODY_READ: usize = 10 * 1024 * 1024;

/// Like a limit of concurrent Lambda executions. Other requests wait before their clock is read. The embedded DynamoDB does one
/// thing at a time, so more concurrency would only make the store's requests time out.
const MAX_CONCURRENT_REQUESTS: usize = 32;

/// The client's connection, and both ends of a connection to the embedded DynamoDB.
const FILES_PER_CONNECTION: u64 = 3;
/// For the database, the listeners, the runtime, and the connections of the embedded DynamoDB and the desk.
const OTHER_FILES: u64 = 420;
/// The limit to ask for. The system grants at most the user's hard limit.
const WANTED_FILES: u64 = 65_536;
/// The usual limit, if the system does not tell.
const USUAL_FILES: u64 = 1_024;
/// Enough for a machine of its own. The heads of this many half-sent requests take 128 MB.
const MAX_CONNECTIONS: u64 = 4_096;

/// As many connections as the process has file descriptors for.
fn max_connections() -> usize {
    let files = rlimit::increase_nofile_limit(WANTED_FILES).unwrap_or(USUAL_FILES);
    let connections = files.saturating_sub(OTHER_FILES) / FILES_PER_CONNECTION;
    usize::try_from(connections.clamp(1, MAX_CONNECTIONS)).unwrap_or(1)
}

struct Gateway {
    app: Arc<App>,
    /// As API Gateway adds them to each request.
    stage_variables: HashMap<String, String>,
    permits: Semaphore,
}

/// Serves the API, and the pages `beside` it, until `stop` ends, then finishes the running requests.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    sign_in: Option<SignIn>,
    beside: Option<Router>,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let server = HttpServer {
        listener,
        max_connections: max_connections(),
        clock: app.clock().clone(),
    };
    let mut stage_variables = sign_in
        .map(|sign_in| sign_in.to_stage_variables())
        .unwrap_or_default();
    if let Some(name) = app.provider_name() {
        stage_variables.insert(PAYMENT_PROVIDER.to_owned(), name.to_string());
    }
    let gateway = Arc::new(Gateway {
        app,
        stage_variables,
        permits: Semaphore::new(MAX_CONCURRENT_REQUESTS),
    });
    let router = Router::new().fallback(answer).with_state(gateway);
    let router = match beside {
        Some(pages) => router.merge(pages),
        None => router,
    };
    server.serve(router, stop).await
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: AxumRequest) -> Response<AxumBody> {
    match Cors::of(request.method(), request.headers()) {
        Cors::Preflight => cors::preflight(),
        Cors::Simple => cors::readable(call_function(&gateway, request).await),
        Cors::None => call_function(&gateway, request).await,
    }
}

/// Calls the function of the route.
async fn call_function(gateway: &Gateway, request: AxumRequest) -> Response<AxumBody> {
    let (parts, body) = request.into_parts();
    let Some(body) = read_body(body).await else {
        let error = FieldError::new("body", "ended before its Content-Length");
        let problem = Problem::of(&error.into()).into_answer().into_response();
        return problem.map(into_axum_body);
    };
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
        .with_path_parameters(parameters)
        .with_stage_variables(gateway.stage_variables.clone());
    let function = FUNCTIONS
        .iter()
        .find(|function| function.name == name)
        .unwrap_or(&pages::FUNCTION);
    // An error means that the semaphore was closed, which never happens.
    let _permit = gateway.permits.acquire().await.ok();
    function
        .answer(&gateway.app, request)
        .await
        .map(into_axum_body)
}

fn into_axum_body(body: Body) -> AxumBody {
    match body {
        Body::Text(text) => AxumBody::from(text),
        Body::Binary(bytes) => AxumBody::from(bytes),
        _ => AxumBody::empty(),
    }
}

/// Keeps at most one byte more than a function accepts, so that the function refuses a body that is too large. The rest is
/// read and dropped, so that the client gets to see the answer. `None` if the body is cut short.
async fn read_body(mut body: AxumBody) -> Option<Body> {
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        // Half a body must not be taken for a whole one.
        let frame = frame.ok()?;
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
        return Some(Body::Empty);
    }
    Some(match String::from_utf8(kept) {
        Ok(text) => Body::Text(text),
        Err(error) => Body::Binary(error.into_bytes()),
    })
}
