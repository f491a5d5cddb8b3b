//! A lane's head, and the estimates for waiting users.

use serde::{Deserialize, Serialize, Serializer};

use super::{Batch, Departures, Draw, PROMOTION_INTERVAL_MS, Rate, Turnout};
use crate::clock::EpochMs;
use crate::ids::Rank;
use crate::shortage::Shortage;

/// A lane's head: the values that change with joins and promotions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Head {
    /// The number of issued numbers.
    pub issued: u64,
    /// The watermark. It is ahead of `issued` while slots are open for users who have not joined
    /// yet.
    pub admitted: u64,
    /// All sessions up to this rank are dead.
    pub floor: u64,
    /// When the last promotion ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promoted_at: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// The current batch window, with the batch strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchWindow>,
    /// The turnout of the ranks up to the floor.
    pub turnout: Turnout,
    /// The waiting ranks that had been given up when the last promotion ended.
    #[serde(skip_serializing_if = "Departures::is_empty")]
    pub departed: Departures,
    /// Whether the last promotion found that nothing is left to buy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortage: Option<Shortage>,
    /// Only if the order is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<Draw>,
}

/// The schedule promotes lanes with waiting users every minute. So a shortage that was found longer
/// ago says nothing.
const SHORTAGE_KNOWN_MS: i64 = 120_000;

/// A window in which one batch is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchWindow {
    /// When the window began.
    pub since: EpochMs,
    /// How many slots of the batch have been used.
    pub used: u32,
    /// How many open slots were ahead of the issued numbers when the last promotion ended. If one
    /// of them is taken in a later window, it counts there.
    pub kept: u32,
}

impl Head {
    /// Issued numbers that have not been called.
    #[must_use]
    pub fn uncalled(&self) -> u64 {
        self.issued.saturating_sub(self.admitted)
    }

    /// How many users wait: the uncalled numbers without those that are known to have been given
    /// up.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.uncalled().saturating_sub(self.departed.total())
    }

    /// Issued numbers that have been called.
    #[must_use]
    pub fn called(&self) -> u64 {
        self.issued.min(self.admitted)
    }

    /// Whether the rank has been called.
    #[must_use]
    pub fn has_called(&self, rank: Rank) -> bool {
        rank.0 <= self.admitted
    }

    /// Whether enough time has passed since the last promotion for the next one.
    #[must_use]
    pub fn promotion_is_due(&self, now: EpochMs) -> bool {
        let age = self.promoted_at.and_then(|at| at.age_at(now));
        age.is_none_or(|age| age >= PROMOTION_INTERVAL_MS)
    }

    /// Whether nothing is left to buy. Only a recent promotion knows: without waiting users, nobody
    /// looks.
    #[must_use]
    pub fn shortage_at(&self, now: EpochMs) -> Option<Shortage> {
        let age = self.promoted_at.and_then(|at| at.age_at(now))?;
        self.shortage.filter(|_| age < SHORTAGE_KNOWN_MS)
    }

    /// The same for all lanes of an event. The latest promotion knows, because lanes in which
    /// nobody waits are not promoted.
    #[must_use]
    pub fn shortage_of_lanes(heads: &[Self], now: EpochMs) -> Option<Shortage> {
        let latest = heads.iter().max_by_key(|head| head.promoted_at)?;
        latest.shortage_at(now)
    }

    /// Whether this head is an earlier state than the other: numbers only increase, and so do the
    /// times of promotions, except that clocks differ. A fixed draw stays fixed.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        let is_drawn = |head: &Self| head.draw.is_some_and(|draw| draw.count.is_some());
        let age = |head: &Self| (head.issued, is_drawn(head), head.promoted_at);
        age(self) < age(other)
    }

    /// The batch window at `now`. Windows follow each other without gaps, even if no promotion
    /// runs. The unused part of a batch is lost, and slots that it left open ahead of the issued
    /// numbers count in the next window. A window that begins too far ahead of `now` is replaced by
    /// one that begins now.
    #[must_use]
    pub fn batch_at(&self, now: EpochMs, batch: Batch) -> BatchWindow {
        let Some(window) = self.batch else {
            return BatchWindow {
                since: now,
                used: 0,
                kept: 0,
            };
        };
        let length = i64::from(batch.seconds.max(1)) * 1000;
        let since = match window.since.age_at(now) {
            Some(age) if age < length => return window,
            Some(age) => window.since.plus_ms(age / length * length),
            None => now,
        };
        BatchWindow {
            since,
            used: window.kept,
            kept: window.kept,
        }
    }

    /// The position in the lane: 1 is called next. It is an upper bound: users ahead who have left
    /// are counted until a promotion has seen that.
    #[must_use]
    pub fn position(&self, rank: Rank) -> u64 {
        let ahead = rank.0.saturating_sub(self.admitted);
        ahead.saturating_sub(self.departed.below(rank)).max(1)
    }

    /// The estimate for a position. `None` is a user who has no rank before the draw.
    #[must_use]
    pub fn wait_estimate(&self, position: Option<u64>, grace_seconds: u32) -> WaitEstimate {
        let estimated_wait_seconds = position
            .zip(self.rate.and_then(Rate::per_minute))
            .map(|(position, per_minute)| seconds_until(position, per_minute));
        // Without a measured rate, users far back poll less often, too: a million users polling
        // every other second would be half a million requests per second.
        let seconds = match estimated_wait_seconds {
            Some(wait) => wait / 10,
            None => position.unwrap_or(self.waiting()) / 100,
        };
        WaitEstimate {
            estimated_wait_seconds,
            poll_after: PollAfter::about(seconds, grace_seconds),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate: precise to the second, saturating"
)]
fn seconds_until(position: u64, per_minute: f64) -> u64 {
    (position as f64 * 60.0 / per_minute).ceil() as u64
}

