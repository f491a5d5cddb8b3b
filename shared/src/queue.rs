//! The queue's rules: a number dispenser with a watermark.
//!
//! `issued` counts the numbers handed out; `admitted` is the watermark: whoever's rank is at or under
//! it has been called. A [`Session`] per rank is a place inside. See docs/ARCHITECTURE.md for why each
//! step is safe.

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::ids::{Rank, UserId};

/// A session counts as dead for promotion only so long after it is dead for its owner: clocks differ by
/// up to a second, and a write that was decided while it lived may run for two more (the store's
/// operation time-out); the rest is margin.
pub const SKEW_MS: i64 = 5_000;

/// Promotions of a lane start at most once in so many milliseconds.
pub const PROMOTION_INTERVAL_MS: i64 = 1_000;

/// So many places are kept ahead of the last number handed out, so that who comes to an idle event is
/// let in by the first answer.
pub const PLACES_AHEAD: u64 = 100;

/// Tombstones, and sessions that ended by themselves, are swept so long after their end.
pub const TOMBSTONE_SECONDS: u32 = 24 * 60 * 60;

/// The policies of an event's queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueuePolicy {
    /// At most so many are inside at once, 1 to 100,000.
    pub max_active: u32,
    /// How long who has arrived may shop, in seconds.
    pub session_seconds: u32,
    /// How long who has been called may take to arrive, in seconds.
    pub grace_seconds: u32,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self {
            max_active: 100,
            session_seconds: 600,
            grace_seconds: 120,
        }
    }
}

/// What operators did to a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// When the last pause began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<EpochMs>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<EpochMs>,
    /// Closed by hand.
    #[serde(default)]
    pub closed: bool,
}

impl Control {
    /// Whether the queue stands still.
    #[must_use]
    pub fn is_paused(self) -> bool {
        self.paused_at.is_some() && self.resumed_at.is_none()
    }

    /// The queue paused at `now`. A pause within a grace of the last one's end continues that one:
    /// those whom it spared have still not had their time.
    #[must_use]
    pub fn paused_at(self, now: EpochMs, grace_seconds: u32) -> Self {
        if self.is_paused() {
            return self;
        }
        let continued = self
            .resumed_at
            .filter(|at| at.plus_seconds(grace_seconds) > now)
            .and(self.paused_at);
        Self {
            paused_at: continued.or(Some(now)),
            resumed_at: None,
            ..self
        }
    }

    /// The queue running again from `now` on.
    #[must_use]
    pub fn resumed_at(self, now: EpochMs) -> Self {
        if self.is_paused() {
            Self {
                resumed_at: Some(now),
                ..self
            }
        } else {
            self
        }
    }

    /// A called session is alive at `now` if its `expiresAt` is later than this.
    ///
    /// Without a pause that is `now`. Who was still awaited when the pause began may come until a
    /// grace after its end, so during the pause and that grace it is the pause's beginning. Who had
    /// let the turn pass before the pause is not raised by it: the place has been given away.
    #[must_use]
    pub fn called_cutoff(self, now: EpochMs, grace_seconds: u32) -> EpochMs {
        match (self.paused_at, self.resumed_at) {
            (Some(paused), None) => paused.min(now),
            (Some(paused), Some(resumed)) if resumed.plus_seconds(grace_seconds) > now => {
                paused.min(now)
            }
            (None, _) | (Some(_), Some(_)) => now,
        }
    }
}

/// A lane's head: what changes with every join and every promotion.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// Numbers handed out.
    #[serde(default)]
    pub issued: u64,
    /// The watermark; ahead of `issued` while places are kept for those to come.
    #[serde(default)]
    pub admitted: u64,
    /// All sessions up to this rank are dead.
    #[serde(default)]
    pub floor: u64,
    /// When a promotion last ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_at: Option<EpochMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

