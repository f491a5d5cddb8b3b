//! Maps states that differ only by a shift in time to one canonical state.
//!
//! The rules only compare times. So shifting every time of a state by the same amount changes nothing, and a time that has
//! passed for every clock and every pending write is equivalent to any earlier time.

use domain::clock::{EpochMs, SKEW_MS};
use domain::queue::Session;

use super::clients::Call;
use super::items::{Hold, ReservationId};
use super::state::{START, State, user_id};
use super::{Config, RUN_MS};

/// Shifts the clock back to the start, and reduces the past to what still matters.
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
    if config.symmetric {
        forget_the_names(config, state);
    }
}

/// Maps states that differ only in the order of processes to one state. Requires that each client is a user of its own, that
/// there is one lane, and that all clocks agree.
fn forget_the_names(config: &Config, state: &mut State) {
    debug_assert!(config.lanes == 1 && config.clients.len() == config.persons());
    debug_assert!(config.promoters.iter().all(|ahead| *ahead == 0));
    state.runs.sort_unstable();
    let mut order: Vec<usize> = (0..config.persons()).collect();
    let key = |person: &usize| {
        let items = &state.items;
        let reservation = items.reservations[*person].map(|held| (held.rank, held.hold));
        (&state.clients[*person], items.entries[*person], reservation)
    };
    order.sort_by_key(key);
    if order.is_sorted() {
        return;
    }
    let new_name = |old: usize| {
        order
            .iter()
            .position(|person| *person == old)
            .unwrap_or(old)
    };
    let rename = |id: ReservationId| ReservationId {
        person: new_name(id.person),
        ..id
    };
    let items = &mut state.items;
    state.clients = order
        .iter()
        .map(|person| state.clients[*person].clone())
        .collect();
    items.entries = order.iter().map(|person| items.entries[*person]).collect();
    items.reservations = order
        .iter()
        .map(|person| items.reservations[*person])
        .collect();
    for reservation in items.reservations.iter_mut().flatten() {
        reservation.id = rename(reservation.id);
    }
    if let Some(claim) = &mut items.claim {
        claim.by = rename(claim.by);
    }
    for call in state
        .clients
        .iter_mut()
        .filter_map(|client| client.call.as_mut())
    {
        match call {
            Call::Hold { replaces: Some(id) } | Call::Pay { id, .. } => *id = rename(*id),
            _ => {}
        }
    }
    for session in items.lanes[0].sessions.values_mut() {
        if let Session::Live { user_id: id, .. } = session {
            let old = (0..config.persons()).find(|person| user_id(*person) == *id);
            *id = user_id(old.map_or(0, new_name));
        }
    }
}

/// A session that ended at or before this time has ended for every clock, for every promotion that still reads it, and for
/// TTL.
fn dead_for_all(config: &Config, state: &State) -> EpochMs {
    let next_runs = config
        .promoters
        .iter()
        .map(|ahead| state.now.plus_ms(*ahead));
    let runs = state.runs.iter().enumerate().filter_map(|(promoter, run)| {
        let run = run.as_ref()?;
        (!run.is_out_of_time(config, state.now, promoter)).then_some(run.began_at)
    });
    let slowest = next_runs.chain(runs).min().unwrap_or(state.now);
    let for_ttl = config.swept_after_ms().unwrap_or_default();
    slowest.plus_ms(-SKEW_MS).min(state.now.plus_ms(-for_ttl))
}
