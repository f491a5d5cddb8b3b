//! Invariant 1: a seat has one owner.

use super::{busy_world, copy, delete, is, key, n, only, remove, s, set};
use crate::blocks;
use crate::invariants;
use crate::world::{DATE, EVENT};

#[tokio::test]
async fn a_reservation_without_its_claim_and_a_claim_without_a_reservation_are_found() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    delete(&world, &claim).await;
    let finding = only(&world).await;
    let text = format!("{finding:?}");
    assert!(
        finding.key.contains(&format!("RESERVATION#{EVENT}#{DATE}")),
        "{text}"
    );
    assert_eq!(
        (finding.invariant.number(), finding.found.as_str()),
        (1, "free")
    );

    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    copy(&world, &claim, (&claim.0, "SEAT#00017")).await;
    let stray = (claim.0, "SEAT#00017".to_owned());
    is(&only(&world).await, 1, &stray, "CONFIRMED", "is Confirmed");
}

#[tokio::test]
async fn a_seat_claimed_by_another_user_is_found_from_both_sides() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    set(
        &world,
        &claim,
        "userId",
        s("00000000-0000-4000-8000-000000000000"),
    )
    .await;
    let broken = invariants::broken(&world).await;
    assert_eq!(broken.len(), 2, "{broken:#?}");
    assert!(broken.iter().all(|finding| finding.invariant.number() == 1));
}

#[tokio::test]
async fn a_claim_of_a_seat_that_is_not_on_sale_and_a_sold_claim_with_a_ttl_are_found() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    set(&world, &claim, "ttl", n(1)).await;
    is(&only(&world).await, 1, &claim, "no ttl", "swept");

    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    copy(&world, &claim, (&claim.0, "SEAT#00051")).await;
    let stray = (claim.0, "SEAT#00051".to_owned());
    let broken = invariants::broken(&world).await;
    assert!(
        broken.iter().any(|finding| finding.key.ends_with(&stray.1)
            && finding.expected == "a seat that is on sale"),
        "{broken:#?}"
    );
}

#[tokio::test]
async fn a_seat_that_counts_with_another_price_than_was_paid_is_found() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    set(&world, &claim, "price", n(1)).await;
    let finding = only(&world).await;
    assert_eq!(finding.invariant.number(), 1, "{finding:?}");
    assert!(
        finding.found.starts_with("sold for 1 instead of"),
        "{finding:?}"
    );
}

#[tokio::test]
async fn a_hold_and_a_claim_that_end_at_different_times_are_found() {
    let world = busy_world().await;
    let claim = key(&world, "SEATS#", "SEAT#00006").await;
    let later = world.clock.now().0 + 999_000;
    set(&world, &claim, "heldUntil", n(later)).await;
    let broken = invariants::broken(&world).await;
    assert_eq!(broken.len(), 2, "{broken:#?}");
}

#[tokio::test]
async fn a_reservation_whose_seat_is_blocked_is_found() {
    let world = busy_world().await;
    blocks::block_for_the_house(&world, "20").await;
    invariants::check(&world).await;
    let claim = key(&world, "SEATS#", "SEAT#00001").await;
    copy(
        &world,
        &(claim.0.clone(), "SEAT#00020".to_owned()),
        (&claim.0, "SEAT#00001"),
    )
    .await;
    let finding = only(&world).await;
    assert_eq!(
        (finding.invariant.number(), finding.found.as_str()),
        (1, "BLOCKED")
    );
}

#[tokio::test]
async fn a_block_that_would_be_swept_or_stay_for_ever_and_one_of_no_seat_are_found() {
    let world = busy_world().await;
    blocks::block_for_the_house(&world, "20").await;
    let block = key(&world, "SEATS#", "SEAT#00020").await;
    set(&world, &block, "ttl", n(1)).await;
    is(&only(&world).await, 1, &block, "if and only if", "a ttl");
    remove(&world, &block, "ttl").await;
    let end = world.clock.now().0 + 60_000;
    set(&world, &block, "heldUntil", n(end)).await;
    is(&only(&world).await, 1, &block, "if and only if", "no ttl");

    let world = busy_world().await;
    blocks::block_for_the_house(&world, "20").await;
    let block = key(&world, "SEATS#", "SEAT#00020").await;
    copy(&world, &block, (&block.0, "SEAT#00051")).await;
    let stray = (block.0, "SEAT#00051".to_owned());
    is(
        &only(&world).await,
        1,
        &stray,
        "a seat of the date",
        "seat 51",
    );
}
