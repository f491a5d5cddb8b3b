//! Larger configurations: more users, promoters and faults. They take minutes, even optimised.
//!
//! ```text
//! cargo test -p tests --config 'profile.dev.package.tests.opt-level=2' -- --ignored --nocapture model::deeper
//! ```

use super::Config;
use super::tests::{SLOW_WRITES, TWO_PROMOTERS, TWO_USERS, holds_in_every_state};

const THREE_PEOPLE: Config = Config {
    clients: &[0, 1, 2],
    ..TWO_USERS
};

#[test]
#[ignore = "a quarter of a minute"]
fn three_users_a_crash_and_a_lost_answer() {
    let config = Config {
        crashes: 1,
        lost_answers: 1,
        ..THREE_PEOPLE
    };
    holds_in_every_state(config, 1_000_000);
}

#[test]
#[ignore = "a quarter of a minute"]
fn three_users_who_hold_pay_and_leave() {
    let config = Config {
        seat: true,
        leaves: true,
        ..THREE_PEOPLE
    };
    holds_in_every_state(config, 1_000_000);
}

#[test]
#[ignore = "a quarter of a minute"]
fn two_promoters_and_a_crash() {
    let config = Config {
        crashes: 1,
        ..TWO_PROMOTERS
    };
    holds_in_every_state(config, 1_000_000);
}

#[test]
#[ignore = "a minute"]
fn two_promoters_a_crash_and_a_lost_answer() {
    let config = Config {
        crashes: 1,
        lost_answers: 1,
        ..TWO_PROMOTERS
    };
    holds_in_every_state(config, 1_000_000);
}

#[test]
#[ignore = "a minute"]
fn two_promoters_whose_tombstones_are_swept() {
    let config = Config {
        tombstone_ms: Some(30_000),
        leaves: true,
        ..TWO_PROMOTERS
    };
    holds_in_every_state(config, 1_000_000);
}

#[test]
#[ignore = "two minutes"]
fn two_promoters_and_two_slots() {
    let config = Config {
        max_active: 2,
        ..TWO_PROMOTERS
    };
    holds_in_every_state(config, 1_000_000);
}

#[test]
#[ignore = "minutes"]
fn two_promoters_with_different_clocks_and_slow_writes() {
    let config = Config {
        clients: &[0],
        joins: 2,
        promoters: &[-1_000, 1_000],
        ..SLOW_WRITES
    };
    holds_in_every_state(config, 1_000_000);
}

#[test]
#[ignore = "minutes"]
fn three_users_and_two_promoters() {
    let config = Config {
        clients: &[0, 1, 2],
        ..TWO_PROMOTERS
    };
    holds_in_every_state(config, 1_000_000);
}
