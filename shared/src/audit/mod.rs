//! The audit: reads the whole table, and checks it by [`domain::invariants`].
//!
//! A scan finds the users and sections. Each user, section and lane is then checked as a whole, by consistent reads of its
//! items. The audit keeps in memory only the events, a hash for each user and section, the owner of each queue number (about
//! 60 bytes), and the payments and refunds of two days. Sales continue meanwhile, so a subject with findings is read again,
//! and only findings that persist are reported. At the end, the payment provider's books are compared.

mod codes;
mod lanes;
mod provider;
mod stock;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{StreamExt, iter};

use crate::provider::Provider;
use crate::store::{Consistency, InspectedUser, READABLE, Store, StoreError, Subject, UNKNOWN};
use domain::access_code::CodeHash;
use domain::event::Programme;
use domain::ids::{DateKey, EventId, Lane, UserId};
use domain::invariants::{
    ConfirmedTickets, Finding, Invariant, NumberOwners, SeatClaim, StockLeft, Stored, UserItems,
    check_seats, owner_of,
};
use domain::queue::QueueEntry;
use domain::seats::SeatStatus;

pub use provider::Compared;
use provider::Expected;

type Result<T> = std::result::Result<T, StoreError>;

/// The result of an audit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditReport {
    /// Items that were read.
    pub items: u64,
    /// In the order of invariants and keys.
    pub findings: Vec<Finding>,
    /// There were so many findings that the audit ended early, or some were left out.
    pub is_cut_short: bool,
    /// Why not everything was looked at. The findings hold all the same.
    pub incomplete: Option<Incomplete>,
    /// Charges that a payment provider confirms.
    pub provider_charges: u64,
    /// What was compared with the payment provider's books, if it was asked.
    pub compared: Option<Compared>,
}

/// Why an audit has not looked at everything.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Incomplete {
    #[error("the time ran out before everything was looked at")]
    Time,
    #[error("the payment provider's books could not be read: {0}")]
    Books(String),
}

impl AuditReport {
    fn in_order(mut self) -> Self {
        self.findings.sort_unstable();
        self.findings.dedup();
        self.is_cut_short |= self.findings.len() > MAX_FINDINGS;
        self.findings.truncate(MAX_FINDINGS);
        self
    }
}

/// More findings than this say nothing new.
const MAX_FINDINGS: usize = 1_000;
/// A finding is reported if it is there each time in this many reads.
const READS: usize = 3;
/// Long enough for a write that is under way to end.
const BETWEEN_READS: Duration = Duration::from_millis(200);
/// Subjects that are read at the same time.
const CONCURRENCY: usize = 16;
/// Pages are up to a megabyte: a terabyte in all.
const MAX_PAGES: usize = 1_000_000;

/// Checks the invariants on the whole table, or on the items of one event. Those of a payment provider's books are left to
/// [`run_within`]. Calls `progress` with the number of items that have been read.
pub async fn run(
    store: &Store,
    only: Option<&EventId>,
    progress: impl FnMut(u64),
) -> Result<AuditReport> {
    let mut report = AuditReport::default();
    run_into(Audit::of(store, only, None), &mut report, progress).await?;
    Ok(report.in_order())
}

/// Checks as much of the whole table, and of the payment provider's books, as can be read within `time`.
pub async fn run_within(
    store: &Store,
    provider: Option<&dyn Provider>,
    time: Duration,
) -> Result<AuditReport> {
    let mut report = AuditReport::default();
    let audit = Audit::of(store, None, provider);
    // The audit only reads, so it can be stopped at any point. Boxed, because the future is large and is moved by callers.
    let run = Box::pin(run_into(audit, &mut report, |_| {}));
    match tokio::time::timeout(time, run).await {
        Ok(ended) => ended?,
        Err(_) => report.incomplete = Some(Incomplete::Time),
    }
    Ok(report.in_order())
}

async fn run_into(
    audit: Audit<'_>,
    report: &mut AuditReport,
    mut progress: impl FnMut(u64),
) -> Result<()> {
    let mut audit = audit;
    let store = audit.store;
    for event in store.events(Consistency::Strong).await? {
        let id = event.event_id;
        let programme = store.programme(&id, Consistency::Strong).await?;
        let programme = programme.ok_or_else(|| {
            StoreError::Unreadable(format!("the event {id} is listed but does not exist"))
        })?;
        report
            .findings
            .extend(audit.read_stock(&programme.event).await?);
        report.findings.extend(audit.read_codes(&id).await?);
        audit.events.insert(id, programme);
    }
    audit.check_subjects(report, &mut progress).await?;
    report.provider_charges = audit.tallies().provider_charges;
    // The other checks need all users.
    if !report.is_cut_short {
        audit.check_lanes(report).await?;
        audit.check_codes(report).await?;
        audit.check_stock(report).await?;
        audit.check_books(report).await?;
    }
    Ok(())
}

