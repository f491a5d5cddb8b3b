//! Compares charges and withdrawals with the payment provider's books.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::time::Duration;

use futures::stream::{StreamExt, TryStreamExt, iter};

use super::{Audit, AuditReport, CONCURRENCY, Incomplete, MAX_FINDINGS, Result, persistent};
use crate::provider::{BookedPage, Provider, ProviderError};
use crate::store::{StoreError, charge_key};
use domain::books::{Booked, BookedKind};
use domain::charge::{ProviderId, ProviderName};
use domain::clock::EpochMs;
use domain::ids::UserId;
use domain::invariants::{Finding, ProviderBooks, UserItems};

/// What is younger may be under way: the schedule asks about it once an hour, at least. In seconds.
const UNDER_WAY_SECONDS: u32 = 2 * 60 * 60;
/// Two nights, and what was under way before them. An audit may begin later than the one before. So
/// a missed night is made up for. In seconds.
const COMPARED_SECONDS: u32 = 52 * 60 * 60;
/// Providers round times down to seconds, and have their own clocks. In seconds.
const EARLIER_SECONDS: u32 = 60;
/// Pages are of a hundred: two hundred thousand payments a day.
const MOST_PAGES: usize = 5_000;
/// A page is asked for at most this many times.
const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// How much was compared with the provider's books.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    pub payments: u64,
    pub refunds: u64,
    /// What the provider has booked that is no business of ours.
    pub others: u64,
}

/// What charges and withdrawals say that is in the books.
#[derive(Debug)]
pub(super) struct Expected {
    provider: ProviderName,
    window: Range<EpochMs>,
    booked: Vec<Booked>,
}

impl Expected {
    pub(super) fn by(provider: &dyn Provider, now: EpochMs) -> Self {
        let before = |seconds: u32| now.plus_ms(-1_000 * i64::from(seconds));
        Self {
            provider: provider.name(),
            window: before(COMPARED_SECONDS)..before(UNDER_WAY_SECONDS),
            booked: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, user: UserId, items: &UserItems) {
        let ours = items.to_be_booked(user, self.provider).into_iter();
        let ours = ours
            .map(|ours| ours.value)
            .filter(|ours| self.window.contains(&ours.at));
        self.booked.extend(ours);
    }
}

/// Why the books could not be compared.
#[derive(Debug, thiserror::Error)]
enum NotCompared {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("there are more than {MOST_PAGES} pages")]
    TooLong,
}

/// What the provider has booked, by user.
#[derive(Default)]
struct Books {
    of_users: BTreeMap<UserId, Vec<Booked>>,
    compared: Compared,
}

impl Books {
    fn add(&mut self, booked: Booked, window: &Range<EpochMs>) {
        let Some(order) = booked.order_id else {
            self.compared.others += 1;
            return;
        };
        if window.contains(&booked.at) {
            match booked.kind {
                BookedKind::Payment => self.compared.payments += 1,
                BookedKind::Refund => self.compared.refunds += 1,
            }
        }
        self.of_users.entry(order.user_id).or_default().push(booked);
    }
}

/// A page of the books. A provider that cannot answer now is asked again.
async fn page(
    provider: &dyn Provider,
    range: &Range<EpochMs>,
    position: Option<&str>,
) -> std::result::Result<BookedPage, ProviderError> {
    let mut attempt = 1;
    loop {
        match provider.booked(range.start, range.end, position).await {
            Err(ProviderError::Unreachable(_)) if attempt < ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
            }
            ended => return ended,
        }
    }
}

impl Audit<'_> {
    pub(super) async fn check_books(&self, report: &mut AuditReport) -> Result<()> {
        let expected = self.tallies().expected.take();
        let (Some(provider), Some(expected)) = (self.provider, expected) else {
            return Ok(());
        };
        match self.compare(provider, &expected, report).await {
            Ok(findings) => {
                report.findings.extend(findings);
                Ok(())
            }
            Err(NotCompared::Store(error)) => Err(error),
            Err(error) => {
                report.incomplete = Some(Incomplete::Books(error.to_string()));
                Ok(())
            }
        }
    }

    async fn compare(
        &self,
        provider: &dyn Provider,
        expected: &Expected,
        report: &mut AuditReport,
    ) -> std::result::Result<Vec<Finding>, NotCompared> {
        let books = self.read_books(provider, &expected.window).await?;
        report.compared = Some(books.compared);
        let mut users = users_to_check(expected, &books);
        while users.len() > MAX_FINDINGS {
            users.pop_last();
            report.is_cut_short = true;
        }
        persistent(async |is_first| {
            if is_first {
                return Ok(self.check_users(expected, &books, &users).await?);
            }
            let books = self.read_books(provider, &expected.window).await?;
            Ok(self.check_users(expected, &books, &users).await?)
        })
        .await
    }

    async fn read_books(
        &self,
        provider: &dyn Provider,
        window: &Range<EpochMs>,
    ) -> std::result::Result<Books, NotCompared> {
        let from = window.start.plus_ms(-1_000 * i64::from(EARLIER_SECONDS));
        // A time that has just begun is within the range.
        let range = from..self.store.clock().now().plus_seconds(1);
        let mut books = Books::default();
        let mut position = None;
        for _ in 0..MOST_PAGES {
            let page = page(provider, &range, position.as_deref()).await?;
            for booked in page.booked {
                books.add(booked, window);
            }
            position = page.next;
            if position.is_none() {
                return Ok(books);
            }
        }
        Err(NotCompared::TooLong)
    }

    async fn check_users(
        &self,
        expected: &Expected,
        books: &Books,
        users: &BTreeSet<UserId>,
    ) -> Result<Vec<Finding>> {
        let checks = iter(users).map(|user| async move {
            let items = self.store.inspect_user(*user).await?.items;
            let books = ProviderBooks {
                provider: expected.provider,
                booked: books.of_users.get(user).map_or(&[], Vec::as_slice),
                window: expected.window.clone(),
            };
            Ok::<_, StoreError>(items.check_books(*user, &books, charge_key))
        });
        let findings: Vec<Vec<Finding>> =
            checks.buffer_unordered(CONCURRENCY).try_collect().await?;
        Ok(findings.into_iter().flatten().collect())
    }
}

/// The users of whom something may not agree. Nearly everything agrees with what was read of the
/// users, so only these are read again.
fn users_to_check(expected: &Expected, books: &Books) -> BTreeSet<UserId> {
    let mut ours: HashMap<(BookedKind, &ProviderId), &Booked> = HashMap::new();
    let mut users = BTreeSet::new();
    let user_of = |booked: &Booked| booked.order_id.map(|order| order.user_id);
    for booked in &expected.booked {
        if let Some(other) = ours.insert((booked.kind, &booked.id), booked) {
            users.extend(user_of(other));
            users.extend(user_of(booked));
        }
    }
    for theirs in books.of_users.values().flatten() {
        let is_the_same = match ours.remove(&(theirs.kind, &theirs.id)) {
            Some(ours) if ours.agrees_with(theirs) => true,
            Some(ours) => {
                users.extend(user_of(ours));
                false
            }
            None => !expected.window.contains(&theirs.at),
        };
        if !is_the_same {
            users.extend(user_of(theirs));
        }
    }
    users.extend(ours.into_values().filter_map(user_of));
    users
}
