//! Configuration by environment variables.

use std::env;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use domain::ids::EventId;

use crate::http_client;
use crate::oidc::{InvalidIssuer, Issuer};
use crate::origin::OriginSecrets;
use crate::provider::settings::PaidProvider;
use crate::store::{Connection, TableNames};

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is missing or invalid")]
pub struct MissingVariable(&'static str);

fn required(name: &'static str) -> Result<String, MissingVariable> {
    optional(name).ok_or(MissingVariable(name))
}

fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The names of the tables: `BOXOFFICE_TABLE` and `BOXOFFICE_KEYS_TABLE`.
///
/// The second is not set for functions that neither verify nor sign tokens.
pub fn table_names() -> Result<TableNames, MissingVariable> {
    Ok(TableNames {
        main: required("BOXOFFICE_TABLE")?,
        keys: optional("BOXOFFICE_KEYS_TABLE").unwrap_or_default(),
    })
}

/// `BOXOFFICE_METRICS_NAMESPACE`: the CloudWatch namespace of the metrics. If it is not set, no
/// metrics are written.
#[must_use]
pub fn metrics_namespace() -> Option<String> {
    optional("BOXOFFICE_METRICS_NAMESPACE")
}

/// `BOXOFFICE_ORIGIN_SECRETS`: the SHA-256 hashes of the secrets with which the CDN identifies itself.
/// If it is not set, requests are accepted from everywhere.
pub fn origin_secrets() -> Result<OriginSecrets, MissingVariable> {
    const SECRETS: &str = "BOXOFFICE_ORIGIN_SECRETS";
    match optional(SECRETS) {
        Some(hashes) => OriginSecrets::parse(&hashes).ok_or(MissingVariable(SECRETS)),
        None => Ok(OriginSecrets::default()),
    }
}

/// What the check calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckTarget {
    /// The public address, without a slash at its end.
    pub url: String,
    pub event_id: EventId,
}

/// `BOXOFFICE_CHECK_URL` and `BOXOFFICE_CHECK_EVENT`.
pub fn check_target() -> Result<CheckTarget, MissingVariable> {
    const EVENT: &str = "BOXOFFICE_CHECK_EVENT";
    Ok(CheckTarget {
        url: required("BOXOFFICE_CHECK_URL")?,
        event_id: EventId::parse(&required(EVENT)?).map_err(|_| MissingVariable(EVENT))?,
    })
}

/// How users are identified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UserIdentity {
    /// By the user id in the request. Anybody who knows a user id can act as that user.
    TrustUserIdInRequest,
    /// By ID tokens of an OpenID Connect issuer.
    OpenIdConnect(Issuer),
}

