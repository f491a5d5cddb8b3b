//! docs/DATA-MODEL.md lists every kind of item and every attribute, with its type. Here many flows fill a table, and the
//! items in it are compared with the document in both directions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::Outcome;
use boxoffice::catalog_update::{self, Files, Mode, Source};
use boxoffice::demo_provider::{DemoProvider, DemoRefundState, DemoState};
use boxoffice::output::Output;
use boxoffice::permits;
use boxoffice::steering::{SaleAction, Steering};
use domain::access_code::AccessCode;
use domain::block::{Block, BlockKind, Channel};
use domain::clock::EpochMs;
use domain::event::Programme;
use domain::fees::TaxRate;
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::journal::{SomeSeats, Why};
use domain::plans::Postponement;
use domain::queue::Control;
use domain::seating::Rows;
use serde_json::json;
use shared::store::{Consistency, Store};

use crate::channels::code_of_the_channel;
use crate::invariants;
use crate::issuer::TestIssuer;
use crate::presale::codes_of;
use crate::world::{
    Buyer, DATE, EVENT, LATER_DATE, PRICE, Reply, World, author, concert, concert_for,
};

const DOCUMENT: &str = include_str!("../../docs/DATA-MODEL.md");

/// Types by attribute: `a.b` is in a map, `a[].b` in the maps of a list.
type Attributes = BTreeMap<String, BTreeSet<&'static str>>;

/// A kind of item, as the document's overview lists it.
struct Kind {
    name: &'static str,
    pk: &'static str,
    sk: &'static str,
    has_ttl: bool,
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split(" | ").map(str::trim).collect()
}

/// What is between the backquotes of a cell.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn kinds() -> Vec<Kind> {
    DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| ["))
        .map(|row| {
            let cells = cells(row);
            let first_quoted = |cell: &'static str| quoted(cell).next().expect("a key");
            Kind {
                name: cells[0][1..].split(']').next().expect("a name"),
                pk: first_quoted(cells[1]),
                sk: first_quoted(cells[2]),
                has_ttl: cells[3] != "–",
            }
        })
        .collect()
}

impl Kind {
    fn fits(&self, pk: &str, sk: &str) -> bool {
        // A key pattern begins with its literal part; small letters stand for values.
        let fits = |pattern: &str, key: &str| match pattern.find(|c: char| c.is_ascii_lowercase()) {
            Some(variable) => key.starts_with(&pattern[..variable]),
            None => key == pattern,
        };
        fits(self.pk, pk) && fits(self.sk, sk)
    }
}

/// A kind's section: its text, and the attributes of its table.
fn section(kind: &str) -> (&'static str, Attributes) {
    let heading = |line: &str| line.trim_start_matches('#').trim().to_lowercase() == kind;
    let (at, _) = DOCUMENT
        .match_indices("\n### ")
        .find(|(at, _)| heading(DOCUMENT[at + 1..].lines().next().unwrap_or_default()))
        .unwrap_or_else(|| panic!("DATA-MODEL.md has no section for {kind}"));
    let text = &DOCUMENT[at + 5..];
    let text = text.split("\n#").next().unwrap_or(text);
    let mut attributes = Attributes::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cells = cells(row);
        for name in quoted(cells[0]) {
            attributes.insert(name.to_owned(), cells[1].split(", ").collect());
        }
    }
    (text, attributes)
}

