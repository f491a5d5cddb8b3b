//! The signing keys, in a small table of their own.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use serde_dynamo::AttributeValue as Dynamo;

use super::expression::{IntoAttribute, Write, names_in};
use super::{Consistency, Query, Result, Store, StoreError, keys, read_item, store_error};
use crate::clock::EpochMs;
use crate::token::{KeyRing, LIFETIME_SECONDS, SigningKey};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyRecord {
    sk: String,
    secret: Dynamo,
    created_at: EpochMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retired_at: Option<EpochMs>,
}

/// Two processes may make a key at the same moment; so many times the winner's is looked for.
const ATTEMPTS: usize = 4;

impl Store {
    /// All keys whose tokens may still live; makes the first where there is none.
    pub async fn signing_keys(&self) -> Result<KeyRing> {
        for _ in 0..ATTEMPTS {
            let records = self.key_records().await?;
            let now = self.clock.now();
            let living = records
                .into_iter()
                .filter(|record| {
                    record
                        .retired_at
                        .is_none_or(|at| at.plus_seconds(LIFETIME_SECONDS) > now)
                })
                .filter_map(|record| match record.secret {
                    Dynamo::B(secret) => Some(SigningKey {
                        kid: record.sk,
                        secret,
                    }),
                    _ => None,
                })
                .collect();
            if let Some(ring) = KeyRing::new(living) {
                return Ok(ring);
            }
            self.make_key(1).await?;
        }
        Err(StoreError::Conflict)
    }

    async fn key_records(&self) -> Result<Vec<KeyRecord>> {
        let mut query = Query::new(
            "#pk = :pk",
            [(":pk", keys::SIGNING_KEYS.into_attribute())],
        )
        .consistency(Consistency::Strong);
        query.table = Some(&self.tables.keys);
        self.query_all(&query)
            .await?
            .into_iter()
            .map(read_item)
            .collect()
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
            (
                "createdAt".to_owned(),
                self.clock.now().into_attribute(),
            ),
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
