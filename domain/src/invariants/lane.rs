//! A lane of a queue: its sessions and numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Finding, Invariant};
use crate::clock::EpochMs;
use crate::event::Event;
use crate::ids::{Rank, UserId};
use crate::queue::{Head, Opening, QueueEntry, Ranking, Session, TOMBSTONE_SECONDS};

/// A session, with what the promotion stored that opened it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenedSession {
    pub session: Session,
    /// Absent if the holder left before a promotion came to the rank: then there was only ever a tombstone.
    pub opening: Option<Opening>,
}

/// A lane and all that it is checked against.
pub struct LaneSnapshot<'a> {
    pub head_key: String,
    pub sessions_pk: String,
    pub event: &'a Event,
    pub head: Head,
    pub ranking: Ranking,
    /// The sessions above the floor.
    pub sessions: BTreeMap<Rank, OpenedSession>,
    /// When the latest session up to the floor was opened, of those that have not been swept.
    pub opened_under_floor: Option<EpochMs>,
    /// Living sessions up to the floor. There must not be any.
    pub living_under_floor: Vec<Rank>,
    /// By the rank of a LIVE session: its user's queue entry.
    pub entries: BTreeMap<Rank, Option<QueueEntry>>,
    /// Ranks without a session whose holders left before the draw.
    pub departed: BTreeSet<Rank>,
}

/// Ranks are opened in order, but runs overlap: a run takes at most 20 seconds and its last writes a few more. The rest
/// allows for differing clocks.
const OUT_OF_ORDER_MS: i64 = 60_000;

impl LaneSnapshot<'_> {
    fn session_key(&self, rank: Rank) -> String {
        format!("{} {:012}", self.sessions_pk, rank.0)
    }

    /// Checks the lane. `now` is a time after the sessions were read.
    #[must_use]
    pub fn check(&self, now: EpochMs) -> Vec<Finding> {
        let mut findings = self.check_floor();
        findings.extend(self.missing(now).into_iter().map(|rank| {
            self.finding(
                rank,
                "a session, because the watermark has passed this rank",
                "none",
            )
        }));
        let living: Vec<(Rank, OpenedSession)> = self
            .sessions
            .iter()
            .filter(|(_, opened)| self.is_living(opened.session, now))
            .map(|(rank, opened)| (*rank, *opened))
            .collect();
        for (rank, opened) in &living {
            findings.extend(self.check_order(*rank, opened.session));
        }
        findings.extend(self.check_slots(&living));
        findings
    }

    fn finding(
        &self,
        rank: Rank,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Finding {
        Finding::new(Invariant::Queue, self.session_key(rank), expected, found)
    }

    fn is_living(&self, session: Session, now: EpochMs) -> bool {
        session.is_live(now) || session.awaits(now, self.event.control.pause)
    }

    fn check_floor(&self) -> Vec<Finding> {
        let Head {
            admitted, floor, ..
        } = self.head;
        let mut findings = Vec::new();
        if floor > admitted {
            findings.push(Finding::new(
                Invariant::Queue,
                &self.head_key,
                format!("a floor of at most the watermark, {admitted}"),
                floor.to_string(),
            ));
        }
        findings.extend(self.living_under_floor.iter().map(|rank| {
            let expected = format!("no living session up to the floor, {floor}");
            self.finding(*rank, expected, "a living session")
        }));
        findings
    }

    /// A called session is at or under the watermark, and a LIVE one is its user's.
    fn check_order(&self, rank: Rank, session: Session) -> Vec<Finding> {
        let mut findings = Vec::new();
        let called = self.head.called();
        if session != Session::Open && rank.0 > called {
            let expected = format!("no called session above the watermark, {called}");
            findings.push(self.finding(rank, expected, "a called session"));
        }
        if let Session::Live { user_id, .. } = session {
            let number = self.ranking.drawn_number_at(rank).unwrap_or(rank.0);
            let entry = self.entries.get(&rank).copied().flatten();
            if entry.is_none_or(|entry| entry.number != number) {
                let expected = format!("user {user_id} with the number {number}");
                let is = entry.map_or_else(
                    || "no queue entry".to_owned(),
                    |entry| format!("the number {}", entry.number),
                );
                findings.push(self.finding(rank, expected, is));
            }
        }
        findings
    }

    /// For every living session: at most as many sessions live up to its rank as its `slotLimit` says.
    ///
    /// Each opening proves this for its own rank. The promotion counted the sessions at all lower ranks that might still
    /// live, and opened only while there were fewer than its limit. Lower ranks cannot come alive afterwards:
    ///
    /// - The promotion counted ranks that other runs opened at the same time. Ranks that its own failed writes left out
    ///   had counted too.
    /// - A tombstone stays one. Sessions count for promotion until 5 seconds after their end, and a pause that could spare
    ///   them is read before they are counted.
    /// - A session that is taken back stays OPEN, and is opened anew, with the limit of then, when its rank is passed again.
    ///
    /// So the number only falls, whatever becomes of `maxActive`, session and grace times later.
    ///
    /// One session too many raises the number of all ranks above it, so only the first is reported.
    fn check_slots(&self, living: &[(Rank, OpenedSession)]) -> Option<Finding> {
        (1_u32..)
            .zip(living)
            .find_map(|(count, (rank, opened))| match opened.opening {
                None => {
                    let expected = "openedAt and slotLimit, as promotion stores them";
                    Some(self.finding(*rank, expected, "a living session without them"))
                }
                Some(opening) if count > opening.slot_limit => {
                    let limit = opening.slot_limit;
                    let expected = format!("at most {limit} living sessions up to this rank");
                    Some(self.finding(*rank, expected, count.to_string()))
                }
                Some(_) => None,
            })
    }

    /// The passed ranks that have no session although none can have been swept.
    ///
    /// A session is swept a day after its end at the earliest. So a session that was opened within the last day is there,
    /// and so are those of all ranks above it, since ranks are opened in order. Users who leave before the draw have no
    /// session.
    fn missing(&self, now: EpochMs) -> Vec<Rank> {
        let kept_since = now.plus_ms(OUT_OF_ORDER_MS - 1000 * i64::from(TOMBSTONE_SECONDS));
        // No session is older than its event.
        let oldest = self.event.first_applied_at;
        let mut opened_at = self.opened_under_floor.map_or(oldest, |at| at.max(oldest));
        let mut missing = Vec::new();
        for rank in (self.head.floor + 1..=self.head.admitted).map(Rank) {
            match self.sessions.get(&rank) {
                Some(OpenedSession { opening, .. }) => {
                    opened_at = opening.map_or(opened_at, |opening| opening.at.max(opened_at));
                }
                None if opened_at > kept_since && !self.departed.contains(&rank) => {
                    missing.push(rank);
                }
                None => {}
            }
        }
        missing
    }
}

/// The user of each number of a lane.
#[derive(Clone, Debug, Default)]
pub struct NumberOwners(HashMap<u64, UserId>);

impl NumberOwners {
    /// Records a queue entry. The first user with a number counts as its owner.
    pub fn add(&mut self, number: u64, user: UserId) {
        self.0.entry(number).or_insert(user);
    }

    /// Another user who has the number.
    #[must_use]
    pub fn other_owner(&self, number: u64, user: UserId) -> Option<UserId> {
        self.0.get(&number).copied().filter(|other| *other != user)
    }
}
