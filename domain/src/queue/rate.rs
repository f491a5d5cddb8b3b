//! The speed of a lane.

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;

/// How fast a lane calls users, measured over windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// When the current window began.
    pub since: EpochMs,
    /// How many users had been called when the window began.
    pub called: u64,
    /// Calls per minute in thousandths, smoothed over windows. Absent until the first window has
    /// ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute_milli: Option<u64>,
}

/// The minimum length of a window. With the batch strategy it is at least as long as a batch
/// window.
const SHORTEST_WINDOW_MS: i64 = 10_000;

impl Rate {
    /// Calls per minute. `None` if nothing has been measured or nobody was called.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "thousandths of a rate")]
    pub fn per_minute(self) -> Option<f64> {
        self.per_minute_milli
            .filter(|milli| *milli > 0)
            .map(|milli| milli as f64 / 1000.0)
    }

    /// The rate after a promotion at `now`. `called` is the number of issued numbers that have been
    /// called by then. Only time in which users wait counts: an idle queue is not slow.
    #[must_use]
    pub fn observe(
        before: Option<Self>,
        now: EpochMs,
        called: u64,
        somebody_waits: bool,
        batch_seconds: Option<u32>,
    ) -> Self {
        let fresh = |per_minute_milli| Self {
            since: now,
            called,
            per_minute_milli,
        };
        let Some(rate) = before else {
            return fresh(None);
        };
        let passed = called.saturating_sub(rate.called);
        if !somebody_waits && passed == 0 {
            return fresh(rate.per_minute_milli);
        }
        let window = SHORTEST_WINDOW_MS.max(i64::from(batch_seconds.unwrap_or(0)) * 1000);
        let elapsed = now.ms_since(rate.since);
        let Some(elapsed) = u64::try_from(elapsed).ok().filter(|_| elapsed >= window) else {
            return rate;
        };
        let measured = passed.saturating_mul(60_000_000) / elapsed;
        let smoothed = match rate.per_minute_milli {
            Some(former) => u64::midpoint(former, measured),
            None => measured,
        };
        fresh(Some(smoothed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_known_when_the_first_window_has_ended() {
        let start = Rate::observe(None, EpochMs(0), 0, true, None);
        assert_eq!(start.per_minute(), None);
        let soon = Rate::observe(Some(start), EpochMs(9_999), 10, true, None);
        assert_eq!(soon.per_minute(), None);
        // 20 in 20 seconds are 60 per minute.
        let measured = Rate::observe(Some(start), EpochMs(20_000), 20, true, None);
        assert_eq!(measured.per_minute(), Some(60.0));
    }

    #[test]
    fn idle_time_does_not_lower_the_rate() {
        let measured = Rate {
            since: EpochMs(0),
            called: 20,
            per_minute_milli: Some(60_000),
        };
        let later = EpochMs(3_600_000);
        let idle = Rate::observe(Some(measured), later, 20, false, None);
        assert_eq!(idle.per_minute(), Some(60.0));
        let stuck = Rate::observe(Some(measured), EpochMs(60_000), 20, true, None);
        assert_eq!(stuck.per_minute(), Some(30.0));
    }

    #[test]
    fn with_batches_the_rate_is_measured_over_whole_windows() {
        let start = Rate::observe(None, EpochMs(0), 0, true, Some(60));
        let within = Rate::observe(Some(start), EpochMs(30_000), 50, true, Some(60));
        assert_eq!(within.per_minute(), None);
        let whole = Rate::observe(Some(start), EpochMs(60_000), 50, true, Some(60));
        assert_eq!(whole.per_minute(), Some(50.0));
    }
}
