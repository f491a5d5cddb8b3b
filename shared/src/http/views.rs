//! JSON bodies that several functions return.

use serde::Serialize;

use crate::app::Joined;
use crate::http::Answer;
use crate::token::Token;
use domain::clock::{EpochMs, rfc3339};
use domain::event::{Admission, Event, SaleState};
use domain::fees::{Fees, ReservedFees, TaxRate};
use domain::ids::{DateKey, EntryId, EventId, ReservationId, SeatNumber, UserId};
use domain::image::Image;
use domain::localized::LocalizedText;
use domain::money::{Currency, Money};
use domain::presale::Presale;
use domain::profile::TimeZoneName;
use domain::queue::{Head, Order, PROCEDURE, PollAfter, TokenStatus, Turn};
use domain::reservation::{Reservation, ReservedSeat, State, Status};
use domain::returns::Returned;
use domain::shortage::Shortage;

/// How the event admits people.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Admission"))]
#[serde(rename_all = "lowercase")]
enum AdmissionView {
    /// To numbered seats of dates. Hold a seat, then pay.
    Seated,
    /// To the whole event. Reserve tickets.
    General,
}

/// An event.
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
    /// The start of the (general) sale. Omitted if the sale is open from the start. Users can join the queue
    /// before; while there is a presale, with a code.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    opens_at: Option<EpochMs>,
    /// The phases before that in which joining needs a code, in the order of their openings, without those that are over.
    /// Omitted if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    presales: Vec<PresaleView<'a>>,
    /// `true` while joining needs a code of a presale: of one that is open, or else of one that opens next. Omitted otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    code_required: Option<bool>,
    /// The end of the sale. Omitted if it never closes.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    closes_at: Option<EpochMs>,
    state: SaleState,
    /// When the organiser cancelled the event. Omitted if it takes place. The sale is CLOSED then, and
    /// what was paid is given back in full.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    cancelled_at: Option<EpochMs>,
    /// `true` if the event is not in the list of events. Omitted otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<bool>,
    /// The event's picture. Omitted if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageView<'a>>,
    /// The performers, the most important first. Omitted if unknown, like the fields below.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    artists: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<&'a TimeZoneName>,
    /// The starts of all dates, including past ones but not cancelled ones, in ascending order; for
    /// general admission at most one.
    #[serde(
        serialize_with = "rfc3339::list::serialize",
        skip_serializing_if = "<[EpochMs]>::is_empty"
    )]
    start_times: &'a [EpochMs],
    #[serde(skip_serializing_if = "Option::is_none")]
    lowest_price: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    highest_price: Option<Money>,
    /// Charged besides every `price` above 0. Omitted if there are no fees.
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<FeesView>,
}

/// A phase before the general sale. The event is OPEN during it, for those who have joined with one of its codes.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Presale"))]
#[serde(rename_all = "camelCase")]
struct PresaleView<'a> {
    name: &'a str,
    #[serde(serialize_with = "rfc3339::serialize")]
    opens_at: EpochMs,
    #[serde(serialize_with = "rfc3339::serialize")]
    closes_at: EpochMs,
}

impl<'a> PresaleView<'a> {
    fn of(presale: &'a Presale) -> Self {
        Self {
            name: presale.name.as_str(),
            opens_at: presale.opens_at,
            closes_at: presale.closes_at,
        }
    }
}

/// The fees of an event. A ticket with a price costs `price` and `perTicket`, and an order with such
/// a ticket also `perOrder`. Free tickets have no fees.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Fees"))]
#[serde(rename_all = "camelCase")]
struct FeesView {
    per_ticket: Money,
    per_order: Money,
    /// Whether a cancellation gives the fees back too.
    refundable: bool,
}

impl FeesView {
    fn of(fees: &Fees) -> Option<Self> {
        (!fees.is_none()).then_some(Self {
            per_ticket: fees.per_ticket,
            per_order: fees.per_order,
            refundable: fees.refundable,
        })
    }
}

/// A picture in several sizes.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Image"))]
struct ImageView<'a> {
    /// In ascending order of width.
    sources: Vec<ImageSourceView>,
    /// What the picture shows, for people who do not see it.
    alt: &'a LocalizedText,
}

