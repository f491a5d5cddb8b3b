//! The queue and its seat, in every order in which their calls to DynamoDB can meet.
//!
//! One step of the model is one call of the real code ([`line`], [`booking`], [`promoter`]) on the items ([`items`]), under the
//! conditions of the real writes and by the real rules (`survey`, `Capacity`, `uses_a_slot`, the lanes' limits). Steps of
//! different processes follow each other in any order, time passes between any two of them, processes crash, answers
//! are lost, clocks differ. The checker visits every state that can come of it and looks at every promise
//! ([`properties`]) in each.
//!
//! What is left out, and why that hides nothing: the turnout, the rate and the batches (without overbooking and with
//! `slots` they decide nothing); the one run a second (here a run begins at any time); the newcomer's own promotion
//! (a run that begins during a join is the same); eventually consistent reads and cached heads (old news of a head are
//! a poll that waits between its reads).
//!
//! Time is not counted but compared: what has lapsed for everybody is as if it had lapsed long ago ([`canonical`]). So
//! there are finitely many states however much time passes.

pub(crate) mod booking;
pub(crate) mod canonical;
pub(crate) mod clients;
#[cfg(test)]
mod deeper;
pub(crate) mod fair;
pub(crate) mod items;
pub(crate) mod line;
pub(crate) mod promoter;
pub(crate) mod properties;
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

/// A write decided at t is over by t + 2 s.
pub(crate) const WRITE_MS: i64 = 2_000;
/// A run looks at the clock before each group of writes and stops after 20 s; the last of them is over by then.
pub(crate) const RUN_MS: i64 = 20_000 + WRITE_MS;

/// A protocol that looks right, and is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// Paying and leaving delete the session instead of leaving a tombstone.
    SessionsDeletedWhenTheyEnd,
    /// Tombstones go as soon as promotion counts them as dead, while a run may still be under way that has not seen them.
    TombstonesSweptByAgeAlone,
    /// A run calls the places that it keeps before it moves the watermark.
    GraceBeforeWatermark,
    /// Each lane's run fills up what all lanes together leave free, instead of its own share.
    LanesShareCapacity,
    /// Promotion counts a session as dead as soon as it is dead for its owner.
    DeadAtOnce,
}

/// How large the model is, and what may go wrong in it.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing more to look at"
)]
pub(crate) struct Config {
    /// For each client (a browser tab) whose it is. Persons are spread over the lanes in turn.
    pub(crate) clients: &'static [usize],
    /// For each process that promotes, how many milliseconds its clock is ahead.
    pub(crate) promoters: &'static [i64],
    pub(crate) lanes: u8,
    pub(crate) max_active: u32,
    pub(crate) grace_seconds: u32,
    pub(crate) session_seconds: u32,
    pub(crate) hold_seconds: u32,
    /// So much time passes at once.
    pub(crate) tick_ms: i64,
    /// Whether a write may be decided a tick before it takes effect.
    pub(crate) slow_writes: bool,
    /// Tombstones, and sessions that lapsed, may be swept so long after their end; none: not in the time that is looked at.
    pub(crate) tombstone_ms: Option<i64>,
    /// So often each client joins.
    pub(crate) joins: u8,
    /// Whether people leave.
    pub(crate) leaves: bool,
    /// Whether people hold and pay for the seat.
    pub(crate) seat: bool,
    /// So many processes crash in the middle of something.
    pub(crate) crashes: u8,
    /// So many answers to writes are lost: the write is made again, or given up.
    pub(crate) lost_answers: u8,
    /// Whether states that differ only in which client or promoter is which count as one. Then a path to a state is told
    /// by names that change on the way.
    pub(crate) names_do_not_matter: bool,
    pub(crate) flaw: Option<Flaw>,
}

impl Config {
    /// Two people, one place, one promoter, nothing that goes wrong.
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
        names_do_not_matter: false,
        flaw: None,
    };

    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(crate) fn persons(&self) -> usize {
        self.clients.iter().max().map_or(0, |last| last + 1)
    }

    /// In which lane a person stands.
    pub(crate) fn lane_of(&self, person: usize) -> usize {
        person % usize::from(self.lanes)
    }

    /// A run's limits: the real ones, of `slots` without overbooking.
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
            return Some(domain::queue::SKEW_MS);
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
