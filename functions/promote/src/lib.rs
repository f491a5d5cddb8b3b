//! The schedule, each minute: promotes every open event's queue, so that it moves also while nobody polls.

use serde_json::{Value, json};
use shared::app::App;
use shared::metrics::Count;

/// One scheduled run; its summary is the function's result.
pub async fn handle(app: &App) -> Result<Value, lambda_http::Error> {
    let summary = app
        .promote_all()
        .await
        .map_err(|refusal| format!("{refusal:?}"))?;
    for (event_id, waiting) in &summary.waiting {
        tracing::info!(%event_id, waiting, "queue");
    }
    let counts = app.metrics().take_unreported();
    tracing::info!(
        events = summary.events,
        lanes_promoted = summary.promoted,
        lanes_failed = summary.failed,
        lanes_skipped = summary.skipped,
        promotion_stalled = summary.stalled,
        // Of all events together.
        waiting = summary.waiting.values().sum::<u64>(),
        admissions = counts.some(Count::Admissions),
        conflicts = counts.some(Count::Conflicts),
        "promotion"
    );
    if summary.failed > 0 {
        // Lambda counts it as an error, which an alarm can see; the next minute tries again.
        return Err(format!("{} lanes could not be promoted", summary.failed).into());
    }
    Ok(
        json!({ "events": summary.events, "promoted": summary.promoted, "skipped": summary.skipped }),
    )
}
