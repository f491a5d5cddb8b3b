//! Every permission of a function is used. [`crate::grants`] checks in every test that no function needs more than it has;
//! this test exercises all functions and checks that nothing is granted beyond that.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::demo_provider::{DemoProvider, DemoRefundState, DemoState};
use domain::clock::EpochMs;
use domain::event::{Programme, Section};
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::money::Money;
use domain::queue::{Order, Reissue};
use serde_json::{Value, json};
use shared::lambda::Init;
use shared::store::Consistency;

use crate::call_gate::{CallGate, Pass};
use crate::grants::{self, Need, Used};
use crate::issuer::TestIssuer;
use crate::presale::{codes_of, presold};
use crate::world::{
    Buyer, DATE, EVENT, FUNCTIONS, LATER_DATE, PRICE, Reply, World, concert_for, festival,
};

/// A request to a function.
struct Request {
    method: &'static str,
    path: String,
    body: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

impl Request {
    fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            headers: Vec::new(),
        }
    }

    fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    async fn by(&self, world: &World, token: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
        ];
        headers.extend(
            self.headers
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        let body = self.body.as_ref().map(Value::to_string);
        world
            .send(self.method, &self.path, &headers, body.as_deref())
            .await
    }
}

fn in_the_event(event: &str, user_id: &str) -> Vec<Request> {
    let of_event = |rest: &str| format!("/events/{event}{rest}");
    let seats = format!("/dates/{DATE}/seats");
    let best = json!({"date": DATE, "bestAvailable": {"count": 1}});
    vec![
        Request::new("GET", of_event("")),
        Request::new("GET", format!("/e/{event}")),
        Request::new("GET", format!("/images/{event}/{}-480.jpg", "0".repeat(24))),
        Request::new("GET", of_event("/queue")),
        Request::new("GET", of_event(&format!("/rehearsal/{}", "0".repeat(64)))),
        Request::new("POST", of_event("/tokens")).with(json!({"userId": user_id})),
        Request::new("GET", of_event("/tokens/me")),
        Request::new("GET", of_event("/dates")),
        Request::new("GET", of_event(&seats)),
        Request::new("POST", of_event("/holds")).with(best),
        Request::new("POST", of_event("/reservations")).with(json!({"quantity": 1})),
        Request::new("DELETE", of_event("/tokens/me")),
    ]
}

fn of_a_user(buyer: &Buyer, reservation: &str) -> Vec<Request> {
    let user = format!("/users/{}", buyer.user_id);
    let mut charge =
        Request::new("POST", format!("{user}/wallet/charges")).with(json!({"amount": 2 * PRICE}));
    charge.headers.push(("idempotency-key", "first".to_owned()));
    vec![
        Request::new("GET", "/events"),
        charge,
        Request::new("GET", format!("{user}/wallet")),
        Request::new("GET", format!("{user}/wallet/ledger")),
        Request::new("GET", format!("{user}/reservations")),
        Request::new("POST", format!("{user}/device-links")),
        Request::new("GET", format!("/reservations/{reservation}")),
        Request::new("POST", format!("/reservations/{reservation}/payment")),
        Request::new("DELETE", format!("/reservations/{reservation}")),
    ]
}

