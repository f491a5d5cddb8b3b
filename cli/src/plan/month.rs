//! What the deployed system costs in a month without a sale, with its arithmetic.

use super::bill::{Bill, line};
use super::prices;

/// Metrics that the alarms of template.yaml watch, without those of optional resources. A test compares this with the
/// template.
pub const ALARM_METRICS: f64 = 51.0;
const DASHBOARDS: f64 = 1.0;

/// The schedule writes `waiting`, `promotion_stalled`, `lanes_failed` and `lanes_skipped` each minute, and `waiting` by event
/// for one open event. The audit writes four metrics in one of 24 hours. A metric is charged for the hours in which it is
/// written.
const CUSTOM_METRICS: f64 = 4.0 + 1.0 + 4.0 / 24.0;

/// An assumption: a user's items, with their keys.
const GIGABYTES_PER_USER: f64 = 1e-6;

/// The schedule records the history of each event on sale: of one with a lane whose 100 slots are open and with a section on
/// each of two dates, a minute takes this many units. A test compares this with a real run.
pub const HISTORY_READ_UNITS: f64 = 5.0;
pub const HISTORY_WRITE_UNITS: f64 = 5.0;

const NIGHTS: f64 = 30.0;
const MINUTES: f64 = NIGHTS * 24.0 * 60.0;

/// The audit makes a strongly consistent query of each user's own partition and one of the wallet's, and gets the lane's
/// counters for the user's queue number, eventually consistent. Up to 4 KB, these are 1 + 1 + 0.5 units. A test compares this
/// with a real audit.
pub const AUDIT_UNITS_PER_USER: f64 = 2.5;
/// The audit's scan is eventually consistent: half a unit for 4 KB.
const SCAN_UNITS_PER_GIGABYTE: f64 = 0.5 * 1e9 / 4096.0;

impl Bill {
    /// A month without a sale, with the items of this many users in the table.
    #[must_use]
    pub fn of_month(users: u32) -> Self {
        let users = f64::from(users);
        let gigabytes = users * GIGABYTES_PER_USER;
        let audit_units = users * AUDIT_UNITS_PER_USER + gigabytes * SCAN_UNITS_PER_GIGABYTE;
        Self::of_lines(vec![
            line(prices::ALARM_METRICS, ALARM_METRICS),
            line(prices::DASHBOARDS, DASHBOARDS),
            line(prices::CUSTOM_METRICS, CUSTOM_METRICS),
            line(prices::INVOCATIONS, MINUTES),
            // One request a second of each function is traced, and these are fewer.
            line(prices::TRACES, MINUTES + NIGHTS),
            line(
                prices::READ_UNITS,
                NIGHTS * audit_units + MINUTES * HISTORY_READ_UNITS,
            ),
            line(prices::WRITE_UNITS, MINUTES * HISTORY_WRITE_UNITS),
            line(prices::TABLE_GIGABYTES, gigabytes),
            line(prices::RECOVERY_GIGABYTES, gigabytes),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_of_a_million_users_costs_two_and_a_half_units_each_and_the_scan() {
        let bill = Bill::of_month(1_000_000);
        let reads = bill.lines.iter().find(|line| line.what == "read units");
        // 30 × (2,500,000 + 122,070), without the history.
        let history = MINUTES * HISTORY_READ_UNITS;
        assert!((reads.unwrap().count - history - 78_662_109.375).abs() < 1e-3);
        let nobody = Bill::of_month(0);
        assert!(nobody.dollars > 5.0 && nobody.dollars < bill.dollars);
    }
}
