use std::fmt::Write as _;
use std::time::Duration;

use domain::queue::Lanes;

use super::*;
use crate::catalog::{self, Known};
use crate::crowd::{ArrivalCurve, Crowd, Habits, Share};
use crate::plan::proposal::{Wishes, propose};
use crate::plan::scenario::READY_FOR;

const NOW: EpochMs = EpochMs(1_790_000_000_000);

/// An event of sections of this many seats each, and people who come within a minute.
fn scenario(people: u32, sections: u32, seats: u32) -> Scenario {
    let mut list = String::new();
    for n in 1..=sections {
        write!(list, "{{name: S{n}, seats: {seats}, price: 100}}, ").unwrap();
    }
    let text = format!(
        "currency: KRW
events:
  - eventId: e
    name: E
    venue: V
    admission: seated
    maxSeatsPerUser: 4
    dates:
      - {{date: 2030-12-24, startsAt: \"2030-12-24T19:00:00+09:00\", sections: [{list}]}}
"
    );
    let catalog = catalog::parse(&text, &Known::default(), NOW).unwrap();
    Scenario {
        programme: catalog.events.into_iter().next().unwrap().programme,
        crowd: Crowd {
            people,
            arrivals: ArrivalCurve::opening(Duration::from_mins(1)),
            habits: Habits::default(),
            seed: 1,
        },
        front: Front::Cdn,
        opens_at: NOW,
        longest_seconds: 3_600,
    }
}

fn settings(scenario: &Scenario, max_active: u32) -> Settings {
    Settings {
        max_active,
        ..Settings::of(&scenario.programme.event.queue())
    }
}

#[test]
fn everybody_gets_a_number_and_every_ticket_is_sold_once() {
    let scenario = scenario(2_000, 6, 50);
    let seen = simulate(&scenario, &settings(&scenario, 100));
    assert_eq!((seen.joined, seen.seats, seen.sold), (2_000, 300, 300));
    assert_eq!(seen.tickets - seen.returned, 300);
    assert!(
        seen.sold_out_at
            .is_some_and(|at| at >= seen.nearly_sold_at.unwrap())
    );
    assert_eq!(seen.placements_over, 0, "{:?}", seen.partition_peak);
    let inside = seen.seconds.iter().map(|second| second.inside).max();
    assert!(inside <= Some(100), "{inside:?}");
    assert!(
        seen.seconds
            .windows(2)
            .all(|pair| pair[0].joined <= pair[1].joined)
    );
}

#[test]
fn the_same_scenario_has_the_same_result() {
    let scenario = scenario(500, 2, 50);
    let settings = settings(&scenario, 50);
    assert_eq!(
        simulate(&scenario, &settings),
        simulate(&scenario, &settings)
    );
}

#[test]
fn a_gateway_that_is_too_small_makes_people_try_again_and_loses_nobody() {
    let scenario = scenario(2_000, 6, 50);
    let small = Settings {
        requests_per_second: 50,
        request_burst: 50,
        ..settings(&scenario, 100)
    };
    let seen = simulate(&scenario, &small);
    assert_eq!((seen.joined, seen.sold), (2_000, 300));
    assert!(seen.count_refused(Refused::Gateway) > 1_000.0);
    // The burst and the first second's rate; the rest is rounding.
    assert!(
        seen.most_requests_served <= 110.0,
        "{}",
        seen.most_requests_served
    );
    let enough = simulate(&scenario, &settings(&scenario, 100));
    assert!(seen.all_joined_at > enough.all_joined_at);
}

#[test]
fn polls_that_the_cdn_answers_do_not_reach_the_api() {
    let mut scenario = scenario(2_000, 6, 50);
    scenario.crowd.habits.bots = Share::NONE;
    let polls = |scenario: &Scenario| {
        let seen = simulate(scenario, &settings(scenario, 20));
        let of = |operation| seen.answered.get(&operation).copied().unwrap_or_default();
        let seconds = seats_of(seen.seconds_simulated);
        (
            of(Operation::PublicPoll) / seconds,
            seen.cdn_requests / seconds,
        )
    };
    let (at_api, at_cdn) = polls(&scenario);
    assert!(
        at_api <= EDGE_CACHES && at_cdn > 2.0 * at_api,
        "{at_api} {at_cdn}"
    );
    scenario.front = Front::Direct;
    let (at_api, at_cdn) = polls(&scenario);
    assert!(at_api > EDGE_CACHES && at_cdn < 1e-9, "{at_api} {at_cdn}");
}

#[test]
fn one_lane_takes_a_thousand_joins_a_second_and_two_take_more() {
    let scenario = scenario(20_000, 1, 50);
    let joined_with = |lanes| {
        let settings = Settings {
            lanes: Lanes::new(lanes).unwrap(),
            warm: Units {
                writes: 64_000.0,
                reads: 192_000.0,
            },
            requests_per_second: 100_000,
            request_burst: 100_000,
            ..settings(&scenario, 50)
        };
        let seen = simulate(&scenario, &settings);
        (seen.seconds[4].joined, seen.count_refused(Refused::Table))
    };
    // 34 % come within five seconds.
    let (one, refused) = joined_with(1);
    assert!(
        (3_000..=6_000).contains(&one) && refused > 1_000.0,
        "{one} {refused}"
    );
    let (four, _) = joined_with(4);
    assert!(four > 6_400, "{four}");
}

#[test]
fn a_proposal_sells_in_time_and_no_partition_is_over_its_limit() {
    let scenario = scenario(3_000, 10, 50);
    let mut said = 0;
    let wishes = Wishes {
        sold_within: Duration::from_mins(10),
        ready_environments: None,
        ready_for: READY_FOR,
    };
    let proposal = propose(&scenario, &wishes, &mut |_, _| said += 1);
    assert_eq!(proposal.shortcomings, [""; 0], "{:?}", proposal.settings);
    let seen = &proposal.observed;
    assert!(
        seen.nearly_sold_at.is_some_and(|at| at <= 630),
        "{:?}",
        seen.nearly_sold_at
    );
    assert_eq!(seen.placements_over, 0);
    assert_eq!(said, proposal.simulations);
    // Lambda starts the few environments of this crowd itself.
    assert_eq!(proposal.settings.ready_environments, 0);
    // What it says is what a simulation of these settings says.
    assert_eq!(*seen, simulate(&scenario, &proposal.settings));
}

/// The settings are those that `plan` proposes for this event and this crowd.
#[test]
fn a_million_who_come_within_a_minute_and_fifty_thousand_seats_keep_every_partition_under_its_limits()
 {
    let scenario = scenario(1_000_000, 50, 1_000);
    let settings = Settings {
        lanes: Lanes::new(64).unwrap(),
        max_active: 12_500,
        session_seconds: 120,
        grace_seconds: 240,
        warm: Units {
            writes: 512_000.0,
            reads: 1_536_000.0,
        },
        requests_per_second: 17_100,
        request_burst: 8_550,
        concurrency: 10_000,
        web_acl: true,
        ..Settings::of(&scenario.programme.event.queue())
    };
    let seen = simulate_until_nearly_sold(&scenario, &settings);
    assert_eq!(seen.joined, 1_000_000);
    assert!(
        seen.nearly_sold_at.is_some_and(|at| at <= 600),
        "{:?}",
        seen.nearly_sold_at
    );
    assert_eq!(seen.placements_over, 0, "{:?}", seen.partition_peak);
    let peak = seen.partition_peak;
    assert!(peak.writes <= 1_000.0 && peak.reads <= 3_000.0, "{peak:?}");
    assert!(seen.count_refused(Refused::Table) < 1.0);
    let inside = seen.seconds.iter().map(|second| second.inside).max();
    assert!(inside <= Some(12_500), "{inside:?}");
}
