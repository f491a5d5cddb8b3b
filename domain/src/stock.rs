//! General-admission stock: tickets left, in shards, so that many can take from it at once.

use serde::{Deserialize, Serialize};

/// Tickets that a reservation took from a shard, to be put back there if it is cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Take {
    pub shard: u32,
    pub quantity: u32,
}

/// From which shards to take `quantity` tickets, where `left` is what each has; none where all together have too few.
/// One shard where one has enough, and then any of those, so that buyers miss each other; else as few as possible.
#[must_use]
pub fn plan(left: &[u32], quantity: u32, random: usize) -> Option<Vec<Take>> {
    let shards = || (0_u32..).zip(left.iter().copied());
    let enough: Vec<u32> = shards()
        .filter(|(_, left)| *left >= quantity)
        .map(|(shard, _)| shard)
        .collect();
    if !enough.is_empty() {
        let shard = enough[random % enough.len()];
        return Some(vec![Take { shard, quantity }]);
    }
    let mut fullest: Vec<(u32, u32)> = shards().filter(|(_, left)| *left > 0).collect();
    fullest.sort_by_key(|(_, left)| std::cmp::Reverse(*left));
    let mut takes = Vec::new();
    let mut missing = quantity;
    for (shard, left) in fullest {
        let quantity = left.min(missing);
        takes.push(Take { shard, quantity });
        missing -= quantity;
        if missing == 0 {
            return Some(takes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_tickets_may_come_from_several_shards() {
        let take = |shard, quantity| Take { shard, quantity };
        assert_eq!(plan(&[1, 0, 2], 3, 0), Some(vec![take(2, 2), take(0, 1)]));
        assert_eq!(plan(&[1, 0, 2], 4, 0), None);
        assert_eq!(plan(&[], 1, 0), None);
    }

    proptest! {
        #[test]
        fn a_plan_takes_what_is_asked_for_and_no_more_than_there_is(
            left in proptest::collection::vec(0..5_u32, 0..16),
            quantity in 1..=20_u32,
            random: usize,
        ) {
            let plan = plan(&left, quantity, random);
            prop_assert_eq!(plan.is_some(), left.iter().sum::<u32>() >= quantity);
            if let Some(takes) = plan {
                prop_assert_eq!(takes.iter().map(|take| take.quantity).sum::<u32>(), quantity);
                let mut after = left.clone();
                for take in takes {
                    prop_assert!(take.quantity > 0);
                    let shard = &mut after[take.shard as usize];
                    prop_assert!(*shard >= take.quantity);
                    *shard -= take.quantity;
                }
            }
        }

        #[test]
        fn where_one_shard_has_enough_one_is_taken_from(
            left in proptest::collection::vec(0..5_u32, 1..16),
            random: usize,
        ) {
            let most = left.iter().copied().max().unwrap();
            if most > 0 {
                prop_assert_eq!(plan(&left, most, random).unwrap().len(), 1);
            }
        }
    }
}
