//! Who runs this command, and why: for the journal.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_types::timeout::TimeoutConfig;
use clap::Args;
use domain::journal::{Author, Who, Why};

use crate::output::error_line;
use crate::table_options::{TableOptions, aws_environment};

/// The option of every command that changes something.
#[derive(Args, Clone, Debug)]
pub struct WhyOption {
    /// Why: the journal keeps it
    #[arg(long, value_name = "TEXT", value_parser = Why::parse)]
    why: Option<Why>,
}

/// A sale that must be stopped now does not wait longer for a name.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Who and why, for a command on these tables. It asks AWS once.
pub async fn of(option: &WhyOption, tables: &TableOptions) -> Result<Author> {
    Ok(Author {
        who: who(tables).await?,
        why: option.why.clone(),
    })
}

/// The principal of the AWS environment's credentials; for a DynamoDB on this machine its user.
pub async fn who(tables: &TableOptions) -> Result<Who> {
    if tables.is_on_this_machine() {
        return Ok(local());
    }
    let config = aws_environment().await;
    let credentials = config
        .credentials_provider()
        .context("no AWS credentials are configured; configure some, or use --local")?
        .provide_credentials()
        .await?;
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(ANSWER_WITHIN)
        .build();
    let sts = aws_sdk_sts::config::Builder::from(&config)
        .timeout_config(timeouts)
        .build();
    let sts = aws_sdk_sts::Client::from_conf(sts);
    Ok(principal(&sts, credentials.access_key_id()).await)
}

/// The principal whose access key this is. If AWS does not tell, the act is not held up: the journal gets the key's id, by
/// which `CloudTrail` finds the principal.
async fn principal(sts: &aws_sdk_sts::Client, access_key_id: &str) -> Who {
    let answer = sts.get_caller_identity().send().await;
    match answer.map(|identity| identity.arn) {
        Ok(Some(arn)) => Who::principal(&arn),
        Ok(None) => Who::access_key(access_key_id),
        Err(error) => {
            let error = aws_sdk_sts::error::DisplayErrorContext(&error);
            error_line(format_args!(
                "AWS does not tell who you are, the journal names your access key instead: {error}"
            ));
            Who::access_key(access_key_id)
        }
    }
}

/// The user of this machine.
#[must_use]
pub fn local() -> Who {
    let unknown = |_| "unknown".to_owned();
    let user = whoami::username().unwrap_or_else(unknown);
    let host = whoami::hostname().unwrap_or_else(unknown);
    Who::local(&user, &host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sts::operation::get_caller_identity::{
        GetCallerIdentityError, GetCallerIdentityOutput,
    };
    use aws_smithy_mocks::{mock, mock_client};

    const ARN: &str = "arn:aws:sts::123456789012:assumed-role/Operator/ann";

    #[tokio::test]
    async fn the_journal_names_the_principal_of_the_credentials() {
        let rule = mock!(aws_sdk_sts::Client::get_caller_identity)
            .then_output(|| GetCallerIdentityOutput::builder().arn(ARN).build());
        let sts = mock_client!(aws_sdk_sts, [&rule]);
        let who = principal(&sts, "AKIAEXAMPLE").await;
        assert_eq!(who.to_string(), ARN);
    }

    #[tokio::test]
    async fn an_act_is_not_held_up_if_aws_does_not_tell_who_acts() {
        let rule = mock!(aws_sdk_sts::Client::get_caller_identity)
            .then_error(|| GetCallerIdentityError::unhandled("no network"));
        let sts = mock_client!(aws_sdk_sts, [&rule]);
        let who = principal(&sts, "AKIAEXAMPLE").await;
        assert_eq!(who.to_string(), "access key AKIAEXAMPLE");
    }

    #[test]
    fn on_this_machine_the_journal_names_its_user_and_its_name() {
        let who = local().to_string();
        let (user, host) = who.split_once('@').unwrap();
        assert!(!user.is_empty() && !host.is_empty(), "{who}");
    }
}
