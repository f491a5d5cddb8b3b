//! A small cache in memory, by time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use domain::clock::{Clock, EpochMs};

/// With this many entries the cache is cleared.
const MOST_ENTRIES: usize = 10_000;

#[derive(Debug)]
struct Entry<V> {
    value: Arc<V>,
    read_at: EpochMs,
    /// Since then another request has been refreshing the value. Meanwhile the old one is used.
    claimed_at: EpochMs,
}

/// Values with the times at which they were read.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    entries: Mutex<HashMap<K, Entry<V>>>,
    turns: Turns<K>,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self {
            entries: Mutex::new(HashMap::new()),
            turns: Turns::default(),
        }
    }
}

/// Lets the requests of this process that need the same value read it one after the other, so that
/// all but the first find it in the cache.
#[derive(Debug)]
pub(crate) struct Turns<K> {
    turns: Mutex<HashMap<K, Weak<tokio::sync::Mutex<()>>>>,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self {
            turns: Mutex::new(HashMap::new()),
        }
    }
}

impl<K: Eq + Hash + Clone> Turns<K> {
    /// Waits for the turn of this key. It lasts until the guard is dropped.
    pub(crate) async fn wait(&self, key: &K) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            let known = turns.get(key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                // Only turns that somebody takes or waits for are kept.
                turns.retain(|_, turn| turn.strong_count() > 0);
                let turn = Arc::default();
                turns.insert(key.clone(), Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }
}

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    fn entries(&self) -> MutexGuard<'_, HashMap<K, Entry<V>>> {
        // No code of this file can panic in the middle of a change, so the map is consistent.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, whatever its age.
    pub(crate) fn any(&self, key: &K) -> Option<Arc<V>> {
        self.entries().get(key).map(|entry| entry.value.clone())
    }

    /// The value, if it is younger than `max_age_ms`.
    pub(crate) fn fresh(&self, key: &K, now: EpochMs, max_age_ms: i64) -> Option<Arc<V>> {
        let entries = self.entries();
        let entry = entries.get(key)?;
        is_fresh(entry.read_at, now, max_age_ms).then(|| entry.value.clone())
    }

    /// The value if it is younger than `max_age_ms`, or younger than twice that while another
    /// request refreshes it. `None` means that the caller has to refresh it.
    pub(crate) fn fresh_or_claim(&self, key: &K, now: EpochMs, max_age_ms: i64) -> Option<Arc<V>> {
        let mut entries = self.entries();
        let entry = entries.get_mut(key)?;
        let is_being_read = is_fresh(entry.claimed_at, now, max_age_ms)
            && is_fresh(entry.read_at, now, 2 * max_age_ms);
        if is_fresh(entry.read_at, now, max_age_ms) || is_being_read {
            return Some(entry.value.clone());
        }
        entry.claimed_at = now;
        None
    }

    /// The value, if it is younger than `max_age_ms`. Otherwise it is read, by one request at a time:
    /// the others wait and use what it has read.
    pub(crate) async fn fresh_or_read<E>(
        &self,
        key: &K,
        now: EpochMs,
        clock: &Clock,
        max_age_ms: i64,
        read: impl AsyncFnOnce() -> Result<V, E>,
    ) -> Result<Arc<V>, E> {
        if let Some(value) = self.fresh(key, now, max_age_ms) {
            return Ok(value);
        }
        let _turn = self.turns.wait(key).await;
        // What others have read meanwhile is younger than this request.
        let now = clock.now();
        if let Some(value) = self.fresh(key, now, max_age_ms) {
            return Ok(value);
        }
        let value = read().await?;
        Ok(self.put(key.clone(), value, now))
    }

    /// Makes the next request read the value again.
    pub(crate) fn forget(&self, key: &K) {
        self.entries().remove(key);
    }

    /// Stores a value that was read at `now`.
    pub(crate) fn put(&self, key: K, value: V, now: EpochMs) -> Arc<V> {
        let value = Arc::new(value);
        let mut entries = self.entries();
        if entries.len() >= MOST_ENTRIES && !entries.contains_key(&key) {
            entries.clear();
        }
        entries.insert(
            key,
            Entry {
                value: value.clone(),
                read_at: now,
                claimed_at: now,
            },
        );
        value
    }
}

/// A time after `now` means that the clock was set back; such a value is not fresh.
fn is_fresh(at: EpochMs, now: EpochMs, max_age_ms: i64) -> bool {
    (0..max_age_ms).contains(&now.ms_since(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_fresh_for_its_time_and_no_longer() {
        let cache = Cache::default();
        cache.put("k", 1, EpochMs(1000));
        assert_eq!(cache.fresh(&"k", EpochMs(1999), 1000).as_deref(), Some(&1));
        assert_eq!(cache.fresh(&"k", EpochMs(2000), 1000), None);
        assert_eq!(cache.fresh(&"k", EpochMs(999), 1000), None);
    }

    #[test]
    fn during_a_refresh_the_old_value_is_used_for_a_limited_time() {
        let cache = Cache::default();
        cache.put("k", 1, EpochMs(1000));
        assert_eq!(cache.fresh_or_claim(&"k", EpochMs(2100), 1000), None);
        let meanwhile = cache.fresh_or_claim(&"k", EpochMs(2200), 1000);
        assert_eq!(meanwhile.as_deref(), Some(&1));
        assert_eq!(cache.fresh_or_claim(&"k", EpochMs(3000), 1000), None);
    }

    #[tokio::test]
    async fn requests_that_need_the_same_value_at_the_same_time_read_it_once() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let clock = Clock::Manual(domain::clock::ManualClock::at(EpochMs(1_000)));
        let cache = Cache::default();
        let reads = AtomicU32::new(0);
        let request = |key| {
            let (cache, clock, reads) = (&cache, &clock, &reads);
            async move {
                let read = async || {
                    tokio::task::yield_now().await;
                    Ok::<_, ()>(reads.fetch_add(1, Ordering::Relaxed))
                };
                cache
                    .fresh_or_read(&key, EpochMs(1_000), clock, 1_000, read)
                    .await
            }
        };
        let values = futures::future::join_all((0..32).map(|n| request(n % 2))).await;
        assert_eq!(reads.into_inner(), 2);
        assert!(values.iter().all(|value| *value.as_deref().unwrap() < 2));
        assert!(cache.turns.turns.lock().unwrap().len() <= 2);
    }

    #[tokio::test]
    async fn a_failed_read_is_made_again_by_the_next_request() {
        let clock = Clock::Manual(domain::clock::ManualClock::at(EpochMs(1_000)));
        let cache = Cache::default();
        let failed = cache.fresh_or_read(&"k", EpochMs(1_000), &clock, 1_000, async || {
            Err::<u32, _>("no")
        });
        assert_eq!(failed.await, Err("no"));
        let read = cache.fresh_or_read(&"k", EpochMs(1_000), &clock, 1_000, async || {
            Ok::<_, &str>(7)
        });
        assert_eq!(read.await.as_deref(), Ok(&7));
    }

    #[test]
    fn a_cache_has_a_limited_size() {
        let cache = Cache::default();
        for key in 0..=MOST_ENTRIES {
            cache.put(key, (), EpochMs(0));
        }
        assert!(cache.entries().len() <= MOST_ENTRIES);
    }
}