/// A JPEG file.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "ImageSource"))]
struct ImageSourceView {
    /// A path of this origin. What it shows never changes.
    url: String,
    /// In pixels.
    width: u32,
    height: u32,
}

impl<'a> ImageView<'a> {
    fn of(event: &EventId, image: &'a Image) -> Self {
        let sources = image
            .names()
            .zip(&image.sizes)
            .map(|(name, size)| ImageSourceView {
                url: format!("/images/{event}/{name}.jpg"),
                width: size.width,
                height: size.height,
            });
        Self {
            sources: sources.collect(),
            alt: &image.alt,
        }
    }
}

impl<'a> EventView<'a> {
    /// The event as it is at `now`.
    #[must_use]
    pub fn of(event: &'a Event, now: EpochMs) -> Self {
        let presales = if event.sale_state(now) == SaleState::Closed {
            Vec::new()
        } else {
            event.presales_ahead(now)
        };
        let profile = &event.terms.profile;
        let overview = &event.terms.overview;
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
            code_required: (!presales.is_empty()).then_some(true),
            presales: presales.into_iter().map(PresaleView::of).collect(),
            closes_at: event.closes_at(),
            state: event.sale_state(now),
            cancelled_at: event.control.cancellation.map(|of| of.at),
            hidden: event.terms.hidden.then_some(true),
            image: profile
                .image
                .as_ref()
                .map(|image| ImageView::of(&event.event_id, image)),
            artists: &profile.artists,
            city: profile.city.as_deref(),
            time_zone: profile.time_zone.as_ref(),
            start_times: &overview.start_times,
            lowest_price: overview.lowest_price,
            highest_price: overview.highest_price,
            fees: FeesView::of(&event.terms.fees),
        }
    }
}

/// The state of a place in line.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "QueueStatus"))]
#[serde(rename_all = "UPPERCASE")]
enum StatusView {
    /// Not called yet.
    Waiting,
    /// Called, and the session is live.
    Active,
    /// The turn or the session is over.
    Expired,
}

/// Nothing is left to buy, so nobody is called. Users keep their places in line: a cancelled ticket
/// or an unpaid seat that comes back is theirs in turn.
#[derive(Clone, Copy, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ShortageView {
    /// `true` while everything is sold. Omitted otherwise. Only cancelled tickets come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    sold_out: Option<bool>,
    /// `true` while the last seats are held by users who have not paid yet. Omitted otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    all_held: Option<bool>,
}

impl ShortageView {
    /// The fields of a response.
    #[must_use]
    pub fn of(shortage: Option<Shortage>) -> Self {
        let is = |wanted| (shortage == Some(wanted)).then_some(true);
        Self {
            sold_out: is(Shortage::SoldOut),
            all_held: is(Shortage::AllHeld),
        }
    }
}

/// A user's place in line.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Place"))]
#[serde(rename_all = "camelCase")]
pub struct TokenView<'a> {
    /// The expiry of the token, not of the session.
    #[serde(serialize_with = "rfc3339::serialize")]
    token_expires_at: EpochMs,
    user_id: UserId,
    event_id: &'a EventId,
    /// The number in the order of arrival, counted from 1 in each lane.
    queue_number: u64,
    /// The lane, counted from 0.
    lane: u8,
    /// The position in the lane's order of calling. Omitted before a draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<u64>,
    status: StatusView,
    /// When the organiser cancelled the event. Omitted if it takes place.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    cancelled_at: Option<EpochMs>,
    /// 1 for the next to be called, 0 when ACTIVE. Omitted when EXPIRED and before a draw. An upper
    /// bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// The number of users ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<u64>,
    /// Omitted until it can be estimated, and while nobody is called: during a pause, and while
    /// nothing is left to buy.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_wait_seconds: Option<u64>,
    #[serde(flatten)]
    shortage: ShortageView,
    /// When to ask again. Only while WAITING.
    #[serde(skip_serializing_if = "Option::is_none")]
    poll_after_seconds: Option<PollAfter>,
    /// The end of the session. Only while ACTIVE.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    expires_at: Option<EpochMs>,
}

