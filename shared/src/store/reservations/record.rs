//! The stored form of a reservation.

use serde::{Deserialize, Serialize};

use crate::store::error::{Result, StoreError};
use crate::store::item::{Item, read_item, write_item};
use domain::clock::EpochMs;
use domain::fees::{ReservedFees, TaxRate};
use domain::ids::{EntryId, Lane, Rank, ReservationId, UserId};
use domain::money::Money;
use domain::reservation::{Payment, Performance, Reservation, ReservedSeat, State};
use domain::returns::Returned;
use domain::stock::Allocation;

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum StoredStatus {
    Held,
    Confirmed,
    Cancelled,
}

/// A reservation as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReservationRecord {
    reservation_id: ReservationId,
    user_id: UserId,
    event_name: String,
    /// Always written, if only empty, so that every stream image has it.
    #[serde(default)]
    performance: Performance,
    seats: Vec<ReservedSeat>,
    quantity: u32,
    seat_limit: u32,
    /// Always written, like `performance`.
    #[serde(default)]
    fees: ReservedFees,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tax_rate: Option<TaxRate>,
    total_price: Money,
    status: StoredStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_until: Option<EpochMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment: Option<Payment>,
    /// Written from the start, so that every stream image has it.
    #[serde(default)]
    refunded: Money,
    /// Of `refunded`, like it.
    #[serde(default)]
    to_source: Money,
    /// Always written, like `performance`.
    #[serde(default)]
    returned: Returned,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    charge_id: Option<EntryId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stock: Vec<Allocation>,
    lane: Lane,
    rank: Rank,
    created_at: EpochMs,
    modified_at: EpochMs,
    // Repeats what the key and the id contain, for readers of the table's stream (docs/EVENTS.md).
    // Never read here.
    #[serde(skip_deserializing)]
    event_id: String,
    /// Empty for general admission.
    #[serde(skip_deserializing)]
    date: String,
    #[serde(skip_deserializing)]
    change: StateRecord,
    #[serde(skip_deserializing)]
    told: Told,
}

/// The `detail-type` under which the item's changes are told on the bus.
#[derive(Default, Serialize)]
enum Told {
    #[default]
    ReservationChanged,
}

/// What the latest write did to the reservation.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum StateRecord {
    #[default]
    Held,
    /// Paid, or free of charge.
    Confirmed,
    /// A part of a confirmed reservation was given back.
    Returned,
    /// A hold was released.
    Released,
    /// A confirmed reservation was cancelled.
    Cancelled,
}

impl From<&Reservation> for StateRecord {
    fn from(reservation: &Reservation) -> Self {
        match &reservation.state {
            State::Held { .. } => Self::Held,
            State::Confirmed { .. } if reservation.returned.quantity > 0 => Self::Returned,
            State::Confirmed { .. } => Self::Confirmed,
            State::Cancelled { .. } if reservation.was_bought() => Self::Cancelled,
            State::Cancelled { .. } => Self::Released,
        }
    }
}

impl From<Reservation> for ReservationRecord {
    fn from(r: Reservation) -> Self {
        let event_id = r.event_id().to_string();
        let date = r.date().map(|date| date.to_string()).unwrap_or_default();
        let change = StateRecord::from(&r);
        let (refunded, to_source) = r.given_back();
        let (status, held_until, payment) = match r.state {
            State::Held { held_until } => (StoredStatus::Held, Some(held_until), None),
            State::Confirmed { payment } => (StoredStatus::Confirmed, None, payment),
            State::Cancelled { payment, .. } => (StoredStatus::Cancelled, None, payment),
        };
        Self {
            reservation_id: r.reservation_id,
            user_id: r.user_id,
            event_name: r.event_name,
            performance: r.performance,
            seats: r.seats,
            quantity: r.quantity,
            seat_limit: r.seat_limit,
            fees: r.fees,
            tax_rate: r.tax_rate,
            total_price: r.total_price,
            status,
            held_until,
            payment,
            refunded,
            to_source,
            returned: r.returned,
            charge_id: r.charge_id,
            stock: r.stock,
            lane: r.lane,
            rank: r.rank,
            created_at: r.created_at,
            modified_at: r.modified_at,
            event_id,
            date,
            change,
            told: Told::ReservationChanged,
        }
    }
}

impl TryFrom<ReservationRecord> for Reservation {
    type Error = StoreError;
    fn try_from(r: ReservationRecord) -> Result<Self> {
        let state = match r.status {
            StoredStatus::Held => State::Held {
                held_until: r
                    .held_until
                    .ok_or_else(|| StoreError::Unreadable("a hold without an end".to_owned()))?,
            },
            StoredStatus::Confirmed => State::Confirmed { payment: r.payment },
            StoredStatus::Cancelled => State::Cancelled {
                payment: r.payment,
                refunded: r.refunded,
                to_source: r.to_source,
            },
        };
        Ok(Self {
            reservation_id: r.reservation_id,
            user_id: r.user_id,
            event_name: r.event_name,
            performance: r.performance,
            seats: r.seats,
            quantity: r.quantity,
            seat_limit: r.seat_limit,
            fees: r.fees,
            tax_rate: r.tax_rate,
            total_price: r.total_price,
            state,
            returned: r.returned,
            charge_id: r.charge_id,
            stock: r.stock,
            lane: r.lane,
            rank: r.rank,
            created_at: r.created_at,
            modified_at: r.modified_at,
        })
    }
}

pub(in crate::store) fn read_reservation(item: Item) -> Result<Reservation> {
    read_item::<ReservationRecord>(item)?.try_into()
}

pub(in crate::store) fn write_reservation(reservation: &Reservation) -> Item {
    write_item(&ReservationRecord::from(reservation.clone()))
}
