//! The items, and the writes to them. Each write has the condition that `shared::store` gives it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use domain::clock::EpochMs;
use domain::ids::UserId;
use domain::queue::{Head, Session};
use domain::seats::cool_off_seconds;

/// A lane's head: the real type, of which only these three fields change here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct HeadItem(pub(crate) Head);

impl Hash for HeadItem {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0.issued, self.0.admitted, self.0.floor).hash(state);
    }
}

impl Ord for HeadItem {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |head: &Head| (head.issued, head.admitted, head.floor);
        key(&self.0).cmp(&key(&other.0))
    }
}

impl PartialOrd for HeadItem {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A rank of a lane.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct SessionKey {
    pub(crate) lane: usize,
    pub(crate) rank: u64,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct LaneItems {
    pub(crate) head: HeadItem,
    pub(crate) sessions: BTreeMap<u64, Session>,
    /// When the age of a tombstone starts to count for its `ttl`. None for the tombstone of a user who left while waiting:
    /// it is kept until after the sale.
    pub(crate) ended_at: BTreeMap<u64, EpochMs>,
}

/// A reservation's id: its user, and which of the user's reservations it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ReservationId {
    pub(crate) person: usize,
    pub(crate) nth: u8,
}

/// Held until a time, or for good.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Hold {
    Until(EpochMs),
    ForGood,
}

impl Hold {
    pub(crate) fn lives(self, now: EpochMs) -> bool {
        matches!(self, Self::Until(end) if end > now)
    }

