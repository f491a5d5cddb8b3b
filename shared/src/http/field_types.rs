//! The types of the fields of request bodies: each knows how to read its JSON value and how the API
//! document describes it.

use serde_json::Value;
#[cfg(feature = "openapi")]
use serde_json::json;

use domain::ids::{DateKey, UserId};
use domain::refusal::FieldError;

/// What is wrong with a value.
pub struct Invalid(Errors);

enum Errors {
    Message(String),
    /// Of the fields of an object, or of itself if it is no object.
    Fields(Vec<FieldError>),
}

impl From<String> for Invalid {
    fn from(message: String) -> Self {
        Self(Errors::Message(message))
    }
}

impl Invalid {
    pub(super) fn of_fields(errors: Vec<FieldError>) -> Self {
        Self(Errors::Fields(errors))
    }

    /// The errors of a field called `name`. Errors of nested fields have their path.
    pub(super) fn into_field_errors(self, name: &str) -> Vec<FieldError> {
        match self.0 {
            Errors::Message(message) => vec![FieldError::new(name, message)],
            Errors::Fields(errors) => errors
                .into_iter()
                .map(|error| FieldError::new(format!("{name}.{}", error.field), error.message))
                .collect(),
        }
    }
}

/// The type of a field.
pub trait FieldType {
    type Value;

    fn read(&self, value: &Value) -> Result<Self::Value, Invalid>;

    /// The JSON schema of the values that [`FieldType::read`] accepts.
    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value;

    /// The same type, with a description of the field.
    fn described(self, description: &'static str) -> Described<Self>
    where
        Self: Sized,
    {
        Described {
            inner: self,
            description,
        }
    }

    /// The same type, with an example.
    fn with_example(self, example: u32) -> WithExample<Self>
    where
        Self: Sized,
    {
        WithExample {
            inner: self,
            example,
        }
    }

    /// The same type, whose values are converted after they are read.
    fn map<T, F: Fn(Self::Value) -> Result<T, String>>(self, convert: F) -> Mapped<Self, F>
    where
        Self: Sized,
    {
        Mapped {
            inner: self,
            convert,
        }
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be a string".to_owned())
}

/// Any string.
#[derive(Clone, Copy)]
pub struct Text;

impl FieldType for Text {
    type Value = String;

    fn read(&self, value: &Value) -> Result<String, Invalid> {
        Ok(text(value)?.to_owned())
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        json!({"type": "string"})
    }
}

/// A user's id.
#[derive(Clone, Copy)]
pub struct User;

impl FieldType for User {
    type Value = UserId;

    fn read(&self, value: &Value) -> Result<UserId, Invalid> {
        Ok(UserId::parse(text(value)?)?)
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        json!({"type": "string", "format": "uuid", "pattern": domain::schema::UUID})
    }
}

/// A date of an event.
#[derive(Clone, Copy)]
pub struct Date;

impl FieldType for Date {
    type Value = DateKey;

    fn read(&self, value: &Value) -> Result<DateKey, Invalid> {
        Ok(DateKey::parse(text(value)?)?)
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        schemars::SchemaGenerator::default()
            .subschema_for::<DateKey>()
            .to_value()
    }
}

/// An integer within bounds.
#[derive(Clone, Copy)]
pub struct WholeNumber<T> {
    /// What the number is, for error messages: "a number of seats".
    pub noun: &'static str,
    pub least: T,
    pub most: T,
}

impl<T> FieldType for WholeNumber<T>
where
    T: Copy + PartialOrd + TryFrom<i64> + std::fmt::Display + Into<Value>,
{
    type Value = T;

    fn read(&self, value: &Value) -> Result<T, Invalid> {
        let (noun, least, most) = (self.noun, self.least, self.most);
        let number = value.as_i64().and_then(|number| T::try_from(number).ok());
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("must be {noun}, a whole number from {least} to {most}").into())
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        let (least, most): (Value, Value) = (self.least.into(), self.most.into());
        json!({"type": "integer", "minimum": least, "maximum": most})
    }
}

/// A list without duplicates of 1 to `most` items.
#[derive(Clone, Copy)]
pub struct List<F> {
    pub item: F,
    pub most: usize,
}

impl<F: FieldType> FieldType for List<F>
where
    F::Value: PartialEq,
{
    type Value = Vec<F::Value>;

    fn read(&self, value: &Value) -> Result<Self::Value, Invalid> {
        let most = self.most;
        let values = value
            .as_array()
            .filter(|values| (1..=most).contains(&values.len()))
            .ok_or_else(|| format!("must be a list of 1 to {most} items"))?;
        let items: Vec<_> = values
            .iter()
            .map(|value| self.item.read(value))
            .collect::<Result<_, _>>()?;
        let has_duplicates = (1..items.len()).any(|end| items[..end].contains(&items[end]));
        if has_duplicates {
            return Err("must not contain an item twice".to_owned().into());
        }
        Ok(items)
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        json!({
            "type": "array", "items": self.item.schema(), "minItems": 1, "maxItems": self.most,
            "uniqueItems": true,
        })
    }
}

/// See [`FieldType::described`].
#[derive(Clone, Copy)]
pub struct Described<F> {
    inner: F,
    #[cfg_attr(
        not(feature = "openapi"),
        expect(dead_code, reason = "only the API document has it")
    )]
    description: &'static str,
}

impl<F: FieldType> FieldType for Described<F> {
    type Value = F::Value;

    fn read(&self, value: &Value) -> Result<F::Value, Invalid> {
        self.inner.read(value)
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        let mut schema = serde_json::Map::new();
        schema.insert("description".to_owned(), self.description.into());
        if let Value::Object(inner) = self.inner.schema() {
            schema.extend(inner);
        }
        schema.into()
    }
}

/// See [`FieldType::with_example`].
#[derive(Clone, Copy)]
pub struct WithExample<F> {
    inner: F,
    #[cfg_attr(
        not(feature = "openapi"),
        expect(dead_code, reason = "only the API document has it")
    )]
    example: u32,
}

impl<F: FieldType> FieldType for WithExample<F> {
    type Value = F::Value;

    fn read(&self, value: &Value) -> Result<F::Value, Invalid> {
        self.inner.read(value)
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        let mut schema = self.inner.schema();
        schema["examples"] = json!([self.example]);
        schema
    }
}

/// See [`FieldType::map`].
#[derive(Clone, Copy)]
pub struct Mapped<F, C> {
    inner: F,
    convert: C,
}

impl<F: FieldType, T, C: Fn(F::Value) -> Result<T, String>> FieldType for Mapped<F, C> {
    type Value = T;

    fn read(&self, value: &Value) -> Result<T, Invalid> {
        Ok((self.convert)(self.inner.read(value)?)?)
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        self.inner.schema()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_integer_within_its_bounds() {
        let amount = WholeNumber {
            noun: "an amount",
            least: 1,
            most: i64::MAX,
        };
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
            let value = serde_json::from_str(bad).unwrap();
            assert!(amount.read(&value).is_err(), "{bad}");
        }
        assert!(amount.read(&serde_json::json!(i64::MAX)).is_ok());
    }
}
