//! Rotation of the signing keys while users are in the queue.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::wire::{Fault, Rule};
use crate::world::{EVENT, World, author};

fn kid(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let header = URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_key_signs_once_every_process_knows_it_and_both_keys_are_accepted() {
    let world = World::new().await;
    let other = world.another_process();
    let before = world.joins(EVENT).await;
    assert_eq!(other.status(&before).await.status, 200);
    let rotation = world
        .app
        .store()
        .rotate_signing_keys(&author())
        .await
        .unwrap();
    assert_eq!(rotation.retired, ["000001"]);
    // A running process reads the new key within five minutes. A process that starts now waits until the others can know it.
    let fresh = world.another_process();
    assert_eq!(kid(&fresh.joins(EVENT).await.token), "000001");
    assert_eq!(kid(&world.joins(EVENT).await.token), "000001");
    world.clock.advance_seconds(30);
    let after = fresh.joins(EVENT).await;
    assert_eq!(kid(&after.token), "000002");
    // It does not know the key, and reads the keys again.
    assert_eq!(other.status(&after).await.status, 200);
    assert_eq!(world.status(&before).await.status, 200);
    world.clock.advance_seconds(5 * 60);
    assert_eq!(kid(&world.joins(EVENT).await.token), "000002");
}

#[tokio::test]
async fn tokens_of_a_retired_key_stay_valid_until_they_expire() {
    let world = World::new().await;
    let before = world.joins(EVENT).await;
    world
        .app
        .store()
        .rotate_signing_keys(&author())
        .await
        .unwrap();
    world.clock.advance_seconds(30 * 24 * 3600 - 1);
    let late = world.another_process();
    assert_ne!(late.status(&before).await.code(), "token_invalid");
    world.clock.advance_seconds(1);
    late.status(&before).await.is_problem(401, "token_invalid");
    world.clock.advance_seconds(3600);
    let keys = world.app.store().signing_keys().await.unwrap();
    let text = format!("{keys:?}");
    assert!(
        !text.contains("000001") && text.contains("000002"),
        "{text}"
    );
}

#[tokio::test]
async fn an_interrupted_rotation_changes_nothing_and_can_be_repeated() {
    let world = World::new().await;
    world.app.keys().await.unwrap();
    let cut = Rule::next("TransactWriteItems", "SIGNING", Fault::CutOff);
    world.wire.inject(cut);
    let store = world.app.store();
    assert!(store.rotate_signing_keys(&author()).await.is_err());
    let rotation = store.rotate_signing_keys(&author()).await.unwrap();
    assert_eq!(
        (rotation.kid.as_str(), &rotation.retired[..]),
        ("000002", &["000001".to_owned()][..])
    );
}

#[tokio::test]
async fn of_two_rotations_at_once_the_second_replaces_the_key_of_the_first() {
    let world = World::new().await;
    world.app.keys().await.unwrap();
    let other = world.another_process();
    let by = author();
    let (one, two) = tokio::join!(
        world.app.store().rotate_signing_keys(&by),
        other.app.store().rotate_signing_keys(&by)
    );
    let mut retired = [one.unwrap(), two.unwrap()].map(|rotation| (rotation.kid, rotation.retired));
    retired.sort();
    let key = |number: u32| format!("{number:06}");
    assert_eq!(retired, [(key(2), vec![key(1)]), (key(3), vec![key(2)])]);
}

#[tokio::test]
async fn unknown_keys_do_not_cause_a_read_each_time() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let (_, rest) = buyer.token.split_once('.').unwrap();
    let forged = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT","kid":"999999"}"#);
    let forged = format!("{forged}.{rest}");
    world.clock.advance_seconds(11);
    world.wire.reset_meter();
    for _ in 0..20 {
        let path = format!("/events/{EVENT}/tokens/me");
        world
            .get(&path, &forged)
            .await
            .is_problem(401, "token_invalid");
    }
    let calls = world.wire.calls();
    let reads = calls
        .iter()
        .filter(|call| call.request.to_string().contains("SIGNING"));
    assert_eq!(reads.count(), 1);
}
