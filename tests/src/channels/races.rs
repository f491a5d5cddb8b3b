//! Seats of a channel that several want at the same moment.

use std::sync::Arc;

use boxoffice::commands::blocks::unblock_seats;
use boxoffice::output::Output;
use futures::future::join_all;

use super::{block_for_the_channel, code_of_the_channel, guest, hall, seats_of};
use crate::invariants;
use crate::world::{EVENT, World, author};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_holders_of_the_channel_at_once_exactly_one_has_the_seat() {
    let world = Arc::new(World::with(hall(40)).await);
    block_for_the_channel(&world, "1-5", None).await;
    let code = code_of_the_channel(&world, 99).await;
    for seat in 1..=5 {
        let mut holds = Vec::new();
        for _ in 0..4 {
            let buyer = guest(&world, &code).await;
            let process = world.another_process();
            holds.push(tokio::spawn(
                async move { process.hold(&buyer, seat).await },
            ));
        }
        let mut held = 0;
        for reply in join_all(holds).await {
            let reply = reply.unwrap();
            match (reply.status, reply.code()) {
                (201, _) => held += 1,
                (409, "seat_taken") => {}
                _ => panic!("{reply:?}"),
            }
        }
        assert_eq!(held, 1, "seat {seat}");
    }
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_unblocking_and_holding_by_the_channel_at_once_each_leaves_the_seat_in_order() {
    let world = Arc::new(World::with(hall(40)).await);
    let code = code_of_the_channel(&world, 99).await;
    for seat in 1..=8 {
        block_for_the_channel(&world, &seat.to_string(), None).await;
        let (buyer, process) = (guest(&world, &code).await, world.another_process());
        let holding = tokio::spawn(async move { process.hold(&buyer, seat).await });
        let operator = world.another_process();
        let unblocking = tokio::spawn(async move {
            let mut out = Output::to(Box::new(std::io::sink()));
            let seats = seats_of(&seat.to_string());
            let store = operator.app.store();
            unblock_seats(store, &seats, &author(), &mut out)
                .await
                .unwrap()
        });
        // Before or after it, the seat is the buyer's: blocked and opened, or free.
        assert_eq!(holding.await.unwrap().status, 201);
        unblocking.await.unwrap();
        let stranger = world.joins(EVENT).await;
        let refused = world.hold(&stranger, seat).await;
        refused.is_problem(409, "seat_taken");
    }
    invariants::check(&world).await;
}
