//! Codes that let their holders join a presale, or open blocked seats to them.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::block::Channel;
use crate::clock::EpochMs;
use crate::ids::{EventId, Malformed};
use crate::presale::{Joining, PhaseName};
use crate::refusal::Refusal;

/// Crockford's base 32: no letters that look like digits.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 12 digits of 5 bits are 60 bits. With a hundred thousand codes of an event, somebody who tries ten thousand a second for a
/// day finds one with a probability of 2^16.6 × 2^29.7 / 2^60, less than one in ten thousand.
const RANDOM: usize = 12;
/// The random digits, and the digit that checks them.
const CHECKED: usize = RANDOM + 1;
/// The digits are written in groups.
const GROUP: usize = 4;

/// What stands before the random digits of a code, such as the name of a fan club: at most 12 letters and digits.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CodePrefix(String);

impl CodePrefix {
    const MOST: usize = 12;

    /// Parses a prefix. Case does not matter.
    ///
    /// # Errors
    /// If it is too long, or has other characters than letters and digits of ASCII.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() <= Self::MOST && text.bytes().all(|c| c.is_ascii_alphanumeric()) {
            Ok(Self(text.chars().map(plain).collect()))
        } else {
            Err(format!("must be at most {} letters and digits", Self::MOST))
        }
    }
}

/// A letter or digit as codes have it: in upper case, and a digit in place of a letter that looks like it.
fn plain(typed: char) -> char {
    match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
}

/// Multiplies in the field of 32 elements, modulo x^5 + x^2 + 1.
fn product(mut one: u8, mut other: u8) -> u8 {
    let mut sum = 0;
    while other > 0 {
        if other & 1 == 1 {
            sum ^= one;
        }
        one <<= 1;
        if one & 0b10_0000 != 0 {
            one ^= 0b10_0101;
        }
        other >>= 1;
    }
    sum
}

/// The digit that checks the others: their sum with a weight for each place. Weights differ and are not zero, so one wrong digit
/// or two digits in the wrong order are always noticed.
fn check_digit(digits: impl Iterator<Item = u8>) -> u8 {
    let weighted = digits
        .zip(2..)
        .map(|(digit, weight)| product(digit, weight));
    weighted.fold(0, |sum, digit| sum ^ digit)
}

fn value_of(digit: u8) -> Option<u8> {
    let index = DIGITS.iter().position(|known| *known == digit)?;
    u8::try_from(index).ok()
}

/// A code: a prefix, 60 random bits as 12 letters and digits, and a digit that checks them.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessCode(String);

impl AccessCode {
    /// A new code.
    ///
    /// # Errors
    /// If the operating system provides no randomness.
    pub fn random(prefix: &CodePrefix) -> Result<Self, getrandom::Error> {
        let mut values = [0; RANDOM];
        getrandom::fill(&mut values)?;
        // 32 divides 256, so every digit is equally likely.
        let values = values.map(|value| value % 32);
        let checked = values.into_iter().chain([check_digit(values.into_iter())]);
        let digits = checked.map(|value| char::from(DIGITS[usize::from(value)]));
        Ok(Self(prefix.0.chars().chain(digits).collect()))
    }

    /// Parses a code as people type it: in either case, with or without hyphens and spaces, and with letters in place of the
    /// digits that they look like.
    ///
    /// # Errors
    /// If it cannot be a code. This finds every single wrong digit, and most other errors.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let malformed = || "is not a code: check each letter and digit".to_owned();
        let typed = text.chars().filter(|c| !matches!(c, '-' | ' '));
        let code: String = typed
            .take(CodePrefix::MOST + CHECKED + 1)
            .map(plain)
            .collect();
        let prefix = code.len().checked_sub(CHECKED).ok_or_else(malformed)?;
        if prefix > CodePrefix::MOST || !code.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return Err(malformed());
        }
        let values: Option<Vec<u8>> = code.bytes().skip(prefix).map(value_of).collect();
        match values.ok_or_else(malformed)?.split_last() {
            Some((check, random)) if check_digit(random.iter().copied()) == *check => {
                Ok(Self(code))
            }
            _ => Err(malformed()),
        }
    }

    /// SHA-256 of the event's id and the code. Only this is stored.
    #[must_use]
    pub fn hash(&self, event: &EventId) -> CodeHash {
        CodeHash(hex::encode(Sha256::digest(format!("{event}#{}", self.0))))
    }
}

impl fmt::Display for AccessCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, digits) = self.0.split_at(self.0.len() - CHECKED);
        f.write_str(prefix)?;
        for (index, digit) in digits.chars().enumerate() {
            if index % GROUP == 0 && (index > 0 || !prefix.is_empty()) {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for AccessCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessCode(…)")
    }
}

/// The hash of a code of an event: 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeHash(String);

impl CodeHash {
    /// Reads a hash as it is stored. `None`: it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_hash = text.len() == 64 && text.bytes().all(|c| c.is_ascii_hexdigit());
        is_hash.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names the code in lists: the first 16 digits of its hash, which lead to nobody's code.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }
}

