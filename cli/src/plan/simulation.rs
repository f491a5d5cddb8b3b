//! The simulation of a sale: people, the queue's rules, and the limits of the services below it, moved by a clock.
//!
//! Every tenth of a second, the requests of that moment pass the gateway, the functions and the table, each of which may
//! refuse some. A refused request is sent again. Joining, arriving, holding and paying are simulated for each person, by
//! the decisions of [`crate::crowd`], which a rush plays, too. Polls of waiting people are counted by groups, because they change nothing: how often they come follows from the hints
//! of `domain`.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::clock::EpochMs;
use domain::event::Admission;
use domain::ids::Rank;
use domain::queue::{Head, OUTDATED_MS, TokenEndsOn};
use domain::shortage::{LOOK_EVERY_MS, Shortage};
use fastrand::Rng;
use shared::app::MOST_LIVE_SEATS;

use super::costs::{Function, KeyKind, Operation, TRANSACTED, Units, read_of_claims};
use super::functions::{Functions, milliseconds_of_calls};
use super::lane::{LaneTerms, SimulatedLane};
use super::observed::{Observed, Refused};
use super::scenario::{Front, Scenario, Settings, WEB_ACL_DELAY_SECONDS, WEB_ACL_REQUESTS};
use super::stock::Stock;
use super::table::{KeyId, Table, key};
use crate::crowd::{
    Act, Goods, MOST_REJOINS, Outcome, Parting, Person, PollHints, Turn, TurnEnd, Waiting,
};

const TICK_MS: i64 = 100;
const TICK: f64 = 0.1;
const TICKS_PER_SECOND: usize = 10;
/// A refused request is sent again after one to three seconds, and a refused join after up to eight times that, as the
/// shop does.
const RETRY_TICKS: std::ops::Range<usize> = 10..30;
const MOST_DOUBLINGS: u8 = 3;
/// A bot of the crowd asks again 100 ms after an answer, which takes about 50 ms.
const BOT_REQUESTS_PER_SECOND: f64 = 7.0;
/// Somebody who reloads the page does so every two to ten seconds.
const RELOAD_SECONDS: f64 = 6.0;
/// Edge caches that ask for the public numbers each second. An assumption: buyers of one country.
pub const EDGE_CACHES: f64 = 20.0;
/// The hints are computed at this many positions of a lane.
const POSITIONS: u64 = 32;
/// Someone who has a number.
#[derive(Clone, Copy, Debug)]
struct Member {
    index: u32,
    /// When the number was issued, in ticks.
    joined: u32,
    /// The hint of the answer, in seconds.
    hint: u8,
    /// How often the person has joined again after a turn that ended too early.
    rejoins: u8,
}

/// Someone who was called.
#[derive(Clone, Copy, Debug)]
struct Visit {
    member: Member,
    lane: u8,
    rank: u64,
    /// The turn with its next request. `None` before the arrival.
    turn: Option<(Turn, Act)>,
    /// The section that the person looks at.
    part: usize,
    /// How many seats of the section were free, and had been taken, when the person saw it.
    saw: (u32, u64),
    hold: Option<usize>,
    has_held: bool,
    has_charged: bool,
    /// The tickets of the hold or the purchase.
    tickets: u32,
    /// When the user was called, and when the user arrived, in ticks.
    called: usize,
    arrived: usize,
}

#[derive(Clone, Copy, Debug)]
enum Due {
    /// A person tries to join again.
    Join { index: u32, tries: u8, rejoins: u8 },
    /// A called person sends the next request.
    Visit { visit: u32 },
    /// A waiting person leaves.
    LeaveQueue { lane: u8, rank: u64 },
    /// A hold ends.
    Lapse { hold: u32 },
}

/// The keys of the table's model: for each kind, where its keys begin.
#[derive(Clone, Copy, Debug)]
struct Keys {
    lanes: usize,
    parts: usize,
}

impl Keys {
    fn count(self) -> usize {
        3 * self.lanes + 3 * self.parts + 1
    }

    fn id(self, kind: KeyKind, lane: usize, part: usize) -> Option<KeyId> {
        let after_lanes = 3 * self.lanes;
        Some(key(match kind {
            KeyKind::Head => lane,
            KeyKind::PromotionClaim => self.lanes + lane,
            KeyKind::Sessions => 2 * self.lanes + lane,
            KeyKind::Claims => after_lanes + part,
            KeyKind::SeatMap => after_lanes + self.parts + part,
            KeyKind::Stock => after_lanes + 2 * self.parts + part,
            KeyKind::Event => after_lanes + 3 * self.parts,
            KeyKind::Own => return None,
        }))
    }

    /// A key's name for people.
    fn name(self, index: usize) -> String {
        let after_lanes = 3 * self.lanes;
        if index < self.lanes {
            format!("the head of lane {index}")
        } else if index < 2 * self.lanes {
            format!("the promotion claim of lane {}", index - self.lanes)
        } else if index < after_lanes {
            format!("the sessions of lane {}", index - 2 * self.lanes)
        } else if index < after_lanes + self.parts {
            format!("the claims of section {}", index - after_lanes + 1)
        } else if index < after_lanes + 2 * self.parts {
            format!(
                "the seat map of section {}",
                index - after_lanes - self.parts + 1
            )
        } else if index < after_lanes + 3 * self.parts {
            format!("stock shard {}", index - after_lanes - 2 * self.parts)
        } else {
            "the event and its dates".to_owned()
        }
    }
}

struct Sale<'a> {
    scenario: &'a Scenario,
    settings: &'a Settings,
    terms: Vec<LaneTerms>,
    lanes: Vec<SimulatedLane>,
    /// By lane and number.
    members: Vec<Vec<Member>>,
    stock: Stock,
    /// The stock shards of general admission; 0 for seats.
    shards: usize,
    table: Table,
    keys: Keys,
    functions: Functions,
    /// What the gateway may pass now.
    gateway_tokens: f64,
    visits: Vec<Visit>,
    due: Vec<Vec<Due>>,
    tick: usize,
    random: Rng,
    /// The share of this tick's requests that the gateway passes.
    gateway_share: f64,
    function_shares: [f64; Function::ALL.len()],
    /// The share of this tick's requests whose users' keys are served.
    own_share: f64,
    own_units: Units,
    /// The polls of tokens, per second. They always reach the API.
    token_polls: f64,
    /// The polls of the public numbers that reach the API, per second.
    public_polls: f64,
    /// The reloads of the page that reach the API, per second.
    event_views: f64,
    /// The requests of waiting people that the CDN answers, per second.
    cdn_polls: f64,
    /// Bots that wait, and those that a web ACL will block, by second.
    bots: f64,
    blocked_at: Vec<u32>,
    next_person: u32,
    /// The next person to come, once looked at.
    coming: Option<Person>,
    shortage: Option<Shortage>,
    /// Since which tick people are told that everything is sold.
    sold_out_since: Option<usize>,
    /// People who joined before this tick have gone, because everything was sold.
    gone_before: usize,
    looked_at: i64,
    looked_part: usize,
    /// Requests of this second, by function.
    second_requests: [f64; Function::ALL.len()],
    seats_listed: Vec<u32>,
    observed: Observed,
    joined: u64,
    left: u64,
    visitors: u64,
}

