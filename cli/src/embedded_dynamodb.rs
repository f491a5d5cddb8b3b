//! A DynamoDB inside the process, with its data on disk or in memory, behind a port.

mod access;
mod data_folder;
mod protocol;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use access::Access;
use anyhow::{Result, anyhow};
use data_folder::DataFolder;
use domain::clock::Clock;
use dynoxide::Database;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::access_keys::{AccessKeys, Published};
use crate::http_server::HttpServer;

#[derive(Clone, Debug)]
pub enum Storage {
    Memory,
    Folder(PathBuf),
}

/// The engine's own threads, because its requests run SQLite on the threads that serve them.
///
/// Dropping a runtime waits for its threads, which is not allowed in asynchronous code. An error between start and stop drops
/// the engine there, so dropping this only shuts it down in the background.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How often expired items are deleted. Nothing depends on it: every read and every condition checks the expiry itself.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// For this process, commands and tools on this machine. Without use, a connection is closed for a new one.
pub const MAX_CONNECTIONS: usize = 256;

pub struct EmbeddedDynamoDb {
    threads: Threads,
    address: SocketAddr,
    keys: AccessKeys,
    /// Where other commands find the keys. None if this user has no folder for that.
    published: Option<Published>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<()>>,
    database: Database,
    folder: Option<DataFolder>,
}

impl EmbeddedDynamoDb {
    /// Starts on a listener that is bound already.
    pub fn start(storage: &Storage, listener: TcpListener) -> Result<Self> {
        let (database, keys, folder) = match storage {
            Storage::Memory => (
                Database::memory().map_err(engine_error)?,
                AccessKeys::random()?,
                None,
            ),
            Storage::Folder(path) => {
                let folder = DataFolder::open(path)?;
                let database = Database::new(&folder.database()?).map_err(engine_error)?;
                // The engine has created its files.
                folder.make_private()?;
                (database, folder.keys()?, Some(folder))
            }
        };
        let address = listener.local_addr()?;
        let published = match Published::new(&keys, address.port()) {
            Ok(published) => Some(published),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(
                    error,
                    "`--local` will not work: the access keys cannot be published"
                );
                None
            }
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("dynamodb")
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let access = Access {
            keys: keys.clone(),
            is_on_loopback: address.ip().is_loopback(),
        };
        let router = protocol::router(database.clone(), access);
        let sweeping = runtime.spawn(sweep(database.clone()));
        let server = HttpServer {
            listener,
            max_connections: MAX_CONNECTIONS,
            clock: Clock::System,
        };
        let server = runtime.spawn(async move {
            let stopped = async {
                // An error means that the sender is gone: stop too.
                let _ = stopped.await;
            };
            let result = server.serve(router, stopped).await;
            sweeping.abort();
            result
        });
        Ok(Self {
            threads: Threads(Some(runtime)),
            address,
            keys,
            published,
            stop,
            server,
            database,
            folder,
        })
    }

    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[must_use]
    pub fn keys(&self) -> &AccessKeys {
        &self.keys
    }

    /// A file with the keys in the AWS CLI's format.
    #[must_use]
    pub fn keys_file(&self) -> Option<PathBuf> {
        let published = self.published.as_ref().map(Published::file);
        let in_folder = self.folder.as_ref().map(DataFolder::keys_file);
        in_folder.or_else(|| published.map(Path::to_owned))
    }

    /// Stops, and gives running requests until `timeout` to finish. Then all data are in the database's file, and its log is
    /// gone.
    pub async fn stop(self, timeout: Duration) {
        let Self {
            mut threads,
            stop,
            server,
            database,
            folder,
            ..
        } = self;
        // An error means that the server has stopped already.
        let _ = stop.send(());
        match tokio::time::timeout(timeout, server).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "the embedded DynamoDB failed"),
            Ok(Err(error)) => tracing::error!(%error, "the embedded DynamoDB failed"),
            // Everything that was acknowledged is on disk.
            Err(_) => tracing::debug!("the embedded DynamoDB still had running requests"),
        }
        let closed = tokio::task::spawn_blocking(move || {
            // The engine closes its file when the last of its handles is dropped. The threads may have some.
            if let Some(runtime) = threads.0.take() {
                runtime.shutdown_timeout(timeout);
            }
            drop(database);
            drop(folder);
        });
        if let Err(error) = closed.await {
            tracing::error!(%error, "the embedded DynamoDB was not closed");
        }
    }
}

async fn sweep(database: Database) {
    let mut tick = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        tick.tick().await;
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(swept)) => tracing::debug!(swept, "deleted expired items"),
            Ok(Err(error)) => tracing::error!(%error, "cannot delete expired items"),
            Err(error) => tracing::error!(%error, "cannot delete expired items"),
        }
    }
}

fn engine_error(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the embedded DynamoDB cannot start: {error}")
}
