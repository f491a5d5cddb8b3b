//! The audit's rules: what must hold of the items of a table, whatever happened to it. Pure: the store reads, these judge.
//!
//! The invariants bear the numbers of docs/ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Serialize, Serializer};

use crate::clock::EpochMs;
use crate::event::{Admission, Event, Programme, Section};
use crate::ids::{DateKey, EntryId, EventId, Rank, ReservationId, SeatNumber, UserId};
use crate::money::Money;
use crate::queue::{Head, LaneLimits, Pause, QueueEntry, Ranking, SKEW_MS, Session};
use crate::reservation::{Reservation, State, Status};
use crate::seats::Claim;
use crate::wallet::{EntryKind, LedgerEntry, Wallet};

/// What must always hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Invariant {
    /// A seat has at most one living claim; what is SOLD is one CONFIRMED reservation's, and back.
    OneOwner = 1,
    /// A wallet is the sum of its ledger, and never negative; payments less refunds are the price of what is CONFIRMED.
    Money = 2,
    /// A user has one living reservation for a date, of no more seats than are allowed.
    OneReservation = 3,
    /// Tickets left and tickets confirmed are all that there are.
    Stock = 4,
    /// The queue admits in rank order, and never more than may be inside.
    Queue = 5,
}

impl Invariant {
    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl Serialize for Invariant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

/// Something that is not as it must be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Finding {
    pub invariant: Invariant,
    /// The item's key: `pk`, a space, `sk`.
    pub key: String,
    pub expected: String,
    pub found: String,
}

