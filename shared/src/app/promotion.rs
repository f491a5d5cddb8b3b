//! Promotion: calling as many as there are places, in rank order.
//!
//! Places first, watermark next, deadlines last. A crash between any two writes is repaired by the next run, and
//! runs that overlap do no harm; docs/ARCHITECTURE.md tells why.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use futures::stream::{StreamExt, iter};

use super::App;
use crate::metrics::Count;
use crate::store::{Consistency, Progress, SessionKey, StoreError};
use domain::clock::EpochMs;
use domain::event::{Event, SaleState};
use domain::ids::{EventId, Lane, Rank};
use domain::queue::{
    Capacity, Head, LaneLimits, Order, Ranking, SLOTS_AHEAD, Session, Survey, survey,
};
use domain::refusal::Refusal;

/// A run looks at the clock before each group of writes and stops after so long.
const RUN_MS: i64 = 20_000;
/// A run passes so many ranks at most; the next begins a second later.
const RANKS_A_RUN: u64 = 1_000;
/// So many writes of a run are under way at once.
const GROUP: usize = 20;
/// So many lanes are looked at at once by the scheduled run.
const LANES_AT_ONCE: usize = 32;
/// The scheduled run begins no other lane after so long: with the last lane's run it ends within the function's time-out.
const SCHEDULED_MS: i64 = 8_000;
/// A lane whose last run ended longer ago stands still: two runs of the schedule and all polls have failed.
const STALLED_MS: i64 = 120_000;

/// What came of trying to promote.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Promoted {
    /// The lane's head after the run.
    To(Head),
    /// Another run began less than a second ago, or moved the watermark meanwhile.
    ByAnother,
    /// The queue stands still: not open yet, paused, closed, or the draw is still to come.
    StandsStill,
}

/// What the scheduled run did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PromotionSummary {
    /// Events that are there.
    pub events: usize,
    /// Lanes that were promoted.
    pub promoted: usize,
    /// Lanes in which it failed.
    pub failed: usize,
    /// Lanes that it had no time for. They are looked at in another order each time.
    pub skipped: usize,
    /// Lanes that stand still: people wait who could be called, and no run has ended for two minutes. A run that ends has
    /// called as many as there are places, so a full house stands never still, nor does a pause or a sale to come.
    pub stalled: usize,
    /// How many wait at each event whose sale goes on, as far as its lanes could be looked at.
    pub waiting: BTreeMap<EventId, u64>,
}

/// What came of one lane of the scheduled run, and how many wait there afterwards.
enum LaneOutcome {
    Promoted { waiting: u64 },
    Idle { waiting: u64, stalled: bool },
    Failed { stalled: bool },
    Skipped,
}

/// Whether somebody waits whom a promotion could call, or the draw is due.
pub(super) fn has_work(event: &Event, head: &Head, now: EpochMs) -> bool {
    let is_unfixed = head.draw.is_some_and(|draw| draw.count.is_none());
    match event.sale_state(now) {
        SaleState::Open => is_unfixed || (head.waiting() > 0 && !awaits_beacon(event)),
        // The hour has come, whether or not anybody is let in.
        SaleState::Paused => is_unfixed,
        SaleState::Closed | SaleState::NotOpen => false,
    }
}

/// Whether somebody waits whom a promotion could call, and none has ended for long: not since the last one, the opening, or
/// the end of a pause.
fn stands_still(event: &Event, head: &Head, now: EpochMs) -> bool {
    let is_old = |since: Option<EpochMs>| since.is_none_or(|at| now.ms_since(at) >= STALLED_MS);
    event.sale_state(now) == SaleState::Open
        && has_work(event, head, now)
        && is_old(head.promoted_at)
        && is_old(Some(event.first_applied_at))
        && is_old(event.terms.opens_at)
        && is_old(event.control.pause.ended_at)
}

fn awaits_beacon(event: &Event) -> bool {
    event.terms.queue.order == Order::Draw
        && event.terms.beacon.is_some()
        && event.control.beacon.is_none()
}