/// Every request to a function, by a user who must be called first, and while there is no signing key yet.
#[tokio::test]
async fn every_function_uses_every_permission_that_it_has() {
    let used = Used::default();
    let world_with = async |programme: &Programme| World {
        used: used.clone(),
        ..World::with(programme.clone()).await
    };
    let programmes = [
        concert_for(1),
        one_at_a_time(festival()),
        sections_of(600),
        sections_of(1),
    ];
    for at in 0..in_the_event("", "").len() {
        for programme in &programmes {
            let world = world_with(programme).await;
            a_buyer_is_called_by_asking(&world, programme, at).await;
        }
        let draws = [
            drawing(concert_for(1)),
            drawing(one_at_a_time(festival())),
            drawing(sections_of(600)),
            // With room for all, a promotion passes the rank of the one who left.
            drawing(concert_for(10)),
            drawing(festival()),
        ];
        for programme in draws {
            let world = world_with(&programme).await;
            a_buyer_draws_by_asking(&world, &programme, at).await;
        }
    }
    let world = world_with(&concert_for(10)).await;
    a_buyer_buys_and_cancels(&world).await;
    somebody_pays_for_what_was_held_before(&world_with(&concert_for(10)).await).await;
    world.add(festival()).await;
    the_table_is_audited(&world).await;
    somebody_whom_an_issuer_names_joins_and_leaves(&world).await;
    the_issuers_keys_are_read_in_init(&world).await;
    a_ticket_is_given_back(&world_with(&festival()).await).await;
    somebody_joins_a_presale(&world_with(&presold(10)).await).await;
    a_place_is_given_up_before_the_draw(&world_with(&drawing(concert_for(1))).await).await;
    for programme in [concert_for(1), drawing(concert_for(1))] {
        a_departure_is_taken_back(&world_with(&programme).await, &programme).await;
    }
    Box::pin(the_schedule_promotes(&used)).await;
    the_catalogue_is_read_in_init(&world_with(&concert_for(10)).await).await;
    for function in ["charge", "get-charge", "payment-webhook", "settle"] {
        for known in [Known::InTime, Known::Late, Known::Replaced, Known::NotYet] {
            let world = world_with(&concert_for(10)).await;
            Box::pin(a_provider_confirms_a_charge(&world, function, known)).await;
        }
    }
    Box::pin(money_goes_back(&world_with(&concert_for(10)).await)).await;

    let world = world_with(&concert_for(10)).await;
    Box::pin(a_hold_lapses_while_another_checkout_begins(&world)).await;

    let unused: Vec<String> = grants::functions()
        .flat_map(|function| grants::never_used(function, &used))
        .collect();
    assert_eq!(unused, Vec::<String>::new());
}

/// When a payment becomes known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    InTime,
    /// The hold has lapsed, and its seat is still free.
    Late,
    /// The user has held another seat since.
    Replaced,
    /// It is not known yet.
    NotYet,
}

/// The function learns that a hold was paid.
async fn a_provider_confirms_a_charge(world: &World, function: &'static str, known: Known) {
    let demo = DemoProvider::default();
    let shop = world.process_with_provider(demo.clone());
    world.app.promote_all().await.unwrap();
    let buyer = world.joins(EVENT).await;
    let held = world.hold(&buyer, 7).await;
    let id = held.text_of("reservationId");
    let charges = format!("/users/{}/wallet/charges", buyer.user_id);
    let checkout = async |key: &str| {
        let body = json!({ "amount": PRICE, "payFor": id });
        let mut request = Request::new("POST", charges.as_str()).with(body);
        request.headers.push(("idempotency-key", key.to_owned()));
        request.by(&shop, &buyer.token).await
    };
    let begun = checkout("first").await;
    assert_eq!(begun.status, 202, "{begun:?}");
    let url = begun.body["checkout"]["url"].as_str().unwrap();
    let order = url.rsplit('/').next().unwrap();
    let paid_at = match known {
        Known::InTime => world.clock.now(),
        Known::Late | Known::Replaced => {
            world.clock.advance_seconds(599);
            world.clock.now()
        }
        Known::NotYet => world.clock.now().plus_seconds(300),
    };
    assert!(demo.decide(order, DemoState::Paid(paid_at)));
    if matches!(known, Known::Late | Known::Replaced) {
        world.clock.advance_seconds(60);
    }
    if known == Known::Replaced {
        let again = world.joins_as(EVENT, &buyer.user_id).await;
        let other = world.hold(&again, 8).await;
        assert_eq!(other.status, 201, "{other:?}");
    }
    match function {
        // A second checkout ends the first, which turns out to be paid.
        "charge" => {
            checkout("second").await;
        }
        "get-charge" => {
            let path = format!("{charges}/{}", begun.text_of("chargeId"));
            world.clock.advance_seconds(2);
            let get = Request::new("GET", path);
            get.by(&shop, &buyer.token).await;
            forget_keys(world).await;
            get.by(&world.another_process(), &buyer.token).await;
        }
        "payment-webhook" => {
            let (headers, body) = demo.notification(order);
            let signature = headers.values().next().unwrap().to_str().unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let mut request = Request::new("POST", "/webhooks/demo").with(body);
            let signature = signature.to_owned();
            request.headers.push(("demo-signature", signature));
            request.by(&shop, "").await;
        }
        _ => {
            world.clock.advance_seconds(60);
            let events = shop.app.store().events(Consistency::Eventual);
            let events = grants::as_function("settle", &world.used, events).await;
            assert_eq!(events.unwrap().len(), 1);
            let settled = settle::handle(&shop.app);
            let settled = grants::as_function("settle", &world.used, settled).await;
            assert_eq!(settled.unwrap()["due"], 1);
        }
    }
}

