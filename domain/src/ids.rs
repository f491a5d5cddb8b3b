//! Identifiers. They are parsed at the boundary and valid from then on.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::{Date, Month};
use uuid::Uuid;

use crate::clock::EpochMs;

/// Why a text is not a valid identifier, as a sentence for the sender.
pub type Malformed = String;

/// An event's id: `[a-z0-9-]{1,64}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId(String);

impl EventId {
    /// The maximum length in bytes.
    pub const MAX_LEN: usize = 64;

    /// Parses an id.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err("an event id has 1 to 64 characters: a-z, 0-9 and -".to_owned())
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EventId {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text)
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user: a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(Uuid);

impl UserId {
    /// Parses a UUID in its canonical form: 36 characters with hyphens, in upper or lower case.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() != 36 {
            return Err("a user id is a UUID of 36 characters".to_owned());
        }
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| "a user id is a UUID of 36 characters".to_owned())
    }

    /// The id's 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// A new, unguessable user id.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl From<Uuid> for UserId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl TryFrom<String> for UserId {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The key of a date: a day, or a day and a time if several performances take place on that day.
/// Its order is that of its text form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DateKey {
    day: Date,
    /// Minutes since midnight.
    minute: Option<u16>,
}

const MINUTES_A_DAY: u32 = 1440;

impl DateKey {
    /// Parses `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM`, from 1970 on.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Self::read(text).ok_or_else(|| {
            "a date is YYYY-MM-DD, or YYYY-MM-DDTHH:MM if the day has several performances"
                .to_owned()
        })
    }

    fn read(text: &str) -> Option<Self> {
        let (day, minute) = match text.split_once('T') {
            Some((day, time)) => (day, Some(read_minute(time)?)),
            None => (text, None),
        };
        Some(Self {
            day: read_day(day)?,
            minute,
        })
    }

    /// The date of a day, without a time.
    #[must_use]
    pub fn on_day(day: Date) -> Self {
        Self { day, minute: None }
    }

    /// Whether its day is not before the day of `day`.
    #[must_use]
    pub fn is_from(self, day: Self) -> bool {
        self.day >= day.day
    }

    /// Whether it has no time of day.
    #[must_use]
    pub fn is_whole_day(self) -> bool {
        self.minute.is_none()
    }

    fn to_u32(self) -> u32 {
        let days = u32::try_from(self.day.to_julian_day() - UNIX_EPOCH_JULIAN).unwrap_or(0);
        days * (MINUTES_A_DAY + 1) + self.minute.map_or(0, |m| u32::from(m) + 1)
    }

    fn from_u32(packed: u32) -> Option<Self> {
        let days = i32::try_from(packed / (MINUTES_A_DAY + 1)).ok()?;
        let day = Date::from_julian_day(days.checked_add(UNIX_EPOCH_JULIAN)?).ok()?;
        let rest = packed % (MINUTES_A_DAY + 1);
        let minute = match rest.checked_sub(1) {
            Some(minute) => Some(u16::try_from(minute).ok()?),
            None => None,
        };
        Some(Self { day, minute })
    }
}

/// The Julian day number of 1970-01-01.
const UNIX_EPOCH_JULIAN: i32 = 2_440_588;

fn digits<const N: usize>(text: &str) -> Option<u16> {
    (text.len() == N && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn read_day(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let year = digits::<4>(parts.next()?)?;
    let month = digits::<2>(parts.next()?)?;
    let day = digits::<2>(parts.next()?)?;
    if parts.next().is_some() || year < 1970 {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()
}

fn read_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (digits::<2>(hour)?, digits::<2>(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

impl TryFrom<String> for DateKey {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text)
    }
}

impl From<DateKey> for String {
    fn from(date: DateKey) -> Self {
        date.to_string()
    }
}

impl fmt::Display for DateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.day.to_calendar_date();
        write!(f, "{year:04}-{:02}-{day:02}", u8::from(month))?;
        match self.minute {
            Some(minute) => write!(f, "T{:02}:{:02}", minute / 60, minute % 60),
            None => Ok(()),
        }
    }
}

/// A seat of a date. The numbering starts at 1 and continues through all sections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeatNumber(pub u32);

impl fmt::Display for SeatNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A position in a lane's order of calling, counted from 1. Lower ranks are called first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rank(pub u64);

impl Rank {
    /// The following rank.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lane of an event's queue, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(pub u8);

impl Lane {
    /// The first lane, and the only lane of most queues.
    pub const FIRST: Self = Self(0);
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A reservation's id. It contains the key of the reservation's item (event, date and time of
/// creation), so that no index is needed. 74 random bits make it unguessable.
///
/// The id consists of 16 bytes of a UUID version 7, 4 bytes of date, and the event id, in URL-safe
/// base64.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReservationId {
    event_id: EventId,
    date: Option<DateKey>,
    unique: Uuid,
}

/// The four date bytes of a general-admission reservation.
const NO_DATE: u32 = u32::MAX;

impl ReservationId {
    /// A new id for a reservation made at `now`.
    #[must_use]
    pub fn new(event_id: EventId, date: Option<DateKey>, now: EpochMs) -> Self {
        Self {
            event_id,
            date,
            unique: uuid_v7(now),
        }
    }

    /// Parses an id.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Self::read(text).ok_or_else(|| "not a reservation id".to_owned())
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (unique, rest) = bytes.split_first_chunk::<16>()?;
        let (date, event_id) = rest.split_first_chunk::<4>()?;
        let date = match u32::from_be_bytes(*date) {
            NO_DATE => None,
            packed => Some(DateKey::from_u32(packed)?),
        };
        let id = Self {
            event_id: EventId::parse(std::str::from_utf8(event_id).ok()?).ok()?,
            date,
            unique: Uuid::from_bytes(*unique),
        };
        // Only the canonical spelling is valid.
        (id.to_string() == text).then_some(id)
    }

    /// The event that the tickets are for.
    #[must_use]
    pub fn event_id(&self) -> &EventId {
        &self.event_id
    }

    /// The date. `None` for general admission.
    #[must_use]
    pub fn date(&self) -> Option<DateKey> {
        self.date
    }

    /// When the reservation was made.
    #[must_use]
    pub fn created_at(&self) -> EpochMs {
        let millis = self.unique.as_u128() >> 80;
        EpochMs(i64::try_from(millis).unwrap_or(0))
    }
}

impl TryFrom<String> for ReservationId {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text)
    }
}

