//! A proxy before DynamoDB that counts connections and calls, with or without TLS. It shows what an executable connects to
//! and when.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What has passed so far.
#[derive(Default)]
struct Traffic {
    connections: AtomicUsize,
    calls: AtomicUsize,
}

/// A proxy for an endpoint.
pub struct CountingProxy {
    /// Its own address.
    endpoint_url: String,
    /// The certificate of its authority; none without TLS.
    authority: Option<NamedTempFile>,
    traffic: Arc<Traffic>,
}

impl CountingProxy {
    /// Without TLS.
    pub async fn plain(endpoint_url: &str) -> Self {
        Self::start(endpoint_url, None, None).await
    }

    /// With TLS, by a certificate made for this.
    pub async fn tls(endpoint_url: &str) -> Self {
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let mut authority = NamedTempFile::new().expect("a file");
        authority
            .write_all(made.cert.pem().as_bytes())
            .expect("a file");
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("TLS")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("TLS");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::start(endpoint_url, Some(acceptor), Some(authority)).await
    }

    async fn start(
        endpoint_url: &str,
        acceptor: Option<TlsAcceptor>,
        authority: Option<NamedTempFile>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let traffic = Arc::new(Traffic::default());
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let relay = Self {
            endpoint_url: format!("{scheme}://localhost:{port}"),
            authority,
            traffic: traffic.clone(),
        };
        let to = endpoint_url.trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                traffic.connections.fetch_add(1, Ordering::SeqCst);
                let (to, traffic, acceptor) = (to.clone(), traffic.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let server = TcpStream::connect(to).await.expect("the engine");
                    match acceptor {
                        // A failed handshake is the client's error, and the client reports it.
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                pass(stream, server, &traffic).await;
                            }
                        }
                        None => pass(stream, server, &traffic).await,
                    }
                });
            }
        });
        relay
    }

    /// The environment variables that send a function to this proxy.
    #[must_use]
    pub fn variables(&self) -> Vec<(&str, &str)> {
        let mut variables = vec![("AWS_ENDPOINT_URL_DYNAMODB", self.endpoint_url.as_str())];
        let authority = self.authority.as_ref();
        variables.extend(
            authority
                .and_then(|file| file.path().to_str())
                .map(|path| ("AWS_CA_BUNDLE", path)),
        );
        variables
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.traffic.connections.load(Ordering::SeqCst)
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.traffic.calls.load(Ordering::SeqCst)
    }
}

/// Copies in both directions until either side ends.
async fn pass(client: impl AsyncRead + AsyncWrite, mut server: TcpStream, traffic: &Traffic) {
    let (mut asked, mut answers) = tokio::io::split(client);
    let (mut answered, mut asks) = server.split();
    let up = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = asked.read(&mut bytes).await {
            // The SDK sends a call only after the previous answer, so each call is at the beginning of what is read.
            if bytes.starts_with(b"POST ") {
                traffic.calls.fetch_add(1, Ordering::SeqCst);
            }
            if asks.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
    };
    let down = tokio::io::copy(&mut answered, &mut answers);
    tokio::select! {
        () = up => {}
        _ = down => {}
    }
}
