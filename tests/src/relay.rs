//! DynamoDB behind a relay that counts, with TLS or without: what an executable opens and asks, and when.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What has passed.
#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    calls: AtomicUsize,
}

/// A relay to an endpoint.
pub struct Relay {
    /// Where it listens.
    endpoint_url: String,
    /// The authority that vouches for it; none without TLS.
    authority: Option<NamedTempFile>,
    counts: Arc<Counts>,
}

impl Relay {
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
        let counts = Arc::new(Counts::default());
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let relay = Self {
            endpoint_url: format!("{scheme}://localhost:{port}"),
            authority,
            counts: counts.clone(),
        };
        let to = endpoint_url.trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counts.connections.fetch_add(1, Ordering::SeqCst);
                let (to, counts, acceptor) = (to.clone(), counts.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let server = TcpStream::connect(to).await.expect("the engine");
                    match acceptor {
                        // A handshake that fails is the client's error, and shows there.
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                pass(stream, server, &counts).await;
                            }
                        }
                        None => pass(stream, server, &counts).await,
                    }
                });
            }
        });
        relay
    }

    /// What a function is told of it.
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
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.counts.calls.load(Ordering::SeqCst)
    }
}

/// Until either side has ended.
async fn pass(client: impl AsyncRead + AsyncWrite, mut server: TcpStream, counts: &Counts) {
    let (mut asked, mut answers) = tokio::io::split(client);
    let (mut answered, mut asks) = server.split();
    let up = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = asked.read(&mut bytes).await {
            // The SDK sends a call when the one before is answered, so each begins what is read.
            if bytes.starts_with(b"POST ") {
                counts.calls.fetch_add(1, Ordering::SeqCst);
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
