//! Holding seats: named seats, or the best available.

use std::collections::BTreeSet;

use super::App;
use super::booking::Outcome;
use super::queue::session_key;
use crate::metrics::Count;
use crate::store::{FormerHolds, HoldConflict, HoldRequest, StoreError, back_off};
use crate::token::Token;
use domain::best::{BlockPicker, best_seats};
use domain::block::Channel;
use domain::clock::EpochMs;
use domain::event::{Admission, Event, EventDate, Programme, Section};
use domain::ids::{DateKey, SeatNumber, UserId};
use domain::queue::{PollAfter, Session};
use domain::refusal::{FieldError, Limit, Refusal};
use domain::reservation::{Reservation, ReservedSeat};
use domain::seats::{
    BestAvailable, Claim, ClaimVerdict, ContinuedHold, MOST_HOLDS_PER_SESSION, OpenedSeat,
    SeatChoice, SeatSelection, SeatStatus,
};

/// If items have changed since they were read, the operation is decided again, at most this many
/// times.
const ATTEMPTS: u32 = 6;
/// How many blocks are tried if other buyers are faster each time.
const BLOCKS_TRIED: u32 = 10;

/// A refusal that is known before the store is asked.
enum EarlyRefusal {
    /// Takes precedence over "not admitted".
    BeforeAdmission(Refusal),
    /// Returned only to admitted users.
    AfterAdmission(Refusal),
}

/// Why a hold was refused.
struct HoldRefused {
    refusal: Refusal,
    /// The seats that the user cannot hold now, if that is the reason.
    seats: Vec<SeatNumber>,
}

impl<R: Into<Refusal>> From<R> for HoldRefused {
    fn from(refusal: R) -> Self {
        Self {
            refusal: refusal.into(),
            seats: Vec::new(),
        }
    }
}

impl App {
    /// Holds seats of a date for an admitted user. If the user already has the same hold, it is
    /// returned before any other check.
    pub async fn hold(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        choice: &SeatChoice,
        now: EpochMs,
    ) -> Result<(Outcome, Reservation), Refusal> {
        match choice {
            SeatChoice::Seats(seats) => self.hold_seats(programme, token, date, seats, now).await,
            SeatChoice::BestAvailable(best) => {
                self.hold_best(programme, token, date, best, now).await
            }
        }
    }

    async fn hold_seats(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        seats: &SeatSelection,
        now: EpochMs,
    ) -> Result<(Outcome, Reservation), Refusal> {
        let same = |former: &Reservation, now| former.is_same_hold(seats.seats(), now);
        let reserved = match fitting_seats(programme, date, seats, now) {
            Ok(reserved) => reserved,
            Err(refusal) => {
                return self
                    .existing_hold_or(programme, token, date, &same, refusal, now)
                    .await;
            }
        };
        self.try_to_hold(programme, token, date, reserved, &same, now)
            .await
            .map_err(|refused| refused.refusal)
    }

