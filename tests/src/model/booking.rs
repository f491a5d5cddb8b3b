//! Holding and paying, as `shared::app::booking` does it, one DynamoDB call at a time.

use domain::clock::EpochMs;
use domain::seats::cool_off_seconds;

use super::Config;
use super::clients::{Call, Caller, Next};
use super::items::{Hold, ReservationId};
use super::state::State;

/// The next call of holding or paying.
pub(super) fn call(
    config: &Config,
    state: &mut State,
    caller: &Caller,
    call: Call,
    decided: EpochMs,
) -> Next {
    let token = state.clients[caller.client].token;
    let person = caller.person;
    match call {
        Call::Hold { replaces } => {
            let Some(rank) = token else {
                return Next::Done(token);
            };
            let nth = replaces.map_or(0, |former| former.nth + 1);
            let id = ReservationId { person, nth };
            let is_held = state.items.hold(
                caller.session_key(rank),
                id,
                replaces,
                decided,
                config.hold_seconds,
            );
            let cool_off = cool_off_seconds(config.hold_seconds);
            let may_hold = state.items.seat_is_free(person, cool_off, state.now);
            match state.items.reservations[caller.person] {
                Some(ended)
                    if !is_held
                        && may_hold
                        && Some(ended.id) != replaces
                        && matches!(ended.hold, Hold::Until(end) if end <= state.now) =>
                {
                    Next::Call(Call::Hold {
                        replaces: Some(ended.id),
                    })
                }
                _ => Next::Done(token),
            }
        }
        Call::ReadReservation => match state.items.reservations[caller.person] {
            Some(held) if held.hold.lives(state.now) => Next::Call(Call::Pay {
                id: held.id,
                rank: held.rank,
            }),
            _ => Next::Done(token),
        },
        Call::Pay { id, rank } => {
            if state.items.sell(id, decided) {
                state.end_session(config, caller.session_key(rank), Some(decided));
            }
            Next::Done(token)
        }
        _ => unreachable!("{call:?} is made elsewhere"),
    }
}
