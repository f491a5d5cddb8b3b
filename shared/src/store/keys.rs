//! All keys of the tables. docs/DATA-MODEL.md lists the items.

use super::expression::Key;
use domain::access_code::CodeHash;
use domain::charge::OrderId;
use domain::clock::EpochMs;
use domain::history::Sample;
use domain::ids::{DateKey, EntryId, EventId, Lane, Rank, ReservationId, SeatNumber, UserId};
use domain::image::ImageName;
use domain::withdrawal::WithdrawalKey;

fn key(pk: String, sk: impl Into<String>) -> Key {
    Key { pk, sk: sk.into() }
}

/// The catalogue: all events.
pub(super) const CATALOG: &str = "CATALOG";

pub(super) fn catalog_entry(event: &EventId) -> Key {
    key(CATALOG.to_owned(), event_pk(event))
}

pub(super) fn settings() -> Key {
    key("SETTINGS".to_owned(), "TABLE")
}

pub(super) fn event_pk(event: &EventId) -> String {
    format!("EVENT#{event}")
}

pub(super) const META: &str = "META";
pub(super) const DATE_PREFIX: &str = "DATE#";

pub(super) fn event(event: &EventId) -> Key {
    key(event_pk(event), META)
}

pub(super) fn date(event: &EventId, date: DateKey) -> Key {
    key(event_pk(event), format!("{DATE_PREFIX}{date}"))
}

/// An event's long texts. They have a partition key of their own, so that reading an event with its
/// dates does not read them.
pub(super) fn texts(event: &EventId) -> Key {
    key(format!("TEXTS#{event}"), "TEXTS")
}

/// One size of an event's picture.
pub(super) fn image(event: &EventId, name: &ImageName) -> Key {
    key(format!("IMAGE#{event}"), name.to_string())
}

pub(super) fn seats_pk(event: &EventId, date: DateKey, section: &str) -> String {
    format!("SEATS#{event}#{date}#{section}")
}

pub(super) fn seat(event: &EventId, date: DateKey, section: &str, seat: SeatNumber) -> Key {
    key(
        seats_pk(event, date, section),
        format!("{SEAT_PREFIX}{:05}", seat.0),
    )
}

const SEAT_PREFIX: &str = "SEAT#";

pub(super) fn seat_of_sk(sk: &str) -> Option<SeatNumber> {
    sk.strip_prefix(SEAT_PREFIX)?.parse().ok().map(SeatNumber)
}

pub(super) fn seat_map(event: &EventId, date: DateKey, section: &str) -> Key {
    key(format!("SEATMAP#{event}#{date}#{section}"), "MAP")
}

pub(super) fn stock(event: &EventId, shard: u32) -> Key {
    key(format!("STOCK#{event}#{shard}"), "STOCK")
}

pub(super) fn head(event: &EventId, lane: Lane) -> Key {
    key(format!("QUEUE#{event}#{lane}"), "HEAD")
}

pub(super) fn promotion_claim(event: &EventId, lane: Lane) -> Key {
    key(format!("PROMOTE#{event}#{lane}"), "CLAIM")
}

pub(super) fn sessions_pk(event: &EventId, lane: Lane) -> String {
    format!("SESSIONS#{event}#{lane}")
}

pub(super) fn rank_sk(rank: Rank) -> String {
    format!("{:012}", rank.0)
}

pub(super) fn session(event: &EventId, lane: Lane, rank: Rank) -> Key {
    key(sessions_pk(event, lane), rank_sk(rank))
}

pub(super) fn departures_pk(event: &EventId, lane: Lane) -> String {
    format!("DEPARTED#{event}#{lane}")
}

/// The departure mark of a number.
pub(super) fn departure(event: &EventId, lane: Lane, number: u64) -> Key {
    key(departures_pk(event, lane), format!("{number:012}"))
}

pub(super) fn number_of_departure(sk: &str) -> Option<u64> {
    sk.parse().ok()
}

pub(super) fn user_pk(user: UserId) -> String {
    format!("USER#{user}")
}

pub(super) const ENTRY_PREFIX: &str = "ENTRY#";

pub(super) fn queue_entry(user: UserId, event: &EventId) -> Key {
    key(user_pk(user), format!("{ENTRY_PREFIX}{event}"))
}

/// The codes of an event are under this many keys, so that none of them takes all writes.
pub(super) const CODE_SHARDS: u8 = 16;

pub(super) fn codes_pk(event: &EventId, shard: u8) -> String {
    format!("CODES#{event}#{shard:x}")
}

/// A code, by its hash, whose first digit is its shard.
pub(super) fn code(event: &EventId, hash: &CodeHash) -> Key {
    let hash = hash.as_str();
    key(
        format!("CODES#{event}#{}", hash.get(..1).unwrap_or_default()),
        hash,
    )
}

pub(super) const USED_CODE_PREFIX: &str = "CODE#";

/// How the sort keys of the codes of an event that a user has used begin.
pub(super) fn used_codes_prefix(event: &EventId) -> String {
    format!("{USED_CODE_PREFIX}{event}#")
}

/// That a user has used a code of an event.
pub(super) fn used_code(user: UserId, event: &EventId, hash: &CodeHash) -> Key {
    key(user_pk(user), used_codes_prefix(event) + hash.as_str())
}

pub(super) const RESERVATION_PREFIX: &str = "RESERVATION#";

/// A user's reservation for an event and date; there is at most one.
pub(super) fn reservation(user: UserId, event: &EventId, date: Option<DateKey>) -> Key {
    let date = date.map(|date| date.to_string()).unwrap_or_default();
    key(user_pk(user), format!("{RESERVATION_PREFIX}{event}#{date}"))
}

