//! Builds the API document from the operations.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::operation::{Access, Operation, Parameter, RequestBody, Success, Tag};
use super::transforms::{never_null, on_one_line, plain_enum};
use crate::http::problem::{self, KINDS, Kind};
use domain::ids::{DateKey, EventId, ReservationId, UserId};
use domain::rehearsal::Challenge;

/// The whole document, in reading order.
#[derive(Serialize)]
pub struct Document {
    openapi: &'static str,
    info: Info,
    servers: Value,
    /// Of operations without security requirements of their own.
    security: Value,
    tags: Vec<Value>,
    paths: BTreeMap<&'static str, BTreeMap<String, OperationObject>>,
    components: Components,
    /// All codes with their meaning and advice. `/docs/errors` is generated from this.
    #[serde(rename = "x-problems")]
    problems: &'static [Kind],
}

#[derive(Serialize)]
struct Info {
    title: &'static str,
    version: &'static str,
    description: &'static str,
    license: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationObject {
    operation_id: String,
    tags: [&'static str; 1],
    summary: &'static str,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    security: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<ParameterObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<BodyObject>,
    responses: BTreeMap<String, Response>,
}

#[derive(Serialize)]
struct ParameterObject {
    name: String,
    r#in: &'static str,
    required: bool,
    description: String,
    /// Pages such as Swagger UI fill the parameter in with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<Value>,
    schema: Schema,
}

#[derive(Serialize)]
struct BodyObject {
    required: bool,
    content: BTreeMap<&'static str, Media>,
}

#[derive(Serialize)]
struct Response {
    description: String,
    headers: BTreeMap<&'static str, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    content: BTreeMap<&'static str, Media>,
}

#[derive(Serialize)]
struct Media {
    schema: Value,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    examples: BTreeMap<&'static str, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Components {
    security_schemes: Value,
    headers: BTreeMap<&'static str, Value>,
    examples: BTreeMap<&'static str, Value>,
    schemas: Map<String, Value>,
}

/// The introduction of the rendered document.
const DESCRIPTION: &str = "\
Concert tickets: a fair queue, seats held for some minutes, a prepaid wallet, and one payment.

1. `POST /events/{eventId}/tokens` joins the queue and returns a token. Send it as `Authorization:
   Bearer`. If the deployment has an OpenID Connect issuer, joining requires the issuer's ID token.
2. `GET /events/{eventId}/tokens/me` returns the place in line. Ask again after `pollAfterSeconds`,
   until `status` is `ACTIVE`.
3. `GET /events/{eventId}/dates` and `…/dates/{date}/seats` show the free seats; `POST
   /events/{eventId}/holds` holds seats.
4. `POST /users/{userId}/wallet/charges` charges the wallet; `POST
   /reservations/{reservationId}/payment` pays.

Times are in RFC 3339, in UTC, with milliseconds. Money is an integer in the minor unit of the one
currency. Optional values are omitted, never null. Responses may get additional fields; existing
fields stay. Unknown fields of a request are an error; unknown query parameters are ignored. A body
has at most 16 KiB. Paths are exact, and their segments are percent-decoded once.

Every error is a problem (RFC 9457) with a stable `code`; see [all codes](/docs/errors). If several
apply, the first in the order of that page is returned. An unknown path returns `route_not_found`
(404), another method `method_not_allowed` (405, with `Allow`).

Errors of API Gateway itself have the form `{\"message\"}`, without `code` and `Retry-After`: 429 if
too many requests come at once, 503 if it cannot reach the function, 502 or 504 if the function
failed. Repeat these requests after a second, and then after longer and longer pauses.";

/// Builds the document.
#[must_use]
pub fn document(operations: &[Operation]) -> Document {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .with_transform(RecursiveTransform(never_null))
        .with_transform(RecursiveTransform(plain_enum))
        .with_transform(RecursiveTransform(on_one_line));
    let mut generator = settings.into_generator();
    let mut paths: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for operation in operations {
        let object = operation_object(operation, &mut generator);
        paths
            .entry(operation.path)
            .or_default()
            .insert(operation.method.to_lowercase(), object);
    }
    // Required even without operations: unknown paths respond with a problem.
    problem::schema(&mut generator);
    Document {
        openapi: "3.1.0",
        info: Info {
            title: "Boxoffice",
            version: env!("CARGO_PKG_VERSION"),
            description: DESCRIPTION,
            license: json!({"name": "Apache-2.0", "identifier": "Apache-2.0"}),
        },
        servers: json!([{"url": "/", "description": "The origin of this document"}]),
        security: json!([{}, {"issuerToken": []}]),
        tags: Tag::ALL
            .iter()
            .map(|(_, name, description)| json!({"name": name, "description": description}))
            .collect(),
        paths,
        components: Components {
            security_schemes: json!({
                "queueToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `token` returned by `POST /events/{eventId}/tokens`. Opaque, valid for 30 days.",
                },
                "issuerToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Only if the deployment has an OpenID Connect issuer: its ID token, for \
                        the deployment's audience. The user id is the UUID version 5 of `sub`; its namespace \
                        is the UUID version 5 of the issuer's URL in the URL namespace.",
                },
            }),
            headers: headers(),
            examples: KINDS
                .iter()
                .map(|kind| (kind.code, json!({"value": example(kind)})))
                .collect(),
            schemas: generator.take_definitions(true),
        },
        problems: KINDS,
    }
}

