//! The audit: reads the whole table and has the rules of [`crate::audit`] judge it.
//!
//! A scan finds out who and what there is, item by item. Each user, section and lane is then looked at on its own, by
//! consistent reads of all that belongs to it; so nothing is kept but the events, a hash for each user that was looked at,
//! and of each number in line whose it is (some 60 bytes). Sales go on meanwhile: what looks broken is looked at again, and
//! only what is broken each time is said.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{StreamExt, iter};
use serde::de::DeserializeOwned;

use super::client::{Consistency, Query, Store};
use super::error::{Result, StoreError, store_error};
use super::item::{Item, read_item};
use super::keys;
use super::queue::read_session;
use super::reservations::read_reservation;
use super::seats::read_claim;
use super::wallets::read_entry;
use domain::clock::EpochMs;
use domain::event::{Admission, Programme};
use domain::ids::{DateKey, EventId, Lane, Rank, SeatNumber, UserId};
use domain::invariants::{
    ChargeMemory, ClaimOfSeat, Finding, Invariant, Keyed, LaneOfQueue, Numbers, Person, StockLeft,
    TicketsTaken, check_seats, owner_of,
};
use domain::queue::{Head, QueueEntry, Session};
use domain::reservation::Reservation;
use domain::seats::Claim;
use domain::wallet::Wallet;

/// What an audit found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditReport {
    /// Items that were looked at.
    pub items: u64,
    /// What is broken, by invariant and key.
    pub findings: Vec<Finding>,
    /// There is more of it: the audit ended early.
    pub is_cut_short: bool,
    /// The time ran out before everything was looked at. What was found until then is broken all the same.
    pub is_incomplete: bool,
}

impl AuditReport {
    fn in_order(mut self) -> Self {
        self.findings.sort_unstable();
        self.findings.dedup();
        self.is_cut_short = self.findings.len() > MOST_FINDINGS;
        self.findings.truncate(MOST_FINDINGS);
        self
    }
}

/// More than this many findings say nothing more.
const MOST_FINDINGS: usize = 1_000;
/// What looks broken is looked at so often in all.
const LOOKS: usize = 3;
/// Between two looks a write that was under way ends.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// So many subjects are looked at at once.
const AT_ONCE: usize = 16;
/// So many pages of a megabyte: a terabyte.
const MOST_PAGES: usize = 1_000_000;

/// What is looked at on its own.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Subject {
    User(UserId),
    Section(EventId, DateKey, String),
    /// An item that no version of this table has.
    Unknown(Invariant, String),
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str)
}

fn key_of(item: &Item) -> String {
    format!("{} {}", text(item, "pk"), text(item, "sk"))
}

/// Whose an item is.
fn subject_of(pk: &str, sk: &str) -> Option<Subject> {
    let (kind, rest) = pk.split_once('#').unwrap_or((pk, ""));
    let unknown = |invariant| Some(Subject::Unknown(invariant, format!("{pk} {sk}")));
    match kind {
        "USER" | "WALLET" => match UserId::parse(rest) {
            Ok(user) => Some(Subject::User(user)),
            Err(_) => unknown(Invariant::OneReservation),
        },
        "SEATS" => {
            let mut parts = rest.splitn(3, '#');
            let event = EventId::parse(parts.next().unwrap_or_default());
            let date = DateKey::parse(parts.next().unwrap_or_default());
            match (event, date, parts.next()) {
                (Ok(event), Ok(date), Some(section)) => {
                    Some(Subject::Section(event, date, section.to_owned()))
                }
                _ => unknown(Invariant::OneOwner),
            }
        }
        // The lanes and the stock of each event are looked at for themselves; the rest only speeds things up.
        "SESSIONS" | "QUEUE" | "STOCK" | "EVENT" | "CATALOG" | "SETTINGS" | "SEATMAP"
        | "PROMOTE" | "DEPARTED" => None,
        _ => unknown(Invariant::OneReservation),
    }
}

/// What is gathered in passing.
#[derive(Default)]
struct Gathered {
    numbers: HashMap<(EventId, Lane), Numbers>,
    taken: BTreeMap<EventId, TicketsTaken>,
}

struct Audit<'a> {
    store: &'a Store,
    only: Option<&'a EventId>,
    events: BTreeMap<EventId, Programme>,
    /// What was left of each event's entries when the audit began, and when that was.
    left: BTreeMap<EventId, StockLeft>,
    gathered: Mutex<Gathered>,
}

