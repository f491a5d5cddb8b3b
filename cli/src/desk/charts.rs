//! The points of the desk's charts, from the recorded history.

use anyhow::Result;
use domain::clock::EpochMs;
use domain::history::{Point, Span, points};
use domain::ids::EventId;
use serde::Serialize;
use shared::app::App;

use crate::known_event;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Charts {
    /// The chart's left and right end.
    from: EpochMs,
    to: EpochMs,
    /// The distance between two points. Where they are further apart, nothing was recorded.
    step_ms: i64,
    points: Vec<Point>,
}

impl Charts {
    pub(super) async fn read(app: &App, id: &EventId, span: Span) -> Result<Self> {
        known_event::event(app.store(), id).await?;
        let now = app.clock().now();
        let step = span.step_ms();
        let from = EpochMs((now.0 - span.length_ms()).div_euclid(step) * step);
        let samples = app.store().samples(id, from).await?;
        Ok(Self {
            from,
            to: now,
            step_ms: step,
            points: points(&samples, span),
        })
    }
}
