//! The points of the desk's charts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use domain::clock::EpochMs;
use domain::ids::EventId;
use domain::money::Money;
use serde::Serialize;

/// One point of each chart.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChartPoint {
    pub(super) at: EpochMs,
    pub(super) waiting: u64,
    pub(super) inside: u64,
    pub(super) called: u64,
    /// 0 until it has been measured.
    pub(super) admitted_per_minute: f64,
    /// A percentage of the called users who had to decide by now.
    pub(super) no_shows: u64,
    pub(super) sold: u64,
    pub(super) revenue: Money,
}

/// The charts since the desk started. A point is added when a page asks for the event's status.
#[derive(Default)]
pub(super) struct ChartHistory(Mutex<HashMap<EventId, VecDeque<ChartPoint>>>);

/// Two hours, if a page asks every two seconds.
const MAX_POINTS: usize = 3_600;
/// Several open pages do not add points faster than one.
const MIN_INTERVAL_MS: i64 = 1_500;

impl ChartHistory {
    /// Adds a point if one is due, and returns all of them.
    pub(super) fn add(&self, event: &EventId, point: ChartPoint) -> Vec<ChartPoint> {
        // A panic in this function leaves the map usable.
        let mut points = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let points = points.entry(event.clone()).or_default();
        let is_due = points
            .back()
            .and_then(|last| last.at.age_at(point.at))
            .is_none_or(|age| age >= MIN_INTERVAL_MS);
        if is_due {
            points.push_back(point);
            if points.len() > MAX_POINTS {
                points.pop_front();
            }
        }
        points.iter().copied().collect()
    }
}