/// What is stored of a code, under its hash.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedCode {
    /// Names those that one command made.
    pub batch: String,
    /// The presale that its holders may join. `None`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<PhaseName>,
    /// The blocked seats that it opens to its holders. `None`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// How many users may use it.
    pub most_users: u32,
    /// How many users have used it.
    pub users: u32,
    pub made_at: EpochMs,
    /// When an operator revoked it. Nobody can join with it from then on. Who has joined keeps the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<EpochMs>,
}

impl IssuedCode {
    /// Whether a user may join with it. `is_known` says whether the user has used it before: that counts once.
    ///
    /// # Errors
    /// The refusal, if not.
    pub fn check(&self, joining: &Joining<'_>, is_known: bool) -> Result<(), Refusal> {
        if self.revoked_at.is_some() {
            return Err(Refusal::CodeInvalid);
        }
        if let Joining::WithCode(phases) = joining
            && !phases
                .iter()
                .any(|phase| Some(&phase.name) == self.phase.as_ref())
        {
            return Err(Refusal::CodeNotNow);
        }
        if !is_known && self.users >= self.most_users {
            return Err(Refusal::CodeUsedUp);
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::presale::Presale;
    use proptest::prelude::*;

    fn fan() -> CodePrefix {
        CodePrefix::parse("fan").unwrap()
    }

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = AccessCode::random(&fan()).unwrap();
        let shown = code.to_string();
        assert_eq!(shown.len(), "FAN-0000-0000-0000-0".len());
        for typed in [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', ""),
            format!(" {} ", shown.replace('-', " ")),
            shown.replace('0', "o").replace('1', "l"),
        ] {
            assert_eq!(AccessCode::parse(&typed), Ok(code.clone()), "{typed}");
        }
        let bare = AccessCode::random(&CodePrefix::default()).unwrap();
        assert_eq!(AccessCode::parse(&bare.to_string()), Ok(bare));
    }

    #[test]
    fn other_texts_are_not_codes() {
        let valid = AccessCode::random(&fan()).unwrap().to_string();
        for text in [
            "",
            "FAN",
            "0000-0000-0000-1",
            "0000-0000-0000-U",
            "한글한글한글한글한글한글한",
            &format!("{valid}0"),
            &format!("ABCDEFGHJKMNP{valid}"),
        ] {
            assert!(AccessCode::parse(text).is_err(), "{text}");
        }
        for prefix in ["a-b", "팬", "ABCDEFGHJKMNP"] {
            assert!(CodePrefix::parse(prefix).is_err(), "{prefix}");
        }
    }

    #[test]
    fn codes_differ_between_events_and_are_never_logged() {
        let code = AccessCode::random(&fan()).unwrap();
        let hash = |event| code.hash(&EventId::parse(event).unwrap());
        assert_ne!(hash("one"), hash("other"));
        assert_eq!(CodeHash::read(hash("one").as_str()), Some(hash("one")));
        assert_eq!(hash("one").id().len(), 16);
        assert_eq!(format!("{code:?}"), "AccessCode(…)");
    }

    /// A code for two users, of which this many have used it.
    pub(crate) fn issued(users: u32) -> IssuedCode {
        IssuedCode {
            batch: "b".to_owned(),
            phase: PhaseName::parse("fans").ok(),
            channel: None,
            most_users: 2,
            users,
            made_at: EpochMs(0),
            revoked_at: None,
        }
    }

    #[test]
    fn a_code_admits_as_many_users_as_it_says_and_each_of_them_again() {
        let joining = Joining::Free;
        assert!(issued(1).check(&joining, false).is_ok());
        assert!(matches!(
            issued(2).check(&joining, false),
            Err(Refusal::CodeUsedUp)
        ));
        assert!(issued(2).check(&joining, true).is_ok());
        let revoked = IssuedCode {
            revoked_at: Some(EpochMs(1)),
            ..issued(0)
        };
        for is_known in [false, true] {
            let refused = revoked.check(&joining, is_known);
            assert!(matches!(refused, Err(Refusal::CodeInvalid)));
        }
    }

    #[test]
    fn a_code_of_another_presale_is_not_for_now() {
        let press = Presale {
            name: PhaseName::parse("press").unwrap(),
            opens_at: EpochMs(0),
            closes_at: EpochMs(1),
        };
        let joining = Joining::WithCode(vec![&press]);
        let refused = issued(0).check(&joining, false);
        assert!(matches!(refused, Err(Refusal::CodeNotNow)));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in ".{0,40}") {
            let _ = AccessCode::parse(&text);
        }

        #[test]
        fn a_wrong_digit_is_noticed(place in 0..CHECKED, wrong in 0..32_usize) {
            let code = AccessCode::random(&CodePrefix::default()).unwrap();
            let mut typed = code.0.clone().into_bytes();
            typed[place] = DIGITS[wrong];
            let typed = String::from_utf8(typed).unwrap();
            prop_assert_eq!(AccessCode::parse(&typed).is_ok(), typed == code.0);
        }

        #[test]
        fn two_digits_in_the_wrong_order_are_noticed(place in 0..CHECKED - 1) {
            let code = AccessCode::random(&CodePrefix::default()).unwrap();
            let mut typed = code.0.clone().into_bytes();
            typed.swap(place, place + 1);
            let typed = String::from_utf8(typed).unwrap();
            prop_assert_eq!(AccessCode::parse(&typed).is_ok(), typed == code.0);
        }
    }
}
