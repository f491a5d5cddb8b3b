//! Wallets, ledgers, and charge keys.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::client::{Consistency, Store, back_off};
use super::error::{Result, StoreError};
use super::expression::{Key, Write};
use super::item::{Item, read_item, text, write_item};
use super::journal::Deed;
use super::keys;
use super::refused::{TransactionError, Verdict};
use domain::clock::EpochMs;
use domain::ids::{EntryId, ReservationId, UserId};
use domain::journal::{Act, Author};
use domain::money::{Currency, Money};
use domain::reservation::ReservedSeat;
use domain::wallet::{EntryKind, IdempotencyKey, LedgerEntry, Purchase, Wallet, WalletRefusal};

/// The settings of the whole table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub currency: Currency,
    pub wallet_ceiling: Money,
}

/// A charge, as stored permanently under its charge key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargeRecord {
    pub charge_id: EntryId,
    pub amount: Money,
    /// The balance after the charge.
    pub balance: Money,
}

/// The result of a charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Charged {
    Done(ChargeRecord),
    /// An earlier request with the same key made this charge.
    AlreadyDone(ChargeRecord),
}

/// A ledger entry as it is stored. `userId` and `eventId` repeat what the key and the reservation's
/// id contain, for readers of the table's stream (docs/EVENTS.md). They are never read here. For a
/// charge, `eventId` and `reservationId` are empty.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryRecord {
    entry_id: EntryId,
    kind: EntryKind,
    amount: Money,
    balance_after: Money,
    #[serde(default)]
    reservation_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    event_name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seats: Vec<ReservedSeat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withdrawal_id: Option<EntryId>,
    at: EpochMs,
    #[serde(skip_deserializing)]
    user_id: String,
    #[serde(skip_deserializing)]
    event_id: String,
}

impl EntryRecord {
    fn of(entry: &LedgerEntry, user: UserId) -> Self {
        let purchase = entry.purchase.as_ref();
        let id = purchase.map(|purchase| &purchase.reservation_id);
        Self {
            entry_id: entry.entry_id,
            kind: entry.kind,
            amount: entry.amount,
            balance_after: entry.balance_after,
            reservation_id: id.map(ToString::to_string).unwrap_or_default(),
            event_name: purchase
                .map(|purchase| purchase.event_name.clone())
                .unwrap_or_default(),
            seats: purchase
                .map(|purchase| purchase.seats.clone())
                .unwrap_or_default(),
            quantity: purchase.and_then(|purchase| purchase.quantity),
            withdrawal_id: entry.withdrawal_id,
            at: entry.at,
            user_id: user.to_string(),
            event_id: id.map(|id| id.event_id().to_string()).unwrap_or_default(),
        }
    }
}

pub(super) fn read_entry(item: Item) -> Result<LedgerEntry> {
    let record: EntryRecord = read_item(item)?;
    let purchase = match record.reservation_id.as_str() {
        "" => None,
        id => Some(Purchase {
            reservation_id: ReservationId::parse(id).map_err(StoreError::Unreadable)?,
            event_name: record.event_name,
            seats: record.seats,
            quantity: record.quantity,
        }),
    };
    Ok(LedgerEntry {
        entry_id: record.entry_id,
        kind: record.kind,
        amount: record.amount,
        balance_after: record.balance_after,
        purchase,
        withdrawal_id: record.withdrawal_id,
        at: record.at,
    })
}

/// An entry and its number.
pub(super) fn read_numbered_entry(item: Item) -> Result<(u64, LedgerEntry)> {
    let seq = text(&item, "sk")
        .strip_prefix(keys::LEDGER_PREFIX)
        .and_then(|seq| seq.parse().ok())
        .ok_or_else(|| StoreError::Unreadable("an entry without number".to_owned()))?;
    Ok((seq, read_entry(item)?))
}

/// Why a charge was not made.
#[derive(Debug)]
pub enum ChargeRefused {
    /// The key was used for another charge.
    KeyReused,
    /// The balance would exceed the ceiling.
    OverCeiling {
        balance: Money,
        ceiling: Money,
    },
    Store(StoreError),
}

impl From<StoreError> for ChargeRefused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Updates a wallet. The condition on the sequence number makes sure that nobody else has changed
/// it.
fn change_wallet(user: UserId, from: Wallet, to: Wallet) -> Write {
    let write = Write::update(
        keys::wallet(user),
        "SET #balance = :balance, #seq = :seq, #returnable = :returnable",
    )
    .bind(":balance", to.balance)
    .bind(":seq", to.seq)
    .bind(":returnable", to.returnable);
    if from.seq == 0 {
        write.when("attribute_not_exists(#pk)")
    } else {
        write.when("#seq = :former").bind(":former", from.seq)
    }
}

