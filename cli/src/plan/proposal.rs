//! Proposes settings by simulating the sale with them.
//!
//! Each step changes one group of settings and keeps the others:
//!
//! 1. Session and grace times follow from how long the simulated people take.
//! 2. `maxActive` is the smallest value with which the sale sells out in time.
//! 3. Lanes, warm units and the gateway's limit are the smallest with which no partition is over its limit, in any
//!    placement of the keys.
//! 4. Environments are kept ready only if Lambda starts them so slowly that it refuses many requests.
//!
//! The number of simulations is bounded by the lists below.

use std::time::Duration;

use super::costs::Units;
use super::observed::{Observed, Refused};
use super::scenario::{Scenario, Settings};
use super::simulation::{simulate, simulate_until_nearly_sold, simulate_with_tables};
use super::table::{PARTITION, PLACEMENTS};
use crate::catalog::MAX_ACTIVE_LIMIT;
use domain::queue::Lanes;

/// What an operator wants of a sale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wishes {
    /// 99 of 100 tickets are to be sold within this time.
    pub sold_within: Duration,
    /// `ReadyEnvironments`. `None`: as many as are needed.
    pub ready_environments: Option<u32>,
    /// From the opening to `ReadyUntil`.
    pub ready_for: Duration,
}

/// The outcome of the search.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub settings: Settings,
    pub observed: Observed,
    pub simulations: u32,
    /// What could not be reached.
    pub shortcomings: Vec<String>,
}

/// What a catalogue may say.
#[expect(clippy::cast_possible_truncation, reason = "100,000")]
const MOST_ACTIVE: u32 = MAX_ACTIVE_LIMIT as u32;
/// Each lane needs a slot.
const LEAST_ACTIVE: u32 = Lanes::MOST as u32;
/// Limits that are never reached, to see what people want.
const UNLIMITED: u32 = 10_000_000;
const LANES: [u8; 7] = [1, 2, 4, 8, 16, 32, Lanes::MOST];
/// The numbers of partitions that are considered.
const PARTITIONS: [usize; 15] = [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
/// Shares of the requests that the functions can answer at the peak.
const GATEWAY: [f64; 4] = [1.0, 0.6, 0.35, 0.2];
/// The share of a partition's limit that one key may use.
const OF_PARTITION: f64 = 0.9;
/// The most that template.yaml accepts as `ReadyEnvironments`.
pub const MOST_READY: u32 = 5_000;
/// Lambda may refuse this share of the requests until it has started enough environments: they are sent again within
/// seconds, and environments that are kept ready cost more than that is worth.
const OF_REQUESTS: f64 = 0.01;
/// How often `maxActive` is corrected.
const CORRECTIONS: u32 = 6;
/// More room than the last simulation seemed to need.
const ROOM: f64 = 1.1;
/// The sale may end this much before its time. Closer is not worth another simulation.
const CLOSE_ENOUGH: f64 = 0.75;
/// Browsers wake hidden tabs once a minute, so a shorter grace costs people their turn who look at another tab.
const SHORTEST_GRACE: u32 = 90;
const LONGEST_GRACE: u32 = 300;
const SHORTEST_SESSION: u32 = 120;
const LONGEST_SESSION: u32 = 900;

struct Search<'a> {
    scenario: &'a Scenario,
    /// The same, but it ends with the time that is wanted, twice over.
    short: Scenario,
    simulations: u32,
    progress: &'a mut dyn FnMut(u32, &str),
}

/// The most simulations of a search.
#[must_use]
pub fn most_simulations() -> u32 {
    // The times, `maxActive`, lanes, every pair of gateway and lanes, ready environments, and the result in full.
    1 + CORRECTIONS + 8 + 1 + 28 + 1 + 1
}

