//! What a simulation observes.

use std::collections::BTreeMap;

use super::costs::{Operation, Units};

/// Why a request was refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Refused {
    /// The API's `RequestsPerSecond`.
    Gateway,
    /// Lambda could not start functions fast enough, or the account's concurrency was used up.
    Functions,
    /// A partition of the table was over its limit.
    Table,
    /// Somebody else was faster.
    SeatTaken,
    /// Nothing was left.
    SoldOut,
}

/// One second of the sale. Counts are sums since the opening.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Second {
    pub joined: u64,
    /// People who have arrived for their turn.
    pub admitted: u64,
    /// Slots in use.
    pub inside: u64,
    pub waiting: u64,
    pub sold: u64,
    pub held: u64,
    /// Requests that the functions answered in this second.
    pub requests: f64,
    /// Requests that the CDN answered in this second.
    pub cdn_requests: f64,
    pub refused: f64,
    /// The highest load of a partition, as a share of its limit.
    pub partition: f64,
}

/// The highest rate of something.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Highest(pub f64);

impl Highest {
    pub fn sent(&mut self, rate: f64) {
        self.0 = self.0.max(rate);
    }
}

/// Durations in seconds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Samples(Vec<f32>);

impl Samples {
    #[expect(clippy::cast_possible_truncation, reason = "seconds")]
    pub fn add(&mut self, seconds: f64) {
        self.0.push(seconds as f32);
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = f32> + '_ {
        self.0.iter().copied()
    }

    /// What this share of them did not exceed; 0 if there are none.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    pub fn percentile(&self, share: f64) -> f32 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f32::total_cmp);
        let last = sorted.len().saturating_sub(1);
        let at = (last as f64 * share) as usize;
        sorted.get(at).copied().unwrap_or_default()
    }
}

/// The result of a simulation.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Observed {
    pub seconds: Vec<Second>,
    pub joined: u64,
    pub left: u64,
    /// From joining to arriving, in the order of arriving.
    pub waits: Samples,
    /// From the call to arriving.
    pub coming: Samples,
    /// From arriving to the first hold.
    pub shopping: Samples,
    pub all_joined_at: Option<u64>,
    pub last_in_at: Option<u64>,
    /// When 99 of 100 tickets were sold. The last ones change hands until somebody pays.
    pub nearly_sold_at: Option<u64>,
    pub sold_out_at: Option<u64>,
    pub seats: u64,
    pub sold: u64,
    pub returned: u64,
    pub buyers: u64,
    pub tickets: u64,
    /// Called people who came too late.
    pub missed_grace: u64,
    /// Admitted people whose session or hold ended before they had finished.
    pub out_of_time: u64,
    pub promotions: u64,
    pub conflicts: u64,
    /// Answered requests.
    pub answered: BTreeMap<Operation, f64>,
    pub refused: BTreeMap<Refused, f64>,
    pub cdn_requests: f64,
    /// The highest rate of requests to the API.
    pub gateway: Highest,
    pub most_requests_served: f64,
    pub most_concurrency: f64,
    /// What would have been used without the account's limit.
    pub most_concurrency_wanted: f64,
    /// How many environments a function of the opening lacked at the worst moment, because Lambda starts them no faster.
    pub most_environments_missing: f64,
    /// The highest load of a partition, in any placement of the keys.
    pub partition_peak: Units,
    /// The highest load of a single key.
    pub key_peak: Units,
    /// The same of the keys that a lane has.
    pub lane_key_peak: Units,
    pub write_key: String,
    pub read_key: String,
    pub placements_over: usize,
    pub partitions: usize,
    /// The numbers of partitions that were compared, with which no partition of any placement would be over its limit.
    pub would_serve: Vec<usize>,
    pub table_peak: Units,
    pub units: Units,
    pub seconds_simulated: u64,
}

impl Observed {
    pub fn refuse(&mut self, why: Refused, count: f64) {
        if count > 0.0 {
            *self.refused.entry(why).or_default() += count;
        }
    }

    pub fn answered(&mut self, operation: Operation, count: f64) {
        if count > 0.0 {
            *self.answered.entry(operation.kind()).or_default() += count;
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds"
    )]
    pub fn arrived(&mut self, at: f64, waited: f64) {
        self.waits.add(waited);
        self.last_in_at = Some(at as u64);
    }

    pub fn second(&mut self, second: Second) {
        self.seconds.push(second);
    }

    /// Requests that a service refused for its limits.
    #[must_use]
    pub fn refused_by_limits(&self) -> f64 {
        [Refused::Gateway, Refused::Functions, Refused::Table]
            .iter()
            .map(|why| self.count_refused(*why))
            .sum()
    }

    #[must_use]
    pub fn count_refused(&self, why: Refused) -> f64 {
        self.refused.get(&why).copied().unwrap_or_default()
    }

    /// All answered requests.
    #[must_use]
    pub fn all_answered(&self) -> f64 {
        self.answered.values().sum()
    }

    /// The highest rate of requests that the CDN answers.
    #[must_use]
    pub fn most_cdn_requests(&self) -> f64 {
        let rates = self.seconds.iter().map(|second| second.cdn_requests);
        rates.fold(0.0, f64::max)
    }

    /// How long the sale would take in all at the speed so far, in seconds. At most twenty times as long as it was
    /// simulated.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "seconds and counts of tickets")]
    pub fn would_take(&self) -> f64 {
        let sold = self.sold as f64 / self.seats.max(1) as f64;
        self.seconds_simulated as f64 / sold.max(0.05)
    }

    /// When nobody waited any more, after everybody had joined.
    #[must_use]
    pub fn everybody_in_at(&self) -> Option<u64> {
        let joined = self.all_joined_at?;
        let seconds = self.seconds.iter().enumerate();
        let mut after = seconds.filter_map(|(at, second)| {
            let at = at as u64;
            (at >= joined && second.waiting == 0).then_some(at)
        });
        after.next()
    }
}