impl Finding {
    pub fn new(
        invariant: Invariant,
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            invariant,
            key: key.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// An item, with its key as a finding names it.
#[derive(Clone, Debug)]
pub struct Keyed<T> {
    pub key: String,
    pub value: T,
}

/// A charge key's memory.
#[derive(Clone, Copy, Debug)]
pub struct ChargeMemory {
    pub charge_id: EntryId,
    pub amount: Money,
    pub balance: Money,
}

/// All that a user has.
#[derive(Clone, Debug, Default)]
pub struct Person {
    pub wallet: Option<Keyed<Wallet>>,
    /// Where the wallet's balance would be.
    pub wallet_key: String,
    /// By their numbers in order.
    pub ledger: Vec<(u64, Keyed<LedgerEntry>)>,
    pub charges: Vec<Keyed<ChargeMemory>>,
    pub reservations: Vec<Keyed<Reservation>>,
    pub archived: Vec<Keyed<Reservation>>,
}

impl Person {
    /// The money, and the number of tickets. `only`: looks at nothing but one event's reservations.
    pub fn check(
        &self,
        user: UserId,
        events: &BTreeMap<EventId, Programme>,
        only: Option<&EventId>,
        now: EpochMs,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        if only.is_none() {
            self.check_wallet(&mut findings);
            self.check_charges(&mut findings);
        }
        let mut paid: HashMap<&ReservationId, Money> = HashMap::new();
        for (_, entry) in &self.ledger {
            if let Some(id) = &entry.value.reservation_id {
                let paid = paid.entry(id).or_default();
                *paid = *paid - entry.value.amount;
            }
        }
        let in_scope = |r: &Reservation| only.is_none_or(|only| r.event_id() == only);
        let current = self.reservations.iter().map(|r| (r, false));
        let all = current.chain(self.archived.iter().map(|r| (r, true)));
        for (reservation, is_archived) in all {
            let paid = paid.remove(&reservation.value.reservation_id);
            if in_scope(&reservation.value) {
                let paid = paid.unwrap_or_default();
                check_reservation(
                    reservation,
                    user,
                    is_archived,
                    paid,
                    events,
                    now,
                    &mut findings,
                );
            }
        }
        for (id, amount) in paid {
            if only.is_some_and(|only| id.event_id() != only) {
                continue;
            }
            let entry = self
                .ledger
                .iter()
                .find(|(_, entry)| entry.value.reservation_id.as_ref() == Some(id));
            let key = entry.map_or_else(String::new, |(_, entry)| entry.key.clone());
            findings.push(Finding::new(
                Invariant::Money,
                key,
                format!("the reservation {id}"),
                format!("no such reservation; {} was paid for it", amount.0),
            ));
        }
        findings
    }

    fn check_wallet(&self, findings: &mut Vec<Finding>) {
        let mut sum = Money::ZERO;
        let mut entry_number = 0;
        for (seq, entry) in &self.ledger {
            entry_number += 1;
            sum = sum + entry.value.amount;
            if *seq != entry_number {
                findings.push(Finding::new(
                    Invariant::Money,
                    &entry.key,
                    format!("entry {entry_number} of the ledger"),
                    format!("entry {seq}"),
                ));
                entry_number = *seq;
            }
            if entry.value.balance_after != sum {
                findings.push(Finding::new(
                    Invariant::Money,
                    &entry.key,
                    format!("a balance of {} after it", sum.0),
                    entry.value.balance_after.0.to_string(),
                ));
            }
            if sum < Money::ZERO {
                findings.push(Finding::new(
                    Invariant::Money,
                    &entry.key,
                    "a balance that is not negative",
                    sum.0.to_string(),
                ));
            }
            // What costs nothing is paid and refunded with nothing.
            let has_its_sign = match entry.value.kind {
                EntryKind::Charge => entry.value.amount > Money::ZERO,
                EntryKind::Refund => entry.value.amount >= Money::ZERO,
                EntryKind::Payment => entry.value.amount <= Money::ZERO,
            };
            if !has_its_sign {
                findings.push(Finding::new(
                    Invariant::Money,
                    &entry.key,
                    "charges and refunds that add, payments that take",
                    format!("{:?} of {}", entry.value.kind, entry.value.amount.0),
                ));
            }
        }
        let wallet = self.wallet.as_ref().map(|wallet| wallet.value);
        let found = wallet.unwrap_or_default();
        if found.balance != sum {
            findings.push(Finding::new(
                Invariant::Money,
                &self.wallet_key,
                format!("the sum of its ledger, {}", sum.0),
                format!("a balance of {}", found.balance.0),
            ));
        }
        if found.seq != entry_number {
            findings.push(Finding::new(
                Invariant::Money,
                &self.wallet_key,
                format!("{entry_number} entries"),
                format!("seq {}", found.seq),
            ));
        }
    }

    /// A charge has one key, and a key one charge.
    fn check_charges(&self, findings: &mut Vec<Finding>) {
        let mut charges: HashMap<EntryId, &Keyed<LedgerEntry>> = self
            .ledger
            .iter()
            .filter(|(_, entry)| entry.value.kind == EntryKind::Charge)
            .map(|(_, entry)| (entry.value.entry_id, entry))
            .collect();
        for memory in &self.charges {
            let ChargeMemory {
                charge_id,
                amount,
                balance,
            } = memory.value;
            let expected = format!(
                "a charge {charge_id} of {} in the ledger, {} after it",
                amount.0, balance.0
            );
            let found = match charges.remove(&charge_id) {
                Some(entry)
                    if entry.value.amount == amount && entry.value.balance_after == balance =>
                {
                    continue;
                }
                Some(entry) => format!(
                    "{}, {} after it",
                    entry.value.amount.0, entry.value.balance_after.0
                ),
                None => "none".to_owned(),
            };
            findings.push(Finding::new(Invariant::Money, &memory.key, expected, found));
        }
        for (_, entry) in charges {
            findings.push(Finding::new(
                Invariant::Money,
                &entry.key,
                "a key that remembers the charge",
                "none",
            ));
        }
    }
}

fn check_reservation(
    reservation: &Keyed<Reservation>,
    user: UserId,
    is_archived: bool,
    paid: Money,
    events: &BTreeMap<EventId, Programme>,
    now: EpochMs,
    findings: &mut Vec<Finding>,
) {
    let Keyed { key, value } = reservation;
    let mut found = |invariant, expected: String, found: String| {
        findings.push(Finding::new(invariant, key, expected, found));
    };
    if value.user_id != user {
        let expected = format!("the user {user}'s");
        found(
            Invariant::OneReservation,
            expected,
            format!("{}'s", value.user_id),
        );
    }
    let price = match &value.state {
        State::Confirmed { .. } => value.total_price,
        State::Held { .. } | State::Cancelled { .. } => Money::ZERO,
    };
    if paid != price {
        let expected = format!("payments less refunds of {}", price.0);
        found(Invariant::Money, expected, paid.0.to_string());
    }
    let seats: i64 = value.seats.iter().map(|seat| seat.price.0).sum();
    if value.date().is_some() && seats != value.total_price.0 {
        let expected = format!("the sum of its seats' prices, {seats}");
        found(
            Invariant::Money,
            expected,
            format!("a price of {}", value.total_price.0),
        );
    }
    if is_archived && value.is_live(now) {
        found(
            Invariant::OneReservation,
            "an archived reservation is over".to_owned(),
            format!("{:?}", value.status(now)),
        );
    }
    let Some(programme) = events.get(value.event_id()) else {
        found(
            Invariant::OneReservation,
            format!("an event {}", value.event_id()),
            "none".to_owned(),
        );
        return;
    };
    let control = &programme.event.control;
    let most = (programme.event.terms.max_seats_per_user).max(control.highest_seat_limit);
    if value.is_live(now) && value.quantity > most {
        found(
            Invariant::OneReservation,
            format!("at most {most} tickets"),
            value.quantity.to_string(),
        );
    }
    let distinct: BTreeSet<SeatNumber> = value.seats.iter().map(|seat| seat.seat_number).collect();
    let has_its_seats = match value.date() {
        Some(_) => distinct.len() == value.seats.len() && distinct.len() == value.quantity as usize,
        None => value.seats.is_empty(),
    };
    if !has_its_seats {
        let seats = value.seats.len();
        found(
            Invariant::OneReservation,
            "as many different seats as tickets".to_owned(),
            format!(
                "{} tickets, {seats} seats, {} of them different",
                value.quantity,
                distinct.len()
            ),
        );
    }
    let taken: u32 = value.stock.iter().map(|take| take.quantity).sum();
    if value.date().is_none() && taken != value.quantity {
        let expected = format!("{} tickets taken from the stock", value.quantity);
        found(Invariant::Stock, expected, taken.to_string());
    }
}

/// Whether a living reservation has each of its seats.
pub fn check_seats(
    reservation: &Keyed<Reservation>,
    claims: &[(SeatNumber, Option<Claim>)],
    now: EpochMs,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Keyed { key, value } = reservation;
    for (seat, claim) in claims {
        let wrong = match (value.status(now), claim) {
            (Status::Cancelled | Status::Expired, _) => continue,
            (_, None) => Some("free".to_owned()),
            (status, Some(claim)) => wrong_claim(claim, value, status, now),
        };
        if let Some(found) = wrong {
            let expected = format!("its seat {} claimed for it", seat.0);
            findings.push(Finding::new(Invariant::OneOwner, key, expected, found));
        }
    }
    findings
}

fn wrong_claim(
    claim: &Claim,
    reservation: &Reservation,
    status: Status,
    now: EpochMs,
) -> Option<String> {
    let (user, id) = match claim {
        Claim::Held {
            user_id,
            reservation_id,
            ..
        }
        | Claim::Sold {
            user_id,
            reservation_id,
        } => (user_id, reservation_id),
    };
    if *id != reservation.reservation_id || *user != reservation.user_id {
        return Some(format!("claimed for {id} of {user}"));
    }
    match (status, claim) {
        (Status::Confirmed, Claim::Sold { .. }) => None,
        (Status::Held, Claim::Held { held_until, .. }) => match reservation.state {
            State::Held { held_until: end } if end == *held_until => None,
            _ => Some(format!("held until {held_until}")),
        },
        (Status::Confirmed, Claim::Held { held_until, .. }) if *held_until <= now => {
            Some("a lapsed hold".to_owned())
        }
        (_, Claim::Held { .. }) => Some("HELD".to_owned()),
        (_, Claim::Sold { .. }) => Some("SOLD".to_owned()),
    }
}

/// A claim and all that it says of itself.
pub struct ClaimOfSeat<'a> {
    pub key: String,
    pub seat: SeatNumber,
    pub claim: &'a Claim,
    pub has_ttl: bool,
    /// The reservation that stands where the claim's owner would have it.
    pub owner: Option<&'a Reservation>,
}

impl ClaimOfSeat<'_> {
    /// What lives is somebody's.
    pub fn check(&self, section: Option<&Section>, now: EpochMs) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut found = |expected: &str, found: String| {
            findings.push(Finding::new(
                Invariant::OneOwner,
                &self.key,
                expected,
                found,
            ));
        };
        let (wanted, held_until) = match self.claim {
            Claim::Held { held_until, .. } if *held_until <= now => return findings,
            Claim::Held { held_until, .. } => (Status::Held, Some(*held_until)),
            Claim::Sold { .. } => (Status::Confirmed, None),
        };
        if !section.is_some_and(|section| section.has(self.seat)) {
            found("a seat that is on sale", format!("seat {}", self.seat.0));
        }
        if wanted == Status::Confirmed && self.has_ttl {
            found("a sold seat that stays", "it would be swept".to_owned());
        }
        let (Claim::Held { reservation_id, .. } | Claim::Sold { reservation_id, .. }) = self.claim;
        let owner = self
            .owner
            .filter(|owner| owner.reservation_id == *reservation_id);
        let is_owned = owner.is_some_and(|owner| {
            let ends_with_it = match owner.state {
                State::Held { held_until: end } => Some(end) == held_until,
                State::Confirmed { .. } | State::Cancelled { .. } => held_until.is_none(),
            };
            let has_it = owner.seats.iter().any(|seat| seat.seat_number == self.seat);
            owner.status(now) == wanted && ends_with_it && has_it
        });
        if !is_owned {
            let expected = match wanted {
                Status::Confirmed => "a CONFIRMED reservation that has this seat",
                _ => "a HELD reservation that has this seat",
            };
            found(
                expected,
                match owner {
                    None => format!("no reservation {reservation_id} of its user"),
                    Some(owner) => format!("{reservation_id} is {:?}", owner.status(now)),
                },
            );
        }
        findings
    }
}

