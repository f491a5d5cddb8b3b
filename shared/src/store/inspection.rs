//! Reads for the audit. They cover the whole table, and report items that they cannot read as findings.

use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use super::charges::read_charge;
use super::client::{Consistency, PageStart, Query, Store};
use super::codes::UsedCode;
use super::error::{Result, store_error};
use super::expression::Key;
use super::item::{Item, read_item, text};
use super::lookup::SCANNED_AT_ONCE;
use super::queue::read_opened_session;
use super::reservations::read_reservation;
use super::seats::read_claim;
use super::wallets::read_entry;
use super::withdrawals::{WithdrawalRequest, read_withdrawal};
use super::{ChargeRecord, keys};
use domain::access_code::CodeHash;
use domain::charge::OrderId;
use domain::ids::{DateKey, EventId, Lane, Rank, SeatNumber, UserId};
use domain::invariants::{Finding, Invariant, OpenedSession, RememberedCharge, Stored, UserItems};
use domain::queue::QueueEntry;
use domain::reservation::Reservation;
use domain::seats::Claim;
use domain::wallet::Wallet;

/// What the audit checks as a whole.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    User(UserId),
    Section(EventId, DateKey, String),
    /// An item of no known kind, by its key.
    Unknown(Invariant, String),
}

/// One page of the table.
pub struct SubjectPage {
    /// The items of the page.
    pub items: u64,
    /// Their subjects, repeatedly. Lanes and stock are not among them: they are found by their events.
    pub subjects: Vec<Subject>,
    pub next: Option<PageStart>,
}

/// A user's items.
pub struct InspectedUser {
    pub items: UserItems,
    pub entries: Vec<(EventId, Stored<QueueEntry>)>,
    /// The codes that the user has used.
    pub used_codes: Vec<(EventId, CodeHash)>,
    /// Items that cannot be read.
    pub unreadable: Vec<Finding>,
}

/// A claim of a section.
pub struct InspectedClaim {
    pub key: String,
    pub seat: SeatNumber,
    pub claim: Claim,
    pub has_ttl: bool,
}

/// One page of a lane's sessions.
pub struct SessionPage {
    pub sessions: Vec<(Rank, OpenedSession)>,
    /// Sessions that cannot be read.
    pub unreadable: Vec<Finding>,
    pub next: Option<PageStart>,
}

/// What a finding says that was expected of an item that cannot be read.
pub const READABLE: &str = "an item that this version writes";

fn name(key: &Key) -> String {
    format!("{} {}", key.pk, key.sk)
}

/// The keys of items that may be missing, as a finding names them.
#[must_use]
pub fn event_key(event: &EventId) -> String {
    name(&keys::event(event))
}

#[must_use]
pub fn charge_key(order: OrderId) -> String {
    name(&keys::charge(order))
}

#[must_use]
pub fn head_key(event: &EventId, lane: Lane) -> String {
    name(&keys::head(event, lane))
}

/// The first of the keys under which an event's codes are.
#[must_use]
pub fn codes_key(event: &EventId) -> String {
    keys::codes_pk(event, 0)
}

#[must_use]
pub fn code_key(event: &EventId, hash: &CodeHash) -> String {
    name(&keys::code(event, hash))
}

#[must_use]
pub fn sessions_key(event: &EventId, lane: Lane) -> String {
    keys::sessions_pk(event, lane)
}

#[must_use]
pub fn first_stock_key(event: &EventId) -> String {
    name(&keys::stock(event, 0))
}

/// An item's key, as a finding names it.
fn name_of(item: &Item) -> String {
    format!("{} {}", text(item, "pk"), text(item, "sk"))
}

fn subject_of(item: &Item) -> Option<Subject> {
    let pk = text(item, "pk");
    let (kind, rest) = pk.split_once('#').unwrap_or((pk, ""));
    let unknown = |invariant| Some(Subject::Unknown(invariant, name_of(item)));
    match kind {
        "USER" | "WALLET" => match UserId::parse(rest) {
            Ok(user) => Some(Subject::User(user)),
            Err(_) => unknown(Invariant::OneReservation),
        },
        "SEATS" => {
            let mut parts = rest.splitn(3, '#');
            let event = EventId::parse(parts.next().unwrap_or_default());
            let date = DateKey::parse(parts.next().unwrap_or_default());
            match (event, date, parts.next()) {
                (Ok(event), Ok(date), Some(section)) => {
                    Some(Subject::Section(event, date, section.to_owned()))
                }
                _ => unknown(Invariant::OneOwner),
            }
        }
        "SESSIONS" | "QUEUE" | "STOCK" | "EVENT" | "TEXTS" | "IMAGE" | "CATALOG" | "SETTINGS"
        | "SEATMAP" | "PROMOTE" | "DEPARTED" | "LINK" | "DUE" | "JOURNAL" | "HISTORY" | "CODES"
        | "NOTICE" => None,
        _ => unknown(Invariant::OneReservation),
    }
}