/// A ticket is cancelled, and a balance withdrawn. The provider cannot give it back.
async fn money_goes_back(world: &World) {
    let demo = DemoProvider::default();
    let shop = world.process_with_provider(demo.clone());
    world.app.promote_all().await.unwrap();
    let buyer = world.joins(EVENT).await;
    let held = world.hold(&buyer, 7).await;
    let id = held.text_of("reservationId");
    let wallet = format!("/users/{}/wallet", buyer.user_id);
    let with_key = |path: &str, body: Value| {
        let mut request = Request::new("POST", format!("{wallet}/{path}")).with(body);
        request.headers.push(("idempotency-key", path.to_owned()));
        request
    };
    let begun = with_key("charges", json!({ "amount": 2 * PRICE, "payFor": id }))
        .by(&shop, &buyer.token)
        .await;
    assert_eq!(begun.status, 202, "{begun:?}");
    let url = begun.body["checkout"]["url"].as_str().unwrap();
    let order = url.rsplit('/').next().unwrap();
    assert!(demo.decide(order, DemoState::Paid(world.clock.now())));
    let settle = async || {
        world.clock.advance_seconds(3_600);
        let settled = settle::handle(&shop.app);
        let settled = grants::as_function("settle", &world.used, settled).await;
        assert_eq!(settled.unwrap()["ended"], 1);
    };
    settle().await;
    let withdraw = with_key("withdrawals", json!({ "amount": PRICE }));
    assert_eq!(withdraw.by(&shop, &buyer.token).await.status, 202);
    settle().await;
    let cancel = Request::new("DELETE", format!("/reservations/{id}?refundTo=source"));
    let cancelled = cancel.by(&shop, &buyer.token).await;
    assert_eq!(cancelled.body["refundedToSource"], PRICE, "{cancelled:?}");
    demo.set_refunds(DemoRefundState::Failed);
    settle().await;
    let (headers, body) = demo.notification(order);
    let signature = headers.values().next().unwrap().to_str().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let mut request = Request::new("POST", "/webhooks/demo").with(body);
    let signature = signature.to_owned();
    request.headers.push(("demo-signature", signature));
    assert_eq!(request.by(&shop, "").await.status, 200);
    let list = Request::new("GET", format!("{wallet}/withdrawals"));
    let listed = list.by(&shop, &buyer.token).await;
    assert_eq!(listed.body["withdrawals"].as_array().unwrap().len(), 2);
    for request in [list, withdraw] {
        forget_keys(world).await;
        request.by(&world.another_process(), &buyer.token).await;
    }
}

