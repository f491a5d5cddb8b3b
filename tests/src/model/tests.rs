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

#[test]
fn smallest() {
    keeps_every_promise("smallest", Config::SMALLEST, 100);
}
