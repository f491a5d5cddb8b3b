//! Checks the lanes of every event's queue.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{StreamExt, iter};

use super::{Audit, AuditReport, CONCURRENCY, MAX_PAGES, Result, persistent};
use crate::store::{Consistency, READABLE, StoreError, event_key, head_key, sessions_key};
use domain::clock::EpochMs;
use domain::ids::{EventId, Lane, Rank, UserId};
use domain::invariants::{Finding, Invariant, LaneSnapshot};
use domain::queue::Session;

impl Audit<'_> {
    pub(super) async fn check_lanes(&self, report: &mut AuditReport) -> Result<()> {
        for (id, programme) in self.events.iter().filter(|(id, _)| self.covers(id)) {
            for lane in programme.event.terms.queue.lanes.all() {
                let findings = persistent(async |_| self.read_lane(id, lane).await).await?;
                report.findings.extend(findings);
            }
        }
        Ok(())
    }

    async fn read_lane(&self, id: &EventId, lane: Lane) -> Result<Vec<Finding>> {
        let broken = |key, expected, found: &str| {
            Ok(vec![Finding::new(Invariant::Queue, key, expected, found)])
        };
        let head_key = head_key(id, lane);
        let Some(event) = self.store.event(id, Consistency::Strong).await? else {
            return broken(event_key(id), "an item", "none");
        };
        let head = match self.store.head(id, lane, Consistency::Strong).await {
            Ok(Some(head)) => head,
            Ok(None) => return broken(head_key, "an item", "none"),
            Err(StoreError::Unreadable(why)) => return broken(head_key, READABLE, &why),
            Err(error) => return Err(error),
        };
        let mut snapshot = LaneSnapshot {
            head_key,
            sessions_pk: sessions_key(id, lane),
            event: &event,
            head,
            ranking: event.ranking(lane, &head),
            sessions: BTreeMap::new(),
            opened_under_floor: None,
            living_under_floor: Vec::new(),
            entries: BTreeMap::new(),
            departed: BTreeSet::new(),
        };
        let mut findings = self.read_sessions(&mut snapshot, id, lane).await?;
        let now = self.store.clock().now();
        self.read_entries(&mut snapshot, id, now).await?;
        self.read_departures(&mut snapshot, id, lane).await?;
        findings.extend(snapshot.check(now));
        Ok(findings)
    }

    /// Reads the sessions into the snapshot. Gives findings for those that cannot be read.
    async fn read_sessions(
        &self,
        snapshot: &mut LaneSnapshot<'_>,
        id: &EventId,
        lane: Lane,
    ) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let mut start = None;
        for _ in 0..MAX_PAGES {
            let page = self.store.inspect_sessions(id, lane, start).await?;
            findings.extend(page.unreadable);
            let now = self.store.clock().now();
            for (rank, opened) in page.sessions {
                if rank.0 > snapshot.head.floor {
                    snapshot.sessions.insert(rank, opened);
                    continue;
                }
                if opened.session.is_live(now) {
                    snapshot.living_under_floor.push(rank);
                }
                let opened_at = opened.opening.map(|opening| opening.at);
                snapshot.opened_under_floor = snapshot.opened_under_floor.max(opened_at);
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        Ok(findings)
    }

    async fn read_entries(
        &self,
        snapshot: &mut LaneSnapshot<'_>,
        event: &EventId,
        now: EpochMs,
    ) -> Result<()> {
        let inside: Vec<(Rank, UserId)> = snapshot
            .sessions
            .iter()
            .filter(|(_, opened)| opened.session.is_live(now))
            .filter_map(|(rank, opened)| match opened.session {
                Session::Live { user_id, .. } => Some((*rank, user_id)),
                _ => None,
            })
            .collect();
        let mut reads = iter(inside)
            .map(|(rank, user)| async move {
                let entry = self
                    .store
                    .queue_entry(user, event, Consistency::Strong)
                    .await;
                entry.map(|entry| (rank, entry))
            })
            .buffer_unordered(CONCURRENCY);
        while let Some(read) = reads.next().await {
            let (rank, entry) = read?;
            snapshot.entries.insert(rank, entry);
        }
        Ok(())
    }

    async fn read_departures(
        &self,
        snapshot: &mut LaneSnapshot<'_>,
        id: &EventId,
        lane: Lane,
    ) -> Result<()> {
        for rank in (snapshot.head.floor + 1..=snapshot.head.admitted).map(Rank) {
            if !snapshot.sessions.contains_key(&rank)
                && let Some(number) = snapshot.ranking.drawn_number_at(rank)
                && self.store.has_departed(id, lane, number).await?
            {
                snapshot.departed.insert(rank);
            }
        }
        Ok(())
    }
}
