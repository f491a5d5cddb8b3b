//! `boxoffice rush` against a running server.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use boxoffice::access_keys::AccessKeys;
use boxoffice::permits;
use boxoffice::table_options::local_connection;
use domain::clock::{Clock, EpochMs};
use domain::ids::EventId;
use domain::queue::{Control, Secret};
use domain::rehearsal::Permit;
use serde_json::Value;
use shared::store::{Consistency, Store, TableNames, connect};

use crate::issuer::{AUDIENCE, TestIssuer};
use crate::serve::{Server, boxoffice, run};
use crate::world::author;

/// 300 seats, 20 seats, and general admission. A name tries to be markup.
const CATALOGUE: &str = "currency: KRW
walletCeiling: 10000000
events:
  - eventId: on-sale
    name: On Sale
    venue: Hall
    admission: seated
    maxSeatsPerUser: 4
    holdSeconds: 20
    queue: {maxActive: 80, sessionSeconds: 60, graceSeconds: 30, overbookPercent: 30}
    dates:
      - date: 2099-12-24
        startsAt: '2099-12-24T19:00:00+09:00'
        sections: [{name: A, seats: 100, price: 44000, rows: 4}, {name: B, seats: 50, price: 33000, rows: 2}]
      - date: 2099-12-25
        startsAt: '2099-12-25T19:00:00+09:00'
        sections: [{name: A, seats: 100, price: 44000, rows: 4}, {name: B, seats: 50, price: 33000}]
  - eventId: small
    name: <script>alert(1)</script> Live
    venue: Hall
    admission: seated
    maxSeatsPerUser: 4
    holdSeconds: 10
    queue: {maxActive: 10, sessionSeconds: 60, graceSeconds: 30}
    dates:
      - {date: 2099-12-24, startsAt: '2099-12-24T19:00:00+09:00', seats: 20, price: 44000}
  - eventId: festival
    name: Festival
    venue: Park
    admission: general
    maxSeatsPerUser: 4
    totalTickets: 60
    price: 12000
    queue: {maxActive: 40, sessionSeconds: 60, graceSeconds: 30}
";

async fn server(arguments: &[&str]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = folder.path().join("catalogue.yaml");
    std::fs::write(&catalogue, CATALOGUE).unwrap();
    let catalogue = ["--in-memory", "--catalog", catalogue.to_str().unwrap()];
    Server::start(&[&catalogue, arguments].concat()).await
}

fn store(server: &Server) -> Store {
    let keys = AccessKeys::read(&server.keys).unwrap();
    let connection = local_connection(&server.dynamodb, keys.as_ref());
    let names = TableNames {
        main: "boxoffice".to_owned(),
        keys: "boxoffice-keys".to_owned(),
    };
    Store::new(connect(connection), names, Clock::System)
}

/// People who hurry, so that the tests do.
const HURRIED: [&str; 10] = [
    "--choosing",
    "300ms",
    "--paying",
    "300ms",
    "--lingering",
    "10s",
    "--outage",
    "2s",
    "--patience",
    "10m",
];

async fn rush(server: &Server, event: &str, arguments: &[&str]) -> (i32, Value, String) {
    let at = ["--url", &server.api, "--endpoint-url", &server.dynamodb];
    let mut command = boxoffice(&[&["rush", event, "--json"], &at[..], arguments].concat());
    let output = command.env_remove("BOXOFFICE_RUSH_PERMIT").output().await;
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), report, said)
}

