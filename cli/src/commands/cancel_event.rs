//! `boxoffice cancel-event`: cancels an event, or one date of it, for good.

use anyhow::Result;
use clap::Args;
use domain::ids::{DateKey, EventId};
use domain::journal::{Author, Why};
use shared::app::App;

use crate::author;
use crate::cancelling::{self, Scope};
use crate::known_event;
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::progress::Progress;
use crate::table_options::TableOptions;

#[derive(Args, Debug)]
pub struct CancelEventArgs {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// Only this date. The others take place
    #[arg(value_parser = DateKey::parse)]
    date: Option<DateKey>,
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
    let programme = known_event::programme(&store, &args.event).await?;
    if let Some(date) = args.date {
        known_event::date(&programme, date)?;
    }
    let currency = programme.event.terms.currency;
    let scope = Scope {
        event: args.event.clone(),
        date: args.date,
    };
    let app = App::new(store);
    let outlook = cancelling::outlook(&app, &scope).await?;
    out.line(format_args!(
        "{scope}: {} confirmed reservations, {} held, {} {currency} to give back",
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
    let event = match cancelling::cancel(app.store(), &scope, &author).await? {
        Ok(event) => event,
        Err(reason) => {
            error_line(format_args!("{scope}: {reason}"));
            return Ok(Outcome::Negative);
        }
    };
    out.line(format_args!(
        "{scope} is cancelled, and nothing is sold any more"
    ));
    let total = outlook.confirmed + outlook.held;
    let mut progress = Progress::of(total);
    let swept = cancelling::sweep(&app, &event, args.date, &author, |swept| {
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
