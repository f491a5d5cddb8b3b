//! The HTTP server of `serve` over the engine, and the callers' connections to it.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use boxoffice::embedded_dynamodb::Operations;
use boxoffice::gateway;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use shared::app::App;
use tempfile::TempDir;
use tokio::net::TcpStream;

/// Where the engine keeps its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Storage {
    /// As `serve` does by default.
    Disk,
    Memory,
}

impl Storage {
    /// A new engine, and the folder of its data.
    pub(crate) fn open(self) -> (Operations, Option<TempDir>) {
        match self {
            Self::Memory => (Operations::in_memory().expect("an engine"), None),
            Self::Disk => {
                // Not in /tmp, which can be in memory.
                let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
                let file = folder.path().join("boxoffice.db");
                let engine = Operations::on_disk(file.to_str().expect("a path"));
                (engine.expect("an engine"), Some(folder))
            }
        }
    }
}

/// A running server. Each caller that waits for an answer has a connection of its own.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    idle: Arc<Mutex<Vec<SendRequest<Full<Bytes>>>>>,
}

impl Server {
    /// Serves until the program ends.
    pub(crate) fn start(app: Arc<App>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(gateway::serve(
            listener,
            app,
            None,
            None,
            std::future::pending(),
        ));
        Self {
            address,
            idle: Arc::default(),
        }
    }

    /// Sends a request over an idle connection, or over a new one, and reads the whole response.
    pub(crate) async fn answer(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, String> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await.map_err(told)?;
        let response = connection.send_request(request).await.map_err(told)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(told)?.to_bytes();
        self.idle().push(connection);
        Ok(Response::from_parts(parts, body))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect(self.address).await.map_err(told)?;
        stream.set_nodelay(true).map_err(told)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(told)?;
        // An error is the sender's, too.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
