//! DynamoDB as a measurement needs it: what it answered once, it answers again at once, so that a function's time is its own
//! and not the unoptimised engine's.

use std::collections::HashSet;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::message::Message;
use crate::server::{Server, both_ways};

/// A call, and how it was answered.
#[derive(Debug)]
struct Exchange {
    operation: String,
    asked: Vec<u8>,
    answered: Vec<u8>,
    /// Whether it has been answered again.
    is_spent: bool,
}

/// The calls of one start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    was_lacking: Arc<AtomicBool>,
}

impl Recording {
    fn exchanges(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something was asked for that had not been recorded: with a second that has begun since, there may be somebody to
    /// let in, and that is written.
    pub(crate) fn was_lacking(&self) -> bool {
        self.was_lacking.load(Ordering::Relaxed)
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

    /// What answers as it was recorded.
    pub(crate) fn replayed(&self) -> Server {
        let recording = self.clone();
        Server::start(move |stream| recording.replay(stream))
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
                is_spent: false,
            });
            // Who has ended asks no more; so below.
            let _ = asking.write_all(&answered);
        }
    }

    fn replay(&self, stream: TcpStream) {
        let (mut asking, mut requests) = both_ways(stream);
        while let Some(request) = Message::read(&mut requests) {
            let Some(answered) = self.take(&request) else {
                // The function sees a connection that ends.
                self.was_lacking.store(true, Ordering::Relaxed);
                return;
            };
            let _ = asking.write_all(&answered);
        }
    }

    /// The answer to the call: as times and ids differ, of those to its operation the one whose call says most of the same. One
    /// that was given already only where no other is left: what is kept for a second may be asked for once more.
    fn take(&self, request: &Message) -> Option<Vec<u8>> {
        let operation = operation(request);
        let mut exchanges = self.exchanges();
        let of_operation = |is_spent: bool| -> Vec<usize> {
            (0..exchanges.len())
                .filter(|at| exchanges[*at].operation == operation)
                .filter(|at| exchanges[*at].is_spent == is_spent)
                .collect()
        };
        let mut candidates = of_operation(false);
        if candidates.is_empty() {
            candidates = of_operation(true);
        }
        let at = if let [only] = candidates[..] {
            // Comparing would take time that the function is measured with.
            only
        } else {
            let asked = said(&request.body);
            let alike = |at: &usize| said(&exchanges[*at].asked).intersection(&asked).count();
            // Of several alike the first.
            candidates.into_iter().rev().max_by_key(alike)?
        };
        exchanges[at].is_spent = true;
        Some(exchanges[at].answered.clone())
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
