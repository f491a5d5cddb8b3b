//! What a page of the desk may do, by the key in its address.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::answer::ApiError;

/// Each role may do what the ones before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    /// Reads.
    See,
    /// Also serves single guests: sells, gives, moves.
    Sell,
    /// Also decides about whole sales: steers, blocks, cancels.
    Decide,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::See, Self::Sell, Self::Decide];

    /// Its name in the printed addresses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Sell => "sell",
            Self::Decide => "decide",
        }
    }
}

/// 128 random bits.
const KEY_BYTES: usize = 16;

/// A key for each role.
pub(super) struct Keys([(Role, String); 3]);

impl Keys {
    pub(super) fn new() -> Result<Self> {
        let mut keys = Role::ALL.map(|role| (role, String::new()));
        for (_, key) in &mut keys {
            let mut bytes = [0; KEY_BYTES];
            getrandom::fill(&mut bytes)
                .map_err(|error| anyhow!("cannot get random bytes: {error}"))?;
            *key = hex::encode(bytes);
        }
        Ok(Self(keys))
    }

    /// The lines that print the page's addresses: the key is the fragment, which browsers never send.
    pub(super) fn announcement(&self, address: SocketAddr) -> Vec<String> {
        let line = |(role, key): &(Role, String)| {
            format!("desk to {} on http://{address}/#{key}", role.name())
        };
        self.0.iter().map(line).collect()
    }

    fn role_of(&self, given: &str) -> Option<Role> {
        let found = self.0.iter().find(|(_, key)| key == given);
        found.map(|(role, _)| *role)
    }
}

/// The role that some routes need, and the keys that have it.
#[derive(Clone)]
pub(super) struct Needed {
    pub(super) role: Role,
    pub(super) keys: Arc<Keys>,
}

/// The only check of a request's key. The handlers find the key's role in the request's extensions.
pub(super) async fn check(
    State(needed): State<Needed>,
    mut request: Request,
    next: Next,
) -> Response {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    match given.and_then(|key| needed.keys.role_of(key)) {
        None => ApiError::wrong_key().into_response(),
        Some(role) if role < needed.role => {
            ApiError::lesser_role(role, needed.role).into_response()
        }
        Some(role) => {
            request.extensions_mut().insert(role);
            next.run(request).await
        }
    }
}
