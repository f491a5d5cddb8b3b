//! Calls to DynamoDB: reads, single writes and transactions, with retries of conflicts, which the
//! SDK does not make.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValue};
use futures::future::try_join_all;
use serde::de::DeserializeOwned;

use super::error::{Result, StoreError, store_error};
use super::expression::{self, Key, Table, Write};
use super::item::{Item, read_item};
use super::refused::{TransactionError, WriteError, transaction_error, write_error};
use crate::metrics::{Count, Metrics};
use domain::clock::{Clock, EpochMs};

/// The number of attempts of a write that meets a conflict.
const CONFLICT_ATTEMPTS: u32 = 6;

/// The condition that an item does not exist.
pub(super) const ABSENT: &str = "attribute_not_exists(#pk)";

/// The consistency of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consistency {
    /// May miss the latest writes, at half the price.
    Eventual,
    /// Sees all writes that completed before.
    Strong,
}

impl Consistency {
    pub(super) fn is_strong(self) -> bool {
        self == Self::Strong
    }
}

/// The names of the tables.
#[derive(Clone, Debug)]
pub struct TableNames {
    /// Events, queues, seats, wallets.
    pub main: String,
    /// The signing keys. They are separate so that exports and streams of the main table do not
    /// contain them.
    pub keys: String,
}

impl TableNames {
    pub(super) fn name(&self, table: Table) -> &str {
        match table {
            Table::Main => &self.main,
            Table::Keys => &self.keys,
        }
    }
}

/// The store: DynamoDB, behind typed operations.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) client: Client,
    pub(super) tables: TableNames,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
}

impl Store {
    /// A store over a connected client.
    #[must_use]
    pub fn new(client: Client, tables: TableNames, clock: Clock) -> Self {
        Self {
            client,
            tables,
            clock,
            metrics: Arc::default(),
        }
    }

