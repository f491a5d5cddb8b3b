//! Problems (RFC 9457): the one table of codes, statuses and titles.

use lambda_http::http::StatusCode;
use lambda_http::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;

use super::Answer;
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{ReservationId, SeatNumber};
use domain::money::Money;
use domain::queue::PollAfter;
use domain::refusal::{FieldError, Limit, Refusal};

/// When to come back after a throttle or a conflict.
const RETRY_AFTER_WHEN_BUSY: PollAfter = PollAfter::seconds(1);

/// One line of the table: what a code always says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "openapi", derive(Serialize))]
pub struct Kind {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
    /// The fields that the problem has beside those that every problem has; `?` where it may be without.
    pub fields: &'static [&'static str],
    /// When it happens.
    pub when: &'static str,
    /// What whoever gets it can do.
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
        "No endpoint has this path. Paths are exact: no slash at the end, and capitals count.",
        "Compare the path with the list of endpoints.";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "This path does not take this method" [],
        "The path exists, but not with this method. HEAD is not taken either.",
        "Use one of the methods in the Allow header.";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The body must be application/json" [],
        "The request has a body, and its Content-Type is not application/json.",
        "Send Content-Type: application/json, or no body where none is needed.";
    BODY_TOO_LARGE = 413 "body_too_large" "The body is too large" [],
        "The body has more than 16 KiB.",
        "Send a smaller one; no request of this API needs as much.";
    TOKEN_MISSING = 401 "token_missing" "A token is needed" [],
        "The request has no Authorization: Bearer header, and the endpoint needs to know who calls.",
        "Join a queue with POST /events/{eventId}/tokens and send its token. Where people sign in with an OpenID Connect issuer, joining needs the issuer's token.";
    TOKEN_INVALID = 401 "token_invalid" "The token is not valid here" [],
        "The token is not genuine, has expired, or is for another event or audience.",
        "Join the queue of this event; asking again for the same user gives a new token. Sign in again where it was the issuer's.";
    INVALID_REQUEST = 400 "invalid_request" "The request is not valid" ["errors"],
        "A field, a query parameter, a header or an id in the path is missing, malformed or unknown.",
        "Each of errors names a field and says what is wrong with it. Correct them; repeating the request as it was helps nothing.";
    NOT_YOURS = 403 "not_yours" "This belongs to another user" [],
        "The wallet, the list or the userId is not that of the token's user.",
        "Use the userId that came with the token.";
    EVENT_NOT_FOUND = 404 "event_not_found" "There is no such event" [],
        "No event has this id.",
        "GET /events lists the events.";
    WRONG_ADMISSION = 409 "wrong_admission" "The event is not sold in this way" [],
        "Seats were asked for where admission is general, or tickets without seats where it is seated.",
        "admission of the event says which: hold a seat for seated, reserve tickets for general.";
    NOT_OPEN = 409 "not_open" "Not on sale" [],
        "The sale is closed, or the performance has begun.",
        "Choose another date or event.";
    NOT_ADMITTED = 403 "not_admitted" "It is not your turn yet" ["position?", "retryAfterSeconds"],
        "The token's number is still waiting in line.",
        "Ask GET /events/{eventId}/tokens/me after retryAfterSeconds, until its status is ACTIVE.";
    TURN_OVER = 410 "turn_over" "Your turn is over" [],
        "The session has ended: by payment, by leaving, by time, or because nobody came when the number was called. Or there is no place in line.",
        "Join again with POST /events/{eventId}/tokens. A hold that still lives can be paid without.";
    DATE_NOT_FOUND = 404 "date_not_found" "There is no such date" [],
        "The event has no performance on this date.",
        "GET /events/{eventId} lists the dates. Where a day has several performances, the date has a time.";
    SEAT_NOT_FOUND = 404 "seat_not_found" "There is no such seat" ["seatNumber"],
        "The date has no seat of this number.",
        "GET /events/{eventId}/dates/{date}/seats lists the seats.";
    LIMIT_EXCEEDED = 422 "limit_exceeded" "More than is allowed" ["maxSeatsPerUser?", "balance?", "walletCeiling?"],
        "More seats than one user may have (maxSeatsPerUser), or more money than a wallet may hold (balance, walletCeiling).",
        "Ask for less.";
    RESERVATION_NOT_FOUND = 404 "reservation_not_found" "There is no such reservation" [],
        "The token's user has no reservation of this id; another user's is as unknown as none.",
        "GET /users/{userId}/reservations lists the user's own.";
    IDEMPOTENCY_KEY_REUSED = 422 "idempotency_key_reused" "The Idempotency-Key was used for another charge" [],
        "A charge of another amount was made with this key. A key names one charge for ever.",
        "Use a new key for a new charge.";
    NOT_CANCELLABLE = 409 "not_cancellable" "The reservation cannot be cancelled" [],
        "It is too late to cancel, or the hold has lapsed.",
        "Nothing needs to be done for a lapsed hold. For a paid one, the time of cancelling is over.";
    NOT_PAYABLE = 409 "not_payable" "There is nothing to pay" [],
        "The reservation is cancelled, or cost nothing.",
        "Look at the reservation with GET /reservations/{reservationId}.";
    HOLD_EXPIRED = 410 "hold_expired" "The hold has lapsed" [],
        "It was not paid before heldUntil. Nothing was taken from the wallet.",
        "Join again and hold a seat.";
    ALREADY_RESERVED = 409 "already_reserved" "You have a reservation for this date" ["reservationId"],
        "A user has one reservation for a date, or for an event of general admission.",
        "Pay the reservation that reservationId names, or cancel it to choose other seats.";
    SEAT_TAKEN = 409 "seat_taken" "The seat is taken" ["seatNumber", "heldUntil?"],
        "Somebody else holds one of the seats until heldUntil, or has bought it (no heldUntil). None was held.",
        "Choose another seat.";
    SOLD_OUT = 409 "sold_out" "Sold out" [],
        "There are not as many tickets left.",
        "Ask for fewer, or come back: holds lapse and tickets are given back.";
    INSUFFICIENT_BALANCE = 402 "insufficient_balance" "The wallet does not hold enough" ["balance", "required"],
        "The wallet's balance is less than the price (required).",
        "Charge the wallet and ask again; a hold stays as it was.";
    THROTTLED = 429 "throttled" "Too many requests just now" ["retryAfterSeconds"],
        "The database has no capacity left for this second.",
        "Ask again after Retry-After seconds.";
    BUSY = 503 "busy" "Too busy to answer just now" ["retryAfterSeconds"],
        "The database or the issuer of a token did not answer, or too many are at the same seats. Whether it was done is not known.",
        "Ask again after Retry-After seconds, with the same body and the same Idempotency-Key: that is safe.";
}

