//! Promotion: calls as many ranks as there are slots, in rank order.
//!
//! A run opens sessions first, then moves the watermark, then starts the graces. If it crashes
//! between two writes, the next run repairs that, and overlapping runs do no harm;
//! docs/ARCHITECTURE.md explains why.

use std::collections::{BTreeMap, BTreeSet};
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
    Capacity, Departures, Head, LaneLimits, Order, RANKS_A_RUN, Ranking, SLOTS_AHEAD, Session,
    survey,
};
use domain::refusal::Refusal;

/// The time limit of a run, checked before each group of writes.
const RUN_MS: i64 = 20_000;
/// The number of concurrent writes in a run.
const GROUP: usize = 20;
/// The number of lanes that the scheduled run handles concurrently.
const LANES_AT_ONCE: usize = 32;
/// The scheduled run starts no further lane after this time. Including the last lane's run, it then
/// ends within the function's timeout.
const SCHEDULED_MS: i64 = 8_000;
/// A lane is stalled if its last run ended longer ago than this: two scheduled runs and all polls
/// have failed.
const STALLED_MS: i64 = 120_000;

/// The result of a promotion attempt.
#[derive(Clone, PartialEq, Debug)]
pub enum PromotionOutcome {
    /// The run completed. Contains the lane's new head.
    Moved(Box<Head>),
    /// Another run began less than a second ago or moved the watermark in the meantime.
    RanElsewhere,
    /// The queue calls nobody: the sale is not open, paused or closed, or the draw is still to
    /// come.
    Halted,
}

/// What the scheduled run did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PromotionSummary {
    /// The number of events.
    pub events: usize,
    /// Lanes that were promoted.
    pub promoted: usize,
    /// Lanes whose promotion failed.
    pub failed: usize,
    /// Lanes that were left out for lack of time. The order of the lanes is different in each run.
    pub skipped: usize,
    /// Stalled lanes: callable users are waiting, but no run has ended for two minutes. A completed
    /// run has called as many users as there are slots, so a sold-out house never counts as
    /// stalled. Neither does a paused sale or one that has not opened.
    pub stalled: usize,
    /// The number of waiting users of each event on sale, as far as its lanes could be read.
    pub waiting: BTreeMap<EventId, u64>,
}

/// The result for one lane of the scheduled run, with the number of users waiting there afterwards.
enum LaneOutcome {
    Promoted { waiting: u64 },
    Idle { waiting: u64, stalled: bool },
    Failed { stalled: bool },
    Skipped,
}

/// Whether a promotion has something to do: there are callable waiting users, or the draw is due.
pub(super) fn has_work(event: &Event, head: &Head, now: EpochMs) -> bool {
    let is_unfixed = head.draw.is_some_and(|draw| draw.is_due(now));
    match event.sale_state(now) {
        SaleState::Open => is_unfixed || (head.uncalled() > 0 && !awaits_beacon(event)),
        // The draw is due at the opening even if the sale is paused.
        SaleState::Paused => is_unfixed,
        SaleState::Closed | SaleState::NotOpen => false,
    }
}

/// Whether the lane is stalled: it has work, and nothing has happened for too long since the last
/// promotion, the opening, and the end of the last pause.
fn is_stalled(event: &Event, head: &Head, now: EpochMs) -> bool {
    let is_old = |since: Option<EpochMs>| {
        let age = since.and_then(|at| at.age_at(now));
        age.is_none_or(|age| age >= STALLED_MS)
    };
    event.sale_state(now) == SaleState::Open
        && has_work(event, head, now)
        && is_old(head.promoted_at)
        && is_old(Some(event.first_applied_at))
        && is_old(event.last_opening(now))
        && is_old(event.control.pause.ended_at)
}

fn awaits_beacon(event: &Event) -> bool {
    event.terms.queue.order == Order::Draw
        && event.terms.beacon.is_some()
        && event.control.beacon.is_none()
}

