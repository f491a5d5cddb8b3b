//! The policies of a queue, as the catalogue defines them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{Lane, UserId};

/// The policies of an event's queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueuePolicy {
    /// How many ranks are called, and when.
    pub strategy: Strategy,
    /// The maximum number of used slots, 1 to 100,000.
    pub max_active: u32,
    /// The length of a session after arrival, in seconds.
    pub session_seconds: u32,
    /// The time to arrive after the call, in seconds.
    pub grace_seconds: u32,
    /// What happens to a waiting user's number when the user joins again.
    pub reissue: Reissue,
    /// What ends a session.
    pub token_ends_on: TokenEndsOn,
    /// The order in which users who joined before the opening are called.
    pub order: Order,
    /// The number of lanes.
    pub lanes: Lanes,
    /// By how many percent the used slots may exceed `max_active`, to compensate for no-shows; 0 to
    /// 100.
    pub overbook_percent: u32,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self {
            strategy: Strategy::Slots,
            max_active: 100,
            session_seconds: 600,
            grace_seconds: 120,
            reissue: Reissue::Keep,
            token_ends_on: TokenEndsOn::Payment,
            order: Order::Arrival,
            lanes: Lanes::ONE,
            overbook_percent: 0,
        }
    }
}

/// How many ranks are called, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Strategy {
    /// Like a bank counter: when a slot becomes free, the next rank is called.
    Slots,
    /// Like a ride in an amusement park: a fixed number at a time, but never more than
    /// `max_active`.
    Batch {
        /// The maximum number of ranks called in a window, 1 to 100,000.
        batch_size: u32,
        /// The length of a window, in seconds.
        batch_seconds: u32,
    },
}

/// What happens to a user's number when the user joins again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reissue {
    /// The user keeps it.
    Keep,
    /// It is replaced by a new number at the end of the line.
    Requeue,
}

/// What ends a session before its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenEndsOn {
    /// A payment. Until then the user may look around and hold seats on other dates.
    Payment,
    /// A hold. After it the user only has to pay.
    Hold,
}

/// The order in which users who joined before the opening are called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Order {
    /// In order of arrival.
    Arrival,
    /// By lot. Users who join after the opening come behind them, in order of arrival.
    Draw,
}

/// The number of lanes, 1 to 64. Users are distributed by hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lanes(u8);

impl Lanes {
    /// The default: one lane in exact order.
    pub const ONE: Self = Self(1);
    /// More lanes than any sale has needed.
    pub const MOST: u8 = 64;

    /// A number of lanes. `None` if it is not 1 to 64.
    #[must_use]
    pub fn new(count: u8) -> Option<Self> {
        (1..=Self::MOST).contains(&count).then_some(Self(count))
    }

    /// The number of lanes.
    #[must_use]
    pub fn count(self) -> u8 {
        self.0
    }

    /// All lanes.
    pub fn all(self) -> impl ExactSizeIterator<Item = Lane> + use<> {
        (0..self.0).map(Lane)
    }

    /// A user's lane, which never changes. It is chosen by hash, because ids may be sequential or
    /// contain the time.
    #[must_use]
    pub fn of(self, user: UserId) -> Lane {
        if self == Self::ONE {
            return Lane::FIRST;
        }
        let [byte, second, ..] = <[u8; 32]>::from(Sha256::digest(user.as_bytes()));
        let spread = u16::from_be_bytes([byte, second]) % u16::from(self.0);
        // Below 64.
        Lane(u8::try_from(spread).unwrap_or_default())
    }

    /// A lane's share of a total. The shares of all lanes add up to the total and differ by at most
    /// one.
    #[must_use]
    pub fn share(self, of: u32, lane: Lane) -> u32 {
        let (lanes, lane) = (u32::from(self.0), u32::from(lane.0));
        if lane >= lanes {
            return 0;
        }
        of / lanes + u32::from(lane < of % lanes)
    }
}

/// The limits of one lane's promotion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LaneLimits {
    /// The lane's share of the slots.
    pub max_active: u32,
    /// The lane's share of the slots including overbooking; not less than `max_active`.
    pub overbooked: u32,
    /// The lane's batch, with the batch strategy.
    pub batch: Option<Batch>,
}

/// A lane's share of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch {
    pub size: u32,
    pub seconds: u32,
    /// The length of a session. It is needed to compute when a session's user arrived.
    pub session_seconds: u32,
}

impl QueuePolicy {
    /// A lane's limits. Each lane has its own share: shared capacity would be given away twice,
    /// because the lanes' promotions do not wait for each other.
    #[must_use]
    pub fn limits(&self, lane: Lane) -> LaneLimits {
        let more = u64::from(self.max_active) * u64::from(self.overbook_percent) / 100;
        let overbooked = self
            .max_active
            .saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        LaneLimits {
            max_active: self.lanes.share(self.max_active, lane),
            overbooked: self.lanes.share(overbooked, lane),
            batch: match self.strategy {
                Strategy::Slots => None,
                Strategy::Batch {
                    batch_size,
                    batch_seconds,
                } => Some(Batch {
                    size: self.lanes.share(batch_size, lane),
                    seconds: batch_seconds,
                    session_seconds: self.session_seconds,
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_shares_of_the_lanes_add_up_to_the_total(lanes in 1..=64_u8, total in 0..200_000_u32) {
            let lanes = Lanes::new(lanes).unwrap();
            let shares: Vec<_> = lanes.all().map(|lane| lanes.share(total, lane)).collect();
            prop_assert_eq!(shares.iter().sum::<u32>(), total);
            prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
            prop_assert_eq!(lanes.share(total, Lane(lanes.count())), 0);
        }

        #[test]
        fn overbooking_is_at_least_the_slots_per_lane_and_within_the_limit_in_total(
            lanes in 1..=64_u8,
            max_active in 64..=100_000_u32,
            overbook_percent in 0..=100_u32,
        ) {
            let lanes = Lanes::new(lanes).unwrap();
            let policy = QueuePolicy { max_active, lanes, overbook_percent, ..QueuePolicy::default() };
            let limits: Vec<_> = lanes.all().map(|lane| policy.limits(lane)).collect();
            prop_assert!(limits.iter().all(|limit| limit.overbooked >= limit.max_active));
            let most: u32 = limits.iter().map(|limit| limit.overbooked).sum();
            prop_assert!(u64::from(most) * 100 <= u64::from(max_active) * u64::from(100 + overbook_percent));
        }
    }

    #[test]
    fn users_are_distributed_evenly_and_keep_their_lane() {
        let lanes = Lanes::new(8).unwrap();
        let mut count = [0_u32; 8];
        for n in 0..8_000_u128 {
            // Sequential ids are the worst case for the distribution.
            let user = UserId::parse(&uuid::Uuid::from_u128(n).to_string()).unwrap();
            assert_eq!(lanes.of(user), lanes.of(user));
            count[usize::from(lanes.of(user).0)] += 1;
        }
        // Binomial with mean 1,000 and standard deviation 30: five deviations.
        assert!(count.iter().all(|n| (850..1150).contains(n)), "{count:?}");
    }

    #[test]
    fn a_queue_has_one_to_sixty_four_lanes() {
        assert_eq!(Lanes::new(0), None);
        assert_eq!(Lanes::new(65), None);
        assert_eq!(Lanes::new(64).map(|lanes| lanes.all().len()), Some(64));
    }
}
