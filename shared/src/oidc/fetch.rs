//! Reads an issuer's keys.

use std::time::Duration;

use serde::Deserialize;

use super::{Issuer, IssuerKeys, is_protected_in_transit};
use crate::exchange::{Connector, Exchange, Unanswered};

/// The timeout of a document. Two documents are read in init, which may take 10 s.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The documents of issuers have some kilobytes.
const LARGEST_DOCUMENT: usize = 256 * 1024;

/// Why an issuer's keys could not be read. For the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("{0} cannot be reached: {1}")]
    Unreachable(String, String),
    #[error("{0} responded with status {1}")]
    Status(String, u16),
    #[error("{0} did not respond in time")]
    Late(String),
    #[error("{0} is invalid: {1}")]
    Malformed(String, &'static str),
}

/// The part of the discovery document that is used.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Reads the keys that the issuer currently publishes.
pub(crate) async fn keys(connector: &Connector, issuer: &Issuer) -> Result<IssuerKeys, Unreadable> {
    let url = issuer.discovery_url();
    let document = get(connector, &url).await?;
    let malformed = |why| Unreadable::Malformed(url.clone(), why);
    let discovery: Discovery = serde_json::from_slice(&document)
        .map_err(|_| malformed("it has no issuer and jwks_uri"))?;
    if discovery.issuer != issuer.url {
        return Err(malformed("it belongs to another issuer"));
    }
    // The keys of a remote issuer must not be on this machine.
    let is_safe = is_protected_in_transit(&discovery.jwks_uri)
        && (discovery.jwks_uri.starts_with("https:") || issuer.url.starts_with("http:"));
    if !is_safe {
        return Err(malformed("its jwks_uri is not an https URL"));
    }
    let set = get(connector, &discovery.jwks_uri).await?;
    let malformed = |why| Unreadable::Malformed(discovery.jwks_uri.clone(), why);
    let keys = IssuerKeys::read(&set).ok_or_else(|| malformed("it is not a JWK set"))?;
    if keys.0.is_empty() {
        return Err(malformed("it has no key for RS256 or ES256"));
    }
    Ok(keys)
}

/// Reads a document of limited size. Redirects are not followed.
async fn get(connector: &Connector, url: &str) -> Result<Vec<u8>, Unreadable> {
    tokio::time::timeout(TIMEOUT, get_without_timeout(connector, url))
        .await
        .unwrap_or_else(|_| Err(Unreadable::Late(url.to_owned())))
}

async fn get_without_timeout(connector: &Connector, url: &str) -> Result<Vec<u8>, Unreadable> {
    let exchange = Exchange {
        method: "GET",
        url,
        headers: &[("accept", "application/json")],
        body: "",
    };
    let reply = exchange
        .send(connector, LARGEST_DOCUMENT)
        .await
        .map_err(|error| match error {
            Unanswered::Invalid => Unreadable::Malformed(url.to_owned(), "it is not a URL"),
            Unanswered::Unreachable(why) => Unreadable::Unreachable(url.to_owned(), why),
        })?;
    if reply.status == 200 {
        Ok(reply.body)
    } else {
        Err(Unreadable::Status(url.to_owned(), reply.status))
    }
}
