//! `boxoffice postpone`: moves a performance to another time, with its tickets.

use anyhow::Result;
use clap::Args;
use domain::clock::{EpochMs, rfc3339};
use domain::event::{Admission, Event};
use domain::ids::{DateKey, EventId};
use domain::plans::Postponements;
use serde::Serialize;
use shared::app::App;

use crate::author::{self, WhyOption};
use crate::known_event;
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::postponing::{self, NewTime, Wanted};
use crate::steering;
use crate::table_options::TableOptions;

const TIMES: &str = "The new time is a day (2027-01-09, at the same time of day), a time at the venue (2027-01-09T20:00, or 20:00 on the \
    same day), or a time with an offset (2027-01-09T20:00:00+09:00). Every ticket follows. The sale of the date goes on until its new start.";

#[derive(Args, Clone, Debug)]
#[command(after_help = TIMES)]
pub struct PostponeArgs {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// The date, as the catalogue names it. None for general admission
    #[arg(value_parser = DateKey::parse)]
    date: Option<DateKey>,
    /// The new time
    #[arg(long, value_name = "TIME", value_parser = NewTime::parse)]
    to: NewTime,
    /// Until when everybody can give tickets back for all that was paid, such as 2026-12-31T23:59:00+09:00
    #[arg(long, value_name = "TIME", value_parser = EpochMs::parse)]
    returns_until: Option<EpochMs>,
    #[command(flatten)]
    why: WhyOption,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewPlan<'a> {
    event_id: &'a EventId,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<DateKey>,
    #[serde(serialize_with = "rfc3339::option::serialize")]
    starts_at: Option<EpochMs>,
    #[serde(serialize_with = "rfc3339::list::serialize")]
    postponed_from: Vec<EpochMs>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    returns_until: Option<EpochMs>,
}

impl<'a> NewPlan<'a> {
    fn of(event: &'a Event, date: Option<DateKey>) -> Self {
        let all = event.control.postponements(date);
        Self {
            event_id: &event.event_id,
            date,
            starts_at: all.and_then(Postponements::last).map(|last| last.to),
            postponed_from: all.map_or_else(Vec::new, Postponements::former_starts),
            returns_until: all.and_then(Postponements::returns_until),
        }
    }
}

pub async fn run(args: &PostponeArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    let programme = known_event::programme(&store, &args.event).await?;
    if let (Some(date), Admission::Seated) = (args.date, &programme.event.terms.admission) {
        known_event::date(&programme, date)?;
    }
    let author = author::of(&args.why, tables).await?;
    let wanted = Wanted {
        event: args.event.clone(),
        date: args.date,
        to: args.to,
        returns_until: args.returns_until,
    };
    let event = match postponing::postpone(&store, &wanted, &author).await? {
        Ok(event) => event,
        Err(reason) => {
            error_line(format_args!("{}: {reason}", args.event));
            return Ok(Outcome::Negative);
        }
    };
    let postponed = NewPlan::of(&event, args.date);
    if args.json {
        out.json(&postponed)?;
    } else {
        for line in to_text(&postponed) {
            out.line(line);
        }
    }
    // A sale that was over goes on.
    Box::pin(steering::promote_lanes(&App::new(store), &event)).await;
    Ok(Outcome::Done)
}

fn to_text(postponed: &NewPlan<'_>) -> Vec<String> {
    let date = postponed.date.map(|date| format!(" on {date}"));
    let mut lines = vec![format!(
        "{}{}",
        postponed.event_id,
        date.unwrap_or_default()
    )];
    lines.extend(
        postponed
            .postponed_from
            .iter()
            .map(|from| format!("was at     {from}")),
    );
    lines.extend(postponed.starts_at.map(|at| format!("starts at  {at}")));
    let until = postponed.returns_until;
    lines.extend(until.map(|until| format!("returns    of all that was paid, until {until}")));
    lines
}
