//! Scheduled nightly: audits the whole table, and compares it with the payment provider's books.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::app::App;

/// Runs the audit, at most for `time`. Each finding is a log line, and the totals are metrics.
pub async fn handle(app: &App, time: Duration) -> Result<Value, lambda_http::Error> {
    let began = Instant::now();
    // An error means that there is no result. Lambda retries.
    let report = shared::audit::run_within(app.store(), app.provider(), time).await?;
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
    if let Some(why) = &report.incomplete {
        tracing::error!(items = report.items, %why, "incomplete");
    }
    let compared = report.compared;
    tracing::info!(
        audit_broken = report.findings.len(),
        audit_items = report.items,
        audit_incomplete = u64::from(report.incomplete.is_some()),
        audit_payments = compared.map(|compared| compared.payments),
        audit_refunds = compared.map(|compared| compared.refunds),
        audit_others = compared.map(|compared| compared.others),
        audit_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "audit"
    );
    let mut summary = json!({
        "broken": report.findings.len(),
        "items": report.items,
        "isIncomplete": report.incomplete.is_some(),
    });
    if let Some(compared) = compared {
        summary["payments"] = compared.payments.into();
        summary["refunds"] = compared.refunds.into();
        summary["others"] = compared.others.into();
    }
    Ok(summary)
}
