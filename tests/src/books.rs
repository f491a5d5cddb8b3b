//! The books: every invariant, checked over the whole table.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use shared::ids::{EventId, Lane, Rank};
use shared::queue::Ranking;
use shared::store::Consistency;

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
            *claims
                .entry(text(item, "reservationId").to_owned())
                .or_default() += 1;
            if let Some(wrong) = broken_claim(&items, pk, sk, item, now) {
                broken.push(format!("{place}: {wrong}"));
            }
        }
        if pk.starts_with("WALLET#") && sk == "BALANCE" {
            broken.extend(broken_wallet(&items, pk, item));
        }
        if sk.starts_with("LEDGER#") && text(item, "kind") != "CHARGE" {
            payments_less_refunds -= number(item, "amount");
        }
        if pk.starts_with("SESSIONS#") {
            let head = (pk.replacen("SESSIONS#", "QUEUE#", 1), "HEAD".to_owned());
            let admitted = items.get(&head).map_or(0, |head| number(head, "admitted"));
            // A place behind the watermark is nobody's yet.
            if text(item, "state") == "OPEN" && sk.parse().unwrap_or(0) > admitted {
                continue;
            }
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
        let claimed = claims
            .get(text(item, "reservationId"))
            .copied()
            .unwrap_or(0);
        if (is_living_hold || is_confirmed) && claimed != seats {
            broken.push(format!(
                "{pk} {sk}: has {seats} seats, {claimed} are claimed for it"
            ));
        }
        broken.extend(
            broken_reservation(&items, item, now).map(|wrong| format!("{pk} {sk}: {wrong}")),
        );
    }
    let rankings = rankings(world, &items).await;
    broken.extend(broken_stock(&items));
    broken.extend(broken_queues(&items, &rankings, now));
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

fn seats(reservation: &Item) -> impl Iterator<Item = (i64, &str)> {
    let seats = reservation.get("seats").and_then(|seats| seats.as_l().ok());
    seats
        .into_iter()
        .flatten()
        .filter_map(|seat| seat.as_m().ok())
        .map(|seat| (number(seat, "seatNumber"), text(seat, "section")))
}

/// A claim that lives is its user's reservation's, which has this very seat.
fn broken_claim(
    items: &BTreeMap<(String, String), Item>,
    pk: &str,
    sk: &str,
    claim: &Item,
    now: i64,
) -> Option<String> {
    let is_sold = text(claim, "state") == "SOLD";
    if is_sold && claim.contains_key("ttl") {
        return Some("is sold, and would be swept".to_owned());
    }
    if !is_sold && number(claim, "heldUntil") <= now {
        return None;
    }
    let status = if is_sold { "CONFIRMED" } else { "HELD" };
    let [_, event, date, section] = pk.splitn(4, '#').collect::<Vec<_>>()[..] else {
        return Some("is no seat's key".to_owned());
    };
    let seat: i64 = sk.trim_start_matches("SEAT#").parse().unwrap_or(0);
    let owner = (
        format!("USER#{}", text(claim, "userId")),
        format!("RESERVATION#{event}#{date}"),
    );
    let is_owned = items.get(&owner).is_some_and(|owner| {
        text(owner, "reservationId") == text(claim, "reservationId")
            && text(owner, "status") == status
            && number(owner, "heldUntil") == number(claim, "heldUntil")
            && seats(owner).any(|owned| owned == (seat, section))
    });
    (!is_owned).then(|| format!("no {status} reservation has this seat"))
}

/// A reservation has no more seats than its event allows, what is in the archive is over, and what was paid for it and not
/// given back is its price where it is confirmed, and nothing where it is not.
fn broken_reservation(
    items: &BTreeMap<(String, String), Item>,
    reservation: &Item,
    now: i64,
) -> impl Iterator<Item = String> {
    let is_confirmed = text(reservation, "status") == "CONFIRMED";
    let id = text(reservation, "reservationId");
    let paid: i64 = items
        .values()
        .filter(|entry| {
            text(entry, "sk").starts_with("LEDGER#") && text(entry, "reservationId") == id
        })
        .map(|entry| -number(entry, "amount"))
        .sum();
    let price = if is_confirmed {
        number(reservation, "totalPrice")
    } else {
        0
    };
    let wrong_price = (paid != price).then(|| format!("{paid} is paid for it, not {price}"));
    let is_held = text(reservation, "status") == "HELD" && number(reservation, "heldUntil") > now;
    let is_archived = text(reservation, "sk").starts_with("ARCHIVE#");
    let wrong_place =
        (is_archived && (is_confirmed || is_held)).then(|| "is archived, and not over".to_owned());
    let event = text(reservation, "sk")
        .split('#')
        .nth(1)
        .unwrap_or_default();
    let most = items
        .get(&(format!("EVENT#{event}"), "META".to_owned()))
        .and_then(|event| event.get("terms")?.as_m().ok())
        .map_or(i64::MAX, |terms| number(terms, "maxSeatsPerUser"));
    let quantity = number(reservation, "quantity");
    let too_many = (quantity > most).then(|| format!("has {quantity} tickets, {most} are allowed"));
    [wrong_price, wrong_place, too_many].into_iter().flatten()
}