/// Counted over all users.
#[derive(Default)]
struct Tallies {
    numbers: HashMap<(EventId, Lane), NumberOwners>,
    confirmed: BTreeMap<EventId, ConfirmedTickets>,
    provider_charges: u64,
    /// The users who have used a code.
    code_users: HashMap<(EventId, CodeHash), u32>,
    /// If the provider's books are compared.
    expected: Option<Expected>,
}

struct Audit<'a> {
    store: &'a Store,
    only: Option<&'a EventId>,
    events: BTreeMap<EventId, Programme>,
    /// The stock of each general-admission event when the audit began.
    stock: BTreeMap<EventId, StockLeft>,
    /// How many users had used each code when the audit began.
    codes: BTreeMap<EventId, BTreeMap<CodeHash, u32>>,
    tallies: Mutex<Tallies>,
    provider: Option<&'a dyn Provider>,
}

fn hash_of(subject: &Subject) -> u64 {
    let mut hasher = DefaultHasher::new();
    subject.hash(&mut hasher);
    hasher.finish()
}

/// The findings that are there each time. `read` is told whether it is the first time.
async fn persistent<E>(
    read: impl AsyncFn(bool) -> std::result::Result<Vec<Finding>, E>,
) -> std::result::Result<Vec<Finding>, E> {
    let mut findings = read(true).await?;
    for _ in 1..READS {
        if findings.is_empty() {
            break;
        }
        tokio::time::sleep(BETWEEN_READS).await;
        let again = read(false).await?;
        findings.retain(|finding| again.contains(finding));
    }
    Ok(findings)
}

impl<'a> Audit<'a> {
    fn of(store: &'a Store, only: Option<&'a EventId>, provider: Option<&'a dyn Provider>) -> Self {
        let now = store.clock().now();
        let tallies = Tallies {
            expected: provider.map(|provider| Expected::by(provider, now)),
            ..Tallies::default()
        };
        Self {
            store,
            only,
            events: BTreeMap::new(),
            stock: BTreeMap::new(),
            codes: BTreeMap::new(),
            tallies: Mutex::new(tallies),
            provider,
        }
    }

    fn covers(&self, event: &EventId) -> bool {
        self.only.is_none_or(|only| only == event)
    }

