//! What a promotion sees of a lane's sessions.

use super::{Head, Pause, Session, Turnout};
use crate::clock::EpochMs;
use crate::ids::Rank;
use crate::shortage::Shortage;

/// A summary of the sessions between floor and watermark.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Survey {
    /// The ranks of OPEN sessions whose numbers have been issued by now, in rank order. Their grace
    /// is to start.
    pub to_call: Vec<Rank>,
    /// How many sessions are live.
    pub live: u32,
    /// How many slots wait for users who may still arrive.
    pub awaited: u32,
    /// The highest rank up to which all sessions are dead.
    pub floor: u64,
    /// The turnout of the ranks that the floor passes in this run.
    pub passed: Turnout,
    /// The turnout of the ranks above the new floor.
    pub seen: Turnout,
    /// The slots that the last promotion opened ahead of the issued numbers and that have been
    /// taken since. Each has the session's `holdBy`, or `None` if the session has ended.
    pub kept_slots_taken: Vec<Option<EpochMs>>,
}

impl Survey {
    /// How many slots opened ahead of the issued numbers the watermark goes back over. An operator
    /// may have lowered `maxActive` below the number of used slots, or nothing may be left to buy.
    /// Live sessions continue, but slots opened ahead belong to nobody. Their sessions stay OPEN, as
    /// if a run had ended before it moved the watermark.
    #[must_use]
    pub fn slots_to_withdraw(
        &self,
        head: &Head,
        max_active: u32,
        shortage: Option<Shortage>,
    ) -> u64 {
        let kept = head.admitted.saturating_sub(head.issued);
        if shortage.is_some() {
            return kept;
        }
        let too_many = (self.live + self.awaited).saturating_sub(max_active);
        kept.min(u64::from(too_many))
    }
}

/// Summarizes the sessions of the ranks in (floor, admitted], which are in rank order. A rank
/// without a session is dead: TTL has removed its tombstone.
#[must_use]
pub fn survey(head: &Head, sessions: &[(Rank, Session)], now: EpochMs, pause: Pause) -> Survey {
    let mut survey = Survey {
        floor: head.admitted,
        ..Survey::default()
    };
    let kept = head.batch.map_or(0, |batch| batch.kept.into());
    let first_kept = head.admitted.saturating_sub(kept);
    for (rank, session) in sessions {
        let uses_a_slot = session.uses_a_slot(now, pause);
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
                Session::Live { hold_by, .. } => survey.kept_slots_taken.push(Some(*hold_by)),
                Session::Ended { .. } => survey.kept_slots_taken.push(None),
                Session::Open | Session::Called { .. } => {}
            }
        }
        match session {
            Session::Open | Session::Called { .. } if uses_a_slot => survey.awaited += 1,
            Session::Live { .. } | Session::Ended { arrived: true } => turnout.arrived += 1,
            Session::Called { .. } => turnout.missed += 1,
            // These users left before they arrived and freed their slots at once, so they do not
            // count as no-shows.
            Session::Open | Session::Ended { arrived: false } => {}
        }
        survey.live += u32::from(uses_a_slot && matches!(session, Session::Live { .. }));
        if *session == Session::Open && rank.0 <= head.called() {
            survey.to_call.push(*rank);
        }
    }
    survey
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::session::fixtures::{called, live};
    use proptest::prelude::*;

    const NOW: EpochMs = EpochMs(1_000_000);
    const PAID: Session = Session::Ended { arrived: true };
    const LEFT: Session = Session::Ended { arrived: false };

    fn ranked(sessions: impl IntoIterator<Item = Session>) -> Vec<(Rank, Session)> {
        (1..).map(Rank).zip(sessions).collect()
    }

    #[test]
    fn a_survey_counts_slots_lists_the_ranks_to_call_and_raises_the_floor() {
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
        let seen = survey(&head, &sessions, NOW, Pause::default());
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
                kept_slots_taken: vec![],
            }
        );
    }

    #[test]
    fn the_floor_rises_to_the_watermark_if_all_sessions_are_dead() {
        let head = Head {
            issued: 9,
            admitted: 3,
            floor: 1,
            ..Head::default()
        };
        let sessions = [(Rank(3), PAID)];
        let seen = survey(&head, &sessions, NOW, Pause::default());
        assert_eq!((seen.floor, seen.live, seen.awaited), (3, 0, 0));
    }

    proptest! {
        #[test]
        fn a_survey_counts_one_slot_per_living_session(
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
            let seen = survey(&head, &sessions, NOW, Pause::default());
            let living = states.iter().filter(|s| matches!(s, 0 | 2 | 3)).count();
            prop_assert_eq!((seen.live + seen.awaited) as usize, living);
            prop_assert!(seen.to_call.is_sorted());
            prop_assert!(seen.to_call.iter().all(|rank| rank.0 <= issued));
            prop_assert!(sessions.iter().filter(|(rank, _)| rank.0 <= seen.floor)
                .all(|(_, s)| !s.uses_a_slot(NOW, Pause::default())));
            let decided = states.iter().filter(|s| matches!(s, 1 | 3 | 4)).count();
            prop_assert_eq!(seen.passed.decided() + seen.seen.decided(), decided as u64);
        }
    }
}
