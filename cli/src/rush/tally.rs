//! Counts what happens during a rush.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::client::Endpoint;

/// How the rush ended for a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// Has tickets.
    Bought,
    /// Bought tickets and returned them.
    Returned,
    /// Left after being told that everything is sold, or found nothing to buy.
    SoldOut,
    /// Lost patience while waiting.
    GaveUp,
    /// Left the queue.
    Left,
    /// Closed the page while waiting.
    Vanished,
    /// Left the turn, or let a hold lapse.
    ChangedMind,
    /// The turn ended before the purchase.
    TurnOver,
    /// The sale was closed.
    Closed,
    /// An answer that nobody should get, or none at all after many attempts.
    Failed,
    /// The rush ended first.
    Unfinished,
}

/// Something that the system promises, and did not keep.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Promise {
    /// Joining again, a reload and a poll never change somebody's place in line.
    PlaceIsKept,
    /// Nobody who polls as told loses the place in line or the turn.
    TurnIsGiven,
    /// A place in line belongs to one person.
    PlaceHasOneOwner,
    /// A seat is sold to one person.
    SeatHasOneOwner,
    /// A paid reservation stays confirmed.
    TicketIsKept,
    /// The wallet has what was charged and refunded, without what was paid.
    MoneyMovesOnce,
    /// Answers are those of the API's document.
    AnswersAreKnown,
}

impl Promise {
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::PlaceIsKept => "a place in line is kept across joins, reloads and devices",
            Self::TurnIsGiven => "nobody who polls as told loses the turn",
            Self::PlaceHasOneOwner => "a place in line belongs to one person",
            Self::SeatHasOneOwner => "a seat is sold to one person",
            Self::TicketIsKept => "a paid ticket stays its owner's",
            Self::MoneyMovesOnce => "a wallet has what its receipts say",
            Self::AnswersAreKnown => "answers are those of the API's document",
        }
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    pub promise: Promise,
    pub text: &'static str,
    pub count: u64,
    /// The first case.
    pub example: String,
}

/// A sign of overload.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Trouble {
    /// All of the rush's connections were in use: answers are slow, or there are too few.
    ConnectionsUsedUp,
    /// An answer took more than a second.
    SlowAnswer,
    /// 429 `throttled`.
    Throttled,
    /// 503 `busy`.
    Busy,
    /// Another 5xx, or a 429 of the gateway.
    GatewayFailure,
    /// No answer, without an injected fault.
    NoAnswer,
}

impl Trouble {
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::ConnectionsUsedUp => {
                "all connections of the rush were in use, so requests waited for one"
            }
            Self::SlowAnswer => "answers took more than a second",
            Self::Throttled => "the database had no capacity (throttled)",
            Self::Busy => "the store did not answer, or conflicts did not end (busy)",
            Self::GatewayFailure => "API Gateway or Lambda failed",
            Self::NoAnswer => "no answer came",
        }
    }
}

/// When a trouble began, and how often it came.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Troubled {
    pub first_after_seconds: f64,
    pub count: u64,
}

/// A second of the rush.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Second {
    pub joined: u32,
    pub got_in: u32,
    pub requests: u32,
    pub refused: u32,
    pub tickets_sold: u32,
    pub tickets_returned: u32,
}

/// When somebody waited: seconds since the beginning of the rush.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Wait {
    pub joined: f32,
    pub got_in: f32,
    /// The first estimate: when it was told, and how long it said.
    pub told: Option<(f32, f32)>,
}

/// Where people are now.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Present {
    pub come: u32,
    pub waiting: u32,
    pub inside: u32,
    pub tickets_sold: u32,
    pub requests: u64,
    pub troubles: u64,
}

/// Two digits are enough, and keep a histogram at some KB.
const DIGITS: u8 = 2;
const LONGEST_MICROS: u64 = 300_000_000;
/// A wait for a connection that counts as trouble.
const LONG_CONNECTION_WAIT: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_secs(1);
/// A bound: the timeline of a day.
const MOST_SECONDS: usize = 86_400;
/// More codes than the API has.
const MOST_CODES: usize = 200;

/// A histogram of latencies.
#[derive(Clone, Debug)]
pub struct Latencies {
    micros: Histogram<u64>,
    pub unanswered: u64,
}

impl Latencies {
    fn new() -> Self {
        // The bounds are valid, so this cannot fail.
        let micros = Histogram::new_with_bounds(1, LONGEST_MICROS, DIGITS)
            .unwrap_or_else(|_| unreachable!("valid bounds"));
        Self {
            micros,
            unanswered: 0,
        }
    }

    fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST_MICROS);
        self.micros.saturating_record(micros);
    }

    #[must_use]
    pub fn answered(&self) -> u64 {
        self.micros.len()
    }

    #[must_use]
    pub fn percentile_ms(&self, percentile: f64) -> f64 {
        millis(self.micros.value_at_percentile(percentile))
    }

    #[must_use]
    pub fn most_ms(&self) -> f64 {
        millis(self.micros.max())
    }
}

fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1_000.0
}

/// What has been counted.
#[derive(Debug)]
pub struct Counts {
    pub endings: BTreeMap<Ending, u32>,
    /// By the order of [`Endpoint::ALL`].
    pub latencies: Vec<Latencies>,
    /// Of all requests, for the progress.
    pub recent: Latencies,
    pub refusals: BTreeMap<String, u64>,
    pub broken: BTreeMap<Promise, Broken>,
    pub troubles: BTreeMap<Trouble, Troubled>,
    pub timeline: Vec<Second>,
    pub waits: Vec<Wait>,
    pub lost_answers: u64,
    pub duplicates: u64,
    pub present: Present,
    /// Whose place in line it is.
    places: HashMap<(u8, u64), u32>,
    seats: HashMap<(String, u32), u32>,
}

/// Shared by all people. Each call takes a lock for some hundred nanoseconds.
#[derive(Debug)]
pub struct Tally {
    pub began: Instant,
    counts: Mutex<Counts>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            counts: Mutex::new(Counts {
                endings: BTreeMap::new(),
                latencies: Endpoint::ALL.iter().map(|_| Latencies::new()).collect(),
                recent: Latencies::new(),
                refusals: BTreeMap::new(),
                broken: BTreeMap::new(),
                troubles: BTreeMap::new(),
                timeline: Vec::new(),
                waits: Vec::new(),
                lost_answers: 0,
                duplicates: 0,
                present: Present::default(),
                places: HashMap::new(),
                seats: HashMap::new(),
            }),
        }
    }
}

impl Tally {
    /// The counts, locked. No count is left half made by a panic.
    pub fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn seconds(&self) -> f32 {
        self.began.elapsed().as_secs_f32()
    }

    fn second(&self, change: impl FnOnce(&mut Second)) {
        let elapsed = self.began.elapsed();
        change(self.counts().second_at(elapsed));
    }

    pub fn count_answer(&self, endpoint: Endpoint, took: Duration, refused: Option<&str>) {
        let elapsed = self.began.elapsed();
        let mut counts = self.counts();
        counts.latencies[endpoint as usize].record(took);
        counts.recent.record(took);
        counts.present.requests += 1;
        let second = counts.second_at(elapsed);
        second.requests += 1;
        second.refused += u32::from(refused.is_some());
        if took > SLOW {
            counts.trouble(Trouble::SlowAnswer, elapsed);
        }
        if let Some(code) = refused {
            match code {
                "throttled" => counts.trouble(Trouble::Throttled, elapsed),
                "busy" => counts.trouble(Trouble::Busy, elapsed),
                code if code.starts_with("http_5") || code == "http_429" => {
                    counts.trouble(Trouble::GatewayFailure, elapsed);
                }
                _ => {}
            }
            let is_known = counts.refusals.contains_key(code);
            let code = if is_known || counts.refusals.len() < MOST_CODES {
                code
            } else {
                "other"
            };
            *counts.refusals.entry(code.to_owned()).or_default() += 1;
        }
    }

    /// `is_injected`: the rush itself has cut the connection.
    pub fn count_unanswered(&self, endpoint: Endpoint, is_injected: bool) {
        let elapsed = self.began.elapsed();
        let mut counts = self.counts();
        counts.latencies[endpoint as usize].unanswered += 1;
        counts.present.requests += 1;
        counts.second_at(elapsed).requests += 1;
        if !is_injected {
            counts.trouble(Trouble::NoAnswer, elapsed);
        }
    }

    pub fn count_connection_wait(&self, waited: Duration) {
        if waited > LONG_CONNECTION_WAIT {
            let elapsed = self.began.elapsed();
            self.counts().trouble(Trouble::ConnectionsUsedUp, elapsed);
        }
    }

    pub fn count_lost_answer(&self) {
        self.counts().lost_answers += 1;
    }

    pub fn count_duplicate(&self) {
        self.counts().duplicates += 1;
    }

    /// Somebody has come.
    pub fn come(&self) {
        self.counts().present.come += 1;
    }

    /// Somebody has a place in line: a lane and a number.
    pub fn joined(&self, person: u32, place: (u8, u64)) {
        self.second(|second| second.joined += 1);
        let mut counts = self.counts();
        counts.present.waiting += 1;
        let former = counts.places.insert(place, person);
        drop(counts);
        if former.is_some_and(|former| former != person) {
            let (lane, number) = place;
            let example = format!("number {number} of lane {lane} was given to two people");
            self.broken(Promise::PlaceHasOneOwner, example);
        }
    }

    pub fn stopped_waiting(&self) {
        let mut counts = self.counts();
        counts.present.waiting = counts.present.waiting.saturating_sub(1);
    }

    pub fn got_in(&self, wait: Wait) {
        self.second(|second| second.got_in += 1);
        let mut counts = self.counts();
        counts.present.inside += 1;
        counts.waits.push(wait);
    }

