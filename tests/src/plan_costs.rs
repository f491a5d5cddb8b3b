//! The table of costs in `boxoffice plan` says what the real handlers use: for each request, the units under each kind of
//! partition key.

use std::collections::BTreeMap;

use boxoffice::plan::costs::{KeyKind, Operation, PromotionWork, Touch, Units};
use domain::ids::{EventId, Lane};
use serde_json::{Value, json};

use crate::budget::called;
use crate::wire::CallRecord;
use crate::world::{
    Buyer, DATE, EVENT, FESTIVAL, PRICE, Reply, World, concert, concert_for, festival,
};

const KINDS: [KeyKind; 8] = [
    KeyKind::Head,
    KeyKind::PromotionClaim,
    KeyKind::Sessions,
    KeyKind::Event,
    KeyKind::Claims,
    KeyKind::SeatMap,
    KeyKind::Stock,
    KeyKind::Own,
];

/// The partition keys of a call.
fn partition_keys(call: &CallRecord) -> Vec<String> {
    fn collect(value: &Value, keys: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.as_str(), value["S"].as_str()) {
                        ("pk", Some(key)) => keys.push(key.to_owned()),
                        _ => collect(value, keys),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, keys)),
            _ => {}
        }
    }
    let request = &call.request;
    if call.operation == "Query" {
        let values = request["ExpressionAttributeValues"].as_object().unwrap();
        let texts = values.values().filter_map(|value| value["S"].as_str());
        return texts
            .filter(|text| text.contains('#'))
            .take(1)
            .map(str::to_owned)
            .collect();
    }
    let mut keys = Vec::new();
    match &request["TransactItems"] {
        Value::Null => match &request["RequestItems"] {
            Value::Null => {
                collect(&request["Key"], &mut keys);
                collect(&json!({"Item": request["Item"]}), &mut keys);
                // `Key` and `Item` are objects with `pk` themselves.
                for part in ["Key", "Item"] {
                    if let Some(key) = request[part]["pk"]["S"].as_str() {
                        keys = vec![key.to_owned()];
                    }
                }
            }
            tables => collect(tables, &mut keys),
        },
        items => collect(items, &mut keys),
    }
    keys
}

/// The units by the prefix of the partition key. The items of a transaction and of a batch cost the same each.
fn used(calls: &[CallRecord]) -> BTreeMap<String, (f64, f64)> {
    let mut used: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for call in calls {
        let keys = partition_keys(call);
        assert!(!keys.is_empty(), "{call:?}");
        let share = f64::from(u32::try_from(keys.len()).unwrap());
        for key in keys {
            let prefix = key.split('#').next().unwrap().to_owned();
            let units = used.entry(prefix).or_default();
            units.0 += call.write_units / share;
            units.1 += call.read_units / share;
        }
    }
    used
}

#[track_caller]
fn assert_costs(what: &str, touches: &[Touch], calls: &[CallRecord]) {
    let mut used = used(calls);
    for kind in KINDS {
        let mut expected = Units::default();
        for (_, units) in touches.iter().filter(|(of, _)| *of == kind) {
            expected += *units;
        }
        let mut real = (0.0, 0.0);
        for prefix in kind.prefixes() {
            let (writes, reads) = used.remove(*prefix).unwrap_or_default();
            real = (real.0 + writes, real.1 + reads);
        }
        assert!(
            (expected.writes - real.0).abs() < 1e-6 && (expected.reads - real.1).abs() < 1e-6,
            "{what}, {kind:?}: the table says {expected:?}, the handler used {real:?}"
        );
    }
    assert!(used.is_empty(), "{what}: {used:?} are not in the table");
}

#[track_caller]
fn assert_operation(world: &World, operation: Operation) {
    assert_costs(
        &format!("{operation:?}"),
        &operation.touches(),
        &world.wire.calls(),
    );
}

fn tokens() -> String {
    format!("/events/{EVENT}/tokens")
}