/// Tickets left and tickets confirmed are all that there were.
fn broken_stock(items: &BTreeMap<(String, String), Item>) -> Vec<String> {
    let mut broken = Vec::new();
    for ((pk, _), event) in items.iter().filter(|((_, sk), _)| sk == "META") {
        let general = event
            .get("terms")
            .and_then(|terms| {
                terms
                    .as_m()
                    .ok()?
                    .get("admission")?
                    .as_m()
                    .ok()?
                    .get("general")
            })
            .and_then(|general| general.as_m().ok());
        let Some(general) = general else {
            continue;
        };
        let id = &pk["EVENT#".len()..];
        let left: i64 = items
            .iter()
            .filter(|((pk, _), _)| pk.starts_with(&format!("STOCK#{id}#")))
            .map(|(_, shard)| number(shard, "left"))
            .sum();
        let confirmed: i64 = items
            .iter()
            .filter(|((_, sk), item)| {
                *sk == format!("RESERVATION#{id}#") && text(item, "status") == "CONFIRMED"
            })
            .map(|(_, reservation)| number(reservation, "quantity"))
            .sum();
        let total = number(general, "totalTickets");
        if left + confirmed != total {
            broken.push(format!(
                "{pk}: {left} tickets left and {confirmed} confirmed are not {total}"
            ));
        }
    }
    broken
}

/// In which order each lane calls, by the key of its head.
async fn rankings(
    world: &World,
    items: &BTreeMap<(String, String), Item>,
) -> BTreeMap<String, Ranking> {
    let mut rankings = BTreeMap::new();
    let store = world.app.store();
    for (pk, _) in items.keys().filter(|(_, sk)| sk == "HEAD") {
        let (event, lane) = pk["QUEUE#".len()..].rsplit_once('#').expect("a lane");
        let event = EventId::parse(event).expect("an event id");
        let lane = Lane(lane.parse().expect("a lane"));
        let event = store
            .event(&event, Consistency::Strong)
            .await
            .expect("a read");
        let event = event.expect("an event");
        let head = store
            .head(&event.event_id, lane, Consistency::Strong)
            .await
            .expect("a read");
        rankings.insert(pk.clone(), event.ranking(lane, &head.expect("a head")));
    }
    rankings
}

/// Every rank up to the watermark has had a place, or its holder left before the draw; nobody behind it has been called, nobody under the floor lives, and a
/// number is one user's, who is the one inside.
fn broken_queues(
    items: &BTreeMap<(String, String), Item>,
    rankings: &BTreeMap<String, Ranking>,
    now: i64,
) -> Vec<String> {
    let mut broken = Vec::new();
    for ((pk, _), head) in items.iter().filter(|((_, sk), _)| sk == "HEAD") {
        let lane = pk.trim_start_matches("QUEUE#");
        let [issued, admitted, floor] =
            ["issued", "admitted", "floor"].map(|name| number(head, name));
        let (event, lane_number) = lane.rsplit_once('#').expect("a lane");
        let ranking = &rankings[pk];
        let mut tickets = BTreeMap::new();
        for ((user, sk), ticket) in items {
            if *sk == format!("TICKET#{event}")
                && number(ticket, "lane").to_string() == lane_number
                && let Some(other) = tickets.insert(number(ticket, "number"), user)
            {
                broken.push(format!("{user}: has the number of {other}"));
            }
        }
        if tickets.keys().any(|number| *number > issued) || floor > admitted {
            broken.push(format!(
                "{pk}: a number that was never issued, or a floor over the watermark"
            ));
        }
        let session = |rank: i64| items.get(&(format!("SESSIONS#{lane}"), format!("{rank:012}")));
        let number_at = |rank: i64| {
            let drawn = ranking.drawn_number_at(Rank(rank.unsigned_abs()));
            drawn.map_or(rank, |number| i64::try_from(number).unwrap_or(0))
        };
        let departed = |rank: i64| {
            let mark = format!("{:012}", number_at(rank));
            items.contains_key(&(format!("DEPARTED#{lane}"), mark))
        };
        let skipped = (1..=admitted).filter(|rank| session(*rank).is_none() && !departed(*rank));
        broken.extend(skipped.map(|rank| format!("{pk}: rank {rank} was passed without a place")));
        for ((place, sk), session) in items {
            let rank: i64 = sk.parse().unwrap_or(0);
            if *place != format!("SESSIONS#{lane}") {
                continue;
            }
            let state = text(session, "state");
            let lives = match state {
                "LIVE" | "CALLED" => number(session, "expiresAt") > now,
                _ => state == "OPEN",
            };
            if lives && state != "OPEN" && rank > admitted.min(issued) {
                broken.push(format!("{place} {sk}: {state} before its turn"));
            }
            if lives && rank <= floor {
                broken.push(format!("{place} {sk}: {state} under the floor"));
            }
            let user = format!("USER#{}", text(session, "userId"));
            if lives && state == "LIVE" && tickets.get(&number_at(rank)) != Some(&&user) {
                broken.push(format!("{place} {sk}: somebody else's number"));
            }
        }
    }
    broken
}

