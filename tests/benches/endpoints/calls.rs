//! The bare calls: the DynamoDB calls of a handler, repeated directly through the SDK.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::batch_get_item::builders::BatchGetItemFluentBuilder;
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::builders::TransactWriteItemsFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, KeysAndAttributes, Put, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde_json::Value;

use crate::names::Item;

/// One call, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Get(GetItemFluentBuilder),
    BatchGet(BatchGetItemFluentBuilder),
    Query(QueryFluentBuilder),
    Put(PutItemFluentBuilder),
    Update(UpdateItemFluentBuilder),
    Delete(DeleteItemFluentBuilder),
    Transact(TransactWriteItemsFluentBuilder),
}

impl Call {
    /// Parses a call from the recorded request.
    pub(crate) fn new(client: &Client, operation: &str, body: &Value) -> Self {
        match operation {
            "GetItem" => Self::Get(
                client
                    .get_item()
                    .set_table_name(text(body, "TableName"))
                    .set_key(item(body, "Key"))
                    .set_consistent_read(body["ConsistentRead"].as_bool()),
            ),
            "BatchGetItem" => Self::BatchGet(
                client
                    .batch_get_item()
                    .set_request_items(wanted(&body["RequestItems"])),
            ),
            "Query" => Self::Query(query(client, body)),
            "PutItem" => Self::Put(
                client
                    .put_item()
                    .set_table_name(text(body, "TableName"))
                    .set_item(item(body, "Item"))
                    .set_condition_expression(text(body, "ConditionExpression"))
                    .set_expression_attribute_names(names(body))
                    .set_expression_attribute_values(values(body))
                    .set_return_values_on_condition_check_failure(on_failure(body)),
            ),
            "UpdateItem" => Self::Update(
                client
                    .update_item()
                    .set_table_name(text(body, "TableName"))
                    .set_key(item(body, "Key"))
                    .set_update_expression(text(body, "UpdateExpression"))
                    .set_condition_expression(text(body, "ConditionExpression"))
                    .set_expression_attribute_names(names(body))
                    .set_expression_attribute_values(values(body))
                    .set_return_values(body["ReturnValues"].as_str().map(ReturnValue::from))
                    .set_return_values_on_condition_check_failure(on_failure(body)),
            ),
            "DeleteItem" => Self::Delete(
                client
                    .delete_item()
                    .set_table_name(text(body, "TableName"))
                    .set_key(item(body, "Key"))
                    .set_condition_expression(text(body, "ConditionExpression"))
                    .set_expression_attribute_names(names(body))
                    .set_expression_attribute_values(values(body))
                    .set_return_values_on_condition_check_failure(on_failure(body)),
            ),
            "TransactWriteItems" => {
                let writes = body["TransactItems"].as_array().into_iter().flatten();
                let writes = writes.map(transact_item).collect();
                Self::Transact(
                    client
                        .transact_write_items()
                        .set_transact_items(Some(writes)),
                )
            }
            other => panic!("a call that is not known here: {other}"),
        }
    }

    /// Sends it; a refusal is an error.
    pub(crate) async fn send(self) -> Result<(), String> {
        match self {
            Self::Get(call) => outcome(call.send().await),
            Self::BatchGet(call) => outcome(call.send().await),
            Self::Query(call) => outcome(call.send().await),
            Self::Put(call) => outcome(call.send().await),
            Self::Update(call) => outcome(call.send().await),
            Self::Delete(call) => outcome(call.send().await),
            Self::Transact(call) => outcome(call.send().await),
        }
    }
}

fn outcome<T, E: std::fmt::Debug>(result: Result<T, E>) -> Result<(), String> {
    result.map(|_| ()).map_err(|error| format!("{error:?}"))
}

