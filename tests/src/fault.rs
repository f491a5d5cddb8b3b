//! Conflicts, throttles, time-outs and lost answers in chosen calls of every operation that writes.

use std::sync::Arc;

use domain::event::Admission;
use domain::money::Money;

use crate::call_gate::CallGate;
use crate::invariants;
use crate::wire::{Fault, Rule};
use crate::world::{Buyer, EVENT, FESTIVAL, PRICE, Reply, World, concert_for, festival};

/// What a buyer does, each with the DynamoDB call that decides it.
#[derive(Clone, Copy, Debug)]
enum BuyerAction {
    Join,
    Hold,
    Charge,
    Pay,
    Cancel,
}

const ALL: [BuyerAction; 5] = [
    BuyerAction::Join,
    BuyerAction::Hold,
    BuyerAction::Charge,
    BuyerAction::Pay,
    BuyerAction::Cancel,
];

impl BuyerAction {
    /// The operation of the deciding call, and a key in its body.
    fn call(self) -> (&'static str, &'static str) {
        match self {
            Self::Join => ("PutItem", "ENTRY#"),
            Self::Hold => ("TransactWriteItems", "SEATS#"),
            Self::Charge => ("TransactWriteItems", "IDEMPOTENCY#"),
            Self::Pay => ("TransactWriteItems", "SESSIONS#"),
            Self::Cancel => ("TransactWriteItems", "RESERVATION#"),
        }
    }

    /// The status of the answer when it is done for the first time.
    fn success(self) -> u16 {
        match self {
            Self::Join | Self::Hold | Self::Charge | Self::Pay => 201,
            Self::Cancel => 200,
        }
    }
}

/// A buyer for whom the action is the next step.
struct Prepared {
    world: World,
    buyer: Buyer,
    reservation: String,
}

impl Prepared {
    async fn before(action: BuyerAction) -> Self {
        let world = World::new().await;
        // Creates open slots, so that joining admits at once.
        world.app.promote_all().await.unwrap();
        let mut buyer = world.joins_with(PRICE).await;
        let mut reservation = String::new();
        match action {
            BuyerAction::Join => {
                uuid::Uuid::new_v4()
                    .to_string()
                    .clone_into(&mut buyer.user_id);
            }
            BuyerAction::Hold | BuyerAction::Charge => {}
            BuyerAction::Pay | BuyerAction::Cancel => {
                let held = world.hold(&buyer, 7).await;
                held.text_of("reservationId").clone_into(&mut reservation);
            }
        }
        Self {
            world,
            buyer,
            reservation,
        }
    }

    /// The same state, used by a process with the product's time-outs.
    fn with_time_outs(&self) -> Self {
        Self {
            world: self.world.process_with_time_outs(),
            buyer: self.buyer.clone(),
            reservation: self.reservation.clone(),
        }
    }

    async fn run(&self, action: BuyerAction) -> Reply {
        let (world, buyer) = (&self.world, &self.buyer);
        match action {
            BuyerAction::Join => {
                let body = serde_json::json!({ "userId": buyer.user_id });
                world
                    .post(&format!("/events/{EVENT}/tokens"), "", body)
                    .await
            }
            BuyerAction::Hold => world.hold(buyer, 7).await,
            BuyerAction::Charge => world.charge(buyer, 1000, "second").await,
            BuyerAction::Pay => world.pay(buyer, &self.reservation).await,
            BuyerAction::Cancel => {
                let path = format!("/reservations/{}", self.reservation);
                world.delete(&path, &buyer.token).await
            }
        }
    }

