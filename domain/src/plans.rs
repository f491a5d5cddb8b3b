//! When plans change: an event or a date of it is cancelled, or takes place at another time.
//!
//! A date keeps its key, which is in the keys of its seats and reservations. So a date that is postponed changes in one
//! write, with all tickets.

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::ids::DateKey;

/// An event or a date that does not take place. This cannot be taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    pub at: EpochMs,
    /// When everybody had their money back. `None`: that is not done yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded_at: Option<EpochMs>,
}

/// A payment that was decided before a cancellation is over after this time, in seconds: an event may
/// be two seconds old, and a request takes at most 29.
pub const CANCELLATION_SETTLES_SECONDS: u32 = 60;

impl Cancellation {
    /// Cancelled at `now`, unless it was before.
    #[must_use]
    pub fn begun(former: Option<Self>, now: EpochMs) -> Self {
        former.unwrap_or(Self {
            at: now,
            refunded_at: None,
        })
    }

    /// Everybody has their money back since `now`, unless they had it before.
    #[must_use]
    pub fn refunded(self, now: EpochMs) -> Self {
        Self {
            refunded_at: self.refunded_at.or(Some(now)),
            ..self
        }
    }

    /// Whether nothing can be sold any more by what began before it.
    #[must_use]
    pub fn has_settled(self, now: EpochMs) -> bool {
        self.at.plus_seconds(CANCELLATION_SETTLES_SECONDS) <= now
    }
}

/// A performance was moved to another time, with its tickets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Postponement {
    /// When that was done.
    pub at: EpochMs,
    /// The start before.
    pub from: EpochMs,
    /// The start from then on.
    pub to: EpochMs,
    /// The day of the new start at the venue.
    pub day: DateKey,
    /// Until when everybody can give tickets back for all that was paid. `None`: only by the usual
    /// rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns_until: Option<EpochMs>,
}

/// Every postponement of a performance, the first one first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Postponements(Vec<Postponement>);

impl Postponements {
    /// At most this many, so that an event stays far below the size of an item.
    pub const MOST: usize = 20;

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Postponement> {
        self.0.iter()
    }

    /// The last one, which says when the performance is.
    #[must_use]
    pub fn last(&self) -> Option<&Postponement> {
        self.0.last()
    }

    /// The starts that no longer hold, the first one first.
    #[must_use]
    pub fn former_starts(&self) -> Vec<EpochMs> {
        self.0.iter().map(|it| it.from).collect()
    }

    /// Until when everything is given back: the latest of the promises.
    #[must_use]
    pub fn returns_until(&self) -> Option<EpochMs> {
        self.0.iter().filter_map(|it| it.returns_until).max()
    }

    /// With one more, unless it says what the last one says. Of a time that is the same, only the
    /// returns are changed.
    #[must_use]
    pub fn with(&self, next: Postponement) -> Self {
        let mut all = self.0.clone();
        match all.last_mut() {
            Some(last) if last.to == next.to => {
                last.returns_until = next.returns_until.or(last.returns_until);
            }
            Some(_) | None => all.push(next),
        }
        Self(all)
    }

    /// The start of a performance for which a catalogue says `start`. A former start means what the
    /// operator has moved it to since. `None`: the catalogue says neither.
    #[must_use]
    pub fn start_for(&self, start: EpochMs) -> Option<EpochMs> {
        let Some(last) = self.last() else {
            return Some(start);
        };
        let is_known = last.to == start || self.0.iter().any(|it| it.from == start);
        is_known.then_some(last.to)
    }
}

/// What operators have changed about one date.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DatePlan {
    /// The date does not take place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    #[serde(skip_serializing_if = "Postponements::is_empty")]
    pub postponements: Postponements,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postponement(from: i64, to: i64, returns_until: Option<i64>) -> Postponement {
        Postponement {
            at: EpochMs(1),
            from: EpochMs(from),
            to: EpochMs(to),
            day: DateKey::parse("2027-01-09").unwrap(),
            returns_until: returns_until.map(EpochMs),
        }
    }

    #[test]
    fn postponing_twice_keeps_the_whole_history_and_the_longest_promise() {
        let once = Postponements::default().with(postponement(10, 20, Some(15)));
        let twice = once.with(postponement(20, 30, None));
        assert_eq!(twice.former_starts(), [EpochMs(10), EpochMs(20)]);
        assert_eq!(twice.returns_until(), Some(EpochMs(15)));
        assert_eq!(twice.last().map(|it| it.to), Some(EpochMs(30)));
    }

    #[test]
    fn postponing_to_the_same_time_changes_only_the_returns() {
        let once = Postponements::default().with(postponement(10, 20, Some(15)));
        assert_eq!(once.with(postponement(20, 20, None)), once);
        let longer = once.with(postponement(20, 20, Some(17)));
        assert_eq!(longer.former_starts(), [EpochMs(10)]);
        assert_eq!(longer.returns_until(), Some(EpochMs(17)));
    }

    #[test]
    fn a_catalogue_that_says_a_former_start_does_not_move_a_performance_back() {
        let none = Postponements::default();
        assert_eq!(none.start_for(EpochMs(10)), Some(EpochMs(10)));
        let twice = none
            .with(postponement(10, 20, None))
            .with(postponement(20, 30, None));
        for said in [10, 20, 30] {
            assert_eq!(twice.start_for(EpochMs(said)), Some(EpochMs(30)));
        }
        assert_eq!(twice.start_for(EpochMs(40)), None);
    }

    #[test]
    fn a_cancellation_keeps_the_times_of_its_first_steps() {
        let begun = Cancellation::begun(None, EpochMs(5));
        assert_eq!(Cancellation::begun(Some(begun), EpochMs(9)), begun);
        let refunded = begun.refunded(EpochMs(7));
        assert_eq!(refunded.refunded(EpochMs(9)), refunded);
        assert!(!begun.has_settled(EpochMs(60_004)));
        assert!(begun.has_settled(EpochMs(60_005)));
    }
}
