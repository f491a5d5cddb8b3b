//! DynamoDB units per waiting user, by the number of waiting users.
//!
//! The others are only a number in the head: its `issued` is set, as if they had joined. That is what the queue itself
//! knows of them: a waiting user's own item is read only by that user's join, and no request reads or counts the items of
//! others. The join and the polls that are measured are real requests.

use domain::ids::{EventId, Lane, UserId};
use serde_json::json;
use shared::token::Token;
use tests::world::{EVENT, World, concert_for};

use crate::memory::WAITING;
use crate::table::set_head;

/// This many users poll once in each of [`SECONDS`], spread over all positions.
const POLLERS: u64 = 40;
const SECONDS: u64 = 10;

/// The units with this many waiting users.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitingUnits {
    pub(crate) waiting: u64,
    /// Write and read units of a join.
    pub(crate) join: (f64, f64),
    /// Write and read units of ten seconds of the queue, in which its polls start a promotion each second.
    pub(crate) ten_seconds: (f64, f64),
}

pub(crate) async fn measure() -> Vec<WaitingUnits> {
    let mut measured = Vec::new();
    for waiting in WAITING {
        measured.push(measure_with(waiting).await);
    }
    measured
}

async fn measure_with(waiting: u64) -> WaitingUnits {
    let world = World::with(concert_for(2)).await;
    world.joins(EVENT).await;
    world.joins(EVENT).await;
    set_head(&world, ["issued"], [waiting + 2]).await;
    world.clock.advance_seconds(2);
    world.joins(EVENT).await;
    world.wire.reset_meter();
    let path = format!("/events/{EVENT}/tokens");
    let reply = world.post(&path, "", json!({})).await;
    assert_eq!(reply.text_of("status"), "WAITING", "{reply:?}");
    let join = world.wire.cost();
    world.wire.reset_meter();
    for _ in 0..SECONDS {
        world.clock.advance_seconds(1);
        for poller in 0..POLLERS {
            let number = 3 + poller * waiting / POLLERS;
            let event = EventId::parse(EVENT).expect("an event id");
            let token = Token::new(
                UserId::random(),
                event,
                Lane::FIRST,
                number,
                world.clock.now(),
            );
            let token = world.app.sign(&token).await.expect("a token");
            let reply = world.get(&format!("{path}/me"), &token).await;
            assert_eq!(reply.text_of("status"), "WAITING", "{reply:?}");
        }
    }
    let polls = world.wire.cost();
    WaitingUnits {
        waiting,
        join: (join.write_units, join.read_units),
        ten_seconds: (polls.write_units, polls.read_units),
    }
}
