//! The transaction that holds seats.

use std::collections::BTreeMap;

use super::record::read_reservation;
use super::{archive, put_reservation, seat_key, use_session};
use crate::store::client::Store;
use crate::store::error::Result;
use crate::store::expression::Write;
use crate::store::queue::{SessionKey, read_session_and_holds};
use crate::store::refused::{TransactionError, Verdict};
use crate::store::seats::{self, ClaimedHold};
use domain::clock::EpochMs;
use domain::event::Event;
use domain::ids::{DateKey, ReservationId, SeatNumber, UserId};
use domain::money::Money;
use domain::queue::Session;
use domain::reservation::{Performance, Reservation, ReservedSeat, State};
use domain::returns::Returned;
use domain::seats::{Claim, ContinuedHold, OpenedSeat, cool_off_seconds};

/// A hold to be made: the reservation except for its id and times.
#[derive(Clone, Debug)]
pub struct HoldRequest<'a> {
    pub user_id: UserId,
    pub event: &'a Event,
    pub date: DateKey,
    pub performance: Performance,
    pub seats: Vec<ReservedSeat>,
    /// The session that makes the hold.
    pub session: SessionKey,
}

/// Why a hold was not made, read from the items whose conditions failed.
#[derive(Debug, Default)]
pub struct HoldConflict {
    /// The user's existing reservation for the date.
    pub reservation: Option<Reservation>,
    /// Set if the session does not allow holding, or not any more. The inner value has the session
    /// and how often it has held seats; it is `None` if there is no session.
    pub session: Option<Option<(Session, u32)>>,
    /// The seats that could not be held, in order, and their claims.
    pub seats: Vec<(SeatNumber, Option<Claim>)>,
}

/// What a hold takes over from the user's former holds.
#[derive(Debug, Default)]
pub struct FormerHolds {
    /// An ended reservation at the same key. It is moved to the archive.
    pub replaced: Option<Reservation>,
    /// Seats that the user released a short while ago.
    pub continued: BTreeMap<SeatNumber, ContinuedHold>,
    /// Blocked seats that the user's channels open.
    pub opened: BTreeMap<SeatNumber, OpenedSeat>,
}

impl HoldRequest<'_> {
    fn reservation(&self, former: &FormerHolds, now: EpochMs) -> Reservation {
        let held_until = now.plus_seconds(self.event.terms.hold_seconds);
        let prices = self.seats.iter().map(|seat| seat.price);
        let fees = self.event.terms.fees.of_order(prices.clone());
        Reservation {
            reservation_id: ReservationId::new(self.event.event_id.clone(), Some(self.date), now),
            user_id: self.user_id,
            event_name: self.event.terms.name.clone(),
            performance: self.performance.clone(),
            seats: self
                .seats
                .iter()
                .map(|seat| ReservedSeat {
                    channel: former
                        .opened
                        .get(&seat.seat_number)
                        .and_then(|opened| opened.block.channel.clone()),
                    ..seat.clone()
                })
                .collect(),
            quantity: u32::try_from(self.seats.len()).unwrap_or(u32::MAX),
            seat_limit: self.event.terms.max_seats_per_user,
            fees,
            tax_rate: self.event.terms.tax_rate,
            total_price: prices.sum::<Money>() + fees.total(),
            state: State::Held { held_until },
            returned: Returned::default(),
            charge_id: None,
            stock: Vec::new(),
            lane: self.session.lane,
            rank: self.session.rank,
            created_at: now,
            modified_at: now,
        }
    }

    /// Maps the verdicts to reasons. They have the order of the writes of [`hold_writes`].
    fn conflict(&self, verdicts: Vec<Verdict>) -> Result<HoldConflict> {
        let mut conflict = HoldConflict::default();
        for (index, verdict) in verdicts.into_iter().enumerate() {
            let Verdict::Refused(item) = verdict else {
                continue;
            };
            match index {
                0 => conflict.reservation = item.map(read_reservation).transpose()?,
                1 => conflict.session = Some(item.map(read_session_and_holds).transpose()?),
                _ => {
                    if let Some(seat) = self.seats.get(index - 2) {
                        let claim = item.map(seats::read_claim).transpose()?;
                        conflict.seats.push((seat.seat_number, claim));
                    }
                }
            }
        }
        Ok(conflict)
    }
}

