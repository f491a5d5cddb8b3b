//! The table's stream through the pipes of template.yaml: each sale, cancellation, refund and charge becomes the event that
//! docs/EVENTS.md describes, and no other change becomes one.
//!
//! The stream is that of the embedded engine. Patterns and input templates are read from template.yaml. This file implements
//! the features of EventBridge that they use, and fails on any other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification, StreamViewType};
use boxoffice::cancelling::{self, Scope};
use boxoffice::postponing::{self, NewTime, Wanted};
use domain::clock::EpochMs;
use domain::event::{Admission, Programme};
use domain::ids::{DateKey, EventId};
use domain::money::Money;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::store::Change;

use crate::invariants;
use crate::queue_steps;
use crate::template_yaml::TEMPLATE;
use crate::world::{
    Buyer, DATE, EVENT, FESTIVAL, LATER_DATE, PRICE, Reply, World, author, concert, concert_for,
    festival,
};

const FREE: &str = "open-air";

const DOCUMENT: &str = include_str!("../../docs/EVENTS.md");

// The parts of the template that this file uses.

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    r#type: String,
    #[serde(default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Properties {
    stream_specification: Option<Stream>,
    source: String,
    source_parameters: SourceParameters,
    target_parameters: TargetParameters,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    stream_view_type: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SourceParameters {
    filter_criteria: FilterCriteria,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct FilterCriteria {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    pattern: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TargetParameters {
    event_bridge_event_bus_parameters: Bus,
    input_template: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Bus {
    source: String,
    detail_type: String,
}

fn template() -> &'static Template {
    static PARSED: OnceLock<Template> = OnceLock::new();
    PARSED.get_or_init(|| serde_saphyr::from_str(TEMPLATE).expect("the template"))
}

fn pipes() -> impl Iterator<Item = &'static Properties> {
    let resources = template().resources.values();
    resources
        .filter(|resource| resource.r#type == "AWS::Pipes::Pipe")
        .map(|resource| &resource.properties)
}

/// Whether an alternative of a pattern accepts a value, or its absence.
fn accepts(alternative: &Value, value: Option<&Value>) -> bool {
    let Value::Object(matcher) = alternative else {
        return value == Some(alternative);
    };
    let (kind, operand) = matcher.iter().next().expect("a matcher");
    assert_eq!(matcher.len(), 1, "{alternative}");
    match kind.as_str() {
        "prefix" => {
            let prefix = operand.as_str().expect("a text");
            value.is_some_and(|value| value.as_str().is_some_and(|text| text.starts_with(prefix)))
        }
        "exists" => value.is_some() == operand.as_bool().expect("true or false"),
        _ => panic!("unknown alternative {alternative}"),
    }
}

/// Matches a record against a pattern, as EventBridge does.
fn matches(pattern: &Value, record: Option<&Value>) -> bool {
    match pattern {
        Value::Object(fields) => fields
            .iter()
            .all(|(name, pattern)| matches(pattern, record.and_then(|record| record.get(name)))),
        Value::Array(alternatives) => alternatives
            .iter()
            .any(|alternative| accepts(alternative, record)),
        _ => panic!("no pattern: {pattern}"),
    }
}

/// Renders a pipe's input template for a record: each `<$.path>` is replaced by the JSON at that path, as EventBridge does.
/// What EventBridge does with a missing path is not documented, so a missing path is an error.
fn rendered(template: &str, record: &Value) -> Value {
    let mut parts = template.split("<$.");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (path, rest) = part.split_once('>').expect("a whole variable");
        let value = path
            .split('.')
            .try_fold(record, |value, name| value.get(name))
            .unwrap_or_else(|| panic!("there is no {path} in {record:#}"));
        text.push_str(&value.to_string());
        text.push_str(rest);
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A target's parameter: itself, or what is at its path in the record.
fn at_path(parameter: &str, record: &Value) -> String {
    let Some(path) = parameter.strip_prefix("$.") else {
        return parameter.to_owned();
    };
    let value = path
        .split('.')
        .try_fold(record, |value, name| value.get(name));
    let value = value.and_then(Value::as_str);
    value.expect("a text at the path").to_owned()
}

/// An event as a subscriber of the bus receives it.
#[derive(Clone, PartialEq, Debug)]
struct BusEvent {
    detail_type: String,
    detail: Value,
}

impl BusEvent {
    fn text(&self, name: &str) -> &str {
        self.detail[name].as_str().expect("a text")
    }
}

/// A world with a stream, and the position up to which it has been read.
struct Streamed {
    world: World,
    arn: String,
    iterator: String,
    /// The records of the last read.
    records: Vec<Value>,
}

impl Streamed {
    async fn of(programme: Programme) -> Self {
        let world = Box::pin(World::with(programme)).await;
        let view = template().resources["Table"]
            .properties
            .stream_specification
            .as_ref();
        let view = view.expect("a stream").stream_view_type.as_str();
        let specification = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::from(view))
            .build()
            .unwrap();
        let updated = world
            .dynamodb
            .update_table()
            .table_name(&world.tables.main)
            .stream_specification(specification)
            .send()
            .await
            .unwrap();
        let table = updated.table_description.unwrap();
        let mut streamed = Self {
            world,
            arn: table.latest_stream_arn.expect("a stream"),
            iterator: String::new(),
            records: Vec::new(),
        };
        let stream = json!({ "StreamArn": streamed.arn });
        let described = streamed.ask("DescribeStream", &stream).await;
        let shards = described["StreamDescription"]["Shards"].as_array().unwrap();
        assert_eq!(shards.len(), 1, "the engine's streams have one shard");
        let iterator = streamed
            .ask(
                "GetShardIterator",
                &json!({
                    "StreamArn": streamed.arn,
                    "ShardId": shards[0]["ShardId"],
                    "ShardIteratorType": "TRIM_HORIZON",
                }),
            )
            .await;
        streamed.iterator = iterator["ShardIterator"].as_str().unwrap().to_owned();
        streamed
    }

    /// A request to the streams API. Its records have the form in which a pipe gets them.
    async fn ask(&self, operation: &str, request: &Value) -> Value {
        let answer = reqwest::Client::new()
            .post(self.world.endpoint_url())
            .header("content-type", "application/x-amz-json-1.0")
            .header(
                "x-amz-target",
                format!("DynamoDBStreams_20120810.{operation}"),
            )
            .header("x-amz-date", "20261120T100000Z")
            // The engine requires a signature, and does not check it.
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20261120/ap-northeast-2/dynamodb/aws4_request, \
                 SignedHeaders=host;x-amz-date;x-amz-target, Signature=00",
            )
            .body(request.to_string())
            .send()
            .await
            .unwrap();
        let answer = answer.text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer.get("__type").is_none(), "{operation}: {answer}");
        answer
    }

    /// The events published for all changes since the last call.
    async fn told(&mut self) -> Vec<BusEvent> {
        self.records.clear();
        loop {
            let page = self
                .ask("GetRecords", &json!({ "ShardIterator": self.iterator }))
                .await;
            let records = page["Records"].as_array().unwrap().clone();
            page["NextShardIterator"]
                .as_str()
                .expect("an open shard")
                .clone_into(&mut self.iterator);
            if records.is_empty() {
                break;
            }
            self.records.extend(records);
        }
        let mut told = Vec::new();
        for record in &self.records {
            for pipe in pipes() {
                let filters = &pipe.source_parameters.filter_criteria.filters;
                assert!(!filters.is_empty(), "a pipe for everything");
                let lets_through = filters.iter().any(|filter| {
                    let pattern = serde_json::from_str(&filter.pattern).expect("a pattern");
                    matches(&pattern, Some(record))
                });
                if lets_through {
                    let target = &pipe.target_parameters;
                    let bus = &target.event_bridge_event_bus_parameters;
                    assert_eq!(bus.source, "boxoffice");
                    told.push(BusEvent {
                        detail_type: at_path(&bus.detail_type, record),
                        detail: rendered(&target.input_template, record),
                    });
                }
            }
        }
        told
    }

    /// Asserts which events were published: the `change` of reservations and the `kind` of ledger entries.
    #[track_caller]
    fn assert_is(told: &[BusEvent], expected: &[&str]) {
        let found: BTreeSet<&str> = told
            .iter()
            .map(|told| match told.detail_type.as_str() {
                "ReservationChanged" | "PlansChanged" => told.text("change"),
                "LedgerEntryMade" => told.text("kind"),
                other => panic!("an event {other}"),
            })
            .collect();
        let expected: BTreeSet<&str> = expected.iter().copied().collect();
        // The parts of a transaction have no order.
        assert_eq!((told.len(), found), (expected.len(), expected));
    }

    async fn nothing_was_published(&mut self) {
        let told = self.told().await;
        assert!(!self.records.is_empty(), "nothing was written");
        assert_eq!(told, [], "published without need");
    }
}