impl Head {
    /// Numbers handed out and not called yet.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.issued.saturating_sub(self.admitted)
    }

    /// Of the numbers handed out, how many have been called.
    #[must_use]
    pub fn called(&self) -> u64 {
        self.issued.min(self.admitted)
    }

    /// Whether the rank has been called.
    #[must_use]
    pub fn has_called(&self, rank: Rank) -> bool {
        rank.0 <= self.admitted
    }

    /// Whether the last promotion is so old that the next is due.
    #[must_use]
    pub fn promotion_is_due(&self, now: EpochMs) -> bool {
        self.promoted_at.is_none_or(|at| {
            now.ms_since(at) >= PROMOTION_INTERVAL_MS || at.ms_since(now) > SKEW_MS
        })
    }

    /// 1 for the next to be called, an upper bound: who left ahead counts until passed.
    #[must_use]
    pub fn position(&self, rank: Rank) -> u64 {
        rank.0.saturating_sub(self.admitted).max(1)
    }

    /// What may be told to somebody who is so far from being called.
    #[must_use]
    pub fn outlook(&self, position: u64, grace_seconds: u32) -> Outlook {
        let estimated_wait_seconds = self
            .rate
            .and_then(Rate::per_minute)
            .map(|per_minute| seconds_until(position, per_minute));
        Outlook {
            estimated_wait_seconds,
            poll_after: poll_after(estimated_wait_seconds, grace_seconds),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate: precise to the second, saturating"
)]
fn seconds_until(position: u64, per_minute: f64) -> u64 {
    (position as f64 * 60.0 / per_minute).ceil() as u64
}

/// How long a waiting user will wait, and when to ask again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outlook {
    /// Absent until a rate has been measured.
    pub estimated_wait_seconds: Option<u64>,
    pub poll_after: PollAfter,
}

/// A poll hint, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PollAfter {
    milliseconds: u64,
}

impl PollAfter {
    /// The hint with jitter, so that those who were told at the same moment do not come back at the same
    /// moment: between 75 and 100 % of itself. `random` is in 0..=255.
    #[must_use]
    pub fn jittered(self, random: u8) -> Self {
        let shorter = self.milliseconds - self.milliseconds * u64::from(random) / 1024;
        // Half seconds are only for a grace that leaves no whole one.
        Self {
            milliseconds: shorter.max(self.milliseconds.min(1000)),
        }
    }

    /// Whole seconds where it is one or more, else the half second that a grace of one asks for.
    #[must_use]
    pub fn as_json_seconds(self) -> serde_json::Number {
        match self.milliseconds / 1000 {
            0 => serde_json::Number::from_f64(0.5).unwrap_or_else(|| 1.into()),
            seconds => seconds.into(),
        }
    }

    /// For `Retry-After`, which knows only whole seconds.
    #[must_use]
    pub fn as_header_seconds(self) -> u64 {
        (self.milliseconds / 1000).max(1)
    }
}

/// Hints are never longer than this, even far back: browsers wake hidden tabs once a minute, and a far
/// rank can be called suddenly.
const LONGEST_POLL_SECONDS: u64 = 30;
/// Nor shorter than this, but for a grace that demands it.
const SHORTEST_POLL_SECONDS: u64 = 2;

/// When to ask again: a tenth of the wait, within bounds, never over half the grace. Where nothing has been
/// measured, a short hint: the queue has just begun to move.
fn poll_after(estimated_wait_seconds: Option<u64>, grace_seconds: u32) -> PollAfter {
    let by_wait = estimated_wait_seconds
        .map_or(SHORTEST_POLL_SECONDS, |wait| wait / 10)
        .clamp(SHORTEST_POLL_SECONDS, LONGEST_POLL_SECONDS);
    PollAfter {
        milliseconds: (by_wait * 1000).min(u64::from(grace_seconds) * 500),
    }
}

/// How fast a lane calls those who wait, measured over windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// When the running window began.
    pub since: EpochMs,
    /// How many had been called then.
    pub called: u64,
    /// Calls per minute, in thousandths, smoothed over windows; absent until one has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute_milli: Option<u64>,
}

/// A window of measurement lasts at least this long.
const RATE_WINDOW_MS: i64 = 10_000;

impl Rate {
    /// Calls per minute; none where nothing was measured, or nobody was called.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "thousandths of a rate")]
    pub fn per_minute(self) -> Option<f64> {
        self.per_minute_milli
            .filter(|milli| *milli > 0)
            .map(|milli| milli as f64 / 1000.0)
    }

