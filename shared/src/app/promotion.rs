//! Promotion: calling as many as there are places, in rank order.
//!
//! Places first, watermark next, deadlines last. A crash between any two writes is repaired by the next run, and
//! runs that overlap do no harm; docs/ARCHITECTURE.md tells why.

use futures::future::join_all;
use futures::stream::{StreamExt, iter};

use super::App;
use crate::clock::EpochMs;
use crate::event::{Event, SaleState};
use crate::ids::{EventId, Lane, Rank};
use crate::queue::{Head, PLACES_AHEAD, survey};
use crate::refusal::Refusal;
use crate::store::{Consistency, Place, StoreError};

/// A run looks at the clock before each group of writes and stops after so long.
const RUN_MS: i64 = 20_000;
/// A run passes so many ranks at most; the next begins a second later.
const RANKS_A_RUN: u64 = 1_000;
/// So many writes of a run are under way at once.
const GROUP: usize = 20;
/// So many events are looked at at once by the scheduled run.
const EVENTS_AT_ONCE: usize = 8;

/// What came of trying to promote.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Promoted {
    /// The lane's head after the run.
    To(Head),
    /// Another run began less than a second ago, or moved the watermark meanwhile.
    ByAnother,
    /// The queue stands still: not open yet, paused or closed.
    StandsStill,
}

/// What the scheduled run did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PromotionSummary {
    /// Events that are there.
    pub events: usize,
    /// Lanes that were promoted.
    pub promoted: usize,
    /// Lanes in which it failed.
    pub failed: usize,
}

impl App {
    /// Promotes every open event's lanes, except those that are idle. One event's failure stops no other.
    pub async fn promote_all(&self) -> Result<PromotionSummary, Refusal> {
        let events = self.store.events(Consistency::Eventual).await?;
        let summary = PromotionSummary {
            events: events.len(),
            ..PromotionSummary::default()
        };
        let now = self.clock().now();
        let open = events
            .into_iter()
            .filter(|event| event.sale_state(now) == SaleState::Open);
        Ok(iter(open)
            .map(|event| async move {
                let result = self.promote_unless_idle(&event).await;
                (event.event_id, result)
            })
            .buffer_unordered(EVENTS_AT_ONCE)
            .fold(summary, |mut summary, (event_id, result)| async move {
                match result {
                    Ok(Some(Promoted::To(_))) => summary.promoted += 1,
                    Ok(_) => {}
                    Err(refusal) => {
                        tracing::error!(%event_id, ?refusal, "promotion failed");
                        summary.failed += 1;
                    }
                }
                summary
            })
            .await)
    }

