//! The quotas of an AWS account, read from Service Quotas with the operator's own credentials.

use anyhow::{Context, Result};
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_servicequotas::Client;
use aws_sdk_servicequotas::operation::get_service_quota::GetServiceQuotaError;
use aws_sdk_servicequotas::types::ServiceQuota;
use shared::http_client;

use crate::plan::account::Quota;

/// The action that an operator needs, on all resources: quotas have no ARN for it.
const ACTION: &str = "servicequotas:GetServiceQuota";

/// What Service Quotas said.
#[derive(Debug, Default)]
pub struct Found {
    pub values: Vec<(Quota, u32)>,
    /// Why a value is missing.
    pub warnings: Vec<String>,
}

/// The service and the code of a quota.
/// Sources: <https://docs.aws.amazon.com/general/latest/gr/lambda-service.html>,
/// <https://docs.aws.amazon.com/general/latest/gr/apigateway.html>,
/// <https://docs.aws.amazon.com/general/latest/gr/ddb.html>
fn codes(quota: Quota) -> (&'static str, &'static str) {
    match quota {
        Quota::Concurrency => ("lambda", "L-B99A9384"),
        Quota::GatewayRate => ("apigateway", "L-8A5B8E43"),
        Quota::GatewayBurst => ("apigateway", "L-CDF5615A"),
        Quota::TableWrites => ("dynamodb", "L-AB614373"),
        Quota::TableReads => ("dynamodb", "L-CF0CBE56"),
    }
}

/// Reads these quotas. A refused or failed call is a warning, not an error.
pub async fn read(quotas: &[Quota]) -> Result<Found> {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .http_client(http_client::for_any_server())
        .load()
        .await;
    config
        .region()
        // An empty variable counts as a region, too.
        .filter(|region| !region.as_ref().is_empty())
        .context("--account: no AWS region is configured; set AWS_REGION")?;
    let credentials = config
        .credentials_provider()
        .context("--account: no AWS credentials are configured")?;
    credentials
        .provide_credentials()
        .await
        .context("--account: there are no AWS credentials")?;
    let client = Client::new(&config);
    let mut found = Found::default();
    for quota in quotas {
        match value(&client, *quota).await {
            Ok(Some(value)) => found.values.push((*quota, value)),
            // The account has AWS's default, which `plan` knows.
            Ok(None) => {}
            Err(why) => found.warnings.push(format!(
                "{} is assumed to be AWS's default: {why}",
                quota.name()
            )),
        }
    }
    Ok(found)
}

/// The value that applies to the account. `None` if Service Quotas has none of its own for the account.
async fn value(client: &Client, quota: Quota) -> Result<Option<u32>, String> {
    let (service, code) = codes(quota);
    let asked = client
        .get_service_quota()
        .service_code(service)
        .quota_code(code)
        .send()
        .await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => {
            let refusal = error.as_service_error();
            return match refusal {
                Some(GetServiceQuotaError::NoSuchResourceException(_)) => Ok(None),
                Some(GetServiceQuotaError::AccessDeniedException(_)) => {
                    Err(format!("the credentials do not allow {ACTION}"))
                }
                // With the causes, on one line.
                _ => Err(format!("{:#}", anyhow::Error::new(error))),
            };
        }
    };
    let value = answer.quota().and_then(ServiceQuota::value);
    value
        .map(|value| whole(value).ok_or_else(|| format!("{value} is not a quota")))
        .transpose()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "in the range of u32"
)]
fn whole(value: f64) -> Option<u32> {
    (0.0..=f64::from(u32::MAX))
        .contains(&value)
        .then_some(value as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_number_that_is_not_negative() {
        assert_eq!(whole(40_000.0), Some(40_000));
        assert_eq!(whole(1e12), None);
        assert_eq!(whole(-1.0), None);
        assert_eq!(whole(f64::NAN), None);
    }
}
