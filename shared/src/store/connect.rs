//! A DynamoDB client with the time-outs and retries that the protocol counts on.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, Region, SharedCredentialsProvider, SharedHttpClient,
};

/// An operation's time-out, retries included: a write decided at t is over by t + 2 s.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(2);
/// One attempt's, so that a lost answer leaves time for a second attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(950);

/// Where DynamoDB is and who we are to it.
#[derive(Clone, Debug)]
pub struct Connection {
    pub region: String,
    pub credentials: SharedCredentialsProvider,
    /// Another endpoint than the region's own.
    pub endpoint_url: Option<String>,
    pub http_client: SharedHttpClient,
}

/// Makes the client. Nothing is sent yet.
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