    /// Asserts that the action was answered with success and done once, even if it was requested several times.
    async fn is_done_once(&self, action: BuyerAction, reply: &Reply, status: u16) {
        assert_eq!(reply.status, status, "{action:?}: {reply:?}");
        let (world, buyer) = (&self.world, &self.buyer);
        match action {
            BuyerAction::Join => {
                assert_eq!(reply.text_of("status"), "ACTIVE");
                let again = self.run(action).await;
                assert_eq!(again.status, 200);
                assert_eq!(again.body["queueNumber"], reply.body["queueNumber"]);
            }
            BuyerAction::Hold => {
                let again = self.run(action).await;
                assert_eq!((again.status, &again.body), (200, &reply.body));
            }
            BuyerAction::Charge => assert_eq!(world.balance(buyer).await, PRICE + 1000),
            BuyerAction::Pay => {
                assert_eq!(world.balance(buyer).await, 0);
                assert_eq!(world.status(buyer).await.text_of("status"), "EXPIRED");
            }
            BuyerAction::Cancel => {
                assert_eq!(reply.text_of("status"), "CANCELLED");
                let other = world.joins(EVENT).await;
                assert_eq!(world.hold(&other, 7).await.status, 201, "the seat is free");
            }
        }
        invariants::check(world).await;
    }

    /// Asserts that an action that failed for lack of an answer was not done.
    async fn is_not_done(&self, action: BuyerAction) {
        let (world, buyer) = (&self.world, &self.buyer);
        world.wire.heal();
        match action {
            BuyerAction::Join | BuyerAction::Hold | BuyerAction::Cancel => {}
            BuyerAction::Charge | BuyerAction::Pay => assert_eq!(world.balance(buyer).await, PRICE),
        }
        invariants::check(world).await;
        // It can be done now.
        let reply = self.run(action).await;
        self.is_done_once(action, &reply, action.success()).await;
    }

    fn inject(&self, action: BuyerAction, fault: Fault, times: u32) {
        let (name, containing) = action.call();
        self.world.wire.inject(Rule {
            times,
            ..Rule::next(name, containing, fault)
        });
    }
}

#[tokio::test]
async fn a_conflict_is_retried_and_not_visible() {
    for action in ALL {
        let prepared = Prepared::before(action).await;
        prepared.inject(action, Fault::Conflict, 2);
        let reply = prepared.run(action).await;
        let status = action.success();
        prepared.is_done_once(action, &reply, status).await;
    }
}

#[tokio::test]
async fn endless_conflicts_are_reported_and_nothing_is_half_done() {
    for action in ALL {
        let prepared = Prepared::before(action).await;
        prepared.inject(action, Fault::Conflict, u32::MAX);
        let reply = prepared.run(action).await;
        match action {
            BuyerAction::Join | BuyerAction::Hold => reply.is_problem(503, "busy"),
            // Only the user's own requests write these items, so the database is not to blame.
            BuyerAction::Charge | BuyerAction::Pay | BuyerAction::Cancel => {
                reply.is_problem(429, "parallel_requests");
            }
        }
        assert!(!reply.header("retry-after").is_empty());
        prepared.is_not_done(action).await;
    }
}

/// The audit relies on a time stamp being at most a write's duration older than the write.
#[tokio::test]
async fn a_write_that_is_tried_again_has_the_time_of_its_last_attempt() {
    for action in [BuyerAction::Charge, BuyerAction::Pay, BuyerAction::Cancel] {
        let prepared = Arc::new(Prepared::before(action).await);
        prepared.inject(action, Fault::Conflict, 1);
        let gate = CallGate::of(&["TransactItems"]);
        prepared.world.wire.put_gate(gate.clone());
        let running = prepared.clone();
        let run = tokio::spawn(async move { running.run(action).await });
        gate.waits().await;
        prepared.world.clock.advance_seconds(60);
        gate.open();
        let reply = run.await.unwrap();
        assert_eq!(reply.status, action.success(), "{action:?}: {reply:?}");
        let now = prepared.world.clock.now().to_string();
        let (world, buyer) = (&prepared.world, &prepared.buyer);
        let at = match action {
            BuyerAction::Pay => reply.text_of("paidAt").to_owned(),
            BuyerAction::Cancel => reply.text_of("modifiedAt").to_owned(),
            _ => {
                let ledger = format!("/users/{}/wallet/ledger?limit=1", buyer.user_id);
                let ledger = world.get(&ledger, &buyer.token).await;
                ledger.body["entries"][0]["at"].as_str().unwrap().to_owned()
            }
        };
        assert_eq!(at, now, "{action:?}");
    }
}

