//! Concurrent requests over several processes.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::task::JoinHandle;

use crate::invariants;
use crate::wire::{Fault, Rule};
use crate::world::{Buyer, DATE, EVENT, LATER_DATE, PRICE, Reply, World, concert_for};

/// The world's process and `n` more processes over its tables.
fn processes(world: World, n: usize) -> Vec<Arc<World>> {
    let mut all: Vec<_> = (0..n).map(|_| Arc::new(world.another_process())).collect();
    all.push(Arc::new(world));
    all
}

/// The results of tasks that were spawned.
async fn all_of<T>(tasks: impl IntoIterator<Item = JoinHandle<T>>) -> Vec<T> {
    let results = join_all(tasks).await.into_iter();
    results.map(Result::unwrap).collect()
}

fn statuses(replies: &[Reply]) -> Vec<u16> {
    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    statuses
}

// C17, E7
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_hundred_buyers_for_fifty_seats_fill_each_seat_once_and_every_won_is_accounted_for() {
    let processes = processes(World::with(concert_for(400)).await, 3);
    let joining = (0..300).map(|n| {
        let world = processes[n % processes.len()].clone();
        tokio::spawn(async move { world.joins_with(PRICE + 1).await })
    });
    let buyers: Vec<Buyer> = all_of(joining).await;
    // At most a hundred open slots are created at a time, so some seconds later all users are called.
    for _ in 0..5 {
        processes[0].clock.advance_seconds(1);
        processes[0].app.promote_all().await.unwrap();
    }
    for buyer in &buyers {
        let status = processes[0].status(buyer).await;
        assert_eq!(status.text_of("status"), "ACTIVE", "{status:?}");
    }
    let buyers = buyers.into_iter().enumerate().map(|(n, buyer)| {
        let world = processes[n % processes.len()].clone();
        tokio::spawn(async move { buys_any_seat(&world, &buyer, n).await })
    });
    let winners = join_all(buyers)
        .await
        .into_iter()
        .filter(|won| *won.as_ref().unwrap())
        .count();
    assert_eq!(winners, 50);
    invariants::check(&processes[0]).await;
}

