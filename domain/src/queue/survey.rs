//! What a promotion sees of the sessions, and how many more it may let in.

use serde::{Deserialize, Serialize};

use super::{Batch, BatchWindow, Head, LaneLimits, Pause, Session};
use crate::clock::EpochMs;
use crate::ids::Rank;

/// What a promotion sees of the sessions between floor and watermark.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Survey {
    /// Places kept for ranks whose numbers are out by now: their grace starts. In rank order.
    pub to_call: Vec<Rank>,
    /// How many are inside.
    pub live: u32,
    /// How many places are kept for those who may still come.
    pub awaited: u32,
    /// The highest rank up to which all are dead.
    pub floor: u64,
    /// Who of the called came: of the ranks that the floor passes now.
    pub passed: Turnout,
    /// And of the ranks behind it.
    pub seen: Turnout,
    /// Of the places that the last promotion kept for those to come: of each one that was taken since, until when its
    /// holder may hold seats; none where its session has ended.
    pub kept_and_taken: Vec<Option<EpochMs>>,
}

/// Of those who were called and whose time to come is over or used: how many came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Turnout {
    pub arrived: u64,
    pub missed: u64,
}

/// Fewer than this tell nothing.
const FEWEST_DECIDED: u64 = 20;
/// When there are more than this, the older ones count half.
const MOST_DECIDED: u64 = 1_000;

impl Turnout {
    /// Both together; what is old fades.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let sum = Self {
            arrived: self.arrived + other.arrived,
            missed: self.missed + other.missed,
        };
        if sum.decided() <= MOST_DECIDED {
            return sum;
        }
        Self {
            arrived: sum.arrived / 2,
            missed: sum.missed / 2,
        }
    }

    /// Of how many it is known.
    #[must_use]
    pub fn decided(self) -> u64 {
        self.arrived + self.missed
    }

    /// The share of those who came, in percent; none where too few have been called.
    #[must_use]
    pub fn percent(self) -> Option<u64> {
        (self.decided() >= FEWEST_DECIDED).then(|| self.arrived * 100 / self.decided())
    }
}

/// Looks through the sessions of the ranks in (floor, admitted], in rank order. Ranks that have none are
/// dead: their tombstones were swept.
#[must_use]
pub fn survey(
    head: &Head,
    sessions: &[(Rank, Session)],
    now: EpochMs,
    pause: Pause,
    grace_seconds: u32,
) -> Survey {
    let mut survey = Survey {
        floor: head.admitted,
        ..Survey::default()
    };
    let kept = head.batch.map_or(0, |batch| batch.kept.into());
    let first_kept = head.admitted.saturating_sub(kept);
    for (rank, session) in sessions {
        let uses_a_slot = session.uses_a_slot(now, pause, grace_seconds);
        if uses_a_slot {
            survey.floor = survey.floor.min(rank.0.saturating_sub(1));
        }
        let turnout = if rank.0 <= survey.floor {
            &mut survey.passed
        } else {
            &mut survey.seen
        };
        if rank.0 > first_kept {
            match session {
                Session::Live { hold_by, .. } => survey.kept_and_taken.push(Some(*hold_by)),
                Session::Ended { .. } => survey.kept_and_taken.push(None),
                Session::Open | Session::Called { .. } => {}
            }
        }
        match session {
            Session::Open | Session::Called { .. } if uses_a_slot => survey.awaited += 1,
            Session::Live { .. } | Session::Ended { arrived: true } => turnout.arrived += 1,
            Session::Called { .. } => turnout.missed += 1,
            // Left before coming, and made capacity at once.
            Session::Open | Session::Ended { arrived: false } => {}
        }
        survey.live += u32::from(uses_a_slot && matches!(session, Session::Live { .. }));
        if *session == Session::Open && rank.0 <= head.called() {
            survey.to_call.push(*rank);
        }
    }
    survey
}

/// How many more a promotion may let in.
#[derive(Clone, Debug)]
pub struct Capacity {
    limits: LaneLimits,
    issued: u64,
    live: u64,
    awaited: u64,
    turnout: Turnout,
    /// The batch that is being called, where people are called in batches.
    window: Option<BatchWindow>,
}

impl Capacity {
    /// The capacity at the beginning of a run.
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

