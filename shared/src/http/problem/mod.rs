//! Problems (RFC 9457): the form in which refusals are reported.

mod kinds;

pub use kinds::*;

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
    /// With `not_admitted`, `recently_held`, `throttled`, `parallel_requests`, `provider_unreachable` and `busy`: when to repeat the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<PollAfter>,
    /// With `seat_not_found`, `seat_taken` and `recently_held`: the seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    seat_number: Option<SeatNumber>,
    /// With `seat_taken`: the end of the hold. Omitted if the seat is sold, or not on sale.
    #[serde(
        serialize_with = "rfc3339::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    held_until: Option<EpochMs>,
    /// With `limit_exceeded`: the maximum number of seats per user.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seats_per_user: Option<u32>,
    /// With `too_many_holds`: how often a session can hold seats.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_holds: Option<u32>,
    /// With `sold_out`: how many tickets or seats are left, fewer than requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    available_tickets: Option<u32>,
    /// With `insufficient_balance` and `limit_exceeded`: the wallet's balance.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Money>,
    /// With `limit_exceeded`: how many charges of a user may be pending at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_pending_charges: Option<u32>,
    /// With `limit_exceeded`: how many withdrawals of a user may be on their way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_pending_withdrawals: Option<u32>,
    /// With `not_withdrawable`: how much can go back to where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawable: Option<Money>,
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
            Refusal::NotThroughCdn => {
                Self::new(NOT_THROUGH_CDN, "Send the request to the public address of the shop.")
            }
            Refusal::RouteNotFound => Self::new(ROUTE_NOT_FOUND, "GET /docs lists the endpoints."),
            Refusal::MethodNotAllowed { allow } => {
                Self::new(METHOD_NOT_ALLOWED, format!("Supported methods: {allow}.")).header(ALLOW, allow)
            }
            Refusal::UnsupportedMediaType => Self::new(
                UNSUPPORTED_MEDIA_TYPE,
                "Send the body with Content-Type: application/json, and not compressed.",
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
            Refusal::InvalidSignature => Self::new(
                INVALID_SIGNATURE,
                "The signature is missing, wrong or too old.",
            ),
            Refusal::NotYours => Self::new(NOT_YOURS, "The token belongs to another user."),
            Refusal::SignInInstead => Self::new(
                SIGN_IN_INSTEAD,
                "Sign in on the other device as the same user.",
            ),
            Refusal::LinkNotValid => Self::new(
                LINK_NOT_VALID,
                "A code works once, within ten minutes. Make a new one on the first device.",
            ),
            Refusal::EventNotFound => Self::new(EVENT_NOT_FOUND, "GET /events lists the events."),
            Refusal::WrongAdmission => Self::new(
                WRONG_ADMISSION,
                "Hold seats if admission is seated; reserve tickets if it is general.",
            ),
            Refusal::EventCancelled => Self::new(
                EVENT_CANCELLED,
                "The event does not take place. What was paid is given back in full.",
            ),
            Refusal::DateCancelled => Self::new(
                DATE_CANCELLED,
                "This date does not take place. What was paid is given back in full.",
            ),
            Refusal::NotOpen(why) => Self::new(NOT_OPEN, format!("Not on sale: {why}.")),
            Refusal::CodeRequired => Self::new(
                CODE_REQUIRED,
                "Before the general sale, joining needs a code of the presale.",
            ),
            Refusal::CodeInvalid => Self::new(
                CODE_INVALID,
                "There is no such code for this event. Check each letter and digit.",
            ),
            Refusal::CodeNotNow => Self::new(
                CODE_NOT_NOW,
                "The code is for another presale of this event.",
            ),
            Refusal::CodeUsedUp => Self::new(
                CODE_USED_UP,
                "As many users as may have joined with this code.",
            ),
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
            Refusal::LimitExceeded(Limit::PendingCharges { most }) => Self::new(
                LIMIT_EXCEEDED,
                format!("At most {most} charges of a user may be pending at once."),
            )
            .with(Extra {
                max_pending_charges: Some(*most),
                ..Extra::default()
            }),
            Refusal::LimitExceeded(Limit::PendingWithdrawals { most }) => Self::new(
                LIMIT_EXCEEDED,
                format!("At most {most} withdrawals of a user may be on their way at once."),
            )
            .with(Extra {
                max_pending_withdrawals: Some(*most),
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
            Refusal::ChargeNotFound => {
                Self::new(CHARGE_NOT_FOUND, "You have no charge with this id.")
            }
            Refusal::IdempotencyKeyReused => Self::new(
                IDEMPOTENCY_KEY_REUSED,
                "A key identifies one charge, or one withdrawal, permanently. Use a new key for another one.",
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
            Refusal::TooManyHolds { most } => Self::new(
                TOO_MANY_HOLDS,
                format!("A session can hold seats {most} times. Join again after this session."),
            )
            .with(Extra {
                max_holds: Some(*most),
                ..Extra::default()
            }),
            Refusal::SeatTaken { seat, held_until } => {
                Self::new(SEAT_TAKEN, "Another user has this seat. Choose another one.").with(Extra {
                    seat_number: Some(*seat),
                    held_until: *held_until,
                    ..Extra::default()
                })
            }
            Refusal::RecentlyHeld { seat, retry_after } => Self::new(
                RECENTLY_HELD,
                "You held this seat without paying, so others can have it first. Choose another one.",
            )
            .with(Extra {
                seat_number: Some(*seat),
                retry_after_seconds: Some(*retry_after),
                ..Extra::default()
            })
            .header(RETRY_AFTER, &retry_after.whole_seconds()),
            Refusal::SoldOut { left } => {
                let detail = match left {
                    0 => "No ticket is left.".to_owned(),
                    1 => "Only one ticket is left.".to_owned(),
                    left => format!("Only {left} tickets are left."),
                };
                Self::new(SOLD_OUT, detail).with(Extra {
                    available_tickets: Some(*left),
                    ..Extra::default()
                })
            }
            Refusal::InsufficientBalance { balance, required } => Self::new(
                INSUFFICIENT_BALANCE,
                "Charge the wallet and repeat the request. A hold is not affected.",
            )
            .with(Extra {
                balance: Some(*balance),
                required: Some(*required),
                ..Extra::default()
            }),
            Refusal::NotWithdrawable { withdrawable } => Self::new(
                NOT_WITHDRAWABLE,
                format!("At most {withdrawable} can go back to where it came from."),
            )
            .with(Extra {
                withdrawable: Some(*withdrawable),
                ..Extra::default()
            }),
            Refusal::Throttled => Self::new(
                THROTTLED,
                "The database has no capacity left at the moment.",
            )
            .retry(),
            Refusal::ParallelRequests => Self::new(
                PARALLEL_REQUESTS,
                "Other requests of yours were in progress. Send them one after the other.",
            )
            .retry(),
            Refusal::ProviderUnreachable => Self::new(
                PROVIDER_UNREACHABLE,
                "The payment provider did not answer in time. It is safe to repeat the request.",
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
