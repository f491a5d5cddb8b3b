//! What operators change about a queue while it runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{QueuePolicy, Strategy};
use crate::clock::EpochMs;
use crate::ids::DateKey;
use crate::plans::{Cancellation, DatePlan, Postponement, Postponements};
use crate::rehearsal::Permit;

/// What operators have changed about a queue. It is kept when a catalogue is applied again.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Control {
    /// The last pause. It is on until it has an end.
    pub pause: Pause,
    /// Closed by hand.
    pub closed: bool,
    /// Replaces the catalogue's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_active: Option<u32>,
    /// Replaces the catalogue's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    /// The announced random value, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beacon: Option<String>,
    /// The event does not take place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// What was changed about single dates. It stays when the catalogue no longer has the date.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dates: BTreeMap<DateKey, DatePlan>,
    /// How the event was postponed, for general admission.
    #[serde(skip_serializing_if = "Postponements::is_empty")]
    pub postponements: Postponements,
    /// Permission to load the event with `boxoffice rush`. It may have expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Permit>,
}

impl Control {
    /// The catalogue's policy with the operators' changes.
    #[must_use]
    pub fn applied_to(&self, policy: QueuePolicy) -> QueuePolicy {
        QueuePolicy {
            max_active: self.max_active.unwrap_or(policy.max_active),
            strategy: match policy.strategy {
                Strategy::Slots => Strategy::Slots,
                Strategy::Batch {
                    batch_size,
                    batch_seconds,
                } => Strategy::Batch {
                    batch_size: self.batch_size.unwrap_or(batch_size),
                    batch_seconds,
                },
            },
            ..policy
        }
    }

    /// What remains of it under a new policy. The latest change wins: a value that the catalogue changes replaces the
    /// operator's.
    #[must_use]
    pub fn under(&self, former: &QueuePolicy, policy: &QueuePolicy) -> Self {
        let mut control = self.clone();
        if former.max_active != policy.max_active || former.lanes != policy.lanes {
            control.max_active = None;
        }
        if former.strategy != policy.strategy || former.lanes != policy.lanes {
            control.batch_size = None;
        }
        control
    }

    /// The queue paused at `now`.
    #[must_use]
    pub fn paused_at(self, now: EpochMs) -> Self {
        Self {
            pause: self.pause.begun_at(now),
            ..self
        }
    }

    /// The queue closed at `now`. Closing also pauses, so that a sale that is opened again continues where it was.
    #[must_use]
    pub fn closed_at(self, now: EpochMs) -> Self {
        Self {
            closed: true,
            ..self.paused_at(now)
        }
    }

    /// The event, or one date of it, cancelled at `now`, unless it was before.
    #[must_use]
    pub fn cancelled_at(mut self, date: Option<DateKey>, now: EpochMs) -> Self {
        let cancellation = self.cancellation_mut(date);
        *cancellation = Some(Cancellation::begun(*cancellation, now));
        self
    }

    /// Everybody has their money back since `now`, of the event or of a date that is cancelled.
    #[must_use]
    pub fn refunded_at(mut self, date: Option<DateKey>, now: EpochMs) -> Self {
        let cancellation = self.cancellation_mut(date);
        *cancellation = cancellation.map(|of| of.refunded(now));
        self
    }

    fn cancellation_mut(&mut self, date: Option<DateKey>) -> &mut Option<Cancellation> {
        match date {
            Some(date) => &mut self.dates.entry(date).or_default().cancellation,
            None => &mut self.cancellation,
        }
    }

    /// The cancellation of the whole event, or that of one date alone.
    #[must_use]
    pub fn cancellation_of(&self, date: Option<DateKey>) -> Option<Cancellation> {
        match date {
            Some(date) => self.dates.get(&date).and_then(|plan| plan.cancellation),
            None => self.cancellation,
        }
    }

    /// How a date was postponed, or a general-admission event.
    #[must_use]
    pub fn postponements(&self, date: Option<DateKey>) -> Option<&Postponements> {
        match date {
            Some(date) => self.dates.get(&date).map(|plan| &plan.postponements),
            None => Some(&self.postponements),
        }
    }