impl App {
    /// Promotes the lanes of all open events, except idle ones. A failure in one event does not
    /// affect the others.
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
        let stalled = || head.is_some_and(|head| is_stalled(event, &head, self.clock().now()));
        match self.promote_unless_idle(event, lane, head.as_ref()).await {
            Ok(Some(PromotionOutcome::Moved(head))) => LaneOutcome::Promoted {
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

    /// A lane is idle if nobody is waiting and slots have been opened ahead.
    async fn promote_unless_idle(
        &self,
        event: &Event,
        lane: Lane,
        head: Option<&Head>,
    ) -> Result<Option<PromotionOutcome>, Refusal> {
        let now = self.clock().now();
        Ok(match head {
            Some(head)
                if has_work(event, head, now)
                    || (head.admitted == 0 && event.sale_state(now) == SaleState::Open) =>
            {
                Some(self.promote(&event.event_id, lane).await?)
            }
            _ => None,
        })
    }

    /// Promotes as a side effect of another request, which does not fail if the promotion does: the
    /// next run repairs it.
    pub(super) async fn try_promote(&self, event_id: &EventId, lane: Lane) -> Option<Head> {
        match self.promote(event_id, lane).await {
            Ok(PromotionOutcome::Moved(head)) => Some(*head),
            Ok(PromotionOutcome::RanElsewhere | PromotionOutcome::Halted) => None,
            Err(refusal) => {
                tracing::warn!(%event_id, %lane, ?refusal, "promotion failed");
                None
            }
        }
    }

    /// One bounded run for a lane, unless one began within the last second.
    pub async fn promote(
        &self,
        event_id: &EventId,
        lane: Lane,
    ) -> Result<PromotionOutcome, Refusal> {
        if !self.store.claim_promotion(event_id, lane).await? {
            return Ok(PromotionOutcome::RanElsewhere);
        }
        // The clock is read before the event. Otherwise a session could count as dead although a
        // pause that this run has not seen protects it. A session that has lapsed by this clock
        // lapsed before the pause.
        let now = self.clock().now();
        let Some(event) = self.store.event(event_id, Consistency::Strong).await? else {
            return Err(Refusal::EventNotFound);
        };
        if !matches!(event.sale_state(now), SaleState::Open | SaleState::Paused) {
            return Ok(PromotionOutcome::Halted);
        }
        // The head must be read before the sessions: its watermark says which sessions to read.
        let Some(head) = self.opened_head(&event, lane).await? else {
            return Err(Refusal::EventNotFound);
        };
        let ranking = event.ranking(lane, &head);
        if event.sale_state(now) == SaleState::Paused || !ranking.is_settled() {
            self.remember_head(event_id, lane, &head, now);
            return Ok(PromotionOutcome::Halted);
        }
        let run = PromotionRun {
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
                self.remember_head(event_id, lane, &head, now);
                Ok(PromotionOutcome::Moved(Box::new(head)))
            }
            None => Ok(PromotionOutcome::RanElsewhere),
        }
    }

    /// The head of an opened event, by a strongly consistent read. Fixes the draw's number of
    /// participants if that is still missing.
    async fn opened_head(&self, event: &Event, lane: Lane) -> Result<Option<Head>, StoreError> {
        let id = &event.event_id;
        let head = self.store.head(id, lane, Consistency::Strong).await?;
        match head.and_then(|head| head.draw) {
            // An event that is not a draw (any more, or yet) fixes nothing.
            Some(draw) if draw.count.is_none() && event.terms.queue.order == Order::Draw => {
                // The opening may have been moved since the event was read.
                Ok(self.store.fix_draw(id, lane).await?.or(head))
            }
            Some(_) | None => Ok(head),
        }
    }
}

struct PromotionRun<'a> {
    app: &'a App,
    event: &'a Event,
    lane: Lane,
    limits: LaneLimits,
    ranking: Ranking,
    began_at: EpochMs,
}

