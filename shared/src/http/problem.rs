//! Problems (RFC 9457): the table of codes, statuses and titles, and the problem of each refusal.

use lambda_http::http::StatusCode;
use lambda_http::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;

use super::Answer;
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{ReservationId, SeatNumber};
use domain::money::Money;
use domain::queue::PollAfter;
use domain::refusal::{FieldError, Limit, Refusal};

/// When to retry after a throttle or a conflict.
const RETRY_AFTER_WHEN_BUSY: PollAfter = PollAfter::seconds(1);

/// The constant part of a problem: one entry of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "openapi", derive(Serialize))]
pub struct Kind {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
    /// The fields of this problem beyond the common ones. `?` marks an optional field.
    pub fields: &'static [&'static str],
    /// When the problem occurs.
    pub when: &'static str,
    /// What the client can do about it.
    pub advice: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal $title:literal $fields:expr, $when:literal, $advice:literal;)+) => {
        $(
            #[doc = $when]
            pub const $name: Kind = Kind {
                code: $code,
                status: $status,
                title: $title,
                fields: &$fields,
                when: $when,
                advice: $advice,
            };
        )+
        /// All codes, in the order of precedence.
        pub const KINDS: &[Kind] = &[$($name),+];
    };
}

kinds! {
    ROUTE_NOT_FOUND = 404 "route_not_found" "There is nothing at this path" [],
        "No endpoint has this path. Paths are exact: they have no trailing slash and are case-sensitive.",
        "Compare the path with the list of endpoints.";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "This path does not support this method" [],
        "The path exists, but does not support this method. HEAD is not supported either.",
        "Use one of the methods in the Allow header.";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The body must be application/json" [],
        "The request has a body, and its Content-Type is not application/json.",
        "Send Content-Type: application/json, or no body if none is needed.";
    BODY_TOO_LARGE = 413 "body_too_large" "The body is too large" [],
        "The body has more than 16 KiB.",
        "Send a smaller body. No request of this API needs more.";
    TOKEN_MISSING = 401 "token_missing" "A token is required" [],
        "The request has no Authorization: Bearer header, and the endpoint requires a token.",
        "Join a queue with POST /events/{eventId}/tokens and send its token. If users sign in with an OpenID Connect issuer, joining requires an ID token of the issuer.";
    TOKEN_INVALID = 401 "token_invalid" "The token is not valid here" [],
        "The token is not genuine, has expired, or is for another event or audience.",
        "Join the queue of this event. Joining again as the same user returns a new token. If it was an ID token, sign in again.";
    INVALID_REQUEST = 400 "invalid_request" "The request is not valid" ["errors"],
        "A field, a query parameter, a header or an id in the path is missing, malformed or unknown.",
        "Each entry of errors names a field and says what is wrong with it. Correct the fields; repeating the same request does not help.";
    NOT_YOURS = 403 "not_yours" "This belongs to another user" [],
        "The wallet, the list or the userId belongs to another user than the token.",
        "Use the userId that was returned with the token.";
    EVENT_NOT_FOUND = 404 "event_not_found" "There is no such event" [],
        "No event has this id.",
        "GET /events lists the events.";
    WRONG_ADMISSION = 409 "wrong_admission" "The event has another kind of admission" [],
        "The request is for seats of an event with general admission, or for tickets without seats of an event with seated admission.",
        "See admission of the event: hold seats if it is seated, reserve tickets if it is general.";
    NOT_OPEN = 409 "not_open" "Not on sale" [],
        "The sale is closed, or the performance has begun.",
        "Choose another date or event.";
    NOT_ADMITTED = 403 "not_admitted" "It is not your turn yet" ["position?", "retryAfterSeconds"],
        "The token's number is still waiting in line.",
        "Request GET /events/{eventId}/tokens/me after retryAfterSeconds, until its status is ACTIVE.";
    TURN_OVER = 410 "turn_over" "Your turn is over" [],
        "The session has ended by payment, by leaving or by time, or the user did not arrive in time after being called. Or the user has no place in line.",
        "Join again with POST /events/{eventId}/tokens. A hold that has not expired can be paid without joining.";
    DATE_NOT_FOUND = 404 "date_not_found" "There is no such date" [],
        "The event has no performance on this date.",
        "GET /events/{eventId} lists the dates. If a day has several performances, its dates include the time.";
    SEAT_NOT_FOUND = 404 "seat_not_found" "There is no such seat" ["seatNumber"],
        "The date has no seat with this number.",
        "GET /events/{eventId}/dates/{date}/seats lists the seats.";
    LIMIT_EXCEEDED = 422 "limit_exceeded" "More than is allowed" ["maxSeatsPerUser?", "balance?", "walletCeiling?"],
        "The request exceeds the number of seats per user (maxSeatsPerUser) or the maximum balance of a wallet (balance, walletCeiling).",
        "Request less.";
    RESERVATION_NOT_FOUND = 404 "reservation_not_found" "There is no such reservation" [],
        "The token's user has no reservation with this id. Reservations of other users are reported as not found.",
        "GET /users/{userId}/reservations lists the user's reservations.";
    IDEMPOTENCY_KEY_REUSED = 422 "idempotency_key_reused" "The Idempotency-Key was used for another charge" [],
        "A charge of another amount was made with this key. A key identifies one charge permanently.",
        "Use a new key for a new charge.";
    NOT_CANCELLABLE = 409 "not_cancellable" "The reservation cannot be cancelled" [],
        "It is too late to cancel, or the hold has expired.",
        "An expired hold needs no action. The time to cancel a paid reservation is over.";
    NOT_PAYABLE = 409 "not_payable" "There is nothing to pay" [],
        "The reservation is cancelled, or was free of charge.",
        "See the reservation with GET /reservations/{reservationId}.";
    HOLD_EXPIRED = 410 "hold_expired" "The hold has expired" [],
        "The hold was not paid before heldUntil. The wallet was not charged.",
        "Join again and hold a seat.";
    ALREADY_RESERVED = 409 "already_reserved" "You have a reservation for this date" ["reservationId"],
        "A user can have one reservation per date, or one per event with general admission.",
        "Pay the reservation with the id reservationId, or cancel it to choose other seats.";
    SEAT_TAKEN = 409 "seat_taken" "The seat is taken" ["seatNumber", "heldUntil?"],
        "Another user holds one of the seats until heldUntil, or has bought it (no heldUntil). No seat was held.",
        "Choose another seat.";
    SOLD_OUT = 409 "sold_out" "Sold out" [],
        "There are not enough tickets left.",
        "Request fewer, or try again later: holds expire and tickets are returned.";
    INSUFFICIENT_BALANCE = 402 "insufficient_balance" "The wallet's balance is too low" ["balance", "required"],
        "The wallet's balance is less than the price (required).",
        "Charge the wallet and repeat the request. A hold is not affected.";
    THROTTLED = 429 "throttled" "Too many requests at the moment" ["retryAfterSeconds"],
        "The database has no capacity left at the moment.",
        "Repeat the request after Retry-After seconds.";
    BUSY = 503 "busy" "Too busy to answer at the moment" ["retryAfterSeconds"],
        "The database or the issuer of a token did not respond, or too many requests use the same seats. It is not known whether the request took effect.",
        "Repeat the request after Retry-After seconds, with the same body and the same Idempotency-Key. This is safe.";
}

