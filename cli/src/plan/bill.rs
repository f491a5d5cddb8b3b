//! What a simulated sale costs, with its arithmetic.

use std::collections::BTreeMap;

use serde::Serialize;

use super::costs::Function;
use super::functions::{KEPT_READY, milliseconds};
use super::observed::{Observed, Refused};
use super::prices::{self, Price};
use super::scenario::{READY_BEFORE, Settings};
use super::table::NEW_TABLE;

/// The memory of each function, as in template.yaml.
const FUNCTION_GIGABYTES: f64 = 0.25;
/// Assumptions: the size of a cached response, and what a request logs.
const RESPONSE_GIGABYTES: f64 = 1e-6;
const LOG_GIGABYTES: f64 = 1e-6;
/// As in infra/web-acl.yaml.
const WEB_ACL_RULES: f64 = 2.0;
/// Lambda traces one request a second of each function and this share of the others, and this cannot be set. Source:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html>
const TRACED: f64 = 0.05;

/// A line of the bill.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct BillLine {
    pub what: &'static str,
    pub count: f64,
    pub price: f64,
    pub per: f64,
    pub dollars: f64,
    pub source: &'static str,
}

/// The bill of a sale.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Bill {
    pub date: &'static str,
    pub region: &'static str,
    pub lines: Vec<BillLine>,
    pub dollars: f64,
}

impl Bill {
    /// What the simulated sale costs with these settings.
    #[must_use]
    pub fn of(observed: &Observed, settings: &Settings) -> Self {
        let answered = observed.all_answered();
        let gigabyte_seconds: f64 = observed
            .answered
            .iter()
            .map(|(operation, count)| count * milliseconds(*operation) / 1_000.0)
            .sum::<f64>()
            * FUNCTION_GIGABYTES;
        // The gateway does not charge for requests that it refuses.
        let at_api = answered + observed.count_refused(Refused::Functions);
        let refused_at_gateway = observed.count_refused(Refused::Gateway);
        // All requests pass the CDN.
        let at_cdn = observed.cdn_requests + at_api + refused_at_gateway;
        let mut lines = vec![
            line(prices::CDN_REQUESTS, at_cdn),
            line(prices::CDN_GIGABYTES, at_cdn * RESPONSE_GIGABYTES),
            line(prices::API_REQUESTS, at_api),
            line(prices::INVOCATIONS, answered),
            line(prices::GIGABYTE_SECONDS, gigabyte_seconds),
            line(prices::LOG_GIGABYTES, answered * LOG_GIGABYTES),
            line(prices::TRACES, traces(observed)),
            line(prices::WRITE_UNITS, observed.units.writes),
            line(prices::READ_UNITS, observed.units.reads),
        ];
        // A new table has as much at no charge.
        let warm_writes = settings.warm.writes - NEW_TABLE.writes;
        if warm_writes > 0.0 {
            lines.push(line(prices::WARM_WRITE_UNITS, warm_writes));
        }
        let warm_reads = settings.warm.reads - NEW_TABLE.reads;
        if warm_reads > 0.0 {
            lines.push(line(prices::WARM_READ_UNITS, warm_reads));
        }
        if settings.ready_environments > 0 {
            let environments = f64::from(settings.ready_environments) * f64::from(KEPT_READY);
            let seconds = (READY_BEFORE + settings.ready_for).as_secs_f64();
            let ready = environments * FUNCTION_GIGABYTES * seconds;
            lines.push(line(prices::READY_GIGABYTE_SECONDS, ready));
        }
        if settings.web_acl {
            lines.push(line(prices::WEB_ACL_MONTH, 1.0));
            lines.push(line(prices::WEB_ACL_RULE_MONTH, WEB_ACL_RULES));
            lines.push(line(prices::WEB_ACL_REQUESTS, at_cdn));
        }
        Self::of_lines(lines)
    }

    pub(super) fn of_lines(lines: Vec<BillLine>) -> Self {
        Self {
            date: prices::DATE,
            region: prices::REGION,
            dollars: lines.iter().map(|line| line.dollars).sum(),
            lines,
        }
    }
}

/// At most: every second has a request of each function.
#[expect(clippy::cast_precision_loss, reason = "hours at most")]
fn traces(observed: &Observed) -> f64 {
    let seconds = observed.seconds.len() as f64;
    let mut by_function: BTreeMap<Function, f64> = BTreeMap::new();
    for (operation, count) in &observed.answered {
        *by_function.entry(operation.function()).or_default() += count;
    }
    by_function
        .values()
        .map(|count| {
            let first = count.min(seconds);
            first + TRACED * (count - first)
        })
        .sum()
}

pub(super) fn line(price: Price, count: f64) -> BillLine {
    BillLine {
        what: price.unit,
        count,
        price: price.dollars,
        per: price.per,
        dollars: count / price.per * price.dollars,
        source: price.source,
    }
}

#[cfg(test)]
mod tests {
    use super::super::costs::{Operation, Units};
    use super::super::observed::Second;
    use super::*;
    use domain::queue::QueuePolicy;

    #[test]
    fn the_sum_is_that_of_its_lines_and_each_line_is_its_count_times_its_price() {
        let mut observed = Observed {
            units: Units {
                writes: 2_000_000.0,
                reads: 4_000_000.0,
            },
            cdn_requests: 12_000_000.0,
            ..Observed::default()
        };
        observed.answered(Operation::Join, 1_000_000.0);
        let plain = Settings::of(&QueuePolicy::default());
        let settings = Settings {
            web_acl: true,
            warm: Units {
                writes: 14_000.0,
                reads: 42_000.0,
            },
            ready_environments: 50,
            ..plain
        };
        let bill = Bill::of(&observed, &settings);
        let dollars = |what: &str| {
            let line = bill.lines.iter().find(|line| line.what == what).unwrap();
            (line.dollars * 1e6).round() / 1e6
        };
        assert!((dollars("write units") - 1.25).abs() < 1e-9);
        assert!((dollars("read units") - 0.5).abs() < 1e-9);
        assert!((dollars("CDN requests") - 13.0).abs() < 1e-9);
        // 26 ms of 256 MB each.
        assert!((dollars("GB-seconds") - 0.086_667).abs() < 1e-6);
        // No second is simulated here: a twentieth.
        assert!((dollars("traces") - 0.25).abs() < 1e-9);
        let sum: f64 = bill.lines.iter().map(|line| line.dollars).sum();
        assert!((bill.dollars - sum).abs() < 1e-9);
        assert!((dollars("warm write units, once") - 6.5).abs() < 1e-9);
        assert!((dollars("warm read units, once") - 3.9).abs() < 1e-9);
        // 50 of nine functions for 90 minutes, at 0.003 dollars an hour.
        assert!((dollars("GB-seconds ready") - 2.025).abs() < 1e-3);
        let bill_of_plain = Bill::of(&observed, &plain);
        let extra = ["warm", "ready", "ACL"];
        let has_extra = |line: &BillLine| extra.iter().any(|part| line.what.contains(part));
        assert!(!bill_of_plain.lines.iter().any(has_extra));
    }

    #[test]
    fn one_request_a_second_of_each_function_is_traced_and_a_twentieth_of_the_others() {
        let mut observed = Observed {
            seconds: vec![Second::default(); 100],
            ..Observed::default()
        };
        observed.answered(Operation::Join, 1_100.0);
        observed.answered(Operation::Charge, 40.0);
        // 100 + 1,000 / 20, and all 40.
        assert!((traces(&observed) - 190.0).abs() < 1e-9);
    }
}
