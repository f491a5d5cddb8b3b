//! The connection between SDK and DynamoDB: meters calls and injects faults.
//!
//! The embedded engine raises no conflicts, never throttles and loses no answers. A test can inject each of these into the
//! calls that it names.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::call_gate::{CallGate, Pass};

/// What happens to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// DynamoDB refuses it: a transaction has locked one of the items.
    Conflict,
    /// DynamoDB refuses it for lack of capacity.
    Throttle,
    /// The request never arrives, and there is no answer.
    TimeOut,
    /// It is done, but the connection breaks before the answer arrives.
    LoseAnswer,
    /// It is done after a delay.
    Delay(Duration),
    /// The calling process has crashed: the request is never sent.
    CutOff,
    /// Of each batch read only the first key is read; the others are unprocessed keys, as for lack of capacity.
    LeaveUnread,
    /// Removes the condition of writes to keys that contain this, as a bug would. Control tests use it.
    Unconditional(&'static str),
}

/// Selects the calls in which a fault happens.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `PutItem`, `TransactWriteItems`, …; empty: any.
    pub operation: &'static str,
    /// What the request's body must contain, such as a key's prefix.
    pub containing: &'static str,
    /// This many matching calls succeed first.
    pub after: u32,
    /// This many calls fail then.
    pub times: u32,
    pub fault: Fault,
}

impl Rule {
    /// The next call of the operation.
    #[must_use]
    pub fn next(operation: &'static str, containing: &'static str, fault: Fault) -> Self {
        Self {
            operation,
            containing,
            after: 0,
            times: 1,
            fault,
        }
    }

    /// Every call of the operation from now on.
    #[must_use]
    pub fn every(operation: &'static str, containing: &'static str, fault: Fault) -> Self {
        Self {
            times: u32::MAX,
            ..Self::next(operation, containing, fault)
        }
    }
}

/// A call to DynamoDB.
#[derive(Clone, Debug)]
pub struct CallRecord {
    pub operation: String,
    /// The body of the request, as it was sent.
    pub request: Value,
    pub began: Instant,
    pub ended: Instant,
    pub write_units: f64,
    pub read_units: f64,
}

/// The cost of some work.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cost {
    /// The longest chain of calls that waited for each other.
    pub calls_in_sequence: usize,
    pub write_units: f64,
    pub read_units: f64,
}

#[derive(Debug, Default)]
struct WireState {
    rules: Vec<Rule>,
    /// How many more writes the process makes before it crashes.
    writes_left: Option<u32>,
    calls: Vec<CallRecord>,
    gate: Option<CallGate>,
}

/// An HTTP client for the SDK, with faults and a meter.
#[derive(Clone, Debug)]
pub struct Wire {
    inner: SharedHttpClient,
    state: Arc<Mutex<WireState>>,
}

impl Wire {
    /// A wire to what this client reaches.
    #[must_use]
    pub fn over(inner: SharedHttpClient) -> Self {
        Self {
            inner,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, WireState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rules.
    pub fn inject_all<'a>(&self, rules: impl IntoIterator<Item = &'a Rule>) {
        self.state().rules.extend(rules.into_iter().cloned());
    }

    /// Adds a rule. The first rule that matches a call applies.
    pub fn inject(&self, rule: Rule) {
        self.state().rules.push(rule);
    }

    /// The process crashes after this many writes: it sends nothing any more.
    pub fn crash_after(&self, writes: u32) {
        self.state().writes_left = Some(writes);
    }

    /// Calls wait at this gate from now on.
    pub fn put_gate(&self, gate: CallGate) {
        self.state().gate = Some(gate);
    }

    /// Removes all rules, and the crash.
    pub fn heal(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.writes_left = None;
    }

    /// Forgets the calls so far.
    pub fn reset_meter(&self) {
        self.state().calls.clear();
    }

    /// The calls since the meter was reset.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.state().calls.clone()
    }

