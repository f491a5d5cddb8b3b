//! Configuration: what a process is told by its environment.

use std::env;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::SharedCredentialsProvider;

use crate::store::{Connection, TableNames};

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is missing or has no meaning")]
pub struct MissingVariable(&'static str);

fn required(name: &'static str) -> Result<String, MissingVariable> {
    optional(name).ok_or(MissingVariable(name))
}

fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The tables' names: `BOXOFFICE_TABLE` and `BOXOFFICE_KEYS_TABLE`.
///
/// A function that neither checks nor signs tokens is not told the second.
pub fn table_names() -> Result<TableNames, MissingVariable> {
    Ok(TableNames {
        main: required("BOXOFFICE_TABLE")?,
        keys: optional("BOXOFFICE_KEYS_TABLE").unwrap_or_default(),
    })
}

/// `BOXOFFICE_METRICS_NAMESPACE`: where CloudWatch keeps this stack's metrics. Without it there are none.
#[must_use]
pub fn metrics_namespace() -> Option<String> {
    optional("BOXOFFICE_METRICS_NAMESPACE")
}

/// How users are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserIdentity {
    /// The user id in a request is believed: whoever knows it is that user.
    TrustUserIdInRequest,
}

/// `BOXOFFICE_USER_IDENTITY`, which the deployer must choose: nobody should trust what users say of themselves because a
/// setting was overlooked.
pub fn user_identity() -> Result<UserIdentity, MissingVariable> {
    const NAME: &str = "BOXOFFICE_USER_IDENTITY";
    match required(NAME)?.as_str() {
        "TrustUserIdInRequest" => Ok(UserIdentity::TrustUserIdInRequest),
        _ => Err(MissingVariable(NAME)),
    }
}

/// The connection of a Lambda function, from the variables that Lambda sets. They hold for the life of the process, so
/// no chain of providers has to be asked.
pub fn connection() -> Result<Connection, MissingVariable> {
    let credentials = Credentials::from_keys(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        optional("AWS_SESSION_TOKEN"),
    );
    Ok(Connection {
        region: required("AWS_REGION")?,
        credentials: SharedCredentialsProvider::new(credentials),
        endpoint_url: optional("AWS_ENDPOINT_URL_DYNAMODB")
            .or_else(|| optional("AWS_ENDPOINT_URL")),
        http_client: None,
    })
}
