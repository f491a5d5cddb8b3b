//! The SDK's HTTP client, with rustls and ring, by the certificate authorities that it trusts.
//!
//! The SDK's default client reads the system's certificate store, about 140 authorities, before the first connection. This
//! takes longer than the rest of a cold start.

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The "Root CAs" of Amazon Trust Services, which sign for every endpoint of AWS: Amazon Root CA 1 to 4, and Starfield
/// Services G2, which cross-signs them. The first one expires in December 2037.
const AMAZON: &[u8] = include_bytes!("amazon_roots.pem");

/// The text holds no certificates of authorities.
#[derive(Debug, thiserror::Error)]
#[error("not certificates of authorities in PEM format")]
pub struct InvalidAuthorities;

/// For endpoints of AWS: trusts only Amazon Trust Services.
#[must_use]
pub fn for_aws() -> SharedHttpClient {
    client(TrustStore::empty().with_pem_certificate(AMAZON))
}

/// Trusts the system's certificate store.
#[must_use]
pub fn for_any_server() -> SharedHttpClient {
    client(TrustStore::default())
}

/// Trusts the authorities in this PEM text.
///
/// # Errors
/// If the text holds no certificate, or an invalid one.
pub fn for_servers_under(authorities: &[u8]) -> Result<SharedHttpClient, InvalidAuthorities> {
    // The client panics on invalid certificates.
    if roots(authorities)?.is_empty() {
        return Err(InvalidAuthorities);
    }
    Ok(client(
        TrustStore::empty().with_pem_certificate(authorities),
    ))
}

fn roots(pem: &[u8]) -> Result<RootCertStore, InvalidAuthorities> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| InvalidAuthorities)?;
        roots.add(certificate).map_err(|_| InvalidAuthorities)?;
    }
    Ok(roots)
}

/// For plain HTTP: trusts no authority, and so reads none.
#[must_use]
pub fn for_plain_http() -> SharedHttpClient {
    client(TrustStore::empty())
}

fn client(trusted: TrustStore) -> SharedHttpClient {
    Builder::new()
        .tls_provider(Provider::rustls(CryptoMode::Ring))
        .tls_context(context(trusted))
        .build_https()
}

/// For requests without an SDK client, to any server: trusts the system's certificate store, which it reads at once.
#[must_use]
pub fn connector() -> Connector {
    Connector::builder()
        .tls_provider(Provider::rustls(CryptoMode::Ring))
        .tls_context(context(TrustStore::default()))
        .build()
}

#[expect(
    clippy::expect_used,
    reason = "only fails where rustls is not compiled in"
)]
fn context(trusted: TrustStore) -> TlsContext {
    TlsContext::builder()
        .with_trust_store(trusted)
        .build()
        .expect("a TLS context")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_authority_of_amazon_is_trusted() {
        assert_eq!(roots(AMAZON).unwrap().len(), 5);
    }

    #[test]
    fn invalid_authorities_are_refused() {
        for text in [
            "",
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(for_servers_under(text.as_bytes()).is_err(), "{text}");
        }
    }
}