    /// With a postponement of a date, or of a general-admission event.
    #[must_use]
    pub fn postponed(mut self, date: Option<DateKey>, next: Postponement) -> Self {
        let all = match date {
            Some(date) => &mut self.dates.entry(date).or_default().postponements,
            None => &mut self.postponements,
        };
        *all = all.with(next);
        self
    }

    /// The queue running again from `now` on, after a pause or after being closed by hand.
    #[must_use]
    pub fn resumed_at(self, now: EpochMs, grace_seconds: u32) -> Self {
        Self {
            closed: false,
            pause: self.pause.ended_at(now, grace_seconds),
            ..self
        }
    }
}

/// A pause: nobody is called and nobody can arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pause {
    /// When the last one began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began_at: Option<EpochMs>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<EpochMs>,
    /// Until when it spares the users who had been called before it: a grace after its end. Fixed
    /// at its end, because a longer grace must not revive sessions whose slots have been given
    /// away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spares_until: Option<EpochMs>,
}

impl Pause {
    /// Whether the pause is on.
    #[must_use]
    pub fn is_on(self) -> bool {
        self.began_at.is_some() && self.ended_at.is_none()
    }

    /// A pause from `now` on. While the last pause still spares called users, it continues that
    /// pause, because they have not had their full time to arrive yet.
    #[must_use]
    pub fn begun_at(self, now: EpochMs) -> Self {
        if self.is_on() {
            return self;
        }
        let is_sparing = self.spares_until.is_some_and(|until| until > now);
        Self {
            began_at: self.began_at.filter(|_| is_sparing).or(Some(now)),
            ended_at: None,
            spares_until: None,
        }
    }

    /// The pause ended at `now`, if it is on. `grace_seconds` is the grace in force.
    #[must_use]
    pub fn ended_at(self, now: EpochMs, grace_seconds: u32) -> Self {
        if self.is_on() {
            Self {
                ended_at: Some(now),
                spares_until: Some(now.plus_seconds(grace_seconds)),
                ..self
            }
        } else {
            self
        }
    }

    /// A called session is alive at `now` if its `expiresAt` is later than this.
    ///
    /// Without a pause, that is `now`. Called users whose grace was running when a pause began may
    /// arrive until a grace after its end. So during the pause and that grace it is the beginning
    /// of the pause. A pause does not revive sessions that had expired before it began: their slots
    /// have been given away.
    #[must_use]
    pub fn called_cutoff(self, now: EpochMs) -> EpochMs {
        let spares = self.is_on() || self.spares_until.is_some_and(|until| until > now);
        match self.began_at {
            Some(began) if spares => began.min(now),
            Some(_) | None => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: u32 = 120;

    #[test]
    fn pausing_and_resuming_twice_changes_nothing() {
        let paused = Control::default().paused_at(EpochMs(1));
        assert_eq!(paused.clone().paused_at(EpochMs(9)), paused);
        let resumed = paused.resumed_at(EpochMs(20), GRACE);
        assert_eq!(resumed.clone().resumed_at(EpochMs(30), GRACE), resumed);
        assert_eq!(
            Control::default().resumed_at(EpochMs(5), GRACE),
            Control::default()
        );
    }

    #[test]
    fn a_queue_closed_by_hand_can_be_opened_again_and_spares_called_users_like_a_pause() {
        let closed = Control::default().closed_at(EpochMs(50_000));
        assert!(closed.closed && closed.pause.is_on());
        let again = closed.resumed_at(EpochMs(600_000), GRACE);
        assert!(!again.closed && !again.pause.is_on());
        let cutoff = again.pause.called_cutoff(EpochMs(700_000));
        assert_eq!(cutoff, EpochMs(50_000));
    }

    #[test]
    fn the_latest_change_wins() {
        let catalogue = QueuePolicy::default();
        let control = Control {
            max_active: Some(7),
            ..Control::default()
        };
        assert_eq!(control.applied_to(catalogue).max_active, 7);
        let longer = QueuePolicy {
            session_seconds: 900,
            ..catalogue
        };
        assert_eq!(control.under(&catalogue, &longer).max_active, Some(7));
        let larger = QueuePolicy {
            max_active: 200,
            ..catalogue
        };
        assert_eq!(control.under(&catalogue, &larger).max_active, None);
    }
}