/// The kind whose table describes this one's attributes.
fn described_by(kind: &'static str) -> &'static str {
    let (text, attributes) = section(kind);
    if !attributes.is_empty() {
        return kind;
    }
    // Only the link is looked for, as the sentence around it may be wrapped anywhere.
    let (_, link) = text
        .split_once('[')
        .unwrap_or_else(|| panic!("{kind} has neither attributes nor a link to them"));
    link.split(']').next().expect("a name")
}

fn collect(path: &str, value: &AttributeValue, found: &mut Attributes) {
    let kind = match value {
        AttributeValue::S(_) => "string",
        AttributeValue::N(_) => "number",
        AttributeValue::Bool(_) => "boolean",
        AttributeValue::B(_) => "binary",
        AttributeValue::M(map) => {
            for (name, value) in map {
                // Keys of dates are data.
                let name = DateKey::parse(name).map_or(name.as_str(), |_| "DATE");
                collect(&format!("{path}.{name}"), value, found);
            }
            "map"
        }
        AttributeValue::L(list) => {
            for value in list {
                if let AttributeValue::M(map) = value {
                    for (name, value) in map {
                        collect(&format!("{path}[].{name}"), value, found);
                    }
                }
            }
            "list"
        }
        other => panic!("{path}: {other:?}"),
    };
    found.entry(path.to_owned()).or_default().insert(kind);
}

const CATALOGUE: &str = r#"
currency: KRW
events:
  - eventId: drawn
    name: Drawn
    venue: Hall
    city: Seoul
    address: 1 Hall Street
    timeZone: Asia/Seoul
    artists: [One, Two]
    organizer: Someone
    organizerTaxNumber: 123-45-67890
    organizerAddress: 2 Hall Street
    fees: {perTicket: 10, perOrder: 5}
    taxRatePercent: 10
    ageLimit: 8
    durationMinutes: 120
    image: {file: a.jpg, alt: {en: A hall, ko: 공연장}}
    description: {en: What it is., ko: 소개}
    terms: {en: Conditions., ko: 약관}
    admission: seated
    maxSeatsPerUser: 4
    opensAt: "2026-11-20T11:00:00Z"
    closesAt: "2026-12-20T11:00:00Z"
    queue: {strategy: batch, batchSize: 2, batchSeconds: 30, maxActive: 4, order: draw, beacon: the lottery}
    dates:
      - date: 2026-12-24
        startsAt: "2026-12-24T19:00:00+09:00"
        doorsOpenAt: "18:00"
        sections:
          - {name: A, seats: 20, price: 50000, rows: 2}
          - {name: B, seats: 5, price: 50000, rows: [2, 3], rowLabels: A, numbering: {skip: [2]}, aisles: [1], drawing: {x: 3}}
  - eventId: festival
    name: Festival
    venue: Park
    timeZone: Asia/Seoul
    startsAt: "2026-12-24T19:00:00"
    doorsOpenAt: "18:00"
    admission: general
    totalTickets: 100
    price: 50000
  - eventId: encore
    name: Encore
    venue: Club
    admission: general
    totalTickets: 1
    price: 50000
    hidden: true
    queue: {maxActive: 1}
  - eventId: presold
    name: Presold
    venue: Club
    admission: general
    totalTickets: 1
    opensAt: "2026-12-20T11:00:00Z"
    presales: [{name: fans, opensAt: "2026-11-20T10:30:00Z"}]
"#;

const DRAWN: &str = "drawn";

async fn apply_catalogue(world: &World, text: &str) {
    let source = Source {
        name: "catalogue.yaml",
        text,
        files: Files::Embedded(&[
            (
                "a.jpg",
                include_bytes!("../../infra/pictures/maru-trio.jpg"),
            ),
            (
                "b.jpg",
                include_bytes!("../../infra/pictures/river-sound.jpg"),
            ),
        ]),
    };
    let mut out = Output::log();
    let outcome =
        catalog_update::apply(world.app.store(), source, Mode::Apply(&author()), &mut out).await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
    world.clock.advance_seconds(3);
}

async fn steer(world: &World, steering: Steering) {
    let store = Store::clone(world.another_process().app.store());
    let event = EventId::parse(DRAWN).unwrap();
    boxoffice::commands::queue::steer_and_show(
        store,
        &event,
        &steering,
        &author(),
        &mut Output::log(),
    )
    .await
    .unwrap();
    world.clock.advance_seconds(3);
}

fn id_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.text_of("reservationId").to_owned()
}

