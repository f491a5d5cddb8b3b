//! The HTTP front: on one machine what API Gateway is in the cloud. Its routes are template.yaml's.

mod connections;
mod cors;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Body as AxumBody;
use axum::extract::{Request as AxumRequest, State};
use axum::http::Response;
use connections::Bounded;
use cors::Cors;
use http_body_util::BodyExt;
use lambda_http::{Body, RequestExt};
use pages::{Resolved, resolve};
use shared::app::App;
use shared::http::LARGEST_BODY;
use shared::lambda::Function;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Every function that answers requests.
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

/// API Gateway reads no more of a body.
const MOST_READ: usize = 10 * 1024 * 1024;

/// So many requests are worked on at once, as by so many Lambdas; the others wait, before their clock is read. The embedded
/// engine does one thing at a time: more at once would only make the store's time-outs run out.
const AT_ONCE: usize = 32;

struct Front {
    app: Arc<App>,
    room: Semaphore,
}

/// Serves until `stop` ends, then finishes what runs.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let front = Arc::new(Front {
        app,
        room: Semaphore::new(AT_ONCE),
    });
    let router = Router::new().fallback(answer).with_state(front);
    axum::serve(Bounded::new(listener), router)
        .with_graceful_shutdown(stop)
        .await?;
    Ok(())
}

async fn answer(State(front): State<Arc<Front>>, request: AxumRequest) -> Response<AxumBody> {
    match Cors::of(request.method(), request.headers()) {
        Cors::Preflight => cors::preflight(),
        Cors::Simple => cors::readable(call(&front, request).await),
        Cors::None => call(&front, request).await,
    }
}

/// Has the function of the route answer.
async fn call(front: &Front, request: AxumRequest) -> Response<AxumBody> {
    let (parts, body) = request.into_parts();
    let body = read(body).await;
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
    // An error is a semaphore that was closed, which nobody does.
    let _permit = front.room.acquire().await.ok();
    function
        .answer(&front.app, request)
        .await
        .map(|body| match body {
            Body::Text(text) => AxumBody::from(text),
            Body::Binary(bytes) => AxumBody::from(bytes),
            _ => AxumBody::empty(),
        })
}

/// The body, as far as it matters: one byte too many says that there is too much, which the function answers. The rest of
/// it is read and dropped, so that the client hears the answer.
async fn read(mut body: AxumBody) -> Body {
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            // The client broke off. Half a body must not pass for a whole one.
            kept.resize(LARGEST_BODY + 1, 0);
            break;
        };
        // Trailers say nothing here.
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        let room = LARGEST_BODY + 1 - kept.len();
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        length += bytes.len();
        if length > MOST_READ {
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
