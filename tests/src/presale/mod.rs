//! Presales: joining with a code before the general sale.

mod commands;
mod races;

use boxoffice::Outcome;
use boxoffice::commands::codes::{self, WantedCodes};
use boxoffice::export::Format;
use domain::access_code::{AccessCode, CodeHash, CodePrefix, IssuedCode};
use domain::clock::EpochMs;
use domain::event::Programme;
use domain::ids::EventId;
use domain::presale::{PhaseName, Presale};
use domain::queue::Order;
use serde_json::{Value, json};

use crate::invariants;
use crate::printed::Printed;
use crate::queue_steps::{statuses, the_queue_moves};
use crate::world::{Buyer, EVENT, Reply, START, World, author, concert_for};

const FANS: &str = "fan club";
const CARDS: &str = "card holders";

fn id() -> EventId {
    EventId::parse(EVENT).unwrap()
}

fn after_start(seconds: u32) -> EpochMs {
    EpochMs::parse(START).unwrap().plus_seconds(seconds)
}

fn phase(name: &str, opens: u32, closes: u32) -> Presale {
    Presale {
        name: PhaseName::parse(name).unwrap(),
        opens_at: after_start(opens),
        closes_at: after_start(closes),
    }
}

/// The fan club's presale begins after a minute and lasts for ten, that of the card holders begins after twenty, and the general
/// sale after an hour.
pub(crate) fn presold(max_active: u32) -> Programme {
    let mut concert = concert_for(max_active);
    let terms = &mut concert.event.terms;
    terms.opens_at = Some(after_start(3_600));
    terms.presales = vec![phase(FANS, 60, 660), phase(CARDS, 1_200, 1_800)];
    concert
}

/// Codes made by the command, from what it prints.
pub(crate) async fn codes_of(
    world: &World,
    event: &str,
    phase: &str,
    count: usize,
    uses: u32,
) -> Vec<String> {
    let printed = Printed::default();
    let wanted = WantedCodes {
        event: EventId::parse(event).unwrap(),
        phase: PhaseName::parse(phase).unwrap(),
        count,
        most_users: uses,
        prefix: CodePrefix::parse("fan").unwrap(),
    };
    let mut out = printed.output();
    let store = world.app.store();
    let made = codes::make(store, &wanted, Format::Json, &author(), &mut out).await;
    assert_eq!(made.unwrap(), Outcome::Done);
    drop(out);
    let made: Vec<Value> = serde_json::from_str(&printed.text()).unwrap();
    assert_eq!(made.len(), count);
    let code = |made: &Value| made["code"].as_str().unwrap().to_owned();
    made.iter().map(code).collect()
}

async fn code(world: &World, phase: &str, uses: u32) -> String {
    codes_of(world, EVENT, phase, 1, uses).await.remove(0)
}

async fn joins_as(world: &World, user: &str, code: &str) -> Reply {
    let body = json!({ "userId": user, "code": code });
    world
        .post(&format!("/events/{EVENT}/tokens"), "", body)
        .await
}

async fn joins(world: &World, code: &str) -> Reply {
    joins_as(world, &uuid::Uuid::new_v4().to_string(), code).await
}

async fn joins_without(world: &World) -> Reply {
    world
        .post(&format!("/events/{EVENT}/tokens"), "", json!({}))
        .await
}

fn buyer(reply: Reply) -> Buyer {
    assert!(matches!(reply.status, 200 | 201), "{reply:?}");
    Buyer {
        user_id: reply.text_of("userId").to_owned(),
        token: reply.text_of("token").to_owned(),
        joined: reply,
    }
}

async fn stored(world: &World, code: &str) -> IssuedCode {
    let mut codes = world.app.store().codes(&id()).await.unwrap();
    codes.remove(&hash(code)).unwrap()
}

fn hash(code: &str) -> CodeHash {
    AccessCode::parse(code).unwrap().hash(&id())
}

async fn issued(world: &World) -> Value {
    world.clock.advance_seconds(2);
    let queue = world.get(&format!("/events/{EVENT}/queue"), "").await;
    queue.body["issued"].clone()
}

