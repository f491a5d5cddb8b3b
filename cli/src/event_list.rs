//! All events of the table at a glance.

use anyhow::Result;
use domain::clock::{EpochMs, rfc3339};
use domain::event::{Admission, Event, Programme, SaleState};
use domain::ids::{DateKey, EventId};
use domain::money::Currency;
use domain::queue::Head;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use shared::app::App;
use shared::store::{Consistency, Store};

use crate::queue_status::sale_state_name;
use crate::text_table::{Column, TextTable};
use crate::ticket_counts::TicketCounts;

/// Where the tickets are counted.
#[derive(Clone, Copy)]
enum Counting<'a> {
    /// In the claims, exactly.
    Claims(&'a Store),
    /// In the seat maps, which may be some seconds old and cost little.
    Maps(&'a App),
}

impl<'a> Counting<'a> {
    fn store(self) -> &'a Store {
        match self {
            Self::Claims(store) => store,
            Self::Maps(app) => app.store(),
        }
    }
}

/// Events that are read at once.
const EVENTS_AT_ONCE: usize = 4;

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    #[serde(serialize_with = "rfc3339::serialize")]
    at: EpochMs,
    events: Vec<ListedEvent>,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct ListedEvent {
    event_id: EventId,
    event_name: String,
    venue: String,
    state: SaleState,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    opens_at: Option<EpochMs>,
    /// When the sale ends by itself.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    closes_at: Option<EpochMs>,
    /// Empty for general admission.
    dates: Vec<ListedDate>,
    /// Of general admission, if the catalogue has it.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    starts_at: Option<EpochMs>,
    currency: Currency,
    tickets: TicketCounts,
    /// People who wait in the queue.
    waiting: u64,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct ListedDate {
    date: DateKey,
    #[serde(serialize_with = "rfc3339::serialize")]
    starts_at: EpochMs,
}

impl EventList {
    /// Reads each event with its dates, its claims or its stock, and the heads of its queue.
    pub async fn read(store: &Store) -> Result<Self> {
        Self::counted(Counting::Claims(store)).await
    }

    /// The same for a page that is open for long: tickets are counted in seat maps of at most 30 s, and of an event at most
    /// eight of them are made anew.
    pub async fn at_a_glance(app: &App) -> Result<Self> {
        Self::counted(Counting::Maps(app)).await
    }

    async fn counted(counting: Counting<'_>) -> Result<Self> {
        let store = counting.store();
        let now = store.clock().now();
        let events = store.events(Consistency::Strong).await?;
        let events = stream::iter(events)
            .map(|event| ListedEvent::read(counting, event, now))
            .buffered(EVENTS_AT_ONCE);
        Ok(Self {
            at: now,
            events: events.try_collect().await?,
        })
    }

    /// The lines for a terminal.
    #[must_use]
    pub fn to_text(&self) -> Vec<String> {
        let mut table = TextTable::new(&[
            Column::Text("event"),
            Column::Text("state"),
            Column::Text("dates"),
            Column::Number("sold"),
            Column::Number("held"),
            Column::Number("blocked"),
            Column::Number("left"),
            Column::Number("revenue"),
            Column::Number("waiting"),
            Column::Text("name"),
        ]);
        for event in &self.events {
            let (tickets, currency) = (event.tickets, &event.currency);
            table.row([
                event.event_id.to_string(),
                event.state(),
                event.dates(),
                tickets.sold.to_string(),
                tickets.held.to_string(),
                tickets.blocked.to_string(),
                tickets.available.to_string(),
                format!("{} {currency}", tickets.revenue.in_major_units(currency)),
                event.waiting.to_string(),
                event.event_name.clone(),
            ]);
        }
        table.lines()
    }
}

impl ListedEvent {
    async fn read(counting: Counting<'_>, event: Event, now: EpochMs) -> Result<Self> {
        let store = counting.store();
        let programme = store
            .programme(&event.event_id, Consistency::Eventual)
            .await?;
        // An event that was written a moment ago may not be read yet. It has no dates then.
        let programme = programme.unwrap_or_else(|| Programme {
            event,
            dates: std::collections::BTreeMap::new(),
        });
        let event = &programme.event;
        let heads = store.heads(event, Consistency::Eventual).await?;
        Ok(Self {
            event_id: event.event_id.clone(),
            event_name: event.terms.name.clone(),
            venue: event.terms.venue.clone(),
            state: event.sale_state(now),
            opens_at: event.terms.opens_at,
            closes_at: event.closes_at(),
            dates: programme
                .dates
                .values()
                .map(|date| ListedDate {
                    date: date.date,
                    starts_at: date.starts_at,
                })
                .collect(),
            starts_at: match event.terms.admission {
                Admission::Seated => None,
                Admission::General { .. } => event.terms.last_start,
            },
            currency: event.terms.currency.clone(),
            tickets: match counting {
                Counting::Claims(store) => TicketCounts::read(store, &programme, now).await?,
                Counting::Maps(app) => TicketCounts::of_maps(app, &programme, now).await?,
            },
            waiting: heads.iter().flatten().map(Head::waiting).sum(),
        })
    }

    /// The state, and until when it lasts if a time of the catalogue ends it.
    fn state(&self) -> String {
        let name = sale_state_name(self.state);
        let until = match self.state {
            SaleState::NotOpen => self.opens_at.map(|at| format!(" until {at}")),
            SaleState::Open | SaleState::Paused => self.closes_at.map(|at| format!(" until {at}")),
            SaleState::Closed => None,
        };
        format!("{name}{}", until.unwrap_or_default())
    }

    fn dates(&self) -> String {
        match (self.dates.first(), self.dates.last(), self.starts_at) {
            (Some(first), Some(last), _) if self.dates.len() > 1 => {
                format!("{} to {} ({})", first.date, last.date, self.dates.len())
            }
            (Some(only), ..) => only.date.to_string(),
            (None, _, Some(start)) => start.to_string(),
            (None, _, None) => String::new(),
        }
    }
}
