//! Direct access to the table, to prepare measurements.

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use tests::world::{EVENT, World};

use crate::names::Item;

/// DynamoDB accepts this many items at once.
const BATCH: usize = 25;

/// Overwrites whatever is there.
pub(crate) async fn put_items(world: &World, items: Vec<Item>) {
    let mut rest = items.into_iter().peekable();
    while rest.peek().is_some() {
        let puts = rest.by_ref().take(BATCH).map(|item| {
            let put = PutRequest::builder().set_item(Some(item)).build();
            WriteRequest::builder()
                .put_request(put.expect("an item"))
                .build()
        });
        let answer = world
            .dynamodb
            .batch_write_item()
            .request_items(&world.tables.main, puts.collect())
            .send()
            .await
            .expect("writes");
        let left_out = answer.unprocessed_items.unwrap_or_default();
        assert!(left_out.is_empty(), "not written: {left_out:?}");
    }
}

/// Sets fields of the head of the event's first lane.
pub(crate) async fn set_head<const N: usize>(world: &World, fields: [&str; N], values: [u64; N]) {
    for (field, value) in fields.into_iter().zip(values) {
        world
            .dynamodb
            .update_item()
            .table_name(&world.tables.main)
            .key("pk", AttributeValue::S(format!("QUEUE#{EVENT}#0")))
            .key("sk", AttributeValue::S("HEAD".to_owned()))
            .update_expression("SET #field = :value")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#field", field)
            .expression_attribute_values(":value", AttributeValue::N(value.to_string()))
            .send()
            .await
            .expect("a head");
    }
}

/// An open slot for a rank, as a promotion writes it.
pub(crate) fn open_session(event: &str, rank: u64) -> Item {
    [
        ("pk", format!("SESSIONS#{event}#0")),
        ("sk", format!("{rank:012}")),
        ("state", "OPEN".to_owned()),
    ]
    .map(|(name, text)| (name.to_owned(), AttributeValue::S(text)))
    .into()
}