fn of_type<'a>(told: &'a [BusEvent], detail_type: &str) -> &'a BusEvent {
    let mut found = told.iter().filter(|told| told.detail_type == detail_type);
    let first = found.next().expect("an event of this type");
    assert!(found.next().is_none(), "two of them");
    first
}

/// The reservation's event as it follows from the API's answer, with numbers and times in the stream's form.
fn expected_reservation(change: &str, reply: &Reply, refunded: i64, at: [&Value; 2]) -> Value {
    let seats: Vec<Value> = reply.body["seats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seat| {
            json!({ "M": {
                "seatNumber": { "N": seat["seatNumber"].to_string() },
                "section": { "S": seat["section"] },
                "seatLabel": { "S": seat["seatLabel"] },
                "price": { "N": seat["price"].to_string() },
            } })
        })
        .collect();
    let mut performance = serde_json::Map::new();
    for field in ["venue", "timeZone", "currency"] {
        if let Some(text) = reply.body.get(field) {
            performance.insert(field.to_owned(), json!({ "S": text }));
        }
    }
    for field in ["startsAt", "cancelUntil"] {
        if let Ok(at) = EpochMs::parse(reply.text_of(field)) {
            performance.insert(field.to_owned(), json!({ "N": at.0.to_string() }));
        }
    }
    if reply.body["partialReturns"] == true {
        performance.insert("partialReturns".to_owned(), json!({ "BOOL": true }));
    }
    json!({
        "change": change,
        "performance": performance,
        "reservationId": reply.body["reservationId"],
        "eventId": reply.body["eventId"],
        "eventName": reply.body["eventName"],
        "userId": reply.body["userId"],
        "date": reply.body.get("date").cloned().unwrap_or(json!("")),
        "seats": seats,
        "quantity": reply.body["quantity"].to_string(),
        "fees": {"tickets": {"N": "0"}, "order": {"N": "0"}, "refundable": {"BOOL": false}},
        "totalPrice": reply.body["totalPrice"].to_string(),
        "refunded": refunded.to_string(),
        "returned": returned_nothing(),
        "status": reply.body["status"],
        "createdAt": at[0],
        "modifiedAt": at[1],
    })
}

