//! A DynamoDB client with the time-outs and retries that the protocol counts on.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, Region, SharedCredentialsProvider, SharedHttpClient,
};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use std::time::Duration;

use super::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT};

/// Where DynamoDB is and who we are to it.
#[derive(Clone, Debug)]
pub struct Connection {
    pub region: String,
    pub credentials: SharedCredentialsProvider,
    /// Another endpoint than the region's own.
    pub endpoint_url: Option<String>,
    /// The transport; the usual one where there is none.
    pub http_client: Option<SharedHttpClient>,
}

/// Makes the client. Nothing is sent yet.
#[must_use]
pub fn connect(connection: Connection) -> Client {
    let http_client = connection.http_client.unwrap_or_else(https_client);
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(OPERATION_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .connect_timeout(ATTEMPT_TIMEOUT)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(25));
    let mut config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(connection.region))
        .credentials_provider(connection.credentials)
        .http_client(http_client)
        .timeout_config(timeouts)
        .retry_config(retries);
    config.set_endpoint_url(connection.endpoint_url);
    Client::from_conf(config.build())
}

/// The usual transport: TLS by rustls with ring, connections kept. It trusts whom the machine trusts.
#[must_use]
pub fn https_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// The authorities of every AWS endpoint: "Root CAs" of Amazon Trust Services.
pub const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// The same transport, trusting nobody but these authorities, in PEM.
///
/// The bundle of a whole machine, some 140 authorities, takes most of a cold start to read.
///
/// # Errors
/// Where it cannot be made of these.
pub fn https_client_trusting(
    authorities: impl Into<Vec<u8>>,
) -> Result<SharedHttpClient, aws_smithy_runtime_api::box_error::BoxError> {
    let trusted = TrustStore::empty().with_pem_certificate(authorities);
    let context = TlsContext::builder().with_trust_store(trusted).build()?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https())
}