impl From<ReservationId> for String {
    fn from(id: ReservationId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(20 + EventId::MAX_LEN);
        bytes.extend_from_slice(self.unique.as_bytes());
        let date = self.date.map_or(NO_DATE, DateKey::to_u32);
        bytes.extend_from_slice(&date.to_be_bytes());
        bytes.extend_from_slice(self.event_id.as_str().as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn uuid_v7(now: EpochMs) -> Uuid {
    let millis = u64::try_from(now.0).unwrap_or(0);
    let random: [u8; 10] = *Uuid::new_v4().as_bytes().last_chunk().unwrap_or(&[0; 10]);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The id of a ledger entry: a charge's `chargeId`, a payment's `paymentId`, or the id of a refund.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(Uuid);

impl EntryId {
    /// A new id for an entry made at `now`.
    #[must_use]
    pub fn new(now: EpochMs) -> Self {
        Self(uuid_v7(now))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn event_ids_are_lower_case_letters_digits_and_hyphens() {
        for good in ["a", "winter-live", "2026", &"x".repeat(64)] {
            assert_eq!(EventId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Winter", "a b", "a_b", "é", "a#b", &"x".repeat(65)] {
            assert!(EventId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_user_id_is_a_hyphenated_uuid_in_either_case() {
        let id = "4F2504E0-4F89-41D3-9A0C-0305E82C3301";
        assert_eq!(
            UserId::parse(id).unwrap().to_string(),
            id.to_ascii_lowercase()
        );
        for bad in ["", "4F2504E04F8941D39A0C0305E82C3301", "not-a-uuid"] {
            assert!(UserId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_date_is_a_day_or_a_day_and_a_time() {
        for good in [
            "2026-12-24",
            "2026-12-24T19:00",
            "1970-01-01",
            "9999-12-31T23:59",
        ] {
            assert_eq!(DateKey::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "2026-13-01",
            "2026-02-30",
            "26-12-24",
            "2026-12-24T24:00",
            "2026-12-24T19:60",
            "2026-12-24T1900",
            "2026-12-24 19:00",
            "+026-12-24",
            "2026-12-24T19:00:00",
            "1969-12-31",
        ] {
            assert!(DateKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_longest_event_id_still_fits_a_reservation_id() {
        let event = EventId::parse(&"x".repeat(64)).unwrap();
        let date = DateKey::parse("9999-12-31T23:59").unwrap();
        let id = ReservationId::new(event, Some(date), EpochMs(1_793_000_000_000));
        assert!(id.to_string().len() <= 128);
        assert_eq!(ReservationId::parse(&id.to_string()), Ok(id));
    }

    proptest! {
        #[test]
        fn a_reservation_id_says_where_the_reservation_is(
            event in "[a-z0-9-]{1,64}",
            day in 0..2_932_896_i32,
            minute in proptest::option::of(0..1440_u16),
            dated: bool,
            now in 0..EpochMs::MAX.0,
        ) {
            let event = EventId::parse(&event).unwrap();
            let day = Date::from_julian_day(UNIX_EPOCH_JULIAN + day).unwrap();
            let date = dated.then_some(DateKey { day, minute });
            let id = ReservationId::new(event.clone(), date, EpochMs(now));
            let read = ReservationId::parse(&id.to_string()).unwrap();
            prop_assert_eq!(read.event_id(), &event);
            prop_assert_eq!(read.date(), date);
            prop_assert_eq!(read.created_at(), EpochMs(now));
        }

        #[test]
        fn parsing_any_text_never_panics(text in ".{0,140}") {
            let _ = ReservationId::parse(&text);
            let _ = DateKey::parse(&text);
            let _ = UserId::parse(&text);
            let _ = EventId::parse(&text);
        }

        #[test]
        fn dates_are_ordered_as_they_are_written(a in 0..40_000_u32, b in 0..40_000_u32, m in 0..1440_u16, t: bool) {
            let at = |day: u32, minute| DateKey {
                day: Date::from_julian_day(UNIX_EPOCH_JULIAN + i32::try_from(day).unwrap()).unwrap(),
                minute,
            };
            let (x, y) = (at(a, t.then_some(m)), at(b, None));
            prop_assert_eq!(x.cmp(&y), x.to_string().cmp(&y.to_string()));
        }
    }
}
