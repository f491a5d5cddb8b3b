//! `boxoffice journal`: shows what operators did.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use domain::clock::EpochMs;
use domain::ids::EventId;

use crate::journal_list::JournalList;
use crate::known_event;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::table_options::TableOptions;

#[derive(Args, Debug)]
pub struct JournalArgs {
    /// Only what was done to this event [default: to all events and to the table]
    #[arg(value_parser = EventId::parse)]
    event: Option<EventId>,
    /// Only what was done since: a time such as 2026-11-29T12:00:00Z, or an age such as 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    since: Option<Since>,
    /// At most this many entries, the newest
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Since {
    Time(EpochMs),
    Age(Duration),
}

impl Since {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(time) = EpochMs::parse(text) {
            return Ok(Self::Time(time));
        }
        humantime::parse_duration(text).map(Self::Age).map_err(|_| {
            "must be a time such as 2026-11-29T12:00:00Z, or an age such as 2h or 7d".to_owned()
        })
    }

    fn before(self, now: EpochMs) -> EpochMs {
        match self {
            Self::Time(time) => time,
            Self::Age(age) => {
                let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                EpochMs(now.0.saturating_sub(age).max(0))
            }
        }
    }
}

pub async fn run(args: &JournalArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    let now = store.clock().now();
    let since = args.since.map_or(EpochMs(0), |since| since.before(now));
    let limit = usize::from(args.limit);
    let list = match &args.event {
        Some(id) => {
            known_event::event(&store, id).await?;
            JournalList::of_event(&store, id, since, limit).await?
        }
        None => JournalList::of_all(&store, since, limit).await?,
    };
    if args.json {
        out.json(&list)?;
    } else {
        for line in list.to_text() {
            out.line(line);
        }
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_an_age() {
        let now = EpochMs::parse("2026-11-29T12:00:00Z").unwrap();
        let since = |text: &str| Since::parse(text).unwrap().before(now).to_string();
        assert_eq!(since("2026-11-29T11:00:00Z"), "2026-11-29T11:00:00.000Z");
        assert_eq!(since("2h"), "2026-11-29T10:00:00.000Z");
        assert_eq!(since("7d"), "2026-11-22T12:00:00.000Z");
        assert_eq!(since("1000 years"), "1970-01-01T00:00:00.000Z");
        for bad in ["", "yesterday", "2026-11-29", "-2h"] {
            assert!(Since::parse(bad).is_err(), "{bad:?}");
        }
    }
}
