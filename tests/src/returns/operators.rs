//! Operators give tickets back, whatever the event lets buyers do.

use boxoffice::Outcome;
use boxoffice::commands::return_tickets::{TicketsArgs, return_tickets};
use boxoffice::seat_list::SeatList;
use domain::clock::EpochMs;
use domain::ids::{EventId, ReservationId};
use domain::journal::{Author, Why};
use serde_json::{Value, json};

use super::{
    MONEY, PER_ORDER, PER_TICKET, bought, bought_tickets, seat_numbers, tickets, with_fees,
};
use crate::invariants;
use crate::printed::Printed;
use crate::world::{EVENT, FESTIVAL, PRICE, World, author, concert};

/// Either seats or how many tickets stay.
enum Part {
    Seats(&'static str),
    Keep(u32),
}

async fn run(world: &World, id: &str, part: &Part, options: &[&str]) -> (Outcome, String) {
    let (seats, keep) = match part {
        Part::Seats(seats) => (Some(SeatList::parse(seats).unwrap()), None),
        Part::Keep(keep) => (None, Some(*keep)),
    };
    let wanted = TicketsArgs {
        reservation: ReservationId::parse(id).unwrap(),
        seats,
        keep,
        user: None,
        to: None,
        yes: options.contains(&"--yes"),
        json: options.contains(&"--json"),
    };
    let printed = Printed::default();
    let author = Author {
        why: Some(Why::parse("they were ill").unwrap()),
        ..author()
    };
    let operator = world.another_process();
    let mut out = printed.output();
    let outcome = return_tickets(&operator.app, &wanted, &author, &mut out).await;
    (outcome.unwrap(), printed.text())
}

#[tokio::test]
async fn an_operator_returns_seats_at_any_time_and_the_journal_tells_of_it() {
    let mut strict = with_fees(concert(), false);
    strict.event.terms.partial_returns = false;
    let world = World::with(strict).await;
    let (buyer, id) = bought(&world, &[7, 8, 9]).await;
    let path = format!("/reservations/{id}");
    let seen = world.get(&path, &buyer.token).await;
    // Too late for buyers.
    world
        .clock
        .set(EpochMs::parse(seen.text_of("startsAt")).unwrap());
    let (outcome, text) = run(&world, &id, &Part::Seats("7-8"), &[]).await;
    assert_eq!(outcome, Outcome::Negative);
    assert!(
        text.contains("to give back: 2 tickets (seats 7-8)"),
        "{text}"
    );
    let balance = async || {
        let buyer = world.joins_as(EVENT, &buyer.user_id).await;
        world.balance(&buyer).await
    };
    let unchanged = balance().await;

    let (outcome, text) = run(&world, &id, &Part::Seats("7-8"), &["--yes"]).await;
    assert_eq!(outcome, Outcome::Done);
    assert!(text.contains("given back: 2 tickets (seats 7-8)"), "{text}");
    assert_eq!(balance().await - unchanged, 2 * PRICE);
    let journal = world
        .app
        .store()
        .journal(Some(&EventId::parse(EVENT).unwrap()), EpochMs(0), 10)
        .await
        .unwrap();
    let entry = &journal[0];
    assert_eq!(entry.act, "return tickets");
    assert_eq!(entry.why.as_ref().unwrap().to_string(), "they were ill");
    assert_eq!(
        entry.details,
        [
            format!("reservation {id}"),
            "seats 7-8".to_owned(),
            format!("refunded: {}", 2 * PRICE)
        ]
    );

    // A repeated command gives nothing back, and tells of nothing.
    let (outcome, text) = run(&world, &id, &Part::Seats("7-8"), &["--yes"]).await;
    assert_eq!(outcome, Outcome::Done);
    assert!(text.contains("nothing to do"), "{text}");
    let again = world
        .app
        .store()
        .journal(Some(&EventId::parse(EVENT).unwrap()), EpochMs(0), 10)
        .await
        .unwrap();
    assert_eq!(again.len(), journal.len());
    invariants::check(&world).await;
}

#[tokio::test]
async fn an_operator_returns_the_last_tickets_and_the_reservation_is_cancelled() {
    let world = World::with(tickets()).await;
    let (buyer, id) = bought_tickets(&world, 3).await;
    let (outcome, text) = run(&world, &id, &Part::Keep(1), &["--yes", "--json"]).await;
    assert_eq!(outcome, Outcome::Done);
    let done: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&done["isDone"], &done["tickets"], &done["refund"]),
        (&json!(true), &json!(2), &json!(2 * PRICE))
    );
    assert_eq!(done["reservation"]["returned"]["quantity"], 2);
    world.clock.advance_seconds(1);
    let (outcome, _) = run(&world, &id, &Part::Keep(0), &["--yes"]).await;
    assert_eq!(outcome, Outcome::Done);
    let kept = 3 * PER_TICKET + PER_ORDER;
    assert_eq!(world.balance(&buyer).await, MONEY - kept);
    let journal = world
        .app
        .store()
        .journal(Some(&EventId::parse(FESTIVAL).unwrap()), EpochMs(0), 10)
        .await
        .unwrap();
    assert_eq!(journal[0].details[1], "1 tickets");
    invariants::check(&world).await;
}

#[tokio::test]
async fn an_operator_is_told_what_a_reservation_does_not_have() {
    let world = World::with(with_fees(concert(), false)).await;
    let (buyer, id) = bought(&world, &[7, 8]).await;
    for part in [Part::Seats("9"), Part::Keep(1)] {
        let (outcome, text) = run(&world, &id, &part, &["--yes"]).await;
        assert_eq!((outcome, text.as_str()), (Outcome::Negative, ""));
    }
    let path = format!("/reservations/{id}");
    let seen = world.get(&path, &buyer.token).await;
    assert_eq!(seat_numbers(&seen.body["seats"]), [7, 8]);
}
