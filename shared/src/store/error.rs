//! Errors of the store, and their mapping from SDK errors.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use domain::refusal::Refusal;

/// Why the store could not answer. No operation is half done, but it may be unknown whether a write
/// took effect.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB throttled the request, including its retries.
    #[error("DynamoDB throttles")]
    Throttled,
    /// Other requests used the same items at the same time, including retries.
    #[error("too many conflicts")]
    Conflict,
    /// The same, at an item that only requests of one user write: the user's own requests were in
    /// each other's way.
    #[error("too many parallel requests of one user")]
    OwnConflict,
    /// DynamoDB did not respond in time, or not at all.
    #[error("DynamoDB did not answer: {0}")]
    Unavailable(String),
    /// DynamoDB has no table of the configured name.
    #[error("DynamoDB has no such table")]
    NoTable,
    /// An item does not have the format of this version.
    #[error("cannot read an item: {0}")]
    Unreadable(String),
}

pub(super) type Result<T> = std::result::Result<T, StoreError>;

impl StoreError {
    /// Whether the write may be tried again at once.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict | Self::OwnConflict)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Throttled => Self::Throttled,
            StoreError::OwnConflict => Self::ParallelRequests,
            StoreError::Conflict
            | StoreError::Unavailable(_)
            | StoreError::NoTable
            | StoreError::Unreadable(_) => Self::Busy(error.into()),
        }
    }
}

/// The only place that maps SDK errors.
#[expect(
    clippy::needless_pass_by_value,
    reason = "errors are mapped by value: `.map_err(store_error)`"
)]
pub(super) fn store_error<E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(
    error: SdkError<E, R>,
) -> StoreError {
    match error.code() {
        Some(code) => service_error(code, error.message().unwrap_or_default()),
        None => StoreError::Unavailable(describe(&error)),
    }
}

/// Describes the error without the request, which may contain personal data.
pub(super) fn describe<E, R>(error: &SdkError<E, R>) -> String {
    let kind = match error {
        SdkError::TimeoutError(_) => "time-out",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "connection timed out",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ResponseError(_) => "answer not understood",
        SdkError::ConstructionFailure(_) => "request not built",
        _ => "failure",
    };
    kind.to_owned()
}

pub(super) fn service_error(code: &str, message: &str) -> StoreError {
    match code {
        "ThrottlingException"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "ThrottlingError"
        | "ProvisionedThroughputExceeded" => StoreError::Throttled,
        "TransactionConflictException"
        | "TransactionConflict"
        | "TransactionInProgressException" => StoreError::Conflict,
        "ResourceNotFoundException" => StoreError::NoTable,
        _ => StoreError::Unavailable(format!("{code}: {message}")),
    }
}
