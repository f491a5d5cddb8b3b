//! Blocks and unblocks seats, a transaction at a time.

use anyhow::Result;
use domain::block::Block;
use domain::event::Admission;
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::journal::{Author, SomeSeats};
use domain::seats::Claim;
use shared::store::{BlockRefused, MOST_BLOCKED_AT_ONCE, Store};

use crate::known_event;
use crate::unknown::Unknown;

/// Seats of a section of a date.
#[derive(Clone, Debug)]
pub struct WantedSeats {
    pub event: EventId,
    pub date: DateKey,
    pub section: String,
    /// In ascending order, each once.
    pub seats: Vec<SeatNumber>,
}

/// How far it came. The seats are done in their order.
#[derive(Debug)]
pub struct Blocking {
    /// How many of the seats are as they were wanted.
    pub done: usize,
    /// How many of those were not so before.
    pub changed: usize,
    /// Why it ended before the last seat.
    pub stopped: Option<Stopped>,
}

#[derive(Debug)]
pub enum Stopped {
    /// These seats are not free, so none of their transaction was blocked.
    Taken(Vec<(SeatNumber, Claim)>),
    Failed(anyhow::Error),
}

impl WantedSeats {
    /// Checks that the section has the seats. This is repeated before each transaction, so that none
    /// relies on a date that was changed more than moments ago: `boxoffice apply` keeps seats that it
    /// moves off sale for a minute longer.
    async fn check(&self, store: &Store) -> Result<()> {
        let programme = known_event::programme(store, &self.event).await?;
        if let Admission::General { .. } = programme.event.terms.admission {
            let what = format_args!("seat in the event {}: its admission is general", self.event);
            return Err(Unknown::new(what).into());
        }
        let date = known_event::date(&programme, self.date)?;
        let section = date.sections.iter().find(|it| it.name == self.section);
        let section = section.ok_or_else(|| {
            Unknown::new(format_args!(
                "section {} on {} of the event {}",
                self.section, self.date, self.event
            ))
        })?;
        match self.seats.iter().find(|seat| !section.has(**seat)) {
            None => Ok(()),
            Some(seat) => {
                let what = format_args!("seat {seat} in section {}", self.section);
                Err(Unknown::new(what).into())
            }
        }
    }

    /// The seats of each transaction.
    fn batches(&self) -> impl Iterator<Item = SomeSeats> {
        let batches = self.seats.chunks(MOST_BLOCKED_AT_ONCE);
        batches.map(|seats| SomeSeats {
            date: self.date,
            section: self.section.clone(),
            seats: seats.to_vec(),
        })
    }
}

/// Blocks the seats, all or none of each transaction.
pub async fn block(
    store: &Store,
    wanted: &WantedSeats,
    block: &Block,
    author: &Author,
) -> Blocking {
    let (mut done, mut changed) = (0, 0);
    let stopped = |done, changed, stopped| Blocking {
        done,
        changed,
        stopped: Some(stopped),
    };
    for batch in wanted.batches() {
        if let Err(error) = wanted.check(store).await {
            return stopped(done, changed, Stopped::Failed(error));
        }
        match store
            .block_seats(&wanted.event, &batch, block, author)
            .await
        {
            Ok(newly) => {
                done += batch.seats.len();
                changed += newly;
            }
            Err(BlockRefused::Taken(taken)) => {
                return stopped(done, changed, Stopped::Taken(taken));
            }
            Err(error) => return stopped(done, changed, Stopped::Failed(error.into())),
        }
    }
    Blocking {
        done,
        changed,
        stopped: None,
    }
}

/// Puts the blocked ones of the seats on sale again.
pub async fn unblock(store: &Store, wanted: &WantedSeats, author: &Author) -> Blocking {
    let (mut done, mut changed) = (0, 0);
    for batch in wanted.batches() {
        let result = match wanted.check(store).await {
            Ok(()) => store
                .unblock_seats(&wanted.event, &batch, author)
                .await
                .map_err(anyhow::Error::from),
            Err(error) => Err(error),
        };
        match result {
            Ok(seats) => {
                done += batch.seats.len();
                changed += seats.len();
            }
            Err(error) => {
                return Blocking {
                    done,
                    changed,
                    stopped: Some(Stopped::Failed(error)),
                };
            }
        }
    }
    Blocking {
        done,
        changed,
        stopped: None,
    }
}

/// Why each seat is not free, of the first ten.
#[must_use]
pub fn reasons(taken: &[(SeatNumber, Claim)]) -> String {
    const SHOWN: usize = 10;
    let reason = |(seat, claim): &(SeatNumber, Claim)| match claim {
        Claim::Sold { .. } => format!("seat {seat} is sold"),
        Claim::Held {
            kept: Some(block),
            held_until,
            ..
        } => format!("seat {seat} is or was held until {held_until}, and then blocked as {block}"),
        Claim::Held { held_until, .. } => format!("seat {seat} is held until {held_until}"),
        Claim::Withdrawn { until } => {
            format!("seat {seat} is being moved by a catalogue until {until}")
        }
        Claim::Blocked(block) => format!("seat {seat} is blocked as {block}"),
    };
    let mut text: Vec<String> = taken.iter().take(SHOWN).map(reason).collect();
    if taken.len() > SHOWN {
        text.push(format!("and {} more", taken.len() - SHOWN));
    }
    text.join(", ")
}
