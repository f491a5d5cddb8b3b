//! A catalogue as it is written: the fields of each map, and the types of single values.

use std::fmt;

use domain::event::RefundTo;
use domain::ids::{DateKey, EventId};
use domain::money::{Currency, Money};
use domain::queue::{Lanes, Order, Reissue, TokenEndsOn};
use domain::seating::From;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::fees::{Percent, TaxNumber};
use super::presales::WrittenPhase;
use super::texts::{WrittenText, is_https};
use super::times::WrittenTime;
use super::yaml::{Field, Map, OneOrList, Scalar};
use crate::output::is_hidden;

/// The highest `maxActive` and `batchSize`.
pub const MAX_ACTIVE_LIMIT: i64 = 100_000;
/// Seats of one date. Seat numbers are stored with five digits, and a reservation is one transaction.
pub(super) const MAX_SEATS: i64 = 50_000;
/// Tickets of a general-admission event.
pub(super) const MAX_TICKETS: i64 = 10_000_000;
const MAX_NAME_LENGTH: usize = 200;
const MAX_SECTION_NAME_LENGTH: usize = 40;
pub(super) const MAX_ROW_LABEL_LENGTH: usize = 8;
const MAX_SEAT_LABEL: i64 = 99_999;
/// For `+30d` and the like: ten years.
const MAX_DAYS_AHEAD: i64 = 3650;
/// A week.
const MAX_DURATION_MINUTES: i64 = 10_080;
const SECONDS_PER_DAY: i64 = 86_400;

