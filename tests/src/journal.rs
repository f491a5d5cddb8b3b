//! The journal: every act of an operator has its entry, written with it or not at all.

use std::time::Duration;

use boxoffice::catalog_update::{Mode, apply_text};
use boxoffice::output::Output;
use boxoffice::permits;
use boxoffice::steering::{self, SaleAction, Steering};
use domain::clock::EpochMs;
use domain::ids::EventId;
use domain::journal::{Author, JournalEntry, Who, Why};
use serde_json::{Value, json};

use crate::serve::{Server, run, something_on_sale};
use crate::wire::{Fault, Rule};
use crate::world::{EVENT, START, World, author};

fn event() -> EventId {
    EventId::parse(EVENT).unwrap()
}

/// A world whose event was created a second ago, so that it is the oldest entry.
async fn a_second_later() -> World {
    let world = World::new().await;
    world.clock.advance_seconds(1);
    world
}

async fn of_the_event(world: &World) -> Vec<JournalEntry> {
    let id = event();
    let store = world.app.store();
    store.journal(Some(&id), EpochMs(0), 100).await.unwrap()
}

async fn of_the_table(world: &World) -> Vec<JournalEntry> {
    let store = world.app.store();
    store.journal(None, EpochMs(0), 100).await.unwrap()
}

fn acts(entries: &[JournalEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.act.as_str()).collect()
}

fn pause() -> Steering {
    Steering {
        action: Some(SaleAction::Pause),
        ..Steering::default()
    }
}

const CATALOGUE: &str = "
currency: KRW
events:
  - eventId: spring
    name: Spring
    venue: Hall
    admission: seated
    dates:
";

/// A catalogue of one event with this many dates.
fn catalogue(dates: u32, price: u32) -> String {
    let dates = (0..dates).map(|day| {
        let date = format!("2027-{:02}-{:02}", 1 + day / 28, 1 + day % 28);
        format!("      - {{date: {date}, startsAt: \"{date}T19:00:00+09:00\", seats: 2, price: {price}}}\n")
    });
    std::iter::once(CATALOGUE.to_owned()).chain(dates).collect()
}

async fn applies(world: &World, text: &str) {
    let mut out = Output::log();
    let mode = Mode::Apply(&author());
    let outcome = apply_text(world.app.store(), "spring", text, mode, &mut out).await;
    assert_eq!(outcome.unwrap(), boxoffice::Outcome::Done);
}

#[tokio::test]
async fn an_entry_says_who_did_what_when_and_why() {
    let world = World::new().await;
    world.clock.advance_seconds(60);
    let by = Author {
        who: Who::principal("arn:aws:sts::123456789012:assumed-role/Operator/ann"),
        why: Some(Why::parse("the hall's doors are jammed").unwrap()),
    };
    let steering = Steering {
        max_active: Some(7),
        ..pause()
    };
    let steered = steering::steer(world.app.store(), &event(), &steering, &by).await;
    steered.unwrap().unwrap();
    let entries = of_the_event(&world).await;
    let mut newest: Vec<_> = entries[..2].to_vec();
    // Both were done in the same millisecond.
    newest.sort_by(|one, other| one.act.cmp(&other.act));
    assert_eq!(acts(&newest), ["pause sale", "set max active"]);
    assert_eq!(newest[1].details, ["100 -> 7"]);
    for entry in &newest {
        assert_eq!(entry.at, EpochMs::parse(START).unwrap().plus_seconds(60));
        assert_eq!((&entry.who, &entry.why), (&by.who, &by.why));
        assert_eq!(entry.event_id, Some(event()));
    }
    assert_eq!(acts(&entries[2..]), ["create event"]);
}

#[tokio::test]
async fn an_act_that_changes_nothing_has_no_entry() {
    let world = a_second_later().await;
    for _ in 0..2 {
        let steered = steering::steer(world.app.store(), &event(), &pause(), &author()).await;
        steered.unwrap().unwrap();
    }
    assert_eq!(
        acts(&of_the_event(&world).await),
        ["pause sale", "create event"]
    );
    applies(&world, &catalogue(1, 10_000)).await;
    applies(&world, &catalogue(1, 10_000)).await;
    let id = EventId::parse("spring").unwrap();
    let store = world.app.store();
    let entries = store.journal(Some(&id), EpochMs(0), 100).await.unwrap();
    assert_eq!(acts(&entries), ["create event"]);
}

