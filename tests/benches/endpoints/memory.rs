//! Memory of the process by how many wait.

use domain::ids::{EventId, Lane, UserId};
use shared::token::Token;
use tests::world::{EVENT, World, concert};

use crate::table::set_head;

/// So many people wait.
pub(crate) const WAITING: [u64; 3] = [100, 10_000, 1_000_000];
/// So many of them poll, each with a token of their own.
const POLLS: u64 = 10_000;

/// Resident memory with so many waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident {
    pub(crate) waiting: u64,
    /// None where the system does not tell as Linux does.
    pub(crate) kib: Option<u64>,
}

/// Fills the house, lets so many wait outside, has 10,000 of them poll and a promotion run; each time the same work, so
/// that only the number of the waiting differs. Must run before everything else in the process: memory that was freed
/// would hide what grows.
pub(crate) async fn measure() -> Vec<Resident> {
    let programme = concert();
    let places = u64::from(programme.event.terms.queue.max_active);
    let world = World::with(programme).await;
    for _ in 0..places {
        world.joins(EVENT).await;
    }
    // The first round makes what every later one uses.
    round(&world, places, WAITING[0]).await;
    let mut resident = Vec::new();
    for waiting in WAITING {
        round(&world, places, waiting).await;
        resident.push(Resident {
            waiting,
            kib: resident_kib(),
        });
    }
    resident
}

async fn round(world: &World, places: u64, waiting: u64) {
    set_head(world, ["issued"], [places + waiting]).await;
    world.clock.advance_seconds(1);
    // The meter of the wire keeps every call.
    world.wire.reset_meter();
    promote::handle(&world.app).await.expect("a promotion");
    world.clock.advance_seconds(1);
    for poll in 0..POLLS {
        let number = places + 1 + poll * waiting / POLLS;
        let event = EventId::parse(EVENT).expect("an event id");
        let now = world.clock.now();
        let token = Token::new(UserId::random(), event, Lane::FIRST, number, now);
        let token = world.app.sign(&token).await.expect("a token");
        let path = format!("/events/{EVENT}/tokens/me");
        let reply = world.get(&path, &token).await;
        assert_eq!(reply.text_of("status"), "WAITING", "{reply:?}");
    }
}

fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
