//! Scheduled nightly: audits the whole table.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::app::App;

/// Runs the audit, at most for `time`. Each finding is a log line, and the totals are metrics.
pub async fn handle(app: &App, time: Duration) -> Result<Value, lambda_http::Error> {
    let began = Instant::now();
    // An error means that there is no result. Lambda retries.
    let report = shared::audit::run_within(app.store(), time).await?;
    for finding in &report.findings {
        tracing::error!(
            invariant = finding.invariant.number(),
            key = finding.key,
            expected = finding.expected,
            found = finding.found,
            "broken"
        );
    }
    if report.is_cut_short {
        tracing::error!("more is broken than is told here");
    }
    if report.is_incomplete {
        tracing::error!(
            items = report.items,
            "incomplete: the time ran out before everything was looked at"
        );
    }
    tracing::info!(
        audit_broken = report.findings.len(),
        audit_items = report.items,
        audit_incomplete = u64::from(report.is_incomplete),
        audit_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "audit"
    );
    Ok(json!({
        "broken": report.findings.len(),
        "items": report.items,
        "isIncomplete": report.is_incomplete,
    }))
}
