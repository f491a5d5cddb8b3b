//! Invariants 3 and 4: reservations and stock.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use super::{apply, busy_world, catalogue, copy, is, key, n, only, set};
use crate::invariants;
use crate::world::{DATE, EVENT, FESTIVAL, PRICE, World};

#[tokio::test]
async fn a_second_living_reservation_and_too_many_seats_are_found() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00006").await;
    let user = invariants::items(&world).await[&claim]["userId"]
        .as_s()
        .unwrap()
        .clone();
    let reservation = key(&world, &format!("USER#{user}"), "RESERVATION#").await;
    let archive = (reservation.0.clone(), "ARCHIVE#000001#x".to_owned());
    copy(&world, &reservation, (&archive.0, &archive.1)).await;
    is(
        &only(&world).await,
        3,
        &archive,
        "an ended reservation",
        "Held",
    );

    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00006").await;
    let user = invariants::items(&world).await[&claim]["userId"]
        .as_s()
        .unwrap()
        .clone();
    let reservation = key(&world, &format!("USER#{user}"), "RESERVATION#").await;
    set(&world, &reservation, "quantity", n(2)).await;
    let broken = invariants::broken(&world).await;
    assert_eq!(broken.len(), 2, "{broken:#?}");
    assert!(
        broken
            .iter()
            .any(|finding| finding.expected == "at most 1 tickets")
    );
}

#[tokio::test]
async fn a_ticket_too_many_or_too_few_in_the_stock_is_found() {
    for wrong in [-1, 1] {
        let world = busy_world().await;
        let shard = key(&world, &format!("STOCK#{FESTIVAL}#0"), "STOCK").await;
        let left: i64 = invariants::items(&world).await[&shard]["left"]
            .as_n()
            .unwrap()
            .parse()
            .unwrap();
        set(&world, &shard, "left", n(left + wrong)).await;
        is(
            &only(&world).await,
            4,
            &shard,
            "100 tickets",
            &format!("{} left, 1 confirmed", 99 + wrong),
        );
    }
    let world = busy_world().await;
    let reservation = key(&world, "USER#", &format!("RESERVATION#{FESTIVAL}#")).await;
    set(&world, &reservation, "stock", AttributeValue::L(Vec::new())).await;
    let finding = only(&world).await;
    assert_eq!(finding.invariant.number(), 4, "{finding:?}");
}

#[tokio::test]
async fn a_revenue_of_the_stock_that_differs_from_its_reservations_is_found() {
    let world = busy_world().await;
    let items = invariants::items(&world).await;
    let (shard, item) = items
        .iter()
        .find(|((pk, _), item)| pk.starts_with("STOCK#") && item["sold"].as_n().unwrap() == "1")
        .expect("a ticket is sold");
    let revenue: i64 = item["revenue"].as_n().unwrap().parse().unwrap();
    set(&world, shard, "revenue", n(revenue + 1)).await;
    let finding = only(&world).await;
    assert_eq!(finding.invariant.number(), 4, "{finding:?}");
    assert!(finding.expected.starts_with("a revenue of"), "{finding:?}");
}

#[tokio::test]
async fn a_reservation_may_exceed_a_later_limit_but_not_its_own() {
    let world = World::new().await;
    apply(&world, &catalogue(2, "{}")).await;
    let buyer = world.joins_with(2 * PRICE).await;
    let path = format!("/events/{EVENT}/holds");
    let body = json!({ "date": DATE, "seatNumbers": [1, 2] });
    let held = world.post(&path, &buyer.token, body).await;
    assert_eq!(held.status, 201, "{:?}", held.body);
    apply(&world, &catalogue(1, "{}")).await;
    invariants::check(&world).await;
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    invariants::check(&world).await;

    let reservation = key(&world, &format!("USER#{}", buyer.user_id), "RESERVATION#").await;
    set(&world, &reservation, "seatLimit", n(1)).await;
    is(
        &only(&world).await,
        3,
        &reservation,
        "at most 1 tickets",
        "2",
    );
    // What the catalogue says today does not matter.
    apply(&world, &catalogue(4, "{}")).await;
    is(
        &only(&world).await,
        3,
        &reservation,
        "at most 1 tickets",
        "2",
    );
}
