//! A promotion run: `shared::app::promotion`, call by call.

use shared::clock::EpochMs;
use shared::ids::Rank;
use shared::queue::{Head, PLACES_AHEAD, Pause, Room, Session, Survey, survey};

use super::items::{HeadItem, Place};
use super::state::State;
use super::{Config, Flaw, RUN_MS};

/// A run writes so many items at once.
const GROUP: u64 = 20;

/// A run that is under way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Run {
    pub(crate) lane: usize,
    /// By its own clock.
    pub(crate) began_at: EpochMs,
    /// When its last call was answered: the earliest moment at which the next was decided.
    pub(crate) since: EpochMs,
    /// As the run read it.
    head: HeadItem,
    pub(crate) stage: Stage,
    /// The calls that are under way at once, by rank: they take effect in any order.
    pub(crate) pending: Vec<u64>,
    /// All that the survey told, and what the run has found and made since.
    floor: u64,
    live: u32,
    awaited: u32,
    /// The last rank passed once all that is pending is done.
    passed: u64,
    /// The first rank whose place may or may not be kept: nobody answered.
    failed: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Stage {
    ReadSessions,
    /// The places whose numbers are out by now.
    Call,
    Keep,
    Move,
    /// The places just passed.
    CallPassed,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Fate {
    Answered,
    /// It took effect; its answer is lost, and it is made again.
    Repeated,
    /// It took effect, but nobody could tell: the run gives up here.
    GivenUp,
    /// It was never made, but nobody could tell.
    Lost,
}

/// A run begins with its look at the clock and at the head.
pub(crate) fn begin(config: &Config, state: &mut State, promoter: usize, lane: usize) {
    state.runs[promoter] = Some(Run {
        lane,
        began_at: state.now.plus_ms(config.promoters[promoter]),
        since: state.now,
        head: state.items.lanes[lane].head,
        stage: Stage::ReadSessions,
        pending: Vec::new(),
        floor: 0,
        live: 0,
        awaited: 0,
        passed: state.items.head(lane).admitted,
        failed: None,
    });
}

impl Run {
    /// Whether nothing but the watermark's conditional move can still take effect.
    pub(crate) fn is_out_of_time(&self, config: &Config, now: EpochMs, promoter: usize) -> bool {
        now.plus_ms(config.promoters[promoter])
            .ms_since(self.began_at)
            > RUN_MS
    }

    /// How many calls are under way; the step says which of them is over.
    pub(crate) fn calls(&self) -> usize {
        self.pending.len().max(1)
    }

    /// What the run will not need any more, so that it makes no difference.
    fn forgets(&mut self) {
        if matches!(self.stage, Stage::Move | Stage::CallPassed) {
            (self.live, self.awaited, self.failed) = (0, 0, None);
            self.head.0.issued = 0;
        }
    }

    fn sees(&mut self, seen: &Survey) {
        self.floor = seen.floor;
        self.live = seen.live;
        self.awaited = seen.awaited;
        self.pending = seen.to_call.iter().map(|rank| rank.0).collect();
        self.stage = Stage::Call;
    }

    /// The next group of places, or the move of the watermark.
    fn keep_on(&mut self, config: &Config) {
        let head: &Head = &self.head.0;
        let seen = Survey {
            live: self.live,
            awaited: self.awaited,
            ..Survey::default()
        };
        let room = Room::new(config.limits(self.lane), head, &seen, self.began_at);
        let last = head.issued + PLACES_AHEAD;
        let most = last.saturating_sub(self.passed).min(GROUP);
        let group = room.places_from(self.passed + 1, most);
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

    /// An operator's lower limit, or a slower clock than that of the run before, may have too many places kept for
    /// people who have not joined yet: the watermark goes back over them.
    fn places_to_take_back(&self, config: &Config) -> u64 {
        let head: &Head = &self.head.0;
        let kept = head.admitted.saturating_sub(head.issued);
        let limits = config.limits(self.lane);
        let too_many = (self.live + self.awaited).saturating_sub(limits.max_active);
        kept.min(u64::from(too_many))
    }

    /// Goes on where all that was pending is done. False where the run has ended.
    fn go_on(&mut self, config: &Config) -> bool {
        if !self.pending.is_empty() {
            return true;
        }
        match (self.stage, self.failed) {
            (Stage::ReadSessions | Stage::Move, _) => {}
            (Stage::Call, _) => match self.places_to_take_back(config) {
                0 => self.keep_on(config),
                too_many => {
                    self.passed = self.head.0.admitted - too_many;
                    self.move_on(config);
                }
            },
            (Stage::Keep, None) => self.keep_on(config),
            // Ranks are passed in order: what lies behind a failure is found by the next run.
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
}

/// Makes one of a run's calls, which was decided `lag` milliseconds ago.
pub(crate) fn make_call(
    config: &Config,
    state: &mut State,
    promoter: usize,
    call: usize,
    lag: i64,
    fate: Fate,
) {
    let Some(mut run) = state.runs[promoter].take() else {
        return;
    };
    let goes_on = if run.is_out_of_time(config, state.now, promoter) && run.stage != Stage::Move {
        run_out(&mut run, config)
    } else {
        let decided = state.now.plus_ms(config.promoters[promoter] - lag);
        call_now(config, state, &mut run, call, decided, fate) && run.go_on(config)
    };
    if goes_on {
        run.since = state.now;
        run.forgets();
        state.runs[promoter] = Some(run);
    }
}

/// What is under way fails; what has been done is worth a move of the watermark.
fn run_out(run: &mut Run, config: &Config) -> bool {
    let first_failed = run.pending.iter().copied().chain(run.failed).min();
    run.pending.clear();
    match run.stage {
        Stage::Call => run.move_on(config),
        Stage::Keep => {
            run.passed = first_failed.map_or(run.passed, |failed| failed - 1);
            run.move_on(config);
        }
        Stage::ReadSessions | Stage::Move | Stage::CallPassed => return false,
    }
    run.pending.clear();
    run.stage = Stage::Move;
    true
}

fn call_now(
    config: &Config,
    state: &mut State,
    run: &mut Run,
    call: usize,
    decided: EpochMs,
    fate: Fate,
) -> bool {
    let lane = run.lane;
    match run.stage {
        Stage::ReadSessions => run.sees(&look(config, state, run)),
        Stage::Call | Stage::CallPassed => {
            let rank = run.pending[call];
            let expires_at = decided.plus_seconds(config.grace_seconds);
            state.items.call(Place { lane, rank }, expires_at);
            if fate == Fate::Answered {
                run.pending.remove(call);
            }
        }
        Stage::Keep => {
            let rank = run.pending[call];
            if fate != Fate::Lost {
                let found = state.items.open_place(Place { lane, rank });
                if fate == Fate::Repeated {
                    return true;
                }
                run.counts(found, config);
            }
            run.pending.remove(call);
            if fate != Fate::Answered {
                run.failed = Some(run.failed.map_or(rank, |failed| failed.min(rank)));
            }
        }
        Stage::Move => {
            let moved = state.items.move_watermark(
                lane,
                &run.head.0,
                run.passed,
                run.floor.min(run.passed),
            );
            if fate == Fate::Repeated {
                return true;
            }
            let Some(moved) = moved else {
                return false;
            };
            if config.has(Flaw::GraceBeforeWatermark) {
                return false;
            }
            let called = moved.called().min(run.passed);
            run.pending = (run.head.0.admitted + 1..=called).collect();
            run.stage = Stage::CallPassed;
        }
    }
    true
}

impl Run {
    /// A place that was kept now or before, or whose holder has come; a dead one takes none.
    fn counts(&mut self, found: Option<Session>, config: &Config) {
        match found {
            None => self.awaited += 1,
            Some(session) if !takes_a_place(config, session, self.began_at) => {}
            Some(Session::Live { .. }) => self.live += 1,
            Some(_) => self.awaited += 1,
        }
    }
}

/// By the real rule, unless this is the flaw: then as if it were so much later that the margin is gone.
fn takes_a_place(config: &Config, session: Session, now: EpochMs) -> bool {
    session.takes_a_place(
        judged_at(config, now),
        Pause::default(),
        config.grace_seconds,
    )
}

fn judged_at(config: &Config, now: EpochMs) -> EpochMs {
    if config.has(Flaw::DeadAtOnce) {
        now.plus_ms(shared::queue::SKEW_MS)
    } else {
        now
    }
}

fn look(config: &Config, state: &State, run: &Run) -> Survey {
    let head: &Head = &run.head.0;
    let now = judged_at(config, run.began_at);
    let sessions: Vec<(Rank, Session)> = state.items.lanes[run.lane]
        .sessions
        .range(head.floor + 1..)
        .take_while(|(rank, _)| **rank <= head.admitted)
        .map(|(rank, session)| (Rank(*rank), *session))
        .collect();
    let mut seen = survey(head, &sessions, now, Pause::default(), config.grace_seconds);
    if config.has(Flaw::LanesShareCapacity) {
        for (lane, items) in state.items.lanes.iter().enumerate() {
            let others = items.sessions.iter().filter(|(rank, session)| {
                lane != run.lane
                    && **rank <= items.head.0.admitted
                    && takes_a_place(config, **session, run.began_at)
            });
            seen.live += u32::try_from(others.count()).unwrap();
        }
    }
    seen
}
