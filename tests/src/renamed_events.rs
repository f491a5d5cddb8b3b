//! Events that get another name or place, and events that are hidden.

use domain::event::Programme;
use domain::ids::EventId;
use shared::store::{ApplyRefused, Change};

use crate::invariants;
use crate::world::{EVENT, World, author};

fn id() -> EventId {
    EventId::parse(EVENT).unwrap()
}

/// Applies a changed catalogue.
async fn applies(world: &World, change: fn(&mut Programme)) {
    let operator = world.another_process();
    let store = operator.app.store();
    loop {
        let former = store.described(&id()).await.unwrap().unwrap();
        let mut described = former.clone();
        change(&mut described.programme);
        let former = Box::new(former);
        match store
            .apply(&Change::Update { described, former }, &[], &author())
            .await
        {
            Ok(()) => break,
            Err(ApplyRefused::Raced) => {}
            Err(refused) => panic!("{refused}"),
        }
    }
}

#[tokio::test]
async fn a_renamed_and_moved_event_takes_its_tickets_along_beside_running_sales() {
    for _ in 0..4 {
        let world = World::new().await;
        let payer = world.joins_with(200_000).await;
        let holder = world.joins_with(200_000).await;
        let held = world.hold(&payer, 1).await;
        let held = held.text_of("reservationId").to_owned();
        let (paid, other, ()) = tokio::join!(
            world.pay(&payer, &held),
            world.hold(&holder, 2),
            applies(&world, |programme| {
                programme.event.terms.name = "Summer Live".to_owned();
                programme.event.terms.venue = "Park".to_owned();
            }),
        );
        assert_eq!((paid.status, other.status), (201, 201));
        world.clock.advance_seconds(3);
        for (buyer, id) in [
            (&payer, held.as_str()),
            (&holder, other.text_of("reservationId")),
        ] {
            let seen = world
                .get(&format!("/reservations/{id}"), &buyer.token)
                .await;
            assert_eq!(seen.text_of("eventName"), "Summer Live");
            assert_eq!(seen.text_of("venue"), "Park");
        }
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn a_hidden_event_is_reachable_by_its_link_and_not_listed() {
    let world = World::new().await;
    applies(&world, |programme| programme.event.terms.hidden = true).await;
    world.clock.advance_seconds(3);
    let listed = world.get("/events", "").await;
    assert_eq!(listed.body["events"].as_array().unwrap().len(), 0);
    let seen = world.get(&format!("/events/{EVENT}"), "").await;
    assert_eq!(seen.body["hidden"], true);
    let buyer = world.joins_with(200_000).await;
    assert_eq!(world.hold(&buyer, 1).await.status, 201);
    applies(&world, |programme| programme.event.terms.hidden = false).await;
    world.clock.advance_seconds(3);
    let listed = world.get("/events", "").await;
    assert_eq!(listed.body["events"].as_array().unwrap().len(), 1);
    let seen = world.get(&format!("/events/{EVENT}"), "").await;
    assert!(seen.body["hidden"].is_null());
}
