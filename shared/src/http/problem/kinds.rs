//! The table of problem codes, with their statuses, titles and advice.

#[cfg(feature = "openapi")]
use serde::Serialize;

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
    NOT_THROUGH_CDN = 403 "not_through_cdn" "This address is closed" [],
        "The operator allows requests only through the CDN, and this one came directly to the API.",
        "Send the request to the public address of the shop.";
    ROUTE_NOT_FOUND = 404 "route_not_found" "There is nothing at this path" [],
        "No endpoint has this path. Paths are exact: they have no trailing slash and are case-sensitive.",
        "Compare the path with the list of endpoints.";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "This path does not support this method" [],
        "The path exists, but does not support this method. HEAD is supported where GET is.",
        "Use one of the methods in the Allow header.";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The body must be application/json" [],
        "The request has a body, and its Content-Type is not application/json, or it has a Content-Encoding such as gzip.",
        "Send Content-Type: application/json and no Content-Encoding, or no body if none is needed.";
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
    INVALID_SIGNATURE = 400 "invalid_signature" "The notification is not signed by the provider" [],
        "The signature of a payment provider's notification is missing, wrong, or more than five minutes old.",
        "Register this address at the provider, and give the signing secret that it shows to the stack.";
    NOT_YOURS = 403 "not_yours" "This belongs to another user" [],
        "The wallet, the list or the userId belongs to another user than the token.",
        "Use the userId that was returned with the token.";
    SIGN_IN_INSTEAD = 409 "sign_in_instead" "Sign in on the other device" [],
        "Users are identified by an OpenID Connect issuer, so there are no links to other devices.",
        "Sign in on the other device as the same user: place in line, wallet and tickets are there.";
    LINK_NOT_VALID = 404 "link_not_valid" "This link cannot be used" [],
        "The code is unknown or older than ten minutes, a newer one has replaced it, or another request has used it.",
        "Make a new link with POST /users/{userId}/device-links on the first device.";
    EVENT_NOT_FOUND = 404 "event_not_found" "There is no such event" [],
        "No event has this id.",
        "GET /events lists the events.";
    WRONG_ADMISSION = 409 "wrong_admission" "The event has another kind of admission" [],
        "The request is for seats of an event with general admission, or for tickets without seats of an event with seated admission.",
        "See admission of the event: hold seats if it is seated, reserve tickets if it is general.";
    EVENT_CANCELLED = 409 "event_cancelled" "The event is cancelled" [],
        "The organiser has cancelled the event. Everything that was paid for it is given back in full, with all fees.",
        "There is nothing to do: the refund comes by itself. Choose another event.";
    DATE_CANCELLED = 409 "date_cancelled" "The date is cancelled" [],
        "The organiser has cancelled this date of the event. Everything that was paid for it is given back in full, with all fees. Other dates take place.",
        "There is nothing to do: the refund comes by itself. Choose another date.";
    NOT_OPEN = 409 "not_open" "Not on sale" [],
        "The sale is closed, or the performance has begun.",
        "Choose another date or event.";
    CODE_REQUIRED = 403 "code_required" "Joining needs a code" [],
        "Before the general sale, only those can join the queue who have a code of the presale that is open or opens next.",
        "Send the code as code in the body, or join when the event's codeRequired is no longer true.";
    CODE_INVALID = 403 "code_invalid" "This is not a valid code" [],
        "The code is mistyped, unknown, for another event, or was revoked.",
        "Compare each letter and digit with the code that was received. Case, hyphens and spaces do not matter.";
    CODE_NOT_NOW = 403 "code_not_now" "The code is not for this presale" [],
        "The code is for another presale of the event than the one that is open or opens next.",
        "See presales of the event, and join when the code's presale is the next one.";
    CODE_USED_UP = 409 "code_used_up" "The code has been used" [],
        "As many users as may have joined with this code. A user who has used it can use it again.",
        "Use another code, or join as the user who has used this one.";
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
    LIMIT_EXCEEDED = 422 "limit_exceeded" "More than is allowed" ["maxSeatsPerUser?", "balance?", "walletCeiling?", "maxPendingCharges?", "maxPendingWithdrawals?"],
        "The request exceeds the number of seats per user (maxSeatsPerUser), the maximum balance of a wallet (balance, walletCeiling), or the number of charges (maxPendingCharges) or withdrawals (maxPendingWithdrawals) that may be pending at once.",
        "Request less, or wait until a pending charge or withdrawal has ended.";
    RESERVATION_NOT_FOUND = 404 "reservation_not_found" "There is no such reservation" [],
        "The token's user has no reservation with this id. Reservations of other users are reported as not found.",
        "GET /users/{userId}/reservations lists the user's reservations.";
    CHARGE_NOT_FOUND = 404 "charge_not_found" "There is no such charge" [],
        "The user has no charge with this id that a payment provider confirms.",
        "Make a charge with POST /users/{userId}/wallet/charges, and use its chargeId.";
    IDEMPOTENCY_KEY_REUSED = 422 "idempotency_key_reused" "The Idempotency-Key was used for another charge" [],
        "A charge of another amount, or for another reservation, was made with this key. A key identifies one charge permanently.",
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
    TOO_MANY_HOLDS = 409 "too_many_holds" "Too many holds in this session" ["maxHolds"],
        "A session can hold seats maxHolds times, released and lapsed holds included.",
        "Pay a hold, or join again after this session: leave the queue, or wait until expiresAt.";
    SEAT_TAKEN = 409 "seat_taken" "The seat is taken" ["seatNumber", "heldUntil?"],
        "Another user holds one of the seats until heldUntil, or has bought it (no heldUntil). No seat was held.",
        "Choose another seat.";
    RECENTLY_HELD = 409 "recently_held" "You held this seat a short while ago" ["seatNumber", "retryAfterSeconds"],
        "The user held one of the seats without paying. Until retryAfterSeconds have passed, only other users can hold it. No seat was held.",
        "Choose another seat, or repeat the request after Retry-After seconds.";
    SOLD_OUT = 409 "sold_out" "Sold out" ["availableTickets"],
        "There are not enough tickets left: availableTickets, which may be 0, are fewer than requested.",
        "Request fewer, or try again later: holds expire and tickets are returned.";
    INSUFFICIENT_BALANCE = 402 "insufficient_balance" "The wallet's balance is too low" ["balance", "required"],
        "The wallet's balance is less than the price (required).",
        "Charge the wallet and repeat the request. A hold is not affected.";
    NOT_WITHDRAWABLE = 409 "not_withdrawable" "Not so much can go back" ["withdrawable"],
        "The amount is more than can go back to where it came from (withdrawable). Money that was granted can only be spent.",
        "Withdraw less. GET /users/{userId}/wallet tells how much can go back.";
    THROTTLED = 429 "throttled" "Too many requests at the moment" ["retryAfterSeconds"],
        "The database has no capacity left at the moment.",
        "Repeat the request after Retry-After seconds.";
    PARALLEL_REQUESTS = 429 "parallel_requests" "Too many of your requests at the same time" ["retryAfterSeconds"],
        "Several requests of the same user change the same wallet, reservation or session at the same time. This one was not carried out.",
        "Repeat the request after Retry-After seconds. Send a user's requests one after the other.";
    PROVIDER_UNREACHABLE = 503 "provider_unreachable" "The payment provider does not answer" ["retryAfterSeconds"],
        "The payment provider did not answer in time. Nobody has paid.",
        "Repeat the request after Retry-After seconds, with the same body and the same Idempotency-Key. This is safe.";
    BUSY = 503 "busy" "Too busy to answer at the moment" ["retryAfterSeconds"],
        "The database or the issuer of a token did not respond, or too many requests use the same seats. It is not known whether the request took effect.",
        "Repeat the request after Retry-After seconds, with the same body and the same Idempotency-Key. This is safe.";
}