/// Why the identification of users is not configured correctly.
#[derive(Debug, thiserror::Error)]
pub enum InvalidIdentity {
    #[error(transparent)]
    Missing(#[from] MissingVariable),
    #[error("{IDENTITY} does not allow {0}; remove one of them")]
    Contradiction(&'static str),
    #[error("{ISSUER} or {AUDIENCE} is invalid: {0}")]
    Issuer(#[from] InvalidIssuer),
}

/// Reads `BOXOFFICE_USER_IDENTITY`. There is no default, so that user ids in requests are not
/// trusted by mistake. `OpenIdConnect` also requires `BOXOFFICE_OIDC_ISSUER` and
/// `BOXOFFICE_OIDC_AUDIENCE`. `CognitoUserPool` requires the issuer only: the audience is the client id
/// in the stage variables.
pub fn user_identity() -> Result<UserIdentity, InvalidIdentity> {
    identity_of(&required(IDENTITY)?, optional(ISSUER), optional(AUDIENCE))
}

const IDENTITY: &str = "BOXOFFICE_USER_IDENTITY";
const ISSUER: &str = "BOXOFFICE_OIDC_ISSUER";
const AUDIENCE: &str = "BOXOFFICE_OIDC_AUDIENCE";

fn identity_of(
    choice: &str,
    issuer: Option<String>,
    audience: Option<String>,
) -> Result<UserIdentity, InvalidIdentity> {
    match (choice, issuer, audience) {
        ("TrustUserIdInRequest", None, None) => Ok(UserIdentity::TrustUserIdInRequest),
        ("TrustUserIdInRequest", Some(_), _) => Err(InvalidIdentity::Contradiction(ISSUER)),
        ("TrustUserIdInRequest", None, Some(_)) | ("CognitoUserPool", Some(_), Some(_)) => {
            Err(InvalidIdentity::Contradiction(AUDIENCE))
        }
        ("OpenIdConnect", Some(issuer), Some(audience)) => Ok(UserIdentity::OpenIdConnect(
            Issuer::new(&issuer, &audience)?,
        )),
        ("CognitoUserPool", Some(issuer), None) => Ok(UserIdentity::OpenIdConnect(
            Issuer::with_client_of_stage(&issuer)?,
        )),
        ("OpenIdConnect" | "CognitoUserPool", None, _) => Err(MissingVariable(ISSUER).into()),
        ("OpenIdConnect", Some(_), None) => Err(MissingVariable(AUDIENCE).into()),
        _ => Err(MissingVariable(IDENTITY).into()),
    }
}

/// How charges are confirmed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Charging {
    /// Whoever charges a wallet is trusted.
    TrustCharges,
    /// By a payment provider. Its keys are in the secret of this name in AWS Secrets Manager.
    Provider {
        provider: PaidProvider,
        secret: String,
    },
}

/// Reads `BOXOFFICE_PAYMENT_PROVIDER`. There is no default, so that nobody makes money by mistake.
/// `Stripe` and `Toss` also require `BOXOFFICE_PAYMENT_SECRET`, the name of the secret.
pub fn charging() -> Result<Charging, MissingVariable> {
    const PROVIDER: &str = "BOXOFFICE_PAYMENT_PROVIDER";
    let provider = |provider| {
        let secret = required("BOXOFFICE_PAYMENT_SECRET")?;
        Ok(Charging::Provider { provider, secret })
    };
    match required(PROVIDER)?.as_str() {
        "TrustCharges" => Ok(Charging::TrustCharges),
        "Stripe" => provider(PaidProvider::Stripe),
        "Toss" => provider(PaidProvider::Toss),
        _ => Err(MissingVariable(PROVIDER)),
    }
}

/// `AWS_ENDPOINT_URL_SECRETS_MANAGER`: overrides the region's endpoint of Secrets Manager.
#[must_use]
pub fn secrets_endpoint() -> Option<String> {
    optional("AWS_ENDPOINT_URL_SECRETS_MANAGER").or_else(|| optional("AWS_ENDPOINT_URL"))
}

/// The connection of a Lambda function, from the variables that Lambda sets. The credentials are
/// valid for the lifetime of the process, so no provider chain is needed.
///
/// `AWS_CA_BUNDLE` is a file of certificate authorities to trust instead of Amazon's, for an
/// endpoint outside AWS.
pub fn connection() -> Result<Connection, MissingVariable> {
    const CA_BUNDLE: &str = "AWS_CA_BUNDLE";
    let credentials = Credentials::from_keys(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        optional("AWS_SESSION_TOKEN"),
    );
    let http_client = match optional(CA_BUNDLE) {
        Some(file) => std::fs::read(file)
            .ok()
            .and_then(|text| http_client::for_servers_under(&text).ok())
            .ok_or(MissingVariable(CA_BUNDLE))?,
        None => http_client::for_aws(),
    };
    Ok(Connection {
        region: required("AWS_REGION")?,
        credentials: SharedCredentialsProvider::new(credentials),
        endpoint_url: optional("AWS_ENDPOINT_URL_DYNAMODB")
            .or_else(|| optional("AWS_ENDPOINT_URL")),
        http_client,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_identity_must_be_complete_and_consistent() {
        let says = |choice, issuer: Option<&str>, audience: Option<&str>| {
            identity_of(
                choice,
                issuer.map(str::to_owned),
                audience.map(str::to_owned),
            )
            .map_err(|error| error.to_string())
        };
        let (url, shop) = (Some("https://id.example.com"), Some("shop"));
        assert_eq!(
            says("TrustUserIdInRequest", None, None),
            Ok(UserIdentity::TrustUserIdInRequest)
        );
        assert_eq!(
            says("OpenIdConnect", url, shop),
            Ok(UserIdentity::OpenIdConnect(
                Issuer::new("https://id.example.com", "shop").unwrap()
            ))
        );
        assert_eq!(
            says("CognitoUserPool", url, None),
            Ok(UserIdentity::OpenIdConnect(
                Issuer::with_client_of_stage("https://id.example.com").unwrap()
            ))
        );
        for (choice, issuer, audience, named) in [
            ("CognitoUserPool", None, None, ISSUER),
            ("CognitoUserPool", url, shop, AUDIENCE),
            ("", url, shop, IDENTITY),
            ("openidconnect", url, shop, IDENTITY),
            ("OpenIdConnect", None, shop, ISSUER),
            ("OpenIdConnect", None, None, ISSUER),
            ("OpenIdConnect", url, None, AUDIENCE),
            ("OpenIdConnect", Some("http://id.example.com"), shop, ISSUER),
            ("TrustUserIdInRequest", url, None, ISSUER),
            ("TrustUserIdInRequest", url, shop, ISSUER),
            ("TrustUserIdInRequest", None, shop, AUDIENCE),
        ] {
            let said = says(choice, issuer, audience).unwrap_err();
            assert!(
                said.contains(named),
                "{choice} {issuer:?} {audience:?}: {said}"
            );
        }
    }
}
