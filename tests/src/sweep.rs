//! Every fault in every call: whatever kind of queue it is, and wherever the wire breaks, nobody is lost, nobody
//! overtakes, and never more are inside than may be.

use std::time::Duration;

use domain::clock::EpochMs;
use domain::event::Programme;
use domain::queue::{Lanes, Order, Reissue, Strategy, TokenEndsOn};
use futures::stream::{StreamExt, iter};
use serde_json::json;

use crate::books;
use crate::wire::{Fault, Rule};
use crate::world::{Buyer, EVENT, PRICE, World, concert_for};

/// The kinds of queue that there are.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Slots,
    Batch,
    Draw,
    Lanes,
    Requeue,
    EndsOnHold,
    Overbooked,
}

/// So many may be inside.
const MAX_ACTIVE: u32 = 4;

impl Kind {
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

/// A crowd at the door: some are inside, one has left while waiting, the next are about to be called.
struct Scene {
    world: World,
    crowd: Vec<Buyer>,
    newcomer: String,
}

impl Scene {
    async fn of(kind: Kind) -> Self {
        let world = World::with(kind.programme()).await;
        let mut crowd = crate::line::crowd(&world, 9).await;
        for buyer in &crowd {
            assert_eq!(world.charge(buyer, PRICE, "first").await.status, 201);
        }
        world.leave(&crowd.remove(6)).await;
        if matches!(kind, Kind::Draw) {
            world.clock.advance_seconds(600);
        }
        world.clock.advance_seconds(2);
        Self {
            world,
            crowd,
            newcomer: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// What a process does until it breaks, and goes on doing if it can. Its answers are not looked at: what was done is
    /// seen afterwards.
    async fn troubled(&self, process: &World) {
        let [first, second, third, ..] = &self.crowd[..] else {
            unreachable!("a crowd of eight")
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

    /// Everybody who wants gets in, whatever happened.
    async fn everybody_gets_in_at_last(&self, what: &str) {
        let world = &self.world;
        let users = self.crowd.iter().map(|buyer| &buyer.user_id);
        let mut wanting: Vec<Buyer> = Vec::new();
        for user in users.chain([&self.newcomer]) {
            // Asks again as a person would: it is the same place where places are kept.
            wanting.push(world.joins_as(EVENT, user).await);
        }
        for round in 0.. {
            assert!(round < 60, "{what}: {} never get in", wanting.len());
            world.clock.advance_seconds(20);
            world.app.promote_all().await.unwrap();
            books::check(world).await;
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
        books::check(world).await;
    }
}

/// How many calls the script makes when nothing is wrong.
async fn calls_of(kind: Kind) -> u32 {
    let scene = Scene::of(kind).await;
    let process = scene.world.another_process();
    scene.troubled(&process).await;
    scene.everybody_gets_in_at_last("nothing wrong").await;
    u32::try_from(process.wire.calls().len()).unwrap()
}

async fn sweep(kind: Kind, fault: Fault, step: usize) {
    let calls = calls_of(kind).await;
    assert!(calls > 30, "{kind:?}: only {calls} calls");
    iter((0..calls).step_by(step))
        .for_each_concurrent(4, |after| async move {
            let scene = Scene::of(kind).await;
            // A call without an answer ends only by the product's time-outs.
            let process = if fault == Fault::TimeOut {
                scene.world.process_with_time_outs()
            } else {
                scene.world.another_process()
            };
            process.wire.inject(Rule {
                operation: "",
                containing: "",
                after,
                times: if fault == Fault::CutOff { u32::MAX } else { 1 },
                fault,
            });
            scene.troubled(&process).await;
            let what = format!("{kind:?}, {fault:?} in call {after}");
            scene.everybody_gets_in_at_last(&what).await;
        })
        .await;
}

macro_rules! sweeps {
    ($($name:ident: $kind:ident,)+) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn a_process_that_crashes_at_any_call_loses_nobody() {
                sweep(Kind::$kind, Fault::CutOff, 5).await;
            }

            #[tokio::test]
            async fn a_lost_answer_at_any_call_loses_nobody() {
                sweep(Kind::$kind, Fault::LoseAnswer, 5).await;
            }

            #[tokio::test]
            async fn a_throttle_at_any_call_loses_nobody() {
                sweep(Kind::$kind, Fault::Throttle, 11).await;
            }

            #[tokio::test]
            async fn a_conflict_at_any_call_loses_nobody() {
                sweep(Kind::$kind, Fault::Conflict, 11).await;
            }

            #[tokio::test]
            async fn a_slow_or_unanswered_call_loses_nobody() {
                sweep(Kind::$kind, Fault::Delay(Duration::from_millis(120)), 29).await;
                sweep(Kind::$kind, Fault::TimeOut, 37).await;
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
