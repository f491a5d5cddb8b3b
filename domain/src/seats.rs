//! Seats: claims, statuses, and seat maps.

use std::collections::{BTreeMap, BTreeSet};

use crate::block::{Block, Channel};
use crate::clock::EpochMs;
use crate::event::Section;
use crate::ids::{ReservationId, SeatNumber, UserId};
use crate::money::Money;
use crate::reservation::{Reservation, Status};

/// A session may hold seats at most this often. Changing one's mind is allowed; trying out the
/// whole house is not.
pub const MOST_HOLDS_PER_SESSION: u32 = 20;

/// The shortest time for which a seat is free for others after an unpaid hold.
const LEAST_COOL_OFF_SECONDS: u32 = 60;

/// For how long a user who held a seat without paying has to leave it to others. This is as long as
/// the hold, so that nobody keeps a seat for more of the time than it is free for others.
#[must_use]
pub fn cool_off_seconds(hold_seconds: u32) -> u32 {
    hold_seconds.max(LEAST_COOL_OFF_SECONDS)
}

/// A claim on a seat. A seat that was never held has none, so it costs no storage. A hold that has
/// lapsed or was released counts as free, so no job has to delete it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claim {
    Held {
        user_id: UserId,
        reservation_id: ReservationId,
        /// If the hold was released, this is in the past.
        held_until: EpochMs,
        /// When the user first held the seat, if this hold continues released ones.
        held_since: EpochMs,
        /// What the seat was blocked by when its channel opened it. When the hold lapses, it is blocked again.
        kept: Option<Block>,
    },
    Sold {
        user_id: UserId,
        reservation_id: ReservationId,
        /// The price when the seat was held. `None` in a claim that was written before claims had
        /// prices.
        price: Option<Money>,
        /// What the seat was blocked by when its channel opened it. If it is given back, it is blocked again.
        kept: Option<Block>,
    },
    /// Not on sale until then, because an operator is removing or moving the seat.
    Withdrawn { until: EpochMs },
    /// Kept off sale by an operator.
    Blocked(Block),
}

/// A released hold that the same user continues.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContinuedHold {
    /// The reservation that released the seat.
    pub reservation_id: ReservationId,
    pub held_since: EpochMs,
}

/// A blocked seat that the user's channel opens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenedSeat {
    pub block: Block,
    /// The lapsed hold that keeps the block, and since when the new hold counts. `None`: the claim is the block itself.
    pub lapsed: Option<ContinuedHold>,
}

/// What a claim means for a user who wants to hold the seat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClaimVerdict {
    Free,
    /// Blocked, and the user's channel opens it.
    Opened(OpenedSeat),
    /// The user released the seat a short while ago, and may hold it again.
    Continued(ContinuedHold),
    /// Held, sold or off sale. `held_until` is `None` if it is sold or blocked.
    Taken {
        held_until: Option<EpochMs>,
    },
    /// The user has held it without paying, and has to leave it to others until then.
    CoolingOff {
        until: EpochMs,
    },
}

impl Claim {
    /// What the claim means for a user who wants to hold the seat.
    ///
    /// A user may release a seat and hold it again, as one does who changes a selection, but only
    /// within `hold_seconds` from the first hold. So nobody keeps a seat unpaid for more than twice
    /// that time before others can have it.
    ///
    /// `channels` are those that the user's codes have opened.
    #[must_use]
    pub fn verdict_for(
        &self,
        user: UserId,
        channels: &BTreeSet<Channel>,
        hold_seconds: u32,
        now: EpochMs,
    ) -> ClaimVerdict {
        let Some(block) = self.block_at(now) else {
            return self.verdict_without_block(user, hold_seconds, now);
        };
        if !block.is_open_to(channels) {
            // When a block ends is not for buyers.
            return ClaimVerdict::Taken { held_until: None };
        }
        let lapsed = match self.verdict_without_block(user, hold_seconds, now) {
            ClaimVerdict::Continued(hold) => Some(hold),
            cooling @ ClaimVerdict::CoolingOff { .. } => return cooling,
            _ => match self {
                Self::Held { reservation_id, .. } => Some(ContinuedHold {
                    reservation_id: reservation_id.clone(),
                    held_since: now,
                }),
                Self::Sold { .. } | Self::Withdrawn { .. } | Self::Blocked(_) => None,
            },
        };
        ClaimVerdict::Opened(OpenedSeat {
            block: block.clone(),
            lapsed,
        })
    }