#[tokio::test]
async fn an_act_that_fails_has_no_entry_and_one_that_is_repeated_has_one() {
    let world = a_second_later().await;
    let store = world.app.store();
    let fail = |fault| Rule::next("TransactWriteItems", "JOURNAL#", fault);
    world.wire.inject(fail(Fault::CutOff));
    let steered = steering::steer(store, &event(), &pause(), &author()).await;
    assert!(steered.is_err());
    assert_eq!(acts(&of_the_event(&world).await), ["create event"]);
    // The answer is lost, and the SDK sends the transaction again.
    world.wire.inject(fail(Fault::LoseAnswer));
    let steered = steering::steer(store, &event(), &pause(), &author()).await;
    steered.unwrap().unwrap();
    assert_eq!(
        acts(&of_the_event(&world).await),
        ["pause sale", "create event"]
    );
}

#[tokio::test]
async fn operators_who_act_at_once_each_have_their_entry() {
    let world = a_second_later().await;
    let (one, two) = (world.another_process(), world.another_process());
    let (id, by) = (event(), author());
    let fewer = |max_active| Steering {
        max_active: Some(max_active),
        ..Steering::default()
    };
    let (three, four) = (fewer(3), fewer(4));
    let (first, second) = tokio::join!(
        steering::steer(one.app.store(), &id, &three, &by),
        steering::steer(two.app.store(), &id, &four, &by)
    );
    first.unwrap().unwrap();
    second.unwrap().unwrap();
    let entries = of_the_event(&world).await;
    assert_eq!(
        acts(&entries),
        ["set max active", "set max active", "create event"]
    );
    let mut details: Vec<_> = entries.iter().flat_map(|entry| &entry.details).collect();
    details.sort();
    // The one who came second changed what the first had set.
    assert!(
        details == ["100 -> 3", "3 -> 4"] || details == ["100 -> 4", "4 -> 3"],
        "{details:?}"
    );
}

#[tokio::test]
async fn applying_a_catalogue_tells_the_changed_fields() {
    let world = World::new().await;
    applies(&world, &catalogue(1, 10_000)).await;
    applies(&world, &catalogue(1, 12_000)).await;
    let id = EventId::parse("spring").unwrap();
    let store = world.app.store();
    let entries = store.journal(Some(&id), EpochMs(0), 100).await.unwrap();
    let changed = entries.iter().find(|entry| entry.act == "change event");
    let details = changed.unwrap().details.join("\n");
    assert!(
        details.contains("dates[2027-01-01].sections[A].price: 10000 -> 12000"),
        "{details}"
    );
}

#[tokio::test]
async fn each_transaction_of_a_long_run_has_an_entry_with_its_dates() {
    let world = World::new().await;
    applies(&world, &catalogue(200, 10_000)).await;
    let id = EventId::parse("spring").unwrap();
    let store = world.app.store();
    let entries = store.journal(Some(&id), EpochMs(0), 100).await.unwrap();
    let mut told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.act.as_str(), entry.details.len()))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("create event", 200),
            ("write dates", 10),
            ("write dates", 38),
            ("write dates", 38),
            ("write dates", 38),
            ("write dates", 38)
        ]
    );
}

#[tokio::test]
async fn acts_on_the_whole_table_are_in_its_own_journal() {
    let world = World::new().await;
    world.app.keys().await.unwrap();
    world.clock.advance_seconds(1);
    let rotated = world.app.store().rotate_signing_keys(&author()).await;
    rotated.unwrap();
    world.clock.advance_seconds(1);
    let dearer =
        catalogue(1, 10_000).replace("currency: KRW", "currency: KRW\nwalletCeiling: 20000000");
    applies(&world, &dearer).await;
    let entries = of_the_table(&world).await;
    assert_eq!(
        acts(&entries),
        ["change settings", "rotate keys", "change settings"]
    );
    assert_eq!(entries[0].details, ["walletCeiling: 10000000 -> 20000000"]);
    assert_eq!(entries[1].details, ["new key: 000002", "retired: 000001"]);
    assert_eq!(
        entries[2].details,
        ["currency: KRW", "walletCeiling: 10000000"]
    );
}

