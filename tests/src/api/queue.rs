//! The queue: when users are admitted, and what the others are told meanwhile.

use domain::ids::EventId;
use domain::queue::Control;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::queue_steps::{crowd, is_now, leaves, statuses, steer, the_queue_moves};
use crate::world::{Buyer, DATE, EVENT, Reply, World, concert, concert_for};

async fn rejoins(world: &World, buyer: &Buyer) -> Reply {
    world.joins_as(EVENT, &buyer.user_id).await.joined
}

async fn tries_to_join(world: &World) -> Reply {
    let user = uuid::Uuid::new_v4().to_string();
    world
        .post(
            &format!("/events/{EVENT}/tokens"),
            "",
            json!({ "userId": user }),
        )
        .await
}

async fn queue(world: &World) -> Reply {
    world.get(&format!("/events/{EVENT}/queue"), "").await
}

async fn pause(world: &World) {
    let now = world.clock.now();
    steer(world, |event| event.control.clone().paused_at(now)).await;
}

async fn resume(world: &World) {
    let now = world.clock.now();
    steer(world, |event| {
        let grace = event.terms.queue.grace_seconds;
        event.control.clone().resumed_at(now, grace)
    })
    .await;
}

async fn close(world: &World) {
    steer(world, |event| Control {
        closed: true,
        ..event.control.clone()
    })
    .await;
}

fn number(reply: &Reply) -> u64 {
    reply.body["queueNumber"].as_u64().expect("a number")
}

// C4, C1
#[tokio::test]
async fn with_a_free_slot_joining_admits_at_once_and_the_token_works() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    let joined = &buyer.joined;
    assert_eq!(joined.status, 201);
    assert!(!joined.header("location").is_empty());
    assert_eq!(joined.text_of("status"), "ACTIVE");
    assert_eq!(joined.text_of("userId"), buyer.user_id);
    assert_eq!(joined.text_of("eventId"), EVENT);
    assert_eq!(
        (&joined.body["position"], &joined.body["ahead"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(joined.text_of("expiresAt"), "2026-11-20T10:10:00.000Z");
    assert_eq!(joined.text_of("tokenExpiresAt"), "2026-12-20T10:00:00.000Z");
    assert_eq!(joined.body["pollAfterSeconds"], Value::Null);
    assert_eq!(world.hold(&buyer, 1).await.status, 201);
}

// C4
#[tokio::test]
async fn an_idle_event_admits_a_newcomer_at_once() {
    let world = World::with(concert_for(1)).await;
    let first = world.joins(EVENT).await;
    leaves(&world, &first).await;
    world.clock.advance_seconds(2);
    let second = world.joins(EVENT).await;
    assert_eq!(second.joined.text_of("status"), "ACTIVE");
    world.clock.advance_seconds(3600);
    let third = world.joins(EVENT).await;
    assert_eq!(third.joined.text_of("status"), "ACTIVE");
}

// C7, C6
#[tokio::test]
async fn six_users_are_called_in_order_of_arrival_two_at_a_time() {
    let world = World::with(concert_for(2)).await;
    let six = crowd(&world, 6).await;
    let numbers: Vec<_> = six.iter().map(|buyer| number(&buyer.joined)).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert_eq!(statuses(&world, &six).await, "AAWWWW");
    leaves(&world, &six[1]).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &six).await, "AEAWWW");
    leaves(&world, &six[0]).await;
    leaves(&world, &six[2]).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &six).await, "EEEAAW");
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &six).await, "EEEAAW");
    leaves(&world, &six[4]).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &six).await, "EEEAEA");
}

// C7
#[tokio::test]
async fn a_newcomer_never_takes_a_free_slot_ahead_of_waiting_users() {
    let world = World::with(concert_for(1)).await;
    let three = crowd(&world, 3).await;
    leaves(&world, &three[0]).await;
    world.clock.advance_seconds(2);
    let late = world.joins(EVENT).await;
    assert_eq!(late.joined.text_of("status"), "WAITING");
    the_queue_moves(&world).await;
    is_now(&world, &late, "WAITING").await;
    is_now(&world, &three[2], "WAITING").await;
    is_now(&world, &three[1], "ACTIVE").await;
}

