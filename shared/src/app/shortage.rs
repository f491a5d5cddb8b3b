//! Whether nothing is left to buy, for promotions: they must not call users in to nothing.

use futures::stream::{StreamExt, TryStreamExt, iter};

use super::App;
use super::cache::Cache;
use domain::clock::EpochMs;
use domain::event::{Admission, Event, EventDate, Section};
use domain::ids::EventId;
use domain::refusal::Refusal;
use domain::shortage::{LOOK_EVERY_MS, SECTIONS_A_LOOK, Search, SectionStock, Shortage};

pub(super) type SearchCache = Cache<EventId, Search>;

/// The number of sections that are read concurrently while no free seat is known.
const SECTIONS_AT_ONCE: usize = 8;

impl App {
    /// Whether nothing is left to buy, at most some seconds ago. If it cannot be read, the last
    /// known result counts.
    pub(super) async fn shortage(&self, event: &Event, now: EpochMs) -> Option<Shortage> {
        let id = &event.event_id;
        if let Some(search) = self.searches.fresh(id, now, LOOK_EVERY_MS) {
            return search.shortage();
        }
        let former = self.searches.any(id).map_or_else(Search::default, |it| *it);
        let search = match self.look_for_stock(event, former, now).await {
            Ok(search) => search,
            Err(refusal) => {
                tracing::warn!(event_id = %id, ?refusal, "what is left cannot be read");
                former
            }
        };
        self.searches.put(id.clone(), search, now).shortage()
    }

    async fn look_for_stock(
        &self,
        event: &Event,
        mut search: Search,
        now: EpochMs,
    ) -> Result<Search, Refusal> {
        if let Admission::General { stock_shards, .. } = event.terms.admission {
            let left = self.stock_left(&event.event_id, stock_shards, now).await?;
            return Ok(Search::of_stock(left > 0));
        }
        let programme = self.programme(&event.event_id, now).await?;
        let sections: Vec<(&EventDate, &Section)> = programme
            .dates
            .values()
            .filter(|date| programme.is_ahead(date, now))
            .flat_map(|date| date.sections.iter().map(move |section| (date, section)))
            .collect();
        let total = sections.len();
        if total == 0 {
            return Ok(Search::of_stock(false));
        }
        let at_once = if search.has_found() {
            1
        } else {
            SECTIONS_AT_ONCE
        };
        let mut stocks = iter(search.upcoming(total, SECTIONS_A_LOOK))
            .map(|index| {
                let (date, section) = sections[index % total];
                self.section_stock(event, date, section, now)
            })
            .buffered(at_once);
        while let Some(stock) = stocks.try_next().await? {
            search.see(stock, total);
            if stock == SectionStock::Free {
                break;
            }
        }
        Ok(search)
    }

    async fn section_stock(
        &self,
        event: &Event,
        date: &EventDate,
        section: &Section,
        now: EpochMs,
    ) -> Result<SectionStock, Refusal> {
        let one = vec![section.clone()];
        let seats = self.section_seats(event, date, one, None, now).await?;
        let statuses = seats.into_iter().flat_map(|section| section.statuses);
        Ok(SectionStock::of(statuses))
    }
}
