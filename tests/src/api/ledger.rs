//! The ledger: every change of a wallet, and the balance after it.

use serde_json::{Value, json};

use crate::world::{Buyer, DATE, EVENT, FESTIVAL, PRICE, Reply, World, concert, festival};

async fn ledger(world: &World, buyer: &Buyer, query: &str) -> Reply {
    let path = format!("/users/{}/wallet/ledger{query}", buyer.user_id);
    world.get(&path, &buyer.token).await
}

fn entries(reply: &Reply) -> Vec<Value> {
    reply.body["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_change_has_a_ledger_entry_and_they_add_up_to_the_balance() {
    let world = World::new().await;
    let buyer = world.joins_with(3 * PRICE).await;
    assert_eq!(entries(&ledger(&world, &buyer, "").await).len(), 1);
    world.clock.advance_seconds(1);
    let held = world.hold(&buyer, 1).await;
    let id = held.text_of("reservationId").to_owned();
    let paid = world.pay(&buyer, &id).await;
    world.clock.advance_seconds(1);
    world
        .delete(&format!("/reservations/{id}"), &buyer.token)
        .await;
    world.clock.advance_seconds(1);
    world.charge(&buyer, 500, "second").await;
    let reply = ledger(&world, &buyer, "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.body.get("nextCursor").is_none());
    let entries = entries(&reply);
    let told: Vec<(&str, i64, i64)> = entries
        .iter()
        .map(|entry| {
            (
                entry["kind"].as_str().unwrap(),
                entry["amount"].as_i64().unwrap(),
                entry["balanceAfter"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("CHARGE", 500, 3 * PRICE + 500),
            ("REFUND", PRICE, 3 * PRICE),
            ("PAYMENT", -PRICE, 2 * PRICE),
            ("CHARGE", 3 * PRICE, 3 * PRICE),
        ]
    );
    let sum: i64 = told.iter().map(|(_, amount, _)| amount).sum();
    assert_eq!(world.balance(&buyer).await, sum);
    assert_eq!(entries[2]["entryId"], paid.body["paymentId"]);
    assert_eq!(entries[1]["reservationId"], id);
    assert!(entries[0].get("reservationId").is_none());
    assert!(entries[0]["at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn payments_and_refunds_name_the_event_the_date_and_the_seats_as_they_were_bought() {
    let mut programme = concert();
    programme.event.terms.max_seats_per_user = 2;
    let world = World::with(programme).await;
    let mut other = festival();
    other.event.terms.max_seats_per_user = 3;
    world.add(other).await;
    let buyer = world.joins_with(5 * PRICE).await;
    let seats = json!({ "date": DATE, "seatNumbers": [4, 5] });
    let held = world
        .post(&format!("/events/{EVENT}/holds"), &buyer.token, seats)
        .await;
    let id = held.text_of("reservationId").to_owned();
    world.pay(&buyer, &id).await;
    world
        .delete(&format!("/reservations/{id}"), &buyer.token)
        .await;
    let visitor = world.joins_as(FESTIVAL, &buyer.user_id).await;
    let path = format!("/events/{FESTIVAL}/reservations");
    world
        .post(&path, &visitor.token, json!({ "quantity": 3 }))
        .await;
    let entries = entries(&ledger(&world, &buyer, "").await);
    let [tickets, refund, payment, charge] = &entries[..] else {
        panic!("{entries:?}");
    };
    for entry in [refund, payment] {
        assert_eq!(entry["eventId"], EVENT);
        assert_eq!(entry["eventName"], held.body["eventName"]);
        assert_eq!(entry["date"], DATE);
        assert_eq!(entry["seats"], held.body["seats"]);
        assert_eq!(entry["quantity"], 2);
    }
    assert_eq!(tickets["eventId"], FESTIVAL);
    assert_eq!(tickets["quantity"], 3);
    for (entry, fields) in [
        (
            charge,
            &["eventId", "eventName", "date", "seats", "quantity"][..],
        ),
        (tickets, &["date", "seats"]),
    ] {
        for field in fields {
            assert!(entry.get(field).is_none(), "{field}: {entry}");
        }
    }
}

#[tokio::test]
async fn a_long_ledger_is_paged_without_gaps_or_repeats() {
    let world = World::new().await;
    let buyer = world.joins_with(1).await;
    for n in 1..25 {
        let charged = world.charge(&buyer, n, &format!("key-{n}")).await;
        assert_eq!(charged.status, 201, "{charged:?}");
    }
    let mut seen = Vec::new();
    let mut query = "?limit=7".to_owned();
    loop {
        let reply = ledger(&world, &buyer, &query).await;
        seen.extend(entries(&reply));
        match reply.body["nextCursor"].as_str() {
            Some(cursor) => query = format!("?limit=7&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    let unique: std::collections::BTreeSet<_> = seen
        .iter()
        .map(|entry| entry["entryId"].to_string())
        .collect();
    assert_eq!(unique.len(), 25);
    let balances: Vec<_> = seen
        .iter()
        .map(|e| e["balanceAfter"].as_i64().unwrap())
        .collect();
    assert!(balances.windows(2).all(|pair| pair[0] > pair[1]));
    assert_eq!(entries(&ledger(&world, &buyer, "").await).len(), 20);
}

#[tokio::test]
async fn only_the_owner_sees_a_ledger_and_malformed_queries_are_refused() {
    let world = World::new().await;
    let buyer = world.joins(crate::world::EVENT).await;
    let other = world.joins(crate::world::EVENT).await;
    let path = format!("/users/{}/wallet/ledger", other.user_id);
    world
        .get(&path, &buyer.token)
        .await
        .is_problem(403, "not_yours");
    world.get(&path, "").await.is_problem(401, "token_missing");
    for (query, field) in [("?limit=0", "query:limit"), ("?cursor=x", "query:cursor")] {
        let reply = ledger(&world, &buyer, query).await;
        reply.is_problem(400, "invalid_request");
        assert_eq!(reply.wrong_fields(), [field]);
    }
    assert_eq!(entries(&ledger(&world, &buyer, "").await).len(), 0);
}