/// A user's place in line, with the token.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Joined"))]
#[serde(rename_all = "camelCase")]
pub struct JoinedView<'a> {
    /// Opaque. Send it as `Authorization: Bearer`.
    token: &'a str,
    #[serde(flatten)]
    place: TokenView<'a>,
}

impl<'a> TokenView<'a> {
    fn of(token: &'a Token, status: &TokenStatus) -> Self {
        let view = Self {
            token_expires_at: token.expires_at,
            user_id: token.user_id,
            event_id: &token.event_id,
            queue_number: token.number,
            lane: token.lane.0,
            rank: status.rank.map(|rank| rank.0),
            status: StatusView::Expired,
            cancelled_at: status.cancelled_at,
            position: None,
            ahead: None,
            estimated_wait_seconds: None,
            shortage: ShortageView::default(),
            poll_after_seconds: None,
            expires_at: None,
        };
        match &status.turn {
            Turn::Over => view,
            Turn::Active { expires_at } => Self {
                status: StatusView::Active,
                position: Some(0),
                ahead: Some(0),
                expires_at: Some(*expires_at),
                ..view
            },
            Turn::Waiting {
                position,
                estimate,
                shortage,
            } => Self {
                status: StatusView::Waiting,
                position: *position,
                ahead: position.map(|position| position.saturating_sub(1)),
                estimated_wait_seconds: estimate.estimated_wait_seconds,
                shortage: ShortageView::of(*shortage),
                poll_after_seconds: Some(estimate.poll_after),
                ..view
            },
        }
    }
}

/// The public data of a draw. After the opening it is enough to verify every rank.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Draw"))]
#[serde(rename_all = "camelCase")]
pub struct DrawView<'a> {
    /// The name of the procedure.
    procedure: &'static str,
    /// SHA-256 of the secret.
    commitment: String,
    /// The random value that is mixed in, if one was announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    beacon: Option<BeaconView<'a>>,
    /// The number of participants in all lanes. Known from the opening on, like `counts` and
    /// `secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// The number of participants in each lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Vec<u64>>,
    /// Proves the commitment and determines every rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Beacon"))]
struct BeaconView<'a> {
    /// The source of the value, as announced.
    source: &'a str,
    /// Omitted until the value is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

