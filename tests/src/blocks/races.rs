//! Blocks while others act on the same seats at the same moment.

use std::sync::Arc;

use boxoffice::Outcome;
use boxoffice::commands::blocks::{block_seats, unblock_seats};
use boxoffice::output::Output;
use domain::block::BlockKind;
use domain::seats::Claim;
use futures::future::join_all;

use super::{Wanted, house, is_blocked, seats_of, small_concert};
use crate::invariants;
use crate::world::{EVENT, World, author};

fn silent() -> Output {
    Output::to(Box::new(std::io::sink()))
}

async fn blocks(process: &World, Wanted { seats, block }: &Wanted) -> Outcome {
    let store = process.app.store();
    let outcome = block_seats(store, seats, block, &author(), &mut silent()).await;
    outcome.unwrap()
}

/// The claims of the small concert's only section, by seat.
async fn claims(world: &World) -> Vec<(u32, Claim)> {
    let at = seats_of("1");
    let claims = world.app.store().claims(&at.event, at.date, "A").await;
    let claims = claims.unwrap().into_iter();
    claims.map(|(seat, claim)| (seat.0, claim)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_holding_and_blocking_a_seat_at_once_exactly_one_succeeds() {
    let world = Arc::new(World::with(small_concert(100, 60)).await);
    let (mut held, mut blocked) = (0, 0);
    for round in 0..12 {
        // Five seats at once: the hold wants the third of them.
        let first = round * 5 + 1;
        let buyer = world.joins(EVENT).await;
        let (buyers, operators) = (world.another_process(), world.another_process());
        let holding = tokio::spawn(async move { buyers.hold(&buyer, first + 2).await });
        let blocking = tokio::spawn(async move {
            blocks(&operators, &house(&format!("{first}-{}", first + 4))).await
        });
        let (answer, outcome) = (holding.await.unwrap(), blocking.await.unwrap());
        let is_held = match (answer.status, answer.code()) {
            (201, _) => true,
            (409, "seat_taken") => false,
            _ => panic!("round {round}: {answer:?}"),
        };
        assert_eq!(outcome == Outcome::Done, !is_held, "round {round}");
        let now = claims(&world).await;
        let mine: Vec<_> = now
            .iter()
            .filter(|(seat, _)| (first..first + 5).contains(seat))
            .collect();
        // All of the seats are blocked, or only one is claimed: the held one.
        assert_eq!(mine.len(), if is_held { 1 } else { 5 }, "round {round}");
        held += u32::from(is_held);
        blocked += u32::from(!is_held);
    }
    assert_eq!(held + blocked, 12);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_blocks_of_common_seats_at_once_exactly_one_wins() {
    let world = Arc::new(World::with(small_concert(10, 60)).await);
    for round in 0..6 {
        let first = round * 8 + 1;
        let commands = BlockKind::ALL.map(|kind| {
            let process = world.another_process();
            tokio::spawn(async move {
                let mut wanted = house(&format!("{first}-{}", first + 7));
                wanted.block.kind = kind;
                (kind, blocks(&process, &wanted).await)
            })
        });
        let outcomes = join_all(commands).await;
        let winners: Vec<BlockKind> = outcomes
            .into_iter()
            .map(Result::unwrap)
            .filter_map(|(kind, outcome)| (outcome == Outcome::Done).then_some(kind))
            .collect();
        let [winner] = winners[..] else {
            panic!("round {round}: {winners:?}");
        };
        let now = claims(&world).await;
        let now = now.iter().filter(|(seat, _)| *seat >= first);
        let kinds = now.map(|(_, claim)| match claim {
            Claim::Blocked(block) => block.kind,
            other => panic!("{other:?}"),
        });
        assert_eq!(kinds.collect::<Vec<_>>(), [winner; 8], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn unblocking_never_takes_a_seat_from_the_buyer_who_holds_it_by_then() {
    let world = Arc::new(World::with(small_concert(100, 20)).await);
    is_blocked(&world, &house("1-20")).await;
    // Two commands release the same seats while buyers take them.
    let commands = (0..2).map(|_| {
        let process = world.another_process();
        tokio::spawn(async move {
            let seats = seats_of("1-20");
            let store = process.app.store();
            let outcome = unblock_seats(store, &seats, &author(), &mut silent()).await;
            assert_eq!(outcome.unwrap(), Outcome::Done);
        })
    });
    let commands: Vec<_> = commands.collect();
    let mut buyers = Vec::new();
    for seat in 1..=20 {
        let (process, buyer) = (world.another_process(), world.joins(EVENT).await);
        buyers.push(tokio::spawn(async move {
            for _ in 0..200 {
                let held = process.hold(&buyer, seat).await;
                match (held.status, held.code()) {
                    (201, _) => return,
                    (409, "seat_taken") | (503, "busy") => tokio::task::yield_now().await,
                    _ => panic!("{held:?}"),
                }
            }
            panic!("seat {seat} was never free");
        }));
    }
    for task in commands.into_iter().chain(buyers) {
        task.await.unwrap();
    }
    let held = claims(&world).await;
    assert_eq!(held.len(), 20);
    let is_held = |claim: &Claim| matches!(claim, Claim::Held { .. });
    assert!(held.iter().all(|(_, claim)| is_held(claim)), "{held:?}");
    invariants::check(&world).await;
}
