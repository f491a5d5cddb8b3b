//! Reads a secret of AWS Secrets Manager.

use std::time::Duration;

use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Builder, Region};
use aws_sdk_secretsmanager::error::DisplayErrorContext;

use crate::store::Connection;

/// A function reads a secret once, when it starts.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The secret's text could not be read. The text says why, and holds nothing of the secret.
#[derive(Debug, thiserror::Error)]
#[error("the secret {name} cannot be read: {why}")]
pub struct SecretUnreadable {
    name: String,
    why: String,
}

/// The current text of a secret.
pub async fn read(
    connection: &Connection,
    endpoint_url: Option<String>,
    name: &str,
) -> Result<String, SecretUnreadable> {
    let mut config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(connection.region.clone()))
        .credentials_provider(connection.credentials.clone())
        .http_client(connection.http_client.clone())
        .timeout_config(TimeoutConfig::builder().operation_timeout(TIMEOUT).build());
    config.set_endpoint_url(endpoint_url);
    let client = aws_sdk_secretsmanager::Client::from_conf(config.build());
    let unreadable = |why: String| SecretUnreadable {
        name: name.to_owned(),
        why,
    };
    let answer = client.get_secret_value().secret_id(name).send().await;
    let answer = answer.map_err(|error| unreadable(DisplayErrorContext(error).to_string()))?;
    answer
        .secret_string
        .ok_or_else(|| unreadable("it is not text".to_owned()))
}