    fn tallies(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks users and sections in the order in which a scan finds them.
    async fn check_subjects(
        &self,
        report: &mut AuditReport,
        progress: &mut impl FnMut(u64),
    ) -> Result<()> {
        let mut seen = HashSet::new();
        let mut start = None;
        for _ in 0..MAX_PAGES {
            let page = self.store.scan_subjects(start).await?;
            let subjects: Vec<Subject> = page
                .subjects
                .into_iter()
                .filter(|subject| seen.insert(hash_of(subject)))
                .filter(|subject| self.is_in_scope(subject))
                .collect();
            let mut checks = iter(subjects)
                .map(|subject| async move {
                    persistent(async |is_first| self.read_subject(&subject, is_first).await).await
                })
                .buffer_unordered(CONCURRENCY);
            while let Some(findings) = checks.next().await {
                report.findings.extend(findings?);
            }
            report.items += page.items;
            progress(report.items);
            start = page.next;
            if start.is_none() {
                return Ok(());
            }
            if report.findings.len() > MAX_FINDINGS {
                break;
            }
        }
        report.is_cut_short = true;
        Ok(())
    }

    fn is_in_scope(&self, subject: &Subject) -> bool {
        match subject {
            Subject::User(_) => true,
            Subject::Section(event, ..) => self.covers(event),
            Subject::Unknown(..) => self.only.is_none(),
        }
    }

    async fn read_subject(&self, subject: &Subject, is_first: bool) -> Result<Vec<Finding>> {
        match subject {
            Subject::User(user) => self.check_user(*user, is_first).await,
            Subject::Section(event, date, section) if is_first => {
                let programme = self.events.get(event);
                self.check_section(programme, event, *date, section).await
            }
            Subject::Section(event, date, section) => {
                let now = self.store.programme(event, Consistency::Strong).await?;
                self.check_section(now.as_ref(), event, *date, section)
                    .await
            }
            Subject::Unknown(invariant, key) => {
                Ok(vec![Finding::new(*invariant, key, READABLE, UNKNOWN)])
            }
        }
    }

    async fn check_user(&self, user: UserId, is_first: bool) -> Result<Vec<Finding>> {
        let InspectedUser {
            items,
            entries,
            used_codes,
            unreadable,
        } = self.store.inspect_user(user).await?;
        if is_first {
            self.count(&items, &entries, user);
            let mut tallies = self.tallies();
            for (event, hash) in used_codes {
                *tallies.code_users.entry((event, hash)).or_default() += 1;
            }
        }
        let mut findings = unreadable;
        for (event, entry) in entries.iter().filter(|(event, _)| self.covers(event)) {
            findings.extend(self.check_number(event, user, entry).await?);
        }
        let reread = self.events_of(&items, is_first).await?;
        let events = if is_first { &self.events } else { &reread };
        let now = self.store.clock().now();
        findings.extend(items.check(user, events, self.only, now));
        for reservation in &items.reservations {
            if self.covers(reservation.value.event_id()) {
                let claims = self.store.claims_of(&reservation.value).await?;
                let now = self.store.clock().now();
                findings.extend(check_seats(reservation, &claims, now));
            }
        }
        Ok(findings)
    }

    /// The events of a user's reservations, for a second read: a catalogue may have been applied since the audit began.
    async fn events_of(
        &self,
        items: &UserItems,
        is_first: bool,
    ) -> Result<BTreeMap<EventId, Programme>> {
        let mut events = BTreeMap::new();
        if is_first {
            return Ok(events);
        }
        for reservation in items.reservations.iter().chain(&items.archived) {
            let id = reservation.value.event_id();
            if !events.contains_key(id)
                && let Some(programme) = self.store.programme(id, Consistency::Strong).await?
            {
                events.insert(id.clone(), programme);
            }
        }
        Ok(events)
    }

    fn count(&self, items: &UserItems, entries: &[(EventId, Stored<QueueEntry>)], user: UserId) {
        let mut tallies = self.tallies();
        tallies.provider_charges += items.provider_charges.len() as u64;
        if let Some(expected) = &mut tallies.expected {
            expected.add(user, items);
        }
        for (event, entry) in entries {
            let QueueEntry { lane, number, .. } = entry.value;
            let numbers = tallies.numbers.entry((event.clone(), lane)).or_default();
            numbers.add(number, user);
        }
        for reservation in items.reservations.iter().chain(&items.archived) {
            let event = reservation.value.event_id();
            if let Some(stock) = self.stock.get(event) {
                let confirmed = tallies.confirmed.entry(event.clone()).or_default();
                confirmed.add(&reservation.value, stock.at);
            }
        }
    }

    /// Checks that a number was handed out, and to no other user.
    async fn check_number(
        &self,
        event: &EventId,
        user: UserId,
        entry: &Stored<QueueEntry>,
    ) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let QueueEntry { lane, number, .. } = entry.value;
        let mut found = |expected: String, found: String| {
            findings.push(Finding::new(Invariant::Queue, &entry.key, expected, found));
        };
        let other = self
            .tallies()
            .numbers
            .get(&(event.clone(), lane))
            .and_then(|numbers| numbers.other_owner(number, user));
        if let Some(other) = other {
            // The other user may have joined again since.
            let now = self
                .store
                .queue_entry(other, event, Consistency::Strong)
                .await?;
            if now.is_some_and(|now| now.lane == lane && now.number == number) {
                found(
                    "a number that no other user has".to_owned(),
                    format!("number {number}, which user {other} has too"),
                );
            }
        }
        // The cheaper read is enough unless it is behind.
        let head = self.store.head(event, lane, Consistency::Eventual).await?;
        let issued = match head {
            Some(head) if head.issued >= number => head.issued,
            _ => {
                let head = self.store.head(event, lane, Consistency::Strong).await?;
                head.map_or(0, |head| head.issued)
            }
        };
        if number > issued {
            found(
                format!("a number that was handed out, so at most {issued}"),
                number.to_string(),
            );
        }
        Ok(findings)
    }

    async fn check_section(
        &self,
        programme: Option<&Programme>,
        event: &EventId,
        date: DateKey,
        section: &str,
    ) -> Result<Vec<Finding>> {
        let on_sale = programme.and_then(|programme| {
            let date = programme.dates.get(&date)?;
            date.sections.iter().find(|on_sale| on_sale.name == section)
        });
        let (claims, mut findings) = self.store.inspect_claims(event, date, section).await?;
        for inspected in claims {
            let claim = &inspected.claim;
            let now = self.store.clock().now();
            let is_living = SeatStatus::of(Some(claim), now) != SeatStatus::Available;
            let owner = match owner_of(claim) {
                Some((user, of_event, of_date))
                    if is_living && of_event == event && of_date == Some(date) =>
                {
                    self.store.reservation_for(user, event, Some(date)).await?
                }
                _ => None,
            };
            let claim = SeatClaim {
                key: inspected.key,
                seat: inspected.seat,
                claim,
                has_ttl: inspected.has_ttl,
                owner: owner.as_ref(),
            };
            findings.extend(claim.check(on_sale, self.store.clock().now()));
        }
        Ok(findings)
    }
}
