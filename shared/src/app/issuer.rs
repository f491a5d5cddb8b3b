//! The OpenID Connect issuer that identifies users, with a cache of its keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_http_client::Connector;
use tokio::sync::Semaphore;

use super::App;
use crate::http_client;
use crate::oidc::{Identified, Issuer, IssuerKeys, Unverified, fetch};
use crate::store::Consistency;
use crate::token::{Rejection, Token};
use domain::clock::{Clock, EpochMs};
use domain::ids::{EventId, UserId};
use domain::refusal::Refusal;

/// Keys are read again after an hour, so that withdrawn keys expire.
const KEYS_MAX_AGE_MS: i64 = 60 * 60_000;
/// If the issuer is not reachable, its keys are used for up to a day.
const KEYS_LONGEST_AGE_MS: i64 = 24 * 60 * 60_000;
/// A process that has keys reads them at most this often, whatever key ids it receives.
const READ_EVERY_MS: i64 = 10_000;
/// A process without keys cannot answer anybody. It retries as often as clients are told to repeat
/// their requests.
const TRY_EVERY_MS: i64 = 1_000;
/// At most this many requests wait for the issuer at once, and others are told to repeat theirs. The
/// local server answers 32 requests at once: the rest are for users who do not need the issuer.
const MAX_WAITING: usize = 24;

/// The identity of the caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Caller {
    /// Identified by a queue token.
    QueueToken(Token),
    /// Identified by an ID token of the issuer.
    IdToken(Identified),
}

impl Caller {
    /// The user's id.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        match self {
            Self::QueueToken(token) => token.user_id,
            Self::IdToken(identified) => identified.user_id,
        }
    }
}

/// The keys, and when they were read.
#[derive(Clone, Debug, Default)]
struct CachedKeys {
    keys: Option<(Arc<IssuerKeys>, EpochMs)>,
    /// When the last attempt to read them was made, and whether it succeeded.
    last: Option<(EpochMs, bool)>,
}

impl CachedKeys {
    /// The keys, if they are younger than `max_age_ms`.
    fn within(&self, now: EpochMs, max_age_ms: i64) -> Option<Arc<IssuerKeys>> {
        let (keys, read_at) = self.keys.as_ref()?;
        is_within(*read_at, now, max_age_ms).then(|| keys.clone())
    }

    /// The result of the last attempt to read the keys, if it is too early for another one.
    fn recent(&self, now: EpochMs) -> Option<Result<Arc<IssuerKeys>, Refusal>> {
        let pause = match self.keys {
            Some(_) => READ_EVERY_MS,
            None => TRY_EVERY_MS,
        };
        let (at, succeeded) = self.last?;
        is_within(at, now, pause).then(|| match &self.keys {
            Some((keys, _)) if succeeded => Ok(keys.clone()),
            _ => Err(Refusal::IssuerUnreachable),
        })
    }
}

/// A time after `now` means that the clock was set back; it does not count as recent.
fn is_within(at: EpochMs, now: EpochMs, ms: i64) -> bool {
    (0..ms).contains(&now.ms_since(at))
}

/// An issuer and its keys.
#[derive(Debug)]
pub(super) struct CachedIssuer {
    issuer: Issuer,
    connector: Connector,
    state: Mutex<CachedKeys>,
    /// Held while the keys are read. Requests that cannot do without wait for the result.
    reading: tokio::sync::Mutex<()>,
    waiting: Semaphore,
}