#[tokio::test]
async fn joining_costs_what_plan_says() {
    let world = World::with(concert_for(1)).await;
    world.joins(EVENT).await;
    world.wire.reset_meter();
    let waiting = world.joins(EVENT).await;
    assert_operation(&world, Operation::Join);
    world.wire.reset_meter();
    world.joins_as(EVENT, &waiting.user_id).await;
    assert_operation(&world, Operation::JoinAgain);
    let world = World::new().await;
    world.joins(EVENT).await;
    world.wire.reset_meter();
    world.joins(EVENT).await;
    assert_operation(&world, Operation::JoinAdmitted);
}

#[tokio::test]
async fn waiting_arriving_and_leaving_cost_what_plan_says() {
    let (world, buyer) = called().await;
    world.wire.reset_meter();
    assert_eq!(world.status(&buyer).await.text_of("status"), "ACTIVE");
    assert_operation(&world, Operation::Arrival);
    world.wire.reset_meter();
    world.status(&buyer).await;
    assert_operation(&world, Operation::ActivePoll);
    let waiting = world.joins(EVENT).await;
    world.wire.reset_meter();
    world.status(&waiting).await;
    assert_operation(&world, Operation::WaitingPoll);
    world.get(&format!("/events/{EVENT}/queue"), "").await;
    assert_operation(&world, Operation::PublicPoll);
    let event = format!("/events/{EVENT}");
    listed(&world, &event, "", true).await;
    assert_operation(&world, Operation::ViewEvent);
    world.leave(&waiting).await;
    assert_operation(&world, Operation::Leave);
}

