//! Reads for an operator who looks for something. None of them is part of a request of a buyer.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;

use super::charges::read_charge;
use super::client::{Consistency, PageStart, Query, Store};
use super::error::{Result, StoreError, store_error};
use super::expression::{self, IntoAttribute, Key};
use super::item::{Item, text};
use super::keys;
use super::reservations::read_reservation;
use super::seats::read_seat_claim;
use super::wallets::read_numbered_entry;
use super::withdrawals::read_withdrawal;
use domain::charge::{Charge, OrderId};
use domain::ids::{DateKey, EntryId, EventId, ReservationId, SeatNumber, UserId};
use domain::reservation::Reservation;
use domain::seats::Claim;
use domain::wallet::LedgerEntry;
use domain::withdrawal::{Withdrawal, WithdrawalKey};

/// One page of a reading of the whole table.
pub struct TablePage<T> {
    /// How many items were read.
    pub items: u64,
    /// Those that were looked for.
    pub found: Vec<T>,
    pub next: Option<PageStart>,
}

/// One page of a section's claims.
pub struct ClaimPage {
    pub claims: Vec<(SeatNumber, Claim)>,
    pub next: Option<PageStart>,
}

/// A ledger entry, with whose it is and its number in the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberedEntry {
    pub user_id: UserId,
    pub seq: u64,
    pub entry: LedgerEntry,
}

/// What a user is looked for by.
#[derive(Clone, Debug)]
pub enum OwnedThing {
    Reservation(ReservationId),
    /// The id of a ledger entry, a charge or a withdrawal, or the provider's id of a payment, a
    /// refund or a checkout.
    Payment(String),
}

impl OwnedThing {
    fn filter(&self) -> &'static str {
        match self {
            Self::Reservation(_) => "#reservationId = :id",
            Self::Payment(_) => {
                "#entryId = :id OR #chargeId = :id OR #payment.#paymentId = :id OR #begun.#checkoutId = :id \
                 OR #refundId = :id"
            }
        }
    }

    fn id(&self) -> String {
        match self {
            Self::Reservation(id) => id.to_string(),
            Self::Payment(id) => id.clone(),
        }
    }
}

/// Whose item it is, by its key or by its attribute.
fn owner(item: &Item) -> Option<UserId> {
    let pk = text(item, "pk");
    let user = keys::user_of_pk(pk).unwrap_or_else(|| text(item, "userId"));
    UserId::parse(user).ok()
}

/// Items of the whole table that one call reads at most, so that it ends in time on a slow network too. DynamoDB also stops
/// at a megabyte.
pub(super) const SCANNED_AT_ONCE: i32 = 2_000;

impl Store {
    async fn scan<T>(
        &self,
        filter: &str,
        values: HashMap<String, AttributeValue>,
        start: Option<PageStart>,
        read: impl Fn(Item) -> Result<T>,
    ) -> Result<TablePage<T>> {
        let page = self
            .client
            .scan()
            .table_name(&self.tables.main)
            .filter_expression(filter)
            .limit(SCANNED_AT_ONCE)
            .set_expression_attribute_names(Some(expression::names_in(filter)))
            .set_expression_attribute_values(Some(values))
            .set_exclusive_start_key(start.map(|start| start.0))
            .send()
            .await
            .map_err(store_error)?;
        let found = page.items.unwrap_or_default().into_iter().map(read);
        Ok(TablePage {
            items: u64::try_from(page.scanned_count).unwrap_or(0),
            found: found.collect::<Result<_>>()?,
            next: PageStart::of(page.last_evaluated_key),
        })
    }

    /// The reservations in a page of the whole table, current and archived, in no particular order.
    pub async fn scan_reservations(
        &self,
        start: Option<PageStart>,
    ) -> Result<TablePage<Reservation>> {
        let values = [
            (":current", keys::RESERVATION_PREFIX),
            (":archived", keys::ARCHIVE_PREFIX),
        ];
        self.scan(
            "begins_with(#sk, :current) OR begins_with(#sk, :archived)",
            values
                .map(|(name, prefix)| (name.to_owned(), prefix.into_attribute()))
                .into(),
            start,
            read_reservation,
        )
        .await
    }