#[tokio::test]
async fn a_throttle_is_answered_throttled_and_nothing_is_half_done() {
    for action in ALL {
        let prepared = Prepared::before(action).await;
        prepared.inject(action, Fault::Throttle, u32::MAX);
        let reply = prepared.run(action).await;
        reply.is_problem(429, "throttled");
        assert!(!reply.header("retry-after").is_empty());
        prepared.is_not_done(action).await;
    }
}

#[tokio::test]
async fn a_lost_answer_is_retried_and_not_visible() {
    for action in ALL {
        let prepared = Prepared::before(action).await;
        prepared.inject(action, Fault::LoseAnswer, 1);
        let reply = prepared.run(action).await;
        let status = action.success();
        prepared.is_done_once(action, &reply, status).await;
    }
}

#[tokio::test]
async fn an_operation_whose_answers_are_all_lost_is_done_once_when_repeated() {
    for action in ALL {
        let prepared = Prepared::before(action).await;
        prepared.inject(action, Fault::LoseAnswer, u32::MAX);
        prepared.run(action).await.is_problem(503, "busy");
        prepared.world.wire.heal();
        // It was done already, so the repetition is answered 200.
        let reply = prepared.run(action).await;
        prepared.is_done_once(action, &reply, 200).await;
    }
}

#[tokio::test]
async fn an_unresponsive_database_is_answered_busy() {
    let all = ALL.map(|action| async move {
        let prepared = Prepared::before(action).await;
        // Only the request under test has the product's time-outs. The steps around it take as long as they need.
        let timed = prepared.with_time_outs();
        timed.inject(action, Fault::TimeOut, u32::MAX);
        timed.run(action).await.is_problem(503, "busy");
        prepared.is_not_done(action).await;
    });
    // The time-outs are real time, so all actions wait at once.
    futures::future::join_all(all).await;
}

#[tokio::test]
async fn a_queue_number_whose_answer_is_lost_is_only_a_no_show() {
    let world = World::with(concert_for(2)).await;
    world
        .wire
        .inject(Rule::next("UpdateItem", "issued", Fault::LoseAnswer));
    let first = world.joins(EVENT).await;
    assert_eq!(first.joined.body["queueNumber"], 2);
    assert_eq!(first.joined.text_of("status"), "ACTIVE");
    let second = world.joins(EVENT).await;
    assert_eq!(second.joined.text_of("status"), "WAITING");
    // The lost number is called and nobody arrives. After its grace the next user is admitted.
    world.clock.advance_seconds(2);
    world.app.promote_all().await.unwrap();
    world.clock.advance_seconds(126);
    world.app.promote_all().await.unwrap();
    world.clock.advance_seconds(1);
    assert_eq!(world.status(&second).await.text_of("status"), "ACTIVE");
    invariants::check(&world).await;
}

#[tokio::test]
async fn an_arrival_whose_answer_is_lost_has_arrived() {
    let world = World::with(concert_for(1)).await;
    let first = world.joins(EVENT).await;
    let second = world.joins(EVENT).await;
    world.leave(&first).await;
    world.clock.advance_seconds(2);
    world.app.promote_all().await.unwrap();
    world
        .wire
        .inject(Rule::next("UpdateItem", "SESSIONS#", Fault::LoseAnswer));
    assert_eq!(world.status(&second).await.text_of("status"), "ACTIVE");
    invariants::check(&world).await;
}

/// Every write of a promotion: the operation, and a key in its body.
const PROMOTION_WRITES: [(&str, &str); 4] = [
    ("UpdateItem", "PROMOTE#"),
    ("UpdateItem", "slotLimit"),
    ("UpdateItem", "QUEUE#"),
    ("UpdateItem", "SESSIONS#"),
];

#[tokio::test]
async fn a_promotion_that_fails_at_any_write_loses_nobody() {
    for (operation, containing) in PROMOTION_WRITES {
        for after in 0..3 {
            for fault in [Fault::Conflict, Fault::LoseAnswer] {
                break_off(Rule {
                    after,
                    ..Rule::every(operation, containing, fault)
                })
                .await;
            }
        }
    }
}

async fn break_off(rule: Rule) {
    let (world, waiting) = six_wait().await;
    world.wire.inject(rule.clone());
    // It may or may not report the failure.
    let _ = world.app.promote_all().await;
    invariants::check(&world).await;
    world.wire.heal();
    let admitted = admitted_in_order(&world, waiting).await;
    assert_eq!(admitted, [4, 5, 6, 7, 8, 9], "{rule:?}");
}