/// How long a user will probably wait, and when to poll again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WaitEstimate {
    /// `None` until a rate has been measured.
    pub estimated_wait_seconds: Option<u64>,
    pub poll_after: PollAfter,
}

impl WaitEstimate {
    /// The same hint, without a time: nobody is called at the moment, and nobody knows for how
    /// long.
    #[must_use]
    pub fn without_time(self) -> Self {
        Self {
            estimated_wait_seconds: None,
            ..self
        }
    }

    /// Before the sale opens nothing happens, so poll after half the remaining time.
    #[must_use]
    pub fn before(opens_at: EpochMs, now: EpochMs, grace_seconds: u32) -> Self {
        let seconds = u64::try_from(opens_at.ms_since(now) / 2000).unwrap_or(0);
        Self {
            estimated_wait_seconds: None,
            poll_after: PollAfter::about(seconds, grace_seconds),
        }
    }
}

/// When to poll again, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PollAfter {
    milliseconds: u64,
}

impl PollAfter {
    /// A hint of `seconds`, limited to a reasonable range and to half the grace, because a user who
    /// is called in the meantime needs time to arrive.
    #[must_use]
    pub fn about(seconds: u64, grace_seconds: u32) -> Self {
        let seconds = seconds.clamp(SHORTEST_POLL_SECONDS, LONGEST_POLL_SECONDS);
        Self {
            milliseconds: (seconds * 1000).min(u64::from(grace_seconds) * 500),
        }
    }

    /// A hint of whole seconds, for refusals that do not depend on the queue.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self {
            milliseconds: seconds * 1000,
        }
    }

    /// The hint with jitter, 75 to 100 % of its value, so that clients that were answered together
    /// do not poll together. `random` is in 0..=255.
    #[must_use]
    pub fn jittered(self, random: u8) -> Self {
        let shorter = self.milliseconds - self.milliseconds * u64::from(random) / 1024;
        // Half seconds occur only with a grace that is too short for a whole second.
        Self {
            milliseconds: shorter.max(self.milliseconds.min(1000)),
        }
    }

    /// The hint in whole seconds, at least one, for `Retry-After`.
    #[must_use]
    pub fn whole_seconds(self) -> u64 {
        (self.milliseconds / 1000).max(1)
    }
}

impl Serialize for PollAfter {
    /// Whole seconds. Only a grace of one second leads to a shorter hint, which is always 0.5.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.milliseconds < 1000 {
            serializer.serialize_f64(0.5)
        } else {
            serializer.serialize_u64(self.whole_seconds())
        }
    }
}

