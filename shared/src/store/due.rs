//! The list of charges and withdrawals about which the payment provider has to be asked.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::client::{Query, Store};
use super::error::{Result, StoreError};
use super::expression::{Key, Write};
use super::item::{Item, read_item, write_item};
use super::keys;
use domain::charge::OrderId;
use domain::clock::EpochMs;
use domain::ids::{EntryId, UserId};
use domain::withdrawal::WithdrawalKey;

/// What has to be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    Charge(OrderId),
    Withdrawal(WithdrawalKey),
}

impl Due {
    pub(super) fn key(self) -> Key {
        match self {
            Self::Charge(order) => keys::due(order.charge_id),
            Self::Withdrawal(key) => keys::due(key.withdrawal_id()),
        }
    }
}

/// An item of the list. It has a charge's id or a withdrawal's number.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DueRecord {
    user_id: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    charge_id: Option<EntryId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withdrawal_number: Option<u64>,
    due_at: EpochMs,
}

impl DueRecord {
    fn of(due: Due, due_at: EpochMs) -> Self {
        let (user_id, charge_id, withdrawal_number) = match due {
            Due::Charge(order) => (order.user_id, Some(order.charge_id), None),
            Due::Withdrawal(key) => (key.user_id, None, Some(key.number)),
        };
        Self {
            user_id,
            charge_id,
            withdrawal_number,
            due_at,
        }
    }
}

fn read_due(item: Item) -> Result<(EpochMs, Due)> {
    let record: DueRecord = read_item(item)?;
    let user_id = record.user_id;
    let due = match (record.charge_id, record.withdrawal_number) {
        (Some(charge_id), None) => Due::Charge(OrderId { user_id, charge_id }),
        (None, Some(number)) => Due::Withdrawal(WithdrawalKey { user_id, number }),
        _ => return Err(StoreError::Unreadable("a due item of no kind".to_owned())),
    };
    Ok((record.due_at, due))
}

pub(super) fn put_due(due: Due, due_at: EpochMs) -> Write {
    Write::put(due.key(), write_item(&DueRecord::of(due, due_at)))
}

pub(super) fn delete_due(due: Due) -> Write {
    Write::delete(due.key())
}

/// Takes the right to ask the provider, which nobody has taken since `stale`.
fn claim_asking(due: Due, stale: EpochMs, now: EpochMs) -> Write {
    Write::update(due.key(), "SET #askedAt = :now")
        .when(
            "attribute_exists(#pk) AND (attribute_not_exists(#askedAt) OR #askedAt <= :stale \
             OR #askedAt > :now)",
        )
        .bind(":now", now)
        .bind(":stale", stale)
}

fn postpone(due: Due, due_at: EpochMs) -> Write {
    Write::update(due.key(), "SET #dueAt = :due")
        .when("attribute_exists(#pk)")
        .bind(":due", due_at)
}

impl Store {
    /// Takes the right to ask the provider about a listed charge. `false` if another request has
    /// just asked, or if it is not listed.
    pub async fn claim_asking(&self, order: OrderId, pause_ms: i64) -> Result<bool> {
        let due = Due::Charge(order);
        self.write_if_allowed(|now| claim_asking(due, now.plus_ms(-pause_ms), now))
            .await
    }

    /// Lets a listed item be asked for at a later time.
    pub async fn postpone(&self, due: Due, due_at: EpochMs) -> Result<()> {
        self.write_if_allowed(|_| postpone(due, due_at))
            .await
            .map(drop)
    }

    /// What is due, the oldest first, at most `most` of each shard.
    pub async fn due(&self, now: EpochMs, most: usize) -> Result<Vec<Due>> {
        let mut all = Vec::new();
        for shard in 0..keys::DUE_SHARDS {
            let mut due = self.due_of_shard(shard).await?;
            due.retain(|(due_at, _)| *due_at <= now);
            due.sort_unstable_by_key(|(due_at, _)| *due_at);
            all.extend(due.into_iter().take(most).map(|(_, due)| due));
        }
        Ok(all)
    }

    /// All withdrawals that have not ended.
    pub async fn open_withdrawals(&self) -> Result<Vec<WithdrawalKey>> {
        let mut open = Vec::new();
        for shard in 0..keys::DUE_SHARDS {
            let due = self.due_of_shard(shard).await?;
            open.extend(due.into_iter().filter_map(|(_, due)| match due {
                Due::Withdrawal(key) => Some(key),
                Due::Charge(_) => None,
            }));
        }
        Ok(open)
    }

    async fn due_of_shard(&self, shard: u8) -> Result<Vec<(EpochMs, Due)>> {
        let pk = AttributeValue::S(keys::due_pk(shard));
        let items = self
            .query_all(&Query::new("#pk = :pk", [(":pk", pk)]))
            .await?;
        items.into_iter().map(read_due).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_each_kind() -> [Due; 2] {
        let user_id = UserId::random();
        [
            Due::Charge(OrderId {
                user_id,
                charge_id: EntryId::of_charge(user_id, "00"),
            }),
            Due::Withdrawal(WithdrawalKey { user_id, number: 3 }),
        ]
    }

    #[test]
    fn an_item_of_the_list_is_read_as_it_was_written() {
        for due in of_each_kind() {
            let item = write_item(&DueRecord::of(due, EpochMs(7)));
            assert_eq!(read_due(item).unwrap(), (EpochMs(7), due));
        }
    }

    #[test]
    fn every_placeholder_is_bound() {
        for due in of_each_kind() {
            for write in [
                put_due(due, EpochMs(1)),
                delete_due(due),
                claim_asking(due, EpochMs(1), EpochMs(2)),
                postpone(due, EpochMs(1)),
            ] {
                write.check().unwrap();
            }
        }
    }
}