impl Store {
    /// Checks every invariant on the whole table, or on what belongs to one event. Tells `progress` how many items it has
    /// passed.
    pub async fn audit(
        &self,
        only: Option<&EventId>,
        progress: impl FnMut(u64),
    ) -> Result<AuditReport> {
        let mut report = AuditReport::default();
        self.audit_into(&mut report, only, progress).await?;
        Ok(report.in_order())
    }

    /// Checks the whole table as far as it comes within `time`.
    pub async fn audit_within(&self, time: Duration) -> Result<AuditReport> {
        let mut report = AuditReport::default();
        // It only reads, so it can be stopped anywhere. Boxed: it is large, and handed on by each who calls this.
        let run = Box::pin(self.audit_into(&mut report, None, |_| {}));
        match tokio::time::timeout(time, run).await {
            Ok(ended) => ended?,
            Err(_) => report.is_incomplete = true,
        }
        Ok(report.in_order())
    }

    async fn audit_into(
        &self,
        report: &mut AuditReport,
        only: Option<&EventId>,
        mut progress: impl FnMut(u64),
    ) -> Result<()> {
        let mut events = BTreeMap::new();
        let mut left = BTreeMap::new();
        for event in self.events(Consistency::Strong).await? {
            let id = event.event_id;
            let programme = self.programme(&id, Consistency::Strong).await?;
            let programme = programme.ok_or_else(|| {
                StoreError::Unreadable(format!("the event {id} is listed, and is not there"))
            })?;
            if let Admission::General { stock_shards, .. } = programme.event.terms.admission {
                match self.stock_now(&id, stock_shards).await {
                    Ok(now) => {
                        left.insert(id.clone(), now);
                    }
                    Err(StoreError::Unreadable(why)) => report.findings.push(Finding::new(
                        Invariant::Stock,
                        format!("STOCK#{id}#0 STOCK"),
                        "shards that this version writes",
                        why,
                    )),
                    Err(error) => return Err(error),
                }
            }
            events.insert(id, programme);
        }
        let audit = Audit {
            store: self,
            only,
            events,
            left,
            gathered: Mutex::default(),
        };
        audit.everybody(report, &mut progress).await?;
        audit.lanes(report).await?;
        audit.stock(report).await
    }

    /// About how many items there are, as DynamoDB counts them every six hours.
    pub async fn item_count(&self) -> Result<u64> {
        let answer = self
            .client
            .describe_table()
            .table_name(&self.tables.main)
            .send()
            .await
            .map_err(store_error)?;
        let count = answer.table.and_then(|table| table.item_count);
        Ok(count
            .and_then(|count| u64::try_from(count).ok())
            .unwrap_or(0))
    }

    async fn stock_now(&self, event: &EventId, shards: u32) -> Result<StockLeft> {
        Ok(StockLeft {
            at: self.clock.now(),
            shards: self.stock(event, shards, Consistency::Strong).await?,
        })
    }

    /// One page of the table's keys.
    async fn scan_keys(
        &self,
        start: Option<Item>,
    ) -> Result<(Vec<(String, String)>, Option<Item>)> {
        let answer = self
            .client
            .scan()
            .table_name(&self.tables.main)
            .projection_expression("pk, sk")
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(store_error)?;
        let keys = answer
            .items
            .unwrap_or_default()
            .iter()
            .map(|item| (text(item, "pk").to_owned(), text(item, "sk").to_owned()))
            .collect();
        Ok((
            keys,
            answer.last_evaluated_key.filter(|key| !key.is_empty()),
        ))
    }

    /// All items of a partition, as every write before has left them.
    async fn partition(&self, pk: String) -> Result<Vec<Item>> {
        self.query_all(&all_under(pk)).await
    }
}

fn all_under(pk: String) -> Query<'static> {
    Query::new("#pk = :pk", [(":pk", AttributeValue::S(pk))]).consistency(Consistency::Strong)
}

fn hash_of(subject: &Subject) -> u64 {
    let mut hasher = DefaultHasher::new();
    subject.hash(&mut hasher);
    hasher.finish()
}

/// Reads an item, or says that it cannot be read.
fn read<T: DeserializeOwned>(
    invariant: Invariant,
    item: Item,
    findings: &mut Vec<Finding>,
) -> Option<Keyed<T>> {
    read_by(invariant, item, findings, read_item)
}

