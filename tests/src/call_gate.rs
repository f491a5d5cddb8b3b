//! A gate for the calls of a process: each call waits until the test lets it through, so that the test decides which one is
//! next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

/// Longer than it takes any call to come, however loaded the machine is.
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
struct HeldCall {
    operation: String,
    body: String,
    call: oneshot::Sender<Pass>,
}

#[derive(Debug, Default)]
struct GateState {
    waiting: VecDeque<HeldCall>,
    /// A call that was let through has not been answered yet.
    under_way: bool,
    is_open: bool,
}

/// Calls on certain items wait here, in the order in which they came.
#[derive(Clone, Debug)]
pub struct CallGate {
    /// Only calls whose body contains one of these wait.
    keys: &'static [&'static str],
    state: Arc<Mutex<GateState>>,
    changed: Arc<Notify>,
}

impl CallGate {
    /// A gate for calls whose body contains one of these.
    #[must_use]
    pub fn of(keys: &'static [&'static str]) -> Self {
        Self {
            keys,
            state: Arc::default(),
            changed: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called by the wire: waits until the call is let through. None if it need not wait. After a `Some`, the wire must call
    /// [`Self::done`].
    pub async fn enter(&self, operation: &str, body: &str) -> Option<Pass> {
        if !self.keys.iter().any(|key| body.contains(key)) {
            return None;
        }
        let (pass, passed) = oneshot::channel();
        {
            let mut state = self.state();
            if state.is_open {
                return None;
            }
            state.waiting.push_back(HeldCall {
                operation: operation.to_owned(),
                body: body.to_owned(),
                call: pass,
            });
        }
        self.changed.notify_one();
        passed.await.ok()
    }

    /// Called by the wire: the call has been answered.
    pub fn done(&self) {
        self.state().under_way = false;
        self.changed.notify_one();
    }

    /// Called by the test: lets the first call through whose body contains `key`. False if none waits, or if the previous
    /// one has not been answered.
    #[must_use]
    pub fn release_where(&self, key: &str, pass: Pass) -> bool {
        let mut state = self.state();
        // Drops calls whose process has given up.
        state.waiting.retain(|waiting| !waiting.call.is_closed());
        if state.under_way {
            return false;
        }
        let found = state
            .waiting
            .iter()
            .position(|waiting| waiting.body.contains(key));
        let Some(waiting) = found.and_then(|at| state.waiting.remove(at)) else {
            return false;
        };
        state.under_way = waiting.call.send(pass).is_ok();
        state.under_way
    }

    /// The operation and body of the call that has waited longest. None while another is in progress.
    #[must_use]
    pub fn next(&self) -> Option<(String, String)> {
        let mut state = self.state();
        state.waiting.retain(|waiting| !waiting.call.is_closed());
        if state.under_way {
            return None;
        }
        let first = state.waiting.front()?;
        Some((first.operation.clone(), first.body.clone()))
    }

    /// Called by the test: waits until a call waits here.
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

    /// Called by the test: lets all calls through from now on.
    pub fn open(&self) {
        let mut state = self.state();
        state.is_open = true;
        for waiting in state.waiting.drain(..) {
            // A call that is not waiting any more needs no answer.
            let _ = waiting.call.send(Pass::Whole);
        }
    }

    /// Waits for the next change at the gate.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
