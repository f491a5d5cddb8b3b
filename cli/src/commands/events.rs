//! `boxoffice events`: all events at a glance.

use anyhow::Result;
use clap::Args;

use crate::event_list::EventList;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::table_options::TableOptions;

#[derive(Args, Clone, Debug)]
pub struct EventsArgs {
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(args: &EventsArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let events = EventList::read(&tables.store().await?).await?;
    if args.json {
        out.json(&events)?;
    } else {
        for line in events.to_text() {
            out.line(line);
        }
    }
    Ok(Outcome::Done)
}
