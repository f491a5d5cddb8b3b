//! A gate in the wire: each call of a process waits until it is let through, so that a test decides who is next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

/// Longer than any call takes to come, however loaded the machine is.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// How a call is let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// It is made, and answered.
    Whole,
    /// It is made, but its answer is lost.
    AnswerLost,
}

#[derive(Debug)]
struct Waiting {
    operation: String,
    body: String,
    call: oneshot::Sender<Pass>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// A call that was let through and has not come back yet.
    under_way: bool,
    is_open: bool,
}

/// Calls that touch certain items wait here, in the order in which they came.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Only calls whose body contains one of these wait.
    keys: &'static [&'static str],
    line: Arc<Mutex<Line>>,
    changed: Arc<Notify>,
}

impl Gate {
    /// A gate for calls whose body contains one of these.
    #[must_use]
    pub fn of(keys: &'static [&'static str]) -> Self {
        Self {
            keys,
            line: Arc::default(),
            changed: Arc::default(),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call's side: waits to be let through; none where it need not. What comes back must be given to [`Self::done`].
    pub async fn enter(&self, operation: &str, body: &str) -> Option<Pass> {
        if !self.keys.iter().any(|key| body.contains(key)) {
            return None;
        }
        let (pass, passed) = oneshot::channel();
        {
            let mut line = self.line();
            if line.is_open {
                return None;
            }
            line.waiting.push_back(Waiting {
                operation: operation.to_owned(),
                body: body.to_owned(),
                call: pass,
            });
        }
        self.changed.notify_one();
        passed.await.ok()
    }

    /// A call's side: it has come back.
    pub fn done(&self) {
        self.line().under_way = false;
        self.changed.notify_one();
    }

    /// The test's side: lets the first call through whose body contains `key`; false where none waits, or the one before
    /// has not come back.
    #[must_use]
    pub fn release_where(&self, key: &str, pass: Pass) -> bool {
        let mut line = self.line();
        // Whoever is not there any more has given up.
        line.waiting.retain(|waiting| !waiting.call.is_closed());
        if line.under_way {
            return false;
        }
        let found = line
            .waiting
            .iter()
            .position(|waiting| waiting.body.contains(key));
        let Some(waiting) = found.and_then(|at| line.waiting.remove(at)) else {
            return false;
        };
        line.under_way = waiting.call.send(pass).is_ok();
        line.under_way
    }

    /// Operation and body of the call that has waited longest; none while one is under way.
    #[must_use]
    pub fn next(&self) -> Option<(String, String)> {
        let mut line = self.line();
        line.waiting.retain(|waiting| !waiting.call.is_closed());
        if line.under_way {
            return None;
        }
        let first = line.waiting.front()?;
        Some((first.operation.clone(), first.body.clone()))
    }

    /// The test's side: waits until a call waits here.
    ///
    /// # Panics
    /// If none comes for a minute.
    pub async fn waits(&self) {
        let waits = async {
            while self.next().is_none() {
                self.changed().await;
            }
        };
        tokio::time::timeout(PATIENCE, waits)
            .await
            .expect("a call comes to the gate");
    }

    /// The test's side: lets all calls through, from now on.
    pub fn open(&self) {
        let mut line = self.line();
        line.is_open = true;
        for waiting in line.waiting.drain(..) {
            // A call that is not waiting any more needs no answer.
            let _ = waiting.call.send(Pass::Whole);
        }
    }

    /// Until something has changed at the gate.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
