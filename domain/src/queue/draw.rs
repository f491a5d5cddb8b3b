//! The draw: users who joined before the opening are called in an order that nobody can predict and
//! everybody can verify afterwards.
//!
//! A keyed permutation of the numbers 1 to `count` assigns the ranks, so a draw among a million
//! users needs no write per user. The key combines a secret whose hash is published when the queue
//! is created, the count, which is fixed only at the opening, and an announced random value, if
//! any. docs/QUEUE.md has the procedure in a few lines of Python.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::EpochMs;
use crate::ids::{EventId, Lane, Rank};

/// The name of the procedure. It is part of the key, so another procedure would yield another
/// order.
pub const PROCEDURE: &str = "boxoffice-draw-1";

/// 32 random bytes. That of a draw is published once nobody can join the draw any more.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret([u8; 32]);

impl Secret {
    /// A new secret.
    ///
    /// # Errors
    /// If the operating system provides no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Parses 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| "a secret has 64 hexadecimal digits".to_owned())?;
        Ok(Self(bytes))
    }

    /// The SHA-256 of the secret in hexadecimal, which is published in advance.
    #[must_use]
    pub fn commitment(&self) -> String {
        hex::encode(Sha256::digest(self.0))
    }

    /// The secret as 64 hexadecimal digits, to be published after the opening.
    #[must_use]
    pub fn reveal(&self) -> String {
        hex::encode(self.0)
    }

    /// A code that is keyed by the secret.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        mac(&self.0)
    }
}

impl TryFrom<String> for Secret {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.reveal()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A lane's draw, as stored in its head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draw {
    /// The same in all lanes of an event.
    pub secret: Secret,
    /// The numbers 1 to `count` take part. Absent until the opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The opening that is in force. A catalogue that moves it changes it here before it changes
    /// the event. So a process that has an old event cannot fix the count at an old opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<EpochMs>,
}

impl Draw {
    /// Whether the count is to be fixed now.
    #[must_use]
    pub fn is_due(self, now: EpochMs) -> bool {
        self.count.is_none() && self.opens_at.is_none_or(|at| at <= now)
    }
}

/// The order in which a lane calls its numbers.
#[derive(Clone, Debug)]
pub enum Ranking {
    /// In order of arrival: the rank is the number.
    ByArrival,
    /// The draw is still to come. Once `count` is fixed, the numbers up to it have no rank yet.
    NotDrawn { count: Option<u64> },
    /// The draw has been held.
    Drawn(Permutation),
}

impl Ranking {
    /// A number's rank. `None` before the draw.
    #[must_use]
    pub fn rank_of(&self, number: u64) -> Option<Rank> {
        match self {
            Self::ByArrival => Some(Rank(number)),
            Self::NotDrawn { count } => count
                .is_some_and(|count| number > count)
                .then_some(Rank(number)),
            Self::Drawn(permutation) => Some(permutation.rank_of(number).unwrap_or(Rank(number))),
        }
    }

    /// The number that drew this rank. `None` if the rank was not drawn.
    #[must_use]
    pub fn drawn_number_at(&self, rank: Rank) -> Option<u64> {
        match self {
            Self::ByArrival | Self::NotDrawn { .. } => None,
            Self::Drawn(permutation) => permutation.number_at(rank),
        }
    }

    /// Whether ranks can be called: no number is waiting for the draw.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(self, Self::NotDrawn { .. })
    }
}

/// Six rounds for each half.
const ROUNDS: u64 = 12;

/// A permutation of 1 to `count`: a Feistel network over the cells (row, column) of the smallest
/// grid that holds `count`. Results in surplus cells are skipped by cycle walking.
#[derive(Clone, Debug)]
pub struct Permutation {
    mac: Hmac<Sha256>,
    count: u64,
    rows: u64,
    columns: u64,
}

impl Permutation {
    /// The order of a lane's draw. `beacon` is empty if no random value was announced.
    #[must_use]
    pub fn new(secret: &Secret, event: &EventId, lane: Lane, count: u64, beacon: &str) -> Self {
        let label = format!("{PROCEDURE}|{event}|{lane}|{count}|{beacon}");
        let key = secret.mac().chain_update(label).finalize().into_bytes();
        // The smallest square that holds `count`, without the rows that are not needed.
        let columns = count.saturating_sub(1).isqrt() + 1;
        Self {
            mac: mac(&key),
            count,
            rows: count.div_ceil(columns),
            columns,
        }
    }

    /// The rank that a number drew. `None` for numbers issued after the opening.
    #[must_use]
    pub fn rank_of(&self, number: u64) -> Option<Rank> {
        self.walk(number, Self::forwards).map(Rank)
    }

    /// The number that drew a rank.
    #[must_use]
    pub fn number_at(&self, rank: Rank) -> Option<u64> {
        self.walk(rank.0, Self::backwards)
    }

    /// Cycle walking: applies a permutation of the grid until the result is within `count`. This
    /// terminates because the cycle returns to its start, which is within `count`.
    fn walk(&self, start: u64, step: impl Fn(&Self, u64) -> u64) -> Option<u64> {
        if !(1..=self.count).contains(&start) {
            return None;
        }
        let mut at = step(self, start - 1);
        while at >= self.count {
            at = step(self, at);
        }
        Some(at + 1)
    }

    fn forwards(&self, at: u64) -> u64 {
        let (mut row, mut column) = (at / self.columns, at % self.columns);
        for round in 0..ROUNDS {
            if round % 2 == 0 {
                row = (row + self.shift(round, column) % self.rows) % self.rows;
            } else {
                column = (column + self.shift(round, row) % self.columns) % self.columns;
            }
        }
        row * self.columns + column
    }

