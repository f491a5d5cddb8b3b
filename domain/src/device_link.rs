//! Links of one use, by which a user takes tickets and wallet to another device.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::EpochMs;
use crate::ids::{EventId, Lane, Malformed, UserId};

/// How long a link can be used: enough to walk to the other device, and to type the code.
pub const LINK_SECONDS: u32 = 10 * 60;

/// Crockford's base 32: no letters that look like digits.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 16 digits of 5 bits are 80 bits. With a million open links, somebody who tries ten thousand codes a second for a link's ten
/// minutes finds one with a probability of 2^20 × 2^22.6 / 2^80, less than one in 10^11.
const LENGTH: usize = 16;
/// The digits are written in groups.
const GROUP: usize = 4;

/// The code of a link: 80 random bits as 16 letters and digits.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkCode([u8; LENGTH]);

impl LinkCode {
    /// A new code.
    ///
    /// # Errors
    /// If the operating system provides no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut digits = [0; LENGTH];
        getrandom::fill(&mut digits)?;
        // 32 divides 256, so every digit is equally likely.
        for digit in &mut digits {
            *digit = DIGITS[usize::from(*digit % 32)];
        }
        Ok(Self(digits))
    }

    /// Parses a code as people type it: in either case, with or without hyphens and spaces, and with letters in place of the
    /// digits that they look like.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let malformed = || format!("must be a code of {LENGTH} letters and digits");
        let mut digits = [0; LENGTH];
        let mut typed = text.chars().filter(|c| !matches!(c, '-' | ' '));
        for digit in &mut digits {
            let found = match typed.next().ok_or_else(malformed)?.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            *digit = u8::try_from(found)
                .ok()
                .filter(|found| DIGITS.contains(found))
                .ok_or_else(malformed)?;
        }
        match typed.next() {
            None => Ok(Self(digits)),
            Some(_) => Err(malformed()),
        }
    }

    /// SHA-256 of the code, in hexadecimal. Only this is stored.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.0))
    }
}

impl fmt::Display for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, digit) in self.0.iter().enumerate() {
            if i > 0 && i % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*digit))?;
        }
        Ok(())
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCode(…)")
    }
}

/// Whom a link identifies: the user, with the place in line of the token that made it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceLink {
    pub user_id: UserId,
    pub event_id: EventId,
    pub lane: Lane,
    /// The queue number.
    pub number: u64,
    pub expires_at: EpochMs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = LinkCode::parse("01AB-CDEF-GHJK-MNPQ").unwrap();
        assert_eq!(code.to_string(), "01AB-CDEF-GHJK-MNPQ");
        for typed in [
            "01abcdefghjkmnpq",
            "oiab cdef ghjk mnpq",
            " 0LAB-CDEF-GHJK-MNPQ ",
        ] {
            assert_eq!(LinkCode::parse(typed), Ok(code.clone()), "{typed}");
        }
    }

    #[test]
    fn other_texts_are_not_codes() {
        for text in [
            "",
            "01AB-CDEF-GHJK-MNP",
            "01AB-CDEF-GHJK-MNPQR",
            "01AB-CDEF-GHJK-MNPU",
            "01AB-CDEF-GHJK-MNP한",
        ] {
            assert!(LinkCode::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn codes_differ_and_are_never_logged() {
        let codes = [LinkCode::random().unwrap(), LinkCode::random().unwrap()];
        assert_ne!(codes[0], codes[1]);
        assert_eq!(
            LinkCode::parse(&codes[0].to_string()).as_ref(),
            Ok(&codes[0])
        );
        assert_eq!(format!("{codes:?}"), "[LinkCode(…), LinkCode(…)]");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in ".{0,40}") {
            let _ = LinkCode::parse(&text);
        }
    }
}
