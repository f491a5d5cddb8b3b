//! Money that has gone back to where it came from.

use std::collections::HashMap;

use super::{Finding, Invariant, Stored, UserItems};
use crate::clock::EpochMs;
use crate::ids::EntryId;
use crate::money::Money;
use crate::wallet::{EntryKind, LedgerEntry};
use crate::withdrawal::{Withdrawal, WithdrawalState};

/// The provider is asked for a refund for a day. One that it has not accepted after this time, in
/// seconds, is not being carried out.
const LONGEST_WAIT_SECONDS: u32 = 26 * 60 * 60;

/// Every withdrawal has one entry, and every reversed one a second. Charges and wallet say how much
/// can still go back.
pub(super) fn check_withdrawals(user: &UserItems, now: EpochMs) -> Vec<Finding> {
    let mut findings = Vec::new();
    check_entries(user, &mut findings);
    check_returnable(user, &mut findings);
    for Stored { key, value } in &user.withdrawals {
        let is_late = value.created_at.plus_seconds(LONGEST_WAIT_SECONDS) < now;
        if value.state == WithdrawalState::Waiting && is_late {
            let expected = format!("a withdrawal of {} that has ended", value.created_at);
            findings.push(money(key, expected, "it was not sent yet"));
        }
    }
    findings
}

fn money(key: &str, expected: impl Into<String>, found: impl Into<String>) -> Finding {
    Finding::new(Invariant::Money, key, expected, found)
}

fn entries_of(user: &UserItems, kind: EntryKind) -> HashMap<EntryId, Vec<&Stored<LedgerEntry>>> {
    let mut entries: HashMap<EntryId, Vec<&Stored<LedgerEntry>>> = HashMap::new();
    for (_, entry) in &user.ledger {
        if entry.value.kind == kind {
            let id = entry.value.withdrawal_id.unwrap_or(entry.value.entry_id);
            entries.entry(id).or_default().push(entry);
        }
    }
    entries
}

fn check_entries(user: &UserItems, findings: &mut Vec<Finding>) {
    let mut made = entries_of(user, EntryKind::Withdrawal);
    let mut reversed = entries_of(user, EntryKind::Reversal);
    for Stored { key, value } in &user.withdrawals {
        let id = value.key.withdrawal_id();
        let mut check = |entries: Option<Vec<&Stored<LedgerEntry>>>, amounts: &[Money]| {
            let entries = entries.unwrap_or_default();
            let found: Vec<Money> = entries.iter().map(|entry| entry.value.amount).collect();
            if found != amounts {
                let told = |amounts: &[Money]| {
                    let amounts: Vec<String> =
                        amounts.iter().map(|amount| amount.0.to_string()).collect();
                    format!("entries of [{}] for withdrawal {id}", amounts.join(", "))
                };
                findings.push(money(key, told(amounts), told(&found)));
            }
        };
        check(made.remove(&id), &[-value.amount]);
        match value.state {
            WithdrawalState::Reversed { .. } => check(reversed.remove(&id), &[value.amount]),
            WithdrawalState::Waiting
            | WithdrawalState::Sent { .. }
            | WithdrawalState::Done { .. } => check(reversed.remove(&id), &[]),
        }
    }
    for entry in made.into_values().chain(reversed.into_values()).flatten() {
        findings.push(money(&entry.key, "a withdrawal of this entry", "none"));
    }
}

fn check_returnable(user: &UserItems, findings: &mut Vec<Finding>) {
    let mut withdrawn: HashMap<EntryId, Money> = HashMap::new();
    for Stored { value, .. } in user.withdrawals.iter().filter(|of| !is_reversed(&of.value)) {
        let sum = withdrawn.entry(value.charge_id).or_default();
        *sum = *sum + value.amount;
    }
    let mut returnable = Money::ZERO;
    for Stored { key, value } in &user.provider_charges {
        let sum = withdrawn.remove(&value.charge_id).unwrap_or_default();
        if value.withdrawn != sum || sum > value.amount {
            let expected = format!("withdrawals of {}, at most {}", sum.0, value.amount.0);
            findings.push(money(key, expected, value.withdrawn.0.to_string()));
        }
        if let Some((_, left)) = value.returnable() {
            returnable = returnable + left;
        }
    }
    for (charge_id, amount) in withdrawn {
        let expected = format!("a charge {charge_id}, of which {} was withdrawn", amount.0);
        findings.push(money(&user.wallet_key, expected, "no such charge"));
    }
    let wallet = user.wallet.as_ref().map(|wallet| wallet.value);
    let found = wallet.unwrap_or_default().returnable;
    if found != returnable {
        let expected = format!("{} that can go back to providers", returnable.0);
        findings.push(money(&user.wallet_key, expected, found.0.to_string()));
    }
}

fn is_reversed(withdrawal: &Withdrawal) -> bool {
    matches!(withdrawal.state, WithdrawalState::Reversed { .. })
}
