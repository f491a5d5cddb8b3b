//! Stock of general admission: the remaining tickets of each shard.

use serde::{Deserialize, Serialize};

use super::client::{Consistency, Store};
use super::error::{Result, StoreError};
use super::expression::{Key, Write};
use super::item::read_item;
use super::keys;
use domain::ids::EventId;
use domain::stock::Allocation;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StockRecord {
    pub(super) left: u32,
}

pub(super) fn take_stock(event: &EventId, allocation: Allocation) -> Write {
    Write::update(
        keys::stock(event, allocation.shard),
        "SET #left = #left - :quantity",
    )
    .when("#left >= :quantity")
    .bind(":quantity", allocation.quantity)
}

/// Returns tickets to the shard that they were taken from.
pub(super) fn return_stock(event: &EventId, allocation: Allocation) -> Write {
    Write::update(
        keys::stock(event, allocation.shard),
        "SET #left = #left + :quantity",
    )
    .when("attribute_exists(#pk)")
    .bind(":quantity", allocation.quantity)
}

impl Store {
    /// The remaining tickets of each shard.
    pub async fn stock(
        &self,
        event: &EventId,
        shards: u32,
        consistency: Consistency,
    ) -> Result<Vec<u32>> {
        let keys: Vec<Key> = (0..shards).map(|shard| keys::stock(event, shard)).collect();
        let mut found = self.items(&keys, consistency).await?;
        keys.iter()
            .map(|key| {
                let missing = || StoreError::Unreadable(format!("there is no {}", key.pk));
                let record: StockRecord = read_item(found.remove(key).ok_or_else(missing)?)?;
                Ok(record.left)
            })
            .collect()
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
        take_stock(&event, allocation).check().unwrap();
        return_stock(&event, allocation).check().unwrap();
    }
}
