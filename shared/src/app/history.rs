//! The recorded history: what queue and sales of each event on sale are, once a minute.
//!
//! It follows the scheduled promotion and is never a reason for it to fail: what cannot be read or written in time leaves a gap.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{StreamExt, iter};

use super::App;
use super::availability::Freshness;
use crate::store::{Consistency, StoreError};
use domain::clock::EpochMs;
use domain::event::{Admission, Event};
use domain::history::Sample;
use domain::ids::Lane;
use domain::money::Money;
use domain::queue::{Head, Rate, Turnout, survey};
use domain::refusal::Refusal;

/// Events whose samples are taken at once.
const EVENTS_AT_ONCE: usize = 8;
/// No further sample is begun after this time. With a sample's own time, the run then ends within the function's timeout.
const HISTORY_MS: i64 = 15_000;
/// A sample that takes longer is given up.
const SAMPLE_WITHIN: Duration = Duration::from_secs(5);

/// What became of the samples of a minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HistorySummary {
    pub recorded: usize,
    /// Another run of the same minute had written them.
    pub known: usize,
    pub failed: usize,
    /// Left out for lack of time.
    pub skipped: usize,
}

/// The users of a lane whose numbers have been called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LaneCounts {
    /// With an open session.
    pub inside: u64,
    /// Who can still arrive.
    pub expected: u64,
    /// Since the sale began.
    pub turnout: Turnout,
}

/// What was sold of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Sales {
    sold: u64,
    held: u64,
    blocked: u64,
    revenue: Money,
}

/// What became of one sample.
enum Recorded {
    Now,
    Before,
    Failed,
    Skipped,
}

impl App {
    /// Records a sample of each of these events. `promote_all` returns those that are on sale.
    pub async fn record_history(&self, events: &[Arc<Event>]) -> HistorySummary {
        let began_at = self.clock().now();
        iter(events.to_vec())
            .map(|event| async move { self.record_event(&event, began_at).await })
            .buffer_unordered(EVENTS_AT_ONCE)
            .fold(
                HistorySummary::default(),
                |mut summary, recorded| async move {
                    match recorded {
                        Recorded::Now => summary.recorded += 1,
                        Recorded::Before => summary.known += 1,
                        Recorded::Failed => summary.failed += 1,
                        Recorded::Skipped => summary.skipped += 1,
                    }
                    summary
                },
            )
            .await
    }

    async fn record_event(&self, event: &Event, began_at: EpochMs) -> Recorded {
        let id = &event.event_id;
        if self.clock().now().ms_since(began_at) >= HISTORY_MS {
            return Recorded::Skipped;
        }
        let recording = async {
            let sample = self.sample(event).await?;
            Ok::<_, Refusal>(self.store.record_sample(id, &sample).await?)
        };
        match tokio::time::timeout(SAMPLE_WITHIN, Box::pin(recording)).await {
            Ok(Ok(true)) => Recorded::Now,
            Ok(Ok(false)) => Recorded::Before,
            Ok(Err(refusal)) => {
                tracing::warn!(event_id = %id, ?refusal, "no sample for the history");
                Recorded::Failed
            }
            Err(_) => {
                tracing::warn!(event_id = %id, "a sample for the history took too long");
                Recorded::Failed
            }
        }
    }

    async fn sample(&self, event: &Event) -> Result<Sample, Refusal> {
        let now = self.clock().now();
        let (mut waiting, mut called, mut inside) = (0, 0, 0);
        let mut turnout = Turnout::default();
        let mut rate: Option<f64> = None;
        for lane in event.terms.queue.lanes.all() {
            let head = self
                .store
                .head(&event.event_id, lane, Consistency::Eventual)
                .await?;
            let Some(head) = head else { continue };
            let counts = self.lane_counts(event, lane, &head, now).await?;
            waiting += head.waiting();
            called += head.called();
            inside += counts.inside;
            turnout = turnout.with(counts.turnout);
            if let Some(of_lane) = head.rate.and_then(Rate::per_minute) {
                rate = Some(rate.unwrap_or_default() + of_lane);
            }
        }
        let sales = self.sales(event, now).await?;
        Ok(Sample {
            at: now,
            waiting,
            inside,
            called,
            admitted_per_minute: rate,
            arrived: turnout.arrived,
            missed: turnout.missed,
            sold: sales.sold,
            held: sales.held,
            blocked: sales.blocked,
            revenue: sales.revenue,
        })
    }

    /// Counts a lane's called users by their sessions, as `head` and they are at `now`.
    pub async fn lane_counts(
        &self,
        event: &Event,
        lane: Lane,
        head: &Head,
        now: EpochMs,
    ) -> Result<LaneCounts, StoreError> {
        let sessions = self.store.sessions(&event.event_id, lane, head).await?;
        let seen = survey(head, &sessions, now, event.control.pause);
        // Ranks can be called before their numbers are handed out.
        let ahead = head.admitted.saturating_sub(head.issued);
        Ok(LaneCounts {
            inside: seen.live.into(),
            expected: u64::from(seen.awaited).saturating_sub(ahead),
            turnout: head.turnout.with(seen.passed).with(seen.seen),
        })
    }

    async fn sales(&self, event: &Event, now: EpochMs) -> Result<Sales, Refusal> {
        let id = &event.event_id;
        if let Admission::General {
            total_tickets,
            price,
            stock_shards,
        } = event.terms.admission
        {
            let (left, counted) = self
                .store
                .stock_and_sales(id, stock_shards, Consistency::Eventual)
                .await?;
            let (sold, revenue) = counted.of_total(total_tickets, &left, price);
            return Ok(Sales {
                sold,
                revenue,
                ..Sales::default()
            });
        }
        let programme = self.programme(id, now).await?;
        let sections = self
            .section_sales(event, programme.dates.values(), now, Freshness::FOR_HISTORY)
            .await?;
        Ok(sections
            .iter()
            .fold(Sales::default(), |sum, section| Sales {
                sold: sum.sold + u64::from(section.sold),
                held: sum.held + u64::from(section.held),
                blocked: sum.blocked + u64::from(section.blocked),
                revenue: sum.revenue + section.revenue,
            }))
    }
}