fn sum_of(report: &Value) -> u64 {
    let counts = report.as_object().unwrap().values();
    counts.map(|count| count.as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_with_faults_buys_every_seat_and_the_counts_of_its_report_add_up() {
    let server = server(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let crowd = ["--people", "150", "--within", "3s", "--lost-answers", "5%"];
    let more = ["--duplicates", "5%", "--html", page.to_str().unwrap()];
    let arguments = [&crowd[..], &more, &HURRIED].concat();
    let (code, report, said) = rush(&server, "small", &arguments).await;
    it_went_well(code, &report, &said, 150, 20);
    the_page_is_self_contained(&page);

    // The permit of this rush is gone, and the event is not fresh any more.
    let event = EventId::parse("small").unwrap();
    let stored = store(&server).event(&event, Consistency::Strong).await;
    assert_eq!(stored.unwrap().unwrap().control.rehearsal, None);
    let (code, _, said) = rush(&server, "small", &["--people", "1"]).await;
    assert_eq!(code, 3);
    assert!(said.contains("--although-joined"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute of the whole machine: .ci/run plays it by itself"]
async fn two_thousand_people_with_faults_buy_every_ticket_and_nobody_loses_a_place() {
    let server = server(&[]).await;
    let crowd = ["--people", "2000", "--within", "10s", "--connections", "64"];
    let faults = ["--lost-answers", "2%", "--duplicates", "2%"];
    let arguments = [&crowd[..], &faults, &HURRIED].concat();
    let (code, report, said) = rush(&server, "on-sale", &arguments).await;
    it_went_well(code, &report, &said, 2_000, 300);
}

/// Every ticket was sold, nothing was broken, and the numbers add up.
fn it_went_well(code: i32, report: &Value, said: &str, people: u64, tickets: u64) {
    assert_eq!(report["broken"], serde_json::json!([]), "{said}");
    assert_eq!(report["audit"]["verdict"], "clean", "{said}");
    assert_eq!(code, 0, "{said}");
    assert_eq!(report["tickets"]["sold"], tickets, "{report}");
    assert_eq!(report["tickets"]["availableAfter"], 0);
    assert!(report["injected"]["lostAnswers"].as_u64().unwrap() > 10);
    assert!(report["injected"]["duplicates"].as_u64().unwrap() > 10);
    assert_eq!(sum_of(&report["endings"]), people);
    let in_timeline = |field: &str| -> u64 {
        let seconds = report["timeline"].as_array().unwrap().iter();
        seconds.map(|second| second[field].as_u64().unwrap()).sum()
    };
    let requests = report["requests"].as_u64().unwrap();
    assert_eq!(in_timeline("requests"), requests);
    assert_eq!(in_timeline("refused"), sum_of(&report["refusals"]));
    let kept = in_timeline("ticketsSold") - in_timeline("ticketsReturned");
    assert_eq!(kept, tickets);
    assert_eq!(report["admission"]["gotIn"], in_timeline("gotIn"));
    let endpoints = report["endpoints"].as_array().unwrap().iter();
    let by_endpoint =
        endpoints.map(|of| of["answered"].as_u64().unwrap() + of["unanswered"].as_u64().unwrap());
    assert_eq!(by_endpoint.sum::<u64>(), requests);
}

fn the_page_is_self_contained(page: &Path) {
    let page = std::fs::read_to_string(page).unwrap();
    for reference in [
        "<script", "<link", "<img", "src=", "href=", "url(", "@import",
    ] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; Live"));
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_without_seats_buys_every_ticket() {
    let server = server(&[]).await;
    let crowd = [
        "--people",
        "150",
        "--within",
        "2s",
        "--changes-of-mind",
        "0",
    ];
    let (code, report, said) = rush(&server, "festival", &[&crowd[..], &HURRIED].concat()).await;
    assert_eq!(code, 0, "{said} {report}");
    assert_eq!(report["tickets"]["sold"], 60, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_system_with_a_permit_in_force_is_loaded() {
    let server = server(&[]).await;
    let event = EventId::parse("on-sale").unwrap();
    let refused = async |permit: &Secret| {
        let permit = permit.reveal();
        let (code, _, said) = rush(&server, "on-sale", &["--permit", &permit]).await;
        assert_eq!(code, 3, "{said}");
        assert!(
            said.contains("does not prove that a rush on on-sale is allowed"),
            "{said}"
        );
    };
    // None was given.
    refused(&Secret::random().unwrap()).await;
    // Of another operator, or of another event.
    let store = store(&server);
    let hour = Duration::from_hours(1);
    let permit = permits::allow(&store, &event, hour, &author())
        .await
        .unwrap();
    refused(&Secret::random().unwrap()).await;
    let festival = EventId::parse("festival").unwrap();
    let other = permits::allow(&store, &festival, hour, &author())
        .await
        .unwrap();
    refused(&other.secret).await;
    // Expired.
    let stored = store.event(&event, Consistency::Strong).await;
    let stored = stored.unwrap().unwrap();
    let expired = Permit {
        until: EpochMs(Clock::System.now().0 - 1),
        ..permit
    };
    let control = Control {
        rehearsal: Some(expired),
        ..stored.control.clone()
    };
    store
        .set_control(&stored, control, &author())
        .await
        .unwrap();
    // The server caches an event for two seconds.
    let path = format!("/events/on-sale/rehearsal/{}", "0".repeat(64));
    for _ in 0..600 {
        let (_, proof) = server.call("GET", &path, "", Value::Null).await.unwrap();
        if proof.get("answer").is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    refused(&permit.secret).await;
    // Nobody has joined.
    let path = "/events/on-sale/queue";
    let (_, queue) = server.call("GET", path, "", Value::Null).await.unwrap();
    assert_eq!(queue["issued"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_printed_permit_is_enough_to_rush_without_access_to_the_table() {
    let server = server(&[]).await;
    let at = ["--endpoint-url", &server.dynamodb];
    let allowed = run(&[&["rush", "on-sale", "--allow", "5m"], &at[..]].concat()).await;
    assert!(allowed.status.success(), "{allowed:?}");
    let said = String::from_utf8(allowed.stdout).unwrap();
    let (_, permit) = said.trim().split_once("BOXOFFICE_RUSH_PERMIT=").unwrap();
    let mut command = boxoffice(&["rush", "on-sale", "--url", &server.api, "--people", "20"]);
    let output = command
        .args(["--within", "1s", "--no-shows", "0", "--leavers", "0"])
        .args(HURRIED)
        .env("BOXOFFICE_RUSH_PERMIT", permit)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said} {:?}", output.stderr);
    assert!(said.contains("the table was not audited"), "{said}");
    for time in ["10s", "25h"] {
        let refused = run(&[&["rush", "on-sale", "--allow", time], &at[..]].concat()).await;
        assert_eq!(refused.status.code(), Some(2), "{time}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_who_have_to_sign_in_need_id_tokens() {
    let issuer = TestIssuer::start().await;
    let known_by = ["--oidc-issuer", &issuer.url, "--oidc-audience", AUDIENCE];
    let server = server(&known_by).await;
    let crowd = [
        "--people",
        "3",
        "--within",
        "1s",
        "--no-shows",
        "0",
        "--leavers",
        "0",
    ];
    let crowd = [&crowd[..], &HURRIED].concat();
    let (code, _, said) = rush(&server, "on-sale", &crowd).await;
    assert_eq!(code, 3);
    assert!(said.contains("--id-tokens"), "{said}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let now = Clock::System.now();
    let tokens = ["ann", "ben", "cho"].map(|name| issuer.token(name, now));
    std::fs::write(&file, tokens[..2].join("\n")).unwrap();
    let with_tokens = [&crowd[..], &["--id-tokens", file.to_str().unwrap()]].concat();
    let (code, _, said) = rush(&server, "on-sale", &with_tokens).await;
    assert_eq!(code, 3);
    assert!(said.contains("2 tokens for 3 people"), "{said}");

    std::fs::write(&file, tokens.join("\n")).unwrap();
    let (code, report, said) = rush(&server, "on-sale", &with_tokens).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(report["admission"]["gotIn"], 3, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_options_are_named() {
    let server = server(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let arrivals = folder.path().join("arrivals.csv");
    std::fs::write(&arrivals, "second,arrivals\n0,5\n5,many\n").unwrap();
    let (code, _, said) = rush(
        &server,
        "on-sale",
        &["--arrivals", arrivals.to_str().unwrap()],
    )
    .await;
    assert_eq!(code, 3);
    assert!(said.contains("arrivals.csv: line 3: arrivals"), "{said}");

    let (code, _, said) = rush(&server, "no-such-event", &[]).await;
    assert_eq!(code, 1, "{said}");
    let wrong: BTreeMap<&str, &[&str]> = [
        ("--bots", &["--bots", "101%"][..]),
        ("--people", &["--people", "0"]),
        ("--within", &["--within", "soon"]),
        ("--permit", &["--permit", "secret"]),
    ]
    .into();
    for (option, arguments) in wrong {
        let (code, _, said) = rush(&server, "on-sale", arguments).await;
        assert_eq!(code, 2, "{option}");
        assert!(said.contains(option), "{said}");
    }
    let mut without_url = boxoffice(&["rush", "on-sale", "--endpoint-url", &server.dynamodb]);
    let output = without_url.output().await.unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--url"));
    let mut elsewhere = boxoffice(&["rush", "on-sale", "--url", "http://shop.example.com"]);
    assert_eq!(elsewhere.output().await.unwrap().status.code(), Some(3));
}
