//! The public keys of the OpenID Connect issuer, shared by all processes, so that one of them reads
//! them for all.

use serde::{Deserialize, Serialize};

use super::client::{Consistency, Query, Store};
use super::error::Result;
use super::expression::{IntoAttribute, Table, Write};
use super::item::{read_item, write_item};
use super::keys;
use domain::clock::EpochMs;

/// What the processes share about an issuer's keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedIssuerKeys {
    /// The JWK set, and when the issuer was read. Absent until the first success.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedKeys>,
    pub state: ReadingState,
    /// No process reads the issuer before this time.
    pub next_read_at: EpochMs,
}

/// The last attempt to read an issuer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReadingState {
    /// A process has claimed it, and has until `next_read_at`.
    Reading,
    /// It succeeded.
    Read,
    /// It failed. The keys are those of the last success.
    Failed,
}

/// The keys that an issuer published at a time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedKeys {
    pub jwks: String,
    pub read_at: EpochMs,
}

/// An item that no process has changed for this long has no usable keys.
const KEPT_SECONDS: u32 = 2 * 24 * 3600;

impl Store {
    /// What the processes share about this issuer's keys. `None`: no process has used it yet.
    pub async fn issuer_keys(&self, issuer: &str) -> Result<Option<SharedIssuerKeys>> {
        let key = keys::issuer_keys(issuer);
        // A query, because the functions have the permission to query this table already.
        let values = [
            (":pk", key.pk.into_attribute()),
            (":sk", key.sk.into_attribute()),
        ];
        let mut query =
            Query::new("#pk = :pk AND #sk = :sk", values).consistency(Consistency::Strong);
        query.table = Table::Keys;
        let item = self.query_all(&query).await?.pop();
        item.map(read_item).transpose()
    }

    /// Replaces what the processes share, if nobody else has since it was read. `seen` is the
    /// `next_read_at` that was read, or `None` if there was no item. Returns whether it was replaced.
    pub async fn replace_issuer_keys(
        &self,
        issuer: &str,
        seen: Option<EpochMs>,
        shared: &SharedIssuerKeys,
    ) -> Result<bool> {
        let put = Write::put(keys::issuer_keys(issuer), write_item(shared))
            .among_keys()
            .with_ttl(shared.next_read_at.plus_seconds(KEPT_SECONDS));
        let put = match seen {
            None => put.when_absent(),
            Some(seen) => put.when("#nextReadAt = :seen").bind(":seen", seen),
        };
        self.write_if_allowed(|_| put.clone()).await
    }
}
