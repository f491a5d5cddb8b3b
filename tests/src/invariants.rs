//! Checks that all invariants hold, and reads the table.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::invariants::Finding;

use crate::world::World;

pub type Item = HashMap<String, AttributeValue>;

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str)
}

/// All items of the main table, by their keys.
pub async fn items(world: &World) -> BTreeMap<(String, String), Item> {
    let mut items = BTreeMap::new();
    let mut start = None;
    loop {
        let page = world
            .dynamodb
            .scan()
            .table_name(&world.tables.main)
            .set_exclusive_start_key(start)
            .send()
            .await
            .expect("a page");
        for item in page.items.unwrap_or_default() {
            let key = (text(&item, "pk").to_owned(), text(&item, "sk").to_owned());
            items.insert(key, item);
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            return items;
        }
    }
}

/// The ranks that have, or had, a session, in order.
pub async fn ranks_with_a_session(world: &World) -> Vec<u64> {
    items(world)
        .await
        .into_keys()
        .filter(|(pk, _)| pk.starts_with("SESSIONS#"))
        .filter_map(|(_, sk)| sk.parse().ok())
        .collect()
}

/// The audit's findings, by a process without faults.
pub async fn broken(world: &World) -> Vec<Finding> {
    let undisturbed = world.another_process();
    let audit = shared::audit::run(undisturbed.app.store(), None, |_| {});
    audit.await.expect("an audit").findings
}

/// Asserts that all invariants hold.
pub async fn check(world: &World) {
    let broken = broken(world).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Acts on the table only by calls that OPERATIONS.md permits those who act, and asserts that nothing was written but items of
/// these kinds. Returns all items before and after.
pub async fn writes_only(
    world: &World,
    kinds: &[&str],
    act: impl AsyncFnOnce(),
) -> [BTreeMap<(String, String), Item>; 2] {
    let before = items(world).await;
    world.wire.reset_meter();
    act().await;
    let calls = world.wire.calls().into_iter().map(|call| call.operation);
    let calls: BTreeSet<String> = calls.collect();
    let allowed = ["BatchGetItem", "GetItem", "Query", "TransactWriteItems"];
    let allowed = allowed.map(str::to_owned);
    assert!(calls.is_subset(&allowed.into()), "{calls:?}");
    let after = items(world).await;
    let changed = after
        .iter()
        .filter(|(key, item)| before.get(*key) != Some(*item));
    let written: BTreeSet<&str> = changed
        .filter_map(|((pk, _), _)| pk.split('#').next())
        .collect();
    assert_eq!(written, kinds.iter().copied().collect());
    [before, after]
}