pub(super) type Value<T> = Field<Scalar<T>>;
pub(super) type Values<T> = Field<Vec<Field<Scalar<T>>>>;
pub(super) type List<T> = Field<Vec<Field<Map<T>>>>;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawCatalog {
    pub(super) currency: Value<Currency>,
    pub(super) wallet_ceiling: Value<Amount<1>>,
    /// This and the two below: of all events that name no organizer themselves.
    pub(super) organizer: Value<Name>,
    pub(super) organizer_tax_number: Value<TaxNumber>,
    pub(super) organizer_address: Value<Name>,
    pub(super) events: List<RawEvent>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawEvent {
    pub(super) event_id: Value<EventId>,
    pub(super) name: Value<Name>,
    pub(super) venue: Value<Name>,
    pub(super) currency: Value<Currency>,
    pub(super) max_seats_per_user: Value<Whole<1, 20>>,
    pub(super) fees: Field<Map<RawFees>>,
    pub(super) tax_rate_percent: Value<Percent>,
    pub(super) hold_seconds: Value<Seconds>,
    pub(super) payment_seconds: Value<Whole<60, 3600>>,
    pub(super) cancel_until_hours: Value<Whole<0, 8760>>,
    pub(super) refund_to: Value<RefundTo>,
    pub(super) partial_returns: Value<bool>,
    pub(super) hidden: Value<bool>,
    pub(super) artists: Field<Vec<Field<Scalar<Name>>>>,
    pub(super) city: Value<Name>,
    pub(super) address: Value<Name>,
    pub(super) time_zone: Value<String>,
    pub(super) organizer: Value<Name>,
    pub(super) organizer_tax_number: Value<TaxNumber>,
    pub(super) organizer_address: Value<Name>,
    pub(super) age_limit: Value<Whole<1, 99>>,
    pub(super) duration_minutes: Value<Whole<1, MAX_DURATION_MINUTES>>,
    pub(super) image: Field<Map<RawImage>>,
    pub(super) description: Field<WrittenText>,
    pub(super) terms: Field<WrittenText>,
    pub(super) opens_at: Value<Opening>,
    /// Events with an opening only.
    pub(super) presales: List<RawPresale>,
    pub(super) closes_at: Value<WrittenTime>,
    pub(super) queue: Field<Map<RawQueue>>,
    pub(super) admission: Value<AdmissionWord>,
    /// Seated events only.
    pub(super) dates: List<RawDate>,
    /// This and the following: general admission only.
    pub(super) total_tickets: Value<Whole<1, MAX_TICKETS>>,
    pub(super) price: Value<Amount<0>>,
    pub(super) date: Value<Day>,
    pub(super) starts_at: Value<WrittenTime>,
    pub(super) doors_open_at: Value<WrittenTime>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawPresale {
    pub(super) name: Value<WrittenPhase>,
    pub(super) opens_at: Value<Opening>,
    /// The general opening, if it is not there.
    pub(super) closes_at: Value<Opening>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawFees {
    pub(super) per_ticket: Value<Amount<0>>,
    pub(super) per_order: Value<Amount<0>>,
    pub(super) refundable: Value<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawImage {
    pub(super) file: Value<PictureSource>,
    pub(super) alt: Field<WrittenText>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawQueue {
    pub(super) strategy: Value<StrategyWord>,
    pub(super) batch_size: Value<Whole<1, MAX_ACTIVE_LIMIT>>,
    pub(super) batch_seconds: Value<Seconds>,
    pub(super) max_active: Value<Whole<1, MAX_ACTIVE_LIMIT>>,
    pub(super) session_seconds: Value<Seconds>,
    pub(super) grace_seconds: Value<Seconds>,
    pub(super) reissue: Value<Reissue>,
    pub(super) token_ends_on: Value<TokenEndsOn>,
    pub(super) order: Value<Order>,
    pub(super) beacon: Value<Name>,
    pub(super) lanes: Value<Whole<1, { Lanes::MOST as i64 }>>,
    pub(super) overbook_percent: Value<Whole<0, 100>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawDate {
    pub(super) date: Value<Day>,
    /// A time of day if `date` is relative.
    pub(super) starts_at: Value<WrittenTime>,
    pub(super) doors_open_at: Value<WrittenTime>,
    pub(super) sections: List<RawSection>,
    /// This and `price`: for a date without sections.
    pub(super) seats: Value<Whole<1, MAX_SEATS>>,
    pub(super) price: Value<Amount<0>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawSection {
    pub(super) name: Value<SectionName>,
    pub(super) seats: Value<Whole<1, MAX_SEATS>>,
    pub(super) price: Value<Amount<0>>,
    /// The number of rows, or the seats of each row.
    pub(super) rows: Field<OneOrList<Whole<1, MAX_SEATS>>>,
    pub(super) row_labels: Field<OneOrList<RowLabel>>,
    pub(super) numbering: Field<Map<RawNumbering>>,
    pub(super) aisles: Values<Whole<1, MAX_SEATS>>,
    pub(super) drawing: Field<Map<RawDrawing>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawDrawing {
    pub(super) x: Value<Offset>,
    pub(super) y: Value<Offset>,
    pub(super) rotate: Value<Whole<-180, 180>>,
    pub(super) curve: Value<Whole<0, 360>>,
}

/// In seats.
pub(super) type Offset = Whole<-1_000, 1_000>;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawNumbering {
    pub(super) from: Value<From>,
    pub(super) start: Value<Whole<1, MAX_SEAT_LABEL>>,
    pub(super) skip: Values<Whole<1, MAX_SEAT_LABEL>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase", expecting = "seated or general")]
pub(super) enum AdmissionWord {
    Seated,
    General,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase", expecting = "slots or batch")]
pub(super) enum StrategyWord {
    Slots,
    Batch,
}

/// Checks a name: any text that is visible and has one reading, of at most `most` characters. Joiners are allowed, because
/// Hindi and Persian need them, but a name must not consist of them.
pub(super) fn check_name(text: &str, most: usize) -> Result<(), String> {
    let is_blank = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'
            )
    };
    if !(1..=most).contains(&text.chars().count()) || text.chars().all(is_blank) {
        Err(format!("must have 1 to {most} characters"))
    } else if text.chars().any(is_hidden) {
        Err(
            "must not contain control characters, line breaks, or characters that change the direction of the text"
                .to_owned(),
        )
    } else {
        Ok(())
    }
}

/// A name, a venue or the source of a random value, without the white space around it.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Name(pub(super) String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        check_name(text, MAX_NAME_LENGTH)?;
        Ok(Self(text.to_owned()))
    }
}

/// Where a picture is.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(try_from = "String")]
pub enum PictureSource {
    /// Relative to the folder of the catalogue.
    File(String),
    /// An https address.
    Url(String),
}

impl TryFrom<String> for PictureSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.contains("://") {
            if is_https(&text) {
                Ok(Self::Url(text))
            } else {
                Err("must be a file, or an https address".to_owned())
            }
        } else {
            check_name(&text, MAX_NAME_LENGTH)?;
            Ok(Self::File(text))
        }
    }
}

/// The name of a section, without the white space around it. It is part of keys and of the API's query parameters.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct SectionName(pub(super) String);

impl TryFrom<String> for SectionName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        check_name(text, MAX_SECTION_NAME_LENGTH)?;
        Ok(Self(text.to_owned()))
    }
}

/// The label of a row, or a range of labels such as `A-H`: a text or a number.
pub(super) struct RowLabel(pub(super) String);

impl<'de> Deserialize<'de> for RowLabel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RowLabelVisitor)
    }
}

