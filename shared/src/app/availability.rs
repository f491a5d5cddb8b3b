//! Availability: the seats of sections, and counts per date and event.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::stream::{StreamExt, TryStreamExt, iter};

use super::App;
use super::cache::Cache;
use domain::block::Channel;
use domain::clock::{EpochMs, SKEW_MS};
use domain::event::{Admission, Event, EventDate, Programme, SaleState, Section};
use domain::ids::{DateKey, EventId, SeatNumber, UserId};
use domain::money::Money;
use domain::refusal::Refusal;
use domain::seating::{Place, Plan};
use domain::seats::{SeatMap, SeatStatus};

/// By event, date and section.
pub(super) type SeatMapCache = Cache<(EventId, DateKey, String), SeatMap>;

/// The maximum age of counts, for up to `MOST_REBUILDS` sections.
const SEAT_MAP_MS: i64 = 1_000;
/// Up to this many seats are listed live. More are listed from the seat maps of their sections,
/// because reading 50,000 claims would cost a thousand read units.
pub const MOST_LIVE_SEATS: u32 = 500;
/// A request rebuilds at most this many seat maps, so that an event of hundreds of dates does not
/// take hundreds of writes.
const MOST_REBUILDS: usize = 64;
/// The number of sections that are read concurrently.
const SECTIONS_AT_ONCE: usize = 8;

/// How old seat maps may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Freshness {
    /// The maximum age of up to `most_rebuilds` maps, in milliseconds.
    max_age_ms: i64,
    /// At most this many of an event are rebuilt for a request.
    most_rebuilds: usize,
}

impl Freshness {
    /// For people who look.
    pub const LIVE: Self = Self {
        max_age_ms: SEAT_MAP_MS,
        most_rebuilds: MOST_REBUILDS,
    };
    /// For what is asked once a minute, whether anybody looks or not: an event of many sections costs no more than one of
    /// eight.
    pub const FOR_HISTORY: Self = Self {
        max_age_ms: 30_000,
        most_rebuilds: 8,
    };

    /// The maximum age of the maps of this many sections. So all of them together are rebuilt no faster than
    /// `most_rebuilds` in `max_age_ms`.
    fn max_age_ms(self, sections: usize) -> i64 {
        let rounds = sections.div_ceil(self.most_rebuilds).max(1);
        i64::try_from(rounds).map_or(i64::MAX, |rounds| rounds.saturating_mul(self.max_age_ms))
    }
}

/// A section of a date whose seat map is wanted.
#[derive(Clone, Copy)]
struct MapOf<'a> {
    date: DateKey,
    section: &'a Section,
    /// A map that was built from then on is final.
    final_from: EpochMs,
}

impl<'a> MapOf<'a> {
    fn new(event: &Event, date: &EventDate, section: &'a Section) -> Self {
        // After the start, nothing is held or cancelled, and the last holds can be paid.
        let last_payment = date.starts_at.plus_seconds(event.terms.hold_seconds);
        Self {
            date: date.date,
            section,
            final_from: last_payment.plus_ms(SKEW_MS),
        }
    }

    fn each(event: &Event, dates: impl IntoIterator<Item = &'a EventDate>) -> Vec<Self> {
        dates
            .into_iter()
            .flat_map(|date| date.sections.iter().map(|s| Self::new(event, date, s)))
            .collect()
    }

    fn key(&self, event: &EventId) -> (EventId, DateKey, String) {
        (event.clone(), self.date, self.section.name.clone())
    }

    /// Whether the map is of this section, and young enough or final.
    fn accepts(&self, map: &SeatMap, now: EpochMs, max_age_ms: i64) -> bool {
        let age = map.built_at.age_at(now);
        let is_young = age.is_some_and(|age| age < max_age_ms);
        map.seats() == self.section.seats && (is_young || map.built_at >= self.final_from)
    }
}

/// The number of free seats of a date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DateAvailability {
    pub date: DateKey,
    pub starts_at: EpochMs,
    pub total_seats: u32,
    /// The free seats of each section, in their order. Held and blocked seats count as taken.
    pub available: Vec<u32>,
}

