//! Codes of presales, and who has used them.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::client::{Consistency, Query, Store, back_off};
use super::error::{Result, StoreError};
use super::expression::{IntoAttribute, Write};
use super::item::{read_item, text, write_item};
use super::journal::Deed;
use super::keys;
use super::refused::TransactionError;
use domain::access_code::{CodeHash, IssuedCode};
use domain::clock::EpochMs;
use domain::ids::{EventId, UserId};
use domain::journal::{Act, Author};

/// Codes that are made or revoked in one transaction, which has at most 100 items: these, and the entry in the journal.
pub const MOST_CODES_AT_ONCE: usize = 99;

/// If codes change at the same time, the transaction is decided again, at most this many times.
const ATTEMPTS: u32 = 8;

/// That a user has used a code. Its key says who, and which.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsedCode {
    pub(super) used_at: EpochMs,
}

fn put_code(event: &EventId, hash: &CodeHash, code: &IssuedCode) -> Write {
    Write::put(keys::code(event, hash), write_item(code)).when_absent()
}

fn revoke_code(event: &EventId, hash: &CodeHash, now: EpochMs) -> Write {
    Write::update(keys::code(event, hash), "SET #revokedAt = :now")
        .when("attribute_exists(#pk) AND attribute_not_exists(#revokedAt)")
        .bind(":now", now)
}

/// The writes by which a user uses a code for the first time: it is counted, and remembered. One does not happen without the
/// other, so a code has as many uses as users who have used it.
pub(super) fn use_code(user: UserId, event: &EventId, hash: &CodeHash, now: EpochMs) -> [Write; 2] {
    let count = Write::update(keys::code(event, hash), "ADD #users :one")
        .when("attribute_exists(#pk) AND attribute_not_exists(#revokedAt) AND #users < #mostUsers")
        .bind(":one", 1_u64);
    let record = UsedCode { used_at: now };
    let remember =
        Write::put(keys::used_code(user, event, hash), write_item(&record)).when_absent();
    [count, remember]
}

impl Store {
    /// Stores new codes of one batch, all or none, at most [`MOST_CODES_AT_ONCE`].
    pub async fn make_codes(
        &self,
        event: &EventId,
        hashes: &[CodeHash],
        code: &IssuedCode,
        author: &Author,
    ) -> Result<()> {
        let act = Act::MakeCodes {
            count: hashes.len(),
            batch: code.batch.clone(),
            phase: code.phase.clone(),
            most_users: code.most_users,
        };
        let deed = Deed::one(author, act);
        let made = self
            .transact(|now| {
                let codes = hashes.iter().map(|hash| put_code(event, hash, code));
                let writes = codes.chain(deed.entries(Some(event), now));
                (writes.collect(), ())
            })
            .await;
        match made {
            Ok(()) => Ok(()),
            Err(TransactionError::Store(error)) => Err(error),
            // Codes are random, so only this call can have made them, before an answer that was lost.
            Err(TransactionError::Refused(_)) => {
                let known = self.codes_with(event, hashes).await?;
                let is_mine = |code: &IssuedCode, mine: &IssuedCode| code.batch == mine.batch;
                if known.len() == hashes.len() && known.values().all(|known| is_mine(known, code)) {
                    Ok(())
                } else {
                    Err(StoreError::Conflict)
                }
            }
        }
    }

    /// The codes with these hashes, as far as there are such.
    async fn codes_with(
        &self,
        event: &EventId,
        hashes: &[CodeHash],
    ) -> Result<BTreeMap<CodeHash, IssuedCode>> {
        let keys: Vec<_> = hashes.iter().map(|hash| keys::code(event, hash)).collect();
        let mut found = self.items(&keys, Consistency::Strong).await?;
        let mut codes = BTreeMap::new();
        for (hash, key) in hashes.iter().zip(&keys) {
            if let Some(item) = found.remove(key) {
                codes.insert(hash.clone(), read_item(item)?);
            }
        }
        Ok(codes)
    }

    /// Revokes those of these codes that exist and are not revoked, all or none, at most [`MOST_CODES_AT_ONCE`]. Returns how many
    /// those were.
    pub async fn revoke_codes(
        &self,
        event: &EventId,
        hashes: &[CodeHash],
        author: &Author,
    ) -> Result<usize> {
        for attempt in 1..=ATTEMPTS {
            let mut codes = self.codes_with(event, hashes).await?;
            codes.retain(|_, code| code.revoked_at.is_none());
            if codes.is_empty() {
                return Ok(0);
            }
            let act = Act::RevokeCodes {
                ids: codes.keys().map(|hash| hash.id().to_owned()).collect(),
            };
            let deed = Deed::one(author, act);
            let revoked = self
                .transact(|now| {
                    let codes = codes.keys().map(|hash| revoke_code(event, hash, now));
                    let writes = codes.chain(deed.entries(Some(event), now));
                    (writes.collect(), ())
                })
                .await;
            match revoked {
                Ok(()) => return Ok(codes.len()),
                Err(TransactionError::Store(error)) => return Err(error),
                // Somebody else revoked one.
                Err(TransactionError::Refused(_)) => back_off(attempt).await,
            }
        }
        Err(StoreError::Conflict)
    }

    /// A code, and whether the user has used it.
    pub async fn code_for(
        &self,
        user: UserId,
        event: &EventId,
        hash: &CodeHash,
    ) -> Result<(Option<IssuedCode>, bool)> {
        let (code, known) = self
            .get_both::<IssuedCode, UsedCode>(
                keys::code(event, hash),
                keys::used_code(user, event, hash),
            )
            .await?;
        Ok((code, known.is_some()))
    }

    /// All codes of an event, by their hashes.
    pub async fn codes(&self, event: &EventId) -> Result<BTreeMap<CodeHash, IssuedCode>> {
        let shards = (0..keys::CODE_SHARDS).map(async |shard| {
            let pk = keys::codes_pk(event, shard).into_attribute();
            let query = Query::new("#pk = :pk", [(":pk", pk)]).consistency(Consistency::Strong);
            self.query_all(&query).await
        });
        let mut codes = BTreeMap::new();
        for item in try_join_all(shards).await?.into_iter().flatten() {
            let hash = CodeHash::read(text(&item, "sk"))
                .ok_or_else(|| StoreError::Unreadable("a code without a hash".to_owned()))?;
            codes.insert(hash, read_item(item)?);
        }
        Ok(codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::access_code::{AccessCode, CodePrefix};
    use domain::presale::PhaseName;

    #[test]
    fn every_placeholder_is_bound() {
        let event = EventId::parse("e").unwrap();
        let hash = AccessCode::random(&CodePrefix::default())
            .unwrap()
            .hash(&event);
        let code = IssuedCode {
            batch: "b".to_owned(),
            phase: PhaseName::parse("fans").unwrap(),
            most_users: 1,
            users: 0,
            made_at: EpochMs(1),
            revoked_at: None,
        };
        let [count, remember] = use_code(UserId::random(), &event, &hash, EpochMs(2));
        for write in [
            put_code(&event, &hash, &code),
            revoke_code(&event, &hash, EpochMs(2)),
            count,
            remember,
        ] {
            write.check().unwrap();
        }
    }
}
