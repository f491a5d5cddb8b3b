//! A measurement alternates slices of the server, of the handler, and of the bare calls, so that whatever slows down the
//! machine for a while slows down all of them.

use std::sync::Arc;
use std::time::Duration;

use crate::stage::{Side, Stage};
use crate::work::{Pool, Slice, count, slice};

/// The length of one side's slice. All slices of a side together take a second and a half.
const SLICE: Duration = Duration::from_millis(125);
/// Slices of each side.
pub(crate) const ROUNDS: usize = 12;
/// Runs before the first slice, to open the connections and to learn how many subjects a slice uses up.
const WARM_UP: Duration = Duration::from_millis(100);
/// The number of subjects if they can repeat their request.
const REUSED: usize = 256;
/// The number of subjects for the warm-up if each can send only one request.
const FIRST: usize = 200;

/// The result of one side over all its slices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) requests: usize,
    pub(crate) per_second: f64,
    pub(crate) mean_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Processor time of the whole process for each request.
    pub(crate) cpu_us: f64,
}

impl Figures {
    fn of(slices: &[Slice]) -> Self {
        let mut latencies: Vec<Duration> = slices
            .iter()
            .flat_map(|slice| slice.latencies.iter().copied())
            .collect();
        latencies.sort_unstable();
        let requests = latencies.len();
        let wall: Duration = slices.iter().map(|slice| slice.wall).sum();
        let cpu: Duration = slices.iter().map(|slice| slice.cpu).sum();
        let sum: Duration = latencies.iter().sum();
        let percentile = |percent: usize| {
            let last = requests.saturating_sub(1);
            latencies.get(last * percent / 100).map_or(0.0, micros)
        };
        Self {
            requests,
            per_second: count(requests) / wall.as_secs_f64(),
            mean_us: micros(&sum) / count(requests),
            p50_us: percentile(50),
            p99_us: percentile(99),
            cpu_us: micros(&cpu) / count(requests),
        }
    }
}

fn micros(time: &Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The bare calls that the server and the handler are compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bare {
    pub(crate) figures: Figures,
    /// How much longer a request takes: the median over the rounds.
    pub(crate) served_ratio: f64,
    pub(crate) handler_ratio: f64,
}

/// One endpoint with one number of callers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    pub(crate) name: &'static str,
    pub(crate) callers: usize,
    /// The number of bare calls per request.
    pub(crate) calls: usize,
    pub(crate) served: Figures,
    pub(crate) handler: Figures,
    /// None if a request makes no call.
    pub(crate) bare: Option<Bare>,
}

/// A side with its subjects.
struct Runner<'a> {
    stage: &'a Stage,
    side: Side,
    callers: usize,
    pool: Arc<Pool>,
    /// How many subjects should be ready before a slice.
    wanted: usize,
    slices: Vec<Slice>,
}

impl<'a> Runner<'a> {
    async fn new(stage: &'a Stage, side: Side, callers: usize) -> Self {
        let changes = stage.endpoint.changes;
        let mut runner = Self {
            stage,
            side,
            callers,
            pool: Arc::new(Pool::new(changes)),
            wanted: if changes { FIRST } else { REUSED },
            slices: Vec::new(),
        };
        runner.prepare().await;
        let warm_up = slice(&runner.pool, callers, WARM_UP).await;
        if changes {
            let by_rate = SLICE.as_secs_f64() / warm_up.pace();
            runner.expect_rate(by_rate);
        }
        runner
    }

    /// Half as many again as a slice is expected to use.
    fn expect_rate(&mut self, jobs: f64) {
        let jobs = Duration::from_secs_f64(jobs.max(1.0) * 1.5).as_secs();
        self.wanted = usize::try_from(jobs).unwrap_or_default() + 2 * self.callers;
    }

    async fn prepare(&mut self) {
        let missing = self.wanted.saturating_sub(self.pool.len());
        let jobs = self.stage.jobs(self.side, missing).await;
        Arc::get_mut(&mut self.pool)
            .expect("no caller is left")
            .add(jobs);
    }

    async fn run(&mut self) {
        let done = slice(&self.pool, self.callers, SLICE).await;
        if self.stage.endpoint.changes {
            let by_rate = SLICE.as_secs_f64() / done.pace();
            self.expect_rate(by_rate);
        }
        self.slices.push(done);
    }
}

/// Measures an endpoint.
pub(crate) async fn measure(stage: &Stage, callers: usize, rounds: usize) -> Measurement {
    let mut served = Runner::new(stage, Side::Served, callers).await;
    let mut handler = Runner::new(stage, Side::Handler, callers).await;
    let mut bare = match stage.calls() {
        0 => None,
        _ => Some(Runner::new(stage, Side::Bare, callers).await),
    };
    for round in 0..rounds {
        let mut runners: Vec<&mut Runner> = [&mut served, &mut handler]
            .into_iter()
            .chain(&mut bare)
            .collect();
        for runner in &mut runners {
            runner.prepare().await;
        }
        // Each side is first as often as the others: a later one finds a busier store.
        let first = round % runners.len();
        runners.rotate_left(first);
        for runner in runners {
            runner.run().await;
        }
    }
    Measurement {
        name: stage.endpoint.name,
        callers,
        calls: stage.calls(),
        served: Figures::of(&served.slices),
        handler: Figures::of(&handler.slices),
        bare: bare.map(|bare| Bare {
            figures: Figures::of(&bare.slices),
            served_ratio: median_ratio(&served.slices, &bare.slices),
            handler_ratio: median_ratio(&handler.slices, &bare.slices),
        }),
    }
}

fn median_ratio(slices: &[Slice], bare: &[Slice]) -> f64 {
    let mut ratios: Vec<f64> = slices
        .iter()
        .zip(bare)
        .map(|(slice, bare)| slice.pace() / bare.pace())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let middle = ratios.len() / 2;
    f64::midpoint(ratios[(ratios.len() - 1) / 2], ratios[middle])
}
