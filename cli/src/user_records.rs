//! All that the table has of one user, and whose something is.

use anyhow::Result;
use domain::charge::{Charge, ChargeState};
use domain::ids::{EntryId, EventId, ReservationId, UserId};
use domain::queue::QueueEntry;
use domain::reservation::{Reservation, State};
use domain::seats::Claim;
use domain::wallet::LedgerEntry;
use domain::withdrawal::Withdrawal;
use shared::store::{Consistency, OwnedThing, Store};

use crate::output::error_line;
use crate::progress::Progress;

/// A user's items, except those that cannot be read.
pub struct UserRecords {
    /// Current and archived.
    pub reservations: Vec<Reservation>,
    /// In the order of their numbers.
    pub ledger: Vec<(u64, LedgerEntry)>,
    /// In the order in which they were begun.
    pub charges: Vec<Charge>,
    /// In the order in which they were made.
    pub withdrawals: Vec<Withdrawal>,
    queue_entries: Vec<(EventId, QueueEntry)>,
}

impl UserRecords {
    /// Reads the user's own keys, and no others. Items that cannot be read are named on standard
    /// error.
    pub async fn read(store: &Store, user: UserId) -> Result<Self> {
        let inspected = store.inspect_user(user).await?;
        for finding in &inspected.unreadable {
            error_line(format_args!(
                "{}: cannot be read: {}",
                finding.key, finding.found
            ));
        }
        let items = inspected.items;
        let reservations = items.reservations.into_iter().chain(items.archived);
        let charges = items.provider_charges.into_iter();
        let mut charges: Vec<Charge> = charges.map(|charge| charge.value).collect();
        charges.sort_by_key(|charge| charge.created_at);
        let withdrawals = items.withdrawals.into_iter();
        let ledger = items.ledger.into_iter();
        let entries = inspected.entries.into_iter();
        Ok(Self {
            reservations: reservations.map(|stored| stored.value).collect(),
            ledger: ledger.map(|(seq, entry)| (seq, entry.value)).collect(),
            charges,
            withdrawals: withdrawals.map(|stored| stored.value).collect(),
            queue_entries: entries.map(|(event, entry)| (event, entry.value)).collect(),
        })
    }

    #[must_use]
    pub fn reservation(&self, id: &ReservationId) -> Option<&Reservation> {
        let mut reservations = self.reservations.iter();
        reservations.find(|reservation| reservation.reservation_id == *id)
    }

    /// The user's latest number for an event.
    #[must_use]
    pub fn queue_entry(&self, event: &EventId) -> Option<&QueueEntry> {
        let mut entries = self.queue_entries.iter();
        entries.find(|(of, _)| of == event).map(|(_, entry)| entry)
    }

    /// The charges that were to pay for a reservation.
    #[must_use]
    pub fn charges_for(&self, reservation: &Reservation) -> Vec<&Charge> {
        let id = Some(&reservation.reservation_id);
        let charges = self.charges.iter();
        charges
            .filter(|charge| charge.pay_for.as_ref() == id)
            .collect()
    }

    /// The withdrawals that a reservation is the reason of.
    #[must_use]
    pub fn withdrawals_for(&self, reservation: &Reservation) -> Vec<&Withdrawal> {
        let id = Some(&reservation.reservation_id);
        let withdrawals = self.withdrawals.iter();
        withdrawals
            .filter(|withdrawal| withdrawal.reservation_id.as_ref() == id)
            .collect()
    }

