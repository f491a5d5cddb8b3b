//! Blocks and unblocks seats.

use super::client::{Consistency, Store, back_off};
use super::error::StoreError;
use super::expression::Key;
use super::journal::Deed;
use super::keys;
use super::refused::{TransactionError, Verdict};
use super::seats::{block_claim, read_claim, unblock_claim, unblock_lapsed_claim};
use domain::block::Block;
use domain::ids::{EventId, SeatNumber};
use domain::journal::{Act, Author, SomeSeats};
use domain::seats::{Claim, SeatStatus};

/// Seats that are blocked or unblocked in one transaction, which has at most 100 items: these, and the
/// entry in the journal.
pub const MOST_BLOCKED_AT_ONCE: usize = 99;

/// If seats change at the same time, the transaction is decided again, at most this many times.
const ATTEMPTS: u32 = 8;

/// Why seats were not blocked. None of them was.
#[derive(Debug, thiserror::Error)]
pub enum BlockRefused {
    /// These seats, in order, are held, sold, being moved, or blocked otherwise.
    #[error("{} seats are not free", .0.len())]
    Taken(Vec<(SeatNumber, Claim)>),
    /// More than [`MOST_BLOCKED_AT_ONCE`].
    #[error("{0} seats in one transaction; at most {MOST_BLOCKED_AT_ONCE} fit")]
    TooMany(usize),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Blocks seats of a section, all or none. Seats that have this very block already count as
    /// done. Returns how many are newly blocked.
    ///
    /// # Errors
    /// If a seat is not free, if there are more than [`MOST_BLOCKED_AT_ONCE`], or if the store
    /// fails.
    pub async fn block_seats(
        &self,
        event: &EventId,
        wanted: &SomeSeats,
        block: &Block,
        author: &Author,
    ) -> Result<usize, BlockRefused> {
        let SomeSeats {
            date,
            section,
            seats,
        } = wanted;
        if seats.len() > MOST_BLOCKED_AT_ONCE {
            return Err(BlockRefused::TooMany(seats.len()));
        }
        let mut pending: Vec<SeatNumber> = seats.clone();
        for attempt in 1..=ATTEMPTS {
            if pending.is_empty() {
                return Ok(0);
            }
            let act = Act::BlockSeats {
                seats: SomeSeats {
                    seats: pending.clone(),
                    ..wanted.clone()
                },
                block: block.clone(),
            };
            let deed = Deed::one(author, act);
            let written = self
                .transact(|now| {
                    let keys = pending
                        .iter()
                        .map(|seat| keys::seat(event, *date, section, *seat));
                    let claims = keys.map(|key| block_claim(key, block, now));
                    let writes = claims.chain(deed.entries(Some(event), now));
                    (writes.collect(), ())
                })
                .await;
            let verdicts = match written {
                Ok(()) => return Ok(pending.len()),
                Err(TransactionError::Store(error)) => return Err(error.into()),
                Err(TransactionError::Refused(verdicts)) => verdicts,
            };
            let now = self.clock.now();
            let mut taken = Vec::new();
            let mut still_pending = Vec::new();
            for (seat, verdict) in pending.into_iter().zip(verdicts) {
                let claim = match verdict {
                    Verdict::Fine | Verdict::Refused(None) => None,
                    Verdict::Refused(Some(item)) => Some(read_claim(item)?),
                };
                match claim {
                    // Also after a lost answer.
                    Some(claim) if claim.block_at(now) == Some(block) => {}
                    Some(claim) if SeatStatus::of(Some(&claim), now) != SeatStatus::Available => {
                        taken.push((seat, claim));
                    }
                    // Free, or free by now.
                    _ => still_pending.push(seat),
                }
            }
            if !taken.is_empty() {
                return Err(BlockRefused::Taken(taken));
            }
            pending = still_pending;
            back_off(attempt).await;
        }
        Err(StoreError::Conflict.into())
    }

    /// Puts those of these seats on sale again that are blocked, all or none. The others stay as
    /// they are. Returns the seats that were blocked, in order.
    ///
    /// # Errors
    /// If there are more than [`MOST_BLOCKED_AT_ONCE`], or if the store fails.
    pub async fn unblock_seats(
        &self,
        event: &EventId,
        wanted: &SomeSeats,
        author: &Author,
    ) -> Result<Vec<SeatNumber>, BlockRefused> {
        let SomeSeats {
            date,
            section,
            seats,
        } = wanted;
        if seats.len() > MOST_BLOCKED_AT_ONCE {
            return Err(BlockRefused::TooMany(seats.len()));
        }
        let keys: Vec<Key> = seats
            .iter()
            .map(|seat| keys::seat(event, *date, section, *seat))
            .collect();
        for attempt in 1..=ATTEMPTS {
            let mut found = self.items(&keys, Consistency::Strong).await?;
            let now = self.clock.now();
            let mut blocked = Vec::new();
            for (seat, key) in seats.iter().zip(&keys) {
                let claim = found.remove(key).map(read_claim).transpose()?;
                if let Some(claim) = claim
                    && claim.block_at(now).is_some()
                {
                    blocked.push((*seat, key, claim));
                }
            }
            if blocked.is_empty() {
                return Ok(Vec::new());
            }
            let seats: Vec<SeatNumber> = blocked.iter().map(|(seat, ..)| *seat).collect();
            let act = Act::UnblockSeats {
                seats: SomeSeats {
                    seats: seats.clone(),
                    ..wanted.clone()
                },
            };
            let deed = Deed::one(author, act);
            let written = self
                .transact(|now| {
                    let claims = blocked.iter().map(|(_, key, claim)| match claim {
                        Claim::Held { reservation_id, .. } => {
                            unblock_lapsed_claim((*key).clone(), reservation_id, now)
                        }
                        Claim::Blocked(_) | Claim::Sold { .. } | Claim::Withdrawn { .. } => {
                            unblock_claim((*key).clone())
                        }
                    });
                    let writes = claims.chain(deed.entries(Some(event), now));
                    (writes.collect(), ())
                })
                .await;
            match written {
                Ok(()) => return Ok(seats),
                Err(TransactionError::Store(error)) => return Err(error.into()),
                // Somebody else unblocked a seat, or its block ended and it was held.
                Err(TransactionError::Refused(_)) => back_off(attempt).await,
            }
        }
        Err(StoreError::Conflict.into())
    }
}
