//! Events that an operator names, read from the table.

use anyhow::Result;
use domain::event::{Event, EventDate, Programme};
use domain::ids::{DateKey, EventId};
use shared::store::{Consistency, Store};

use crate::unknown::Unknown;

fn unknown(id: &EventId) -> anyhow::Error {
    Unknown::new(format_args!("event {id}")).into()
}

pub async fn event(store: &Store, id: &EventId) -> Result<Event> {
    let event = store.event(id, Consistency::Strong).await?;
    event.ok_or_else(|| unknown(id))
}

pub async fn programme(store: &Store, id: &EventId) -> Result<Programme> {
    let programme = store.programme(id, Consistency::Strong).await?;
    programme.ok_or_else(|| unknown(id))
}

/// A date of the event.
pub fn date(programme: &Programme, date: DateKey) -> Result<&EventDate> {
    let event = &programme.event.event_id;
    let unknown = || Unknown::new(format_args!("date {date} of the event {event}"));
    Ok(programme.dates.get(&date).ok_or_else(unknown)?)
}
