//! Checks how often codes were used.

use std::collections::BTreeMap;

use super::{Audit, AuditReport, Result};
use crate::store::{READABLE, StoreError, code_key, codes_key};
use domain::access_code::CodeHash;
use domain::ids::EventId;
use domain::invariants::{Finding, Invariant, check_code};

impl Audit<'_> {
    /// Reads the counts of an event's codes before the users are read. Gives a finding if they cannot be read.
    pub(super) async fn read_codes(&mut self, event: &EventId) -> Result<Option<Finding>> {
        if !self.covers(event) {
            return Ok(None);
        }
        match self.store.codes(event).await {
            Ok(codes) => {
                let users = codes.into_iter().map(|(hash, code)| (hash, code.users));
                self.codes.insert(event.clone(), users.collect());
                Ok(None)
            }
            Err(StoreError::Unreadable(why)) => {
                let finding = Finding::new(Invariant::Queue, codes_key(event), READABLE, why);
                Ok(Some(finding))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn check_codes(&self, report: &mut AuditReport) -> Result<()> {
        let counted = std::mem::take(&mut self.tallies().code_users);
        let mut by_event: BTreeMap<EventId, BTreeMap<CodeHash, u32>> = BTreeMap::new();
        for ((event, hash), users) in counted {
            by_event.entry(event).or_default().insert(hash, users);
        }
        for (event, before) in &self.codes {
            let counted = by_event.remove(event).unwrap_or_default();
            if before.is_empty() && counted.is_empty() {
                continue;
            }
            let after = self.store.codes(event).await?;
            let mut hashes: Vec<&CodeHash> = after.keys().chain(counted.keys()).collect();
            hashes.sort_unstable();
            hashes.dedup();
            report
                .findings
                .extend(hashes.into_iter().filter_map(|hash| {
                    check_code(
                        &code_key(event, hash),
                        before.get(hash).copied().unwrap_or(0),
                        counted.get(hash).copied().unwrap_or(0),
                        after.get(hash),
                    )
                }));
        }
        Ok(())
    }
}
