//! A lane of the queue in memory, moved by the rules of `domain`.
//!
//! [`SimulatedLane::promote`] does what `App::promote` does with the store: it surveys the sessions, opens as many as there
//! is capacity for, moves the watermark, and starts the graces.

use std::collections::BTreeSet;

use domain::clock::EpochMs;
use domain::ids::{Rank, UserId};
use domain::queue::{
    Capacity, Departures, Head, LaneLimits, Observation, Pause, RANKS_A_RUN, Rate, SLOTS_AHEAD,
    Session, survey,
};
use domain::shortage::Shortage;

use super::costs::PromotionWork;

/// Sessions are kept this far below the floor before they are dropped, so that the vector rarely moves.
const KEPT_BELOW_FLOOR: usize = 4_096;

/// What the policy says about one lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LaneTerms {
    pub limits: LaneLimits,
    pub session_seconds: u32,
    pub grace_seconds: u32,
}

/// A lane during a simulation.
#[derive(Clone, Debug)]
pub struct SimulatedLane {
    pub head: Head,
    /// From some rank on, without gaps.
    sessions: Vec<(Rank, Session)>,
    /// Ranks above the watermark whose users have left.
    departed: BTreeSet<u64>,
    /// Somebody. Which user a session has does not matter here.
    user: UserId,
}

/// What a promotion did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Promoted {
    /// The called ranks that wait for their users.
    pub called: Vec<u64>,
    /// The head before the promotion.
    pub former: Head,
    pub work: PromotionWork,
}

impl Default for SimulatedLane {
    fn default() -> Self {
        Self {
            head: Head::default(),
            sessions: Vec::new(),
            departed: BTreeSet::new(),
            user: UserId::random(),
        }
    }
}

impl SimulatedLane {
    /// Issues a number.
    pub fn take_number(&mut self) -> u64 {
        self.head.issued += 1;
        self.head.issued
    }

    fn index(&self, rank: u64) -> Option<usize> {
        let first = self.sessions.first()?.0.0;
        usize::try_from(rank.checked_sub(first)?).ok()
    }

    #[must_use]
    pub fn session(&self, rank: u64) -> Option<Session> {
        let (_, session) = self.sessions.get(self.index(rank)?)?;
        Some(*session)
    }

    fn set(&mut self, rank: u64, session: Session) {
        if let Some(index) = self.index(rank)
            && let Some(slot) = self.sessions.get_mut(index)
        {
            slot.1 = session;
        }
    }

    /// Whether a session at the rank may be arrived at. If so, it becomes live.
    pub fn arrive(&mut self, rank: u64, now: EpochMs, terms: &LaneTerms) -> bool {
        let awaits = self
            .session(rank)
            .is_some_and(|session| session.awaits(now, Pause::default()));
        if awaits {
            let expires_at = now.plus_seconds(terms.session_seconds);
            let session = Session::Live {
                user_id: self.user,
                expires_at,
                hold_by: expires_at,
            };
            self.set(rank, session);
        }
        awaits
    }

    /// Until when seats may be held. `None` if the session is not live.
    #[must_use]
    pub fn may_hold_until(&self, rank: u64, now: EpochMs) -> Option<EpochMs> {
        match self.session(rank) {
            Some(session @ Session::Live { hold_by, .. }) if session.is_live(now) => Some(hold_by),
            _ => None,
        }
    }

    /// A hold moves the session's end to its own.
    pub fn held(&mut self, rank: u64, held_until: EpochMs) {
        if let Some(Session::Live {
            user_id, hold_by, ..
        }) = self.session(rank)
        {
            let session = Session::Live {
                user_id,
                expires_at: held_until,
                hold_by,
            };
            self.set(rank, session);
        }
    }

    /// Ends the turn: paid or left. A user who waits leaves a tombstone above the watermark.
    pub fn end(&mut self, rank: u64) {
        if rank > self.head.admitted {
            self.departed.insert(rank);
            return;
        }
        match self.session(rank) {
            Some(Session::Live { .. }) => self.set(rank, Session::Ended { arrived: true }),
            Some(Session::Open | Session::Called { .. }) => {
                self.set(rank, Session::Ended { arrived: false });
            }
            Some(Session::Ended { .. }) | None => {}
        }
    }

