//! Starts the function.

use std::time::{Duration, SystemTime};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use shared::lambda::{Init, start_with_provider};
use shared::telemetry;
use tracing::Instrument;

/// The time reserved for logging the findings before Lambda ends the run.
const TIME_TO_LOG: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init_lambda();
    let app = &start_with_provider(Init::Catalog).await?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let left = event.context.deadline().duration_since(SystemTime::now());
        audit::handle(app, left.unwrap_or_default().saturating_sub(TIME_TO_LOG))
            .instrument(telemetry::invocation("audit", Some(&event.context)))
    }))
    .await
}
