//! Group commit: one synchronization with the disk makes several commits durable. None is acknowledged before.
//!
//! The engine would synchronize each commit while it lets nothing else run. So it runs with `synchronous=NORMAL`: SQLite
//! then writes a commit to its write-ahead log, and synchronizes the log only before it moves the log's content into the
//! database (<https://www.sqlite.org/pragma.html#pragma_synchronous>). What `synchronous=FULL` does in addition is done
//! here: the log is synchronized after the commit and before its acknowledgement.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// Synchronizes the log with the disk.
type Synchronize = dyn Fn() -> io::Result<()> + Send + Sync;

pub(super) struct GroupCommit {
    synchronize: Arc<Synchronize>,
    /// How many writes the engine has completed.
    completed: AtomicU64,
    log: Mutex<Log>,
}

/// What is known about the log on the disk.
#[derive(Clone, Copy)]
enum Log {
    /// It contains at least the first of this many completed writes.
    Synchronized(u64),
    /// A synchronization has failed. The operating system may have dropped what it could not write, so that the next one
    /// would succeed without it.
    Unknown,
}

impl GroupCommit {
    pub(super) fn new(synchronize: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self {
            synchronize: Arc::new(synchronize),
            completed: AtomicU64::new(0),
            log: Mutex::new(Log::Synchronized(0)),
        }
    }

    /// Counts a write that the engine has completed.
    pub(super) fn completed(&self) {
        self.completed.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns once all writes that were completed before this call survive a power loss. Whoever waits here meanwhile
    /// shares the next synchronization.
    pub(super) async fn synchronized(&self) -> io::Result<()> {
        let needed = self.completed.load(Ordering::SeqCst);
        let mut log = self.log.lock().await;
        match *log {
            Log::Synchronized(writes) if writes >= needed => return Ok(()),
            Log::Synchronized(_) => {}
            Log::Unknown => return Err(io::Error::other("an earlier synchronization failed")),
        }
        // Writes that are completed from now on may or may not be included.
        let included = self.completed.load(Ordering::SeqCst);
        let synchronize = self.synchronize.clone();
        let result = tokio::task::spawn_blocking(move || synchronize()).await;
        let result = result.unwrap_or_else(|error| Err(io::Error::other(error)));
        *log = match result {
            Ok(()) => Log::Synchronized(included),
            Err(_) => Log::Unknown,
        };
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    use std::time::Duration;

    use super::*;

    /// A disk whose synchronizations take a while, and how many there were.
    fn slow_disk() -> (GroupCommit, Arc<AtomicUsize>) {
        let synchronizations = Arc::new(AtomicUsize::new(0));
        let counter = synchronizations.clone();
        let group_commit = GroupCommit::new(move || {
            std::thread::sleep(Duration::from_millis(20));
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        (group_commit, synchronizations)
    }

    #[tokio::test]
    async fn a_write_is_synchronized_before_it_is_acknowledged() {
        let (group_commit, synchronizations) = slow_disk();
        for write in 1..=3 {
            group_commit.completed();
            group_commit.synchronized().await.unwrap();
            assert_eq!(synchronizations.load(Ordering::SeqCst), write);
        }
    }

    #[tokio::test]
    async fn a_read_waits_only_for_writes_that_are_not_yet_synchronized() {
        let (group_commit, synchronizations) = slow_disk();
        group_commit.synchronized().await.unwrap();
        assert_eq!(synchronizations.load(Ordering::SeqCst), 0);
        group_commit.completed();
        // A read that may have seen this write.
        group_commit.synchronized().await.unwrap();
        assert_eq!(synchronizations.load(Ordering::SeqCst), 1);
        group_commit.synchronized().await.unwrap();
        assert_eq!(synchronizations.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn writes_that_wait_for_the_disk_share_its_next_synchronization() {
        const WRITES: usize = 64;
        // A synchronization makes durable what was completed before it began.
        let durable = Arc::new(AtomicU64::new(0));
        let synchronizations = Arc::new(AtomicUsize::new(0));
        let completed = Arc::new(AtomicU64::new(0));
        let group_commit = Arc::new(GroupCommit::new({
            let (durable, completed) = (durable.clone(), completed.clone());
            let synchronizations = synchronizations.clone();
            move || {
                let included = completed.load(Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                synchronizations.fetch_add(1, Ordering::SeqCst);
                durable.fetch_max(included, Ordering::SeqCst);
                Ok(())
            }
        }));
        // All begin at once, so that most of them find a synchronization running.
        let begin = Arc::new(tokio::sync::Barrier::new(WRITES));
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..WRITES {
            let (group_commit, completed) = (group_commit.clone(), completed.clone());
            let (durable, begin) = (durable.clone(), begin.clone());
            writers.spawn(async move {
                begin.wait().await;
                let own = completed.fetch_add(1, Ordering::SeqCst) + 1;
                group_commit.completed();
                group_commit.synchronized().await.unwrap();
                assert!(durable.load(Ordering::SeqCst) >= own);
            });
        }
        while let Some(writer) = writers.join_next().await {
            writer.unwrap();
        }
        assert!(synchronizations.load(Ordering::SeqCst) < WRITES);
    }

    #[tokio::test]
    async fn nothing_is_acknowledged_after_a_failed_synchronization() {
        let fails = Arc::new(AtomicBool::new(true));
        let disk = fails.clone();
        let group_commit = GroupCommit::new(move || {
            if disk.load(Ordering::SeqCst) {
                return Err(io::Error::other("no space"));
            }
            Ok(())
        });
        group_commit.completed();
        assert!(group_commit.synchronized().await.is_err());
        fails.store(false, Ordering::SeqCst);
        group_commit.completed();
        assert!(group_commit.synchronized().await.is_err());
    }
}