impl App {
    /// Promotes every open event's lanes, except those that are idle. One event's failure stops no other.
    pub async fn promote_all(&self) -> Result<PromotionSummary, Refusal> {
        let events = self.store.events(Consistency::Eventual).await?;
        let began_at = self.clock().now();
        let summary = PromotionSummary {
            events: events.len(),
            ..PromotionSummary::default()
        };
        let mut lanes: Vec<(Arc<Event>, Lane)> = events
            .into_iter()
            .filter(|event| {
                matches!(
                    event.sale_state(began_at),
                    SaleState::Open | SaleState::Paused
                )
            })
            .map(Arc::new)
            .flat_map(|event| {
                let lanes = event.terms.queue.lanes.all();
                lanes.map(move |lane| (event.clone(), lane))
            })
            .collect();
        fastrand::shuffle(&mut lanes);
        Ok(iter(lanes)
            .map(|(event, lane)| async move {
                let outcome = self.promote_scheduled(&event, lane, began_at).await;
                (event.event_id.clone(), outcome)
            })
            .buffer_unordered(LANES_AT_ONCE)
            .fold(summary, |mut summary, (event, outcome)| async move {
                match outcome {
                    LaneOutcome::Promoted { waiting } => {
                        summary.promoted += 1;
                        *summary.waiting.entry(event).or_default() += waiting;
                    }
                    LaneOutcome::Idle { waiting, stalled } => {
                        summary.stalled += usize::from(stalled);
                        *summary.waiting.entry(event).or_default() += waiting;
                    }
                    LaneOutcome::Failed { stalled } => {
                        summary.stalled += usize::from(stalled);
                        summary.failed += 1;
                    }
                    LaneOutcome::Skipped => summary.skipped += 1,
                }
                summary
            })
            .await)
    }

    async fn promote_scheduled(&self, event: &Event, lane: Lane, began_at: EpochMs) -> LaneOutcome {
        if self.clock().now().ms_since(began_at) >= SCHEDULED_MS {
            return LaneOutcome::Skipped;
        }
        let id = &event.event_id;
        let head = match self.store.head(id, lane, Consistency::Eventual).await {
            Ok(head) => head,
            Err(error) => {
                tracing::error!(event_id = %id, %lane, %error, "promotion failed");
                return LaneOutcome::Failed { stalled: false };
            }
        };
        let stalled = || head.is_some_and(|head| stands_still(event, &head, self.clock().now()));
        match self.promote_unless_idle(event, lane, head).await {
            Ok(Some(Promoted::To(head))) => LaneOutcome::Promoted {
                waiting: head.waiting(),
            },
            Ok(_) => LaneOutcome::Idle {
                waiting: head.map_or(0, |head| head.waiting()),
                stalled: stalled(),
            },
            Err(refusal) => {
                tracing::error!(event_id = %id, %lane, ?refusal, "promotion failed");
                LaneOutcome::Failed { stalled: stalled() }
            }
        }
    }

    /// A lane is idle where nobody waits and places have been kept for those to come.
    async fn promote_unless_idle(
        &self,
        event: &Event,
        lane: Lane,
        head: Option<Head>,
    ) -> Result<Option<Promoted>, Refusal> {
        let now = self.clock().now();
        Ok(match head {
            Some(head)
                if has_work(event, &head, now)
                    || (head.admitted == 0 && event.sale_state(now) == SaleState::Open) =>
            {
                Some(self.promote(&event.event_id, lane).await?)
            }
            _ => None,
        })
    }

    /// A run by somebody who asks something else, and is answered also where it fails: the next one repairs it.
    pub(super) async fn promote_in_passing(&self, event_id: &EventId, lane: Lane) -> Option<Head> {
        match self.promote(event_id, lane).await {
            Ok(Promoted::To(head)) => Some(head),
            Ok(Promoted::ByAnother | Promoted::StandsStill) => None,
            Err(refusal) => {
                tracing::warn!(%event_id, %lane, ?refusal, "promotion failed");
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
        if !matches!(event.sale_state(now), SaleState::Open | SaleState::Paused) {
            return Ok(Promoted::StandsStill);
        }
        // The head first, and only then the sessions of the ranks that it says have been passed.
        let Some(head) = self.opened_head(&event, lane).await? else {
            return Err(Refusal::EventNotFound);
        };
        let ranking = event.ranking(lane, &head);
        if event.sale_state(now) == SaleState::Paused || !ranking.is_settled() {
            self.heads.put((event_id.clone(), lane), head, now);
            return Ok(Promoted::StandsStill);
        }
        let run = Run {
            app: self,
            event: &event,
            lane,
            limits: event.queue().limits(lane),
            ranking,
            began_at: now,
        };
        match run.promote(&head).await? {
            Some(head) => {
                let now = self.clock().now();
                self.heads.put((event_id.clone(), lane), head, now);
                Ok(Promoted::To(head))
            }
            None => Ok(Promoted::ByAnother),
        }
    }

    /// The head as every write before has left it, of an event whose hour has come: so the draw has its count.
    async fn opened_head(&self, event: &Event, lane: Lane) -> Result<Option<Head>, StoreError> {
        let id = &event.event_id;
        let head = self.store.head(id, lane, Consistency::Strong).await?;
        match head.and_then(|head| head.draw) {
            Some(draw) if draw.count.is_none() => self.store.fix_draw(id, lane).await,
            Some(_) | None => Ok(head),
        }
    }
}

struct Run<'a> {
    app: &'a App,
    event: &'a Event,
    lane: Lane,
    limits: LaneLimits,
    ranking: Ranking,
    began_at: EpochMs,
}

impl Run<'_> {
    async fn promote(&self, head: &Head) -> Result<Option<Head>, StoreError> {
        let store = &self.app.store;
        let id = &self.event.event_id;
        let sessions = store.sessions(id, self.lane, head).await?;
        let seen = survey(
            head,
            &sessions,
            self.began_at,
            self.event.control.pause,
            self.grace_seconds(),
        );
        self.call(&seen.to_call).await?;
        let mut capacity = Capacity::new(self.limits, head, &seen, self.began_at);
        let admitted = match self.places_to_take_back(head, &seen) {
            0 => self.keep_places(head, &mut capacity).await?,
            too_many => {
                capacity.give_back(too_many);
                head.admitted - too_many
            }
        };
        let progress = Progress {
            admitted,
            floor: seen.floor.min(admitted),
            turnout: head.turnout.with(seen.passed),
            batch: capacity.window(admitted),
            batch_seconds: self.limits.batch.map(|batch| batch.seconds),
        };
        let Some(moved) = store.move_watermark(id, self.lane, head, &progress).await? else {
            return Ok(None);
        };
        let called: Vec<Rank> = (head.admitted + 1..=moved.called().min(admitted))
            .map(Rank)
            .collect();
        store.metrics().add(Count::Admissions, called.len() as u64);
        self.call(&called).await?;
        Ok(Some(moved))
    }