    /// The block that keeps the seat off sale at `now`: the claim itself, or what a lapsed hold has kept.
    #[must_use]
    pub fn block_at(&self, now: EpochMs) -> Option<&Block> {
        let block = match self {
            Self::Blocked(block) => Some(block),
            Self::Held {
                kept, held_until, ..
            } if *held_until <= now => kept.as_ref(),
            Self::Held { .. } | Self::Sold { .. } | Self::Withdrawn { .. } => None,
        };
        block.filter(|block| block.lasts(now))
    }

    fn verdict_without_block(&self, user: UserId, hold_seconds: u32, now: EpochMs) -> ClaimVerdict {
        match self {
            Self::Sold { .. } => ClaimVerdict::Taken { held_until: None },
            Self::Held { held_until, .. } if *held_until > now => ClaimVerdict::Taken {
                held_until: Some(*held_until),
            },
            Self::Withdrawn { until } if *until > now => ClaimVerdict::Taken {
                held_until: Some(*until),
            },
            Self::Withdrawn { .. } | Self::Blocked(_) => ClaimVerdict::Free,
            Self::Held { user_id, .. } if *user_id != user => ClaimVerdict::Free,
            Self::Held {
                reservation_id,
                held_until,
                held_since,
                ..
            } => {
                let until = held_until.plus_seconds(cool_off_seconds(hold_seconds));
                if until <= now {
                    ClaimVerdict::Free
                } else if held_since.plus_seconds(hold_seconds) > now {
                    ClaimVerdict::Continued(ContinuedHold {
                        reservation_id: reservation_id.clone(),
                        held_since: *held_since,
                    })
                } else {
                    ClaimVerdict::CoolingOff { until }
                }
            }
        }
    }
}

/// A seat's status. Buyers see a blocked seat as HELD: it is not on sale.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SeatStatus {
    /// Can be held.
    Available,
    /// Held by a user who has some minutes to pay, or being moved by an operator.
    Held,
    /// Sold.
    Sold,
    /// Kept off sale by an operator.
    Blocked,
}

impl SeatStatus {
    /// The status that a claim means at `now`.
    #[must_use]
    pub fn of(claim: Option<&Claim>, now: EpochMs) -> Self {
        match claim {
            Some(claim) if claim.block_at(now).is_some() => Self::Blocked,
            None | Some(Claim::Blocked(_)) => Self::Available,
            Some(
                Claim::Held {
                    held_until: until, ..
                }
                | Claim::Withdrawn { until },
            ) if *until <= now => Self::Available,
            Some(Claim::Held { .. } | Claim::Withdrawn { .. }) => Self::Held,
            Some(Claim::Sold { .. }) => Self::Sold,
        }
    }

    fn to_bits(self) -> u8 {
        match self {
            Self::Available => 0,
            Self::Held => 1,
            Self::Sold => 2,
            Self::Blocked => 3,
        }
    }

    fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Available,
            1 => Self::Held,
            2 => Self::Sold,
            _ => Self::Blocked,
        }
    }
}

/// The statuses of a section's seats at one time: two bits per seat, in order of the seat numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatMap {
    bits: Vec<u8>,
    seats: u32,
    available: u32,
    revenue: Money,
    /// When the claims were read.
    pub built_at: EpochMs,
}

impl SeatMap {
    /// Builds the map of a section. `claims` has only the claimed seats.
    #[must_use]
    pub fn build(section: &Section, claims: &BTreeMap<SeatNumber, Claim>, now: EpochMs) -> Self {
        let seats = section.seats;
        let mut map = Self {
            bits: vec![0; seats.div_ceil(4) as usize],
            seats,
            available: seats,
            revenue: Money::ZERO,
            built_at: now,
        };
        for (seat, claim) in claims {
            let status = SeatStatus::of(Some(claim), now);
            let offset = seat.0.checked_sub(section.first_seat.0);
            let Some(index) = offset.filter(|i| *i < seats) else {
                continue;
            };
            if let Claim::Sold { price, .. } = claim {
                map.revenue = map.revenue + price.unwrap_or(section.price);
            }
            if status != SeatStatus::Available {
                map.available -= 1;
                map.bits[(index / 4) as usize] |= status.to_bits() << (index % 4 * 2);
            }
        }
        map
    }

