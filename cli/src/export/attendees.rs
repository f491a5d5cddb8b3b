//! Who has which seat.

use domain::clock::{EpochMs, rfc3339};
use domain::ids::{DateKey, EventId, ReservationId, SeatNumber, UserId};
use domain::money::{Currency, Money};
use domain::reservation::{Reservation, ReservedSeat, Status};
use serde::Serialize;

use super::lines::Line;
use crate::output::csv_text;

/// One ticket.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attendee {
    event_id: EventId,
    event_name: String,
    date: Option<DateKey>,
    #[serde(serialize_with = "rfc3339::option::serialize")]
    starts_at: Option<EpochMs>,
    /// Counts the tickets of the reservation from 1.
    ticket: u32,
    /// `None` for general admission, like the next three.
    section: Option<String>,
    row: Option<String>,
    /// The number on the chair.
    seat: Option<String>,
    seat_number: Option<SeatNumber>,
    /// Without fees.
    price: Money,
    currency: Currency,
    reservation_id: ReservationId,
    user_id: UserId,
    status: Status,
}

impl Attendee {
    /// All tickets of a reservation.
    pub(super) fn all_of(
        reservation: &Reservation,
        currency: &Currency,
        now: EpochMs,
    ) -> Vec<Self> {
        let ticket = |ticket: u32, seat: Option<&ReservedSeat>| Self {
            event_id: reservation.event_id().clone(),
            event_name: reservation.event_name.clone(),
            date: reservation.date(),
            starts_at: reservation.performance.starts_at,
            ticket,
            section: seat.map(|seat| seat.section.clone()),
            row: seat.and_then(|seat| seat.row_label.clone()),
            seat: seat.and_then(|seat| seat.seat_label.clone()),
            seat_number: seat.map(|seat| seat.seat_number),
            price: seat.map_or_else(|| reservation.ticket_price(), |seat| seat.price),
            currency: currency.clone(),
            reservation_id: reservation.reservation_id.clone(),
            user_id: reservation.user_id,
            status: reservation.status(now),
        };
        if reservation.date().is_none() {
            (1..=reservation.quantity)
                .map(|number| ticket(number, None))
                .collect()
        } else {
            let seats = (1..).zip(&reservation.seats);
            seats
                .map(|(number, seat)| ticket(number, Some(seat)))
                .collect()
        }
    }
}

impl Line for Attendee {
    const COLUMNS: &'static [&'static str] = &[
        "eventId",
        "eventName",
        "date",
        "startsAt",
        "ticket",
        "section",
        "row",
        "seat",
        "seatNumber",
        "price",
        "currency",
        "reservationId",
        "userId",
        "status",
    ];

    fn cells(&self) -> Vec<String> {
        let text = |text: &Option<String>| csv_text(text.as_deref().unwrap_or_default());
        vec![
            csv_text(self.event_id.as_str()),
            csv_text(&self.event_name),
            self.date.map(|date| date.to_string()).unwrap_or_default(),
            self.starts_at.map(|at| at.to_string()).unwrap_or_default(),
            self.ticket.to_string(),
            text(&self.section),
            text(&self.row),
            text(&self.seat),
            self.seat_number
                .map(|seat| seat.to_string())
                .unwrap_or_default(),
            self.price.in_major_units(&self.currency),
            self.currency.to_string(),
            csv_text(&self.reservation_id.to_string()),
            self.user_id.to_string(),
            self.status.as_str().to_owned(),
        ]
    }
}
