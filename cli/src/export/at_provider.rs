//! What payment providers call the money of ledger entries.

use std::collections::HashMap;

use anyhow::Result;
use domain::charge::{Charge, ChargeState, OrderId, ProviderId, ProviderName};
use domain::ids::{EntryId, UserId};
use domain::wallet::{EntryKind, LedgerEntry};
use domain::withdrawal::{Withdrawal, WithdrawalKey};
use shared::store::{NumberedEntry, Store};

/// The charges and withdrawals of some ledger entries, by their ids.
pub(super) struct AtProvider {
    charges: HashMap<EntryId, Charge>,
    withdrawals: HashMap<EntryId, Withdrawal>,
}

/// How a payment provider names the money of an entry.
pub(super) struct ProviderNames {
    pub(super) provider: ProviderName,
    pub(super) payment_id: ProviderId,
    /// Once the provider has accepted a refund.
    pub(super) refund_id: Option<ProviderId>,
}

/// Items that are read at once.
const AT_ONCE: usize = 1_000;
/// Withdrawals of a user that are read at once.
const PAGE: usize = 100;

impl AtProvider {
    pub(super) async fn read(store: &Store, entries: &[NumberedEntry]) -> Result<Self> {
        let mut orders = Vec::new();
        let mut made = Vec::new();
        let mut withdrawals = HashMap::new();
        for NumberedEntry {
            user_id,
            seq,
            entry,
        } in entries
        {
            match entry.kind {
                EntryKind::Charge => orders.push(OrderId {
                    user_id: *user_id,
                    charge_id: entry.entry_id,
                }),
                EntryKind::Withdrawal => made.push(WithdrawalKey {
                    user_id: *user_id,
                    number: *seq,
                }),
                EntryKind::Reversal => {
                    withdrawals.extend(reversed(store, *user_id, *seq, entry).await?);
                }
                EntryKind::Payment | EntryKind::Refund => {}
            }
        }
        let mut charges = HashMap::new();
        for orders in orders.chunks(AT_ONCE) {
            charges.extend(store.charges_among(orders).await?);
        }
        for made in made.chunks(AT_ONCE) {
            withdrawals.extend(store.withdrawals_among(made).await?);
        }
        Ok(Self {
            charges,
            withdrawals,
        })
    }

    /// `None` if no provider took part in the entry.
    pub(super) fn names_of(&self, entry: &LedgerEntry) -> Option<ProviderNames> {
        match entry.kind {
            EntryKind::Charge => {
                let charge = self.charges.get(&entry.entry_id)?;
                match &charge.state {
                    ChargeState::Done { payment, .. } => Some(ProviderNames {
                        provider: charge.provider,
                        payment_id: payment.payment_id.clone(),
                        refund_id: None,
                    }),
                    ChargeState::Pending | ChargeState::Failed(_) | ChargeState::Expired => None,
                }
            }
            EntryKind::Withdrawal | EntryKind::Reversal => {
                let withdrawal = self.withdrawals.get(&entry.withdrawal_id?)?;
                Some(ProviderNames {
                    provider: withdrawal.provider,
                    payment_id: withdrawal.payment.payment_id.clone(),
                    refund_id: withdrawal.refund_id().cloned(),
                })
            }
            EntryKind::Payment | EntryKind::Refund => None,
        }
    }
}

/// The withdrawal that an entry reversed. Its number is lower than the entry's.
async fn reversed(
    store: &Store,
    user: UserId,
    seq: u64,
    entry: &LedgerEntry,
) -> Result<Option<(EntryId, Withdrawal)>> {
    let mut before = Some(seq);
    loop {
        let page = store.withdrawals(user, before, PAGE).await?;
        before = page.last().map(|last| last.key.number);
        let is_last = page.len() < PAGE;
        let found = page
            .into_iter()
            .map(|withdrawal| (withdrawal.key.withdrawal_id(), withdrawal))
            .find(|(id, _)| Some(*id) == entry.withdrawal_id);
        if found.is_some() || is_last {
            return Ok(found);
        }
    }
}
