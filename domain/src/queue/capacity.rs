//! How many more ranks a promotion may call.

use super::turnout::FEWEST_DECIDED;
use super::{Batch, BatchWindow, Head, LaneLimits, Survey, Turnout};
use crate::clock::EpochMs;

/// How many more ranks a promotion may call.
#[derive(Clone, Debug)]
pub struct Capacity {
    limits: LaneLimits,
    issued: u64,
    live: u64,
    awaited: u64,
    turnout: Turnout,
    /// The current batch window, with the batch strategy.
    window: Option<BatchWindow>,
}

impl Capacity {
    /// The capacity at the start of a run.
    #[must_use]
    pub fn new(limits: LaneLimits, head: &Head, survey: &Survey, now: EpochMs) -> Self {
        Self {
            limits,
            issued: head.issued,
            live: u64::from(survey.live),
            awaited: u64::from(survey.awaited),
            turnout: head.turnout.with(survey.passed).with(survey.seen),
            window: limits
                .batch
                .map(|batch| batch_window(batch, head, survey, now)),
        }
    }

    /// The batch window with its usage, for a watermark at `admitted`.
    #[must_use]
    pub fn window(&self, admitted: u64) -> Option<BatchWindow> {
        let kept = admitted.saturating_sub(self.issued);
        self.window.map(|window| BatchWindow {
            kept: u32::try_from(kept).unwrap_or(u32::MAX),
            ..window
        })
    }

    fn has_slot_for(&self, rank: u64) -> bool {
        if let (Some(batch), Some(window)) = (self.limits.batch, self.window)
            && window.used >= batch.size
        {
            return false;
        }
        let most = u64::from(self.limits.max_active);
        let taken = self.live + self.awaited;
        if taken < most {
            return true;
        }
        // All slots are in use. Overbook only up to the limit, and only as long as the users
        // expected to arrive find a slot. Ranks without a number are not overbooked: a user who
        // joins later arrives at once, so more open slots gain nothing.
        let decided = self.turnout.decided();
        let expected_arrivals = self.live * decided + (self.awaited + 1) * self.turnout.arrived;
        taken < u64::from(self.limits.overbooked)
            && rank <= self.issued
            && decided >= FEWEST_DECIDED
            && expected_arrivals <= most * decided
    }

    /// How many ranks from `first` on can be called if each uses a slot; at most `most`.
    #[must_use]
    pub fn slots_from(&self, first: u64, most: u64) -> u64 {
        let mut capacity = self.clone();
        let mut slots = 0;
        while slots < most && capacity.has_slot_for(first + slots) {
            capacity.add_awaited();
            slots += 1;
        }
        slots
    }

    fn use_batch(&mut self) {
        if let Some(window) = &mut self.window {
            window.used = window.used.saturating_add(1);
        }
    }

    /// Counts slots as free again, also in the batch.
    pub fn release(&mut self, slots: u64) {
        self.awaited = self.awaited.saturating_sub(slots);
        if let Some(window) = &mut self.window {
            let slots = u32::try_from(slots).unwrap_or(u32::MAX);
            window.used = window.used.saturating_sub(slots);
        }
    }

    /// Counts a slot that waits for its user.
    pub fn add_awaited(&mut self) {
        self.awaited += 1;
        self.use_batch();
    }

    /// Counts a slot that another run opened and whose user has already arrived.
    pub fn add_live(&mut self) {
        self.live += 1;
        self.use_batch();
    }
}

