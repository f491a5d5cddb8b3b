//! How often requests were refused, by code: as this process counted, or as CloudWatch did.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::MetricDataQuery;
use serde::Serialize;
use shared::app::App;
use shared::transport::Transport;

/// Where the numbers come from.
pub enum Refusals {
    /// Nobody counts where this desk can see it.
    Unknown,
    /// This process answers the requests itself.
    OfThisProcess,
    /// The functions' logs, as metrics.
    CloudWatch { client: Client, namespace: String },
}

/// What is shown.
#[derive(Serialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByCode {
    /// Since when it was counted: `START` of the process, or the last `HOUR`.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Since>,
    #[serde(rename = "byCode")]
    times: BTreeMap<String, u64>,
    /// Why there is nothing to be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "UPPERCASE")]
enum Since {
    Start,
    Hour,
}

const LAST: Duration = Duration::from_hours(1);
/// Sums of five minutes: CloudWatch gives at most 500 metrics of a search, and there are some thirty codes.
const PERIOD_SECONDS: i32 = 300;

impl Refusals {
    /// The metrics of a stack, by the operator's own credentials.
    pub async fn cloud_watch(namespace: &str) -> Self {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .http_client(Transport::to_anybody().into_http_client())
            .load()
            .await;
        Self::CloudWatch {
            client: Client::new(&config),
            namespace: namespace.to_owned(),
        }
    }

    pub(super) async fn by_code(&self, app: &App) -> ByCode {
        let (since, by_code) = match self {
            Self::Unknown => {
                return ByCode::unknown(
                    "say --metrics-namespace, or look at the desk that `serve` opens",
                );
            }
            Self::OfThisProcess => {
                let by_code = app.metrics().refusals();
                let named = by_code.into_iter().map(|(code, n)| (code.to_owned(), n));
                (Since::Start, named.collect())
            }
            Self::CloudWatch { client, namespace } => match of_an_hour(client, namespace).await {
                Ok(by_code) => (Since::Hour, by_code),
                Err(error) => return ByCode::unknown(&format!("{error:#}")),
            },
        };
        ByCode {
            since: Some(since),
            times: by_code,
            message: None,
        }
    }
}

impl ByCode {
    fn unknown(message: &str) -> Self {
        Self {
            since: None,
            times: BTreeMap::new(),
            message: Some(message.to_owned()),
        }
    }
}

async fn of_an_hour(client: &Client, namespace: &str) -> Result<BTreeMap<String, u64>> {
    let now = SystemTime::now();
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
        .start_time(DateTime::from(now - LAST))
        .end_time(DateTime::from(now))
        .send()
        .await
        .context("cannot ask CloudWatch")?;
    let mut by_code = BTreeMap::new();
    for result in answer.metric_data_results() {
        let sum: f64 = result.values().iter().sum();
        let label = result.label().unwrap_or_default();
        *by_code.entry(label.to_owned()).or_default() += whole(sum);
    }
    Ok(by_code)
}

/// Sums of counts are whole and not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates"
)]
fn whole(sum: f64) -> u64 {
    sum.round() as u64
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
    use aws_sdk_cloudwatch::types::MetricDataResult;
    use aws_smithy_mocks::{mock, mock_client};

    use super::*;

    #[tokio::test]
    async fn cloud_watch_is_asked_for_each_code_and_its_sums_are_added() {
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
        let by_code = of_an_hour(&client, "Boxoffice/autumn").await.unwrap();
        let expected = [("seat_taken", 7), ("turn_over", 1)];
        let expected = expected.map(|(code, times)| (code.to_owned(), times));
        assert_eq!(by_code, BTreeMap::from(expected));
    }
}
