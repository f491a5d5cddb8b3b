//! Holding seats: those that are named, or the best that are left.

use std::collections::BTreeSet;

use super::App;
use super::booking::Answered;
use super::line::session_key;
use crate::metrics::Count;
use crate::store::{HoldConflict, HoldRequest, StoreError};
use crate::token::Token;
use domain::best::{Pick, best_seats};
use domain::clock::EpochMs;
use domain::event::{Admission, EventDate, Programme, SaleState, Section};
use domain::ids::{DateKey, SeatNumber};
use domain::queue::Session;
use domain::refusal::{FieldError, Limit, Refusal};
use domain::reservation::{Reservation, ReservedSeat};
use domain::seats::{BestAvailable, Claim, SeatSelection, SeatStatus, Wanted};

/// A transaction that found something changed since it was read is decided anew, so many times at most.
const ATTEMPTS: usize = 6;
/// So many blocks are tried where others are faster each time.
const BLOCKS_TRIED: u32 = 10;

/// Why a hold is refused before the store is asked.
enum Unfit {
    /// Said whether or not the user is inside.
    Anyone(Refusal),
    /// Said only to those who are inside.
    Inside(Refusal),
}

impl App {
    /// Holds seats of a date for a user who is inside. Asking for the same hold again gives the same one, before
    /// anything else is looked at.
    pub async fn hold(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        wanted: &Wanted,
        now: EpochMs,
    ) -> Result<(Answered, Reservation), Refusal> {
        match wanted {
            Wanted::Seats(seats) => self.hold_seats(programme, token, date, seats, now).await,
            Wanted::Best(best) => self.hold_best(programme, token, date, best, now).await,
        }
    }

    async fn hold_seats(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        seats: &SeatSelection,
        now: EpochMs,
    ) -> Result<(Answered, Reservation), Refusal> {
        let same = |former: &Reservation, now| former.is_same_hold(seats.seats(), now);
        let reserved = match fitting_seats(programme, date, seats, now) {
            Ok(reserved) => reserved,
            Err(unfit) => {
                return self
                    .hold_unfit(programme, token, date, &same, unfit, now)
                    .await;
            }
        };
        self.try_to_hold(programme, token, date, reserved, &same, now)
            .await
    }

