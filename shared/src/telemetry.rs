//! Logs and metrics: one line a request. Never a token, a key or a body; of persons only the user id.
//!
//! On Lambda a line is JSON, and what it counts or measures is a metric of CloudWatch at once, by the embedded metric
//! format: no call is made for it.

use std::fmt;
use std::io::Write;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Subscriber, set_global_default};
use tracing::{Event, Level, Metadata};

use crate::config;
use domain::clock::{Clock, EpochMs};

/// Whose lines nobody is shown: the SDK warns of every refused condition, which is an answer here, not a fault; what is one,
/// the store's caller logs.
pub const SILENT: [&str; 2] = ["aws_sdk_dynamodb", "aws_smithy_runtime"];

/// JSON on standard output, for Lambda.
///
/// # Panics
/// Where it was called before.
#[expect(clippy::expect_used, reason = "lines would be lost unseen")]
pub fn init_lambda() {
    let lines = JsonLines {
        namespace: config::metrics_namespace(),
    };
    set_global_default(lines).expect("nobody else has said where lines go");
}

/// A field of a line that is a metric too, by the same name.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub field: &'static str,
    pub unit: &'static str,
    /// The field by which it is told apart, on lines that have it. Each value of it is a metric that CloudWatch charges for,
    /// so there are few.
    pub dimension: Option<&'static str>,
}

const fn counted(field: &'static str) -> Metric {
    Metric {
        field,
        unit: "Count",
        dimension: None,
    }
}

const fn money(field: &'static str) -> Metric {
    Metric {
        field,
        unit: "None",
        dimension: None,
    }
}

/// All of them: what template.yaml shows and watches is among these.
pub const METRICS: &[Metric] = &[
    Metric {
        field: "latency_ms",
        unit: "Milliseconds",
        dimension: Some("function"),
    },
    Metric {
        field: "refusals",
        unit: "Count",
        dimension: Some("code"),
    },
    Metric {
        field: "waiting",
        unit: "Count",
        dimension: Some("event_id"),
    },
    counted("joins"),
    counted("admissions"),
    counted("arrivals"),
    counted("seats_held"),
    counted("sales"),
    counted("tickets_sold"),
    money("revenue"),
    counted("cancellations"),
    counted("refunds"),
    money("refunded"),
    counted("charges"),
    counted("conflicts"),
    counted("lanes_failed"),
    counted("lanes_skipped"),
    counted("promotion_stalled"),
    counted("audit_broken"),
    counted("audit_items"),
    counted("audit_incomplete"),
    Metric {
        field: "audit_ms",
        unit: "Milliseconds",
        dimension: None,
    },
];

/// One JSON object a line. A line stands for itself, so that spans are not followed: their registry alone would be a tenth
/// of a megabyte of each executable.
struct JsonLines {
    /// Where the metrics go; nowhere without it.
    namespace: Option<String>,
}

impl Subscriber for JsonLines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() <= Level::INFO
            && !SILENT.iter().any(|of| metadata.target().starts_with(of))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = self.line(fields.0, *event.metadata().level(), Clock::System.now());
        let mut line = Value::Object(line).to_string();
        line.push('\n');
        // Where standard output is gone, nobody can be told.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl JsonLines {
    fn line(&self, mut line: Map<String, Value>, level: Level, now: EpochMs) -> Map<String, Value> {
        let metrics: Vec<Value> = match &self.namespace {
            Some(namespace) => METRICS
                .iter()
                .filter(|metric| line.contains_key(metric.field))
                .map(|metric| {
                    let dimension = metric.dimension.filter(|by| line.contains_key(*by));
                    directive(namespace, metric, dimension)
                })
                .collect(),
            None => Vec::new(),
        };
        line.insert("level".to_owned(), level.as_str().into());
        line.insert("timestamp".to_owned(), now.to_string().into());
        if !metrics.is_empty() {
            let aws = json!({ "Timestamp": now.0, "CloudWatchMetrics": metrics });
            line.insert("_aws".to_owned(), aws);
        }
        line
    }
}

/// "Specification: Embedded metric format" of the CloudWatch user guide.
fn directive(namespace: &str, metric: &Metric, dimension: Option<&str>) -> Value {
    json!({
        "Namespace": namespace,
        "Dimensions": [dimension.as_slice()],
        "Metrics": [{ "Name": metric.field, "Unit": metric.unit }],
    })
}

/// An event's fields.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(namespace: Option<&str>, fields: Value) -> Value {
        let Value::Object(fields) = fields else {
            panic!("not an object")
        };
        let lines = JsonLines {
            namespace: namespace.map(str::to_owned),
        };
        Value::Object(lines.line(fields, Level::INFO, EpochMs(1_700_000_000_000)))
    }

    #[test]
    fn what_a_line_counts_is_a_metric() {
        let line = line(
            Some("Boxoffice/autumn"),
            json!({"message": "request", "function": "pay", "latency_ms": 12, "sales": 1}),
        );
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_700_000_000_000_u64,
                    "CloudWatchMetrics": [
                        {
                            "Namespace": "Boxoffice/autumn",
                            "Dimensions": [["function"]],
                            "Metrics": [{"Name": "latency_ms", "Unit": "Milliseconds"}],
                        },
                        {
                            "Namespace": "Boxoffice/autumn",
                            "Dimensions": [[]],
                            "Metrics": [{"Name": "sales", "Unit": "Count"}],
                        },
                    ],
                },
                "level": "INFO",
                "timestamp": "2023-11-14T22:13:20.000Z",
                "message": "request",
                "function": "pay",
                "latency_ms": 12,
                "sales": 1,
            })
        );
    }

    #[test]
    fn a_refusal_is_counted_by_its_code() {
        let line = line(Some("n"), json!({"code": "seat_taken", "refusals": 1}));
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["code"]]));
        assert_eq!(directive["Metrics"][0]["Name"], "refusals");
    }

    #[test]
    fn who_wait_are_counted_by_event_and_in_all() {
        let of_event = line(Some("n"), json!({"event_id": "e", "waiting": 3}));
        let in_all = line(Some("n"), json!({"waiting": 5}));
        for (line, dimensions) in [(of_event, json!([["event_id"]])), (in_all, json!([[]]))] {
            let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
            assert_eq!(directives.len(), 1);
            assert_eq!(directives[0]["Dimensions"], dimensions);
            assert_eq!(directives[0]["Metrics"][0]["Name"], "waiting");
        }
    }

    #[test]
    fn without_a_namespace_and_without_counts_there_are_no_metrics() {
        let quiet = line(None, json!({"function": "pay", "latency_ms": 12}));
        assert_eq!(quiet.get("_aws"), None);
        let plain = line(Some("n"), json!({"message": "the store failed"}));
        assert_eq!(plain.get("_aws"), None);
    }
}