/// The longest hint, even for users far back: browsers wake hidden tabs once a minute, and the
/// watermark may advance suddenly.
const LONGEST_POLL_SECONDS: u64 = 30;
/// The shortest hint, unless the grace requires a shorter one.
const SHORTEST_POLL_SECONDS: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GRACE: u32 = 120;

    fn at_rate(per_minute_milli: u64) -> Head {
        Head {
            rate: Some(Rate {
                since: EpochMs(0),
                called: 0,
                waiting: true,
                waited_ms: 0,
                calls: 0,
                per_minute_milli: Some(per_minute_milli),
            }),
            ..Head::default()
        }
    }

    #[test]
    fn the_next_to_be_called_has_position_one() {
        let head = Head {
            issued: 10,
            admitted: 4,
            ..Head::default()
        };
        assert_eq!(head.position(Rank(5)), 1);
        assert_eq!(head.position(Rank(10)), 6);
        assert_eq!(head.waiting(), 6);
    }

    #[test]
    fn users_ahead_who_have_left_are_not_counted() {
        let head = Head {
            issued: 1_002,
            admitted: 1,
            departed: Departures::of((2..=1_001).map(Rank)),
            ..Head::default()
        };
        assert_eq!((head.position(Rank(1_002)), head.waiting()), (1, 1));
        assert_eq!(head.uncalled(), 1_001);
    }

    #[test]
    fn slots_open_ahead_do_not_count_as_called() {
        let head = Head {
            issued: 3,
            admitted: 100,
            ..Head::default()
        };
        assert_eq!((head.called(), head.waiting()), (3, 0));
    }

    #[test]
    fn an_earlier_state_of_a_head_is_older() {
        let head = |issued, promoted_at: i64| Head {
            issued,
            promoted_at: Some(EpochMs(promoted_at)),
            ..Head::default()
        };
        assert!(head(4, 1_000).is_older_than(&head(5, 1_000)));
        assert!(head(5, 1_000).is_older_than(&head(5, 2_000)));
        assert!(!head(5, 2_000).is_older_than(&head(5, 2_000)));
        assert!(!head(5, 2_000).is_older_than(&head(4, 3_000)));
    }

    #[test]
    fn a_shortage_is_known_only_for_a_while_after_the_last_promotion() {
        let head = Head {
            promoted_at: Some(EpochMs(0)),
            shortage: Some(Shortage::SoldOut),
            ..Head::default()
        };
        assert_eq!(head.shortage_at(EpochMs(60_000)), Some(Shortage::SoldOut));
        assert_eq!(head.shortage_at(EpochMs(600_000)), None);
    }

    #[test]
    fn there_is_no_estimate_without_a_rate_or_before_the_draw() {
        let unmeasured = Head::default();
        let estimate =
            |head: &Head, position| head.wait_estimate(position, GRACE).estimated_wait_seconds;
        assert_eq!(estimate(&unmeasured, Some(100)), None);
        assert_eq!(estimate(&at_rate(60_000), Some(100)), Some(100));
        assert_eq!(estimate(&at_rate(60_000), None), None);
    }

    #[test]
    fn users_far_back_poll_less_often_even_without_a_rate() {
        for head in [Head::default(), at_rate(60_000)] {
            let hints: Vec<_> = [1, 500, 100_000]
                .map(|position| {
                    head.wait_estimate(Some(position), GRACE)
                        .poll_after
                        .whole_seconds()
                })
                .to_vec();
            assert!(
                hints.is_sorted() && hints[0] == 2 && hints[2] == 30,
                "{hints:?}"
            );
        }
    }

    #[test]
    fn before_the_opening_the_hint_is_half_the_remaining_time() {
        let hint = |remaining: i64| {
            WaitEstimate::before(EpochMs(remaining), EpochMs(0), GRACE)
                .poll_after
                .whole_seconds()
        };
        assert_eq!((hint(3_600_000), hint(40_000), hint(1_000)), (30, 20, 2));
    }

    const BATCH: Batch = Batch {
        size: 10,
        seconds: 60,
        session_seconds: 600,
    };

    #[test]
    fn batch_windows_have_no_gaps_and_unused_batches_are_lost() {
        let mut head = Head::default();
        let first = head.batch_at(EpochMs(5_000), BATCH);
        assert_eq!((first.since, first.used), (EpochMs(5_000), 0));
        head.batch = Some(BatchWindow { used: 10, ..first });
        assert_eq!(head.batch_at(EpochMs(64_999), BATCH).used, 10);
        // A clock that is behind also sees the window as current.
        assert_eq!(head.batch_at(EpochMs(4_000), BATCH).used, 10);
        let later = head.batch_at(EpochMs(305_001), BATCH);
        assert_eq!((later.since, later.used), (EpochMs(305_000), 0));
    }

    #[test]
    fn a_batch_window_that_begins_in_the_future_is_replaced_by_a_new_one() {
        let head = Head {
            batch: Some(BatchWindow {
                since: EpochMs(3_600_000),
                used: 10,
                kept: 2,
            }),
            ..Head::default()
        };
        let window = head.batch_at(EpochMs(5_000), BATCH);
        assert_eq!((window.since, window.used), (EpochMs(5_000), 2));
    }

    #[test]
    fn slots_left_open_by_the_last_batch_count_in_the_next() {
        let head = Head {
            batch: Some(BatchWindow {
                since: EpochMs(0),
                used: 10,
                kept: 6,
            }),
            ..Head::default()
        };
        assert_eq!(head.batch_at(EpochMs(60_000), BATCH).used, 6);
    }

    proptest! {
        #[test]
        fn a_poll_hint_is_positive_and_at_most_half_the_grace(
            position in proptest::option::of(1..10_000_000_u64),
            rate in proptest::option::of(0..10_000_000_u64),
            remaining in -100_000..100_000_000_i64,
            grace in 1..=86_400_u32,
            random: u8,
        ) {
            let head = rate.map_or_else(Head::default, at_rate);
            let waiting = head.wait_estimate(position, grace);
            let before = WaitEstimate::before(EpochMs(remaining), EpochMs(0), grace);
            for estimate in [waiting, before] {
                let hint = estimate.poll_after.jittered(random);
                let seconds = serde_json::to_value(hint).unwrap().as_f64().unwrap();
                prop_assert!(seconds > 0.0 && seconds * 2.0 <= f64::from(grace));
                prop_assert!(hint.whole_seconds() >= 1);
            }
        }
    }
}