fn broken_wallet(items: &BTreeMap<(String, String), Item>, pk: &str, wallet: &Item) -> Vec<String> {
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
            broken.push(format!(
                "{pk} {sk}: balance after entry {entries} should be {balance}"
            ));
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
        assert_eq!(
            world
                .pay(&buyer, held.text_of("reservationId"))
                .await
                .status,
            201
        );
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

    /// Sets an attribute of the one item whose sort key begins so.
    async fn forge(world: &World, sk_prefix: &str, name: &str, value: AttributeValue) {
        let items = items(world).await;
        let (pk, sk) = items
            .keys()
            .find(|(_, sk)| sk.starts_with(sk_prefix))
            .unwrap();
        world
            .dynamodb
            .update_item()
            .table_name(&world.tables.main)
            .key("pk", AttributeValue::S(pk.clone()))
            .key("sk", AttributeValue::S(sk.clone()))
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value)
            .send()
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_seat_of_somebody_else_is_found() {
        let world = World::new().await;
        sold(&world).await;
        forge(
            &world,
            "SEAT#",
            "userId",
            AttributeValue::S("nobody".to_owned()),
        )
        .await;
        assert_eq!(broken(&world, 100).await.len(), 1);
    }

    #[tokio::test]
    async fn a_sold_seat_that_would_be_swept_is_found() {
        let world = World::new().await;
        sold(&world).await;
        forge(&world, "SEAT#", "ttl", AttributeValue::N("1".to_owned())).await;
        assert_eq!(broken(&world, 100).await.len(), 1);
    }

    #[tokio::test]
    async fn a_reservation_that_was_sold_for_another_price_is_found() {
        let world = World::new().await;
        sold(&world).await;
        forge(
            &world,
            "RESERVATION#",
            "totalPrice",
            AttributeValue::N("1".to_owned()),
        )
        .await;
        // For it, and for the house.
        assert_eq!(broken(&world, 100).await.len(), 2);
    }

    #[tokio::test]
    async fn more_seats_than_one_user_may_have_are_found() {
        let world = World::new().await;
        sold(&world).await;
        forge(
            &world,
            "RESERVATION#",
            "quantity",
            AttributeValue::N("2".to_owned()),
        )
        .await;
        assert_eq!(broken(&world, 100).await.len(), 1);
    }

    #[tokio::test]
    async fn who_is_inside_before_the_watermark_or_under_the_floor_is_found() {
        for (name, value) in [("admitted", "0"), ("floor", "1")] {
            let world = World::new().await;
            world.joins(EVENT).await;
            forge(&world, "HEAD", name, AttributeValue::N(value.to_owned())).await;
            assert_eq!(broken(&world, 100).await.len(), 1, "{name}");
        }
    }

    #[tokio::test]
    async fn a_number_that_two_have_is_found() {
        let world = World::with(crate::world::concert_for(1)).await;
        for _ in 0..3 {
            world.joins(EVENT).await;
        }
        check(&world, 1).await;
        let items = items(&world).await;
        let tickets = items
            .values()
            .filter(|item| text(item, "sk").starts_with("TICKET#"));
        // The first ticket that is found gets the number of the second.
        let other = tickets
            .map(|ticket| number(ticket, "number"))
            .nth(1)
            .unwrap();
        forge(
            &world,
            "TICKET#",
            "number",
            AttributeValue::N(other.to_string()),
        )
        .await;
        let broken = broken(&world, 1).await;
        assert!(
            broken.iter().any(|line| line.contains("has the number of")),
            "{broken:?}"
        );
    }
}
