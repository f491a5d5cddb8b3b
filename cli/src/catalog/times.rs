//! Times as a catalogue states them: with an offset, or at the venue.

use domain::clock::EpochMs;
use domain::ids::DateKey;
use domain::profile::TimeZoneName;
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::Deserialize;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

const DAY_AND_TIME: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day]T[hour]:[minute][optional [:[second]]]"
);
const TIME_OF_DAY: &[BorrowedFormatItem<'_>] =
    format_description!(version = 2, "[hour]:[minute][optional [:[second]]]");

/// The venue's time zone.
#[derive(Clone)]
pub(crate) struct Zone {
    pub(crate) name: TimeZoneName,
    rules: TimeZone,
}

impl Zone {
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "`{name}` is not a time zone of the IANA database, such as Asia/Seoul or Europe/Berlin"
            )
        };
        let rules = TimeZone::get(name).map_err(|_| unknown())?;
        let name = TimeZoneName(rules.iana_name().ok_or_else(unknown)?.to_owned());
        Ok(Self { name, rules })
    }

    /// The moment at which the venue's clocks show a time.
    fn moment(&self, local: PrimitiveDateTime) -> Result<OffsetDateTime, String> {
        let name = &self.name.0;
        let unknown = || format!("is not a time in {name}");
        let civil = civil::DateTime::new(
            i16::try_from(local.year()).map_err(|_| unknown())?,
            u8::from(local.month()).cast_signed(),
            local.day().cast_signed(),
            local.hour().cast_signed(),
            local.minute().cast_signed(),
            local.second().cast_signed(),
            0,
        )
        .map_err(|_| unknown())?;
        let offset = match self.rules.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { .. } => {
                return Err(format!(
                    "does not exist in {name}: clocks are put forward past it"
                ));
            }
            AmbiguousOffset::Fold { before, after } => {
                return Err(format!(
                    "occurs twice in {name}, because clocks are put back: add an offset, {before} or {after}"
                ));
            }
        };
        let offset = UtcOffset::from_whole_seconds(offset.seconds()).map_err(|_| unknown())?;
        Ok(local.assume_offset(offset))
    }

    /// What the venue's clocks show at a moment.
    pub(crate) fn local(&self, at: EpochMs) -> Option<PrimitiveDateTime> {
        let moment = jiff::Timestamp::from_millisecond(at.0).ok()?;
        let offset = self.rules.to_offset(moment).seconds();
        let local = at
            .to_utc()
            .to_offset(UtcOffset::from_whole_seconds(offset).ok()?);
        Some(PrimitiveDateTime::new(local.date(), local.time()))
    }
}

/// A time as it is written.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(try_from = "String")]
pub(crate) enum WrittenTime {
    /// `2026-12-24T19:00:00+09:00`
    Moment(OffsetDateTime),
    /// `2026-12-24T19:00:00`, at the venue.
    AtVenue(PrimitiveDateTime),
    /// `19:00:00+09:00`
    TimeOfDay(Time, UtcOffset),
    /// `19:00:00`, at the venue.
    TimeOfDayAtVenue(Time),
}

impl TryFrom<String> for WrittenTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let of_any_day = || OffsetDateTime::parse(&format!("2000-01-01T{text}"), &Rfc3339);
        if let Ok(moment) = OffsetDateTime::parse(&text, &Rfc3339) {
            Ok(Self::Moment(moment))
        } else if let Ok(local) = PrimitiveDateTime::parse(&text, DAY_AND_TIME) {
            Ok(Self::AtVenue(local))
        } else if let Ok(time) = of_any_day() {
            Ok(Self::TimeOfDay(time.time(), time.offset()))
        } else if let Ok(time) = Time::parse(&text, TIME_OF_DAY) {
            Ok(Self::TimeOfDayAtVenue(time))
        } else {
            Err(
                "must be a time: 2026-12-24T19:00:00+09:00; with a timeZone also 2026-12-24T19:00:00"
                    .to_owned(),
            )
        }
    }
}

/// The day of a time that is written without one.
#[derive(Clone, Copy)]
pub(crate) enum DayOfTime {
    /// There is none: the time must have its own.
    Own,
    On(Date),
    /// This many days after the event was first applied, at the venue or in the time's offset. The
    /// time must not have its own day.
    After {
        days: i64,
        first_applied_at: EpochMs,
    },
}

impl DayOfTime {
    fn day(self, in_offset: impl Fn(EpochMs) -> Option<Date>) -> Result<Date, String> {
        match self {
            Self::Own => Err("needs a day: 2026-12-24T19:00:00".to_owned()),
            Self::On(day) => Ok(day),
            Self::After {
                days,
                first_applied_at,
            } => in_offset(first_applied_at)
                .and_then(|day| day.checked_add(Duration::days(days)))
                .ok_or_else(|| "is too far in the future".to_owned()),
        }
    }
}

/// A time with the day and the time that the venue's clocks show, or, if the event has no time zone,
/// those in the offset in which it is written.
#[derive(Clone, Copy)]
pub(crate) struct ResolvedTime {
    pub(crate) at: EpochMs,
    pub(crate) local: PrimitiveDateTime,
}

impl ResolvedTime {
    /// Whether a date's key names the day, and the time if it has one.
    pub(crate) fn is_on(&self, date: DateKey) -> bool {
        date.is_of(self.local)
    }
}

impl WrittenTime {
    /// The moment. `zone` is the event's time zone.
    pub(crate) fn resolve(
        self,
        day: DayOfTime,
        zone: Option<&Zone>,
    ) -> Result<ResolvedTime, String> {
        let at_venue = || {
            zone.ok_or_else(|| {
                "needs an offset, such as +09:00, because the event has no timeZone".to_owned()
            })
        };
        if matches!(self, Self::Moment(_) | Self::AtVenue(_))
            && matches!(day, DayOfTime::After { .. })
        {
            return Err(
                "must be a time of day, such as 19:00:00+09:00, because the date is relative"
                    .to_owned(),
            );
        }
        let moment = match self {
            Self::Moment(moment) => moment,
            Self::AtVenue(local) => at_venue()?.moment(local)?,
            Self::TimeOfDay(time, offset) => {
                let day = day.day(|at| Some(at.to_utc().to_offset(offset).date()))?;
                PrimitiveDateTime::new(day, time).assume_offset(offset)
            }
            Self::TimeOfDayAtVenue(time) => {
                let zone = at_venue()?;
                let day = day.day(|at| Some(zone.local(at)?.date()))?;
                zone.moment(PrimitiveDateTime::new(day, time))?
            }
        };
        let at = EpochMs::from_time(moment)?;
        let local = match zone {
            Some(zone) => zone.local(at).ok_or("is too far in the future")?,
            None => PrimitiveDateTime::new(moment.date(), moment.time()),
        };
        Ok(ResolvedTime { at, local })
    }
}
