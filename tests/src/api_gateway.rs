//! API Gateway's HTTP API events (payload format 2.0), as Lambda receives them.

use pages::{Resolved, resolve};
use serde_json::{Map, Value, json};

/// The function that API Gateway would call for a request, and the event that it would send.
#[must_use]
pub fn http_event(
    method: &str,
    path_and_query: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> (&'static str, Value) {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let (function, route_key, parameters) = match resolve(method, path) {
        Resolved::Route {
            function,
            route,
            parameters,
        } => (function, format!("{method} {route}"), parameters),
        Resolved::Unmatched => ("pages", "$default".to_owned(), Vec::new()),
    };
    let headers: Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), json!(value)))
        .collect();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test"
            },
            "requestId": "request",
            "routeKey": route_key,
            "stage": "$default",
            "time": "24/Dec/2026:10:00:00 +0000",
            "timeEpoch": 1_798_106_400_000_i64
        },
        "isBase64Encoded": false
    });
    if !query.is_empty() {
        let pairs: Map<String, Value> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), json!(value)))
            .collect();
        event["queryStringParameters"] = Value::Object(pairs);
    }
    if !parameters.is_empty() {
        event["pathParameters"] = parameters
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect::<Map<_, _>>()
            .into();
    }
    if let Some(body) = body {
        event["body"] = json!(body);
    }
    (function, event)
}

/// The same with a token, and perhaps a JSON body under an idempotency key.
#[must_use]
pub fn event_by(
    token: &str,
    (method, path): (&str, &str),
    body: Option<Value>,
) -> (&'static str, Value) {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
        ("idempotency-key", "k"),
    ];
    let body = body.map(|body| body.to_string());
    http_event(method, path, &headers, body.as_deref())
}