async fn cancel(world: &World, buyer: &Buyer, id: &str) {
    let path = format!("/reservations/{id}");
    let reply = world.delete(&path, &buyer.token).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Seats are sold, held, given back, and held by others.
async fn seats_are_sold(world: &World) {
    let buyer = world.joins_with(10 * PRICE).await;
    let token = &buyer.token;
    let dates = format!("/events/{EVENT}/dates");
    assert_eq!(world.get(&dates, token).await.status, 200);
    let id = id_of(&world.hold(&buyer, 1).await);
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    cancel(world, &buyer, &id).await;
    let again = world.joins_as(EVENT, &buyer.user_id).await;
    let id = id_of(&world.hold(&again, 2).await);
    cancel(world, &again, &id).await;
    id_of(&world.hold(&again, 2).await);
    let sold = world.joins_with(10 * PRICE).await;
    let id = id_of(&world.hold(&sold, 3).await);
    assert_eq!(world.pay(&sold, &id).await.status, 201);
    seats_are_blocked(world).await;
}

/// An operator keeps seats off sale, and a channel opens one.
async fn seats_are_blocked(world: &World) {
    let block = Block {
        kind: BlockKind::House,
        reason: Why::parse("guests").ok(),
        until: Some(world.clock.now().plus_seconds(86_400)),
        channel: Channel::parse("kim-ltd").ok(),
    };
    let seats = SomeSeats {
        date: DateKey::parse(DATE).unwrap(),
        section: "A".to_owned(),
        seats: vec![SeatNumber(49), SeatNumber(50)],
    };
    let event = EventId::parse(EVENT).unwrap();
    let store = world.app.store();
    let by = author();
    let blocked = store.block_seats(&event, &seats, &block, &by);
    assert_eq!(blocked.await.unwrap(), 2);
    let code = code_of_the_channel(world, 1).await;
    let guest = world.joins(EVENT).await;
    let body = json!({ "userId": guest.user_id, "code": code });
    let added = world
        .post(&format!("/events/{EVENT}/tokens"), "", body)
        .await;
    assert_eq!(added.status, 200, "{added:?}");
    id_of(&world.hold(&guest, 50).await);
}

/// Tickets without seats are sold and given back.
async fn tickets_are_sold(world: &World) {
    let buyer = world.joins("festival").await;
    assert_eq!(world.charge(&buyer, PRICE, "tickets").await.status, 201);
    let path = "/events/festival/reservations";
    let reply = world
        .post(path, &buyer.token, json!({ "quantity": 1 }))
        .await;
    cancel(world, &buyer, &id_of(&reply)).await;
}

/// A user takes the tickets to another device.
async fn a_device_is_linked(world: &World) {
    let buyer = world.joins("festival").await;
    let path = format!("/users/{}/device-links", buyer.user_id);
    let link = world.call("POST", &path, &buyer.token, None).await;
    let body = json!({ "code": link.text_of("code") }).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "once"),
    ];
    let linked = world
        .send("POST", "/device-links", &headers, Some(&body))
        .await;
    assert_eq!(linked.status, 200, "{linked:?}");
}

/// A queue that moves is sampled, once its speed has been measured.
async fn a_history_is_recorded(world: &World) {
    let mut programme = concert_for(1);
    programme.event.event_id = EventId::parse("sampled").unwrap();
    world.add(programme).await;
    world.app.promote_all().await.unwrap();
    let first = world.joins("sampled").await;
    for _ in 0..3 {
        world.joins("sampled").await;
    }
    world.clock.advance_seconds(2);
    world.app.promote_all().await.unwrap();
    let me = "/events/sampled/tokens/me";
    assert_eq!(world.delete(me, &first.token).await.status, 204);
    world.clock.advance_seconds(30);
    promote::handle(&world.app).await.unwrap();
}

/// One of two seats.
async fn a_part_is_returned(world: &World) {
    let buyer = world.joins_with(3 * PRICE).await;
    let path = format!("/events/{EVENT}/holds");
    let body = json!({"date": DATE, "seatNumbers": [30, 31]});
    let held = world.post(&path, &buyer.token, body).await;
    assert_eq!(held.status, 201, "{held:?}");
    let id = held.text_of("reservationId");
    assert_eq!(world.pay(&buyer, id).await.status, 201);
    let path = format!("/reservations/{id}?seats=31");
    assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
}

/// A user joins with a code, and another code is revoked.
async fn codes_are_used(world: &World) {
    let codes = codes_of(world, "presold", "fans", 2, 1).await;
    let body = json!({ "code": codes[0] });
    let joined = world.post("/events/presold/tokens", "", body).await;
    assert_eq!(joined.status, 201, "{joined:?}");
    let event = EventId::parse("presold").unwrap();
    let hashes = [AccessCode::parse(&codes[1]).unwrap().hash(&event)];
    let by = author();
    let revoked = world.app.store().revoke_codes(&event, &hashes, &by);
    assert_eq!(revoked.await.unwrap(), 1);
}

/// The only ticket is sold, and a user waits.
async fn everything_is_sold(world: &World) {
    let buyer = world.joins("encore").await;
    world.joins("encore").await;
    assert_eq!(world.charge(&buyer, PRICE, "encore").await.status, 201);
    let path = "/events/encore/reservations";
    let reply = world
        .post(path, &buyer.token, json!({ "quantity": 1 }))
        .await;
    id_of(&reply);
    world.clock.advance_seconds(10);
    world.app.promote_all().await.unwrap();
}

