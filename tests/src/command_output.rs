//! What commands do when their output cannot be written, and how they print text that others wrote.

use std::fs::{self, OpenOptions};
use std::process::Stdio;

use domain::ids::EventId;
use serde_json::json;

use crate::serve::{Server, boxoffice};

const CATALOG: &str = "currency: KRW
events:
  - eventId: first
    name: First
    venue: Club
    admission: seated
    dates: [{date: 2099-12-24, startsAt: '2099-12-24T19:00:00+09:00', price: 1000}]
  - eventId: second
    name: Second
    venue: Club
    admission: seated
    dates: [{date: 2099-12-24, startsAt: '2099-12-24T19:00:00+09:00', price: 1000}]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_does_its_work_even_if_its_output_cannot_be_written() {
    let server = Server::start(&["--in-memory"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.yaml");
    let name = file.to_str().unwrap();
    let commands: [&[&str]; 19] = [
        &["apply", name],
        &["queue", "first", "--pause"],
        &["queue", "first"],
        &["report", "first"],
        &["report", "first", "--csv"],
        &["report", "first", "--json"],
        &["audit"],
        &["audit", "--json"],
        &["blocks", "first"],
        &["blocks", "first", "--json"],
        &["events"],
        &["events", "--json"],
        &["orders", "--event", "first"],
        &["orders", "--event", "first", "--json"],
        &["export", "sales", "first"],
        &["export", "ledger", "--all", "--format", "json"],
        &["withdrawals"],
        &["withdrawals", "--json"],
        &["keys", "rotate"],
    ];
    for (round, disk_is_full) in [false, true].into_iter().enumerate() {
        // Other ids each time, so that `apply` has something to do.
        let catalog = CATALOG
            .replace("eventId: first", &format!("eventId: first{round}"))
            .replace("eventId: second", &format!("eventId: second{round}"));
        fs::write(&file, catalog).unwrap();
        for arguments in commands {
            let arguments = arguments.iter().map(|argument| match *argument {
                "first" => format!("first{round}"),
                other => other.to_owned(),
            });
            let mut command = boxoffice(&["--endpoint-url", &server.dynamodb]);
            command.args(arguments.clone()).stderr(Stdio::piped());
            if disk_is_full {
                let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
                command.stdout(full);
            } else {
                command.stdout(Stdio::piped());
            }
            let mut process = command.spawn().unwrap();
            // Nobody reads.
            drop(process.stdout.take());
            let ended = process.wait_with_output().await.unwrap();
            let said = String::from_utf8(ended.stderr).unwrap();
            let expected = i32::from(disk_is_full);
            let arguments: Vec<_> = arguments.collect();
            assert_eq!(ended.status.code(), Some(expected), "{arguments:?}: {said}");
            assert_eq!(
                said.contains("cannot write the output"),
                disk_is_full,
                "{arguments:?}: {said}"
            );
        }
        let path = format!("/events/second{round}");
        let (status, _) = server.call("GET", &path, "", json!({})).await.unwrap();
        assert_eq!(status, 200, "apply went on to the last event");
        let path = format!("/events/first{round}");
        let (_, shown) = server.call("GET", &path, "", json!({})).await.unwrap();
        assert_eq!(shown["state"], "PAUSED");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_draw_file_cannot_steer_the_terminal() {
    let hostile = "\u{1b}]0;owned\u{7}\u{202e}\u{9b}2J";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("draw.json");
    let event = EventId::parse("lottery").unwrap();
    let draw = |procedure: &str, source: &str| {
        json!({
            "eventId": event,
            "draw": {
                "procedure": procedure,
                "commitment": "a",
                "beacon": {"source": source},
                "count": 1,
                "counts": [1],
                "secret": "00".repeat(32),
            }
        })
    };
    for text in [
        draw(hostile, "").to_string(),
        json!({"eventId": hostile, "draw": null}).to_string(),
        json!({"eventId": "lottery", "draw": hostile}).to_string(),
        format!("{{\"{hostile}\": "),
    ] {
        fs::write(&file, text).unwrap();
        let mut command = boxoffice(&["verify-draw", "lottery", "--from"]);
        let ended = command.arg(&file).output().await.unwrap();
        assert!(!ended.status.success());
        for said in [ended.stdout, ended.stderr] {
            let said = String::from_utf8(said).unwrap();
            let hidden = |c: char| c != '\n' && boxoffice::output::is_hidden(c);
            assert!(!said.contains(hidden), "{said:?}");
        }
    }
}
