//! Every change of every wallet, for an accountant.

use anyhow::Result;
use domain::charge::{ProviderId, ProviderName};
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{DateKey, EntryId, EventId, ReservationId, UserId};
use domain::money::{Currency, Money};
use domain::wallet::EntryKind;
use serde::Serialize;
use shared::store::{NumberedEntry, Store};

use super::at_provider::AtProvider;
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
    /// Of a payment and a refund, like the next three.
    reservation_id: Option<ReservationId>,
    event_id: Option<EventId>,
    date: Option<DateKey>,
    tickets: Option<u32>,
    /// Of a withdrawal and its reversal.
    withdrawal_id: Option<EntryId>,
    /// `None` if no payment provider took part, like the next two.
    provider: Option<ProviderName>,
    provider_payment_id: Option<ProviderId>,
    provider_refund_id: Option<ProviderId>,
}

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
        let at_provider = AtProvider::read(store, &entries).await?;
        let lines = entries
            .iter()
            .map(|numbered| Self::of(numbered, &at_provider, currency));
        Ok(lines.collect())
    }

    fn of(numbered: &NumberedEntry, at_provider: &AtProvider, currency: &Currency) -> Self {
        let NumberedEntry {
            user_id,
            seq,
            entry,
        } = numbered;
        let id = entry.reservation_id();
        let names = at_provider.names_of(entry);
        let provider = names.as_ref().map(|names| names.provider);
        let (payment_id, refund_id) = match names {
            Some(names) => (Some(names.payment_id), names.refund_id),
            None => (None, None),
        };
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
            withdrawal_id: entry.withdrawal_id,
            provider,
            provider_payment_id: payment_id,
            provider_refund_id: refund_id,
        }
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
        "withdrawalId",
        "provider",
        "providerPaymentId",
        "providerRefundId",
    ];

    fn cells(&self) -> Vec<String> {
        let id = self.reservation_id.as_ref();
        let event = self.event_id.as_ref();
        let provider_id = |id: &Option<ProviderId>| {
            let id = id.as_ref();
            id.map(|id| csv_text(&id.0)).unwrap_or_default()
        };
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
            self.withdrawal_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            self.provider
                .map(|name| name.to_string())
                .unwrap_or_default(),
            provider_id(&self.provider_payment_id),
            provider_id(&self.provider_refund_id),
        ]
    }
}