/// The former checkout turns out to be paid, and the seat is still free.
async fn a_hold_lapses_while_another_checkout_begins(world: &World) {
    let demo = DemoProvider::default();
    let shop = world.process_with_provider(demo.clone());
    world.app.promote_all().await.unwrap();
    let buyer = world.joins(EVENT).await;
    let held = world.hold(&buyer, 7).await;
    let id = held.text_of("reservationId");
    let charges = format!("/users/{}/wallet/charges", buyer.user_id);
    let checkout = async |key: &str| {
        let body = json!({ "amount": PRICE, "payFor": id });
        let mut request = Request::new("POST", charges.as_str()).with(body);
        request.headers.push(("idempotency-key", key.to_owned()));
        request.by(&shop, &buyer.token).await
    };
    let begun = checkout("first").await;
    let url = begun.body["checkout"]["url"].as_str().unwrap();
    let order = url.rsplit('/').next().unwrap();
    assert!(demo.decide(order, DemoState::Paid(world.clock.now())));
    let gate = CallGate::of(&["CHARGE#"]);
    shop.wire.put_gate(gate.clone());
    let lapses = async {
        gate.waits().await;
        assert!(gate.release_where("CHARGE#", Pass::Whole));
        // The former charge, after the hold was looked at.
        gate.waits().await;
        world.clock.advance_seconds(700);
        gate.open();
    };
    futures::future::join(checkout("second"), lapses).await;
    let path = format!("/reservations/{id}");
    let reservation = Request::new("GET", path).by(&shop, &buyer.token).await;
    assert_eq!(reservation.body["status"], "CONFIRMED", "{reservation:?}");
}

async fn somebody_whom_an_issuer_names_joins_and_leaves(world: &World) {
    let issuer = TestIssuer::start().await;
    let world = world.process_with_issuer(&issuer);
    let token = issuer.token("alice", world.clock.now());
    let tokens = format!("/events/{EVENT}/tokens");
    let me = format!("{tokens}/me");
    for (method, path) in [("POST", &tokens), ("GET", &me), ("DELETE", &me)] {
        let reply = Request::new(method, path).by(&world, &token).await;
        assert!(reply.status < 300, "{reply:?}");
    }
}

/// Of three users in the queue for one slot the first leaves it, having held a seat if there are any.
async fn a_buyer_is_called_by_asking(world: &World, programme: &Programme, at: usize) {
    let event = programme.event.event_id.to_string();
    let first = world.joins(&event).await;
    let second = world.joins(&event).await;
    let third = world.joins(&event).await;
    world.charge(&second, 2 * PRICE, "first").await;
    let seat = json!({"date": DATE, "seatNumber": 1});
    let holds = format!("/events/{event}/holds");
    world.post(&holds, &first.token, seat).await;
    let leave = Request::new("DELETE", format!("/events/{event}/tokens/me"));
    leave.by(world, &first.token).await;
    for _ in 0..2 {
        world.clock.advance_seconds(10);
        for buyer in [&second, &third] {
            asks(buyer, &event, at, world).await;
        }
    }
    forget_keys(world).await;
    asks(&second, &event, at, world).await;
}

async fn asks(buyer: &Buyer, event: &str, at: usize, world: &World) {
    let request = &in_the_event(event, &buyer.user_id)[at];
    request.by(&world.another_process(), &buyer.token).await;
}

/// A draw that has not opened.
fn drawing(mut programme: Programme) -> Programme {
    let terms = &mut programme.event.terms;
    terms.queue.order = Order::Draw;
    terms.opens_at = Some(EpochMs::parse("2026-11-20T11:00:00Z").unwrap());
    programme
}

/// Of four users who wait for the draw one leaves before it. The others poll before it and after it.
async fn a_buyer_draws_by_asking(world: &World, programme: &Programme, at: usize) {
    let event = programme.event.event_id.to_string();
    let mut buyers = Vec::new();
    for _ in 0..4 {
        buyers.push(world.joins(&event).await);
    }
    let leave = Request::new("DELETE", format!("/events/{event}/tokens/me"));
    leave.by(world, &buyers[0].token).await;
    asks(&buyers[1], &event, at, world).await;
    world.clock.advance_seconds(3_600);
    for _ in 0..2 {
        world.clock.advance_seconds(10);
        for buyer in &buyers[1..] {
            asks(buyer, &event, at, world).await;
        }
    }
}

/// Joining again gives up the first number.
async fn a_place_is_given_up_before_the_draw(world: &World) {
    let mut programme = drawing(concert_for(1));
    programme.event.event_id = EventId::parse("requeue").unwrap();
    programme.event.terms.queue.reissue = Reissue::Requeue;
    world.add(programme).await;
    let buyer = world.joins("requeue").await;
    world.clock.advance_seconds(60);
    world.joins_as("requeue", &buyer.user_id).await;
}

