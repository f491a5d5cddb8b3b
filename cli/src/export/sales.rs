//! What was bought, and what became of it.

use domain::clock::{EpochMs, rfc3339};
use domain::ids::{DateKey, EntryId, EventId, ReservationId, UserId};
use domain::money::{Currency, Money};
use domain::reservation::{Reservation, State, Status};
use serde::Serialize;

use super::lines::Line;
use crate::output::csv_text;

/// One reservation that was bought.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sale {
    reservation_id: ReservationId,
    event_id: EventId,
    event_name: String,
    date: Option<DateKey>,
    user_id: UserId,
    status: Status,
    tickets: u32,
    /// Tickets that were given back while the others stayed. They are not in `tickets`, `price`,
    /// `fees` and `total`, but in `paid` and `refunded`.
    returned_tickets: u32,
    currency: Currency,
    /// Of all tickets, without fees.
    price: Money,
    fees: Money,
    total: Money,
    paid: Money,
    refunded: Money,
    /// The part of `refunded` that went on to where the money came from.
    refunded_to_source: Money,
    /// What was paid less what was refunded.
    received: Money,
    /// The tax that `received` contains. `None` if the event had no rate.
    tax: Option<Money>,
    /// The ledger entry of the payment. `None` if nothing was paid.
    payment_id: Option<EntryId>,
    /// The charge that was to pay for it, if a payment provider confirmed one.
    charge_id: Option<EntryId>,
    #[serde(serialize_with = "rfc3339::serialize")]
    created_at: EpochMs,
    #[serde(serialize_with = "rfc3339::option::serialize")]
    paid_at: Option<EpochMs>,
    #[serde(serialize_with = "rfc3339::option::serialize")]
    cancelled_at: Option<EpochMs>,
}

impl Sale {
    pub(super) fn of(reservation: Reservation, currency: &Currency, now: EpochMs) -> Self {
        let (status, price) = (reservation.status(now), reservation.price_of_tickets());
        let received = reservation.kept();
        let cancelled_at = match &reservation.state {
            State::Held { .. } | State::Confirmed { .. } => None,
            State::Cancelled { .. } => Some(reservation.modified_at),
        };
        let (refunded, refunded_to_source) = reservation.given_back();
        let payment = match reservation.state {
            State::Held { .. } => None,
            State::Confirmed { payment } | State::Cancelled { payment, .. } => payment,
        };
        let id = &reservation.reservation_id;
        Self {
            event_id: id.event_id().clone(),
            event_name: reservation.event_name,
            date: id.date(),
            user_id: reservation.user_id,
            status,
            tickets: reservation.quantity,
            returned_tickets: reservation.returned.quantity,
            currency: currency.clone(),
            price,
            fees: reservation.fees.total(),
            total: reservation.total_price,
            paid: payment
                .as_ref()
                .map_or(Money::ZERO, |payment| payment.amount),
            refunded,
            refunded_to_source,
            received,
            tax: reservation.tax_rate.map(|rate| rate.contained_in(received)),
            payment_id: payment.as_ref().map(|payment| payment.payment_id),
            charge_id: reservation.charge_id,
            created_at: reservation.created_at,
            paid_at: payment.map(|payment| payment.paid_at),
            cancelled_at,
            reservation_id: reservation.reservation_id,
        }
    }
}

impl Line for Sale {
    const COLUMNS: &'static [&'static str] = &[
        "reservationId",
        "eventId",
        "eventName",
        "date",
        "userId",
        "status",
        "tickets",
        "currency",
        "price",
        "fees",
        "total",
        "paid",
        "refunded",
        "refundedToSource",
        "received",
        "tax",
        "paymentId",
        "chargeId",
        "createdAt",
        "paidAt",
        "cancelledAt",
        "returnedTickets",
    ];

    fn cells(&self) -> Vec<String> {
        let amount = |amount: Money| amount.in_major_units(&self.currency);
        let time = |at: Option<EpochMs>| at.map(|at| at.to_string()).unwrap_or_default();
        let id = |id: Option<EntryId>| id.map(|id| id.to_string()).unwrap_or_default();
        vec![
            csv_text(&self.reservation_id.to_string()),
            csv_text(self.event_id.as_str()),
            csv_text(&self.event_name),
            self.date.map(|date| date.to_string()).unwrap_or_default(),
            self.user_id.to_string(),
            self.status.as_str().to_owned(),
            self.tickets.to_string(),
            self.currency.to_string(),
            amount(self.price),
            amount(self.fees),
            amount(self.total),
            amount(self.paid),
            amount(self.refunded),
            amount(self.refunded_to_source),
            amount(self.received),
            self.tax.map(amount).unwrap_or_default(),
            id(self.payment_id),
            id(self.charge_id),
            self.created_at.to_string(),
            time(self.paid_at),
            time(self.cancelled_at),
            self.returned_tickets.to_string(),
        ]
    }
}