    /// The slots in use, as a promotion counts them.
    #[must_use]
    pub fn used_slots(&self, now: EpochMs) -> u64 {
        let in_use = |session: &Session| session.uses_a_slot(now, Pause::default());
        let above = self.above_floor();
        above.iter().filter(|(_, session)| in_use(session)).count() as u64
    }

    fn above_floor(&self) -> &[(Rank, Session)] {
        let start = self
            .index(self.head.floor + 1)
            .unwrap_or(0)
            .min(self.sessions.len());
        let end = self
            .index(self.head.admitted + 1)
            .unwrap_or(0)
            .min(self.sessions.len());
        &self.sessions[start..end.max(start)]
    }

    /// Whether the user of the rank has left.
    #[must_use]
    pub fn has_left(&self, rank: u64) -> bool {
        self.departed.contains(&rank)
    }

    /// One promotion.
    pub fn promote(
        &mut self,
        terms: &LaneTerms,
        shortage: Option<Shortage>,
        now: EpochMs,
        ended_at: EpochMs,
    ) -> Promoted {
        let former = self.head;
        let limits = terms.limits;
        let above = self.above_floor();
        let seen = survey(&former, above, now, Pause::default());
        let mut done = Promoted {
            former,
            work: PromotionWork {
                sessions: above.len() as u64,
                ..PromotionWork::default()
            },
            ..Promoted::default()
        };
        let deadline = ended_at.plus_seconds(terms.grace_seconds);
        for rank in &seen.to_call {
            self.call(rank.0, deadline, &mut done);
        }
        let mut capacity = Capacity::new(limits, &former, &seen, now);
        let withdrawn = seen.slots_to_withdraw(&former, limits.max_active, shortage);
        let mut given_up = 0;
        let admitted = if withdrawn > 0 {
            capacity.release(withdrawn);
            former.admitted - withdrawn
        } else if shortage.is_some() {
            former.admitted
        } else {
            self.open_sessions(&mut capacity, now, &mut done.work, &mut given_up)
        };
        let observation = Observation {
            now: ended_at,
            called: former.issued.min(admitted),
            given_up,
            waiting: former.issued > admitted,
            batch_seconds: limits.batch.map(|batch| batch.seconds),
            resumed_at: None,
        };
        done.work.reads_departures = former.issued > admitted;
        self.departed = self.departed.split_off(&(admitted + 1));
        done.work.departures = self.departed.len() as u64;
        self.head = Head {
            admitted,
            floor: seen.floor.min(admitted),
            promoted_at: Some(ended_at),
            rate: Some(Rate::observe(former.rate, observation)),
            batch: capacity.window(admitted).or(former.batch),
            turnout: former.turnout.with(seen.passed),
            departed: Departures::of(self.departed.iter().copied().map(Rank)),
            shortage,
            ..former
        };
        for rank in former.admitted + 1..=self.head.called() {
            self.call(rank, deadline, &mut done);
        }
        self.drop_below_floor();
        done
    }

    /// Opens sessions from the watermark on, and returns the last rank that was passed.
    fn open_sessions(
        &mut self,
        capacity: &mut Capacity,
        now: EpochMs,
        work: &mut PromotionWork,
        given_up: &mut u64,
    ) -> u64 {
        let head = self.head;
        let last = (head.issued + SLOTS_AHEAD).min(head.admitted + RANKS_A_RUN);
        let mut passed = head.admitted;
        while passed < last && capacity.slots_from(passed + 1, 1) > 0 {
            passed += 1;
            match self.session(passed) {
                // A run that was withdrawn left it, or its user has arrived since.
                Some(session) if session.uses_a_slot(now, Pause::default()) => {
                    if matches!(session, Session::Live { .. }) {
                        capacity.add_live();
                    } else {
                        capacity.add_awaited();
                    }
                    continue;
                }
                Some(_) => {
                    *given_up += 1;
                    continue;
                }
                None => {}
            }
            work.opened += 1;
            if self.departed.contains(&passed) {
                *given_up += 1;
                self.sessions
                    .push((Rank(passed), Session::Ended { arrived: false }));
            } else {
                capacity.add_awaited();
                self.sessions.push((Rank(passed), Session::Open));
            }
        }
        passed
    }

