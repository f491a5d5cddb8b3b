//! The proof that an operator allows `boxoffice rush` to load an event.

use std::time::Duration;

use boxoffice::permits;
use domain::ids::EventId;
use domain::queue::Secret;
use domain::rehearsal::Challenge;

use crate::world::{EVENT, Reply, World, author};

async fn proof(world: &World, challenge: &str) -> Reply {
    let path = format!("/events/{EVENT}/rehearsal/{challenge}");
    world.get(&path, "").await
}

#[tokio::test]
async fn a_challenge_is_answered_with_the_permits_secret_until_it_expires() {
    let world = World::new().await;
    let event = EventId::parse(EVENT).unwrap();
    let challenge = Challenge::random().unwrap();
    let text = challenge.to_string();
    let before = proof(&world, &text).await;
    assert_eq!((before.status, before.body.get("answer")), (200, None));

    let store = world.app.store();
    let permit = permits::allow(store, &event, Duration::from_mins(10), &author())
        .await
        .unwrap();
    // Processes cache an event for two seconds.
    world.clock.advance_seconds(3);
    let allowed = proof(&world, &text).await;
    let answer = allowed.body["answer"].as_str().unwrap().to_owned();
    assert!(challenge.is_answered_by(&answer, &permit.secret, &event));
    assert!(!challenge.is_answered_by(&answer, &Secret::random().unwrap(), &event));
    assert_eq!(allowed.header("cache-control"), "no-store");

    world.clock.advance_seconds(600);
    let expired = proof(&world, &text).await;
    assert_eq!((expired.status, expired.body.get("answer")), (200, None));
}

#[tokio::test]
async fn a_permit_is_taken_back_by_its_owner_only_and_survives_other_changes() {
    let world = World::new().await;
    let event = EventId::parse(EVENT).unwrap();
    let store = world.app.store();
    let permit = permits::allow(store, &event, Duration::from_mins(10), &author())
        .await
        .unwrap();
    let other = Secret::random().unwrap();
    permits::revoke(store, &event, &other, &author())
        .await
        .unwrap();
    world.clock.advance_seconds(3);
    let challenge = Challenge::random().unwrap().to_string();
    assert!(proof(&world, &challenge).await.body["answer"].is_string());
    permits::revoke(store, &event, &permit.secret, &author())
        .await
        .unwrap();
    world.clock.advance_seconds(3);
    assert!(proof(&world, &challenge).await.body.get("answer").is_none());
}

#[tokio::test]
async fn a_malformed_challenge_is_refused_and_no_response_has_the_secret() {
    let world = World::new().await;
    let event = EventId::parse(EVENT).unwrap();
    for challenge in ["0", &"g".repeat(64)] {
        let refused = proof(&world, challenge).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_request"));
        assert_eq!(refused.body["errors"][0]["field"], "path:challenge");
    }
    let store = world.app.store();
    let permit = permits::allow(store, &event, Duration::from_mins(10), &author())
        .await
        .unwrap();
    world.clock.advance_seconds(3);
    let secret = permit.secret.reveal();
    let challenge = Challenge::random().unwrap();
    for path in [
        "/events".to_owned(),
        format!("/events/{EVENT}"),
        format!("/events/{EVENT}/queue"),
        format!("/events/{EVENT}/rehearsal/{challenge}"),
    ] {
        let reply = world.get(&path, "").await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(!reply.body.to_string().contains(&secret), "{path}");
    }
}
