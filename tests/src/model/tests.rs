//! Runs the checker: the protocol keeps every property, and each flaw breaks one.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::properties::{NOBODY_LOST, NOT_TOO_MANY, ONCE};
use super::{Config, Flaw};

const THREADS: usize = 2;

/// A search for a broken property gives up after this many states, several times what any of them needs.
const MANY_STATES: usize = 5_000_000;

/// Two users, one promoter. States that differ only in which user is which count as one.
pub(super) const TWO_USERS: Config = Config {
    symmetric: true,
    ..Config::SMALLEST
};

/// Two promoters. Ticks are longer, so that a promotion soon runs out of time. A session still lives for one tick, has ended
/// for its owner alone for one tick, and has then ended for everybody.
pub(super) const TWO_PROMOTERS: Config = Config {
    promoters: &[0, 0],
    tick_ms: 10_000,
    grace_seconds: 10,
    session_seconds: 10,
    hold_seconds: 10,
    ..TWO_USERS
};

pub(super) const ONE_PROMOTER: Config = Config {
    promoters: &[0],
    ..TWO_PROMOTERS
};

/// Every write may take effect up to two seconds after it was decided.
pub(super) const SLOW_WRITES: Config = Config {
    slow_writes: true,
    tick_ms: 2_000,
    grace_seconds: 2,
    session_seconds: 2,
    hold_seconds: 2,
    ..Config::SMALLEST
};

/// Visits every state. If there are fewer than `at_least`, something is not explored.
pub(super) fn holds_in_every_state(config: Config, at_least: usize) {
    let began = Instant::now();
    let checker = config.checker().threads(THREADS).spawn_bfs().join();
    let states = checker.unique_state_count();
    let (depth, took) = (checker.max_depth(), began.elapsed());
    println!("{states} states, {depth} steps deep, {took:.1?}");
    for (property, path) in checker.discoveries() {
        let is_broken = checker.discovery_classification(property).to_string() == "counterexample";
        for (state, action) in path.into_vec().into_iter().filter(|_| is_broken) {
            println!("{property}: {state:?}\n    {action:?}");
        }
    }
    checker.assert_properties();
    assert!(checker.is_done(), "not every state was visited");
    assert!(states >= at_least, "only {states} states");
}

/// Finds the nearest state in which the property is broken.
fn breaks(property: &'static str, config: Config) {
    let began = Instant::now();
    let checker = config
        .checker()
        .threads(THREADS)
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .target_state_count(MANY_STATES)
        .spawn_bfs()
        .join();
    let states = checker.unique_state_count();
    println!("{states} states, {:.1?}", began.elapsed());
    for action in checker.assert_any_discovery(property).into_actions() {
        println!("    {action:?}");
    }
}

#[test]
fn every_property_holds_while_users_join_leave_hold_and_pay_and_processes_crash() {
    let config = Config {
        leaves: true,
        seat: true,
        crashes: 1,
        ..ONE_PROMOTER
    };
    holds_in_every_state(config, 40_000);
}

#[test]
fn a_lost_answer_and_a_crash_lose_nobody() {
    let config = Config {
        crashes: 1,
        lost_answers: 1,
        ..ONE_PROMOTER
    };
    holds_in_every_state(config, 20_000);
}

#[test]
fn a_user_who_missed_a_turn_joins_again_behind_the_others_and_gets_in() {
    let config = Config {
        joins: 2,
        ..ONE_PROMOTER
    };
    holds_in_every_state(config, 30_000);
}

#[test]
fn overlapping_promotions_call_nobody_twice_and_never_admit_too_many() {
    holds_in_every_state(TWO_PROMOTERS, 40_000);
}

#[test]
fn tombstones_swept_after_every_run_that_could_miss_them_break_nothing() {
    let config = Config {
        clients: &[0],
        joins: 2,
        tombstone_ms: Some(30_000),
        ..TWO_PROMOTERS
    };
    holds_in_every_state(config, 20_000);
}

#[test]
fn clocks_that_differ_by_two_seconds_never_admit_too_many() {
    // By one clock a session ends a tick earlier than by the other.
    let config = Config {
        clients: &[0],
        promoters: &[-1_000, 1_000],
        ..Config::SMALLEST
    };
    holds_in_every_state(config, 15_000);
}

#[test]
fn slow_writes_and_a_fast_clock_never_admit_too_many() {
    let config = Config {
        promoters: &[1_000],
        ..SLOW_WRITES
    };
    holds_in_every_state(config, 10_000);
}

#[test]
fn slow_writes_and_a_fast_clock_leave_the_seat_with_its_owner() {
    let config = Config {
        promoters: &[1_000],
        clients: &[0],
        joins: 2,
        seat: true,
        leaves: true,
        ..SLOW_WRITES
    };
    holds_in_every_state(config, 10_000);
}

#[test]
fn each_lane_keeps_within_its_share() {
    let config = Config {
        lanes: 2,
        max_active: 2,
        ..Config::SMALLEST
    };
    holds_in_every_state(config, 15_000);
}

#[test]
fn one_user_in_two_tabs_has_one_queue_entry() {
    let config = Config {
        clients: &[0, 0],
        leaves: true,
        ..Config::SMALLEST
    };
    holds_in_every_state(config, 25_000);
}

#[test]
fn ranks_are_called_in_order_with_several_open_slots_and_lost_answers() {
    let config = Config {
        max_active: 2,
        lost_answers: 1,
        ..ONE_PROMOTER
    };
    holds_in_every_state(config, 10_000);
}

#[test]
fn sessions_deleted_when_they_end_call_a_rank_twice() {
    let config = Config {
        seat: true,
        flaw: Some(Flaw::SessionsDeletedWhenTheyEnd),
        ..TWO_PROMOTERS
    };
    breaks(ONCE, config);
}

#[test]
fn tombstones_swept_by_age_alone_admit_one_too_many() {
    let config = Config {
        flaw: Some(Flaw::TombstonesSweptByAgeAlone),
        ..TWO_PROMOTERS
    };
    breaks(NOT_TOO_MANY, config);
    breaks(ONCE, config);
}

#[test]
fn a_grace_that_starts_before_the_watermark_moves_loses_a_turn_unseen() {
    let config = Config {
        crashes: 1,
        flaw: Some(Flaw::GraceBeforeWatermark),
        ..TWO_USERS
    };
    breaks(NOBODY_LOST, config);
}

#[test]
fn lanes_that_share_capacity_admit_too_many() {
    let config = Config {
        lanes: 2,
        max_active: 2,
        symmetric: false,
        flaw: Some(Flaw::LanesShareCapacity),
        ..TWO_PROMOTERS
    };
    breaks(NOT_TOO_MANY, config);
}

#[test]
fn sessions_that_free_their_slot_as_soon_as_they_end_for_their_owner_admit_too_many() {
    let config = Config {
        seat: true,
        hold_seconds: 4,
        flaw: Some(Flaw::DeadAtOnce),
        ..SLOW_WRITES
    };
    breaks(NOT_TOO_MANY, config);
}
