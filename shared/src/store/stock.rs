//! Stock of general admission: the remaining tickets of each shard.

use serde::{Deserialize, Serialize};

use super::client::{Consistency, Store};
use super::error::{Result, StoreError};
use super::expression::{Key, Write};
use super::item::{read_item, write_item};
use super::keys;
use domain::ids::EventId;
use domain::money::Money;
use domain::stock::{Allocation, TicketsSold};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StockRecord {
    left: u32,
    /// Sold since shards count it.
    #[serde(default)]
    sold: i64,
    /// What was paid for the tickets in `sold`.
    #[serde(default)]
    revenue: Money,
}

impl StockRecord {
    fn new(left: u32) -> Self {
        Self {
            left,
            sold: 0,
            revenue: Money::ZERO,
        }
    }
}

/// Takes tickets of this price from their shard.
pub(super) fn take_stock(event: &EventId, allocation: Allocation, price: Money) -> Write {
    Write::update(
        keys::stock(event, allocation.shard),
        "SET #left = #left - :quantity ADD #sold :quantity, #revenue :paid",
    )
    .when("#left >= :quantity")
    .bind(":quantity", allocation.quantity)
    .bind(":paid", price.times(allocation.quantity))
}

/// Returns tickets to the shard that they were taken from. `price` is what each of them cost.
pub(super) fn return_stock(event: &EventId, allocation: Allocation, price: Money) -> Write {
    Write::update(
        keys::stock(event, allocation.shard),
        "SET #left = #left + :quantity ADD #sold :returned, #revenue :refunded",
    )
    .when("attribute_exists(#pk)")
    .bind(":quantity", allocation.quantity)
    .bind(":returned", -i64::from(allocation.quantity))
    .bind(":refunded", -price.times(allocation.quantity))
}

/// Writes a shard of a new stock.
pub(super) fn put_stock(event: &EventId, shard: u32, left: u32) -> Write {
    Write::put(
        keys::stock(event, shard),
        write_item(&StockRecord::new(left)),
    )
}

/// Adds tickets to a shard, which may be a new one, or removes tickets that nobody has bought.
pub(super) fn change_stock(event: &EventId, shard: u32, change: i64) -> Write {
    let write = Write::update(
        keys::stock(event, shard),
        "SET #left = if_not_exists(#left, :none) + :change",
    )
    .bind(":none", 0_u32)
    .bind(":change", change);
    if change < 0 {
        write.when("#left >= :removed").bind(":removed", -change)
    } else {
        write
    }
}

impl Store {
    /// The remaining tickets of each shard.
    pub async fn stock(
        &self,
        event: &EventId,
        shards: u32,
        consistency: Consistency,
    ) -> Result<Vec<u32>> {
        let (left, _) = self.stock_and_sales(event, shards, consistency).await?;
        Ok(left)
    }

    /// The remaining tickets of each shard, and the tickets sold from all of them.
    pub async fn stock_and_sales(
        &self,
        event: &EventId,
        shards: u32,
        consistency: Consistency,
    ) -> Result<(Vec<u32>, TicketsSold)> {
        let keys: Vec<Key> = (0..shards).map(|shard| keys::stock(event, shard)).collect();
        let mut found = self.items(&keys, consistency).await?;
        let mut sales = TicketsSold::default();
        let left = keys
            .iter()
            .map(|key| {
                let missing = || StoreError::Unreadable(format!("there is no {}", key.pk));
                let record: StockRecord = read_item(found.remove(key).ok_or_else(missing)?)?;
                sales.quantity += record.sold;
                sales.revenue = sales.revenue + record.revenue;
                Ok(record.left)
            })
            .collect::<Result<_>>()?;
        Ok((left, sales))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_bound() {
        let event = EventId::parse("e").unwrap();
        let allocation = Allocation {
            shard: 3,
            quantity: 2,
        };
        let price = Money(1000);
        take_stock(&event, allocation, price).check().unwrap();
        return_stock(&event, allocation, price).check().unwrap();
        change_stock(&event, 3, 2).check().unwrap();
        change_stock(&event, 3, -2).check().unwrap();
    }
}
