//! What a person does while waiting: when to poll, and when to stop.

use std::time::Duration;

use super::Person;

/// Somebody whose turn ended too early joins again at most this many times.
pub const MOST_REJOINS: u32 = 2;
/// The shop's limits of the time between two polls, in seconds.
const SHORTEST_POLL: f64 = 1.0;
const LONGEST_POLL: f64 = 30.0;

/// What a person does while waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// Watches the page until the turn comes.
    Stays,
    /// Closes the page after this time, without a word: a no-show.
    Vanishes { after: Duration },
    /// Leaves the queue with the button after this time.
    Leaves { after: Duration },
    /// Has no network for some time.
    LosesNetwork { after: Duration, lasts: Duration },
}

/// How a person stops waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parting {
    /// Closes the page. No request says so.
    Vanishes,
    /// Leaves with the button.
    Leaves,
    /// Has lost patience, and closes the page.
    GivesUp,
}

impl Person {
    /// When and how the person stops waiting, if the turn has not come by then.
    #[must_use]
    pub fn stops_waiting(&self) -> (Duration, Parting) {
        let (after, parting) = match self.waits {
            Waiting::Vanishes { after } => (after, Parting::Vanishes),
            Waiting::Leaves { after } => (after, Parting::Leaves),
            Waiting::Stays | Waiting::LosesNetwork { .. } => (self.patience, Parting::GivesUp),
        };
        if self.patience < after {
            (self.patience, Parting::GivesUp)
        } else {
            (after, parting)
        }
    }
}

/// The numbers that decide how soon a waiting page polls, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PollHints {
    /// The hint of the public numbers.
    pub public: f64,
    /// The hint of the last answer about the own place.
    pub own: Option<f64>,
    /// The expected wait.
    pub wait: Option<f64>,
}

impl PollHints {
    /// The time from joining to the first poll. `random` is from 0 to 1.
    #[must_use]
    pub fn first_poll_seconds(random: f64) -> f64 {
        1.0 + random
    }

    /// The time until the next poll, as `secondsToNextPoll` in web/js/queue.js computes it. `random` is from 0 to 1.
    #[must_use]
    pub fn seconds(&self, random: f64) -> f64 {
        let wanted = [
            Some(self.public),
            self.own,
            self.wait.map(|wait| wait / 10.0),
        ];
        let wanted = wanted.into_iter().flatten().fold(LONGEST_POLL, f64::min);
        let least = SHORTEST_POLL.max(self.public.min(2.0));
        wanted.max(least) * (0.75 + random / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_polls_as_the_smallest_hint_says() {
        for (public, own, wait, seconds) in [
            (10.0, None, None, 10.0),
            (10.0, Some(4.0), None, 4.0),
            (10.0, Some(4.0), Some(30.0), 3.0),
            (10.0, None, Some(5.0), 2.0),
            (0.5, None, None, 1.0),
            (60.0, None, None, 30.0),
        ] {
            let hints = PollHints { public, own, wait };
            assert!((hints.seconds(1.0) - seconds).abs() < 1e-9, "{hints:?}");
            assert!((hints.seconds(0.0) - seconds * 0.75).abs() < 1e-9);
        }
    }
}
