//! Serves HTTP on this machine's ports, within bounds that no client can use up.
//!
//! A listener has a limited number of connections. When it is reached, a new client gets the place of the connection that
//! has kept the server waiting the longest: idle, or in the middle of a request that does not arrive, or of a response that
//! nobody reads. So clients that open connections and send nothing cannot shut others out, even if all share one address,
//! as on loopback. Of several addresses, the one with the most connections loses one. A connection whose request is being
//! answered keeps its place.
//!
//! A connection that keeps the server waiting for [`MAX_WAIT`] is closed in any case. This one limit covers the time to
//! send a request's head, to send its body, to read a response, and to stay idle between requests.

mod connections;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::DATE;
use connections::{Connection, Connections, WatchedBody};
use domain::clock::Clock;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a connection may keep the server waiting.
pub const MAX_WAIT: Duration = Duration::from_secs(30);
/// The same once the server is stopping.
const MAX_WAIT_AT_STOP: Duration = Duration::from_secs(1);
/// The size of a request's head. API Gateway allows 10 KB.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// The pause after a failure to accept, usually for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

pub struct HttpServer {
    /// Binding is done before, so that a taken port is an error of the command.
    pub listener: TcpListener,
    pub max_connections: usize,
    /// The clock of the `Date` header, from which the pages compute remaining times. Hyper's own header keeps its value until
    /// the clock passes it: for an hour if the clock is set back by an hour.
    pub clock: Clock,
}

impl HttpServer {
    /// Serves until `stop` ends, then finishes the running requests.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) -> Result<()> {
        self.listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let connections = Arc::new(Connections::new(self.max_connections));
        let (stopping, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                // Forgets the tasks that have ended.
                Some(_) = tasks.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            };
            let connection = tokio::select! {
                () = &mut stop => break,
                connection = connections.admit(peer.ip()) => connection,
            };
            tasks.spawn(serve_connection(
                stream,
                connection,
                router.clone(),
                self.clock.clone(),
                stopped.clone(),
            ));
        }
        drop(listener);
        stopping.send_replace(true);
        while tasks.join_next().await.is_some() {}
        Ok(())
    }
}

async fn serve_connection(
    stream: TcpStream,
    connection: Arc<Connection>,
    router: Router,
    clock: Clock,
    mut stopped: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let watched = connection.clone();
    let answer = service_fn(move |request: Request<Incoming>| {
        let connection = watched.clone();
        let request = request.map(|body| Body::new(WatchedBody::new(body, connection.clone())));
        let response = router.call(request);
        let clock = clock.clone();
        async move {
            let mut response = response.await?;
            response.headers_mut().insert(DATE, http_date(&clock));
            connection.waits();
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let http = http1::Builder::new()
        // `MAX_WAIT` covers it.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_BYTES)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(http);
    let mut max_wait = MAX_WAIT;
    loop {
        tokio::select! {
            // An error is the client's: it disconnected, or sent something else than HTTP.
            _ = &mut http => return,
            () = connection.cut() => return,
            () = connection.waited(max_wait) => return,
            _ = stopped.wait_for(|stopped| *stopped), if max_wait == MAX_WAIT => {
                http.as_mut().graceful_shutdown();
                max_wait = MAX_WAIT_AT_STOP;
            }
        }
    }
}

fn http_date(clock: &Clock) -> HeaderValue {
    let since_epoch = Duration::from_millis(clock.now().0.unsigned_abs());
    let text = httpdate::fmt_http_date(UNIX_EPOCH + since_epoch);
    // The text is ASCII.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}