/// Policies are cached this long by each process (`app`).
const PROGRAMME_CACHE_MS: i64 = 2_000;

/// Whose a claim says it is, and for what.
pub fn owner_of(claim: &Claim) -> (UserId, &EventId, Option<DateKey>) {
    let (Claim::Held {
        user_id,
        reservation_id,
        ..
    }
    | Claim::Sold {
        user_id,
        reservation_id,
    }) = claim;
    (*user_id, reservation_id.event_id(), reservation_id.date())
}

/// The tickets of a general admission, as the reservations tell them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TicketsTaken {
    /// Confirmed as they were looked at.
    seen: u64,
    /// Confirmed when the stock was read.
    taken: u64,
    /// Taken or given back so near to that moment that it cannot be told which was first.
    in_doubt: u64,
}

/// What is left of a stock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StockLeft {
    pub at: EpochMs,
    pub shards: Vec<u32>,
}

/// A write is over two seconds after the time that it says it was decided at, and clocks differ.
const DOUBT_MS: i64 = 5_000;

impl TicketsTaken {
    /// Adds a reservation as it was at `at`.
    pub fn add(&mut self, reservation: &Reservation, at: EpochMs) {
        let quantity = u64::from(reservation.quantity);
        let ended = match reservation.state {
            State::Confirmed { .. } => {
                self.seen += quantity;
                None
            }
            State::Cancelled { .. } => Some(reservation.modified_at),
            State::Held { .. } => return,
        };
        let is_near = |moment: EpochMs| moment.ms_since(at).abs() <= DOUBT_MS;
        if is_near(reservation.created_at) || ended.is_some_and(is_near) {
            self.in_doubt += quantity;
        } else if reservation.created_at < at && ended.is_none_or(|ended| ended > at) {
            self.taken += quantity;
        }
    }

