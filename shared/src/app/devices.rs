//! Links to other devices, where requests state their user ids.

use super::{App, Caller};
use crate::store::StoreError;
use crate::token::Token;
use domain::clock::EpochMs;
use domain::device_link::{DeviceLink, LINK_SECONDS, LinkCode};
use domain::refusal::Refusal;
use domain::wallet::IdempotencyKey;

impl App {
    /// Makes a link to the caller, in place of the caller's former link. Returns its code, and when it expires.
    pub async fn link_device(
        &self,
        caller: &Caller,
        now: EpochMs,
    ) -> Result<(LinkCode, EpochMs), Refusal> {
        let token = match caller {
            Caller::QueueToken(token) if self.issuer.is_none() => token,
            Caller::QueueToken(_) | Caller::IdToken(_) => return Err(Refusal::SignInInstead),
        };
        let code = LinkCode::random().map_err(|error| {
            StoreError::Unavailable(format!("the system has no randomness: {error}"))
        })?;
        let link = DeviceLink {
            user_id: token.user_id,
            event_id: token.event_id.clone(),
            lane: token.lane,
            number: token.number,
            expires_at: now.plus_seconds(LINK_SECONDS),
        };
        self.store.put_device_link(&code, &link).await?;
        Ok((code, link.expires_at))
    }

    /// Uses a link. The token is as good as the one that made the link.
    pub async fn redeem_link(
        &self,
        code: &LinkCode,
        key: &IdempotencyKey,
        now: EpochMs,
    ) -> Result<Token, Refusal> {
        if self.issuer.is_some() {
            return Err(Refusal::SignInInstead);
        }
        let link = self.store.redeem_device_link(code, key).await?;
        let link = link.ok_or(Refusal::LinkNotValid)?;
        Ok(Token::new(
            link.user_id,
            link.event_id,
            link.lane,
            link.number,
            now,
        ))
    }
}