/// Writes the ledger entry of a change. Its number is the wallet's new one, so two changes cannot
/// have the same number.
fn put_entry(user: UserId, seq: u64, entry: &LedgerEntry) -> Write {
    let record = EntryRecord::of(entry, user);
    Write::put(keys::ledger_entry(user, seq), write_item(&record)).when_absent()
}

/// A step of a change: the wallet after it, and its ledger entry.
pub(super) struct Step {
    pub(super) to: Wallet,
    pub(super) entry: LedgerEntry,
}

/// The writes of a change: the wallet after the last step, and an entry for each. None if there is
/// no step.
pub(super) fn change(user: UserId, from: Wallet, steps: &[Step]) -> Vec<Write> {
    let wallet = steps.last().map(|last| change_wallet(user, from, last.to));
    let entries = steps
        .iter()
        .map(|step| put_entry(user, step.to.seq, &step.entry));
    wallet.into_iter().chain(entries).collect()
}

fn put_charge_key(key: Key, record: &ChargeRecord) -> Write {
    Write::put(key, write_item(record)).when_absent()
}

/// The number of attempts of a charge that conflicts with other changes of the wallet.
const ATTEMPTS: u32 = 8;

impl Store {
    /// The table's settings. `None` before the first catalogue.
    pub async fn settings(&self) -> Result<Option<Settings>> {
        self.get(&keys::settings(), Consistency::Strong).await
    }

    /// Writes the settings, which were read as `former`. The currency of a table cannot change, and
    /// nobody else may change the settings at the same time: returns `false` then.
    pub async fn put_settings(
        &self,
        settings: &Settings,
        former: Option<&Settings>,
        author: &Author,
    ) -> Result<bool> {
        if former == Some(settings) {
            return Ok(true);
        }
        let act = Act::ChangeSettings {
            currency: settings.currency.clone(),
            former_ceiling: former.map(|former| former.wallet_ceiling),
            ceiling: settings.wallet_ceiling,
        };
        let deed = Deed::one(author, act);
        let put = Write::put(keys::settings(), write_item(settings));
        let put = match former {
            None => put.when_absent(),
            Some(former) => put
                .when("#currency = :currency AND #walletCeiling = :former")
                .bind(":currency", settings.currency.to_string())
                .bind(":former", former.wallet_ceiling),
        };
        let result = self
            .transact(|now| {
                let mut writes = vec![put.clone()];
                writes.extend(deed.entries(None, now));
                (writes, ())
            })
            .await;
        match result {
            Ok(()) => Ok(true),
            Err(TransactionError::Refused(_)) => Ok(false),
            Err(TransactionError::Store(error)) => Err(error),
        }
    }

    /// A user's wallet. It is empty if it was never charged.
    pub async fn wallet(&self, user: UserId, consistency: Consistency) -> Result<Wallet> {
        let wallet = self.get(&keys::wallet(user), consistency).await?;
        Ok(wallet.unwrap_or_default())
    }

    /// Charges a wallet: updates wallet, ledger entry and charge key in one transaction. If the key
    /// was used before, the earlier charge is returned.
    pub async fn charge(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        amount: Money,
        ceiling: Money,
    ) -> std::result::Result<Charged, ChargeRefused> {
        let key_item = keys::charge_key(user, &key.sha256());
        let mut wallet = self.wallet(user, Consistency::Eventual).await?;
        for attempt in 1..=ATTEMPTS {
            let charged = match wallet.charged(amount, ceiling) {
                Ok(charged) => charged,
                Err(refusal) => {
                    return self.charge_refused(user, key_item, amount, refusal).await;
                }
            };
            let made = self
                .transact(|now| {
                    let record = ChargeRecord {
                        charge_id: EntryId::new(now),
                        amount,
                        balance: charged.balance,
                    };
                    let entry = LedgerEntry {
                        entry_id: record.charge_id,
                        kind: EntryKind::Charge,
                        amount,
                        balance_after: charged.balance,
                        purchase: None,
                        withdrawal_id: None,
                        at: now,
                    };
                    let mut writes = vec![put_charge_key(key_item.clone(), &record)];
                    let step = Step { to: charged, entry };
                    writes.extend(change(user, wallet, &[step]));
                    (writes, record)
                })
                .await;
            let verdicts = match made {
                Ok(record) => return Ok(Charged::Done(record)),
                Err(TransactionError::Store(error)) => return Err(error.into()),
                Err(TransactionError::Refused(verdicts)) => verdicts,
            };
            let mut verdicts = verdicts.into_iter();
            if let Some(Verdict::Refused(Some(former))) = verdicts.next() {
                return replay(&read_item(former)?, amount);
            }
            wallet = match verdicts.next() {
                Some(Verdict::Refused(Some(item))) => read_item(item)?,
                // The read was slightly outdated, or only the entry conflicted: read again with
                // strong consistency.
                _ => self.wallet(user, Consistency::Strong).await?,
            };
            back_off(attempt).await;
        }
        Err(StoreError::OwnConflict.into())
    }