impl<'a> DrawView<'a> {
    /// `None` if the event has no draw. The secret is published only after the count of every lane
    /// is fixed. With the secret, one could keep adding users until the order suits.
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

/// Adds jitter to the poll hint, so that clients that were answered together do not poll together.
fn jittered(status: TokenStatus) -> TokenStatus {
    let turn = match status.turn {
        Turn::Waiting {
            position,
            mut estimate,
            shortage,
        } => {
            estimate.poll_after = estimate.poll_after.jittered(fastrand::u8(..));
            Turn::Waiting {
                position,
                estimate,
                shortage,
            }
        }
        turn @ (Turn::Active { .. } | Turn::Over) => turn,
    };
    TokenStatus { turn, ..status }
}

/// The response of a status poll.
#[must_use]
pub fn token_status(token: &Token, status: TokenStatus) -> Answer {
    let status = jittered(status);
    let answer = Answer::ok(&TokenView::of(token, &status));
    with_retry_after(answer, &status)
}

/// The response to joining, which contains the token.
#[must_use]
pub fn joined(joined: &Joined, signed: &str) -> Answer {
    let status = jittered(joined.status);
    let view = JoinedView {
        token: signed,
        place: TokenView::of(&joined.token, &status),
    };
    let answer = match joined.outcome {
        crate::app::JoinOutcome::New => {
            let path = format!("/events/{}/tokens/me", joined.token.event_id);
            Answer::created(&path, &view)
        }
        crate::app::JoinOutcome::Kept => Answer::ok(&view),
    };
    with_retry_after(answer, &status)
}

fn with_retry_after(answer: Answer, status: &TokenStatus) -> Answer {
    match status.turn {
        Turn::Waiting { estimate, .. } => answer.retry_after(estimate.poll_after),
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
    /// Omitted for general admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<DateKey>,
    /// Omitted in reservations that an earlier version made, like the fields up to `currency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    venue: Option<&'a str>,
    /// The start of the performance. Also omitted for general admission without a start.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    starts_at: Option<EpochMs>,
    /// The starts before, the first one first. Omitted unless the performance was postponed.
    #[serde(
        serialize_with = "rfc3339::list::serialize",
        skip_serializing_if = "<[_]>::is_empty"
    )]
    postponed_from: &'a [EpochMs],
    /// Until when the reservation can be cancelled once it is paid. What was promised when the seats
    /// were held stays: a later catalogue can only extend it. Also omitted if there is no start.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    cancel_until: Option<EpochMs>,
    /// Until when a cancellation gives everything back, with all fees, because the performance was
    /// postponed. Omitted otherwise.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    returns_until: Option<EpochMs>,
    /// When the organiser cancelled the event or the date. Everything that was paid is given back.
    /// Omitted if it takes place.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    cancelled_at: Option<EpochMs>,
    /// Whether a part of the tickets can be given back until then, and the others be kept.
    partial_returns: bool,
    /// The venue's time zone. Also omitted if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<&'a TimeZoneName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a Currency>,
    /// Who sells the tickets, for the receipt. Also omitted if unknown, like the two below.
    #[serde(skip_serializing_if = "Option::is_none")]
    organizer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organizer_tax_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organizer_address: Option<&'a str>,
    /// Empty for general admission.
    seats: Vec<ReservedSeatView<'a>>,
    /// The number of tickets.
    quantity: u32,
    /// As they were when the tickets were held. Omitted if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<ReservedFeesView>,
    /// The prices of all tickets, and the fees.
    total_price: Money,
    /// The tax that the price contains. Omitted if the event says nothing about tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax: Option<TaxView>,
    status: Status,
    /// For a hold: pay before this time.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    held_until: Option<EpochMs>,
    /// The last charge that was begun to pay for it at a payment provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_id: Option<EntryId>,
    /// For a paid reservation.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<EntryId>,
    /// When it was paid.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    paid_at: Option<EpochMs>,
    /// For a confirmed reservation: the amount that goes back to the wallet if it is cancelled now
    /// or later, until `cancelUntil`. It is without the fees, unless they are refundable, or the
    /// plans have changed (`returnsUntil`, `cancelledAt`).
    #[serde(skip_serializing_if = "Option::is_none")]
    refundable: Option<Money>,
    /// What was given back of it while the others stayed. Omitted if nothing was. `seats`, `quantity`,
    /// `fees` and `totalPrice` are of the tickets that stayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    returned: Option<ReturnedView<'a>>,
    /// For a cancelled reservation, and one of which a part was given back: the amount that went back
    /// to the wallet in all; 0 for a hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded: Option<Money>,
    /// With `refunded`: the part of `refunded` that went on to where the money came from.
    /// The withdrawals with this `reservationId` tell how far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded_to_source: Option<Money>,
    #[serde(serialize_with = "rfc3339::serialize")]
    created_at: EpochMs,
    #[serde(serialize_with = "rfc3339::serialize")]
    modified_at: EpochMs,
}

/// Tickets that were given back of a reservation before it ended.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "ReturnedTickets"))]
#[serde(rename_all = "camelCase")]
struct ReturnedView<'a> {
    /// Empty for general admission.
    seats: Vec<ReservedSeatView<'a>>,
    quantity: u32,
    /// The amount that went back to the wallet for them.
    refunded: Money,
    /// Their fees that were not given back.
    kept_fees: Money,
}

impl<'a> ReturnedView<'a> {
    fn of(returned: &'a Returned) -> Option<Self> {
        (returned.quantity > 0).then(|| Self {
            seats: returned.seats.iter().map(Into::into).collect(),
            quantity: returned.quantity,
            refunded: returned.refunded,
            kept_fees: returned.kept,
        })
    }
}

/// The fees of a reservation.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "ReservedFees"))]
struct ReservedFeesView {
    /// Of all tickets together.
    tickets: Money,
    /// Of the order.
    order: Money,
    /// Whether a cancellation gives the fees back too.
    refundable: bool,
}

