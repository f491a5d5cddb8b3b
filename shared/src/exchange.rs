//! Single HTTP requests without an SDK client.

use std::error::Error;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};

pub use crate::http_client::connector;
pub use aws_smithy_http_client::Connector;

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a [(&'static str, &'a str)],
    pub body: &'a str,
}

/// A response.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// The header `Retry-After`, in seconds. `None` also if it is a date.
    pub retry_after_seconds: Option<u32>,
    pub body: Vec<u8>,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    #[error("the request is invalid")]
    Invalid,
    #[error("{0}")]
    Unreachable(String),
}

impl Exchange<'_> {
    /// Sends the request. The response may have a body of at most `largest_body` bytes. Redirects are not followed, and there
    /// is no timeout.
    pub async fn send(
        &self,
        connector: &Connector,
        largest_body: usize,
    ) -> Result<Reply, Unanswered> {
        let mut request = Request::new(SdkBody::from(self.body.to_owned()));
        request
            .set_method(self.method)
            .map_err(|_| Unanswered::Invalid)?;
        request.set_uri(self.url).map_err(|_| Unanswered::Invalid)?;
        for (name, value) in self.headers {
            request
                .headers_mut()
                .try_insert(*name, (*value).to_owned())
                .map_err(|_| Unanswered::Invalid)?;
        }
        let response = connector
            .call(request)
            .await
            .map_err(|error| Unanswered::Unreachable(causes(&error)))?;
        let status = response.status().as_u16();
        let retry_after_seconds = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.parse().ok());
        let body = Limited::new(response.into_body(), largest_body)
            .collect()
            .await
            .map_err(|error| Unanswered::Unreachable(error.to_string()))?;
        Ok(Reply {
            status,
            retry_after_seconds,
            body: body.to_bytes().to_vec(),
        })
    }
}

/// The messages of an error and of its sources. The outermost alone says little about a failed connection.
fn causes(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
