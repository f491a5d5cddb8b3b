//! The Lambda executables, on an emulated Runtime API that sends them API Gateway events.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use domain::clock::Clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::origin::ORIGIN_HEADER;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, watch};

use crate::api_gateway::{event_by, http_event};
use crate::binaries;
use crate::counting_proxy::CountingProxy;
use crate::invariants;
use crate::issuer::{AUDIENCE, Behaviour, TestIssuer};
use crate::serve::{Server, something_on_sale};
use crate::world::{EVENT, FAR_DATE, FESTIVAL, World, concert, festival, long_on_sale};

/// What an executable posted for an event.
#[derive(Debug)]
enum Posted {
    Response(Value),
    Error(Value),
}

struct RuntimeApi {
    events: Mutex<mpsc::Receiver<Value>>,
    posted: mpsc::Sender<Posted>,
    /// How long Lambda lets an invocation run.
    time_out: Duration,
    is_ready: watch::Sender<bool>,
}

/// A world that is on sale by the system clock, which the executables use.
async fn world() -> World {
    World::with(long_on_sale(concert())).await
}

/// A running executable of a function.
struct Lambda {
    // Killed on drop.
    process: Child,
    events: mpsc::Sender<Value>,
    posted: mpsc::Receiver<Posted>,
    is_ready: watch::Receiver<bool>,
}

/// The time-out in template.yaml.
const TIME_OUT: Duration = Duration::from_secs(29);

const TRACE_ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

/// A debug build starts within this time, even on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(1);

async fn runtime_api(
    State(runtime): State<Arc<RuntimeApi>>,
    request: Request<Body>,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    if path.ends_with("/invocation/next") {
        runtime.is_ready.send_replace(true);
        let event = runtime.events.lock().await.recv().await;
        let Some(event) = event else {
            // The test is over.
            return std::future::pending().await;
        };
        let deadline = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis()
            + runtime.time_out.as_millis();
        return Response::builder()
            .header("lambda-runtime-aws-request-id", "request")
            .header("lambda-runtime-deadline-ms", deadline.to_string())
            .header(
                "lambda-runtime-trace-id",
                format!("Root={TRACE_ID};Parent=53995c3f42cd8ad8;Sampled=1"),
            )
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:ap-northeast-2:123456789012:function:f",
            )
            .body(Body::from(event.to_string()))
            .unwrap();
    }
    let bytes: Bytes = axum::body::to_bytes(request.into_body(), 10_000_000)
        .await
        .unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let posted = if path.ends_with("/response") {
        Posted::Response(body)
    } else {
        Posted::Error(body)
    };
    runtime.posted.send(posted).await.unwrap();
    Response::builder().status(202).body(Body::empty()).unwrap()
}

impl Lambda {
    async fn start(function: &str, world: &World) -> Self {
        Self::start_for(TIME_OUT, function, world).await
    }

    async fn start_for(time_out: Duration, function: &str, world: &World) -> Self {
        Self::start_with(time_out, function, world, &[]).await
    }

    /// With these variables added, or replacing the usual ones.
    async fn start_with(
        time_out: Duration,
        function: &str,
        world: &World,
        variables: &[(&str, &str)],
    ) -> Self {
        let (events, events_out) = mpsc::channel(8);
        let (posted_in, posted) = mpsc::channel(8);
        let (ready, is_ready) = watch::channel(false);
        let runtime = Arc::new(RuntimeApi {
            events: Mutex::new(events_out),
            posted: posted_in,
            time_out,
            is_ready: ready,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(runtime_api).with_state(runtime);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let process = Command::new(binaries::path(function))
            .env_clear()
            .envs(binaries::environment(function, world, address))
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            process,
            events,
            posted,
            is_ready,
        }
    }

    /// Waits until it requests its first event.
    async fn ready(&mut self) {
        tokio::time::timeout(PATIENCE, self.is_ready.wait_for(|is_ready| *is_ready))
            .await
            .expect("a start in time")
            .expect("a start");
    }

    async fn invoke(&mut self, event: Value) -> Posted {
        self.events.send(event).await.unwrap();
        tokio::time::timeout(PATIENCE, self.posted.recv())
            .await
            .expect("an answer in time")
            .expect("an answer")
    }

    async fn answer(&mut self, event: Value) -> (u16, Value) {
        match self.invoke(event).await {
            Posted::Response(response) => {
                let status = response["statusCode"].as_u64().unwrap_or_default();
                let body = response["body"].as_str().unwrap_or_default();
                (
                    u16::try_from(status).unwrap(),
                    serde_json::from_str(body).unwrap_or(Value::Null),
                )
            }
            Posted::Error(error) => panic!("{error}"),
        }
    }

    /// Ends the executable, and returns its log.
    async fn stop(mut self) -> String {
        self.process.start_kill().unwrap();
        let output = self.process.wait_with_output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The unit of a metric, if the line defines it for CloudWatch.
fn unit_of<'a>(line: &'a Value, metric: &str) -> Option<&'a str> {
    line["_aws"]["CloudWatchMetrics"]
        .as_array()?
        .iter()
        .filter(|directive| directive["Namespace"] == "Boxoffice/test")
        .filter_map(|directive| directive["Metrics"].as_array())
        .flatten()
        .find(|definition| definition["Name"] == metric)?["Unit"]
        .as_str()
}

/// The metrics of a successful request.
fn metrics_of(function: &str, status: u16) -> &'static [&'static str] {
    match (function, status) {
        ("issue-token", 201) => &["joins", "admissions", "arrivals"],
        ("hold-seat", 201) => &["seats_held"],
        ("charge", 201) => &["charges"],
        ("pay", 201) => &["sales", "tickets_sold", "revenue"],
        ("cancel-reservation", 200) => &["cancellations", "refunds", "refunded"],
        _ => &[],
    }
}

