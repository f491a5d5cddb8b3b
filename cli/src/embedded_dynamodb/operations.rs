//! DynamoDB's operations on the engine, by their names in the protocol. The SDK in this process and the port both call them
//! here.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use dynoxide::actions::transact_write_items::{
    TransactWriteItemsRequest, TransactWriteItemsResponse,
};
use dynoxide::{Database, DynoxideError, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::client_tokens::{ClientTokens, MAX_TOKEN};
use super::group_commit::GroupCommit;

/// How many operations run at once, each on a thread of the runtime's blocking pool. The engine runs one at a time; while
/// it does, others parse their requests and serialize their answers.
const MAX_CONCURRENT: u32 = 4;

/// The engine and what its operations share.
#[derive(Clone)]
pub struct Operations {
    shared: Arc<Shared>,
}

struct Shared {
    /// None once it is closed.
    database: Mutex<Option<Database>>,
    client_tokens: ClientTokens,
    permits: Arc<Semaphore>,
    /// None if the data are in memory.
    group_commit: Option<GroupCommit>,
}

/// The HTTP status and the body of an answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) json: String,
}

impl Operations {
    /// An engine with its data in memory.
    pub fn in_memory() -> Result<Self> {
        Ok(Self::new(Database::memory()?, None))
    }

    /// An engine with its data in this file and its log beside it.
    pub fn on_disk(file: &str) -> Result<Self> {
        let database = Database::new(file)?;
        // This sets `synchronous=NORMAL`, and all else to what it is already.
        database.disable_bulk_loading()?;
        let log = File::open(format!("{file}-wal"))
            .map_err(|error| DynoxideError::InternalServerError(format!("no log: {error}")))?;
        let group_commit = GroupCommit::new(move || log.sync_data());
        Ok(Self::new(database, Some(group_commit)))
    }

    fn new(database: Database, group_commit: Option<GroupCommit>) -> Self {
        Self {
            shared: Arc::new(Shared {
                database: Mutex::new(Some(database)),
                client_tokens: ClientTokens::default(),
                permits: Arc::new(Semaphore::new(MAX_CONCURRENT as usize)),
                group_commit,
            }),
        }
    }

    /// The engine itself. None once it is closed.
    #[must_use]
    pub fn database(&self) -> Option<Database> {
        self.shared.database()
    }

    /// Runs the operation of a target such as `DynamoDB_20120810.GetItem`. If the caller stops waiting before the operation
    /// has begun, it never runs; after that, it is completed.
    pub(super) async fn run(&self, target: &str, body: Bytes) -> Answer {
        let Ok(permit) = self.shared.permits.clone().acquire_owned().await else {
            return Answer::of(closed());
        };
        let shared = self.shared.clone();
        let operation = operation(target).to_owned();
        let running = tokio::task::spawn_blocking(move || {
            let result = shared.run(&operation, &body);
            if let Some(group_commit) = &shared.group_commit
                && writes(&operation)
            {
                group_commit.completed();
            }
            drop(permit);
            result
        });
        let result = running.await.unwrap_or_else(|error| {
            Err(DynoxideError::InternalServerError(format!(
                "the operation was not completed: {error}"
            )))
        });
        // Reads wait too: they may have seen what others have just written.
        if let Some(group_commit) = &self.shared.group_commit
            && let Err(error) = group_commit.synchronized().await
        {
            tracing::error!(%error, "cannot synchronize the data with the disk; restart");
            return Answer::of(Err(DynoxideError::InternalServerError(format!(
                "the data cannot be synchronized with the disk: {error}"
            ))));
        }
        Answer::of(result)
    }

    /// Deletes expired items.
    pub(super) async fn sweep(&self) {
        let Some(database) = self.shared.database() else {
            return;
        };
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(swept)) => tracing::debug!(swept, "deleted expired items"),
            Ok(Err(error)) => tracing::error!(%error, "cannot delete expired items"),
            Err(error) => tracing::error!(%error, "cannot delete expired items"),
        }
    }

    /// Waits for the running operations, until `timeout`, and closes the engine. Operations are refused from now on.
    pub(super) async fn close(&self, timeout: Duration) {
        let all = self.shared.permits.acquire_many(MAX_CONCURRENT);
        if tokio::time::timeout(timeout, all).await.is_err() {
            // Everything that was acknowledged is on disk.
            tracing::debug!("the embedded DynamoDB still had running requests");
        }
        self.shared.permits.close();
        let database = self.shared.lock_database().take();
        // The engine closes its file when the last of its handles is dropped.
        if let Err(error) = tokio::task::spawn_blocking(move || drop(database)).await {
            tracing::error!(%error, "the embedded DynamoDB was not closed");
        }
    }
}