    fn backwards(&self, at: u64) -> u64 {
        let (mut row, mut column) = (at / self.columns, at % self.columns);
        for round in (0..ROUNDS).rev() {
            if round % 2 == 0 {
                row = (row + self.rows - self.shift(round, column) % self.rows) % self.rows;
            } else {
                column =
                    (column + self.columns - self.shift(round, row) % self.columns) % self.columns;
            }
        }
        row * self.columns + column
    }

    /// A round's pseudorandom number for a half: the first eight bytes of the keyed hash of both.
    fn shift(&self, round: u64, half: u64) -> u64 {
        let mac = self.mac.clone().chain_update(format!("{round}|{half}"));
        let hash = mac.finalize().into_bytes();
        hash.iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, count: u64) -> Permutation {
        let secret = Secret(Sha256::digest(seed.to_be_bytes()).into());
        Permutation::new(
            &secret,
            &EventId::parse("winter-live").unwrap(),
            Lane::FIRST,
            count,
            "",
        )
    }

    #[test]
    fn every_rank_is_drawn_once_for_every_count_tried_and_leads_back_to_its_number() {
        for count in (1..=130).chain([999, 1_000, 1_024, 4_095, 4_097, 10_007]) {
            let draw = draw(count, count);
            let mut drawn = vec![false; usize::try_from(count).unwrap()];
            for number in 1..=count {
                let rank = draw.rank_of(number).unwrap();
                let slot = &mut drawn[usize::try_from(rank.0).unwrap() - 1];
                assert!(!*slot, "{count}: {rank:?} twice");
                *slot = true;
                assert_eq!(draw.number_at(rank), Some(number));
            }
        }
    }

    #[test]
    fn later_numbers_do_not_take_part() {
        assert_eq!(draw(1, 10).rank_of(11), None);
        assert_eq!(draw(1, 10).rank_of(0), None);
        assert_eq!(draw(1, 0).rank_of(1), None);
        assert_eq!(draw(1, 10).number_at(Rank(11)), None);
    }

    /// The chi-square statistic of observed counts against a uniform distribution.
    #[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
    fn chi_square(observed: &[u32]) -> f64 {
        let expected = f64::from(observed.iter().sum::<u32>()) / observed.len() as f64;
        observed
            .iter()
            .map(|&n| (f64::from(n) - expected).powi(2) / expected)
            .sum()
    }

    #[test]
    fn every_number_has_the_same_chance_of_every_rank() {
        const COUNT: u64 = 10;
        const DRAWS: u64 = 4_000;
        let mut ranks = vec![vec![0_u32; 10]; 10];
        for seed in 0..DRAWS {
            let draw = draw(seed, COUNT);
            for number in 1..=COUNT {
                let rank = draw.rank_of(number).unwrap().0;
                ranks[usize::try_from(number).unwrap() - 1][usize::try_from(rank).unwrap() - 1] +=
                    1;
            }
        }
        for (number, ranks) in ranks.iter().enumerate() {
            // 9 degrees of freedom: 33.7 is exceeded once in ten thousand runs. The seeds are
            // fixed, so the result is too.
            let statistic = chi_square(ranks);
            assert!(statistic < 33.7, "number {}: {statistic}", number + 1);
        }
    }

    #[test]
    fn every_order_of_four_is_equally_likely() {
        let mut orders = std::collections::BTreeMap::<Vec<u64>, u32>::new();
        for seed in 0..12_000 {
            let draw = draw(seed, 4);
            let order = (1..=4).map(|n| draw.rank_of(n).unwrap().0).collect();
            *orders.entry(order).or_default() += 1;
        }
        let observed: Vec<u32> = orders.into_values().collect();
        assert_eq!(observed.len(), 24);
        // 23 degrees of freedom: 57.1 is exceeded once in ten thousand runs.
        assert!(chi_square(&observed) < 57.1, "{observed:?}");
    }

    #[test]
    fn the_distance_between_adjacent_numbers_in_the_draw_is_uniform() {
        let draw = draw(7, 1_000);
        let mut steps = vec![0_u32; 10];
        for number in 1..1_000 {
            let here = draw.rank_of(number).unwrap().0;
            let next = draw.rank_of(number + 1).unwrap().0;
            let step = (next + 1_000 - here) % 1_000;
            steps[usize::try_from(step / 100).unwrap()] += 1;
        }
        assert!(chi_square(&steps) < 33.7, "{steps:?}");
    }

    #[test]
    fn another_count_or_beacon_changes_all_ranks() {
        let secret = Secret([7; 32]);
        let event = EventId::parse("e").unwrap();
        let order = |lane, count, beacon| {
            let draw = Permutation::new(&secret, &event, lane, count, beacon);
            (1..=50)
                .map(|n| draw.rank_of(n).unwrap())
                .collect::<Vec<_>>()
        };
        let base = order(Lane(0), 100, "");
        for other in [
            order(Lane(0), 101, ""),
            order(Lane(0), 100, "00ff"),
            order(Lane(1), 100, ""),
        ] {
            let same = base.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!(same < 6, "{same} of 50 kept their rank");
        }
    }

    #[test]
    fn a_secret_has_a_commitment_and_is_never_logged() {
        let secret = Secret([0; 32]);
        assert_eq!(
            secret.commitment(),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(Secret::parse(&secret.reveal()), Ok(secret));
        assert!(Secret::parse("00").is_err());
    }
}
