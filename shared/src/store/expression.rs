//! Writes: a key with action, condition and values. The same definition is used alone and in
//! transactions.
//!
//! Expressions always use `#name` for attributes, because half of DynamoDB's reserved words are
//! attributes here. The map of names is derived from the expression.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::client::TableNames;
use super::error::StoreError;
use super::item::Item;
use domain::clock::EpochMs;
use domain::ids::{EntryId, Rank, ReservationId, UserId};
use domain::money::Money;

/// A primary key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    pub(super) fn to_item(&self) -> Item {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk.clone())),
            ("sk".to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }

    /// The key of an item. `None` if the item has no key.
    pub(super) fn of(item: &Item) -> Option<Self> {
        let text = |name| item.get(name)?.as_s().ok().cloned();
        Some(Self {
            pk: text("pk")?,
            sk: text("sk")?,
        })
    }
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Put(Item),
    /// An update expression.
    Update(String),
    Delete,
}

/// The table of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Table {
    Main,
    Keys,
}

/// A write that can be sent alone or in a transaction.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) table: Table,
    pub(super) key: Key,
    pub(super) action: Action,
    pub(super) condition: Option<String>,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

impl Write {
    /// Writes the whole item.
    pub(super) fn put(key: Key, item: Item) -> Self {
        let mut whole = key.to_item();
        whole.extend(item);
        Self::new(key, Action::Put(whole))
    }

    pub(super) fn update(key: Key, expression: impl Into<String>) -> Self {
        Self::new(key, Action::Update(expression.into()))
    }

    pub(super) fn delete(key: Key) -> Self {
        Self::new(key, Action::Delete)
    }

    fn new(key: Key, action: Action) -> Self {
        Self {
            table: Table::Main,
            key,
            action,
            condition: None,
            values: None,
        }
    }

    /// In the table of keys.
    pub(super) fn among_keys(self) -> Self {
        Self {
            table: Table::Keys,
            ..self
        }
    }

    /// Sets the condition on the item before the write.
    pub(super) fn when(self, condition: impl Into<String>) -> Self {
        Self {
            condition: Some(condition.into()),
            ..self
        }
    }

    /// Requires that the item does not exist.
    pub(super) fn when_absent(self) -> Self {
        self.when(super::client::ABSENT)
    }

    /// Binds the value `:name`.
    pub(super) fn bind(mut self, name: &str, value: impl IntoAttribute) -> Self {
        self.values
            .get_or_insert_default()
            .insert(name.to_owned(), value.into_attribute());
        self
    }

    /// Lets TTL delete the item some time after `at`.
    pub(super) fn with_ttl(mut self, at: EpochMs) -> Self {
        if let Action::Put(item) = &mut self.action {
            item.insert("ttl".to_owned(), at.ttl_seconds().into_attribute());
        }
        self
    }

    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        let mut names = HashMap::new();
        if let Action::Update(update) = &self.action {
            names.extend(names_in(update));
        }
        if let Some(condition) = &self.condition {
            names.extend(names_in(condition));
        }
        Some(names).filter(|names| !names.is_empty())
    }

    pub(super) fn into_transact_item(
        self,
        tables: &TableNames,
    ) -> Result<TransactWriteItem, StoreError> {
        use ReturnValuesOnConditionCheckFailure::AllOld;
        let table = tables.name(self.table);
        let names = self.names();
        let item = TransactWriteItem::builder();
        let built = match self.action {
            Action::Put(new) => Put::builder()
                .table_name(table)
                .set_item(Some(new))
                .set_condition_expression(self.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(self.values)
                .return_values_on_condition_check_failure(AllOld)
                .build()
                .map(|put| item.put(put)),
            Action::Update(update) => Update::builder()
                .table_name(table)
                .set_key(Some(self.key.to_item()))
                .update_expression(update)
                .set_condition_expression(self.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(self.values)
                .return_values_on_condition_check_failure(AllOld)
                .build()
                .map(|update| item.update(update)),
            Action::Delete => Delete::builder()
                .table_name(table)
                .set_key(Some(self.key.to_item()))
                .set_condition_expression(self.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(self.values)
                .return_values_on_condition_check_failure(AllOld)
                .build()
                .map(|delete| item.delete(delete)),
        };
        built
            .map(aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder::build)
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    /// Whether all placeholders are bound and all bound values are used. DynamoDB rejects the
    /// opposite.
    #[cfg(test)]
    pub(super) fn check(&self) -> Result<(), String> {
        let mut text = self.condition.clone().unwrap_or_default();
        if let Action::Update(update) = &self.action {
            text.push(' ');
            text.push_str(update);
        }
        let used: std::collections::BTreeSet<_> = placeholders(&text, ':').collect();
        let bound: std::collections::BTreeSet<_> = self
            .values
            .iter()
            .flatten()
            .map(|(name, _)| name.trim_start_matches(':'))
            .collect();
        if used == bound {
            Ok(())
        } else {
            Err(format!("{text}: uses {used:?}, binds {bound:?}"))
        }
    }
}

/// Values that expressions use.
pub(super) trait IntoAttribute {
    fn into_attribute(self) -> AttributeValue;
}

impl IntoAttribute for AttributeValue {
    fn into_attribute(self) -> AttributeValue {
        self
    }
}

impl IntoAttribute for &str {
    fn into_attribute(self) -> AttributeValue {
        AttributeValue::S(self.to_owned())
    }
}

macro_rules! as_number {
    ($($type:ty => $get:expr),+ $(,)?) => {$(
        impl IntoAttribute for $type {
            fn into_attribute(self) -> AttributeValue {
                let get: fn($type) -> _ = $get;
                AttributeValue::N(get(self).to_string())
            }
        }
    )+};
}

as_number! {
    i64 => |n| n,
    u64 => |n| n,
    u32 => |n| n,
    EpochMs => |at| at.0,
    Money => |money| money.0,
    Rank => |rank| rank.0,
}

macro_rules! as_string {
    ($($type:ty),+) => {$(
        impl IntoAttribute for $type {
            fn into_attribute(self) -> AttributeValue {
                AttributeValue::S(self.to_string())
            }
        }
    )+};
}

as_string!(String, UserId, &ReservationId, EntryId);

/// The `#name` placeholders of an expression, with the attribute names.
pub(super) fn names_in(expression: &str) -> HashMap<String, String> {
    placeholders(expression, '#')
        .map(|name| (format!("#{name}"), name.to_owned()))
        .collect()
}

fn placeholders(expression: &str, sign: char) -> impl Iterator<Item = &str> {
    expression.split(sign).skip(1).map(|rest| {
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        &rest[..end]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_derived_from_the_expression() {
        let names =
            names_in("attribute_not_exists(#pk) OR (#state = :held AND #heldUntil <= :now)");
        let mut names: Vec<_> = names.into_values().collect();
        names.sort();
        assert_eq!(names, ["heldUntil", "pk", "state"]);
    }

    #[test]
    fn unbound_placeholders_are_detected() {
        let key = Key {
            pk: "A".to_owned(),
            sk: "B".to_owned(),
        };
        let write = Write::update(key, "SET #a = :a").when("#b = :b");
        assert!(write.clone().bind(":a", 1_u64).check().is_err());
        assert!(write.bind(":a", 1_u64).bind(":b", 2_u64).check().is_ok());
    }
}
