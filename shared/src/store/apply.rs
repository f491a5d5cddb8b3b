//! Applying a catalogue: creates and changes events.

use super::client::{Consistency, Store};
use super::error::StoreError;
use super::expression::Write;
use super::item::write_item;
use super::journal::Deed;
use super::keys;
use super::notices;
use super::off_sale::{MOST_SEATS, TakenSeat, WithdrawRefused, Withdrawal};
use super::refused::{TransactionError, Verdict};
use super::stock::{change_stock, put_stock};
use domain::clock::EpochMs;
use domain::event::{Admission, Event, EventDate, Programme};
use domain::ids::{DateKey, EventId};
use domain::journal::{Act, Author};
use domain::profile::Texts;
use domain::stock::{equal_parts, stock_changes};

/// What applying a catalogue writes for one event.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new event.
    Create(Described),
    /// New terms, dates and texts for an existing event. Operators' changes to its queue remain.
    Update {
        described: Described,
        /// The event as it was read. If it has changed since, the update is refused.
        former: Box<Described>,
    },
}

impl Change {
    /// The event as it will be.
    #[must_use]
    pub fn described(&self) -> &Described {
        match self {
            Self::Create(described) | Self::Update { described, .. } => described,
        }
    }
}

/// An event as a catalogue describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Described {
    pub programme: Programme,
    pub texts: Texts,
}

impl From<Programme> for Described {
    /// An event without texts.
    fn from(programme: Programme) -> Self {
        Self {
            programme,
            texts: Texts::default(),
        }
    }
}

/// Why an event was not written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyRefused {
    #[error("the event was changed by somebody else at the same time; try again")]
    Raced,
    /// Seats that are held or sold cannot be removed or moved.
    #[error("dates: {}: seat {} is sold or held and would disappear or move", .0.date, .0.seat)]
    SeatTaken(TakenSeat),
    /// Nor can blocked ones: the catalogue would silently end the block.
    #[error("dates: {}: seat {} is blocked and would disappear or move; unblock it first", .0.date, .0.seat)]
    SeatBlocked(TakenSeat),
    #[error("dates: another catalogue is being applied, or was interrupted; try again after {0}")]
    BeingChanged(EpochMs),
    #[error(
        "dates: {0} seats would disappear or move; at most {MOST_SEATS} can at once: change fewer dates at a time"
    )]
    TooManySeats(usize),
    #[error("totalTickets: cannot be less than the {sold} tickets that are sold")]
    TicketsSold { sold: u32 },
    #[error("opensAt, presales: the first opening cannot change once the draw has been held")]
    DrawHeld,
    #[error("the seats to be removed or moved could not be taken off sale in time; try again")]
    TooSlow,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WithdrawRefused> for ApplyRefused {
    fn from(refused: WithdrawRefused) -> Self {
        match refused {
            WithdrawRefused::Taken(seat) => Self::SeatTaken(seat),
            WithdrawRefused::Blocked(seat) => Self::SeatBlocked(seat),
            WithdrawRefused::ByAnother(until) => Self::BeingChanged(until),
            WithdrawRefused::TooMany(count) => Self::TooManySeats(count),
            WithdrawRefused::Store(error) => Self::Store(error),
        }
    }
}

/// Dates that are written in one transaction, which has at most 100 items: these, the event, its
/// entry in the catalogue, its texts, the entry of the journal, at most 16 stock shards, and what buyers
/// are told: of each date, and of the event.
const DATES_AT_ONCE: usize = 38;
/// If buyers change the stock at the same time, its change is decided again, at most this many
/// times.
const STOCK_ATTEMPTS: usize = 8;

impl Store {
    /// Creates or updates an event. A change with many dates takes several transactions. Repeating
    /// an interrupted call completes it.
    ///
    /// An event that is created is written with its first dates, and its other dates follow. An
    /// event that is updated is written last, so a reader who sees the new terms sees all dates.
    ///
    /// `changes` is what the journal tells of it: a line for each changed field.
    pub async fn apply(
        &self,
        change: &Change,
        changes: &[String],
        author: &Author,
    ) -> Result<(), ApplyRefused> {
        let changes = changes.to_vec();
        match change {
            Change::Create(described) => {
                let deed = Deed::one(author, Act::CreateEvent { changes });
                self.create(described, deed).await
            }
            Change::Update { described, former } => {
                let deed = Deed::one(author, Act::ChangeEvent { changes });
                self.update(described, former, deed).await
            }
        }
    }

    /// An event with its dates and texts, as the last catalogue described it.
    pub async fn described(&self, id: &EventId) -> Result<Option<Described>, StoreError> {
        let Some(programme) = self.programme(id, Consistency::Strong).await? else {
            return Ok(None);
        };
        // If another process changes the event between the two reads, the write is refused because
        // of the event's revision.
        let texts = self.texts(id).await?;
        Ok(Some(Described { programme, texts }))
    }