/// Simulates a sale from its opening until nobody can get in any more.
#[must_use]
pub fn simulate(scenario: &Scenario, settings: &Settings) -> Observed {
    simulate_with_tables(scenario, settings, &[])
}

/// The same, and finds whether tables of these numbers of partitions would serve it.
#[must_use]
pub fn simulate_with_tables(
    scenario: &Scenario,
    settings: &Settings,
    partitions: &[usize],
) -> Observed {
    simulate_until(scenario, settings, partitions, |sale: &Sale<'_>| {
        sale.is_over()
    })
}

/// Simulates a sale until nearly everything is sold, without the tail in which the last tickets change hands.
#[must_use]
pub fn simulate_until_nearly_sold(scenario: &Scenario, settings: &Settings) -> Observed {
    simulate_until(scenario, settings, &[], |sale| {
        let observed = &sale.observed;
        sale.is_over() || observed.all_joined_at.is_some() && observed.nearly_sold_at.is_some()
    })
}

fn simulate_until(
    scenario: &Scenario,
    settings: &Settings,
    partitions: &[usize],
    is_over: impl Fn(&Sale<'_>) -> bool,
) -> Observed {
    let mut sale = Sale::new(scenario, settings);
    sale.table.compare_with(partitions);
    let last_tick = scenario.longest_seconds as usize * TICKS_PER_SECOND;
    while sale.tick < last_tick && !is_over(&sale) {
        sale.one_tick();
    }
    sale.into_observed()
}

impl<'a> Sale<'a> {
    fn new(scenario: &'a Scenario, settings: &'a Settings) -> Self {
        let terms = scenario.lane_terms(settings);
        let lanes = terms.len();
        let stock = Stock::of(&scenario.programme, scenario.opens_at);
        let shards = match scenario.programme.event.terms.admission {
            Admission::General { stock_shards, .. } => stock_shards as usize,
            Admission::Seated => 0,
        };
        let keys = Keys {
            lanes,
            parts: stock.parts.len().max(shards),
        };
        let mut random = Rng::with_seed(scenario.crowd.seed);
        let ticks = scenario.longest_seconds as usize * TICKS_PER_SECOND + 1;
        Self {
            terms,
            lanes: vec![SimulatedLane::default(); lanes],
            members: vec![Vec::new(); lanes],
            seats_listed: vec![0; stock.parts.len()],
            stock,
            shards,
            table: Table::new(settings.warm, keys.count(), &mut random),
            keys,
            functions: Functions::new(settings.concurrency, settings.ready_environments),
            gateway_tokens: settings.request_burst.into(),
            visits: Vec::new(),
            due: vec![Vec::new(); ticks],
            tick: 0,
            random,
            gateway_share: 1.0,
            function_shares: [1.0; Function::ALL.len()],
            own_share: 1.0,
            own_units: Units::default(),
            token_polls: 0.0,
            public_polls: 0.0,
            event_views: 0.0,
            cdn_polls: 0.0,
            bots: 0.0,
            blocked_at: vec![0; scenario.longest_seconds as usize + 1],
            next_person: 0,
            coming: None,
            shortage: None,
            sold_out_since: None,
            gone_before: 0,
            looked_at: i64::MIN / 2,
            looked_part: 0,
            second_requests: [0.0; Function::ALL.len()],
            observed: Observed::default(),
            joined: 0,
            left: 0,
            visitors: 0,
            scenario,
            settings,
        }
    }

    #[expect(clippy::cast_possible_wrap, reason = "hours in ticks")]
    fn now(&self) -> EpochMs {
        self.scenario.opens_at.plus_ms(self.tick as i64 * TICK_MS)
    }

    fn second(&self) -> u64 {
        (self.tick / TICKS_PER_SECOND) as u64
    }

    /// Nobody comes any more, and nobody can buy any more: everything is sold, or everybody has gone.
    fn is_over(&self) -> bool {
        if self.tick == 0 || self.next_person < self.scenario.crowd.people {
            return false;
        }
        let everybody_joined = self.joined == u64::from(self.scenario.crowd.people);
        let nobody_waits = self.lanes.iter().all(|lane| lane.head.uncalled() == 0);
        let sold_out = self.stock.free() == 0 && self.stock.held() == 0;
        everybody_joined && self.visitors == 0 && (nobody_waits || sold_out)
    }

    fn one_tick(&mut self) {
        self.table.refill(TICK);
        let due = std::mem::take(&mut self.due[self.tick]);
        let comes = self.people_of_this_tick();
        self.set_shares(&due, comes.len());
        for person in comes {
            self.view_event();
            self.try_to_join(&person, 0, 0);
        }
        for due in due {
            self.act(due);
        }
        self.send_polls();
        self.promote_lanes();
        self.table.take_spread(self.own_units);
        self.own_units = Units::default();
        self.tick += 1;
        if self.tick.is_multiple_of(TICKS_PER_SECOND) {
            self.end_second();
        }
    }

    /// The people who come in this tick.
    fn people_of_this_tick(&mut self) -> Vec<Person> {
        let crowd = &self.scenario.crowd;
        let end = (self.tick + 1) as u128 * 100;
        let mut people = Vec::new();
        while self.next_person < crowd.people {
            let index = self.next_person;
            let person = self.coming.take().unwrap_or_else(|| crowd.person(index));
            if person.comes_after.as_millis() >= end {
                self.coming = Some(person);
                break;
            }
            people.push(person);
            self.next_person += 1;
        }
        people
    }

    /// Decides which share of this tick's requests each service serves.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
    fn set_shares(&mut self, due: &[Due], comes: usize) {
        let mut counts: BTreeMap<Operation, f64> = BTreeMap::new();
        let mut count = |operation, requests: f64| {
            *counts.entry(operation).or_default() += requests;
        };
        count(Operation::Join, comes as f64);
        if self.scenario.front == Front::Direct {
            count(Operation::ViewEvent, comes as f64);
        }
        for (operation, per_second) in self.polls() {
            count(operation, per_second * TICK);
        }
        for due in due {
            match due {
                Due::Join { .. } => count(Operation::Join, 1.0),
                Due::Visit { visit } => {
                    count(self.next_operation(&self.visits[*visit as usize]), 1.0);
                }
                Due::LeaveQueue { .. } => count(Operation::Leave, 1.0),
                Due::Lapse { .. } => {}
            }
        }
        let requests: Vec<(Operation, f64)> = counts.into_iter().collect();
        let total: f64 = requests.iter().map(|(_, count)| count).sum();
        self.gateway_tokens = (self.gateway_tokens
            + f64::from(self.settings.requests_per_second) * TICK)
            .min(self.settings.request_burst.into());
        self.gateway_share = if total > self.gateway_tokens {
            self.gateway_tokens / total
        } else {
            1.0
        };
        self.gateway_tokens -= total * self.gateway_share;
        self.observed.gateway.sent(total / TICK);
        let passed: Vec<(Operation, f64)> = requests
            .into_iter()
            .map(|(operation, count)| (operation, count * self.gateway_share))
            .collect();
        self.function_shares = self.functions.scale(&passed, TICK);
        let own: Units = passed
            .iter()
            .fold(Units::default(), |mut sum, (operation, count)| {
                let share = self.function_shares[operation.function() as usize];
                for (kind, units) in operation.touches() {
                    if kind == KeyKind::Own {
                        sum += units.times(count * share);
                    }
                }
                sum
            });
        self.own_share = self.table.served_share(own);
    }

    /// The polls of waiting people that reach the API, per second.
    fn polls(&self) -> [(Operation, f64); 3] {
        [
            (Operation::WaitingPoll, self.token_polls),
            (Operation::PublicPoll, self.public_polls),
            (Operation::ViewEvent, self.event_views),
        ]
    }

    /// The kind of a called person's next request.
    fn next_operation(&self, visit: &Visit) -> Operation {
        let Some((_, act)) = visit.turn else {
            return Operation::Arrival;
        };
        let operation = match act {
            Act::ViewDates | Act::Pause(_) | Act::End(_) => Operation::Dates,
            Act::ViewSeats => self.listing(visit.part),
            Act::Hold { tickets, .. } => Operation::Hold { seats: tickets },
            Act::Release => Operation::Release {
                seats: visit.tickets,
            },
            Act::Charge { .. } => Operation::Charge,
            Act::Pay => Operation::Pay {
                seats: visit.tickets,
            },
            Act::Reserve { .. } => Operation::Reserve,
            Act::ViewTicket => Operation::ViewTicket,
            Act::Return => Operation::Refund {
                seats: visit.tickets,
            },
            Act::Leave => Operation::Leave,
        };
        operation.kind()
    }

    /// Sends one request. If it is refused, it has cost nothing: the caller sends it again.
    fn request(&mut self, operation: Operation, lane: usize, part: usize) -> bool {
        self.reaches(operation.function()) && self.is_served(operation, lane, part)
    }

    /// Whether a request reaches its function.
    fn reaches(&mut self, function: Function) -> bool {
        if self.random.f64() >= self.gateway_share {
            self.observed.refuse(Refused::Gateway, 1.0);
            return false;
        }
        if self.random.f64() >= self.function_shares[function as usize] {
            self.observed.refuse(Refused::Functions, 1.0);
            return false;
        }
        true
    }

    /// Whether the table serves it.
    fn is_served(&mut self, operation: Operation, lane: usize, part: usize) -> bool {
        let function = operation.function() as usize;
        let touches = operation.touches();
        let is_served = self.random.f64() < self.own_share
            && touches.iter().all(|(kind, units)| {
                let id = self.keys.id(*kind, lane, part);
                id.is_none_or(|id| self.table.served(id, *units, 1) == 1)
            });
        if !is_served {
            self.observed.refuse(Refused::Table, 1.0);
            return false;
        }
        for (kind, units) in touches {
            match self.keys.id(kind, lane, part) {
                Some(id) => self.table.take(id, units),
                None => self.own_units += units,
            }
        }
        self.second_requests[function] += 1.0;
        self.observed.answered(operation, 1.0);
        true
    }

    fn schedule(&mut self, after_ticks: usize, due: Due) {
        let at = self.tick + after_ticks.max(1);
        if let Some(slot) = self.due.get_mut(at) {
            slot.push(due);
        }
    }

    fn later(&mut self, due: Due) {
        let ticks = self.random.usize(RETRY_TICKS);
        self.schedule(ticks, due);
    }

    fn person(&self, index: u32) -> Person {
        self.scenario.crowd.person(index)
    }

    // ---- Joining and waiting ----

    /// Somebody opens the page. Its event is public.
    fn view_event(&mut self) {
        match self.scenario.front {
            Front::Cdn => self.observed.cdn_requests += 1.0,
            Front::Direct => {
                self.request(Operation::ViewEvent, 0, 0);
            }
        }
    }

    fn try_to_join(&mut self, person: &Person, tries: u8, rejoins: u8) {
        if self.reaches(Function::IssueToken) {
            self.join(person, tries, rejoins);
        } else {
            self.join_later(person.index, tries, rejoins);
        }
    }

    fn join(&mut self, person: &Person, tries: u8, rejoins: u8) {
        let index = person.index;
        #[expect(clippy::cast_possible_truncation, reason = "below 64")]
        let lane = (person.seed % self.lanes.len() as u64) as usize;
        let is_open = self.lanes[lane].head.admitted > self.lanes[lane].head.issued;
        let operation = if is_open {
            Operation::JoinAdmitted
        } else {
            Operation::Join
        };
        if !self.is_served(operation, lane, 0) {
            self.join_later(index, tries, rejoins);
            return;
        }
        for _ in 1..person.devices {
            self.request(Operation::JoinAgain, lane, 0);
        }
        if rejoins == 0 {
            self.joined += 1;
        } else {
            self.visitors -= 1;
        }
        let now = self.now();
        let rank = self.lanes[lane].take_number();
        #[expect(clippy::cast_possible_truncation, reason = "hours in ticks")]
        let joined = self.tick as u32;
        let position = self.lanes[lane].head.position(Rank(rank));
        let member = Member {
            index,
            joined,
            hint: self.hint_at(lane, position),
            rejoins,
        };
        self.members[lane].push(member);
        if is_open {
            // The answer says so: nothing else is sent to arrive.
            let visit = self.admit(lane, rank, member);
            self.step(visit, |sale, visit| sale.has_arrived(visit, person));
            return;
        }
        if person.is_bot {
            self.bots += 1.0;
            self.block_later();
        }
        if let (after, Parting::Leaves) = person.stops_waiting() {
            let lane = small(lane);
            self.schedule(ticks_of(after), Due::LeaveQueue { lane, rank });
        }
        let head = &self.lanes[lane].head;
        let is_next = head.admitted == 0 || head.position(Rank(rank)) == 1;
        let age = head.promoted_at.and_then(|at| at.age_at(now));
        let is_outdated = age.is_none_or(|age| age >= OUTDATED_MS);
        if (is_next || is_outdated) && head.promotion_is_due(now) {
            self.promote(lane);
        }
    }

    fn join_later(&mut self, index: u32, tries: u8, rejoins: u8) {
        let ticks = self.random.usize(RETRY_TICKS) << tries;
        let due = Due::Join {
            index,
            tries: (tries + 1).min(MOST_DOUBLINGS),
            rejoins,
        };
        self.schedule(ticks, due);
    }

    /// The hint in an answer about a position, in whole seconds.
    fn hint_at(&self, lane: usize, position: u64) -> u8 {
        let grace = self.settings.grace_seconds;
        let head = &self.lanes[lane].head;
        let hint = head.wait_estimate(Some(position), grace).poll_after;
        u8::try_from(hint.whole_seconds()).unwrap_or(u8::MAX)
    }

    /// A web ACL blocks a bot once it has sent more than the rule allows.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds"
    )]
    fn block_later(&mut self) {
        if self.settings.web_acl {
            let seconds = WEB_ACL_REQUESTS / BOT_REQUESTS_PER_SECOND + WEB_ACL_DELAY_SECONDS;
            let at = self.tick / TICKS_PER_SECOND + seconds as usize;
            if let Some(blocked) = self.blocked_at.get_mut(at) {
                *blocked += 1;
            }
        }
    }

    /// Polls of waiting people. They cost nothing but heads in the caches.
    fn send_polls(&mut self) {
        for (operation, per_second) in self.polls() {
            let polls = per_second * TICK;
            let function = operation.function() as usize;
            let passed = polls * self.gateway_share;
            let served = passed * self.function_shares[function];
            self.observed.refuse(Refused::Gateway, polls - passed);
            self.observed.refuse(Refused::Functions, passed - served);
            self.second_requests[function] += served;
            self.observed.answered(operation, served);
        }
        self.observed.cdn_requests += self.cdn_polls * TICK;
    }

    /// How often waiting people will ask in the next second.
    #[expect(clippy::cast_precision_loss, reason = "counts of people")]
    fn count_polls(&mut self) {
        let habits = &self.scenario.crowd.habits;
        (self.token_polls, self.public_polls, self.event_views) = (0.0, 0.0, 0.0);
        self.cdn_polls = 0.0;
        let lingering = ticks_of(habits.lingering);
        if let Some(since) = self.sold_out_since
            && self.tick >= since + lingering
        {
            self.gone_before = self.tick - lingering;
            return;
        }
        // People who have closed the page. Most do so within a minute.
        let stays = 1.0 - habits.no_shows.as_fraction();
        let waiting: u64 = self.lanes.iter().map(|lane| lane.head.waiting()).sum();
        let hinted: f64 = (0..self.lanes.len())
            .map(|lane| self.polls_by_hints(lane))
            .sum();
        let reloads = waiting as f64 * habits.reloaders.as_fraction() / RELOAD_SECONDS;
        let bots = self.bots * (waiting as f64 / (self.joined as f64).max(1.0)).min(1.0);
        self.token_polls = bots * BOT_REQUESTS_PER_SECOND;
        let polls = hinted * stays;
        match self.scenario.front {
            Front::Cdn => {
                // A page that is reloaded asks for the event, and polls soon.
                self.cdn_polls = polls + 2.0 * reloads * stays;
                self.public_polls = self.cdn_polls.min(EDGE_CACHES);
            }
            Front::Direct => {
                self.public_polls = polls;
                self.token_polls += reloads * stays;
                self.event_views = reloads * stays;
            }
        }
    }

    /// The polls of a lane by the hints, per second.
    #[expect(clippy::cast_precision_loss, reason = "counts of people")]
    fn polls_by_hints(&self, lane: usize) -> f64 {
        let head = &self.lanes[lane].head;
        let uncalled = head.uncalled();
        let groups = uncalled.min(POSITIONS);
        let of_group = head.waiting() as f64 / groups.max(1) as f64;
        (0..groups)
            .map(|group| {
                let rank = head.admitted + 1 + group * uncalled / groups;
                let hints = self.hints_of(lane, head, rank);
                of_group / hints.seconds(0.5)
            })
            .sum()
    }

    /// What decides how soon the page of a waiting user polls, by a head of the lane.
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    fn hints_of(&self, lane: usize, head: &Head, rank: u64) -> PollHints {
        let grace = self.settings.grace_seconds;
        let middle = head.waiting().div_ceil(2).max(1);
        let public = head.wait_estimate(Some(middle), grace).poll_after;
        let position = head.position(Rank(rank));
        let estimate = head.wait_estimate(Some(position), grace);
        let member = member_of(&self.members[lane], rank);
        PollHints {
            public: public.whole_seconds() as f64,
            own: member.map(|member| member.hint.into()),
            wait: estimate.estimated_wait_seconds.map(|wait| wait as f64),
        }
    }

    fn leave_queue(&mut self, lane: u8, rank: u64) {
        let at = usize::from(lane);
        if rank <= self.lanes[at].head.admitted {
            return;
        }
        if self.request(Operation::Leave, at, 0) {
            self.lanes[at].end(rank);
            self.left += 1;
        } else {
            self.later(Due::LeaveQueue { lane, rank });
        }
    }

    // ---- Promotion ----

    fn promote_lanes(&mut self) {
        let now = self.now();
        for lane in 0..self.lanes.len() {
            let head = &self.lanes[lane].head;
            let has_polls = self.token_polls + self.public_polls > 0.0;
            let is_scheduled = self.tick.is_multiple_of(60 * TICKS_PER_SECOND);
            let has_work = head.uncalled() > 0 || (head.admitted == 0 && is_scheduled);
            if has_work && (has_polls || is_scheduled) && head.promotion_is_due(now) {
                self.promote(lane);
            }
        }
    }

    fn look_at_stock(&mut self, now: EpochMs) {
        if now.0 - self.looked_at >= LOOK_EVERY_MS {
            self.looked_at = now.0;
            (self.shortage, self.looked_part) = self.stock.look();
            self.sold_out_since = match self.shortage {
                Some(Shortage::SoldOut) => self.sold_out_since.or(Some(self.tick)),
                _ => None,
            };
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
    fn promote(&mut self, lane: usize) {
        let now = self.now();
        self.look_at_stock(now);
        let shortage = self.shortage;
        let former = self.lanes[lane].head;
        let terms = self.terms[lane];
        // What the run takes depends on what it does, and that is known only afterwards: as long as the one before.
        let seats = terms.limits.max_active.min(1_000) / 20;
        let takes = milliseconds_of_calls(8 + u64::from(seats.min(20)));
        let ended_at = now.plus_ms(takes as i64);
        let promoted = self.lanes[lane].promote(&terms, shortage, now, ended_at);
        for (kind, units) in promoted.work.touches() {
            if let Some(id) = self.keys.id(kind, lane, 0) {
                self.table.take(id, units);
            }
        }
        self.take_look();
        self.observed.promotions += 1;
        for rank in promoted.called {
            let Some(member) = member_of(&self.members[lane], rank).copied() else {
                continue;
            };
            // The page is somewhere between two polls, whose distance follows from the numbers before the promotion.
            let between = self
                .hints_of(lane, &former, rank)
                .seconds(self.random.f64());
            let age = seconds_of(self.tick - member.joined as usize);
            let first = PollHints::first_poll_seconds(self.random.f64()) - age;
            let until_poll = (self.random.f64() * between).max(first);
            // The caches of CDN and processes are up to a second old.
            let seen_after = until_poll + self.random.f64();
            self.called(lane, rank, member, seen_after);
        }
    }

    /// What a process that promotes reads to know what is left. Each promotion is likely to be of another process.
    fn take_look(&mut self) {
        let part = self.looked_part;
        let Some(seats) = self.stock.parts.get(part).map(|part| part.seats) else {
            return;
        };
        if self.shards > 0 {
            for shard in 0..self.shards {
                if let Some(id) = self.keys.id(KeyKind::Stock, 0, shard) {
                    self.table.take(
                        id,
                        Units {
                            writes: 0.0,
                            reads: 0.5,
                        },
                    );
                }
            }
        } else if seats <= MOST_LIVE_SEATS {
            let part_now = &self.stock.parts[part];
            let reads = read_of_claims(part_now.sold + part_now.held);
            if let Some(id) = self.keys.id(KeyKind::Claims, 0, part) {
                self.table.take(id, Units { writes: 0.0, reads });
            }
        } else if let Some(id) = self.keys.id(KeyKind::SeatMap, 0, part) {
            self.table.take(
                id,
                Units {
                    writes: 0.0,
                    reads: map_reads(seats),
                },
            );
        }
    }

    /// A called user comes with the next poll, unless the page has been closed.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ticks"
    )]
    fn called(&mut self, lane: usize, rank: u64, member: Member, after: f64) {
        let person = self.person(member.index);
        let waited = seconds_of(self.tick - member.joined as usize) + after;
        let (stops_after, _) = person.stops_waiting();
        let has_gone = waited >= stops_after.as_secs_f64()
            || (member.joined as usize) < self.gone_before
            || self.is_blocked(&person, waited);
        if has_gone {
            return;
        }
        let mut after = after;
        if let Waiting::LosesNetwork { after: lost, lasts } = person.waits {
            let back = (lost + lasts).as_secs_f64();
            if waited >= lost.as_secs_f64() && waited < back {
                after += back - waited;
            }
        }
        let visit = self.admit(lane, rank, member);
        self.schedule((after * 10.0) as usize, Due::Visit { visit });
    }

    fn is_blocked(&self, person: &Person, waited: f64) -> bool {
        let allowed = WEB_ACL_REQUESTS / BOT_REQUESTS_PER_SECOND + WEB_ACL_DELAY_SECONDS;
        person.is_bot && self.settings.web_acl && waited >= allowed
    }

    /// Adds a turn, whose person arrives next.
    fn admit(&mut self, lane: usize, rank: u64, member: Member) -> u32 {
        self.visits.push(Visit {
            member,
            lane: small(lane),
            rank,
            turn: None,
            part: 0,
            saw: (0, 0),
            hold: None,
            has_held: false,
            has_charged: false,
            tickets: 0,
            called: self.tick,
            arrived: 0,
        });
        self.visitors += 1;
        number(self.visits.len() - 1)
    }

    // ---- The turn ----

    fn act(&mut self, due: Due) {
        match due {
            Due::Join {
                index,
                tries,
                rejoins,
            } => {
                let person = self.person(index);
                self.try_to_join(&person, tries, rejoins);
            }
            Due::LeaveQueue { lane, rank } => self.leave_queue(lane, rank),
            Due::Lapse { hold } => self.stock.release(hold as usize),
            Due::Visit { visit } => self.step(visit, Self::next_request),
        }
    }

    /// Lets a called person do something.
    fn step(&mut self, visit: u32, does: impl FnOnce(&mut Self, &mut Visit) -> Next) {
        let mut now = self.visits[visit as usize];
        let next = does(self, &mut now);
        self.visits[visit as usize] = now;
        match next {
            Next::Again => self.later(Due::Visit { visit }),
            Next::After(ticks) => self.schedule(ticks, Due::Visit { visit }),
            Next::Rejoins if u32::from(now.member.rejoins) < MOST_REJOINS => {
                self.view_event();
                let due = Due::Join {
                    index: now.member.index,
                    tries: 0,
                    rejoins: now.member.rejoins + 1,
                };
                self.schedule(1, due);
            }
            Next::Rejoins | Next::Gone => self.visitors -= 1,
        }
    }

    fn next_request(&mut self, visit: &mut Visit) -> Next {
        let person = self.person(visit.member.index);
        let Some((mut turn, act)) = visit.turn else {
            return self.arrive(visit, &person);
        };
        let Some(outcome) = self.carry_out(visit, &person, act) else {
            return Next::Again;
        };
        let act = turn.next(&person, outcome);
        self.go_on(visit, &person, turn, act)
    }

    fn arrive(&mut self, visit: &mut Visit, person: &Person) -> Next {
        let lane = usize::from(visit.lane);
        if !self.request(Operation::Arrival, lane, 0) {
            return Next::Again;
        }
        self.has_arrived(visit, person)
    }

    fn has_arrived(&mut self, visit: &mut Visit, person: &Person) -> Next {
        let lane = usize::from(visit.lane);
        let now = self.now();
        if !self.lanes[lane].arrive(visit.rank, now, &self.terms[lane]) {
            self.observed.missed_grace += 1;
            return Next::Rejoins;
        }
        let waited = seconds_of(self.tick - visit.member.joined as usize);
        self.observed.arrived(seconds_of(self.tick), waited);
        visit.arrived = self.tick;
        let coming = seconds_of(self.tick - visit.called);
        self.observed.coming.add(coming);
        let goods = if self.shards > 0 {
            Goods::Tickets
        } else {
            Goods::Seats
        };
        let (turn, act) = Turn::begin(person, goods, self.scenario.crowd.habits.lingering);
        self.go_on(visit, person, turn, act)
    }

    /// Finds the next request of the turn, after its pauses.
    fn go_on(&mut self, visit: &mut Visit, person: &Person, mut turn: Turn, mut act: Act) -> Next {
        let mut pause = Duration::ZERO;
        while let Act::Pause(time) = act {
            pause += time;
            act = turn.next(person, Outcome::Done);
        }
        visit.turn = Some((turn, act));
        match act {
            Act::End(TurnEnd::TurnOver) => {
                self.observed.out_of_time += 1;
                Next::Rejoins
            }
            Act::End(_) => Next::Gone,
            _ => Next::After(ticks_of(pause)),
        }
    }

    /// What comes of a request. `None` if a limit refused it.
    fn carry_out(&mut self, visit: &mut Visit, person: &Person, act: Act) -> Option<Outcome> {
        let lane = usize::from(visit.lane);
        match act {
            Act::ViewDates => self.view_dates(visit, person),
            Act::ViewSeats => self.view_seats(visit),
            Act::Hold { tickets, on_map } => self.hold(visit, tickets, on_map),
            Act::Release => self.release(visit),
            Act::Charge { .. } => {
                if !visit.has_charged {
                    self.send(Operation::Charge, lane, 0)?;
                    visit.has_charged = true;
                }
                Some(Outcome::Done)
            }
            Act::Pay => self.pay(visit),
            Act::Reserve { tickets } => self.reserve(visit, tickets),
            Act::ViewTicket => {
                self.send(Operation::ViewTicket, lane, 0)?;
                Some(Outcome::Done)
            }
            Act::Return => {
                let operation = Operation::Refund {
                    seats: visit.tickets,
                };
                self.send(operation, lane, visit.part)?;
                self.stock.take_back(visit.part, visit.tickets);
                self.observed.returned += u64::from(visit.tickets);
                Some(Outcome::Done)
            }
            Act::Leave => {
                self.send(Operation::Leave, lane, 0)?;
                self.lanes[lane].end(visit.rank);
                Some(Outcome::Done)
            }
            Act::Pause(_) | Act::End(_) => Some(Outcome::Done),
        }
    }

    /// The same as [`Self::request`], for `?`.
    fn send(&mut self, operation: Operation, lane: usize, part: usize) -> Option<()> {
        self.request(operation, lane, part).then_some(())
    }

    fn is_in_turn(&self, visit: &Visit) -> bool {
        let lane = &self.lanes[usize::from(visit.lane)];
        lane.may_hold_until(visit.rank, self.now()).is_some()
    }

    fn view_dates(&mut self, visit: &mut Visit, person: &Person) -> Option<Outcome> {
        self.send(Operation::Dates, usize::from(visit.lane), 0)?;
        if !self.is_in_turn(visit) {
            return Some(Outcome::TurnOver);
        }
        // The person goes where there is enough, or else where there is most.
        let part = (1..=person.tickets)
            .rev()
            .find_map(|tickets| self.stock.choose(tickets, &mut self.random));
        let Some(part) = part else {
            self.observed.refuse(Refused::SoldOut, 1.0);
            return Some(Outcome::Left(0));
        };
        let of_part = &self.stock.parts[part];
        visit.part = part;
        Some(Outcome::Left(of_part.free()))
    }

    /// The request for the seats of the section's date.
    fn listing(&self, part: usize) -> Operation {
        match self.stock.parts.get(part) {
            Some(part) if part.seats_of_date <= MOST_LIVE_SEATS => {
                let parts = self.stock.parts.iter();
                let of_date = parts.filter(|other| other.date == part.date);
                Operation::Seats {
                    claims: of_date.map(|part| part.sold + part.held).sum(),
                }
            }
            // The map is read once a second by each process; that is counted apart.
            _ => Operation::SeatsOfMap,
        }
    }

    fn view_seats(&mut self, visit: &mut Visit) -> Option<Outcome> {
        let part = visit.part;
        self.send(self.listing(part), usize::from(visit.lane), part)?;
        if !self.is_in_turn(visit) {
            return Some(Outcome::TurnOver);
        }
        let date = self.stock.parts[part].date;
        for (listed, part) in self.seats_listed.iter_mut().zip(&self.stock.parts) {
            *listed += u32::from(part.date == date);
        }
        let seen = &self.stock.parts[part];
        visit.saw = (seen.free(), seen.taken);
        Some(Outcome::Left(seen.free()))
    }

    fn hold(&mut self, visit: &mut Visit, seats: u32, on_map: bool) -> Option<Outcome> {
        let lane = usize::from(visit.lane);
        let now = self.now();
        let refused = Operation::HoldRefused { seats };
        if !self.is_in_turn(visit) {
            self.send(refused, lane, visit.part)?;
            return Some(Outcome::TurnOver);
        }
        if on_map {
            if !self.are_still_free(visit, seats) {
                self.send(refused, lane, visit.part)?;
                self.observed.refuse(Refused::SeatTaken, 1.0);
                return Some(Outcome::Taken);
            }
        } else if let Some(part) = self.stock.choose(seats, &mut self.random) {
            visit.part = part;
        } else {
            self.send(refused, lane, visit.part)?;
            self.observed.refuse(Refused::SoldOut, 1.0);
            let most = self.stock.parts.iter().map(super::stock::Part::free).max();
            return Some(Outcome::Left(most.unwrap_or(0)));
        }
        let part = visit.part;
        self.send(Operation::Hold { seats }, lane, part)?;
        if !on_map {
            self.read_for_best(part);
        }
        let event = &self.scenario.programme.event;
        let hold_seconds = event.terms.hold_seconds;
        let until = now.plus_seconds(hold_seconds);
        let hold = self.stock.hold(part, seats, until);
        (visit.hold, visit.tickets) = (Some(hold), seats);
        if !visit.has_held {
            visit.has_held = true;
            let shopping = seconds_of(self.tick - visit.arrived);
            self.observed.shopping.add(shopping);
        }
        let lapse = Due::Lapse { hold: number(hold) };
        self.schedule(hold_seconds as usize * TICKS_PER_SECOND, lapse);
        self.lanes[lane].held(visit.rank, until);
        if event.queue().token_ends_on == TokenEndsOn::Hold {
            self.lanes[lane].end(visit.rank);
        }
        Some(Outcome::Done)
    }

    /// Whether the seats that a person chose on the map are still free. Others have taken some since, and each of the seats
    /// that were free was as likely to be one of them.
    fn are_still_free(&mut self, visit: &Visit, seats: u32) -> bool {
        let of_part = &self.stock.parts[visit.part];
        let (was_free, had_taken) = visit.saw;
        let lost = (seats_of(of_part.taken - had_taken) / f64::from(was_free.max(1))).min(1.0);
        let chance = (1.0 - lost).powi(i32::try_from(seats).unwrap_or(1));
        of_part.free() >= seats && self.random.f64() < chance
    }

    /// Taking the best seats reads the claims of all sections of the date. Maps are counted apart.
    fn read_for_best(&mut self, part: usize) {
        let date = self.stock.parts[part].date;
        for index in 0..self.stock.parts.len() {
            let of_part = &self.stock.parts[index];
            if of_part.date != date {
                continue;
            }
            self.seats_listed[index] += 1;
            if of_part.seats_of_date > MOST_LIVE_SEATS {
                continue;
            }
            let reads = read_of_claims(of_part.sold + of_part.held);
            if let Some(id) = self.keys.id(KeyKind::Claims, 0, index) {
                self.table.take(id, Units { writes: 0.0, reads });
            }
        }
    }

    fn release(&mut self, visit: &mut Visit) -> Option<Outcome> {
        let operation = Operation::Release {
            seats: visit.tickets,
        };
        self.send(operation, usize::from(visit.lane), visit.part)?;
        let is_live = |hold: usize| self.stock.holds[hold].until > self.now();
        let Some(hold) = visit.hold.take().filter(|hold| is_live(*hold)) else {
            return Some(Outcome::TurnOver);
        };
        self.stock.release(hold);
        Some(Outcome::Done)
    }

    /// Buys tickets of general admission. The transaction also takes the money.
    fn reserve(&mut self, visit: &mut Visit, tickets: u32) -> Option<Outcome> {
        let lane = usize::from(visit.lane);
        let shard = self.random.usize(..self.shards);
        self.send(Operation::Reserve, lane, shard)?;
        if !self.is_in_turn(visit) {
            return Some(Outcome::TurnOver);
        }
        let free = self.stock.parts[0].free();
        if free < tickets {
            self.observed.refuse(Refused::SoldOut, 1.0);
            return Some(Outcome::Left(free));
        }
        // Another transaction on the same shard at the same moment: the store tries again, and both attempts cost.
        let per_shard =
            self.second_requests[Function::ReserveTicket as usize] / f64::from(number(self.shards));
        if self.random.f64() < 1.0 - (-per_shard * 0.012).exp() {
            self.observed.conflicts += 1;
            if let Some(id) = self.keys.id(KeyKind::Stock, 0, shard) {
                self.table.take(
                    id,
                    Units {
                        writes: TRANSACTED,
                        reads: 0.0,
                    },
                );
            }
        }
        self.stock.sell(0, tickets);
        visit.tickets = tickets;
        self.has_bought(visit);
        Some(Outcome::Done)
    }

    fn pay(&mut self, visit: &mut Visit) -> Option<Outcome> {
        let seats = visit.tickets;
        self.send(
            Operation::Pay { seats },
            usize::from(visit.lane),
            visit.part,
        )?;
        let now = self.now();
        if !visit.hold.is_some_and(|hold| self.stock.pay(hold, now)) {
            return Some(Outcome::TurnOver);
        }
        self.has_bought(visit);
        Some(Outcome::Done)
    }

    fn has_bought(&mut self, visit: &Visit) {
        self.lanes[usize::from(visit.lane)].end(visit.rank);
        self.observed.buyers += 1;
        self.observed.tickets += u64::from(visit.tickets);
    }

    // ---- Seconds ----

    /// What fills the caches of the processes, then the curves.
    fn end_second(&mut self) {
        self.fill_caches();
        self.table.end_second();
        let second = self.second();
        let now = self.now();
        if let Some(blocked) = self.blocked_at.get(self.tick / TICKS_PER_SECOND) {
            self.bots = (self.bots - f64::from(*blocked)).max(0.0);
        }
        let used: u64 = self.lanes.iter().map(|lane| lane.used_slots(now)).sum();
        let waiting: u64 = self.lanes.iter().map(|lane| lane.head.waiting()).sum();
        let everybody = u64::from(self.scenario.crowd.people);
        if self.joined == everybody && self.observed.all_joined_at.is_none() {
            self.observed.all_joined_at = Some(second);
        }
        let (sold, seats) = (self.stock.sold(), self.stock.seats());
        if sold * 100 >= seats * 99 && seats > 0 && self.observed.nearly_sold_at.is_none() {
            self.observed.nearly_sold_at = Some(second);
        }
        if sold == seats && seats > 0 && self.observed.sold_out_at.is_none() {
            self.observed.sold_out_at = Some(second);
        }
        let requests: f64 = self.second_requests.iter().sum();
        self.observed.most_requests_served = self.observed.most_requests_served.max(requests);
        self.observed.second(super::observed::Second {
            joined: self.joined,
            admitted: self.observed.waits.len() as u64,
            inside: used,
            waiting,
            sold,
            held: self.stock.held(),
            requests,
            cdn_requests: self.cdn_polls,
            refused: self.observed.refused_by_limits(),
            partition: self.table.last_use,
        });
        self.second_requests = [0.0; Function::ALL.len()];
        self.count_polls();
    }

    /// Processes read the event every two seconds, and heads and seat maps every second, as long as they get requests.
    fn fill_caches(&mut self) {
        let lanes = self.lanes.len();
        let active = |function: Function| {
            let requests = self.second_requests[function as usize];
            self.functions.environments(function).min(requests)
        };
        let processes: f64 = Function::ALL.iter().map(|function| active(*function)).sum();
        let event_reads = processes / 2.0 * 0.5 * self.event_pages();
        let pollers = active(Function::TokenStatus) + active(Function::QueueStatus);
        let public = active(Function::QueueStatus);
        let dates = active(Function::ListDates) + active(Function::GetEvent);
        let seats = active(Function::ListSeats) + active(Function::HoldSeat);
        if let Some(id) = self.keys.id(KeyKind::Event, 0, 0) {
            self.table.take(
                id,
                Units {
                    writes: 0.0,
                    reads: event_reads,
                },
            );
        }
        let polls = self.second_requests[Function::TokenStatus as usize];
        for lane in 0..lanes {
            let of_lane = polls / f64::from(number(lanes));
            // How many processes get at least one of the lane's polls. Public polls read all lanes.
            let readers = if pollers > 0.0 {
                public + pollers * (1.0 - (-of_lane / pollers).exp())
            } else {
                0.0
            };
            if let Some(id) = self.keys.id(KeyKind::Head, lane, 0) {
                self.table.take(
                    id,
                    Units {
                        writes: 0.0,
                        reads: 0.5 * readers,
                    },
                );
            }
            // Those who read while a promotion runs try to promote, too, and their claim is refused.
            if self.lanes[lane].head.uncalled() > 0
                && let Some(id) = self.keys.id(KeyKind::PromotionClaim, lane, 0)
            {
                let tries = readers * milliseconds_of_calls(20) / 1_000.0;
                self.table.take(
                    id,
                    Units {
                        writes: tries,
                        reads: 0.0,
                    },
                );
            }
        }
        self.read_seat_maps(dates, seats);
    }

    fn event_pages(&self) -> f64 {
        let dates = self.scenario.programme.dates.values();
        let bytes: usize = dates.map(|date| 150 + 80 * date.sections.len()).sum();
        f64::from(number((bytes + 1_000).div_ceil(4_096)))
    }

    fn read_seat_maps(&mut self, dates: f64, seats: f64) {
        if self.shards > 0 {
            return;
        }
        for part in 0..self.stock.parts.len() {
            let of_part = &self.stock.parts[part];
            let listed = f64::from(std::mem::take(&mut self.seats_listed[part]));
            let is_large = of_part.seats_of_date > MOST_LIVE_SEATS;
            let readers = dates + if is_large { seats.min(listed) } else { 0.0 };
            if readers <= 0.0 {
                continue;
            }
            // One of them rebuilds the map.
            let rebuild = Units {
                writes: 2.0 * f64::from(of_part.seats.div_ceil(4).div_ceil(1_024)),
                reads: readers * map_reads(of_part.seats),
            };
            let claims = read_of_claims(of_part.sold + of_part.held);
            if let Some(id) = self.keys.id(KeyKind::SeatMap, 0, part) {
                self.table.take(id, rebuild);
            }
            if let Some(id) = self.keys.id(KeyKind::Claims, 0, part) {
                self.table.take(
                    id,
                    Units {
                        writes: 0.0,
                        reads: claims,
                    },
                );
            }
        }
    }

    fn into_observed(mut self) -> Observed {
        let name = |peak: &super::table::Peak| {
            peak.key
                .map_or("keys of users".to_owned(), |key| self.keys.name(key))
        };
        self.observed.write_key = name(&self.table.write_peak);
        self.observed.read_key = name(&self.table.read_peak);
        self.observed.partition_peak = Units {
            writes: self.table.write_peak.units,
            reads: self.table.read_peak.units,
        };
        let highest = |keys: &[Units]| keys.iter().copied().fold(Units::default(), Units::highest);
        let peaks = &self.table.key_peaks;
        self.observed.key_peak = highest(peaks);
        self.observed.lane_key_peak = highest(&peaks[..3 * self.keys.lanes]);
        self.observed.placements_over = self.table.placements_over();
        self.observed.partitions = self.table.partitions();
        self.observed.would_serve = self.table.would_serve();
        self.observed.table_peak = self.table.table_peak;
        self.observed.units = self.table.total;
        self.observed.most_concurrency = self.functions.most_used;
        self.observed.most_concurrency_wanted = self.functions.most_wanted;
        self.observed.most_environments_missing = self.functions.most_missing;
        self.observed.seconds_simulated = self.second();
        self.observed.sold = self.stock.sold();
        self.observed.seats = self.stock.seats();
        self.observed.joined = self.joined;
        self.observed.left = self.left;
        self.observed
    }
}

/// When a person in a turn sends the next request.
enum Next {
    /// The request was refused by a limit: the same again.
    Again,
    /// After this many ticks.
    After(usize),
    Gone,
    /// The turn ended too early: the person joins again.
    Rejoins,
}

fn member_of(members: &[Member], rank: u64) -> Option<&Member> {
    members.get(usize::try_from(rank.checked_sub(1)?).ok()?)
}

fn map_reads(seats: u32) -> f64 {
    0.5 * f64::from(seats.div_ceil(4).div_ceil(4_096).max(1))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ticks"
)]
fn ticks_of(duration: Duration) -> usize {
    (duration.as_secs_f64() * 10.0).max(1.0) as usize
}

#[expect(clippy::cast_precision_loss, reason = "hours in ticks")]
fn seconds_of(ticks: usize) -> f64 {
    ticks as f64 / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "at most some million")]
fn seats_of(count: u64) -> f64 {
    count as f64
}

fn small(lane: usize) -> u8 {
    u8::try_from(lane).unwrap_or(u8::MAX)
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
