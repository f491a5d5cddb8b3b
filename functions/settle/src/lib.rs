//! Scheduled every minute: asks the payment provider about all charges that are due, and ends those
//! that are too old.

use serde_json::{Value, json};
use shared::app::App;
use shared::metrics::Count;

/// Runs the settlement. Its summary is the function's result.
pub async fn handle(app: &App) -> Result<Value, lambda_http::Error> {
    let summary = app
        .settle_due()
        .await
        .map_err(|refusal| format!("{refusal:?}"))?;
    let counts = app.metrics().take_unreported();
    tracing::info!(
        charges_due = summary.due,
        charges_ended = summary.ended,
        charges_failed = summary.failed,
        charges_left = summary.left,
        charges = counts.some(Count::Charges),
        sales = counts.some(Count::Sales),
        tickets_sold = counts.some(Count::TicketsSold),
        revenue = counts.some(Count::Revenue),
        conflicts = counts.some(Count::Conflicts),
        "settlement"
    );
    if summary.failed > 0 {
        // Lambda counts this as an error, which triggers the alarm. The next scheduled run tries
        // again.
        return Err(format!("{} charges could not be settled", summary.failed).into());
    }
    Ok(json!({ "due": summary.due, "ended": summary.ended, "left": summary.left }))
}