/// The fields of problems beyond the common ones.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Extra {
    /// With `invalid_request`: all errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<FieldError>>,
    /// With `not_admitted`: the place in line. Omitted before a draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// With `not_admitted`, `throttled` and `busy`: when to repeat the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<PollAfter>,
    /// With `seat_not_found` and `seat_taken`: the seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    seat_number: Option<SeatNumber>,
    /// With `seat_taken`: the end of the hold. Omitted if the seat is sold.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    held_until: Option<EpochMs>,
    /// With `limit_exceeded`: the maximum number of seats per user.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seats_per_user: Option<u32>,
    /// With `insufficient_balance` and `limit_exceeded`: the wallet's balance.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Money>,
    /// With `limit_exceeded`: the maximum balance of a wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    wallet_ceiling: Option<Money>,
    /// With `insufficient_balance`: the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Money>,
    /// With `already_reserved`: the existing reservation.
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<ReservationId>,
}

/// An error in the form of RFC 9457.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Problem"))]
struct Body {
    /// `/docs/errors#` and the code: a page that explains it.
    r#type: String,
    /// A short text that is the same for all problems of a code.
    title: &'static str,
    /// The HTTP status code.
    #[cfg_attr(feature = "openapi", schemars(range(min = 400, max = 599)))]
    status: u16,
    /// An explanation for people. The wording may change.
    detail: String,
    /// The stable code for programs.
    #[cfg_attr(feature = "openapi", schemars(extend("enum" = codes())))]
    code: &'static str,
    #[serde(flatten)]
    extra: Extra,
}