fn query(client: &Client, body: &Value) -> QueryFluentBuilder {
    let limit = body["Limit"].as_i64().and_then(|n| i32::try_from(n).ok());
    client
        .query()
        .set_table_name(text(body, "TableName"))
        .set_key_condition_expression(text(body, "KeyConditionExpression"))
        .set_expression_attribute_names(names(body))
        .set_expression_attribute_values(values(body))
        .set_consistent_read(body["ConsistentRead"].as_bool())
        .set_scan_index_forward(body["ScanIndexForward"].as_bool())
        .set_limit(limit)
        .set_exclusive_start_key(item(body, "ExclusiveStartKey"))
}

/// The keys by table.
fn wanted(tables: &Value) -> Option<HashMap<String, KeysAndAttributes>> {
    let tables = tables.as_object()?.iter().map(|(table, wanted)| {
        let keys = wanted["Keys"].as_array().into_iter().flatten();
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.map(fields).collect()))
            .set_consistent_read(wanted["ConsistentRead"].as_bool())
            .build();
        (table.clone(), wanted.expect("keys"))
    });
    Some(tables.collect())
}

fn transact_item(write: &Value) -> TransactWriteItem {
    let built = TransactWriteItem::builder();
    if let Some(put) = write.get("Put") {
        let put = Put::builder()
            .set_table_name(text(put, "TableName"))
            .set_item(item(put, "Item"))
            .set_condition_expression(text(put, "ConditionExpression"))
            .set_expression_attribute_names(names(put))
            .set_expression_attribute_values(values(put))
            .set_return_values_on_condition_check_failure(on_failure(put));
        return built.put(put.build().expect("a whole put")).build();
    }
    if let Some(update) = write.get("Update") {
        let update = Update::builder()
            .set_table_name(text(update, "TableName"))
            .set_key(item(update, "Key"))
            .set_update_expression(text(update, "UpdateExpression"))
            .set_condition_expression(text(update, "ConditionExpression"))
            .set_expression_attribute_names(names(update))
            .set_expression_attribute_values(values(update))
            .set_return_values_on_condition_check_failure(on_failure(update));
        return built
            .update(update.build().expect("a whole update"))
            .build();
    }
    let delete = write
        .get("Delete")
        .expect("nothing else is in transactions");
    let delete = Delete::builder()
        .set_table_name(text(delete, "TableName"))
        .set_key(item(delete, "Key"))
        .set_condition_expression(text(delete, "ConditionExpression"))
        .set_expression_attribute_names(names(delete))
        .set_expression_attribute_values(values(delete))
        .set_return_values_on_condition_check_failure(on_failure(delete));
    built
        .delete(delete.build().expect("a whole delete"))
        .build()
}

fn text(body: &Value, field: &str) -> Option<String> {
    body[field].as_str().map(str::to_owned)
}

fn item(body: &Value, field: &str) -> Option<Item> {
    body[field].is_object().then(|| fields(&body[field]))
}

fn fields(item: &Value) -> Item {
    let fields = item.as_object().into_iter().flatten();
    fields
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}

fn names(body: &Value) -> Option<HashMap<String, String>> {
    let names = body["ExpressionAttributeNames"].as_object()?;
    Some(
        names
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect(),
    )
}

fn values(body: &Value) -> Option<Item> {
    item(body, "ExpressionAttributeValues")
}

fn on_failure(body: &Value) -> Option<ReturnValuesOnConditionCheckFailure> {
    body["ReturnValuesOnConditionCheckFailure"]
        .as_str()
        .map(ReturnValuesOnConditionCheckFailure::from)
}

/// DynamoDB's JSON of a value: `{"S":"text"}`.
fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value
        .as_object()
        .and_then(|fields| fields.iter().next())
        .expect("a typed value");
    let text = || value.as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap_or_default()),
        "L" => {
            let list = value.as_array().into_iter().flatten();
            AttributeValue::L(list.map(attribute).collect())
        }
        "M" => AttributeValue::M(fields(value)),
        "B" => AttributeValue::B(Blob::new(text())),
        other => panic!("a type that is not known here: {other}"),
    }
}