/// Promotes until every waiting user has been admitted. They leave again; returns their numbers in the order of admission.
async fn admitted_in_order(world: &World, mut waiting: Vec<Buyer>) -> Vec<u64> {
    let mut admitted = Vec::new();
    for _ in 0..20 {
        world.clock.advance_seconds(2);
        promote::handle(&world.app).await.unwrap();
        invariants::check(world).await;
        let mut still = Vec::new();
        for buyer in waiting {
            let reply = world.status(&buyer).await;
            match reply.text_of("status") {
                "ACTIVE" => {
                    admitted.push(reply.body["queueNumber"].as_u64().unwrap());
                    world.leave(&buyer).await;
                }
                "WAITING" => still.push(buyer),
                other => panic!("{other}"),
            }
        }
        waiting = still;
        if waiting.is_empty() {
            break;
        }
    }
    admitted
}

/// Six users wait for three slots, whose holders have left. A promotion is due.
async fn six_wait() -> (World, Vec<Buyer>) {
    let world = World::with(concert_for(3)).await;
    let mut buyers = Vec::new();
    for _ in 0..9 {
        buyers.push(world.joins(EVENT).await);
    }
    for buyer in buyers.drain(..3) {
        assert_eq!(buyer.joined.text_of("status"), "ACTIVE");
        assert_eq!(world.leave(&buyer).await.status, 204);
    }
    world.clock.advance_seconds(2);
    (world, buyers)
}

#[tokio::test]
async fn a_promotion_that_crashes_after_any_write_loses_nobody_and_keeps_the_order() {
    // The claim, three open slots, the watermark, three calls: after eight writes the promotion has ended.
    for writes in 0..=8 {
        let (world, waiting) = six_wait().await;
        let dying = world.another_process();
        dying.wire.crash_after(writes);
        let outcome = promote::handle(&dying.app).await;
        assert_eq!(
            outcome.is_ok(),
            writes == 8,
            "after {writes} writes: {outcome:?}"
        );
        invariants::check(&world).await;
        let admitted = admitted_in_order(&world, waiting).await;
        assert_eq!(admitted, [4, 5, 6, 7, 8, 9], "after {writes} writes");
    }
}

#[tokio::test]
async fn consecutive_crashing_promotions_lose_nobody() {
    let (world, waiting) = six_wait().await;
    for writes in [2, 4, 3, 1, 5, 2] {
        let dying = world.another_process();
        dying.wire.crash_after(writes);
        let _ = promote::handle(&dying.app).await;
        invariants::check(&world).await;
        world.clock.advance_seconds(1);
    }
    promote::handle(&world.app).await.unwrap();
    let places = invariants::ranks_with_a_session(&world).await;
    assert_eq!(places, (1..=6).collect::<Vec<_>>());
    for buyer in &waiting[..3] {
        assert_eq!(world.status(buyer).await.text_of("status"), "ACTIVE");
    }
    assert_eq!(world.status(&waiting[3]).await.text_of("status"), "WAITING");
    invariants::check(&world).await;
}

