//! Heads: the counters of each lane, and the claim that starts at most one promotion per lane and
//! second.

use crate::store::client::{Consistency, Returning, Store};
use crate::store::error::Result;
use crate::store::expression::Write;
use crate::store::item::{read_item, write_item, write_value};
use crate::store::keys;
use crate::store::refused::WriteError;
use domain::clock::{EpochMs, SKEW_MS};
use domain::event::Event;
use domain::ids::{EventId, Lane};
use domain::queue::{
    BatchWindow, Departures, Draw, Head, Observation, Order, PROMOTION_INTERVAL_MS, Rate, Turnout,
};
use domain::shortage::Shortage;

fn claim_promotion(event: &EventId, lane: Lane, now: EpochMs) -> Write {
    // A claim in the future was written by a clock that runs ahead. It must not block the other
    // processes.
    Write::update(keys::promotion_claim(event, lane), "SET #beganAt = :now")
        .when("attribute_not_exists(#pk) OR #beganAt <= :before OR #beganAt > :skewed")
        .bind(":now", now)
        .bind(":before", now.plus_ms(-PROMOTION_INTERVAL_MS))
        .bind(":skewed", now.plus_ms(SKEW_MS))
}

fn take_number(event: &EventId, lane: Lane) -> Write {
    Write::update(keys::head(event, lane), "ADD #issued :one")
        .when("attribute_exists(#pk)")
        .bind(":one", 1_u64)
}

/// The draw's count may be fixed only if the opening that is in force has come: the caller may have
/// an old event.
const DRAW_IS_DUE: &str = "attribute_exists(#draw) \
                           AND (attribute_not_exists(#draw.#opensAt) OR #draw.#opensAt <= :now)";

/// The first number after the opening of a drawn queue fixes the number of participants: all
/// numbers before it take part.
fn take_number_after_draw(event: &EventId, lane: Lane, now: EpochMs) -> Write {
    let update = "SET #draw.#count = if_not_exists(#draw.#count, #issued) ADD #issued :one";
    Write::update(keys::head(event, lane), update)
        .when(DRAW_IS_DUE)
        .bind(":one", 1_u64)
        .bind(":now", now)
}

/// Fixes the number of participants at the opening: all numbers issued so far take part in the
/// draw.
fn fix_draw(event: &EventId, lane: Lane, now: EpochMs) -> Write {
    let update = "SET #draw.#count = if_not_exists(#draw.#count, #issued)";
    Write::update(keys::head(event, lane), update)
        .when(DRAW_IS_DUE)
        .bind(":now", now)
}

/// Moves the opening of a draw that has not been held.
fn move_opening(event: &EventId, lane: Lane, opens_at: EpochMs) -> Write {
    Write::update(keys::head(event, lane), "SET #draw.#opensAt = :opensAt")
        .when("attribute_exists(#draw) AND attribute_not_exists(#draw.#count)")
        .bind(":opensAt", opens_at)
}

/// Creates or replaces the head of a lane that nobody has joined.
fn prepare_lane(event: &EventId, lane: Lane, draw: Option<Draw>) -> Write {
    let head = Head {
        draw,
        ..Head::default()
    };
    Write::put(keys::head(event, lane), write_item(&head))
        .when("attribute_not_exists(#pk) OR #issued = :none")
        .bind(":none", 0_u64)
}

fn close_lane(event: &EventId, lane: Lane) -> Write {
    Write::delete(keys::head(event, lane))
        .when("attribute_not_exists(#pk) OR #issued = :none")
        .bind(":none", 0_u64)
}

/// The result of a promotion run, as it is written to the head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The new watermark.
    pub admitted: u64,
    pub floor: u64,
    pub turnout: Turnout,
    pub batch: Option<BatchWindow>,
    /// With the batch strategy, the length of a batch window. The rate is measured over at least
    /// that time.
    pub batch_seconds: Option<u32>,
    /// When the last pause ended.
    pub resumed_at: Option<EpochMs>,
    /// Whether nothing is left to buy.
    pub shortage: Option<Shortage>,
    /// How many of the passed ranks had been given up.
    pub given_up: u64,
    /// The given up ranks above the new watermark.
    pub departed: Departures,
}

/// The condition requires that neither watermark nor floor has moved since the head was read. This
/// way the turnout of the ranks below the floor is counted exactly once.
fn move_watermark(
    event: &EventId,
    lane: Lane,
    from: &Head,
    to: &Progress,
    rate: Rate,
    now: EpochMs,
) -> Write {
    let mut update = "SET #admitted = :to, #floor = :floor, #promotedAt = :now, #rate = :rate, \
                      #turnout = :turnout, #departed = :departed"
        .to_owned();
    if to.batch.is_some() {
        update.push_str(", #batch = :batch");
    }
    update.push_str(match to.shortage {
        Some(_) => ", #shortage = :shortage",
        None => " REMOVE #shortage",
    });
    // The watermark may go back only over ranks whose numbers have not been issued.
    let condition = if to.admitted < from.admitted {
        "#admitted = :from AND #floor = :fromFloor AND #issued <= :to"
    } else {
        "#admitted = :from AND #floor = :fromFloor"
    };
    let write = Write::update(keys::head(event, lane), update)
        .when(condition)
        .bind(":from", from.admitted)
        .bind(":fromFloor", from.floor)
        .bind(":to", to.admitted)
        .bind(":floor", to.floor)
        .bind(":now", now)
        .bind(":rate", write_value(&rate))
        .bind(":turnout", write_value(&to.turnout))
        .bind(":departed", write_value(&to.departed));
    let write = match to.batch {
        Some(batch) => write.bind(":batch", write_value(&batch)),
        None => write,
    };
    match to.shortage {
        Some(shortage) => write.bind(":shortage", write_value(&shortage)),
        None => write,
    }
}

