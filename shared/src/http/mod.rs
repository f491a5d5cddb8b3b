//! HTTP: the only place that knows status codes, headers and JSON bodies.

mod answer;
mod cursor;
mod fields;
pub mod problem;
mod request;
pub mod views;

pub use answer::Answer;
pub use cursor::{decode_cursor, encode_cursor};
pub use fields::{Fields, positive, text};
pub use request::ApiRequest;

/// The largest request body, in bytes.
pub const LARGEST_BODY: usize = 16 * 1024;
