//! Reading a request's fields, and saying of each what is wrong with it.

use serde_json::{Map, Value};

use domain::refusal::{FieldError, Refusal};

/// The fields of a JSON object. Each is taken once; what is left over at the end is unknown.
#[derive(Debug)]
pub struct Fields {
    rest: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The fields of a body; of an empty one, none.
    pub fn of_body(body: &[u8]) -> Result<Self, Refusal> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::new(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self::new(fields)),
            Ok(_) => Err(FieldError::new("body", "must be a JSON object").into()),
            Err(error) => Err(FieldError::new("body", format!("is not JSON: {error}")).into()),
        }
    }

    fn new(rest: Map<String, Value>) -> Self {
        Self {
            rest,
            errors: Vec::new(),
        }
    }

    /// An optional field, read by `parse`. Null is not the same as absent.
    pub fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.rest.remove(name)?;
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(message) => {
                self.errors.push(FieldError::new(name, message));
                None
            }
        }
    }

    /// A field that must be there.
    pub fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if self.rest.contains_key(name) {
            return self.optional(name, parse);
        }
        self.refuse(name, "is required");
        None
    }

    /// The fields of an optional object within. What is wrong with them is told by their path.
    pub fn nested<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let Value::Object(fields) = self.optional(name, |value| match value {
            Value::Object(_) => Ok(value.clone()),
            _ => Err("must be an object".to_owned()),
        })?
        else {
            return None;
        };
        let mut inner = Self::new(fields);
        let read = read(&mut inner);
        if let Err(Refusal::InvalidRequest(errors)) = inner.finish() {
            self.errors.extend(
                errors
                    .into_iter()
                    .map(|error| FieldError::new(format!("{name}.{}", error.field), error.message)),
            );
            return None;
        }
        read
    }

    /// Whether nothing wrong has been found so far.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// Notes an error of a field.
    pub fn refuse(&mut self, name: &str, message: &str) {
        self.errors.push(FieldError::new(name, message));
    }

    /// All errors together, those of unknown fields too.
    pub fn finish(mut self) -> Result<(), Refusal> {
        let unknown: Vec<String> = self.rest.keys().take(MOST_ERRORS).cloned().collect();
        for name in unknown {
            self.refuse(&name, "is not a field of this request");
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            self.errors.truncate(MOST_ERRORS);
            Err(Refusal::InvalidRequest(self.errors))
        }
    }
}

/// A body of many wrong fields gets so many errors.
const MOST_ERRORS: usize = 20;

/// A text.
pub fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be a string".to_owned())
}

/// A whole number of at least one.
pub fn positive(value: &Value) -> Result<i64, String> {
    value
        .as_i64()
        .filter(|number| *number >= 1)
        .ok_or_else(|| "must be a whole number of at least 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(result: Result<(), Refusal>) -> Vec<String> {
        match result {
            Err(Refusal::InvalidRequest(errors)) => errors.into_iter().map(|e| e.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        let mut fields = Fields::of_body(br#"{"amount":"5","more":1}"#).unwrap();
        assert_eq!(fields.required("amount", positive), None);
        assert_eq!(
            fields.required("date", |v| text(v).map(str::to_owned)),
            None
        );
        assert_eq!(errors(fields.finish()), ["amount", "date", "more"]);
    }

    #[test]
    fn an_amount_is_a_whole_number_of_at_least_one() {
        for bad in [
            "0",
            "-1",
            "1.5",
            "1.0",
            "\"1\"",
            "null",
            "[]",
            "9223372036854775808",
        ] {
            assert!(
                positive(&serde_json::from_str(bad).unwrap()).is_err(),
                "{bad}"
            );
        }
        assert_eq!(positive(&serde_json::json!(1)), Ok(1));
    }

    #[test]
    fn an_empty_body_has_no_fields_and_an_array_is_none() {
        assert!(Fields::of_body(b" \n").unwrap().finish().is_ok());
        for bad in ["[]", "1", "null", "{", "\"{}\""] {
            assert!(Fields::of_body(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
