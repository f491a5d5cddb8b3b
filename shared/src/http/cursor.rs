//! Cursors: the position at which a list continues, opaque to clients.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use domain::refusal::{FieldError, Refusal};

/// Encodes the position at which the next page begins.
#[must_use]
pub fn encode_cursor(position: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).unwrap_or_default())
}

/// Decodes a cursor from an earlier response.
pub fn decode_cursor<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| FieldError::new("query:cursor", "is not a cursor of this list").into())
}