// C2
#[tokio::test]
async fn joining_again_keeps_the_queue_number_while_waiting_and_while_active() {
    let world = World::with(concert_for(1)).await;
    let three = crowd(&world, 3).await;
    for (buyer, status) in three.iter().zip(["ACTIVE", "WAITING", "WAITING"]) {
        let again = rejoins(&world, buyer).await;
        assert_eq!((again.status, again.text_of("status")), (200, status));
        assert_eq!(number(&again), number(&buyer.joined));
        assert_eq!(again.body["position"], buyer.joined.body["position"]);
        assert_eq!(again.body["expiresAt"], buyer.joined.body["expiresAt"]);
    }
    assert_eq!(queue(&world).await.body["issued"], 3);
}

// C2
#[tokio::test]
async fn twenty_concurrent_joins_of_one_user_give_one_number_and_do_not_delay_the_next_user() {
    let world = World::with(concert_for(1)).await;
    let inside = world.joins(EVENT).await;
    let user = uuid::Uuid::new_v4().to_string();
    let twenty = join_all((0..20).map(|_| world.joins_as(EVENT, &user))).await;
    let place = number(&twenty[0].joined);
    for buyer in &twenty {
        assert_eq!(number(&buyer.joined), place, "{:?}", buyer.joined);
        assert_eq!(buyer.joined.text_of("status"), "WAITING");
    }
    let new = twenty.iter().filter(|buyer| buyer.joined.status == 201);
    assert_eq!(new.count(), 1);
    let next = world.joins(EVENT).await;

    leaves(&world, &inside).await;
    the_queue_moves(&world).await;
    is_now(&world, &next, "WAITING").await;
    is_now(&world, &twenty[7], "ACTIVE").await;
    leaves(&world, &twenty[13]).await;
    the_queue_moves(&world).await;
    is_now(&world, &next, "ACTIVE").await;
}

// C2
#[tokio::test]
async fn twenty_concurrent_joins_of_one_user_give_one_number_on_an_idle_event_too() {
    let world = World::new().await;
    let user = uuid::Uuid::new_v4().to_string();
    let twenty = join_all((0..20).map(|_| world.joins_as(EVENT, &user))).await;
    let place = number(&twenty[0].joined);
    assert!(twenty.iter().all(|buyer| number(&buyer.joined) == place));
    the_queue_moves(&world).await;
    is_now(&world, &twenty[0], "ACTIVE").await;
}

// C2
#[tokio::test]
async fn after_the_turn_joining_again_gives_a_new_number_at_the_end() {
    let world = World::with(concert_for(1)).await;
    let three = crowd(&world, 3).await;
    leaves(&world, &three[0]).await;
    let again = rejoins(&world, &three[0]).await;
    assert_eq!(again.status, 201);
    assert!(number(&again) > number(&three[2].joined));
    the_queue_moves(&world).await;
    is_now(&world, &three[1], "ACTIVE").await;
    world.clock.advance_seconds(601);
    is_now(&world, &three[1], "EXPIRED").await;
    let again_too = rejoins(&world, &three[1]).await;
    assert_eq!(again_too.status, 201);
    assert!(number(&again_too) > number(&again));
    // The old token keeps the old number.
    is_now(&world, &three[1], "EXPIRED").await;
}

