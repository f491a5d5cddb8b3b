//! The queue's rules: a number dispenser with a watermark.
//!
//! `issued` counts the issued numbers. `admitted` is the watermark: ranks up to it have been
//! called. Each called rank has a [`Session`], which uses a slot while it is alive. docs/QUEUE.md
//! describes how the queue works, and docs/ARCHITECTURE.md why each step is safe.

mod capacity;
mod control;
mod departures;
mod draw;
mod head;
mod policy;
mod rate;
mod session;
mod survey;
mod turnout;

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::ids::{Lane, Rank};
use crate::shortage::Shortage;

pub use capacity::Capacity;
pub use control::{Control, Pause};
pub use departures::Departures;
pub use draw::{Draw, PROCEDURE, Permutation, Ranking, Secret};
pub use head::{BatchWindow, Head, PollAfter, WaitEstimate};
pub use policy::{Batch, LaneLimits, Lanes, Order, QueuePolicy, Reissue, Strategy, TokenEndsOn};
pub use rate::{Observation, Rate};
pub use session::{Opening, Session};
pub use survey::{Survey, survey};
pub use turnout::Turnout;

/// Promotions of a lane start at most once per this many milliseconds.
pub const PROMOTION_INTERVAL_MS: i64 = 1_000;

/// This many slots may be open ahead of the last issued number, so that a user who joins an idle
/// queue is admitted in the first response.
pub const SLOTS_AHEAD: u64 = 100;

/// A promotion calls at most this many ranks of a lane. The next one begins a second later.
pub const RANKS_A_RUN: u64 = 1_000;

/// A joining user promotes if the last promotion is older than this. Where users poll, it is not.
pub const OUTDATED_MS: i64 = 5_000;

/// A user who joins again within this time gets the same number, so that one user cannot use up
/// numbers: after leaving while waiting, and after joining an event that requeues.
pub const COOL_DOWN_MS: i64 = 60_000;

/// TTL removes tombstones and lapsed sessions this long after their end.
pub const TOMBSTONE_SECONDS: u32 = 24 * 60 * 60;

/// The lifetime of a queue token: 30 days.
pub const TOKEN_LIFETIME_SECONDS: u32 = 30 * 24 * 60 * 60;

/// The state of a queue token's number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TokenStatus {
    /// When the event was cancelled. Then nobody is called any more.
    pub cancelled_at: Option<EpochMs>,
    /// `None` before the draw.
    pub rank: Option<Rank>,
    pub turn: Turn,
}

/// Whether it is the user's turn.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Turn {
    /// Not called yet, or called while the queue is paused.
    Waiting {
        /// 1 is called next. `None` before the draw.
        position: Option<u64>,
        estimate: WaitEstimate,
        /// Nothing is left to buy, so nobody is called.
        shortage: Option<Shortage>,
    },
    /// The session is live.
    Active { expires_at: EpochMs },
    /// The turn is over. The user can join again.
    Over,
}

/// The item that holds a user's number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueEntry {
    pub lane: Lane,
    pub number: u64,
    pub joined_at: EpochMs,
    /// When the user left. The entry is kept for a while, so that the user can come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_at: Option<EpochMs>,
}

impl QueueEntry {
    /// Whether the number is the user's: it is the entry's, and the user has not left.
    #[must_use]
    pub fn is_in_force(&self, number: u64) -> bool {
        self.number == number && self.left_at.is_none()
    }

    /// Whether the user left so recently that joining again takes the departure back.
    #[must_use]
    pub fn can_come_back(&self, now: EpochMs) -> bool {
        is_recent(self.left_at, now)
    }

    /// Whether the user joined so recently that joining again keeps the number even if the event
    /// requeues.
    #[must_use]
    pub fn is_new(&self, now: EpochMs) -> bool {
        is_recent(Some(self.joined_at), now)
    }
}

fn is_recent(at: Option<EpochMs>, now: EpochMs) -> bool {
    let age = at.and_then(|at| at.age_at(now));
    age.is_some_and(|age| age < COOL_DOWN_MS)
}