impl DateAvailability {
    /// The free seats of all sections.
    #[must_use]
    pub fn available_seats(&self) -> u32 {
        self.available.iter().sum()
    }
}

/// The seats of a section, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SectionSeats {
    pub section: Section,
    pub statuses: Vec<SeatStatus>,
}

/// A seat as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatOnSale {
    pub seat_number: SeatNumber,
    pub section: String,
    pub place: Place,
    pub price: Money,
    pub status: SeatStatus,
}

impl SectionSeats {
    /// Each seat with the details that buyers see.
    pub fn seats(&self) -> impl Iterator<Item = SeatOnSale> + '_ {
        let plan = Plan::of(&self.section);
        self.section
            .seat_numbers()
            .zip(&self.statuses)
            .map(move |(seat, status)| SeatOnSale {
                seat_number: seat,
                section: self.section.name.clone(),
                place: plan.place(seat),
                price: self.section.price,
                status: *status,
            })
    }
}

/// The sales of a section of a date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SectionSales {
    pub sold: u32,
    pub held: u32,
    pub blocked: u32,
    /// What was paid for the sold seats, whatever they cost now.
    pub revenue: Money,
}

/// Refuses events without numbered seats.
pub fn check_seated(event: &Event) -> Result<(), Refusal> {
    match event.terms.admission {
        Admission::Seated => Ok(()),
        Admission::General { .. } => Err(Refusal::WrongAdmission),
    }
}

/// Refuses if the sale has closed. Then even admitted users cannot do anything.
pub fn check_not_closed(event: &Event, now: EpochMs) -> Result<(), Refusal> {
    match event.sale_state(now) {
        _ if event.is_cancelled() => Err(Refusal::EventCancelled),
        SaleState::Closed => Err(Refusal::NotOpen("the sale is closed")),
        SaleState::NotOpen | SaleState::Paused | SaleState::Open => Ok(()),
    }
}

impl App {
    /// The availability of these dates, in their order. It is at most a second old, and older in
    /// proportion if there are more than `MOST_REBUILDS` sections.
    pub async fn availability(
        &self,
        event: &Event,
        dates: impl IntoIterator<Item = &EventDate>,
        now: EpochMs,
    ) -> Result<Vec<DateAvailability>, Refusal> {
        let dates: Vec<&EventDate> = dates.into_iter().collect();
        let sections = MapOf::each(event, dates.iter().copied());
        let mut maps = self
            .seat_maps(&event.event_id, &sections, now, Freshness::LIVE)
            .await?
            .into_iter();
        Ok(dates
            .into_iter()
            .map(|date| DateAvailability {
                date: date.date,
                starts_at: date.starts_at,
                total_seats: date.total_seats(),
                available: maps
                    .by_ref()
                    .take(date.sections.len())
                    .map(|map| map.available())
                    .collect(),
            })
            .collect())
    }

    /// What was sold of each section of these dates, in their order. It is as old as `freshness` says.
    pub async fn section_sales(
        &self,
        event: &Event,
        dates: impl IntoIterator<Item = &EventDate>,
        now: EpochMs,
        freshness: Freshness,
    ) -> Result<Vec<SectionSales>, Refusal> {
        let sections = MapOf::each(event, dates);
        let maps = self
            .seat_maps(&event.event_id, &sections, now, freshness)
            .await?;
        Ok(maps
            .iter()
            .map(|map| SectionSales {
                sold: map.count(SeatStatus::Sold),
                held: map.count(SeatStatus::Held),
                blocked: map.count(SeatStatus::Blocked),
                revenue: map.revenue(),
            })
            .collect())
    }

