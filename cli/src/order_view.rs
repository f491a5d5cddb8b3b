//! How reservations are shown to an operator.

use domain::clock::{EpochMs, rfc3339};
use domain::ids::{DateKey, EntryId, EventId, Lane, Rank, ReservationId, UserId};
use domain::money::{Currency, Money};
use domain::reservation::{Payment, Reservation, ReservedSeat, State, Status};
use domain::returns::Returned;
use serde::Serialize;

use crate::money_view::amount_text;
use crate::text_table::{Column, TextTable};

/// A reservation. Amounts are in the currency's minor unit.
#[derive(Serialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    pub reservation_id: ReservationId,
    pub status: Status,
    pub event_id: EventId,
    pub event_name: String,
    /// Omitted for general admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<DateKey>,
    pub user_id: UserId,
    pub quantity: u32,
    /// Empty for general admission.
    pub seats: Vec<ReservedSeat>,
    pub currency: Currency,
    /// Of all tickets, without fees.
    pub price: Money,
    pub fees: Money,
    pub total_price: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentView>,
    /// What was given back of it while the others stayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,
    /// Once something of it was given back; zero if nothing was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded: Option<Money>,
    /// The part of `refunded` that went on to where the money came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_to_source: Option<Money>,
    /// Of the latest charge that is to pay for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<EntryId>,
    /// The session that made it.
    pub lane: Lane,
    pub rank: Rank,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: EpochMs,
    /// Of a hold.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    pub held_until: Option<EpochMs>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub modified_at: EpochMs,
}

#[derive(Serialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    pub payment_id: EntryId,
    pub amount: Money,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub paid_at: EpochMs,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        Self {
            payment_id: payment.payment_id,
            amount: payment.amount,
            paid_at: payment.paid_at,
        }
    }
}

impl OrderView {
    /// The reservation as it is at `now`.
    #[must_use]
    pub fn of(reservation: &Reservation, currency: &Currency, now: EpochMs) -> Self {
        let returned = Some(&reservation.returned).filter(|of| of.quantity > 0);
        let (payment, is_refunded) = match reservation.state.clone() {
            State::Held { .. } => (None, false),
            State::Confirmed { payment } => (payment, returned.is_some()),
            State::Cancelled { payment, .. } => (payment, true),
        };
        let refunded = is_refunded.then(|| reservation.given_back());
        Self {
            reservation_id: reservation.reservation_id.clone(),
            status: reservation.status(now),
            event_id: reservation.event_id().clone(),
            event_name: reservation.event_name.clone(),
            date: reservation.date(),
            user_id: reservation.user_id,
            quantity: reservation.quantity,
            seats: reservation.seats.clone(),
            currency: currency.clone(),
            price: reservation.price_of_tickets(),
            fees: reservation.fees.total(),
            total_price: reservation.total_price,
            payment: payment.map(PaymentView::from),
            returned: returned.cloned(),
            refunded: refunded.map(|(refunded, _)| refunded),
            refunded_to_source: refunded.map(|(_, to_source)| to_source),
            charge_id: reservation.charge_id,
            lane: reservation.lane,
            rank: reservation.rank,
            created_at: reservation.created_at,
            held_until: reservation.held_until(),
            modified_at: reservation.modified_at,
        }
    }

    /// The seats, or how many tickets there are.
    #[must_use]
    pub fn tickets(&self) -> String {
        if self.seats.is_empty() {
            return format!("{} tickets", self.quantity);
        }
        let seats: Vec<String> = self.seats.iter().map(seat_text).collect();
        seats.join(", ")
    }

    /// The total price with its currency.
    #[must_use]
    pub fn total(&self) -> String {
        amount_text(self.total_price, &self.currency)
    }
}

/// A seat as an usher and the API call it: `R, row 3, 12 (seat 52)`.
fn seat_text(seat: &ReservedSeat) -> String {
    let row = seat.row_label.as_ref();
    let row = row.map(|row| format!(", row {row}")).unwrap_or_default();
    let label = seat.seat_label.as_ref();
    let label = label.map(|label| format!(", {label}")).unwrap_or_default();
    format!("{}{row}{label} (seat {})", seat.section, seat.seat_number)
}

/// A line for each order.
#[must_use]
pub fn orders_text(orders: &[OrderView]) -> Vec<String> {
    let mut table = TextTable::new(&[
        Column::Text("created"),
        Column::Text("status"),
        Column::Text("event"),
        Column::Text("date"),
        Column::Text("user"),
        Column::Number("total"),
        Column::Text("reservation"),
        Column::Text("tickets"),
    ]);
    for order in orders {
        table.row([
            order.created_at.to_string(),
            order.status.as_str().to_owned(),
            order.event_id.to_string(),
            order.date.map(|date| date.to_string()).unwrap_or_default(),
            order.user_id.to_string(),
            order.total(),
            order.reservation_id.to_string(),
            order.tickets(),
        ]);
    }
    table.lines()
}
