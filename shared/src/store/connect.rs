//! Creates the DynamoDB client, with the timeouts and retries that the protocol depends on.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, Region, SharedCredentialsProvider, SharedHttpClient,
};
use domain::clock::WRITE_MS;

/// The timeout of an operation including retries.
const OPERATION_TIMEOUT: Duration = Duration::from_millis(WRITE_MS);
/// The timeout of one attempt. After a lost response there is time for a second attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(950);

/// The endpoint and credentials of DynamoDB.
#[derive(Clone, Debug)]
pub struct Connection {
    pub region: String,
    pub credentials: SharedCredentialsProvider,
    /// Overrides the region's endpoint.
    pub endpoint_url: Option<String>,
    pub http_client: SharedHttpClient,
}

/// Creates the client. Sends nothing yet.
#[must_use]
pub fn connect(connection: Connection) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(OPERATION_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(25));
    let mut config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(connection.region))
        .credentials_provider(connection.credentials)
        .http_client(connection.http_client)
        .timeout_config(timeouts)
        .retry_config(retries);
    config.set_endpoint_url(connection.endpoint_url);
    Client::from_conf(config.build())
}
