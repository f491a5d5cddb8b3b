//! Time: milliseconds since 1970 in UTC, and the clock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A stored time may be this far ahead of `now`. Clocks differ by up to a second, and a write that
/// was decided with an earlier `now` may run for two more seconds (the store's operation timeout).
/// The rest is margin.
pub const SKEW_MS: i64 = 5_000;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z. Stored as a number, shown as RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochMs(pub i64);

impl EpochMs {
    /// The end of the year 9999, the last time that RFC 3339 can represent.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// `seconds` later, never past [`EpochMs::MAX`].
    #[must_use]
    pub fn plus_seconds(self, seconds: u32) -> Self {
        self.plus_ms(i64::from(seconds) * 1000)
    }

    /// `ms` milliseconds later, or earlier if negative; clamped to what RFC 3339 can represent.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms).clamp(0, Self::MAX.0))
    }

    /// Milliseconds from `earlier` to this time. Negative if `earlier` is the later one.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How many milliseconds ago a stored time was, at least 0. `None` if it is more than
    /// [`SKEW_MS`] ahead of `now`: a clock that runs ahead wrote it, or the clock has been set back
    /// since. Such a time says nothing, and whatever began then begins anew. Otherwise it would
    /// block its readers until their clocks reach it.
    #[must_use]
    pub fn age_at(self, now: Self) -> Option<i64> {
        let age = now.ms_since(self);
        (age >= -SKEW_MS).then_some(age.max(0))
    }

    /// Whole seconds since 1970, rounded up, as DynamoDB's TTL expects.
    #[must_use]
    pub fn ttl_seconds(self) -> i64 {
        self.0.div_euclid(1000) + 1
    }

    /// Parses RFC 3339 with any offset.
    ///
    /// # Errors
    /// If the text is not an RFC 3339 time, or is before 1970.
    pub fn parse(text: &str) -> Result<Self, String> {
        let moment = OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|e| format!("not an RFC 3339 time: {e}"))?;
        Self::from_time(moment)
    }

    /// The same moment.
    ///
    /// # Errors
    /// If it is before 1970 or after 9999.
    pub fn from_time(moment: OffsetDateTime) -> Result<Self, String> {
        i64::try_from(moment.unix_timestamp_nanos() / 1_000_000)
            .ok()
            .filter(|ms| (0..=Self::MAX.0).contains(ms))
            .map(Self)
            .ok_or_else(|| "the time is before 1970 or after 9999".to_owned())
    }

    /// The time as a date and time in UTC.
    #[must_use]
    pub fn to_utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for EpochMs {
    /// RFC 3339, UTC, with milliseconds: `2026-12-24T10:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        let text = self.to_utc().format(&format).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// For fields of HTTP responses: `#[serde(serialize_with = "rfc3339::serialize")]`.
pub mod rfc3339 {
    use super::EpochMs;
    use serde::Serializer;

    /// Serializes the time as RFC 3339.
    pub fn serialize<S: Serializer>(moment: &EpochMs, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(moment)
    }

    /// The same for an optional field. Combine it with `skip_serializing_if`.
    pub mod option {
        use super::super::EpochMs;
        use serde::Serializer;

        /// Serializes the time as RFC 3339, or nothing.
        pub fn serialize<S: Serializer>(
            moment: &Option<EpochMs>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match moment {
                Some(moment) => serializer.collect_str(moment),
                None => serializer.serialize_none(),
            }
        }
    }

    /// The same for a list.
    pub mod list {
        use super::super::EpochMs;
        use serde::Serializer;

        /// Serializes the times as RFC 3339.
        pub fn serialize<S: Serializer>(
            moments: &[EpochMs],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(moments.iter().map(ToString::to_string))
        }
    }
}

/// A write that was decided at t has taken effect, or failed, by t + 2 s. The store gives up an
/// operation after this time, and reads the clock again before it tries a write again.
pub const WRITE_MS: u64 = 2_000;

/// The source of `now`: the system clock, or a clock that tests set.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system clock.
    System,
    /// The system clock of a machine that may be set wrong, corrected by a service's clock.
    Corrected(CorrectedClock),
    /// A clock that moves only when told to.
    Manual(ManualClock),
}

