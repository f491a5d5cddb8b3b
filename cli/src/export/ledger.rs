//! Every change of every wallet, for an accountant.

use std::collections::HashMap;

use anyhow::Result;
use domain::charge::{Charge, ChargeState, OrderId, ProviderId, ProviderName};
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{DateKey, EntryId, EventId, ReservationId, UserId};
use domain::money::{Currency, Money};
use domain::wallet::EntryKind;
use serde::Serialize;
use shared::store::{NumberedEntry, Store};

use super::lines::Line;
use crate::output::csv_text;

/// One ledger entry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntryLine {
    #[serde(serialize_with = "rfc3339::serialize")]
    at: EpochMs,
    user_id: UserId,
    /// The entry's number in the user's ledger.
    seq: u64,
    entry_id: EntryId,
    kind: EntryKind,
    /// Negative if the wallet has less.
    amount: Money,
    balance_after: Money,
    currency: Currency,
    /// `None` for a charge, like the next three.
    reservation_id: Option<ReservationId>,
    event_id: Option<EventId>,
    date: Option<DateKey>,
    tickets: Option<u32>,
    /// `None` if no payment provider took part, like the next.
    provider: Option<ProviderName>,
    provider_payment_id: Option<ProviderId>,
}

/// Charges that are read at once.
const CHARGES_AT_ONCE: usize = 1_000;

impl EntryLine {
    /// The lines of some entries; with an event, only of those that name one of its reservations.
    pub(super) async fn all_of(
        store: &Store,
        mut entries: Vec<NumberedEntry>,
        event: Option<&EventId>,
        currency: &Currency,
    ) -> Result<Vec<Self>> {
        entries.retain(|numbered| {
            let id = numbered.entry.reservation_id();
            event.is_none() || id.map(ReservationId::event_id) == event
        });
        let orders: Vec<OrderId> = entries.iter().filter_map(order_of).collect();
        let mut charges = HashMap::new();
        for orders in orders.chunks(CHARGES_AT_ONCE) {
            charges.extend(store.provider_charges(orders).await?);
        }
        let lines = entries.iter().map(|entry| {
            let charge = order_of(entry).and_then(|order| charges.get(&order.charge_id));
            Self::of(entry, charge, currency)
        });
        Ok(lines.collect())
    }

    fn of(numbered: &NumberedEntry, charge: Option<&Charge>, currency: &Currency) -> Self {
        let NumberedEntry {
            user_id,
            seq,
            entry,
        } = numbered;
        let id = entry.reservation_id();
        Self {
            at: entry.at,
            user_id: *user_id,
            seq: *seq,
            entry_id: entry.entry_id,
            kind: entry.kind,
            amount: entry.amount,
            balance_after: entry.balance_after,
            currency: currency.clone(),
            reservation_id: id.cloned(),
            event_id: id.map(|id| id.event_id().clone()),
            date: id.and_then(ReservationId::date),
            tickets: entry
                .purchase
                .as_ref()
                .and_then(|purchase| purchase.quantity),
            provider: charge.map(|charge| charge.provider),
            provider_payment_id: charge.and_then(payment_of),
        }
    }
}

/// The charge at a payment provider that an entry may be of.
fn order_of(numbered: &NumberedEntry) -> Option<OrderId> {
    let charge_id = match numbered.entry.kind {
        EntryKind::Charge => numbered.entry.entry_id,
        EntryKind::Payment | EntryKind::Refund => return None,
    };
    Some(OrderId {
        user_id: numbered.user_id,
        charge_id,
    })
}

fn payment_of(charge: &Charge) -> Option<ProviderId> {
    match &charge.state {
        ChargeState::Done { payment, .. } => Some(payment.payment_id.clone()),
        ChargeState::Pending | ChargeState::Failed(_) | ChargeState::Expired => None,
    }
}

impl Line for EntryLine {
    const COLUMNS: &'static [&'static str] = &[
        "at",
        "userId",
        "seq",
        "entryId",
        "kind",
        "amount",
        "balanceAfter",
        "currency",
        "reservationId",
        "eventId",
        "date",
        "tickets",
        "provider",
        "providerPaymentId",
    ];

    fn cells(&self) -> Vec<String> {
        let id = self.reservation_id.as_ref();
        let event = self.event_id.as_ref();
        let payment = self.provider_payment_id.as_ref();
        vec![
            self.at.to_string(),
            self.user_id.to_string(),
            self.seq.to_string(),
            self.entry_id.to_string(),
            self.kind.as_str().to_owned(),
            self.amount.in_major_units(&self.currency),
            self.balance_after.in_major_units(&self.currency),
            self.currency.to_string(),
            id.map(|id| csv_text(&id.to_string())).unwrap_or_default(),
            event.map(|id| csv_text(id.as_str())).unwrap_or_default(),
            self.date.map(|date| date.to_string()).unwrap_or_default(),
            self.tickets
                .map(|tickets| tickets.to_string())
                .unwrap_or_default(),
            self.provider
                .map(|name| name.to_string())
                .unwrap_or_default(),
            payment.map(|id| csv_text(&id.0)).unwrap_or_default(),
        ]
    }
}
