//! Events that an operator names, read from the table.

use std::fmt;

use anyhow::Result;
use domain::event::{Event, Programme};
use domain::ids::EventId;
use shared::store::{Consistency, Store};

/// The table has no event of this name. Commands report it with exit code 1.
#[derive(Debug)]
pub struct UnknownEvent(EventId);

impl fmt::Display for UnknownEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no event {}", self.0)
    }
}

impl std::error::Error for UnknownEvent {}

pub async fn event(store: &Store, id: &EventId) -> Result<Event> {
    let event = store.event(id, Consistency::Strong).await?;
    event.ok_or_else(|| UnknownEvent(id.clone()).into())
}

pub async fn programme(store: &Store, id: &EventId) -> Result<Programme> {
    let programme = store.programme(id, Consistency::Strong).await?;
    programme.ok_or_else(|| UnknownEvent(id.clone()).into())
}
