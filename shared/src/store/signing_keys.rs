//! The signing keys, in a small table of their own.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use super::expression::{IntoAttribute, Write, names_in};
use super::{Consistency, Item, Query, Result, Store, StoreError, keys, read_item, store_error};
use crate::clock::EpochMs;
use crate::token::{KeyRing, LIFETIME_SECONDS, SigningKey};

/// What a key's item says beside its secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyRecord {
    sk: String,
    /// When a younger key took over.
    #[serde(default)]
    retired_at: Option<EpochMs>,
}

/// Two processes may make a key at the same moment; so many times the winner's is looked for.
const ATTEMPTS: usize = 4;

impl Store {
    /// All keys whose tokens may still live; makes the first where there is none.
    pub async fn signing_keys(&self) -> Result<KeyRing> {
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let living = self
                .key_items()
                .await?
                .into_iter()
                .map(|item| read_key(item, now))
                .filter_map(Result::transpose)
                .collect::<Result<Vec<_>>>()?;
            if let Some(ring) = KeyRing::new(living) {
                return Ok(ring);
            }
            self.make_key(1).await?;
        }
        Err(StoreError::Conflict)
    }

    async fn key_items(&self) -> Result<Vec<Item>> {
        let mut query = Query::new("#pk = :pk", [(":pk", keys::SIGNING_KEYS.into_attribute())])
            .consistency(Consistency::Strong);
        query.table = Some(&self.tables.keys);
        self.query_all(&query).await
    }

    /// Makes the key with that number, unless somebody else has.
    async fn make_key(&self, number: u32) -> Result<()> {
        // Six digits, so that ids are ordered as the keys were made.
        let key = SigningKey::random(format!("{number:06}"))
            .map_err(|error| StoreError::Unavailable(format!("no randomness: {error}")))?;
        let item = [
            (
                "secret".to_owned(),
                AttributeValue::B(key.secret.clone().into()),
            ),
            ("createdAt".to_owned(), self.clock.now().into_attribute()),
        ];
        let write = Write::put(keys::signing_key(&key.kid), item.into()).when_absent();
        let super::expression::Action::Put(item) = write.action else {
            return Ok(());
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.keys)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#pk)")
            .set_expression_attribute_names(Some(names_in("#pk")))
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(()),
            Err(error) => Err(store_error(error)),
        }
    }
}

/// A key whose tokens may still live; none where they have all ended.
fn read_key(item: Item, now: EpochMs) -> Result<Option<SigningKey>> {
    let secret = item
        .get("secret")
        .and_then(|secret| secret.as_b().ok())
        .map(|secret| secret.as_ref().to_vec())
        .ok_or_else(|| StoreError::Unreadable("a signing key without secret".to_owned()))?;
    let record: KeyRecord = read_item(item)?;
    let is_over = record
        .retired_at
        .is_some_and(|at| at.plus_seconds(LIFETIME_SECONDS) <= now);
    Ok((!is_over).then_some(SigningKey {
        kid: record.sk,
        secret,
    }))
}
