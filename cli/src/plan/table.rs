//! A model of a DynamoDB table on demand: partitions with limits, and their splitting.
//!
//! Partition keys are placed by hash, and nobody knows where. So the model keeps several random placements of the same
//! keys. The first one throttles requests; the highest load of all of them is reported. If no partition of any placement
//! is over its limit, no request was throttled, and the run is the same for all of them.

use fastrand::Rng;

use super::costs::Units;

/// The limits of a partition, per second.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
pub const PARTITION: Units = Units {
    writes: 1_000.0,
    reads: 3_000.0,
};

/// What a new on-demand table serves at once.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html>
pub const NEW_TABLE: Units = Units {
    writes: 4_000.0,
    reads: 12_000.0,
};

/// How many random placements of the keys are compared.
pub const PLACEMENTS: usize = 16;
/// A partition is hot above this share of a limit.
const HOT: f64 = 0.8;
/// A number of partitions is good enough if none of them uses more than this share of a limit.
const OF_LIMIT: f64 = 0.85;
/// A partition splits after this many seconds in which it was hot. AWS says "sustained" and names no time. This is an
/// assumption, and a long one: on-sales must not depend on it.
const SPLIT_AFTER_SECONDS: u32 = 300;
/// The model never has more partitions than this.
const MOST_PARTITIONS: usize = 4_096;

/// Identifies a partition key of the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyId(usize);

/// The highest load that was seen, and of which key.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Peak {
    pub units: f64,
    pub second: u64,
    /// The key with the largest part of it. `None`: keys of users.
    pub key: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Partition {
    /// It has the hashes from here to the start of the next one.
    start: u64,
    hot_seconds: u32,
}

#[derive(Clone, Debug)]
struct Placement {
    /// By key.
    hashes: Vec<u64>,
    /// In order.
    partitions: Vec<Partition>,
}

impl Placement {
    fn partition_of(&self, key: usize) -> usize {
        let hash = self.hashes[key];
        self.partitions.partition_point(|part| part.start <= hash) - 1
    }

    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn width(&self, partition: usize) -> f64 {
        let start = self.partitions[partition].start;
        let end = self
            .partitions
            .get(partition + 1)
            .map_or(u64::MAX, |next| next.start);
        (end - start) as f64 / u64::MAX as f64
    }

    fn split(&mut self, partition: usize) {
        let start = self.partitions[partition].start;
        let end = self
            .partitions
            .get(partition + 1)
            .map_or(u64::MAX, |next| next.start);
        self.partitions[partition].hot_seconds = 0;
        let new = Partition {
            start: start + (end - start) / 2,
            hot_seconds: 0,
        };
        self.partitions.insert(partition + 1, new);
    }
}

/// The table during a simulation.
#[derive(Clone, Debug)]
pub struct Table {
    placements: Vec<Placement>,
    /// The load of this second, by key.
    loads: Vec<Units>,
    /// The load of this second on the users' keys.
    spread: Units,
    /// What is left of the first placement's partitions, up to a second's worth.
    left: Vec<Units>,
    second: u64,
    pub write_peak: Peak,
    pub read_peak: Peak,
    /// The highest load of the whole table.
    pub table_peak: Units,
    /// The highest load of each key.
    pub key_peaks: Vec<Units>,
    /// All units so far.
    pub total: Units,
    /// How many of the placements had a partition over a limit.
    over: Vec<bool>,
    /// The highest load of a partition in the last second, as a share of its limit.
    pub last_use: f64,
    /// Other numbers of partitions, and whether one of them would have been over its limit in some placement.
    compared: Vec<(usize, bool)>,
}

impl Table {
    /// A table with this warm throughput and number of keys.
    #[must_use]
    pub fn new(warm: Units, keys: usize, random: &mut Rng) -> Self {
        let count = partitions_for(warm);
        let step = u64::MAX / count as u64;
        let partitions: Vec<Partition> = (0..count as u64)
            .map(|index| Partition {
                start: index * step,
                hot_seconds: 0,
            })
            .collect();
        let placements = (0..PLACEMENTS)
            .map(|_| Placement {
                hashes: (0..keys).map(|_| random.u64(..)).collect(),
                partitions: partitions.clone(),
            })
            .collect();
        Self {
            placements,
            loads: vec![Units::default(); keys],
            spread: Units::default(),
            left: vec![PARTITION; count],
            second: 0,
            write_peak: Peak::default(),
            read_peak: Peak::default(),
            table_peak: Units::default(),
            key_peaks: vec![Units::default(); keys],
            total: Units::default(),
            over: vec![false; PLACEMENTS],
            last_use: 0.0,
            compared: Vec::new(),
        }
    }

