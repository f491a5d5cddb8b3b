//! The embedded DynamoDB: on disk or in memory, behind a port of this machine.

use std::fs::{self, File, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use dynoxide::Database;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Where the data lies.
#[derive(Clone, Debug)]
pub enum Storage {
    Memory,
    Folder(PathBuf),
}

/// Its requests run SQLite on the threads that serve them, so it has threads of its own.
///
/// A runtime that is simply dropped waits for its threads, which asynchronous code must not; whoever gives up between
/// starting the engine and stopping it drops it there.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Expired items are swept so often. Nothing waits for it: every read and condition tests expiry itself.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// A running engine.
pub struct Embedded {
    threads: Threads,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), String>>,
    /// Held as long as the engine runs, so that no other opens the same folder.
    _lock: Option<File>,
}

impl Embedded {
    /// Starts the engine on a listener that is bound already.
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
                // An error is a sender that is gone: stop as well.
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

    /// Where it listens.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops: what runs is finished, within `patience`.
    pub async fn stop(self, patience: Duration) {
        let Self {
            threads,
            stop,
            server,
            ..
        } = self;
        // An error is a server that has stopped already.
        let _ = stop.send(());
        match tokio::time::timeout(patience, server).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(error, "the embedded DynamoDB"),
            Ok(Err(error)) => tracing::error!(%error, "the embedded DynamoDB"),
            // Idle connections are kept open by their clients; what was acknowledged is on disk.
            Err(_) => tracing::debug!("the embedded DynamoDB had open connections"),
        }
        drop(threads);
    }
}

async fn sweep(database: Database) {
    let mut tick = tokio::time::interval(SWEEP_EVERY);
    loop {
        tick.tick().await;
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(swept)) => tracing::debug!(swept, "expired items"),
            Ok(Err(error)) => tracing::error!(%error, "cannot sweep expired items"),
            Err(error) => tracing::error!(%error, "cannot sweep expired items"),
        }
    }
}

/// Makes the folder, and locks it for this process.
fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the data folder {}", folder.display()))?;
    let file = File::create(folder.join("lock"))
        .with_context(|| format!("cannot write in the data folder {}", folder.display()))?;
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
