//! The properties that hold in every state.

use domain::queue::{Pause, Session};
use stateright::Property;

use super::items::{Hold, LaneItems};
use super::state::{Past, State};
use super::{Config, fair};

pub(crate) const IN_ORDER: &str =
    "nobody is passed over, and nobody is called ahead of the watermark";
pub(crate) const NOT_TOO_MANY: &str = "there are never more called or active sessions than slots";
pub(crate) const ONCE: &str = "no rank is called twice";
pub(crate) const FORWARD: &str =
    "the watermark moves back over no call, and every session up to the floor has ended";
pub(crate) const ONE_OWNER: &str = "the seat has exactly one owner, and is sold at most once";
pub(crate) const NOBODY_LOST: &str = "every user who keeps polling is admitted in the end";

/// These must be reachable, so that the other properties do not hold because nothing happens.
const ALL_IN: &str = "every user has been admitted";
const SOLD: &str = "the seat is sold";

pub(crate) fn all() -> Vec<Property<Config>> {
    vec![
        Property::always(IN_ORDER, |_, state| lanes(state).all(in_order)),
        Property::always(NOT_TOO_MANY, not_too_many),
        Property::always(ONCE, |_, state: &State| lanes(state).all(once)),
        Property::always(FORWARD, |_: &Config, state| {
            lanes(state).all(|(lane, past)| forward(state, lane, past))
        }),
        Property::always(ONE_OWNER, one_owner),
        Property::always(NOBODY_LOST, fair::everybody_is_admitted),
        Property::sometimes(ALL_IN, all_in),
        Property::sometimes(SOLD, |config: &Config, state: &State| {
            let claim = state.items.claim;
            !config.seat || claim.is_some_and(|claim| claim.hold == Hold::ForGood)
        }),
    ]
}

fn lanes(state: &State) -> impl Iterator<Item = (&LaneItems, &Past)> {
    state.items.lanes.iter().zip(&state.past)
}

fn all_in(config: &Config, state: &State) -> bool {
    state
        .items
        .entries
        .iter()
        .enumerate()
        .all(|(person, entry)| {
            let past = &state.past[config.lane_of(person)];
            entry.is_some_and(|number| past.entered.has(number))
        })
}

/// Whether the session admits its holder, or still waits for the holder to arrive.
fn counts(state: &State, session: &Session) -> bool {
    session.is_live(state.now) || session.awaits(state.now, Pause::default())
}

/// Every rank up to the watermark has had a session or was given up, and no rank beyond it has been called or admitted.
fn in_order((lane, past): (&LaneItems, &Past)) -> bool {
    let admitted = lane.head.0.admitted;
    let is_passed_over = |rank| !lane.sessions.contains_key(&rank) && !past.used.has(rank);
    let is_given_up = |rank| past.entered.has(rank) || past.left.has(rank);
    !(1..=admitted).any(is_passed_over)
        && lane.sessions.iter().all(|(rank, session)| match session {
            Session::Called { .. } | Session::Live { .. } => *rank <= admitted,
            // Nobody's session was ended by another user.
            Session::Ended { .. } => is_given_up(*rank),
            Session::Open => true,
        })
}

fn not_too_many(config: &Config, state: &State) -> bool {
    let inside = lanes(state).flat_map(|(lane, _)| {
        let admitted = lane.head.0.admitted;
        lane.sessions
            .range(..=admitted)
            .filter(|(_, session)| counts(state, session))
    });
    inside.count() <= usize::try_from(config.max_active).unwrap()
}

/// A user who arrived, left or let the turn pass is never called again.
fn once((lane, past): (&LaneItems, &Past)) -> bool {
    lane.sessions
        .iter()
        .all(|(rank, session)| *session != Session::Open || !past.used.has(*rank))
}

fn forward(state: &State, lane: &LaneItems, past: &Past) -> bool {
    let head = &lane.head.0;
    head.called() >= past.called
        && head.floor <= head.admitted
        && lane
            .sessions
            .range(..=head.floor)
            .all(|(_, session)| !counts(state, session))
}

/// A seat is SOLD if and only if its reservation is CONFIRMED, and the holder of a live hold has the seat.
fn one_owner(_: &Config, state: &State) -> bool {
    let claim = state.items.claim;
    let reservations = || state.items.reservations.iter().flatten();
    let is_sold = claim.is_some_and(|claim| claim.hold == Hold::ForGood);
    let confirmed = reservations().filter(|reservation| reservation.hold == Hold::ForGood);
    usize::from(is_sold) == confirmed.count()
        && reservations()
            .filter(|reservation| {
                reservation.hold == Hold::ForGood || reservation.hold.lives(state.now)
            })
            .all(|reservation| {
                claim.is_some_and(|claim| {
                    claim.by == reservation.id && claim.hold == reservation.hold
                })
            })
}