// C3, P2
#[tokio::test]
async fn a_waiting_user_is_told_the_position_and_when_to_ask_again() {
    let world = World::with(concert_for(2)).await;
    let six = crowd(&world, 6).await;
    for (buyer, position) in six[2..].iter().zip(1..) {
        for reply in [is_now(&world, buyer, "WAITING").await, buyer.joined.clone()] {
            assert_eq!(reply.body["position"], position);
            assert_eq!(reply.body["ahead"], position - 1);
            assert!(reply.body["pollAfterSeconds"].as_f64() > Some(0.0));
            assert_eq!(reply.body["expiresAt"], Value::Null);
        }
        let reply = is_now(&world, buyer, "WAITING").await;
        assert_eq!(
            reply.header("retry-after"),
            reply.body["pollAfterSeconds"].to_string()
        );
        assert_eq!(reply.body["token"], Value::Null);
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    let active = is_now(&world, &six[0], "ACTIVE").await;
    assert_eq!(
        (
            active.body["position"].as_u64(),
            active.header("retry-after")
        ),
        (Some(0), "")
    );
    leaves(&world, &six[0]).await;
    let over = is_now(&world, &six[0], "EXPIRED").await;
    assert_eq!(
        (&over.body["position"], &over.body["expiresAt"]),
        (&Value::Null, &Value::Null)
    );
    the_queue_moves(&world).await;
    assert_eq!(is_now(&world, &six[5], "WAITING").await.body["position"], 3);
}

// C3, C6
#[tokio::test]
async fn the_poll_interval_never_exceeds_half_the_grace() {
    for grace in [1, 2, 5, 9, 120] {
        let mut programme = concert_for(1);
        programme.event.terms.queue.grace_seconds = grace;
        let world = World::with(programme).await;
        let six = crowd(&world, 6).await;
        let hinted = async |measured: bool| {
            let reply = is_now(&world, &six[5], "WAITING").await;
            let hint = reply.body["pollAfterSeconds"].as_f64().expect("a hint");
            assert!(
                hint > 0.0 && hint * 2.0 <= f64::from(grace),
                "{grace}: {reply:?}"
            );
            assert_ne!(
                reply.header("retry-after").parse::<u64>().expect("seconds"),
                0
            );
            assert_eq!(
                reply.body["estimatedWaitSeconds"].is_u64(),
                measured,
                "{reply:?}"
            );
            let hint = queue(&world).await.body["pollAfterSeconds"].as_f64();
            assert!(hint > Some(0.0) && hint <= Some(f64::from(grace) / 2.0));
        };
        hinted(false).await;
        the_queue_moves(&world).await;
        world.clock.advance_seconds(100);
        leaves(&world, &six[0]).await;
        the_queue_moves(&world).await;
        hinted(true).await;
    }
}

// C1, C3
#[tokio::test]
async fn a_wait_is_estimated_once_a_rate_is_known() {
    let world = World::with(concert_for(1)).await;
    let six = crowd(&world, 6).await;
    let unknown = is_now(&world, &six[5], "WAITING").await;
    assert_eq!(unknown.body["estimatedWaitSeconds"], Value::Null);
    assert_eq!(queue(&world).await.body["admittedPerMinute"], Value::Null);
    // A promotion sees that users wait. From then on, the time counts.
    the_queue_moves(&world).await;
    world.clock.advance_seconds(10);
    leaves(&world, &six[0]).await;
    the_queue_moves(&world).await;
    // One was called in twelve seconds, and three are ahead.
    let known = is_now(&world, &six[5], "WAITING").await;
    assert_eq!(known.body["position"], 4);
    assert_eq!(known.body["estimatedWaitSeconds"], 48, "{known:?}");
    assert_eq!(queue(&world).await.body["admittedPerMinute"], 5.0);
}

// C6
#[tokio::test]
async fn a_no_show_loses_the_turn_to_the_next_user_after_the_grace() {
    let world = World::with(concert_for(1)).await;
    let three = crowd(&world, 3).await;
    leaves(&world, &three[0]).await;
    the_queue_moves(&world).await;
    world.clock.advance_seconds(119);
    the_queue_moves(&world).await;
    world.hold(&three[1], 1).await.is_problem(410, "turn_over");
    is_now(&world, &three[1], "EXPIRED").await;
    is_now(&world, &three[2], "WAITING").await;
    world.clock.advance_seconds(5);
    the_queue_moves(&world).await;
    is_now(&world, &three[2], "ACTIVE").await;
    is_now(&world, &three[1], "EXPIRED").await;
}

// C6
#[tokio::test]
async fn a_user_who_arrives_at_the_end_of_the_grace_gets_a_full_session() {
    let world = World::with(concert_for(1)).await;
    let two = crowd(&world, 2).await;
    leaves(&world, &two[0]).await;
    the_queue_moves(&world).await;
    world.clock.advance_seconds(119);
    let reply = is_now(&world, &two[1], "ACTIVE").await;
    let end = world.clock.now().plus_seconds(600).to_string();
    assert_eq!(reply.text_of("expiresAt"), end);
}

// C6
#[tokio::test]
async fn a_session_that_runs_out_admits_the_next_user_five_seconds_later() {
    let world = World::with(concert_for(1)).await;
    let two = crowd(&world, 2).await;
    world.clock.advance_seconds(599);
    is_now(&world, &two[0], "ACTIVE").await;
    world.clock.advance_seconds(1);
    is_now(&world, &two[0], "EXPIRED").await;
    world.hold(&two[0], 1).await.is_problem(410, "turn_over");
    is_now(&world, &two[1], "WAITING").await;
    world.clock.advance_seconds(4);
    is_now(&world, &two[1], "WAITING").await;
    world.clock.advance_seconds(2);
    is_now(&world, &two[1], "ACTIVE").await;
}

// C6
#[tokio::test]
async fn a_user_who_left_while_waiting_is_skipped_without_using_a_slot() {
    let world = World::with(concert_for(1)).await;
    let five = crowd(&world, 5).await;
    for gone in &five[1..4] {
        leaves(&world, gone).await;
    }
    is_now(&world, &five[4], "WAITING").await;
    leaves(&world, &five[0]).await;
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &five).await, "EEEEA");
}