/// Sends a request, and its second time if `twice`: then the caches are warm.
async fn listed(world: &World, path: &str, token: &str, twice: bool) {
    if twice {
        world.get(path, token).await;
    }
    world.wire.reset_meter();
    let reply = world.get(path, token).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn listing_costs_what_plan_says() {
    let mut programme = concert();
    programme.event.terms.max_seats_per_user = 20;
    let world = World::with(programme).await;
    let buyer = world.joins(EVENT).await;
    listed(
        &world,
        &format!("/events/{EVENT}/dates"),
        &buyer.token,
        true,
    )
    .await;
    assert_operation(&world, Operation::Dates);
    let seats = format!("/events/{EVENT}/dates/{DATE}/seats");
    listed(&world, &seats, &buyer.token, false).await;
    assert_operation(&world, Operation::Seats { claims: 0 });
    let other = world.joins(EVENT).await;
    let body = json!({ "date": DATE, "seatNumbers": (1..=20).collect::<Vec<u32>>() });
    let held = world
        .post(&format!("/events/{EVENT}/holds"), &buyer.token, body)
        .await;
    assert_eq!(held.status, 201, "{held:?}");
    listed(&world, &seats, &buyer.token, false).await;
    assert_operation(&world, Operation::Seats { claims: 20 });
    let held = hold(&world, &other, &(21..=40).collect::<Vec<u32>>()).await;
    assert_eq!(held.status, 201, "{held:?}");
    listed(&world, &seats, &buyer.token, false).await;
    assert_operation(&world, Operation::Seats { claims: 40 });
}

#[tokio::test]
async fn listing_a_large_section_costs_what_plan_says() {
    let mut programme = concert();
    for date in programme.dates.values_mut() {
        date.sections[0].seats = 2_000;
    }
    let world = World::with(programme).await;
    let buyer = world.joins(EVENT).await;
    let seats = format!("/events/{EVENT}/dates/{DATE}/seats");
    listed(&world, &seats, &buyer.token, true).await;
    assert_operation(&world, Operation::SeatsOfMap);
}

async fn hold(world: &World, buyer: &Buyer, seats: &[u32]) -> Reply {
    let body = json!({ "date": DATE, "seatNumbers": seats });
    world.wire.reset_meter();
    world
        .post(&format!("/events/{EVENT}/holds"), &buyer.token, body)
        .await
}

#[tokio::test]
async fn buying_seats_costs_what_plan_says() {
    for count in [1, 3] {
        let mut programme = concert();
        programme.event.terms.max_seats_per_user = 4;
        let world = World::with(programme).await;
        let buyer = world.joins(EVENT).await;
        let seats: Vec<u32> = (1..=count).collect();
        let held = hold(&world, &buyer, &seats).await;
        assert_eq!(held.status, 201, "{held:?}");
        assert_operation(&world, Operation::Hold { seats: count });
        world.charge(&buyer, PRICE * 10, "first").await;
        world.wire.reset_meter();
        world.charge(&buyer, PRICE, "second").await;
        assert_operation(&world, Operation::Charge);
        let id = held.text_of("reservationId");
        world.wire.reset_meter();
        let paid = world.pay(&buyer, id).await;
        assert_eq!(paid.status, 201, "{paid:?}");
        assert_operation(&world, Operation::Pay { seats: count });
        let path = format!("/reservations/{id}");
        listed(&world, &path, &buyer.token, false).await;
        assert_operation(&world, Operation::ViewTicket);
        world.wire.reset_meter();
        let returned = world
            .delete(&format!("/reservations/{id}"), &buyer.token)
            .await;
        assert_eq!(returned.status, 200, "{returned:?}");
        assert_operation(&world, Operation::Refund { seats: count });
    }
}

#[tokio::test]
async fn releasing_seats_and_finding_them_taken_costs_what_plan_says() {
    let mut programme = concert();
    programme.event.terms.max_seats_per_user = 4;
    let world = World::with(programme).await;
    let (buyer, other) = (world.joins(EVENT).await, world.joins(EVENT).await);
    let held = hold(&world, &buyer, &[1, 2]).await;
    let refused = hold(&world, &other, &[2, 3]).await;
    assert_eq!(refused.code(), "seat_taken");
    assert_operation(&world, Operation::HoldRefused { seats: 2 });
    world.wire.reset_meter();
    let path = format!("/reservations/{}", held.text_of("reservationId"));
    assert_eq!(world.delete(&path, &buyer.token).await.status, 200);
    assert_operation(&world, Operation::Release { seats: 2 });
}

#[tokio::test]
async fn reserving_a_ticket_costs_what_plan_says() {
    let world = World::with(festival()).await;
    let buyer = world.joins(FESTIVAL).await;
    world.charge(&buyer, PRICE, "first").await;
    let path = format!("/events/{FESTIVAL}/reservations");
    world.wire.reset_meter();
    let reply = world
        .post(&path, &buyer.token, json!({ "quantity": 1 }))
        .await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_operation(&world, Operation::Reserve);
}

#[tokio::test]
async fn a_promotion_costs_what_plan_says() {
    let world = World::with(concert_for(3)).await;
    let mut inside = Vec::new();
    for _ in 0..3 {
        inside.push(world.joins(EVENT).await);
    }
    for _ in 0..5 {
        world.post(&tokens(), "", json!({})).await;
    }
    for buyer in &inside[..2] {
        world.leave(buyer).await;
    }
    world.clock.advance_ms(6_000);
    world.wire.reset_meter();
    let event = EventId::parse(EVENT).unwrap();
    world.app.promote(&event, Lane::FIRST).await.unwrap();
    let work = PromotionWork {
        opened: 2,
        called: 2,
        sessions: 3,
        reads_departures: true,
        departures: 0,
    };
    // The look at what is left, which `plan` counts apart: the event with its dates, and the claims of a section.
    let mut touches = work.touches();
    let half = Units {
        writes: 0.0,
        reads: 0.5,
    };
    touches.extend([(KeyKind::Event, half), (KeyKind::Claims, half)]);
    assert_costs("promotion", &touches, &world.wire.calls());
}
