//! The keys of dates.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::{Date, Month, PrimitiveDateTime};

use super::Malformed;

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

    /// Whether it names this day, and this time of day if it has one.
    #[must_use]
    pub fn is_of(self, start: PrimitiveDateTime) -> bool {
        let minute = u16::from(start.hour()) * 60 + u16::from(start.minute());
        self.day == start.date() && self.minute.is_none_or(|own| own == minute)
    }

    /// Its day.
    #[must_use]
    pub fn day(self) -> Date {
        self.day
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

    pub(super) fn to_u32(self) -> u32 {
        let days = u32::try_from(self.day.to_julian_day() - UNIX_EPOCH_JULIAN).unwrap_or(0);
        days * (MINUTES_A_DAY + 1) + self.minute.map_or(0, |m| u32::from(m) + 1)
    }

    pub(super) fn from_u32(packed: u32) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn dates_have_the_order_of_their_text_form(a in 0..40_000_u32, b in 0..40_000_u32, m in 0..1440_u16, t: bool) {
            let at = |day: u32, minute| DateKey {
                day: Date::from_julian_day(UNIX_EPOCH_JULIAN + i32::try_from(day).unwrap()).unwrap(),
                minute,
            };
            let (x, y) = (at(a, t.then_some(m)), at(b, None));
            prop_assert_eq!(x.cmp(&y), x.to_string().cmp(&y.to_string()));
        }
    }
}
