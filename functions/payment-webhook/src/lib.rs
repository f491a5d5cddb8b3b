//! POST /webhooks/{provider}: a payment provider's notification.

use domain::charge::ProviderName;
use domain::refusal::Refusal;
use serde::Serialize;
use shared::app::App;
use shared::http::{Answer, ApiRequest};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "payment-webhook",
    init: Init::Catalog,
    takes_body: true,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// The operation in the API document.
#[cfg(feature = "openapi")]
#[must_use]
pub fn operation() -> shared::openapi::Operation {
    use shared::http::problem;
    use shared::openapi::{Access, Operation, Tag};

    Operation::new(
        &FUNCTION,
        "POST /webhooks/{provider}",
        Tag::Wallet,
        Access::Anyone,
    )
    .describe(
        "Notify of a payment",
        "For payment providers. Nothing in a notification is believed: it only makes the provider \
         be asked about the charge that it names. The body is as the provider sends it.",
    )
    .response::<Body>(200, "Received.")
    .problems(&[
        problem::INVALID_SIGNATURE,
        problem::THROTTLED,
        problem::PROVIDER_UNREACHABLE,
    ])
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "NotificationReceived"))]
struct Body {
    received: bool,
}

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    request.path_parameter("provider", |name| {
        ProviderName::parse(name)
            .filter(|name| app.provider_name() == Some(*name))
            .ok_or_else(|| "is not the payment provider of this shop".to_owned())
    })?;
    app.notified(request.notification()).await?;
    Ok(Answer::ok(&Body { received: true }))
}
