//! Steps that the tests of the queue share.

use domain::event::Event;
use domain::ids::EventId;
use domain::queue::Control;
use shared::store::Consistency;

use crate::world::{Buyer, EVENT, Reply, World, author};

/// Lets every cache expire, then promotes.
pub async fn the_queue_moves(world: &World) {
    world.clock.advance_seconds(2);
    world.app.promote_all().await.expect("a promotion");
}

/// This many new users join, one after the other.
pub async fn crowd(world: &World, size: usize) -> Vec<Buyer> {
    let mut buyers = Vec::new();
    for _ in 0..size {
        buyers.push(world.joins(EVENT).await);
    }
    buyers
}

/// The first letters of all statuses. Asks from the last user to the first; the order must not matter.
pub async fn statuses(world: &World, buyers: &[Buyer]) -> String {
    let mut letters = Vec::new();
    for buyer in buyers.iter().rev() {
        letters.push(world.status(buyer).await.text_of("status")[..1].to_owned());
    }
    letters.reverse();
    letters.concat()
}

pub async fn is_now(world: &World, buyer: &Buyer, status: &str) -> Reply {
    let reply = world.status(buyer).await;
    assert_eq!(
        (reply.status, reply.text_of("status")),
        (200, status),
        "{reply:?}"
    );
    reply
}

pub async fn leaves(world: &World, buyer: &Buyer) {
    let path = format!("/events/{EVENT}/tokens/me");
    let reply = world.delete(&path, &buyer.token).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""), "{reply:?}");
}

/// Changes the queue's control as an operator does, and lets every process see it.
pub async fn steer(world: &World, steered: impl FnOnce(&Event) -> Control) {
    let id = EventId::parse(EVENT).expect("an event id");
    let store = world.app.store();
    let event = store.event(&id, Consistency::Strong).await.expect("a read");
    let event = event.expect("an event");
    let control = steered(&event);
    store
        .set_control(&event, control, &author())
        .await
        .expect("a control");
    world.clock.advance_seconds(2);
}