impl Answer {
    fn of(result: Result<String>) -> Self {
        match result {
            Ok(json) => Self { status: 200, json },
            Err(error) => Self {
                status: error.status_code(),
                json: error.to_json(),
            },
        }
    }
}

impl Shared {
    fn lock_database(&self) -> std::sync::MutexGuard<'_, Option<Database>> {
        // Nothing can panic while it is locked.
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn database(&self) -> Option<Database> {
        self.lock_database().clone()
    }

    fn run(&self, operation: &str, body: &Bytes) -> Result<String> {
        let Some(database) = self.database() else {
            return closed();
        };
        match operation {
            "BatchExecuteStatement" => {
                call(body, |request| database.batch_execute_statement(request))
            }
            "BatchGetItem" => call(body, |request| database.batch_get_item(request)),
            "BatchWriteItem" => call(body, |request| database.batch_write_item(request)),
            "CreateTable" => call(body, |request| database.create_table(request)),
            "DeleteItem" => call(body, |request| database.delete_item(request)),
            "DeleteTable" => call(body, |request| database.delete_table(request)),
            "DescribeStream" => call(body, |request| database.describe_stream(request)),
            "DescribeTable" => call(body, |request| database.describe_table(request)),
            "DescribeTimeToLive" => call(body, |request| database.describe_time_to_live(request)),
            "ExecuteStatement" => call(body, |request| database.execute_statement(request)),
            "ExecuteTransaction" => call(body, |request| database.execute_transaction(request)),
            "GetItem" => call(body, |request| database.get_item(request)),
            "GetRecords" => call(body, |request| database.get_records(request)),
            "GetShardIterator" => call(body, |request| database.get_shard_iterator(request)),
            "ListStreams" => call(body, |request| database.list_streams(request)),
            "ListTables" => call(body, |request| database.list_tables(request)),
            "ListTagsOfResource" => call(body, |request| database.list_tags_of_resource(request)),
            "PutItem" => call(body, |request| database.put_item(request)),
            "Query" => call(body, |request| database.query(request)),
            "Scan" => call(body, |request| database.scan(request)),
            "TagResource" => call(body, |request| database.tag_resource(request)),
            "TransactGetItems" => call(body, |request| database.transact_get_items(request)),
            "TransactWriteItems" => call(body, |request| self.transact(&database, request, body)),
            "UntagResource" => call(body, |request| database.untag_resource(request)),
            "UpdateItem" => call(body, |request| database.update_item(request)),
            "UpdateTable" => call(body, |request| database.update_table(request)),
            "UpdateTimeToLive" => call(body, |request| database.update_time_to_live(request)),
            unknown => Err(DynoxideError::ValidationException(format!(
                "the embedded DynamoDB does not know the operation {unknown:?}"
            ))),
        }
    }

    /// The engine gets no client token: see [`ClientTokens`].
    fn transact(
        &self,
        database: &Database,
        mut request: TransactWriteItemsRequest,
        body: &Bytes,
    ) -> Result<TransactWriteItemsResponse> {
        // The engine refuses a token that is too long.
        let token = request
            .client_request_token
            .take_if(|token| token.len() <= MAX_TOKEN);
        let Some(token) = token else {
            return database.transact_write_items(request);
        };
        let asked: TransactionItems = parse(body)?;
        self.client_tokens.once(token, &asked.items, || {
            database.transact_write_items(request)
        })
    }
}

/// What a client token stands for.
#[derive(Deserialize)]
struct TransactionItems {
    #[serde(rename = "TransactItems")]
    items: serde_json::Value,
}

/// The operation that a target names, or nothing.
fn operation(target: &str) -> &str {
    ["DynamoDB_20120810.", "DynamoDBStreams_20120810."]
        .iter()
        .find_map(|service| target.strip_prefix(service))
        .unwrap_or_default()
}

/// Whether an operation can change data.
fn writes(operation: &str) -> bool {
    const READS: [&str; 7] = [
        "BatchGet",
        "Describe",
        "Get",
        "List",
        "Query",
        "Scan",
        "TransactGet",
    ];
    !READS.iter().any(|read| operation.starts_with(read))
}

fn closed() -> Result<String> {
    Err(DynoxideError::InternalServerError(
        "the embedded DynamoDB has stopped".to_owned(),
    ))
}

fn call<Q: DeserializeOwned, A: Serialize>(
    body: &Bytes,
    operation: impl FnOnce(Q) -> Result<A>,
) -> Result<String> {
    let answer = operation(parse(body)?)?;
    serde_json::to_string(&answer)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn parse<Q: DeserializeOwned>(body: &Bytes) -> Result<Q> {
    serde_json::from_slice(body)
        .map_err(|error| DynoxideError::ValidationException(error.to_string()))
}
