//! How often requests were refused, by code.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::MetricDataQuery;
use serde::Serialize;
use shared::app::App;
use shared::http_client;

/// Where the counts come from.
pub enum RefusalSource {
    None,
    /// The counters of this process, which answers the requests itself.
    ThisProcess,
    /// The metrics that CloudWatch makes from the functions' logs.
    CloudWatch {
        client: Client,
        namespace: String,
    },
}

#[derive(Serialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefusalCounts {
    /// The counted time: since the `START` of the process, or the last `HOUR`.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Since>,
    by_code: BTreeMap<String, u64>,
    /// Why there are no counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "UPPERCASE")]
enum Since {
    Start,
    Hour,
}

const WINDOW: Duration = Duration::from_hours(1);
/// CloudWatch returns a sum for each five minutes.
const PERIOD_SECONDS: i32 = 300;

impl RefusalSource {
    /// Reads the metrics of a stack with the operator's own credentials.
    pub async fn cloud_watch(namespace: &str) -> Self {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .http_client(http_client::for_any_server())
            .load()
            .await;
        Self::CloudWatch {
            client: Client::new(&config),
            namespace: namespace.to_owned(),
        }
    }

    pub(super) async fn counts(&self, app: &App) -> RefusalCounts {
        let (since, by_code) = match self {
            Self::None => {
                return RefusalCounts::none(
                    "start the desk with --metrics-namespace, or use the desk of `serve`",
                );
            }
            Self::ThisProcess => {
                let by_code = app.metrics().refusals();
                let named = by_code.into_iter().map(|(code, n)| (code.to_owned(), n));
                (Since::Start, named.collect())
            }
            Self::CloudWatch { client, namespace } => match last_hour(client, namespace).await {
                Ok(by_code) => (Since::Hour, by_code),
                Err(error) => return RefusalCounts::none(&format!("{error:#}")),
            },
        };
        RefusalCounts {
            since: Some(since),
            by_code,
            message: None,
        }
    }
}

impl RefusalCounts {
    fn none(message: &str) -> Self {
        Self {
            since: None,
            by_code: BTreeMap::new(),
            message: Some(message.to_owned()),
        }
    }
}

async fn last_hour(client: &Client, namespace: &str) -> Result<BTreeMap<String, u64>> {
    let now = SystemTime::now();
    // A search finds at most 500 metrics, and there are about thirty codes.
    let search = format!(
        "SEARCH('{{\"{namespace}\",code}} MetricName=\"refusals\"', 'Sum', {PERIOD_SECONDS})"
    );
    let query = MetricDataQuery::builder()
        .id("refusals")
        .expression(search)
        .label("${PROP('Dim.code')}")
        .build();
    let answer = client
        .get_metric_data()
        .metric_data_queries(query)
        .start_time(DateTime::from(now - WINDOW))
        .end_time(DateTime::from(now))
        .send()
        .await
        .context("cannot read the metrics from CloudWatch")?;
    let mut by_code = BTreeMap::new();
    for result in answer.metric_data_results() {
        let sum: f64 = result.values().iter().sum();
        let label = result.label().unwrap_or_default();
        *by_code.entry(label.to_owned()).or_default() += to_count(sum);
    }
    Ok(by_code)
}

/// Sums of counts are whole and not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates"
)]
fn to_count(sum: f64) -> u64 {
    sum.round() as u64
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
    use aws_sdk_cloudwatch::types::MetricDataResult;
    use aws_smithy_mocks::{mock, mock_client};

    use super::*;

    #[tokio::test]
    async fn the_sums_of_each_code_are_added() {
        let asked = mock!(Client::get_metric_data)
            .match_requests(|request| {
                let query = &request.metric_data_queries()[0];
                query.expression()
                    == Some(
                        "SEARCH('{\"Boxoffice/autumn\",code} MetricName=\"refusals\"', 'Sum', 300)",
                    )
            })
            .then_output(|| {
                let of = |code: &str, sums: Vec<f64>| {
                    MetricDataResult::builder()
                        .label(code)
                        .set_values(Some(sums))
                        .build()
                };
                GetMetricDataOutput::builder()
                    .metric_data_results(of("seat_taken", vec![3.0, 4.0]))
                    .metric_data_results(of("turn_over", vec![1.0]))
                    .build()
            });
        let client = mock_client!(aws_sdk_cloudwatch, [&asked]);
        let by_code = last_hour(&client, "Boxoffice/autumn").await.unwrap();
        let expected = [("seat_taken", 7), ("turn_over", 1)];
        let expected = expected.map(|(code, times)| (code.to_owned(), times));
        assert_eq!(by_code, BTreeMap::from(expected));
    }
}