impl PromotionRun<'_> {
    async fn promote(&self, head: &Head) -> Result<Option<Head>, StoreError> {
        let store = &self.app.store;
        let id = &self.event.event_id;
        let sessions = store.sessions(id, self.lane, head).await?;
        let seen = survey(head, &sessions, self.began_at, self.event.control.pause);
        self.call(&seen.to_call).await?;
        let mut capacity = Capacity::new(self.limits, head, &seen, self.began_at);
        let shortage = self.app.shortage(self.event, self.began_at).await;
        let Passed { admitted, given_up } =
            match seen.slots_to_withdraw(head, self.limits.max_active, shortage) {
                0 if shortage.is_some() => Passed::up_to(head.admitted),
                0 => self.open_sessions(head, &mut capacity).await?,
                too_many => {
                    capacity.release(too_many);
                    Passed::up_to(head.admitted - too_many)
                }
            };
        let progress = Progress {
            admitted,
            floor: seen.floor.min(admitted),
            turnout: head.turnout.with(seen.passed),
            batch: capacity.window(admitted),
            batch_seconds: self.limits.batch.map(|batch| batch.seconds),
            resumed_at: self.event.calling_since(self.began_at),
            shortage,
            given_up: given_up.len() as u64,
            departed: self.departed(head, admitted).await?,
        };
        let Some(moved) = store.move_watermark(id, self.lane, head, &progress).await? else {
            return Ok(None);
        };
        let called: Vec<Rank> = (head.admitted + 1..=moved.called().min(admitted))
            .map(Rank)
            .collect();
        let people = called.iter().filter(|rank| !given_up.contains(*rank));
        store
            .metrics()
            .add(Count::Admissions, people.count() as u64);
        self.call(&called).await?;
        Ok(Some(moved))
    }

    /// The ranks above the watermark that have been given up. They are read again in each run, so
    /// nothing has to be counted when a user leaves or comes back.
    async fn departed(&self, head: &Head, admitted: u64) -> Result<Departures, StoreError> {
        if head.issued <= admitted {
            return Ok(Departures::default());
        }
        let (store, id) = (&self.app.store, &self.event.event_id);
        let above = Rank(admitted);
        let mut ranks = store.given_up_ranks(id, self.lane, above).await?;
        if matches!(self.ranking, Ranking::Drawn(_)) {
            let numbers = store.departed_numbers(id, self.lane).await?;
            let drawn = numbers
                .into_iter()
                .filter_map(|number| self.ranking.rank_of(number));
            ranks.extend(drawn.filter(|rank| *rank > above));
        }
        Ok(Departures::of(ranks))
    }

    fn grace_seconds(&self) -> u32 {
        self.event.terms.queue.grace_seconds
    }

    fn session_key(&self, rank: Rank) -> SessionKey {
        SessionKey {
            event_id: self.event.event_id.clone(),
            lane: self.lane,
            rank,
        }
    }

    fn is_out_of_time(&self) -> bool {
        self.app.clock().now().ms_since(self.began_at) >= RUN_MS
    }

    /// Starts the grace at these ranks, in rank order.
    async fn call(&self, ranks: &[Rank]) -> Result<(), StoreError> {
        for group in ranks.chunks(GROUP) {
            if self.is_out_of_time() {
                break;
            }
            let calls = group.iter().map(|rank| async {
                let session = self.session_key(*rank);
                self.app.store.call(&session, self.grace_seconds()).await
            });
            for called in join_all(calls).await {
                called?;
            }
        }
        Ok(())
    }

    /// Opens a session at each rank from the watermark on, as long as there is capacity. Returns
    /// the last rank that was passed. Each passed rank has a session or a tombstone, or its user
    /// left before the draw.
    async fn open_sessions(
        &self,
        head: &Head,
        capacity: &mut Capacity,
    ) -> Result<Passed, StoreError> {
        let last = (head.issued + SLOTS_AHEAD).min(head.admitted + RANKS_A_RUN);
        let mut given_up = BTreeSet::new();
        let mut passed = head.admitted;
        while passed < last && !self.is_out_of_time() {
            let group = capacity.slots_from(passed + 1, (GROUP as u64).min(last - passed));
            if group == 0 {
                break;
            }
            let opened = (passed + 1..=passed + group).map(|rank| self.open_session(Rank(rank)));
            for found in join_all(opened).await {
                match found {
                    Ok(Opened::Dead) => {
                        given_up.insert(Rank(passed + 1));
                    }
                    Ok(Opened::Awaited) => capacity.add_awaited(),
                    Ok(Opened::Live) => capacity.add_live(),
                    // Ranks are passed in order. The next run finds those behind the failure.
                    Err(error) if passed == head.admitted => return Err(error),
                    Err(_) => {
                        return Ok(Passed {
                            admitted: passed,
                            given_up,
                        });
                    }
                }
                passed += 1;
            }
        }
        Ok(Passed {
            admitted: passed,
            given_up,
        })
    }

    async fn open_session(&self, rank: Rank) -> Result<Opened, StoreError> {
        let store = &self.app.store;
        if let Some(number) = self.ranking.drawn_number_at(rank)
            && store
                .pass_departed(&self.event.event_id, self.lane, number)
                .await?
        {
            return Ok(Opened::Dead);
        }
        let session = store
            .open_session(&self.session_key(rank), self.limits.overbooked)
            .await?;
        // If another run opened this session, it uses a slot as well. If it is dead, its user left
        // while waiting, and it uses none.
        Ok(match session {
            session if !session.uses_a_slot(self.began_at, self.event.control.pause) => {
                Opened::Dead
            }
            Session::Live { .. } => Opened::Live,
            Session::Open | Session::Called { .. } | Session::Ended { .. } => Opened::Awaited,
        })
    }
}

/// How far a run has come.
struct Passed {
    /// The last rank that was passed.
    admitted: u64,
    /// The passed ranks that had been given up.
    given_up: BTreeSet<Rank>,
}

impl Passed {
    fn up_to(admitted: u64) -> Self {
        Self {
            admitted,
            given_up: BTreeSet::new(),
        }
    }
}

/// What is at a rank after opening a session there.
enum Opened {
    /// A slot that waits for its user.
    Awaited,
    /// A slot whose user has arrived.
    Live,
    /// A tombstone, or a user who left before the draw.
    Dead,
}