/// In the stream's form.
fn returned_nothing() -> Value {
    json!({
        "seats": {"L": []}, "quantity": {"N": "0"}, "refunded": {"N": "0"}, "toSource": {"N": "0"}, "kept": {"N": "0"},
    })
}

/// Asserts the content of an event, and that it has a change id.
#[track_caller]
fn assert_says(told: &BusEvent, expected: &Value) {
    let mut detail = told.detail.clone();
    let fields = detail.as_object_mut().unwrap();
    let change_id = fields.remove("changeId").expect("a changeId");
    assert!(change_id.as_str().is_some_and(|id| !id.is_empty()));
    assert_eq!(&detail, expected);
}

async fn reservation(world: &World, buyer: &Buyer, id: &str) -> Reply {
    let reply = world
        .get(&format!("/reservations/{id}"), &buyer.token)
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

async fn cancels(world: &World, buyer: &Buyer, id: &str) {
    let reply = world
        .delete(&format!("/reservations/{id}"), &buyer.token)
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn a_sale_and_its_refund_are_published_in_full() {
    let mut streamed = Streamed::of(concert()).await;
    let start = streamed.world.clock.now().0;
    let buyer = streamed.world.joins(EVENT).await;
    streamed.nothing_was_published().await;

    assert_eq!(
        streamed.world.charge(&buyer, 2 * PRICE, "k").await.status,
        201
    );
    let told = streamed.told().await;
    Streamed::assert_is(&told, &["CHARGE"]);
    let ledger = |kind: &str, amount: i64, after: i64, id: &str, entry: &Value, at: i64| {
        json!({
            "entryId": entry,
            "kind": kind,
            "userId": buyer.user_id,
            "amount": amount.to_string(),
            "balanceAfter": after.to_string(),
            "reservationId": id,
            "eventId": if id.is_empty() { "" } else { EVENT },
            "at": at.to_string(),
        })
    };
    let entry = &told[0].detail["entryId"];
    assert_says(
        &told[0],
        &ledger("CHARGE", 2 * PRICE, 2 * PRICE, "", entry, start),
    );
    // Repeating the charge publishes nothing.
    assert_eq!(
        streamed.world.charge(&buyer, 2 * PRICE, "k").await.status,
        200
    );

    let held = streamed.world.hold(&buyer, 7).await;
    let id = held.text_of("reservationId").to_owned();
    streamed.nothing_was_published().await;

    streamed.world.clock.advance_seconds(5);
    let paid = streamed.world.pay(&buyer, &id).await;
    assert_eq!(paid.status, 201, "{paid:?}");
    assert_eq!(streamed.world.pay(&buyer, &id).await.status, 200);
    let told = streamed.told().await;
    Streamed::assert_is(&told, &["CONFIRMED", "PAYMENT"]);
    let answer = reservation(&streamed.world, &buyer, &id).await;
    let at = |ms: i64| Value::String(ms.to_string());
    let times = [&at(start), &at(start + 5_000)];
    assert_says(
        of_type(&told, "ReservationChanged"),
        &expected_reservation("CONFIRMED", &answer, 0, times),
    );
    let payment = ledger(
        "PAYMENT",
        -PRICE,
        PRICE,
        &id,
        &paid.body["paymentId"],
        start + 5_000,
    );
    assert_says(of_type(&told, "LedgerEntryMade"), &payment);

    streamed.world.clock.advance_seconds(60);
    cancels(&streamed.world, &buyer, &id).await;
    cancels(&streamed.world, &buyer, &id).await;
    let told = streamed.told().await;
    Streamed::assert_is(&told, &["CANCELLED", "REFUND"]);
    let answer = reservation(&streamed.world, &buyer, &id).await;
    let times = [&at(start), &at(start + 65_000)];
    assert_says(
        of_type(&told, "ReservationChanged"),
        &expected_reservation("CANCELLED", &answer, PRICE, times),
    );
    let refund = of_type(&told, "LedgerEntryMade");
    let entry = &refund.detail["entryId"];
    assert_says(
        refund,
        &ledger("REFUND", PRICE, 2 * PRICE, &id, entry, start + 65_000),
    );
    // The change ids are unique.
    let mut change_ids: Vec<&str> = told.iter().map(|told| told.text("changeId")).collect();
    change_ids.dedup();
    assert_eq!(change_ids.len(), told.len());
}

#[tokio::test]
async fn a_released_hold_is_published_and_a_lapsed_one_is_not() {
    let mut programme = concert();
    programme.event.terms.hold_seconds = 60;
    programme.event.terms.max_seats_per_user = 4;
    let mut streamed = Streamed::of(programme).await;
    let buyer = streamed.world.joins(EVENT).await;
    let path = format!("/events/{EVENT}/holds");
    let body = json!({ "date": DATE, "seatNumbers": [7, 8, 9] });
    let held = streamed.world.post(&path, &buyer.token, body).await;
    assert_eq!(held.status, 201, "{held:?}");
    streamed.nothing_was_published().await;
    let id = held.text_of("reservationId");
    cancels(&streamed.world, &buyer, id).await;
    let told = streamed.told().await;
    Streamed::assert_is(&told, &["RELEASED"]);
    let answer = reservation(&streamed.world, &buyer, id).await;
    let now = Value::String(streamed.world.clock.now().0.to_string());
    let expected = expected_reservation("RELEASED", &answer, 0, [&now, &now]);
    assert_eq!(expected["seats"].as_array().unwrap().len(), 3);
    assert_says(&told[0], &expected);
    // A new hold archives the released one. It lapses, and another hold archives it.
    assert_eq!(streamed.world.hold(&buyer, 1).await.status, 201);
    streamed.world.clock.advance_seconds(61);
    let again = streamed.world.joins_as(EVENT, &buyer.user_id).await;
    assert_eq!(streamed.world.hold(&again, 2).await.status, 201);
    let list = format!("/users/{}/reservations", buyer.user_id);
    let listed = streamed.world.get(&list, &again.token).await;
    assert_eq!(listed.body["reservations"].as_array().unwrap().len(), 3);
    streamed.nothing_was_published().await;
}

#[tokio::test]
async fn general_admission_sales_are_published_like_seated_ones() {
    let mut streamed = Streamed::of(concert()).await;
    streamed.world.add(festival()).await;
    let world = &streamed.world;
    let buyer = world.joins(FESTIVAL).await;
    assert_eq!(world.charge(&buyer, 2 * PRICE, "k").await.status, 201);
    Streamed::assert_is(&streamed.told().await, &["CHARGE"]);
    let path = format!("/events/{FESTIVAL}/reservations");
    for _ in 0..2 {
        let world = &streamed.world;
        let buyer = world.joins_as(FESTIVAL, &buyer.user_id).await;
        let reserved = world.post(&path, &buyer.token, json!({})).await;
        assert_eq!(reserved.status, 201, "{reserved:?}");
        let told = streamed.told().await;
        Streamed::assert_is(&told, &["CONFIRMED", "PAYMENT"]);
        let now = Value::String(streamed.world.clock.now().0.to_string());
        let expected = expected_reservation("CONFIRMED", &reserved, 0, [&now, &now]);
        assert_eq!(
            (&expected["date"], &expected["seats"]),
            (&json!(""), &json!([]))
        );
        assert_says(of_type(&told, "ReservationChanged"), &expected);
        let id = reserved.text_of("reservationId");
        cancels(&streamed.world, &buyer, id).await;
        let told = streamed.told().await;
        Streamed::assert_is(&told, &["CANCELLED", "REFUND"]);
        let refunded = of_type(&told, "ReservationChanged").text("refunded");
        assert_eq!(refunded, PRICE.to_string());
    }
}

#[tokio::test]
async fn a_returned_part_is_published_with_what_stays() {
    let mut programme = concert();
    programme.event.terms.max_seats_per_user = 3;
    programme.event.terms.partial_returns = true;
    let mut streamed = Streamed::of(programme).await;
    let buyer = streamed.world.joins_with(3 * PRICE).await;
    let path = format!("/events/{EVENT}/holds");
    let body = json!({ "date": DATE, "seatNumbers": [7, 8, 9] });
    let held = streamed.world.post(&path, &buyer.token, body).await;
    let id = held.text_of("reservationId");
    assert_eq!(streamed.world.pay(&buyer, id).await.status, 201);
    streamed.told().await;
    for (seat, left, returned) in [(8, "2", "1"), (7, "1", "2")] {
        let path = format!("/reservations/{id}?seats={seat}");
        for _ in 0..2 {
            let reply = streamed.world.delete(&path, &buyer.token).await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        let told = streamed.told().await;
        Streamed::assert_is(&told, &["RETURNED", "REFUND"]);
        let event = of_type(&told, "ReservationChanged");
        assert_eq!(event.text("status"), "CONFIRMED");
        assert_eq!(event.text("quantity"), left);
        assert_eq!(event.detail["returned"]["quantity"]["N"], returned);
        let seats = event.detail["returned"]["seats"]["L"].as_array().unwrap();
        let newest = &seats.last().unwrap()["M"]["seatNumber"]["N"];
        assert_eq!(newest, &json!(seat.to_string()));
    }
}

#[tokio::test]
async fn free_tickets_are_published_without_ledger_entries() {
    let mut free = festival();
    free.event.event_id = EventId::parse(FREE).unwrap();
    free.event.terms.admission = Admission::General {
        total_tickets: 10,
        price: Money::ZERO,
        stock_shards: 1,
    };
    let mut streamed = Streamed::of(concert()).await;
    streamed.world.add(free).await;
    let buyer = streamed.world.joins(FREE).await;
    let path = format!("/events/{FREE}/reservations");
    let reserved = streamed.world.post(&path, &buyer.token, json!({})).await;
    assert_eq!(reserved.status, 201, "{reserved:?}");
    Streamed::assert_is(&streamed.told().await, &["CONFIRMED"]);
    cancels(&streamed.world, &buyer, reserved.text_of("reservationId")).await;
    Streamed::assert_is(&streamed.told().await, &["CANCELLED"]);
}

#[tokio::test]
async fn an_event_name_that_contains_json_is_published_unchanged() {
    let mut programme = concert();
    let name = "\"Live\", \\ {\"x\": 1} <$.eventID>\n서울";
    name.clone_into(&mut programme.event.terms.name);
    let mut streamed = Streamed::of(programme).await;
    let buyer = streamed.world.joins(EVENT).await;
    let held = streamed.world.hold(&buyer, 7).await;
    cancels(&streamed.world, &buyer, held.text_of("reservationId")).await;
    let told = streamed.told().await;
    Streamed::assert_is(&told, &["RELEASED"]);
    assert_eq!(told[0].text("eventName"), name);
}

#[tokio::test]
async fn other_changes_of_the_table_are_never_published() {
    let mut streamed = Streamed::of(concert_for(2)).await;
    streamed.world.add(festival()).await;
    let crowd = queue_steps::crowd(&streamed.world, 6).await;
    let (first, second) = (&crowd[0], &crowd[1]);
    queue_steps::statuses(&streamed.world, &crowd).await;
    assert_eq!(streamed.world.hold(first, 3).await.status, 201);
    // Builds seat maps, changes the control, leaves, promotes, and audits.
    let path = format!("/events/{EVENT}/dates");
    assert_eq!(streamed.world.get(&path, &second.token).await.status, 200);
    queue_steps::steer(&streamed.world, |event| event.control.clone()).await;
    streamed.world.leave(second).await;
    queue_steps::the_queue_moves(&streamed.world).await;
    queue_steps::statuses(&streamed.world, &crowd).await;
    invariants::check(&streamed.world).await;
    streamed.nothing_was_published().await;
    let pks: BTreeSet<&str> = streamed
        .records
        .iter()
        .filter_map(|record| {
            record["dynamodb"]["Keys"]["pk"]["S"]
                .as_str()?
                .split('#')
                .next()
        })
        .collect();
    for pk in [
        "CATALOG", "EVENT", "PROMOTE", "QUEUE", "SEATMAP", "SEATS", "SESSIONS", "STOCK", "USER",
    ] {
        assert!(pks.contains(pk), "nothing was written to {pk}: {pks:?}");
    }
    let expiring = invariants::items(&streamed.world).await.into_iter();
    let expiring: Vec<_> = expiring
        .filter(|(_, item)| item.contains_key("ttl"))
        .collect();
    for ((pk, sk), _) in &expiring {
        streamed
            .world
            .dynamodb
            .update_item()
            .table_name(&streamed.world.tables.main)
            .key("pk", AttributeValue::S(pk.clone()))
            .key("sk", AttributeValue::S(sk.clone()))
            .update_expression("SET #ttl = :past")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":past", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .unwrap();
    }
    let engine = streamed.world.engine.clone();
    let swept = tokio::task::spawn_blocking(move || engine.sweep_ttl()).await;
    assert_eq!(swept.unwrap().unwrap(), expiring.len());
    streamed.nothing_was_published().await;
    let removed = streamed
        .records
        .iter()
        .filter(|record| record["eventName"] == "REMOVE")
        .count();
    assert_eq!(removed, expiring.len());
}

#[test]
fn only_the_main_table_is_streamed_and_every_pipe_reads_it() {
    let resources = &template().resources;
    let tables = resources
        .iter()
        .filter(|(_, resource)| resource.r#type == "AWS::DynamoDB::Table");
    for (name, table) in tables {
        let is_streamed = table.properties.stream_specification.is_some();
        assert_eq!(is_streamed, name == "Table", "{name}");
    }
    let sources: Vec<&str> = pipes().map(|pipe| pipe.source.as_str()).collect();
    // A shard of a stream serves two readers.
    assert_eq!(sources, ["Table.StreamArn", "Table.StreamArn"]);
}

/// The first column of the first table below a heading of the document.
fn documented(heading: &str) -> Vec<&'static str> {
    let (_, section) = DOCUMENT
        .split_once(&format!("\n### {heading}\n"))
        .unwrap_or_else(|| panic!("no section {heading}"));
    section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect()
}

#[test]
fn the_events_document_lists_every_field_in_order() {
    for pipe in pipes() {
        let target = &pipe.target_parameters;
        let fields: Vec<&str> = target
            .input_template
            .split('"')
            .skip(1)
            .step_by(2)
            .collect();
        let detail_type = target
            .event_bridge_event_bus_parameters
            .detail_type
            .as_str();
        assert!(fields.len() > 5);
        if !detail_type.starts_with("$.") {
            assert_eq!(documented(detail_type), fields, "{detail_type}");
            continue;
        }
        assert_eq!(documented("ReservationChanged"), fields);
        // The fields that are not empty.
        let mut rest = fields.iter();
        for field in documented("PlansChanged") {
            assert!(rest.any(|known| *known == field), "PlansChanged: {field}");
        }
    }
}

fn id() -> EventId {
    EventId::parse(EVENT).unwrap()
}

#[tokio::test]
async fn changed_plans_are_published_once_with_what_buyers_have_to_know() {
    let mut streamed = Streamed::of(concert()).await;
    let world = &streamed.world;
    let date = DateKey::parse(DATE).ok();
    let before = concert().starts_at(date).unwrap();
    let wanted = Wanted {
        event: id(),
        date,
        to: NewTime::parse("2027-01-09T12:00:00Z").unwrap(),
        returns_until: Some(world.clock.now().plus_seconds(3_600)),
    };
    for _ in 0..2 {
        let store = world.app.store();
        postponing::postpone(store, &wanted, &author())
            .await
            .unwrap()
            .unwrap();
    }
    let told = streamed.told().await;
    Streamed::assert_is(&told, &["POSTPONED"]);
    let postponed = &told[0];
    assert_eq!(postponed.detail_type, "PlansChanged");
    assert_eq!(
        (postponed.text("eventId"), postponed.text("date")),
        (EVENT, DATE)
    );
    assert_eq!(postponed.text("eventName"), concert().event.terms.name);
    let performance = &postponed.detail["performance"];
    let number = |at: EpochMs| json!({ "N": at.0.to_string() });
    let to = EpochMs::parse("2027-01-09T12:00:00Z").unwrap();
    assert_eq!(performance["startsAt"], number(to));
    assert_eq!(
        performance["postponedFrom"],
        json!({ "L": [number(before)] })
    );
    assert_eq!(
        performance["returnsUntil"],
        number(wanted.returns_until.unwrap())
    );
    for field in ["reservationId", "userId", "status"] {
        assert_eq!(postponed.text(field), "");
    }

    let store = streamed.world.app.store().clone();
    for date in [DateKey::parse(LATER_DATE).ok(), None] {
        let scope = Scope { event: id(), date };
        cancelling::cancel(&store, &scope, &author())
            .await
            .unwrap()
            .unwrap();
        cancelling::cancel(&store, &scope, &author())
            .await
            .unwrap()
            .unwrap();
        let told = streamed.told().await;
        Streamed::assert_is(&told, &["CANCELLED"]);
        assert_eq!(
            told[0].text("date"),
            date.map(|date| date.to_string()).unwrap_or_default()
        );
        assert!(told[0].detail["performance"]["cancelledAt"]["N"].is_string());
    }
}

#[tokio::test]
async fn what_a_catalogue_changes_for_buyers_is_published_and_nothing_else() {
    let mut streamed = Streamed::of(concert()).await;
    let mut former = concert();
    let mut applies = async |streamed: &mut Streamed, change: fn(&mut Programme)| {
        let described = streamed
            .world
            .app
            .store()
            .described(&id())
            .await
            .unwrap()
            .unwrap();
        former = described.programme.clone();
        let mut programme = described.programme.clone();
        change(&mut programme);
        let change = Change::Update {
            described: programme.into(),
            former: Box::new(described),
        };
        let store = streamed.world.app.store();
        store.apply(&change, &[], &author()).await.unwrap();
        let told = streamed.told().await;
        told.into_iter()
            .map(|told| (told.text("change").to_owned(), told))
            .collect::<BTreeMap<_, _>>()
    };
    let told = applies(&mut streamed, |programme| {
        programme.event.terms.max_seats_per_user = 3;
        programme.event.terms.hidden = true;
    })
    .await;
    assert!(told.is_empty(), "{told:?}");
    let told = applies(&mut streamed, |programme| {
        programme.event.terms.name = "Winter Live at the Park".to_owned();
        programme.event.terms.venue = "Park".to_owned();
    })
    .await;
    let changes: Vec<_> = told.keys().map(String::as_str).collect();
    assert_eq!(changes, ["RELOCATED", "RENAMED"]);
    assert_eq!(told["RENAMED"].text("eventName"), "Winter Live at the Park");
    let venue = &told["RELOCATED"].detail["performance"]["venue"];
    assert_eq!(*venue, json!({ "S": "Park" }));
    let told = applies(&mut streamed, |programme| {
        let date = programme.dates.values_mut().next().unwrap();
        date.starts_at = date.starts_at.plus_seconds(1_800);
    })
    .await;
    let performance = &told["POSTPONED"].detail["performance"];
    let first = former.dates.values().next().unwrap();
    let from = json!({ "L": [{ "N": first.starts_at.0.to_string() }] });
    assert_eq!(performance["postponedFrom"], from);
    assert_eq!(told["POSTPONED"].text("date"), DATE);
}