    /// Handles a charge over the ceiling. A repeated request still returns the earlier charge, even
    /// if it would not be accepted now.
    async fn charge_refused(
        &self,
        user: UserId,
        key: Key,
        amount: Money,
        refusal: WalletRefusal,
    ) -> std::result::Result<Charged, ChargeRefused> {
        let former: Option<ChargeRecord> = self.get(&key, Consistency::Strong).await?;
        if let Some(former) = former.filter(|former| former.amount == amount) {
            return Ok(Charged::AlreadyDone(former));
        }
        // Never refuse because of an outdated read.
        let wallet = self.wallet(user, Consistency::Strong).await?;
        match refusal {
            WalletRefusal::OverCeiling { ceiling, .. }
                if wallet.charged(amount, ceiling).is_err() =>
            {
                Err(ChargeRefused::OverCeiling {
                    balance: wallet.balance,
                    ceiling,
                })
            }
            _ => Err(StoreError::OwnConflict.into()),
        }
    }

    /// One page of a wallet's ledger, newest first: entries before the number `before`.
    pub async fn ledger(
        &self,
        user: UserId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, LedgerEntry)>> {
        let mut query = super::client::Query::new(
            "#pk = :pk AND #sk BETWEEN :first AND :last",
            [
                (":pk", AttributeValue::S(keys::wallet_pk(user))),
                (":first", AttributeValue::S(keys::LEDGER_PREFIX.to_owned())),
                (
                    ":last",
                    AttributeValue::S(match before {
                        Some(seq) => keys::ledger_entry(user, seq.saturating_sub(1)).sk,
                        None => format!("{}~", keys::LEDGER_PREFIX),
                    }),
                ),
            ],
        );
        query.ascending = false;
        query.limit = i32::try_from(limit).ok();
        let page = self.query(&query, None).await?;
        page.items.into_iter().map(read_numbered_entry).collect()
    }
}

fn replay(former: &ChargeRecord, amount: Money) -> std::result::Result<Charged, ChargeRefused> {
    if former.amount == amount {
        Ok(Charged::AlreadyDone(*former))
    } else {
        Err(ChargeRefused::KeyReused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::event::Section;
    use domain::ids::{EventId, SeatNumber};

    #[test]
    fn every_placeholder_is_bound() {
        let user = UserId::random();
        let wallet = |seq| Wallet {
            balance: Money(5),
            seq,
            returnable: Money::ZERO,
        };
        let record = ChargeRecord {
            charge_id: EntryId::new(EpochMs(0)),
            amount: Money(5),
            balance: Money(5),
        };
        let entry = LedgerEntry {
            entry_id: record.charge_id,
            kind: EntryKind::Charge,
            amount: Money(5),
            balance_after: Money(5),
            purchase: None,
            withdrawal_id: None,
            at: EpochMs(0),
        };
        for write in [
            change_wallet(user, wallet(0), wallet(1)),
            change_wallet(user, wallet(1), wallet(2)),
            put_entry(user, 1, &entry),
            put_charge_key(keys::charge_key(user, "00"), &record),
        ] {
            write.check().unwrap();
        }
    }

    #[test]
    fn entries_of_this_and_of_older_versions_can_be_read() {
        let event = EventId::parse("e").unwrap();
        let section = Section::new("R", Money(5), SeatNumber(1), 9);
        let paid = |event_name: &str, seats: &[u32]| Purchase {
            reservation_id: ReservationId::new(event.clone(), None, EpochMs(7)),
            event_name: event_name.to_owned(),
            seats: seats
                .iter()
                .map(|seat| ReservedSeat::of(&section, SeatNumber(*seat)))
                .collect(),
            quantity: (!seats.is_empty()).then_some(2),
        };
        for purchase in [None, Some(paid("", &[])), Some(paid("E", &[4, 5]))] {
            let entry = LedgerEntry {
                entry_id: EntryId::new(EpochMs(7)),
                kind: EntryKind::Refund,
                amount: Money(5),
                balance_after: Money(9),
                purchase,
                withdrawal_id: None,
                at: EpochMs(7),
            };
            let item: Item = write_item(&EntryRecord::of(&entry, UserId::random()));
            assert_eq!(read_entry(item.clone()).unwrap(), entry);
            let mut older = item;
            older.retain(|name, value| {
                !matches!(name.as_str(), "userId" | "eventId") && value.as_s() != Ok(&String::new())
            });
            assert_eq!(read_entry(older).unwrap(), entry);
        }
    }
}
