//! The OpenID Connect issuer that identifies users. Its keys are cached in each process, and shared by
//! all processes through the table, so that one process reads them for all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use tokio::sync::Semaphore;

use super::App;
use crate::http_client;
use crate::oidc::{Identified, Issuer, IssuerKeys, Unverified, fetch};
use crate::store::{Consistency, PublishedKeys, ReadingState, SharedIssuerKeys, Store};
use crate::token::{Rejection, Token};
use domain::clock::EpochMs;
use domain::ids::{EventId, UserId};
use domain::refusal::Refusal;

/// Keys are read again after an hour, so that withdrawn keys expire.
const KEYS_MAX_AGE_MS: i64 = 60 * 60_000;
/// If the issuer is not reachable, its keys are used for up to a day.
const KEYS_LONGEST_AGE_MS: i64 = 24 * 60 * 60_000;
/// The keys are read at most this often after a success, whatever key ids arrive: by a process from
/// the table, and by all processes together from the issuer.
const READ_EVERY_MS: i64 = 10_000;
/// The same after a failure. A process without keys cannot answer anybody, so it retries as often as
/// clients are told to repeat their requests.
const TRY_EVERY_MS: i64 = 1_000;
/// How long a process may take to read the issuer, before another one may: two documents of at most
/// 2 s each.
const READING_MS: i64 = 5_000;
/// A time that is further ahead comes from a clock that runs ahead. It must not stop the reading.
const FURTHEST_AHEAD_MS: i64 = READ_EVERY_MS + 5_000;
/// While another process reads the issuer, the table is read this often for its result.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Looks during `READING_MS`, and a few for taking over from a process that has stopped.
const MOST_LOOKS: usize = 60;
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

