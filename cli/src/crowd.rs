//! The crowd that an operator expects at an opening: when people come, and how each of them behaves.
//!
//! Values and arithmetic only. `rush` sends these people to a server, and `plan` to a simulation; both play by the same
//! decisions, which are here. The same seed gives the same people. A person is computed from the seed and an index, so a
//! crowd of a million needs no memory.

mod arrivals;
mod turn;
mod waiting;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use fastrand::Rng;

pub use arrivals::{ArrivalCurve, InvalidCurve};
pub use turn::{Act, BOT_PAUSE, Goods, Outcome, Turn, TurnEnd};
pub use waiting::{MOST_REJOINS, Parting, PollHints, Waiting};

/// A bound: more people than any sale has had.
pub const MAX_PEOPLE: u32 = 10_000_000;
/// A random duration is at most this many times its mean.
const LONGEST_OF_MEAN: f64 = 5.0;

/// Everybody who comes.
#[derive(Clone, PartialEq, Debug)]
pub struct Crowd {
    /// At most [`MAX_PEOPLE`].
    pub people: u32,
    pub arrivals: ArrivalCurve,
    pub habits: Habits,
    pub seed: u64,
}

/// How people behave, on average.
#[derive(Clone, PartialEq, Debug)]
pub struct Habits {
    /// The mean time from seeing the seats to the click on some.
    pub choosing: Duration,
    /// The mean time from a hold to the payment.
    pub paying: Duration,
    /// The mean time that people wait in the queue before they give up.
    pub patience: Duration,
    /// How long people stay after they have been told that everything is sold.
    pub lingering: Duration,
    /// People want 1 to this many tickets.
    pub most_tickets: u32,
    /// People who close the page while they wait, and do not arrive when they are called.
    pub no_shows: Share,
    /// People who leave the queue with the button.
    pub leavers: Share,
    /// People whose network fails for some time while they wait.
    pub lost_networks: Share,
    /// How long such a network is lost, on average.
    pub outage: Duration,
    /// People with the shop open on two or three devices.
    pub several_devices: Share,
    /// People who reload the page every few seconds.
    pub reloaders: Share,
    /// People who choose on the seat map. The others take the best seats.
    pub choosers: Share,
    /// People who change their mind during their turn, in one of the ways of [`Change`].
    pub changes_of_mind: Share,
    /// Scripts that ask as fast as they get answers.
    pub bots: Share,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            choosing: Duration::from_secs(20),
            paying: Duration::from_secs(30),
            patience: Duration::from_hours(1),
            lingering: Duration::from_mins(1),
            most_tickets: 4,
            no_shows: Share::percent(10),
            leavers: Share::percent(3),
            lost_networks: Share::percent(5),
            outage: Duration::from_secs(15),
            several_devices: Share::percent(10),
            reloaders: Share::percent(15),
            choosers: Share::percent(40),
            changes_of_mind: Share::percent(12),
            bots: Share::percent(1),
        }
    }
}

/// A part of the crowd, from 0 to 1.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Share(f64);

impl Share {
    pub const NONE: Self = Self(0.0);

    /// `percent` is at most 100; more counts as 100.
    #[must_use]
    pub fn percent(percent: u8) -> Self {
        Self(f64::from(percent.min(100)) / 100.0)
    }

    #[must_use]
    pub fn as_fraction(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = String;

    /// Reads a percentage: `2.5%` or `2.5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim().trim_end_matches('%').trim_end();
        match number.parse::<f64>() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self(percent / 100.0)),
            _ => Err("must be a percentage from 0 to 100".to_owned()),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0 * 100.0)
    }
}

/// One of the crowd.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Person {
    /// From 0, in the order of coming.
    pub index: u32,
    /// For what is decided on the way, such as jitter.
    pub seed: u64,
    /// When the person joins, after the start of the arrivals.
    pub comes_after: Duration,
    pub is_bot: bool,
    /// From 1 to 3. All have the same user id.
    pub devices: u32,
    /// How many tickets the person wants, at least 1.
    pub tickets: u32,
    /// Chooses on the seat map instead of taking the best seats.
    pub chooses_seats: bool,
    /// From seeing the seats to the click.
    pub choosing: Duration,
    /// From the hold to the payment.
    pub paying: Duration,
    /// Gives up after waiting this long.
    pub patience: Duration,
    pub waits: Waiting,
    /// Reloads the page at this interval.
    pub reloads_every: Option<Duration>,
    pub change: Option<Change>,
}

/// How a person changes their mind during the turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Leaves without holding anything.
    LeavesTurn,
    /// Gives the held seats back, and holds others.
    HoldsOthers,
    /// Holds seats and never pays.
    NeverPays,
    /// Buys, and returns the tickets for a refund.
    ReturnsTickets,
}

const CHANGES: [Change; 4] = [
    Change::LeavesTurn,
    Change::HoldsOthers,
    Change::NeverPays,
    Change::ReturnsTickets,
];

