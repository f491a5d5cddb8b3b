//! The cost of each request: DynamoDB calls in sequence, write units, read units. The process is warm: an earlier request
//! has filled its caches, and no promotion is due, because the clock stands still.

use serde_json::json;

use crate::wire::Cost;
use crate::world::{Buyer, DATE, EVENT, LATER_DATE, PRICE, Reply, World, concert, concert_for};

/// Calls in sequence, write units, read units.
type Budget = (usize, f64, f64);

#[track_caller]
fn assert_within(what: &str, cost: Cost, budget: Budget) {
    let (calls, writes, reads) = budget;
    println!(
        "{what}: {} / {} / {} (budget {calls} / {writes} / {reads})",
        cost.calls_in_sequence,
        cost.write_units.abs(),
        cost.read_units.abs()
    );
    assert!(
        cost.calls_in_sequence <= calls && cost.write_units <= writes && cost.read_units <= reads,
        "{what}: {cost:?} is more than {budget:?}"
    );
}

/// The cost of one request.
async fn cost_of(world: &World, request: impl Future<Output = Reply>) -> (Reply, Cost) {
    world.wire.reset_meter();
    let reply = request.await;
    (reply, world.wire.cost())
}

/// The first of two users has left the only slot, and the second has been called and has not arrived. The process has just
/// read the head.
pub(crate) async fn called() -> (World, Buyer) {
    let world = World::with(concert_for(1)).await;
    let first = world.joins(EVENT).await;
    let second = world.joins(EVENT).await;
    let third = world.joins(EVENT).await;
    world
        .delete(&format!("/events/{EVENT}/tokens/me"), &first.token)
        .await;
    world.clock.advance_ms(1_000);
    world.another_process().app.promote_all().await.unwrap();
    assert_eq!(world.status(&third).await.body["position"], 1);
    (world, second)
}

#[tokio::test]
async fn joining_a_queue_takes_three_calls_and_two_writes() {
    let world = World::with(concert_for(1)).await;
    world.joins(EVENT).await;
    let path = format!("/events/{EVENT}/tokens");
    let (reply, cost) = cost_of(&world, world.post(&path, "", json!({}))).await;
    assert_eq!((reply.status, reply.text_of("status")), (201, "WAITING"));
    assert_within("join, waiting", cost, (3, 2.0, 0.5));
}

#[tokio::test]
async fn being_admitted_at_once_takes_one_more_call_and_one_more_write() {
    let world = World::new().await;
    world.joins(EVENT).await;
    let path = format!("/events/{EVENT}/tokens");
    let (reply, cost) = cost_of(&world, world.post(&path, "", json!({}))).await;
    assert_eq!((reply.status, reply.text_of("status")), (201, "ACTIVE"));
    assert_within("join, inside at once", cost, (4, 3.0, 0.5));
}

#[tokio::test]
async fn polling_while_waiting_costs_nothing() {
    let world = World::with(concert_for(1)).await;
    world.joins(EVENT).await;
    let waiting = world.joins(EVENT).await;
    let (reply, cost) = cost_of(&world, world.status(&waiting)).await;
    assert_eq!(reply.text_of("status"), "WAITING");
    assert_within("waiting poll", cost, (0, 0.0, 0.0));
}

#[tokio::test]
async fn arriving_takes_three_calls_and_one_write() {
    let (world, buyer) = called().await;
    let (reply, cost) = cost_of(&world, world.status(&buyer)).await;
    assert_eq!(reply.text_of("status"), "ACTIVE");
    assert_within("arrival", cost, (3, 1.0, 2.0));
}

#[tokio::test]
async fn polling_while_active_takes_half_a_read_unit() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let (reply, cost) = cost_of(&world, world.status(&buyer)).await;
    assert_eq!(reply.text_of("status"), "ACTIVE");
    assert_within("ACTIVE poll", cost, (1, 0.0, 0.5));
}

#[tokio::test]
async fn listing_dates_takes_one_call_and_one_round_of_seat_maps() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let path = format!("/events/{EVENT}/dates");
    // Another process has built the seat maps, and this one has not read them yet.
    assert_eq!(
        world
            .another_process()
            .get(&path, &buyer.token)
            .await
            .status,
        200
    );
    let (reply, cost) = cost_of(&world, world.get(&path, &buyer.token)).await;
    assert_eq!(reply.body["dates"][1]["date"], LATER_DATE);
    // Half a unit for the session and for each of the two maps.
    assert_within("list-dates", cost, (2, 0.0, 1.5));
    let (_, cost) = cost_of(&world, world.get(&path, &buyer.token)).await;
    assert_within("list-dates, maps in the process", cost, (1, 0.0, 0.5));
}

