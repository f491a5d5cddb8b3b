//! The ids of reservations.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DateKey, EventId, Malformed, uuid_v7};
use crate::clock::EpochMs;

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        fn a_reservation_id_contains_its_parts(
            event in "[a-z0-9-]{1,64}",
            day in 0..2_932_896_u32,
            minute in proptest::option::of(0..1440_u32),
            dated: bool,
            now in 0..EpochMs::MAX.0,
        ) {
            let event = EventId::parse(&event).unwrap();
            let packed = day * 1441 + minute.map_or(0, |minute| minute + 1);
            let date = dated.then(|| DateKey::from_u32(packed).unwrap());
            let id = ReservationId::new(event.clone(), date, EpochMs(now));
            let read = ReservationId::parse(&id.to_string()).unwrap();
            prop_assert_eq!(read.event_id(), &event);
            prop_assert_eq!(read.date(), date);
            prop_assert_eq!(read.created_at(), EpochMs(now));
        }
    }
}
