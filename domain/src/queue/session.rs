//! Sessions, one per rank.

use super::Pause;
use crate::clock::{EpochMs, SKEW_MS};
use crate::ids::UserId;

/// A session. It uses a slot while it is open, called or live.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Session {
    /// Waits for a user without a deadline.
    Open,
    /// The rank has been called and its number issued. The user has to arrive before the deadline.
    Called { expires_at: EpochMs },
    /// The user has arrived.
    Live {
        user_id: UserId,
        expires_at: EpochMs,
        /// Until when seats may be held. Holding does not extend it.
        hold_by: EpochMs,
    },
    /// A tombstone after a payment or a departure. It makes sure that the rank is never called
    /// again.
    Ended {
        /// Whether the user had arrived.
        arrived: bool,
    },
}

/// What promotion stores with a session that it opens, for the audit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Opening {
    pub at: EpochMs,
    /// At most this many sessions of the lane were allowed to live, this one included.
    pub slot_limit: u32,
}

impl Session {
    /// Whether the user may shop.
    #[must_use]
    pub fn is_live(&self, now: EpochMs) -> bool {
        matches!(self, Self::Live { expires_at, .. } if *expires_at > now)
    }

    /// Whether the user may still arrive.
    #[must_use]
    pub fn awaits(&self, now: EpochMs, pause: Pause) -> bool {
        match self {
            Self::Open => true,
            Self::Called { expires_at } => *expires_at > pause.called_cutoff(now),
            Self::Live { .. } | Self::Ended { .. } => false,
        }
    }

    /// Whether promotion counts it as using a slot: [`SKEW_MS`] longer than it is alive for its
    /// owner.
    #[must_use]
    pub fn uses_a_slot(&self, now: EpochMs, pause: Pause) -> bool {
        let lenient = now.plus_ms(-SKEW_MS);
        self.is_live(lenient) || self.awaits(lenient, pause)
    }
}

#[cfg(test)]
pub(super) mod fixtures {
    use super::*;

    pub(in crate::queue) fn live(expires_at: i64) -> Session {
        Session::Live {
            user_id: UserId::random(),
            expires_at: EpochMs(expires_at),
            hold_by: EpochMs(expires_at),
        }
    }

    pub(in crate::queue) fn called(expires_at: i64) -> Session {
        Session::Called {
            expires_at: EpochMs(expires_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::{called, live};
    use super::*;
    use proptest::prelude::*;

    const GRACE: u32 = 120;

    #[test]
    fn a_session_is_dead_for_promotion_only_five_seconds_after_it_is_dead_for_its_owner() {
        let none = Pause::default();
        for session in [live(10_000), called(10_000)] {
            assert!(!session.is_live(EpochMs(10_000)));
            assert!(!session.awaits(EpochMs(10_000), none));
            assert!(session.uses_a_slot(EpochMs(14_999), none));
            assert!(!session.uses_a_slot(EpochMs(15_000), none));
        }
    }

    #[test]
    fn a_user_called_before_a_pause_may_arrive_until_a_grace_after_its_end() {
        let pause = Pause::default().begun_at(EpochMs(50_000));
        let awaited = called(60_000);
        assert!(awaited.awaits(EpochMs(500_000), pause));
        let over = pause.ended_at(EpochMs(600_000), GRACE);
        assert!(awaited.awaits(EpochMs(719_999), over));
        assert!(!awaited.awaits(EpochMs(720_000), over));
    }

    #[test]
    fn a_pause_does_not_revive_a_session_that_lapsed_before_it() {
        let pause = Pause::default().begun_at(EpochMs(50_000));
        let missed = called(40_000);
        for pause in [pause, pause.ended_at(EpochMs(60_000), GRACE)] {
            assert!(!missed.awaits(EpochMs(61_000), pause));
        }
    }

    #[test]
    fn a_pause_soon_after_a_pause_continues_it() {
        let first = Pause::default().begun_at(EpochMs(50_000));
        let again = first
            .ended_at(EpochMs(60_000), GRACE)
            .begun_at(EpochMs(100_000));
        assert!(called(55_000).awaits(EpochMs(900_000), again));
        let later = first
            .ended_at(EpochMs(60_000), GRACE)
            .begun_at(EpochMs(180_000));
        assert!(!called(55_000).awaits(EpochMs(900_000), later));
    }

    #[test]
    fn a_longer_grace_after_a_pause_does_not_revive_sessions_whose_slots_were_given_away() {
        let pause = Pause::default().begun_at(EpochMs(50_000));
        let over = pause.ended_at(EpochMs(60_000), GRACE);
        let missed = called(55_000);
        let now = EpochMs(60_000).plus_seconds(GRACE);
        assert!(!missed.awaits(now, over));
        // Whatever the grace is by now: the pause keeps the one in force at its end.
        assert_eq!(over.spares_until, Some(now));
    }

    proptest! {
        #[test]
        fn a_session_that_its_owner_can_use_always_uses_a_slot(
            expires in 0..100_000_i64,
            began in proptest::option::of(0..100_000_i64),
            lasted in proptest::option::of(0..100_000_i64),
            now in 0..200_000_i64,
            grace in 1..200_u32,
        ) {
            let mut pause = Pause::default();
            if let Some(at) = began {
                pause = pause.begun_at(EpochMs(at));
                if let Some(lasted) = lasted {
                    pause = pause.ended_at(EpochMs(at + lasted), grace);
                }
            }
            let now = EpochMs(now);
            for session in [called(expires), live(expires), Session::Open] {
                if session.is_live(now) || session.awaits(now, pause) {
                    prop_assert!(session.uses_a_slot(now, pause));
                }
            }
        }
    }
}
