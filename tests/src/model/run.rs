//! The progress of a promotion: what it has read, which calls it has in progress, and what it does next, by the real rules.
//! The calls are in [`super::promoter`].

use domain::clock::EpochMs;
use domain::queue::{Capacity, Head, Pause, SLOTS_AHEAD, Session, Survey};

use super::items::HeadItem;
use super::{Config, Flaw, RUN_MS};

/// The number of items that a promotion writes at once.
const GROUP: u64 = 20;

/// A promotion in progress.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Run {
    pub(crate) lane: usize,
    /// By its own clock.
    pub(crate) began_at: EpochMs,
    /// When its last call was answered: the earliest time at which the next one can be decided.
    pub(crate) since: EpochMs,
    /// As the promotion read it.
    pub(super) head: HeadItem,
    pub(crate) stage: Stage,
    /// The calls in progress at once, by rank. They take effect in any order.
    pub(crate) pending: Vec<u64>,
    /// The result of the survey, and what the promotion has found and written since.
    pub(super) floor: u64,
    live: u32,
    awaited: u32,
    /// The last rank passed once all pending calls have ended.
    pub(super) passed: u64,
    /// The first rank whose open slot may or may not have been written: its call was not answered.
    pub(super) failed: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Stage {
    ReadSessions,
    /// Calls the ranks of open slots whose numbers have been issued by now.
    Call,
    Keep,
    Move,
    /// Calls the ranks that were just passed.
    CallPassed,
}

impl Run {
    /// A promotion begins when it reads the clock and the head.
    pub(super) fn new(lane: usize, began_at: EpochMs, now: EpochMs, head: &HeadItem) -> Self {
        Self {
            lane,
            began_at,
            since: now,
            head: *head,
            stage: Stage::ReadSessions,
            pending: Vec::new(),
            floor: 0,
            live: 0,
            awaited: 0,
            passed: head.0.admitted,
            failed: None,
        }
    }

    /// Whether nothing but the watermark's conditional move can still take effect.
    pub(crate) fn is_out_of_time(&self, config: &Config, now: EpochMs, promoter: usize) -> bool {
        now.plus_ms(config.promoters[promoter])
            .ms_since(self.began_at)
            > RUN_MS
    }

    /// How many calls are in progress. The step says which of them ends.
    pub(crate) fn calls(&self) -> usize {
        self.pending.len().max(1)
    }

    /// Drops what the promotion no longer needs, so that it does not distinguish states.
    pub(super) fn forgets(&mut self) {
        if matches!(self.stage, Stage::Move | Stage::CallPassed) {
            (self.live, self.awaited, self.failed) = (0, 0, None);
            self.head.0.issued = 0;
        }
    }

    pub(super) fn sees(&mut self, seen: &Survey) {
        self.floor = seen.floor;
        self.live = seen.live;
        self.awaited = seen.awaited;
        self.pending = seen.to_call.iter().map(|rank| rank.0).collect();
        self.stage = Stage::Call;
    }

    /// Starts the next group of open slots, or the move of the watermark.
    fn keep_on(&mut self, config: &Config) {
        let head: &Head = &self.head.0;
        let seen = Survey {
            live: self.live,
            awaited: self.awaited,
            ..Survey::default()
        };
        let capacity = Capacity::new(config.limits(self.lane), head, &seen, self.began_at);
        let last = head.issued + SLOTS_AHEAD;
        let most = last.saturating_sub(self.passed).min(GROUP);
        let group = capacity.slots_from(self.passed + 1, most);
        self.pending = (self.passed + 1..=self.passed + group).collect();
        self.passed += group;
        self.stage = Stage::Keep;
        if group == 0 {
            self.move_on(config);
        }
    }

    fn move_on(&mut self, config: &Config) {
        self.stage = Stage::Move;
        if config.has(Flaw::GraceBeforeWatermark) {
            let called = self.head.0.issued.min(self.passed);
            self.pending = (self.head.0.admitted + 1..=called).collect();
            if !self.pending.is_empty() {
                self.stage = Stage::CallPassed;
            }
        }
    }

    /// After an operator lowered the limit, or if this clock is slower than that of the previous promotion, there may be too
    /// many open slots beyond the issued numbers: the watermark moves back over them.
    fn slots_to_withdraw(&self, config: &Config) -> u64 {
        let head: &Head = &self.head.0;
        let kept = head.admitted.saturating_sub(head.issued);
        let limits = config.limits(self.lane);
        let too_many = (self.live + self.awaited).saturating_sub(limits.max_active);
        kept.min(u64::from(too_many))
    }

    /// Continues once all pending calls have ended. False if the promotion has ended.
    pub(super) fn go_on(&mut self, config: &Config) -> bool {
        if !self.pending.is_empty() {
            return true;
        }
        match (self.stage, self.failed) {
            (Stage::ReadSessions | Stage::Move, _) => {}
            (Stage::Call, _) => match self.slots_to_withdraw(config) {
                0 => self.keep_on(config),
                too_many => {
                    self.passed = self.head.0.admitted - too_many;
                    self.move_on(config);
                }
            },
            (Stage::Keep, None) => self.keep_on(config),
            // Ranks are passed in order: the next promotion finds what lies beyond a failure.
            (Stage::Keep, Some(failed)) => {
                self.passed = failed - 1;
                if self.passed == self.head.0.admitted {
                    return false;
                }
                self.move_on(config);
            }
            (Stage::CallPassed, _) if config.has(Flaw::GraceBeforeWatermark) => {
                self.stage = Stage::Move;
            }
            (Stage::CallPassed, _) => return false,
        }
        true
    }

    /// A pending call failed. What is done so far still moves the watermark. False if the promotion has ended.
    pub(super) fn runs_out(&mut self, config: &Config) -> bool {
        let first_failed = self.pending.iter().copied().chain(self.failed).min();
        self.pending.clear();
        match self.stage {
            Stage::Call => self.move_on(config),
            Stage::Keep => {
                self.passed = first_failed.map_or(self.passed, |failed| failed - 1);
                self.move_on(config);
            }
            Stage::ReadSessions | Stage::Move | Stage::CallPassed => return false,
        }
        self.pending.clear();
        self.stage = Stage::Move;
        true
    }

    /// An open slot written now or before, or one whose holder has arrived. A tombstone takes none.
    pub(super) fn counts(&mut self, found: Option<Session>, config: &Config) {
        match found {
            Some(session) if !uses_a_slot(config, session, self.began_at) => {}
            Some(Session::Live { .. }) => self.live += 1,
            None | Some(_) => self.awaited += 1,
        }
    }
}

/// The real rule; with this flaw, evaluated so much later that the margin is gone.
pub(super) fn uses_a_slot(config: &Config, session: Session, now: EpochMs) -> bool {
    session.uses_a_slot(judged_at(config, now), Pause::default())
}

pub(super) fn judged_at(config: &Config, now: EpochMs) -> EpochMs {
    if config.has(Flaw::DeadAtOnce) {
        now.plus_ms(domain::clock::SKEW_MS)
    } else {
        now
    }
}