/// Whether the table has fresh keys that are newer than the known ones.
fn is_news(shared: &SharedIssuerKeys, known_at: Option<EpochMs>, now: EpochMs) -> bool {
    shared.published.as_ref().is_some_and(|published| {
        is_within(published.read_at, now, KEYS_MAX_AGE_MS)
            && known_at.is_none_or(|known_at| known_at < published.read_at)
    })
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
    async fn keys(&self, store: &Store) -> Result<Arc<IssuerKeys>, Refusal> {
        let within = |max_age_ms| self.state().within(store.clock().now(), max_age_ms);
        if let Some(keys) = within(KEYS_MAX_AGE_MS) {
            return Ok(keys);
        }
        let read = if within(KEYS_LONGEST_AGE_MS).is_none() {
            self.read(store).await
        } else if let Ok(turn) = self.reading.try_lock() {
            self.read_in(&turn, store).await
        } else {
            Err(Refusal::IssuerUnreachable)
        };
        read.or_else(|refusal| within(KEYS_LONGEST_AGE_MS).ok_or(refusal))
    }

    /// Reads the keys, or returns the result of another request that has just read them.
    async fn read(&self, store: &Store) -> Result<Arc<IssuerKeys>, Refusal> {
        if let Some(recent) = self.state().recent(store.clock().now()) {
            return recent;
        }
        let Ok(_place) = self.waiting.try_acquire() else {
            return Err(Refusal::IssuerUnreachable);
        };
        let turn = self.reading.lock().await;
        self.read_in(&turn, store).await
    }

    async fn read_in(
        &self,
        _turn: &tokio::sync::MutexGuard<'_, ()>,
        store: &Store,
    ) -> Result<Arc<IssuerKeys>, Refusal> {
        if let Some(recent) = self.state().recent(store.clock().now()) {
            return recent;
        }
        let known_at = self.state().keys.as_ref().map(|(_, read_at)| *read_at);
        let shared = self.read_shared(store, known_at).await;
        let now = store.clock().now();
        let mut state = self.state();
        let is_current = shared
            .as_ref()
            .is_ok_and(|shared| shared.state == ReadingState::Read);
        state.last = Some((now, is_current));
        if let Some(published) = shared?.published {
            let keys = IssuerKeys::read(published.jwks.as_bytes());
            let keys = Arc::new(keys.ok_or(Refusal::IssuerUnreachable)?);
            state.keys = Some((keys, published.read_at));
        }
        let keys = state.keys.as_ref().map(|(keys, _)| keys.clone());
        keys.filter(|_| is_current)
            .ok_or(Refusal::IssuerUnreachable)
    }

    /// The keys from the table if they are fresh and newer than the known ones, or if the issuer has
    /// just been read; otherwise from the issuer. Only one process at a time reads the issuer, and the
    /// others wait for its result.
    async fn read_shared(
        &self,
        store: &Store,
        known_at: Option<EpochMs>,
    ) -> Result<SharedIssuerKeys, Refusal> {
        let url = self.issuer.url();
        for _ in 0..MOST_LOOKS {
            let shared = store.issuer_keys(url).await?;
            let now = store.clock().now();
            let seen = shared.as_ref().map(|shared| shared.next_read_at);
            let published = shared.as_ref().and_then(|shared| shared.published.clone());
            let is_due = seen.is_none_or(|at| at <= now || at > now.plus_ms(FURTHEST_AHEAD_MS));
            match shared {
                Some(shared) if is_news(&shared, known_at, now) => {
                    let state = ReadingState::Read;
                    return Ok(SharedIssuerKeys { state, ..shared });
                }
                Some(shared) if !is_due && shared.state != ReadingState::Reading => {
                    return Ok(shared);
                }
                Some(_) if !is_due => tokio::time::sleep(LOOK_EVERY).await,
                Some(_) | None => {
                    let claim = SharedIssuerKeys {
                        published,
                        state: ReadingState::Reading,
                        next_read_at: now.plus_ms(READING_MS),
                    };
                    if store.replace_issuer_keys(url, seen, &claim).await? {
                        return self.read_issuer(store, claim).await;
                    }
                }
            }
        }
        Err(Refusal::IssuerUnreachable)
    }

    /// Reads the issuer for all processes, as claimed.
    async fn read_issuer(
        &self,
        store: &Store,
        claim: SharedIssuerKeys,
    ) -> Result<SharedIssuerKeys, Refusal> {
        let seen = Some(claim.next_read_at);
        let read = fetch::keys(&self.connector, &self.issuer).await;
        let now = store.clock().now();
        let result = match read {
            Ok(keys) => SharedIssuerKeys {
                published: Some(PublishedKeys {
                    jwks: keys.to_set(),
                    read_at: now,
                }),
                state: ReadingState::Read,
                next_read_at: now.plus_ms(READ_EVERY_MS),
            },
            Err(error) => {
                tracing::error!(%error, "the issuer's keys cannot be read");
                SharedIssuerKeys {
                    state: ReadingState::Failed,
                    next_read_at: now.plus_ms(TRY_EVERY_MS),
                    ..claim
                }
            }
        };
        // If another process has taken over because this one was late, its result will be newer.
        store
            .replace_issuer_keys(self.issuer.url(), seen, &result)
            .await?;
        Ok(result)
    }

    /// Verifies an ID token. If its key is unknown, reads the keys again. If that fails, the token
    /// cannot be called invalid.
    async fn verify(
        &self,
        token: &Unverified<'_>,
        client_of_stage: Option<&str>,
        store: &Store,
        now: EpochMs,
    ) -> Result<Identified, Refusal> {
        let Some(audience) = self.issuer.audience(client_of_stage) else {
            tracing::error!("the request's stage variables do not name the client of ID tokens");
            return Err(Refusal::IssuerUnreachable);
        };
        let keys = self.keys(store).await?;
        match keys.verify(&self.issuer, audience, token, now) {
            Ok(identified) => Ok(identified),
            Err(Rejection::Invalid) => Err(Refusal::TokenInvalid),
            Err(Rejection::UnknownKey) => self
                .read(store)
                .await?
                .verify(&self.issuer, audience, token, now)
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
            let _ = issuer.read(self.store()).await;
        }
    }

    /// The user named by an ID token. `client_of_stage` is its audience if the issuer's configuration
    /// names none. `None` if no issuer is configured; then requests state the
    /// user id.
    pub async fn signed_in_user(
        &self,
        bearer: Option<&str>,
        client_of_stage: Option<&str>,
        now: EpochMs,
    ) -> Result<Option<UserId>, Refusal> {
        let Some(issuer) = &self.issuer else {
            return Ok(None);
        };
        let text = bearer.ok_or(Refusal::TokenMissing)?;
        let token = Unverified::read(text).ok_or(Refusal::TokenInvalid)?;
        let identified = issuer
            .verify(&token, client_of_stage, self.store(), now)
            .await?;
        Ok(Some(identified.user_id))
    }

    /// Identifies the caller by a queue token or an ID token.
    pub async fn caller(
        &self,
        text: &str,
        client_of_stage: Option<&str>,
        now: EpochMs,
    ) -> Result<Caller, Refusal> {
        match (&self.issuer, Unverified::read(text)) {
            (Some(issuer), Some(token)) => issuer
                .verify(&token, client_of_stage, self.store(), now)
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
    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::config::{BehaviorVersion, Config};
    use domain::clock::{Clock, ManualClock};

    use super::*;
    use crate::store::TableNames;

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

    /// A store that is not called, for its clock.
    fn store(clock: &ManualClock) -> Store {
        let config = Config::builder().behavior_version(BehaviorVersion::latest());
        let tables = TableNames {
            main: String::new(),
            keys: String::new(),
        };
        let client = Client::from_conf(config.build());
        Store::new(client, tables, Clock::Manual(clock.clone()))
    }

    async fn is_pending(future: impl Future) -> bool {
        tokio::time::timeout(Duration::ZERO, future).await.is_err()
    }

    #[tokio::test]
    async fn while_the_issuer_is_asked_for_its_keys_the_known_ones_are_used() {
        let issuer = known_issuer();
        let clock = ManualClock::at(EpochMs(0));
        let store = store(&clock);
        // A request to the issuer that does not end.
        let _asking = issuer.reading.lock().await;
        for age_ms in [READ_EVERY_MS, KEYS_MAX_AGE_MS, KEYS_LONGEST_AGE_MS - 1] {
            clock.set(EpochMs(age_ms));
            assert!(issuer.keys(&store).await.is_ok(), "{age_ms}");
        }
    }

    #[tokio::test]
    async fn a_limited_number_of_requests_waits_for_the_issuer() {
        let issuer = known_issuer();
        let store = store(&ManualClock::at(EpochMs(READ_EVERY_MS)));
        let _asking = issuer.reading.lock().await;
        let mut waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| Box::pin(issuer.read(&store)))
            .collect();
        for request in &mut waiting {
            assert!(is_pending(request).await);
        }
        let refused = issuer.read(&store).await;
        assert!(matches!(refused, Err(Refusal::IssuerUnreachable)));
        drop(waiting);
        assert!(is_pending(issuer.read(&store)).await);
    }
}
