//! The compact form of a JWT: header, payload and signature, each in base64url (RFC 7515). Nothing here verifies anything.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

/// The parts of a token, still encoded.
pub(crate) struct Jwt<'a> {
    /// The signed part: header and payload.
    pub(crate) message: &'a str,
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) signature: &'a str,
}

impl<'a> Jwt<'a> {
    /// `None` if the text does not have three parts.
    pub(crate) fn split(text: &'a str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        (!payload.contains('.')).then_some(Self {
            message,
            header,
            payload,
            signature,
        })
    }
}

/// The bytes of a part.
pub(crate) fn bytes(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// The JSON of a header or a payload.
pub(crate) fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&bytes(part)?).ok()
}
