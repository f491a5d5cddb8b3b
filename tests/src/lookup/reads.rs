//! What finding and exporting ask of DynamoDB.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use boxoffice::event_list::EventList;
use boxoffice::export::{Export, Format};
use boxoffice::journal_list::JournalList;
use boxoffice::order_story::OrderStory;
use boxoffice::output::Output;
use boxoffice::user_records::{self, UserRecords};
use boxoffice::wanted_reservations::Wanted;
use domain::clock::EpochMs;
use domain::event::{Programme, Section};
use domain::ids::{EventId, ReservationId, SeatNumber, UserId};
use domain::money::Money;
use domain::reservation::{Reservation, Status};
use serde_json::{Value, json};
use shared::store::{Consistency, OwnedThing};

use crate::printed::Printed;
use crate::world::{DATE, EVENT, LATER_DATE, PRICE, World, concert};

fn event() -> EventId {
    EventId::parse(EVENT).unwrap()
}

impl World {
    async fn programme(&self) -> Programme {
        let store = self.app.store();
        let programme = store.programme(&event(), Consistency::Strong).await;
        programme.unwrap().unwrap()
    }

    /// A new user with a ticket: the user and the reservation.
    async fn ticket(&self, date: &str, seats: &[u32]) -> (UserId, ReservationId) {
        let buyer = self.joins_with(10 * PRICE).await;
        let body = json!({"date": date, "seatNumbers": seats});
        let path = format!("/events/{EVENT}/holds");
        let held = self.post(&path, &buyer.token, body).await;
        assert_eq!(held.status, 201, "{held:?}");
        let id = held.text_of("reservationId").to_owned();
        assert_eq!(self.pay(&buyer, &id).await.status, 201);
        (
            UserId::parse(&buyer.user_id).unwrap(),
            ReservationId::parse(&id).unwrap(),
        )
    }

    async fn found(&self, wanted: &Wanted) -> Vec<Reservation> {
        let mut found = Vec::new();
        let now = self.app.clock().now();
        wanted
            .read(
                self.app.store(),
                now,
                |_| {},
                |page| {
                    found.extend(page);
                    Ok(ControlFlow::Continue(()))
                },
            )
            .await
            .unwrap();
        found
    }

    /// The operations since the meter was reset.
    fn operations(&self) -> BTreeSet<String> {
        let calls = self.wire.calls();
        calls.into_iter().map(|call| call.operation).collect()
    }

    fn export<'a>(&'a self, out: &'a mut Output) -> Export<'a> {
        Export {
            store: self.app.store(),
            currency: crate::world::currency(),
            format: Format::Csv,
            out,
            shows_progress: true,
        }
    }
}