    fn has_lapsed(self, now: EpochMs) -> bool {
        matches!(self, Self::Until(end) if end <= now)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Claim {
    pub(crate) by: ReservationId,
    /// For good: SOLD.
    pub(crate) hold: Hold,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Reservation {
    pub(crate) id: ReservationId,
    pub(crate) rank: u64,
    /// For good: CONFIRMED.
    pub(crate) hold: Hold,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Items {
    pub(crate) lanes: Vec<LaneItems>,
    /// By user: the number in the queue entry.
    pub(crate) entries: Vec<Option<u64>>,
    /// By user.
    pub(crate) reservations: Vec<Option<Reservation>>,
    /// The claim of the only seat.
    pub(crate) claim: Option<Claim>,
}

impl Items {
    pub(crate) fn head(&self, lane: usize) -> Head {
        self.lanes[lane].head.0
    }

    pub(crate) fn session(&self, key: SessionKey) -> Option<Session> {
        self.lanes[key.lane].sessions.get(&key.rank).copied()
    }

    fn put(&mut self, key: SessionKey, session: Session) {
        self.lanes[key.lane].sessions.insert(key.rank, session);
    }

    /// `ADD issued 1`. Returns the head after it.
    pub(crate) fn take_number(&mut self, lane: usize) -> Head {
        let head = &mut self.lanes[lane].head.0;
        head.issued += 1;
        *head
    }

    /// Returns the queue entry that is in force afterwards.
    pub(crate) fn put_queue_entry(
        &mut self,
        person: usize,
        mine: u64,
        replaces: Option<u64>,
    ) -> u64 {
        let entry = &mut self.entries[person];
        match *entry {
            Some(other) if replaces != Some(other) => other,
            _ => {
                *entry = Some(mine);
                mine
            }
        }
    }

    pub(crate) fn delete_queue_entry(&mut self, person: usize, number: u64) {
        let entry = &mut self.entries[person];
        if *entry == Some(number) {
            *entry = None;
        }
    }

    pub(crate) fn arrive(
        &mut self,
        key: SessionKey,
        user_id: UserId,
        decided: EpochMs,
        ends: EpochMs,
    ) {
        let may_come = match self.session(key) {
            Some(Session::Open) => true,
            Some(Session::Called { expires_at }) => expires_at > decided,
            _ => false,
        };
        if may_come {
            let session = Session::Live {
                user_id,
                expires_at: ends,
                hold_by: ends,
            };
            self.put(key, session);
        }
    }

    /// Returns the existing session, if there is one.
    pub(crate) fn open_session(&mut self, key: SessionKey) -> Option<Session> {
        let found = self.session(key);
        if found.is_none() {
            self.put(key, Session::Open);
        }
        found
    }

    pub(crate) fn call(&mut self, key: SessionKey, expires_at: EpochMs) {
        if self.session(key) == Some(Session::Open) {
            self.put(key, Session::Called { expires_at });
        }
    }

    /// Overwrites whatever is there. `swept`: when a tombstone's age starts to count, if it does.
    pub(crate) fn end_session(&mut self, key: SessionKey, swept: Option<EpochMs>) {
        let arrived = matches!(
            self.session(key),
            Some(Session::Live { .. } | Session::Ended { arrived: true })
        );
        self.put(key, Session::Ended { arrived });
        let ended_at = &mut self.lanes[key.lane].ended_at;
        match swept {
            Some(at) => drop(ended_at.insert(key.rank, at)),
            None => drop(ended_at.remove(&key.rank)),
        }
    }

    pub(crate) fn remove_session(&mut self, key: SessionKey) {
        let lane = &mut self.lanes[key.lane];
        lane.sessions.remove(&key.rank);
        lane.ended_at.remove(&key.rank);
    }

    /// Returns the head afterwards; none if another promotion moved it first.
    pub(crate) fn move_watermark(
        &mut self,
        lane: usize,
        from: &Head,
        admitted: u64,
        floor: u64,
    ) -> Option<Head> {
        let head = &mut self.lanes[lane].head.0;
        let is_as_read = head.admitted == from.admitted && head.floor == from.floor;
        if !is_as_read || (admitted < from.admitted && head.issued > admitted) {
            return None;
        }
        head.admitted = admitted;
        head.floor = floor;
        Some(*head)
    }

    /// Whether the seat's claim allows this user to hold it. A user's own lapsed hold does only after the cool-off.
    pub(crate) fn seat_is_free(&self, person: usize, cool_off_seconds: u32, now: EpochMs) -> bool {
        match self.claim {
            None => true,
            Some(Claim {
                hold: Hold::ForGood,
                ..
            }) => false,
            Some(Claim {
                by,
                hold: Hold::Until(end),
            }) => {
                let is_own = by.person == person;
                let free_from = end.plus_seconds(if is_own { cool_off_seconds } else { 0 });
                free_from <= now
            }
        }
    }

    /// One transaction on reservation, session and claim. Returns whether it was made.
    pub(crate) fn hold(
        &mut self,
        key: SessionKey,
        id: ReservationId,
        replaces: Option<ReservationId>,
        decided: EpochMs,
        hold_seconds: u32,
    ) -> bool {
        let until = decided.plus_seconds(hold_seconds);
        let former = self.reservations[id.person];
        let reservation_is_free = former.map(|former| former.id) == replaces
            && former.is_none_or(|former| former.hold.has_lapsed(decided));
        let seat_is_free = self.seat_is_free(id.person, cool_off_seconds(hold_seconds), decided);
        let Some(Session::Live {
            user_id,
            expires_at,
            hold_by,
        }) = self.session(key)
        else {
            return false;
        };
        if !reservation_is_free || !seat_is_free || expires_at <= decided || hold_by <= decided {
            return false;
        }
        let hold = Hold::Until(until);
        let rank = key.rank;
        self.reservations[id.person] = Some(Reservation { id, rank, hold });
        self.claim = Some(Claim { by: id, hold });
        let session = Session::Live {
            user_id,
            expires_at: until,
            hold_by,
        };
        self.put(key, session);
        true
    }

    /// One transaction, apart from the end of the session, which has no condition. Returns whether it was made.
    pub(crate) fn sell(&mut self, id: ReservationId, decided: EpochMs) -> bool {
        let (Some(reservation), Some(claim)) = (&mut self.reservations[id.person], &mut self.claim)
        else {
            return false;
        };
        let is_held = reservation.id == id && reservation.hold.lives(decided);
        if !is_held || claim.by != id || !claim.hold.lives(decided) {
            return false;
        }
        reservation.hold = Hold::ForGood;
        claim.hold = Hold::ForGood;
        true
    }
}