    async fn create(&self, described: &Described, deed: Deed<'_>) -> Result<(), ApplyRefused> {
        let Described { programme, texts } = described;
        let event = &programme.event;
        self.prepare_queue(event).await?;
        let mut dates = programme.dates.values().map(|date| DateWrites {
            date: date.date,
            writes: vec![date_write(event, date)],
        });
        let first: Vec<DateWrites> = dates.by_ref().take(DATES_AT_ONCE).collect();
        let rest: Vec<DateWrites> = dates.collect();
        let mut others = writes_of(&first);
        others.extend(new_stock(event));
        others.extend(changed_texts(&event.event_id, &Texts::default(), texts));
        let mut written = self.write_event(event, 0, &others, &deed).await?;
        for dates in rest.chunks(DATES_AT_ONCE) {
            written = self
                .write_dates(event, written.revision, dates, deed.author)
                .await?;
        }
        Ok(())
    }

    /// Writes some of the dates of a change that takes several transactions.
    async fn write_dates(
        &self,
        event: &Event,
        revision: u64,
        dates: &[DateWrites],
        author: &Author,
    ) -> Result<Event, ApplyRefused> {
        let act = Act::WriteDates {
            dates: dates.iter().map(|of| of.date).collect(),
        };
        let deed = Deed::one(author, act);
        self.write_event(event, revision, &writes_of(dates), &deed)
            .await
    }

    async fn update(
        &self,
        described: &Described,
        former: &Described,
        deed: Deed<'_>,
    ) -> Result<(), ApplyRefused> {
        let texts = changed_texts(
            &former.programme.event.event_id,
            &former.texts,
            &described.texts,
        );
        let (programme, former) = (&described.programme, &former.programme);
        let event = &programme.event;
        let changes: Vec<(&EventDate, Option<&EventDate>)> = former
            .dates
            .values()
            .map(|before| (before, programme.dates.get(&before.date)))
            .collect();
        let withdrawal = self.withdraw_moved_seats(&event.event_id, &changes).await?;
        let now = self.clock.now();
        let dates = changed_dates(programme, former, now);
        let told = notices::of_event(former, programme);
        let mut others = notices::notices(former, programme, &told, now);
        others.extend(texts);
        let is_one_transaction = dates.len() <= DATES_AT_ONCE;
        let result = self
            .write_update(programme, former, dates, others, &withdrawal, &deed)
            .await;
        if result.is_err() && event.first_opening() != former.event.first_opening() {
            self.restore_opening(&event.event_id).await?;
        }
        if let Err(refused) = &result
            && is_one_transaction
            && !matches!(refused, ApplyRefused::Store(_))
        {
            // Certainly nothing was changed. Otherwise the seats stay off sale for some minutes,
            // because processes may rely on the former dates for some time yet.
            self.restore(withdrawal).await;
        }
        result
    }

    async fn write_update(
        &self,
        programme: &Programme,
        former: &Programme,
        mut dates: Vec<DateWrites>,
        others: Vec<Write>,
        withdrawal: &Withdrawal,
        deed: &Deed<'_>,
    ) -> Result<(), ApplyRefused> {
        let event = &programme.event;
        self.prepare_queue(event).await?;
        self.close_lanes(&former.event, event.terms.queue.lanes)
            .await?;
        let last = dates.split_off(dates.len().saturating_sub(1) / DATES_AT_ONCE * DATES_AT_ONCE);
        let mut last = writes_of(&last);
        last.extend(others);
        let mut revision = former.event.revision;
        for dates in dates.chunks(DATES_AT_ONCE) {
            self.check_in_time(withdrawal)?;
            let written = self
                .write_dates(&former.event, revision, dates, deed.author)
                .await?;
            revision = written.revision;
        }
        for _ in 0..STOCK_ATTEMPTS {
            self.check_in_time(withdrawal)?;
            let mut writes = last.clone();
            writes.extend(self.stock_writes(&former.event, event).await?);
            match self
                .try_to_write_event(event, revision, &writes, deed)
                .await?
            {
                EventWritten::Done(_) => return Ok(()),
                EventWritten::Raced => return Err(ApplyRefused::Raced),
                EventWritten::OtherItemChanged => {}
            }
        }
        Err(StoreError::Conflict.into())
    }

    fn check_in_time(&self, withdrawal: &Withdrawal) -> Result<(), ApplyRefused> {
        if withdrawal.allows_change(self.clock.now()) {
            Ok(())
        } else {
            Err(ApplyRefused::TooSlow)
        }
    }

    /// The writes that bring the stock to the new total.
    async fn stock_writes(&self, from: &Event, to: &Event) -> Result<Vec<Write>, ApplyRefused> {
        let (
            Admission::General {
                total_tickets: was,
                stock_shards: shards,
                ..
            },
            Admission::General {
                total_tickets,
                stock_shards,
                ..
            },
        ) = (&from.terms.admission, &to.terms.admission)
        else {
            // A seated event becomes general only before anybody has joined.
            return Ok(match from.terms.admission {
                Admission::Seated => new_stock(to),
                Admission::General { .. } => Vec::new(),
            });
        };
        if (was, shards) == (total_tickets, stock_shards) {
            return Ok(Vec::new());
        }
        let id = &to.event_id;
        let mut left = self.stock(id, *shards, Consistency::Strong).await?;
        left.resize(left.len().max(*stock_shards as usize), 0);
        let sold = was.saturating_sub(left.iter().sum());
        let wanted = total_tickets.checked_sub(sold);
        let wanted = wanted.ok_or(ApplyRefused::TicketsSold { sold })?;
        Ok((0_u32..)
            .zip(stock_changes(&left, wanted))
            .filter(|(shard, change)| *change != 0 || shard >= shards)
            .map(|(shard, change)| change_stock(id, shard, change))
            .collect())
    }

