//! Events that an operator names, read from the table.

use anyhow::{Context, Result};
use domain::event::{Event, Programme};
use domain::ids::EventId;
use shared::store::{Consistency, Store};

pub async fn event(store: &Store, id: &EventId) -> Result<Event> {
    let event = store.event(id, Consistency::Strong).await?;
    event.with_context(|| unknown(id))
}

pub async fn programme(store: &Store, id: &EventId) -> Result<Programme> {
    let programme = store.programme(id, Consistency::Strong).await?;
    programme.with_context(|| unknown(id))
}

fn unknown(id: &EventId) -> String {
    format!("there is no event {id}")
}