fn operation_object(operation: &Operation, generator: &mut SchemaGenerator) -> OperationObject {
    let mut responses = BTreeMap::new();
    for success in &operation.successes {
        let status = success.status.to_string();
        responses.insert(status, success_response(operation, success, generator));
    }
    let mut errors: BTreeMap<u16, Vec<&Kind>> = BTreeMap::new();
    for kind in operation.errors() {
        errors.entry(kind.status).or_default().push(kind);
    }
    for (status, kinds) in errors {
        responses.insert(status.to_string(), problem_response(&kinds));
    }
    let (who, security) = match operation.access {
        Access::Anyone => ("anyone.", Some(json!([]))),
        // The document's own requirement, in which the token is optional. Generators of clients do not understand an optional
        // token of an operation: with it, the generated Python function cannot be called without a token.
        Access::SignedIn => (
            "anyone. If the deployment has an OpenID Connect issuer, users with its ID token.",
            None,
        ),
        Access::Identified => (
            "users with a valid token, whatever the status of its number. If the deployment has \
             an OpenID Connect issuer, its ID token is valid as well.",
            Some(json!([{"queueToken": []}, {"issuerToken": []}])),
        ),
        Access::Admitted => (
            "users with a queue token of this event and a live session.",
            Some(json!([{"queueToken": []}])),
        ),
    };
    let parameters = path_parameters(operation, generator)
        .into_iter()
        .chain(operation.parameters.iter().map(parameter_object))
        .collect();
    OperationObject {
        operation_id: camel_case(operation.function),
        tags: [operation.tag.name()],
        summary: operation.summary,
        description: format!("{}\n\n**For** {who}", operation.description),
        security,
        parameters,
        request_body: operation.body.as_ref().map(body_object),
        responses,
    }
}

/// Converts `list-events` to `listEvents`, a name that generated clients can use.
fn camel_case(name: &str) -> String {
    let mut words = name.split('-');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    camel
}

fn path_parameters(operation: &Operation, generator: &mut SchemaGenerator) -> Vec<ParameterObject> {
    operation
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let schema = match name {
                "eventId" => EventId::json_schema(generator),
                "userId" => UserId::json_schema(generator),
                "date" => DateKey::json_schema(generator),
                "challenge" => Challenge::json_schema(generator),
                "reservationId" => ReservationId::json_schema(generator),
                _ => json_schema!({"type": "string"}),
            };
            let mut schema = schema;
            let description = schema.remove("description");
            ParameterObject {
                name: name.to_owned(),
                r#in: "path",
                required: true,
                description: match description {
                    Some(Value::String(text)) => text,
                    _ => String::new(),
                },
                example: first_example(&schema),
                schema,
            }
        })
        .collect()
}

fn parameter_object(parameter: &Parameter) -> ParameterObject {
    ParameterObject {
        name: parameter.name.to_owned(),
        r#in: parameter.place,
        required: parameter.required,
        description: parameter.description.to_owned(),
        // An optional parameter stays empty: the example of a cursor or filter would change the result.
        example: first_example(&parameter.schema).filter(|_| parameter.required),
        schema: parameter.schema.clone(),
    }
}

fn first_example(schema: &Schema) -> Option<Value> {
    schema.get("examples")?.get(0).cloned()
}

fn body_object(body: &RequestBody) -> BodyObject {
    let media = Media {
        schema: body.schema.clone().to_value(),
        examples: BTreeMap::new(),
    };
    BodyObject {
        required: body.required,
        content: [("application/json", media)].into(),
    }
}

fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