fn hold_writes(
    reservation: &Reservation,
    former: &FormerHolds,
    event: &Event,
    session: &SessionKey,
    now: EpochMs,
) -> Vec<Write> {
    let hold_seconds = event.terms.hold_seconds;
    let held_until = now.plus_seconds(hold_seconds);
    let hold = ClaimedHold {
        user_id: reservation.user_id,
        reservation_id: &reservation.reservation_id,
        held_until,
        cool_off_seconds: cool_off_seconds(hold_seconds),
    };
    let ends_on = event.terms.queue.token_ends_on;
    let replaced = former.replaced.as_ref();
    let mut writes = vec![
        put_reservation(reservation, replaced),
        use_session(session, ends_on, held_until, now),
    ];
    writes.extend(reservation.seats.iter().filter_map(|seat| {
        let key = seat_key(reservation, seat)?;
        if let Some(opened) = former.opened.get(&seat.seat_number) {
            return Some(seats::hold_opened_claim(
                key, &hold, seat.price, opened, now,
            ));
        }
        let continued = former.continued.get(&seat.seat_number);
        Some(seats::hold_claim(key, &hold, seat.price, continued, now))
    }));
    writes.extend(replaced.map(archive));
    writes
}

impl Store {
    /// Holds seats: writes all claims, the reservation and the session's new end in one
    /// transaction.
    pub async fn hold(
        &self,
        request: &HoldRequest<'_>,
        former: &FormerHolds,
    ) -> Result<std::result::Result<Reservation, HoldConflict>> {
        let result = self
            .transact(|now| {
                let reservation = request.reservation(former, now);
                let writes =
                    hold_writes(&reservation, former, request.event, &request.session, now);
                (writes, reservation)
            })
            .await;
        match result {
            Ok(reservation) => Ok(Ok(reservation)),
            Err(TransactionError::Store(error)) => Err(error),
            Err(TransactionError::Refused(verdicts)) => request.conflict(verdicts).map(Err),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::event::{Admission, Section, Terms};
    use domain::fees::Fees;
    use domain::ids::{EventId, Lane, Rank};
    use domain::money::Currency;
    use domain::profile::{Overview, Profile};
    use domain::queue::{Control, QueuePolicy, TokenEndsOn};

    fn event() -> Event {
        Event {
            event_id: EventId::parse("winter-live").unwrap(),
            terms: Terms {
                name: "Winter Live".to_owned(),
                venue: "Olympic Hall".to_owned(),
                admission: Admission::Seated,
                currency: Currency::try_from("KRW".to_owned()).unwrap(),
                fees: Fees::default(),
                tax_rate: None,
                max_seats_per_user: 1,
                hold_seconds: 300,
                payment_seconds: 600,
                cancel_until_hours: 24,
                refund_to: domain::event::RefundTo::Wallet,
                partial_returns: false,
                opens_at: None,
                presales: Vec::new(),
                closes_at: None,
                last_start: None,
                doors_open_at: None,
                hidden: false,
                profile: Profile::default(),
                overview: Overview::default(),
                queue: QueuePolicy::default(),
                beacon: None,
            },
            control: Control::default(),
            first_applied_at: EpochMs(0),
            revision: 1,
        }
    }

    fn request(event: &Event) -> HoldRequest<'_> {
        HoldRequest {
            user_id: UserId::random(),
            event,
            date: DateKey::parse("2026-12-24").unwrap(),
            performance: Performance::default(),
            seats: vec![ReservedSeat::of(
                &Section::new("R", Money(5), SeatNumber(1), 9),
                SeatNumber(1),
            )],
            session: SessionKey {
                event_id: event.event_id.clone(),
                lane: Lane::FIRST,
                rank: Rank(3),
            },
        }
    }

    #[test]
    fn every_placeholder_is_bound() {
        let at = EpochMs(1_000_000);
        let event = event();
        let session = request(&event).session;
        let held = request(&event).reservation(&FormerHolds::default(), at);
        let cancelled = Reservation {
            state: State::Cancelled {
                payment: None,
                refunded: Money::ZERO,
                to_source: Money::ZERO,
            },
            ..held.clone()
        };
        let former = FormerHolds {
            opened: BTreeMap::new(),
            continued: BTreeMap::from([(
                SeatNumber(1),
                ContinuedHold {
                    reservation_id: cancelled.reservation_id.clone(),
                    held_since: at,
                },
            )]),
            replaced: Some(cancelled),
        };
        let mut ends_on_hold = event.clone();
        ends_on_hold.terms.queue.token_ends_on = TokenEndsOn::Hold;
        let writes = [
            hold_writes(&held, &FormerHolds::default(), &event, &session, at),
            hold_writes(&held, &former, &ends_on_hold, &session, at),
        ];
        for write in writes.iter().flatten() {
            write.check().unwrap();
        }
    }
}
