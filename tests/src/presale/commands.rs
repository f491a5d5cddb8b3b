//! What operators do with codes.

use std::collections::BTreeSet;

use boxoffice::Outcome;
use boxoffice::commands::codes::{self, WantedCodes};
use boxoffice::export::Format;
use domain::access_code::{AccessCode, CodePrefix};
use domain::clock::EpochMs;
use domain::presale::PhaseName;
use serde_json::Value;

use super::{CARDS, FANS, after_start, buyer, code, codes_of, id, joins, presold, stored};
use crate::invariants;
use crate::printed::Printed;
use crate::serve::{Server, run, something_on_sale};
use crate::world::{EVENT, World, author};

async fn exported(world: &World, format: Format) -> String {
    let printed = Printed::default();
    let mut out = printed.output();
    let done = codes::export(world.app.store(), &id(), format, &mut out).await;
    assert_eq!(done.unwrap(), Outcome::Done);
    printed.text()
}

async fn batches(world: &World) -> Value {
    let printed = Printed::default();
    let mut out = printed.output();
    codes::list(world.app.store(), &id(), true, &mut out)
        .await
        .unwrap();
    serde_json::from_str(&printed.text()).unwrap()
}

async fn revoke(world: &World, code: &str) -> String {
    let printed = Printed::default();
    let mut out = printed.output();
    let codes = [AccessCode::parse(code).unwrap()];
    let done = codes::revoke(world.app.store(), &id(), &codes, &author(), &mut out).await;
    assert_eq!(done.unwrap(), Outcome::Done);
    printed.text()
}

#[tokio::test]
async fn codes_are_printed_once_and_only_their_hashes_are_stored() {
    let world = World::with(presold(10)).await;
    let made = codes_of(&world, EVENT, FANS, 120, 2).await;
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), 120);
    assert!(made.iter().all(|code| code.starts_with("FAN-")));
    let stored = format!("{:?}", invariants::items(&world).await);
    for code in &made {
        assert!(!stored.contains(code), "{code}");
        assert!(!stored.contains(&code.replace('-', "")), "{code}");
    }
    joins(&world, &made[7]).await;
    let listed = batches(&world).await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let counts = ["codes", "mostUsers", "used", "users", "revoked"];
    let counts = counts.map(|field| listed[0][field].as_u64().unwrap());
    assert_eq!(counts, [120, 2, 1, 1, 0]);
    // What is exported leads from the printed list to the uses, by the id.
    let lines: Vec<Value> = serde_json::from_str(&exported(&world, Format::Json).await).unwrap();
    let id = AccessCode::parse(&made[7]).unwrap().hash(&id());
    let line = lines.iter().find(|line| line["id"] == id.id()).unwrap();
    assert_eq!((line["users"].as_u64(), lines.len()), (Some(1), 120));
    let csv = exported(&world, Format::Csv).await;
    assert_eq!(csv.lines().count(), 121);
    assert!(csv.starts_with("\u{feff}id,batch,phase,channel,mostUsers,users,madeAt,revokedAt"));
}

#[tokio::test]
async fn a_revoked_code_admits_nobody_more_and_takes_no_place_away() {
    let world = World::with(presold(10)).await;
    let several = code(&world, FANS, 5).await;
    let user = buyer(joins(&world, &several).await);
    assert_eq!(revoke(&world, &several).await, "revoked 1 of 1\n");
    let again = revoke(&world, &several).await;
    assert_eq!(again, "revoked 0 of 1; 1 were not valid before\n");
    joins(&world, &several)
        .await
        .is_problem(403, "code_invalid");
    assert_eq!(world.status(&user).await.text_of("status"), "WAITING");
    assert!(stored(&world, &several).await.revoked_at.is_some());
    invariants::check(&world).await;
}