#[tokio::test]
async fn joining_before_the_general_sale_needs_a_code_of_the_presale_that_is_open_or_next() {
    let world = World::with(presold(10)).await;
    let (fan, card) = (code(&world, FANS, 9).await, code(&world, CARDS, 9).await);
    // Before the first presale, and during it.
    for _ in 0..2 {
        joins_without(&world).await.is_problem(403, "code_required");
        joins(&world, &card).await.is_problem(403, "code_not_now");
        assert_eq!(joins(&world, &fan).await.status, 201);
        world.clock.advance_seconds(100);
    }
    // The fan club's presale is over.
    world.clock.set(after_start(700));
    joins(&world, &fan).await.is_problem(403, "code_not_now");
    assert_eq!(joins(&world, &card).await.status, 201);
    joins_without(&world).await.is_problem(403, "code_required");
    // All presales are over: everybody waits for the general opening, with or without a code.
    world.clock.set(after_start(1_800));
    assert_eq!(joins_without(&world).await.status, 201);
    assert_eq!(joins(&world, &fan).await.status, 201);
    world.clock.set(after_start(3_600));
    assert_eq!(joins_without(&world).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_text_that_is_no_code_is_refused_without_a_read_and_a_guess_takes_no_number() {
    let world = World::with(presold(10)).await;
    let known = code(&world, FANS, 1).await;
    assert_eq!(joins(&world, &known).await.status, 201);
    let wrong_digit = if known.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{wrong_digit}", &known[..known.len() - 1]);
    let guess = AccessCode::random(&CodePrefix::default()).unwrap();
    for (text, reads) in [(mistyped, 1), (guess.to_string(), 2)] {
        world.wire.reset_meter();
        joins(&world, &text).await.is_problem(403, "code_invalid");
        // The user's entry, and the code.
        assert_eq!(world.wire.calls().len(), reads, "{text}");
        assert!(world.wire.cost().write_units.abs() < 0.1);
    }
    assert_eq!(issued(&world).await, 1);
}

#[tokio::test]
async fn holders_of_codes_are_called_in_the_order_of_joining_from_the_presales_opening_on() {
    let world = World::with(presold(2)).await;
    let fan = code(&world, FANS, 9).await;
    let mut fans = Vec::new();
    for _ in 0..3 {
        fans.push(buyer(joins(&world, &fan).await));
    }
    assert_eq!(fans[2].joined.body["queueNumber"], 3);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &fans).await, "WWW");
    world.clock.set(after_start(60));
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &fans).await, "AAW");
    assert_eq!(world.hold(&fans[0], 1).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn after_a_presale_nobody_is_called_and_those_who_wait_keep_their_place_before_the_others() {
    let world = World::with(presold(1)).await;
    let (fan, card) = (code(&world, FANS, 9).await, code(&world, CARDS, 9).await);
    let mut all = vec![
        buyer(joins(&world, &fan).await),
        buyer(joins(&world, &fan).await),
        buyer(joins(&world, &fan).await),
    ];
    // The first is called just before the presale ends, and arrives after it.
    world.clock.set(after_start(655));
    world.app.promote_all().await.unwrap();
    world.clock.set(after_start(661));
    assert_eq!(world.status(&all[1]).await.text_of("status"), "WAITING");
    assert_eq!(world.status(&all[0]).await.text_of("status"), "ACTIVE");
    assert_eq!(world.leave(&all[0]).await.status, 204);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &all).await, "EWW");
    // The next presale's members come behind those who wait.
    all.push(buyer(joins(&world, &card).await));
    world.clock.set(after_start(1_200));
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &all).await, "EAWW");
    assert_eq!(world.leave(&all[1]).await.status, 204);
    world.clock.set(after_start(1_801));
    all.push(buyer(joins_without(&world).await));
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &all).await, "EEWWW");
    world.clock.set(after_start(3_600));
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &all).await, "EEAWW");
    assert_eq!(world.leave(&all[2]).await.status, 204);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &all).await, "EEEAW");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_slot_that_a_presale_left_open_admits_nobody_before_the_next_opening() {
    let world = World::with(presold(10)).await;
    let fan = code(&world, FANS, 9).await;
    world.clock.set(after_start(60));
    let first = buyer(joins(&world, &fan).await);
    assert_eq!(first.joined.text_of("status"), "ACTIVE");
    world.clock.set(after_start(1_800));
    let early = buyer(joins_without(&world).await);
    assert_eq!(early.joined.text_of("status"), "WAITING");
    assert_eq!(world.status(&early).await.text_of("status"), "WAITING");
    world.hold(&early, 1).await.is_problem(403, "not_admitted");
    world.clock.set(after_start(3_602));
    assert_eq!(world.status(&early).await.text_of("status"), "ACTIVE");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_user_counts_once_however_often_the_user_joins_with_the_code() {
    let world = World::with(presold(10)).await;
    let single = code(&world, FANS, 1).await;
    world.clock.set(after_start(60));
    let user = buyer(joins(&world, &single).await);
    // In line, no code is needed.
    let again = world.joins_as(EVENT, &user.user_id).await;
    assert_eq!(again.joined.status, 200);
    assert_eq!(joins_as(&world, &user.user_id, &single).await.status, 200);
    joins(&world, &single).await.is_problem(409, "code_used_up");
    // A new number needs the code again.
    assert_eq!(world.leave(&user).await.status, 204);
    world.clock.advance_seconds(90);
    let bare = json!({ "userId": user.user_id });
    let path = format!("/events/{EVENT}/tokens");
    let refused = world.post(&path, "", bare).await;
    refused.is_problem(403, "code_required");
    let again = joins_as(&world, &user.user_id, &single).await;
    assert_eq!((again.status, &again.body["queueNumber"]), (201, &json!(2)));
    assert_eq!(stored(&world, &single).await.users, 1);
    invariants::check(&world).await;
}

#[tokio::test]
async fn an_event_shows_its_presales_and_whether_joining_needs_a_code() {
    let world = World::with(presold(10)).await;
    let event = async || {
        world.clock.advance_seconds(2);
        world.get(&format!("/events/{EVENT}"), "").await.body
    };
    let seen = event().await;
    assert_eq!(
        (&seen["state"], &seen["codeRequired"]),
        (&json!("NOT_OPEN"), &json!(true))
    );
    assert_eq!(
        seen["presales"],
        json!([
            {"name": FANS, "opensAt": "2026-11-20T10:01:00.000Z", "closesAt": "2026-11-20T10:11:00.000Z"},
            {"name": CARDS, "opensAt": "2026-11-20T10:20:00.000Z", "closesAt": "2026-11-20T10:30:00.000Z"},
        ])
    );
    assert_eq!(seen["opensAt"], "2026-11-20T11:00:00.000Z");
    world.clock.set(after_start(60));
    let seen = event().await;
    assert_eq!(
        (&seen["state"], &seen["codeRequired"]),
        (&json!("OPEN"), &json!(true))
    );
    world.clock.set(after_start(1_800));
    let seen = event().await;
    assert_eq!(seen["state"], "NOT_OPEN");
    for field in ["presales", "codeRequired"] {
        assert!(seen.get(field).is_none(), "{seen}");
    }
    world.clock.set(after_start(3_600));
    assert_eq!(event().await["state"], "OPEN");
}

#[tokio::test]
async fn a_draw_is_held_at_the_first_presales_opening_among_those_who_joined_before_it() {
    let mut programme = presold(10);
    programme.event.terms.queue.order = Order::Draw;
    let world = World::with(programme).await;
    let fan = code(&world, FANS, 9).await;
    let early = [
        buyer(joins(&world, &fan).await),
        buyer(joins(&world, &fan).await),
    ];
    assert!(early[1].joined.body.get("rank").is_none());
    world.clock.set(after_start(60));
    the_queue_moves(&world).await;
    let late = buyer(joins(&world, &fan).await);
    assert_eq!(late.joined.body["rank"], 3);
    let mut ranks = Vec::new();
    for buyer in &early {
        let status = world.status(buyer).await;
        ranks.push(status.body["rank"].as_u64().unwrap());
    }
    ranks.sort_unstable();
    assert_eq!(ranks, [1, 2]);
    world.clock.set(after_start(1_800));
    let last = buyer(joins_without(&world).await);
    assert_eq!(last.joined.body["rank"], 4);
    invariants::check(&world).await;
}

#[tokio::test]
async fn joining_without_a_presale_costs_what_it_did() {
    let mut over = presold(10);
    over.event.terms.opens_at = Some(after_start(0));
    over.event.terms.presales.truncate(1);
    over.event.terms.presales[0].opens_at = after_start(0).plus_seconds(0);
    over.event.terms.presales[0].closes_at = after_start(0);
    let mut costs = Vec::new();
    for programme in [concert_for(10), over] {
        let world = World::with(programme).await;
        world.joins(EVENT).await;
        world.wire.reset_meter();
        world.joins(EVENT).await;
        let cost = world.wire.cost();
        costs.push((
            cost.calls_in_sequence,
            world.wire.calls().len(),
            cost.write_units.to_string(),
        ));
    }
    assert_eq!(costs[0], costs[1]);
}
