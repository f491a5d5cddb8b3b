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

impl TicketsSold {
    /// How many of `total` tickets are sold, and what was paid for them. Tickets that were sold before shards counted their
    /// sales have the price of now.
    #[must_use]
    pub fn of_total(&self, total: u32, left: &[u32], price: Money) -> (u64, Money) {
        let sold = u64::from(total).saturating_sub(left.iter().copied().map(u64::from).sum());
        let uncounted = i64::try_from(sold).unwrap_or(i64::MAX) - self.quantity;
        let uncounted = u32::try_from(uncounted).unwrap_or_default();
        (sold, self.revenue + price.times(uncounted))
    }
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

/// Divides what a reservation took from its shards into `quantity` tickets that go back, and those
/// that it keeps.
#[must_use]
pub fn give_back(taken: &[Allocation], quantity: u32) -> (Vec<Allocation>, Vec<Allocation>) {
    let (mut back, mut kept) = (Vec::new(), Vec::new());
    let mut missing = quantity;
    for Allocation { shard, quantity } in taken.iter().copied() {
        let goes = quantity.min(missing);
        missing -= goes;
        for (part, quantity) in [(&mut back, goes), (&mut kept, quantity - goes)] {
            if quantity > 0 {
                part.push(Allocation { shard, quantity });
            }
        }
    }
    (back, kept)
}

/// Divides tickets into shards as equally as possible. The first shards get the remainder.
pub fn equal_parts(tickets: u32, shards: u32) -> impl Iterator<Item = u32> {
    let shards = shards.max(1);
    (0..shards).map(move |shard| tickets / shards + u32::from(shard < tickets % shards))
}

/// How many tickets each shard gains or loses when an operator changes the number of unsold tickets
/// to `wanted`. Additional tickets are spread over all shards; after a reduction, all shards have
/// equally many.
#[must_use]
pub fn stock_changes(left: &[u32], wanted: u32) -> Vec<i64> {
    let shards = u32::try_from(left.len()).unwrap_or(u32::MAX);
    let unsold: u32 = left.iter().sum();
    match wanted.checked_sub(unsold) {
        Some(more) => equal_parts(more, shards).map(i64::from).collect(),
        None => equal_parts(wanted, shards)
            .zip(left)
            .map(|(wanted, left)| i64::from(wanted) - i64::from(*left))
            .collect(),
    }
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
        fn a_change_of_the_stock_gives_the_wanted_number_and_no_shard_less_than_none(
            left in proptest::collection::vec(0..50_u32, 1..16),
            wanted in 0..1_000_u32,
        ) {
            let changes = stock_changes(&left, wanted);
            prop_assert_eq!(changes.len(), left.len());
            let after: Vec<i64> = left.iter().zip(&changes).map(|(left, change)| i64::from(*left) + change).collect();
            prop_assert_eq!(after.iter().sum::<i64>(), i64::from(wanted));
            prop_assert!(after.iter().all(|left| *left >= 0));
            if left.iter().sum::<u32>() <= wanted {
                prop_assert!(changes.iter().all(|change| *change >= 0));
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
