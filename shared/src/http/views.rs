//! JSON bodies that more than one function answers with.

use serde::Serialize;

use crate::app::Joined;
use crate::clock::{EpochMs, rfc3339};
use crate::event::{Event, SaleState};
use crate::http::Answer;
use crate::ids::{DateKey, EventId, ReservationId, SeatNumber, UserId};
use crate::money::{Currency, Money};
use crate::queue::{Head, Order, PROCEDURE, Standing, Turn};
use crate::reservation::{Reservation, ReservedSeat, State, Status};
use crate::token::Token;

/// An event in lists.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventView<'a> {
    event_id: &'a EventId,
    event_name: &'a str,
    venue: &'a str,
    admission: &'static str,
    currency: &'a Currency,
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    opens_at: Option<EpochMs>,
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    closes_at: Option<EpochMs>,
    state: SaleState,
}

impl<'a> EventView<'a> {
    /// The event as it is at `now`.
    #[must_use]
    pub fn of(event: &'a Event, now: EpochMs) -> Self {
        Self {
            event_id: &event.event_id,
            event_name: &event.terms.name,
            venue: &event.terms.venue,
            admission: event.terms.admission.as_str(),
            currency: &event.terms.currency,
            opens_at: event.terms.opens_at,
            closes_at: event.closes_at(),
            state: event.sale_state(now),
        }
    }
}

/// Where a user stands in line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(serialize_with = "rfc3339::serialize")]
    token_expires_at: EpochMs,
    user_id: UserId,
    event_id: &'a EventId,
    queue_number: u64,
    lane: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<u64>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_wait_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poll_after_seconds: Option<serde_json::Number>,
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    expires_at: Option<EpochMs>,
}

impl<'a> TokenView<'a> {
    fn of(token: &'a Token, standing: &Standing) -> Self {
        let view = Self {
            token: None,
            token_expires_at: token.expires_at,
            user_id: token.user_id,
            event_id: &token.event_id,
            queue_number: token.number,
            lane: token.lane.0,
            rank: standing.rank.map(|rank| rank.0),
            status: "EXPIRED",
            position: None,
            ahead: None,
            estimated_wait_seconds: None,
            poll_after_seconds: None,
            expires_at: None,
        };
        match &standing.turn {
            Turn::Over => view,
            Turn::Active { expires_at } => Self {
                status: "ACTIVE",
                position: Some(0),
                ahead: Some(0),
                expires_at: Some(*expires_at),
                ..view
            },
            Turn::Waiting { position, outlook } => Self {
                status: "WAITING",
                position: *position,
                ahead: position.map(|position| position.saturating_sub(1)),
                estimated_wait_seconds: outlook.estimated_wait_seconds,
                poll_after_seconds: Some(outlook.poll_after.as_json_seconds()),
                ..view
            },
        }
    }
}

/// A draw, as anybody may see it: enough to check every rank, once nobody can join the draw any more.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrawView<'a> {
    procedure: &'static str,
    /// SHA-256 of the secret.
    commitment: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    beacon: Option<BeaconView<'a>>,
    /// How many take part, over all lanes; known from the opening on, as are `counts` and `secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Vec<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Serialize)]
struct BeaconView<'a> {
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

impl<'a> DrawView<'a> {
    /// None where nothing is drawn. The secret is told only when the count of every lane is fixed: who knew it before could
    /// join strangers until the order pleases.
    #[must_use]
    pub fn of(event: &'a Event, heads: &[Head]) -> Option<Self> {
        if event.terms.queue.order == Order::Arrival {
            return None;
        }
        let secret = heads.first()?.draw?.secret;
        let counts: Option<Vec<u64>> = heads.iter().map(|head| head.draw?.count).collect();
        Some(Self {
            procedure: PROCEDURE,
            commitment: secret.commitment(),
            beacon: event.terms.beacon.as_deref().map(|source| BeaconView {
                source,
                value: event.control.beacon.as_deref(),
            }),
            count: counts.as_ref().map(|counts| counts.iter().sum()),
            secret: counts.is_some().then(|| secret.reveal()),
            counts,
        })
    }
}

/// The standing with its hint jittered, so that those who ask together do not come back together.
fn jittered(standing: Standing) -> Standing {
    let turn = match standing.turn {
        Turn::Waiting {
            position,
            mut outlook,
        } => {
            outlook.poll_after = outlook.poll_after.jittered(fastrand::u8(..));
            Turn::Waiting { position, outlook }
        }
        turn @ (Turn::Active { .. } | Turn::Over) => turn,
    };
    Standing { turn, ..standing }
}

/// The answer to who asks where a token stands.
#[must_use]
pub fn token_status(token: &Token, standing: Standing) -> Answer {
    let standing = jittered(standing);
    let answer = Answer::ok(&TokenView::of(token, &standing));
    with_retry_after(answer, &standing)
}

/// The answer to who joined: with the token itself.
#[must_use]
pub fn joined(joined: &Joined, signed: &str) -> Answer {
    let standing = jittered(joined.standing);
    let view = TokenView {
        token: Some(signed),
        ..TokenView::of(&joined.token, &standing)
    };
    let answer = match joined.joining {
        crate::app::Joining::New => {
            let path = format!("/events/{}/tokens/me", joined.token.event_id);
            Answer::created(&path, &view)
        }
        crate::app::Joining::Kept => Answer::ok(&view),
    };
    with_retry_after(answer, &standing)
}

fn with_retry_after(answer: Answer, standing: &Standing) -> Answer {
    match standing.turn {
        Turn::Waiting { outlook, .. } => answer.retry_after(outlook.poll_after),
        Turn::Active { .. } | Turn::Over => answer,
    }
}

/// A reservation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationView<'a> {
    reservation_id: &'a ReservationId,
    event_id: &'a EventId,
    event_name: &'a str,
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<DateKey>,
    seats: Vec<ReservedSeatView<'a>>,
    quantity: u32,
    total_price: Money,
    status: Status,
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    held_until: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded: Option<Money>,
    #[serde(serialize_with = "rfc3339::serialize")]
    created_at: EpochMs,
    #[serde(serialize_with = "rfc3339::serialize")]
    modified_at: EpochMs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReservedSeatView<'a> {
    seat_number: SeatNumber,
    section: &'a str,
    price: Money,
}

impl<'a> From<&'a ReservedSeat> for ReservedSeatView<'a> {
    fn from(seat: &'a ReservedSeat) -> Self {
        Self {
            seat_number: seat.seat_number,
            section: &seat.section,
            price: seat.price,
        }
    }
}

impl<'a> ReservationView<'a> {
    /// The reservation as it is at `now`.
    #[must_use]
    pub fn of(reservation: &'a Reservation, now: EpochMs) -> Self {
        let (held_until, payment, refunded) = match &reservation.state {
            State::Held { held_until } => (Some(*held_until), None, None),
            State::Confirmed { payment } => (None, payment.as_ref(), None),
            State::Cancelled { payment, refunded } => (None, payment.as_ref(), Some(*refunded)),
        };
        Self {
            reservation_id: &reservation.reservation_id,
            event_id: reservation.event_id(),
            event_name: &reservation.event_name,
            user_id: reservation.user_id,
            date: reservation.date(),
            seats: reservation.seats.iter().map(Into::into).collect(),
            quantity: reservation.quantity,
            total_price: reservation.total_price,
            status: reservation.status(now),
            held_until,
            payment_id: payment.map(|payment| payment.payment_id.to_string()),
            refunded,
            created_at: reservation.created_at,
            modified_at: reservation.modified_at,
        }
    }
}
