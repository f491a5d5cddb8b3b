//! The schedule, each minute: promotes every open event's queue, so that it moves also while nobody polls.

use serde_json::{Value, json};
use shared::app::App;

/// One scheduled run; its summary is the function's result.
pub async fn handle(app: &App) -> Result<Value, lambda_http::Error> {
    let summary = app
        .promote_all()
        .await
        .map_err(|refusal| format!("{refusal:?}"))?;
    tracing::info!(
        function = "promote",
        events = summary.events,
        promoted = summary.promoted,
        failed = summary.failed,
        skipped = summary.skipped,
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
