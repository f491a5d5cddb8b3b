//! One state for all those that differ only in when they are.
//!
//! Every rule compares moments. So a state whose moments all lie the same time later is the same, and a moment that has
//! passed for every clock and every write under way is as good as any earlier one.

use shared::clock::EpochMs;
use shared::queue::{SKEW_MS, Session};

use super::items::Hold;
use super::state::{START, State};
use super::{Config, RUN_MS};

/// Turns the clock back to the beginning, and the past into what still matters of it.
pub(crate) fn forget_the_past(config: &Config, state: &mut State) {
    let passed = state.now.ms_since(START);
    let slowest = if config.slow_writes {
        state.now.plus_ms(-config.tick_ms)
    } else {
        state.now
    };
    let dead_for_all = dead_for_all(config, state);
    let not_before = |at: EpochMs, earliest: EpochMs| at.max(earliest).plus_ms(-passed);
    for lane in &mut state.items.lanes {
        for session in lane.sessions.values_mut() {
            match session {
                Session::Called { expires_at } => {
                    *expires_at = not_before(*expires_at, dead_for_all);
                }
                Session::Live {
                    expires_at,
                    hold_by,
                    ..
                } => {
                    *expires_at = not_before(*expires_at, dead_for_all);
                    *hold_by = not_before(*hold_by, slowest);
                }
                Session::Open | Session::Ended { .. } => {}
            }
        }
        for at in lane.ended_at.values_mut() {
            *at = not_before(*at, dead_for_all);
        }
    }
    let holds = state.items.reservations.iter_mut().flatten();
    let holds = holds.map(|reservation| &mut reservation.hold);
    for hold in holds.chain(state.items.claim.as_mut().map(|claim| &mut claim.hold)) {
        if let Hold::Until(end) = hold {
            *end = not_before(*end, slowest);
        }
    }
    for client in &mut state.clients {
        client.since = not_before(client.since, slowest);
    }
    for (run, ahead) in state.runs.iter_mut().zip(config.promoters) {
        if let Some(run) = run {
            let over = state.now.plus_ms(ahead - RUN_MS - 1);
            run.began_at = not_before(run.began_at, over);
            run.since = not_before(run.since, slowest);
        }
    }
    state.now = START;
}

/// A session whose end is not later than this is dead for every clock, for every run that still judges, and for TTL.
fn dead_for_all(config: &Config, state: &State) -> EpochMs {
    let next_runs = config
        .promoters
        .iter()
        .map(|ahead| state.now.plus_ms(*ahead));
    let runs = state
        .runs
        .iter()
        .enumerate()
        .filter_map(|(promoter, run)| {
            let run = run.as_ref()?;
            (!run.is_out_of_time(config, state.now, promoter)).then_some(run.began_at)
        });
    let slowest = next_runs.chain(runs).min().unwrap_or(state.now);
    let for_ttl = config.swept_after_ms().unwrap_or_default();
    slowest
        .plus_ms(-SKEW_MS)
        .min(state.now.plus_ms(-for_ttl))
}