    /// The batch, with what has been used of it, when the watermark is at `admitted`.
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
        // More than there are places for, as far as allowed, and as far as those who come are expected to find one. Who has
        // not joined yet comes at once, so nothing is gained by keeping more places for them.
        let decided = self.turnout.decided();
        let expected_and_this_one = self.live * decided + (self.awaited + 1) * self.turnout.arrived;
        taken < u64::from(self.limits.overbooked)
            && rank <= self.issued
            && decided >= FEWEST_DECIDED
            && expected_and_this_one <= most * decided
    }

    /// How many ranks from `first` on find a place if each takes one; `most` at most.
    #[must_use]
    pub fn slots_from(&self, first: u64, most: u64) -> u64 {
        let mut capacity = self.clone();
        let mut places = 0;
        while places < most && capacity.has_slot_for(first + places) {
            capacity.take_awaited();
            places += 1;
        }
        places
    }

    fn use_batch(&mut self) {
        if let Some(window) = &mut self.window {
            window.used = window.used.saturating_add(1);
        }
    }

    /// Places are kept no more, and the batch has them again.
    pub fn give_back(&mut self, places: u64) {
        self.awaited = self.awaited.saturating_sub(places);
        if let Some(window) = &mut self.window {
            let places = u32::try_from(places).unwrap_or(u32::MAX);
            window.used = window.used.saturating_sub(places);
        }
    }

    /// A place is kept.
    pub fn take_awaited(&mut self) {
        self.awaited += 1;
        self.use_batch();
    }

    /// A place was kept by another run, and its holder has come already.
    pub fn take_live(&mut self) {
        self.live += 1;
        self.use_batch();
    }
}