    /// Holds the best block. If another buyer is faster, or the user held some of its seats a short
    /// while ago, picks again.
    async fn hold_best(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        best: &BestAvailable,
        now: EpochMs,
    ) -> Result<(Outcome, Reservation), Refusal> {
        let same = |former: &Reservation, now| best.is_same_hold(former, now);
        let (on_sale, sections) = match fitting_sections(programme, date, best, now) {
            Ok(found) => found,
            Err(refusal) => {
                return self
                    .existing_hold_or(programme, token, date, &same, refusal, now)
                    .await;
            }
        };
        // Only admitted users may have the whole house read.
        if let Err(refusal) = self.admit(programme, token, now).await {
            return self
                .existing_hold_or(
                    programme,
                    token,
                    date,
                    &same,
                    EarlyRefusal::BeforeAdmission(refusal),
                    now,
                )
                .await;
        }
        let mut lost = BTreeSet::new();
        let mut recently_held = None;
        for failures in 0..BLOCKS_TRIED {
            let now = self.clock().now();
            let block = self
                .pick_block(
                    (&programme.event, token.user_id),
                    on_sale,
                    &sections,
                    best.count,
                    &lost,
                    failures,
                )
                .await?;
            let block = match block {
                Ok(block) => block,
                Err(left) => {
                    let refusal = recently_held.unwrap_or(Refusal::SoldOut { left });
                    return self
                        .existing_hold_or(
                            programme,
                            token,
                            date,
                            &same,
                            EarlyRefusal::AfterAdmission(refusal),
                            now,
                        )
                        .await;
                }
            };
            let reserved = block
                .into_iter()
                .map(|seat| reserved_seat(on_sale, seat))
                .collect::<Result<Vec<_>, _>>()?;
            let refused = match self
                .try_to_hold(programme, token, date, reserved, &same, now)
                .await
            {
                Ok(held) => return Ok(held),
                Err(refused) if refused.seats.is_empty() => return Err(refused.refusal),
                Err(refused) => refused,
            };
            lost.extend(refused.seats);
            if matches!(refused.refusal, Refusal::RecentlyHeld { .. }) {
                recently_held = Some(refused.refusal);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Picks one of the best blocks, without the seats that turned out to be taken. If there are too
    /// few seats, the error is how many are left.
    async fn pick_block(
        &self,
        (event, user): (&Event, UserId),
        date: &EventDate,
        sections: &[Section],
        count: u32,
        taken: &BTreeSet<SeatNumber>,
        failures: u32,
    ) -> Result<Result<Vec<SeatNumber>, u32>, Refusal> {
        let now = self.clock().now();
        let mut seats = self
            .section_seats(event, date, sections.to_vec(), Some(user), now)
            .await?;
        for section in &mut seats {
            for (seat, status) in section.section.seat_numbers().zip(&mut section.statuses) {
                if taken.contains(&seat) {
                    *status = SeatStatus::Held;
                }
            }
        }
        let seats: Vec<_> = seats
            .iter()
            .map(|section| (&section.section, &section.statuses[..]))
            .collect();
        let picker = BlockPicker {
            random: fastrand::usize(..),
            failures,
        };
        Ok(best_seats(&seats, count as usize, picker).ok_or_else(|| {
            let free = seats
                .iter()
                .flat_map(|(_, statuses)| *statuses)
                .filter(|status| **status == SeatStatus::Available);
            u32::try_from(free.count()).unwrap_or(u32::MAX)
        }))
    }

    async fn try_to_hold(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        reserved: Vec<ReservedSeat>,
        same: &(impl Fn(&Reservation, EpochMs) -> bool + Sync),
        now: EpochMs,
    ) -> Result<(Outcome, Reservation), HoldRefused> {
        let Some(rank) = self.rank(programme, token, now).await? else {
            // Nobody is admitted before the draw.
            self.admit(programme, token, now).await?;
            return Err(StoreError::Conflict.into());
        };
        let request = HoldRequest {
            user_id: token.user_id,
            event: &programme.event,
            date,
            performance: programme.performance(Some(date)),
            seats: reserved,
            session: session_key(token, rank),
        };
        let mut former = FormerHolds::default();
        for attempt in 0..ATTEMPTS {
            // The first attempt only finds what there is.
            if attempt > 1 {
                back_off(attempt).await;
            }
            let conflict = match self.store.hold(&request, &former).await? {
                Ok(reservation) => {
                    let seats = reservation.seats.len() as u64;
                    self.metrics().add(Count::SeatsHeld, seats);
                    return Ok((Outcome::Done, reservation));
                }
                Err(conflict) => conflict,
            };
            let same = self
                .resolve_conflict(programme, token, date, same, conflict, &mut former)
                .await?;
            if let Some(reservation) = same {
                return Ok((Outcome::AlreadyDone, reservation));
            }
        }
        // The claims allowed it, so the user's own reservation or session kept changing.
        Err(StoreError::OwnConflict.into())
    }

    /// Returns the user's existing hold if the request repeats it, and otherwise the refusal.
    async fn existing_hold_or(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        same: &(impl Fn(&Reservation, EpochMs) -> bool + Sync),
        refusal: EarlyRefusal,
        now: EpochMs,
    ) -> Result<(Outcome, Reservation), Refusal> {
        let former = self
            .store
            .reservation_for(token.user_id, &programme.event.event_id, Some(date))
            .await?
            .filter(|reservation| reservation.is_live(now));
        match (former, refusal) {
            (Some(former), _) if same(&former, now) => Ok((Outcome::AlreadyDone, former)),
            (_, EarlyRefusal::BeforeAdmission(refusal)) => Err(refusal),
            (former, EarlyRefusal::AfterAdmission(refusal)) => {
                self.admit(programme, token, now).await?;
                match (former, refusal) {
                    // It has precedence.
                    (Some(former), Refusal::SoldOut { .. } | Refusal::RecentlyHeld { .. }) => {
                        Err(Refusal::AlreadyReserved(former.reservation_id))
                    }
                    (_, refusal) => Err(refusal),
                }
            }
        }
    }

    /// Decides what a failed hold means, in order of precedence. Returns the user's hold if the
    /// request repeats it, and otherwise what the next attempt has to take over.
    async fn resolve_conflict(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        same: &(impl Fn(&Reservation, EpochMs) -> bool + Sync),
        conflict: HoldConflict,
        former: &mut FormerHolds,
    ) -> Result<Option<Reservation>, HoldRefused> {
        let now = self.clock().now();
        if let Some(reservation) = &conflict.reservation
            && same(reservation, now)
        {
            return Ok(conflict.reservation);
        }
        let mut has_held_too_often = false;
        match conflict.session {
            None => {}
            // The session is live, but seats could be held only until `holdBy`.
            Some(Some((
                Session::Live {
                    expires_at,
                    hold_by,
                    ..
                },
                _,
            ))) if expires_at > now && hold_by <= now => {
                return Err(Refusal::TurnOver.into());
            }
            Some(Some((session, holds))) if session.is_live(now) => {
                has_held_too_often = holds >= MOST_HOLDS_PER_SESSION;
            }
            // The user has not arrived, has not been called, or the turn is over. Admission decides
            // which.
            Some(_) => self.admit(programme, token, now).await?,
        }
        if let Some(reservation) = &conflict.reservation
            && reservation.is_live(now)
        {
            return Err(Refusal::AlreadyReserved(reservation.reservation_id.clone()).into());
        }
        if has_held_too_often {
            return Err(Refusal::TooManyHolds {
                most: MOST_HOLDS_PER_SESSION,
            }
            .into());
        }
        for (seat, claim) in &conflict.seats {
            if let Some(Claim::Withdrawn { until }) = claim
                && *until > now
            {
                let refusal = self.withdrawn(programme, date, *seat, *until, now).await?;
                let seats = match refusal {
                    Refusal::SeatTaken { seat, .. } => vec![seat],
                    _ => Vec::new(),
                };
                return Err(HoldRefused { refusal, seats });
            }
        }
        let hold_seconds = programme.event.terms.hold_seconds;
        let channels = self.channels_for(token, &conflict.seats, now).await?;
        let by = Holder {
            user: token.user_id,
            channels,
            hold_seconds,
        };
        for (seat, way) in check_claims(conflict.seats, &by, now)? {
            former.continued.remove(&seat);
            former.opened.remove(&seat);
            match way {
                Way::Free => {}
                Way::Continued(hold) => {
                    former.continued.insert(seat, hold);
                }
                Way::Opened(opened) => {
                    former.opened.insert(seat, opened);
                }
            }
        }
        former.replaced = conflict.reservation.or(former.replaced.take());
        Ok(None)
    }
}

/// Who wants to hold seats.
struct Holder {
    user: UserId,
    /// The channels that the user's codes have opened.
    channels: BTreeSet<Channel>,
    hold_seconds: u32,
}

/// How the next attempt holds a seat.
enum Way {
    Free,
    Continued(ContinuedHold),
    Opened(OpenedSeat),
}

impl App {
    /// The channels that a user has opened. They are read only if one of the claims is a block with a channel, so other holds cost
    /// no read.
    async fn channels_for(
        &self,
        token: &Token,
        claims: &[(SeatNumber, Option<Claim>)],
        now: EpochMs,
    ) -> Result<BTreeSet<Channel>, StoreError> {
        let has_channel = |claim: &Claim| {
            let block = claim.block_at(now);
            block.is_some_and(|block| block.channel.is_some())
        };
        if !claims
            .iter()
            .any(|(_, claim)| claim.as_ref().is_some_and(has_channel))
        {
            return Ok(BTreeSet::new());
        }
        let channels = self.store.channels(token.user_id, &token.event_id);
        Box::pin(channels).await
    }

    /// Why a seat cannot be held that an operator removes or moves. The known date may be older
    /// than that, so it is read again.
    async fn withdrawn(
        &self,
        programme: &Programme,
        date: DateKey,
        seat: SeatNumber,
        until: EpochMs,
        now: EpochMs,
    ) -> Result<Refusal, Refusal> {
        let event = &programme.event.event_id;
        let programme = self.current_programme(event, now).await?;
        Ok(match programme.dates.get(&date) {
            None => Refusal::DateNotFound,
            Some(date) if date.section_of(seat).is_none() => Refusal::SeatNotFound(seat),
            Some(_) => Refusal::SeatTaken {
                seat,
                held_until: Some(until),
            },
        })
    }
}

/// Refuses if a seat cannot be held. Otherwise returns how the next attempt holds each seat.
fn check_claims(
    claims: Vec<(SeatNumber, Option<Claim>)>,
    by: &Holder,
    now: EpochMs,
) -> Result<Vec<(SeatNumber, Way)>, HoldRefused> {
    let mut holds = Vec::new();
    let mut refused = Vec::new();
    for (seat, claim) in claims {
        let verdict = claim.map_or(ClaimVerdict::Free, |claim| {
            claim.verdict_for(by.user, &by.channels, by.hold_seconds, now)
        });
        match verdict {
            // Also if the hold lapsed after the failed write.
            ClaimVerdict::Free => holds.push((seat, Way::Free)),
            ClaimVerdict::Continued(hold) => holds.push((seat, Way::Continued(hold))),
            ClaimVerdict::Opened(opened) => holds.push((seat, Way::Opened(opened))),
            ClaimVerdict::Taken { held_until } => {
                refused.push((seat, Refusal::SeatTaken { seat, held_until }));
            }
            ClaimVerdict::CoolingOff { until } => {
                let seconds = until.ms_since(now).unsigned_abs().div_ceil(1_000);
                let retry_after = PollAfter::seconds(seconds);
                refused.push((seat, Refusal::RecentlyHeld { seat, retry_after }));
            }
        }
    }
    // A seat that another user has takes precedence.
    refused.sort_by_key(|(_, refusal)| matches!(refusal, Refusal::RecentlyHeld { .. }));
    let seats = refused.iter().map(|(seat, _)| *seat).collect();
    match refused.into_iter().next() {
        Some((_, refusal)) => Err(HoldRefused { refusal, seats }),
        None => Ok(holds),
    }
}

/// The seats with sections and prices, if the date is on sale and has all of them.
fn fitting_seats(
    programme: &Programme,
    date: DateKey,
    seats: &SeatSelection,
    now: EpochMs,
) -> Result<Vec<ReservedSeat>, EarlyRefusal> {
    let date = on_sale(programme, date, now)?;
    let reserved = seats
        .seats()
        .iter()
        .map(|seat| reserved_seat(date, *seat))
        .collect::<Result<Vec<_>, _>>()
        .map_err(EarlyRefusal::AfterAdmission)?;
    let most = programme.event.terms.max_seats_per_user;
    if reserved.len() > most as usize {
        return Err(EarlyRefusal::AfterAdmission(Refusal::LimitExceeded(
            Limit::Seats { most },
        )));
    }
    Ok(reserved)
}

/// The date, and the sections in which seats may be picked.
fn fitting_sections<'a>(
    programme: &'a Programme,
    date: DateKey,
    best: &BestAvailable,
    now: EpochMs,
) -> Result<(&'a EventDate, Vec<Section>), EarlyRefusal> {
    let date = on_sale(programme, date, now)?;
    let sections: Vec<Section> = date
        .sections
        .iter()
        .filter(|section| {
            best.section
                .as_ref()
                .is_none_or(|name| *name == section.name)
        })
        .cloned()
        .collect();
    if sections.is_empty() {
        let error = FieldError::new("bestAvailable.section", "is not a section of this date");
        return Err(EarlyRefusal::BeforeAdmission(error.into()));
    }
    let most = programme.event.terms.max_seats_per_user;
    if best.count > most {
        return Err(EarlyRefusal::AfterAdmission(Refusal::LimitExceeded(
            Limit::Seats { most },
        )));
    }
    Ok((date, sections))
}

fn on_sale(programme: &Programme, date: DateKey, now: EpochMs) -> Result<&EventDate, EarlyRefusal> {
    if programme.event.terms.admission != Admission::Seated {
        return Err(EarlyRefusal::BeforeAdmission(Refusal::WrongAdmission));
    }
    super::check_not_closed(&programme.event, now).map_err(EarlyRefusal::BeforeAdmission)?;
    match programme.dates.get(&date) {
        None => Err(EarlyRefusal::AfterAdmission(Refusal::DateNotFound)),
        Some(_) if programme.event.cancelled_at(Some(date)).is_some() => {
            Err(EarlyRefusal::BeforeAdmission(Refusal::DateCancelled))
        }
        Some(date) if date.has_begun(now) => Err(EarlyRefusal::BeforeAdmission(Refusal::NotOpen(
            "the performance has begun",
        ))),
        Some(date) => Ok(date),
    }
}

fn reserved_seat(date: &EventDate, seat: SeatNumber) -> Result<ReservedSeat, Refusal> {
    date.section_of(seat)
        .map(|section| ReservedSeat::of(section, seat))
        .ok_or(Refusal::SeatNotFound(seat))
}