// C2
#[tokio::test]
async fn a_user_who_left_while_waiting_rejoins_at_the_end_after_the_cool_down() {
    let world = World::with(concert_for(1)).await;
    let three = crowd(&world, 3).await;
    leaves(&world, &three[1]).await;
    world.clock.advance_seconds(60);
    let again = world.joins_as(EVENT, &three[1].user_id).await;
    assert_eq!(again.joined.status, 201);
    assert!(number(&again.joined) > number(&three[2].joined));
    // Leaving again with the old token does not affect the new number.
    leaves(&world, &three[1]).await;
    assert_eq!(rejoins(&world, &three[1]).await.status, 200);
    leaves(&world, &three[0]).await;
    the_queue_moves(&world).await;
    is_now(&world, &three[2], "ACTIVE").await;
    leaves(&world, &three[2]).await;
    the_queue_moves(&world).await;
    is_now(&world, &again, "ACTIVE").await;
}

// C6
#[tokio::test]
async fn leaving_frees_the_slot_and_can_be_repeated_in_any_state() {
    let world = World::with(concert_for(1)).await;
    let two = crowd(&world, 2).await;
    leaves(&world, &two[0]).await;
    is_now(&world, &two[0], "EXPIRED").await;
    world.hold(&two[0], 1).await.is_problem(410, "turn_over");
    leaves(&world, &two[0]).await;
    the_queue_moves(&world).await;
    is_now(&world, &two[1], "ACTIVE").await;
    leaves(&world, &two[0]).await;
    is_now(&world, &two[1], "ACTIVE").await;
    world.clock.advance_seconds(601);
    is_now(&world, &two[1], "EXPIRED").await;
    leaves(&world, &two[1]).await;
    close(&world).await;
    leaves(&world, &two[1]).await;
}

#[tokio::test]
async fn during_a_pause_newcomers_and_called_users_wait_and_active_users_continue() {
    let world = World::with(concert_for(3)).await;
    let five = crowd(&world, 5).await;
    leaves(&world, &five[0]).await;
    the_queue_moves(&world).await; // five[3] is called.
    world.clock.advance_seconds(60);
    pause(&world).await;
    let late = world.joins(EVENT).await;
    assert_eq!(
        (late.joined.status, late.joined.text_of("status")),
        (201, "WAITING")
    );
    assert_eq!(queue(&world).await.text_of("state"), "PAUSED");
    leaves(&world, &five[1]).await;
    the_queue_moves(&world).await;
    let called = is_now(&world, &five[3], "WAITING").await;
    assert_eq!(
        (&called.body["position"], &called.body["ahead"]),
        (&json!(1), &json!(0))
    );
    assert!(!called.header("retry-after").is_empty());
    world
        .hold(&five[3], 2)
        .await
        .is_problem(403, "not_admitted");
    is_now(&world, &five[4], "WAITING").await;
    is_now(&world, &five[2], "ACTIVE").await;
    assert_eq!(world.hold(&five[2], 1).await.status, 201);

    world.clock.advance_seconds(3600);
    is_now(&world, &five[3], "WAITING").await;
    resume(&world).await;
    assert_eq!(queue(&world).await.text_of("state"), "OPEN");
    world.clock.advance_seconds(100);
    is_now(&world, &five[3], "ACTIVE").await;
    the_queue_moves(&world).await;
    is_now(&world, &five[4], "ACTIVE").await;
    is_now(&world, &late, "ACTIVE").await;
}

#[tokio::test]
async fn during_a_pause_a_newcomer_waits_even_with_free_slots() {
    let world = World::new().await;
    world.joins(EVENT).await;
    pause(&world).await;
    let late = world.joins(EVENT).await;
    assert_eq!(
        (late.joined.status, late.joined.text_of("status")),
        (201, "WAITING")
    );
    assert_eq!(late.joined.body["position"], 1);
    is_now(&world, &late, "WAITING").await;
    resume(&world).await;
    is_now(&world, &late, "ACTIVE").await;
}

