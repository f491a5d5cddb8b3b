//! `boxoffice audit`: checks the invariants on the table. It has no payment provider to ask.

use anyhow::Result;
use clap::Args;
use domain::ids::EventId;
use domain::invariants::Finding;
use serde::Serialize;
use shared::audit::AuditReport;

use crate::known_event;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::progress::Progress;
use crate::table_options::TableOptions;

#[derive(Args, Clone, Debug)]
pub struct AuditArgs {
    /// Check only what belongs to this event [default: the whole table]
    #[arg(value_parser = EventId::parse)]
    event: Option<EventId>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonReport<'a> {
    items: u64,
    broken: &'a [Finding],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_cut_short: bool,
}

pub async fn run(args: &AuditArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    if let Some(event) = &args.event {
        // Nothing would be found of an event that does not exist.
        known_event::event(&store, event).await?;
    }
    // DynamoDB counts a table's items every six hours.
    let mut progress = Progress::of_items(store.item_count().await.unwrap_or(0));
    let report = shared::audit::run(&store, args.event.as_ref(), |items| progress.set(items)).await;
    progress.finish();
    let report = report?;
    if args.json {
        out.json(&JsonReport {
            items: report.items,
            broken: &report.findings,
            is_cut_short: report.is_cut_short,
        })?;
    } else {
        print(out, &report);
    }
    Ok(if report.findings.is_empty() {
        Outcome::Done
    } else {
        Outcome::Negative
    })
}

fn print(out: &mut Output, report: &AuditReport) {
    for Finding {
        invariant,
        key,
        expected,
        found,
    } in &report.findings
    {
        out.line(format_args!(
            "{} {key}: expected {expected}; found {found}",
            invariant.number()
        ));
    }
    if report.is_cut_short {
        out.line("the audit ended early: there may be more");
    }
    let items = report.items;
    match report.findings.len() {
        0 => out.line(format_args!("{items} items: all invariants hold")),
        1 => out.line(format_args!("{items} items: 1 is broken")),
        broken => out.line(format_args!("{items} items: {broken} are broken")),
    }
    if report.provider_charges > 0 {
        out.line("the payment provider's books are compared by the nightly audit only");
    }
}
