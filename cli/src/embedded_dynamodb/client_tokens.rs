//! The client tokens of recent transactions. A repeated transaction is answered, and not carried out again.
//!
//! DynamoDB remembers a token for ten minutes. Here the number of tokens is bounded as well, far above what one process uses
//! while it repeats a request. The engine does the same without that bound, but looks at every token in each transaction: after
//! 33,000 of them it is five times slower.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dynoxide::{DynoxideError, Result};
use serde_json::Value;

/// DynamoDB's limit of a token's length in bytes.
pub(super) const MAX_TOKEN: usize = 36;
const WINDOW: Duration = Duration::from_mins(10);
/// About 15 MB.
const MAX_TOKENS: usize = 100_000;

#[derive(Default)]
pub(super) struct ClientTokens {
    hasher: RandomState,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The fingerprint of each token's transaction.
    transactions: HashMap<Arc<str>, u64>,
    /// The oldest first.
    by_age: VecDeque<(Instant, Arc<str>)>,
}

impl ClientTokens {
    /// Carries a transaction out, unless it was carried out under this token before: then returns the default answer, which
    /// tells no consumed capacity. A transaction that fails is not remembered.
    pub(super) fn once<A: Default>(
        &self,
        token: String,
        transaction: &Value,
        carry_out: impl FnOnce() -> Result<A>,
    ) -> Result<A> {
        let fingerprint = self.fingerprint(transaction);
        // Locked until the transaction is done, so that its repetition waits for it. The engine runs one at a time anyway.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.transactions.get(token.as_str()) {
            Some(same) if *same == fingerprint => return Ok(A::default()),
            Some(_) => {
                return Err(DynoxideError::IdempotentParameterMismatchException(
                    "the client token was used for another transaction".to_owned(),
                ));
            }
            None => {}
        }
        let answer = carry_out()?;
        known.remember(Instant::now(), token, fingerprint);
        Ok(answer)
    }

    /// Does not depend on the order of an object's fields, which differs from one serialization of a map to the next.
    fn fingerprint(&self, value: &Value) -> u64 {
        let hasher = &self.hasher;
        match value {
            Value::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| hasher.hash_one((name, self.fingerprint(value))));
                hasher.hash_one(("object", fields.fold(0, u64::wrapping_add)))
            }
            Value::Array(items) => items.iter().fold(hasher.hash_one("array"), |hash, item| {
                hasher.hash_one((hash, self.fingerprint(item)))
            }),
            Value::String(text) => hasher.hash_one(("string", text)),
            other => hasher.hash_one(("other", other.to_string())),
        }
    }
}

impl Known {
    fn remember(&mut self, now: Instant, token: String, fingerprint: u64) {
        while let Some((since, _)) = self.by_age.front()
            && (now.duration_since(*since) >= WINDOW || self.by_age.len() >= MAX_TOKENS)
            && let Some((_, oldest)) = self.by_age.pop_front()
        {
            self.transactions.remove(&oldest);
        }
        let token: Arc<str> = token.into();
        self.transactions.insert(token.clone(), fingerprint);
        self.by_age.push_back((now, token));
    }

    #[cfg(test)]
    fn knows(&self, token: &str) -> bool {
        self.transactions.contains_key(token)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn once(tokens: &ClientTokens, token: &str, transaction: &Value) -> Result<u32> {
        tokens.once(token.to_owned(), transaction, || Ok(1))
    }

    #[test]
    fn a_transaction_is_carried_out_once_for_each_token() {
        let tokens = ClientTokens::default();
        let transaction = json!([{"Put": {"Item": {"a": {"N": "1"}, "b": {"S": "x"}}}}]);
        assert_eq!(once(&tokens, "t", &transaction).unwrap(), 1);
        assert_eq!(once(&tokens, "t", &transaction).unwrap(), 0);
        assert_eq!(once(&tokens, "u", &transaction).unwrap(), 1);
    }

    #[test]
    fn a_failed_transaction_is_not_remembered() {
        let tokens = ClientTokens::default();
        let fails = || Err::<u32, _>(DynoxideError::InternalServerError(String::new()));
        assert!(tokens.once("t".to_owned(), &json!([]), fails).is_err());
        assert_eq!(once(&tokens, "t", &json!([])).unwrap(), 1);
    }

    #[test]
    fn the_order_of_fields_does_not_matter_and_everything_else_does() {
        let tokens = ClientTokens::default();
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let first = parse(r#"[{"a": {"N": "1"}, "b": {"N": "2"}}]"#);
        assert_eq!(once(&tokens, "t", &first).unwrap(), 1);
        let same = parse(r#"[{"b": {"N": "2"}, "a": {"N": "1"}}]"#);
        assert_eq!(once(&tokens, "t", &same).unwrap(), 0);
        for other in [
            r#"[{"a": {"N": "2"}, "b": {"N": "1"}}]"#,
            r#"[{"a": {"S": "1"}, "b": {"N": "2"}}]"#,
            r#"[{"a": {"N": "1"}}, {"b": {"N": "2"}}]"#,
            r#"[{"a": {"N": 1}, "b": {"N": "2"}}]"#,
            "[]",
        ] {
            let refused = once(&tokens, "t", &parse(other)).unwrap_err();
            assert!(
                matches!(
                    refused,
                    DynoxideError::IdempotentParameterMismatchException(_)
                ),
                "{other}: {refused}"
            );
        }
    }

    #[test]
    fn a_token_is_forgotten_after_ten_minutes() {
        let mut known = Known::default();
        let start = Instant::now();
        known.remember(start, "old".to_owned(), 1);
        let almost = start + WINDOW.saturating_sub(Duration::from_millis(1));
        known.remember(almost, "new".to_owned(), 1);
        assert!(known.knows("old"));
        known.remember(start + WINDOW, "newer".to_owned(), 1);
        assert!(!known.knows("old"));
        assert!(known.knows("new"));
    }

    #[test]
    fn the_oldest_token_makes_room_when_there_are_too_many() {
        let mut known = Known::default();
        let now = Instant::now();
        for number in 0..=MAX_TOKENS {
            known.remember(now, number.to_string(), 1);
        }
        assert!(!known.knows("0"));
        assert!(known.knows("1"));
        assert_eq!(known.transactions.len(), MAX_TOKENS);
        assert_eq!(known.by_age.len(), MAX_TOKENS);
    }
}