    /// The metrics of this process.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The clock used in all conditions.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        key: &Key,
        consistency: Consistency,
    ) -> Result<Option<T>> {
        let item = self.get_item(key, consistency).await?;
        item.map(read_item).transpose()
    }

    pub(super) async fn get_item(
        &self,
        key: &Key,
        consistency: Consistency,
    ) -> Result<Option<Item>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.tables.main)
            .set_key(Some(key.to_item()))
            .consistent_read(consistency.is_strong())
            .send()
            .await
            .map_err(store_error)?;
        Ok(answer.item)
    }

    /// Two items by a strongly consistent read in one call. Two concurrent calls would need a
    /// second connection, which a process that has just started does not have.
    pub(super) async fn get_both<A: DeserializeOwned, B: DeserializeOwned>(
        &self,
        one: Key,
        other: Key,
    ) -> Result<(Option<A>, Option<B>)> {
        let keys = [one, other];
        let mut found = self.items(&keys, Consistency::Strong).await?;
        let [one, other] = keys.map(|key| found.remove(&key));
        Ok((
            one.map(read_item).transpose()?,
            other.map(read_item).transpose()?,
        ))
    }

    /// The items with these keys, in as few calls as possible.
    pub(super) async fn items(
        &self,
        keys: &[Key],
        consistency: Consistency,
    ) -> Result<HashMap<Key, Item>> {
        let batches = keys
            .chunks(BATCH)
            .map(|batch| self.batch_get(batch, consistency));
        let found = try_join_all(batches).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn batch_get(&self, keys: &[Key], consistency: Consistency) -> Result<Vec<(Key, Item)>> {
        let mut wanted: Vec<Item> = keys.iter().map(Key::to_item).collect();
        let mut found = Vec::with_capacity(keys.len());
        for attempt in 1..=BATCH_ATTEMPTS {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(consistency.is_strong())
                .build()
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.tables.main, request)
                .send()
                .await
                .map_err(store_error)?;
            found.extend(
                answer
                    .responses
                    .into_iter()
                    .flatten()
                    .flat_map(|(_, items)| items)
                    .filter_map(|item| Some((Key::of(&item)?, item))),
            );
            wanted = answer
                .unprocessed_keys
                .into_iter()
                .flatten()
                .flat_map(|(_, rest)| rest.keys)
                .collect();
            if wanted.is_empty() {
                return Ok(found);
            }
            back_off(attempt).await;
        }
        Err(StoreError::Throttled)
    }

    /// One page of a query; see [`Query`].
    pub(super) async fn query(&self, query: &Query<'_>, start: Option<Item>) -> Result<Page> {
        let answer = self
            .client
            .query()
            .table_name(self.tables.name(query.table))
            .key_condition_expression(query.condition)
            .set_expression_attribute_names(Some(expression::names_in(query.condition)))
            .set_expression_attribute_values(Some(query.values.clone()))
            .consistent_read(query.consistency.is_strong())
            .scan_index_forward(query.ascending)
            .set_limit(query.limit)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(store_error)?;
        Ok(Page {
            items: answer.items.unwrap_or_default(),
            next: answer.last_evaluated_key.filter(|key| !key.is_empty()),
        })
    }

    /// All pages of a query, at most `MAX_PAGES`.
    pub(super) async fn query_all(&self, query: &Query<'_>) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        let mut start = None;
        for _ in 0..MAX_PAGES {
            let page = self.query(query, start).await?;
            items.extend(page.items);
            start = page.next;
            if start.is_none() {
                return Ok(items);
            }
        }
        Err(StoreError::Unreadable(format!(
            "more than {MAX_PAGES} pages under one key"
        )))
    }

    /// Makes one write. Conflicts with transactions are retried, with a new `now` for each attempt.
    /// Returns the item after the write if `returning` says so.
    pub(super) async fn write(
        &self,
        returning: Returning,
        build: impl Fn(EpochMs) -> Write,
    ) -> std::result::Result<Item, WriteError> {
        for attempt in 1.. {
            let write = build(self.clock.now());
            let result = self.send(write, returning).await;
            let is_conflict =
                matches!(&result, Err(WriteError::Store(error)) if error.is_conflict());
            if !self.should_retry(attempt, is_conflict).await {
                return result;
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Makes one write; `false` if its condition failed.
    pub(super) async fn write_if_allowed(&self, build: impl Fn(EpochMs) -> Write) -> Result<bool> {
        match self.write(Returning::Nothing, build).await {
            Ok(_) => Ok(true),
            Err(WriteError::Refused(_)) => Ok(false),
            Err(WriteError::Store(error)) => Err(error),
        }
    }

    /// Counts a conflict, and waits if the write should be tried again.
    async fn should_retry(&self, attempt: u32, is_conflict: bool) -> bool {
        if is_conflict {
            self.metrics.add(Count::Conflicts, 1);
        }
        let again = is_conflict && attempt < CONFLICT_ATTEMPTS;
        if again {
            back_off(attempt).await;
        }
        again
    }

    async fn send(
        &self,
        write: Write,
        returning: Returning,
    ) -> std::result::Result<Item, WriteError> {
        use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
        let names = write.names();
        let table = self.tables.name(write.table);
        match write.action {
            expression::Action::Put(item) => self
                .client
                .put_item()
                .table_name(table)
                .set_item(Some(item))
                .set_condition_expression(write.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(write.values)
                .return_values_on_condition_check_failure(AllOld)
                .send()
                .await
                .map(|_| Item::new())
                .map_err(write_error),
            expression::Action::Update(update) => self
                .client
                .update_item()
                .table_name(table)
                .set_key(Some(write.key.to_item()))
                .update_expression(update)
                .set_condition_expression(write.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(write.values)
                .return_values_on_condition_check_failure(AllOld)
                .return_values(returning.into())
                .send()
                .await
                .map(|answer| answer.attributes.unwrap_or_default())
                .map_err(write_error),
            expression::Action::Delete => self
                .client
                .delete_item()
                .table_name(table)
                .set_key(Some(write.key.to_item()))
                .set_condition_expression(write.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(write.values)
                .return_values_on_condition_check_failure(AllOld)
                .send()
                .await
                .map(|_| Item::new())
                .map_err(write_error),
        }
    }

    /// Makes all writes or none. Conflicts are retried a limited number of times with jitter, with
    /// a new `now` for each attempt. Returns what was built with the writes of the last attempt.
    pub(super) async fn transact<T>(
        &self,
        build: impl Fn(EpochMs) -> (Vec<Write>, T),
    ) -> std::result::Result<T, TransactionError> {
        for attempt in 1.. {
            let (writes, made) = build(self.clock.now());
            let keys: Vec<Key> = writes.iter().map(|write| write.key.clone()).collect();
            let items = writes
                .into_iter()
                .map(|write| write.into_transact_item(&self.tables))
                .collect::<Result<Vec<_>>>()
                .map_err(TransactionError::Store)?;
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(items))
                .send()
                .await;
            let result = sent
                .map(|_| made)
                .map_err(|error| transaction_error(error, &keys));
            let is_conflict =
                matches!(&result, Err(TransactionError::Store(error)) if error.is_conflict());
            if !self.should_retry(attempt, is_conflict).await {
                return result;
            }
        }
        Err(TransactionError::Store(StoreError::Conflict))
    }
}

/// A query of one partition.
pub(super) struct Query<'a> {
    pub(super) table: Table,
    pub(super) condition: &'a str,
    pub(super) values: HashMap<String, AttributeValue>,
    pub(super) consistency: Consistency,
    pub(super) ascending: bool,
    pub(super) limit: Option<i32>,
}

impl<'a> Query<'a> {
    pub(super) fn new<const N: usize>(
        condition: &'a str,
        values: [(&str, AttributeValue); N],
    ) -> Self {
        Self {
            table: Table::Main,
            condition,
            values: values.map(|(name, value)| (name.to_owned(), value)).into(),
            consistency: Consistency::Eventual,
            ascending: true,
            limit: None,
        }
    }

    pub(super) fn consistency(self, consistency: Consistency) -> Self {
        Self {
            consistency,
            ..self
        }
    }
}

pub(super) struct Page {
    pub(super) items: Vec<Item>,
    pub(super) next: Option<Item>,
}

/// Where the next page begins.
pub struct PageStart(pub(super) Item);

impl PageStart {
    /// `None` after the last page.
    pub(super) fn of(last_evaluated_key: Option<Item>) -> Option<Self> {
        last_evaluated_key.filter(|key| !key.is_empty()).map(Self)
    }
}

/// DynamoDB's limit of items per batch.
const BATCH: usize = 100;
/// Keys that a batch left unprocessed for lack of capacity are requested again, up to this many
/// attempts.
const BATCH_ATTEMPTS: u32 = 4;

/// A page has up to one megabyte, so no partition should need a thousand of them.
const MAX_PAGES: usize = 1_000;

/// What a write returns.
#[derive(Clone, Copy)]
pub(super) enum Returning {
    Nothing,
    /// The whole item after the write.
    New,
}

impl From<Returning> for ReturnValue {
    fn from(returning: Returning) -> Self {
        match returning {
            Returning::Nothing => Self::None,
            Returning::New => Self::AllNew,
        }
    }
}

/// Waits before the next attempt: a random time up to 15, 30, 60 … 480 ms.
pub async fn back_off(attempt: u32) {
    let longest = 15_u64 << attempt.saturating_sub(1).min(5);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=longest))).await;
}
