//! How orders, charges and ledger entries are shown to an operator.

use domain::charge::{
    Charge, ChargeState, ChargeStatus, FailureReason, ProviderId, ProviderName, PurchaseState,
};
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{DateKey, EntryId, EventId, Lane, Rank, ReservationId, UserId};
use domain::money::{Currency, Money};
use domain::reservation::{Payment, Reservation, ReservedSeat, State, Status};
use domain::wallet::{EntryKind, LedgerEntry};
use serde::Serialize;

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
    /// Once it is cancelled; zero if nothing was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded: Option<Money>,
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
        let (payment, refunded) = match reservation.state.clone() {
            State::Held { .. } => (None, None),
            State::Confirmed { payment } => (payment, None),
            State::Cancelled { payment, refunded } => (payment, Some(refunded)),
        };
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
            refunded,
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

/// An amount in the major unit, with its currency.
#[must_use]
pub fn amount_text(amount: Money, currency: &Currency) -> String {
    format!("{} {currency}", amount.in_major_units(currency))
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

/// A charge that a payment provider confirms.
#[derive(Serialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ChargeView {
    pub charge_id: EntryId,
    pub user_id: UserId,
    pub provider: ProviderName,
    pub amount: Money,
    pub currency: Currency,
    #[serde(rename = "chargeStatus")]
    pub status: ChargeStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_for: Option<ReservationId>,
    /// The provider's id of the checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout_id: Option<ProviderId>,
    /// The provider's id of the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_payment_id: Option<ProviderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purchase: Option<PurchaseState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReason>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: EpochMs,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub expires_at: EpochMs,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    pub done_at: Option<EpochMs>,
}

impl From<&Charge> for ChargeView {
    fn from(charge: &Charge) -> Self {
        let (payment, purchase, done_at, failure) = match &charge.state {
            ChargeState::Pending | ChargeState::Expired => (None, None, None, None),
            ChargeState::Done {
                payment,
                at,
                purchase,
            } => (Some(payment.payment_id.clone()), *purchase, Some(*at), None),
            ChargeState::Failed(reason) => (None, None, None, Some(*reason)),
        };
        Self {
            charge_id: charge.charge_id,
            user_id: charge.user_id,
            provider: charge.provider,
            amount: charge.amount,
            currency: charge.currency.clone(),
            status: charge.status(),
            pay_for: charge.pay_for.clone(),
            checkout_id: charge.begun.as_ref().map(|begun| begun.checkout_id.clone()),
            provider_payment_id: payment,
            purchase,
            failure,
            created_at: charge.created_at,
            expires_at: charge.expires_at,
            done_at,
        }
    }
}

impl ChargeView {
    #[must_use]
    pub fn to_text(&self) -> String {
        let state = match self.status {
            ChargeStatus::Pending => format!("pending until {}", self.expires_at),
            ChargeStatus::Done => "done".to_owned(),
            ChargeStatus::Expired => "nobody paid in time".to_owned(),
            ChargeStatus::Failed => match self.failure {
                Some(FailureReason::Differs) => {
                    "failed: the provider took another amount; look at it there".to_owned()
                }
                Some(FailureReason::Refused) | None => "failed: refused".to_owned(),
            },
        };
        let checkout = self.checkout_id.as_ref();
        let checkout = checkout.map(|id| format!(", checkout {id}"));
        let payment = self.provider_payment_id.as_ref();
        let payment = payment.map(|id| format!(", payment {id}"));
        format!(
            "charge {} of {} at {}{}{}: {state}",
            self.charge_id,
            amount_text(self.amount, &self.currency),
            self.provider,
            checkout.unwrap_or_default(),
            payment.unwrap_or_default(),
        )
    }
}

/// A ledger entry.
#[derive(Serialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// Its number in the user's ledger.
    pub seq: u64,
    pub entry_id: EntryId,
    pub kind: EntryKind,
    pub amount: Money,
    pub balance_after: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<ReservationId>,
    #[serde(rename = "enteredAt", serialize_with = "rfc3339::serialize")]
    pub at: EpochMs,
}

impl EntryView {
    #[must_use]
    pub fn of(seq: u64, entry: &LedgerEntry) -> Self {
        Self {
            seq,
            entry_id: entry.entry_id,
            kind: entry.kind,
            amount: entry.amount,
            balance_after: entry.balance_after,
            reservation_id: entry.reservation_id().cloned(),
            at: entry.at,
        }
    }

    #[must_use]
    pub fn to_text(&self, currency: &Currency) -> String {
        format!(
            "ledger entry {}, {}: {} {}, then the balance is {}",
            self.seq,
            self.kind.as_str(),
            self.entry_id,
            amount_text(self.amount, currency),
            amount_text(self.balance_after, currency),
        )
    }
}
