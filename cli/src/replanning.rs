//! How operators change plans: what is cancelled, and what takes place at another time.

use anyhow::Result;
use domain::event::{Event, Programme};
use domain::ids::EventId;
use domain::journal::Author;
use domain::queue::Control;
use shared::store::{ApplyRefused, ReplanRefused, Store};

use crate::known_event;

/// At most this many attempts, because another operator may change the event at the same moment.
const ATTEMPTS: usize = 5;

/// The event as it is now, or why it cannot be changed like this.
pub type Replanned = std::result::Result<Event, String>;

/// Changes plans by one write, which is decided again if somebody else changes the event meanwhile.
pub async fn replan(
    store: &Store,
    id: &EventId,
    author: &Author,
    to: impl Fn(&Programme) -> Result<Control, String>,
) -> Result<Replanned> {
    for _ in 0..ATTEMPTS {
        let programme = known_event::programme(store, id).await?;
        let control = match to(&programme) {
            Ok(control) => control,
            Err(reason) => return Ok(Err(reason)),
        };
        if control == programme.event.control {
            return Ok(Ok(programme.event));
        }
        match store.replan(&programme, control, author).await {
            Ok(event) => return Ok(Ok(event)),
            Err(ReplanRefused::Apply(ApplyRefused::Raced)) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    Err(ApplyRefused::Raced.into())
}
