//! All refusals. The HTTP layer maps each to a problem with a status code.

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
    /// Creates an error of a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// The limit that a request exceeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// The number of seats that one user may have for a date.
    Seats { most: u32 },
    /// The number of charges of one user that may be pending at the same time.
    PendingCharges { most: u32 },
    /// The number of withdrawals of one user that may be on their way at the same time.
    PendingWithdrawals { most: u32 },
    /// The amount that a wallet may hold.
    Wallet { balance: Money, ceiling: Money },
}

/// Why the store failed, for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A refusal. The variants are in order of precedence: if several apply, the first one is returned.
#[derive(Debug)]
pub enum Refusal {
    /// The request did not come through the CDN, which the operator requires.
    NotThroughCdn,
    RouteNotFound,
    MethodNotAllowed {
        allow: String,
    },
    UnsupportedMediaType,
    BodyTooLarge,
    TokenMissing,
    TokenInvalid,
    InvalidRequest(Vec<FieldError>),
    /// The signature of a payment provider's notification is missing, wrong or too old.
    InvalidSignature,
    NotYours,
    /// Users are identified by an OpenID Connect issuer, so links to other devices do not exist.
    SignInInstead,
    /// The code of a link to another device is unknown, has expired, was replaced, or has been used.
    LinkNotValid,
    EventNotFound,
    WrongAdmission,
    /// The event does not take place.
    EventCancelled,
    NotOpen(&'static str),
    /// Before the general sale, only those with a code can join.
    CodeRequired,
    /// There is no such code, or it was revoked.
    CodeInvalid,
    /// The code is for another presale.
    CodeNotNow,
    /// As many users as may have used the code.
    CodeUsedUp,
    NotAdmitted {
        /// `None` before the draw.
        position: Option<u64>,
        poll_after: PollAfter,
    },
    TurnOver,
    DateNotFound,
    /// The date does not take place. Others of the event do.
    DateCancelled,
    SeatNotFound(SeatNumber),
    LimitExceeded(Limit),
    ReservationNotFound,
    ChargeNotFound,
    IdempotencyKeyReused,
    NotCancellable(&'static str),
    NotPayable,
    HoldExpired,
    AlreadyReserved(ReservationId),
    /// The session has held seats as often as it may.
    TooManyHolds {
        most: u32,
    },
    SeatTaken {
        seat: SeatNumber,
        held_until: Option<EpochMs>,
    },
    /// The user held the seat a short while ago and did not pay.
    RecentlyHeld {
        seat: SeatNumber,
        /// When the user may hold it again.
        retry_after: PollAfter,
    },
    SoldOut {
        /// How many tickets are left: fewer than were requested.
        left: u32,
    },
    InsufficientBalance {
        balance: Money,
        required: Money,
    },
    /// More than can go back to where it came from.
    NotWithdrawable {
        withdrawable: Money,
    },
    /// DynamoDB has no capacity at the moment.
    Throttled,
    /// The user's own requests use the same items at the same time.
    ParallelRequests,
    /// The store did not respond, or too many requests use the same items. The operation may or may
    /// not have taken effect; it is safe to repeat it.
    Busy(Cause),
    /// The payment provider did not answer. It is safe to repeat the request.
    ProviderUnreachable,
    /// The OpenID Connect issuer's keys cannot be read, so the caller's token cannot be verified.
    IssuerUnreachable,
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        Self::InvalidRequest(vec![error])
    }
}
