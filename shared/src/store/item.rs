//! Conversion between items of the SDK and records.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Result, StoreError};

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn read_item<T: DeserializeOwned>(item: Item) -> Result<T> {
    serde_dynamo::from_item(item).map_err(|error| StoreError::Unreadable(error.to_string()))
}

/// A string attribute; empty if there is none.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str)
}

/// An attribute of plain strings and numbers.
pub(super) fn write_value<T: Serialize>(value: &T) -> AttributeValue {
    serde_dynamo::to_attribute_value(value).unwrap_or(AttributeValue::Null(true))
}

pub(super) fn write_item<T: Serialize>(record: &T) -> Item {
    // Records are plain structs of strings and numbers, which always convert.
    serde_dynamo::to_item(record).unwrap_or_default()
}