/// Reads items, and collects findings for those that it cannot read.
#[derive(Default)]
struct Reader {
    unreadable: Vec<Finding>,
}

impl Reader {
    fn read_by<T>(
        &mut self,
        invariant: Invariant,
        item: Item,
        read: impl FnOnce(Item) -> Result<T>,
    ) -> Option<Stored<T>> {
        let key = name_of(&item);
        match read(item) {
            Ok(value) => Some(Stored { key, value }),
            Err(error) => {
                let finding = Finding::new(invariant, key, READABLE, error.to_string());
                self.unreadable.push(finding);
                None
            }
        }
    }

    fn read<T: DeserializeOwned>(&mut self, invariant: Invariant, item: Item) -> Option<Stored<T>> {
        self.read_by(invariant, item, read_item)
    }

    fn unknown(&mut self, invariant: Invariant, item: &Item) {
        let finding = Finding::new(invariant, name_of(item), READABLE, UNKNOWN);
        self.unreadable.push(finding);
    }

    /// An item under `USER#`.
    fn read_own(
        &mut self,
        item: Item,
        user: &mut UserItems,
        entries: &mut Vec<(EventId, Stored<QueueEntry>)>,
        used_codes: &mut Vec<(EventId, CodeHash)>,
    ) {
        let sk = text(&item, "sk").to_owned();
        if let Some(code) = sk.strip_prefix(keys::USED_CODE_PREFIX) {
            let code = code.split_once('#').and_then(|(event, hash)| {
                Some((EventId::parse(event).ok()?, CodeHash::read(hash)?))
            });
            match code {
                Some(code) => {
                    let record = self.read::<UsedCode>(Invariant::Queue, item);
                    used_codes.extend(record.map(|_| code));
                }
                None => self.unknown(Invariant::Queue, &item),
            }
            return;
        }
        if let Some(event) = sk.strip_prefix(keys::ENTRY_PREFIX) {
            if let Ok(event) = EventId::parse(event) {
                let entry = self.read(Invariant::Queue, item);
                entries.extend(entry.map(|entry| (event, entry)));
            } else {
                self.unknown(Invariant::Queue, &item);
            }
            return;
        }
        let invariant = Invariant::OneReservation;
        let reservations = if sk.starts_with(keys::RESERVATION_PREFIX) {
            &mut user.reservations
        } else if sk.starts_with(keys::ARCHIVE_PREFIX) {
            &mut user.archived
        } else {
            self.unknown(invariant, &item);
            return;
        };
        reservations.extend(self.read_by(invariant, item, read_reservation));
    }

    /// An item under `WALLET#`.
    fn read_money(&mut self, item: Item, user: &mut UserItems) {
        let sk = text(&item, "sk").to_owned();
        let invariant = Invariant::Money;
        if sk == keys::BALANCE {
            user.wallet = self.read::<Wallet>(invariant, item);
        } else if let Some(seq) = sk.strip_prefix(keys::LEDGER_PREFIX) {
            let entry = self.read_by(invariant, item, read_entry);
            let seq = seq.parse().unwrap_or(0);
            user.ledger.extend(entry.map(|entry| (seq, entry)));
        } else if sk.starts_with(keys::CHARGE_PREFIX) {
            let charge = self.read_by(invariant, item, read_charge);
            user.provider_charges.extend(charge);
        } else if sk.starts_with(keys::WITHDRAWAL_PREFIX) {
            let withdrawal = self.read_by(invariant, item, read_withdrawal);
            user.withdrawals.extend(withdrawal);
        } else if sk.starts_with(keys::WITHDRAWAL_KEY_PREFIX) {
            // It only answers repeated requests.
            let _ = self.read::<WithdrawalRequest>(invariant, item);
        } else if sk.starts_with(keys::CHARGE_KEY_PREFIX) {
            let charge = self.read::<ChargeRecord>(invariant, item);
            user.charges.extend(charge.map(|charge| Stored {
                key: charge.key,
                value: RememberedCharge {
                    charge_id: charge.value.charge_id,
                    amount: charge.value.amount,
                    balance: charge.value.balance,
                },
            }));
        } else {
            self.unknown(invariant, &item);
        }
    }
}

/// What a finding says that was found, for an item of no known kind.
pub const UNKNOWN: &str = "an unknown kind of item";

fn all_under(pk: String) -> Query<'static> {
    Query::new("#pk = :pk", [(":pk", AttributeValue::S(pk))]).consistency(Consistency::Strong)
}