/// What a problem has beside what every problem has.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Extra {
    /// With `invalid_request`: each thing that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<FieldError>>,
    /// With `not_admitted`: the place in line; left out before a draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// With `not_admitted`, `throttled` and `busy`: when to ask again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<PollAfter>,
    /// With `seat_not_found` and `seat_taken`: which seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    seat_number: Option<SeatNumber>,
    /// With `seat_taken`: until when it is held; left out where it is sold.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    held_until: Option<EpochMs>,
    /// With `limit_exceeded`: how many seats one user may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seats_per_user: Option<u32>,
    /// With `insufficient_balance` and `limit_exceeded`: what the wallet holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Money>,
    /// With `limit_exceeded`: the most that a wallet may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    wallet_ceiling: Option<Money>,
    /// With `insufficient_balance`: the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Money>,
    /// With `already_reserved`: the reservation that there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<ReservationId>,
}

/// What went wrong, in the form of RFC 9457.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "Problem"))]
struct Body {
    /// `/docs/errors#` and the code: a page that explains it.
    r#type: String,
    /// The same for every problem of a code.
    title: &'static str,
    /// The answer's HTTP status.
    #[cfg_attr(feature = "openapi", schemars(range(min = 400, max = 599)))]
    status: u16,
    /// For people, about this one time. Its words may change.
    detail: String,
    /// For programs: it stays the same.
    #[cfg_attr(feature = "openapi", schemars(extend("enum" = codes())))]
    code: &'static str,
    #[serde(flatten)]
    extra: Extra,
}

/// For the API's document: all codes.
#[cfg(feature = "openapi")]
fn codes() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.code).collect()
}

/// For the API's document: the schema of every problem.
#[cfg(feature = "openapi")]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Body>()
}