    /// The ledger entries that a payment's id names: the entry's own, or one of its charge or its
    /// withdrawal.
    pub fn entries_named<'a>(
        &'a self,
        id: &'a str,
    ) -> impl Iterator<Item = &'a (u64, LedgerEntry)> {
        let charges = self.charges_named(id).map(|charge| charge.charge_id);
        let withdrawals = self.withdrawals_named(id);
        let withdrawals = withdrawals.map(|withdrawal| withdrawal.key.withdrawal_id());
        let named: Vec<EntryId> = charges.chain(withdrawals).collect();
        self.ledger.iter().filter(move |(_, entry)| {
            let of = entry.withdrawal_id.unwrap_or(entry.entry_id);
            entry.entry_id.to_string() == id || named.contains(&of)
        })
    }

    /// The charges that a payment's id names: the charge's own, or one of the provider's.
    pub fn charges_named<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Charge> {
        self.charges.iter().filter(move |charge| {
            let payment = match &charge.state {
                ChargeState::Done { payment, .. } => Some(&payment.payment_id.0),
                ChargeState::Pending | ChargeState::Failed(_) | ChargeState::Expired => None,
            };
            let checkout = charge.begun.as_ref().map(|begun| &begun.checkout_id.0);
            charge.charge_id.to_string() == id
                || payment.is_some_and(|payment| payment == id)
                || checkout.is_some_and(|checkout| checkout == id)
        })
    }

    /// The withdrawals that a payment's id names: the withdrawal's own, its charge's, or one of the
    /// provider's.
    pub fn withdrawals_named<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Withdrawal> {
        self.withdrawals.iter().filter(move |withdrawal| {
            withdrawal.key.withdrawal_id().to_string() == id
                || withdrawal.charge_id.to_string() == id
                || withdrawal.payment.payment_id.0 == id
                || withdrawal.refund_id().is_some_and(|refund| refund.0 == id)
        })
    }

    /// The reservations that a payment is for.
    #[must_use]
    pub fn reservations_paid_by(&self, id: &str) -> Vec<&Reservation> {
        let of_entries = self
            .entries_named(id)
            .filter_map(|(_, entry)| entry.reservation_id());
        let of_charges = self
            .charges_named(id)
            .filter_map(|charge| charge.pay_for.as_ref());
        let of_withdrawals = self
            .withdrawals_named(id)
            .filter_map(|withdrawal| withdrawal.reservation_id.as_ref());
        let named = of_entries.chain(of_charges).chain(of_withdrawals);
        let named: Vec<&ReservationId> = named.collect();
        let names_itself = |reservation: &Reservation| {
            let payment = match &reservation.state {
                State::Held { .. } => None,
                State::Confirmed { payment } | State::Cancelled { payment, .. } => payment.as_ref(),
            };
            let ids = payment.map(|payment| payment.payment_id);
            ids.into_iter()
                .chain(reservation.charge_id)
                .any(|own| own.to_string() == id)
        };
        self.reservations
            .iter()
            .filter(|reservation| {
                named.contains(&&reservation.reservation_id) || names_itself(reservation)
            })
            .collect()
    }
}

/// Whose something is. An event's claims may tell; otherwise it takes a reading of the whole table,
/// whose progress is shown.
pub async fn owner(store: &Store, thing: &OwnedThing) -> Result<Option<UserId>> {
    if let OwnedThing::Reservation(id) = thing
        && let Some(user) = owner_by_claims(store, id).await?
    {
        return Ok(Some(user));
    }
    let mut progress = Progress::of_items(store.item_count().await.unwrap_or(0));
    let mut items = 0;
    let mut start = None;
    let owner = loop {
        let page = store.scan_owners(thing, start).await?;
        items += page.items;
        progress.set(items);
        start = page.next;
        if let Some(user) = page.found.first() {
            break Some(*user);
        }
        if start.is_none() {
            break None;
        }
    };
    progress.finish();
    Ok(owner)
}

async fn owner_by_claims(store: &Store, id: &ReservationId) -> Result<Option<UserId>> {
    let event = id.event_id();
    let (Some(date), Some(programme)) = (
        id.date(),
        store.programme(event, Consistency::Eventual).await?,
    ) else {
        return Ok(None);
    };
    let sections = programme.dates.get(&date).map(|date| &date.sections);
    for section in sections.into_iter().flatten() {
        let mut start = None;
        loop {
            let page = store.claims_page(event, date, &section.name, start).await?;
            let found = page.claims.iter().find_map(|(_, claim)| match claim {
                Claim::Held {
                    user_id,
                    reservation_id,
                    ..
                }
                | Claim::Sold {
                    user_id,
                    reservation_id,
                    ..
                } => (reservation_id == id).then_some(*user_id),
                Claim::Withdrawn { .. } | Claim::Blocked(_) => None,
            });
            start = page.next;
            if found.is_some() {
                return Ok(found);
            }
            if start.is_none() {
                break;
            }
        }
    }
    Ok(None)
}
