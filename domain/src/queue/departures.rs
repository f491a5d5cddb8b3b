//! How many of the waiting users have left, by rank.

use serde::{Deserialize, Serialize};

use crate::ids::Rank;

/// The maximum number of segments. The head pays for their size with each join.
const MOST_SEGMENTS: usize = 16;

/// Ranks from `first` to `last`, of which `count` have been given up. Both ends have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Segment {
    first: u64,
    last: u64,
    count: u64,
}

impl Segment {
    /// How many ranks below this one have been given up at least. Where the segment is not
    /// contiguous, as many as possible are assumed to be above.
    fn below(self, rank: u64) -> u64 {
        let rest = (self.last + 1).saturating_sub(rank.max(self.first));
        self.count.saturating_sub(rest)
    }
}

/// The given up ranks above a watermark, in a limited number of segments. It is exact for up to 16
/// groups of consecutive ranks; beyond that, the nearest groups are merged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(into = "Vec<u64>", from = "Vec<u64>")]
pub struct Departures {
    /// In order. Unused ones are zero and at the end.
    segments: [Segment; MOST_SEGMENTS],
}

impl Departures {
    /// Of the ranks that have been given up.
    #[must_use]
    pub fn of(ranks: impl IntoIterator<Item = Rank>) -> Self {
        let mut ranks: Vec<u64> = ranks.into_iter().map(|rank| rank.0).collect();
        ranks.sort_unstable();
        ranks.dedup();
        let mut segments: Vec<Segment> = Vec::new();
        for rank in ranks {
            match segments.last_mut() {
                Some(last) if last.last + 1 == rank => {
                    last.last = rank;
                    last.count += 1;
                }
                Some(_) | None => segments.push(Segment {
                    first: rank,
                    last: rank,
                    count: 1,
                }),
            }
        }
        if segments.len() > MOST_SEGMENTS {
            segments = merge(&segments);
        }
        let mut departures = Self::default();
        for (slot, segment) in departures.segments.iter_mut().zip(segments) {
            *slot = segment;
        }
        departures
    }

    /// How many ranks below this one have been given up, at least.
    #[must_use]
    pub fn below(&self, rank: Rank) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.below(rank.0))
            .sum()
    }

    /// How many ranks have been given up.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.segments.iter().map(|segment| segment.count).sum()
    }

    /// Whether no rank has been given up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }
}

impl Departures {
    /// First rank, last rank and count of each segment.
    pub fn groups(self) -> impl Iterator<Item = [u64; 3]> {
        self.segments
            .into_iter()
            .filter(|segment| segment.count > 0)
            .map(|segment| [segment.first, segment.last, segment.count])
    }
}

/// Merges segments at the smallest gaps until few enough are left.
fn merge(segments: &[Segment]) -> Vec<Segment> {
    let gap = |pair: &[Segment]| pair[1].first - pair[0].last;
    let mut gaps: Vec<u64> = segments.windows(2).map(gap).collect();
    gaps.sort_unstable_by(|a, b| b.cmp(a));
    // Gaps longer than this one stay, and as many of this length as there is room for.
    let limit = gaps[MOST_SEGMENTS - 2];
    let longer = gaps.iter().filter(|gap| **gap > limit).count();
    let mut room = MOST_SEGMENTS - 1 - longer;
    let mut merged: Vec<Segment> = Vec::new();
    for segment in segments {
        let Some(last) = merged.last_mut() else {
            merged.push(*segment);
            continue;
        };
        let gap = segment.first - last.last;
        let separates = gap > limit || (gap == limit && room > 0);
        if separates {
            room -= usize::from(gap == limit);
            merged.push(*segment);
        } else {
            last.last = segment.last;
            last.count += segment.count;
        }
    }
    merged
}

impl From<Departures> for Vec<u64> {
    fn from(departures: Departures) -> Self {
        departures.groups().flatten().collect()
    }
}

impl From<Vec<u64>> for Departures {
    fn from(numbers: Vec<u64>) -> Self {
        let mut departures = Self::default();
        for (slot, numbers) in departures.segments.iter_mut().zip(numbers.chunks_exact(3)) {
            *slot = Segment {
                first: numbers[0],
                last: numbers[1],
                count: numbers[2],
            };
        }
        departures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(ranks: impl IntoIterator<Item = u64>) -> Departures {
        Departures::of(ranks.into_iter().map(Rank))
    }

    #[test]
    fn consecutive_ranks_are_one_exact_segment() {
        let left = of(3..=1_002);
        assert_eq!(Vec::from(left), [3, 1_002, 1_000]);
        assert_eq!(left.below(Rank(1_003)), 1_000);
        assert_eq!(left.below(Rank(503)), 500);
        assert_eq!(left.below(Rank(2)), 0);
        assert_eq!(left.total(), 1_000);
    }

    #[test]
    fn the_nearest_groups_are_merged_first() {
        // Sixteen single ranks, ten apart, and one that is next but one to the last of them.
        let left = of((1..=16).map(|n| 10 * n).chain([162]));
        let segments = Vec::from(left);
        assert_eq!(segments.len(), 3 * MOST_SEGMENTS);
        assert!(
            segments.ends_with(&[150, 150, 1, 160, 162, 2]),
            "{segments:?}"
        );
        assert_eq!(left.total(), 17);
    }

    #[test]
    fn of_equally_distant_groups_those_that_are_called_first_stay_exact() {
        let segments = Vec::from(of((1..=20).map(|n| 10 * n)));
        assert_eq!(segments.len(), 3 * MOST_SEGMENTS);
        assert!(
            segments.starts_with(&[10, 10, 1, 20, 20, 1]),
            "{segments:?}"
        );
        assert!(
            segments.ends_with(&[150, 150, 1, 160, 200, 5]),
            "{segments:?}"
        );
    }

    proptest! {
        #[test]
        fn a_summary_never_counts_more_than_have_left_below_a_rank(
            ranks in proptest::collection::btree_set(1..300_u64, 0..120),
        ) {
            let left = of(ranks.iter().copied());
            prop_assert_eq!(left.total(), ranks.len() as u64);
            prop_assert_eq!(Departures::from(Vec::from(left)), left);
            for rank in (1..310).filter(|rank| !ranks.contains(rank)) {
                let below = ranks.range(..rank).count() as u64;
                prop_assert!(left.below(Rank(rank)) <= below);
            }
            prop_assert_eq!(left.below(Rank(400)), ranks.len() as u64);
        }

        #[test]
        fn a_summary_of_few_groups_is_exact(starts in proptest::collection::btree_set(0..60_u64, 0..16)) {
            let ranks: Vec<u64> = starts.iter().flat_map(|start| 10 * start + 1..=10 * start + 4).collect();
            let left = of(ranks.iter().copied());
            for rank in (1..610).filter(|rank| !ranks.contains(rank)) {
                let below = ranks.iter().filter(|left| **left < rank).count() as u64;
                prop_assert_eq!(left.below(Rank(rank)), below);
            }
        }
    }
}
