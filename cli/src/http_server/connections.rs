//! The connections of a listener: which of them keep the server waiting, and which has to go when there are too many.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::Notify;
use tokio::time::Instant;

pub(super) struct Connections {
    max: usize,
    open: Mutex<Open>,
    /// A connection was closed, or started to keep the server waiting.
    changed: Notify,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    by_id: HashMap<u64, Entry>,
}

struct Entry {
    peer: IpAddr,
    /// None while a request is being answered.
    waits_since: Option<Instant>,
    cut: Arc<Notify>,
}

impl Connections {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            open: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // No code of this file can panic in the middle of a change, so the state is consistent.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new connection. If there are too many, closes another one, or waits until one can be closed.
    pub(super) async fn admit(self: &Arc<Self>, peer: IpAddr) -> Arc<Connection> {
        loop {
            {
                let mut open = self.open();
                if open.by_id.len() >= self.max
                    && let Some(id) = open.least_useful()
                    && let Some(entry) = open.by_id.remove(&id)
                {
                    entry.cut.notify_one();
                }
                if open.by_id.len() < self.max {
                    return self.add(&mut open, peer);
                }
            }
            self.changed.notified().await;
        }
    }

    fn add(self: &Arc<Self>, open: &mut Open, peer: IpAddr) -> Arc<Connection> {
        let id = open.next_id;
        open.next_id += 1;
        let cut = Arc::new(Notify::new());
        let entry = Entry {
            peer,
            waits_since: Some(Instant::now()),
            cut: cut.clone(),
        };
        open.by_id.insert(id, entry);
        Arc::new(Connection {
            id,
            cut,
            connections: self.clone(),
        })
    }
}

impl Open {
    /// Of the addresses that have a waiting connection, the one with the most connections; of its waiting connections, the
    /// one that has waited longest.
    fn least_useful(&self) -> Option<u64> {
        let mut of_peer: HashMap<IpAddr, usize> = HashMap::new();
        for entry in self.by_id.values() {
            *of_peer.entry(entry.peer).or_default() += 1;
        }
        self.by_id
            .iter()
            .filter_map(|(id, entry)| Some((id, entry.peer, entry.waits_since?)))
            .min_by_key(|(_, peer, since)| (std::cmp::Reverse(of_peer[peer]), *since))
            .map(|(id, ..)| *id)
    }
}

pub(super) struct Connection {
    id: u64,
    cut: Arc<Notify>,
    connections: Arc<Connections>,
}

impl Connection {
    /// From now on the server waits for the client.
    pub(super) fn waits(&self) {
        self.set_waits_since(Some(Instant::now()));
        self.connections.changed.notify_one();
    }

    /// From now on the client waits for the server.
    fn works(&self) {
        self.set_waits_since(None);
    }

    fn set_waits_since(&self, since: Option<Instant>) {
        if let Some(entry) = self.connections.open().by_id.get_mut(&self.id) {
            entry.waits_since = since;
        }
    }

    /// Ends when the connection has to make room for another one.
    pub(super) async fn cut(&self) {
        self.cut.notified().await;
    }

    /// Ends when the connection has kept the server waiting for this long.
    pub(super) async fn waited(&self, max: Duration) {
        loop {
            let since = {
                let open = self.connections.open();
                open.by_id.get(&self.id).and_then(|entry| entry.waits_since)
            };
            match since {
                Some(since) if since.elapsed() >= max => return,
                Some(since) => tokio::time::sleep_until(since + max).await,
                None => tokio::time::sleep(max).await,
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.open().by_id.remove(&self.id);
        self.connections.changed.notify_one();
    }
}

/// A request's body. The server waits for the client until it has been read, and then works on the request.
pub(super) struct WatchedBody {
    body: Incoming,
    connection: Arc<Connection>,
}

impl WatchedBody {
    pub(super) fn new(body: Incoming, connection: Arc<Connection>) -> Self {
        if body.is_end_stream() {
            connection.works();
        } else {
            connection.waits();
        }
        Self { body, connection }
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.connection.works();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    async fn is_cut(connection: &Connection) -> bool {
        tokio::time::timeout(Duration::ZERO, connection.cut())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn a_new_client_takes_the_place_of_the_connection_that_waits_longest() {
        let connections = Arc::new(Connections::new(2));
        let used = connections.admit(NEAR).await;
        let idle = connections.admit(NEAR).await;
        used.works();
        used.waits();
        let _third = connections.admit(NEAR).await;
        assert!(is_cut(&idle).await);
        assert!(!is_cut(&used).await);
    }

    #[tokio::test]
    async fn a_request_that_is_being_answered_keeps_its_connection() {
        let connections = Arc::new(Connections::new(1));
        let busy = connections.admit(NEAR).await;
        busy.works();
        let next = connections.admit(NEAR);
        tokio::pin!(next);
        assert!(is_pending(&mut next).await);
        assert!(!is_cut(&busy).await);
        busy.waits();
        next.await;
        assert!(is_cut(&busy).await);
    }

    async fn is_pending<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
        tokio::time::timeout(Duration::ZERO, future).await.is_err()
    }

    #[tokio::test]
    async fn an_address_with_many_connections_loses_one_of_its_own() {
        let connections = Arc::new(Connections::new(3));
        let other = connections.admit(FAR).await;
        let first = connections.admit(NEAR).await;
        let _second = connections.admit(NEAR).await;
        let _new = connections.admit(NEAR).await;
        assert!(!is_cut(&other).await);
        assert!(is_cut(&first).await);
    }

    #[tokio::test]
    async fn only_a_client_that_keeps_the_server_waiting_is_cut() {
        let connections = Arc::new(Connections::new(1));
        let connection = connections.admit(NEAR).await;
        connection.waited(Duration::ZERO).await;
        connection.works();
        let long = Duration::from_hours(1);
        assert!(is_pending(&mut Box::pin(connection.waited(long))).await);
        connection.waits();
        assert!(is_pending(&mut Box::pin(connection.waited(long))).await);
        connection.waited(Duration::ZERO).await;
    }
}