    pub fn came_out(&self) {
        let mut counts = self.counts();
        counts.present.inside = counts.present.inside.saturating_sub(1);
    }

    /// Somebody bought these seats (none for general admission).
    pub fn sold(&self, person: u32, tickets: u32, date: &str, seats: &[u32]) {
        self.second(|second| second.tickets_sold += tickets);
        let mut counts = self.counts();
        counts.present.tickets_sold += tickets;
        let mut twice = None;
        for seat in seats {
            let former = counts.seats.insert((date.to_owned(), *seat), person);
            if former.is_some_and(|former| former != person) {
                twice = Some(format!("seat {seat} of {date} was sold twice"));
            }
        }
        drop(counts);
        if let Some(example) = twice {
            self.broken(Promise::SeatHasOneOwner, example);
        }
    }

    /// Somebody asks to return these seats: from now on another person may have them.
    pub fn gives_back(&self, date: &str, seats: &[u32]) {
        let mut counts = self.counts();
        for seat in seats {
            counts.seats.remove(&(date.to_owned(), *seat));
        }
    }

    pub fn returned(&self, tickets: u32) {
        self.second(|second| second.tickets_returned += tickets);
        let mut counts = self.counts();
        counts.present.tickets_sold = counts.present.tickets_sold.saturating_sub(tickets);
    }

    pub fn broken(&self, promise: Promise, example: String) {
        let mut counts = self.counts();
        let broken = counts.broken.entry(promise).or_insert(Broken {
            promise,
            text: promise.text(),
            count: 0,
            example,
        });
        broken.count += 1;
    }

    pub fn ended(&self, ending: Ending) {
        *self.counts().endings.entry(ending).or_default() += 1;
    }

    /// Where people are, and the latencies since the last call.
    pub fn take_present(&self) -> (Present, Latencies) {
        let mut counts = self.counts();
        let recent = std::mem::replace(&mut counts.recent, Latencies::new());
        let present = Present {
            troubles: counts.troubles.values().map(|trouble| trouble.count).sum(),
            ..counts.present
        };
        (present, recent)
    }
}

impl Counts {
    fn second_at(&mut self, elapsed: Duration) -> &mut Second {
        let second = usize::try_from(elapsed.as_secs()).unwrap_or(MOST_SECONDS);
        let second = second.min(MOST_SECONDS - 1);
        if self.timeline.len() <= second {
            self.timeline.resize(second + 1, Second::default());
        }
        &mut self.timeline[second]
    }

    fn trouble(&mut self, trouble: Trouble, elapsed: Duration) {
        let troubled = self.troubles.entry(trouble).or_insert(Troubled {
            first_after_seconds: elapsed.as_secs_f64(),
            count: 0,
        });
        troubled.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_two_people_and_a_seat_sold_twice_are_broken_promises() {
        let tally = Tally::default();
        tally.joined(1, (0, 1));
        tally.joined(2, (1, 1));
        tally.joined(1, (0, 1));
        tally.sold(1, 2, "2026-12-24", &[7, 8]);
        tally.gives_back("2026-12-24", &[8]);
        tally.sold(2, 1, "2026-12-24", &[8]);
        assert!(tally.counts().broken.is_empty());
        tally.joined(3, (0, 1));
        tally.sold(3, 1, "2026-12-24", &[7]);
        let counts = tally.counts();
        let broken: Vec<Promise> = counts.broken.keys().copied().collect();
        assert_eq!(
            broken,
            [Promise::PlaceHasOneOwner, Promise::SeatHasOneOwner]
        );
    }

    #[test]
    fn every_request_is_counted_once_in_the_timeline_and_at_its_endpoint() {
        let tally = Tally::default();
        let took = Duration::from_millis(3);
        tally.count_answer(Endpoint::Pay, took, None);
        tally.count_answer(Endpoint::Pay, took, Some("hold_expired"));
        tally.count_answer(Endpoint::HoldSeat, Duration::from_secs(2), Some("busy"));
        tally.count_unanswered(Endpoint::HoldSeat, false);
        tally.count_unanswered(Endpoint::HoldSeat, true);
        let counts = tally.counts();
        let by_second: u32 = counts.timeline.iter().map(|second| second.requests).sum();
        let of_latencies = |all: &Latencies| all.answered() + all.unanswered;
        let by_endpoint: u64 = counts.latencies.iter().map(of_latencies).sum();
        assert_eq!((by_second, by_endpoint, counts.present.requests), (5, 5, 5));
        assert_eq!(counts.refusals.values().sum::<u64>(), 2);
        let troubles: Vec<Trouble> = counts.troubles.keys().copied().collect();
        assert_eq!(
            troubles,
            [Trouble::SlowAnswer, Trouble::Busy, Trouble::NoAnswer]
        );
        assert_eq!(counts.troubles[&Trouble::NoAnswer].count, 1);
    }
}