    /// A lane is idle where nobody waits and places have been kept for those to come.
    async fn promote_unless_idle(&self, event: &Event) -> Result<Option<Promoted>, Refusal> {
        let lane = Lane::FIRST;
        let head = self
            .store
            .head(&event.event_id, lane, Consistency::Eventual)
            .await?;
        match head {
            Some(head) if head.waiting() > 0 || head.admitted == 0 => {
                self.promote(&event.event_id, lane).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A run by somebody who asks something else, and is answered also where it fails: the next one repairs it.
    pub(super) async fn promote_in_passing(&self, event_id: &EventId, lane: Lane) -> Option<Head> {
        match self.promote(event_id, lane).await {
            Ok(Promoted::To(head)) => Some(head),
            Ok(Promoted::ByAnother | Promoted::StandsStill) => None,
            Err(refusal) => {
                tracing::warn!(%event_id, ?refusal, "promotion failed");
                None
            }
        }
    }

    /// One bounded run for a lane, if none began within the last second.
    pub async fn promote(&self, event_id: &EventId, lane: Lane) -> Result<Promoted, Refusal> {
        if !self.store.claim_promotion(event_id, lane).await? {
            return Ok(Promoted::ByAnother);
        }
        // Read before the event, so that no session counts as dead that a pause, which this run has not seen,
        // spares: one that had lapsed for this clock had lapsed before the pause.
        let now = self.clock().now();
        let Some(event) = self.store.event(event_id, Consistency::Strong).await? else {
            return Err(Refusal::EventNotFound);
        };
        if event.sale_state(now) != SaleState::Open {
            return Ok(Promoted::StandsStill);
        }
        let run = Run {
            app: self,
            event: &event,
            lane,
            began_at: now,
        };
        match run.promote().await? {
            Some(head) => {
                let now = self.clock().now();
                self.heads.put((event_id.clone(), lane), head, now);
                Ok(Promoted::To(head))
            }
            None => Ok(Promoted::ByAnother),
        }
    }
}

struct Run<'a> {
    app: &'a App,
    event: &'a Event,
    lane: Lane,
    began_at: EpochMs,
}

impl Run<'_> {
    async fn promote(&self) -> Result<Option<Head>, StoreError> {
        let store = &self.app.store;
        let id = &self.event.event_id;
        let queue = self.event.terms.queue;
        // The head first, and only then the sessions of the ranks that it says have been passed.
        let head = store
            .head(id, self.lane, Consistency::Strong)
            .await?
            .unwrap_or_default();
        let sessions = store.sessions(id, self.lane, &head).await?;
        let seen = survey(
            &head,
            &sessions,
            self.began_at,
            self.event.control,
            queue.grace_seconds,
        );
        self.call(&seen.to_call).await?;
        let free = u64::from(queue.max_active.saturating_sub(seen.taken));
        let passed = self.keep_places(&head, free).await?;
        let Some(moved) = store
            .move_watermark(id, self.lane, &head, passed, seen.floor)
            .await?
        else {
            return Ok(None);
        };
        let called: Vec<Rank> = (head.admitted + 1..=moved.called().min(passed))
            .map(Rank)
            .collect();
        self.call(&called).await?;
        Ok(Some(moved))
    }

    fn place(&self, rank: Rank) -> Place {
        Place {
            event_id: self.event.event_id.clone(),
            lane: self.lane,
            rank,
        }
    }

    fn is_out_of_time(&self) -> bool {
        self.app.clock().now().ms_since(self.began_at) >= RUN_MS
    }

    /// Starts the grace of these ranks' places, in rank order.
    async fn call(&self, ranks: &[Rank]) -> Result<(), StoreError> {
        let grace = self.event.terms.queue.grace_seconds;
        for group in ranks.chunks(GROUP) {
            if self.is_out_of_time() {
                break;
            }
            let calls = group.iter().map(|rank| async {
                let place = self.place(*rank);
                self.app.store.call(&place, grace).await
            });
            for called in join_all(calls).await {
                called?;
            }
        }
        Ok(())
    }

    /// Keeps a place for each rank from the watermark on, as long as places are free. Gives the last rank that was
    /// passed: every rank up to it has a place or a tombstone.
    async fn keep_places(&self, head: &Head, free: u64) -> Result<u64, StoreError> {
        let queue = self.event.terms.queue;
        let last = (head.issued + PLACES_AHEAD).min(head.admitted + RANKS_A_RUN);
        let mut free = free;
        let mut passed = head.admitted;
        while free > 0 && passed < last && !self.is_out_of_time() {
            let group = free.min(GROUP as u64).min(last - passed);
            let places = (passed + 1..=passed + group).map(|rank| async move {
                let place = self.place(Rank(rank));
                self.app.store.open_place(&place).await
            });
            for found in join_all(places).await {
                let found = match found {
                    Ok(found) => found,
                    // Ranks are passed in order: what lies behind a failure is found by the next run.
                    Err(error) if passed == head.admitted => return Err(error),
                    Err(_) => return Ok(passed),
                };
                passed += 1;
                // A living session there was made by another run, and takes a place too. A dead one is of
                // somebody who left while waiting, and takes none.
                let takes_a_place = found.is_none_or(|session| {
                    session.takes_a_place(self.began_at, self.event.control, queue.grace_seconds)
                });
                free -= u64::from(takes_a_place);
            }
        }
        Ok(passed)
    }
}