#[tokio::test]
async fn listing_seats_takes_two_calls_and_no_write() {
    let mut programme = concert();
    programme.event.terms.max_seats_per_user = 20;
    let world = World::with(programme).await;
    let buyer = world.joins(EVENT).await;
    let path = format!("/events/{EVENT}/dates/{DATE}/seats?status=all");
    let body = json!({ "date": DATE, "seatNumbers": (1..=20).collect::<Vec<u32>>() });
    let held = world
        .post(&format!("/events/{EVENT}/holds"), &buyer.token, body)
        .await;
    assert_eq!(held.status, 201, "{held:?}");
    let (reply, cost) = cost_of(&world, world.get(&path, &buyer.token)).await;
    assert_eq!(reply.body["seats"][19]["status"], "HELD");
    // Twenty claims are less than 8 KB.
    assert_within("list-seats", cost, (2, 0.0, 1.5));
}

#[tokio::test]
async fn holding_a_seat_takes_one_call_and_six_write_units() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let (reply, cost) = cost_of(&world, world.hold(&buyer, 7)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_within("hold", cost, (1, 6.0, 0.0));
}

#[tokio::test]
async fn charging_a_wallet_takes_two_calls_and_six_write_units() {
    let world = World::new().await;
    let buyer = world.joins_with(PRICE).await;
    let (reply, cost) = cost_of(&world, world.charge(&buyer, 1_000, "second")).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_within("charge", cost, (2, 6.0, 0.5));
}

#[tokio::test]
async fn a_device_link_takes_two_writes_and_its_use_a_read_and_a_write() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let path = format!("/users/{}/device-links", buyer.user_id);
    let request = world.call("POST", &path, &buyer.token, None);
    let (link, cost) = cost_of(&world, request).await;
    assert_eq!(link.status, 200);
    assert_within("link device", cost, (2, 2.0, 0.0));
    let body = json!({ "code": link.text_of("code") }).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "once"),
    ];
    let request = world.send("POST", "/device-links", &headers, Some(&body));
    let (linked, cost) = cost_of(&world, request).await;
    assert_eq!(linked.status, 200);
    assert_within("redeem link", cost, (2, 1.0, 1.0));
}

#[tokio::test]
async fn reading_a_balance_takes_one_call() {
    let world = World::new().await;
    let buyer = world.joins_with(PRICE).await;
    let path = format!("/users/{}/wallet", buyer.user_id);
    let (reply, cost) = cost_of(&world, world.get(&path, &buyer.token)).await;
    assert_eq!(reply.body["balance"], PRICE);
    assert_within("balance", cost, (1, 0.0, 1.0));
}

#[tokio::test]
async fn paying_takes_two_calls_and_ten_write_units() {
    let world = World::new().await;
    let buyer = world.joins_with(PRICE).await;
    let held = world.hold(&buyer, 7).await;
    let (reply, cost) = cost_of(&world, world.pay(&buyer, held.text_of("reservationId"))).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_within("pay", cost, (2, 10.0, 2.0));
}

/// This many users wait for this many slots. All admitted users have left, and a promotion is due.
async fn promotion(places: u32, waiting: u32) -> Cost {
    let world = World::with(concert_for(places)).await;
    for _ in 0..places {
        let inside = world.joins(EVENT).await;
        world
            .delete(&format!("/events/{EVENT}/tokens/me"), &inside.token)
            .await;
    }
    for _ in 0..waiting {
        world.joins(EVENT).await;
    }
    world.clock.advance_ms(1_000);
    world.wire.reset_meter();
    world.app.promote_all().await.unwrap();
    world.wire.cost()
}

#[tokio::test]
async fn promotion_writes_grow_with_the_called_users() {
    for called in [1, 5, 20] {
        let cost = promotion(20, called).await;
        // The remaining free slots are opened for later users.
        let kept = f64::from(20 - called);
        let writes = 2.0 + 2.0 * f64::from(called) + kept;
        // Reads the list of events, the head twice, the event, and the sessions (20 ranks: less than 4 KB), and what is
        // left: the dates and the claims of a section. Writes the claim, open slots, the watermark, and the calls.
        assert_within(
            &format!("promotion, {called} called"),
            cost,
            (11, writes, 5.0),
        );
    }
}

#[tokio::test]
async fn promoting_a_queue_without_waiting_users_writes_nothing() {
    let world = World::new().await;
    world.joins(EVENT).await;
    world.clock.advance_ms(1_000);
    world.wire.reset_meter();
    world.app.promote_all().await.unwrap();
    assert_within("promotion, nobody waits", world.wire.cost(), (2, 0.0, 1.0));
}