/// The actions of the policy in OPERATIONS.md for whoever only looks.
fn documented_actions() -> BTreeSet<String> {
    let guide = include_str!("../../../docs/OPERATIONS.md");
    let (_, after) = guide.split_once("### Who may look").unwrap();
    let (_, json) = after.split_once("```json\n").unwrap();
    let (json, _) = json.split_once("```").unwrap();
    let statement: Value = serde_json::from_str(json).unwrap();
    let actions = statement["Action"].as_array().unwrap();
    let actions = actions.iter().map(|action| action.as_str().unwrap());
    actions.map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn finding_and_exporting_need_exactly_the_documented_permissions_and_write_nothing() {
    let world = World::new().await;
    let (user, id) = world.ticket(DATE, &[7]).await;
    let store = world.app.store();
    let now = world.app.clock().now();
    let before = crate::invariants::items(&world).await;
    world.wire.reset_meter();

    store.settings().await.unwrap();
    EventList::read(store).await.unwrap();
    JournalList::of_all(store, EpochMs(0), 10).await.unwrap();
    let by_claims = Wanted {
        event: Some(world.programme().await),
        statuses: vec![Status::Confirmed],
        ..Wanted::default()
    };
    assert_eq!(world.found(&by_claims).await.len(), 1);
    assert_eq!(world.found(&Wanted::default()).await.len(), 1);
    let thing = OwnedThing::Reservation(id.clone());
    assert_eq!(
        user_records::owner(store, &thing).await.unwrap(),
        Some(user)
    );
    let thing = OwnedThing::Payment("pi_1".to_owned());
    assert_eq!(user_records::owner(store, &thing).await.unwrap(), None);
    let records = UserRecords::read(store, user).await.unwrap();
    let reservation = records.reservation(&id).unwrap();
    let currency = crate::world::currency();
    OrderStory::read(store, &records, reservation, &currency, now)
        .await
        .unwrap();
    let mut out = Printed::default().output();
    assert_eq!(
        world.export(&mut out).attendees(&by_claims).await.unwrap(),
        1
    );
    assert_eq!(
        world
            .export(&mut out)
            .sales(&Wanted::default())
            .await
            .unwrap(),
        1
    );
    assert_eq!(world.export(&mut out).ledger(None).await.unwrap(), 2);

    let actions = world.operations();
    let actions: BTreeSet<String> = actions
        .into_iter()
        .map(|operation| format!("dynamodb:{operation}"))
        .collect();
    assert_eq!(actions, documented_actions());
    assert_eq!(crate::invariants::items(&world).await, before);
}

#[tokio::test]
async fn one_event_or_user_is_found_without_a_reading_of_the_whole_table() {
    let world = World::new().await;
    let (user, id) = world.ticket(DATE, &[7]).await;
    let store = world.app.store();
    world.wire.reset_meter();
    let wanted = Wanted {
        event: Some(world.programme().await),
        statuses: vec![Status::Held, Status::Confirmed],
        ..Wanted::default()
    };
    assert!(!wanted.needs_whole_table());
    world.found(&wanted).await;
    let thing = OwnedThing::Reservation(id);
    user_records::owner(store, &thing).await.unwrap();
    UserRecords::read(store, user).await.unwrap();
    EventList::read(store).await.unwrap();
    assert!(!world.operations().contains("Scan"));
    // Claims do not tell who had a seat before, and there are none without seats.
    let ended = Wanted {
        statuses: vec![Status::Confirmed, Status::Cancelled],
        ..wanted
    };
    assert!(ended.needs_whole_table());
}

#[tokio::test]
async fn claims_and_the_whole_table_lead_to_the_same_reservations_and_to_each_once() {
    let mut concert = concert();
    concert.event.terms.max_seats_per_user = 4;
    concert.event.terms.queue.max_active = 100;
    for date in concert.dates.values_mut() {
        date.sections = vec![
            Section::new("A", Money(PRICE), SeatNumber(1), 10),
            Section::new("B", Money(PRICE), SeatNumber(11), 40),
        ];
    }
    let world = World::with(concert).await;
    for first in 0..8 {
        // The third to fifth have seats in both sections.
        let seats: Vec<u32> = (0..4).map(|row| 1 + first + 5 * row).collect();
        let date = if first < 5 { DATE } else { LATER_DATE };
        let seats = if first < 5 { &seats[..] } else { &seats[2..] };
        world.ticket(date, seats).await;
    }
    let buyer = world.joins(EVENT).await;
    world.hold(&buyer, 50).await;
    let by_claims = Wanted {
        event: Some(world.programme().await),
        statuses: vec![Status::Held, Status::Confirmed],
        ..Wanted::default()
    };
    let by_table = Wanted {
        event: by_claims.event.clone(),
        ..Wanted::default()
    };
    assert!(!by_claims.needs_whole_table() && by_table.needs_whole_table());
    let ids = |found: Vec<Reservation>| {
        let mut count = BTreeMap::new();
        for reservation in found {
            *count
                .entry(reservation.reservation_id.to_string())
                .or_insert(0) += 1;
        }
        count
    };
    let found = ids(world.found(&by_claims).await);
    assert_eq!(found.len(), 9);
    assert!(found.values().all(|times| *times == 1), "{found:?}");
    assert_eq!(found, ids(world.found(&by_table).await));
    // A hold that has lapsed has no seat any more.
    world.clock.advance_seconds(301);
    assert_eq!(world.found(&by_claims).await.len(), 8);
}

#[tokio::test]
async fn a_large_table_is_exported_page_by_page() {
    const WALLETS: usize = 100;
    const ENTRIES: usize = 25;
    let world = World::new().await;
    let text = |text: String| AttributeValue::S(text);
    let number = |number: usize| AttributeValue::N(number.to_string());
    for _ in 0..WALLETS {
        let user = UserId::random();
        let entries = (1..=ENTRIES).map(|seq| {
            let put = PutRequest::builder()
                .item("pk", text(format!("WALLET#{user}")))
                .item("sk", text(format!("LEDGER#{seq:012}")))
                .item("entryId", text(uuid::Uuid::new_v4().to_string()))
                .item("kind", text("CHARGE".to_owned()))
                .item("amount", number(5))
                .item("balanceAfter", number(5 * seq))
                .item("at", number(1_795_176_000_000))
                .item("filler", text("x".repeat(1_000)))
                .build()
                .unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        world
            .dynamodb
            .batch_write_item()
            .request_items(&world.tables.main, entries.collect())
            .send()
            .await
            .unwrap();
    }
    world.wire.reset_meter();
    let printed = Printed::default();
    let mut out = printed.output();
    let lines = world.export(&mut out).ledger(None).await.unwrap();
    assert_eq!(lines, (WALLETS * ENTRIES) as u64);
    let calls = world.wire.calls();
    let pages = calls.iter().filter(|call| call.operation == "Scan").count();
    // DynamoDB reads a megabyte at a time.
    assert!(pages > 2, "{pages}");
    let writes = printed.writes();
    let whole: usize = writes.iter().map(Vec::len).sum();
    // The head, and then each page by itself.
    assert_eq!(writes.len(), pages + 1);
    assert!(writes.iter().all(|write| write.len() < whole / 2));
    let csv = printed.text();
    assert_eq!(csv.matches("\r\n").count(), 1 + WALLETS * ENTRIES);
    assert_eq!(csv.matches("entryId").count(), 1, "one head");
}