fn read_by<T>(
    invariant: Invariant,
    item: Item,
    findings: &mut Vec<Finding>,
    read: impl FnOnce(Item) -> Result<T>,
) -> Option<Keyed<T>> {
    let key = key_of(&item);
    match read(item) {
        Ok(value) => Some(Keyed { key, value }),
        Err(error) => {
            let expected = "an item that this version writes";
            findings.push(Finding::new(invariant, key, expected, error.to_string()));
            None
        }
    }
}

impl Audit<'_> {
    /// Users and sections, as a scan comes upon them.
    async fn everybody(
        &self,
        report: &mut AuditReport,
        progress: &mut impl FnMut(u64),
    ) -> Result<()> {
        let mut seen = HashSet::new();
        let mut start = None;
        for _ in 0..MOST_PAGES {
            let (keys, next) = self.store.scan_keys(start).await?;
            let count = keys.len() as u64;
            let subjects: Vec<Subject> = keys
                .iter()
                .filter_map(|(pk, sk)| subject_of(pk, sk))
                .filter(|subject| seen.insert(hash_of(subject)))
                .filter(|subject| self.is_in_scope(subject))
                .collect();
            let mut looks = iter(subjects)
                .map(|subject| async move { self.judge(&subject).await })
                .buffer_unordered(AT_ONCE);
            while let Some(findings) = looks.next().await {
                report.findings.extend(findings?);
            }
            report.items += count;
            progress(report.items);
            start = next;
            if start.is_none() || report.findings.len() > MOST_FINDINGS {
                break;
            }
        }
        Ok(())
    }

    fn is_in_scope(&self, subject: &Subject) -> bool {
        match (subject, self.only) {
            (Subject::Section(event, ..), Some(only)) => event == only,
            (Subject::Unknown(..), Some(_)) => false,
            _ => true,
        }
    }

    /// Looks once; and where something looks broken, again, and keeps what is broken each time.
    async fn judge(&self, subject: &Subject) -> Result<Vec<Finding>> {
        let mut broken = self.look(subject, true).await?;
        for _ in 1..LOOKS {
            if broken.is_empty() {
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
            let again = self.look(subject, false).await?;
            broken.retain(|finding| again.contains(finding));
        }
        Ok(broken)
    }

    async fn look(&self, subject: &Subject, is_first: bool) -> Result<Vec<Finding>> {
        match subject {
            Subject::User(user) => self.user(*user, is_first).await,
            Subject::Section(event, date, section) => {
                if is_first {
                    let programme = self.events.get(event);
                    return self.section(programme, event, *date, section).await;
                }
                let anew = self.store.programme(event, Consistency::Strong).await?;
                self.section(anew.as_ref(), event, *date, section).await
            }
            Subject::Unknown(invariant, key) => Ok(vec![Finding::new(
                *invariant,
                key,
                "an item that this version writes",
                "something else",
            )]),
        }
    }

    async fn user(&self, user: UserId, is_first: bool) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let mut person = Person {
            wallet_key: format!("{} BALANCE", keys::wallet_pk(user)),
            ..Person::default()
        };
        let own = self.store.partition(keys::user_pk(user)).await?;
        let money = self.store.partition(keys::wallet_pk(user)).await?;
        let mut entries = Vec::new();
        for item in own {
            read_own(item, &mut person, &mut entries, &mut findings);
        }
        for item in money {
            read_money(item, &mut person, &mut findings);
        }
        if is_first {
            self.gather(&person, &entries, user);
        }
        for (event, entry) in &entries {
            findings.extend(self.queue_entry(event, user, entry).await?);
        }
        let anew = self.events_of(&person, is_first).await?;
        let now = self.store.clock.now();
        let events = if is_first { &self.events } else { &anew };
        findings.extend(person.check(user, events, self.only, now));
        for reservation in &person.reservations {
            let event = reservation.value.event_id();
            if self.only.is_some_and(|only| only != event) {
                continue;
            }
            let claims = self.claims_of(&reservation.value).await?;
            let now = self.store.clock.now();
            findings.extend(check_seats(reservation, &claims, now));
        }
        Ok(findings)
    }

    /// Where something looked broken: a catalogue may have been applied since the audit began.
    async fn events_of(
        &self,
        person: &Person,
        is_first: bool,
    ) -> Result<BTreeMap<EventId, Programme>> {
        let mut events = BTreeMap::new();
        if is_first {
            return Ok(events);
        }
        for reservation in person.reservations.iter().chain(&person.archived) {
            let id = reservation.value.event_id();
            if !events.contains_key(id)
                && let Some(programme) = self.store.programme(id, Consistency::Strong).await?
            {
                events.insert(id.clone(), programme);
            }
        }
        Ok(events)
    }

    fn gather(&self, person: &Person, entries: &[(EventId, Keyed<QueueEntry>)], user: UserId) {
        // Nothing that is done while it is locked can panic.
        let Ok(mut gathered) = self.gathered.lock() else {
            return;
        };
        for (event, entry) in entries {
            let QueueEntry { lane, number, .. } = entry.value;
            let lane = gathered.numbers.entry((event.clone(), lane)).or_default();
            lane.note(number, user);
        }
        for reservation in person.reservations.iter().chain(&person.archived) {
            let event = reservation.value.event_id();
            if let Some(left) = self.left.get(event) {
                let taken = gathered.taken.entry(event.clone()).or_default();
                taken.add(&reservation.value, left.at);
            }
        }
    }

    /// A number that was issued, and is nobody else's.
    async fn queue_entry(
        &self,
        event: &EventId,
        user: UserId,
        entry: &Keyed<QueueEntry>,
    ) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        if self.only.is_some_and(|only| only != event) {
            return Ok(findings);
        }
        let QueueEntry { lane, number, .. } = entry.value;
        let mut found = |expected: String, found: String| {
            findings.push(Finding::new(Invariant::Queue, &entry.key, expected, found));
        };
        let other = self.gathered.lock().ok().and_then(|gathered| {
            let numbers = gathered.numbers.get(&(event.clone(), lane))?;
            numbers.other_holder(number, user)
        });
        if let Some(other) = other {
            // The other may have joined anew in the meantime.
            let now = self
                .store
                .queue_entry(other, event, Consistency::Strong)
                .await?;
            if now.is_some_and(|now| now.lane == lane && now.number == number) {
                found(
                    "a number of its own".to_owned(),
                    format!("the number {number} of the user {other}"),
                );
            }
        }
        // A head is small and read for few: only for numbers that no head seen so far has issued.
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
                format!("a number that was issued, up to {issued}"),
                number.to_string(),
            );
        }
        Ok(findings)
    }

    async fn claims_of(
        &self,
        reservation: &Reservation,
    ) -> Result<Vec<(SeatNumber, Option<Claim>)>> {
        let Some(date) = reservation.date() else {
            return Ok(Vec::new());
        };
        let mut claims = Vec::new();
        for seat in &reservation.seats {
            let key = keys::seat(
                reservation.event_id(),
                date,
                &seat.section,
                seat.seat_number,
            );
            let item = self.store.get_item(&key, Consistency::Strong).await?;
            // What cannot be read is said where the section is looked at.
            let claim = item.and_then(|item| read_claim(item).ok());
            claims.push((seat.seat_number, claim));
        }
        Ok(claims)
    }

    async fn section(
        &self,
        programme: Option<&Programme>,
        event: &EventId,
        date: DateKey,
        section: &str,
    ) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let on_sale = programme.and_then(|programme| {
            let date = programme.dates.get(&date)?;
            date.sections.iter().find(|on_sale| on_sale.name == section)
        });
        let items = self
            .store
            .partition(keys::seats_pk(event, date, section))
            .await?;
        for item in items {
            let has_ttl = item.contains_key("ttl");
            let seat = keys::seat_of_sk(text(&item, "sk"));
            let Some(claim) = read_by(Invariant::OneOwner, item, &mut findings, read_claim) else {
                continue;
            };
            let now = self.store.clock.now();
            let (user, of_event, of_date) = owner_of(&claim.value);
            let is_its_own = of_event == event && of_date == Some(date);
            let lives = !matches!(claim.value, Claim::Held { held_until, .. } if held_until <= now);
            let owner = if lives && is_its_own {
                self.store.reservation_for(user, event, Some(date)).await?
            } else {
                None
            };
            let claimed = ClaimOfSeat {
                key: claim.key,
                seat: seat.unwrap_or(SeatNumber(0)),
                claim: &claim.value,
                has_ttl,
                owner: owner.as_ref(),
            };
            findings.extend(claimed.check(on_sale, self.store.clock.now()));
        }
        Ok(findings)
    }

    async fn lanes(&self, report: &mut AuditReport) -> Result<()> {
        for id in self.events.keys() {
            if self.only.is_some_and(|only| only != id) {
                continue;
            }
            let lanes = self.events[id].event.terms.queue.lanes.all();
            for lane in lanes {
                let mut broken = self.lane(id, lane).await?;
                for _ in 1..LOOKS {
                    if broken.is_empty() {
                        break;
                    }
                    tokio::time::sleep(BETWEEN_LOOKS).await;
                    let again = self.lane(id, lane).await?;
                    broken.retain(|finding| again.contains(finding));
                }
                report.findings.extend(broken);
            }
        }
        Ok(())
    }

    async fn lane(&self, id: &EventId, lane: Lane) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let head_key = format!("QUEUE#{id}#{lane} HEAD");
        let none = |key: String| Finding::new(Invariant::Queue, key, "an item", "none");
        let Some(event) = self.store.event(id, Consistency::Strong).await? else {
            return Ok(vec![none(format!("EVENT#{id} META"))]);
        };
        let head = match self.store.head(id, lane, Consistency::Strong).await {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(vec![none(head_key)]),
            Err(StoreError::Unreadable(why)) => {
                let expected = "an item that this version writes";
                return Ok(vec![Finding::new(
                    Invariant::Queue,
                    head_key,
                    expected,
                    why,
                )]);
            }
            Err(error) => return Err(error),
        };
        let now = self.store.clock.now();
        let mut looked_at = LaneOfQueue {
            head_key,
            sessions_pk: keys::sessions_pk(id, lane),
            event: &event,
            head,
            limits: event.queue().limits(lane),
            ranking: event.ranking(lane, &head),
            sessions: BTreeMap::new(),
            under_floor: Vec::new(),
            entries: BTreeMap::new(),
            departed: BTreeSet::new(),
        };
        let sessions = all_under(keys::sessions_pk(id, lane));
        let mut start = None;
        for _ in 0..MOST_PAGES {
            // There is one for everybody who was called within a day: a page at a time.
            let page = self.store.query(&sessions, start).await?;
            for item in page.items {
                let rank = u64::from_str(text(&item, "sk")).map(Rank);
                let session = read_by(Invariant::Queue, item, &mut findings, read_session);
                let (Ok(rank), Some(session)) = (rank, session) else {
                    continue;
                };
                if rank.0 > head.floor {
                    looked_at.sessions.insert(rank, session.value);
                } else if session.value.is_live(now) {
                    looked_at.under_floor.push(rank);
                }
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        self.entries_of(&mut looked_at, id, now).await?;
        self.departures(&mut looked_at, id, lane).await?;
        findings.extend(looked_at.check(now));
        Ok(findings)
    }

    async fn entries_of(
        &self,
        lane: &mut LaneOfQueue<'_>,
        event: &EventId,
        now: EpochMs,
    ) -> Result<()> {
        let inside: Vec<(Rank, UserId)> = lane
            .sessions
            .iter()
            .filter(|(_, session)| session.is_live(now))
            .filter_map(|(rank, session)| match session {
                Session::Live { user_id, .. } => Some((*rank, *user_id)),
                _ => None,
            })
            .collect();
        let mut reads = iter(inside)
            .map(|(rank, user)| async move {
                let entry = self
                    .store
                    .queue_entry(user, event, Consistency::Strong)
                    .await;
                entry.map(|entry| (rank, entry))
            })
            .buffer_unordered(AT_ONCE);
        while let Some(read) = reads.next().await {
            let (rank, entry) = read?;
            lane.entries.insert(rank, entry);
        }
        Ok(())
    }

    async fn departures(&self, lane: &mut LaneOfQueue<'_>, id: &EventId, of: Lane) -> Result<()> {
        let Head {
            floor, admitted, ..
        } = lane.head;
        let missing: Vec<Rank> = (floor + 1..=admitted)
            .map(Rank)
            .filter(|rank| !lane.sessions.contains_key(rank))
            .collect();
        for rank in missing {
            if let Some(number) = lane.ranking.drawn_number_at(rank)
                && self.store.has_departed(id, of, number).await?
            {
                lane.departed.insert(rank);
            }
        }
        Ok(())
    }

    async fn stock(&self, report: &mut AuditReport) -> Result<()> {
        let taken = match self.gathered.lock() {
            Ok(gathered) => gathered.taken.clone(),
            Err(_) => return Ok(()),
        };
        for (id, before) in &self.left {
            if self.only.is_some_and(|only| only != id) {
                continue;
            }
            let event = &self.events[id].event;
            let shards = u32::try_from(before.shards.len()).unwrap_or(u32::MAX);
            let after = self.store.stock_now(id, shards).await?;
            let key = format!("STOCK#{id}#0 STOCK");
            let taken = taken.get(id).copied().unwrap_or_default();
            if let Some(finding) = taken.check(event, &key, before, &after)
                && self.stock_is_still_broken(id, shards).await?
            {
                report.findings.push(finding);
            }
        }
        Ok(())
    }

    /// Everybody's reservations once more, beside a stock that is read anew.
    async fn stock_is_still_broken(&self, id: &EventId, shards: u32) -> Result<bool> {
        let event = &self.events[id].event;
        let before = self.store.stock_now(id, shards).await?;
        let mut taken = TicketsTaken::default();
        let mut seen = HashSet::new();
        let mut start = None;
        for _ in 0..MOST_PAGES {
            let (keys, next) = self.store.scan_keys(start).await?;
            for (pk, sk) in &keys {
                let Some(subject @ Subject::User(user)) = subject_of(pk, sk) else {
                    continue;
                };
                if !seen.insert(hash_of(&subject)) {
                    continue;
                }
                for item in self.store.partition(keys::user_pk(user)).await? {
                    let sk = text(&item, "sk");
                    let is_reservation = sk.starts_with(keys::RESERVATION_PREFIX)
                        || sk.starts_with(keys::ARCHIVE_PREFIX);
                    if is_reservation
                        && let Ok(reservation) = read_reservation(item)
                        && reservation.event_id() == id
                    {
                        taken.add(&reservation, before.at);
                    }
                }
            }
            start = next;
            if start.is_none() {
                break;
            }
        }
        let after = self.store.stock_now(id, shards).await?;
        Ok(taken.check(event, "", &before, &after).is_some())
    }
}

