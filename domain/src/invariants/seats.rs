//! Claims and the reservations that own them.

use super::{Finding, Invariant, Stored};
use crate::clock::EpochMs;
use crate::event::Section;
use crate::ids::{DateKey, EventId, ReservationId, SeatNumber, UserId};
use crate::reservation::{Reservation, State, Status};
use crate::seats::Claim;

/// The user and the reservation that a claim names.
fn names(claim: &Claim) -> Option<(UserId, &ReservationId)> {
    match claim {
        Claim::Held {
            user_id,
            reservation_id,
            ..
        }
        | Claim::Sold {
            user_id,
            reservation_id,
            ..
        } => Some((*user_id, reservation_id)),
        Claim::Withdrawn { .. } | Claim::Blocked(_) => None,
    }
}

/// The user, event and date of the reservation that a claim names.
#[must_use]
pub fn owner_of(claim: &Claim) -> Option<(UserId, &EventId, Option<DateKey>)> {
    let (user, id) = names(claim)?;
    Some((user, id.event_id(), id.date()))
}

/// Checks that a living reservation has the claim of each of its seats.
#[must_use]
pub fn check_seats(
    reservation: &Stored<Reservation>,
    claims: &[(SeatNumber, Option<Claim>)],
    now: EpochMs,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Stored { key, value } = reservation;
    for (seat, claim) in claims {
        let wrong = match (value.status(now), claim) {
            (Status::Cancelled | Status::Expired, _) => continue,
            (_, None) => Some("free".to_owned()),
            (status, Some(claim)) => {
                wrong_claim(claim, value, status, now).or_else(|| wrong_price(claim, value, *seat))
            }
        };
        if let Some(found) = wrong {
            let expected = format!("seat {} claimed by this reservation", seat.0);
            findings.push(Finding::new(Invariant::OneOwner, key, expected, found));
        }
    }
    findings
}

/// What is wrong with a claim that should belong to a living reservation.
fn wrong_claim(
    claim: &Claim,
    reservation: &Reservation,
    status: Status,
    now: EpochMs,
) -> Option<String> {
    if let Some((user, id)) = names(claim)
        && (*id != reservation.reservation_id || user != reservation.user_id)
    {
        return Some(format!("claimed by {id} of user {user}"));
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
        (_, Claim::Withdrawn { .. }) => Some("WITHDRAWN".to_owned()),
        (_, Claim::Blocked(_)) => Some("BLOCKED".to_owned()),
    }
}

/// The price of a sold seat's claim, if its reservation has another.
fn wrong_price(claim: &Claim, reservation: &Reservation, seat: SeatNumber) -> Option<String> {
    let Claim::Sold {
        price: Some(price), ..
    } = claim
    else {
        return None;
    };
    let reserved = reservation.seats.iter().find(|it| it.seat_number == seat)?;
    (reserved.price != *price).then(|| format!("sold for {price} instead of {}", reserved.price))
}

/// A claim, with what it is checked against.
pub struct SeatClaim<'a> {
    pub key: String,
    pub seat: SeatNumber,
    pub claim: &'a Claim,
    pub has_ttl: bool,
    /// The reservation of the claim's user for the claim's date.
    pub owner: Option<&'a Reservation>,
}

impl SeatClaim<'_> {
    /// Checks that a living claim belongs to a reservation, and that its seat is on sale. A block
    /// belongs to none: a reservation whose seat is blocked is found by [`check_seats`].
    #[must_use]
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
        if let Claim::Held { kept: Some(_), .. } = self.claim
            && self.has_ttl
        {
            let expected = "no ttl, because the seat is blocked again when the hold has lapsed";
            found(expected, "a ttl: the block would be swept".to_owned());
        }
        let (wanted, held_until) = match self.claim {
            Claim::Held { held_until, .. } if *held_until <= now => return findings,
            Claim::Held { held_until, .. } => (Status::Held, Some(*held_until)),
            Claim::Sold { .. } => (Status::Confirmed, None),
            Claim::Withdrawn { .. } => return findings,
            Claim::Blocked(block) => {
                if block.lasts(now) && !section.is_some_and(|section| section.has(self.seat)) {
                    found("a seat of the date", format!("seat {}", self.seat.0));
                }
                if self.has_ttl != block.until.is_some() {
                    let expected = "a ttl if and only if the block has an end";
                    let text = if self.has_ttl { "a ttl" } else { "no ttl" };
                    found(expected, text.to_owned());
                }
                return findings;
            }
        };
        if !section.is_some_and(|section| section.has(self.seat)) {
            found("a seat that is on sale", format!("seat {}", self.seat.0));
        }
        if wanted == Status::Confirmed && self.has_ttl {
            let expected = "no ttl, because the seat is sold";
            found(expected, "a ttl: the claim would be swept".to_owned());
        }
        let Some((_, id)) = names(self.claim) else {
            return findings;
        };
        let owner = self.owner.filter(|owner| owner.reservation_id == *id);
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
                Status::Confirmed => "a CONFIRMED reservation of this seat",
                _ => "a HELD reservation of this seat that ends with the claim",
            };
            found(
                expected,
                match owner {
                    None => format!("its user has no reservation {id}"),
                    Some(owner) => format!("{id} is {:?}", owner.status(now)),
                },
            );
        }
        findings
    }
}