impl Crowd {
    /// The people in the order of coming.
    pub fn all(&self) -> impl Iterator<Item = Person> + '_ {
        (0..self.people).map(|index| self.person(index))
    }

    /// The person with this index, from 0 to `people`. People come in the order of their indices.
    #[must_use]
    pub fn person(&self, index: u32) -> Person {
        let seed = mixed(self.seed, index);
        let mut rng = Rng::with_seed(seed);
        let habits = &self.habits;
        // One arrival in each of `people` equal parts of the curve: in order, and close to the curve for any seed.
        let share = (f64::from(index) + rng.f64()) / f64::from(self.people.max(1));
        let is_bot = chance(&mut rng, habits.bots);
        let patience = random_duration(&mut rng, habits.patience);
        // Each is drawn in any case, so that one setting does not change what another one draws.
        let kind = rng.f64();
        let vanishes = habits.no_shows.0;
        let leaves = vanishes + habits.leavers.0;
        let loses = leaves + habits.lost_networks.0;
        let after = random_duration(&mut rng, habits.patience.min(Duration::from_secs(30)));
        let lasts = random_duration(&mut rng, habits.outage);
        let waits = match kind {
            kind if kind < vanishes => Waiting::Vanishes { after },
            kind if kind < leaves => Waiting::Leaves { after },
            kind if kind < loses => Waiting::LosesNetwork { after, lasts },
            _ => Waiting::Stays,
        };
        let devices = if chance(&mut rng, habits.several_devices) {
            rng.u32(2..=3)
        } else {
            1
        };
        let reloads = chance(&mut rng, habits.reloaders);
        let reloads_every = Duration::from_millis(rng.u64(2_000..=10_000));
        let changes = chance(&mut rng, habits.changes_of_mind);
        let change = CHANGES[rng.usize(..CHANGES.len())];
        let most_tickets = habits.most_tickets.max(1);
        Person {
            index,
            seed: rng.u64(..),
            comes_after: self.arrivals.time_of(share),
            is_bot,
            devices,
            tickets: if is_bot {
                most_tickets
            } else {
                rng.u32(1..=most_tickets)
            },
            chooses_seats: chance(&mut rng, habits.choosers),
            choosing: random_duration(&mut rng, habits.choosing),
            paying: random_duration(&mut rng, habits.paying),
            patience,
            waits: if is_bot { Waiting::Stays } else { waits },
            reloads_every: (reloads && !is_bot).then_some(reloads_every),
            change: (changes && !is_bot).then_some(change),
        }
    }
}

fn chance(rng: &mut Rng, share: Share) -> bool {
    rng.f64() < share.0
}

/// An exponential random duration, at most [`LONGEST_OF_MEAN`] times the mean.
fn random_duration(rng: &mut Rng, mean: Duration) -> Duration {
    let times = -(1.0 - rng.f64()).ln();
    mean.mul_f64(times.min(LONGEST_OF_MEAN))
}

/// A seed for each index (the finaliser of `SplitMix64`), so that neighbours have nothing in common.
fn mixed(seed: u64, index: u32) -> u64 {
    let mut z = seed.wrapping_add((u64::from(index) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn crowd(people: u32, seed: u64) -> Crowd {
        Crowd {
            people,
            arrivals: ArrivalCurve::opening(Duration::from_mins(1)),
            habits: Habits::default(),
            seed,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_people_and_another_seed_gives_others() {
        let people = |seed| crowd(500, seed).all().collect::<Vec<_>>();
        assert_eq!(people(7), people(7));
        assert_ne!(people(7), people(8));
    }

    #[test]
    fn habits_are_as_frequent_as_their_shares() {
        let crowd = crowd(50_000, 3);
        let count = |is: fn(&Person) -> bool| {
            let people = crowd.all().filter(is).count();
            f64::from(u32::try_from(people).unwrap()) / f64::from(crowd.people)
        };
        let near = |is: f64, wanted: f64| assert!((is - wanted).abs() < 0.01, "{is} {wanted}");
        near(
            count(|person| matches!(person.waits, Waiting::Vanishes { .. })),
            0.1 * 0.99,
        );
        near(count(|person| person.is_bot), 0.01);
        near(count(|person| person.devices > 1), 0.1);
        near(count(|person| person.change.is_some()), 0.12 * 0.99);
        near(count(|person| person.tickets == 1), 0.25);
    }

    #[test]
    fn a_share_is_a_percentage() {
        assert_eq!("10%".parse(), Ok(Share(0.1)));
        assert_eq!(" 2.5 ".parse(), Ok(Share(0.025)));
        assert_eq!(Share::percent(40).to_string(), "40%");
        for text in ["", "-1", "101%", "NaN", "ten"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn people_come_in_order_and_within_the_curve(people in 1..2_000_u32, seed: u64) {
            let crowd = crowd(people, seed);
            let mut former = Duration::ZERO;
            for person in crowd.all() {
                prop_assert!(person.comes_after >= former);
                prop_assert!(person.comes_after <= crowd.arrivals.lasts());
                prop_assert!((1..=3).contains(&person.devices) && person.tickets >= 1);
                former = person.comes_after;
            }
        }
    }
}
