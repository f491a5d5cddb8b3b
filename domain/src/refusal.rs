//! Every way in which the system says no, by name. [`crate::http::problem`] gives each its status code.

use serde::Serialize;

use crate::clock::EpochMs;
use crate::ids::{ReservationId, SeatNumber};
use crate::money::Money;
use crate::queue::PollAfter;

/// What is wrong with one field of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct FieldError {
    /// A dotted path into the body, or `header:…`, `query:…`, `path:…`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl FieldError {
    /// An error of a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// What would be too much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// More seats than one user may have for a date.
    Seats { most: u32 },
    /// More money than a wallet may hold.
    Wallet { balance: Money, ceiling: Money },
}

/// Why the store failed, for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A refusal. Declared in the order of precedence: where several apply, the first answers.
#[derive(Debug)]
pub enum Refusal {
    RouteNotFound,
    MethodNotAllowed {
        allow: String,
    },
    UnsupportedMediaType,
    BodyTooLarge,
    TokenMissing,
    TokenInvalid,
    InvalidRequest(Vec<FieldError>),
    NotYours,
    EventNotFound,
    WrongAdmission,
    NotOpen(&'static str),
    NotAdmitted {
        /// None before the draw.
        position: Option<u64>,
        poll_after: PollAfter,
    },
    TurnOver,
    DateNotFound,
    SeatNotFound(SeatNumber),
    LimitExceeded(Limit),
    ReservationNotFound,
    IdempotencyKeyReused,
    NotCancellable(&'static str),
    NotPayable,
    HoldExpired,
    AlreadyReserved(ReservationId),
    SeatTaken {
        seat: SeatNumber,
        held_until: Option<EpochMs>,
    },
    SoldOut,
    InsufficientBalance {
        balance: Money,
        required: Money,
    },
    /// DynamoDB has no capacity for this now.
    Throttled,
    /// The store did not answer, or too many are at the same items. What was asked for may or may not have been
    /// done; asking again is safe.
    Busy(Cause),
    /// The issuer by whose tokens users are known does not give its keys, so nobody can say who calls.
    IssuerUnreachable,
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        Self::InvalidRequest(vec![error])
    }
}
