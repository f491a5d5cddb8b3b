//! Why the store cannot answer, and how the SDK's errors become that.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use domain::refusal::Refusal;

/// Why the store could not answer. Nothing is half done; whether a write was done may be unknown.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB refused for want of capacity, retries included.
    #[error("DynamoDB throttles")]
    Throttled,
    /// Others were at the same items at the same time, retries included.
    #[error("too many conflicts")]
    Conflict,
    /// No answer in time, or none at all.
    #[error("DynamoDB did not answer: {0}")]
    Unavailable(String),
    /// An item is not what this version writes.
    #[error("cannot read an item: {0}")]
    Unreadable(String),
}

pub(super) type Result<T> = std::result::Result<T, StoreError>;

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Throttled => Self::Throttled,
            StoreError::Conflict | StoreError::Unavailable(_) | StoreError::Unreadable(_) => {
                Self::Busy(error.into())
            }
        }
    }
}

/// The one place where an SDK error becomes ours.
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

/// What happened, without the request that it happened to: that may carry a person's data.
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
        _ => StoreError::Unavailable(format!("{code}: {message}")),
    }
}
