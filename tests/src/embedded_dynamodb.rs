//! The embedded DynamoDB of `serve`, called in this process and through its port.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpListener;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use boxoffice::embedded_dynamodb::{EmbeddedDynamoDb, Storage};
use boxoffice::table_options::local_connection;
use shared::store::{TableNames, connect, create_tables};

const TABLE: &str = "boxoffice";
const TIMEOUT: Duration = Duration::from_secs(10);

fn start(storage: &Storage) -> EmbeddedDynamoDb {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    EmbeddedDynamoDb::start(storage, listener).unwrap()
}

async fn with_tables(storage: &Storage) -> EmbeddedDynamoDb {
    let engine = start(storage);
    let tables = TableNames {
        main: TABLE.to_owned(),
        keys: "boxoffice-keys".to_owned(),
    };
    create_tables(&engine.client(), &tables).await.unwrap();
    engine
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Adds to a counter, if it is lower than `below`.
fn count(by: u32, below: u32) -> TransactWriteItem {
    let number = |n: u32| AttributeValue::N(n.to_string());
    let update = Update::builder()
        .table_name(TABLE)
        .key("pk", text("counter"))
        .key("sk", text("one"))
        .update_expression("ADD #n :by")
        .condition_expression("attribute_not_exists(#n) OR #n < :below")
        .expression_attribute_names("#n", "n")
        .expression_attribute_values(":by", number(by))
        .expression_attribute_values(":below", number(below))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .unwrap();
    TransactWriteItem::builder().update(update).build()
}

async fn counter(client: &Client) -> String {
    let got = client
        .get_item()
        .table_name(TABLE)
        .key("pk", text("counter"))
        .key("sk", text("one"))
        .send()
        .await
        .unwrap();
    got.item.unwrap()["n"].as_n().unwrap().clone()
}

fn through_port(engine: &EmbeddedDynamoDb) -> Client {
    connect(local_connection(
        &engine.endpoint_url(),
        Some(engine.keys()),
    ))
}

#[tokio::test]
async fn a_repeated_transaction_is_answered_and_not_carried_out_again() {
    let engine = with_tables(&Storage::Memory).await;
    let send = async |client: Client, token: &str, by: u32| {
        client
            .transact_write_items()
            .client_request_token(token)
            .transact_items(count(by, 10))
            .send()
            .await
    };
    let [inside, outside] = [engine.client(), through_port(&engine)];
    send(inside.clone(), "first", 1).await.unwrap();
    send(inside.clone(), "second", 2).await.unwrap();
    for client in [&inside, &outside] {
        send(client.clone(), "first", 1).await.unwrap();
        send(client.clone(), "second", 2).await.unwrap();
    }
    assert_eq!(counter(&inside).await, "3");
    let other = send(outside.clone(), "second", 3).await.unwrap_err();
    let error = other.into_service_error();
    assert!(
        error.is_idempotent_parameter_mismatch_exception(),
        "{error:?}"
    );
    assert_eq!(counter(&outside).await, "3");
    engine.stop(TIMEOUT).await;
}

#[tokio::test]
async fn a_transaction_whose_answer_was_lost_is_carried_out_once() {
    use crate::wire::{Fault, Rule, Wire};
    use aws_sdk_dynamodb::config::SharedHttpClient;
    use boxoffice::embedded_dynamodb::{InProcess, Operations, unsigned_client};
    let engine = InProcess::new(Operations::in_memory().unwrap());
    let wire = Wire::over(SharedHttpClient::new(engine));
    let client = unsigned_client(SharedHttpClient::new(wire.clone()));
    let tables = TableNames {
        main: TABLE.to_owned(),
        keys: "boxoffice-keys".to_owned(),
    };
    create_tables(&client, &tables).await.unwrap();
    wire.inject(Rule::next("TransactWriteItems", "", Fault::LoseAnswer));
    wire.reset_meter();
    let sent = client.transact_write_items().transact_items(count(1, 10));
    sent.send().await.unwrap();
    assert_eq!(wire.calls().len(), 2);
    assert_eq!(counter(&client).await, "1");
}

fn sorted(
    item: Option<&HashMap<String, AttributeValue>>,
) -> Option<BTreeMap<&String, &AttributeValue>> {
    item.map(|item| item.iter().collect())
}

/// The same failures, as the SDK understands them.
async fn failures(client: &Client) -> Vec<String> {
    let cancelled = client
        .transact_write_items()
        .transact_items(count(1, 0))
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let refused = client
        .delete_item()
        .table_name(TABLE)
        .key("pk", text("counter"))
        .key("sk", text("one"))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let missing = client.describe_table().table_name("no-such-table");
    let missing = missing.send().await.unwrap_err().into_service_error();
    let invalid = client.get_item().table_name(TABLE).key("pk", text("x"));
    let invalid = invalid.send().await.unwrap_err().into_service_error();
    let reasons = {
        use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError as Error;
        match cancelled {
            Error::TransactionCanceledException(cancelled) => {
                let reasons = cancelled.cancellation_reasons().iter();
                let reasons = reasons.map(|reason| (reason.code(), sorted(reason.item.as_ref())));
                format!("{:?}", reasons.collect::<Vec<_>>())
            }
            other => format!("{other:?}"),
        }
    };
    let item = {
        use aws_sdk_dynamodb::operation::delete_item::DeleteItemError as Error;
        match refused {
            Error::ConditionalCheckFailedException(refused) => {
                format!("{:?}", sorted(refused.item.as_ref()))
            }
            other => format!("{other:?}"),
        }
    };
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    vec![
        reasons,
        item,
        missing.to_string(),
        invalid.meta().code().unwrap_or_default().to_owned(),
    ]
}

#[tokio::test]
async fn the_engine_answers_alike_in_this_process_and_through_its_port() {
    let engine = with_tables(&Storage::Memory).await;
    let inside = engine.client();
    let outside = through_port(&engine);
    let sent = inside.transact_write_items().transact_items(count(1, 10));
    sent.send().await.unwrap();
    let of_inside = failures(&inside).await;
    assert!(
        of_inside[0].contains("ConditionalCheckFailed") && of_inside[0].contains(r#"N("1")"#),
        "{of_inside:?}"
    );
    assert!(of_inside[1].contains(r#"N("1")"#), "{of_inside:?}");
    assert_eq!(of_inside[3], "ValidationException");
    assert_eq!(failures(&outside).await, of_inside);
    engine.stop(TIMEOUT).await;
}

#[tokio::test]
async fn a_stopped_engine_refuses_operations_and_has_all_data_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::Folder(folder.path().to_owned());
    let engine = with_tables(&storage).await;
    let client = engine.client();
    let sent = client.transact_write_items().transact_items(count(1, 10));
    sent.send().await.unwrap();
    engine.stop(TIMEOUT).await;
    assert!(!folder.path().join("boxoffice.db-wal").exists());
    let refused = client.list_tables().send().await;
    assert!(refused.is_err(), "{refused:?}");
    let engine = start(&storage);
    assert_eq!(counter(&engine.client()).await, "1");
    engine.stop(TIMEOUT).await;
}