fn success_response(
    operation: &Operation,
    success: &Success,
    generator: &mut SchemaGenerator,
) -> Response {
    let cache = if operation.is_public {
        "Public"
    } else {
        "NoStore"
    };
    let mut headers = BTreeMap::from([("Cache-Control", header(cache))]);
    if success.status == 201 {
        headers.insert("Location", header("Location"));
    }
    if operation.has_retry_after {
        headers.insert("Retry-After", header("RetryAfterWhileWaiting"));
    }
    let content = success.schema.as_ref().map(|schema| {
        let media = Media {
            schema: schema(generator).to_value(),
            examples: BTreeMap::new(),
        };
        ("application/json", media)
    });
    Response {
        description: success.description.to_owned(),
        headers,
        content: content.into_iter().collect(),
    }
}

/// The response of a status code, with all problem codes that have it.
fn problem_response(kinds: &[&Kind]) -> Response {
    let codes: Vec<_> = kinds.iter().map(|kind| kind.code).collect();
    let status = kinds.first().map(|kind| kind.status);
    let description: Vec<_> = kinds
        .iter()
        .map(|kind| format!("`{}`: {}", kind.code, kind.when))
        .collect();
    let mut headers = BTreeMap::from([("Cache-Control", header("NoStore"))]);
    let all = |has: fn(&Kind) -> bool| kinds.iter().all(|kind| has(kind));
    if kinds.iter().any(|kind| has_retry_after(kind)) {
        let name = if all(has_retry_after) {
            "RetryAfter"
        } else {
            "RetryAfterWhileWaiting"
        };
        headers.insert("Retry-After", header(name));
    }
    if all(|kind| kind.status == 401) {
        headers.insert("WWW-Authenticate", header("WwwAuthenticate"));
    }
    // Generators of clients take the reference as the type, so all problems have one type. They ignore what is beside it,
    // which validators check. With `allOf` they would make a type for each response, or fail to merge the constants.
    let schema = json!({
        "$ref": "#/components/schemas/Problem",
        "properties": {"status": {"const": status}, "code": {"enum": codes}},
    });
    let examples = codes.iter().map(|code| {
        let example = json!({"$ref": format!("#/components/examples/{code}")});
        (*code, example)
    });
    let media = Media {
        schema,
        examples: examples.collect(),
    };
    Response {
        description: description.join("\n\n"),
        headers,
        content: [("application/problem+json", media)].into(),
    }
}

fn has_retry_after(kind: &Kind) -> bool {
    kind.fields.contains(&"retryAfterSeconds")
}

fn headers() -> BTreeMap<&'static str, Value> {
    let constant = |value: &str| json!({"type": "string", "const": value});
    let seconds = json!({"type": "integer", "minimum": 1});
    [
        (
            "Location",
            "The path of the new resource.",
            true,
            json!({"type": "string"}),
        ),
        (
            "NoStore",
            "The response is for one user, or may change at any time.",
            true,
            constant("no-store"),
        ),
        (
            "Public",
            "The response is the same for everybody. A CDN may cache it for a second.",
            true,
            constant("public, max-age=1, stale-if-error=0"),
        ),
        (
            "RetryAfter",
            "When to repeat the request, in seconds.",
            true,
            seconds.clone(),
        ),
        (
            "RetryAfterWhileWaiting",
            "When to repeat the request, in seconds. Only while the user waits in line.",
            false,
            seconds,
        ),
        (
            "WwwAuthenticate",
            "The type of the required token.",
            true,
            constant("Bearer"),
        ),
    ]
    .map(|(name, description, required, schema)| {
        let header = json!({"description": description, "required": required, "schema": schema});
        (name, header)
    })
    .into()
}

/// An example of a problem.
fn example(kind: &Kind) -> Value {
    let mut example = json!({
        "type": format!("/docs/errors#{}", kind.code),
        "title": kind.title,
        "status": kind.status,
        "detail": kind.when,
        "code": kind.code,
    });
    for field in kind.fields {
        let field = field.trim_end_matches('?');
        example[field] = match field {
            "errors" => json!([{"field": "date", "message": "is required"}]),
            "position" => json!(42),
            "retryAfterSeconds" => json!(5),
            "seatNumber" => json!(7),
            "heldUntil" => json!("2026-12-24T10:05:00.000Z"),
            "maxSeatsPerUser" => json!(2),
            "maxHolds" => json!(20),
            "availableTickets" => json!(1),
            "balance" => json!(10_000),
            "walletCeiling" => json!(10_000_000),
            "required" => json!(44_000),
            "reservationId" => json!("AaH60dRVejil7z2i5R4zXQHJBNFtYXJ1LXRyaW8"),
            _ => Value::Null,
        };
    }
    example
}
