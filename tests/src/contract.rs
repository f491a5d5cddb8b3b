//! The API document, and the check that a response complies with it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::{Draft, Registry, Validator};
use lambda_http::http::HeaderMap;
use serde_json::{Value, json};
use shared::openapi::{Document, Operation};

/// The operations that the functions describe.
#[must_use]
pub fn operations() -> [Operation; 24] {
    [
        balance::operation(),
        cancel_reservation::operation(),
        charge::operation(),
        get_event::operation(),
        get_reservation::operation(),
        hold_seat::operation(),
        issue_token::operation(),
        leave_queue::operation(),
        link_device::operation(),
        list_dates::operation(),
        list_events::operation(),
        list_withdrawals::operation(),
        withdraw::operation(),
        list_ledger::operation(),
        get_charge::operation(),
        payment_webhook::operation(),
        list_reservations::operation(),
        list_seats::operation(),
        pay::operation(),
        queue_status::operation(),
        redeem_link::operation(),
        rehearsal_proof::operation(),
        reserve_ticket::operation(),
        token_status::operation(),
    ]
}

/// The whole document.
#[must_use]
pub fn document() -> Document {
    shared::openapi::document(&operations())
}

/// What the document says about one status.
struct Promised {
    headers: Vec<PromisedHeader>,
    /// The media type and its schema; None: no body.
    body: Option<(String, Validator)>,
}

struct PromisedHeader {
    name: String,
    is_required: bool,
    schema: Validator,
}

/// By function and status.
type Contract = BTreeMap<&'static str, BTreeMap<u16, Promised>>;

/// How a response of this function differs from the document. A field that the document does not name is a difference, too.
#[must_use]
pub fn complaint(function: &str, status: u16, headers: &HeaderMap, body: &str) -> Option<String> {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    let statuses = CONTRACT.get_or_init(contract).get(function)?;
    let said = statuses
        .get(&status)
        .ok_or_else(|| format!("{function} never answers {status}"))
        .and_then(|promised| promised.kept_by(headers, body));
    said.err()
        .map(|complaint| format!("{function} {status}: {complaint}: {body}"))
}

impl Promised {
    fn kept_by(&self, headers: &HeaderMap, body: &str) -> Result<(), String> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        for header in &self.headers {
            let name = &header.name;
            let Some(value) = text(name) else {
                if header.is_required {
                    return Err(format!("without {name}"));
                }
                continue;
            };
            let value = value.parse::<u64>().map_or(json!(value), Value::from);
            let found = header.schema.validate(&value);
            found.map_err(|error| format!("{name}: {error}"))?;
        }
        let media_type = text("content-type");
        let Some((promised_type, schema)) = &self.body else {
            return match (media_type, body) {
                (None, "") => Ok(()),
                _ => Err("a body".to_owned()),
            };
        };
        if media_type != Some(promised_type) {
            return Err(format!("{media_type:?}"));
        }
        let value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let found = schema.validate(&value);
        found.map_err(|error| format!("{}: {error}", error.instance_path()))
    }
}

fn contract() -> Contract {
    let document = serde_json::to_value(document()).expect("a document");
    let registry = registry(&document);
    operations()
        .into_iter()
        .map(|operation| {
            let method = operation.method.to_lowercase();
            let responses = &document["paths"][operation.path][&method]["responses"];
            let place = format!("/paths/{}/{method}/responses", escaped(operation.path));
            let statuses = responses.as_object().expect("responses");
            let statuses = statuses.iter().map(|(status, response)| {
                let place = format!("{place}/{status}");
                let promised = promised(&document, &registry, response, &place);
                (status.parse().expect("a status"), promised)
            });
            (operation.function, statuses.collect())
        })
        .collect()
}

/// A segment of a JSON pointer in a URI's fragment.
fn escaped(segment: &str) -> String {
    segment
        .replace('~', "~0")
        .replace('/', "~1")
        .replace('{', "%7B")
        .replace('}', "%7D")
}

fn promised(document: &Value, registry: &Registry<'_>, response: &Value, place: &str) -> Promised {
    let headers = response["headers"].as_object().expect("headers");
    let headers = headers.iter().map(|(name, header)| {
        let pointer = header["$ref"].as_str().expect("a reference");
        let header = document
            .pointer(pointer.trim_start_matches('#'))
            .expect("a header");
        PromisedHeader {
            name: name.to_ascii_lowercase(),
            is_required: header["required"] == true,
            schema: validator(registry, &header["schema"]),
        }
    });
    let content = response["content"].as_object();
    let body = content.map(|content| {
        let (media_type, _) = content.iter().next().expect("a media type");
        let pointer = format!("urn:api#{place}/content/{}/schema", escaped(media_type));
        (
            media_type.clone(),
            validator(registry, &json!({ "$ref": pointer })),
        )
    });
    Promised {
        headers: headers.collect(),
        body,
    }
}

fn registry(document: &Value) -> Registry<'static> {
    let mut strict = document.clone();
    // Responses may get more fields in future versions, but today's document must name all of them. A problem's fields are
    // those of its schema.
    let schemas = strict["components"]["schemas"].as_object_mut();
    schemas
        .expect("schemas")
        .values_mut()
        .for_each(nothing_else);
    Registry::new()
        .draft(Draft::Draft202012)
        .add("urn:api", strict)
        .expect("a URI")
        .prepare()
        .expect("a registry")
}

/// Forbids properties that the schema does not name.
fn nothing_else(schema: &mut Value) {
    if schema.get("properties").is_some() {
        schema["additionalProperties"] = json!(false);
    }
    match schema {
        Value::Object(fields) => fields.values_mut().for_each(nothing_else),
        Value::Array(items) => items.iter_mut().for_each(nothing_else),
        _ => {}
    }
}

fn validator(registry: &Registry<'_>, schema: &Value) -> Validator {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_registry(registry)
        .should_validate_formats(true)
        .build(schema)
        .expect("a schema")
}