async fn somebody_joins_a_presale(world: &World) {
    let code = codes_of(world, EVENT, "fan club", 1, 1).await.remove(0);
    let join = Request::new("POST", format!("/events/{EVENT}/tokens"));
    let joined = join.with(json!({ "code": code })).by(world, "").await;
    assert_eq!(joined.status, 201, "{joined:?}");
}

/// Leaving while waiting and before a draw, each taken back at once.
async fn a_departure_is_taken_back(world: &World, programme: &Programme) {
    let event = programme.event.event_id.to_string();
    world.joins(&event).await;
    let buyer = world.joins(&event).await;
    let me = format!("/events/{event}/tokens/me");
    world.delete(&me, &buyer.token).await;
    let again = world.joins_as(&event, &buyer.user_id).await;
    assert_eq!(again.joined.status, 200, "{:?}", again.joined);
}

async fn a_ticket_is_given_back(world: &World) {
    let event = festival().event.event_id.to_string();
    let buyer = world.joins(&event).await;
    world.charge(&buyer, 2 * PRICE, "first").await;
    let reserve = Request::new("POST", format!("/events/{event}/reservations"));
    let ticket = reserve.by(world, &buyer.token).await;
    let path = format!("/reservations/{}", ticket.text_of("reservationId"));
    Request::new("DELETE", path).by(world, &buyer.token).await;
}

async fn the_catalogue_is_read_in_init(world: &World) {
    for function in FUNCTIONS.iter().filter(|f| f.init == Init::Catalog) {
        let events = world.app.store().events(Consistency::Eventual);
        let events = grants::as_function(function.name, &world.used, events).await;
        assert_eq!(events.unwrap().len(), 1);
    }
}

async fn the_issuers_keys_are_read_in_init(world: &World) {
    let issuer = TestIssuer::start().await;
    for function in FUNCTIONS.iter().filter(|f| f.init == Init::Users) {
        forget_keys(world).await;
        let process = world.process_with_issuer(&issuer);
        let preload = process.app.preload_issuer_keys();
        grants::as_function(function.name, &world.used, preload).await;
    }
}

/// Other tests rely on these checks, so this test checks that they find violations.
#[test]
fn a_forbidden_call_and_an_unused_permission_are_detected() {
    let need = |action: &str, table| Need {
        action: format!("dynamodb:{action}"),
        table,
        partition_key: Some("WALLET#6f1c".to_owned()),
    };
    assert_eq!(grants::refusal("balance", &need("GetItem", "Table")), None);
    for (function, action, table) in [
        ("balance", "UpdateItem", "Table"),
        // Other keys than this.
        ("get-reservation", "GetItem", "Table"),
        ("balance", "DeleteItem", "KeysTable"),
        ("list-events", "Query", "KeysTable"),
        ("pages", "GetItem", "Table"),
        ("of nobody", "GetItem", "Table"),
    ] {
        let refusal = grants::refusal(function, &need(action, table));
        assert!(refusal.is_some(), "{function} {action} {table}");
    }
    let used = Used::default();
    let settings = Need {
        partition_key: Some("SETTINGS".to_owned()),
        ..need("GetItem", "Table")
    };
    used.lock()
        .unwrap()
        .insert("balance", [need("GetItem", "Table"), settings].into());
    let unused = grants::never_used("balance", &used);
    assert!(
        unused.iter().all(|unused| unused.contains("KeysTable")),
        "{unused:?}"
    );
    assert!(!unused.is_empty());
}

