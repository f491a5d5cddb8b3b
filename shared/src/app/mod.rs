//! The application: the state that a process keeps between requests, and the operations that the
//! functions call. Each operation loads the data that a rule needs, applies the rule, and has the
//! store write the result.

mod availability;
mod booking;
mod cache;
mod charging;
mod devices;
mod following;
mod giving_back;
mod history;
mod holding;
mod issuer;
mod promotion;
mod queue;
mod settling;
mod shortage;
mod tickets;
mod withdrawing;

use std::sync::Arc;

use crate::metrics::{Count, Metrics};
use crate::provider::Provider;
use crate::store::{Consistency, Settings, Store, StoreError};
use crate::token::{KeyRing, Rejection, Token};
use cache::Cache;
use domain::charge::ProviderName;
use domain::clock::{Clock, EpochMs};
use domain::event::{Event, Programme};
use domain::ids::{EventId, Lane};
use domain::money::Money;
use domain::profile::Texts;
use domain::queue::Head;
use domain::refusal::Refusal;

pub use availability::{
    DateAvailability, Freshness, MOST_LIVE_SEATS, SeatOnSale, SectionSales, SectionSeats,
    check_not_closed, check_seated,
};
pub use booking::{HistoryPosition, Outcome};
pub use charging::ChargeRequest;
pub use following::NotFollowed;
pub use giving_back::Returner;
pub use history::{HistorySummary, LaneCounts};
pub use issuer::Caller;
pub use promotion::{PromotionOutcome, PromotionSummary};
pub use queue::{JoinOutcome, Joined};
pub use settling::SettlementSummary;

/// How long policies are cached: every process sees a pause or a new price within this time.
pub(crate) const PROGRAMME_CACHE_MS: i64 = 2_000;
/// How long a lane's head is cached. Within this time, polls of waiting users read nothing.
const HEAD_CACHE_MS: i64 = 1_000;
/// A process that signs tokens reads the keys again after this time, to learn of new ones.
const KEYS_MAX_AGE_MS: i64 = 5 * 60_000;
/// A token with an unknown key makes a process read the keys again, at most this often.
const KEYS_CACHE_MS: i64 = 10_000;

/// The state of one process, shared by all its requests.
#[derive(Debug)]
pub struct App {
    store: Store,
    keys: Cache<(), KeyRing>,
    settings: Cache<(), Settings>,
    events: Cache<(), Vec<Event>>,
    programmes: Cache<EventId, Programme>,
    texts: Cache<EventId, TextsOfRevision>,
    heads: Cache<(EventId, Lane), Head>,
    seat_maps: availability::SeatMapCache,
    seat_map_turns: cache::Turns<EventId>,
    /// What promotions know about what is left to buy.
    searches: shortage::SearchCache,
    /// The remaining tickets of each shard.
    stocks: Cache<EventId, Vec<u32>>,
    /// Identifies users. `None` if requests state the user id.
    issuer: Option<issuer::CachedIssuer>,
    /// Confirms charges. `None` if whoever charges a wallet is trusted.
    provider: Option<Box<dyn Provider>>,
}

/// An event's texts. They change only together with its revision.
#[derive(Debug)]
struct TextsOfRevision {
    revision: u64,
    texts: Arc<Texts>,
}