#[tokio::test]
async fn no_shows_free_their_slots_after_a_promotion_that_crashed_anywhere() {
    for writes in 0..=8 {
        let (world, waiting) = six_wait().await;
        let dying = world.another_process();
        dying.wire.crash_after(writes);
        let _ = promote::handle(&dying.app).await;
        // The next promotion calls three. Nobody arrives, and their grace passes.
        world.clock.advance_seconds(1);
        promote::handle(&world.app).await.unwrap();
        world.clock.advance_seconds(126);
        promote::handle(&world.app).await.unwrap();
        let mut standings = Vec::new();
        for buyer in &waiting {
            standings.push(world.status(buyer).await.text_of("status").to_owned());
        }
        let expected = [
            "EXPIRED", "EXPIRED", "EXPIRED", "ACTIVE", "ACTIVE", "ACTIVE",
        ];
        assert_eq!(standings, expected, "after {writes} writes");
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn an_overtaken_promotion_never_moves_the_watermark_back() {
    let world = World::with(concert_for(3)).await;
    let mut buyers = Vec::new();
    for _ in 0..9 {
        buyers.push(world.joins(EVENT).await);
    }
    world.leave(&buyers[0]).await;
    world.clock.advance_seconds(2);
    // Stops before it moves the watermark.
    let gate = CallGate::of(&["admitted = "]);
    let slow = world.process_behind(gate.clone());
    let (overtaken, ()) = futures::future::join(slow.app.promote_all(), async {
        gate.waits().await;
        // It has found one free slot. Before it moves the watermark, two more slots become free and are taken.
        world.leave(&buyers[1]).await;
        world.leave(&buyers[2]).await;
        world.clock.advance_seconds(1);
        world.app.promote_all().await.unwrap();
        gate.open();
    })
    .await;
    overtaken.unwrap();
    invariants::check(&world).await;
    for buyer in &buyers[3..6] {
        assert_eq!(world.status(buyer).await.text_of("status"), "ACTIVE");
    }
    assert_eq!(world.status(&buyers[6]).await.text_of("status"), "WAITING");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_join_that_crashes_after_any_write_can_be_repeated() {
    // The writes: the number, the queue entry, the arrival.
    for writes in 0..=3 {
        let world = World::new().await;
        world.app.promote_all().await.unwrap();
        let user = uuid::Uuid::new_v4().to_string();
        let path = format!("/events/{EVENT}/tokens");
        let body = serde_json::json!({ "userId": user });
        let dying = world.another_process();
        dying.app.keys().await.unwrap();
        dying.wire.crash_after(writes);
        let reply = dying.post(&path, "", body).await;
        assert_eq!(
            reply.status,
            if writes == 3 { 201 } else { 503 },
            "after {writes} writes"
        );
        invariants::check(&world).await;
        let buyer = world.joins_as(EVENT, &user).await;
        assert_eq!(
            buyer.joined.text_of("status"),
            "ACTIVE",
            "after {writes} writes"
        );
        // Only a number whose queue entry was never written is lost.
        let number = if writes == 1 { 2 } else { 1 };
        assert_eq!(
            buyer.joined.body["queueNumber"], number,
            "after {writes} writes"
        );
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn leaving_that_crashes_after_any_write_can_be_repeated() {
    // The writes: the end of the session, the deletion of the queue entry.
    for writes in 0..=2 {
        let world = World::with(concert_for(1)).await;
        let first = world.joins(EVENT).await;
        let second = world.joins(EVENT).await;
        let dying = world.another_process();
        dying.app.keys().await.unwrap();
        dying.wire.crash_after(writes);
        dying.leave(&first).await;
        invariants::check(&world).await;
        assert_eq!(world.leave(&first).await.status, 204);
        world.clock.advance_seconds(1);
        assert_eq!(world.status(&second).await.text_of("status"), "ACTIVE");
        let again = world.joins_as(EVENT, &first.user_id).await;
        assert_eq!(
            (again.joined.status, &again.joined.body["queueNumber"]),
            (201, &3.into())
        );
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn conflicts_and_lost_answers_while_leaving_are_not_visible() {
    for (operation, containing) in [("UpdateItem", "SESSIONS#"), ("UpdateItem", "ENTRY#")] {
        for fault in [Fault::Conflict, Fault::LoseAnswer] {
            let world = World::new().await;
            let buyer = world.joins(EVENT).await;
            world.wire.inject(Rule::next(operation, containing, fault));
            assert_eq!(
                world.leave(&buyer).await.status,
                204,
                "{fault:?} on {containing}"
            );
            assert_eq!(world.status(&buyer).await.text_of("status"), "EXPIRED");
            invariants::check(&world).await;
        }
    }
}

#[tokio::test]
async fn an_arrival_refused_by_the_database_keeps_the_turn() {
    for (fault, status, code) in [
        (Fault::Conflict, 503, "busy"),
        (Fault::Throttle, 429, "throttled"),
    ] {
        let world = World::with(concert_for(1)).await;
        let first = world.joins(EVENT).await;
        let second = world.joins(EVENT).await;
        world.leave(&first).await;
        world.clock.advance_seconds(2);
        world.another_process().app.promote_all().await.unwrap();
        world
            .wire
            .inject(Rule::every("UpdateItem", "SESSIONS#", fault));
        world.status(&second).await.is_problem(status, code);
        world.wire.heal();
        assert_eq!(world.status(&second).await.text_of("status"), "ACTIVE");
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn a_throttled_read_is_answered_throttled() {
    let world = World::new().await;
    let buyer = world.joins_with(PRICE).await;
    let held = world.hold(&buyer, 7).await;
    let id = held.text_of("reservationId").to_owned();
    for read in ["GetItem", "BatchGetItem", "Query"] {
        world.wire.inject(Rule::every(read, "", Fault::Throttle));
    }
    let wallet = format!("/users/{}/wallet", buyer.user_id);
    for path in [
        &wallet,
        &format!("/reservations/{id}"),
        &format!("/events/{EVENT}/dates"),
    ] {
        world
            .get(path, &buyer.token)
            .await
            .is_problem(429, "throttled");
    }
    world.pay(&buyer, &id).await.is_problem(429, "throttled");
    world.wire.heal();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    invariants::check(&world).await;
}

#[tokio::test]
async fn unprocessed_keys_of_a_batch_read_are_retried_and_never_treated_as_missing() {
    let mut sharded = festival();
    sharded.event.terms.admission = Admission::General {
        total_tickets: 60,
        price: Money(PRICE),
        stock_shards: 6,
    };
    let world = World::new().await;
    world.add(sharded).await;
    let buyer = world.joins_with(PRICE).await;
    let held = world.hold(&buyer, 7).await;
    let id = held.text_of("reservationId").to_owned();
    world
        .wire
        .inject(Rule::every("BatchGetItem", "", Fault::LeaveUnread));
    // One item at a time: the wallet comes with the second batch, but the last shards come later than the last attempt.
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    let path = format!("/events/{FESTIVAL}");
    world.get(&path, "").await.is_problem(429, "throttled");
    world.wire.heal();
    let reply = world.get(&path, "").await;
    assert_eq!(reply.body["availableTickets"], 60);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_slow_hold_does_not_take_a_seat_that_was_taken_meanwhile() {
    let world = World::new().await;
    let gate = CallGate::of(&["SEATS#"]);
    let slow = world.process_behind(gate.clone());
    let (one, other) = (world.joins(EVENT).await, world.joins(EVENT).await);
    let (late, early) = futures::future::join(slow.hold(&one, 7), async {
        gate.waits().await;
        let early = world.hold(&other, 7).await;
        gate.open();
        early
    })
    .await;
    assert_eq!(early.status, 201, "{early:?}");
    late.is_problem(409, "seat_taken");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_slow_payment_does_not_take_a_seat_that_went_to_another_user() {
    let world = World::new().await;
    let gate = CallGate::of(&["LEDGER#"]);
    let slow = world.process_behind(gate.clone());
    let holder = world.joins_with(PRICE).await;
    let held = world.hold(&holder, 7).await;
    let id = held.text_of("reservationId");
    let other = world.joins(EVENT).await;
    let (paid, taken) = futures::future::join(slow.pay(&holder, id), async {
        // The payment's write is held back when the hold lapses.
        gate.waits().await;
        world.clock.advance_seconds(300);
        let taken = world.hold(&other, 7).await;
        gate.open();
        taken
    })
    .await;
    assert_eq!(taken.status, 201, "{taken:?}");
    paid.is_problem(410, "hold_expired");
    assert_eq!(world.balance(&holder).await, PRICE);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_seat_map_that_cannot_be_stored_is_still_answered() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    world.hold(&buyer, 7).await;
    world
        .wire
        .inject(Rule::every("UpdateItem", "SEATMAP#", Fault::Throttle));
    let event = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(event.status, 200, "{event:?}");
    assert_eq!(event.body["dates"][0]["availableSeats"], 49);
    world.clock.advance_seconds(2);
    let dates = format!("/events/{EVENT}/dates");
    let dates = world.get(&dates, &buyer.token).await;
    assert_eq!(dates.status, 200, "{dates:?}");
    assert_eq!(dates.body["dates"][0]["availableSeats"], 49);
}
