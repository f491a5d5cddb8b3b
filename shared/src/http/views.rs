//! JSON bodies that more than one function answers with.

use serde::Serialize;

use crate::app::Joined;
use crate::http::Answer;
use crate::token::Token;
use domain::clock::{EpochMs, rfc3339};
use domain::event::{Admission, Event, SaleState};
use domain::ids::{DateKey, EntryId, EventId, ReservationId, SeatNumber, UserId};
use domain::money::{Currency, Money};
use domain::queue::{Head, Order, PROCEDURE, PollAfter, Standing, Turn};
use domain::reservation::{Reservation, ReservedSeat, State, Status};

/// How people get in.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Admission"))]
#[serde(rename_all = "lowercase")]
enum AdmissionView {
    /// To numbered seats of dates: hold, then pay.
    Seated,
    /// To the whole event: reserve.
    General,
}

/// An event in lists.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Event"))]
#[serde(rename_all = "camelCase")]
pub struct EventView<'a> {
    event_id: &'a EventId,
    event_name: &'a str,
    venue: &'a str,
    admission: AdmissionView,
    currency: &'a Currency,
    /// From when on one can shop; left out where it is open from the start. One may join before.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    opens_at: Option<EpochMs>,
    /// Until when one can shop; left out where it never closes.
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
            admission: match event.terms.admission {
                Admission::Seated => AdmissionView::Seated,
                Admission::General { .. } => AdmissionView::General,
            },
            currency: &event.terms.currency,
            opens_at: event.terms.opens_at,
            closes_at: event.closes_at(),
            state: event.sale_state(now),
        }
    }
}

/// Where a number stands.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "QueueStatus"))]
#[serde(rename_all = "UPPERCASE")]
enum StatusView {
    /// Not called yet.
    Waiting,
    /// Called: inside, or about to be.
    Active,
    /// The turn or the session is over.
    Expired,
}

/// Where a user stands in line.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Place"))]
#[serde(rename_all = "camelCase")]
pub struct TokenView<'a> {
    /// The end of the token, not of the session.
    #[serde(serialize_with = "rfc3339::serialize")]
    token_expires_at: EpochMs,
    user_id: UserId,
    event_id: &'a EventId,
    /// Counted from 1 in each lane, in order of arrival.
    queue_number: u64,
    /// Counted from 0.
    lane: u8,
    /// The order in which the lane calls; left out before a draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<u64>,
    status: StatusView,
    /// 1 for the next to be called, 0 when ACTIVE; left out when EXPIRED and before a draw. An upper bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// How many are called before.
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<u64>,
    /// Left out while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_wait_seconds: Option<u64>,
    /// When to ask again; only while WAITING.
    #[serde(skip_serializing_if = "Option::is_none")]
    poll_after_seconds: Option<PollAfter>,
    /// The end of the turn or of the session; only while ACTIVE.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    expires_at: Option<EpochMs>,
}

/// The same for who has just joined: with the token.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Joined"))]
#[serde(rename_all = "camelCase")]
pub struct JoinedView<'a> {
    /// Opaque; to be sent as `Authorization: Bearer`.
    token: &'a str,
    #[serde(flatten)]
    place: TokenView<'a>,
}

impl<'a> TokenView<'a> {
    fn of(token: &'a Token, standing: &Standing) -> Self {
        let view = Self {
            token_expires_at: token.expires_at,
            user_id: token.user_id,
            event_id: &token.event_id,
            queue_number: token.number,
            lane: token.lane.0,
            rank: standing.rank.map(|rank| rank.0),
            status: StatusView::Expired,
            position: None,
            ahead: None,
            estimated_wait_seconds: None,
            poll_after_seconds: None,
            expires_at: None,
        };
        match &standing.turn {
            Turn::Over => view,
            Turn::Active { expires_at } => Self {
                status: StatusView::Active,
                position: Some(0),
                ahead: Some(0),
                expires_at: Some(*expires_at),
                ..view
            },
            Turn::Waiting { position, outlook } => Self {
                status: StatusView::Waiting,
                position: *position,
                ahead: position.map(|position| position.saturating_sub(1)),
                estimated_wait_seconds: outlook.estimated_wait_seconds,
                poll_after_seconds: Some(outlook.poll_after),
                ..view
            },
        }
    }
}

/// A draw, as anybody may see it: enough to check every rank, once nobody can join the draw any more.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Draw"))]
#[serde(rename_all = "camelCase")]
pub struct DrawView<'a> {
    /// How ranks are drawn.
    procedure: &'static str,
    /// SHA-256 of the secret.
    commitment: String,
    /// The random value that is mixed in, where one was announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    beacon: Option<BeaconView<'a>>,
    /// How many take part, over all lanes; known from the opening on, as are `counts` and `secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// How many take part in each lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Vec<u64>>,
    /// Proves the commitment and gives every rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Beacon"))]
struct BeaconView<'a> {
    /// Where the value comes from, as it was announced.
    source: &'a str,
    /// Left out until it is given.
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
    let view = JoinedView {
        token: signed,
        place: TokenView::of(&joined.token, &standing),
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
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Reservation"))]
#[serde(rename_all = "camelCase")]
pub struct ReservationView<'a> {
    reservation_id: &'a ReservationId,
    event_id: &'a EventId,
    event_name: &'a str,
    user_id: UserId,
    /// Left out for general admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<DateKey>,
    /// Empty for general admission.
    seats: Vec<ReservedSeatView<'a>>,
    /// How many tickets.
    quantity: u32,
    total_price: Money,
    status: Status,
    /// Of a hold: pay before.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    held_until: Option<EpochMs>,
    /// Of what was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<EntryId>,
    /// Of what was cancelled: what went back to the wallet; 0 for a hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded: Option<Money>,
    #[serde(serialize_with = "rfc3339::serialize")]
    created_at: EpochMs,
    #[serde(serialize_with = "rfc3339::serialize")]
    modified_at: EpochMs,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "ReservedSeat"))]
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
            payment_id: payment.map(|payment| payment.payment_id),
            refunded,
            created_at: reservation.created_at,
            modified_at: reservation.modified_at,
        }
    }
}
