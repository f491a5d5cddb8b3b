//! The options that name a command's tables, and the connection to them.

use anyhow::{Context, Result, bail};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use clap::Args;
use shared::http_client;
use shared::loopback::is_loopback;
use shared::store::{Connection, Store, StoreError, TableNames, connect};

use crate::access_keys::{self, AccessKeys};
use crate::service_clock;

/// Where DynamoDB is. Without options, the standard AWS environment decides.
#[derive(Args, Clone, Debug)]
pub struct TableOptions {
    /// Use the `serve` that runs on this machine
    #[arg(long, global = true)]
    local: bool,
    /// Use DynamoDB at this address [default: the AWS environment's]
    #[arg(long, global = true, value_name = "URL")]
    endpoint_url: Option<String>,
    /// The main table's name
    #[arg(
        long,
        global = true,
        env = "BOXOFFICE_TABLE",
        default_value = "boxoffice"
    )]
    table: String,
    /// The name of the signing keys' table [default: the main table's name and `-keys`]
    #[arg(long, global = true, env = "BOXOFFICE_KEYS_TABLE")]
    keys_table: Option<String>,
}

/// The default address of `serve`'s DynamoDB.
const LOCAL_ENDPOINT: &str = "http://127.0.0.1:8000";
/// The embedded DynamoDB accepts any region.
pub(crate) const LOCAL_REGION: &str = "us-east-1";

impl TableOptions {
    #[must_use]
    pub fn names(&self) -> TableNames {
        TableNames {
            main: self.table.clone(),
            keys: self
                .keys_table
                .clone()
                .unwrap_or_else(|| format!("{}-keys", self.table)),
        }
    }

    /// Whether the tables are those of the `serve` on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.local
    }

    fn endpoint_url(&self) -> Option<String> {
        match (&self.endpoint_url, self.local) {
            (Some(url), _) => Some(url.clone()),
            (None, true) => Some(LOCAL_ENDPOINT.to_owned()),
            (None, false) => std::env::var("AWS_ENDPOINT_URL_DYNAMODB")
                .or_else(|_| std::env::var("AWS_ENDPOINT_URL"))
                .ok()
                .filter(|url| !url.is_empty()),
        }
    }

    /// Whether DynamoDB runs on this machine, where nobody has an identity of AWS.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        self.endpoint_url().is_some_and(|url| is_loopback(&url))
    }

    pub async fn store(&self) -> Result<Store> {
        let connection = match self.endpoint_url() {
            Some(url) if is_loopback(&url) => {
                let keys = access_keys::of_endpoint(&url)?;
                local_connection(&url, keys.as_ref())
            }
            endpoint_url => cloud_connection(endpoint_url).await?,
        };
        let (client, clock) = service_clock::follow(&connect(connection));
        let store = Store::new(client, self.names(), clock);
        // The first response sets the clock, and shows whether there is such a table.
        match store.settings().await {
            Ok(_) => Ok(store),
            Err(StoreError::NoTable) => {
                bail!("there is no table {}: see --table", self.table)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A DynamoDB on this machine, with the keys of its `serve`. Other emulators of DynamoDB accept any keys: for them the AWS
/// environment's are used, if it has any.
#[must_use]
pub fn local_connection(endpoint_url: &str, keys: Option<&AccessKeys>) -> Connection {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let credentials = match keys {
        Some(keys) => keys.credentials(),
        None => Credentials::from_keys(
            variable("AWS_ACCESS_KEY_ID").unwrap_or_else(|| "local".to_owned()),
            variable("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|| "local".to_owned()),
            None,
        ),
    };
    let http_client = if endpoint_url.starts_with("http:") {
        http_client::for_plain_http()
    } else {
        http_client::for_any_server()
    };
    Connection {
        region: LOCAL_REGION.to_owned(),
        credentials: SharedCredentialsProvider::new(credentials),
        endpoint_url: Some(endpoint_url.to_owned()),
        http_client,
    }
}

/// The AWS environment: its region and its credentials.
pub(crate) async fn aws_environment() -> aws_config::SdkConfig {
    aws_config::defaults(aws_config::BehaviorVersion::latest())
        .http_client(http_client::for_any_server())
        .load()
        .await
}

async fn cloud_connection(endpoint_url: Option<String>) -> Result<Connection> {
    let http_client = http_client::for_any_server();
    let config = aws_environment().await;
    let region = config
        .region()
        .context("no AWS region is configured; set AWS_REGION, or use --local")?
        .to_string();
    let credentials = config
        .credentials_provider()
        .context("no AWS credentials are configured; configure some, or use --local")?;
    Ok(Connection {
        region,
        credentials,
        endpoint_url,
        http_client,
    })
}