/// All codes, for the API document.
#[cfg(feature = "openapi")]
fn codes() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.code).collect()
}

/// The schema of all problems, for the API document.
#[cfg(feature = "openapi")]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Body>()
}

/// The problem that a refusal is reported as.
#[derive(Debug)]
pub struct Problem {
    pub code: &'static str,
    kind: Kind,
    detail: String,
    extra: Extra,
    header: Option<(lambda_http::http::HeaderName, String)>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            code: kind.code,
            kind,
            detail: detail.into(),
            extra: Extra::default(),
            header: None,
        }
    }

    fn with(self, extra: Extra) -> Self {
        Self { extra, ..self }
    }

    fn header(mut self, name: lambda_http::http::HeaderName, value: &impl ToString) -> Self {
        self.header = Some((name, value.to_string()));
        self
    }

    fn retry(self) -> Self {
        self.with(Extra {
            retry_after_seconds: Some(RETRY_AFTER_WHEN_BUSY),
            ..Extra::default()
        })
        .header(RETRY_AFTER, &RETRY_AFTER_WHEN_BUSY.whole_seconds())
    }

    /// The problem of a refusal.
    #[expect(clippy::too_many_lines, reason = "the table of all refusals")]
    #[must_use]
    pub fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::RouteNotFound => Self::new(ROUTE_NOT_FOUND, "GET /docs lists the endpoints."),
            Refusal::MethodNotAllowed { allow } => {
                Self::new(METHOD_NOT_ALLOWED, format!("Supported methods: {allow}.")).header(ALLOW, allow)
            }
            Refusal::UnsupportedMediaType => Self::new(
                UNSUPPORTED_MEDIA_TYPE,
                "Send the body with Content-Type: application/json.",
            ),
            Refusal::BodyTooLarge => Self::new(BODY_TOO_LARGE, "The body may have at most 16 KiB."),
            Refusal::TokenMissing => Self::new(
                TOKEN_MISSING,
                "Join the queue with POST /events/{eventId}/tokens, and send its token as Authorization: Bearer. If users sign in with an issuer, joining requires its ID token.",
            )
            .header(WWW_AUTHENTICATE, &"Bearer"),
            Refusal::TokenInvalid => Self::new(
                TOKEN_INVALID,
                "The token is not genuine, has expired, or is for another event or audience.",
            )
            .header(WWW_AUTHENTICATE, &"Bearer"),
            Refusal::InvalidRequest(errors) => {
                Self::new(INVALID_REQUEST, "See errors for details.").with(Extra {
                    errors: Some(errors.clone()),
                    ..Extra::default()
                })
            }
            Refusal::NotYours => Self::new(NOT_YOURS, "The token belongs to another user."),
            Refusal::EventNotFound => Self::new(EVENT_NOT_FOUND, "GET /events lists the events."),
            Refusal::WrongAdmission => Self::new(
                WRONG_ADMISSION,
                "Hold seats if admission is seated; reserve tickets if it is general.",
            ),
            Refusal::NotOpen(why) => Self::new(NOT_OPEN, format!("Not on sale: {why}.")),
            Refusal::NotAdmitted {
                position,
                poll_after,
            } => Self::new(
                NOT_ADMITTED,
                "You are waiting in line. GET /events/{eventId}/tokens/me shows when it is your turn.",
            )
            .with(Extra {
                position: *position,
                retry_after_seconds: Some(*poll_after),
                ..Extra::default()
            })
            .header(RETRY_AFTER, &poll_after.whole_seconds()),
            Refusal::TurnOver => Self::new(
                TURN_OVER,
                "The session has ended. Join again with POST /events/{eventId}/tokens.",
            ),
            Refusal::DateNotFound => Self::new(
                DATE_NOT_FOUND,
                "GET /events/{eventId}/dates lists the dates.",
            ),
            Refusal::SeatNotFound(seat) => {
                Self::new(SEAT_NOT_FOUND, "The date has no seat with this number.")
                    .with(Extra {
                        seat_number: Some(*seat),
                        ..Extra::default()
                    })
            }
            Refusal::LimitExceeded(Limit::Seats { most }) => Self::new(
                LIMIT_EXCEEDED,
                format!("A user may have at most {most} tickets per reservation."),
            )
            .with(Extra {
                max_seats_per_user: Some(*most),
                ..Extra::default()
            }),
            Refusal::LimitExceeded(Limit::Wallet { balance, ceiling }) => Self::new(
                LIMIT_EXCEEDED,
                format!("A wallet can hold at most {ceiling}."),
            )
            .with(Extra {
                balance: Some(*balance),
                wallet_ceiling: Some(*ceiling),
                ..Extra::default()
            }),
            Refusal::ReservationNotFound => {
                Self::new(RESERVATION_NOT_FOUND, "You have no reservation with this id.")
            }
            Refusal::IdempotencyKeyReused => Self::new(
                IDEMPOTENCY_KEY_REUSED,
                "A key identifies one charge permanently. Use a new key for another amount.",
            ),
            Refusal::NotCancellable(why) => {
                Self::new(NOT_CANCELLABLE, format!("Not cancelled: {why}."))
            }
            Refusal::NotPayable => {
                Self::new(NOT_PAYABLE, "The reservation is cancelled, or was free of charge.")
            }
            Refusal::HoldExpired => Self::new(
                HOLD_EXPIRED,
                "The hold was not paid in time. The wallet was not charged. Join again to hold a seat.",
            ),
            Refusal::AlreadyReserved(id) => Self::new(
                ALREADY_RESERVED,
                "A user can have one reservation per date. Cancel it to choose other seats.",
            )
            .with(Extra {
                reservation_id: Some(id.clone()),
                ..Extra::default()
            }),
            Refusal::SeatTaken { seat, held_until } => {
                Self::new(SEAT_TAKEN, "Another user has this seat. Choose another one.").with(Extra {
                    seat_number: Some(*seat),
                    held_until: *held_until,
                    ..Extra::default()
                })
            }
            Refusal::SoldOut => Self::new(SOLD_OUT, "There are not enough tickets left."),
            Refusal::InsufficientBalance { balance, required } => Self::new(
                INSUFFICIENT_BALANCE,
                "Charge the wallet and repeat the request. A hold is not affected.",
            )
            .with(Extra {
                balance: Some(*balance),
                required: Some(*required),
                ..Extra::default()
            }),
            Refusal::Throttled => Self::new(
                THROTTLED,
                "The database has no capacity left at the moment.",
            )
            .retry(),
            Refusal::Busy(_) => Self::new(
                BUSY,
                "It is not known whether the request took effect. It is safe to repeat it.",
            )
            .retry(),
            Refusal::IssuerUnreachable => Self::new(
                BUSY,
                "The issuer of the token does not respond. Nothing was done. A queue token does not need the issuer.",
            )
            .retry(),
        }
    }

    /// Converts it to a response.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        let body = Body {
            r#type: format!("/docs/errors#{}", self.code),
            title: self.kind.title,
            status: self.kind.status,
            detail: self.detail,
            code: self.code,
            extra: self.extra,
        };
        let status =
            StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = Answer::problem(status, &body);
        match self.header {
            Some((name, value)) => answer.with(name, &value),
            None => answer,
        }
    }
}