/// A refusal, as it is told.
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

    /// What a refusal is told as.
    #[expect(clippy::too_many_lines, reason = "the table of what each refusal says")]
    #[must_use]
    pub fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::RouteNotFound => Self::new(ROUTE_NOT_FOUND, "GET / says where to go."),
            Refusal::MethodNotAllowed { allow } => {
                Self::new(METHOD_NOT_ALLOWED, format!("It takes {allow}.")).header(ALLOW, allow)
            }
            Refusal::UnsupportedMediaType => Self::new(
                UNSUPPORTED_MEDIA_TYPE,
                "Send the body with Content-Type: application/json.",
            ),
            Refusal::BodyTooLarge => Self::new(BODY_TOO_LARGE, "A body is at most 16 KiB."),
            Refusal::TokenMissing => Self::new(
                TOKEN_MISSING,
                "Join the queue with POST /events/{eventId}/tokens, and send its token as Authorization: Bearer. Where people sign in, joining needs the issuer's token.",
            )
            .header(WWW_AUTHENTICATE, &"Bearer"),
            Refusal::TokenInvalid => Self::new(
                TOKEN_INVALID,
                "The token is not genuine, has expired, or is for another event or audience.",
            )
            .header(WWW_AUTHENTICATE, &"Bearer"),
            Refusal::InvalidRequest(errors) => {
                Self::new(INVALID_REQUEST, "See errors for each field.").with(Extra {
                    errors: Some(errors.clone()),
                    ..Extra::default()
                })
            }
            Refusal::NotYours => Self::new(NOT_YOURS, "The token is another user's."),
            Refusal::EventNotFound => Self::new(EVENT_NOT_FOUND, "GET /events lists the events."),
            Refusal::WrongAdmission => Self::new(
                WRONG_ADMISSION,
                "Seats of dates are held; general admission is reserved.",
            ),
            Refusal::NotOpen(why) => Self::new(NOT_OPEN, format!("No tickets: {why}.")),
            Refusal::NotAdmitted {
                position,
                poll_after,
            } => Self::new(
                NOT_ADMITTED,
                "You are waiting in line; GET /events/{eventId}/tokens/me tells when it is your turn.",
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
                Self::new(SEAT_NOT_FOUND, "The date has no seat of this number.")
                    .with(Extra {
                        seat_number: Some(*seat),
                        ..Extra::default()
                    })
            }
            Refusal::LimitExceeded(Limit::Seats { most }) => Self::new(
                LIMIT_EXCEEDED,
                format!("One user may have at most {most} for a date."),
            )
            .with(Extra {
                max_seats_per_user: Some(*most),
                ..Extra::default()
            }),
            Refusal::LimitExceeded(Limit::Wallet { balance, ceiling }) => Self::new(
                LIMIT_EXCEEDED,
                format!("A wallet holds at most {ceiling}."),
            )
            .with(Extra {
                balance: Some(*balance),
                wallet_ceiling: Some(*ceiling),
                ..Extra::default()
            }),
            Refusal::ReservationNotFound => {
                Self::new(RESERVATION_NOT_FOUND, "You have no reservation of this id.")
            }
            Refusal::IdempotencyKeyReused => Self::new(
                IDEMPOTENCY_KEY_REUSED,
                "A key names one charge for ever. Use a new one for another amount.",
            ),
            Refusal::NotCancellable(why) => {
                Self::new(NOT_CANCELLABLE, format!("Not cancelled: {why}."))
            }
            Refusal::NotPayable => {
                Self::new(NOT_PAYABLE, "The reservation is cancelled or costs nothing.")
            }
            Refusal::HoldExpired => Self::new(
                HOLD_EXPIRED,
                "It was not paid in time; nothing was taken. Join again to hold a seat.",
            ),
            Refusal::AlreadyReserved(id) => Self::new(
                ALREADY_RESERVED,
                "A user has one reservation for a date. Cancel it to choose other seats.",
            )
            .with(Extra {
                reservation_id: Some(id.clone()),
                ..Extra::default()
            }),
            Refusal::SeatTaken { seat, held_until } => {
                Self::new(SEAT_TAKEN, "Somebody else has it. Choose another.").with(Extra {
                    seat_number: Some(*seat),
                    held_until: *held_until,
                    ..Extra::default()
                })
            }
            Refusal::SoldOut => Self::new(SOLD_OUT, "There is nothing left."),
            Refusal::InsufficientBalance { balance, required } => Self::new(
                INSUFFICIENT_BALANCE,
                "Charge the wallet and pay again; the hold is as it was.",
            )
            .with(Extra {
                balance: Some(*balance),
                required: Some(*required),
                ..Extra::default()
            }),
            Refusal::Throttled => Self::new(
                THROTTLED,
                "The database has no capacity left for this second.",
            )
            .retry(),
            Refusal::Busy(_) => Self::new(
                BUSY,
                "It is not known whether it was done; asking again is safe.",
            )
            .retry(),
            Refusal::IssuerUnreachable => Self::new(
                BUSY,
                "The issuer of the token does not answer. Nothing was done; a queue token needs no issuer.",
            )
            .retry(),
        }
    }

    /// The answer.
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
