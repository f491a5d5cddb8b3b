//! Scheduled every minute: promotes the queues of all open events, so that they also move while
//! nobody polls. Then it records the history of their sales.

use serde_json::{Value, json};
use shared::app::App;
use shared::metrics::Count;

/// Runs the scheduled promotion. Its summary is the function's result.
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
        // The total of all events.
        waiting = summary.waiting.values().sum::<u64>(),
        admissions = counts.some(Count::Admissions),
        conflicts = counts.some(Count::Conflicts),
        "promotion"
    );
    // The history is never a reason for the promotion to fail.
    let history = app.record_history(&summary.on_sale).await;
    tracing::info!(
        recorded = history.recorded,
        known = history.known,
        failed = history.failed,
        skipped = history.skipped,
        "history"
    );
    if summary.failed > 0 {
        // Lambda counts this as an error, which triggers the alarm. The next scheduled run tries
        // again.
        return Err(format!("{} lanes could not be promoted", summary.failed).into());
    }
    Ok(
        json!({ "events": summary.events, "promoted": summary.promoted, "skipped": summary.skipped }),
    )
}