/// Starts the function's executable, sends it the request, and asserts the status, a part of the body, and the log line.
async fn check(
    world: &World,
    request: (&str, &str),
    token: &str,
    body: Option<Value>,
    expected: (u16, &str),
) -> Value {
    let (function, event) = event_by(token, request, body);
    let mut lambda = Lambda::start(function, world).await;
    let (status, answer) = lambda.answer(event).await;
    assert_eq!(status, expected.0, "{function}: {answer}");
    assert!(
        answer.to_string().contains(expected.1),
        "{function}: {answer}"
    );
    let log = lambda.stop().await;
    let line = log.lines().last().unwrap_or_default();
    let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{function}: {log}"));
    assert_eq!(line["function"], function);
    assert_eq!(line["status"], expected.0);
    assert!(line["latency_ms"].is_u64() && line["route"].is_string() && line["code"].is_string());
    assert_eq!(line["request_id"], "request");
    assert_eq!(line["trace_id"], TRACE_ID);
    assert_eq!(unit_of(&line, "latency_ms"), Some("Milliseconds"));
    let is_refused = line["code"] != "ok";
    assert_eq!(unit_of(&line, "refusals").is_some(), is_refused);
    for metric in metrics_of(function, expected.0) {
        assert!(
            line[metric].is_u64(),
            "{function} does not emit {metric}: {line}"
        );
        assert!(unit_of(&line, metric).is_some(), "{metric} is not a metric");
    }
    assert!(
        token.is_empty() || !log.contains(token),
        "a token in the log"
    );
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_executable_answers_api_gateway_events() {
    // The executables use the system clock. This world's own process has a manual clock, and gets no requests here.
    let world = world().await;
    let events = "/events";
    let event = format!("/events/{EVENT}");
    check(&world, ("GET", events), "", None, (200, EVENT)).await;
    check(&world, ("GET", &event), "", None, (200, FAR_DATE)).await;
    let path = format!("{event}/queue");
    check(&world, ("GET", &path), "", None, (200, "OPEN")).await;
    let path = format!("{event}/tokens");
    let joined = check(
        &world,
        ("POST", &path),
        "",
        Some(json!({})),
        (201, "ACTIVE"),
    )
    .await;
    let token = joined["token"].as_str().unwrap();
    let user = joined["userId"].as_str().unwrap();
    let path = format!("{event}/tokens/me");
    check(&world, ("GET", &path), token, None, (200, "ACTIVE")).await;
    let path = format!("{event}/dates?from={FAR_DATE}&soldOut=true");
    check(&world, ("GET", &path), token, None, (200, FAR_DATE)).await;
    let path = format!("{event}/dates/{FAR_DATE}/seats?limit=3");
    check(&world, ("GET", &path), token, None, (200, "nextCursor")).await;
    let path = format!("{event}/holds");
    let body = json!({"date": FAR_DATE, "seatNumber": 7});
    let held = check(&world, ("POST", &path), token, Some(body), (201, "HELD")).await;
    let id = held["reservationId"].as_str().unwrap();
    let path = format!("/users/{user}/wallet/charges");
    let body = json!({"amount": 60_000});
    check(
        &world,
        ("POST", &path),
        token,
        Some(body),
        (201, "chargeId"),
    )
    .await;
    let path = format!("/reservations/{id}/payment");
    check(&world, ("POST", &path), token, None, (201, "10000")).await;
    let path = format!("/users/{user}/wallet");
    check(&world, ("GET", &path), token, None, (200, "10000")).await;
    let path = format!("/reservations/{id}");
    check(&world, ("GET", &path), token, None, (200, "CONFIRMED")).await;
    let list = format!("/users/{user}/reservations?status=CONFIRMED");
    check(&world, ("GET", &list), token, None, (200, id)).await;
    check(&world, ("DELETE", &path), token, None, (200, "CANCELLED")).await;
    let path = format!("{event}/tokens/me");
    check(&world, ("DELETE", &path), token, None, (204, "null")).await;
    check(&world, ("GET", "/"), "", None, (200, "null")).await;
    let missing = "/nowhere";
    check(&world, ("GET", missing), "", None, (404, "route_not_found")).await;
    check(
        &world,
        ("PUT", events),
        "",
        None,
        (405, "method_not_allowed"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_origin_secrets_only_requests_of_the_cdn_are_answered() {
    const SECRETS: &str = "BOXOFFICE_ORIGIN_SECRETS";
    let world = world().await;
    let hashes = format!("{},{}", hex_sha256("current"), hex_sha256("previous"));
    let variables = [(SECRETS, hashes.as_str())];
    // One function with the application state, and the one without.
    for path in ["/events", "/wallet"] {
        let (function, event) = event_by("", ("GET", path), None);
        let mut lambda = Lambda::start_with(TIME_OUT, function, &world, &variables).await;
        for (secret, status) in [
            (None, 403),
            (Some("forged"), 403),
            (Some(hashes.as_str()), 403),
            (Some("current"), 200),
            (Some("previous"), 200),
        ] {
            let mut event = event.clone();
            if let Some(secret) = secret {
                event["headers"][ORIGIN_HEADER] = json!(secret);
            }
            let (answered, body) = lambda.answer(event).await;
            assert_eq!(answered, status, "{function} {secret:?}");
            if status == 403 {
                assert_eq!(body["code"], "not_through_cdn", "{function}");
            }
        }
        let log = lambda.stop().await;
        assert!(
            !log.contains("current") && !log.contains("forged"),
            "a secret in the log: {log}"
        );
        assert!(log.contains("not_through_cdn"), "{log}");

        let malformed = [(SECRETS, "current")];
        let lambda = Lambda::start_with(TIME_OUT, function, &world, &malformed).await;
        let ended = tokio::time::timeout(PATIENCE, lambda.process.wait_with_output()).await;
        assert!(!ended.expect("an end in time").unwrap().status.success());
    }
}

fn hex_sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn scheduled() -> Value {
    json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": {}})
}

fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scheduled_executable_promotes() {
    let world = world().await;
    let mut lambda = Lambda::start("promote", &world).await;
    match lambda.invoke(scheduled()).await {
        Posted::Response(summary) => {
            assert_eq!(
                (&summary["events"], &summary["promoted"]),
                (&json!(1), &json!(1))
            );
        }
        Posted::Error(error) => panic!("{error}"),
    }
    let log = lambda.stop().await;
    let lines = lines(&log);
    let queue = lines.iter().find(|line| line["message"] == "queue");
    let queue = queue.expect("a line for the event's queue");
    assert_eq!(
        (&queue["event_id"], &queue["waiting"]),
        (&json!(EVENT), &json!(0))
    );
    assert_eq!(unit_of(queue, "waiting"), Some("Count"));
    let run = lines.iter().find(|line| line["message"] == "promotion");
    let run = run.expect("a line for the run");
    assert_eq!(
        (&run["lanes_failed"], &run["lanes_skipped"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        (&run["promotion_stalled"], &run["waiting"]),
        (&json!(0), &json!(0))
    );
    for metric in ["lanes_failed", "promotion_stalled", "waiting"] {
        assert_eq!(unit_of(run, metric), Some("Count"), "{metric}");
    }
}

/// Runs the executable of the check once. Returns its result and its log lines.
async fn checked(url: &str, event: &str) -> (Value, Vec<Value>) {
    let world = world().await;
    let variables = [
        ("BOXOFFICE_CHECK_URL", url),
        ("BOXOFFICE_CHECK_EVENT", event),
    ];
    let mut lambda = Lambda::start_with(TIME_OUT, "check", &world, &variables).await;
    let result = match lambda.invoke(scheduled()).await {
        Posted::Response(result) => result,
        Posted::Error(error) => panic!("{error}"),
    };
    let log = lambda.stop().await;
    assert!(!log.contains("Bearer"), "{log}");
    (result, lines(&log))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_joins_and_leaves_through_the_public_address() {
    // The example's event with two slots: more checks than slots succeed only if each leaves.
    const FOR_TWO: &str = "neon-pigeons-comeback";
    let server = Server::start(&["--in-memory"]).await;
    for _ in 0..3 {
        let (result, log) = checked(&server.api, FOR_TWO).await;
        assert_eq!(
            result,
            json!({"failed": false, "joined": true, "reason": null})
        );
        let line = log.last().unwrap();
        assert_eq!(
            (&line["check_failed"], &line["function"]),
            (&json!(0), &json!("check"))
        );
        assert_eq!(unit_of(line, "check_failed"), Some("Count"));
        assert_eq!(unit_of(line, "check_ms"), Some("Milliseconds"));
    }
    let path = format!("/events/{FOR_TWO}/tokens");
    let (_, joined) = server.call("POST", &path, "", json!({})).await.unwrap();
    let mut status = joined["status"].clone();
    for _ in 0..20 {
        if status == "ACTIVE" {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let token = joined["token"].as_str().unwrap();
        let path = format!("{path}/me");
        let (_, now) = server.call("GET", &path, token, Value::Null).await.unwrap();
        status = now["status"].clone();
    }
    assert_eq!(status, "ACTIVE", "the checks left their places");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_expects_a_refusal_where_users_must_sign_in() {
    let issuer = TestIssuer::start().await;
    let known_by = ["--oidc-issuer", &issuer.url, "--oidc-audience", AUDIENCE];
    let server = Server::start(&[&["--in-memory"], &known_by[..]].concat()).await;
    let (event, _) = something_on_sale(&server).await;
    let (result, log) = checked(&server.api, &event).await;
    assert_eq!(
        result,
        json!({"failed": false, "joined": false, "reason": null})
    );
    assert_eq!(log.last().unwrap()["check_failed"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_check_says_which_request_failed() {
    let server = Server::start(&["--in-memory"]).await;
    // Nobody listens there any more.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    for (url, event, reason) in [
        (
            server.api.as_str(),
            "no-such-event",
            "queue: status 404 event_not_found",
        ),
        (nowhere.as_str(), "any", "queue: "),
    ] {
        let (result, log) = checked(url, event).await;
        let said = result["reason"].as_str().unwrap();
        assert!(said.starts_with(reason), "{result}");
        assert_eq!(result["failed"], true);
        let told = log
            .iter()
            .any(|line| line["reason"] == said && line["event_id"] == event);
        assert!(told, "{log:?}");
        assert_eq!(log.last().unwrap()["check_failed"], 1);
    }
}

/// Damages the head of the event's lane, so that it cannot be read.
async fn damage_head(world: &World) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    world
        .dynamodb
        .update_item()
        .table_name(&world.tables.main)
        .key("pk", text(&format!("QUEUE#{EVENT}#0")))
        .key("sk", text("HEAD"))
        .update_expression("SET issued = :damaged")
        .expression_attribute_values(":damaged", text("damaged"))
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_request_has_its_id() {
    let world = world().await;
    world.joins(EVENT).await;
    damage_head(&world).await;

    let mut lambda = Lambda::start("promote", &world).await;
    assert!(matches!(lambda.invoke(scheduled()).await, Posted::Error(_)));
    let promoted = ("promote", "promotion failed", lambda.stop().await);

    let path = format!("/events/{EVENT}/queue");
    let (function, event) = event_by("", ("GET", &path), None);
    let mut lambda = Lambda::start(function, &world).await;
    assert_eq!(lambda.answer(event).await.0, 503);
    let asked = (function, "the store failed", lambda.stop().await);

    for (function, message, log) in [promoted, asked] {
        let lines = lines(&log);
        let failure = lines.iter().find(|line| line["message"] == message);
        let failure = failure.expect(message);
        assert_eq!(failure["level"], "ERROR");
        assert_eq!(failure["function"], function);
        assert_eq!(failure["trace_id"], TRACE_ID);
        assert!(lines.len() > 1, "{log}");
        for line in &lines {
            assert_eq!(line["request_id"], "request", "{line}");
        }
    }
}

/// Runs the audit executable once. Returns its result and its log lines.
async fn audited(world: &World, time_out: Duration) -> (Value, Vec<Value>) {
    let mut lambda = Lambda::start_for(time_out, "audit", world).await;
    let result = match lambda.invoke(scheduled()).await {
        Posted::Response(result) => result,
        Posted::Error(error) => panic!("{error}"),
    };
    let log = lambda.stop().await;
    (result, lines(&log))
}

/// The numbers of the last line. Each must be a metric.
fn numbers(lines: &[Value]) -> [u64; 3] {
    let run = lines.last().unwrap();
    assert_eq!(
        (&run["message"], &run["function"]),
        (&json!("audit"), &json!("audit"))
    );
    assert_eq!(unit_of(run, "audit_ms"), Some("Milliseconds"));
    ["audit_broken", "audit_items", "audit_incomplete"].map(|metric| {
        assert_eq!(unit_of(run, metric), Some("Count"), "{metric}");
        run[metric].as_u64().unwrap()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_executable_passes_a_sound_table_and_names_a_broken_invariant() {
    let world = world().await;
    let buyer = world.joins_with(50_000).await;
    let time = Duration::from_secs(29);
    let (result, lines) = audited(&world, time).await;
    let items = invariants::items(&world).await.len() as u64;
    assert_eq!(numbers(&lines), [0, items, 0]);
    assert_eq!(
        result,
        json!({ "broken": 0, "items": items, "isIncomplete": false })
    );
    assert_eq!(lines.len(), 1, "{lines:?}");

    let wallet = format!("WALLET#{}", buyer.user_id);
    world
        .dynamodb
        .update_item()
        .table_name(&world.tables.main)
        .key("pk", AttributeValue::S(wallet.clone()))
        .key("sk", AttributeValue::S("BALANCE".to_owned()))
        .update_expression("SET balance = :more")
        .expression_attribute_values(":more", AttributeValue::N("50001".to_owned()))
        .send()
        .await
        .unwrap();
    let (result, lines) = audited(&world, time).await;
    assert_eq!(numbers(&lines), [1, items, 0]);
    assert_eq!(result["broken"], 1);
    let broken: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "broken")
        .collect();
    assert_eq!(broken.len(), 1);
    let broken = broken[0];
    assert_eq!(
        (&broken["level"], &broken["invariant"]),
        (&json!("ERROR"), &json!(2))
    );
    assert_eq!(broken["key"], format!("{wallet} BALANCE"));
    assert_eq!(broken["expected"], "the sum of its ledger, 50000");
    assert_eq!(broken["found"], "a balance of 50001");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_that_runs_out_of_time_reports_that_it_is_incomplete() {
    let world = world().await;
    // Less than the time that it reserves for its report.
    let (result, lines) = audited(&world, Duration::from_secs(9)).await;
    let [broken, _, incomplete] = numbers(&lines);
    assert_eq!((broken, incomplete), (0, 1));
    assert_eq!(result["isIncomplete"], true);
    let said = lines[0]["message"].as_str().unwrap();
    assert!(said.starts_with("incomplete"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executable_survives_an_event_that_is_not_a_request() {
    let world = world().await;
    let mut lambda = Lambda::start("hold-seat", &world).await;
    let path = format!("/events/{EVENT}/holds");
    let (_, event) = http_event("POST", &path, &[], Some("{\"a\":"));
    assert_eq!(
        lambda.answer(event).await.1["code"],
        "unsupported_media_type"
    );
    let headers = [("content-type", "application/json")];
    let (_, event) = http_event("POST", &path, &headers, Some("{\"a\":"));
    assert_eq!(lambda.answer(event).await.1["code"], "token_missing");
    assert!(matches!(
        lambda.invoke(json!({"no": "request"})).await,
        Posted::Error(_)
    ));
    let (_, event) = http_event("POST", &path, &headers, Some("{}"));
    assert_eq!(lambda.answer(event).await.1["code"], "token_missing");
    lambda.stop().await;
}

#[tokio::test]
async fn a_function_that_identifies_users_does_not_start_without_a_valid_identity_setting() {
    let connect = ("BOXOFFICE_USER_IDENTITY", "OpenIdConnect");
    let trust = ("BOXOFFICE_USER_IDENTITY", "TrustUserIdInRequest");
    let issuer = ("BOXOFFICE_OIDC_ISSUER", "https://id.example.com");
    let unsafe_issuer = ("BOXOFFICE_OIDC_ISSUER", "http://id.example.com");
    let audience = ("BOXOFFICE_OIDC_AUDIENCE", "shop");
    for function in ["issue-token", "balance"] {
        for (variables, named) in [
            (&[][..], "BOXOFFICE_USER_IDENTITY"),
            (&[issuer], "BOXOFFICE_USER_IDENTITY"),
            (&[connect], "BOXOFFICE_OIDC_ISSUER"),
            (&[connect, issuer], "BOXOFFICE_OIDC_AUDIENCE"),
            (&[trust, issuer], "BOXOFFICE_OIDC_ISSUER"),
            (&[connect, unsafe_issuer, audience], "BOXOFFICE_OIDC_ISSUER"),
        ] {
            let output = Command::new(binaries::path(function))
                .env_clear()
                .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")
                .envs(variables.iter().copied())
                .output()
                .await
                .unwrap();
            assert!(!output.status.success());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(named), "{function} {variables:?}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executable_reads_the_issuers_keys_before_the_first_request_and_accepts_its_tokens() {
    let world = world().await;
    let issuer = TestIssuer::start().await;
    let variables = [
        ("BOXOFFICE_USER_IDENTITY", "OpenIdConnect"),
        ("BOXOFFICE_OIDC_ISSUER", issuer.url.as_str()),
        ("BOXOFFICE_OIDC_AUDIENCE", AUDIENCE),
    ];
    let mut lambda =
        Lambda::start_with(Duration::from_secs(29), "issue-token", &world, &variables).await;
    let path = format!("/events/{EVENT}/tokens");
    let (_, event) = http_event("POST", &path, &[], None);
    let (status, answer) = lambda.answer(event).await;
    assert_eq!((status, &answer["code"]), (401, &json!("token_missing")));
    // Without the keys it would refuse the token.
    issuer.behaves(Behaviour::Fails);
    let token = issuer.token("alice", Clock::System.now());
    let bearer = format!("Bearer {token}");
    let (_, event) = http_event("POST", &path, &[("authorization", &bearer)], None);
    let (status, answer) = lambda.answer(event).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["userId"], issuer.user_id("alice"));
    assert_eq!(issuer.times_asked(), 1);
    let log = lambda.stop().await;
    assert!(!log.contains(&token) && log.contains(&issuer.user_id("alice")));
}

/// A buyer with an ID token, whose requests go through the executables.
struct SignedIn<'a> {
    world: &'a World,
    variables: Vec<(&'static str, &'a str)>,
    /// What API Gateway adds to each request.
    stage_variables: Value,
}

impl SignedIn<'_> {
    async fn asks(&self, token: &str, request: (&str, &str), body: Option<Value>) -> (u16, Value) {
        let (function, mut event) = event_by(token, request, body);
        event["stageVariables"] = self.stage_variables.clone();
        let mut lambda = Lambda::start_with(TIME_OUT, function, self.world, &self.variables).await;
        let answer = lambda.answer(event).await;
        let log = lambda.stop().await;
        assert!(!log.contains(token), "{function}: {log}");
        answer
    }

    /// Joins, holds a seat, charges the wallet, pays, and finds the ticket.
    async fn buys(&self, issuer: &TestIssuer, subject: &str, seat: u32) {
        let id_token = issuer.token(subject, Clock::System.now());
        let user = issuer.user_id(subject);
        let join = format!("/events/{EVENT}/tokens");
        let (status, joined) = self.asks(&id_token, ("POST", &join), None).await;
        assert_eq!((status, &joined["userId"]), (201, &json!(user)), "{joined}");
        let queue_token = joined["token"].as_str().unwrap();
        let holds = format!("/events/{EVENT}/holds");
        let wanted = json!({ "date": FAR_DATE, "seatNumber": seat });
        let (status, held) = self.asks(queue_token, ("POST", &holds), Some(wanted)).await;
        assert_eq!(status, 201, "{held}");
        let reservation = held["reservationId"].as_str().unwrap();
        // With the ID token from here on: on another device there is no queue token.
        let charges = format!("/users/{user}/wallet/charges");
        let amount = json!({ "amount": 100_000 });
        let (status, answer) = self.asks(&id_token, ("POST", &charges), Some(amount)).await;
        assert_eq!(status, 201, "{answer}");
        let pay = format!("/reservations/{reservation}/payment");
        let (status, paid) = self.asks(&id_token, ("POST", &pay), None).await;
        assert_eq!(status, 201, "{paid}");
        let list = format!("/users/{user}/reservations");
        let (_, listed) = self.asks(&id_token, ("GET", &list), None).await;
        assert_eq!(listed["reservations"][0]["status"], "CONFIRMED", "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_who_has_signed_in_buys_through_the_executables() {
    let world = world().await;
    let issuer = TestIssuer::start().await;
    let of_an_issuer = SignedIn {
        world: &world,
        variables: vec![
            ("BOXOFFICE_USER_IDENTITY", "OpenIdConnect"),
            ("BOXOFFICE_OIDC_ISSUER", &issuer.url),
            ("BOXOFFICE_OIDC_AUDIENCE", AUDIENCE),
        ],
        stage_variables: json!({}),
    };
    of_an_issuer.buys(&issuer, "alice", 1).await;
    // The template's user pool: the client is told by the stage.
    let of_the_pool = |stage_variables| SignedIn {
        world: &world,
        variables: vec![
            ("BOXOFFICE_USER_IDENTITY", "CognitoUserPool"),
            ("BOXOFFICE_OIDC_ISSUER", &issuer.url),
        ],
        stage_variables,
    };
    let ours = json!({ "signInIssuer": issuer.url, "signInClientId": AUDIENCE });
    of_the_pool(ours.clone()).buys(&issuer, "bob", 2).await;
    let token = issuer.token("carol", Clock::System.now());
    let join = format!("/events/{EVENT}/tokens");
    for (stage_variables, status, code) in [
        (json!({ "signInClientId": "another" }), 401, "token_invalid"),
        (json!({}), 503, "busy"),
    ] {
        let pool = of_the_pool(stage_variables);
        let (answered, answer) = pool.asks(&token, ("POST", &join), None).await;
        assert_eq!(
            (answered, &answer["code"]),
            (status, &json!(code)),
            "{answer}"
        );
    }
    // One environment read the issuer for all.
    assert_eq!(issuer.times_asked(), 1);
    let (_, mut event) = http_event("GET", "/assets/sign-in.json", &[], None);
    event["stageVariables"] = ours;
    let mut pages = Lambda::start("pages", &world).await;
    let (status, settings) = pages.answer(event).await;
    assert_eq!(status, 200);
    assert_eq!(settings["signIn"]["clientId"], AUDIENCE, "{settings}");
    pages.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_executable_sends_compressed_bodies_in_base64() {
    let world = world().await;
    let headers = [("accept-encoding", "gzip, br")];
    let (function, event) = http_event("GET", "/wallet", &headers, None);
    let mut lambda = Lambda::start(function, &world).await;
    let Posted::Response(response) = lambda.invoke(event).await else {
        panic!("an error");
    };
    assert_eq!(response["isBase64Encoded"], true);
    assert_eq!(response["headers"]["content-encoding"], "br");
    let body = BASE64.decode(response["body"].as_str().unwrap()).unwrap();
    let mut page = Vec::new();
    brotli::BrotliDecompress(&mut body.as_slice(), &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(page.starts_with("<!doctype html>"), "{page}");
    lambda.stop().await;
}

/// A proxy before the world's DynamoDB, for executables that get one request each.
struct FirstRequest<'a> {
    world: &'a World,
    proxy: &'a CountingProxy,
}

impl FirstRequest<'_> {
    /// Starts the function and sends it one request. Asserts that it opened its only connection before the request, by one
    /// call; how many calls it made in total; the status; and a part of the body.
    async fn asks(
        &self,
        request: (&str, &str),
        token: &str,
        body: Option<Value>,
        (status, text, calls): (u16, &str, usize),
    ) -> Value {
        let counts = || (self.proxy.connections(), self.proxy.calls());
        let begun = counts();
        let since = |(connections, calls)| (connections - begun.0, calls - begun.1);
        let (function, event) = event_by(token, request, body);
        let variables = self.proxy.variables();
        let mut lambda = Lambda::start_with(TIME_OUT, function, self.world, &variables).await;
        lambda.ready().await;
        let ready = since(counts());
        let (answered, answer) = lambda.answer(event).await;
        assert_eq!(answered, status, "{function}: {answer}");
        assert!(answer.to_string().contains(text), "{function}: {answer}");
        assert_eq!(ready, (1, 1), "{function} before its first request");
        assert_eq!(since(counts()), (1, calls), "{function} after it");
        lambda.stop().await;
        answer
    }

    /// Deletes the seat map, so that the next request builds it, whenever that is.
    async fn forgets_seat_map(&self) {
        let map = format!("SEATMAP#{EVENT}#{FAR_DATE}#A");
        self.world
            .dynamodb
            .delete_item()
            .table_name(&self.world.tables.main)
            .key("pk", AttributeValue::S(map))
            .key("sk", AttributeValue::S("MAP".to_owned()))
            .send()
            .await
            .unwrap();
    }

    async fn all_are_asked(&self, seat: u32) {
        let event = format!("/events/{EVENT}");
        let says = (200, EVENT, 2);
        self.asks(("GET", "/events"), "", None, says).await;
        // Three of the seven calls build the seat map, and one reads the texts.
        self.forgets_seat_map().await;
        self.asks(("GET", &event), "", None, (200, FAR_DATE, 7))
            .await;
        let path = format!("{event}/queue");
        self.asks(("GET", &path), "", None, (200, "OPEN", 3)).await;
        let path = format!("{event}/tokens");
        let says = (201, "ACTIVE", 6);
        let joined = self.asks(("POST", &path), "", None, says).await;
        let token = joined["token"].as_str().unwrap();
        let user = joined["userId"].as_str().unwrap();
        let me = format!("{event}/tokens/me");
        let says = (200, "ACTIVE", 4);
        self.asks(("GET", &me), token, None, says).await;
        self.forgets_seat_map().await;
        let path = format!("{event}/dates");
        self.asks(("GET", &path), token, None, (200, FAR_DATE, 7))
            .await;
        let path = format!("{event}/dates/{FAR_DATE}/seats?limit=3");
        let says = (200, "nextCursor", 4);
        self.asks(("GET", &path), token, None, says).await;
        let path = format!("{event}/holds");
        let body = json!({"date": FAR_DATE, "seatNumber": seat});
        let says = (201, "HELD", 3);
        let held = self.asks(("POST", &path), token, Some(body), says).await;
        let reservation = format!("/reservations/{}", held["reservationId"].as_str().unwrap());
        let wallet = format!("/users/{user}/wallet");
        let path = format!("{wallet}/charges");
        let body = json!({"amount": 100_000});
        let says = (201, "chargeId", 4);
        self.asks(("POST", &path), token, Some(body), says).await;
        let path = format!("{reservation}/payment");
        // One reads the event, which may be cancelled.
        let says = (201, "50000", 4);
        self.asks(("POST", &path), token, None, says).await;
        let says = (200, "50000", 3);
        self.asks(("GET", &wallet), token, None, says).await;
        let path = format!("{wallet}/ledger");
        let says = (200, "50000", 2);
        self.asks(("GET", &path), token, None, says).await;
        let says = (200, "CONFIRMED", 3);
        self.asks(("GET", &reservation), token, None, says).await;
        let path = format!("/users/{user}/reservations");
        let says = (200, "CONFIRMED", 4);
        self.asks(("GET", &path), token, None, says).await;
        let says = (200, "CANCELLED", 5);
        self.asks(("DELETE", &reservation), token, None, says).await;
        let says = (204, "null", 4);
        self.asks(("DELETE", &me), token, None, says).await;

        let festival = format!("/events/{FESTIVAL}");
        let says = (200, "availableTickets", 4);
        self.asks(("GET", &festival), "", None, says).await;
        let path = format!("{festival}/tokens");
        let body = json!({"userId": user});
        let says = (201, "ACTIVE", 6);
        let joined = self.asks(("POST", &path), "", Some(body), says).await;
        let token = joined["token"].as_str().unwrap();
        let path = format!("{festival}/reservations");
        let says = (201, "CONFIRMED", 4);
        self.asks(("POST", &path), token, None, says).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_request_uses_the_connection_opened_during_init() {
    let world = world().await;
    world.add(long_on_sale(festival())).await;
    // The first user of an idle event promotes, and creates several open slots, so the requests below do not.
    world.joins(EVENT).await;
    world.joins(FESTIVAL).await;
    let plain = CountingProxy::plain(world.endpoint_url()).await;
    let tls = CountingProxy::tls(world.endpoint_url()).await;
    for (proxy, seat) in [(&plain, 7), (&tls, 8)] {
        let world = &world;
        FirstRequest { world, proxy }.all_are_asked(seat).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_without_store_access_opens_no_connection() {
    let world = world().await;
    let proxy = CountingProxy::plain(world.endpoint_url()).await;
    let (function, event) = event_by("", ("GET", "/wallet"), None);
    let mut lambda = Lambda::start_with(TIME_OUT, function, &world, &proxy.variables()).await;
    let (status, _) = lambda.answer(event).await;
    assert_eq!((status, proxy.connections()), (200, 0));
    lambda.stop().await;
}
