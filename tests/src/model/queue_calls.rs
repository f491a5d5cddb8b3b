//! Joining, polling and leaving, as `shared::app::queue` does it, one DynamoDB call at a time.

use domain::clock::EpochMs;
use domain::queue::Pause;

use super::Config;
use super::clients::{Call, Caller, Next};
use super::state::{State, user_id};

/// The turn is over: the client stops, or takes a new number.
fn over(number: u64, rejoins: bool) -> Next {
    if rejoins {
        let former = Some(number);
        Next::Call(Call::TakeNumber { former })
    } else {
        Next::Done(None)
    }
}

/// The next call of joining or polling.
pub(super) fn call(
    config: &Config,
    state: &mut State,
    caller: &Caller,
    call: Call,
    decided: EpochMs,
) -> Next {
    match call {
        Call::ReadEntry => Next::Call(match state.items.entries[caller.person] {
            Some(number) => Call::ReadHead {
                number,
                rejoins: true,
            },
            None => Call::TakeNumber { former: None },
        }),
        Call::ReadHead { number, rejoins } => {
            if number <= state.items.head(caller.lane).admitted {
                Next::Call(Call::ReadSession { number, rejoins })
            } else {
                Next::Done(Some(number))
            }
        }
        Call::ReadSession { number, rejoins } => {
            match state.items.session(caller.session_key(number)) {
                Some(session) if session.is_live(state.now) => Next::Done(Some(number)),
                Some(session) if session.awaits(state.now, Pause::default()) => {
                    Next::Call(Call::CheckEntry { number, rejoins })
                }
                _ => over(number, rejoins),
            }
        }
        Call::CheckEntry { number, rejoins } => {
            if state.items.entries[caller.person] == Some(number) {
                Next::Call(Call::Arrive { number, rejoins })
            } else {
                over(number, rejoins)
            }
        }
        Call::Arrive { number, rejoins } => {
            let ends = decided.plus_seconds(config.session_seconds);
            let at = caller.session_key(number);
            state
                .items
                .arrive(at, user_id(caller.person), decided, ends);
            match state.items.session(at) {
                Some(session) if session.is_live(state.now) => Next::Done(Some(number)),
                _ => over(number, rejoins),
            }
        }
        Call::TakeNumber { former } => {
            let head = state.items.take_number(caller.lane);
            Next::Call(Call::PutEntry {
                mine: head.issued,
                former,
                is_called: head.issued <= head.admitted,
            })
        }
        Call::PutEntry {
            mine,
            former,
            is_called,
        } => match state.items.put_queue_entry(caller.person, mine, former) {
            in_force if in_force != mine => Next::Call(Call::EndMine { mine, in_force }),
            _ if is_called => Next::Call(Call::Arrive {
                number: mine,
                rejoins: false,
            }),
            _ => Next::Done(Some(mine)),
        },
        _ => unreachable!("{call:?} is made elsewhere"),
    }
}

/// The next call of leaving, and of giving up a superfluous number.
pub(super) fn leave(config: &Config, state: &mut State, caller: &Caller, call: Call) -> Next {
    match call {
        Call::EndMine { mine, in_force } => {
            state.past[caller.lane].left.add(mine);
            state.end_session(config, caller.session_key(mine), None);
            Next::Call(Call::ReadHead {
                number: in_force,
                rejoins: false,
            })
        }
        Call::EndTurn { number } => {
            state.past[caller.lane].left.add(number);
            state.end_session(config, caller.session_key(number), None);
            Next::Call(Call::DeleteEntry { number })
        }
        Call::DeleteEntry { number } => {
            state.items.delete_queue_entry(caller.person, number);
            Next::Done(None)
        }
        _ => unreachable!("{call:?} is made elsewhere"),
    }
}