    /// Writes the event and its entry in the catalogue, together with other items and what the
    /// journal tells. The event must still have the revision that it was read with; 0 if it must
    /// not exist. Returns the event as it was written.
    pub(super) async fn write_event(
        &self,
        event: &Event,
        revision: u64,
        others: &[Write],
        deed: &Deed<'_>,
    ) -> Result<Event, ApplyRefused> {
        match self
            .try_to_write_event(event, revision, others, deed)
            .await?
        {
            EventWritten::Done(event) => Ok(*event),
            EventWritten::Raced | EventWritten::OtherItemChanged => Err(ApplyRefused::Raced),
        }
    }

    async fn try_to_write_event(
        &self,
        event: &Event,
        revision: u64,
        others: &[Write],
        deed: &Deed<'_>,
    ) -> Result<EventWritten, StoreError> {
        let next = Event {
            revision: revision + 1,
            ..event.clone()
        };
        let result = self
            .transact(|now| {
                let item = write_item(&next);
                let meta = Write::put(keys::event(&next.event_id), item.clone());
                let meta = has_revision(meta, revision);
                let listed = Write::put(keys::catalog_entry(&next.event_id), item);
                let mut writes = vec![meta, listed];
                writes.extend_from_slice(others);
                writes.extend(deed.entries(Some(&next.event_id), now));
                (writes, ())
            })
            .await;
        match result {
            Ok(()) => Ok(EventWritten::Done(Box::new(next))),
            Err(TransactionError::Refused(verdicts)) => match verdicts.first() {
                Some(Verdict::Refused(_)) => Ok(EventWritten::Raced),
                Some(Verdict::Fine) | None => Ok(EventWritten::OtherItemChanged),
            },
            Err(TransactionError::Store(error)) => Err(error),
        }
    }
}

/// Writes the dates that the update adds, changes and removes, and what buyers are told of them.
fn changed_dates(programme: &Programme, former: &Programme, now: EpochMs) -> Vec<DateWrites> {
    let event = &programme.event;
    let changed = programme.dates.values();
    let changed = changed.filter(|date| former.dates.get(&date.date) != Some(date));
    let removed = former.dates.keys();
    let removed = removed.filter(|date| !programme.dates.contains_key(date));
    let changed = changed.map(|date| {
        let told = notices::of_date(former, programme, date.date);
        let mut writes = notices::notices(former, programme, &told, now);
        writes.push(date_write(event, date));
        (date.date, writes)
    });
    let removed = removed.map(|date| {
        let delete = Write::delete(keys::date(&event.event_id, *date));
        (*date, vec![delete])
    });
    let all = changed.chain(removed);
    all.map(|(date, writes)| DateWrites { date, writes })
        .collect()
}

/// Writes the texts if they have changed.
fn changed_texts(id: &EventId, former: &Texts, texts: &Texts) -> Option<Write> {
    let key = keys::texts(id);
    if texts == former {
        None
    } else if texts.is_empty() {
        Some(Write::delete(key))
    } else {
        Some(Write::put(key, write_item(texts)))
    }
}

/// The writes of a date.
struct DateWrites {
    date: DateKey,
    writes: Vec<Write>,
}

pub(super) fn date_write(event: &Event, date: &EventDate) -> Write {
    Write::put(keys::date(&event.event_id, date.date), write_item(date))
}

fn writes_of(dates: &[DateWrites]) -> Vec<Write> {
    dates.iter().flat_map(|of| of.writes.clone()).collect()
}

/// The whole stock of a new general-admission event.
fn new_stock(event: &Event) -> Vec<Write> {
    match event.terms.admission {
        Admission::Seated => Vec::new(),
        Admission::General {
            total_tickets,
            stock_shards,
            ..
        } => (0_u32..)
            .zip(equal_parts(total_tickets, stock_shards))
            .map(|(shard, left)| put_stock(&event.event_id, shard, left))
            .collect(),
    }
}

/// Requires that the event has this revision. 0 stands for no event, or for one that was written
/// before there were revisions.
fn has_revision(write: Write, revision: u64) -> Write {
    if revision == 0 {
        write.when("attribute_not_exists(#revision)")
    } else {
        write
            .when("#revision = :revision")
            .bind(":revision", revision)
    }
}

enum EventWritten {
    Done(Box<Event>),
    /// The event has another revision.
    Raced,
    OtherItemChanged,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_bound() {
        let event = EventId::parse("e").unwrap();
        let put = || Write::put(keys::event(&event), super::super::item::Item::new());
        has_revision(put(), 0).check().unwrap();
        has_revision(put(), 7).check().unwrap();
    }
}
