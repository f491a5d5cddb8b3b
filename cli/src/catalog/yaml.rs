//! Serde types that read a catalogue to its end.
//!
//! Serde stops at the first wrong value. A [`Field`] keeps the error of its value instead, and a [`Map`] keeps the keys that
//! it does not know, each with its line. So one run reports everything that is wrong with a file. Only text that is not YAML
//! ends the reading.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{Error as ScalarError, SeqAccessDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_saphyr::Spanned;

use super::error::CatalogError;

/// A field of a map, or an element of a list.
#[derive(Default)]
pub(super) enum Field<T> {
    #[default]
    Absent,
    Present {
        line: u64,
        /// The value, or why it cannot be read.
        value: Result<T, String>,
    },
}

impl<T> Field<T> {
    pub(super) fn is_present(&self) -> bool {
        matches!(self, Self::Present { .. })
    }

    /// 0 if the field is absent.
    pub(super) fn line(&self) -> u64 {
        match self {
            Self::Absent => 0,
            Self::Present { line, .. } => *line,
        }
    }

    pub(super) fn value(&self) -> Option<&T> {
        match self {
            Self::Absent => None,
            Self::Present { value, .. } => value.as_ref().ok(),
        }
    }
}

/// A single value: a text or a number.
#[derive(Clone, Copy)]
pub(super) struct Scalar<T>(pub(super) T);

/// A map, read into the struct `T`.
pub(super) struct Map<T> {
    pub(super) fields: T,
    /// Keys that `T` does not have, and keys that appear again. Their paths begin at this map.
    pub(super) errors: Vec<CatalogError>,
}

/// What a [`Field`] can hold. Each kind of value overrides one function. The defaults read past a value of another kind.
pub(super) trait FieldValue: Sized {
    const KIND: &'static str;

    fn from_scalar<'de>(_: impl Deserializer<'de, Error = ScalarError>) -> Result<Self, String> {
        Err(format!("must be {}", Self::KIND))
    }

    fn from_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Result<Self, String>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Err(format!("must be {}, not a list", Self::KIND)))
    }

    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Result<Self, String>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Err(format!("must be {}, not a map", Self::KIND)))
    }
}

impl<T: DeserializeOwned> FieldValue for Scalar<T> {
    const KIND: &'static str = "a single value";

    fn from_scalar<'de>(
        scalar: impl Deserializer<'de, Error = ScalarError>,
    ) -> Result<Self, String> {
        let value = T::deserialize(scalar).map_err(|error| error.to_string())?;
        Ok(Self(value))
    }
}

/// A single value, or a list of them.
pub(super) enum OneOrList<T> {
    One(T),
    List(Vec<Field<Scalar<T>>>),
}

impl<T: DeserializeOwned> FieldValue for OneOrList<T> {
    const KIND: &'static str = "a single value or a list";

    fn from_scalar<'de>(
        scalar: impl Deserializer<'de, Error = ScalarError>,
    ) -> Result<Self, String> {
        Scalar::from_scalar(scalar).map(|Scalar(value)| Self::One(value))
    }

    fn from_list<'de, A: SeqAccess<'de>>(list: A) -> Result<Result<Self, String>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(|list| Ok(Self::List(list)))
    }
}

impl<T: FieldValue> FieldValue for Vec<Field<T>> {
    const KIND: &'static str = "a list";

    fn from_list<'de, A: SeqAccess<'de>>(list: A) -> Result<Result<Self, String>, A::Error> {
        Self::deserialize(SeqAccessDeserializer::new(list)).map(Ok)
    }
}

impl<T: DeserializeOwned> FieldValue for Map<T> {
    const KIND: &'static str = "a map";

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Result<Self, String>, A::Error> {
        let mut errors = Vec::new();
        let fields = T::deserialize(KnownKeys {
            map,
            known: &[],
            seen: HashSet::new(),
            errors: &mut errors,
        })?;
        Ok(Ok(Self { fields, errors }))
    }
}

impl<'de, T: FieldValue> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read: Spanned<Attempt<T>> = Spanned::deserialize(deserializer)?;
        Ok(Self::Present {
            line: read.referenced.line().max(1),
            value: read.value.0,
        })
    }
}

struct Attempt<T>(Result<T, String>);

impl<'de, T: FieldValue> Deserialize<'de> for Attempt<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AttemptVisitor(PhantomData))
    }
}

struct AttemptVisitor<T>(PhantomData<T>);

macro_rules! visit_scalars {
    ($($visit:ident: $scalar:ty,)*) => {$(
        fn $visit<E>(self, scalar: $scalar) -> Result<Self::Value, E> {
            Ok(Attempt(T::from_scalar(scalar.into_deserializer())))
        }
    )*};
}

impl<'de, T: FieldValue> Visitor<'de> for AttemptVisitor<T> {
    type Value = Attempt<T>;

    visit_scalars! {
        visit_bool: bool,
        visit_i64: i64,
        visit_u64: u64,
        visit_i128: i128,
        visit_u128: u128,
        visit_f64: f64,
        visit_str: &str,
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::KIND)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Attempt(Err("has no value".to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::from_list(list).map(Attempt)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::from_map(map).map(Attempt)
    }
}

/// Passes on the known keys of a map, each once, and collects the others as errors.
struct KnownKeys<'a, A> {
    map: A,
    known: &'static [&'static str],
    seen: HashSet<String>,
    errors: &'a mut Vec<CatalogError>,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for KnownKeys<'_, A> {
    type Error = A::Error;

    /// The derived `Deserialize` of a struct calls this with the names of its fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(Self { known, ..self })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for KnownKeys<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(spanned) = self.map.next_key::<Spanned<String>>()? {
            let key = spanned.value;
            let is_known = self.known.contains(&key.as_str());
            if is_known && self.seen.insert(key.clone()) {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
            self.map.next_value::<IgnoredAny>()?;
            let message = if is_known {
                "appears more than once"
            } else {
                "is not a field of a catalogue"
            };
            self.errors.push(CatalogError {
                line: spanned.referenced.line().max(1),
                field: key,
                message: message.to_owned(),
            });
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
