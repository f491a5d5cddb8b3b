//! Names distinguish the subjects of a measurement. A subject's items and calls are those of a template subject with the
//! names replaced, so creating thousands of them costs no requests.

use aws_sdk_dynamodb::types::AttributeValue;

pub(crate) type Item = tests::invariants::Item;

/// The names of one subject. All names of a kind have the same length, so renamed items have the same size.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) event: &'static str,
    pub(crate) user: String,
    /// The queue number; nine digits.
    pub(crate) rank: u64,
    /// Five digits.
    pub(crate) seat: u32,
    pub(crate) reservation: String,
}

impl Names {
    /// Replaces these names in a text by another subject's. The random names come last, so that nothing is replaced inside
    /// of them.
    pub(crate) fn rename(&self, text: &str, to: &Self) -> String {
        text.replace(&self.seat.to_string(), &to.seat.to_string())
            .replace(&self.rank.to_string(), &to.rank.to_string())
            .replace(&self.reservation, &to.reservation)
            .replace(&self.user, &to.user)
            .replace(self.event, to.event)
    }

    pub(crate) fn rename_item(&self, item: &Item, to: &Self) -> Item {
        item.iter()
            .map(|(name, value)| (name.clone(), self.rename_value(value, to)))
            .collect()
    }

    fn rename_value(&self, value: &AttributeValue, to: &Self) -> AttributeValue {
        match value {
            AttributeValue::S(text) => AttributeValue::S(self.rename(text, to)),
            AttributeValue::N(text) => AttributeValue::N(self.rename(text, to)),
            AttributeValue::L(list) => {
                AttributeValue::L(list.iter().map(|v| self.rename_value(v, to)).collect())
            }
            AttributeValue::M(map) => AttributeValue::M(self.rename_item(map, to)),
            other => other.clone(),
        }
    }
}

/// Whether an item contains a name anywhere.
pub(crate) fn mentions(item: &Item, name: &str) -> bool {
    item.values().any(|value| value_mentions(value, name))
}

fn value_mentions(value: &AttributeValue, name: &str) -> bool {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.contains(name),
        AttributeValue::L(list) => list.iter().any(|v| value_mentions(v, name)),
        AttributeValue::M(map) => mentions(map, name),
        _ => false,
    }
}