pub(super) const ARCHIVE_PREFIX: &str = "ARCHIVE#";

/// Where an ended reservation is archived when another one replaces it. Both parts of the key
/// follow from its id.
pub(super) fn archive(user: UserId, id: &ReservationId) -> Key {
    key(user_pk(user), archive_sk(id.created_at(), &id.to_string()))
}

pub(super) fn archive_sk(created_at: EpochMs, id: &str) -> String {
    format!("{ARCHIVE_PREFIX}{:015}#{id}", created_at.0)
}

pub(super) fn wallet_pk(user: UserId) -> String {
    format!("WALLET#{user}")
}

/// The user in the partition key of an own item or of a wallet.
pub(super) fn user_of_pk(pk: &str) -> Option<&str> {
    pk.strip_prefix("USER#")
        .or_else(|| pk.strip_prefix("WALLET#"))
}

/// Whether only requests of one user write the item in transactions: queue entry, reservations,
/// wallet and ledger, and the session, which belongs to a rank.
pub(super) fn is_of_one_user(key: &Key) -> bool {
    ["USER#", "WALLET#", "SESSIONS#"]
        .iter()
        .any(|prefix| key.pk.starts_with(prefix))
}

pub(super) const BALANCE: &str = "BALANCE";

pub(super) fn wallet(user: UserId) -> Key {
    key(wallet_pk(user), BALANCE)
}

/// The sort key of an item that is numbered as its ledger entry. Such keys sort by number.
pub(super) fn numbered_sk(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:012}")
}

pub(super) const LEDGER_PREFIX: &str = "LEDGER#";

pub(super) fn ledger_entry(user: UserId, seq: u64) -> Key {
    key(wallet_pk(user), numbered_sk(LEDGER_PREFIX, seq))
}

pub(super) const CHARGE_KEY_PREFIX: &str = "IDEMPOTENCY#";

pub(super) fn charge_key(user: UserId, sha256: &str) -> Key {
    key(wallet_pk(user), format!("{CHARGE_KEY_PREFIX}{sha256}"))
}

pub(super) const CHARGE_PREFIX: &str = "CHARGE#";

/// A charge that a payment provider confirms.
pub(super) fn charge(order: OrderId) -> Key {
    key(
        wallet_pk(order.user_id),
        format!("{CHARGE_PREFIX}{}", order.charge_id),
    )
}

pub(super) const WITHDRAWAL_PREFIX: &str = "WITHDRAWAL#";

/// A withdrawal, by the number of its entry.
pub(super) fn withdrawal(withdrawal: WithdrawalKey) -> Key {
    key(
        wallet_pk(withdrawal.user_id),
        numbered_sk(WITHDRAWAL_PREFIX, withdrawal.number),
    )
}

pub(super) const WITHDRAWAL_KEY_PREFIX: &str = "WITHDRAWAL_KEY#";

/// What a user has asked to withdraw with a key.
pub(super) fn withdrawal_request(user: UserId, sha256: &str) -> Key {
    key(wallet_pk(user), format!("{WITHDRAWAL_KEY_PREFIX}{sha256}"))
}

/// Open charges and withdrawals are listed under this many keys, so that none of them takes all writes.
pub(super) const DUE_SHARDS: u8 = 16;

pub(super) fn due_pk(shard: u8) -> String {
    format!("DUE#{shard:x}")
}

/// A charge or withdrawal that has to be asked for. The first digit of its id, which is random, is
/// its shard.
pub(super) fn due(id: EntryId) -> Key {
    let id = id.to_string();
    key(format!("DUE#{}", &id[..1]), id)
}

/// A link to another device, by the hash of its code.
pub(super) fn device_link(sha256: &str) -> Key {
    key(format!("{LINK_PREFIX}{sha256}"), "CODE")
}

/// The link of a user that can be used.
pub(super) fn open_link(user: UserId) -> Key {
    key(format!("{LINK_PREFIX}{user}"), "OPEN")
}

const LINK_PREFIX: &str = "LINK#";

/// The journal of an event, or of acts on the whole table.
pub(super) fn journal_pk(event: Option<&EventId>) -> String {
    match event {
        Some(event) => format!("JOURNAL#{event}"),
        None => "JOURNAL#".to_owned(),
    }
}

/// How the keys of the journal's entries of a moment begin. They sort by time.
pub(super) fn journal_time(at: EpochMs) -> String {
    format!("{:015}", at.0.max(0))
}

pub(super) fn journal_entry(event: Option<&EventId>, at: EpochMs, random: u64) -> Key {
    key(
        journal_pk(event),
        format!("{}#{random:016x}", journal_time(at)),
    )
}

/// The history of an event's sale.
pub(super) fn history_pk(event: &EventId) -> String {
    format!("HISTORY#{event}")
}

/// The sample of the minute of a time. Such keys sort by time.
pub(super) fn sample(event: &EventId, at: EpochMs) -> Key {
    key(history_pk(event), journal_time(Sample::minute_of(at)))
}

/// A notice of changed plans of an event. Notices sort by time.
pub(super) fn notice(event: &EventId, at: EpochMs, random: u64) -> Key {
    key(
        format!("NOTICE#{event}"),
        format!("{}#{random:016x}", journal_time(at)),
    )
}

/// All signing keys, in their own table.
pub(super) const SIGNING_KEYS: &str = "SIGNING";

pub(super) fn signing_key(kid: &str) -> Key {
    key(SIGNING_KEYS.to_owned(), kid)
}

/// The public keys of OpenID Connect issuers, in the table of signing keys.
pub(super) fn issuer_keys(issuer: &str) -> Key {
    key("ISSUER".to_owned(), issuer)
}
