//! What happens, counted where it happens: for the line of each request ([`crate::telemetry`]), and for whoever looks at
//! the running process.

use std::array;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::money::Money;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    /// Numbers handed out and stood in line with.
    Joins,
    /// Numbers called by promotion.
    Admissions,
    /// Called users who came.
    Arrivals,
    /// Seats held.
    SeatsHeld,
    /// Payments, and reservations of general admission.
    Sales,
    /// Seats and tickets sold.
    TicketsSold,
    /// What was paid, in the currency's minor unit.
    Revenue,
    /// Reservations cancelled, holds among them.
    Cancellations,
    /// Cancelled reservations that had been paid.
    Refunds,
    /// What was paid back, in the currency's minor unit.
    Refunded,
    /// Charges of wallets.
    Charges,
    /// Writes that DynamoDB refused because a transaction held one of their items; most are tried again.
    Conflicts,
}

impl Count {
    const ALL: [Self; 12] = [
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
        Self::Conflicts,
    ];
}

/// A process's counts.
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

/// How often each thing happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts([u64; Count::ALL.len()]);

impl Counts {
    /// None where it did not happen.
    #[must_use]
    pub fn some(&self, count: Count) -> Option<u64> {
        Some(self.0[count as usize]).filter(|times| *times > 0)
    }
}

impl Metrics {
    /// It happened so many times, or so much of it.
    pub fn add(&self, count: Count, times: u64) {
        // Each is looked at on its own: no order among them is needed.
        self.since_start.0[count as usize].fetch_add(times, Ordering::Relaxed);
        self.unreported.0[count as usize].fetch_add(times, Ordering::Relaxed);
    }

    /// So much money moved.
    pub fn add_money(&self, count: Count, amount: Money) {
        // Amounts are never negative.
        self.add(count, u64::try_from(amount.0).unwrap_or_default());
    }

    /// A request was refused with this code.
    pub(crate) fn refused(&self, code: &'static str) {
        *self.lock_refusals().entry(code).or_default() += 1;
    }

    fn lock_refusals(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        // A panic between two lines of this file leaves a whole map.
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has happened since the process began.
    #[must_use]
    pub fn since_start(&self) -> Counts {
        Counts(array::from_fn(|count| {
            self.since_start.0[count].load(Ordering::Relaxed)
        }))
    }

    /// Refusals since the process began, by code.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<&'static str, u64> {
        self.lock_refusals().clone()
    }

    /// What nobody has reported yet. Each thing is given once, to whichever request asks first.
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