impl Clock {
    /// The current time.
    #[must_use]
    pub fn now(&self) -> EpochMs {
        match self {
            Self::System => system_time(),
            Self::Corrected(clock) => clock.now(),
            Self::Manual(clock) => clock.now(),
        }
    }
}

fn system_time() -> EpochMs {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    EpochMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The system clock and its correction, in milliseconds. Clones share the correction.
#[derive(Clone, Debug, Default)]
pub struct CorrectedClock(Arc<AtomicI64>);

/// A difference up to this does not say that a clock is wrong: the service tells whole seconds, and
/// its response takes a while to arrive.
const TOLERANCE_MS: i64 = 2_000;

impl CorrectedClock {
    /// The corrected time.
    #[must_use]
    pub fn now(&self) -> EpochMs {
        system_time().plus_ms(self.0.load(Ordering::SeqCst))
    }

    /// Compares the clock with the time of a service, which tells whole seconds, and corrects it if it
    /// is wrong. Returns the correction if it has changed.
    #[must_use]
    pub fn compare(&self, service: EpochMs) -> Option<i64> {
        let correction = self.0.load(Ordering::SeqCst);
        let changed = corrected(correction, self.now(), service)?;
        self.0.store(changed, Ordering::SeqCst);
        Some(changed)
    }
}

/// The new correction of a clock that shows `shown` with the present one. `None` if it is right.
fn corrected(correction: i64, shown: EpochMs, service: EpochMs) -> Option<i64> {
    // On average, half of the second has passed.
    let error = service.plus_ms(500).ms_since(shown);
    (error.abs() > TOLERANCE_MS).then(|| correction.saturating_add(error))
}

/// A clock for tests. Clones share the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn at(start: EpochMs) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }

    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> EpochMs {
        EpochMs(self.0.load(Ordering::SeqCst))
    }

    /// Advances the clock by `ms` milliseconds.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Advances the clock by whole seconds.
    pub fn advance_seconds(&self, seconds: u32) {
        self.advance_ms(i64::from(seconds) * 1000);
    }

    /// Sets the clock.
    pub fn set(&self, to: EpochMs) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_utc_with_milliseconds() {
        let moment = EpochMs::parse("2026-12-24T19:00:00+09:00").unwrap();
        assert_eq!(moment.to_string(), "2026-12-24T10:00:00.000Z");
    }

    #[test]
    fn a_time_far_ahead_has_no_age() {
        let at = EpochMs(100_000);
        assert_eq!(at.age_at(EpochMs(103_000)), Some(3_000));
        assert_eq!(at.age_at(EpochMs(100_000 - SKEW_MS)), Some(0));
        assert_eq!(at.age_at(EpochMs(100_000 - SKEW_MS - 1)), None);
    }

    #[test]
    fn a_formatted_time_can_be_parsed() {
        let moment = EpochMs(1_793_000_000_123);
        assert_eq!(EpochMs::parse(&moment.to_string()), Ok(moment));
    }

    #[test]
    fn a_wrong_clock_is_corrected_and_a_right_one_is_left_alone() {
        let service = EpochMs(1_793_000_000_000);
        for (shown_ms, correction) in [
            (0, None),
            (999, None),
            (-1_400, None),
            (2_400, None),
            (3_600_500, Some(-3_600_000)),
            (-59_500, Some(60_000)),
        ] {
            let shown = service.plus_ms(shown_ms);
            assert_eq!(corrected(0, shown, service), correction, "{shown_ms}");
        }
        // The machine's clock is set right meanwhile.
        let shown = service.plus_ms(60_500);
        assert_eq!(corrected(60_000, shown, service), Some(0));
    }

    #[test]
    fn a_ttl_is_never_earlier_than_its_time() {
        assert_eq!(EpochMs(1_000).ttl_seconds(), 2);
        assert_eq!(EpochMs(1_001).ttl_seconds(), 2);
    }
}