    /// The ledger entries in a page of the whole table. Those of one wallet follow each other.
    pub async fn scan_ledgers(&self, start: Option<PageStart>) -> Result<TablePage<NumberedEntry>> {
        let prefix = keys::LEDGER_PREFIX.into_attribute();
        self.scan(
            "begins_with(#sk, :ledger)",
            [(":ledger".to_owned(), prefix)].into(),
            start,
            |item| {
                let missing = || StoreError::Unreadable("an entry without user".to_owned());
                let user_id = owner(&item).ok_or_else(missing)?;
                let (seq, entry) = read_numbered_entry(item)?;
                Ok(NumberedEntry {
                    user_id,
                    seq,
                    entry,
                })
            },
        )
        .await
    }

    /// The users in a page of the whole table whose thing this is.
    pub async fn scan_owners(
        &self,
        thing: &OwnedThing,
        start: Option<PageStart>,
    ) -> Result<TablePage<UserId>> {
        let missing = || StoreError::Unreadable("an item without user".to_owned());
        self.scan(
            thing.filter(),
            [(":id".to_owned(), AttributeValue::S(thing.id()))].into(),
            start,
            |item| owner(&item).ok_or_else(missing),
        )
        .await
    }

    /// One page of a section's claims, by seat.
    pub async fn claims_page(
        &self,
        event: &EventId,
        date: DateKey,
        section: &str,
        start: Option<PageStart>,
    ) -> Result<ClaimPage> {
        let pk = keys::seats_pk(event, date, section);
        let query = Query::new("#pk = :pk", [(":pk", AttributeValue::S(pk))]);
        let page = self.query(&query, start.map(|start| start.0)).await?;
        let claims = page.items.into_iter().map(read_seat_claim);
        Ok(ClaimPage {
            claims: claims.collect::<Result<_>>()?,
            next: page.next.map(PageStart),
        })
    }

    /// The claim of a seat, if it has one.
    pub async fn claim(
        &self,
        event: &EventId,
        date: DateKey,
        section: &str,
        seat: SeatNumber,
    ) -> Result<Option<Claim>> {
        let key = keys::seat(event, date, section, seat);
        let item = self.get_item(&key, Consistency::Strong).await?;
        Ok(item
            .map(read_seat_claim)
            .transpose()?
            .map(|(_, claim)| claim))
    }

    /// These reservations, as far as nothing has replaced them, in no particular order.
    pub async fn current_among(
        &self,
        wanted: &[(UserId, ReservationId)],
    ) -> Result<Vec<Reservation>> {
        // DynamoDB refuses a batch that names a key twice.
        let keys: HashSet<Key> = wanted
            .iter()
            .map(|(user, id)| keys::reservation(*user, id.event_id(), id.date()))
            .collect();
        let keys: Vec<Key> = keys.into_iter().collect();
        let wanted: HashSet<_> = wanted.iter().map(|(_, id)| id).collect();
        let found = self.items(&keys, Consistency::Strong).await?;
        let reservations = found.into_values().map(read_reservation);
        let is_wanted = |read: &Result<Reservation>| match read {
            Ok(reservation) => wanted.contains(&reservation.reservation_id),
            Err(_) => true,
        };
        reservations.filter(is_wanted).collect()
    }

    /// Those of these charges that a payment provider confirms.
    pub async fn charges_among(&self, orders: &[OrderId]) -> Result<HashMap<EntryId, Charge>> {
        let keys: HashSet<Key> = orders.iter().copied().map(keys::charge).collect();
        let keys: Vec<Key> = keys.into_iter().collect();
        let found = self.items(&keys, Consistency::Eventual).await?;
        found
            .into_values()
            .map(|item| read_charge(item).map(|charge| (charge.charge_id, charge)))
            .collect()
    }

    /// These withdrawals.
    pub async fn withdrawals_among(
        &self,
        wanted: &[WithdrawalKey],
    ) -> Result<HashMap<EntryId, Withdrawal>> {
        let keys: HashSet<Key> = wanted.iter().copied().map(keys::withdrawal).collect();
        let keys: Vec<Key> = keys.into_iter().collect();
        let found = self.items(&keys, Consistency::Eventual).await?;
        let withdrawals = found.into_values().map(read_withdrawal);
        withdrawals
            .map(|read| read.map(|withdrawal| (withdrawal.key.withdrawal_id(), withdrawal)))
            .collect()
    }
}