    /// The cost of the calls since the meter was reset.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let mut calls = self.calls();
        calls.sort_by_key(|call| call.ended);
        let mut calls_in_sequence = 0;
        let mut last_end = None;
        for call in &calls {
            if last_end.is_none_or(|end| call.began >= end) {
                calls_in_sequence += 1;
                last_end = Some(call.ended);
            }
        }
        Cost {
            calls_in_sequence,
            write_units: calls.iter().map(|call| call.write_units).sum(),
            read_units: calls.iter().map(|call| call.read_units).sum(),
        }
    }

    /// The fault of this call, if a rule applies.
    /// The next fault, and the text of its rule.
    fn fault(&self, operation: &str, body: &str) -> Option<(Fault, &'static str)> {
        let mut state = self.state();
        match &mut state.writes_left {
            Some(0) => return Some((Fault::CutOff, "")),
            Some(left) if WRITES.contains(&operation) => *left -= 1,
            Some(_) | None => {}
        }
        let rule = state.rules.iter_mut().find(|rule| {
            (rule.operation.is_empty() || rule.operation == operation)
                && rule.times > 0
                && body.contains(rule.containing)
        })?;
        if rule.after > 0 {
            rule.after -= 1;
            return None;
        }
        rule.times -= 1;
        Some((rule.fault, rule.containing))
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            inner: self.inner.http_connector(settings, components),
            wire: self.clone(),
        })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    wire: Wire,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let inner = self.inner.clone();
        let wire = self.wire.clone();
        HttpConnectorFuture::new(carry(wire, inner, request))
    }
}

async fn carry(
    wire: Wire,
    inner: SharedHttpConnector,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let operation = request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.split('.').next_back())
        .unwrap_or_default()
        .to_owned();
    let text = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let gate = wire.state().gate.clone();
    let pass = match &gate {
        Some(gate) => gate.enter(&operation, &text).await,
        None => None,
    };
    let result = carry_on(&wire, inner, request, &operation, &text, pass).await;
    if let (Some(gate), Some(_)) = (gate, pass) {
        gate.done();
    }
    result
}

async fn carry_on(
    wire: &Wire,
    inner: SharedHttpConnector,
    mut request: HttpRequest,
    operation: &str,
    text: &str,
    pass: Option<Pass>,
) -> Result<HttpResponse, ConnectorError> {
    let mut body: Value = serde_json::from_str(text).unwrap_or_default();
    crate::grants::check(operation, &body);
    let fault = match pass {
        Some(Pass::AnswerLost) => Some((Fault::LoseAnswer, "")),
        Some(Pass::Whole) | None => wire.fault(operation, text),
    };
    let (fault, containing) = fault.unzip();
    let mut unread = Value::Null;
    match fault {
        Some(Fault::Conflict) => return Ok(conflict(operation, &body, containing)),
        Some(Fault::Throttle) => return Ok(throttle()),
        Some(Fault::TimeOut) => std::future::pending::<()>().await,
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        // Not a network error: the SDK does not retry it.
        Some(Fault::CutOff) => return Err(ConnectorError::user("the process is no more".into())),
        Some(Fault::LeaveUnread) => unread = leave_unread(&mut body),
        Some(Fault::Unconditional(keys)) => forget_conditions(&mut body, keys),
        Some(Fault::LoseAnswer) | None => {}
    }
    if is_metered(operation) {
        body["ReturnConsumedCapacity"] = json!("TOTAL");
        let metered = body.to_string();
        request
            .headers_mut()
            .insert("content-length", metered.len().to_string());
        *request.body_mut() = SdkBody::from(metered);
    }
    let began = Instant::now();
    let mut response = inner.call(request).await?;
    // The engine may answer at once. Calls that are made together must all have begun before the first of them ends.
    tokio::task::yield_now().await;
    let bytes = response
        .take_body()
        .collect()
        .await
        .map_err(|error| ConnectorError::other(error, None))?
        .to_bytes();
    let mut answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let (write_units, read_units) = units(operation, &body, &answer);
    wire.state().calls.push(CallRecord {
        operation: operation.to_owned(),
        request: body,
        began,
        ended: Instant::now(),
        write_units,
        read_units,
    });
    if fault == Some(Fault::LoseAnswer) {
        return Err(ConnectorError::io("the answer was lost".into()));
    }
    if unread.is_null() {
        *response.body_mut() = SdkBody::from(bytes);
    } else {
        answer["UnprocessedKeys"] = unread;
        response.headers_mut().remove("content-length");
        response.headers_mut().remove("x-amz-crc32");
        *response.body_mut() = SdkBody::from(answer.to_string());
    }
    Ok(response)
}

