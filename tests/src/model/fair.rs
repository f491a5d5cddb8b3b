//! Liveness: from every state, once nothing fails any more, every user is admitted.

use domain::clock::SKEW_MS;
use domain::queue::Session;

use super::Config;
use super::clients::{self, Call, Errand};
use super::items::SessionKey;
use super::promoter::{self, Fate};
use super::state::State;

/// From here on nothing crashes and no answer is lost. Every user with a queue entry keeps polling, and time passes.
///
/// A user whose turn has not passed is admitted by their present number. A user who let it pass, or never got a queue entry,
/// joins (again). Only checked in states in which no client is in the middle of an errand: every other state leads to such a
/// one.
pub(crate) fn everybody_is_admitted(config: &Config, state: &State) -> bool {
    if !state.is_at_rest() {
        return true;
    }
    let mut state = state.clone();
    let waiting: Vec<NotAdmitted> = (0..config.clients.len())
        .filter_map(|client| NotAdmitted::find(config, &state, client))
        .collect();
    if waiting.is_empty() {
        return true;
    }
    let asks = |state: &mut State| waiting.iter().all(|one| one.asks(config, state));
    if !asks(&mut state) {
        return false;
    }
    let round_ms = i64::from(config.grace_seconds + config.session_seconds + config.hold_seconds)
        * 1_000
        + SKEW_MS;
    // Each issued number, and a new one for each user, may need a round of its own.
    let numbers: u64 = state
        .items
        .lanes
        .iter()
        .map(|lane| lane.head.0.issued)
        .sum();
    for _ in 0..=numbers + waiting.len() as u64 {
        state.now = state.now.plus_ms(round_ms);
        state.remember();
        for lane in 0..usize::from(config.lanes) {
            promotes(config, &mut state, lane);
        }
        if !asks(&mut state) {
            return false;
        }
    }
    waiting.iter().all(|one| one.is_in(config, &state))
}

/// A user who has not been admitted yet.
struct NotAdmitted {
    client: usize,
    /// The number by which the user must be admitted. None if they have no queue entry, were called and did not arrive, or
    /// were about to leave: then they join.
    number: Option<u64>,
}

impl NotAdmitted {
    fn find(config: &Config, state: &State, client: usize) -> Option<Self> {
        let person = config.clients[client];
        let lane = config.lane_of(person);
        let past = &state.past[lane];
        let Some(rank) = state.items.entries[person] else {
            let number = None;
            return Some(Self { client, number });
        };
        if past.entered.has(rank) {
            return None;
        }
        let has_missed = past.left.has(rank)
            || match state.items.session(SessionKey { lane, rank }) {
                Some(Session::Called { expires_at }) => expires_at <= state.now,
                Some(_) => false,
                // Its tombstone was swept.
                None => past.used.has(rank),
            };
        let number = (!has_missed).then_some(rank);
        Some(Self { client, number })
    }

    fn is_in(&self, config: &Config, state: &State) -> bool {
        let person = config.clients[self.client];
        let past = &state.past[config.lane_of(person)];
        state.items.entries[person].is_some_and(|number| past.entered.has(number))
    }

    /// Polls. False if a user who has missed nothing is told that the turn is over.
    fn asks(&self, config: &Config, state: &mut State) -> bool {
        if self.is_in(config, state) {
            return true;
        }
        match self.number {
            Some(number) => {
                let rejoins = false;
                state.clients[self.client].call = Some(Call::ReadHead { number, rejoins });
            }
            None => clients::begin(config, state, self.client, Errand::Join),
        }
        while state.clients[self.client].call.is_some() {
            clients::make_call(config, state, self.client, 0, false);
            state.remember();
        }
        self.number.is_none() || state.clients[self.client].token == self.number
    }
}

/// A whole promotion, by a correct clock.
fn promotes(config: &Config, state: &mut State, lane: usize) {
    promoter::begin(config, state, 0, lane);
    while state.runs[0].is_some() {
        promoter::make_call(config, state, 0, 0, 0, Fate::Answered);
        state.remember();
    }
}