#[tokio::test]
async fn a_permit_to_rush_is_told_without_its_secret() {
    let world = a_second_later().await;
    let (store, id) = (world.app.store(), event());
    let permit = permits::allow(store, &id, Duration::from_mins(10), &author()).await;
    let permit = permit.unwrap();
    world.clock.advance_seconds(1);
    permits::revoke(store, &id, &permit.secret, &author())
        .await
        .unwrap();
    let entries = of_the_event(&world).await;
    assert_eq!(acts(&entries[..2]), ["disallow rush", "allow rush"]);
    assert_eq!(entries[1].details, [format!("until {}", permit.until)]);
    let text = format!("{entries:?}");
    assert!(!text.contains(permit.secret.reveal().as_str()));
}

#[tokio::test]
async fn a_journal_is_read_from_a_time_on_and_up_to_a_number() {
    let world = World::new().await;
    let (store, id) = (world.app.store(), event());
    for seconds in 0..5 {
        world.clock.advance_seconds(1);
        let steering = Steering {
            max_active: Some(10 + seconds),
            ..Steering::default()
        };
        let steered = steering::steer(store, &id, &steering, &author()).await;
        steered.unwrap().unwrap();
    }
    let start = EpochMs::parse(START).unwrap();
    let read = async |since, limit| {
        let entries = store.journal(Some(&id), since, limit).await.unwrap();
        entries
            .iter()
            .map(|entry| entry.at.ms_since(start) / 1_000)
            .collect::<Vec<_>>()
    };
    assert_eq!(read(start.plus_seconds(3), 100).await, [5, 4, 3]);
    assert_eq!(read(EpochMs(0), 2).await, [5, 4]);
    assert_eq!(read(start.plus_seconds(6), 100).await, [0_i64; 0]);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_reads_what_was_done_on_the_command_line() {
    let server = Server::start(&["--in-memory"]).await;
    let (event, _) = something_on_sale(&server).await;
    let at = ["--endpoint-url", server.dynamodb.as_str()];
    let command = async |words: &[&str]| run(&[words, &at[..]].concat()).await;
    let paused = command(&["queue", &event, "--pause", "--why", "rain"]).await;
    assert_eq!(paused.status.code(), Some(0), "{}", text(&paused.stderr));
    let rotated = command(&["keys", "rotate", "--why", "a laptop was lost"]).await;
    assert_eq!(rotated.status.code(), Some(0), "{}", text(&rotated.stderr));

    let said = text(&command(&["journal", &event]).await.stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].ends_with(&format!("{event}  pause sale")),
        "{said}"
    );
    assert!(
        lines[1].starts_with("  by ") && lines[1].contains('@'),
        "{said}"
    );
    assert_eq!(lines[2], "  why: rain");
    assert!(
        lines[3].ends_with(&format!("{event}  create event")),
        "{said}"
    );
    assert!(!said.contains("rotate keys"));

    let all = command(&["journal", "--limit", "2", "--json"]).await;
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    let told = |at: usize| {
        let entry = &all["entries"][at];
        json!([entry["act"], entry["eventId"], entry["why"]])
    };
    assert_eq!(told(0), json!(["rotate keys", null, "a laptop was lost"]));
    assert_eq!(told(1), json!(["pause sale", event, "rain"]));
    assert_eq!(all["entries"].as_array().unwrap().len(), 2);

    let long = "x".repeat(501);
    let refused = command(&["queue", &event, "--resume", "--why", &long]).await;
    assert_eq!(refused.status.code(), Some(2));
    let unknown = command(&["journal", "no-such-event"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(
        text(&unknown.stderr),
        "boxoffice: there is no event no-such-event\n"
    );
}