    /// The rate after a promotion at `now`, by which `called` of those with a number have been called.
    /// Only time in which somebody waits counts: an idle queue is not a slow one.
    #[must_use]
    pub fn observe(before: Option<Self>, now: EpochMs, called: u64, somebody_waits: bool) -> Self {
        let fresh = |per_minute_milli| Self {
            since: now,
            called,
            per_minute_milli,
        };
        let Some(rate) = before else {
            return fresh(None);
        };
        let elapsed = now.ms_since(rate.since);
        let passed = called.saturating_sub(rate.called);
        if !somebody_waits && passed == 0 {
            return fresh(rate.per_minute_milli);
        }
        let Some(elapsed) = u64::try_from(elapsed)
            .ok()
            .filter(|_| elapsed >= RATE_WINDOW_MS)
        else {
            return rate;
        };
        let measured = passed.saturating_mul(60_000_000) / elapsed;
        let smoothed = match rate.per_minute_milli {
            Some(former) => u64::midpoint(former, measured),
            None => measured,
        };
        fresh(Some(smoothed))
    }
}

/// A place inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Session {
    /// Kept for a rank; does not expire.
    Open,
    /// At or under the watermark, number out, holder not seen yet.
    Called { expires_at: EpochMs },
    /// The holder came.
    Live {
        user_id: UserId,
        expires_at: EpochMs,
        /// Seats may be held until then; holding does not move it.
        hold_by: EpochMs,
    },
    /// Paid, or left: a tombstone, so that the rank is never called again.
    Ended,
}

impl Session {
    /// Whether the holder may shop.
    #[must_use]
    pub fn is_live(&self, now: EpochMs) -> bool {
        matches!(self, Self::Live { expires_at, .. } if *expires_at > now)
    }

    /// Whether the holder may still come.
    #[must_use]
    pub fn awaits(&self, now: EpochMs, control: Control, grace_seconds: u32) -> bool {
        match self {
            Self::Open => true,
            Self::Called { expires_at } => *expires_at > control.called_cutoff(now, grace_seconds),
            Self::Live { .. } | Self::Ended => false,
        }
    }

    /// Whether it uses up a place, as promotion counts: [`SKEW_MS`] longer than for its owner.
    #[must_use]
    pub fn takes_a_place(&self, now: EpochMs, control: Control, grace_seconds: u32) -> bool {
        let lenient = now.plus_ms(-SKEW_MS);
        self.is_live(lenient) || self.awaits(lenient, control, grace_seconds)
    }
}

/// Where a number stands.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Standing {
    /// Not called yet, or called while the queue stands still.
    Waiting { position: u64, outlook: Outlook },
    /// Inside.
    Active { expires_at: EpochMs },
    /// The turn is over; a new number can be had.
    Over,
}

/// What a promotion sees of the sessions between floor and watermark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survey {
    /// Places kept for ranks whose numbers are out by now: their grace starts. In rank order.
    pub to_call: Vec<Rank>,
    /// How many places are used up.
    pub taken: u32,
    /// The highest rank up to which all are dead.
    pub floor: u64,
}

/// Looks through the sessions of the ranks in (floor, admitted], in rank order. Ranks that have none are
/// dead: their tombstones were swept.
#[must_use]
pub fn survey(
    head: &Head,
    sessions: &[(Rank, Session)],
    now: EpochMs,
    control: Control,
    grace_seconds: u32,
) -> Survey {
    let mut survey = Survey {
        to_call: Vec::new(),
        taken: 0,
        floor: head.admitted,
    };
    for (rank, session) in sessions {
        if !session.takes_a_place(now, control, grace_seconds) {
            continue;
        }
        survey.taken += 1;
        survey.floor = survey.floor.min(rank.0.saturating_sub(1));
        if *session == Session::Open && rank.0 <= head.called() {
            survey.to_call.push(*rank);
        }
    }
    survey
}

/// A waiting user's place in line, as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    pub lane: crate::ids::Lane,
    pub number: u64,
    pub joined_at: EpochMs,
}

