//! Jobs that are ready to run, and the result of a slice of them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use http_body_util::Full;
use hyper::body::Bytes;
use lambda_http::{Body, Request, http};
use shared::app::App;
use shared::lambda::Function;

use crate::calls::Call;
use crate::server::Server;

/// One unit of work.
#[derive(Clone)]
pub(crate) enum Job {
    /// A request to a handler, as the Lambda runtime passes it.
    Ask {
        app: Arc<App>,
        function: Function,
        request: Box<Request>,
    },
    /// A request to the server of `serve`.
    Send {
        server: Server,
        request: Box<http::Request<Full<Bytes>>>,
    },
    /// Calls to the store: round after round; the calls of a round are concurrent.
    Calls(Vec<Vec<Call>>),
}

impl Job {
    /// Runs it. A refusal is an error, because refusals are not what is measured.
    pub(crate) async fn run(self) -> Result<(), String> {
        match self {
            Self::Ask {
                app,
                function,
                request,
            } => {
                let response = function.answer(&app, *request).await;
                if response.status().is_success() {
                    return Ok(());
                }
                let text = match response.into_body() {
                    Body::Text(text) => text,
                    _ => String::new(),
                };
                Err(format!("{}: {text}", function.name))
            }
            Self::Send { server, request } => {
                let response = server.answer(*request).await?;
                if response.status().is_success() {
                    return Ok(());
                }
                let text = String::from_utf8_lossy(response.body());
                Err(format!("{}: {text}", response.status()))
            }
            Self::Calls(rounds) => {
                for mut round in rounds {
                    match (round.pop(), round.is_empty()) {
                        (Some(only), true) => only.send().await?,
                        (last, _) => {
                            let calls = round.into_iter().chain(last).map(Call::send);
                            try_join_all(calls).await?;
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

/// The jobs that the callers take.
pub(crate) enum Pool {
    /// Each can run once.
    Once(Mutex<VecDeque<Job>>),
    /// They can run again and again, in turn.
    Again(Vec<Job>, AtomicUsize),
}

impl Pool {
    pub(crate) fn new(changes: bool) -> Self {
        if changes {
            Self::Once(Mutex::default())
        } else {
            Self::Again(Vec::new(), AtomicUsize::new(0))
        }
    }

    pub(crate) fn add(&mut self, jobs: Vec<Job>) {
        match self {
            Self::Once(queue) => queue
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(jobs),
            Self::Again(list, _) => list.extend(jobs),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Once(queue) => queue.lock().unwrap_or_else(PoisonError::into_inner).len(),
            Self::Again(list, _) => list.len(),
        }
    }

    fn next(&self) -> Option<Job> {
        match self {
            Self::Once(queue) => queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front(),
            Self::Again(list, turn) => {
                let turn = turn.fetch_add(1, Ordering::Relaxed);
                list.get(turn.checked_rem(list.len())?).cloned()
            }
        }
    }
}

/// The result of a slice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slice {
    pub(crate) latencies: Vec<Duration>,
    pub(crate) wall: Duration,
    /// Of the whole process with all its threads, the engine's too.
    pub(crate) cpu: Duration,
}

impl Slice {
    /// Wall time for each job.
    pub(crate) fn pace(&self) -> f64 {
        self.wall.as_secs_f64() / count(self.latencies.len())
    }
}

/// A count as a divisor.
pub(crate) fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n.max(1)).unwrap_or(u32::MAX))
}

/// This many callers run jobs, each one after another, for this long. Ends early if the pool is empty.
pub(crate) async fn slice(pool: &Arc<Pool>, callers: usize, length: Duration) -> Slice {
    let cpu = cpu_time();
    let began = Instant::now();
    let callers: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(call(pool.clone(), began + length)))
        .collect();
    let mut latencies = Vec::new();
    for caller in callers {
        let done = caller.await.expect("a caller that lives");
        latencies.extend(done.expect("a job that can be done"));
    }
    Slice {
        latencies,
        wall: began.elapsed(),
        cpu: cpu_time().saturating_sub(cpu),
    }
}

async fn call(pool: Arc<Pool>, until: Instant) -> Result<Vec<Duration>, String> {
    let mut latencies = Vec::new();
    while Instant::now() < until
        && let Some(job) = pool.next()
    {
        let began = Instant::now();
        job.run().await?;
        latencies.push(began.elapsed());
        // A job without calls never yields otherwise.
        tokio::task::yield_now().await;
    }
    Ok(latencies)
}

/// Processor time of this process so far; zero if the system does not report it as Linux does.
fn cpu_time() -> Duration {
    // In hundredths of a second on every machine. The second field is in parentheses and may have spaces.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}
