//! Exports for other programs: attendees, sales and the ledger, line by line in bounded memory.

mod at_provider;
mod attendees;
mod ledger;
mod lines;
mod sales;

use std::ops::ControlFlow;

use anyhow::Result;
use domain::ids::EventId;
use domain::money::Currency;
use domain::reservation::Reservation;
use shared::store::Store;

use crate::output::Output;
use crate::progress::Progress;
use crate::wanted_reservations::Wanted;
use attendees::Attendee;
use ledger::EntryLine;
use sales::Sale;

pub use lines::Format;
pub(crate) use lines::{Line, LineWriter};

/// Where the lines come from and where they go.
pub struct Export<'a> {
    pub store: &'a Store,
    pub currency: Currency,
    pub format: Format,
    pub out: &'a mut Output,
    /// Whether a bar may show the progress.
    pub shows_progress: bool,
}

impl Export<'_> {
    /// A line for each ticket of these reservations. Returns how many lines there are.
    pub async fn attendees(self, wanted: &Wanted) -> Result<u64> {
        let currency = self.currency.clone();
        self.reservations(wanted, |reservation, now| {
            Attendee::all_of(&reservation, &currency, now)
        })
        .await
    }

    /// A line for each of these reservations that was bought. Returns how many lines there are.
    pub async fn sales(self, wanted: &Wanted) -> Result<u64> {
        let currency = self.currency.clone();
        self.reservations(wanted, |reservation, now| {
            let sale = reservation
                .was_bought()
                .then(|| Sale::of(reservation, &currency, now));
            sale.into_iter().collect()
        })
        .await
    }

    async fn reservations<L: Line>(
        self,
        wanted: &Wanted,
        lines_of: impl Fn(Reservation, domain::clock::EpochMs) -> Vec<L>,
    ) -> Result<u64> {
        let now = self.store.clock().now();
        let mut progress = self.progress(wanted.needs_whole_table()).await;
        let mut writer = LineWriter::<L>::begin(self.out, self.format)?;
        let read = wanted
            .read(
                self.store,
                now,
                |items| progress.set(items),
                |reservations| {
                    let lines: Vec<L> = reservations
                        .into_iter()
                        .flat_map(|reservation| lines_of(reservation, now))
                        .collect();
                    writer.page(&lines)
                },
            )
            .await;
        progress.finish();
        read?;
        Ok(writer.end())
    }

    /// A line for each ledger entry; with an event, only for the payments and refunds of its
    /// reservations. Returns how many lines there are.
    pub async fn ledger(self, event: Option<&EventId>) -> Result<u64> {
        let mut progress = self.progress(true).await;
        let mut writer = LineWriter::begin(self.out, self.format)?;
        let mut items = 0;
        let mut start = None;
        loop {
            let page = self.store.scan_ledgers(start).await?;
            items += page.items;
            progress.set(items);
            let lines = EntryLine::all_of(self.store, page.found, event, &self.currency).await?;
            start = page.next;
            if writer.page(&lines)? == ControlFlow::Break(()) || start.is_none() {
                break;
            }
        }
        progress.finish();
        Ok(writer.end())
    }

    async fn progress(&self, takes_long: bool) -> Progress {
        if takes_long && self.shows_progress {
            Progress::of_items(self.store.item_count().await.unwrap_or(0))
        } else {
            Progress::hidden()
        }
    }
}
