//! Init and run, nothing else.

use std::time::{Duration, SystemTime};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use shared::lambda::{Init, start};
use shared::telemetry;
use tracing::Instrument;

/// Enough to tell what was found before Lambda ends the run.
const TO_TELL: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init_lambda();
    let app = &start(Init::Catalog).await?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let left = event.context.deadline().duration_since(SystemTime::now());
        audit::handle(app, left.unwrap_or_default().saturating_sub(TO_TELL))
            .instrument(telemetry::invocation("audit", Some(&event.context)))
    }))
    .await
}
