//! `boxoffice cancel-event`: cancels an event for good.

use anyhow::Result;
use clap::Args;
use domain::ids::EventId;
use domain::journal::{Author, Why};
use shared::app::App;

use crate::author;
use crate::cancelling;
use crate::known_event;
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::progress::Progress;
use crate::table_options::TableOptions;

#[derive(Args, Debug)]
pub struct CancelEventArgs {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// Why: the journal keeps it
    #[arg(long, value_name = "TEXT", value_parser = Why::parse)]
    why: Why,
    /// Really cancel it. Without this, the command only says what it would do
    #[arg(long)]
    yes: bool,
}

pub async fn run(
    args: &CancelEventArgs,
    tables: &TableOptions,
    out: &mut Output,
) -> Result<Outcome> {
    let store = tables.store().await?;
    let event = known_event::event(&store, &args.event).await?;
    let currency = event.terms.currency.clone();
    let app = App::new(store);
    let outlook = cancelling::outlook(&app, &args.event).await?;
    out.line(format_args!(
        "{}: {} confirmed reservations, {} held, {} {currency} to give back",
        args.event,
        outlook.confirmed,
        outlook.held,
        outlook.amount.in_major_units(&currency)
    ));
    if !args.yes {
        error_line("nothing was done: this cannot be taken back, so it needs --yes");
        return Ok(Outcome::Negative);
    }
    let author = Author {
        who: author::who(tables).await?,
        why: Some(args.why.clone()),
    };
    let event = cancelling::cancel(app.store(), &args.event, &author).await?;
    out.line(format_args!(
        "{} is cancelled, and nothing is sold any more",
        args.event
    ));
    let total = outlook.confirmed + outlook.held;
    let mut progress = Progress::of(total);
    let swept = cancelling::sweep(&app, &event, &author, |swept| {
        let done = swept.refunded + swept.released;
        progress.report(done, || format!("cancel-event: {done} of about {total}"));
    })
    .await?;
    progress.finish();
    out.line(format_args!(
        "refunded   {}, {} {currency}",
        swept.refunded,
        swept.amount.in_major_units(&currency)
    ));
    out.line(format_args!("released   {}", swept.released));
    for (reservation, code) in &swept.failed {
        out.line(format_args!("not done   {reservation}: {code}"));
    }
    if swept.is_complete {
        return Ok(Outcome::Done);
    }
    error_line("not everything could be done: repeat the command");
    Ok(Outcome::Negative)
}
