//! `boxoffice queue`: see and steer a queue, live.

use anyhow::{Context, Result, anyhow};
use shared::clock::EpochMs;
use shared::event::Event;
use shared::ids::{EventId, Lane};
use shared::queue::{Control, Head, Rate};
use shared::store::{ApplyRefused, Consistency, Store};

use crate::command::Outcome;

/// What to do with the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Show,
    Pause,
    Resume,
    Close,
}

/// Others may steer at the same moment; so often it is tried again.
const ATTEMPTS: usize = 5;

/// Steers the queue, then says how it stands.
pub async fn run(store: &Store, id: &EventId, action: Action) -> Result<Outcome> {
    let event = steer(store, id, action).await?;
    let head = store
        .head(id, Lane::FIRST, Consistency::Strong)
        .await?
        .with_context(|| format!("the event {id} has no queue"))?;
    show(&event, &head, store.clock().now());
    Ok(Outcome::Done)
}

async fn steer(store: &Store, id: &EventId, action: Action) -> Result<Event> {
    for _ in 0..ATTEMPTS {
        let event = store
            .event(id, Consistency::Strong)
            .await?
            .ok_or_else(|| anyhow!("there is no event {id}"))?;
        let control = steered(&event, action, store.clock().now());
        if control == event.control {
            return Ok(event);
        }
        match store.set_control(&event, control).await {
            Ok(event) => return Ok(event),
            Err(ApplyRefused::Raced) => {}
            Err(ApplyRefused::Store(error)) => return Err(error.into()),
        }
    }
    Err(ApplyRefused::Raced.into())
}

fn steered(event: &Event, action: Action, now: EpochMs) -> Control {
    match action {
        Action::Show => event.control,
        Action::Pause => event
            .control
            .paused_at(now, event.terms.queue.grace_seconds),
        Action::Resume => event.control.resumed_at(now),
        Action::Close => Control {
            closed: true,
            ..event.control
        },
    }
}

fn show(event: &Event, head: &Head, now: EpochMs) {
    println!("event      {}", event.event_id);
    println!("state      {:?}", event.sale_state(now));
    println!("issued     {}", head.issued);
    println!("called     {}", head.called());
    println!("waiting    {}", head.waiting());
    println!("max active {}", event.terms.queue.max_active);
    match head.rate.and_then(Rate::per_minute) {
        Some(rate) => println!("per minute {rate:.1}"),
        None => println!("per minute not measured yet"),
    }
}