/// Takes all keys but the first out of a batch read, and returns them in the form of `UnprocessedKeys`.
fn leave_unread(body: &mut Value) -> Value {
    let tables = body["RequestItems"].as_object_mut();
    let unread = tables.into_iter().flatten().filter_map(|(table, asked)| {
        let keys = asked["Keys"].as_array_mut()?;
        let rest = keys.split_off(keys.len().min(1));
        let consistent = asked["ConsistentRead"].clone();
        let again = json!({"Keys": rest, "ConsistentRead": consistent});
        (!rest.is_empty()).then(|| (table.clone(), again))
    });
    Value::Object(unread.collect())
}

/// An expression must use all its values, so the condition stays and is made true.
fn forget_conditions(body: &mut Value, keys: &str) {
    let forget = |write: &mut Value| {
        let key = match write.get("Key") {
            Some(key) => key.to_string(),
            None => json!([write["Item"]["pk"], write["Item"]["sk"]]).to_string(),
        };
        if key.contains(keys)
            && let Some(condition) = write.get("ConditionExpression").and_then(Value::as_str)
        {
            write["ConditionExpression"] = json!(format!(
                "({condition}) OR attribute_exists(pk) OR attribute_not_exists(pk)"
            ));
        }
    };
    match body.get_mut("TransactItems").and_then(Value::as_array_mut) {
        Some(items) => items
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .flat_map(|item| item.values_mut())
            .for_each(forget),
        None => forget(body),
    }
}

const WRITES: [&str; 4] = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"];

fn is_metered(operation: &str) -> bool {
    WRITES.contains(&operation) || ["GetItem", "Query", "BatchGetItem"].contains(&operation)
}

/// Write and read units of a call. For a write that its condition refused, the engine reports none, but AWS charges it: one
/// unit for an item of up to a kilobyte, two in a transaction.
fn units(operation: &str, request: &Value, answer: &Value) -> (f64, f64) {
    let consumed = &answer["ConsumedCapacity"];
    let reported: f64 = match consumed {
        Value::Array(tables) => tables
            .iter()
            .filter_map(|table| table["CapacityUnits"].as_f64())
            .sum(),
        one => one["CapacityUnits"].as_f64().unwrap_or(0.0),
    };
    if !WRITES.contains(&operation) {
        return (0.0, reported);
    }
    let was_refused = answer["__type"].is_string();
    let charged = match (was_refused, operation) {
        (true, "TransactWriteItems") => {
            let items = request["TransactItems"].as_array().map_or(0, Vec::len);
            2.0 * f64::from(u32::try_from(items).unwrap_or(0))
        }
        (true, _) => 1.0,
        (false, _) => reported,
    };
    (charged, 0.0)
}

fn refusal(body: &Value) -> HttpResponse {
    let mut response = HttpResponse::new(
        StatusCode::try_from(400).unwrap_or_else(|_| unreachable!("400 is a status")),
        SdkBody::from(body.to_string()),
    );
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.0");
    response
}

fn error_type(name: &str) -> String {
    format!("com.amazonaws.dynamodb.v20120810#{name}")
}

/// A conflict at the first item that contains the text.
fn conflict(operation: &str, request: &Value, containing: Option<&str>) -> HttpResponse {
    if operation != "TransactWriteItems" {
        return refusal(&json!({
            "__type": error_type("TransactionConflictException"),
            "message": "Transaction is ongoing for the item"
        }));
    }
    let items = request["TransactItems"].as_array();
    let items = items.map_or(&[][..], Vec::as_slice);
    let contains = |item: &Value| item.to_string().contains(containing.unwrap_or_default());
    let at = items.iter().position(contains).unwrap_or(0);
    let reasons: Vec<Value> = (0..items.len())
        .map(|index| {
            if index == at {
                json!({
                    "Code": "TransactionConflict",
                    "Message": "Transaction is ongoing for the item"
                })
            } else {
                json!({ "Code": "None" })
            }
        })
        .collect();
    refusal(&json!({
        "__type": error_type("TransactionCanceledException"),
        "message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": reasons
    }))
}

fn throttle() -> HttpResponse {
    refusal(&json!({
        "__type": error_type("ProvisionedThroughputExceededException"),
        "message": "The level of configured provisioned throughput for the table was exceeded"
    }))
}
