//! Takes seats off sale while a catalogue removes or moves them.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{StreamExt, iter};

use super::client::{Returning, Store};
use super::error::StoreError;
use super::expression::Key;
use super::keys;
use super::refused::WriteError;
use super::seats::{read_claim, restore_claim, withdraw_claim};
use domain::clock::EpochMs;
use domain::event::EventDate;
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::seats::Claim;

/// How long seats stay withdrawn, not counting the time to withdraw them. If `boxoffice apply`
/// crashes, they are on sale again after this time.
const WITHDRAWN_MS: i64 = 120_000;
/// The time that is allowed for withdrawing one seat. Writes to one section share a partition, which
/// takes 1,000 a second.
const PER_SEAT_MS: i64 = 5;
/// The date must be changed at least this long before the seats are on sale again. By then nobody
/// relies on the former date: the write takes at most 15 s with its retries, a process caches a date
/// for 2 s, and a request takes at most 29 s.
const LAST_CHANGE_MS: i64 = 60_000;
/// Seats that are withdrawn concurrently.
const AT_ONCE: usize = 16;
/// At most this many seats are withdrawn for one change, so that they are off sale for minutes only.
pub(super) const MOST_SEATS: usize = 100_000;

/// Seats that are off sale. They return to sale by themselves.
#[derive(Debug)]
pub(super) struct Withdrawal {
    seats: Vec<Key>,
    until: EpochMs,
}

/// A seat that cannot be withdrawn because it is held, sold or blocked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TakenSeat {
    pub date: DateKey,
    pub seat: SeatNumber,
}

/// Why seats were not withdrawn.
#[derive(Debug)]
pub(super) enum WithdrawRefused {
    Taken(TakenSeat),
    /// A seat is blocked.
    Blocked(TakenSeat),
    /// Another catalogue that is being applied has withdrawn a seat until then.
    ByAnother(EpochMs),
    /// More than [`MOST_SEATS`].
    TooMany(usize),
    Store(StoreError),
}

impl From<StoreError> for WithdrawRefused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

enum Withdrawn {
    Yes(Key),
    No(WithdrawRefused),
    /// The write failed, but may have been made.
    Unknown(Key, StoreError),
    /// Another seat could not be withdrawn.
    NotTried,
}

impl Withdrawal {
    /// Whether the dates may still be changed.
    pub(super) fn allows_change(&self, now: EpochMs) -> bool {
        self.seats.is_empty() || now.plus_ms(LAST_CHANGE_MS) < self.until
    }
}

impl Store {
    /// Withdraws the seats of these dates that `after` does not have, or has in another place. If
    /// one of them is held, sold or blocked, none is withdrawn.
    pub(super) async fn withdraw_moved_seats(
        &self,
        event: &EventId,
        changes: &[(&EventDate, Option<&EventDate>)],
    ) -> Result<Withdrawal, WithdrawRefused> {
        let moved: Vec<(TakenSeat, Key)> = changes
            .iter()
            .flat_map(|(before, after)| {
                let date = before.date;
                before.seats_moved_by(*after).map(move |(section, seat)| {
                    let key = keys::seat(event, date, &section.name, seat);
                    (TakenSeat { date, seat }, key)
                })
            })
            .collect();
        if moved.len() > MOST_SEATS {
            return Err(WithdrawRefused::TooMany(moved.len()));
        }
        let count = i64::try_from(moved.len()).unwrap_or(i64::MAX);
        let until = self
            .clock
            .now()
            .plus_ms(WITHDRAWN_MS.saturating_add(count.saturating_mul(PER_SEAT_MS)));
        let stop = AtomicBool::new(false);
        let results = iter(moved)
            .map(|(seat, key)| {
                let stop = &stop;
                async move {
                    if stop.load(Ordering::Relaxed) {
                        return Withdrawn::NotTried;
                    }
                    let withdrawn = self.withdraw_seat(seat, key, until).await;
                    if !matches!(withdrawn, Withdrawn::Yes(_)) {
                        stop.store(true, Ordering::Relaxed);
                    }
                    withdrawn
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        let mut seats = Vec::with_capacity(results.len());
        let mut failure = None;
        for result in results {
            match result {
                Withdrawn::Yes(key) => seats.push(key),
                Withdrawn::No(refused) => failure = Some(refused),
                Withdrawn::Unknown(key, error) => {
                    seats.push(key);
                    failure = Some(error.into());
                }
                Withdrawn::NotTried => {}
            }
        }
        let withdrawal = Withdrawal { seats, until };
        match failure {
            None => Ok(withdrawal),
            Some(failure) => {
                self.restore(withdrawal).await;
                Err(failure)
            }
        }
    }

    async fn withdraw_seat(&self, seat: TakenSeat, key: Key, until: EpochMs) -> Withdrawn {
        let write = |now| withdraw_claim(key.clone(), until, now);
        match self.write(Returning::Nothing, write).await {
            Ok(_) => Withdrawn::Yes(key),
            Err(WriteError::Refused(item)) => {
                let now = self.clock.now();
                match item.and_then(|item| read_claim(item).ok()) {
                    // A second attempt, after a lost answer, is refused by what the first wrote.
                    Some(Claim::Withdrawn { until: end }) if end == until => Withdrawn::Yes(key),
                    Some(Claim::Withdrawn { until }) => {
                        Withdrawn::No(WithdrawRefused::ByAnother(until))
                    }
                    Some(claim) if claim.block_at(now).is_some() => {
                        Withdrawn::No(WithdrawRefused::Blocked(seat))
                    }
                    Some(Claim::Blocked(_)) => Withdrawn::No(WithdrawRefused::Blocked(seat)),
                    Some(Claim::Held { .. } | Claim::Sold { .. }) | None => {
                        Withdrawn::No(WithdrawRefused::Taken(seat))
                    }
                }
            }
            Err(WriteError::Store(error)) => Withdrawn::Unknown(key, error),
        }
    }

    /// Puts withdrawn seats on sale again. Seats for which this fails are on sale again later.
    pub(super) async fn restore(&self, withdrawal: Withdrawal) {
        let until = withdrawal.until;
        iter(withdrawal.seats)
            .for_each_concurrent(AT_ONCE, |key| async move {
                let write = |_| restore_claim(key.clone(), until);
                if let Err(error) = self.write_if_allowed(write).await {
                    tracing::warn!(pk = key.pk, sk = key.sk, %error, "seat stays off sale until {until}");
                }
            })
            .await;
    }
}
