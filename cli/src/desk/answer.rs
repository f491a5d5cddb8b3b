//! What the desk's API answers if something is wrong.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::roles::Role;
use crate::unknown::Unknown;

/// An error with a message for the operator.
pub(super) struct ApiError(StatusCode, String);

pub(super) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(super) fn wrong_key() -> Self {
        let message = "open the whole address that the command printed, with the key behind the #";
        Self(StatusCode::UNAUTHORIZED, message.to_owned())
    }

    pub(super) fn lesser_role(role: Role, needed: Role) -> Self {
        let message = format!(
            "this page was opened to {}; open the address to {} for that",
            role.name(),
            needed.name()
        );
        Self(StatusCode::FORBIDDEN, message)
    }

    /// A field that cannot be used.
    pub(super) fn field(field: &str, reason: impl std::fmt::Display) -> Self {
        Self(StatusCode::BAD_REQUEST, format!("{field}: {reason}"))
    }

    /// What is asked for does not fit the state of things.
    pub(super) fn conflict(reason: String) -> Self {
        Self(StatusCode::CONFLICT, reason)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        let status = if error.is::<Unknown>() {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::BAD_GATEWAY
        };
        Self(status, format!("{error:#}"))
    }
}

impl From<JsonRejection> for ApiError {
    fn from(error: JsonRejection) -> Self {
        Self(error.status(), error.body_text())
    }
}

/// The value, or which field cannot be used and why.
pub(super) fn valid<T, E: std::fmt::Display>(field: &str, parsed: Result<T, E>) -> ApiResult<T> {
    parsed.map_err(|error| ApiError::field(field, error))
}
