//! Init and run, nothing else.

use shared::config::{UserIdentity, user_identity};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let UserIdentity::TrustUserIdInRequest = user_identity()?;
    shared::lambda::run(issue_token::FUNCTION).await
}