/// Charges that a provider confirms, one that it refuses, and one that is pending and was asked for.
/// Then money goes back, and some of it cannot.
async fn charges_are_confirmed(world: &World) {
    let demo = DemoProvider::default();
    let shop = world.process_with_provider(demo.clone());
    world.app.promote_all().await.unwrap();
    let buyer = world.joins(EVENT).await;
    let id = id_of(&world.hold_on(&buyer, LATER_DATE, 40).await);
    let path = format!("/users/{}/wallet/charges", buyer.user_id);
    let bearer = format!("Bearer {}", buyer.token);
    for (key, state) in [
        ("paid", Some(DemoState::Paid(world.clock.now()))),
        ("balance", Some(DemoState::Paid(world.clock.now()))),
        ("refused", Some(DemoState::Failed)),
        ("pending", None),
    ] {
        let mut body = json!({ "amount": PRICE });
        if key == "paid" {
            body["payFor"] = id.clone().into();
        }
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("idempotency-key", key),
        ];
        let body = body.to_string();
        let begun = shop.send("POST", &path, &headers, Some(&body)).await;
        assert_eq!(begun.status, 202, "{begun:?}");
        let url = begun.body["checkout"]["url"].as_str().unwrap();
        let order = url.rsplit('/').next().unwrap();
        assert!(state.is_none_or(|state| demo.decide(order, state)));
        let path = format!("{path}/{}", begun.text_of("chargeId"));
        assert_eq!(shop.get(&path, &buyer.token).await.status, 200);
    }
    let cancel = format!("/reservations/{id}?refundTo=source");
    assert_eq!(shop.delete(&cancel, &buyer.token).await.status, 200);
    settle::handle(&shop.app).await.unwrap();
    let withdraw = async |key: &str, amount: i64| {
        let path = format!("/users/{}/wallet/withdrawals", buyer.user_id);
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("idempotency-key", key),
        ];
        let body = json!({ "amount": amount }).to_string();
        let asked = shop.send("POST", &path, &headers, Some(&body)).await;
        assert_eq!(asked.status, 202, "{asked:?}");
    };
    demo.set_refunds(DemoRefundState::Failed);
    withdraw("reversed", 1).await;
    settle::handle(&shop.app).await.unwrap();
    withdraw("waiting", 1).await;
}

/// A draw with all that an operator and a catalogue can do to it.
async fn lots_are_drawn(world: &World) {
    let mut buyers = Vec::new();
    for _ in 0..12 {
        buyers.push(world.joins(DRAWN).await);
    }
    let path = format!("/events/{DRAWN}/tokens/me");
    assert_eq!(world.delete(&path, &buyers[0].token).await.status, 204);
    world.clock.advance_seconds(3_600);
    let action = |action| Steering {
        action: Some(action),
        ..Steering::default()
    };
    let settings = Steering {
        max_active: Some(6),
        batch_size: Some(3),
        beacon: Some("17-23".to_owned()),
        ..Steering::default()
    };
    steer(world, settings).await;
    let event = EventId::parse(DRAWN).unwrap();
    permits::allow(world.app.store(), &event, Duration::from_mins(1), &author())
        .await
        .unwrap();
    steer(world, action(SaleAction::Pause)).await;
    steer(world, action(SaleAction::Resume)).await;
    // All ranks are passed, also that of the user who left.
    for _ in 0..8 {
        world.clock.advance_seconds(130);
        world.app.promote_all().await.unwrap();
    }
    apply_catalogue(
        world,
        &CATALOGUE
            .replace("maxSeatsPerUser: 4", "maxSeatsPerUser: 2")
            .replace("a.jpg", "b.jpg"),
    )
    .await;
}

/// A date is postponed, and a ticket of it given back; the event and another date are cancelled.
async fn plans_change(world: &World) {
    let now = world.clock.now();
    let postponement = |from: EpochMs| Postponement {
        at: now,
        from,
        to: from.plus_seconds(86_400),
        day: DateKey::parse(LATER_DATE).unwrap(),
        returns_until: Some(from),
    };
    let date = |date: &str| Some(DateKey::parse(date).unwrap());
    replan(world, EVENT, |programme, control| {
        let start = programme.starts_at(date(DATE)).unwrap();
        let control = control.postponed(date(DATE), postponement(start));
        let control = control.cancelled_at(date(LATER_DATE), now);
        control.refunded_at(date(LATER_DATE), now)
    })
    .await;
    replan(world, "festival", |programme, control| {
        let start = programme.starts_at(None).unwrap();
        control.postponed(None, postponement(start))
    })
    .await;
    replan(world, "drawn", |_, control| {
        control.cancelled_at(None, now).refunded_at(None, now)
    })
    .await;
    world.clock.advance_seconds(3);
    let buyer = world.joins_with(10 * PRICE).await;
    let id = id_of(&world.hold(&buyer, 10).await);
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    cancel(world, &buyer, &id).await;
    let holder = world.joins_with(10 * PRICE).await;
    let held = id_of(&world.hold(&holder, 11).await);
    replan(world, EVENT, |_, control| {
        control.cancelled_at(date(DATE), now)
    })
    .await;
    world.clock.advance_seconds(3);
    cancel(world, &holder, &held).await;
}

