//! DynamoDB's protocol over HTTP, for the engine's operations.
//!
//! The engine has a server of its own, but it answers everybody, pages of other origins included, and cannot be wrapped.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use dynoxide::{Database, DynoxideError, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::access::Access;

/// DynamoDB's limit.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

struct Server {
    database: Database,
    access: Access,
}

pub(super) fn router(database: Database, access: Access) -> Router {
    Router::new()
        .fallback(answer)
        .with_state(Arc::new(Server { database, access }))
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
    match run(&server.database, operation(&parts.headers), &body) {
        Ok(json) => respond(StatusCode::OK, json),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code());
            respond(
                status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                error.to_json(),
            )
        }
    }
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

/// The operation that a request names, or nothing.
fn operation(headers: &HeaderMap) -> &str {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    ["DynamoDB_20120810.", "DynamoDBStreams_20120810."]
        .iter()
        .find_map(|service| target.strip_prefix(service))
        .unwrap_or_default()
}

fn run(database: &Database, operation: &str, body: &Bytes) -> Result<String> {
    match operation {
        "BatchExecuteStatement" => call(body, |request| database.batch_execute_statement(request)),
        "BatchGetItem" => call(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => call(body, |request| database.batch_write_item(request)),
        "CreateTable" => call(body, |request| database.create_table(request)),
        "DeleteItem" => call(body, |request| database.delete_item(request)),
        "DeleteTable" => call(body, |request| database.delete_table(request)),
        "DescribeStream" => call(body, |request| database.describe_stream(request)),
        "DescribeTable" => call(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => call(body, |request| database.describe_time_to_live(request)),
        "ExecuteStatement" => call(body, |request| database.execute_statement(request)),
        "ExecuteTransaction" => call(body, |request| database.execute_transaction(request)),
        "GetItem" => call(body, |request| database.get_item(request)),
        "GetRecords" => call(body, |request| database.get_records(request)),
        "GetShardIterator" => call(body, |request| database.get_shard_iterator(request)),
        "ListStreams" => call(body, |request| database.list_streams(request)),
        "ListTables" => call(body, |request| database.list_tables(request)),
        "ListTagsOfResource" => call(body, |request| database.list_tags_of_resource(request)),
        "PutItem" => call(body, |request| database.put_item(request)),
        "Query" => call(body, |request| database.query(request)),
        "Scan" => call(body, |request| database.scan(request)),
        "TagResource" => call(body, |request| database.tag_resource(request)),
        "TransactGetItems" => call(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => call(body, |request| database.transact_write_items(request)),
        "UntagResource" => call(body, |request| database.untag_resource(request)),
        "UpdateItem" => call(body, |request| database.update_item(request)),
        "UpdateTable" => call(body, |request| database.update_table(request)),
        "UpdateTimeToLive" => call(body, |request| database.update_time_to_live(request)),
        unknown => Err(DynoxideError::ValidationException(format!(
            "the embedded DynamoDB does not know the operation {unknown:?}"
        ))),
    }
}

fn call<Q: DeserializeOwned, A: Serialize>(
    body: &Bytes,
    operation: impl FnOnce(Q) -> Result<A>,
) -> Result<String> {
    let request = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::ValidationException(error.to_string()))?;
    let answer = operation(request)?;
    serde_json::to_string(&answer)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