    /// The map of a section about which nothing is known: as if it had never been sold.
    #[must_use]
    pub fn unknown(seats: u32) -> Self {
        Self {
            bits: vec![0; seats.div_ceil(4) as usize],
            seats,
            available: seats,
            revenue: Money::ZERO,
            built_at: EpochMs(0),
        }
    }

    /// A stored map. `None` if the bytes do not match the number of seats, because the section has
    /// been changed since.
    #[must_use]
    pub fn from_stored(
        bits: Vec<u8>,
        seats: u32,
        revenue: Money,
        built_at: EpochMs,
    ) -> Option<Self> {
        if bits.len() != seats.div_ceil(4) as usize {
            return None;
        }
        let mut map = Self {
            bits,
            seats,
            available: 0,
            revenue,
            built_at,
        };
        map.available = map.count(SeatStatus::Available);
        Some(map)
    }

    /// The bytes to store.
    #[must_use]
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// The number of seats.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.seats
    }

    /// The number of free seats. Held and blocked seats count as taken.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.available
    }

    /// What was paid for the sold seats, whatever they cost now.
    #[must_use]
    pub fn revenue(&self) -> Money {
        self.revenue
    }

    /// The number of seats with this status.
    #[must_use]
    pub fn count(&self, status: SeatStatus) -> u32 {
        let seats = self.statuses().filter(|seat| *seat == status);
        u32::try_from(seats.count()).unwrap_or(u32::MAX)
    }

    /// Every seat's status, in order.
    pub fn statuses(&self) -> impl Iterator<Item = SeatStatus> + '_ {
        (0..self.seats).map(|index| {
            SeatStatus::from_bits(self.bits[(index / 4) as usize] >> (index % 4 * 2) & 3)
        })
    }
}

/// The seats of one hold request: at least one, without duplicates, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatSelection(Vec<SeatNumber>);

impl SeatSelection {
    /// Creates a selection, or returns an error for the sender.
    pub fn new(seats: &[SeatNumber]) -> Result<Self, String> {
        let unique: BTreeSet<_> = seats.iter().copied().collect();
        if unique.is_empty() {
            return Err("must contain at least one seat".to_owned());
        }
        if unique.len() < seats.len() {
            return Err("must not contain a seat twice".to_owned());
        }
        Ok(Self(unique.into_iter().collect()))
    }

    /// The seats, in ascending order.
    #[must_use]
    pub fn seats(&self) -> &[SeatNumber] {
        &self.0
    }
}

/// A request for a number of seats, whichever are best.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BestAvailable {
    pub count: u32,
    /// Restricts the choice to this section.
    pub section: Option<String>,
}

impl BestAvailable {
    /// Whether this is a valid hold that matches the request. Repeating such a request returns the
    /// same hold instead of other seats.
    #[must_use]
    pub fn is_same_hold(&self, former: &Reservation, now: EpochMs) -> bool {
        former.status(now) == Status::Held
            && former.quantity == self.count
            && self
                .section
                .as_ref()
                .is_none_or(|name| former.seats.iter().all(|seat| seat.section == *name))
    }
}