/// Holds a seat. If it is taken, chooses another of the free seats, until there are none.
async fn buys_any_seat(world: &World, buyer: &Buyer, n: usize) -> bool {
    let mut seat = u32::try_from(n % 50 + 1).unwrap();
    for _ in 0..50 {
        let held = world.hold(buyer, seat).await;
        match (held.status, held.code()) {
            (201, _) => {
                let paid = world.pay(buyer, held.text_of("reservationId")).await;
                assert_eq!(paid.status, 201, "{paid:?}");
                return true;
            }
            // 503 if too many writes collided: a client tries again.
            (409, "seat_taken") | (503, "busy") => {}
            other => panic!("{other:?}"),
        }
        let path = format!("/events/{EVENT}/dates/{DATE}/seats");
        let reply = world.get(&path, &buyer.token).await;
        let left = reply.body["seats"].as_array().expect("seats");
        if left.is_empty() {
            return false;
        }
        seat = u32::try_from(left[n % left.len()]["seatNumber"].as_u64().unwrap()).unwrap();
    }
    panic!("seats are free, but none could be held");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_user_in_twenty_tabs_has_one_queue_number() {
    let processes = processes(World::new().await, 3);
    let user = uuid::Uuid::new_v4().to_string();
    let tabs = (0..20).map(|n| {
        let (world, user) = (processes[n % processes.len()].clone(), user.clone());
        tokio::spawn(async move { world.joins_as(EVENT, &user).await })
    });
    let buyers: Vec<Buyer> = all_of(tabs).await;
    let number = &buyers[0].joined.body["queueNumber"];
    assert!(
        buyers
            .iter()
            .all(|buyer| buyer.joined.body["queueNumber"] == *number)
    );
    let fresh = buyers
        .iter()
        .filter(|buyer| buyer.joined.status == 201)
        .count();
    assert_eq!(fresh, 1);
    invariants::check(&processes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_who_holds_several_seats_at_once_gets_one() {
    let processes = processes(World::new().await, 3);
    let buyer = processes[0].joins(EVENT).await;
    let holds = (1..=8).map(|seat| {
        let (world, buyer) = (processes[seat as usize % 4].clone(), buyer.clone());
        tokio::spawn(async move { world.hold(&buyer, seat).await })
    });
    let replies: Vec<Reply> = all_of(holds).await;
    assert_eq!(statuses(&replies), [201, 409, 409, 409, 409, 409, 409, 409]);
    for refused in replies.iter().filter(|reply| reply.status == 409) {
        assert_eq!(refused.code(), "already_reserved");
    }
    invariants::check(&processes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_seat_requested_by_several_users_at_once_goes_to_one_of_them() {
    let processes = processes(World::new().await, 3);
    for seat in 1..=10 {
        let mut holds = Vec::new();
        for world in &processes {
            let (world, buyer) = (world.clone(), world.joins(EVENT).await);
            holds.push(tokio::spawn(async move { world.hold(&buyer, seat).await }));
        }
        let replies: Vec<Reply> = all_of(holds).await;
        assert_eq!(statuses(&replies), [201, 409, 409, 409]);
        for refused in replies.iter().filter(|reply| reply.status == 409) {
            assert_eq!(refused.code(), "seat_taken");
        }
    }
    invariants::check(&processes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_concurrent_payments_pay_once_and_all_answers_agree() {
    let processes = processes(World::new().await, 3);
    let buyer = processes[0].joins_with(10 * PRICE).await;
    let held = processes[0].hold(&buyer, 7).await;
    let id = held.text_of("reservationId").to_owned();
    let clicks = (0..10).map(|n| {
        let (world, buyer, id) = (processes[n % 4].clone(), buyer.clone(), id.clone());
        tokio::spawn(async move { world.pay(&buyer, &id).await })
    });
    let replies: Vec<Reply> = all_of(clicks).await;
    assert!(
        replies.iter().all(|reply| reply.body == replies[0].body),
        "{replies:?}"
    );
    let expected = [&[200; 9][..], &[201]].concat();
    assert_eq!(statuses(&replies), expected);
    assert_eq!(processes[0].balance(&buyer).await, 9 * PRICE);
    invariants::check(&processes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn paying_and_cancelling_at_once_has_one_outcome() {
    let processes = processes(World::new().await, 1);
    for seat in 1..=12 {
        let buyer = processes[0].joins_with(PRICE).await;
        let held = processes[0].hold(&buyer, seat).await;
        let id = held.text_of("reservationId").to_owned();
        let path = format!("/reservations/{id}");
        let (paid, cancelled) = futures::future::join(
            processes[0].pay(&buyer, &id),
            processes[1].delete(&path, &buyer.token),
        )
        .await;
        assert_eq!(cancelled.status, 200, "{cancelled:?}");
        assert_eq!(cancelled.text_of("status"), "CANCELLED");
        match (paid.status, paid.code()) {
            (201, _) => assert_eq!(cancelled.body["refunded"], PRICE),
            (409, "not_payable") => assert_eq!(cancelled.body["refunded"], 0),
            odd => panic!("{odd:?}"),
        }
        assert_eq!(processes[0].balance(&buyer).await, PRICE);
    }
    invariants::check(&processes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_charges_of_one_wallet_all_count_once_for_each_key() {
    let processes = processes(World::new().await, 3);
    let buyer = processes[0].joins(EVENT).await;
    let charges = (0..12).map(|n| {
        let (world, buyer) = (processes[n % 4].clone(), buyer.clone());
        // Six keys, each used twice.
        tokio::spawn(async move {
            let key = format!("key-{}", n / 2);
            // Too many writes to one wallet are answered 503, and a client repeats the charge with its key.
            for _ in 0..20 {
                let reply = world.charge(&buyer, 1000, &key).await;
                if reply.status != 503 {
                    return reply;
                }
            }
            panic!("always busy");
        })
    });
    let replies: Vec<Reply> = all_of(charges).await;
    let expected = [[200; 6], [201; 6]].concat();
    assert_eq!(statuses(&replies), expected);
    assert_eq!(processes[0].balance(&buyer).await, 6000);
    invariants::check(&processes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_promotions_fill_the_slots_in_order_and_no_more() {
    let processes = processes(World::with(concert_for(10)).await, 3);
    let mut buyers = Vec::new();
    for _ in 0..60 {
        buyers.push(processes[0].joins(EVENT).await);
    }
    let mut admitted: Vec<u64> = Vec::new();
    // All users poll all processes, and leave once admitted. Nobody is passed over: the ranks with a session always are 1,
    // 2, 3, … (Which user sees their call first depends on the process that answers.)
    for _ in 0..200 {
        let promoters = processes
            .iter()
            .map(|world| async { world.app.promote_all().await });
        for promoted in join_all(promoters).await {
            promoted.unwrap();
        }
        invariants::check(&processes[0]).await;
        let ranks = invariants::ranks_with_a_session(&processes[0]).await;
        let from_the_first_on: Vec<u64> = (1..).take(ranks.len()).collect();
        assert_eq!(ranks, from_the_first_on);
        let polls = buyers.iter().enumerate().map(|(n, buyer)| {
            let world = processes[n % 4].clone();
            async move { world.status(buyer).await }
        });
        let replies = join_all(polls).await;
        invariants::check(&processes[0]).await;
        let mut waiting = Vec::new();
        let mut came = Vec::new();
        for (buyer, reply) in buyers.into_iter().zip(replies) {
            match reply.text_of("status") {
                "ACTIVE" => {
                    came.push(reply.body["queueNumber"].as_u64().unwrap());
                    assert_eq!(processes[1].leave(&buyer).await.status, 204);
                }
                "WAITING" => waiting.push(buyer),
                other => panic!("{other}"),
            }
        }
        admitted.extend(came);
        buyers = waiting;
        if buyers.is_empty() {
            break;
        }
        processes[0].clock.advance_seconds(1);
    }
    assert_eq!(admitted.len(), 60, "every user is admitted in the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_user_may_hold_seats_of_two_dates_at_once() {
    let processes = processes(World::new().await, 1);
    let buyer = processes[0].joins(EVENT).await;
    let (first, second) = futures::future::join(
        processes[0].hold(&buyer, 1),
        processes[1].hold_on(&buyer, LATER_DATE, 1),
    )
    .await;
    assert_eq!((first.status, second.status), (201, 201));
    invariants::check(&processes[0]).await;
}

/// Several promotions run at once: each begins a second after the previous one, and all are slow.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overlapping_slow_promotions_admit_in_order_and_never_too_many() {
    let processes = processes(World::with(concert_for(10)).await, 3);
    let joining = (0..200).map(|n| {
        let world = processes[n % 4].clone();
        tokio::spawn(async move { world.joins(EVENT).await })
    });
    let mut buyers: Vec<Buyer> = all_of(joining).await;
    buyers.sort_by_key(|buyer| buyer.joined.body["queueNumber"].as_u64());
    for (n, world) in processes.iter().enumerate() {
        // The first to begin are the slowest, and others overtake them.
        let slow = Fault::Delay(Duration::from_millis(40 - 10 * n as u64));
        world
            .wire
            .inject(Rule::every("UpdateItem", "slotLimit", slow));
        world
            .wire
            .inject(Rule::every("UpdateItem", "admitted", slow));
    }
    let mut left = 0;
    for _ in 0..8 {
        let called = invariants::ranks_with_a_session(&processes[0]).await.len();
        let runs: Vec<_> = processes
            .iter()
            .map(|world| {
                world.clock.advance_ms(1_000);
                let world = world.clone();
                tokio::spawn(async move { world.app.promote_all().await })
            })
            .collect();
        // Meanwhile the users leave who were admitted before.
        for buyer in &buyers[left..called] {
            assert_eq!(processes[1].leave(buyer).await.status, 204);
            invariants::check(&processes[2]).await;
        }
        left = called;
        for run in join_all(runs).await {
            run.unwrap().unwrap();
        }
        invariants::check(&processes[0]).await;
    }
    // After one more promotion without delays, the next ten users in the queue have the ten slots.
    processes[0].clock.advance_ms(1_000);
    processes[0].app.promote_all().await.unwrap();
    let mut inside = Vec::new();
    for buyer in &buyers[left..] {
        if processes[0].status(buyer).await.text_of("status") == "ACTIVE" {
            inside.push(buyer.joined.body["queueNumber"].as_u64().unwrap());
        }
    }
    let next: Vec<u64> = (left as u64 + 1..).take(10).collect();
    assert_eq!(inside, next);
    invariants::check(&processes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_user_who_keeps_polling_is_admitted() {
    let mut programme = concert_for(5);
    // The clock moves fast in this test: nobody may lose the turn by that.
    programme.event.terms.queue.grace_seconds = 86_400;
    programme.event.terms.queue.session_seconds = 86_400;
    let processes = processes(World::with(programme).await, 3);
    let clock = processes[0].clock.clone();
    let users = (0..60).map(|n| {
        let (world, clock) = (processes[n % 4].clone(), clock.clone());
        tokio::spawn(async move {
            let buyer = world.joins(EVENT).await;
            let mut standing = buyer.joined.clone();
            for _ in 0..1_000 {
                match standing.text_of("status") {
                    "ACTIVE" => return world.leave(&buyer).await.status == 204,
                    // Each poll moves the clock, so time does not depend on the speed of the machine.
                    "WAITING" => clock.advance_ms(20),
                    other => panic!("{other}"),
                }
                standing = world.status(&buyer).await;
            }
            false
        })
    });
    for got_in in join_all(users).await {
        assert!(got_in.unwrap());
    }
    invariants::check(&processes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_balance_for_one_of_two_concurrent_payments_makes_one() {
    let processes = processes(World::new().await, 1);
    for seat in 1..=6 {
        let buyer = processes[0].joins_with(PRICE).await;
        let first = processes[0].hold(&buyer, seat).await;
        let second = processes[0].hold_on(&buyer, LATER_DATE, seat).await;
        let (one, other) = futures::future::join(
            processes[0].pay(&buyer, first.text_of("reservationId")),
            processes[1].pay(&buyer, second.text_of("reservationId")),
        )
        .await;
        assert_eq!(statuses(&[one, other]), [201, 402]);
        assert_eq!(processes[0].balance(&buyer).await, 0);
    }
    invariants::check(&processes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_seat_whose_hold_lapses_while_it_is_paid_goes_to_one_user() {
    let processes = processes(World::new().await, 3);
    for seat in 1..=12 {
        let (holder, other) = (
            processes[0].joins_with(PRICE).await,
            processes[0].joins(EVENT).await,
        );
        let held = processes[0].hold(&holder, seat).await;
        let id = held.text_of("reservationId").to_owned();
        processes[0].clock.advance_ms(299_999);
        let paying = tokio::spawn({
            let (world, holder) = (processes[1].clone(), holder.clone());
            async move { world.pay(&holder, &id).await }
        });
        let holding = tokio::spawn({
            let (world, other) = (processes[2].clone(), other.clone());
            async move { world.hold(&other, seat).await }
        });
        processes[0].clock.advance_ms(1);
        let (paid, taken) = (paying.await.unwrap(), holding.await.unwrap());
        match (paid.status, taken.status) {
            (201, 409) => assert_eq!(taken.code(), "seat_taken"),
            (410, 201) => assert_eq!(paid.code(), "hold_expired"),
            // The payment came too late, and the other hold too early.
            (410, 409) => assert_eq!(processes[3].hold(&other, seat).await.status, 201),
            odd => panic!("{odd:?}"),
        }
        invariants::check(&processes[0]).await;
        // Ends the sessions of this round before the next.
        processes[0].clock.advance_seconds(1_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_who_leaves_while_arriving_and_holding_has_left() {
    let processes = processes(World::with(concert_for(1)).await, 3);
    for seat in 1..=8 {
        let buyer = processes[0].joins(EVENT).await;
        // Called, if there was a free slot. The first of these requests arrives.
        processes[0].clock.advance_ms(1_000);
        processes[0].app.promote_all().await.unwrap();
        let (status, held, left) = futures::future::join3(
            processes[1].status(&buyer),
            processes[2].hold(&buyer, seat),
            processes[3].leave(&buyer),
        )
        .await;
        assert_eq!((status.status, left.status), (200, 204));
        assert_eq!(
            processes[0].status(&buyer).await.text_of("status"),
            "EXPIRED"
        );
        // A hold that was made stays payable; otherwise the seat and the slot are free for the next user.
        match (held.status, held.code()) {
            (201, _) => {
                let charged = processes[0].charge(&buyer, PRICE, "first").await;
                assert_eq!(charged.status, 201, "{charged:?}");
                let paid = processes[0]
                    .pay(&buyer, held.text_of("reservationId"))
                    .await;
                assert_eq!(paid.status, 201, "{paid:?}");
            }
            // The session ended first, or the process did not know of the call yet.
            (410, "turn_over") | (403, "not_admitted") => {
                let other = processes[0].joins(EVENT).await;
                processes[0].clock.advance_ms(1_000);
                assert_eq!(processes[0].hold(&other, seat).await.status, 201);
                assert_eq!(processes[0].leave(&other).await.status, 204);
            }
            odd => panic!("{odd:?}"),
        }
        invariants::check(&processes[0]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_charges_of_one_wallet_never_count_as_a_failure_of_the_database() {
    let processes = processes(World::new().await, 3);
    let buyer = processes[0].joins(EVENT).await;
    let charges = (0..24).map(|n| {
        let (world, buyer) = (processes[n % 4].clone(), buyer.clone());
        tokio::spawn(async move {
            for _ in 0..100 {
                let reply = world.charge(&buyer, 1, &format!("charge-{n}")).await;
                match (reply.status, reply.code()) {
                    (201, _) => return,
                    (429, "parallel_requests") => {}
                    other => panic!("{other:?}"),
                }
            }
            panic!("no charge succeeds");
        })
    });
    all_of(charges).await;
    assert_eq!(processes[0].balance(&buyer).await, 24);
    invariants::check(&processes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_holds_of_one_user_never_count_as_a_failure_of_the_database() {
    let processes = processes(World::new().await, 3);
    let buyer = processes[0].joins(EVENT).await;
    let holds = (0..16).map(|n| {
        let (world, buyer) = (processes[n % 4].clone(), buyer.clone());
        tokio::spawn(async move {
            let reply = world.hold(&buyer, u32::try_from(n).unwrap() + 1).await;
            (reply.status, reply.code().to_owned())
        })
    });
    let answers: Vec<(u16, String)> = all_of(holds).await;
    let held = answers.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!(held, 1, "{answers:?}");
    for (status, code) in answers {
        let expected = ["", "already_reserved", "parallel_requests"];
        assert!(expected.contains(&code.as_str()), "{status} {code}");
    }
    invariants::check(&processes[0]).await;
}