impl Ticket {
    /// In order of arrival the rank is the number.
    #[must_use]
    pub fn rank(&self) -> Rank {
        Rank(self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GRACE: u32 = 120;

    fn user() -> UserId {
        UserId::random()
    }

    fn live(expires_at: i64) -> Session {
        Session::Live {
            user_id: user(),
            expires_at: EpochMs(expires_at),
            hold_by: EpochMs(expires_at),
        }
    }

    fn called(expires_at: i64) -> Session {
        Session::Called {
            expires_at: EpochMs(expires_at),
        }
    }

    #[test]
    fn the_next_to_be_called_has_position_one() {
        let head = Head {
            issued: 10,
            admitted: 4,
            ..Head::default()
        };
        assert_eq!(head.position(Rank(5)), 1);
        assert_eq!(head.position(Rank(10)), 6);
        assert_eq!(head.waiting(), 6);
    }

    #[test]
    fn places_kept_ahead_are_not_called_people() {
        let head = Head {
            issued: 3,
            admitted: 100,
            ..Head::default()
        };
        assert_eq!((head.called(), head.waiting()), (3, 0));
    }

    #[test]
    fn a_session_is_dead_for_promotion_only_five_seconds_after_it_is_dead_for_its_owner() {
        let none = Control::default();
        for session in [live(10_000), called(10_000)] {
            assert!(!session.is_live(EpochMs(10_000)));
            assert!(!session.awaits(EpochMs(10_000), none, GRACE));
            assert!(session.takes_a_place(EpochMs(14_999), none, GRACE));
            assert!(!session.takes_a_place(EpochMs(15_000), none, GRACE));
        }
    }

    #[test]
    fn who_was_awaited_when_the_pause_began_may_come_until_a_grace_after_its_end() {
        let pause = Control::default().paused_at(EpochMs(50_000), GRACE);
        let awaited = called(60_000);
        assert!(awaited.awaits(EpochMs(500_000), pause, GRACE));
        let resumed = pause.resumed_at(EpochMs(600_000));
        assert!(awaited.awaits(EpochMs(719_999), resumed, GRACE));
        assert!(!awaited.awaits(EpochMs(720_000), resumed, GRACE));
    }

    #[test]
    fn a_pause_raises_no_turn_that_had_passed_before_it() {
        let pause = Control::default().paused_at(EpochMs(50_000), GRACE);
        let missed = called(40_000);
        for control in [pause, pause.resumed_at(EpochMs(60_000))] {
            assert!(!missed.awaits(EpochMs(61_000), control, GRACE));
        }
    }

    #[test]
    fn a_pause_soon_after_a_pause_continues_it() {
        let first = Control::default().paused_at(EpochMs(50_000), GRACE);
        let again = first
            .resumed_at(EpochMs(60_000))
            .paused_at(EpochMs(100_000), GRACE);
        assert!(called(55_000).awaits(EpochMs(900_000), again, GRACE));
        let later = first
            .resumed_at(EpochMs(60_000))
            .paused_at(EpochMs(180_000), GRACE);
        assert!(!called(55_000).awaits(EpochMs(900_000), later, GRACE));
    }

    #[test]
    fn pausing_and_resuming_twice_changes_nothing() {
        let paused = Control::default().paused_at(EpochMs(1), GRACE);
        assert_eq!(paused.paused_at(EpochMs(9), GRACE), paused);
        let resumed = paused.resumed_at(EpochMs(20));
        assert_eq!(resumed.resumed_at(EpochMs(30)), resumed);
        assert_eq!(
            Control::default().resumed_at(EpochMs(5)),
            Control::default()
        );
    }

    #[test]
    fn a_survey_counts_places_calls_those_whose_number_is_out_and_raises_the_floor() {
        let head = Head {
            issued: 4,
            admitted: 6,
            floor: 0,
            ..Head::default()
        };
        let sessions = [
            (Rank(1), Session::Ended),
            (Rank(2), called(1)),
            (Rank(3), live(1_000_000)),
            (Rank(4), Session::Open),
            (Rank(5), Session::Open),
            (Rank(6), Session::Ended),
        ];
        let survey = survey(
            &head,
            &sessions,
            EpochMs(100_000),
            Control::default(),
            GRACE,
        );
        assert_eq!(
            survey,
            Survey {
                to_call: vec![Rank(4)],
                taken: 3,
                floor: 2
            }
        );
    }

    #[test]
    fn where_all_are_dead_the_floor_rises_to_the_watermark() {
        let head = Head {
            issued: 9,
            admitted: 3,
            floor: 1,
            ..Head::default()
        };
        let sessions = [(Rank(3), Session::Ended)];
        let survey = survey(&head, &sessions, EpochMs(0), Control::default(), GRACE);
        assert_eq!((survey.floor, survey.taken), (3, 0));
    }

    #[test]
    fn no_wait_is_estimated_until_a_rate_has_been_measured() {
        let mut head = Head {
            issued: 100,
            ..Head::default()
        };
        assert_eq!(head.outlook(100, GRACE).estimated_wait_seconds, None);
        let start = Rate::observe(None, EpochMs(0), 0, true);
        head.rate = Some(start);
        assert_eq!(head.outlook(100, GRACE).estimated_wait_seconds, None);
        // 20 in 20 seconds are 60 a minute.
        head.rate = Some(Rate::observe(Some(start), EpochMs(20_000), 20, true));
        assert_eq!(head.outlook(100, GRACE).estimated_wait_seconds, Some(100));
    }

    #[test]
    fn an_idle_queue_is_not_a_slow_one() {
        let measured = Rate {
            since: EpochMs(0),
            called: 20,
            per_minute_milli: Some(60_000),
        };
        let idle = Rate::observe(Some(measured), EpochMs(3_600_000), 20, false);
        assert_eq!(idle.per_minute(), Some(60.0));
        let stuck = Rate::observe(Some(measured), EpochMs(60_000), 20, true);
        assert_eq!(stuck.per_minute(), Some(30.0));
    }

    proptest! {
        #[test]
        fn a_poll_hint_is_never_zero_and_never_over_half_the_grace(
            position in 1..10_000_000_u64,
            rate in proptest::option::of(0..10_000_000_u64),
            grace in 1..=86_400_u32,
            random: u8,
        ) {
            let head = Head {
                rate: rate.map(|milli| Rate { since: EpochMs(0), called: 0, per_minute_milli: Some(milli) }),
                ..Head::default()
            };
            let hint = head.outlook(position, grace).poll_after.jittered(random);
            let seconds = hint.as_json_seconds().as_f64().unwrap();
            prop_assert!(seconds > 0.0 && seconds * 2.0 <= f64::from(grace));
            prop_assert!(hint.as_header_seconds() >= 1);
        }

        #[test]
        fn what_its_owner_may_use_always_takes_a_place(
            expires in 0..100_000_i64,
            paused in proptest::option::of(0..100_000_i64),
            resumed in proptest::option::of(0..100_000_i64),
            now in 0..200_000_i64,
            grace in 1..200_u32,
        ) {
            let mut control = Control::default();
            if let Some(at) = paused {
                control = control.paused_at(EpochMs(at), grace);
                if let Some(later) = resumed {
                    control = control.resumed_at(EpochMs(at + later));
                }
            }
            let now = EpochMs(now);
            for session in [called(expires), live(expires), Session::Open] {
                if session.is_live(now) || session.awaits(now, control, grace) {
                    prop_assert!(session.takes_a_place(now, control, grace));
                }
            }
        }

        #[test]
        fn a_survey_takes_as_many_places_as_there_are_living_sessions(
            states in proptest::collection::vec(0..5_u8, 0..60),
            issued in 0..80_u64,
        ) {
            let now = EpochMs(1_000_000);
            let sessions: Vec<_> = states.iter().zip(1..).map(|(state, rank)| (Rank(rank), match state {
                0 => Session::Open,
                1 => called(1),
                2 => called(2_000_000),
                3 => live(2_000_000),
                _ => Session::Ended,
            })).collect();
            let head = Head { issued, admitted: states.len() as u64, ..Head::default() };
            let survey = survey(&head, &sessions, now, Control::default(), GRACE);
            let living = states.iter().filter(|s| matches!(s, 0 | 2 | 3)).count();
            prop_assert_eq!(survey.taken as usize, living);
            prop_assert!(survey.to_call.is_sorted());
            prop_assert!(survey.to_call.iter().all(|rank| rank.0 <= issued));
            prop_assert!(sessions.iter().filter(|(rank, _)| rank.0 <= survey.floor)
                .all(|(_, s)| !s.takes_a_place(now, Control::default(), GRACE)));
        }
    }
}
