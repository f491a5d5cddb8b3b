//! The two tables as in template.yaml, for the embedded DynamoDB, which has no deployment.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};

use super::client::TableNames;
use super::error::{StoreError, store_error};

/// Creates the tables that do not exist.
pub async fn create_tables(client: &Client, tables: &TableNames) -> Result<(), StoreError> {
    for table in [&tables.main, &tables.keys] {
        let (attributes, schema): (Vec<_>, Vec<_>) =
            [("pk", KeyType::Hash), ("sk", KeyType::Range)]
                .into_iter()
                .map(|(name, role)| {
                    let attribute = AttributeDefinition::builder()
                        .attribute_name(name)
                        .attribute_type(ScalarAttributeType::S)
                        .build();
                    let element = KeySchemaElement::builder()
                        .attribute_name(name)
                        .key_type(role)
                        .build();
                    (attribute, element)
                })
                .unzip();
        let created = client
            .create_table()
            .table_name(table)
            .set_attribute_definitions(Some(all_built(attributes)?))
            .set_key_schema(Some(all_built(schema)?))
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await;
        match created {
            Ok(_) => {}
            Err(error) if error.code() == Some("ResourceInUseException") => continue,
            Err(error) => return Err(store_error(error)),
        }
        let ttl = TimeToLiveSpecification::builder()
            .attribute_name("ttl")
            .enabled(true)
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        client
            .update_time_to_live()
            .table_name(table)
            .time_to_live_specification(ttl)
            .send()
            .await
            .map_err(store_error)?;
    }
    Ok(())
}

fn all_built<T, E: std::fmt::Display>(parts: Vec<Result<T, E>>) -> Result<Vec<T>, StoreError> {
    parts
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}
