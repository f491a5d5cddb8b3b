//! Permits to load an event with `boxoffice rush`, in the event's item.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Result, anyhow};
use domain::event::Event;
use domain::ids::EventId;
use domain::journal::Author;
use domain::queue::{Control, Secret};
use domain::rehearsal::Permit;
use shared::store::{ApplyRefused, Store};

use crate::known_event;

/// How long a rush can be allowed.
pub const ALLOWED: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24);
/// At most this many attempts, because another operator may change the event at the same moment.
const ATTEMPTS: usize = 5;

/// Allows a rush with a new secret. A former permit of the event is replaced.
pub async fn allow(
    store: &Store,
    event: &EventId,
    time: Duration,
    author: &Author,
) -> Result<Permit> {
    let secret = Secret::random().map_err(|error| anyhow!("cannot get random bytes: {error}"))?;
    // At most a day.
    let seconds = u32::try_from(time.as_secs())?;
    let permit = Permit {
        secret,
        until: store.clock().now().plus_seconds(seconds),
    };
    change(store, event, author, |_| Some(Some(permit))).await?;
    Ok(permit)
}

/// Takes back the permit with this secret. Another one stays.
pub async fn revoke(
    store: &Store,
    event: &EventId,
    secret: &Secret,
    author: &Author,
) -> Result<()> {
    change(store, event, author, |event| {
        let permit = event.control.rehearsal?;
        (permit.secret == *secret).then_some(None)
    })
    .await
}

/// Changes the permit to what `decide` says; None leaves it.
async fn change(
    store: &Store,
    id: &EventId,
    author: &Author,
    decide: impl Fn(&Event) -> Option<Option<Permit>>,
) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let event = known_event::event(store, id).await?;
        let Some(rehearsal) = decide(&event) else {
            return Ok(());
        };
        let control = Control {
            rehearsal,
            ..event.control.clone()
        };
        match store.set_control(&event, control, author).await {
            Ok(_) => return Ok(()),
            Err(ApplyRefused::Raced) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    Err(ApplyRefused::Raced.into())
}
