//! Links to other devices. A code leads to its link; the user's open link says which code counts, so a user has at most one.

use super::client::{Consistency, Returning, Store};
use super::error::Result;
use super::expression::Write;
use super::item::write_item;
use super::keys;
use super::refused::WriteError;
use domain::clock::EpochMs;
use domain::device_link::{DeviceLink, LinkCode};
use domain::ids::UserId;
use domain::wallet::IdempotencyKey;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OpenLink {
    hash: String,
    expires_at: EpochMs,
}

fn put_link(hash: &str, link: &DeviceLink) -> Write {
    Write::put(keys::device_link(hash), write_item(link))
        .when_absent()
        .with_ttl(link.expires_at)
}

/// Replaces the user's former link, which cannot be used any more.
fn open_link(user: UserId, hash: &str, expires_at: EpochMs) -> Write {
    let link = OpenLink {
        hash: hash.to_owned(),
        expires_at,
    };
    Write::put(keys::open_link(user), write_item(&link)).with_ttl(expires_at)
}

/// The first device to use the link takes it. A repeated request of the same device is allowed.
fn redeem(user: UserId, hash: &str, by: &str, now: EpochMs) -> Write {
    Write::update(keys::open_link(user), "SET #redeemedBy = :by")
        .when(
            "#hash = :hash AND #expiresAt > :now \
             AND (attribute_not_exists(#redeemedBy) OR #redeemedBy = :by)",
        )
        .bind(":hash", hash.to_owned())
        .bind(":by", by.to_owned())
        .bind(":now", now)
}

impl Store {
    /// Stores a link under its code, in place of the user's former link.
    pub async fn put_device_link(&self, code: &LinkCode, link: &DeviceLink) -> Result<()> {
        let hash = code.sha256();
        // A code without an open link cannot be used, so a crash between the writes does no harm. The condition makes a
        // repeated write harmless, too.
        self.write_if_allowed(|_| put_link(&hash, link)).await?;
        self.write(Returning::Nothing, |_| {
            open_link(link.user_id, &hash, link.expires_at)
        })
        .await
        .map(|_| ())
        .map_err(|error| match error {
            WriteError::Store(error) => error,
            WriteError::Refused(_) => unreachable!("the write has no condition"),
        })
    }

    /// Uses a link. `None` if there is none, it has expired or been replaced, or was used under another key.
    pub async fn redeem_device_link(
        &self,
        code: &LinkCode,
        key: &IdempotencyKey,
    ) -> Result<Option<DeviceLink>> {
        let hash = code.sha256();
        let link: Option<DeviceLink> = self
            .get(&keys::device_link(&hash), Consistency::Strong)
            .await?;
        let Some(link) = link else { return Ok(None) };
        let by = key.sha256();
        let is_taken = self
            .write_if_allowed(|now| redeem(link.user_id, &hash, &by, now))
            .await?;
        Ok(is_taken.then_some(link))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::{EventId, Lane};

    #[test]
    fn every_placeholder_is_bound() {
        let user = UserId::random();
        let link = DeviceLink {
            user_id: user,
            event_id: EventId::parse("winter-live").unwrap(),
            lane: Lane::FIRST,
            number: 7,
            expires_at: EpochMs(600_000),
        };
        for write in [
            put_link("hash", &link),
            open_link(user, "hash", link.expires_at),
            redeem(user, "hash", "key", EpochMs(0)),
        ] {
            write.check().unwrap();
        }
    }
}
