//! The runs: the protocol keeps its promises, and each of the flaws breaks one.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::properties::{NOBODY_LOST, NOT_TOO_MANY, ONCE};
use super::{Config, Flaw};

const THREADS: usize = 2;

/// Visits every state; there must be so many at least, or something is not looked at.
fn keeps_every_promise(name: &str, config: Config, at_least: usize) {
    let began = Instant::now();
    let checker = config.checker().threads(THREADS).spawn_bfs().join();
    let states = checker.unique_state_count();
    let seconds = began.elapsed().as_secs_f32();
    println!("{name}: {states} states, depth {}, {seconds:.1} s", checker.max_depth());
    for (promise, path) in checker.discoveries() {
        println!("BROKEN: {promise}");
        for (state, action) in path.into_vec() {
            println!("{:?} {:?} runs {:?}\n    {action:?}", state.items, state.clients, state.runs);
        }
    }
    checker.assert_properties();
    assert!(checker.is_done(), "not every state was visited");
    assert!(states >= at_least, "only {states} states");
}


fn breaks(promise: &'static str, config: Config) {
    let began = Instant::now();
    let checker = config
        .checker()
        .threads(THREADS)
        .timeout(std::time::Duration::from_secs(60))
        .finish_when(HasDiscoveries::AnyOf([promise].into()))
        .spawn_bfs()
        .join();
    println!("{:?}: {} states, {:.1} s", config.flaw, checker.unique_state_count(), began.elapsed().as_secs_f32());
    let path = checker.discovery(promise).expect("no counterexample");
    for action in path.into_actions() {
        println!("   {action:?}");
    }
}
#[test]
fn flaws() {
    let base = Config { promoters: &[0, 0], ..Config::SMALLEST };
    breaks(ONCE, Config { seat: true, flaw: Some(Flaw::SessionsDeletedWhenTheyEnd), ..base });
    breaks(ONCE, Config { flaw: Some(Flaw::TombstonesSweptByAgeAlone), ..base });
    breaks(NOT_TOO_MANY, Config { flaw: Some(Flaw::TombstonesSweptByAgeAlone), ..base });
    breaks(NOBODY_LOST, Config { promoters: &[0], crashes: 1, flaw: Some(Flaw::GraceBeforeWatermark), ..base });
    breaks(NOT_TOO_MANY, Config { lanes: 2, max_active: 2, flaw: Some(Flaw::LanesShareCapacity), ..base });
    breaks(NOT_TOO_MANY, Config { promoters: &[0], slow_writes: true, seat: true, tick_ms: 2000, grace_seconds: 2, session_seconds: 2, hold_seconds: 4, flaw: Some(Flaw::DeadAtOnce), ..base });
}
#[test]
fn sizes() {
    let base = Config { names_do_not_matter: true, ..Config::SMALLEST };
    keeps_every_promise("base", base, 100);
    keeps_every_promise("leaves seat crash", Config { leaves: true, seat: true, crashes: 1, ..base }, 100);
    keeps_every_promise("crash lost", Config { crashes: 1, lost_answers: 1, ..base }, 100);
    keeps_every_promise("joins2", Config { joins: 2, ..base }, 100);
    keeps_every_promise("2 promoters", Config { promoters: &[0, 0], tick_ms: 10_000, grace_seconds: 10, session_seconds: 10, ..base }, 100);
    keeps_every_promise("two places 2 promoters", Config { clients: &[0], max_active: 2, promoters: &[0, 0], tick_ms: 10_000, grace_seconds: 10, session_seconds: 10, ..base }, 100);
    keeps_every_promise("sweep 2 promoters", Config { clients: &[0], joins: 2, tombstone_ms: Some(30_000), promoters: &[0, 0], tick_ms: 10_000, grace_seconds: 10, session_seconds: 10, ..base }, 100);
    keeps_every_promise("skew 2 promoters", Config { names_do_not_matter: false, clients: &[0], joins: 2, promoters: &[-1000, 1000], tick_ms: 10_000, grace_seconds: 10, session_seconds: 10, ..base }, 100);
    keeps_every_promise("slow+seat", Config { seat: true, slow_writes: true, tick_ms: 2000, grace_seconds: 2, session_seconds: 2, hold_seconds: 4, ..base }, 100);
}