/// The current batch window. Slots that were opened ahead in earlier windows count in this one if
/// they are still open or if their users arrived in this window. So no more users arrive in a
/// window than a batch has, however many slots were unused before.
fn batch_window(batch: Batch, head: &Head, survey: &Survey, now: EpochMs) -> BatchWindow {
    let mut window = head.batch_at(now, batch);
    if head
        .batch
        .is_some_and(|before| before.since == window.since)
    {
        return window;
    }
    let arrived_before = |hold_by: &Option<EpochMs>| {
        let session = i64::from(batch.session_seconds) * 1000;
        let arrived_at = hold_by.map(|hold_by| hold_by.plus_ms(-session));
        arrived_at.is_none_or(|at| at < window.since || at.age_at(now).is_none())
    };
    let before = survey
        .kept_slots_taken
        .iter()
        .filter(|taken| arrived_before(taken));
    let before = u32::try_from(before.count()).unwrap_or(u32::MAX);
    window.used = window.used.saturating_sub(before);
    window
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Rank, UserId};
    use crate::queue::{Pause, Session, survey};
    use proptest::prelude::*;

    const NOW: EpochMs = EpochMs(1_000_000);
    const PAID: Session = Session::Ended { arrived: true };

    fn live(expires_at: i64) -> Session {
        Session::Live {
            user_id: UserId::random(),
            expires_at: EpochMs(expires_at),
            hold_by: EpochMs(expires_at),
        }
    }

    fn ranked(sessions: impl IntoIterator<Item = Session>) -> Vec<(Rank, Session)> {
        (1..).map(Rank).zip(sessions).collect()
    }

    fn capacity(limits: LaneLimits, live: u32, awaited: u32, turnout: Turnout) -> Capacity {
        let head = Head {
            issued: 1_000,
            turnout,
            ..Head::default()
        };
        let survey = Survey {
            live,
            awaited,
            ..Survey::default()
        };
        Capacity::new(limits, &head, &survey, NOW)
    }

    const TEN: LaneLimits = LaneLimits {
        max_active: 10,
        overbooked: 15,
        batch: None,
    };

    #[test]
    fn no_shows_are_overbooked_up_to_the_limit() {
        let half = Turnout {
            arrived: 50,
            missed: 50,
        };
        // No session: 15 are called, of whom 7 or 8 arrive.
        assert_eq!(capacity(TEN, 0, 0, half).slots_from(1, 100), 15);
        // 6 live sessions: calling 8 users counts as 4 arrivals.
        assert_eq!(capacity(TEN, 6, 0, half).slots_from(1, 100), 8);
        // All slots are live.
        assert_eq!(capacity(TEN, 10, 0, half).slots_from(1, 100), 0);
    }

    #[test]
    fn nothing_is_overbooked_without_enough_cases_or_no_shows_or_issued_numbers() {
        let few = Turnout {
            arrived: 1,
            missed: 18,
        };
        assert_eq!(capacity(TEN, 0, 0, few).slots_from(1, 100), 10);
        let all = Turnout {
            arrived: 100,
            missed: 0,
        };
        assert_eq!(capacity(TEN, 0, 0, all).slots_from(1, 100), 10);
        let none = Turnout {
            arrived: 0,
            missed: 100,
        };
        assert_eq!(capacity(TEN, 0, 0, none).slots_from(995, 100), 10);
        assert_eq!(capacity(TEN, 0, 0, none).slots_from(989, 100), 12);
    }

    #[test]
    fn a_batch_can_be_used_up_before_the_slots_are() {
        let limits = LaneLimits {
            batch: Some(Batch {
                size: 3,
                seconds: 60,
                session_seconds: 600,
            }),
            ..TEN
        };
        let mut capacity = capacity(limits, 0, 0, Turnout::default());
        assert_eq!(capacity.slots_from(1, 100), 3);
        capacity.add_awaited();
        capacity.add_live();
        assert_eq!(capacity.slots_from(3, 100), 1);
        assert_eq!(capacity.window(2).map(|window| window.used), Some(2));
    }

    #[test]
    fn slots_from_an_earlier_batch_count_in_the_window_in_which_they_are_taken() {
        let batch = Batch {
            size: 10,
            seconds: 60,
            session_seconds: 600,
        };
        let limits = LaneLimits {
            batch: Some(batch),
            ..TEN
        };
        let head = Head {
            issued: 8,
            admitted: 8,
            batch: Some(BatchWindow {
                since: EpochMs(0),
                used: 8,
                kept: 5,
            }),
            ..Head::default()
        };
        // Ranks 4 to 8 were opened ahead: one arrived and has ended, one arrived before this
        // window, one in it, two have not arrived.
        let sessions = ranked([
            PAID,
            PAID,
            PAID,
            PAID,
            live(659_000),
            live(661_000),
            Session::Open,
            Session::Open,
        ]);
        let now = EpochMs(70_000);
        let seen = survey(&head, &sessions, now, Pause::default());
        let capacity = Capacity::new(limits, &head, &seen, now);
        assert_eq!(capacity.window(8).unwrap().used, 3);
        assert_eq!(capacity.window(8).unwrap().kept, 0);
    }

    proptest! {
        #[test]
        fn any_turnout_fills_the_slots_and_stays_within_the_overbooking_limit(
            live in 0..30_u32,
            awaited in 0..30_u32,
            arrived in 0..2_000_u64,
            missed in 0..2_000_u64,
        ) {
            let capacity = capacity(TEN, live, awaited, Turnout { arrived, missed });
            let taken = u64::from(live + awaited);
            let slots = capacity.slots_from(1, 100);
            prop_assert!(slots == 0 || taken + slots <= 15);
            prop_assert!(taken + slots >= 10);
        }
    }
}
