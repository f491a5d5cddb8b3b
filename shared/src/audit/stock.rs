//! Checks the stock of general-admission events.

use std::collections::HashSet;

use super::{Audit, AuditReport, MAX_PAGES, Result, hash_of};
use crate::store::{Consistency, READABLE, StoreError, Subject, first_stock_key};
use domain::event::{Admission, Event};
use domain::ids::EventId;
use domain::invariants::{ConfirmedTickets, Finding, Invariant, StockLeft};

impl Audit<'_> {
    /// Reads an event's stock before the reservations are read. Gives a finding if it cannot be read.
    pub(super) async fn read_stock(&mut self, event: &Event) -> Result<Option<Finding>> {
        let Admission::General { stock_shards, .. } = event.terms.admission else {
            return Ok(None);
        };
        let id = &event.event_id;
        match self.stock_now(id, stock_shards).await {
            Ok(stock) => {
                self.stock.insert(id.clone(), stock);
                Ok(None)
            }
            Err(StoreError::Unreadable(why)) => {
                let key = first_stock_key(id);
                Ok(Some(Finding::new(Invariant::Stock, key, READABLE, why)))
            }
            Err(error) => Err(error),
        }
    }

    async fn stock_now(&self, event: &EventId, shards: u32) -> Result<StockLeft> {
        let at = self.store.clock().now();
        let (shards, sales) = self
            .store
            .stock_and_sales(event, shards, Consistency::Strong)
            .await?;
        Ok(StockLeft { at, shards, sales })
    }

    pub(super) async fn check_stock(&self, report: &mut AuditReport) -> Result<()> {
        for (id, before) in self.stock.iter().filter(|(id, _)| self.covers(id)) {
            let event = &self.events[id].event;
            let shards = u32::try_from(before.shards.len()).unwrap_or(u32::MAX);
            let after = self.stock_now(id, shards).await?;
            let confirmed = self.tallies().confirmed.get(id).copied();
            let confirmed = confirmed.unwrap_or_default();
            let finding = confirmed.check(event, &first_stock_key(id), before, &after);
            if let Some(finding) = finding
                && self.stock_is_still_wrong(event, shards).await?
            {
                report.findings.push(finding);
            }
        }
        Ok(())
    }

    /// Counts all reservations again, against a stock that is read again.
    async fn stock_is_still_wrong(&self, event: &Event, shards: u32) -> Result<bool> {
        let id = &event.event_id;
        let before = self.stock_now(id, shards).await?;
        let mut confirmed = ConfirmedTickets::default();
        let mut seen = HashSet::new();
        let mut start = None;
        for _ in 0..MAX_PAGES {
            let page = self.store.scan_subjects(start).await?;
            for subject in &page.subjects {
                let Subject::User(user) = subject else {
                    continue;
                };
                if !seen.insert(hash_of(subject)) {
                    continue;
                }
                for reservation in self.store.readable_reservations(*user).await? {
                    if reservation.event_id() == id {
                        confirmed.add(&reservation, before.at);
                    }
                }
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        let after = self.stock_now(id, shards).await?;
        Ok(confirmed.check(event, "", &before, &after).is_some())
    }
}
