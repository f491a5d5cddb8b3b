//! Stock of general admission: remaining tickets, in shards that allow concurrent purchases.

use serde::{Deserialize, Serialize};

use crate::money::Money;

/// Tickets taken from a shard by a reservation. They go back to the same shard if it is cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allocation {
    pub shard: u32,
    pub quantity: u32,
}

/// The tickets that were sold from a stock, less those that were returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TicketsSold {
    pub quantity: i64,
    /// What was paid for them, whatever they cost now.
    pub revenue: Money,
}

/// Chooses the shards to take `quantity` tickets from; `left` has the remaining tickets per shard.
/// If one shard has enough, a random one of those is chosen, so that concurrent buyers use
/// different shards. Otherwise as few shards as possible are used. Returns `None` if there are not
/// enough tickets in total.
#[must_use]
pub fn allocate(left: &[u32], quantity: u32, random: usize) -> Option<Vec<Allocation>> {
    let shards = || (0_u32..).zip(left.iter().copied());
    let enough: Vec<u32> = shards()
        .filter(|(_, left)| *left >= quantity)
        .map(|(shard, _)| shard)
        .collect();
    if !enough.is_empty() {
        let shard = enough[random % enough.len()];
        return Some(vec![Allocation { shard, quantity }]);
    }
    let mut fullest: Vec<(u32, u32)> = shards().filter(|(_, left)| *left > 0).collect();
    fullest.sort_by_key(|(_, left)| std::cmp::Reverse(*left));
    let mut allocations = Vec::new();
    let mut missing = quantity;
    for (shard, left) in fullest {
        let quantity = left.min(missing);
        allocations.push(Allocation { shard, quantity });
        missing -= quantity;
        if missing == 0 {
            return Some(allocations);
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
        let allocation = |shard, quantity| Allocation { shard, quantity };
        assert_eq!(
            allocate(&[1, 0, 2], 3, 0),
            Some(vec![allocation(2, 2), allocation(0, 1)])
        );
        assert_eq!(allocate(&[1, 0, 2], 4, 0), None);
        assert_eq!(allocate(&[], 1, 0), None);
    }

    proptest! {
        #[test]
        fn an_allocation_has_the_requested_quantity_and_stays_within_the_stock(
            left in proptest::collection::vec(0..5_u32, 0..16),
            quantity in 1..=20_u32,
            random: usize,
        ) {
            let allocated = allocate(&left, quantity, random);
            prop_assert_eq!(allocated.is_some(), left.iter().sum::<u32>() >= quantity);
            if let Some(allocations) = allocated {
                prop_assert_eq!(allocations.iter().map(|allocation| allocation.quantity).sum::<u32>(), quantity);
                let mut after = left.clone();
                for allocation in allocations {
                    prop_assert!(allocation.quantity > 0);
                    let shard = &mut after[allocation.shard as usize];
                    prop_assert!(*shard >= allocation.quantity);
                    *shard -= allocation.quantity;
                }
            }
        }

        #[test]
        fn one_shard_is_used_if_one_has_enough(
            left in proptest::collection::vec(0..5_u32, 1..16),
            random: usize,
        ) {
            let most = left.iter().copied().max().unwrap();
            if most > 0 {
                prop_assert_eq!(allocate(&left, most, random).unwrap().len(), 1);
            }
        }
    }
}
