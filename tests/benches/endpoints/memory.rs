//! Memory of the process by the number of waiting users.

use domain::ids::{EventId, Lane, UserId};
use shared::token::Token;
use tests::world::{EVENT, World, concert};

use crate::table::set_head;

/// The numbers of waiting users.
pub(crate) const WAITING: [u64; 3] = [100, 10_000, 1_000_000];
/// How many of them poll, each with its own token.
const POLLS: u64 = 10_000;

/// Resident memory with this many waiting users.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident {
    pub(crate) waiting: u64,
    /// None if the system does not report it as Linux does.
    pub(crate) kib: Option<u64>,
}

/// Fills all slots, adds the waiting users, lets 10,000 of them poll, and promotes. The work is the same each time, so only
/// the number of waiting users differs. Must run before everything else in the process: freed memory would hide the growth.
pub(crate) async fn measure() -> Vec<Resident> {
    let programme = concert();
    let places = u64::from(programme.event.terms.queue.max_active);
    let world = World::with(programme).await;
    for _ in 0..places {
        world.joins(EVENT).await;
    }
    // The first round allocates what every later one reuses.
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
    // The wire's meter keeps every call.
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
