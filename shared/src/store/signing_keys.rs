//! The signing keys, in their own small table.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use super::client::{Consistency, Query, Store};
use super::error::{Result, StoreError};
use super::expression::{IntoAttribute, Table, Write};
use super::item::{Item, read_item};
use super::journal::Deed;
use super::keys;
use super::refused::TransactionError;
use crate::token::{KeyRing, SETTLING_SECONDS, SigningKey};
use domain::clock::EpochMs;
use domain::journal::{Act, Author};
use domain::queue::TOKEN_LIFETIME_SECONDS;

/// The attributes of a key besides its secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyRecord {
    sk: String,
    created_at: EpochMs,
    /// When a newer key replaced it.
    #[serde(default)]
    retired_at: Option<EpochMs>,
}

/// Two processes may create a key at the same time. The loser looks for the winner's key up to this
/// many times.
const ATTEMPTS: usize = 4;

/// After a key is retired, processes that have not read the new one sign with it for some minutes.
const LAST_SIGNATURES_SECONDS: u32 = 15 * 60;

/// When the last token of a key that was retired at `at` expires.
fn over_at(at: EpochMs) -> EpochMs {
    at.plus_seconds(TOKEN_LIFETIME_SECONDS)
        .plus_seconds(LAST_SIGNATURES_SECONDS)
}

/// The result of a rotation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rotation {
    /// The new key's id.
    pub kid: String,
    /// When it begins to sign.
    pub signs_from: EpochMs,
    /// The keys that it replaces. Their tokens remain valid until they expire.
    pub retired: Vec<String>,
    /// When the last token of the replaced keys expires.
    pub former_until: EpochMs,
}

impl Store {
    /// All keys that may have valid tokens. Creates the first key if there is none.
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

    /// Creates a new key and retires the previous ones.
    pub async fn rotate_signing_keys(&self, author: &Author) -> Result<Rotation> {
        // Makes sure that there is a key to replace.
        self.signing_keys().await?;
        for _ in 0..ATTEMPTS {
            let items = self.key_items().await?;
            let records = items
                .into_iter()
                .map(read_item::<KeyRecord>)
                .collect::<Result<Vec<_>>>()?;
            let newest = records.iter().filter_map(|key| key.sk.parse::<u32>().ok());
            let kid = kid(newest.max().unwrap_or(0) + 1);
            let retired: Vec<String> = records
                .into_iter()
                .filter(|key| key.retired_at.is_none())
                .map(|key| key.sk)
                .collect();
            let key = new_key(&kid, self.clock.now())?;
            let deed = Deed::one(
                author,
                Act::RotateKeys {
                    kid: kid.clone(),
                    retired: retired.clone(),
                },
            );
            let result = self
                .transact(|now| {
                    let mut writes = vec![put_key(&key)];
                    writes.extend(retired.iter().map(|kid| retire_key(kid, now)));
                    writes.extend(deed.entries(None, now));
                    (writes, now)
                })
                .await;
            match result {
                Ok(now) => {
                    return Ok(Rotation {
                        kid,
                        signs_from: now.plus_seconds(SETTLING_SECONDS),
                        retired,
                        former_until: over_at(now),
                    });
                }
                // Somebody else has rotated the keys at the same time.
                Err(TransactionError::Refused(_)) => {}
                Err(TransactionError::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    async fn key_items(&self) -> Result<Vec<Item>> {
        let mut query = Query::new("#pk = :pk", [(":pk", keys::SIGNING_KEYS.into_attribute())])
            .consistency(Consistency::Strong);
        query.table = Table::Keys;
        self.query_all(&query).await
    }

    /// Creates the key with this number. Returns `false` if it exists.
    async fn make_key(&self, number: u32) -> Result<bool> {
        let key = new_key(&kid(number), self.clock.now())?;
        self.write_if_allowed(|_| put_key(&key)).await
    }
}

fn new_key(kid: &str, now: EpochMs) -> Result<SigningKey> {
    SigningKey::random(kid.to_owned(), now)
        .map_err(|error| StoreError::Unavailable(format!("no randomness: {error}")))
}

fn put_key(key: &SigningKey) -> Write {
    let secret = AttributeValue::B(key.secret.clone().into());
    let item = Item::from([
        ("secret".to_owned(), secret),
        ("createdAt".to_owned(), key.created_at.into_attribute()),
    ]);
    Write::put(keys::signing_key(&key.kid), item)
        .among_keys()
        .when_absent()
}

/// Fails if somebody else has retired the key meanwhile.
fn retire_key(kid: &str, now: EpochMs) -> Write {
    Write::update(keys::signing_key(kid), "SET #retiredAt = :now, #ttl = :ttl")
        .among_keys()
        .when("attribute_exists(#pk) AND attribute_not_exists(#retiredAt)")
        .bind(":now", now)
        .bind(":ttl", over_at(now).ttl_seconds())
}

/// Six digits, so that the ids are ordered by creation.
fn kid(number: u32) -> String {
    format!("{number:06}")
}

/// Reads a key. `None` if all its tokens have expired.
fn read_key(item: Item, now: EpochMs) -> Result<Option<SigningKey>> {
    let secret = item
        .get("secret")
        .and_then(|secret| secret.as_b().ok())
        .map(|secret| secret.as_ref().to_vec())
        .ok_or_else(|| StoreError::Unreadable("a signing key without secret".to_owned()))?;
    let record: KeyRecord = read_item(item)?;
    let is_over = record.retired_at.is_some_and(|at| over_at(at) <= now);
    Ok((!is_over).then_some(SigningKey {
        kid: record.sk,
        secret,
        created_at: record.created_at,
    }))
}
