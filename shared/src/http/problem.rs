//! Problems (RFC 9457): the one table of codes, statuses and titles.

use lambda_http::http::StatusCode;
use lambda_http::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Map, Value, json};

use super::Answer;
use crate::refusal::{Limit, Refusal};

/// When to come back after a throttle or a conflict, in seconds.
const RETRY_AFTER_SECONDS: u64 = 1;

/// One line of the table: what a code always says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal $title:literal;)+) => {
        $(const $name: Kind = Kind { code: $code, status: $status, title: $title };)+
        /// All codes, in the order of precedence.
        pub const KINDS: &[Kind] = &[$($name),+];
    };
}

kinds! {
    ROUTE_NOT_FOUND = 404 "route_not_found" "There is nothing at this path";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "This path does not take this method";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The body must be application/json";
    BODY_TOO_LARGE = 413 "body_too_large" "The body is too large";
    TOKEN_MISSING = 401 "token_missing" "A queue token is needed";
    TOKEN_INVALID = 401 "token_invalid" "The queue token is not valid here";
    INVALID_REQUEST = 400 "invalid_request" "The request is not valid";
    NOT_YOURS = 403 "not_yours" "This belongs to another user";
    EVENT_NOT_FOUND = 404 "event_not_found" "There is no such event";
    WRONG_ADMISSION = 409 "wrong_admission" "The event is not sold in this way";
    NOT_OPEN = 409 "not_open" "Not on sale";
    NOT_ADMITTED = 403 "not_admitted" "It is not your turn yet";
    TURN_OVER = 410 "turn_over" "Your turn is over";
    DATE_NOT_FOUND = 404 "date_not_found" "There is no such date";
    SEAT_NOT_FOUND = 404 "seat_not_found" "There is no such seat";
    LIMIT_EXCEEDED = 422 "limit_exceeded" "More than is allowed";
    RESERVATION_NOT_FOUND = 404 "reservation_not_found" "There is no such reservation";
    IDEMPOTENCY_KEY_REUSED = 422 "idempotency_key_reused" "The Idempotency-Key was used for another charge";
    NOT_CANCELLABLE = 409 "not_cancellable" "The reservation cannot be cancelled";
    NOT_PAYABLE = 409 "not_payable" "There is nothing to pay";
    HOLD_EXPIRED = 410 "hold_expired" "The hold has lapsed";
    ALREADY_RESERVED = 409 "already_reserved" "You have a reservation for this date";
    SEAT_TAKEN = 409 "seat_taken" "The seat is taken";
    SOLD_OUT = 409 "sold_out" "Sold out";
    INSUFFICIENT_BALANCE = 402 "insufficient_balance" "The wallet does not hold enough";
    THROTTLED = 429 "throttled" "Too many requests just now";
    BUSY = 503 "busy" "Too busy to answer just now";
}

/// A refusal, as it is told.
#[derive(Debug)]
pub struct Problem {
    pub code: &'static str,
    kind: Kind,
    detail: String,
    extra: Map<String, Value>,
    header: Option<(lambda_http::http::HeaderName, String)>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            code: kind.code,
            kind,
            detail: detail.into(),
            extra: Map::new(),
            header: None,
        }
    }

    fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    fn field_if_known(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    fn header(mut self, name: lambda_http::http::HeaderName, value: &impl ToString) -> Self {
        self.header = Some((name, value.to_string()));
        self
    }

    fn retry(self) -> Self {
        self.field("retryAfterSeconds", RETRY_AFTER_SECONDS)
            .header(RETRY_AFTER, &RETRY_AFTER_SECONDS)
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
                "Join the queue with POST /events/{eventId}/tokens, and send its token as Authorization: Bearer.",
            )
            .header(WWW_AUTHENTICATE, &"Bearer"),
            Refusal::TokenInvalid => Self::new(
                TOKEN_INVALID,
                "The token is not genuine, has expired, or is for another event.",
            )
            .header(WWW_AUTHENTICATE, &"Bearer"),
            Refusal::InvalidRequest(errors) => {
                let errors: Vec<Value> = errors
                    .iter()
                    .map(|error| json!({"field": error.field, "message": error.message}))
                    .collect();
                Self::new(INVALID_REQUEST, "See errors for each field.").field("errors", errors)
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
            .field_if_known("position", *position)
            .field("retryAfterSeconds", poll_after.as_json_seconds())
            .header(RETRY_AFTER, &poll_after.as_header_seconds()),
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
                    .field("seatNumber", seat.0)
            }
            Refusal::LimitExceeded(Limit::Seats { most }) => Self::new(
                LIMIT_EXCEEDED,
                format!("One user may have at most {most} for a date."),
            )
            .field("maxSeatsPerUser", *most),
            Refusal::LimitExceeded(Limit::Wallet { balance, ceiling }) => Self::new(
                LIMIT_EXCEEDED,
                format!("A wallet holds at most {ceiling}."),
            )
            .field("balance", balance.0)
            .field("walletCeiling", ceiling.0),
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
            .field("reservationId", id.to_string()),
            Refusal::SeatTaken { seat, held_until } => {
                let problem = Self::new(SEAT_TAKEN, "Somebody else has it. Choose another.")
                    .field("seatNumber", seat.0);
                match held_until {
                    Some(until) => problem.field("heldUntil", until.to_string()),
                    None => problem,
                }
            }
            Refusal::SoldOut => Self::new(SOLD_OUT, "There is nothing left."),
            Refusal::InsufficientBalance { balance, required } => Self::new(
                INSUFFICIENT_BALANCE,
                "Charge the wallet and pay again; the hold is as it was.",
            )
            .field("balance", balance.0)
            .field("required", required.0),
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
        }
    }

    /// The answer.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        let mut body = json!({
            "type": format!("/docs/errors#{}", self.code),
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "code": self.code,
        });
        if let Value::Object(body) = &mut body {
            body.extend(self.extra);
        }
        let status =
            StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = Answer::problem(status, &body);
        match self.header {
            Some((name, value)) => answer.with(name, &value),
            None => answer,
        }
    }
}
