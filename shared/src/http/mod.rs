//! HTTP: the only place that knows status codes, headers and JSON bodies.

mod answer;
mod call;
mod cursor;
mod fields;
pub mod problem;
pub mod views;

pub use answer::Answer;
pub use call::Call;
pub use cursor::{decode_cursor, encode_cursor};
pub use fields::{Fields, positive, text};

/// The largest request body, in bytes.
pub const LARGEST_BODY: usize = 16 * 1024;
