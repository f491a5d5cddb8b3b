//! Starts the function.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use shared::exchange::connector;
use shared::{config, telemetry};
use tracing::Instrument;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init_lambda();
    let target = &config::check_target().map_err(|error| error.to_string())?;
    let connector = &connector();
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let invocation = telemetry::invocation("check", Some(&event.context));
        async move {
            let result = check::handle(connector, target).await;
            Ok::<_, lambda_http::Error>(result)
        }
        .instrument(invocation)
    }))
    .await
}
