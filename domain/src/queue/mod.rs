//! The queue's rules: a number dispenser with a watermark.
//!
//! `issued` counts the numbers handed out; `admitted` is the watermark: whoever's rank is at or under
//! it has been called. A [`Session`] per rank is a place inside. docs/QUEUE.md tells how it works, and
//! docs/ARCHITECTURE.md why each step is safe.

mod capacity;
mod control;
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

pub use capacity::Capacity;
pub use control::{Control, Pause};
pub use draw::{Draw, PROCEDURE, Permutation, Ranking, Secret};
pub use head::{BatchWindow, Head, Outlook, PollAfter};
pub use policy::{Batch, LaneLimits, Lanes, Order, QueuePolicy, Reissue, Strategy, TokenEndsOn};
pub use rate::Rate;
pub use session::{Opening, Session};
pub use survey::{Survey, survey};
pub use turnout::Turnout;

/// A session counts as dead for promotion only so long after it is dead for its owner: clocks differ by
/// up to a second, and a write that was decided while it lived may run for two more (the store's
/// operation time-out); the rest is margin.
pub const SKEW_MS: i64 = 5_000;

/// Promotions of a lane start at most once in so many milliseconds.
pub const PROMOTION_INTERVAL_MS: i64 = 1_000;

/// So many places are kept ahead of the last number handed out, so that who comes to an idle event is
/// let in by the first answer.
pub const SLOTS_AHEAD: u64 = 100;

/// Tombstones, and sessions that ended by themselves, are swept so long after their end.
pub const TOMBSTONE_SECONDS: u32 = 24 * 60 * 60;

/// How long a queue token lives: 30 days.
pub const TOKEN_LIFETIME_SECONDS: u32 = 30 * 24 * 60 * 60;

/// Where a number stands.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Standing {
    /// None before the draw.
    pub rank: Option<Rank>,
    pub turn: Turn,
}

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Turn {
    /// Not called yet, or called while the queue stands still.
    Waiting {
        /// 1 for the next; none before the draw.
        position: Option<u64>,
        outlook: Outlook,
    },
    /// Inside.
    Active { expires_at: EpochMs },
    /// The turn is over; a new number can be had.
    Over,
}

/// A waiting user's place in line, as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueEntry {
    pub lane: Lane,
    pub number: u64,
    pub joined_at: EpochMs,
}
