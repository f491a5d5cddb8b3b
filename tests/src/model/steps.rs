//! The steps that are possible in a state, and their effect.

use super::items::SessionKey;
use super::promoter::Fate;
use super::run::Stage;
use super::state::State;
use super::{Config, clients, promoter};

pub(crate) use super::clients::Errand;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Action {
    /// A tick passes.
    Time,
    /// A client begins an errand.
    Begin {
        client: usize,
        errand: Errand,
    },
    /// A client's next call takes effect. It was decided this many milliseconds ago.
    Client {
        client: usize,
        lag: i64,
        is_answer_lost: bool,
    },
    /// A promoter begins a promotion.
    Promote {
        promoter: usize,
        lane: usize,
    },
    /// One of the calls that a promotion has in progress takes effect, or is lost.
    Promoter {
        promoter: usize,
        call: usize,
        lag: i64,
        fate: Fate,
    },
    /// A client's process crashes, and its errand is forgotten.
    ClientCrashes {
        client: usize,
    },
    PromoterCrashes {
        promoter: usize,
    },
    /// TTL deletes a session that ended long enough ago.
    Sweep(SessionKey),
}

/// All steps that are possible.
pub(crate) fn possible(config: &Config, state: &State, actions: &mut Vec<Action>) {
    actions.push(Action::Time);
    for client in 0..config.clients.len() {
        of_client(config, state, client, actions);
    }
    for promoter in 0..config.promoters.len() {
        of_promoter(config, state, promoter, actions);
    }
    if let Some(age) = config.swept_after_ms() {
        let long_ago = state.now.plus_ms(-age);
        for (lane, items) in state.items.lanes.iter().enumerate() {
            for (rank, session) in &items.sessions {
                use domain::queue::Session::{Called, Ended, Live, Open};
                let end = match session {
                    Open => None,
                    Called { expires_at } | Live { expires_at, .. } => Some(*expires_at),
                    Ended { .. } => items.ended_at.get(rank).copied(),
                };
                if end.is_some_and(|end| end <= long_ago) {
                    let rank = *rank;
                    actions.push(Action::Sweep(SessionKey { lane, rank }));
                }
            }
        }
    }
}

fn of_client(config: &Config, state: &State, client: usize, actions: &mut Vec<Action>) {
    if state.clients[client].call.is_none() {
        let errands = clients::errands(config, state, client);
        actions.extend(
            errands
                .into_iter()
                .map(|errand| Action::Begin { client, errand }),
        );
        return;
    }
    let may_be_lost = state.lost_answers_left > 0 && clients::writes_next(state, client);
    for lag in clients::lags(config, state, client) {
        let call = |is_answer_lost| Action::Client {
            client,
            lag,
            is_answer_lost,
        };
        actions.push(call(false));
        if may_be_lost {
            actions.push(call(true));
        }
    }
    if state.crashes_left > 0 {
        actions.push(Action::ClientCrashes { client });
    }
}

fn of_promoter(config: &Config, state: &State, promoter: usize, actions: &mut Vec<Action>) {
    let Some(run) = &state.runs[promoter] else {
        let lanes = 0..usize::from(config.lanes);
        actions.extend(lanes.map(|lane| Action::Promote { promoter, lane }));
        return;
    };
    let mut fates = vec![Fate::Answered];
    if state.lost_answers_left > 0 {
        match run.stage {
            Stage::ReadSessions => {}
            Stage::Keep => fates.extend([Fate::Repeated, Fate::GivenUp, Fate::Lost]),
            Stage::Call | Stage::Move | Stage::CallPassed => fates.push(Fate::Repeated),
        }
    }
    let is_slow = config.slow_writes
        && matches!(run.stage, Stage::Call | Stage::CallPassed)
        && state.now.ms_since(run.since) >= config.tick_ms;
    for call in 0..run.calls() {
        for fate in &fates {
            let fate = *fate;
            let call = |lag| Action::Promoter {
                promoter,
                call,
                lag,
                fate,
            };
            actions.push(call(0));
            if is_slow {
                actions.push(call(config.tick_ms));
            }
        }
    }
    if state.crashes_left > 0 {
        actions.push(Action::PromoterCrashes { promoter });
    }
}

/// Applies a step. Time keeps growing here; [`super::canonical`] shifts it back for the checker.
pub(crate) fn apply(config: &Config, state: &mut State, action: Action) {
    match action {
        Action::Time => state.now = state.now.plus_ms(config.tick_ms),
        Action::Begin { client, errand } => clients::begin(config, state, client, errand),
        Action::Client {
            client,
            lag,
            is_answer_lost,
        } => {
            clients::make_call(config, state, client, lag, is_answer_lost);
            state.lost_answers_left -= u8::from(is_answer_lost);
        }
        Action::Promote { promoter, lane } => promoter::begin(config, state, promoter, lane),
        Action::Promoter {
            promoter,
            call,
            lag,
            fate,
        } => {
            promoter::make_call(config, state, promoter, call, lag, fate);
            state.lost_answers_left -= u8::from(fate != Fate::Answered);
        }
        Action::ClientCrashes { client } => {
            state.clients[client].call = None;
            state.clients[client].since = state.now;
            state.crashes_left -= 1;
        }
        Action::PromoterCrashes { promoter } => {
            state.runs[promoter] = None;
            state.crashes_left -= 1;
        }
        Action::Sweep(key) => state.items.remove_session(key),
    }
    state.remember();
}
