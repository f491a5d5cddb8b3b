//! Counts of events in this process, for the log line of each request ([`crate::telemetry`]) and
//! for the command line.

use std::array;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::money::Money;

/// The counted events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    /// Numbers issued and stored in a queue entry.
    Joins,
    /// Ranks called by promotion.
    Admissions,
    /// Called users who arrived.
    Arrivals,
    /// Seats held.
    SeatsHeld,
    /// Payments and general-admission reservations.
    Sales,
    /// Seats and tickets sold.
    TicketsSold,
    /// The amount paid, in the currency's minor unit.
    Revenue,
    /// Cancelled reservations and released holds.
    Cancellations,
    /// Cancelled reservations that were refunded.
    Refunds,
    /// The amount refunded, in the currency's minor unit.
    Refunded,
    /// Charges of wallets.
    Charges,
    /// Withdrawals that the payment provider could not make.
    Reversals,
    /// Writes that DynamoDB rejected because a transaction was using one of the items. Most are
    /// retried.
    Conflicts,
}

impl Count {
    const ALL: [Self; 13] = [
        Self::Joins,
        Self::Admissions,
        Self::Arrivals,
        Self::SeatsHeld,
        Self::Sales,
        Self::TicketsSold,
        Self::Revenue,
        Self::Cancellations,
        Self::Refunds,
        Self::Refunded,
        Self::Charges,
        Self::Reversals,
        Self::Conflicts,
    ];
}

/// The counts of a process.
#[derive(Debug, Default)]
pub struct Metrics {
    since_start: Counters,
    unreported: Counters,
    refusals: Mutex<BTreeMap<&'static str, u64>>,
}

#[derive(Debug)]
struct Counters([AtomicU64; Count::ALL.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// The value of each count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts([u64; Count::ALL.len()]);

impl Counts {
    /// The value. `None` if it is 0.
    #[must_use]
    pub fn some(&self, count: Count) -> Option<u64> {
        Some(self.0[count as usize]).filter(|times| *times > 0)
    }
}

impl Metrics {
    /// Adds to a count.
    pub fn add(&self, count: Count, times: u64) {
        // The counts are independent, so no ordering is needed.
        self.since_start.0[count as usize].fetch_add(times, Ordering::Relaxed);
        self.unreported.0[count as usize].fetch_add(times, Ordering::Relaxed);
    }

    /// Adds an amount of money.
    pub fn add_money(&self, count: Count, amount: Money) {
        // Amounts are never negative.
        self.add(count, u64::try_from(amount.0).unwrap_or_default());
    }

    /// Counts a refused request by its code.
    pub(crate) fn refused(&self, code: &'static str) {
        *self.lock_refusals().entry(code).or_default() += 1;
    }

    fn lock_refusals(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        // No code of this file can panic in the middle of a change, so the map is consistent.
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts since the process started.
    #[must_use]
    pub fn since_start(&self) -> Counts {
        Counts(array::from_fn(|count| {
            self.since_start.0[count].load(Ordering::Relaxed)
        }))
    }

    /// Refusals since the process started, by code.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<&'static str, u64> {
        self.lock_refusals().clone()
    }

    /// The counts since the last call. Each event is reported once, by the request that asks first.
    pub fn take_unreported(&self) -> Counts {
        Counts(array::from_fn(|count| {
            self.unreported.0[count].swap(0, Ordering::Relaxed)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_reported_once_and_remembered() {
        let metrics = Metrics::default();
        metrics.add(Count::Joins, 2);
        metrics.add(Count::Revenue, 99_000);
        let reported = metrics.take_unreported();
        assert_eq!(reported.some(Count::Joins), Some(2));
        assert_eq!(reported.some(Count::Revenue), Some(99_000));
        assert_eq!(reported.some(Count::Sales), None);
        assert_eq!(metrics.take_unreported(), Counts::default());
        assert_eq!(metrics.since_start(), reported);
    }

    #[test]
    fn every_count_has_its_place() {
        for (place, count) in Count::ALL.into_iter().enumerate() {
            assert_eq!(count as usize, place);
        }
    }
}