    /// The total and remaining tickets or seats of an event, of the dates that take place and have not
    /// begun; and the availability of all dates, in the order of their starts.
    pub async fn tickets_left(
        &self,
        programme: &Programme,
        now: EpochMs,
    ) -> Result<(u32, u32, Vec<DateAvailability>), Refusal> {
        let event = &programme.event;
        match event.terms.admission {
            Admission::General {
                total_tickets,
                stock_shards,
                ..
            } => {
                let left = self.stock_left(&event.event_id, stock_shards, now).await?;
                Ok((total_tickets, left, Vec::new()))
            }
            Admission::Seated => {
                let dates = self
                    .availability(event, programme.dates_by_start(), now)
                    .await?;
                let held: BTreeSet<DateKey> = programme.held_dates().map(|it| it.date).collect();
                let held = dates.iter().filter(|date| held.contains(&date.date));
                let total = held.clone().map(|date| date.total_seats).sum();
                let left = held
                    .filter(|date| date.starts_at > now)
                    .map(DateAvailability::available_seats)
                    .sum();
                Ok((total, left, dates))
            }
        }
    }

    /// The seats of sections of a date: live if they are few, otherwise at most a second old. A blocked seat is available to a `user`
    /// who has opened its channel.
    pub async fn section_seats(
        &self,
        event: &Event,
        date: &EventDate,
        sections: Vec<Section>,
        user: Option<UserId>,
        now: EpochMs,
    ) -> Result<Vec<SectionSeats>, Refusal> {
        let seats: u32 = sections.iter().map(|section| section.seats).sum();
        let mut statuses = if seats > MOST_LIVE_SEATS {
            self.statuses_by_map(event, date, &sections, now).await?
        } else {
            self.statuses_by_claims(event, date, &sections, now).await?
        };
        let is_blocked = |statuses: &Vec<SeatStatus>| statuses.contains(&SeatStatus::Blocked);
        if let Some(user) = user
            && statuses.iter().any(is_blocked)
        {
            let channels = Box::pin(self.store.channels(user, &event.event_id)).await?;
            if !channels.is_empty() {
                for (section, statuses) in sections.iter().zip(&mut statuses) {
                    if is_blocked(statuses) {
                        Box::pin(self.open_seats(event, date, section, &channels, statuses, now))
                            .await?;
                    }
                }
            }
        }
        Ok(sections
            .into_iter()
            .zip(statuses)
            .map(|(section, statuses)| SectionSeats { section, statuses })
            .collect())
    }

    /// Makes the blocked seats of a section available that these channels open. Seat maps do not tell channels, so the claims are read.
    async fn open_seats(
        &self,
        event: &Event,
        date: &EventDate,
        section: &Section,
        channels: &BTreeSet<Channel>,
        statuses: &mut [SeatStatus],
        now: EpochMs,
    ) -> Result<(), Refusal> {
        let claims = self
            .store
            .claims(&event.event_id, date.date, &section.name)
            .await?;
        for (seat, status) in section.seat_numbers().zip(statuses) {
            let block = claims.get(&seat).and_then(|claim| claim.block_at(now));
            if block.is_some_and(|block| block.is_open_to(channels)) {
                *status = SeatStatus::Available;
            }
        }
        Ok(())
    }

    async fn statuses_by_map(
        &self,
        event: &Event,
        date: &EventDate,
        sections: &[Section],
        now: EpochMs,
    ) -> Result<Vec<Vec<SeatStatus>>, Refusal> {
        let mut statuses = Vec::with_capacity(sections.len());
        // So many at once that none stays outdated.
        for some in sections.chunks(MOST_REBUILDS) {
            let wanted: Vec<_> = some.iter().map(|s| MapOf::new(event, date, s)).collect();
            let maps = self
                .seat_maps(&event.event_id, &wanted, now, Freshness::LIVE)
                .await?;
            statuses.extend(maps.iter().map(|map| map.statuses().collect::<Vec<_>>()));
        }
        Ok(statuses)
    }

    async fn statuses_by_claims(
        &self,
        event: &Event,
        date: &EventDate,
        sections: &[Section],
        now: EpochMs,
    ) -> Result<Vec<Vec<SeatStatus>>, Refusal> {
        iter(sections.to_vec())
            .map(|section| async move {
                let name = &section.name;
                let claims = self.store.claims(&event.event_id, date.date, name).await?;
                Ok(section
                    .seat_numbers()
                    .map(|seat| SeatStatus::of(claims.get(&seat), now))
                    .collect())
            })
            .buffered(SECTIONS_AT_ONCE)
            .try_collect()
            .await
    }

