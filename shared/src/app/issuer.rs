//! The issuer by whose tokens users are known, with its keys as this process has read them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_http_client::Connector;

use super::App;
use crate::http_client;
use crate::oidc::{Identified, Issuer, IssuerKeys, Unverified, fetch};
use crate::store::Consistency;
use crate::token::{Rejection, Token};
use domain::clock::{Clock, EpochMs};
use domain::ids::{EventId, UserId};
use domain::refusal::Refusal;

/// Keys are read again after an hour, so that one that the issuer has withdrawn is not believed for ever.
const KEYS_MAX_AGE_MS: i64 = 60 * 60_000;
/// Where the issuer is down, its keys are good for a day.
const KEYS_LONGEST_AGE_MS: i64 = 24 * 60 * 60_000;
/// A process that knows keys reads them at most so often, whatever key ids it is sent.
const READ_EVERY_MS: i64 = 10_000;
/// One that knows none, and so can answer nobody, tries as often as clients are told to come back.
const TRY_EVERY_MS: i64 = 1_000;

/// Who calls, wherever a user must be known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Known {
    /// By a token of a queue.
    Queue(Token),
    /// By a token of the issuer.
    Issuer(Identified),
}

impl Known {
    /// The user.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        match self {
            Self::Queue(token) => token.user_id,
            Self::Issuer(identified) => identified.user_id,
        }
    }
}

/// What was read, and when.
#[derive(Clone, Debug, Default)]
struct KeysInUse {
    keys: Option<(Arc<IssuerKeys>, EpochMs)>,
    /// When reading was last tried, and whether it succeeded.
    last: Option<(EpochMs, bool)>,
}

impl KeysInUse {
    /// The keys, if they are younger than that.
    fn within(&self, now: EpochMs, max_age_ms: i64) -> Option<Arc<IssuerKeys>> {
        let (keys, read_at) = self.keys.as_ref()?;
        is_within(*read_at, now, max_age_ms).then(|| keys.clone())
    }
}

/// A time ahead of `now` is a clock that was set back: not within.
fn is_within(at: EpochMs, now: EpochMs, ms: i64) -> bool {
    (0..ms).contains(&now.ms_since(at))
}

/// An issuer and its keys.
#[derive(Debug)]
pub(super) struct KnownIssuer {
    issuer: Issuer,
    connector: Connector,
    state: Mutex<KeysInUse>,
    /// Held by whoever reads; the others wait for what that brings.
    reading: tokio::sync::Mutex<()>,
}

impl KnownIssuer {
    pub(super) fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            connector: http_client::connector(),
            state: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, KeysInUse> {
        // A panic between two lines of this file leaves a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys to verify by: as they are known, and read again where that is long ago.
    async fn keys(&self, clock: &Clock) -> Result<Arc<IssuerKeys>, Refusal> {
        let known = self.state().within(clock.now(), KEYS_MAX_AGE_MS);
        if let Some(keys) = known {
            return Ok(keys);
        }
        match self.read(clock).await {
            Ok(keys) => Ok(keys),
            Err(refusal) => self
                .state()
                .within(clock.now(), KEYS_LONGEST_AGE_MS)
                .ok_or(refusal),
        }
    }

    /// The keys as they are now, or as they were when somebody last read them, a few seconds ago.
    async fn read(&self, clock: &Clock) -> Result<Arc<IssuerKeys>, Refusal> {
        let _turn = self.reading.lock().await;
        let state = self.state().clone();
        let now = clock.now();
        let pause = match state.keys {
            Some(_) => READ_EVERY_MS,
            None => TRY_EVERY_MS,
        };
        if let Some((at, succeeded)) = state.last
            && is_within(at, now, pause)
        {
            return match state.keys {
                Some((keys, _)) if succeeded => Ok(keys),
                _ => Err(Refusal::IssuerUnreachable),
            };
        }
        let read = fetch::keys(&self.connector, &self.issuer).await;
        let now = clock.now();
        let mut state = self.state();
        state.last = Some((now, read.is_ok()));
        match read {
            Ok(keys) => {
                let keys = Arc::new(keys);
                state.keys = Some((keys.clone(), now));
                Ok(keys)
            }
            Err(error) => {
                tracing::error!(%error, "the issuer's keys cannot be read");
                Err(Refusal::IssuerUnreachable)
            }
        }
    }

    /// Whom the token names. One of an unknown key makes this process read the keys again; while that fails, nobody can say that
    /// the token is not genuine.
    async fn verify(
        &self,
        token: &Unverified<'_>,
        clock: &Clock,
        now: EpochMs,
    ) -> Result<Identified, Refusal> {
        let keys = self.keys(clock).await?;
        match keys.verify(&self.issuer, token, now) {
            Ok(identified) => Ok(identified),
            Err(Rejection::Invalid) => Err(Refusal::TokenInvalid),
            Err(Rejection::UnknownKey) => self
                .read(clock)
                .await?
                .verify(&self.issuer, token, now)
                .map_err(|_| Refusal::TokenInvalid),
        }
    }
}

impl App {
    /// The same process, whose users are known by this issuer.
    #[must_use]
    pub fn with_issuer(self, issuer: Issuer) -> Self {
        Self {
            issuer: Some(KnownIssuer::new(issuer)),
            ..self
        }
    }

    /// Reads the issuer's keys, where there is an issuer, so that no request has to wait for them. One that cannot be reached now is
    /// asked again when somebody needs it; who has a queue token needs it not.
    pub async fn meet_issuer(&self) {
        if let Some(issuer) = &self.issuer {
            // It is in the log.
            let _ = issuer.read(self.clock()).await;
        }
    }

    /// Who joins, where an issuer must say so; none where users are believed.
    pub async fn joiner(
        &self,
        bearer: Option<&str>,
        now: EpochMs,
    ) -> Result<Option<UserId>, Refusal> {
        let Some(issuer) = &self.issuer else {
            return Ok(None);
        };
        let text = bearer.ok_or(Refusal::TokenMissing)?;
        let token = Unverified::read(text).ok_or(Refusal::TokenInvalid)?;
        let identified = issuer.verify(&token, self.clock(), now).await?;
        Ok(Some(identified.user_id))
    }

    /// Who somebody is, by a token of a queue or of the issuer.
    pub async fn known(&self, text: &str, now: EpochMs) -> Result<Known, Refusal> {
        match (&self.issuer, Unverified::read(text)) {
            (Some(issuer), Some(token)) => issuer
                .verify(&token, self.clock(), now)
                .await
                .map(Known::Issuer),
            (Some(_), None) | (None, _) => self.verify(text, now).await.map(Known::Queue),
        }
    }

    /// The place of somebody in an event's line: the token's, or that of the user's entry; none where the user has none.
    pub async fn place_in_line(
        &self,
        known: Known,
        event: &EventId,
    ) -> Result<Option<Token>, Refusal> {
        let identified = match known {
            Known::Queue(token) => return Ok(Some(token)),
            Known::Issuer(identified) => identified,
        };
        let user_id = identified.user_id;
        // The latest place, also of somebody who has just joined anew.
        let entry = self
            .store
            .queue_entry(user_id, event, Consistency::Strong)
            .await?;
        Ok(entry.map(|entry| Token {
            user_id,
            event_id: event.clone(),
            lane: entry.lane,
            number: entry.number,
            issued_at: entry.joined_at,
            expires_at: identified.expires_at,
        }))
    }
}