    /// Seats that a rule has picked; where somebody else is faster, it picks again.
    async fn hold_best(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        best: &BestAvailable,
        now: EpochMs,
    ) -> Result<(Answered, Reservation), Refusal> {
        let same = |former: &Reservation, now| best.is_same_hold(former, now);
        let (on_sale, sections) = match fitting_sections(programme, date, best, now) {
            Ok(found) => found,
            Err(unfit) => {
                return self
                    .hold_unfit(programme, token, date, &same, unfit, now)
                    .await;
            }
        };
        let mut lost = BTreeSet::new();
        for failures in 0..BLOCKS_TRIED {
            let now = self.clock().now();
            let block = self
                .pick(programme, date, &sections, best.count, &lost, failures)
                .await?;
            let Some(block) = block else {
                return self
                    .hold_unfit(
                        programme,
                        token,
                        date,
                        &same,
                        Unfit::Inside(Refusal::SoldOut),
                        now,
                    )
                    .await;
            };
            let reserved = block
                .into_iter()
                .map(|seat| reserved_seat(on_sale, seat))
                .collect::<Result<Vec<_>, _>>()?;
            match self
                .try_to_hold(programme, token, date, reserved, &same, now)
                .await
            {
                Err(Refusal::SeatTaken { seat, .. }) => {
                    lost.insert(seat);
                }
                result => return result,
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The best seats that seem to be left, but for those that turned out to be taken.
    async fn pick(
        &self,
        programme: &Programme,
        date: DateKey,
        sections: &[Section],
        count: u32,
        taken: &BTreeSet<SeatNumber>,
        failures: u32,
    ) -> Result<Option<Vec<SeatNumber>>, Refusal> {
        let now = self.clock().now();
        let event = &programme.event.event_id;
        let mut seats = self
            .section_seats(event, date, sections.to_vec(), now)
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
        let pick = Pick {
            random: fastrand::usize(..),
            failures,
        };
        Ok(best_seats(&seats, count as usize, pick))
    }

    async fn try_to_hold(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        reserved: Vec<ReservedSeat>,
        same: &(impl Fn(&Reservation, EpochMs) -> bool + Sync),
        now: EpochMs,
    ) -> Result<(Answered, Reservation), Refusal> {
        let Some(rank) = self.rank(programme, token, now).await? else {
            // Before the draw nobody is inside.
            self.admit(programme, token, now).await?;
            return Err(StoreError::Conflict.into());
        };
        let request = HoldRequest {
            user_id: token.user_id,
            event: &programme.event,
            date,
            seats: reserved,
            session: session_key(token, rank),
        };
        let mut replaced = None;
        for _ in 0..ATTEMPTS {
            let conflict = match self.store.hold(&request, replaced.as_ref()).await? {
                Ok(reservation) => {
                    let seats = reservation.seats.len() as u64;
                    self.metrics().add(Count::SeatsHeld, seats);
                    return Ok((Answered::Now, reservation));
                }
                Err(conflict) => conflict,
            };
            let now = self.clock().now();
            match self.judge(programme, token, same, conflict, now).await? {
                Judgement::Same(reservation) => return Ok((Answered::Before, reservation)),
                Judgement::Replace(ended) => replaced = Some(ended),
                Judgement::TryAgain => {}
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// A hold that cannot be made may still be one that was made before.
    async fn hold_unfit(
        &self,
        programme: &Programme,
        token: &Token,
        date: DateKey,
        same: &(impl Fn(&Reservation, EpochMs) -> bool + Sync),
        unfit: Unfit,
        now: EpochMs,
    ) -> Result<(Answered, Reservation), Refusal> {
        let former = self
            .store
            .reservation_for(token.user_id, &programme.event.event_id, Some(date))
            .await?
            .filter(|reservation| reservation.is_live(now));
        match (former, unfit) {
            (Some(former), _) if same(&former, now) => Ok((Answered::Before, former)),
            (_, Unfit::Anyone(refusal)) => Err(refusal),
            (former, Unfit::Inside(refusal)) => {
                self.admit(programme, token, now).await?;
                match (former, refusal) {
                    // Said before it.
                    (Some(former), Refusal::SoldOut) => {
                        Err(Refusal::AlreadyReserved(former.reservation_id))
                    }
                    (_, refusal) => Err(refusal),
                }
            }
        }
    }

    /// What a refused hold means, in the order in which refusals answer.
    async fn judge(
        &self,
        programme: &Programme,
        token: &Token,
        same: &(impl Fn(&Reservation, EpochMs) -> bool + Sync),
        conflict: HoldConflict,
        now: EpochMs,
    ) -> Result<Judgement, Refusal> {
        if let Some(former) = &conflict.reservation
            && same(former, now)
        {
            return Ok(Judgement::Same(former.clone()));
        }
        match conflict.session {
            None => {}
            // It lives, but seats could only be held until `holdBy`.
            Some(Some(Session::Live {
                expires_at,
                hold_by,
                ..
            })) if expires_at > now && hold_by <= now => {
                return Err(Refusal::TurnOver);
            }
            // Not seen yet, or not called yet, or over: arriving tells.
            Some(_) => self.admit(programme, token, now).await?,
        }
        if let Some(former) = &conflict.reservation
            && former.is_live(now)
        {
            return Err(Refusal::AlreadyReserved(former.reservation_id.clone()));
        }
        match conflict.seat {
            Some((seat, Some(Claim::Held { held_until, .. }))) if held_until > now => {
                return Err(Refusal::SeatTaken {
                    seat,
                    held_until: Some(held_until),
                });
            }
            Some((seat, Some(Claim::Sold { .. }))) => {
                return Err(Refusal::SeatTaken {
                    seat,
                    held_until: None,
                });
            }
            // It lapsed between the refusal and now.
            Some(_) | None => {}
        }
        match conflict.reservation {
            Some(ended) => Ok(Judgement::Replace(ended)),
            None => Ok(Judgement::TryAgain),
        }
    }
}

enum Judgement {
    /// It is the very hold that the user has.
    Same(Reservation),
    /// An ended reservation is in the way: archive and replace it.
    Replace(Reservation),
    TryAgain,
}

/// The seats with their sections and prices, where the date is on sale and has them all.
fn fitting_seats(
    programme: &Programme,
    date: DateKey,
    seats: &SeatSelection,
    now: EpochMs,
) -> Result<Vec<ReservedSeat>, Unfit> {
    let date = on_sale(programme, date, now)?;
    let reserved = seats
        .seats()
        .iter()
        .map(|seat| reserved_seat(date, *seat))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Unfit::Inside)?;
    let most = programme.event.terms.max_seats_per_user;
    if reserved.len() > most as usize {
        return Err(Unfit::Inside(Refusal::LimitExceeded(Limit::Seats { most })));
    }
    Ok(reserved)
}

/// The date, and the sections in which seats may be picked.
fn fitting_sections<'a>(
    programme: &'a Programme,
    date: DateKey,
    best: &BestAvailable,
    now: EpochMs,
) -> Result<(&'a EventDate, Vec<Section>), Unfit> {
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
        let error = FieldError::new("bestAvailable.section", "is no section of this date");
        return Err(Unfit::Anyone(error.into()));
    }
    let most = programme.event.terms.max_seats_per_user;
    if best.count > most {
        return Err(Unfit::Inside(Refusal::LimitExceeded(Limit::Seats { most })));
    }
    Ok((date, sections))
}

fn on_sale(programme: &Programme, date: DateKey, now: EpochMs) -> Result<&EventDate, Unfit> {
    if programme.event.terms.admission != Admission::Seated {
        return Err(Unfit::Anyone(Refusal::WrongAdmission));
    }
    if programme.event.sale_state(now) == SaleState::Closed {
        return Err(Unfit::Anyone(Refusal::NotOpen("the sale is closed")));
    }
    match programme.dates.get(&date) {
        None => Err(Unfit::Inside(Refusal::DateNotFound)),
        Some(date) if date.has_begun(now) => {
            Err(Unfit::Anyone(Refusal::NotOpen("the performance has begun")))
        }
        Some(date) => Ok(date),
    }
}

fn reserved_seat(date: &EventDate, seat: SeatNumber) -> Result<ReservedSeat, Refusal> {
    date.section_of(seat)
        .map(|section| ReservedSeat {
            seat_number: seat,
            section: section.name.clone(),
            price: section.price,
        })
        .ok_or(Refusal::SeatNotFound(seat))
}