impl CachedIssuer {
    pub(super) fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            connector: http_client::connector(),
            state: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }

    fn state(&self) -> MutexGuard<'_, CachedKeys> {
        // No code of this file can panic in the middle of a change, so the state is consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys for verification. If they are old, one request reads them again; meanwhile the others
    /// use them as they are.
    async fn keys(&self, clock: &Clock) -> Result<Arc<IssuerKeys>, Refusal> {
        let now = clock.now();
        let (fresh, usable) = {
            let state = self.state();
            let within = |max_age_ms| state.within(now, max_age_ms);
            (within(KEYS_MAX_AGE_MS), within(KEYS_LONGEST_AGE_MS))
        };
        if let Some(keys) = fresh {
            return Ok(keys);
        }
        let Some(usable) = usable else {
            return self.read(clock).await;
        };
        match self.reading.try_lock() {
            Ok(turn) => Ok(self.read_in(&turn, clock).await.unwrap_or(usable)),
            Err(_) => Ok(usable),
        }
    }

    /// Reads the keys, or returns the result of another request that has just read them.
    async fn read(&self, clock: &Clock) -> Result<Arc<IssuerKeys>, Refusal> {
        if let Some(recent) = self.state().recent(clock.now()) {
            return recent;
        }
        let Ok(_place) = self.waiting.try_acquire() else {
            return Err(Refusal::IssuerUnreachable);
        };
        let turn = self.reading.lock().await;
        self.read_in(&turn, clock).await
    }

    async fn read_in(
        &self,
        _turn: &tokio::sync::MutexGuard<'_, ()>,
        clock: &Clock,
    ) -> Result<Arc<IssuerKeys>, Refusal> {
        if let Some(recent) = self.state().recent(clock.now()) {
            return recent;
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

    /// Verifies an ID token. If its key is unknown, reads the keys again. If that fails, the token
    /// cannot be called invalid.
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
    /// Sets the issuer that identifies users.
    #[must_use]
    pub fn with_issuer(self, issuer: Issuer) -> Self {
        Self {
            issuer: Some(CachedIssuer::new(issuer)),
            ..self
        }
    }

    /// Reads the issuer's keys in advance, if an issuer is configured, so that the first request
    /// does not wait for them. A failure is ignored: the next ID token triggers another attempt,
    /// and queue tokens need no issuer.
    pub async fn preload_issuer_keys(&self) {
        if let Some(issuer) = &self.issuer {
            // The failure has been logged.
            let _ = issuer.read(self.clock()).await;
        }
    }

    /// The user named by an ID token. `None` if no issuer is configured; then requests state the
    /// user id.
    pub async fn signed_in_user(
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

    /// Identifies the caller by a queue token or an ID token.
    pub async fn caller(&self, text: &str, now: EpochMs) -> Result<Caller, Refusal> {
        match (&self.issuer, Unverified::read(text)) {
            (Some(issuer), Some(token)) => issuer
                .verify(&token, self.clock(), now)
                .await
                .map(Caller::IdToken),
            (Some(_), None) | (None, _) => self.verify(text, now).await.map(Caller::QueueToken),
        }
    }

    /// The caller's queue token for an event. For an ID token it is made from the user's queue
    /// entry; `None` if there is no entry.
    pub async fn queue_token_of(
        &self,
        caller: Caller,
        event: &EventId,
    ) -> Result<Option<Token>, Refusal> {
        let identified = match caller {
            Caller::QueueToken(token) => return Ok(Some(token)),
            Caller::IdToken(identified) => identified,
        };
        let user_id = identified.user_id;
        // A strong read, because the user may have joined just now.
        let entry = self
            .store
            .queue_entry(user_id, event, Consistency::Strong)
            .await?;
        let in_line = entry.filter(|entry| entry.left_at.is_none());
        Ok(in_line.map(|entry| Token {
            user_id,
            event_id: event.clone(),
            lane: entry.lane,
            number: entry.number,
            issued_at: entry.joined_at,
            expires_at: identified.expires_at,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::clock::ManualClock;

    use super::*;

    /// An issuer whose keys were read at time 0.
    fn known_issuer() -> CachedIssuer {
        let issuer = Issuer::new("http://127.0.0.1:1", "shop").unwrap();
        let issuer = CachedIssuer::new(issuer);
        let keys = IssuerKeys::read(br#"{"keys":[]}"#).unwrap();
        *issuer.state() = CachedKeys {
            keys: Some((Arc::new(keys), EpochMs(0))),
            last: Some((EpochMs(0), true)),
        };
        issuer
    }

    async fn is_pending(future: impl Future) -> bool {
        tokio::time::timeout(Duration::ZERO, future).await.is_err()
    }

    #[tokio::test]
    async fn while_the_issuer_is_asked_for_its_keys_the_known_ones_are_used() {
        let issuer = known_issuer();
        let clock = ManualClock::at(EpochMs(0));
        // A request to the issuer that does not end.
        let _asking = issuer.reading.lock().await;
        for age_ms in [READ_EVERY_MS, KEYS_MAX_AGE_MS, KEYS_LONGEST_AGE_MS - 1] {
            clock.set(EpochMs(age_ms));
            let keys = issuer.keys(&Clock::Manual(clock.clone())).await;
            assert!(keys.is_ok(), "{age_ms}");
        }
    }

    #[tokio::test]
    async fn a_limited_number_of_requests_waits_for_the_issuer() {
        let issuer = known_issuer();
        let clock = Clock::Manual(ManualClock::at(EpochMs(READ_EVERY_MS)));
        let _asking = issuer.reading.lock().await;
        let mut waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| Box::pin(issuer.read(&clock)))
            .collect();
        for request in &mut waiting {
            assert!(is_pending(request).await);
        }
        let refused = issuer.read(&clock).await;
        assert!(matches!(refused, Err(Refusal::IssuerUnreachable)));
        drop(waiting);
        assert!(is_pending(issuer.read(&clock)).await);
    }
}
