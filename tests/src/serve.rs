//! `boxoffice serve`, `apply` and `verify-draw`, as a user runs them.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use domain::clock::Clock;
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::binaries;
use crate::issuer::{AUDIENCE, TestIssuer};

/// A running server.
pub(crate) struct Server {
    process: Child,
    pub(crate) api: String,
    pub(crate) dynamodb: String,
    /// The addresses of the desk, each with its key: to see, to sell, to decide.
    pub(crate) desk_to_see: String,
    pub(crate) desk_to_sell: String,
    pub(crate) desk: String,
    /// A file with the access keys of the DynamoDB.
    pub(crate) keys: PathBuf,
}

/// The folder in which `serve` leaves its access keys for the commands of these tests.
static CACHE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

pub(crate) fn boxoffice(arguments: &[&str]) -> Command {
    let mut command = Command::new(binaries::path("boxoffice"));
    command
        .args(arguments)
        .env_remove("BOXOFFICE_TABLE")
        .env("XDG_CACHE_HOME", CACHE.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

pub(crate) async fn run(arguments: &[&str]) -> Output {
    boxoffice(arguments).output().await.unwrap()
}

impl Server {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let mut process = boxoffice(&[
            "serve",
            "--port",
            "0",
            "--dynamodb-port",
            "0",
            "--desk-port",
            "0",
        ])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut line = async |prefix: &str| {
            let line = tokio::time::timeout(Duration::from_mins(1), lines.next_line())
                .await
                .expect("a line in time")
                .unwrap()
                .expect("a line");
            line.strip_prefix(prefix).expect(&line).to_owned()
        };
        let api = line("listening on ").await;
        let dynamodb = line("dynamodb on ").await;
        let desk_to_see = line("desk to see on ").await;
        let desk_to_sell = line("desk to sell on ").await;
        let desk = line("desk to decide on ").await;
        let keys = line("dynamodb keys in ").await.into();
        Self {
            process,
            api,
            dynamodb,
            desk_to_see,
            desk_to_sell,
            desk,
            keys,
        }
    }

    async fn on_disk(folder: &Path) -> Self {
        Self::start(&["--data", folder.to_str().unwrap()]).await
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Value,
    ) -> Option<(u16, Value)> {
        let response = reqwest::Client::new()
            .request(method.parse().unwrap(), format!("{}{path}", self.api))
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", "k")
            .json(&body)
            .timeout(Duration::from_secs(30))
            .send()
            .await
            .ok()?;
        let status = response.status().as_u16();
        Some((status, response.json().await.ok()?))
    }

    pub(crate) async fn signal(&mut self, signal: &str) -> std::process::ExitStatus {
        let id = self.process.id().unwrap().to_string();
        Command::new("kill")
            .args([signal, &id])
            .status()
            .await
            .unwrap();
        tokio::time::timeout(Duration::from_secs(30), self.process.wait())
            .await
            .expect("it ends")
            .unwrap()
    }
}

/// The first event, and its first date.
pub(crate) async fn something_on_sale(server: &Server) -> (String, String) {
    let (_, list) = server.call("GET", "/events", "", json!({})).await.unwrap();
    let event = list["events"][0]["eventId"].as_str().unwrap().to_owned();
    let path = format!("/events/{event}");
    let (_, shown) = server.call("GET", &path, "", json!({})).await.unwrap();
    let date = shown["dates"][0]["date"].as_str().unwrap().to_owned();
    (event, date)
}

/// The answers that a buyer received before the server was killed.
#[derive(Clone, Debug)]
struct Told {
    token: String,
    user: String,
    reservation: Option<String>,
    paid: Option<Value>,
}

async fn buy(server: &Server, event: &str, date: &str, seat: u32) -> Option<Told> {
    let (_, joined) = server
        .call("POST", &format!("/events/{event}/tokens"), "", json!({}))
        .await?;
    let mut told = Told {
        token: joined["token"].as_str()?.to_owned(),
        user: joined["userId"].as_str()?.to_owned(),
        reservation: None,
        paid: None,
    };
    let path = format!("/users/{}/wallet/charges", told.user);
    let charge = server.call("POST", &path, &told.token, json!({"amount": 1_000_000}));
    if charge.await.is_none_or(|(status, _)| status != 201) {
        return Some(told);
    }
    let body = json!({"date": date, "seatNumber": seat});
    let path = format!("/events/{event}/holds");
    if let Some((201, held)) = server.call("POST", &path, &told.token, body).await {
        let id = held["reservationId"].as_str()?.to_owned();
        let path = format!("/reservations/{id}/payment");
        told.reservation = Some(id);
        if let Some((201, paid)) = server.call("POST", &path, &told.token, json!({})).await {
            told.paid = Some(paid);
        }
    }
    Some(told)
}

fn paid(told: &[Told]) -> usize {
    told.iter().filter(|told| told.paid.is_some()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_loses_nothing_that_it_answered() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on_disk(folder.path()).await;
    let (event, date) = something_on_sale(&server).await;
    // Eight buyers at a time. When ten have paid, the server is killed while others are being served.
    let mut buyers = stream::iter(1..=40)
        .map(|seat| buy(&server, &event, &date, seat))
        .buffer_unordered(8);
    let mut told = Vec::new();
    while let Some(answered) = buyers.next().await {
        let has_paid = answered.as_ref().is_some_and(|told| told.paid.is_some());
        told.extend(answered);
        if has_paid && paid(&told) == 10 {
            let id = server.process.id().unwrap().to_string();
            let killed = Command::new("kill").args(["-KILL", &id]).status().await;
            assert!(killed.unwrap().success());
        }
    }
    drop(buyers);
    drop(server);
    assert!(paid(&told) >= 10, "{told:?}");

    let mut server = Server::on_disk(folder.path()).await;
    for told in &told {
        let (_, status) = server
            .call(
                "GET",
                &format!("/events/{event}/tokens/me"),
                &told.token,
                json!({}),
            )
            .await
            .unwrap();
        assert_eq!(status["userId"], told.user, "the token is still good");
        let Some(id) = &told.reservation else {
            continue;
        };
        let path = format!("/reservations/{id}");
        let (_, found) = server
            .call("GET", &path, &told.token, json!({}))
            .await
            .unwrap();
        match &told.paid {
            Some(paid) => {
                assert_eq!(found["status"], "CONFIRMED");
                assert_eq!(found["paymentId"], paid["paymentId"]);
            }
            None => assert!(["HELD", "CONFIRMED"].contains(&found["status"].as_str().unwrap())),
        }
    }
    assert!(server.signal("-TERM").await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stops_cleanly_and_locks_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let mut server = Server::on_disk(folder.path()).await;
    let arguments = [
        "serve",
        "--port",
        "0",
        "--dynamodb-port",
        "0",
        "--data",
        data,
    ];
    let second = run(&arguments).await;
    assert_eq!(second.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use"));
    let port = server.api.rsplit(':').next().unwrap().to_owned();
    let third = run(&[
        "serve",
        "--in-memory",
        "--port",
        &port,
        "--dynamodb-port",
        "0",
    ])
    .await;
    assert_eq!(third.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&third.stderr).contains("--port"));
    assert!(server.signal("-INT").await.success());
    let mut again = Server::on_disk(folder.path()).await;
    assert!(again.signal("-TERM").await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_is_applied_to_a_running_server_and_a_malformed_one_changes_nothing() {
    let mut server = Server::start(&["--in-memory"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.yaml");
    let name = file.to_str().unwrap();
    let catalog = "currency: KRW
events:
  - eventId: late-show
    name: Late Show
    venue: Club
    admission: seated
    dates:
      - {date: 2099-12-24, startsAt: '2099-12-24T19:00:00+09:00', price: 1000}
";
    let apply = |arguments: &[&str]| {
        let mut all = vec!["apply", name, "--endpoint-url", &server.dynamodb];
        all.extend(arguments);
        boxoffice(&all)
    };
    std::fs::write(&file, catalog.replace("price: 1000", "price: free")).unwrap();
    let refused = apply(&[]).output().await.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains(":8: events[0].dates[0].price:"), "{said}");
    assert!(refused.stdout.is_empty());

    std::fs::write(&file, catalog).unwrap();
    let dry = apply(&["--dry-run"]).output().await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&dry.stdout),
        "create late-show\n  dates[2099-12-24]: startsAt 2099-12-24T10:00:00.000Z, A 50 seats at 1000\n"
    );
    let (status, _) = server
        .call("GET", "/events/late-show", "", json!({}))
        .await
        .unwrap();
    assert_eq!(status, 404, "a dry run changes nothing");
    assert_eq!(apply(&[]).output().await.unwrap().status.code(), Some(0));
    let (_, shown) = server
        .call("GET", "/events/late-show", "", json!({}))
        .await
        .unwrap();
    assert_eq!(shown["totalTickets"], 50);
    let again = apply(&[]).output().await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&again.stdout),
        "unchanged late-show\n"
    );

    std::fs::write(&file, catalog.replace("currency: KRW", "currency: USD")).unwrap();
    let refused = apply(&[]).output().await.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(run(&["apply"]).await.status.code(), Some(2));
    assert_eq!(
        run(&["apply", "/nowhere", "--endpoint-url", &server.dynamodb])
            .await
            .status
            .code(),
        Some(3)
    );
    assert!(server.signal("-TERM").await.success());
}

const DRAW: &str = "currency: KRW
events:
  - eventId: lottery
    name: Lottery
    venue: Club
    admission: seated
    opensAt: +5s
    queue: {order: draw, lanes: 2, maxActive: 4}
    dates:
      - {date: 2099-12-24, startsAt: '2099-12-24T19:00:00+09:00', price: 1000}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queue_terms_cannot_change_once_somebody_has_joined() {
    let mut server = Server::start(&["--in-memory"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.yaml");
    let name = file.to_str().unwrap();
    let apply = async |catalog: &str| {
        std::fs::write(&file, catalog).unwrap();
        run(&["apply", name, "--endpoint-url", &server.dynamodb]).await
    };
    let batch = "{strategy: batch, batchSize: 3, batchSeconds: 9, maxActive: 4}";
    let lanes = "{order: draw, lanes: 3, maxActive: 4}";
    let queue = "{order: draw, lanes: 2, maxActive: 4}";
    // Nobody has joined: the terms may change, and change back.
    for terms in [queue, lanes, batch, queue] {
        let applied = apply(&DRAW.replace(queue, terms)).await;
        assert_eq!(applied.status.code(), Some(0), "{terms}: {applied:?}");
    }
    let path = "/events/lottery/tokens";
    let (status, _) = server.call("POST", path, "", json!({})).await.unwrap();
    assert_eq!(status, 201);
    for (terms, fields) in [
        (lanes, vec!["queue.lanes"]),
        (batch, vec!["queue.strategy", "queue.order", "queue.lanes"]),
        ("{lanes: 2, maxActive: 4}", vec!["queue.order"]),
        (
            "{order: draw, lanes: 2, maxActive: 4, beacon: x}",
            vec!["queue.beacon"],
        ),
    ] {
        let refused = apply(&DRAW.replace(queue, terms)).await;
        assert_eq!(refused.status.code(), Some(1), "{terms}");
        let said = String::from_utf8(refused.stderr).unwrap();
        for field in fields {
            let line = format!("lottery: {field}: cannot change once people have joined");
            assert!(said.contains(&line), "{terms}: {said}");
        }
    }
    // Other terms may change. A setting of the operator stays until the catalogue changes that setting.
    let steered = ["queue", "lottery", "--max-active", "9", "--endpoint-url"];
    let steered = boxoffice(&steered)
        .arg(&server.dynamodb)
        .output()
        .await
        .unwrap();
    assert!(steered.status.success(), "{steered:?}");
    let shown = async || {
        let arguments = ["queue", "lottery", "--endpoint-url", &server.dynamodb];
        String::from_utf8(run(&arguments).await.stdout).unwrap()
    };
    let shorter = DRAW.replace("maxActive: 4", "maxActive: 4, sessionSeconds: 300");
    assert!(apply(&shorter).await.status.success());
    assert!(
        shown()
            .await
            .contains("max active 9 (the catalogue says 4)")
    );
    assert!(
        apply(&shorter.replace("maxActive: 4", "maxActive: 6"))
            .await
            .status
            .success()
    );
    assert!(shown().await.contains("max active 6\n"));
    assert!(server.signal("-TERM").await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draw_is_verified_from_public_data_and_a_forged_one_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog.yaml");
    // It opens only after everybody has joined, however long that takes.
    let tomorrow = DRAW.replace("opensAt: +5s", "opensAt: +1d");
    assert_ne!(tomorrow, DRAW);
    std::fs::write(&catalog, tomorrow).unwrap();
    let mut server = Server::start(&["--in-memory", "--catalog", catalog.to_str().unwrap()]).await;
    let mut tokens = Vec::new();
    for _ in 0..12 {
        let (status, joined) = server
            .call("POST", "/events/lottery/tokens", "", json!({}))
            .await
            .unwrap();
        assert_eq!(status, 201);
        tokens.push(joined);
    }
    let verify = async |arguments: &[&str]| {
        let all = ["verify-draw", "lottery", "--endpoint-url", &server.dynamodb];
        boxoffice(&all).args(arguments).output().await.unwrap()
    };
    let early = verify(&[]).await;
    assert_eq!(early.status.code(), Some(1), "{early:?}");
    std::fs::write(&catalog, DRAW.replace("opensAt: +5s", "opensAt: +1s")).unwrap();
    let name = catalog.to_str().unwrap();
    let applied = run(&["apply", name, "--endpoint-url", &server.dynamodb]).await;
    assert!(applied.status.success(), "{applied:?}");
    let mut published = Value::Null;
    for _ in 0..600 {
        let path = "/events/lottery/queue";
        (_, published) = server.call("GET", path, "", json!({})).await.unwrap();
        if published["draw"]["secret"].is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(published["draw"]["count"], 12, "{published}");
    let proved = verify(&[]).await;
    assert_eq!(proved.status.code(), Some(0), "{proved:?}");
    // From a saved answer alone, and with a user's own number.
    let saved = folder.path().join("queue.json");
    std::fs::write(&saved, published.to_string()).unwrap();
    let saved_at = saved.to_str().unwrap();
    for joined in &tokens {
        let token = joined["token"].as_str().unwrap();
        let path = "/events/lottery/tokens/me";
        let (_, told) = server.call("GET", path, token, json!({})).await.unwrap();
        let (number, lane) = (told["queueNumber"].to_string(), told["lane"].to_string());
        let commitment = published["draw"]["commitment"].as_str().unwrap();
        let proved = run(&[
            "verify-draw",
            "lottery",
            "--from",
            saved_at,
            "--commitment",
            commitment,
            "--number",
            &number,
            "--lane",
            &lane,
        ])
        .await;
        let said = String::from_utf8(proved.stdout).unwrap();
        let rank = format!(
            "number {number} of lane {lane} drew rank {} of",
            told["rank"]
        );
        assert!(said.contains(&rank), "{said}");
    }
    published["draw"]["secret"] = json!("00".repeat(32));
    std::fs::write(&saved, published.to_string()).unwrap();
    let forged = run(&["verify-draw", "lottery", "--from", saved_at]).await;
    assert_eq!(forged.status.code(), Some(1), "{forged:?}");
    assert_eq!(
        run(&["verify-draw", "lottery", "--from", "/nowhere"])
            .await
            .status
            .code(),
        Some(3)
    );
    assert!(server.signal("-TERM").await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_of_a_running_server_is_paused_and_resumed_by_command() {
    let mut server = Server::start(&["--in-memory"]).await;
    let (event, _) = something_on_sale(&server).await;
    for (flag, state) in [
        ("--pause", "PAUSED"),
        ("--resume", "OPEN"),
        ("--close", "CLOSED"),
        ("--resume", "OPEN"),
    ] {
        let arguments = ["queue", &event, flag, "--endpoint-url", &server.dynamodb];
        assert_eq!(run(&arguments).await.status.code(), Some(0));
        let path = format!("/events/{event}/queue");
        let mut seen = String::new();
        // Processes see the change when their cached control is two seconds old.
        for _ in 0..600 {
            let (_, status) = server.call("GET", &path, "", json!({})).await.unwrap();
            status["state"].as_str().unwrap().clone_into(&mut seen);
            if seen == state {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(seen, state);
    }
    assert!(server.signal("-TERM").await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_can_require_users_to_sign_in() {
    let issuer = TestIssuer::start().await;
    let known_by = ["--oidc-issuer", &issuer.url, "--oidc-audience", AUDIENCE];
    let server = Server::start(&[&["--in-memory"][..], &known_by].concat()).await;
    let (event, _) = something_on_sale(&server).await;
    let path = format!("/events/{event}/tokens");
    let (status, answer) = server.call("POST", &path, "", json!({})).await.unwrap();
    assert_eq!((status, &answer["code"]), (401, &json!("token_missing")));
    let token = issuer.token("alice", Clock::System.now());
    let (status, answer) = server.call("POST", &path, &token, json!({})).await.unwrap();
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["userId"], issuer.user_id("alice"));
}

#[tokio::test]
async fn an_issuer_needs_an_audience_and_a_valid_url() {
    for (arguments, status, named) in [
        (
            &["--oidc-issuer", "https://id.example.com"][..],
            2,
            "--oidc-audience",
        ),
        (&["--oidc-audience", "shop"], 2, "--oidc-issuer"),
        (&["--oidc-client-id", "shop"], 2, "--oidc-issuer"),
        (
            &[
                "--oidc-issuer",
                "https://id.example.com",
                "--oidc-audience",
                "shop",
                "--oidc-scopes",
                "openid",
            ],
            2,
            "--oidc-client-id",
        ),
        (
            &[
                "--oidc-issuer",
                "https://id.example.com",
                "--oidc-client-id",
                "shop",
                "--oidc-token-origin",
                "https://id.example.com/token",
            ],
            3,
            "--oidc-token-origin",
        ),
        (
            &[
                "--oidc-issuer",
                "http://id.example.com",
                "--oidc-audience",
                "shop",
            ],
            3,
            "--oidc-issuer",
        ),
    ] {
        let output = run(&[&["serve", "--in-memory"][..], arguments].concat()).await;
        assert_eq!(output.status.code(), Some(status));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(named), "{said}");
    }
}
