//! Steering a sale from the desk.

use domain::journal::Why;
use serde::Deserialize;

use super::answer::{ApiError, ApiResult, valid};
use crate::catalog::MAX_ACTIVE_LIMIT;
use crate::steering::{self, SaleAction, Steering};

/// The options of `boxoffice queue`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SteeringRequest {
    action: Option<ActionRequest>,
    max_active: Option<u32>,
    batch_size: Option<u32>,
    beacon: Option<String>,
    why: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ActionRequest {
    Pause,
    Resume,
    Close,
}

impl SteeringRequest {
    /// What is to be changed, and why.
    pub(super) fn parse(self) -> ApiResult<(Steering, Option<Why>)> {
        let in_range = |field: &str, value: Option<u32>| match value {
            Some(value) if !(1..=MAX_ACTIVE_LIMIT).contains(&value.into()) => Err(ApiError::field(
                field,
                format_args!("must be 1 to {MAX_ACTIVE_LIMIT}"),
            )),
            value => Ok(value),
        };
        let why = valid("why", self.why.as_deref().map(Why::parse).transpose())?;
        let beacon = self.beacon.as_deref().map(steering::parse_beacon);
        let beacon = valid("beacon", beacon.transpose())?;
        let steering = Steering {
            action: self.action.map(|action| match action {
                ActionRequest::Pause => SaleAction::Pause,
                ActionRequest::Resume => SaleAction::Resume,
                ActionRequest::Close => SaleAction::Close,
            }),
            max_active: in_range("maxActive", self.max_active)?,
            batch_size: in_range("batchSize", self.batch_size)?,
            beacon,
        };
        Ok((steering, why))
    }
}
