//! Overbooking: calling more users than there are slots, because some do not arrive.

use domain::event::Programme;

use crate::invariants;
use crate::queue_steps::the_queue_moves;
use crate::world::{Buyer, EVENT, World, concert_for};

fn overbooked(max_active: u32, percent: u32) -> Programme {
    let mut concert = concert_for(max_active);
    concert.event.terms.queue.overbook_percent = percent;
    concert
}

/// Sessions that use a slot, and how many of them are called and awaited.
async fn living(world: &World) -> (usize, usize) {
    let now = world.clock.now().0;
    let mut living = (0, 0);
    for ((pk, _), item) in invariants::items(world).await {
        let text = |name: &str| item.get(name).and_then(|v| v.as_s().ok()).cloned();
        let expires: i64 = item
            .get("expiresAt")
            .and_then(|v| v.as_n().ok())
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        if pk.starts_with("SESSIONS#") && expires > now {
            match text("state").as_deref() {
                Some("CALLED") => living = (living.0 + 1, living.1 + 1),
                Some("LIVE") => living.0 += 1,
                _ => {}
            }
        }
    }
    living
}

/// Lets `rounds` graces pass. Of ten called users, the first `arrive` arrive and leave again. Returns the maximum of
/// concurrent sessions.
async fn the_sale_goes_on(world: &World, buyers: &[Buyer], rounds: u32, arrive: u64) -> usize {
    let mut most = 0;
    for _ in 0..rounds {
        the_queue_moves(world).await;
        most = most.max(living(world).await.0);
        let head = world.get(&format!("/events/{EVENT}/queue"), "").await;
        let admitted = head.body["admitted"].as_u64().unwrap();
        for buyer in buyers {
            let number = buyer.joined.body["queueNumber"].as_u64().unwrap();
            if number <= admitted && number % 10 < arrive {
                let reply = world.status(buyer).await;
                if reply.text_of("status") == "ACTIVE" {
                    world.leave(buyer).await;
                }
            }
        }
        world.clock.advance_seconds(130);
    }
    most
}

#[tokio::test]
async fn with_half_no_shows_more_users_are_called_up_to_the_overbooking_limit() {
    let world = World::with(overbooked(10, 40)).await;
    let buyers = many(&world, 130).await;
    let most = the_sale_goes_on(&world, &buyers, 6, 5).await;
    assert!(
        most > 10,
        "at most {most} lived at once: nobody was overbooked"
    );
    assert!(most <= 14, "{most} lived at once: 10 and 40 percent are 14");
}

#[tokio::test]
async fn with_no_no_shows_nobody_is_overbooked() {
    let world = World::with(overbooked(10, 40)).await;
    let buyers = many(&world, 80).await;
    let most = the_sale_goes_on(&world, &buyers, 5, 10).await;
    assert_eq!(most, 10);
}

#[tokio::test]
async fn nobody_is_overbooked_unless_the_operator_allows_it() {
    let world = World::with(overbooked(10, 0)).await;
    let buyers = many(&world, 80).await;
    let most = the_sale_goes_on(&world, &buyers, 5, 3).await;
    assert_eq!(most, 10);
}

async fn many(world: &World, size: usize) -> Vec<Buyer> {
    let mut buyers = crate::queue_steps::crowd(world, size).await;
    // The first ten are admitted when they join, and leave.
    for buyer in buyers.drain(..10) {
        world.leave(&buyer).await;
    }
    buyers
}
