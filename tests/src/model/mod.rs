//! A model of the queue and one seat, checked for every order in which their DynamoDB calls can interleave.
//!
//! A step of the model is one call of the real code ([`queue_calls`], [`booking`], [`promoter`]) on the items ([`items`]),
//! under the conditions of the real writes and by the real rules (`survey`, `Capacity`, `uses_a_slot`, the lanes' limits).
//! Steps of different processes interleave in any order, time passes between any two of them, processes crash, answers are
//! lost, and clocks differ. The checker visits every reachable state and checks every property ([`properties`]) in each.
//!
//! Left out, and why that hides nothing: turnout, rate and batches (without overbooking and with `slots` they decide
//! nothing); the limit of one promotion a second (here a promotion begins at any time); a newcomer's own promotion (the same
//! as a promotion that begins during a join); eventually consistent reads and cached heads (an old head is the same as a
//! poll that pauses between its reads).
//!
//! Left out although it could hide something; other tests have to find it: pauses (the cutoff of `session.rs`), draws with
//! their departure marks and a moved opening (`api/draw.rs`), events that requeue (`api/requeue.rs`), a lower `maxActive` or a
//! sold-out event that takes sessions opened ahead back (`api/steering.rs`, `api/sold_out.rs`), and users who leave and come
//! back within the cool-down (`api/cool_down.rs`; here a user who left is like one who never joined). Why they are safe is
//! argued item by item in docs/ARCHITECTURE.md.
//!
//! Times are compared, never counted: a time that has passed for everybody is equivalent to any earlier one ([`canonical`]).
//! So the number of states is finite however much time passes.

pub(crate) mod booking;
pub(crate) mod canonical;
pub(crate) mod clients;
#[cfg(test)]
mod deeper;
pub(crate) mod fair;
pub(crate) mod items;
pub(crate) mod promoter;
pub(crate) mod properties;
pub(crate) mod queue_calls;
#[cfg(test)]
mod replay;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod steps;
#[cfg(test)]
mod tests;

use domain::ids::Lane;
use domain::queue::{LaneLimits, Lanes, QueuePolicy};
use stateright::{Model, Property};

pub(crate) use state::State;
pub(crate) use steps::Action;

/// A write decided at t has taken effect or failed by t + 2 s.
pub(crate) const WRITE_MS: i64 = 2_000;
/// A promotion checks the clock before each group of writes and stops after 20 s; its last write has ended by then.
pub(crate) const RUN_MS: i64 = 20_000 + WRITE_MS;

/// A protocol that looks right and is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// Paying and leaving delete the session instead of leaving a tombstone.
    SessionsDeletedWhenTheyEnd,
    /// Tombstones are swept as soon as promotion counts them as ended, although a promotion that has not seen them may still
    /// be running.
    TombstonesSweptByAgeAlone,
    /// A promotion calls the ranks of its open slots before it moves the watermark.
    GraceBeforeWatermark,
    /// Each lane's promotion fills all slots that are free over all lanes, instead of its own share.
    LanesShareCapacity,
    /// Promotion counts a session as ended as soon as it has ended for its owner.
    DeadAtOnce,
}

/// The size of the model, and what may fail in it.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing more to look at"
)]
pub(crate) struct Config {
    /// For each client (a browser tab) the index of its user. Users are spread over the lanes in turn.
    pub(crate) clients: &'static [usize],
    /// For each promoting process, how many milliseconds its clock is ahead.
    pub(crate) promoters: &'static [i64],
    pub(crate) lanes: u8,
    pub(crate) max_active: u32,
    pub(crate) grace_seconds: u32,
    pub(crate) session_seconds: u32,
    pub(crate) hold_seconds: u32,
    /// The time of one tick.
    pub(crate) tick_ms: i64,
    /// Whether a write may be decided a tick before it takes effect.
    pub(crate) slow_writes: bool,
    /// How long after their end tombstones and lapsed sessions may be swept. None: not within the modelled time.
    pub(crate) tombstone_ms: Option<i64>,
    /// How many times each client joins.
    pub(crate) joins: u8,
    /// Whether users leave.
    pub(crate) leaves: bool,
    /// Whether users hold and pay for the seat.
    pub(crate) seat: bool,
    /// How many processes crash in the middle of an operation.
    pub(crate) crashes: u8,
    /// How many answers to writes are lost. The write is then repeated or given up.
    pub(crate) lost_answers: u8,
    /// Whether states that differ only in the order of clients or promoters count as one. The steps of a path to a state
    /// then name clients and promoters by indices that change along the path.
    pub(crate) symmetric: bool,
    pub(crate) flaw: Option<Flaw>,
}

impl Config {
    /// Two users, one slot, one promoter, no faults.
    pub(crate) const SMALLEST: Self = Self {
        clients: &[0, 1],
        promoters: &[0],
        lanes: 1,
        max_active: 1,
        grace_seconds: 5,
        session_seconds: 5,
        hold_seconds: 5,
        tick_ms: 5_000,
        slow_writes: false,
        tombstone_ms: None,
        joins: 1,
        leaves: false,
        seat: false,
        crashes: 0,
        lost_answers: 0,
        symmetric: false,
        flaw: None,
    };

    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(crate) fn persons(&self) -> usize {
        self.clients.iter().max().map_or(0, |last| last + 1)
    }

    /// The lane of a user.
    pub(crate) fn lane_of(&self, person: usize) -> usize {
        person % usize::from(self.lanes)
    }

    /// A promotion's limits: the real ones, of `slots` without overbooking.
    pub(crate) fn limits(&self, lane: usize) -> LaneLimits {
        let policy = QueuePolicy {
            max_active: self.max_active,
            lanes: Lanes::new(self.lanes).unwrap(),
            ..QueuePolicy::default()
        };
        if self.has(Flaw::LanesShareCapacity) {
            return LaneLimits {
                max_active: self.max_active,
                overbooked: self.max_active,
                batch: None,
            };
        }
        policy.limits(Lane(u8::try_from(lane).unwrap()))
    }

    /// How long after its end a session may be swept.
    pub(crate) fn swept_after_ms(&self) -> Option<i64> {
        if self.has(Flaw::TombstonesSweptByAgeAlone) {
            return Some(domain::clock::SKEW_MS);
        }
        self.tombstone_ms
    }
}

impl Model for Config {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        steps::possible(self, state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut state = state.clone();
        steps::apply(self, &mut state, action);
        canonical::forget_the_past(self, &mut state);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