    fn grace_seconds(&self) -> u32 {
        self.event.terms.queue.grace_seconds
    }

    fn place(&self, rank: Rank) -> SessionKey {
        SessionKey {
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
        for group in ranks.chunks(GROUP) {
            if self.is_out_of_time() {
                break;
            }
            let calls = group.iter().map(|rank| async {
                let place = self.place(*rank);
                self.app.store.call(&place, self.grace_seconds()).await
            });
            for called in join_all(calls).await {
                called?;
            }
        }
        Ok(())
    }

    /// An operator may have lowered the number of places below what is taken. Those inside finish; but places that are kept
    /// for people who have not joined yet are nobody's: the watermark goes back over them, and they are as if a run had
    /// ended before it moved the watermark.
    fn places_to_take_back(&self, head: &Head, seen: &Survey) -> u64 {
        let kept = head.admitted.saturating_sub(head.issued);
        let too_many = (seen.live + seen.awaited).saturating_sub(self.limits.max_active);
        kept.min(u64::from(too_many))
    }

    /// Keeps a place for each rank from the watermark on, as long as there is capacity. Gives the last rank that was
    /// passed: every rank up to it has a place or a tombstone, or its holder left before the draw.
    async fn keep_places(&self, head: &Head, capacity: &mut Capacity) -> Result<u64, StoreError> {
        let last = (head.issued + SLOTS_AHEAD).min(head.admitted + RANKS_A_RUN);
        let mut passed = head.admitted;
        while passed < last && !self.is_out_of_time() {
            let group = capacity.slots_from(passed + 1, (GROUP as u64).min(last - passed));
            if group == 0 {
                break;
            }
            let places = (passed + 1..=passed + group).map(|rank| self.keep_place(Rank(rank)));
            for found in join_all(places).await {
                match found {
                    Ok(Found::Nobody) => {}
                    Ok(Found::Kept) => capacity.take_awaited(),
                    Ok(Found::Arrived) => capacity.take_live(),
                    // Ranks are passed in order: what lies behind a failure is found by the next run.
                    Err(error) if passed == head.admitted => return Err(error),
                    Err(_) => return Ok(passed),
                }
                passed += 1;
            }
        }
        Ok(passed)
    }

    async fn keep_place(&self, rank: Rank) -> Result<Found, StoreError> {
        let store = &self.app.store;
        if let Some(number) = self.ranking.drawn_number_at(rank)
            && store
                .has_departed(&self.event.event_id, self.lane, number)
                .await?
        {
            return Ok(Found::Nobody);
        }
        let found = store.open_session(&self.place(rank)).await?;
        let pause = self.event.control.pause;
        Ok(match found {
            // A living session there was made by another run, and takes a place too. A dead one is of somebody who left
            // while waiting, and takes none.
            Some(session) if !session.uses_a_slot(self.began_at, pause, self.grace_seconds()) => {
                Found::Nobody
            }
            Some(Session::Live { .. }) => Found::Arrived,
            Some(_) | None => Found::Kept,
        })
    }
}

/// What is at a rank after a place was to be kept for it.
enum Found {
    /// A place, for who may come.
    Kept,
    /// A place, whose holder has come.
    Arrived,
    /// A tombstone: who had the rank has left.
    Nobody,
}