fn read_own(
    item: Item,
    person: &mut Person,
    entries: &mut Vec<(EventId, Keyed<QueueEntry>)>,
    findings: &mut Vec<Finding>,
) {
    let sk = text(&item, "sk").to_owned();
    let of = Invariant::OneReservation;
    if let Some(event) = sk.strip_prefix("ENTRY#") {
        if let (Ok(event), Some(entry)) = (
            EventId::parse(event),
            read(Invariant::Queue, item, findings),
        ) {
            entries.push((event, entry));
        }
    } else if sk.starts_with(keys::RESERVATION_PREFIX) {
        person
            .reservations
            .extend(read_by(of, item, findings, read_reservation));
    } else if sk.starts_with(keys::ARCHIVE_PREFIX) {
        person
            .archived
            .extend(read_by(of, item, findings, read_reservation));
    } else {
        unknown(of, &item, findings);
    }
}

fn read_money(item: Item, person: &mut Person, findings: &mut Vec<Finding>) {
    let sk = text(&item, "sk").to_owned();
    let of = Invariant::Money;
    if sk == "BALANCE" {
        person.wallet = read::<Wallet>(of, item, findings);
    } else if let Some(seq) = sk.strip_prefix(keys::LEDGER_PREFIX) {
        let seq = seq.parse().unwrap_or(0);
        if let Some(entry) = read_by(of, item, findings, read_entry) {
            person.ledger.push((seq, entry));
        }
    } else if sk.starts_with("IDEMPOTENCY#") {
        let record = read::<super::ChargeRecord>(of, item, findings);
        person.charges.extend(record.map(|record| Keyed {
            key: record.key,
            value: ChargeMemory {
                charge_id: record.value.charge_id,
                amount: record.value.amount,
                balance: record.value.balance,
            },
        }));
    } else {
        unknown(of, &item, findings);
    }
}

fn unknown(invariant: Invariant, item: &Item, findings: &mut Vec<Finding>) {
    let expected = "an item that this version writes";
    findings.push(Finding::new(
        invariant,
        key_of(item),
        expected,
        "something else",
    ));
}
