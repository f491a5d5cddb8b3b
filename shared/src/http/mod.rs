//! HTTP: the only layer that knows status codes, headers and JSON bodies.

mod answer;
mod body;
mod charge_view;
mod cursor;
pub mod field_types;
pub mod problem;
mod request;
mod unique_fields;
pub mod views;
mod withdrawal_view;

pub use answer::Answer;
#[cfg(feature = "openapi")]
pub use body::describe;
pub use body::{Alternative, BodyFields, Object, no_fields};
pub use charge_view::ChargeView;
pub use cursor::{decode_cursor, encode_cursor};
#[cfg(feature = "openapi")]
pub use request::idempotency_key_schema;
pub use request::{ApiRequest, IDEMPOTENCY_KEY, PAYMENT_PROVIDER};
pub use withdrawal_view::WithdrawalView;

/// The maximum size of a request body, in bytes.
pub const LARGEST_BODY: usize = 16 * 1024;
