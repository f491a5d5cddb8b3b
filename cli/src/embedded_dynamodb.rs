//! A DynamoDB inside the process, with its data on disk or in memory, behind a port.

use std::fs::{self, File, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use dynoxide::Database;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

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

pub struct EmbeddedDynamoDb {
    threads: Threads,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), String>>,
    /// Keeps other processes from opening the folder.
    _lock: Option<File>,
}

impl EmbeddedDynamoDb {
    /// Starts on a listener that is bound already.
    pub fn start(storage: &Storage, listener: TcpListener) -> Result<Self> {
        let (database, lock) = match storage {
            Storage::Memory => (Database::memory().map_err(engine_error)?, None),
            Storage::Folder(folder) => {
                let lock = lock(folder)?;
                let file = folder.join("boxoffice.db");
                let file = file
                    .to_str()
                    .ok_or_else(|| anyhow!("the path of the data folder is not UTF-8"))?;
                (Database::new(file).map_err(engine_error)?, Some(lock))
            }
        };
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("dynamodb")
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let (listener, sweeping) = {
            let _inside = runtime.enter();
            let listener = tokio::net::TcpListener::from_std(listener)?;
            (listener, tokio::spawn(sweep(database.clone())))
        };
        let server = runtime.spawn(async move {
            let stopped = async {
                // An error means that the sender is gone: stop too.
                let _ = stopped.await;
            };
            let result = dynoxide::server::serve_with_shutdown(listener, database, stopped).await;
            sweeping.abort();
            result
        });
        Ok(Self {
            threads: Threads(Some(runtime)),
            address,
            stop,
            server,
            _lock: lock,
        })
    }

    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops, and gives running requests until `timeout` to finish.
    pub async fn stop(self, timeout: Duration) {
        let Self {
            threads,
            stop,
            server,
            ..
        } = self;
        // An error means that the server has stopped already.
        let _ = stop.send(());
        match tokio::time::timeout(timeout, server).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(error, "the embedded DynamoDB failed"),
            Ok(Err(error)) => tracing::error!(%error, "the embedded DynamoDB failed"),
            // Clients keep idle connections open. Everything that was acknowledged is on disk.
            Err(_) => tracing::debug!("the embedded DynamoDB still had open connections"),
        }
        drop(threads);
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

/// Creates the folder if it is missing, and locks it for this process.
fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the data folder {}", folder.display()))?;
    let file = File::create(folder.join("lock"))
        .with_context(|| format!("cannot write to the data folder {}", folder.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "the data folder {} is in use by another `boxoffice serve`; stop it, or choose another folder with --data",
            folder.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock the data folder {}", folder.display()))
        }
    }
}

fn engine_error(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the embedded DynamoDB cannot start: {error}")
}
