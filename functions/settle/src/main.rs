//! Starts the function.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use shared::lambda::{Init, start_with_provider};
use shared::telemetry;
use tracing::Instrument;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init_lambda();
    let app = &start_with_provider(Init::Catalog).await?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        settle::handle(app).instrument(telemetry::invocation("settle", Some(&event.context)))
    }))
    .await
}
