//! Users at their browsers: what they want, and which call comes next.

use domain::clock::EpochMs;

use super::items::{ReservationId, SessionKey};
use super::state::State;
use super::{Config, WRITE_MS, booking, queue_calls};

/// What a user wants to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Errand {
    Join,
    Poll,
    Leave,
    Hold,
    Pay,
}

/// The DynamoDB call that a client makes next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Call {
    /// Joining: is there a queue entry?
    ReadEntry,
    /// Where is the number in the queue? `rejoins`: if its turn is over, the client takes a new one.
    ReadHead {
        number: u64,
        rejoins: bool,
    },
    ReadSession {
        number: u64,
        rejoins: bool,
    },
    /// Is the number still the user's?
    CheckEntry {
        number: u64,
        rejoins: bool,
    },
    Arrive {
        number: u64,
        rejoins: bool,
    },
    TakeNumber {
        former: Option<u64>,
    },
    PutEntry {
        mine: u64,
        former: Option<u64>,
        is_called: bool,
    },
    /// Another request of the same user took a number first.
    EndMine {
        mine: u64,
        in_force: u64,
    },
    EndTurn {
        number: u64,
    },
    DeleteEntry {
        number: u64,
    },
    /// `replaces`: the lapsed reservation that blocked the first attempt.
    Hold {
        replaces: Option<ReservationId>,
    },
    ReadReservation,
    Pay {
        id: ReservationId,
        rank: u64,
    },
}

impl Call {
    pub(crate) fn is_write(self) -> bool {
        !matches!(
            self,
            Self::ReadEntry
                | Self::ReadHead { .. }
                | Self::ReadSession { .. }
                | Self::CheckEntry { .. }
                | Self::ReadReservation
        )
    }

    /// Whether the written item, or the write's condition, depends on when the write was decided.
    fn is_timed(self) -> bool {
        matches!(
            self,
            Self::Arrive { .. } | Self::Hold { .. } | Self::Pay { .. }
        )
    }
}

/// A browser tab.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Client {
    /// The number on the token, until its turn is known to be over.
    pub(crate) token: Option<u64>,
    pub(crate) call: Option<Call>,
    /// When the previous call was answered: the earliest time at which the next one can be decided.
    pub(crate) since: EpochMs,
    pub(crate) joins_left: u8,
}

/// The client that makes a call.
pub(super) struct Caller {
    pub(super) client: usize,
    pub(super) person: usize,
    pub(super) lane: usize,
}

impl Caller {
    fn of(config: &Config, client: usize) -> Self {
        let person = config.clients[client];
        Self {
            client,
            person,
            lane: config.lane_of(person),
        }
    }

    pub(super) fn session_key(&self, rank: u64) -> SessionKey {
        let lane = self.lane;
        SessionKey { lane, rank }
    }
}

/// What follows a call.
pub(super) enum Next {
    Call(Call),
    /// The errand is done. This is the number on the token.
    Done(Option<u64>),
}

impl Client {
    pub(crate) fn new(joins_left: u8, now: EpochMs) -> Self {
        Self {
            token: None,
            call: None,
            since: now,
            joins_left,
        }
    }
}

/// The errands that a client may begin, without those that would only learn that nothing has changed.
pub(crate) fn errands(config: &Config, state: &State, client: usize) -> Vec<Errand> {
    let person = config.clients[client];
    let lane = config.lane_of(person);
    let Client {
        token, joins_left, ..
    } = state.clients[client];
    let mut errands = Vec::new();
    let Some(rank) = token else {
        if joins_left > 0 {
            errands.push(Errand::Join);
        }
        return errands;
    };
    let session = state.items.session(SessionKey { lane, rank });
    let is_live = session.is_some_and(|session| session.is_live(state.now));
    if state.items.head(lane).admitted >= rank && !is_live {
        errands.push(Errand::Poll);
    }
    if config.leaves {
        errands.push(Errand::Leave);
    }
    let reservation = state.items.reservations[person];
    let holds = reservation.is_some_and(|reservation| reservation.hold.lives(state.now));
    if config.seat && holds {
        errands.push(Errand::Pay);
    }
    if config.seat && is_live && !holds {
        errands.push(Errand::Hold);
    }
    errands
}

/// An errand begins with its first read, or with the decision to make its first write.
pub(crate) fn begin(config: &Config, state: &mut State, client: usize, errand: Errand) {
    let me = &mut state.clients[client];
    let call = match (errand, me.token) {
        (Errand::Join, _) | (_, None) => {
            me.joins_left = me.joins_left.saturating_sub(1);
            Call::ReadEntry
        }
        (Errand::Poll, Some(number)) => Call::ReadHead {
            number,
            rejoins: false,
        },
        (Errand::Leave, Some(number)) => Call::EndTurn { number },
        (Errand::Hold, Some(_)) => Call::Hold { replaces: None },
        (Errand::Pay, Some(_)) => Call::ReadReservation,
    };
    me.call = Some(call);
    me.since = state.now;
    if !call.is_write() {
        make_call(config, state, client, 0, false);
    }
}

/// How long ago the next call may have been decided.
pub(crate) fn lags(config: &Config, state: &State, client: usize) -> Vec<i64> {
    let Client { call, since, .. } = &state.clients[client];
    let is_slow = config.slow_writes
        && call.is_some_and(Call::is_timed)
        && state.now.ms_since(*since) >= config.tick_ms;
    debug_assert!(!config.slow_writes || config.tick_ms <= WRITE_MS);
    if is_slow {
        vec![0, config.tick_ms]
    } else {
        vec![0]
    }
}

/// Whether the next call's answer may be lost.
pub(crate) fn writes_next(state: &State, client: usize) -> bool {
    state.clients[client].call.is_some_and(Call::is_write)
}

/// Makes the next call, which was decided `lag` milliseconds ago. If its answer is lost, the call is made again.
pub(crate) fn make_call(
    config: &Config,
    state: &mut State,
    client: usize,
    lag: i64,
    is_answer_lost: bool,
) {
    let Some(call) = state.clients[client].call else {
        return;
    };
    let next = call_now(config, state, client, call, state.now.plus_ms(-lag));
    if is_answer_lost {
        return;
    }
    let me = &mut state.clients[client];
    me.since = state.now;
    match next {
        Next::Call(call) => me.call = Some(call),
        Next::Done(token) => {
            me.call = None;
            me.token = token;
        }
    }
}

fn call_now(
    config: &Config,
    state: &mut State,
    client: usize,
    call: Call,
    decided: EpochMs,
) -> Next {
    let caller = Caller::of(config, client);
    match call {
        Call::Hold { .. } | Call::ReadReservation | Call::Pay { .. } => {
            booking::call(config, state, &caller, call, decided)
        }
        Call::EndMine { .. } | Call::EndTurn { .. } | Call::DeleteEntry { .. } => {
            queue_calls::leave(config, state, &caller, call)
        }
        _ => queue_calls::call(config, state, &caller, call, decided),
    }
}