struct RowLabelVisitor;

impl Visitor<'_> for RowLabelVisitor {
    type Value = RowLabel;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label, or a range such as A-H")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let text = text.trim();
        check_name(text, 2 * MAX_ROW_LABEL_LENGTH + 1).map_err(E::custom)?;
        Ok(RowLabel(text.to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }
}

/// When a sale opens.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Opening {
    At(WrittenTime),
    /// `+10m`: this many seconds after the event was first applied.
    After(i64),
}

impl TryFrom<String> for Opening {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some(relative) = text.strip_prefix('+') else {
            return WrittenTime::try_from(text).map(Self::At);
        };
        [('s', 1), ('m', 60), ('h', 3_600), ('d', SECONDS_PER_DAY)]
            .into_iter()
            .find_map(|(unit, seconds)| Some((relative.strip_suffix(unit)?, seconds)))
            .and_then(|(count, seconds)| i64::from(count.parse::<u32>().ok()?).checked_mul(seconds))
            .filter(|seconds| *seconds <= MAX_DAYS_AHEAD * SECONDS_PER_DAY)
            .map(Self::After)
            .ok_or_else(|| {
                "must be a time, or the time since the event was first applied: +10m, in seconds (s), minutes (m), hours (h) or days (d)".to_owned()
            })
    }
}

/// The key of a date.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Day {
    On(DateKey),
    /// `+30d`: this many days after the event was first applied.
    After(i64),
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let relative = text
            .strip_prefix('+')
            .and_then(|rest| rest.strip_suffix('d'));
        let Some(days) = relative else {
            return DateKey::parse(&text).map(Self::On).map_err(|message| {
                format!("{message}; or +30d: 30 days after the event was first applied")
            });
        };
        days.parse()
            .ok()
            .filter(|days| (0..=MAX_DAYS_AHEAD).contains(days))
            .map(Self::After)
            .ok_or_else(|| format!("must be +0d to +{MAX_DAYS_AHEAD}d"))
    }
}

pub(super) type Seconds = Whole<1, SECONDS_PER_DAY>;
pub(super) type Amount<const MIN: i64> = Whole<MIN, { Money::MAX.0 }>;

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy)]
pub(super) struct Whole<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Whole<MIN, MAX> {
    pub(super) fn count(self) -> u32 {
        // The limits of everything that is counted are far below.
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    pub(super) fn signed(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }

    pub(super) fn money(self) -> Money {
        Money(self.0)
    }
}

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(WholeVisitor)
    }
}

struct WholeVisitor<const MIN: i64, const MAX: i64>;

impl<const MIN: i64, const MAX: i64> Visitor<'_> for WholeVisitor<MIN, MAX> {
    type Value = Whole<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        if (MIN..=MAX).contains(&number) {
            Ok(Whole(number))
        } else {
            Err(E::invalid_value(Unexpected::Signed(number), &self))
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }
}
