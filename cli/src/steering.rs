//! What an operator changes in a running sale.

use std::time::Duration;

use anyhow::Result;
use domain::clock::EpochMs;
use domain::event::{Event, SaleState};
use domain::ids::EventId;
use domain::journal::Author;
use domain::queue::{Control, Order, PROMOTION_INTERVAL_MS, Strategy};
use shared::app::{App, PromotionOutcome};
use shared::store::{ApplyRefused, Consistency, Store};

use crate::known_event;

/// The changes. The default changes nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Steering {
    pub action: Option<SaleAction>,
    pub max_active: Option<u32>,
    pub batch_size: Option<u32>,
    pub beacon: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SaleAction {
    Pause,
    Resume,
    Close,
}

/// At most this many attempts, because another operator may steer at the same moment.
const STEER_ATTEMPTS: usize = 5;
/// At most this many attempts for each lane, because others promote it too.
const PROMOTE_ATTEMPTS: u32 = 3;
const MAX_BEACON_LENGTH: usize = 512;

/// Reads the value of a beacon: 1 to 512 visible ASCII characters.
pub fn parse_beacon(text: &str) -> Result<String, String> {
    let text = text.trim();
    if (1..=MAX_BEACON_LENGTH).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be 1 to {MAX_BEACON_LENGTH} visible ASCII characters without spaces"
        ))
    }
}

/// Returns the changed event, or why it cannot be changed like this.
pub async fn steer(
    store: &Store,
    id: &EventId,
    steering: &Steering,
    author: &Author,
) -> Result<std::result::Result<Event, String>> {
    for _ in 0..STEER_ATTEMPTS {
        let event = known_event::event(store, id).await?;
        let control = match steered(&event, steering, store.clock().now()) {
            Ok(control) => control,
            Err(reason) => return Ok(Err(reason)),
        };
        if control == event.control {
            return Ok(Ok(event));
        }
        if control.beacon != event.control.beacon && !is_drawn(store, &event).await? {
            return Ok(Err(
                "--beacon: the value can only be given once every lane knows who takes part in the draw; try again"
                    .to_owned(),
            ));
        }
        match store.set_control(&event, control, author).await {
            Ok(event) => return Ok(Ok(event)),
            Err(ApplyRefused::Raced) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    Err(ApplyRefused::Raced.into())
}

/// Whether the number of participants is fixed in every lane, if the event has a draw. Fixes it where nobody has done so
/// since the opening.
async fn is_drawn(store: &Store, event: &Event) -> Result<bool> {
    let id = &event.event_id;
    if event.terms.queue.order == Order::Arrival {
        return Ok(true);
    }
    for lane in event.terms.queue.lanes.all() {
        if event.has_opened(store.clock().now()) {
            store.fix_draw(id, lane).await?;
        }
        let head = store.head(id, lane, Consistency::Strong).await?;
        if head.and_then(|head| head.draw?.count).is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn steered(event: &Event, steering: &Steering, now: EpochMs) -> Result<Control, String> {
    let policy = event.terms.queue;
    let lanes = u32::from(policy.lanes.count());
    let control = event.control.clone();
    let mut control = match steering.action {
        None => control,
        Some(SaleAction::Pause) => control.paused_at(now),
        Some(SaleAction::Resume) => control.resumed_at(now, policy.grace_seconds),
        Some(SaleAction::Close) => control.closed_at(now),
    };
    if let Some(max_active) = steering.max_active {
        if max_active < lanes {
            return Err(format!(
                "--max-active: must be at least {lanes}: each lane needs a slot"
            ));
        }
        control.max_active = Some(max_active);
    }
    if let Some(batch_size) = steering.batch_size {
        if policy.strategy == Strategy::Slots {
            return Err("--batch-size: users of this event are not called in batches".to_owned());
        }
        if batch_size < lanes {
            return Err(format!(
                "--batch-size: must be at least {lanes}: one for each lane"
            ));
        }
        control.batch_size = Some(batch_size);
    }
    if let Some(beacon) = &steering.beacon {
        if event.terms.beacon.is_none() {
            return Err(
                "--beacon: no random value was announced for a draw of this event".to_owned(),
            );
        }
        if !event.has_opened(now) {
            return Err(
                "--beacon: the value can only be given after the opening, so that nobody knows it when joining"
                    .to_owned(),
            );
        }
        if control.beacon.as_ref().is_some_and(|given| given != beacon) {
            return Err(
                "--beacon: another value was given already and cannot be replaced".to_owned(),
            );
        }
        control.beacon = Some(beacon.clone());
    }
    Ok(control)
}

/// Promotes each lane once, so that the changes take effect now and not only when a user polls.
pub async fn promote_lanes(app: &App, event: &Event) {
    if event.sale_state(app.clock().now()) != SaleState::Open {
        return;
    }
    for lane in event.terms.queue.lanes.all() {
        // A promotion that began earlier may not have seen the change. The next can begin a second later.
        for attempt in 1..=PROMOTE_ATTEMPTS {
            match app.promote(&event.event_id, lane).await {
                Ok(PromotionOutcome::Moved(_) | PromotionOutcome::Halted) => break,
                Ok(PromotionOutcome::RanElsewhere) if attempt == PROMOTE_ATTEMPTS => {
                    tracing::info!(
                        %lane,
                        "another process keeps promoting; the change takes effect within a second"
                    );
                }
                Ok(PromotionOutcome::RanElsewhere) => {
                    let interval = PROMOTION_INTERVAL_MS.unsigned_abs();
                    tokio::time::sleep(Duration::from_millis(interval)).await;
                }
                Err(refusal) => {
                    tracing::warn!(event_id = %event.event_id, %lane, ?refusal, "promotion failed");
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beacon_consists_of_visible_characters() {
        assert_eq!(parse_beacon(" 00ab "), Ok("00ab".to_owned()));
        assert_eq!(parse_beacon("00ab\n"), Ok("00ab".to_owned()));
        for text in ["", "  ", "two words", "\u{e9}"] {
            assert!(parse_beacon(text).is_err(), "{text:?}");
        }
    }
}
