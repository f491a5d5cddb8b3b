//! DynamoDB as a measurement needs it: what it answered once, it answers again at once, so that a function's time is its own
//! and not the unoptimised engine's.

use std::collections::HashSet;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::message::Message;

/// A call, and how it was answered.
#[derive(Clone, Debug)]
struct Exchange {
    operation: String,
    asked: Vec<u8>,
    answered: Vec<u8>,
}

/// The calls of one start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording(Arc<Mutex<Vec<Exchange>>>);

impl Recording {
    fn exchanges(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An address at which the engine answers, and is recorded.
    pub(crate) fn of(engine: &str) -> (Self, SocketAddr) {
        let recording = Self::default();
        let (engine, kept) = (engine.to_owned(), recording.clone());
        let address = listen(move |stream| {
            let engine = TcpStream::connect(&engine).expect("the engine");
            kept.record(stream, &engine);
        });
        (recording, address)
    }

    /// The address of what answers as it was recorded.
    pub(crate) fn replayed(&self) -> SocketAddr {
        let left = Self(Arc::new(Mutex::new(self.exchanges().clone())));
        listen(move |stream| left.replay(stream))
    }

    fn record(&self, stream: TcpStream, mut engine: &TcpStream) {
        let (mut asking, mut requests) = both_ways(stream);
        let mut responses = BufReader::new(engine);
        while let Some(request) = Message::read(&mut requests) {
            let sent = [&request.head[..], &request.body].concat();
            engine.write_all(&sent).expect("the engine");
            let response = Message::read(&mut responses).expect("an answer of the engine");
            assert!(
                response.header("content-length").is_some(),
                "an answer in chunks"
            );
            let answered = [&response.head[..], &response.body].concat();
            self.exchanges().push(Exchange {
                operation: operation(&request),
                asked: request.body,
                answered: answered.clone(),
            });
            // Who has ended asks no more; so below.
            let _ = asking.write_all(&answered);
        }
    }

    fn replay(&self, stream: TcpStream) {
        let (mut asking, mut requests) = both_ways(stream);
        while let Some(request) = Message::read(&mut requests) {
            let Some(answered) = self.take(&request) else {
                // The function sees a connection that ends, and its answer is another than it was.
                return;
            };
            let _ = asking.write_all(&answered);
        }
    }

    /// The answer to the same call, or, as times and ids differ, to the one of its operation that says most of the same.
    fn take(&self, request: &Message) -> Option<Vec<u8>> {
        let operation = operation(request);
        let asked = said(&request.body);
        let mut left = self.exchanges();
        let (at, _) = left
            .iter()
            .enumerate()
            .filter(|(_, exchange)| exchange.operation == operation)
            // Of several alike the first.
            .rev()
            .max_by_key(|(_, exchange)| said(&exchange.asked).intersection(&asked).count())?;
        Some(left.remove(at).answered)
    }
}

/// The names and values in a body.
fn said(body: &[u8]) -> HashSet<&[u8]> {
    body.split(|byte| *byte == b'"').collect()
}

fn operation(request: &Message) -> String {
    request
        .header("x-amz-target")
        .unwrap_or_default()
        .to_owned()
}

/// A connection to write to, and to read from.
pub(crate) fn both_ways(stream: TcpStream) -> (TcpStream, BufReader<TcpStream>) {
    stream.set_nodelay(true).expect("a socket");
    let asking = stream.try_clone().expect("a socket");
    (asking, BufReader::new(stream))
}

/// Serves each connection on a thread of its own. They end when the process has gone and nobody connects any more: with this
/// program.
pub(crate) fn listen(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.expect("a connection"), serve.clone());
            thread::spawn(move || serve(stream));
        }
    });
    address
}
