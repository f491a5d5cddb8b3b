//! Reads JSON whose objects have no field twice. Parsers disagree which of two equal fields counts, so
//! a gateway in front of this one could have checked another value.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::body::MOST_ERRORS;
use domain::refusal::FieldError;

/// Reads a JSON value, and collects an error for each field that is there more than once.
pub(super) fn read(
    text: &[u8],
    duplicates: &RefCell<Vec<FieldError>>,
) -> Result<Value, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let root = UniqueFields {
        path: String::new(),
        duplicates,
    };
    let value = root.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

struct UniqueFields<'a> {
    /// Of the value that is read. Empty for the whole body.
    path: String,
    duplicates: &'a RefCell<Vec<FieldError>>,
}

impl<'de> DeserializeSeed<'de> for UniqueFields<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueFields<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(UniqueFields {
            path: self.path.clone(),
            duplicates: self.duplicates,
        })? {
            read.push(item);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let path = match self.path.as_str() {
                "" => name.clone(),
                object => format!("{object}.{name}"),
            };
            let value = fields.next_value_seed(UniqueFields {
                path: path.clone(),
                duplicates: self.duplicates,
            })?;
            let mut duplicates = self.duplicates.borrow_mut();
            if read.insert(name, value).is_some() && duplicates.len() < MOST_ERRORS {
                duplicates.push(FieldError::new(path, "must be there only once"));
            }
        }
        Ok(Value::Object(read))
    }
}
