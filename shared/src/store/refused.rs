//! Failed conditions, with the items that made them fail.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;

use super::error::{StoreError, describe, service_error, store_error};
use super::expression::Key;
use super::item::Item;
use super::keys;

/// Why a single write was not made.
pub(super) enum WriteError {
    /// The condition failed. Contains the current item, if it exists.
    Refused(Option<Item>),
    Store(StoreError),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Why a transaction was not made.
pub(super) enum TransactionError {
    /// At least one condition failed. Contains the verdict on each write.
    Refused(Vec<Verdict>),
    Store(StoreError),
}

/// The result of one write of a cancelled transaction.
#[derive(Debug)]
pub(super) enum Verdict {
    Fine,
    /// The condition failed. Contains the current item, if it exists.
    Refused(Option<Item>),
}

/// Errors of single writes that may contain the item that made the condition fail.
pub(super) trait ConditionFailure {
    /// The item, if it exists.
    fn refused_by(self) -> Option<Item>;
}

macro_rules! condition_failure {
    ($($error:path),+) => {$(
        impl ConditionFailure for $error {
            fn refused_by(self) -> Option<Item> {
                match self {
                    Self::ConditionalCheckFailedException(failure) => failure.item,
                    _ => None,
                }
            }
        }
    )+};
}

condition_failure!(
    aws_sdk_dynamodb::operation::put_item::PutItemError,
    aws_sdk_dynamodb::operation::update_item::UpdateItemError,
    aws_sdk_dynamodb::operation::delete_item::DeleteItemError
);

pub(super) fn write_error<E, R>(error: SdkError<E, R>) -> WriteError
where
    E: ConditionFailure + ProvideErrorMetadata + std::fmt::Debug,
    R: std::fmt::Debug,
{
    if error.code() != Some("ConditionalCheckFailedException") {
        return WriteError::Store(store_error(error));
    }
    match error {
        SdkError::ServiceError(service) => WriteError::Refused(service.into_err().refused_by()),
        other => WriteError::Store(StoreError::Unavailable(describe(&other))),
    }
}

/// `keys` are those of the transaction's writes, in order.
pub(super) fn transaction_error<R: std::fmt::Debug>(
    error: SdkError<TransactWriteItemsError, R>,
    keys: &[Key],
) -> TransactionError {
    match error {
        SdkError::ServiceError(service) => match service.into_err() {
            TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                cancellation(cancelled.cancellation_reasons.unwrap_or_default(), keys)
            }
            other => TransactionError::Store(service_error(
                other.code().unwrap_or_default(),
                other.message().unwrap_or_default(),
            )),
        },
        other => TransactionError::Store(store_error(other)),
    }
}

/// A failed condition is a result, whatever the other reasons are. Without one, the cause is a
/// conflict or a throttle, and the transaction may be retried.
fn cancellation(reasons: Vec<CancellationReason>, keys: &[Key]) -> TransactionError {
    let is = |reason: &CancellationReason, code: &str| reason.code.as_deref() == Some(code);
    // Strangers never write these items.
    let is_own_conflict = reasons
        .iter()
        .zip(keys)
        .any(|(reason, key)| is(reason, "TransactionConflict") && keys::is_of_one_user(key));
    let other = reasons
        .iter()
        .find(|reason| {
            !matches!(
                reason.code.as_deref(),
                None | Some("None" | "ConditionalCheckFailed")
            )
        })
        .map(|reason| {
            service_error(
                reason.code.as_deref().unwrap_or_default(),
                reason.message.as_deref().unwrap_or_default(),
            )
        });
    let refused = reasons
        .iter()
        .any(|reason| is(reason, "ConditionalCheckFailed"));
    match other {
        Some(StoreError::Conflict) if !refused && is_own_conflict => {
            TransactionError::Store(StoreError::OwnConflict)
        }
        Some(error) if !refused => TransactionError::Store(error),
        _ => TransactionError::Refused(
            reasons
                .into_iter()
                .map(|reason| {
                    if is(&reason, "ConditionalCheckFailed") {
                        Verdict::Refused(reason.item)
                    } else {
                        Verdict::Fine
                    }
                })
                .collect(),
        ),
    }
}
