//! How many tickets of an event are sold, held, blocked and left, and what the sold ones cost.

use anyhow::{Result, anyhow};
use domain::clock::EpochMs;
use domain::event::{Admission, Event, EventDate, Programme, Section};
use domain::ids::{DateKey, EventId};
use domain::money::Money;
use domain::seats::{SeatMap, SeatStatus};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use shared::app::{App, Freshness};
use shared::store::{Consistency, Store};

/// Tickets of a section, of a date or of an event.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Default, Debug)]
#[serde(rename_all = "camelCase")]
pub struct TicketCounts {
    pub total: u64,
    pub sold: u64,
    pub held: u64,
    /// Kept off sale by an operator.
    pub blocked: u64,
    pub available: u64,
    /// The price of the sold tickets, without fees.
    pub revenue: Money,
}

/// Sections whose claims are read at once.
const SECTIONS_AT_ONCE: usize = 8;

impl TicketCounts {
    /// The tickets that a section, or general admission, has in all. None of them is counted yet.
    #[must_use]
    pub fn of_total(total: u32) -> Self {
        Self {
            total: total.into(),
            ..Self::default()
        }
    }

    /// What is left of the total.
    #[must_use]
    pub fn with_available(self) -> Self {
        Self {
            available: self
                .total
                .saturating_sub(self.sold + self.held + self.blocked),
            ..self
        }
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            sold: self.sold + other.sold,
            held: self.held + other.held,
            blocked: self.blocked + other.blocked,
            available: self.available + other.available,
            revenue: self.revenue + other.revenue,
        }
    }

    /// Counts an event's tickets from its claims or its stock, and writes nothing.
    pub async fn read(store: &Store, programme: &Programme, now: EpochMs) -> Result<Self> {
        let event = &programme.event;
        if let Some(counts) = Self::of_stock(store, event).await? {
            return Ok(counts);
        }
        let mut sections: Vec<(DateKey, Section)> = Vec::new();
        for date in programme.dates.values() {
            sections.extend(date.sections.iter().map(|it| (date.date, it.clone())));
        }
        let id = &event.event_id;
        let mut counted = stream::iter(sections)
            .map(|(date, section)| Self::of_section(store, id, date, section, now))
            .buffer_unordered(SECTIONS_AT_ONCE);
        let mut sum = Self::default();
        while let Some(counts) = counted.try_next().await? {
            sum = sum.plus(counts);
        }
        Ok(sum)
    }

    async fn of_section(
        store: &Store,
        event: &EventId,
        date: DateKey,
        section: Section,
        now: EpochMs,
    ) -> Result<Self> {
        let claims = store.claims(event, date, &section.name).await?;
        let map = SeatMap::build(&section, &claims, now);
        let counts = Self {
            sold: map.count(SeatStatus::Sold).into(),
            held: map.count(SeatStatus::Held).into(),
            blocked: map.count(SeatStatus::Blocked).into(),
            revenue: map.revenue(),
            ..Self::of_total(section.seats)
        };
        Ok(counts.with_available())
    }

    /// The same from the seat maps, which are at most 30 s old and make at most eight of an event anew.
    pub async fn of_maps(app: &App, programme: &Programme, now: EpochMs) -> Result<Self> {
        let event = &programme.event;
        if let Some(counts) = Self::of_stock(app.store(), event).await? {
            return Ok(counts);
        }
        let sections = app
            .section_sales(event, programme.dates.values(), now, Freshness::FOR_HISTORY)
            .await
            .map_err(|refusal| anyhow!("{refusal:?}"))?;
        let total = programme.dates.values().map(EventDate::total_seats).sum();
        let counts = sections
            .iter()
            .fold(Self::of_total(total), |sum, section| Self {
                sold: sum.sold + u64::from(section.sold),
                held: sum.held + u64::from(section.held),
                blocked: sum.blocked + u64::from(section.blocked),
                revenue: sum.revenue + section.revenue,
                ..sum
            });
        Ok(counts.with_available())
    }

    /// The tickets of general admission. `None` if the event has seats.
    pub async fn of_stock(store: &Store, event: &Event) -> Result<Option<Self>> {
        let Admission::General {
            total_tickets,
            price,
            stock_shards,
        } = event.terms.admission
        else {
            return Ok(None);
        };
        let (left, counted) = store
            .stock_and_sales(&event.event_id, stock_shards, Consistency::Eventual)
            .await?;
        let (sold, revenue) = counted.of_total(total_tickets, &left, price);
        let counts = Self {
            sold,
            revenue,
            ..Self::of_total(total_tickets)
        };
        Ok(Some(counts.with_available()))
    }
}