    /// Together with what is left they are all. Where nothing was sold while the reservations were looked at, exactly; else
    /// what cannot be told is let pass.
    pub fn check(
        self,
        event: &Event,
        key: &str,
        before: &StockLeft,
        after: &StockLeft,
    ) -> Option<Finding> {
        let Admission::General { total_tickets, .. } = event.terms.admission else {
            return None;
        };
        let total = u64::from(total_tickets);
        let left: u64 = before.shards.iter().copied().map(u64::from).sum();
        let (confirmed, in_doubt) = if before.shards == after.shards {
            (self.seen, 0)
        } else {
            (self.taken, self.in_doubt)
        };
        let accounted = left + confirmed;
        let is_sound = accounted <= total && total - accounted <= in_doubt;
        (!is_sound).then(|| {
            Finding::new(
                Invariant::Stock,
                key,
                format!("{total} tickets, left or confirmed"),
                format!("{left} left, {confirmed} confirmed"),
            )
        })
    }
}

/// A session is swept a day after its end, and that is later than its call. Half of it, since by what was called when it is
/// judged by terms that may have changed.
const SURELY_KEPT_MS: i64 = 12 * 3600 * 1000;

/// A lane of a queue.
pub struct LaneOfQueue<'a> {
    pub head_key: String,
    pub sessions_pk: String,
    pub event: &'a Event,
    pub head: Head,
    pub limits: LaneLimits,
    pub ranking: Ranking,
    /// Of the ranks behind the floor; those under it may have been swept.
    pub sessions: BTreeMap<Rank, Session>,
    /// The living sessions under the floor, which there must not be.
    pub under_floor: Vec<Rank>,
    /// For who is inside: the ticket that bears the rank's number.
    pub entries: BTreeMap<Rank, Option<QueueEntry>>,
    /// Ranks without a session whose holders left before the draw.
    pub departed: BTreeSet<Rank>,
}

