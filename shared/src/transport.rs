//! HTTP/1.1 to DynamoDB and to an issuer: connections that are kept, TLS by rustls with ring.
//!
//! The SDK's own transport does the same with proxies, three cryptography libraries and pools to choose from, and a third of
//! a megabyte of each executable; see docs/adr/0024.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as TcpConnector, HttpInfo, capture_connection,
};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// As long as the AWS SDKs wait for a connection by default. What is asked over one has a time-out of its own.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);
/// Of how many servers TLS sessions are remembered: DynamoDB's, or an issuer's two.
const SESSIONS: usize = 16;

/// Why nobody can be believed.
#[derive(Debug, thiserror::Error)]
#[error("these are not certificates of authorities in PEM")]
pub struct NoAuthorities;

/// "Root CAs" of Amazon Trust Services: Amazon Root CA 1 to 4, and Starfield Services G2, which they are also under.
const AMAZON: [&[u8]; 5] = [
    include_bytes!("authorities/amazon-root-ca-1.der"),
    include_bytes!("authorities/amazon-root-ca-2.der"),
    include_bytes!("authorities/amazon-root-ca-3.der"),
    include_bytes!("authorities/amazon-root-ca-4.der"),
    include_bytes!("authorities/starfield-services-root-g2.der"),
];

/// The transport.
pub struct Transport(Client<HttpsConnector<TcpConnector>, SdkBody>);

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    /// For endpoints of AWS: believes Amazon Trust Services alone.
    #[must_use]
    pub fn to_aws() -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(AMAZON.map(CertificateDer::from_slice));
        Self::trusting(roots)
    }

    /// Believes whom the machine believes, some 140 authorities: reading them would take most of a cold start.
    #[must_use]
    pub fn to_anybody() -> Self {
        let mut roots = RootCertStore::empty();
        // The odd one that cannot be read is left out, as everywhere.
        let found = rustls_native_certs::load_native_certs().certs;
        roots.add_parsable_certificates(found);
        Self::trusting(roots)
    }

    /// Believes the authorities in this text, in PEM.
    ///
    /// # Errors
    /// Where there are none in it, or something else is.
    pub fn to_those_under(text: &[u8]) -> Result<Self, NoAuthorities> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(|_| NoAuthorities)?;
            roots.add(certificate).map_err(|_| NoAuthorities)?;
        }
        if roots.is_empty() {
            return Err(NoAuthorities);
        }
        Ok(Self::trusting(roots))
    }

    /// Only reaches servers without TLS: believes nobody.
    #[must_use]
    pub fn without_tls() -> Self {
        Self::trusting(RootCertStore::empty())
    }

    #[expect(clippy::expect_used, reason = "a test makes one")]
    fn trusting(roots: RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the suites of both versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.resumption = Resumption::in_memory_sessions(SESSIONS);
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        // A request goes out at once, however little it is.
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self(client)
    }

    /// As the SDK's clients take it. Each of their calls gets this one: what they set of time-outs, they watch over themselves.
    #[must_use]
    pub fn into_http_client(self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self);
        http_client_fn(move |_, _| connector.clone())
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let connection = capture_connection(&mut request);
        // The SDK asks for it, to leave a connection on which something went wrong.
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let answered = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let response = answered.await.map_err(connector_error)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK may know of a connection, and do to it.
fn metadata(capture: &CaptureConnection) -> Option<ConnectionMetadata> {
    let mut extras = http::Extensions::new();
    capture
        .connection_metadata()
        .as_ref()?
        .get_extras(&mut extras);
    let addresses = extras.get::<HttpInfo>();
    let capture = capture.clone();
    let mut metadata = ConnectionMetadata::builder()
        .proxied(false)
        .poison_fn(move || {
            if let Some(connection) = capture.connection_metadata().as_ref() {
                connection.poison();
            }
        });
    metadata
        .set_local_addr(addresses.map(HttpInfo::local_addr))
        .set_remote_addr(addresses.map(HttpInfo::remote_addr));
    Some(metadata.build())
}

/// A failure as the SDK's retries must see it: what may succeed at the next attempt is one of I/O, or transient.
fn connector_error(error: legacy::Error) -> ConnectorError {
    let kind: fn(Box<dyn Error + Send + Sync>) -> ConnectorError =
        match find::<hyper::Error>(&error) {
            _ if error.is_connect() => ConnectorError::io,
            Some(of_http) if of_http.is_timeout() => ConnectorError::timeout,
            Some(of_http) if of_http.is_user() => ConnectorError::user,
            Some(of_http) if of_http.is_closed() || of_http.is_canceled() => ConnectorError::io,
            _ if find::<std::io::Error>(&error).is_some() => ConnectorError::io,
            Some(of_http) if of_http.is_incomplete_message() => {
                |error| ConnectorError::other(error, Some(ErrorKind::TransientError))
            }
            _ => |error| ConnectorError::other(error, None),
        };
    kind(error.into())
}

/// The first error of that type among an error and what is behind it.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(<dyn Error>::downcast_ref)
}

/// What an error and those behind it say; the outermost alone says little of a connection.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    chain(error)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// An error and those behind it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_authority_of_amazon_is_believed() {
        let mut roots = RootCertStore::empty();
        let added = roots.add_parsable_certificates(AMAZON.map(CertificateDer::from_slice));
        assert_eq!(added, (AMAZON.len(), 0));
    }

    #[test]
    fn authorities_that_are_none_are_refused() {
        for text in [
            "",
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(
                Transport::to_those_under(text.as_bytes()).is_err(),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn nobody_at_the_address_is_an_error_of_io_which_is_tried_again() {
        // Nobody listens at a port that was just given back.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(format!("http://{address}/")).unwrap();
        let error = Transport::without_tls().call(request).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
    }
}
