//! Faults in each call of a script, for every kind of queue: nobody is lost or overtaken, and there are never more sessions
//! than allowed.

use std::time::Duration;

use domain::clock::EpochMs;
use domain::event::Programme;
use domain::queue::{Lanes, Order, Reissue, Strategy, TokenEndsOn};
use futures::stream::{StreamExt, iter};
use serde_json::json;

use crate::invariants;
use crate::wire::{Fault, Rule};
use crate::world::{Buyer, EVENT, PRICE, World, concert_for};

/// The kinds of queue.
#[derive(Clone, Copy, Debug)]
enum QueueKind {
    Slots,
    Batch,
    Draw,
    Lanes,
    Requeue,
    EndsOnHold,
    Overbooked,
}

/// The number of slots.
const MAX_ACTIVE: u32 = 4;

impl QueueKind {
    fn programme(self) -> Programme {
        let mut concert = concert_for(MAX_ACTIVE);
        let terms = &mut concert.event.terms;
        let queue = &mut terms.queue;
        match self {
            Self::Slots => {}
            Self::Batch => {
                queue.strategy = Strategy::Batch {
                    batch_size: 2,
                    batch_seconds: 30,
                }
            }
            Self::Draw => {
                queue.order = Order::Draw;
                terms.opens_at = Some(EpochMs::parse("2026-11-20T10:10:00Z").unwrap());
            }
            Self::Lanes => queue.lanes = Lanes::new(2).unwrap(),
            Self::Requeue => queue.reissue = Reissue::Requeue,
            Self::EndsOnHold => queue.token_ends_on = TokenEndsOn::Hold,
            Self::Overbooked => queue.overbook_percent = 50,
        }
        concert
    }
}

/// Some users are admitted, one has left while waiting, and the next are about to be called.
struct CrowdedQueue {
    world: World,
    crowd: Vec<Buyer>,
    newcomer: String,
}

impl CrowdedQueue {
    async fn of(kind: QueueKind) -> Self {
        let world = World::with(kind.programme()).await;
        let mut crowd = crate::queue_steps::crowd(&world, 9).await;
        for buyer in &crowd {
            assert_eq!(world.charge(buyer, PRICE, "first").await.status, 201);
        }
        world.leave(&crowd.remove(6)).await;
        if matches!(kind, QueueKind::Draw) {
            world.clock.advance_seconds(600);
        }
        world.clock.advance_seconds(2);
        Self {
            world,
            crowd,
            newcomer: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// A script of requests by a process that fails at some call, and continues if it can. Its answers are ignored: the
    /// table shows afterwards what was done.
    async fn troubled(&self, process: &World) {
        let [first, second, third, ..] = &self.crowd[..] else {
            unreachable!("eight users")
        };
        let _ = process.app.promote_all().await;
        for buyer in &self.crowd {
            process.status(buyer).await;
        }
        let held = process.hold(first, 1).await;
        let other = process.hold(second, 2).await;
        process.pay(first, held.text_of("reservationId")).await;
        process.leave(third).await;
        if other.status == 201 {
            let path = format!("/reservations/{}", other.text_of("reservationId"));
            process.delete(&path, &second.token).await;
        }
        self.world.clock.advance_ms(1_001);
        let _ = process.app.promote_all().await;
        for user in [&self.newcomer, &second.user_id] {
            let path = format!("/events/{EVENT}/tokens");
            process.post(&path, "", json!({ "userId": user })).await;
        }
        process.status(&self.crowd[5]).await;
    }

    /// Asserts that every user who still wants to is admitted in the end.
    async fn everybody_is_admitted_in_the_end(&self, what: &str) {
        let world = &self.world;
        let users = self.crowd.iter().map(|buyer| &buyer.user_id);
        let mut wanting: Vec<Buyer> = Vec::new();
        for user in users.chain([&self.newcomer]) {
            // Joins again, as a user would: this finds the existing queue entry, unless the event reissues.
            wanting.push(world.joins_as(EVENT, user).await);
        }
        for round in 0.. {
            assert!(
                round < 60,
                "{what}: {} users are never admitted",
                wanting.len()
            );
            world.clock.advance_seconds(20);
            world.app.promote_all().await.unwrap();
            invariants::check(world).await;
            let mut still = Vec::new();
            for buyer in wanting {
                let status = world.status(&buyer).await;
                match status.text_of("status") {
                    "ACTIVE" => {
                        world.leave(&buyer).await;
                    }
                    "WAITING" => still.push(buyer),
                    _ => still.push(world.joins_as(EVENT, &buyer.user_id).await),
                }
            }
            wanting = still;
            if wanting.is_empty() {
                break;
            }
        }
        invariants::check(world).await;
    }
}

/// How many calls the script makes without faults.
async fn calls_of(kind: QueueKind) -> u32 {
    let queue = CrowdedQueue::of(kind).await;
    let process = queue.world.another_process();
    queue.troubled(&process).await;
    queue.everybody_is_admitted_in_the_end("no fault").await;
    u32::try_from(process.wire.calls().len()).unwrap()
}

async fn sweep(kind: QueueKind, fault: Fault, step: usize) {
    let calls = calls_of(kind).await;
    assert!(calls > 30, "{kind:?}: only {calls} calls");
    iter((0..calls).step_by(step))
        .for_each_concurrent(4, |after| async move {
            let queue = CrowdedQueue::of(kind).await;
            // A call without an answer ends only by the product's time-outs.
            let process = if fault == Fault::TimeOut {
                queue.world.process_with_time_outs()
            } else {
                queue.world.another_process()
            };
            process.wire.inject(Rule {
                operation: "",
                containing: "",
                after,
                times: if fault == Fault::CutOff { u32::MAX } else { 1 },
                fault,
            });
            queue.troubled(&process).await;
            let what = format!("{kind:?}, {fault:?} in call {after}");
            queue.everybody_is_admitted_in_the_end(&what).await;
        })
        .await;
}

macro_rules! sweeps {
    ($($name:ident: $kind:ident,)+) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn a_process_that_crashes_at_any_call_loses_nobody() {
                sweep(QueueKind::$kind, Fault::CutOff, 5).await;
            }

            #[tokio::test]
            async fn a_lost_answer_at_any_call_loses_nobody() {
                sweep(QueueKind::$kind, Fault::LoseAnswer, 5).await;
            }

            #[tokio::test]
            async fn a_throttle_at_any_call_loses_nobody() {
                sweep(QueueKind::$kind, Fault::Throttle, 11).await;
            }

            #[tokio::test]
            async fn a_conflict_at_any_call_loses_nobody() {
                sweep(QueueKind::$kind, Fault::Conflict, 11).await;
            }

            #[tokio::test]
            async fn a_slow_or_unanswered_call_loses_nobody() {
                sweep(QueueKind::$kind, Fault::Delay(Duration::from_millis(120)), 29).await;
                sweep(QueueKind::$kind, Fault::TimeOut, 37).await;
            }
        }
    )+};
}

sweeps! {
    slots: Slots,
    batch: Batch,
    draw: Draw,
    lanes: Lanes,
    requeue: Requeue,
    ends_on_hold: EndsOnHold,
    overbooked: Overbooked,
}