    /// The seat maps of these sections. Each comes from this process's cache, from the table, or is
    /// built from the claims, in this order.
    async fn seat_maps(
        &self,
        event: &EventId,
        wanted: &[MapOf<'_>],
        now: EpochMs,
        freshness: Freshness,
    ) -> Result<Vec<Arc<SeatMap>>, Refusal> {
        let max_age_ms = freshness.max_age_ms(wanted.len());
        let cached = |now| -> Vec<Option<Arc<SeatMap>>> {
            let known = |of: &MapOf<'_>| self.seat_maps.any(&of.key(event));
            let is_current = |of: &MapOf<'_>, map: &Arc<SeatMap>| of.accepts(map, now, max_age_ms);
            wanted
                .iter()
                .map(|of| known(of).filter(|map| is_current(of, map)))
                .collect()
        };
        let maps = cached(now);
        if maps.iter().all(Option::is_some) {
            return Ok(maps.into_iter().flatten().collect());
        }
        // One request at a time refreshes an event's maps; the others use them then.
        let _turn = self.seat_map_turns.wait(event).await;
        let now = self.clock().now();
        let maps = cached(now);
        let missing: Vec<MapOf<'_>> = wanted
            .iter()
            .zip(&maps)
            .filter(|(_, cached)| cached.is_none())
            .map(|(of, _)| *of)
            .collect();
        let mut read = self
            .read_seat_maps(event, &missing, max_age_ms, freshness.most_rebuilds, now)
            .await?
            .into_iter();
        Ok(maps
            .into_iter()
            .filter_map(|cached| cached.or_else(|| read.next()))
            .collect())
    }

    /// Reads seat maps from the table, and rebuilds those that are too old, the oldest first and at
    /// most `most_rebuilds`. Of the others the stored map is returned. A section without one
    /// counts as free.
    async fn read_seat_maps(
        &self,
        event: &EventId,
        wanted: &[MapOf<'_>],
        max_age_ms: i64,
        most_rebuilds: usize,
        now: EpochMs,
    ) -> Result<Vec<Arc<SeatMap>>, Refusal> {
        let keys: Vec<_> = wanted.iter().map(|of| (of.date, of.section)).collect();
        let stored = self.store.seat_maps(event, &keys).await?;
        let mut outdated: Vec<(Option<EpochMs>, usize)> = wanted
            .iter()
            .zip(&stored)
            .enumerate()
            .filter(|(_, (of, map))| {
                !map.as_ref()
                    .is_some_and(|map| of.accepts(map, now, max_age_ms))
            })
            .map(|(index, (_, map))| (map.as_ref().map(|map| map.built_at), index))
            .collect();
        outdated.sort_unstable();
        outdated.truncate(most_rebuilds);
        let rebuilt: BTreeSet<usize> = outdated.into_iter().map(|(_, index)| index).collect();
        let reads: Vec<_> = wanted
            .iter()
            .zip(stored)
            .enumerate()
            .map(|(index, (of, stored))| {
                let is_outdated = rebuilt.contains(&index);
                async move {
                    let map = match stored {
                        former if is_outdated => {
                            self.store
                                .rebuild_seat_map(event, of.date, of.section, max_age_ms, former)
                                .await?
                        }
                        Some(stored) => stored,
                        None => SeatMap::unknown(of.section.seats),
                    };
                    let built_at = map.built_at;
                    Ok::<_, Refusal>(self.seat_maps.put(of.key(event), map, built_at))
                }
            })
            .collect();
        iter(reads).buffered(SECTIONS_AT_ONCE).try_collect().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_may_be_a_second_old_and_older_in_proportion_if_there_are_many() {
        let max_age_ms = |sections| Freshness::LIVE.max_age_ms(sections);
        assert_eq!(max_age_ms(0), 1_000);
        assert_eq!(max_age_ms(64), 1_000);
        assert_eq!(max_age_ms(65), 2_000);
        assert_eq!(max_age_ms(400), 7_000);
        assert_eq!(Freshness::FOR_HISTORY.max_age_ms(8), 30_000);
        assert_eq!(Freshness::FOR_HISTORY.max_age_ms(16), 60_000);
    }
}
