//! What a catalogue says about an event, from `apply` to the API and to the tickets.

use boxoffice::Outcome;
use boxoffice::catalog_update::{Mode, apply_text};
use boxoffice::output::Output;
use serde_json::{Value, json};

use crate::world::{Buyer, PRICE, Reply, World, author};

const CONCERT: &str = "
currency: KRW
events:
  - eventId: jazz
    name: Jazz
    venue: Basement Hall
    city: Seoul
    address: 12 Wausan-ro, Mapo-gu, Seoul
    timeZone: Asia/Seoul
    artists: [Maru Trio, Yun Gaon]
    organizer: Han River Concerts
    ageLimit: 8
    durationMinutes: 110
    description:
      en: |
        Four nights of **jazz**.

        - [The band](https://example.com/maru)
      ko: '**재즈**의 네 밤.'
    terms: No refunds after the deadline.
    admission: seated
    cancelUntilHours: 24
    dates:
      - {date: 2026-12-10, startsAt: '2026-12-10T20:00:00', doorsOpenAt: '19:00', seats: 5, price: 50000}
      - date: 2026-12-11
        startsAt: '2026-12-11T18:00:00+09:00'
        sections: [{name: A, seats: 2, price: 70000}, {name: B, seats: 2, price: 30000}]
  - eventId: fair
    name: Fair
    venue: Park
    timeZone: Europe/Berlin
    admission: general
    totalTickets: 5
    price: 50000
    startsAt: '2026-12-10T11:00:00'
    doorsOpenAt: '10:00:00'
";

async fn apply(world: &World, text: &str) {
    let outcome = apply_text(
        world.app.store(),
        "catalogue.yaml",
        text,
        Mode::Apply(&author()),
        &mut Output::log(),
    )
    .await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
    world.clock.advance_seconds(3);
}

async fn world() -> World {
    let world = World::new().await;
    apply(&world, CONCERT).await;
    world
}

async fn event(world: &World, id: &str) -> Value {
    let reply = world.get(&format!("/events/{id}"), "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body
}

async fn buys(world: &World, seat: u32) -> (Buyer, String) {
    let buyer = world.joins("jazz").await;
    assert_eq!(world.charge(&buyer, PRICE, "first").await.status, 201);
    let body = json!({"date": "2026-12-10", "seatNumber": seat});
    let held = world.post("/events/jazz/holds", &buyer.token, body).await;
    assert_eq!(held.status, 201, "{held:?}");
    let id = held.text_of("reservationId").to_owned();
    assert_eq!(world.pay(&buyer, &id).await.status, 201);
    (buyer, id)
}

async fn ticket(world: &World, buyer: &Buyer, id: &str) -> Reply {
    let path = format!("/reservations/{id}");
    world.get(&path, &buyer.token).await
}

async fn cancel(world: &World, buyer: &Buyer, id: &str) -> Reply {
    let path = format!("/reservations/{id}");
    world.delete(&path, &buyer.token).await
}

#[tokio::test]
async fn the_list_of_events_shows_what_a_visitor_chooses_by() {
    let world = world().await;
    let events = world.get("/events", "").await.body["events"].take();
    let events = events.as_array().unwrap();
    let jazz = events.iter().find(|event| event["eventId"] == "jazz");
    let jazz = jazz.unwrap();
    assert_eq!(jazz["city"], "Seoul");
    assert_eq!(jazz["timeZone"], "Asia/Seoul");
    assert_eq!(jazz["artists"], json!(["Maru Trio", "Yun Gaon"]));
    let starts = json!(["2026-12-10T11:00:00.000Z", "2026-12-11T09:00:00.000Z"]);
    assert_eq!(jazz["startTimes"], starts);
    assert_eq!(jazz["lowestPrice"], 30_000);
    assert_eq!(jazz["highestPrice"], 70_000);
    assert!(jazz.get("description").is_none() && jazz.get("organizer").is_none());
    // An event without these facts has none of the fields.
    let plain = events
        .iter()
        .find(|event| event["eventId"] == "winter-live");
    for field in ["city", "timeZone", "artists", "startTimes", "lowestPrice"] {
        assert!(plain.unwrap().get(field).is_none(), "{field}");
    }
}

#[tokio::test]
async fn an_event_is_shown_with_its_texts_and_times_at_the_venue() {
    let world = world().await;
    let jazz = event(&world, "jazz").await;
    assert_eq!(
        jazz["description"],
        json!({
            "en": "Four nights of **jazz**.\n\n- [The band](https://example.com/maru)",
            "ko": "**재즈**의 네 밤."
        })
    );
    assert_eq!(
        jazz["terms"],
        json!({"und": "No refunds after the deadline."})
    );
    assert_eq!(jazz["organizer"], "Han River Concerts");
    assert_eq!(jazz["address"], "12 Wausan-ro, Mapo-gu, Seoul");
    assert_eq!(
        (&jazz["ageLimit"], &jazz["durationMinutes"]),
        (&json!(8), &json!(110))
    );
    let eve = &jazz["dates"][0];
    assert_eq!(eve["startsAt"], "2026-12-10T11:00:00.000Z");
    assert_eq!(eve["doorsOpenAt"], "2026-12-10T10:00:00.000Z");
    assert_eq!(eve["cancelUntil"], "2026-12-09T11:00:00.000Z");
    assert!(jazz["dates"][1].get("doorsOpenAt").is_none());
    let fair = event(&world, "fair").await;
    assert_eq!(fair["startsAt"], "2026-12-10T10:00:00.000Z");
    assert_eq!(fair["doorsOpenAt"], "2026-12-10T09:00:00.000Z");
    assert_eq!(fair["cancelUntil"], "2026-12-09T10:00:00.000Z");
    assert_eq!(fair["startTimes"], json!(["2026-12-10T10:00:00.000Z"]));
    assert!(fair.get("description").is_none());
}

#[tokio::test]
async fn changed_texts_are_shown_and_removed_ones_are_not() {
    let world = world().await;
    event(&world, "jazz").await;
    apply(&world, &CONCERT.replace("Four nights", "Five nights")).await;
    let text = event(&world, "jazz").await["description"]["en"].take();
    assert!(text.as_str().unwrap().starts_with("Five nights"), "{text}");
    let begin = CONCERT.find("    description:").unwrap();
    let end = CONCERT.find("    admission: seated").unwrap();
    let without = format!("{}{}", &CONCERT[..begin], &CONCERT[end..]);
    apply(&world, &without).await;
    let jazz = event(&world, "jazz").await;
    assert!(jazz.get("description").is_none() && jazz.get("terms").is_none());
}

#[tokio::test]
async fn a_ticket_says_when_and_where_and_until_when_it_can_be_cancelled() {
    let world = world().await;
    let (buyer, id) = buys(&world, 1).await;
    let ticket = ticket(&world, &buyer, &id).await.body;
    assert_eq!(ticket["venue"], "Basement Hall");
    assert_eq!(ticket["startsAt"], "2026-12-10T11:00:00.000Z");
    assert_eq!(ticket["cancelUntil"], "2026-12-09T11:00:00.000Z");
    assert_eq!(ticket["timeZone"], "Asia/Seoul");
    assert_eq!(ticket["currency"], "KRW");
    let path = format!("/users/{}/reservations", buyer.user_id);
    let listed = world.get(&path, &buyer.token).await.body["reservations"][0].take();
    assert_eq!(listed, ticket);
}

#[tokio::test]
async fn a_general_admission_ticket_says_when_it_is_too() {
    let world = world().await;
    let buyer = world.joins("fair").await;
    assert_eq!(world.charge(&buyer, PRICE, "first").await.status, 201);
    let body = json!({"quantity": 1});
    let bought = world
        .post("/events/fair/reservations", &buyer.token, body)
        .await;
    assert_eq!(bought.status, 201, "{bought:?}");
    assert_eq!(bought.body["startsAt"], "2026-12-10T10:00:00.000Z");
    assert_eq!(bought.body["cancelUntil"], "2026-12-09T10:00:00.000Z");
    assert_eq!(bought.body["timeZone"], "Europe/Berlin");
}

#[tokio::test]
async fn what_was_promised_about_cancelling_stays_when_the_catalogue_is_shortened() {
    let world = world().await;
    let (early, first) = buys(&world, 1).await;
    // Eleven days instead of one.
    apply(
        &world,
        &CONCERT.replace("cancelUntilHours: 24", "cancelUntilHours: 264"),
    )
    .await;
    let (late, second) = buys(&world, 2).await;
    let promised = ticket(&world, &early, &first).await;
    assert_eq!(promised.body["cancelUntil"], "2026-12-09T11:00:00.000Z");
    let now = ticket(&world, &late, &second).await;
    assert_eq!(now.body["cancelUntil"], "2026-11-29T11:00:00.000Z");
    let last_moment = domain::clock::EpochMs::parse("2026-12-09T11:00:00Z").unwrap();
    world.clock.set(last_moment.plus_ms(-1));
    cancel(&world, &late, &second)
        .await
        .is_problem(409, "not_cancellable");
    let cancelled = cancel(&world, &early, &first).await;
    assert_eq!(cancelled.body["status"], "CANCELLED", "{cancelled:?}");
}

#[tokio::test]
async fn a_later_deadline_of_the_catalogue_counts_too_and_a_postponed_date_is_shown() {
    let world = world().await;
    let (buyer, id) = buys(&world, 1).await;
    apply(
        &world,
        &CONCERT.replace("2026-12-10T20:00:00", "2026-12-10T22:00:00"),
    )
    .await;
    let ticket = ticket(&world, &buyer, &id).await;
    assert_eq!(ticket.body["startsAt"], "2026-12-10T13:00:00.000Z");
    assert_eq!(ticket.body["cancelUntil"], "2026-12-09T13:00:00.000Z");
    let deadline = domain::clock::EpochMs::parse("2026-12-09T13:00:00Z").unwrap();
    world.clock.set(deadline);
    cancel(&world, &buyer, &id)
        .await
        .is_problem(409, "not_cancellable");
    world.clock.set(deadline.plus_ms(-1));
    assert_eq!(cancel(&world, &buyer, &id).await.status, 200);
}