/// Searches settings with which 99 of 100 tickets are sold in time.
pub fn propose(
    scenario: &Scenario,
    wishes: &Wishes,
    progress: &mut dyn FnMut(u32, &str),
) -> Proposal {
    let sold_within = wishes.sold_within;
    let longest = u32::try_from(sold_within.as_secs() * 2).unwrap_or(u32::MAX);
    let mut search = Search {
        scenario,
        short: Scenario {
            longest_seconds: scenario.longest_seconds.min(longest.max(300)),
            ..scenario.clone()
        },
        simulations: 0,
        progress,
    };
    let mut shortcomings = Vec::new();
    let mut settings = Settings {
        warm: Units {
            writes: 1_000_000.0,
            reads: 3_000_000.0,
        },
        requests_per_second: UNLIMITED,
        request_burst: UNLIMITED,
        concurrency: UNLIMITED,
        ready_environments: wishes.ready_environments.unwrap_or(0),
        ready_for: wishes.ready_for,
        web_acl: scenario.crowd.habits.bots.as_fraction() > 0.0,
        lanes: Lanes::new(Lanes::MOST).unwrap_or(Lanes::ONE),
        ..Settings::of(&scenario.programme.event.queue())
    };
    search.set_times(&mut settings, sold_within);
    search.set_max_active(&mut settings, sold_within, &mut shortcomings);
    search.set_lanes(&mut settings);
    search.set_capacity(&mut settings, wishes.ready_environments.is_none());
    (search.progress)(search.simulations, "the whole sale");
    let observed = simulate(scenario, &settings);
    if observed.placements_over > 0 {
        shortcomings.push(format!(
            "in {} of {PLACEMENTS} placements of the keys, a partition is over its limit for some time",
            observed.placements_over
        ));
    }
    Proposal {
        observed,
        settings,
        simulations: search.simulations + 1,
        shortcomings,
    }
}