    /// Starts the grace of an open session.
    fn call(&mut self, rank: u64, deadline: EpochMs, done: &mut Promoted) {
        if self.session(rank) == Some(Session::Open) {
            let session = Session::Called {
                expires_at: deadline,
            };
            self.set(rank, session);
            done.called.push(rank);
            done.work.called += 1;
        }
    }

    fn drop_below_floor(&mut self) {
        let dead = self.index(self.head.floor + 1).unwrap_or(0);
        if dead > KEPT_BELOW_FLOOR {
            self.sessions.drain(..dead.min(self.sessions.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::queue::QueuePolicy;

    fn terms(max_active: u32) -> LaneTerms {
        let policy = QueuePolicy {
            max_active,
            ..QueuePolicy::default()
        };
        LaneTerms {
            limits: policy.limits(domain::ids::Lane::FIRST),
            session_seconds: policy.session_seconds,
            grace_seconds: policy.grace_seconds,
        }
    }

    fn at(seconds: i64) -> EpochMs {
        EpochMs(seconds * 1_000)
    }

    fn joined(count: u64) -> SimulatedLane {
        let mut lane = SimulatedLane::default();
        for _ in 0..count {
            lane.take_number();
        }
        lane
    }

    #[test]
    fn as_many_are_called_as_there_are_slots_and_the_next_when_a_turn_ends() {
        let (mut lane, terms) = (joined(10), terms(3));
        let promoted = lane.promote(&terms, None, at(0), at(0));
        assert_eq!(promoted.called, [1, 2, 3]);
        assert_eq!((promoted.work.opened, promoted.work.called), (3, 3));
        assert!(lane.arrive(2, at(1), &terms));
        assert!(!lane.arrive(4, at(1), &terms));
        assert!(lane.promote(&terms, None, at(2), at(2)).called.is_empty());
        lane.end(2);
        let next = lane.promote(&terms, None, at(3), at(3)).called;
        assert_eq!(next, [4]);
        // 1 and 3 do not arrive within the grace of 120 s, and 5 s for clocks that differ.
        assert!(
            lane.promote(&terms, None, at(124), at(124))
                .called
                .is_empty()
        );
        assert_eq!(lane.promote(&terms, None, at(126), at(126)).called.len(), 2);
        assert_eq!(lane.head.admitted, 6);
    }

    #[test]
    fn ranks_of_users_who_have_left_are_passed_without_a_slot() {
        let (mut lane, terms) = (joined(10), terms(2));
        lane.end(1);
        lane.end(3);
        let called = lane.promote(&terms, None, at(0), at(0)).called;
        assert_eq!(called, [2, 4]);
        assert_eq!(lane.used_slots(at(0)), 2);
    }

    #[test]
    fn nobody_is_called_while_nothing_is_left() {
        let (mut lane, terms) = (joined(10), terms(2));
        let promoted = lane.promote(&terms, Some(Shortage::SoldOut), at(0), at(0));
        assert_eq!((promoted.called.len(), lane.head.admitted), (0, 0));
        assert_eq!(lane.head.shortage_at(at(1)), Some(Shortage::SoldOut));
    }

    #[test]
    fn slots_are_open_ahead_of_the_first_users_and_withdrawn_when_everything_is_sold() {
        let (mut lane, terms) = (SimulatedLane::default(), terms(50));
        lane.promote(&terms, None, at(0), at(0));
        assert_eq!(lane.head.admitted, 50);
        let rank = lane.take_number();
        assert!(lane.arrive(rank, at(1), &terms));
        lane.promote(&terms, Some(Shortage::SoldOut), at(2), at(2));
        assert_eq!(lane.head.admitted, 1);
    }
}