impl Store {
    /// A lane's head. `None` if there is no such queue.
    pub async fn head(
        &self,
        event: &EventId,
        lane: Lane,
        consistency: Consistency,
    ) -> Result<Option<Head>> {
        self.get(&keys::head(event, lane), consistency).await
    }

    /// A lane's head and the event, in one call.
    pub async fn head_and_event(
        &self,
        event: &EventId,
        lane: Lane,
    ) -> Result<(Option<Head>, Option<Event>)> {
        self.get_both(keys::head(event, lane), keys::event(event))
            .await
    }

    /// Issues a number. Returns the updated head, whose `issued` is that number, or `None` if there
    /// is no such queue. After the opening of a draw, it also fixes the number of participants.
    pub async fn take_number(&self, event: &Event, lane: Lane) -> Result<Option<Head>> {
        let id = &event.event_id;
        if event.terms.queue.order == Order::Draw && event.has_opened(self.clock.now()) {
            let taken = self
                .change_head(|now| take_number_after_draw(id, lane, now))
                .await?;
            if taken.is_some() {
                return Ok(taken);
            }
            // The opening has been moved: the number takes part in the draw.
        }
        self.change_head(|_| take_number(id, lane)).await
    }

    /// Fixes the number of participants of a lane's draw, unless it is fixed already. Returns the
    /// updated head, or `None` if the lane has no draw, or if its opening has been moved.
    pub async fn fix_draw(&self, event: &EventId, lane: Lane) -> Result<Option<Head>> {
        self.change_head(|now| fix_draw(event, lane, now)).await
    }

    /// Moves the opening of a lane's draw. Returns `false` if the draw has been held.
    pub async fn move_opening(
        &self,
        event: &EventId,
        lane: Lane,
        opens_at: EpochMs,
    ) -> Result<bool> {
        self.write_if_allowed(|_| move_opening(event, lane, opens_at))
            .await
    }

    async fn change_head(&self, change: impl Fn(EpochMs) -> Write) -> Result<Option<Head>> {
        match self.write(Returning::New, change).await {
            Ok(head) => read_item(head).map(Some),
            Err(WriteError::Refused(_)) => Ok(None),
            Err(WriteError::Store(error)) => Err(error),
        }
    }

    /// Prepares a lane. Returns `false` if somebody has joined it.
    pub async fn prepare_lane(
        &self,
        event: &EventId,
        lane: Lane,
        draw: Option<Draw>,
    ) -> Result<bool> {
        self.write_if_allowed(|_| prepare_lane(event, lane, draw))
            .await
    }

    /// Deletes a lane. Returns `false` if somebody has joined it.
    pub async fn close_lane(&self, event: &EventId, lane: Lane) -> Result<bool> {
        self.write_if_allowed(|_| close_lane(event, lane)).await
    }

    /// Claims the right to promote a lane. Returns `false` if a promotion began less than a second
    /// ago.
    pub async fn claim_promotion(&self, event: &EventId, lane: Lane) -> Result<bool> {
        self.write_if_allowed(|now| claim_promotion(event, lane, now))
            .await
    }

    /// Moves the watermark from its position in `head`. Returns `None` if another promotion was
    /// faster.
    pub async fn move_watermark(
        &self,
        event: &EventId,
        lane: Lane,
        head: &Head,
        to: &Progress,
    ) -> Result<Option<Head>> {
        self.change_head(|now| {
            let seen = Observation {
                now,
                called: head.issued.min(to.admitted),
                given_up: to.given_up,
                waiting: head.issued > to.admitted,
                batch_seconds: to.batch_seconds,
                resumed_at: to.resumed_at,
            };
            let rate = Rate::observe(head.rate, seen);
            move_watermark(event, lane, head, to, rate, now)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_bound() {
        let event = EventId::parse("e").unwrap();
        let at = EpochMs(1_000_000);
        let rate = Rate::observe(
            None,
            Observation {
                now: at,
                called: 0,
                given_up: 0,
                waiting: false,
                batch_seconds: None,
                resumed_at: None,
            },
        );
        let batch = BatchWindow {
            since: at,
            used: 1,
            kept: 0,
        };
        let progress = |batch| Progress {
            admitted: 1,
            floor: 0,
            turnout: Turnout::default(),
            batch,
            batch_seconds: None,
            resumed_at: None,
            shortage: batch.map(|_| Shortage::SoldOut),
            given_up: 0,
            departed: Departures::default(),
        };
        let head = Head::default();
        for write in [
            claim_promotion(&event, Lane::FIRST, at),
            take_number(&event, Lane::FIRST),
            take_number_after_draw(&event, Lane::FIRST, at),
            fix_draw(&event, Lane::FIRST, at),
            move_opening(&event, Lane::FIRST, at),
            prepare_lane(&event, Lane::FIRST, None),
            close_lane(&event, Lane::FIRST),
            move_watermark(&event, Lane::FIRST, &head, &progress(None), rate, at),
            move_watermark(&event, Lane::FIRST, &head, &progress(Some(batch)), rate, at),
        ] {
            write.check().unwrap();
        }
    }
}