    /// The number of partitions of the first placement.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.left.len()
    }

    /// In how many of the [`PLACEMENTS`] a partition was over a limit.
    #[must_use]
    pub fn placements_over(&self) -> usize {
        self.over.iter().filter(|over| **over).count()
    }

    /// Also compares the load with tables of these numbers of equal partitions.
    pub fn compare_with(&mut self, partitions: &[usize]) {
        self.compared = partitions.iter().map(|count| (*count, false)).collect();
    }

    /// The compared numbers of partitions with which no partition was over its limit.
    #[must_use]
    pub fn would_serve(&self) -> Vec<usize> {
        let good = self.compared.iter().filter(|(_, over)| !over);
        good.map(|(count, _)| *count).collect()
    }

    /// Refills the partitions after this part of a second.
    pub fn refill(&mut self, seconds: f64) {
        for left in &mut self.left {
            left.writes = (left.writes + PARTITION.writes * seconds).min(PARTITION.writes);
            left.reads = (left.reads + PARTITION.reads * seconds).min(PARTITION.reads);
        }
    }

    /// How many of `count` requests of these units the key's partition serves.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "counts of requests"
    )]
    pub fn served(&self, key: KeyId, each: Units, count: u64) -> u64 {
        let left = self.left[self.placements[0].partition_of(key.0)];
        let limit = |left: f64, each: f64| {
            if each > 0.0 {
                left.max(0.0) / each
            } else {
                f64::MAX
            }
        };
        let served = limit(left.writes, each.writes).min(limit(left.reads, each.reads));
        (count as f64).min(served) as u64
    }

    /// Counts units under a key.
    pub fn take(&mut self, key: KeyId, units: Units) {
        self.loads[key.0] += units;
        self.total += units;
        let partition = self.placements[0].partition_of(key.0);
        self.left[partition] += units.times(-1.0);
    }

    /// Which share of these units on the users' keys the partitions serve.
    #[must_use]
    pub fn served_share(&self, units: Units) -> f64 {
        let first = &self.placements[0];
        let limit = |left: f64, wanted: f64| {
            if wanted > 0.0 {
                (left.max(0.0) / wanted).min(1.0)
            } else {
                1.0
            }
        };
        (0..self.left.len())
            .map(|index| {
                let width = first.width(index);
                let wanted = units.times(width);
                let left = self.left[index];
                width * limit(left.writes, wanted.writes).min(limit(left.reads, wanted.reads))
            })
            .sum()
    }

    /// Counts units on the users' keys, which are spread over all partitions.
    pub fn take_spread(&mut self, units: Units) {
        self.spread += units;
        self.total += units;
        for index in 0..self.left.len() {
            let width = self.placements[0].width(index);
            self.left[index] += units.times(-width);
        }
    }

    /// Ends a second: compares the partitions of every placement with their limits, and splits hot ones.
    pub fn end_second(&mut self) {
        let mut all = self.spread;
        for (load, peak) in self.loads.iter().zip(&mut self.key_peaks) {
            all += *load;
            *peak = peak.highest(*load);
        }
        self.table_peak = self.table_peak.highest(all);
        self.last_use = 0.0;
        for at in 0..self.placements.len() {
            self.end_second_of(at);
        }
        for index in 0..self.compared.len() {
            let (count, is_over) = self.compared[index];
            self.compared[index].1 = is_over || self.is_over_with(count);
        }
        self.loads.fill(Units::default());
        self.spread = Units::default();
        self.second += 1;
    }

    /// Whether this second is over a limit with this many equal partitions, in some placement.
    fn is_over_with(&self, count: usize) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "at most some thousand")]
        let spread = self.spread.times(1.0 / count as f64);
        let most = PARTITION.times(OF_LIMIT);
        let is_over = |load: Units| load.writes > most.writes || load.reads > most.reads;
        // Even all keys together would fit into one partition: nothing has to be placed.
        let mut all = spread;
        for load in &self.loads {
            all += *load;
        }
        if !is_over(all) {
            return false;
        }
        let width = u64::MAX / count as u64 + 1;
        let used: Vec<(usize, Units)> = self
            .loads
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, load)| load.writes > 0.0 || load.reads > 0.0)
            .collect();
        self.placements.iter().any(|placement| {
            let mut loads = vec![spread; count];
            for (key, load) in &used {
                let at = usize::try_from(placement.hashes[*key] / width).unwrap_or(0);
                loads[at.min(count - 1)] += *load;
            }
            loads.into_iter().any(is_over)
        })
    }

    fn end_second_of(&mut self, at: usize) {
        let placement = &mut self.placements[at];
        let mut loads: Vec<Units> = (0..placement.partitions.len())
            .map(|index| self.spread.times(placement.width(index)))
            .collect();
        // The keys with the largest parts, to name them.
        let mut largest = vec![(0.0_f64, 0.0_f64, None, None); loads.len()];
        for (key, load) in self.loads.iter().enumerate() {
            if load.writes <= 0.0 && load.reads <= 0.0 {
                continue;
            }
            let partition = placement.partition_of(key);
            loads[partition] += *load;
            let (writes, reads, most_written, most_read) = &mut largest[partition];
            if load.writes > *writes {
                (*writes, *most_written) = (load.writes, Some(key));
            }
            if load.reads > *reads {
                (*reads, *most_read) = (load.reads, Some(key));
            }
        }
        let mut hot = Vec::new();
        for (index, load) in loads.iter().enumerate() {
            if load.writes > self.write_peak.units {
                self.write_peak = Peak {
                    units: load.writes,
                    second: self.second,
                    key: largest[index].2,
                };
            }
            if load.reads > self.read_peak.units {
                self.read_peak = Peak {
                    units: load.reads,
                    second: self.second,
                    key: largest[index].3,
                };
            }
            let used = (load.writes / PARTITION.writes).max(load.reads / PARTITION.reads);
            self.last_use = self.last_use.max(used);
            self.over[at] |= used > 1.0;
            let partition = &mut placement.partitions[index];
            partition.hot_seconds = if used > HOT {
                partition.hot_seconds + 1
            } else {
                0
            };
            if partition.hot_seconds >= SPLIT_AFTER_SECONDS {
                hot.push(index);
            }
        }
        for index in hot.into_iter().rev() {
            if placement.partitions.len() < MOST_PARTITIONS {
                placement.split(index);
                if at == 0 {
                    self.left.insert(index + 1, PARTITION);
                }
            }
        }
    }
}