#[tokio::test]
async fn a_called_user_who_stays_away_for_a_grace_after_a_pause_loses_the_turn() {
    let world = World::with(concert_for(1)).await;
    let three = crowd(&world, 3).await;
    leaves(&world, &three[0]).await;
    the_queue_moves(&world).await;
    pause(&world).await;
    world.clock.advance_seconds(3600);
    resume(&world).await;
    world.clock.advance_seconds(119);
    the_queue_moves(&world).await;
    is_now(&world, &three[1], "EXPIRED").await;
    world.clock.advance_seconds(5);
    the_queue_moves(&world).await;
    is_now(&world, &three[2], "ACTIVE").await;
}

#[tokio::test]
async fn a_pause_does_not_restore_a_turn_lost_before_it() {
    let world = World::with(concert_for(1)).await;
    let two = crowd(&world, 2).await;
    leaves(&world, &two[0]).await;
    the_queue_moves(&world).await;
    world.clock.advance_seconds(121);
    pause(&world).await;
    is_now(&world, &two[1], "EXPIRED").await;
    resume(&world).await;
    is_now(&world, &two[1], "EXPIRED").await;
}

// C7, P3
#[tokio::test]
async fn users_who_join_before_the_opening_are_admitted_in_order_when_it_comes() {
    let mut programme = concert_for(2);
    let world = {
        let start = domain::clock::EpochMs::parse(crate::world::START).expect("a time");
        programme.event.terms.opens_at = Some(start.plus_seconds(60));
        World::with(programme).await
    };
    let three = crowd(&world, 3).await;
    for (buyer, position) in three.iter().zip(1..) {
        assert_eq!(
            (buyer.joined.status, buyer.joined.text_of("status")),
            (201, "WAITING")
        );
        assert_eq!(buyer.joined.body["position"], position);
    }
    world
        .hold(&three[0], 1)
        .await
        .is_problem(403, "not_admitted");
    assert_eq!(queue(&world).await.text_of("state"), "NOT_OPEN");
    world.clock.advance_seconds(57);
    the_queue_moves(&world).await;
    assert_eq!(statuses(&world, &three).await, "WWW");
    assert_eq!(rejoins(&world, &three[2]).await.status, 200);
    world.clock.advance_seconds(1);
    assert_eq!(queue(&world).await.text_of("state"), "OPEN");
    assert_eq!(statuses(&world, &three).await, "AAW");
    assert_eq!(world.hold(&three[0], 1).await.status, 201);
}

// C6
#[tokio::test]
async fn after_closing_nobody_joins_waits_or_holds() {
    let world = World::with(concert_for(1)).await;
    let two = crowd(&world, 2).await;
    close(&world).await;
    tries_to_join(&world).await.is_problem(409, "not_open");
    let again = json!({ "userId": two[1].user_id });
    let again = world
        .post(&format!("/events/{EVENT}/tokens"), "", again)
        .await;
    again.is_problem(409, "not_open");
    is_now(&world, &two[1], "EXPIRED").await;
    world.hold(&two[0], 1).await.is_problem(409, "not_open");
    world.hold(&two[1], 1).await.is_problem(409, "not_open");
    assert_eq!(queue(&world).await.text_of("state"), "CLOSED");
}

// C3
#[tokio::test]
async fn the_public_queue_numbers_are_at_most_a_second_old() {
    let world = World::with(concert_for(2)).await;
    let empty = queue(&world).await;
    assert_eq!(
        empty.header("cache-control"),
        "public, max-age=1, stale-if-error=0"
    );
    assert_eq!((empty.status, empty.text_of("state")), (200, "OPEN"));
    assert_eq!(
        (&empty.body["issued"], &empty.body["waiting"]),
        (&json!(0), &json!(0))
    );
    let five = crowd(&world, 5).await;
    world.clock.advance_seconds(1);
    let full = queue(&world).await;
    let numbers = |issued: u64, admitted: u64| json!([EVENT, issued, admitted, issued - admitted, [{ "issued": issued, "admitted": admitted }]]);
    let seen = |reply: &Reply| {
        let fields = ["eventId", "issued", "admitted", "waiting", "lanes"];
        Value::from(fields.map(|field| reply.body[field].clone()).to_vec())
    };
    assert_eq!(seen(&full), numbers(5, 2));
    leaves(&world, &five[0]).await;
    the_queue_moves(&world).await;
    assert_eq!(seen(&queue(&world.another_process()).await), numbers(5, 3));
}

