//! Whether a request came through the CDN, by a secret that the CDN adds to its requests.

use sha2::digest::CtOutput;
use sha2::{Digest, Sha256};

/// The header in which the CDN sends the secret. It replaces a header of this name that a viewer sent.
pub const ORIGIN_HEADER: &str = "x-boxoffice-origin";

/// The secrets that are accepted. None: every request is accepted.
///
/// Only their hashes are known here, so that the configuration of a function does not contain a secret.
#[derive(Clone, Debug, Default)]
pub struct OriginSecrets(Vec<[u8; 32]>);

impl OriginSecrets {
    /// Reads SHA-256 hashes in hexadecimal, separated by commas, or `any`, which accepts every request: the CDN must send a
    /// secret before the functions require one. `None` if the text is malformed.
    #[must_use]
    pub fn parse(hashes: &str) -> Option<Self> {
        if hashes == "any" {
            return Some(Self::default());
        }
        let hash = |text: &str| hex::decode(text).ok()?.try_into().ok();
        hashes.split(',').map(hash).collect::<Option<_>>().map(Self)
    }

    /// Whether a request with this header's value is accepted. Takes the same time for every hash.
    #[must_use]
    pub fn accept(&self, secret: Option<&str>) -> bool {
        let sent = Sha256::digest(secret.unwrap_or_default());
        let sent = CtOutput::<Sha256>::new(sent);
        let is_known = self.0.iter().fold(false, |is_known, hash| {
            is_known | (sent == CtOutput::new((*hash).into()))
        });
        self.0.is_empty() || is_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

    #[test]
    fn only_the_accepted_secrets_pass() {
        let secrets = OriginSecrets::parse(&format!("{ONE},{TWO}")).unwrap();
        assert!(secrets.accept(Some("one")));
        assert!(secrets.accept(Some("two")));
        for refused in [None, Some(""), Some("One"), Some("one,two"), Some(ONE)] {
            assert!(!secrets.accept(refused), "{refused:?}");
        }
    }

    #[test]
    fn without_secrets_every_request_passes() {
        assert!(OriginSecrets::parse("any").unwrap().accept(None));
        assert!(OriginSecrets::default().accept(None));
        assert!(OriginSecrets::default().accept(Some("one")));
    }

    #[test]
    fn a_malformed_hash_is_refused() {
        for hashes in [
            "",
            ",",
            "one",
            &ONE[1..],
            &format!("{ONE},"),
            &format!("{ONE}, {TWO}"),
        ] {
            assert!(OriginSecrets::parse(hashes).is_none(), "{hashes:?}");
        }
    }
}
