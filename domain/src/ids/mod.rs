//! Identifiers. They are parsed at the boundary and valid from then on.

mod date_key;
mod reservation_id;

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::EpochMs;

pub use date_key::DateKey;
pub use reservation_id::ReservationId;

/// Why a text is not a valid identifier, as a sentence for the sender.
pub type Malformed = String;

/// A text of people on one line: 1 to `most` characters, without control characters. Spaces around it are removed.
pub(crate) fn one_line(text: &str, most: usize) -> Result<String, Malformed> {
    let text = text.trim();
    let fits = (1..=most).contains(&text.chars().count());
    if fits && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!("must be 1 to {most} characters on one line"))
    }
}

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
        canonical_uuid(text)
            .map(Self)
            .ok_or_else(|| "a user id is a UUID of 36 characters".to_owned())
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

/// A UUID with hyphens. The parser would accept other forms, too.
fn canonical_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
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

    /// The id of the charge that a user makes with a key. The same key always gives the same id.
    #[must_use]
    pub fn of_charge(user: UserId, key_sha256: &str) -> Self {
        Self(Uuid::new_v5(&user.0, key_sha256.as_bytes()))
    }

    /// The id of the withdrawal that is a numbered entry of a user's ledger.
    #[must_use]
    pub fn of_withdrawal(user: UserId, number: u64) -> Self {
        Self(Uuid::new_v5(
            &user.0,
            format!("withdrawal {number}").as_bytes(),
        ))
    }

    /// Parses a UUID in its canonical form: 36 characters with hyphens, in upper or lower case.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        canonical_uuid(text)
            .map(Self)
            .ok_or_else(|| "must be a UUID of 36 characters".to_owned())
    }
}

impl From<Uuid> for EntryId {
    fn from(id: Uuid) -> Self {
        Self(id)
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

    proptest! {
        #[test]
        fn parsing_any_text_never_panics(text in ".{0,140}") {
            let _ = ReservationId::parse(&text);
            let _ = DateKey::parse(&text);
            let _ = UserId::parse(&text);
            let _ = EventId::parse(&text);
        }
    }
}