/// The batch that is being called. Of the places that were kept from earlier ones those count that are still kept, and
/// those whose holders came in this window: so no more come in a window than a batch, however many were unused before.
fn batch_window(batch: Batch, head: &Head, survey: &Survey, now: EpochMs) -> BatchWindow {
    let mut window = head.batch_at(now, batch);
    if head
        .batch
        .is_some_and(|before| before.since == window.since)
    {
        return window;
    }
    let came_before = |hold_by: &Option<EpochMs>| {
        let session = i64::from(batch.session_seconds) * 1000;
        hold_by.is_none_or(|hold_by| hold_by.plus_ms(-session) < window.since)
    };
    let before = survey
        .kept_and_taken
        .iter()
        .filter(|taken| came_before(taken));
    let before = u32::try_from(before.count()).unwrap_or(u32::MAX);
    window.used = window.used.saturating_sub(before);
    window
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;
    use proptest::prelude::*;

    const GRACE: u32 = 120;
    const NOW: EpochMs = EpochMs(1_000_000);
    const PAID: Session = Session::Ended { arrived: true };
    const LEFT: Session = Session::Ended { arrived: false };

    fn live(expires_at: i64) -> Session {
        Session::Live {
            user_id: UserId::random(),
            expires_at: EpochMs(expires_at),
            hold_by: EpochMs(expires_at),
        }
    }

    fn called(expires_at: i64) -> Session {
        Session::Called {
            expires_at: EpochMs(expires_at),
        }
    }

    fn ranked(sessions: impl IntoIterator<Item = Session>) -> Vec<(Rank, Session)> {
        (1..).map(Rank).zip(sessions).collect()
    }

    #[test]
    fn a_survey_counts_places_calls_those_whose_number_is_out_and_raises_the_floor() {
        let head = Head {
            issued: 4,
            admitted: 6,
            ..Head::default()
        };
        let sessions = ranked([
            PAID,
            called(1),
            live(2_000_000),
            Session::Open,
            Session::Open,
            LEFT,
        ]);
        let seen = survey(&head, &sessions, NOW, Pause::default(), GRACE);
        assert_eq!(
            seen,
            Survey {
                to_call: vec![Rank(4)],
                live: 1,
                awaited: 2,
                floor: 2,
                passed: Turnout {
                    arrived: 1,
                    missed: 1
                },
                seen: Turnout {
                    arrived: 1,
                    missed: 0
                },
                kept_and_taken: vec![],
            }
        );
    }

    #[test]
    fn where_all_are_dead_the_floor_rises_to_the_watermark() {
        let head = Head {
            issued: 9,
            admitted: 3,
            floor: 1,
            ..Head::default()
        };
        let sessions = [(Rank(3), PAID)];
        let seen = survey(&head, &sessions, NOW, Pause::default(), GRACE);
        assert_eq!((seen.floor, seen.live, seen.awaited), (3, 0, 0));
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
    fn half_of_the_called_stay_away_so_more_are_called_but_never_more_than_allowed() {
        let half = Turnout {
            arrived: 50,
            missed: 50,
        };
        // Nobody inside: 15 are called, of whom 7 or 8 come.
        assert_eq!(capacity(TEN, 0, 0, half).slots_from(1, 100), 15);
        // 6 inside: 8 called are as good as 4.
        assert_eq!(capacity(TEN, 6, 0, half).slots_from(1, 100), 8);
        // Everybody came.
        assert_eq!(capacity(TEN, 10, 0, half).slots_from(1, 100), 0);
    }

    #[test]
    fn nobody_is_overbooked_on_a_guess_nor_where_all_come_nor_for_those_who_have_not_joined() {
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
    fn a_batch_is_used_up_before_the_places_are() {
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
        capacity.take_awaited();
        capacity.take_live();
        assert_eq!(capacity.slots_from(3, 100), 1);
        assert_eq!(capacity.window(2).map(|window| window.used), Some(2));
    }

    #[test]
    fn of_the_places_kept_from_an_earlier_batch_those_use_up_this_one_that_were_taken_in_it() {
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
        // Ranks 4 to 8 were kept: one came and is gone, one came before this window, one in it, two have not come.
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
        let seen = survey(&head, &sessions, now, Pause::default(), GRACE);
        let capacity = Capacity::new(limits, &head, &seen, now);
        assert_eq!(capacity.window(8).unwrap().used, 3);
        assert_eq!(capacity.window(8).unwrap().kept, 0);
    }

    #[test]
    fn the_turnout_of_long_ago_fades() {
        let long_ago = Turnout {
            arrived: 900,
            missed: 100,
        };
        let faded = long_ago.with(Turnout {
            arrived: 0,
            missed: 10,
        });
        assert_eq!(
            faded,
            Turnout {
                arrived: 450,
                missed: 55
            }
        );
        assert_eq!(faded.percent(), Some(89));
    }

    proptest! {
        #[test]
        fn a_survey_takes_as_many_places_as_there_are_living_sessions(
            states in proptest::collection::vec(0..5_u8, 0..60),
            issued in 0..80_u64,
        ) {
            let sessions = ranked(states.iter().map(|state| match state {
                0 => Session::Open,
                1 => called(1),
                2 => called(2_000_000),
                3 => live(2_000_000),
                _ => PAID,
            }));
            let head = Head { issued, admitted: states.len() as u64, ..Head::default() };
            let seen = survey(&head, &sessions, NOW, Pause::default(), GRACE);
            let living = states.iter().filter(|s| matches!(s, 0 | 2 | 3)).count();
            prop_assert_eq!((seen.live + seen.awaited) as usize, living);
            prop_assert!(seen.to_call.is_sorted());
            prop_assert!(seen.to_call.iter().all(|rank| rank.0 <= issued));
            prop_assert!(sessions.iter().filter(|(rank, _)| rank.0 <= seen.floor)
                .all(|(_, s)| !s.uses_a_slot(NOW, Pause::default(), GRACE)));
            let decided = states.iter().filter(|s| matches!(s, 1 | 3 | 4)).count();
            prop_assert_eq!(seen.passed.decided() + seen.seen.decided(), decided as u64);
        }

        #[test]
        fn no_turnout_lets_in_more_than_allowed_nor_fewer_than_there_are_places(
            live in 0..30_u32,
            awaited in 0..30_u32,
            arrived in 0..2_000_u64,
            missed in 0..2_000_u64,
        ) {
            let capacity = capacity(TEN, live, awaited, Turnout { arrived, missed });
            let taken = u64::from(live + awaited);
            let places = capacity.slots_from(1, 100);
            prop_assert!(places == 0 || taken + places <= 15);
            prop_assert!(taken + places >= 10);
        }
    }
}