impl ReservedFeesView {
    fn of(fees: ReservedFees) -> Option<Self> {
        (fees.total() > Money::ZERO).then_some(Self {
            tickets: fees.tickets,
            order: fees.order,
            refundable: fees.refundable,
        })
    }
}

/// A tax that is contained in an amount.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "ContainedTax"))]
#[serde(rename_all = "camelCase")]
struct TaxView {
    /// In hundredths of a percent: 1000 is 10 %.
    rate_basis_points: u32,
    /// The tax in `totalPrice`; once something was given back, in what was not refunded.
    amount: Money,
}

impl TaxView {
    fn of(rate: TaxRate, amount: Money) -> Self {
        Self {
            rate_basis_points: rate.basis_points(),
            amount: rate.contained_in(amount),
        }
    }
}

/// A seat of a reservation, or of what a ledger entry is for.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "ReservedSeat"))]
#[serde(rename_all = "camelCase")]
pub struct ReservedSeatView<'a> {
    seat_number: SeatNumber,
    section: &'a str,
    /// What an usher calls the row. Omitted if the section has no rows, and in reservations made
    /// by a version without row labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    row_label: Option<&'a str>,
    /// The number on the chair. Omitted in reservations made by a version without seat labels: then
    /// it is the `seatNumber`.
    #[serde(skip_serializing_if = "Option::is_none")]
    seat_label: Option<&'a str>,
    price: Money,
}

impl<'a> From<&'a ReservedSeat> for ReservedSeatView<'a> {
    fn from(seat: &'a ReservedSeat) -> Self {
        Self {
            seat_number: seat.seat_number,
            section: &seat.section,
            row_label: seat.row_label.as_deref(),
            seat_label: seat.seat_label.as_deref(),
            price: seat.price,
        }
    }
}

impl<'a> ReservationView<'a> {
    /// The reservation as it is at `now`.
    #[must_use]
    pub fn of(reservation: &'a Reservation, now: EpochMs) -> Self {
        let returned = ReturnedView::of(&reservation.returned);
        let (held_until, payment, is_refunded) = match &reservation.state {
            State::Held { held_until } => (Some(*held_until), None, false),
            State::Confirmed { payment } => (None, payment.as_ref(), returned.is_some()),
            State::Cancelled { payment, .. } => (None, payment.as_ref(), true),
        };
        let refunded = is_refunded.then(|| reservation.given_back());
        let performance = &reservation.performance;
        let taxed = match reservation.state {
            State::Held { .. } => reservation.total_price,
            State::Confirmed { .. } | State::Cancelled { .. } => reservation.kept(),
        };
        Self {
            reservation_id: &reservation.reservation_id,
            event_id: reservation.event_id(),
            event_name: &reservation.event_name,
            user_id: reservation.user_id,
            date: reservation.date(),
            venue: performance.venue.as_deref(),
            starts_at: performance.starts_at,
            postponed_from: &performance.postponed_from,
            returns_until: performance.returns_until,
            cancelled_at: performance.cancelled_at,
            cancel_until: performance.cancel_until,
            partial_returns: performance.partial_returns,
            time_zone: performance.time_zone.as_ref(),
            currency: performance.currency.as_ref(),
            organizer: performance.organizer.as_deref(),
            organizer_tax_number: performance.organizer_tax_number.as_deref(),
            organizer_address: performance.organizer_address.as_deref(),
            seats: reservation.seats.iter().map(Into::into).collect(),
            quantity: reservation.quantity,
            fees: ReservedFeesView::of(reservation.fees),
            total_price: reservation.total_price,
            tax: reservation.tax_rate.map(|rate| TaxView::of(rate, taxed)),
            status: reservation.status(now),
            held_until,
            charge_id: reservation.charge_id,
            payment_id: payment.map(|payment| payment.payment_id),
            paid_at: payment.map(|payment| payment.paid_at),
            refundable: matches!(reservation.state, State::Confirmed { .. })
                .then(|| reservation.refund(now)),
            returned,
            refunded: refunded.map(|(refunded, _)| refunded),
            refunded_to_source: refunded.map(|(_, to_source)| to_source),
            created_at: reservation.created_at,
            modified_at: reservation.modified_at,
        }
    }
}
