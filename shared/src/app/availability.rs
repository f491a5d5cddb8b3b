//! Availability: the seats of sections, and counts per date and event.

use std::sync::Arc;

use futures::stream::{StreamExt, TryStreamExt, iter};

use super::App;
use super::cache::Cache;
use domain::clock::EpochMs;
use domain::event::{Admission, Event, EventDate, Programme, SaleState, Section};
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::money::Money;
use domain::refusal::Refusal;
use domain::seats::{SeatMap, SeatStatus};

/// By event, date and section.
pub(super) type SeatMapCache = Cache<(EventId, DateKey, String), SeatMap>;

/// The maximum age of counts.
const SEAT_MAP_MS: i64 = 1_000;
/// Sections up to this size are listed live. Larger ones are listed from their seat map, because
/// reading 50,000 claims would cost a thousand read units.
const LARGEST_LIVE_SECTION: u32 = 500;
/// The number of sections that are read concurrently.
const SECTIONS_AT_ONCE: usize = 8;

/// The number of free seats of a date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DateAvailability {
    pub date: DateKey,
    pub starts_at: EpochMs,
    pub total_seats: u32,
    /// Held seats count as taken.
    pub available_seats: u32,
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
    pub row: Option<u32>,
    pub price: Money,
    pub status: SeatStatus,
}

impl SectionSeats {
    /// Each seat with the details that buyers see.
    pub fn seats(&self) -> impl Iterator<Item = SeatOnSale> + '_ {
        self.section
            .seat_numbers()
            .zip(&self.statuses)
            .map(|(seat, status)| SeatOnSale {
                seat_number: seat,
                section: self.section.name.clone(),
                row: self.section.row_of(seat),
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
        SaleState::Closed => Err(Refusal::NotOpen("the sale is closed")),
        SaleState::NotOpen | SaleState::Paused | SaleState::Open => Ok(()),
    }
}

impl App {
    /// The availability of these dates, in their order.
    pub async fn availability(
        &self,
        event: &EventId,
        dates: impl IntoIterator<Item = &EventDate>,
        now: EpochMs,
    ) -> Result<Vec<DateAvailability>, Refusal> {
        let dates: Vec<&EventDate> = dates.into_iter().collect();
        let sections: Vec<(DateKey, Section)> = dates
            .iter()
            .flat_map(|date| date.sections.iter().map(|s| (date.date, s.clone())))
            .collect();
        let mut maps = self.seat_maps(event, &sections, now).await?.into_iter();
        Ok(dates
            .into_iter()
            .map(|date| DateAvailability {
                date: date.date,
                starts_at: date.starts_at,
                total_seats: date.total_seats(),
                available_seats: maps
                    .by_ref()
                    .take(date.sections.len())
                    .map(|map| map.available())
                    .sum(),
            })
            .collect())
    }

    /// What was sold of these sections, in their order, at most a second ago.
    pub async fn section_sales(
        &self,
        event: &EventId,
        sections: &[(DateKey, Section)],
        now: EpochMs,
    ) -> Result<Vec<SectionSales>, Refusal> {
        let maps = self.seat_maps(event, sections, now).await?;
        Ok(maps
            .iter()
            .map(|map| SectionSales {
                sold: map.count(SeatStatus::Sold),
                held: map.count(SeatStatus::Held),
                revenue: map.revenue(),
            })
            .collect())
    }

    /// The total and remaining tickets or seats of an event, of the dates that have not begun.
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
                    .availability(&event.event_id, programme.dates.values(), now)
                    .await?;
                let total = dates.iter().map(|date| date.total_seats).sum();
                let left = dates
                    .iter()
                    .filter(|date| date.starts_at > now)
                    .map(|date| date.available_seats)
                    .sum();
                Ok((total, left, dates))
            }
        }
    }

    /// The seats of sections: live for small sections, at most a second old for large ones.
    pub async fn section_seats(
        &self,
        event: &EventId,
        date: DateKey,
        sections: Vec<Section>,
        now: EpochMs,
    ) -> Result<Vec<SectionSeats>, Refusal> {
        iter(sections)
            .map(|section| async move {
                let statuses = if section.seats > LARGEST_LIVE_SECTION {
                    let one = [(date, section.clone())];
                    let maps = self.seat_maps(event, &one, now).await?;
                    maps.iter().flat_map(|map| map.statuses()).collect()
                } else {
                    let claims = self.store.claims(event, date, &section.name).await?;
                    section
                        .seat_numbers()
                        .map(|seat| SeatStatus::of(claims.get(&seat), now))
                        .collect()
                };
                Ok(SectionSeats { section, statuses })
            })
            .buffered(SECTIONS_AT_ONCE)
            .try_collect()
            .await
    }

    /// The seat maps of these sections, at most a second old. Each comes from this process's cache,
    /// from the table, or is built from the claims, in this order.
    async fn seat_maps(
        &self,
        event: &EventId,
        sections: &[(DateKey, Section)],
        now: EpochMs,
    ) -> Result<Vec<Arc<SeatMap>>, Refusal> {
        let key = |date: DateKey, section: &Section| (event.clone(), date, section.name.clone());
        let cached: Vec<Option<Arc<SeatMap>>> = sections
            .iter()
            .map(|(date, section)| self.seat_maps.fresh(&key(*date, section), now, SEAT_MAP_MS))
            .collect();
        let missing: Vec<(DateKey, Section)> = sections
            .iter()
            .zip(&cached)
            .filter(|(_, cached)| cached.is_none())
            .map(|(section, _)| section.clone())
            .collect();
        let stored = self.store.seat_maps(event, &missing).await?;
        let is_fresh = |map: &SeatMap| {
            let age = map.built_at.age_at(now);
            age.is_some_and(|age| age < SEAT_MAP_MS)
        };
        let mut fresh = iter(missing.into_iter().zip(stored))
            .map(|((date, section), stored)| async move {
                let map = match stored {
                    Some(map) if is_fresh(&map) => map,
                    former => {
                        self.store
                            .rebuild_seat_map(event, date, &section, SEAT_MAP_MS, former)
                            .await?
                    }
                };
                let built_at = map.built_at;
                Ok::<_, Refusal>(self.seat_maps.put(
                    (event.clone(), date, section.name),
                    map,
                    built_at,
                ))
            })
            .buffered(SECTIONS_AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?
            .into_iter();
        Ok(cached
            .into_iter()
            .filter_map(|cached| cached.or_else(|| fresh.next()))
            .collect())
    }
}