#[tokio::test]
async fn open_slots_are_not_counted_as_users() {
    let world = World::new().await;
    crowd(&world, 3).await;
    world.clock.advance_seconds(1);
    let reply = queue(&world).await;
    let counts = ["issued", "admitted", "waiting"].map(|field| reply.body[field].as_u64());
    assert_eq!(counts, [Some(3), Some(3), Some(0)]);
}

#[tokio::test]
async fn the_queue_state_is_the_first_that_applies() {
    let mut programme = concert();
    let start = domain::clock::EpochMs::parse(crate::world::START).expect("a time");
    programme.event.terms.opens_at = Some(start.plus_seconds(60));
    let world = World::with(programme).await;
    pause(&world).await;
    assert_eq!(queue(&world).await.text_of("state"), "NOT_OPEN");
    world.clock.advance_seconds(60);
    assert_eq!(queue(&world).await.text_of("state"), "PAUSED");
    close(&world).await;
    let closed = queue(&world).await;
    assert_eq!(closed.text_of("state"), "CLOSED");
    assert_eq!(
        closed.header("cache-control"),
        "public, max-age=1, stale-if-error=0"
    );
}

// P3
#[tokio::test]
async fn a_waiting_user_is_refused_dates_seats_and_holds_and_told_the_position() {
    let world = World::with(concert_for(1)).await;
    let four = crowd(&world, 4).await;
    let dates = format!("/events/{EVENT}/dates");
    let seats = format!("{dates}/{DATE}/seats");
    for (buyer, position) in four[1..].iter().zip(1..) {
        let refusals = [
            world.get(&dates, &buyer.token).await,
            world.get(&seats, &buyer.token).await,
            world.hold(buyer, 1).await,
        ];
        for reply in refusals {
            reply.is_problem(403, "not_admitted");
            assert_eq!(reply.body["position"], position);
            assert_ne!(
                reply.header("retry-after").parse::<u64>().expect("seconds"),
                0
            );
        }
    }
    assert_eq!(world.get(&seats, &four[0].token).await.status, 200);
    leaves(&world, &four[0]).await;
    the_queue_moves(&world).await;
    // Requesting seats counts as arriving.
    assert_eq!(world.get(&seats, &four[1].token).await.status, 200);
    world.clock.advance_seconds(599);
    is_now(&world, &four[1], "ACTIVE").await;
}

// C5
#[tokio::test]
async fn a_request_without_a_token_is_answered_token_missing() {
    let world = World::new().await;
    let seats = format!("/events/{EVENT}/dates/{DATE}/seats");
    for path in [seats, format!("/events/{EVENT}/tokens/me")] {
        let reply = world.get(&path, "").await;
        reply.is_problem(401, "token_missing");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
}

// C1, P2
#[tokio::test]
async fn a_token_of_another_event_or_with_a_foreign_signature_is_invalid() {
    let world = World::new().await;
    let mut other = concert();
    other.event.event_id = EventId::parse("spring-live").expect("an event id");
    world.add(other).await;
    let elsewhere = world.joins("spring-live").await;
    let stranger = World::new().await.joins(EVENT).await;
    let mut forged = world.joins(EVENT).await;
    let middle = forged.token.len() / 2;
    let letter = if &forged.token[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    forged.token.replace_range(middle..=middle, letter);
    for buyer in [elsewhere, stranger, forged] {
        world.status(&buyer).await.is_problem(401, "token_invalid");
        let hold = world.hold(&buyer, 1).await;
        hold.is_problem(401, "token_invalid");
        assert_eq!(hold.header("www-authenticate"), "Bearer");
        let path = format!("/events/{EVENT}/tokens/me");
        let left = world.delete(&path, &buyer.token).await;
        left.is_problem(401, "token_invalid");
    }
}

// C1
#[tokio::test]
async fn a_token_is_valid_for_thirty_days() {
    let world = World::new().await;
    let buyer = world.joins(EVENT).await;
    world.clock.advance_seconds(30 * 24 * 3600 - 1);
    is_now(&world, &buyer, "EXPIRED").await;
    world.clock.advance_seconds(1);
    world.status(&buyer).await.is_problem(401, "token_invalid");
    world.hold(&buyer, 1).await.is_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_user_who_left_while_waiting_is_told_that_the_turn_is_over() {
    let world = World::with(concert_for(1)).await;
    world.joins(EVENT).await;
    let waiting = world.joins(EVENT).await;
    world
        .hold(&waiting, 7)
        .await
        .is_problem(403, "not_admitted");
    world.leave(&waiting).await;
    world.hold(&waiting, 7).await.is_problem(410, "turn_over");
}
