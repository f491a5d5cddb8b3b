//! The DynamoDB permissions that template.yaml grants each function. Every call that a test makes through a handler is
//! checked against them, as IAM would do. The calls are recorded, so that unused permissions can be found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;

use crate::template_yaml::{self, FUNCTION, binary, resources_of, template};

/// One statement of a function's policy about a table.
#[derive(Debug)]
struct Statement {
    actions: BTreeSet<String>,
    /// The table's logical id in the template.
    table: String,
    /// Patterns of the partition keys; None: any.
    leading_keys: Option<BTreeSet<String>>,
}

/// By function.
type Grants = BTreeMap<String, Vec<Statement>>;

/// The permission that a call needs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Need {
    /// `dynamodb:PutItem`, …
    pub action: String,
    /// The table's logical id in the template.
    pub table: &'static str,
    /// None: it reads the whole table.
    pub partition_key: Option<String>,
}

/// The permissions that the functions have needed.
pub type Used = Arc<Mutex<BTreeMap<&'static str, BTreeSet<Need>>>>;

tokio::task_local! {
    static CALLER: (&'static str, Used);
}

/// Runs `work` with the permissions of this function.
pub async fn as_function<T>(
    function: &'static str,
    used: &Used,
    work: impl Future<Output = T>,
) -> T {
    CALLER.scope((function, used.clone()), work).await
}

/// Checks a call against the permissions of its caller.
///
/// # Panics
/// If it is not allowed: IAM would refuse it.
pub fn check(operation: &str, request: &Value) {
    // Calls outside of a function need no permission.
    let _ = CALLER.try_with(|(function, used)| {
        for need in needs(operation, request) {
            assert_eq!(refusal(function, &need), None, "{request}");
            let mut used = used.lock().expect("no panic");
            used.entry(function).or_default().insert(need);
        }
    });
}

/// Why the template does not allow it.
#[must_use]
pub fn refusal(function: &str, need: &Need) -> Option<String> {
    let statements = grants().get(function).map_or(&[][..], Vec::as_slice);
    let is_allowed = statements.iter().any(|statement| statement.allows(need));
    (!is_allowed).then(|| format!("{function} is not allowed {need:?}"))
}

/// The permissions of a function that none of its recorded calls needed: actions, and patterns of keys.
#[must_use]
pub fn never_used(function: &str, used: &Used) -> Vec<String> {
    let used = used.lock().expect("no panic");
    let needs = used.get(function);
    let statements = grants().get(function).map_or(&[][..], Vec::as_slice);
    let mut unused = Vec::new();
    for statement in statements {
        let needs = needs.into_iter().flatten();
        let used: Vec<&Need> = needs.filter(|need| statement.allows(need)).collect();
        for action in &statement.actions {
            if !used.iter().any(|need| need.action == *action) {
                unused.push(format!("{function}: {action} on {}", statement.table));
            }
        }
        for pattern in statement.leading_keys.iter().flatten() {
            let fits = |need: &&Need| matches(pattern, need.partition_key.as_deref());
            if !used.iter().any(fits) {
                unused.push(format!("{function}: {pattern} of {}", statement.table));
            }
        }
    }
    unused
}

/// The functions of the template.
pub fn functions() -> impl Iterator<Item = &'static str> {
    grants().keys().map(String::as_str)
}

impl Statement {
    fn allows(&self, need: &Need) -> bool {
        self.table == need.table
            && self.actions.contains(&need.action)
            && self.leading_keys.as_ref().is_none_or(|patterns| {
                patterns
                    .iter()
                    .any(|pattern| matches(pattern, need.partition_key.as_deref()))
            })
    }
}

/// As `StringLike` does, with a `*` at the end only.
fn matches(pattern: &str, partition_key: Option<&str>) -> bool {
    partition_key.is_some_and(|key| match pattern.strip_suffix('*') {
        Some(start) => key.starts_with(start),
        None => key == pattern,
    })
}

fn grants() -> &'static Grants {
    static GRANTS: OnceLock<Grants> = OnceLock::new();
    GRANTS.get_or_init(|| {
        resources_of(&template(), FUNCTION)
            .map(|(_, function)| {
                let policies = function["Properties"]["Policies"].as_array();
                let statements = policies
                    .into_iter()
                    .flatten()
                    .filter_map(|policy| policy["Statement"].as_array())
                    .flatten()
                    .filter_map(statement)
                    .collect();
                (binary(function).to_owned(), statements)
            })
            .collect()
    })
}

/// A statement about a table. Statements about other resources are skipped.
fn statement(statement: &Value) -> Option<Statement> {
    let texts = |value: &Value| -> BTreeSet<String> {
        let texts = template_yaml::texts(value).into_iter();
        texts.map(str::to_owned).collect()
    };
    let actions = texts(&statement["Action"]);
    if !actions.iter().all(|action| action.starts_with("dynamodb:")) {
        return None;
    }
    assert_eq!(statement["Effect"], "Allow");
    let table = statement["Resource"].as_str().expect("one table");
    let leading_keys = statement.get("Condition").map(|condition| {
        let keys = &condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
        texts(keys)
    });
    Some(Statement {
        actions,
        table: table.strip_suffix(".Arn").expect("a table").to_owned(),
        leading_keys,
    })
}

/// The permissions that a request to DynamoDB needs. A transaction needs those of its parts.
fn needs(operation: &str, request: &Value) -> Vec<Need> {
    let need = |action: &str, table: &Value, partition_key: &Value| Need {
        action: format!("dynamodb:{action}"),
        table: if table.as_str().is_some_and(|name| name.ends_with("-keys")) {
            "KeysTable"
        } else {
            "Table"
        },
        partition_key: partition_key.as_str().map(str::to_owned),
    };
    let of_part = |kind: &str, part: &Value| {
        let action = match kind {
            "Put" => "PutItem",
            "Update" => "UpdateItem",
            "Delete" => "DeleteItem",
            "ConditionCheck" => "ConditionCheckItem",
            "Get" => "GetItem",
            other => panic!("a part of a transaction: {other}"),
        };
        let key = part.get("Key").unwrap_or(&part["Item"]);
        need(action, &part["TableName"], &key["pk"]["S"])
    };
    let table = &request["TableName"];
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let parts = request["TransactItems"].as_array().into_iter().flatten();
            parts
                .filter_map(Value::as_object)
                .flat_map(|part| part.iter().map(|(kind, part)| of_part(kind, part)))
                .collect()
        }
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            tables
                .flat_map(|(table, asked)| {
                    let keys = asked["Keys"].as_array().into_iter().flatten();
                    let table = Value::from(table.clone());
                    keys.map(|key| need(operation, &table, &key["pk"]["S"]))
                        .collect::<Vec<_>>()
                })
                .collect()
        }
        "Query" => {
            let condition = request["KeyConditionExpression"]
                .as_str()
                .expect("a condition");
            let name = condition
                .split(" AND ")
                .find_map(|part| part.strip_prefix("#pk = "))
                .expect("a partition");
            let value = &request["ExpressionAttributeValues"][name]["S"];
            vec![need(operation, table, value)]
        }
        "Scan" => vec![need(operation, table, &Value::Null)],
        _ => {
            let key = request.get("Key").unwrap_or(&request["Item"]);
            vec![need(operation, table, &key["pk"]["S"])]
        }
    }
}
