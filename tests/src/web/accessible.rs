//! Every main view in light and dark mode, in both languages, on a phone and on a desktop: axe-core finds nothing, and no
//! page is wider than the screen.

use serde_json::json;

use super::browser::{Browser, DESKTOP, Eyes, KOREAN, PHONE, browse};
use super::choosing::long_run;
use super::paying::holds_a_seat;
use super::site::{FIELD, HALL, LOTTERY_TOMORROW, NARROW, Site};

/// Two dates: of the first, nothing will be left; of the second, two seats.
const SCARCE: &str = "
  - eventId: scarce
    name: Hardly Any Left
    venue: The Attic, Seoul
    admission: seated
    maxSeatsPerUser: 18
    dates:
      - {date: +9d, startsAt: \"19:00:00+09:00\", seats: 2, price: 30000}
      - {date: +10d, startsAt: \"19:00:00+09:00\", seats: 20, price: 30000}
";
/// All seats will be sold.
const SOLD_OUT: &str = "
  - eventId: sold-out
    name: Nothing Left
    venue: The Attic, Seoul
    admission: seated
    maxSeatsPerUser: 2
    dates:
      - {date: +9d, startsAt: \"19:00:00+09:00\", seats: 2, price: 30000}
";
const NOT_OPEN: &str = "
  - eventId: not-open
    name: Later This Week
    venue: The Attic, Seoul
    admission: seated
    opensAt: +3d
    dates:
      - {date: +9d, startsAt: \"19:00:00+09:00\", seats: 20, price: 30000}
";
const ENDED: &str = "
  - eventId: ended
    name: Once Upon a Time
    venue: The Attic, Seoul
    admission: general
    totalTickets: 10
    price: 20000
    opensAt: 2026-01-01T10:00:00Z
    closesAt: 2026-01-02T10:00:00Z
";

/// In light and in dark mode.
pub(super) async fn by_day_and_night(buyer: &Browser, what: &str) {
    for dark in [false, true] {
        buyer.set_dark(dark).await;
        buyer.is_accessible(&format!("{what}, dark {dark}")).await;
    }
    buyer.set_dark(false).await;
}

async fn every_view(buyer: &Browser) {
    let site = Site::with(&[HALL, NARROW, LOTTERY_TOMORROW, FIELD]).await;
    buyer.open(&site.home).await;
    buyer.shows(".card .from:not(:empty)").await;
    by_day_and_night(buyer, "events").await;
    for (view, shown) in [
        ("tickets", ".empty"),
        ("wallet", ".empty"),
        ("nowhere", ".empty"),
        ("e/hall", "[data-testid=join]"),
    ] {
        buyer.open(&site.view(view)).await;
        buyer.shows(shown).await;
        by_day_and_night(buyer, view).await;
    }
    buyer.joins(&site, "hall").await;
    buyer.shows("[data-testid=date]").await;
    by_day_and_night(buyer, "dates").await;
    buyer.click("[data-testid=date]").await;
    buyer.shows(".seat.available[data-seat]").await;
    buyer.chooses(&[12]).await;
    by_day_and_night(buyer, "map").await;
    buyer.click(".segments button:last-child").await;
    buyer.shows(".seat-list").await;
    buyer.click(".seat-list summary").await;
    buyer.shows(".list-seat[aria-pressed=true]").await;
    by_day_and_night(buyer, "list").await;
    buyer.holds().await;
    by_day_and_night(buyer, "paying").await;
    buyer.click("[data-testid=pay]").await;
    buyer.shows("dialog[open]").await;
    by_day_and_night(buyer, "confirming a payment").await;
    buyer.click("dialog button[value=no]").await;
    buyer.pays().await;
    by_day_and_night(buyer, "ticket").await;
    buyer.click("[data-testid=pass]").await;
    buyer.shows(".pass .qr").await;
    by_day_and_night(buyer, "ticket of a seat").await;
    for (view, shown) in [("tickets", ".reservation"), ("wallet", ".entries li")] {
        buyer.open(&site.view(view)).await;
        buyer.shows(shown).await;
        by_day_and_night(buyer, view).await;
    }
    buyer.joins(&site, "field").await;
    buyer.shows("[data-testid=reserve]").await;
    by_day_and_night(buyer, "general admission").await;
    buyer.joins(&site, "lottery").await;
    buyer.shows(".panel.draw").await;
    by_day_and_night(buyer, "before a draw").await;
    buyer.open(&site.view("e/lottery/draw")).await;
    buyer.shows(".steps").await;
    by_day_and_night(buyer, "draw").await;
    let first = site.stranger("narrow").await;
    buyer.joins(&site, "narrow").await;
    buyer.shows("[data-testid=position]").await;
    by_day_and_night(buyer, "waiting room").await;
    site.leaves("narrow", &first).await;
    buyer.shows("[data-testid=to-shop]").await;
    by_day_and_night(buyer, "turn").await;
    let site = Site::with_provider(&[HALL]).await;
    holds_a_seat(buyer, &site, 1).await;
    buyer.leaves_to_pay().await;
    buyer.decides("go-back").await;
    buyer.is_told("pending").await;
    by_day_and_night(buyer, "payment").await;
}

/// What events look like that nobody can buy just now, or hardly anybody.
async fn every_state_of_an_event(buyer: &Browser) {
    let run = long_run();
    let site = Site::with(&[SCARCE, SOLD_OUT, NOT_OPEN, ENDED, &run]).await;
    for (event, date, seats) in [("scarce", 0, 2), ("scarce", 1, 18), ("sold-out", 0, 2)] {
        let token = site.stranger(event).await;
        let date = site.event(event).await["dates"][date]["date"].clone();
        let seats: Vec<u32> = (1..=seats).collect();
        let body = json!({"date": date, "seatNumbers": seats});
        let path = format!("/events/{event}/holds");
        let held = site.call("POST", &path, &token, body).await;
        assert_eq!(held["status"], "HELD", "{held}");
    }
    site.has_left("scarce", 2).await;
    site.has_left("sold-out", 0).await;
    buyer.open(&site.home).await;
    buyer.shows(".chip.state-few").await;
    // What is left is loaded for the cards in view.
    buyer
        .run("document.querySelector('.event-lists details').open = true")
        .await;
    for chip in ["sold_out", "not_open", "closed"] {
        buyer
            .until(&format!(
                "(() => {{
                    scrollTo(0, scrollY + innerHeight < document.documentElement.scrollHeight - 9 ? scrollY + innerHeight / 2 : 0);
                    return document.querySelector('.chip.state-{chip}') !== null;
                }})()"
            ))
            .await;
    }
    by_day_and_night(buyer, "list of events").await;
    for (event, shown) in [
        ("scarce", ".chip.state-few"),
        ("sold-out", ".chip.state-sold_out"),
        ("not-open", "[data-testid=opening-file]"),
        ("ended", ".chip.state-closed"),
        ("run", ".calendar"),
    ] {
        buyer.open(&site.view(&format!("e/{event}"))).await;
        buyer.shows(shown).await;
        by_day_and_night(buyer, event).await;
    }
    buyer.click(".calendar [data-day]").await;
    buyer.click(".date-row [data-testid=choose-date]").await;
    buyer.shows(".date-row.chosen-date").await;
    by_day_and_night(buyer, "a day and a date of a long run").await;
    buyer.joins(&site, "run").await;
    buyer.shows(".calendar, .seat.available").await;
    by_day_and_night(buyer, "a date of a long run in a turn").await;
    buyer.open(&site.view("e/scarce")).await;
    buyer
        .click(".date-row.none [data-testid=choose-date]")
        .await;
    buyer.shows("[data-testid=other-date]").await;
    by_day_and_night(buyer, "a date that is sold out").await;
    buyer.joins(&site, "scarce").await;
    buyer.until("location.pathname.includes('/shop')").await;
    buyer.shows(".notice, .date-row").await;
    by_day_and_night(buyer, "a turn for a date that is sold out").await;
}

/// Moving to another device: making a link, a link that is over, using one, and one that cannot be used.
async fn every_step_of_a_move(buyer: &Browser) {
    let site = Site::with(&[HALL]).await;
    buyer.joins(&site, "hall").await;
    buyer.open(&site.view("tickets/move")).await;
    buyer.shows("[data-testid=make-link]").await;
    by_day_and_night(buyer, "before a move").await;
    buyer.click("[data-testid=make-link]").await;
    buyer.shows(".move-link .qr").await;
    by_day_and_night(buyer, "a link").await;
    // The next link is over after a second.
    buyer
        .run(
            "const fetched = window.fetch;
            window.fetch = async (...request) => {
                const answer = await fetched(...request);
                const told = await answer.clone().json().catch(() => ({}));
                if (!told.code) return answer;
                told.expiresAt = new Date(Date.now() + 1000).toISOString();
                return new Response(JSON.stringify(told), { status: answer.status, headers: answer.headers });
            };",
        )
        .await;
    buyer.click("[data-testid=make-link]").await;
    buyer
        .until("document.querySelector('.move-link') && !document.querySelector('.move-link .qr, .move-link .clock')")
        .await;
    by_day_and_night(buyer, "a link that is over").await;
    buyer.expects(&[404]);
    buyer
        .open(&site.view("tickets/move#0000-0000-0000-0000"))
        .await;
    buyer.shows("[data-testid=use-link]").await;
    by_day_and_night(buyer, "before using a link").await;
    buyer.click("[data-testid=use-link]").await;
    buyer.shows("[data-code=link_not_valid]").await;
    by_day_and_night(buyer, "a link that cannot be used").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sold_out_scarce_future_and_past_events_and_long_runs_are_accessible() {
    let [desktop, phone] = still_desktop_and_korean_phone();
    browse([desktop, phone], async |[desktop, phone]| {
        every_state_of_an_event(desktop).await;
        every_state_of_an_event(phone).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moving_to_another_device_is_accessible() {
    let [desktop, phone] = still_desktop_and_korean_phone();
    browse([desktop, phone], async |[desktop, phone]| {
        every_step_of_a_move(desktop).await;
        every_step_of_a_move(phone).await;
    })
    .await;
}

fn still_desktop_and_korean_phone() -> [Eyes; 2] {
    let still = |eyes| Eyes {
        still: true,
        ..eyes
    };
    [still(DESKTOP), still(KOREAN)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_view_is_accessible_in_english_on_a_desktop() {
    let [desktop, _] = still_desktop_and_korean_phone();
    browse([desktop], async |[buyer]| every_view(buyer).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_view_is_accessible_in_korean_on_a_narrow_phone() {
    let [_, phone] = still_desktop_and_korean_phone();
    browse([phone], async |[buyer]| every_view(buyer).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_moves_when_reduced_motion_is_preferred() {
    let still = Eyes {
        still: true,
        ..PHONE
    };
    browse([still, PHONE], async |[still, lively]| {
        let site = Site::with(&[HALL]).await;
        for buyer in [still, lively] {
            buyer.open(&site.view("e/hall")).await;
            buyer.shows("[data-testid=join]").await;
        }
        let moves = "return getComputedStyle(document.querySelector('.view')).animationName";
        assert_eq!(still.run(moves).await, "none");
        assert_eq!(lively.run(moves).await, "arrive");
    })
    .await;
}
