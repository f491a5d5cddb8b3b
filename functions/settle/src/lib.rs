//! Scheduled every minute: asks the payment provider about all charges and withdrawals that are due,
//! has it make refunds, and ends what is too old.

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
        due = summary.due,
        ended = summary.ended,
        failed = summary.failed,
        left = summary.left,
        reversals = counts.some(Count::Reversals),
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
        return Err(format!(
            "{} charges or withdrawals could not be settled",
            summary.failed
        )
        .into());
    }
    Ok(json!({ "due": summary.due, "ended": summary.ended, "left": summary.left }))
}
