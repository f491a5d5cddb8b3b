//! The SDK's way to the engine in this process: an HTTP client that calls it without a socket.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;
use shared::store::{Connection, connect};

use super::operations::Operations;
use crate::table_options::LOCAL_REGION;

/// Nobody resolves this address.
const ENDPOINT: &str = "http://embedded-dynamodb";

/// An HTTP client for the SDK.
#[derive(Clone)]
pub struct InProcess {
    operations: Operations,
}

impl InProcess {
    #[must_use]
    pub fn new(operations: Operations) -> Self {
        Self { operations }
    }
}

/// The product's client, over this HTTP client. It does not sign its requests, because nobody checks the signatures.
#[must_use]
pub fn unsigned_client(http_client: SharedHttpClient) -> Client {
    let client = connect(Connection {
        region: LOCAL_REGION.to_owned(),
        credentials: SharedCredentialsProvider::new(Credentials::from_keys("none", "none", None)),
        endpoint_url: Some(ENDPOINT.to_owned()),
        http_client,
    });
    let unsigned = client
        .config()
        .to_builder()
        .allow_no_auth()
        .auth_scheme_preference([AuthSchemeId::from("noAuth")])
        .build();
    Client::from_conf(unsigned)
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(answer(self.operations.clone(), request))
    }
}

async fn answer(
    operations: Operations,
    mut request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let body = request.take_body().collect().await;
    let body = body.map_err(ConnectorError::user)?.to_bytes();
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let answer = operations.run(target, body).await;
    let status = answer.status.try_into();
    let status = status.map_err(|error| ConnectorError::other(Box::new(error), None))?;
    Ok(HttpResponse::new(status, SdkBody::from(answer.json)))
}
