//! DynamoDB as a measurement needs it: what it answered once, it answers again at once, so that a function's time is its own
//! and not the unoptimised engine's.

use std::collections::HashSet;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::message::Message;
use crate::server::{Server, both_ways};

/// A call, and how it was answered.
#[derive(Debug)]
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

    /// The engine, recorded.
    pub(crate) fn of(engine: &str) -> (Self, Server) {
        let recording = Self::default();
        let (engine, kept) = (engine.to_owned(), recording.clone());
        let server = Server::start(move |stream| {
            let engine = TcpStream::connect(&engine).expect("the engine");
            kept.record(stream, &engine);
        });
        (recording, server)
    }

    /// What answers as it was recorded, each call once.
    pub(crate) fn replayed(self) -> Server {
        Server::start(move |stream| self.replay(stream))
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

    /// The answer to the call: as times and ids differ, of those to its operation the one whose call says most of the same.
    fn take(&self, request: &Message) -> Option<Vec<u8>> {
        let operation = operation(request);
        let mut left = self.exchanges();
        let of_operation: Vec<usize> = (0..left.len())
            .filter(|at| left[*at].operation == operation)
            .collect();
        let at = if let [only] = of_operation[..] {
            // Comparing would take time that the function is measured with.
            only
        } else {
            let asked = said(&request.body);
            let alike = |at: &usize| said(&left[*at].asked).intersection(&asked).count();
            // Of several alike the first.
            of_operation.into_iter().rev().max_by_key(alike)?
        };
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
