//! The books: every invariant, checked over the whole table.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::world::World;

type Item = HashMap<String, AttributeValue>;

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str)
}

fn number(item: &Item, name: &str) -> i64 {
    item.get(name)
        .and_then(|value| value.as_n().ok())
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

/// All items, by their keys.
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

/// What is broken: one line for each place where the books do not add up. `max_active` is the event's.
pub async fn broken(world: &World, max_active: usize) -> Vec<String> {
    let now = world.clock.now().0;
    let items = items(world).await;
    let mut broken = Vec::new();
    let mut claims: BTreeMap<String, usize> = BTreeMap::new();
    let mut confirmed_price = 0;
    let mut payments_less_refunds = 0;
    let mut living = 0;
    for ((pk, sk), item) in &items {
        let place = format!("{pk} {sk}");
        if pk.starts_with("SEATS#") {
            *claims.entry(text(item, "reservationId").to_owned()).or_default() += 1;
            let is_living = text(item, "state") == "SOLD" || number(item, "heldUntil") > now;
            let status = match text(item, "state") {
                "SOLD" => "CONFIRMED",
                _ => "HELD",
            };
            let owner = items.values().find(|other| {
                text(other, "sk").starts_with("RESERVATION#")
                    && text(other, "reservationId") == text(item, "reservationId")
            });
            if is_living && owner.is_none_or(|owner| text(owner, "status") != status) {
                broken.push(format!("{place}: no {status} reservation has this seat"));
            }
        }
        if pk.starts_with("WALLET#") && sk == "BALANCE" {
            broken.extend(broken_wallet(&items, pk, item));
        }
        if sk.starts_with("LEDGER#") && text(item, "kind") != "CHARGE" {
            payments_less_refunds -= number(item, "amount");
        }
        if pk.starts_with("SESSIONS#") {
            let is_over = text(item, "state") == "ENDED"
                || (text(item, "state") != "OPEN" && number(item, "expiresAt") <= now);
            living += usize::from(!is_over);
        }
    }
    for ((pk, sk), item) in &items {
        if !sk.starts_with("RESERVATION#") && !sk.starts_with("ARCHIVE#") {
            continue;
        }
        let is_living_hold = text(item, "status") == "HELD" && number(item, "heldUntil") > now;
        let is_confirmed = text(item, "status") == "CONFIRMED";
        if is_confirmed {
            confirmed_price += number(item, "totalPrice");
        }
        let seats = item
            .get("seats")
            .and_then(|seats| seats.as_l().ok())
            .map_or(0, Vec::len);
        let claimed = claims.get(text(item, "reservationId")).copied().unwrap_or(0);
        if (is_living_hold || is_confirmed) && claimed != seats {
            broken.push(format!("{pk} {sk}: has {seats} seats, {claimed} are claimed for it"));
        }
    }
    if payments_less_refunds != confirmed_price {
        broken.push(format!(
            "payments less refunds are {payments_less_refunds}, what is confirmed costs {confirmed_price}"
        ));
    }
    if living > max_active {
        broken.push(format!("{living} sessions live, {max_active} may"));
    }
    broken
}

fn broken_wallet(
    items: &BTreeMap<(String, String), Item>,
    pk: &str,
    wallet: &Item,
) -> Vec<String> {
    let mut broken = Vec::new();
    let mut balance = 0;
    let mut entries = 0;
    for ((other, sk), entry) in items {
        let Some(seq) = sk.strip_prefix("LEDGER#").filter(|_| other == pk) else {
            continue;
        };
        entries += 1;
        balance += number(entry, "amount");
        if seq.parse() != Ok(entries) || number(entry, "balanceAfter") != balance || balance < 0 {
            broken.push(format!("{pk} {sk}: balance after entry {entries} should be {balance}"));
        }
    }
    if number(wallet, "balance") != balance || number(wallet, "seq") != entries {
        broken.push(format!("{pk}: the sum of its ledger is {balance}"));
    }
    broken
}

/// The ranks that have, or had, a place inside, in order.
pub async fn ranks_with_a_place(world: &World) -> Vec<u64> {
    items(world)
        .await
        .into_keys()
        .filter(|(pk, _)| pk.starts_with("SESSIONS#"))
        .filter_map(|(_, sk)| sk.parse().ok())
        .collect()
}

/// Asserts that the books add up.
pub async fn check(world: &World, max_active: usize) {
    let broken = broken(world, max_active).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{DATE, EVENT};
    use serde_json::json;

    async fn sold(world: &World) {
        let buyer = world.joins_with(100_000).await;
        let held = world.hold(&buyer, 7).await;
        assert_eq!(world.pay(&buyer, held.text_of("reservationId")).await.status, 201);
    }

    #[tokio::test]
    async fn a_claim_that_is_gone_is_found() {
        let world = World::new().await;
        sold(&world).await;
        check(&world, 100).await;
        world
            .dynamodb
            .delete_item()
            .table_name(&world.tables.main)
            .key("pk", AttributeValue::S(format!("SEATS#{EVENT}#{DATE}#A")))
            .key("sk", AttributeValue::S("SEAT#00007".to_owned()))
            .send()
            .await
            .unwrap();
        assert_eq!(broken(&world, 100).await.len(), 1);
    }

    #[tokio::test]
    async fn a_won_too_many_is_found() {
        let world = World::new().await;
        sold(&world).await;
        let items = items(&world).await;
        let (pk, sk) = items.keys().find(|(_, sk)| sk == "BALANCE").unwrap();
        world
            .dynamodb
            .update_item()
            .table_name(&world.tables.main)
            .key("pk", AttributeValue::S(pk.clone()))
            .key("sk", AttributeValue::S(sk.clone()))
            .update_expression("ADD balance :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .unwrap();
        assert_eq!(broken(&world, 100).await.len(), 1);
    }

    #[tokio::test]
    async fn one_session_too_many_is_found() {
        let world = World::new().await;
        world.joins(EVENT).await;
        assert!(!broken(&world, 0).await.is_empty());
        assert_eq!(json!(broken(&world, 100).await), json!([]));
    }
}