async fn replan(world: &World, event: &str, to: impl Fn(&Programme, Control) -> Control) {
    let (store, id) = (world.app.store(), EventId::parse(event).unwrap());
    let programme = store.programme(&id, Consistency::Strong).await;
    let programme = programme.unwrap().unwrap();
    let control = to(&programme, programme.event.control.clone());
    store.replan(&programme, control, &author()).await.unwrap();
}

/// Every item of both tables, after all of this.
async fn written() -> Vec<HashMap<String, AttributeValue>> {
    let mut concert = concert();
    let sections = concert
        .dates
        .values_mut()
        .flat_map(|date| &mut date.sections);
    sections.for_each(|section| section.rows = Some(Rows::Equal(2)));
    let terms = &mut concert.event.terms;
    terms.tax_rate = TaxRate::of_basis_points(1_000);
    terms.max_seats_per_user = 2;
    terms.partial_returns = true;
    let some = |text: &str| Some(text.to_owned());
    terms.profile.organizer = some("Someone");
    terms.profile.organizer_tax_number = some("123-45-67890");
    terms.profile.organizer_address = some("2 Hall Street");
    let world = World::with(concert).await;
    apply_catalogue(&world, CATALOGUE).await;
    seats_are_sold(&world).await;
    tickets_are_sold(&world).await;
    a_device_is_linked(&world).await;
    a_part_is_returned(&world).await;
    lots_are_drawn(&world).await;
    a_history_is_recorded(&world).await;
    codes_are_used(&world).await;
    everything_is_sold(&world).await;
    charges_are_confirmed(&world).await;
    world
        .app
        .store()
        .rotate_signing_keys(&author())
        .await
        .unwrap();
    plans_change(&world).await;
    let issuer = TestIssuer::start().await;
    let process = world.process_with_issuer(&issuer);
    process.app.preload_issuer_keys().await;
    let mut items: Vec<_> = invariants::items(&world).await.into_values().collect();
    let keys = world
        .dynamodb
        .scan()
        .table_name(&world.tables.keys)
        .send()
        .await
        .unwrap();
    items.extend(keys.items.unwrap_or_default());
    items
}

#[tokio::test]
async fn the_data_model_lists_the_attributes_that_are_written_and_no_others() {
    let kinds = kinds();
    let mut found: BTreeMap<&str, Attributes> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for item in written().await {
        let (pk, sk) = (item["pk"].as_s().unwrap(), item["sk"].as_s().unwrap());
        let fitting: Vec<&Kind> = kinds.iter().filter(|kind| kind.fits(pk, sk)).collect();
        let [kind] = fitting[..] else {
            panic!("{} kinds of DATA-MODEL.md fit {pk} {sk}", fitting.len());
        };
        seen.insert(kind.name);
        let attributes = found.entry(described_by(kind.name)).or_default();
        for (name, value) in &item {
            if !matches!(name.as_str(), "pk" | "sk") {
                collect(name, value, attributes);
            }
        }
    }
    for kind in &kinds {
        assert!(seen.contains(kind.name), "no flow wrote: {}", kind.name);
        let (_, documented) = section(described_by(kind.name));
        assert_eq!(
            kind.has_ttl,
            documented.contains_key("ttl"),
            "{}: ttl",
            kind.name
        );
        let without = |one: &Attributes, other: &Attributes| -> Attributes {
            let differs = |name: &String, types| other.get(name) != Some(types);
            let one = one.iter().filter(|(name, types)| differs(name, *types));
            one.map(|(name, types)| (name.clone(), types.clone()))
                .collect()
        };
        let written = &found[described_by(kind.name)];
        assert_eq!(
            without(&documented, written),
            without(written, &documented),
            "{}: the document on the left, the table on the right",
            kind.name
        );
    }
}
