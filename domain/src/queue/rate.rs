//! The speed of a lane.

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;

/// How fast a lane calls users, measured over windows of time in which somebody waited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// When the last promotion ended.
    pub since: EpochMs,
    /// How many users had been called by then.
    pub called: u64,
    /// Whether users still waited then. If so, they wait until the next promotion, so the time
    /// until then counts.
    #[serde(default)]
    pub waiting: bool,
    /// The length of the current window so far: time in which somebody waited.
    #[serde(default)]
    pub waited_ms: u64,
    /// How many users were called in that time.
    #[serde(default)]
    pub calls: u64,
    /// Calls per minute in thousandths, smoothed over windows. Absent until the first window has
    /// ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute_milli: Option<u64>,
}

/// What a promotion observes when it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    pub now: EpochMs,
    /// How many issued numbers have been called.
    pub called: u64,
    /// How many of those that this promotion called had been given up.
    pub given_up: u64,
    /// Whether users still wait.
    pub waiting: bool,
    /// With the batch strategy, the length of a batch window.
    pub batch_seconds: Option<u32>,
    /// When the last pause ended. Nobody is called in a pause, so its time does not count.
    pub resumed_at: Option<EpochMs>,
}

/// The minimum length of a window. With the batch strategy it is at least as long as a batch
/// window.
const SHORTEST_WINDOW_MS: u64 = 10_000;
/// Longer times between two promotions do not count. The schedule promotes a lane with waiting
/// users every minute, so something else stopped the calls: the sale was closed or sold out.
const LONGEST_GAP_MS: i64 = 120_000;

impl Rate {
    /// Calls per minute. `None` if nothing has been measured or nobody was called.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "thousandths of a rate")]
    pub fn per_minute(self) -> Option<f64> {
        self.per_minute_milli
            .filter(|milli| *milli > 0)
            .map(|milli| milli as f64 / 1000.0)
    }

    /// The rate after a promotion. Only time in which users wait counts: an idle queue is not slow.
    #[must_use]
    pub fn observe(before: Option<Self>, seen: Observation) -> Self {
        let mut rate = Self {
            since: seen.now,
            called: seen.called,
            waiting: seen.waiting,
            waited_ms: before.map_or(0, |rate| rate.waited_ms),
            calls: before.map_or(0, |rate| rate.calls),
            per_minute_milli: before.and_then(|rate| rate.per_minute_milli),
        };
        let Some(waited_ms) = before.and_then(|before| before.waited_until(seen)) else {
            return rate;
        };
        rate.waited_ms += waited_ms;
        rate.calls += seen
            .called
            .saturating_sub(before.map_or(0, |rate| rate.called))
            .saturating_sub(seen.given_up);
        let batch_ms = u64::from(seen.batch_seconds.unwrap_or(0)) * 1000;
        if rate.waited_ms < SHORTEST_WINDOW_MS.max(batch_ms) {
            return rate;
        }
        let measured = rate.calls.saturating_mul(60_000_000) / rate.waited_ms;
        let smoothed = match rate.per_minute_milli {
            Some(former) => u64::midpoint(former, measured),
            None => measured,
        };
        Self {
            waited_ms: 0,
            calls: 0,
            per_minute_milli: Some(smoothed),
            ..rate
        }
    }

    /// How long users waited from the last promotion until this one. `None` if that time does not
    /// count.
    fn waited_until(self, seen: Observation) -> Option<u64> {
        let age = self.since.age_at(seen.now).filter(|_| self.waiting)?;
        if age > LONGEST_GAP_MS {
            return None;
        }
        let since_resumed = seen.resumed_at.and_then(|at| at.age_at(seen.now));
        let waited = since_resumed.map_or(age, |since_resumed| age.min(since_resumed));
        u64::try_from(waited).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, called: u64, waiting: bool) -> Observation {
        Observation {
            now: EpochMs(seconds * 1000),
            called,
            given_up: 0,
            waiting,
            batch_seconds: None,
            resumed_at: None,
        }
    }

    /// The rate after these observations.
    fn after(seen: impl IntoIterator<Item = Observation>) -> Rate {
        let rate = seen
            .into_iter()
            .fold(None, |rate, seen| Some(Rate::observe(rate, seen)));
        rate.unwrap()
    }

    #[test]
    fn a_rate_is_known_when_the_first_window_has_ended() {
        let start = [at(0, 0, true), at(9, 10, true)];
        assert_eq!(after(start).per_minute(), None);
        // 20 in 20 seconds are 60 per minute.
        let measured = start.into_iter().chain([at(20, 20, true)]);
        assert_eq!(after(measured).per_minute(), Some(60.0));
    }

    #[test]
    fn idle_hours_before_and_between_rushes_do_not_lower_the_rate() {
        let six_hours = 6 * 3_600;
        let idle = [at(0, 0, false), at(six_hours, 3, true)];
        assert_eq!(after(idle).per_minute(), None);
        let rush = |from, first| {
            (1..=20_u32).map(move |n| at(from + i64::from(n), first + u64::from(n), n < 20))
        };
        let once = idle.into_iter().chain(rush(six_hours, 3));
        assert_eq!(after(once.clone()).per_minute(), Some(60.0));
        let again = once
            .chain([at(2 * six_hours, 24, true)])
            .chain(rush(2 * six_hours, 24));
        assert_eq!(after(again).per_minute(), Some(60.0));
    }

    #[test]
    fn numbers_that_were_given_up_are_not_calls() {
        let passed = Observation {
            given_up: 1_000,
            ..at(20, 1_020, true)
        };
        assert_eq!(after([at(0, 0, true), passed]).per_minute(), Some(60.0));
    }

    #[test]
    fn short_waits_add_up_to_a_window() {
        // Every 100 seconds, somebody waits for 2 seconds and is called.
        let waits = (0..6_i64).flat_map(|n| {
            let called = u64::try_from(n).unwrap();
            [
                at(100 * n, called, true),
                at(100 * n + 2, called + 1, false),
            ]
        });
        assert_eq!(after(waits).per_minute(), Some(30.0));
    }

    #[test]
    fn a_queue_that_calls_nobody_becomes_slower() {
        let measured = [at(0, 0, true), at(20, 20, true)];
        let stuck = measured.into_iter().chain([at(60, 20, true)]);
        assert_eq!(after(stuck).per_minute(), Some(30.0));
    }

    #[test]
    fn a_pause_does_not_lower_the_rate() {
        let resumed = |seconds, called| Observation {
            resumed_at: Some(EpochMs(100_000)),
            ..at(seconds, called, true)
        };
        let seen = [
            at(0, 0, true),
            at(10, 10, true),
            resumed(101, 11),
            resumed(110, 20),
        ];
        assert_eq!(after(seen).per_minute(), Some(60.0));
    }

    #[test]
    fn after_the_clock_was_set_back_the_rate_is_measured_anew() {
        let day = 86_400;
        let ahead = [at(day, 0, true), at(day + 20, 20, true)];
        let back = ahead.into_iter().chain([at(0, 20, true), at(20, 60, true)]);
        assert_eq!(after(back).per_minute(), Some(90.0));
    }

    #[test]
    fn with_batches_the_rate_is_measured_over_whole_windows() {
        let batch = |seconds, called| Observation {
            batch_seconds: Some(60),
            ..at(seconds, called, true)
        };
        let start = [batch(0, 0), batch(30, 50)];
        assert_eq!(after(start).per_minute(), None);
        assert_eq!(
            after(start.into_iter().chain([batch(60, 50)])).per_minute(),
            Some(50.0)
        );
    }
}
