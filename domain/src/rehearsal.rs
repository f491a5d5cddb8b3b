//! Rehearsals: an operator allows load on an event, for a limited time.
//!
//! `boxoffice rush` loads only a server that proves this permission. It sends a random [`Challenge`], and the server answers
//! with a code that only somebody who knows the permit's secret can compute. The secret is in the table, so only its operator
//! can set it.

use hmac::Mac;
use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::ids::{EventId, Malformed};
use crate::queue::Secret;

/// The name of the procedure. It is part of the code, so a code of another procedure is never taken for an answer.
const PROCEDURE: &str = "boxoffice-rehearsal-1";

/// Permission to load an event with `boxoffice rush`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permit {
    pub secret: Secret,
    /// It expires by itself.
    pub until: EpochMs,
}

impl Permit {
    /// Whether the permit is in force.
    #[must_use]
    pub fn is_valid(&self, now: EpochMs) -> bool {
        now < self.until
    }
}

/// 32 random bytes, as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// A new challenge.
    ///
    /// # Errors
    /// If the operating system provides no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Parses 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| "a challenge has 64 hexadecimal digits".to_owned())?;
        Ok(Self(bytes))
    }

    /// The code that proves knowledge of the secret, in hexadecimal.
    #[must_use]
    pub fn answer(&self, secret: &Secret, event: &EventId) -> String {
        let code = self.code(secret, event).finalize();
        hex::encode(code.into_bytes())
    }

    /// Whether an answer is right.
    #[must_use]
    pub fn is_answered_by(&self, answer: &str, secret: &Secret, event: &EventId) -> bool {
        // The comparison takes the same time wherever the codes differ.
        hex::decode(answer).is_ok_and(|code| self.code(secret, event).verify_slice(&code).is_ok())
    }

    fn code(&self, secret: &Secret, event: &EventId) -> impl Mac + use<> {
        // The event id has no `|`, and the challenge has a fixed length.
        secret
            .mac()
            .chain_update(format!("{PROCEDURE}|{event}|{self}"))
    }
}

impl std::fmt::Display for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_answers_a_challenge_and_only_for_its_event() {
        let (secret, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        let event = EventId::parse("winter-live").unwrap();
        let challenge = Challenge::random().unwrap();
        let answer = challenge.answer(&secret, &event);
        assert!(challenge.is_answered_by(&answer, &secret, &event));
        assert!(!challenge.is_answered_by(&answer, &other, &event));
        let another_event = EventId::parse("winter-live-2").unwrap();
        assert!(!challenge.is_answered_by(&answer, &secret, &another_event));
        assert!(
            !Challenge::random()
                .unwrap()
                .is_answered_by(&answer, &secret, &event)
        );
        for wrong in ["", "00", &answer[2..], &format!("{answer}00")] {
            assert!(!challenge.is_answered_by(wrong, &secret, &event), "{wrong}");
        }
    }

    #[test]
    fn a_challenge_is_read_as_it_is_written() {
        let challenge = Challenge::random().unwrap();
        assert_eq!(Challenge::parse(&challenge.to_string()), Ok(challenge));
        for text in ["", "00", &"0".repeat(65), &"g".repeat(64)] {
            assert!(Challenge::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_permit_expires_at_its_time() {
        let permit = Permit {
            secret: Secret::random().unwrap(),
            until: EpochMs(1_000),
        };
        assert!(permit.is_valid(EpochMs(999)) && !permit.is_valid(EpochMs(1_000)));
    }
}
