//! Logs and metrics: one JSON line per request on Lambda. Lines never contain a token, a key or a body; the only personal
//! data in them is the user id.
//!
//! `tracing-subscriber` writes the lines. `Lines` adds what CloudWatch needs: the fields of the invocation's span at the top
//! level, where Logs Insights and metrics look for them, and the embedded metric format, which makes metrics of a
//! line's numbers without any call.

use std::fmt;

use domain::clock::{Clock, EpochMs};
use lambda_runtime::Context;
use serde_json::{Map, Value, json};
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

use crate::config;

/// Sends lines to standard output, as JSON, for Lambda.
///
/// # Panics
/// If a subscriber is installed already.
pub fn init_lambda() {
    subscriber(config::metrics_namespace(), std::io::stdout).init();
}

/// The lines to show: INFO and above. The SDK is silent, because it warns of every failed condition, which is a normal
/// answer here. Callers of the store log its real failures.
#[must_use]
pub fn shown() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("aws_sdk_dynamodb", LevelFilter::OFF)
        .with_target("aws_smithy_runtime", LevelFilter::OFF)
}

/// The span of one invocation of a function. Every line within it has these fields. Locally there is no context.
#[must_use]
pub fn invocation(function: &str, context: Option<&Context>) -> Span {
    let trace_id = context
        .and_then(|context| context.xray_trace_id.as_deref())
        .and_then(|header| {
            header
                .split(';')
                .find_map(|part| part.trim().strip_prefix("Root="))
        });
    tracing::info_span!(
        "invocation",
        function,
        request_id = context.map(|context| context.request_id.as_str()),
        trace_id,
    )
}

fn subscriber(
    namespace: Option<String>,
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> impl Subscriber {
    let json = tracing_subscriber::fmt::format()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_target(false);
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(Lines { json, namespace })
        .with_writer(writer);
    tracing_subscriber::registry().with(lines).with(shown())
}

/// A field of a line that is a metric too, by the same name.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub field: &'static str,
    pub unit: &'static str,
    /// The field that is its dimension, on lines that have that field. CloudWatch charges for each value of a dimension, so
    /// these have few values.
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

/// All metrics. The dashboard and the alarms of template.yaml use some of them.
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
    counted("reversals"),
    counted("conflicts"),
    counted("lanes_failed"),
    counted("lanes_skipped"),
    counted("promotion_stalled"),
    counted("check_failed"),
    Metric {
        field: "check_ms",
        unit: "Milliseconds",
        dimension: None,
    },
    counted("audit_broken"),
    counted("audit_items"),
    counted("audit_incomplete"),
    Metric {
        field: "audit_ms",
        unit: "Milliseconds",
        dimension: None,
    },
];

/// `tracing-subscriber`'s JSON, with the current span's fields at the top level and with metrics.
struct Lines {
    json: Format<Json>,
    /// The namespace of the metrics. Without one there are none.
    namespace: Option<String>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.json
            .format_event(context, Writer::new(&mut text), event)?;
        let line = serde_json::from_str(&text).map_err(|_| fmt::Error)?;
        let line = self.line(line, Clock::System.now());
        writeln!(writer, "{}", Value::Object(line))
    }
}

impl Lines {
    fn line(&self, mut line: Map<String, Value>, now: EpochMs) -> Map<String, Value> {
        if let Some(Value::Object(mut span)) = line.remove("span") {
            span.remove("name");
            // Lines of the runtime itself, like that of a failed run, are only within its own span.
            if let Some(id) = span.remove("requestId") {
                span.insert("request_id".to_owned(), id);
            }
            for (field, value) in span {
                line.entry(field).or_insert(value);
            }
        }
        let metrics: Vec<Value> = self
            .namespace
            .iter()
            .flat_map(|namespace| METRICS.iter().map(move |metric| (namespace, metric)))
            .filter(|(_, metric)| line.contains_key(metric.field))
            .map(|(namespace, metric)| {
                let dimension = metric.dimension.filter(|by| line.contains_key(*by));
                directive(namespace, metric, dimension)
            })
            .collect();
        if !metrics.is_empty() {
            let aws = json!({ "Timestamp": now.0, "CloudWatchMetrics": metrics });
            line.insert("_aws".to_owned(), aws);
        }
        line
    }
}

/// One metric, as in "Specification: Embedded metric format" of the CloudWatch user guide.
fn directive(namespace: &str, metric: &Metric, dimension: Option<&str>) -> Value {
    json!({
        "Namespace": namespace,
        "Dimensions": [dimension.as_slice()],
        "Metrics": [{ "Name": metric.field, "Unit": metric.unit }],
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    fn line(namespace: Option<&str>, fields: Value) -> Value {
        let Value::Object(fields) = fields else {
            panic!("not an object")
        };
        let lines = Lines {
            json: tracing_subscriber::fmt::format().json(),
            namespace: namespace.map(str::to_owned),
        };
        Value::Object(lines.line(fields, EpochMs(1_700_000_000_000)))
    }

    /// Standard output, for a test.
    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_of_an_invocation_has_its_function_and_its_ids() {
        let output = Output::default();
        let writer = output.clone();
        let subscriber = subscriber(Some("n".to_owned()), move || writer.clone());
        let mut context = Context::default();
        context.request_id = "request".to_owned();
        context.xray_trace_id = Some("Root=1-5759e988;Parent=53995c3f;Sampled=1".to_owned());
        tracing::subscriber::with_default(subscriber, || {
            let _entered = invocation("pay", Some(&context)).entered();
            tracing::warn!(event_id = "e", "promotion failed");
            tracing::debug!("not shown");
            tracing::info!(latency_ms = 12_u64, "request");
        });
        let text = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let [failed, request] = &lines[..] else {
            panic!("{text}")
        };
        for line in [failed, request] {
            assert_eq!(line["function"], "pay");
            assert_eq!(line["request_id"], "request");
            assert_eq!(line["trace_id"], "1-5759e988");
            assert!(line["timestamp"].is_string());
            assert_eq!(line.get("span"), None);
        }
        assert_eq!(failed["message"], "promotion failed");
        assert_eq!(failed["level"], "WARN");
        assert_eq!(failed["event_id"], "e");
        // The dimension comes from the span.
        let directive = &request["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["function"]]));
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
