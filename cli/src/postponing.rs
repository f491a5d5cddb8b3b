//! Moves a performance to another time, with its tickets: one write, which every ticket follows.

use anyhow::Result;
use domain::clock::EpochMs;
use domain::event::{Admission, EventDate, Programme};
use domain::ids::{DateKey, EventId};
use domain::journal::Author;
use domain::plans::{Postponement, Postponements};
use domain::queue::Control;
use shared::store::Store;
use time::PrimitiveDateTime;

use crate::catalog::times::{DayOfTime, ResolvedTime, WrittenTime, Zone};
use crate::replanning::{self, Replanned};

const MS_A_DAY: i64 = 24 * 3_600_000;

/// The new time as an operator writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewTime(Written);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    /// Another day, at the same time of day.
    Day(DateKey),
    Time(WrittenTime),
}

impl NewTime {
    /// Reads `2027-01-09`, `2027-01-09T20:00`, `20:00` or `2027-01-09T20:00:00+09:00`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match DateKey::parse(text) {
            Ok(day) if day.is_whole_day() => Ok(Self(Written::Day(day))),
            Ok(_) | Err(_) => {
                let time = WrittenTime::try_from(text.to_owned())?;
                Ok(Self(Written::Time(time)))
            }
        }
    }

    /// The moment, and its day at the venue. `start` and `day` are those of the performance now; the day
    /// is unknown for general admission without a time zone.
    fn resolve(
        self,
        start: EpochMs,
        day: Option<DateKey>,
        zone: Option<&Zone>,
    ) -> Result<(EpochMs, DateKey), String> {
        let at = |time: ResolvedTime| (time.at, DateKey::on_day(time.local.date()));
        let local = zone.and_then(|zone| zone.local(start));
        let today = local.map(PrimitiveDateTime::date).or(day.map(DateKey::day));
        match (self.0, zone, local) {
            (Written::Time(time), _, _) => {
                let own = today.map_or(DayOfTime::Own, DayOfTime::On);
                time.resolve(own, zone).map(at)
            }
            (Written::Day(to), Some(_), Some(local)) => {
                let moved = PrimitiveDateTime::new(to.day(), local.time());
                WrittenTime::AtVenue(moved)
                    .resolve(DayOfTime::Own, zone)
                    .map(at)
            }
            (Written::Day(to), _, _) => {
                let today = today
                    .ok_or("needs a time with an offset, because the event has no timeZone")?;
                let days = to.day().to_julian_day() - today.to_julian_day();
                let by = i64::from(days) * MS_A_DAY;
                Ok((start.plus_ms(by), to))
            }
        }
    }
}

/// What is moved, to when, and until when everything is given back to those who cannot come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    pub event: EventId,
    /// None for general admission.
    pub date: Option<DateKey>,
    pub to: NewTime,
    pub returns_until: Option<EpochMs>,
}

/// Postpones by one transaction. Repeating it changes nothing. Refused, with the reason, if it makes no
/// sense.
pub async fn postpone(store: &Store, wanted: &Wanted, author: &Author) -> Result<Replanned> {
    let now = store.clock().now();
    replanning::replan(store, &wanted.event, author, |programme| {
        postponed(programme, wanted, now)
    })
    .await
}

fn postponed(programme: &Programme, wanted: &Wanted, now: EpochMs) -> Result<Control, String> {
    let event = &programme.event;
    let date = performance(programme, wanted.date)?;
    if event.cancelled_at(wanted.date).is_some() {
        return Err("it is cancelled".to_owned());
    }
    let start = programme
        .starts_at(wanted.date)
        .ok_or("it has no start that could be moved")?;
    let zone = event.terms.profile.time_zone.as_ref();
    let zone = zone.map(|name| Zone::named(&name.0)).transpose()?;
    let (to, day) = wanted
        .to
        .resolve(
            start,
            date.map(|date| programme.day_of(date)),
            zone.as_ref(),
        )
        .map_err(|reason| format!("--to: {reason}"))?;
    let control = event.control.clone();
    let former = control.postponements(wanted.date);
    let is_postponed = former.is_some_and(|former| !former.is_empty());
    if to == start && !is_postponed {
        return Err("--to: it starts then already".to_owned());
    }
    if to <= now {
        return Err("--to: must be in the future".to_owned());
    }
    let is_too_often = former.is_some_and(|former| former.iter().count() >= Postponements::MOST);
    if to != start && is_too_often {
        return Err(format!(
            "it has been postponed {} times, and cannot be again",
            Postponements::MOST
        ));
    }
    if let Some(until) = wanted.returns_until {
        if until > to {
            return Err("--returns-until: must not be later than the new start".to_owned());
        }
        let is_known = former.is_some_and(|former| former.returns_until() == Some(until));
        if until <= now && !is_known {
            return Err("--returns-until: must be in the future".to_owned());
        }
    }
    let control = control.postponed(
        wanted.date,
        Postponement {
            at: now,
            from: start,
            to,
            day,
            returns_until: wanted.returns_until,
        },
    );
    let after = programme.clone().under(control.clone());
    let after = after.map_err(|_| "its start is not what its postponements say")?;
    let terms = &after.event.terms;
    match (terms.opens_at, terms.last_start) {
        (Some(opens), Some(last)) if opens >= last => Err(format!(
            "--to: must be later than the opening of the sale, {opens}"
        )),
        _ => Ok(control),
    }
}

/// The date that is moved; none for general admission.
fn performance(programme: &Programme, date: Option<DateKey>) -> Result<Option<&EventDate>, String> {
    match (date, &programme.event.terms.admission) {
        (Some(key), Admission::Seated) => {
            let date = programme.dates.get(&key);
            date.map(Some)
                .ok_or_else(|| format!("there is no date {key}"))
        }
        (None, Admission::General { .. }) => Ok(None),
        (None, Admission::Seated) => Err("say which of its dates".to_owned()),
        (Some(_), Admission::General { .. }) => {
            Err("it has no dates: its admission is general".to_owned())
        }
    }
}