/// The number of partitions behind a warm throughput.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive and bounded"
)]
pub fn partitions_for(warm: Units) -> usize {
    let needed = (warm.writes / PARTITION.writes).max(warm.reads / PARTITION.reads);
    (needed.ceil() as usize).clamp(1, MOST_PARTITIONS)
}

/// Names the keys of a table.
#[must_use]
pub fn key(index: usize) -> KeyId {
    KeyId(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(warm: Units, keys: usize) -> Table {
        Table::new(warm, keys, &mut Rng::with_seed(1))
    }

    #[test]
    fn a_new_table_has_four_partitions_and_a_warm_one_has_as_many_as_it_needs() {
        assert_eq!(partitions_for(NEW_TABLE), 4);
        let reads = Units {
            writes: 4_000.0,
            reads: 30_000.0,
        };
        assert_eq!(partitions_for(reads), 10);
    }

    #[test]
    fn one_key_never_gets_more_than_a_partition_however_warm_the_table_is() {
        let mut table = table(
            Units {
                writes: 100_000.0,
                reads: 0.0,
            },
            1,
        );
        let each = Units {
            writes: 1.0,
            reads: 0.0,
        };
        assert_eq!(table.served(key(0), each, 1_500), 1_000);
        table.take(key(0), each.times(1_000.0));
        assert_eq!(table.served(key(0), each, 1), 0);
        table.refill(0.1);
        assert_eq!(table.served(key(0), each, 500), 100);
    }

    #[test]
    fn keys_of_users_use_all_partitions() {
        let mut table = table(NEW_TABLE, 0);
        let units = Units {
            writes: 8_000.0,
            reads: 0.0,
        };
        assert!((table.served_share(units) - 0.5).abs() < 1e-6);
        table.take_spread(units.times(0.25));
        table.end_second();
        assert!((table.write_peak.units - 500.0).abs() < 1.0);
        assert_eq!(table.placements_over(), 0);
    }

    #[test]
    fn a_partition_splits_after_minutes_of_heat_and_not_before() {
        let mut table = table(NEW_TABLE, 0);
        for _ in 0..299 {
            table.take_spread(Units {
                writes: 3_600.0,
                reads: 0.0,
            });
            table.end_second();
        }
        assert_eq!(table.partitions(), 4);
        table.take_spread(Units {
            writes: 3_600.0,
            reads: 0.0,
        });
        table.end_second();
        assert_eq!(table.partitions(), 8);
    }

    #[test]
    fn two_hot_keys_on_one_partition_are_found_in_some_placement() {
        let mut table = table(
            Units {
                writes: 10_000.0,
                reads: 0.0,
            },
            4,
        );
        for index in 0..4 {
            table.take(
                key(index),
                Units {
                    writes: 600.0,
                    reads: 0.0,
                },
            );
        }
        table.end_second();
        assert!(table.write_peak.units > 1_000.0);
        assert!((1..PLACEMENTS).contains(&table.placements_over()));
    }
}