#[tokio::test]
async fn codes_of_a_presale_that_does_not_exist_or_is_over_are_not_made() {
    let world = World::with(presold(10)).await;
    let make = async |phase: &str| {
        let printed = Printed::default();
        let mut out = printed.output();
        let wanted = WantedCodes {
            event: id(),
            phase: PhaseName::parse(phase).ok(),
            channel: None,
            count: 1,
            most_users: 1,
            prefix: CodePrefix::default(),
        };
        let store = world.app.store();
        let outcome = codes::make(store, &wanted, Format::Csv, &author(), &mut out).await;
        assert_eq!(printed.text(), "");
        outcome.unwrap()
    };
    assert_eq!(make("press").await, Outcome::Negative);
    world.clock.set(after_start(660));
    assert_eq!(make(FANS).await, Outcome::Negative);
    assert!(world.app.store().codes(&id()).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_journal_tells_how_many_codes_were_made_and_which_were_revoked_but_no_code() {
    let world = World::with(presold(10)).await;
    world.clock.advance_seconds(1);
    let made = codes_of(&world, EVENT, CARDS, 3, 1).await;
    world.clock.advance_seconds(1);
    revoke(&world, &made[0]).await;
    revoke(&world, &made[0]).await;
    let store = world.app.store();
    let entries = store.journal(Some(&id()), EpochMs(0), 100).await.unwrap();
    let acts: Vec<&str> = entries
        .iter()
        .rev()
        .map(|entry| entry.act.as_str())
        .collect();
    assert_eq!(acts[acts.len() - 2..], ["make codes", "revoke codes"]);
    let details = format!("{:?}", entries[1].details);
    assert!(
        details.contains("3 of batch") && details.contains(CARDS),
        "{details}"
    );
    assert_eq!(entries[0].details.len(), 1);
    let told = format!("{entries:?}");
    assert!(made.iter().all(|code| !told.contains(code)));
}

#[tokio::test]
async fn codes_read_and_write_only_what_the_documented_permissions_allow() {
    let world = World::with(presold(10)).await;
    let act = async || {
        let made = code(&world, FANS, 1).await;
        revoke(&world, &made).await;
    };
    invariants::writes_only(&world, &["CODES", "JOURNAL"], act).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_made_listed_revoked_and_exported_by_command_on_a_running_server() {
    let server = Server::start(&["--in-memory"]).await;
    let (other, _) = something_on_sale(&server).await;
    let at = ["--endpoint-url", server.dynamodb.as_str()];
    let folder = tempfile::tempdir().unwrap();
    let catalogue = folder.path().join("presale.yaml");
    let text = "currency: KRW
events:
  - eventId: early
    name: Early
    venue: Hall
    admission: general
    totalTickets: 10
    opensAt: +2d
    presales: [{name: fans, opensAt: +1h, closesAt: +1d}]
";
    std::fs::write(&catalogue, text).unwrap();
    let apply = ["apply", catalogue.to_str().unwrap()];
    let applied = run(&[&apply[..], &at].concat()).await;
    let said = String::from_utf8(applied.stderr).unwrap();
    assert_eq!(applied.status.code(), Some(0), "{said}");
    let wanted = ["codes", "make", "early", "--phase", "fans", "--count", "2"];
    let more = [
        "--prefix",
        "fan",
        "--format",
        "json",
        "--why",
        "for the club",
    ];
    let made = run(&[&wanted[..], &more, &at].concat()).await;
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let made: Vec<Value> = serde_json::from_slice(&made.stdout).unwrap();
    let first = made[0]["code"].as_str().unwrap();
    let batch = made[0]["batch"].as_str().unwrap();
    assert!(AccessCode::parse(first).is_ok());

    let listed = run(&[&["codes", "list", "early"], &at[..]].concat()).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains(batch) && listed.contains("fans"),
        "{listed}"
    );
    let revoked = run(&[&["codes", "revoke", "early", first], &at[..]].concat()).await;
    assert_eq!(revoked.stdout, b"revoked 1 of 1\n");
    let revoked = run(&[&["codes", "revoke", "early", "--batch", batch], &at[..]].concat()).await;
    assert_eq!(revoked.stdout, b"revoked 1 of 2; 1 were not valid before\n");
    let unknown = run(&[&["codes", "revoke", "early", "--batch", "x"], &at[..]].concat()).await;
    assert_eq!(unknown.status.code(), Some(1));
    let file = folder.path().join("codes.csv");
    let export = [
        "codes",
        "export",
        "early",
        "--output",
        file.to_str().unwrap(),
    ];
    let exported = run(&[&export[..], &at].concat()).await;
    assert_eq!(exported.status.code(), Some(0), "{exported:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3);

    let wanted = ["codes", "make", &other, "--phase", "fans", "--count", "2"];
    let refused = run(&[&wanted[..], &at].concat()).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("the event has no presale"), "{said}");
    let wrong = run(&[&["codes", "revoke", "early", "NOT-A-CODE"], &at[..]].concat()).await;
    assert_eq!(wrong.status.code(), Some(2));
}
