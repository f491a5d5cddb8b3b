//! A payment provider's books, and what a user's charges and withdrawals say that is in them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::{Finding, Invariant, Stored, UserItems};
use crate::books::{Booked, BookedKind};
use crate::charge::{Charge, ChargeState, OrderId, ProviderId, ProviderName};
use crate::clock::EpochMs;
use crate::ids::UserId;
use crate::money::Money;
use crate::withdrawal::Withdrawal;

/// A provider's books, of one user, and what they are compared in.
#[derive(Clone, Debug)]
pub struct ProviderBooks<'a> {
    pub provider: ProviderName,
    /// Everything from before the window until now that names the user.
    pub booked: &'a [Booked],
    /// What was begun, or booked, in this time is compared.
    pub window: Range<EpochMs>,
}

impl UserItems {
    /// The payments of charges that are done, and the refunds of withdrawals that were sent. Their
    /// times are those of charge and withdrawal. No payment and no refund is older.
    #[must_use]
    pub fn to_be_booked(&self, user_id: UserId, provider: ProviderName) -> Vec<Stored<Booked>> {
        let charges = self.provider_charges.iter().filter_map(|charge| {
            let value = payment_of(&charge.value).filter(|_| charge.value.provider == provider)?;
            let key = charge.key.clone();
            Some(Stored { key, value })
        });
        let withdrawals = self.withdrawals.iter().filter_map(|withdrawal| {
            let value = refund_of(&withdrawal.value, user_id);
            let value = value.filter(|_| withdrawal.value.provider == provider)?;
            let key = withdrawal.key.clone();
            Some(Stored { key, value })
        });
        charges.chain(withdrawals).collect()
    }

    /// Compares a user's charges and withdrawals with the provider's books.
    ///
    /// `key_of` names the charge of an order in findings.
    #[must_use]
    pub fn check_books(
        &self,
        user_id: UserId,
        books: &ProviderBooks<'_>,
        key_of: impl Fn(OrderId) -> String,
    ) -> Vec<Finding> {
        let ours = self.to_be_booked(user_id, books.provider);
        let mut left: HashMap<(BookedKind, &ProviderId), &Booked> = HashMap::new();
        for booked in books.booked {
            left.entry((booked.kind, &booked.id)).or_insert(booked);
        }
        let mut findings = Vec::new();
        let mut known = Vec::new();
        for Stored { key, value } in &ours {
            let found = left.get(&(value.kind, &value.id)).copied();
            let is_compared = |booked: &Booked| books.window.contains(&booked.at);
            known.extend(found);
            let finding = match found {
                Some(found) if found.agrees_with(value) => continue,
                Some(found) if is_compared(value) || is_compared(found) => told(found),
                None if is_compared(value) => "none".to_owned(),
                Some(_) | None => continue,
            };
            let expected = format!("{} in the provider's books", told(value));
            findings.push(provider(key, expected, finding));
        }
        for booked in known {
            left.remove(&(booked.kind, &booked.id));
        }
        let mut strange: BTreeMap<String, Vec<&Booked>> = BTreeMap::new();
        for booked in left.into_values() {
            if let Some(order) = booked.order_id {
                strange.entry(key_of(order)).or_default().push(booked);
            }
        }
        for (key, booked) in strange {
            findings.extend(self.check_strange(&key, &booked, &books.window));
        }
        findings
    }

    /// What the provider has booked of one order beside our charge and withdrawals. It is settled if
    /// it was given back.
    fn check_strange(
        &self,
        key: &str,
        booked: &[&Booked],
        window: &Range<EpochMs>,
    ) -> Vec<Finding> {
        let sum = |kind| -> Money {
            let of_kind = booked.iter().filter(|booked| booked.kind == kind);
            of_kind.map(|booked| booked.amount).sum()
        };
        let (taken, given_back) = (sum(BookedKind::Payment), sum(BookedKind::Refund));
        let mut charges = self.provider_charges.iter().map(|charge| &charge.value);
        let is_of = |charge: &Charge, it: &Booked| it.order_id == Some(charge.order_id());
        let charge = charges.find(|charge| booked.iter().any(|it| is_of(charge, it)));
        let is_done = charge.is_some_and(|charge| payment_of(charge).is_some());
        // Of a charge that was not credited, the payment may be older than the books that were read.
        if taken == given_back || (!is_done && given_back > taken) {
            return Vec::new();
        }
        let in_window = booked.iter().filter(|it| window.contains(&it.at));
        let findings = in_window.map(|it| {
            let (expected, found) = match it.kind {
                BookedKind::Payment => ("a charge that is done", state_of(charge)),
                BookedKind::Refund => ("a withdrawal", "none".to_owned()),
            };
            provider(key, format!("{expected} by {}", told(it)), found)
        });
        findings.collect()
    }
}

fn provider(key: &str, expected: String, found: String) -> Finding {
    Finding::new(Invariant::Provider, key, expected, found)
}

fn payment_of(charge: &Charge) -> Option<Booked> {
    let ChargeState::Done { payment, .. } = &charge.state else {
        return None;
    };
    Some(Booked {
        kind: BookedKind::Payment,
        id: payment.payment_id.clone(),
        order_id: Some(charge.order_id()),
        amount: charge.amount,
        currency: charge.currency.clone(),
        at: charge.created_at,
    })
}

fn refund_of(withdrawal: &Withdrawal, user_id: UserId) -> Option<Booked> {
    Some(Booked {
        kind: BookedKind::Refund,
        id: withdrawal.refund_id()?.clone(),
        order_id: Some(OrderId {
            user_id,
            charge_id: withdrawal.charge_id,
        }),
        amount: withdrawal.amount,
        currency: withdrawal.payment.currency.clone(),
        at: withdrawal.created_at,
    })
}

fn told(booked: &Booked) -> String {
    let kind = match booked.kind {
        BookedKind::Payment => "payment",
        BookedKind::Refund => "refund",
    };
    let Booked {
        id,
        amount,
        currency,
        ..
    } = booked;
    let order = booked.order_id.map(|order| order.charge_id.to_string());
    let order = order.unwrap_or_else(|| "none of ours".to_owned());
    format!("{kind} {id} of {} {currency} for charge {order}", amount.0)
}

fn state_of(charge: Option<&Charge>) -> String {
    match charge.map(|charge| &charge.state) {
        None => "no such charge".to_owned(),
        Some(ChargeState::Pending) => "it is pending".to_owned(),
        Some(ChargeState::Expired) => "it has expired".to_owned(),
        Some(ChargeState::Failed(reason)) => format!("it has failed: {reason:?}"),
        Some(ChargeState::Done { payment, .. }) => {
            format!("it is done by payment {}", payment.payment_id)
        }
    }
}