async fn the_schedule_promotes(used: &Used) {
    for places in [1, 10] {
        let world = World::with(drawing(concert_for(places))).await;
        let gone = world.joins(EVENT).await;
        world.joins(EVENT).await;
        world.joins(EVENT).await;
        world.leave(&gone).await;
        world.clock.advance_seconds(3_600);
        let promote = promote::handle(&world.app);
        let result = grants::as_function("promote", used, promote).await;
        assert_eq!(result.unwrap()["promoted"], 1);
    }

    for programme in [concert_for(1), one_at_a_time(festival()), sections_of(600)] {
        let event = programme.event.event_id.to_string();
        let world = World::with(programme).await;
        let first = world.joins(&event).await;
        world.joins(&event).await;
        let me = format!("/events/{event}/tokens/me");
        world.delete(&me, &first.token).await;
        world.clock.advance_seconds(10);
        let promote = promote::handle(&world.app);
        let result = grants::as_function("promote", used, promote).await;
        assert_eq!(result.unwrap()["promoted"], 1);
    }
}

/// The audit reads broken items again, item by item and partition by partition.
async fn the_table_is_audited(world: &World) {
    let wallets = world.joins_with(PRICE).await;
    let balance = format!("WALLET#{}", wallets.user_id);
    let set = world
        .dynamodb
        .update_item()
        .table_name(&world.tables.main)
        .key("pk", AttributeValue::S(balance))
        .key("sk", AttributeValue::S("BALANCE".to_owned()))
        .update_expression("SET balance = :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
    set.send().await.unwrap();
    let audit = Box::pin(audit::handle(&world.app, Duration::from_mins(1)));
    let result = grants::as_function("audit", &world.used, audit).await;
    assert_eq!(result.unwrap()["broken"], 1);
}

async fn a_buyer_buys_and_cancels(world: &World) {
    for is_first_of_all in [false, true] {
        let buyer = world.joins(EVENT).await;
        let held = world.hold_on(&buyer, LATER_DATE, 7).await;
        for request in of_a_user(&buyer, held.text_of("reservationId")) {
            if is_first_of_all {
                forget_keys(world).await;
            }
            request.by(&world.another_process(), &buyer.token).await;
        }
        let link = Request::new("POST", format!("/users/{}/device-links", buyer.user_id));
        let link = link.by(world, &buyer.token).await;
        let mut redeem = Request::new("POST", "/device-links");
        redeem.body = Some(json!({ "code": link.text_of("code") }));
        redeem.headers.push(("idempotency-key", "first".to_owned()));
        if is_first_of_all {
            forget_keys(world).await;
        }
        let linked = redeem.by(&world.another_process(), "").await;
        assert_eq!(linked.status, 200, "{linked:?}");
    }
    forget_keys(world).await;
    world.another_process().joins(EVENT).await;
}

/// A released reservation is archived as soon as the same buyer holds again.
async fn somebody_pays_for_what_was_held_before(world: &World) {
    let buyer = world.joins(EVENT).await;
    let given_up = world.hold_on(&buyer, LATER_DATE, 8).await;
    let path = format!("/reservations/{}", given_up.text_of("reservationId"));
    let reply = Request::new("DELETE", &path).by(world, &buyer.token).await;
    assert!(reply.status < 300, "{reply:?}");
    world.hold_on(&buyer, LATER_DATE, 9).await;
    let pay = Request::new("POST", format!("{path}/payment"));
    let reply = pay.by(&world.another_process(), &buyer.token).await;
    reply.is_problem(409, "not_payable");
}

/// One slot.
fn one_at_a_time(mut programme: Programme) -> Programme {
    programme.event.terms.queue.max_active = 1;
    programme
}

/// A first date with this many seats in its section.
fn sections_of(seats: u32) -> Programme {
    let mut house = concert_for(1);
    let date = DateKey::parse(DATE).unwrap();
    house.dates.get_mut(&date).unwrap().sections =
        vec![Section::new("A", Money(PRICE), SeatNumber(1), seats)];
    house
}

async fn forget_keys(world: &World) {
    let table = &world.tables.keys;
    let found = world
        .dynamodb
        .scan()
        .table_name(table)
        .send()
        .await
        .unwrap();
    for item in found.items() {
        let key = |name: &str| AttributeValue::S(item[name].as_s().unwrap().clone());
        let delete = world.dynamodb.delete_item().table_name(table);
        delete
            .key("pk", key("pk"))
            .key("sk", key("sk"))
            .send()
            .await
            .unwrap();
    }
}
