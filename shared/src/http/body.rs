//! Request bodies. A function that takes fields out of a [`BodyFields`] does two things: run on a
//! request's body, it reads the fields and collects every error; run by [`describe`], it gives the
//! schema of the API document. So each body is described once.

use std::cell::RefCell;

#[cfg(feature = "openapi")]
use serde_json::json;
use serde_json::{Map, Value};

use super::field_types::{FieldType, Invalid};
use super::unique_fields;
use domain::refusal::{FieldError, Refusal};

/// A body with many wrong fields gets at most this many errors.
pub(super) const MOST_ERRORS: usize = 20;

/// The fields of a JSON object. Each is taken once; the fields that are left at the end are unknown.
#[derive(Debug)]
pub struct BodyFields {
    rest: Map<String, Value>,
    errors: Vec<FieldError>,
    #[cfg(feature = "openapi")]
    schema: ObjectSchema,
}

/// One of several fields of which a body has exactly one.
pub struct Alternative<T> {
    /// What the API document calls a body with this field.
    #[cfg_attr(
        not(feature = "openapi"),
        expect(dead_code, reason = "only the API document has it")
    )]
    title: &'static str,
    name: &'static str,
    field_type: Box<dyn FieldType<Value = T>>,
}

impl<T> Alternative<T> {
    /// A field called `name`.
    pub fn new(
        title: &'static str,
        name: &'static str,
        field_type: impl FieldType<Value = T> + 'static,
    ) -> Self {
        Self {
            title,
            name,
            field_type: Box::new(field_type),
        }
    }
}

impl BodyFields {
    /// The fields of a body. An empty body has none.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::new(Map::new()));
        }
        let duplicates = RefCell::new(Vec::new());
        match unique_fields::read(body, &duplicates) {
            Ok(Value::Object(_)) if !duplicates.borrow().is_empty() => {
                Err(Refusal::InvalidRequest(duplicates.into_inner()))
            }
            Ok(Value::Object(fields)) => Ok(Self::new(fields)),
            Ok(_) => Err(FieldError::new("body", "must be a JSON object").into()),
            Err(error) => Err(FieldError::new("body", format!("is not JSON: {error}")).into()),
        }
    }

    fn new(rest: Map<String, Value>) -> Self {
        Self {
            rest,
            errors: Vec::new(),
            #[cfg(feature = "openapi")]
            schema: ObjectSchema::default(),
        }
    }

    /// An optional field. Null is not the same as absent.
    pub fn optional<F: FieldType>(
        &mut self,
        name: &'static str,
        field_type: &F,
    ) -> Option<F::Value> {
        #[cfg(feature = "openapi")]
        self.schema.add(name, field_type.schema());
        self.take(name, field_type)
    }

    /// An optional number with a default.
    pub fn optional_or<F>(
        &mut self,
        name: &'static str,
        field_type: &F,
        default: F::Value,
    ) -> F::Value
    where
        F: FieldType,
        F::Value: Copy + Into<Value>,
    {
        #[cfg(feature = "openapi")]
        {
            let mut schema = field_type.schema();
            schema["default"] = default.into();
            self.schema.add(name, schema);
        }
        self.take(name, field_type).unwrap_or(default)
    }

    /// A required field.
    pub fn required<F: FieldType>(
        &mut self,
        name: &'static str,
        field_type: &F,
    ) -> Option<F::Value> {
        #[cfg(feature = "openapi")]
        {
            self.schema.add(name, field_type.schema());
            self.schema.required.push(name);
        }
        if !self.rest.contains_key(name) {
            self.refuse(name, "is required");
            return None;
        }
        self.take(name, field_type)
    }

    /// Exactly one of these fields. They come last in the schema.
    pub fn one_of<T, const N: usize>(&mut self, alternatives: [Alternative<T>; N]) -> Option<T> {
        #[cfg(feature = "openapi")]
        self.schema.alternatives.extend(
            alternatives
                .iter()
                .map(|field| (field.title, field.name, field.field_type.schema())),
        );
        let names = alternatives.each_ref().map(|field| field.name);
        if !names.iter().any(|name| self.rest.contains_key(*name)) && self.errors.is_empty() {
            let (first, others) = names.split_first()?;
            self.refuse(first, &format!("is required, or {}", others.join(", or ")));
            return None;
        }
        let mut found: Option<(&str, T)> = None;
        for field in alternatives {
            let value = self.take(field.name, &*field.field_type);
            match (&found, value) {
                (Some((first, _)), Some(_)) => {
                    self.refuse(field.name, &format!("cannot be combined with {first}"));
                }
                (None, Some(value)) => found = Some((field.name, value)),
                (_, None) => {}
            }
        }
        found.map(|(_, value)| value)
    }

    fn take<F: FieldType + ?Sized>(&mut self, name: &str, field_type: &F) -> Option<F::Value> {
        let value = self.rest.remove(name)?;
        match field_type.read(&value) {
            Ok(value) => Some(value),
            Err(invalid) => {
                self.errors.extend(invalid.into_field_errors(name));
                None
            }
        }
    }

    /// Adds an error of a field.
    pub fn refuse(&mut self, name: &str, message: &str) {
        self.errors.push(FieldError::new(name, message));
    }

    fn into_result<T>(mut self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        let unknown: Vec<String> = self.rest.keys().take(MOST_ERRORS).cloned().collect();
        for name in unknown {
            self.refuse(&name, "is not a field of this request");
        }
        self.errors.truncate(MOST_ERRORS);
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(self.errors),
        }
    }

    /// Returns `value` if there are no errors, and otherwise all errors, including those of unknown
    /// fields. `value` may be `None` only if an error says why.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Refusal> {
        self.into_result(value).map_err(Refusal::InvalidRequest)
    }
}