impl Search<'_> {
    fn simulate(&mut self, settings: &Settings, why: &str) -> Observed {
        (self.progress)(self.simulations, why);
        self.simulations += 1;
        simulate_until_nearly_sold(&self.short, settings)
    }

    fn simulate_with_tables(&mut self, settings: &Settings) -> Observed {
        (self.progress)(self.simulations, "capacity");
        self.simulations += 1;
        simulate_with_tables(self.scenario, settings, &PARTITIONS)
    }

    /// More admitted users than tickets find nothing.
    fn most_active(&self) -> u32 {
        let seats = u32::try_from(self.scenario.seats()).unwrap_or(u32::MAX);
        let people = self.scenario.crowd.people;
        seats.min(people).clamp(LEAST_ACTIVE, MOST_ACTIVE)
    }

    /// Session and grace are as long as 99 of 100 people need from arriving to their first hold, and from the call to
    /// arriving. `maxActive` is a first guess: all slots are used three times.
    fn set_times(&mut self, settings: &mut Settings, within: Duration) {
        let guess = self.scenario.seats() / within.as_secs().div_ceil(180).max(1);
        settings.max_active = u32::try_from(guess)
            .unwrap_or(u32::MAX)
            .clamp(LEAST_ACTIVE, self.most_active());
        let roomy = Settings {
            session_seconds: LONGEST_SESSION,
            grace_seconds: LONGEST_GRACE,
            ..*settings
        };
        let observed = self.simulate(&roomy, "how long people take");
        let seconds = |p99: f32, least: u32, most: u32| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "bounded seconds"
            )]
            let whole = p99.ceil() as u32;
            whole.next_multiple_of(30).clamp(least, most)
        };
        settings.session_seconds = seconds(
            observed.shopping.percentile(0.99),
            SHORTEST_SESSION,
            LONGEST_SESSION,
        );
        settings.grace_seconds = seconds(
            observed.coming.percentile(0.99),
            SHORTEST_GRACE,
            LONGEST_GRACE,
        );
    }

    /// Corrects `maxActive` until the sale ends in time, and not long before.
    fn set_max_active(
        &mut self,
        settings: &mut Settings,
        within: Duration,
        shortcomings: &mut Vec<String>,
    ) {
        let wanted = within.as_secs_f64();
        let mut enough = None;
        for _ in 0..CORRECTIONS {
            let observed = self.simulate(settings, "maxActive");
            let over = observed.nearly_sold_at.or(observed.everybody_in_at());
            let took = over.map_or_else(|| observed.would_take(), to_f64);
            if over.is_some() && took <= wanted {
                enough = Some(settings.max_active);
                if took >= wanted * CLOSE_ENOUGH || settings.max_active == LEAST_ACTIVE {
                    break;
                }
            }
            let room = if took > wanted { ROOM } else { 1.0 };
            let next = rounded_up(f64::from(settings.max_active) * took / wanted * room)
                .clamp(LEAST_ACTIVE, self.most_active());
            if next == settings.max_active || enough.is_some_and(|enough| next >= enough) {
                break;
            }
            settings.max_active = next;
        }
        match enough {
            Some(enough) => settings.max_active = enough,
            None => shortcomings.push(format!(
                "99 of 100 tickets are not sold within {wanted} s, even with maxActive {}",
                settings.max_active
            )),
        }
    }

    /// The fewest lanes with which no key of a lane is near a partition's limit. Fewer lanes have more load each.
    fn set_lanes(&mut self, settings: &mut Settings) {
        let most = Lanes::new(Lanes::MOST).unwrap_or(Lanes::ONE);
        settings.lanes = most;
        let load = |observed: &Observed| {
            let peak = observed.lane_key_peak;
            (peak.writes / PARTITION.writes).max(peak.reads / PARTITION.reads) / OF_PARTITION
        };
        let of_one_lane = load(&self.simulate(settings, "lanes")) * f64::from(most.count());
        for lanes in LANES.into_iter().filter_map(Lanes::new) {
            settings.lanes = lanes;
            let is_hopeless = f64::from(lanes.count()) < of_one_lane * 0.8;
            if lanes == most || (!is_hopeless && load(&self.simulate(settings, "lanes")) <= 1.0) {
                break;
            }
        }
    }

    /// The highest limit of the gateway, then the fewest lanes and the least warm throughput with which no partition is
    /// over a limit. If there are none, those with the least load. `sets_ready`: also how many environments are kept ready.
    fn set_capacity(&mut self, settings: &mut Settings, sets_ready: bool) {
        let wanted = self.simulate(settings, "what people want");
        let lanes = settings.lanes.count();
        let mut best: Option<(Settings, f64)> = None;
        for share in GATEWAY {
            let rate = hundreds(wanted.most_requests_served * share * ROOM).max(100);
            for lanes in LANES
                .into_iter()
                .filter(|count| *count >= lanes)
                .filter_map(Lanes::new)
            {
                let mut tried = Settings {
                    lanes,
                    requests_per_second: rate,
                    request_burst: rate / 2,
                    ..*settings
                };
                let observed = self.simulate_with_tables(&tried);
                tried.concurrency = hundreds(observed.most_concurrency * 1.2).max(1_000);
                let partitions = observed.would_serve.first().copied();
                tried.warm = warm_for(partitions.unwrap_or(PARTITIONS[PARTITIONS.len() - 1]));
                let load = observed.partition_peak.writes / PARTITION.writes
                    + observed.partition_peak.reads / PARTITION.reads;
                if partitions.is_some() {
                    *settings = tried;
                    if sets_ready {
                        self.set_ready(settings, &observed);
                    }
                    return;
                }
                if best.is_none_or(|(_, least)| load < least) {
                    best = Some((tried, load));
                }
            }
        }
        if let Some((least, _)) = best {
            *settings = least;
        }
    }

    /// Keeps as many environments ready as were missing, if Lambda refused many requests for that, and the table serves
    /// the requests that then pass.
    fn set_ready(&mut self, settings: &mut Settings, without: &Observed) {
        let refused = without.count_refused(Refused::Functions);
        if refused <= without.all_answered() * OF_REQUESTS {
            return;
        }
        let missing = hundreds(without.most_environments_missing * ROOM);
        let mut tried = Settings {
            ready_environments: missing.min(MOST_READY),
            ..*settings
        };
        let observed = self.simulate_with_tables(&tried);
        if let Some(partitions) = observed.would_serve.first() {
            tried.concurrency = hundreds(observed.most_concurrency * 1.2).max(1_000);
            tried.warm = warm_for(*partitions);
            *settings = tried;
        }
    }
}

/// The throughput of this many partitions.
fn warm_for(partitions: usize) -> Units {
    PARTITION.times(f64::from(u32::try_from(partitions).unwrap_or(u32::MAX)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive and bounded"
)]
fn hundreds(value: f64) -> u32 {
    (value.max(0.0).min(f64::from(UNLIMITED)) as u32).next_multiple_of(100)
}

#[expect(clippy::cast_precision_loss, reason = "seconds and counts of tickets")]
fn to_f64(count: u64) -> f64 {
    count as f64
}

/// To two digits, so that people can remember it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive and bounded"
)]
fn rounded_up(value: f64) -> u32 {
    let whole = value.ceil().clamp(1.0, f64::from(MOST_ACTIVE)) as u32;
    let digits = whole.checked_ilog10().unwrap_or(0);
    whole.next_multiple_of(10_u32.pow(digits.saturating_sub(1)))
}
