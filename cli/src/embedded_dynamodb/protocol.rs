//! DynamoDB's protocol over HTTP, for the engine's operations.
//!
//! The engine has a server of its own, but it answers everybody, pages of other origins included, and cannot be wrapped.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Access;
use super::operations::Operations;

/// DynamoDB's limit.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

struct Server {
    operations: Operations,
    access: Access,
}

pub(super) fn router(operations: Operations, access: Access) -> Router {
    Router::new()
        .fallback(answer)
        .with_state(Arc::new(Server { operations, access }))
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if server.access.is_from_page(&parts.headers) {
        let message = "pages of a browser, and requests for other hosts, are refused";
        return error(StatusCode::FORBIDDEN, "AccessDeniedException", message);
    }
    if parts.method != Method::POST {
        let message = "DynamoDB's requests are POST";
        return error(
            StatusCode::METHOD_NOT_ALLOWED,
            "UnknownOperationException",
            message,
        );
    }
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        let message = "the body is too large, or was cut short";
        return error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "SerializationException",
            message,
        );
    };
    if !server
        .access
        .is_signed(&parts.method, &parts.uri, &parts.headers, &body)
    {
        let message = "this is a `boxoffice serve` with access keys of its own: use --local, or the keys in the file that it printed";
        return error(
            StatusCode::BAD_REQUEST,
            "UnrecognizedClientException",
            message,
        );
    }
    let target = parts.headers.get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok());
    let answer = server.operations.run(target.unwrap_or_default(), body);
    let answer = answer.await;
    let status = StatusCode::from_u16(answer.status);
    respond(
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        answer.json,
    )
}

fn respond(status: StatusCode, json: String) -> Response {
    let headers = [(CONTENT_TYPE, "application/x-amz-json-1.0")];
    (status, headers, Body::from(json)).into_response()
}

fn error(status: StatusCode, name: &str, message: &str) -> Response {
    let name = format!("com.amazon.coral.service#{name}");
    let body = json!({ "__type": name, "message": message });
    respond(status, body.to_string())
}