/// An object, whose fields the function reads.
#[derive(Clone, Copy)]
pub struct Object<T>(pub fn(&mut BodyFields) -> Option<T>);

impl<T> FieldType for Object<T> {
    type Value = T;

    fn read(&self, value: &Value) -> Result<T, Invalid> {
        let Value::Object(fields) = value else {
            return Err("must be an object".to_owned().into());
        };
        let mut fields = BodyFields::new(fields.clone());
        let value = (self.0)(&mut fields);
        fields.into_result(value).map_err(Invalid::of_fields)
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        describe(self.0)
    }
}

/// The body of a request that has no fields.
#[must_use]
pub fn no_fields(_: &mut BodyFields) -> Option<()> {
    Some(())
}

/// The schema of the bodies that `read` reads.
#[cfg(feature = "openapi")]
pub fn describe<T>(read: impl FnOnce(&mut BodyFields) -> T) -> Value {
    let mut fields = BodyFields::new(Map::new());
    read(&mut fields);
    fields.schema.into_value()
}

#[cfg(feature = "openapi")]
#[derive(Debug, Default)]
struct ObjectSchema {
    properties: Map<String, Value>,
    required: Vec<&'static str>,
    /// Title, name and schema of the fields of which exactly one is required.
    alternatives: Vec<(&'static str, &'static str, Value)>,
}

#[cfg(feature = "openapi")]
impl ObjectSchema {
    fn add(&mut self, name: &str, schema: Value) {
        self.properties.insert(name.to_owned(), schema);
    }

    fn into_value(self) -> Value {
        if self.alternatives.is_empty() {
            return object(None, self.properties, &self.required);
        }
        let forms: Vec<_> = self
            .alternatives
            .into_iter()
            .map(|(title, name, schema)| {
                let mut properties = self.properties.clone();
                properties.insert(name.to_owned(), schema);
                let required = [&self.required[..], &[name]].concat();
                object(Some(title), properties, &required)
            })
            .collect();
        json!({"oneOf": forms})
    }
}

#[cfg(feature = "openapi")]
fn object(title: Option<&str>, properties: Map<String, Value>, required: &[&str]) -> Value {
    let mut schema = Map::new();
    if let Some(title) = title {
        schema.insert("title".to_owned(), title.into());
    }
    schema.insert("type".to_owned(), "object".into());
    if !properties.is_empty() {
        schema.insert("properties".to_owned(), properties.into());
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    schema.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::field_types::{Date, Text, WholeNumber};

    const COUNT: WholeNumber<u32> = WholeNumber {
        noun: "a count",
        least: 1,
        most: 9,
    };

    fn errors<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Vec<String> {
        match result {
            Err(Refusal::InvalidRequest(errors)) => errors.into_iter().map(|e| e.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_wrong_field_is_reported() {
        let mut fields = BodyFields::parse(br#"{"count":"5","more":1}"#).unwrap();
        assert_eq!(fields.required("count", &COUNT), None);
        assert_eq!(fields.required("date", &Date), None);
        assert_eq!(fields.optional("note", &Text), None);
        assert_eq!(errors(fields.finish(None::<()>)), ["count", "date", "more"]);
    }

    #[test]
    fn exactly_one_alternative_is_allowed() {
        let read = |body: &str| {
            let mut fields = BodyFields::parse(body.as_bytes()).unwrap();
            let value = fields.one_of([
                Alternative::new("A", "a", COUNT),
                Alternative::new("B", "b", COUNT),
            ]);
            fields.finish(value)
        };
        assert_eq!(read(r#"{"b":3}"#).unwrap(), 3);
        assert_eq!(errors(read("{}")), ["a"]);
        assert_eq!(errors(read(r#"{"a":1,"b":2}"#)), ["b"]);
        assert_eq!(errors(read(r#"{"a":0,"b":2}"#)), ["a"]);
    }

    #[test]
    fn a_field_that_is_there_twice_is_refused_by_its_path() {
        let read = |body: &str| errors(BodyFields::parse(body.as_bytes()));
        assert_eq!(read(r#"{"amount":1,"amount":100}"#), ["amount"]);
        assert_eq!(read(r#"{"a":{"b":[{"c":1,"c":1}]}}"#), ["a.b.c"]);
        let many = format!("{{{}}}", vec![r#""a":1"#; 100].join(","));
        assert_eq!(read(&many).len(), MOST_ERRORS);
    }

    #[test]
    fn an_empty_body_has_no_fields_and_only_objects_are_accepted() {
        let read = |body: &[u8]| BodyFields::parse(body)?.finish(Some(()));
        assert!(read(b" \n").is_ok());
        for bad in ["[]", "1", "null", "{", "\"{}\""] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