impl LaneOfQueue<'_> {
    fn session_key(&self, rank: Rank) -> String {
        format!("{} {:012}", self.sessions_pk, rank.0)
    }

    fn number_of(&self, rank: Rank) -> u64 {
        self.ranking.drawn_number_at(rank).unwrap_or(rank.0)
    }

    pub fn check(&self, now: EpochMs) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Head {
            issued,
            admitted,
            floor,
            ..
        } = self.head;
        let mut found = |key: String, expected: String, found: String| {
            findings.push(Finding::new(Invariant::Queue, key, expected, found));
        };
        if floor > admitted {
            found(
                self.head_key.clone(),
                format!("a floor at or under the watermark {admitted}"),
                floor.to_string(),
            );
        }
        for rank in self.missing(now) {
            let expected = "a session at every rank that was passed".to_owned();
            found(self.session_key(rank), expected, "none".to_owned());
        }
        for rank in &self.under_floor {
            let expected = format!("nobody alive up to the floor {floor}");
            found(
                self.session_key(*rank),
                expected,
                "a living session".to_owned(),
            );
        }
        let grace = self.event.terms.queue.grace_seconds;
        let pause = self.event.control.pause;
        let mut living = Vec::new();
        for (rank, session) in &self.sessions {
            let lives = session.is_live(now)
                || (session.awaits(now, pause, grace)
                    && (rank.0 <= admitted || *session != Session::Open));
            if !lives {
                continue;
            }
            if *session != Session::Open && rank.0 > admitted.min(issued) {
                let expected = format!(
                    "nobody called behind the watermark {}",
                    admitted.min(issued)
                );
                found(self.session_key(*rank), expected, "called".to_owned());
            }
            if let Session::Live { user_id, .. } = session {
                let number = self.number_of(*rank);
                let has_number = self
                    .entries
                    .get(rank)
                    .is_some_and(|entry| entry.is_some_and(|entry| entry.number == number));
                if !has_number {
                    let expected = format!("the user {user_id} with the number {number}");
                    found(
                        self.session_key(*rank),
                        expected,
                        "another number".to_owned(),
                    );
                }
            }
            living.push(*session);
        }
        // A lower limit lets those inside finish: then only those count who came after it.
        let most = self.limits.overbooked as usize;
        if living.len() > most {
            let since = self.event.control.limits_count_from;
            let newer = living
                .iter()
                .filter(|session| since.is_none_or(|since| self.was_called_after(session, since)))
                .count();
            if newer > most {
                found(
                    self.head_key.clone(),
                    format!("at most {most} inside or awaited"),
                    newer.to_string(),
                );
            }
        }
        findings
    }

    /// The passed ranks that have no session, and whose holders neither left before the draw nor were called so long ago
    /// that a session may have been swept.
    fn missing(&self, now: EpochMs) -> Vec<Rank> {
        let Head {
            admitted,
            floor,
            rate,
            ..
        } = self.head;
        let swept_before = now.plus_ms(-SURELY_KEPT_MS);
        // Ranks are called in order: none before any of those under it.
        let Event {
            terms,
            first_applied_at: known_since,
            ..
        } = self.event;
        let mut called_at = terms
            .opens_at
            .map_or(*known_since, |at| at.max(*known_since));
        let mut missing = Vec::new();
        for rank in (floor + 1..=admitted).map(Rank) {
            if let Some(rate) = rate.filter(|rate| rate.called < rank.0) {
                called_at = called_at.max(rate.since);
            }
            match self.sessions.get(&rank) {
                Some(session) => {
                    called_at = self
                        .called_at(session)
                        .map_or(called_at, |at| at.max(called_at));
                }
                None if self.departed.contains(&rank) => {}
                None if called_at > swept_before => missing.push(rank),
                None => {}
            }
        }
        missing
    }

    /// The earliest time at which a rank was called, as far as its session tells.
    fn called_at(&self, session: &Session) -> Option<EpochMs> {
        let queue = self.event.terms.queue;
        let before = |at: EpochMs, seconds: u32| at.plus_ms(-1000 * i64::from(seconds));
        match session {
            Session::Live { hold_by, .. } => {
                let arrived_at = before(*hold_by, queue.session_seconds);
                // Who was awaited when a pause began may have come long after.
                let pause = self.event.control.pause;
                let spared_by = |pause: Pause, at| {
                    let ended = pause
                        .ended_at
                        .map(|ended| ended.plus_seconds(queue.grace_seconds));
                    ended.is_none_or(|until| until >= at)
                };
                let awaited_at = match pause.began_at {
                    Some(began) if began <= arrived_at && spared_by(pause, arrived_at) => began,
                    _ => arrived_at,
                };
                Some(before(awaited_at, queue.grace_seconds))
            }
            Session::Called { expires_at } => Some(before(*expires_at, queue.grace_seconds)),
            Session::Open | Session::Ended { .. } => None,
        }
    }

    /// Whether a rank was surely called after the limits had changed.
    fn was_called_after(&self, session: &Session, limits_changed: EpochMs) -> bool {
        let Some(called_at) = self.called_at(session) else {
            // Kept for somebody to come: always by the limits of now.
            return true;
        };
        let pause = self.event.control.pause;
        // Of an earlier pause nothing is known any more.
        let is_known = pause.began_at.is_none_or(|began| began <= called_at);
        is_known && called_at > limits_changed.plus_ms(PROGRAMME_CACHE_MS + SKEW_MS)
    }
}

/// Numbers in line of a lane: each is one user's, and was issued.
#[derive(Clone, Debug, Default)]
pub struct Numbers(HashMap<u64, UserId>);

impl Numbers {
    /// Notes a ticket: the first who has a number is remembered.
    pub fn note(&mut self, number: u64, user: UserId) {
        self.0.entry(number).or_insert(user);
    }

    /// Who else has the number.
    pub fn other_holder(&self, number: u64, user: UserId) -> Option<UserId> {
        self.0.get(&number).copied().filter(|other| *other != user)
    }
}
