//! `boxoffice report`: an event's sales, and the state of its queue.

use anyhow::Result;
use clap::Args;
use domain::ids::EventId;
use shared::app::App;

use crate::outcome::Outcome;
use crate::output::Output;
use crate::sales_report::SalesReport;
use crate::table_options::TableOptions;

#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// Print everything as JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print a CSV line for each date and section
    #[arg(long)]
    csv: bool,
}

pub async fn run(args: &ReportArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let app = App::new(tables.store().await?);
    let report = SalesReport::read(&app, &args.event).await?;
    if args.json {
        out.json(&report)?;
    } else if args.csv {
        out.file(&report.to_csv()?);
    } else {
        for line in report.to_text() {
            out.line(line);
        }
    }
    Ok(Outcome::Done)
}