/// The seats that a hold request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SeatChoice {
    Seats(SeatSelection),
    BestAvailable(BestAvailable),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::BlockKind;
    use crate::ids::{DateKey, EventId};
    use proptest::prelude::*;

    fn claim(kind: u8, until: i64) -> Claim {
        let reservation_id = ReservationId::new(
            EventId::parse("e").unwrap(),
            Some(DateKey::parse("2026-12-24").unwrap()),
            EpochMs(0),
        );
        let user_id = UserId::random();
        match kind {
            0 => Claim::Sold {
                user_id,
                reservation_id,
                price: (until % 3 != 0).then_some(Money(until)),
                kept: None,
            },
            1 => Claim::Withdrawn {
                until: EpochMs(until),
            },
            3 => Claim::Blocked(Block {
                kind: BlockKind::House,
                reason: None,
                until: (until % 3 != 0).then_some(EpochMs(until)),
                channel: None,
            }),
            _ => Claim::Held {
                user_id,
                reservation_id,
                held_until: EpochMs(until),
                held_since: EpochMs(0),
                kept: None,
            },
        }
    }

    /// A hold by `user`, for the cool-off's rules.
    fn hold_of(user_id: UserId, held_since: i64, held_until: i64) -> Claim {
        match claim(2, held_until) {
            Claim::Held { reservation_id, .. } => Claim::Held {
                user_id,
                reservation_id,
                held_until: EpochMs(held_until),
                held_since: EpochMs(held_since),
                kept: None,
            },
            other @ (Claim::Sold { .. } | Claim::Withdrawn { .. } | Claim::Blocked(_)) => other,
        }
    }

    const HOLD_SECONDS: u32 = 300;

    #[test]
    fn a_lapsed_hold_is_free_for_others_at_once_and_for_its_user_after_the_cool_off() {
        let (user, other) = (UserId::random(), UserId::random());
        let lapsed = hold_of(user, 0, 300_000);
        let none = BTreeSet::new();
        let verdict = |user, now| lapsed.verdict_for(user, &none, HOLD_SECONDS, EpochMs(now));
        assert_eq!(verdict(other, 300_000), ClaimVerdict::Free);
        let until = EpochMs(600_000);
        assert_eq!(verdict(user, 300_000), ClaimVerdict::CoolingOff { until });
        assert_eq!(verdict(user, 599_999), ClaimVerdict::CoolingOff { until });
        assert_eq!(verdict(user, 600_000), ClaimVerdict::Free);
    }

    #[test]
    fn a_seat_released_in_time_can_be_held_again_by_its_user_and_counts_from_the_first_hold() {
        let user = UserId::random();
        let released = hold_of(user, 0, 100_000);
        let none = BTreeSet::new();
        let verdict = |now| released.verdict_for(user, &none, HOLD_SECONDS, EpochMs(now));
        assert!(matches!(
            verdict(299_999),
            ClaimVerdict::Continued(ContinuedHold { held_since, .. }) if held_since == EpochMs(0)
        ));
        let until = EpochMs(400_000);
        assert_eq!(verdict(300_000), ClaimVerdict::CoolingOff { until });
    }

    #[test]
    fn a_lapsed_hold_that_keeps_a_block_is_that_block_until_its_end() {
        let channel = Channel::parse("kim").unwrap();
        let block = Block {
            kind: BlockKind::Sponsor,
            reason: None,
            until: Some(EpochMs(2_000_000)),
            channel: Some(channel.clone()),
        };
        let user = UserId::random();
        let Claim::Held {
            user_id,
            reservation_id,
            held_until,
            held_since,
            ..
        } = hold_of(user, 0, 300_000)
        else {
            panic!("a hold");
        };
        let held = Claim::Held {
            user_id,
            reservation_id,
            held_until,
            held_since,
            kept: Some(block.clone()),
        };
        let status = |now| SeatStatus::of(Some(&held), EpochMs(now));
        assert_eq!(
            [
                status(299_999),
                status(300_000),
                status(1_999_999),
                status(2_000_000)
            ],
            [
                SeatStatus::Held,
                SeatStatus::Blocked,
                SeatStatus::Blocked,
                SeatStatus::Available
            ]
        );
        let (mine, none) = (BTreeSet::from([channel]), BTreeSet::new());
        let verdict =
            |user, channels, now| held.verdict_for(user, channels, HOLD_SECONDS, EpochMs(now));
        let other = UserId::random();
        let taken = ClaimVerdict::Taken { held_until: None };
        assert_eq!(verdict(other, &none, 300_000), taken);
        let ClaimVerdict::Opened(opened) = verdict(other, &mine, 300_000) else {
            panic!("not opened");
        };
        assert_eq!(opened.block, block);
        assert_eq!(opened.lapsed.unwrap().held_since, EpochMs(300_000));
        // Its last holder comes after others.
        let until = EpochMs(600_000);
        assert_eq!(
            verdict(user, &mine, 300_000),
            ClaimVerdict::CoolingOff { until }
        );
        assert_eq!(verdict(other, &none, 2_000_000), ClaimVerdict::Free);
    }

    #[test]
    fn a_short_hold_has_a_cool_off_of_a_minute() {
        assert_eq!(cool_off_seconds(1), 60);
        assert_eq!(cool_off_seconds(600), 600);
    }

    #[test]
    fn a_held_seat_is_free_in_the_millisecond_the_hold_lapses() {
        let held = claim(2, 1000);
        assert_eq!(SeatStatus::of(Some(&held), EpochMs(999)), SeatStatus::Held);
        assert_eq!(
            SeatStatus::of(Some(&held), EpochMs(1000)),
            SeatStatus::Available
        );
    }

    #[test]
    fn a_selection_has_each_seat_once() {
        let seats = |numbers: &[u32]| numbers.iter().copied().map(SeatNumber).collect::<Vec<_>>();
        assert!(SeatSelection::new(&[]).is_err());
        assert!(SeatSelection::new(&seats(&[3, 3])).is_err());
        let selection = SeatSelection::new(&seats(&[9, 3])).unwrap();
        assert_eq!(selection.seats(), seats(&[3, 9]));
    }

    proptest! {
        /// Whenever a user tries to hold the seat, and however often it is released.
        #[test]
        fn nobody_keeps_a_seat_unpaid_for_more_than_twice_the_hold_before_others_can_have_it(
            hold_seconds in 1..400_u32,
            steps in proptest::collection::vec((0..200_000_i64, any::<bool>()), 1..60),
        ) {
            let user = UserId::random();
            let length = i64::from(hold_seconds) * 1_000;
            let cool_off = i64::from(cool_off_seconds(hold_seconds)) * 1_000;
            let (mut now, mut since, mut until) = (0, 0, 0);
            let mut claim: Option<Claim> = None;
            for (passed, release) in steps {
                now += passed;
                if release && now < until {
                    until = now;
                    claim = Some(hold_of(user, since, until));
                }
                let at = EpochMs(now);
                let verdict = claim.as_ref().map(|claim| {
                    claim.verdict_for(user, &BTreeSet::new(), hold_seconds, at)
                });
                match verdict {
                    None => since = now,
                    Some(ClaimVerdict::Free) => {
                        prop_assert!(now - until >= cool_off);
                        since = now;
                    }
                    Some(ClaimVerdict::Continued(former)) => {
                        prop_assert_eq!(former.held_since, EpochMs(since));
                    }
                    Some(
                        ClaimVerdict::Opened(_)
                        | ClaimVerdict::Taken { .. }
                        | ClaimVerdict::CoolingOff { .. },
                    ) => continue,
                }
                until = now + length;
                prop_assert!(until - since <= 2 * length);
                claim = Some(hold_of(user, since, until));
            }
        }

        #[test]
        fn a_seat_map_matches_the_claims(
            first in 1..1000_u32,
            seats in 1..300_u32,
            claimed in proptest::collection::btree_map(0..320_u32, (0..4_u8, 0..2000_i64), 0..100),
        ) {
            let now = EpochMs(1000);
            let claims: BTreeMap<_, _> = claimed.iter()
                .map(|(offset, (kind, until))| (SeatNumber(first + offset), claim(*kind, *until)))
                .collect();
            let section = Section::new("R", Money(7000), SeatNumber(first), seats);
            let map = SeatMap::build(&section, &claims, now);
            let statuses: Vec<_> = map.statuses().collect();
            let expected: Vec<_> = (first..first + seats)
                .map(|seat| SeatStatus::of(claims.get(&SeatNumber(seat)), now))
                .collect();
            prop_assert_eq!(&statuses, &expected);
            let available = expected.iter().filter(|s| **s == SeatStatus::Available).count();
            prop_assert_eq!(map.available() as usize, available);
            // A sold seat counts with the price of its claim, not with the section's.
            let revenue = claims
                .iter()
                .filter(|(seat, _)| section.has(**seat))
                .filter_map(|(_, claim)| match claim {
                    Claim::Sold { price, .. } => Some(price.unwrap_or(section.price)),
                    Claim::Held { .. } | Claim::Withdrawn { .. } | Claim::Blocked(_) => None,
                })
                .sum::<Money>();
            prop_assert_eq!(map.revenue(), revenue);
            let stored = SeatMap::from_stored(map.bits().to_vec(), seats, map.revenue(), now);
            prop_assert_eq!(stored, Some(map));
        }
    }
}
