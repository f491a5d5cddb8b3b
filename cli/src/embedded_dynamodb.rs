//! A DynamoDB inside the process, with its data on disk or in memory. This process calls it directly; others use its port.

mod access;
mod client_tokens;
mod data_folder;
mod group_commit;
mod in_process;
mod operations;
mod protocol;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use access::Access;
use anyhow::{Result, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use data_folder::DataFolder;
use domain::clock::Clock;
pub use in_process::{InProcess, unsigned_client};
pub use operations::Operations;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::access_keys::{AccessKeys, Published};
use crate::http_server::HttpServer;

#[derive(Clone, Debug)]
pub enum Storage {
    Memory,
    Folder(PathBuf),
}

/// How often expired items are deleted. Nothing depends on it: every read and every condition checks the expiry itself.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// For commands and tools on this machine. Without use, a connection is closed for a new one.
pub const MAX_CONNECTIONS: usize = 256;

pub struct EmbeddedDynamoDb {
    operations: Operations,
    address: SocketAddr,
    keys: AccessKeys,
    /// Where other commands find the keys. None if this user has no folder for that.
    published: Option<Published>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<()>>,
    folder: Option<DataFolder>,
}

impl EmbeddedDynamoDb {
    /// Starts on a listener that is bound already, on the current runtime.
    pub fn start(storage: &Storage, listener: TcpListener) -> Result<Self> {
        let (operations, keys, folder) = match storage {
            Storage::Memory => (
                Operations::in_memory().map_err(engine_error)?,
                AccessKeys::random()?,
                None,
            ),
            Storage::Folder(path) => {
                let folder = DataFolder::open(path)?;
                let operations = Operations::on_disk(&folder.database()?).map_err(engine_error)?;
                // The engine has created its files.
                folder.make_private()?;
                (operations, folder.keys()?, Some(folder))
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
        let (stop, stopped) = oneshot::channel();
        let access = Access {
            keys: keys.clone(),
            is_on_loopback: address.ip().is_loopback(),
        };
        let router = protocol::router(operations.clone(), access);
        let sweeping = tokio::spawn(sweep(operations.clone()));
        let server = HttpServer {
            listener,
            max_connections: MAX_CONNECTIONS,
            clock: Clock::System,
        };
        let server = tokio::spawn(async move {
            let stopped = async {
                // An error means that the sender is gone: stop too.
                let _ = stopped.await;
            };
            let result = server.serve(router, stopped).await;
            sweeping.abort();
            result
        });
        Ok(Self {
            operations,
            address,
            keys,
            published,
            stop,
            server,
            folder,
        })
    }

    /// A client that calls the engine without a socket.
    #[must_use]
    pub fn client(&self) -> Client {
        let in_process = InProcess::new(self.operations.clone());
        unsigned_client(SharedHttpClient::new(in_process))
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
        // An error means that the server has stopped already.
        let _ = self.stop.send(());
        match tokio::time::timeout(timeout, self.server).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "the embedded DynamoDB failed"),
            Ok(Err(error)) => tracing::error!(%error, "the embedded DynamoDB failed"),
            Err(_) => tracing::debug!("the embedded DynamoDB still had connections"),
        }
        self.operations.close(timeout).await;
        // Unlocks the data.
        drop(self.folder);
    }
}

async fn sweep(operations: Operations) {
    let mut tick = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        tick.tick().await;
        operations.sweep().await;
    }
}

fn engine_error(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the embedded DynamoDB cannot start: {error}")
}