impl Store {
    /// The approximate number of items. DynamoDB updates it every six hours.
    pub async fn item_count(&self) -> Result<u64> {
        let answer = self
            .client
            .describe_table()
            .table_name(&self.tables.main)
            .send()
            .await
            .map_err(store_error)?;
        let count = answer.table.and_then(|table| table.item_count);
        Ok(count
            .and_then(|count| u64::try_from(count).ok())
            .unwrap_or(0))
    }

    /// The subjects of one page of the table.
    pub async fn scan_subjects(&self, start: Option<PageStart>) -> Result<SubjectPage> {
        let answer = self
            .client
            .scan()
            .table_name(&self.tables.main)
            .projection_expression("pk, sk")
            .limit(SCANNED_AT_ONCE)
            .set_exclusive_start_key(start.map(|start| start.0))
            .send()
            .await
            .map_err(store_error)?;
        let items = answer.items.unwrap_or_default();
        Ok(SubjectPage {
            items: items.len() as u64,
            subjects: items.iter().filter_map(subject_of).collect(),
            next: PageStart::of(answer.last_evaluated_key),
        })
    }

    /// All of a user's items.
    pub async fn inspect_user(&self, user: UserId) -> Result<InspectedUser> {
        let own = self.query_all(&all_under(keys::user_pk(user))).await?;
        let money = self.query_all(&all_under(keys::wallet_pk(user))).await?;
        let mut reader = Reader::default();
        let mut entries = Vec::new();
        let mut used_codes = Vec::new();
        let mut items = UserItems {
            wallet_key: name(&keys::wallet(user)),
            ..UserItems::default()
        };
        for item in own {
            reader.read_own(item, &mut items, &mut entries, &mut used_codes);
        }
        for item in money {
            reader.read_money(item, &mut items);
        }
        Ok(InspectedUser {
            items,
            entries,
            used_codes,
            unreadable: reader.unreadable,
        })
    }

    /// A user's current and archived reservations, except those that cannot be read.
    pub async fn readable_reservations(&self, user: UserId) -> Result<Vec<Reservation>> {
        let is_reservation = |item: &Item| {
            let sk = text(item, "sk");
            sk.starts_with(keys::RESERVATION_PREFIX) || sk.starts_with(keys::ARCHIVE_PREFIX)
        };
        let items = self.query_all(&all_under(keys::user_pk(user))).await?;
        Ok(items
            .into_iter()
            .filter(is_reservation)
            .filter_map(|item| read_reservation(item).ok())
            .collect())
    }

    /// The claims of a reservation's seats. One that cannot be read counts as none; its section reports it.
    pub async fn claims_of(
        &self,
        reservation: &Reservation,
    ) -> Result<Vec<(SeatNumber, Option<Claim>)>> {
        let Some(date) = reservation.date() else {
            return Ok(Vec::new());
        };
        let event = reservation.event_id();
        let mut claims = Vec::new();
        for seat in &reservation.seats {
            let key = keys::seat(event, date, &seat.section, seat.seat_number);
            let item = self.get_item(&key, Consistency::Strong).await?;
            let claim = item.and_then(|item| read_claim(item).ok());
            claims.push((seat.seat_number, claim));
        }
        Ok(claims)
    }

    /// The claims of a section, and findings for those that cannot be read.
    pub async fn inspect_claims(
        &self,
        event: &EventId,
        date: DateKey,
        section: &str,
    ) -> Result<(Vec<InspectedClaim>, Vec<Finding>)> {
        let section = all_under(keys::seats_pk(event, date, section));
        let mut reader = Reader::default();
        let mut claims = Vec::new();
        for item in self.query_all(&section).await? {
            let has_ttl = item.contains_key("ttl");
            let seat = keys::seat_of_sk(text(&item, "sk")).unwrap_or(SeatNumber(0));
            if let Some(claim) = reader.read_by(Invariant::OneOwner, item, read_claim) {
                claims.push(InspectedClaim {
                    key: claim.key,
                    seat,
                    claim: claim.value,
                    has_ttl,
                });
            }
        }
        Ok((claims, reader.unreadable))
    }

    /// One page of a lane's sessions. There is one for every rank that was called within a day.
    pub async fn inspect_sessions(
        &self,
        event: &EventId,
        lane: Lane,
        start: Option<PageStart>,
    ) -> Result<SessionPage> {
        let lane = all_under(keys::sessions_pk(event, lane));
        let page = self.query(&lane, start.map(|start| start.0)).await?;
        let mut reader = Reader::default();
        let mut sessions = Vec::new();
        for item in page.items {
            match u64::from_str(text(&item, "sk")) {
                Ok(rank) => {
                    let session = reader.read_by(Invariant::Queue, item, read_opened_session);
                    sessions.extend(session.map(|session| (Rank(rank), session.value)));
                }
                Err(_) => reader.unknown(Invariant::Queue, &item),
            }
        }
        Ok(SessionPage {
            sessions,
            unreadable: reader.unreadable,
            next: page.next.map(PageStart),
        })
    }
}
