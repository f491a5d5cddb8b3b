//! A promotion, as `shared::app::promotion` does it, one DynamoDB call at a time.

use domain::clock::EpochMs;
use domain::ids::Rank;
use domain::queue::{Head, Pause, Session, Survey, survey};

use super::items::SessionKey;
use super::run::{Run, Stage, judged_at, uses_a_slot};
use super::state::State;
use super::{Config, Flaw};

/// The outcome of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Fate {
    Answered,
    /// It took effect. Its answer is lost, and the call is repeated.
    Repeated,
    /// It took effect, but the process does not know: the promotion gives up here.
    GivenUp,
    /// It was not made, but the process does not know.
    Lost,
}

/// A promotion begins when it reads the clock and the head.
pub(crate) fn begin(config: &Config, state: &mut State, promoter: usize, lane: usize) {
    let began_at = state.now.plus_ms(config.promoters[promoter]);
    let head = state.items.lanes[lane].head;
    state.runs[promoter] = Some(Run::new(lane, began_at, state.now, &head));
}

/// Makes one of a promotion's calls, which was decided `lag` milliseconds ago.
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
        run.runs_out(config)
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
            state.items.call(SessionKey { lane, rank }, expires_at);
            if fate == Fate::Answered {
                run.pending.remove(call);
            }
        }
        Stage::Keep => {
            let rank = run.pending[call];
            if fate != Fate::Lost {
                let found = state.items.open_session(SessionKey { lane, rank });
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

fn look(config: &Config, state: &State, run: &Run) -> Survey {
    let head: &Head = &run.head.0;
    let now = judged_at(config, run.began_at);
    let sessions: Vec<(Rank, Session)> = state.items.lanes[run.lane]
        .sessions
        .range(head.floor + 1..)
        .take_while(|(rank, _)| **rank <= head.admitted)
        .map(|(rank, session)| (Rank(*rank), *session))
        .collect();
    let mut seen = survey(head, &sessions, now, Pause::default());
    if config.has(Flaw::LanesShareCapacity) {
        for (lane, items) in state.items.lanes.iter().enumerate() {
            let others = items.sessions.iter().filter(|(rank, session)| {
                lane != run.lane
                    && **rank <= items.head.0.admitted
                    && uses_a_slot(config, **session, run.began_at)
            });
            seen.live += u32::try_from(others.count()).unwrap();
        }
    }
    seen
}