impl App {
    /// Creates the state over a store. Requests state their user ids unless [`App::with_issuer`] is
    /// used.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            keys: Cache::default(),
            settings: Cache::default(),
            events: Cache::default(),
            programmes: Cache::default(),
            texts: Cache::default(),
            heads: Cache::default(),
            seat_maps: Cache::default(),
            seat_map_turns: cache::Turns::default(),
            searches: Cache::default(),
            stocks: Cache::default(),
            issuer: None,
            provider: None,
        }
    }

    /// Has a payment provider confirm charges. Without one, whoever charges a wallet is trusted.
    #[must_use]
    pub fn with_provider(self, provider: Box<dyn Provider>) -> Self {
        Self {
            provider: Some(provider),
            ..self
        }
    }

    /// The payment provider that confirms charges.
    #[must_use]
    pub fn provider_name(&self) -> Option<ProviderName> {
        self.provider().map(Provider::name)
    }

    /// The payment provider that confirms charges.
    #[must_use]
    pub fn provider(&self) -> Option<&dyn Provider> {
        self.provider.as_deref()
    }

    /// The clock of this process.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.store.clock()
    }

    /// The store, for operations without a cache.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The metrics of this process.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.store.metrics()
    }

    /// Counts a sale.
    fn count_sale(&self, tickets: usize, revenue: Money) {
        let metrics = self.metrics();
        metrics.add(Count::Sales, 1);
        metrics.add(Count::TicketsSold, tickets as u64);
        metrics.add_money(Count::Revenue, revenue);
    }

    /// The signing keys, read once per process.
    pub async fn keys(&self) -> Result<Arc<KeyRing>, StoreError> {
        match self.keys.any(&()) {
            Some(ring) => Ok(ring),
            None => self.read_keys().await,
        }
    }

    async fn read_keys(&self) -> Result<Arc<KeyRing>, StoreError> {
        let ring = self.store.signing_keys().await?;
        Ok(self.keys.put((), ring, self.clock().now()))
    }

    /// Signs a token with the newest key. A process learns of new keys within some minutes.
    pub async fn sign(&self, token: &Token) -> Result<String, StoreError> {
        let now = self.clock().now();
        let known = self.keys.fresh_or_claim(&(), now, KEYS_MAX_AGE_MS);
        let ring = match (known, self.keys.any(&())) {
            (Some(ring), _) => ring,
            // If the keys cannot be read, the known ones are used.
            (None, Some(old)) => self.read_keys().await.unwrap_or(old),
            (None, None) => self.read_keys().await?,
        };
        ring.sign(token)
            .map_err(|error| StoreError::Unavailable(format!("cannot sign: {error}")))
    }

    /// Verifies a queue token. If its key is unknown, it may be newer than this process's keys, so
    /// the keys are read again.
    pub async fn verify(&self, text: &str, now: EpochMs) -> Result<Token, Refusal> {
        match self.keys().await?.verify(text, now) {
            Ok(token) => Ok(token),
            Err(Rejection::Invalid) => Err(Refusal::TokenInvalid),
            Err(Rejection::UnknownKey) if self.keys.fresh(&(), now, KEYS_CACHE_MS).is_some() => {
                Err(Refusal::TokenInvalid)
            }
            Err(Rejection::UnknownKey) => self
                .read_keys()
                .await?
                .verify(text, now)
                .map_err(|_| Refusal::TokenInvalid),
        }
    }

    /// The table's currency and wallet ceiling. A table without a catalogue has neither events nor
    /// users.
    pub async fn settings(&self, now: EpochMs) -> Result<Arc<Settings>, Refusal> {
        let read = async || {
            self.store.settings().await?.ok_or_else(|| {
                let why = "no catalogue has been applied to this table";
                Refusal::from(StoreError::Unavailable(why.to_owned()))
            })
        };
        self.settings
            .fresh_or_read(&(), now, self.clock(), PROGRAMME_CACHE_MS, read)
            .await
    }

    /// All events, at most two seconds old.
    pub async fn events(&self, now: EpochMs) -> Result<Arc<Vec<Event>>, Refusal> {
        let read = async || Ok(self.store.events(Consistency::Eventual).await?);
        self.events
            .fresh_or_read(&(), now, self.clock(), PROGRAMME_CACHE_MS, read)
            .await
    }

    /// An event and its dates, at most two seconds old.
    pub async fn programme(&self, id: &EventId, now: EpochMs) -> Result<Arc<Programme>, Refusal> {
        let read = async || {
            let programme = self.store.programme(id, Consistency::Eventual).await?;
            programme.ok_or(Refusal::EventNotFound)
        };
        self.programmes
            .fresh_or_read(id, now, self.clock(), PROGRAMME_CACHE_MS, read)
            .await
    }

    /// An event's long texts. They are read once for each revision of the event.
    pub async fn texts(&self, event: &Event) -> Result<Arc<Texts>, Refusal> {
        let id = &event.event_id;
        if let Some(known) = self.texts.any(id)
            && known.revision == event.revision
        {
            return Ok(known.texts.clone());
        }
        let texts = Arc::new(self.store.texts(id).await?);
        let read = TextsOfRevision {
            revision: event.revision,
            texts: texts.clone(),
        };
        self.texts.put(id.clone(), read, self.clock().now());
        Ok(texts)
    }

    /// An event and its dates as they are now.
    async fn current_programme(
        &self,
        id: &EventId,
        now: EpochMs,
    ) -> Result<Arc<Programme>, Refusal> {
        let programme = self.store.programme(id, Consistency::Strong).await?;
        let programme = programme.ok_or(Refusal::EventNotFound)?;
        Ok(self.programmes.put(id.clone(), programme, now))
    }

    /// A lane's head, at most a second old. If this request has to refresh it, users are waiting,
    /// and a promotion is due, it also runs the promotion.
    pub async fn head(
        &self,
        programme: &Programme,
        lane: Lane,
        now: EpochMs,
    ) -> Result<Head, Refusal> {
        let event = &programme.event;
        let key = (event.event_id.clone(), lane);
        if let Some(head) = self.heads.fresh_or_claim(&key, now, HEAD_CACHE_MS) {
            return Ok(*head);
        }
        let head = self
            .read_head(&event.event_id, lane, Consistency::Eventual, now)
            .await?;
        let due = promotion::has_work(event, &head, now) && head.promotion_is_due(now);
        if due && let Some(promoted) = self.try_promote(&event.event_id, lane).await {
            return Ok(promoted);
        }
        Ok(head)
    }

    async fn read_head(
        &self,
        event: &EventId,
        lane: Lane,
        consistency: Consistency,
        now: EpochMs,
    ) -> Result<Head, Refusal> {
        let head = self
            .store
            .head(event, lane, consistency)
            .await?
            .ok_or(Refusal::EventNotFound)?;
        Ok(self.remember_head(event, lane, &head, now))
    }

    /// Caches a head, unless the cache has a newer one: requests of one process read at the same
    /// time, and an older answer may come later. Returns the newer one.
    fn remember_head(&self, event: &EventId, lane: Lane, head: &Head, now: EpochMs) -> Head {
        let key = (event.clone(), lane);
        match self.heads.fresh(&key, now, HEAD_CACHE_MS) {
            Some(known) if head.is_older_than(&known) => *known,
            Some(_) | None => *self.heads.put(key, *head, now),
        }
    }
}
