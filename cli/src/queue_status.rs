//! The state of a queue, as the report and the desk show it.

use anyhow::{Context, Result};
use domain::clock::EpochMs;
use domain::event::{Event, SaleState};
use domain::ids::Lane;
use domain::queue::{Head, Rate, Strategy, Turnout};
use serde::Serialize;
use shared::app::App;
use shared::store::Consistency;

/// The state of a queue. Numbers are sums over its lanes.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct QueueStatus {
    pub issued: u64,
    pub called: u64,
    pub waiting: u64,
    /// Users with an open session.
    pub inside: u64,
    /// Users who were called and can still arrive.
    pub expected: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admitted_per_minute: Option<f64>,
    /// Called users who arrived in time.
    pub arrived: u64,
    /// No-shows.
    pub missed: u64,
    max_active: u32,
    catalogue_max_active: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<BatchPolicy>,
    lanes: Vec<LaneStatus>,
    /// The source of the random value that the draw waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    awaits_beacon: Option<String>,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct BatchPolicy {
    size: u32,
    seconds: u32,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct LaneStatus {
    issued: u64,
    called: u64,
    waiting: u64,
    inside: u64,
}

impl QueueStatus {
    pub async fn read(app: &App, event: &Event, now: EpochMs) -> Result<Self> {
        let policy = event.queue();
        let heads = app
            .store()
            .heads(event, Consistency::Eventual)
            .await?
            .context("the event has no queue")?;
        let mut lanes = Vec::with_capacity(heads.len());
        let mut expected = 0;
        let mut turnout = Turnout::default();
        for (lane, head) in policy.lanes.all().zip(&heads) {
            let (status, awaited, counted) = read_lane(app, event, lane, head, now).await?;
            lanes.push(status);
            expected += awaited;
            turnout = turnout.with(counted);
        }
        let rates = heads
            .iter()
            .filter_map(|head| head.rate.and_then(Rate::per_minute));
        Ok(Self {
            issued: lanes.iter().map(|lane| lane.issued).sum(),
            called: lanes.iter().map(|lane| lane.called).sum(),
            waiting: lanes.iter().map(|lane| lane.waiting).sum(),
            inside: lanes.iter().map(|lane| lane.inside).sum(),
            expected,
            admitted_per_minute: rates.reduce(|sum, lane| sum + lane),
            arrived: turnout.arrived,
            missed: turnout.missed,
            max_active: policy.max_active,
            catalogue_max_active: event.terms.queue.max_active,
            batch: match policy.strategy {
                Strategy::Slots => None,
                Strategy::Batch {
                    batch_size,
                    batch_seconds,
                } => Some(BatchPolicy {
                    size: batch_size,
                    seconds: batch_seconds,
                }),
            },
            lanes,
            awaits_beacon: event
                .terms
                .beacon
                .clone()
                .filter(|_| event.control.beacon.is_none()),
        })
    }
}

/// The lane's numbers, how many of its called users can still arrive, and the turnout.
async fn read_lane(
    app: &App,
    event: &Event,
    lane: Lane,
    head: &Head,
    now: EpochMs,
) -> Result<(LaneStatus, u64, Turnout)> {
    let counts = app.lane_counts(event, lane, head, now).await?;
    let status = LaneStatus {
        issued: head.issued,
        called: head.called(),
        waiting: head.waiting(),
        inside: counts.inside,
    };
    Ok((status, counts.expected, counts.turnout))
}

/// As the API and the desk spell it.
#[must_use]
pub fn sale_state_name(state: SaleState) -> &'static str {
    match state {
        SaleState::Closed => "CLOSED",
        SaleState::NotOpen => "NOT_OPEN",
        SaleState::Paused => "PAUSED",
        SaleState::Open => "OPEN",
    }
}
