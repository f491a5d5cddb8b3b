//! The operator's desk.

use serde_json::json;
use thirtyfour::prelude::Key;

use super::browser::{Browser, DESKTOP, Eyes, PHONE, browse};
use super::site::{HALL, LOTTERY_TOMORROW, NARROW, Site};
use crate::serve::run;

/// A user holds a seat of the hall's first date. Returns the token and the reservation's id.
async fn somebody_holds(site: &Site, seat: u32) -> (String, String) {
    let token = site.stranger("hall").await;
    let event = site.event("hall").await;
    let body = json!({"date": event["dates"][0]["date"], "seatNumber": seat});
    let held = site.call("POST", "/events/hall/holds", &token, body).await;
    (token, held["reservationId"].as_str().unwrap().to_owned())
}

/// What the journal of the hall says.
/// The view of an event is that of the hall.
const HALL_IS_SHOWN: &str =
    "document.getElementById('name')?.textContent === 'Evening at the Hall'";

async fn journal(site: &Site) -> String {
    let journal = run(&["journal", "hall", "--endpoint-url", &site.server.dynamodb]).await;
    String::from_utf8(journal.stdout).unwrap()
}

impl Browser {
    /// Opens the view of the hall from the list of events.
    async fn opens_the_hall(&self, desk: &str) {
        self.open(desk).await;
        self.click("[data-event=hall] a").await;
        self.until(HALL_IS_SHOWN).await;
    }

    /// Confirms the act that the desk asks about.
    async fn agrees(&self, why: &str) {
        self.shows("#confirm[open] #confirm-yes").await;
        if !why.is_empty() {
            self.write("#why", why).await;
        }
        self.click("#confirm-yes").await;
        self.until("!document.getElementById('confirm').open").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_and_steers_a_sale() {
    browse([DESKTOP], async |[operator]| {
        let site = Site::with(&[HALL, NARROW]).await;
        somebody_holds(&site, 3).await;
        site.call("GET", "/events/nowhere", "", json!({})).await;
        operator.opens_the_hall(&site.server.desk).await;
        for chart in [
            "#waiting-chart",
            "#inside-chart",
            "#rate-chart",
            "#no-shows-chart",
            "#sold-chart",
            "#revenue-chart",
        ] {
            operator.shows(&format!("{chart} svg .curve")).await;
        }
        // The key has left the address, and a reload keeps the view.
        operator.until("location.hash === '#/events/hall'").await;
        operator.reload().await;
        operator.until(HALL_IS_SHOWN).await;

        operator.click("#pause").await;
        operator.says("Nobody is let in until it is resumed").await;
        operator.agrees("the doors are jammed").await;
        operator.until("document.getElementById('state').textContent === 'Paused'").await;
        operator.until("document.querySelector('#event-journal tbody').textContent.includes('the doors are jammed')").await;
        assert!(journal(&site).await.contains("why: the doors are jammed"));
        operator.click("#resume").await;
        operator.agrees("").await;
        operator.until("document.getElementById('state').textContent === 'Open'").await;
        operator.write("#max-active", "7").await;
        operator.click("#max-active-form button").await;
        operator.agrees("").await;
        operator.says("the catalogue says 100").await;
        operator.says("of 7").await;

        // The page refreshes while the button is pressed.
        let renewals = "performance.getEntriesByType('resource').filter((it) => it.name.endsWith('/api/refusals')).length";
        operator.click_slowly("#dates button", renewals).await;
        operator.shows("#seats canvas").await;
        operator.says("R: 0 sold, 1 held, 0 blocked, 19 free").await;
        operator.says("event_not_found").await;

        for (button, kind, has) in [("#csv", "csv", ",R,50000,20,0,1,19,0,KRW"), ("#json", "json", "\"sold\"")] {
            operator.click(button).await;
            let file = operator.downloads().join(format!("hall.{kind}"));
            let mut text = String::new();
            for _ in 0..600 {
                text = std::fs::read_to_string(&file).unwrap_or_default();
                if !text.is_empty() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            assert!(text.contains(has), "{kind}: {text}");
        }

        operator.click("#close").await;
        operator.click("#confirm-no").await;
        operator.until("!document.getElementById('confirm').open").await;
        assert_eq!(operator.text("#state").await, "Open");
        operator.click("#close").await;
        operator.agrees("").await;
        operator.until("document.getElementById('state').textContent === 'Closed'").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_events_are_the_first_view_with_what_is_sold_and_who_waits() {
    browse([DESKTOP], async |[operator]| {
        let site = Site::with(&[HALL, NARROW]).await;
        somebody_holds(&site, 3).await;
        operator.open(&site.server.desk_to_see).await;
        operator.shows("[data-event=narrow]").await;
        operator.until("document.querySelector('[data-event=hall] .bar').getAttribute('aria-label') === '0 sold, 1 held, 0 blocked and 79 free of 80'").await;
        assert_eq!(operator.text("[data-event=hall] .state").await, "Open");
        operator.says("0 of 80").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_was_opened_to_see_has_no_buttons_that_change_anything() {
    browse([DESKTOP], async |[operator]| {
        let site = Site::with(&[HALL]).await;
        for desk in [&site.server.desk_to_see, &site.server.desk_to_sell] {
            operator.opens_the_hall(desk).await;
            operator.shows("#csv").await;
            operator.click("#dates button").await;
            operator.shows("#seats canvas").await;
            for act in ["#pause", "#max-active", "#choose-seats", "#cancel-event"] {
                let count = format!("return document.querySelectorAll('{act}').length");
                assert_eq!(operator.run(&count).await, 0, "{act}");
            }
        }
        operator.opens_the_hall(&site.server.desk).await;
        operator.shows("#pause").await;
        operator.shows("#cancel-event").await;
    })
    .await;
}

/// Rows of different length, with an aisle, and numbers from the right.
const UNEVEN: &str = "
  - eventId: hall
    name: Evening at the Hall
    venue: The Hall, Seoul
    admission: seated
    dates:
      - date: +9d
        startsAt: \"19:00:00+09:00\"
        sections:
          - {name: R, seats: 16, price: 50000, rows: [4, 6, 6], rowLabels: [A, B, D], numbering: {from: right, start: 101}, aisles: [2]}
          - {name: Standing, seats: 30, price: 30000}
";

/// A pointer does something at a place of a section's chart, in seats: from the middle of the row, and rows from the front.
const POINTER: &str = "const canvas = document.querySelectorAll('#seats canvas')[arguments[1]];
    const box = canvas.getBoundingClientRect();
    const scale = 14 * box.width / parseFloat(canvas.style.width);
    canvas.dispatchEvent(new PointerEvent(arguments[0], {bubbles: true, clientX: box.left + box.width / 2 + arguments[3] * scale, clientY: box.top + (arguments[2] + .5) * scale}));
    return canvas.title;";

impl Browser {
    async fn points(&self, act: &str, section: u32, row: u32, along: f64) -> String {
        let given = vec![json!(act), json!(section), json!(row), json!(along)];
        let said = self.driver.execute(POINTER, given).await.unwrap();
        said.json().as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_shows_rows_aisles_and_labels_like_the_shops_map() {
    browse([DESKTOP], async |[operator]| {
        let site = Site::with(&[UNEVEN]).await;
        somebody_holds(&site, 5).await;
        operator.opens_the_hall(&site.server.desk).await;
        operator.click("#dates button").await;
        operator
            .shows("#seats .section-chart:nth-of-type(2) canvas")
            .await;
        operator.says("R: 0 sold, 1 held, 0 blocked, 15 free").await;
        // The first seat of a row, one to the right of an aisle, and the aisle.
        for (section, row, along, expected) in [
            (0, 0, -1.9, "row A, seat 104: free"),
            (0, 1, -2.9, "row B, seat 106: held"),
            (0, 2, 2.9, "row D, seat 101: free"),
            (0, 0, -2.9, ""),
            (0, 1, -1.0, ""),
            (1, 0, -6.9, "seat 17: free"),
        ] {
            assert_eq!(
                operator.points("pointermove", section, row, along).await,
                expected
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_are_chosen_by_pointer_row_and_keyboard_and_blocked_and_unblocked() {
    browse([DESKTOP], async |[operator]| {
        let site = Site::with(&[UNEVEN]).await;
        somebody_holds(&site, 16).await;
        operator.opens_the_hall(&site.server.desk).await;
        operator.click("#dates button").await;
        operator.shows("#seats canvas").await;
        operator.click("#choose-seats").await;
        // A rectangle over two rows, drawn with the pointer.
        operator.points("pointerdown", 0, 1, -2.9).await;
        operator.points("pointermove", 0, 0, -0.9).await;
        operator.points("pointerup", 0, 0, -0.9).await;
        operator.says("3 seats chosen in R: 1, 5–6").await;
        // A row by its label, and another click takes it back.
        operator.points("pointerdown", 0, 2, -3.6).await;
        operator.says("9 seats chosen in R").await;
        operator.points("pointerdown", 0, 2, -3.6).await;
        operator.says("3 seats chosen in R: 1, 5–6").await;
        operator.click("#block").await;
        operator.says("Block 3 seats of R").await;
        operator.run("document.getElementById('block-kind').value = 'sponsor'").await;
        operator.agrees("for the bank").await;
        operator.says("R: 0 sold, 1 held, 3 blocked, 12 free").await;
        operator.until("document.querySelector('#blocks')?.textContent.includes('R, seats 1, 5–6: sponsor – for the bank')").await;
        assert!(journal(&site).await.contains("block seats"));

        // With the keyboard: the last seat of the last row is held, so nothing is blocked.
        operator.run("document.querySelector('#seats canvas').focus()").await;
        operator.press("r").await;
        operator.says("seats chosen in R").await;
        operator.press(Key::Escape).await;
        operator.until("document.querySelector('.acts').hidden").await;
        operator.points("pointerdown", 0, 2, -3.6).await;
        operator.says("6 seats chosen in R: 11–16").await;
        operator.click("#block").await;
        operator.shows("#confirm[open] #confirm-yes").await;
        operator.expects(&[409]);
        operator.click("#confirm-yes").await;
        operator.says("nothing was done: seat 16 is held until").await;
        operator.click("#confirm-no").await;

        operator.click("#clear").await;
        operator.points("pointerdown", 0, 0, -1.9).await;
        operator.points("pointerup", 0, 0, -1.9).await;
        operator.run("document.querySelector('#seats canvas').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', shiftKey: true}))").await;
        operator.says("2 seats chosen in R: 1–2").await;
        operator.click("#unblock").await;
        operator.agrees("").await;
        operator.says("R: 0 sold, 1 held, 2 blocked, 13 free").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_cancelled_at_the_desk_with_a_reason_and_its_progress_is_shown() {
    browse([DESKTOP], async |[operator]| {
        let site = Site::with(&[HALL]).await;
        somebody_holds(&site, 3).await;
        operator.opens_the_hall(&site.server.desk).await;
        operator.click("#cancel-event").await;
        operator.says("0 buyers get").await;
        operator.says("1 held reservations are released").await;
        // Without a reason nothing is done.
        operator.click("#confirm-yes").await;
        assert_eq!(
            operator
                .run("return document.getElementById('confirm').open")
                .await,
            true
        );
        assert!(!journal(&site).await.contains("cancel"));
        operator.agrees("the singer is ill").await;
        operator
            .until("document.getElementById('state').textContent === 'Cancelled'")
            .await;
        operator.says("1 released, of about 1").await;
        operator
            .until("!document.getElementById('cancellation-progress').hidden")
            .await;
        let journal = journal(&site).await;
        assert!(journal.contains("why: the singer is ill"), "{journal}");
        site.becomes("hall", "/state", json!("CLOSED")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_finds_an_order_and_reads_its_story() {
    browse([DESKTOP], async |[operator]| {
        let site = Site::with(&[HALL]).await;
        let (_, id) = somebody_holds(&site, 3).await;
        operator.open(&site.server.desk_to_see).await;
        operator.click("nav [data-view=orders]").await;
        operator.run("const by = document.getElementById('by'); by.value = 'event'; by.dispatchEvent(new Event('change'))").await;
        operator.write("#by-event", "hall").await;
        operator.click("#search").await;
        operator.says("1 found.").await;
        operator.says("R, row 1, 3 (seat 3)").await;
        operator.click("#orders a[href*='/orders/']").await;
        operator.until(&format!("document.body.innerText.includes('{id}')")).await;
        operator.until("document.querySelectorAll('#story li').length >= 3").await;
        operator.says("The reservation was made").await;
        operator.says("Seat 3 is held for it").await;
        // The browser goes back to what was found.
        operator.run("history.back()").await;
        operator.says("1 found.").await;
        operator.expects(&[404]);
        operator.run("location.hash = '#/orders?by=event&event=nowhere'").await;
        operator.until("document.getElementById('connection').textContent.includes('there is no event nowhere')").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_without_samples_is_a_gap_in_the_curve() {
    browse([DESKTOP], async |[operator]| {
        let site = Site::with(&[HALL]).await;
        operator.opens_the_hall(&site.server.desk).await;
        operator
            .run(
                "import('/chart.js').then(({drawChart}) => {
                    const place = document.createElement('div');
                    place.id = 'drawn';
                    document.body.append(place);
                    const points = [0, 1, 2, 5, 6].map((minute) => ({at: minute * 60000, sold: minute}));
                    points.push({at: 6 * 60000 + 41000, sold: 9});
                    drawChart(place, {points, from: 0, to: 7 * 60000, stepMs: 60000}, 'sold', {label: 'Sold', time: String, format: String});
                })",
            )
            .await;
        operator.until("document.querySelectorAll('#drawn polyline').length === 2").await;
        let label = operator.run("return document.querySelector('#drawn svg').getAttribute('aria-label')").await;
        assert_eq!(label, "Sold: 9");
        for span in ["day", "week", "month", "hour"] {
            operator.run(&format!("const span = document.getElementById('span'); span.value = '{span}'; span.dispatchEvent(new Event('change'))")).await;
            operator.until(&format!("performance.getEntriesByType('resource').some((it) => it.name.endsWith('/history?span={span}'))")).await;
        }
        operator.shows("#waiting-chart svg .curve").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_view_of_the_desk_is_accessible_in_light_and_dark_and_in_both_languages() {
    let eyes = Eyes {
        still: true,
        ..PHONE
    };
    browse([eyes], async |[operator]| {
        let site = Site::with(&[HALL, LOTTERY_TOMORROW]).await;
        let (_, id) = somebody_holds(&site, 3).await;
        let check = async |what: &str, shown: &str| {
            for dark in [false, true] {
                operator.set_dark(dark).await;
                for language in 0..2 {
                    operator.shows(shown).await;
                    operator
                        .is_accessible(&format!("{what}, dark {dark}, language {language}"))
                        .await;
                    operator.click("#language").await;
                }
            }
        };
        operator.open(&site.server.desk).await;
        check("events", "[data-event=hall] .bar").await;
        for event in ["hall", "lottery"] {
            operator
                .run(&format!("location.hash = '#/events/{event}'"))
                .await;
            check(event, "#dates button").await;
        }
        operator.run("location.hash = '#/events/hall'").await;
        operator.until(HALL_IS_SHOWN).await;
        operator.click("#dates button").await;
        operator.shows("#seats canvas").await;
        operator.click("#choose-seats").await;
        operator.points("pointerdown", 0, 0, -0.5).await;
        operator.shows("#block").await;
        for dark in [false, true] {
            operator.set_dark(dark).await;
            operator
                .is_accessible(&format!("choosing seats, dark {dark}"))
                .await;
        }
        operator.click("#block").await;
        operator.shows("#confirm[open]").await;
        operator.is_accessible("a confirmation").await;
        operator.click("#confirm-no").await;
        operator
            .run("location.hash = '#/orders?by=event&event=hall'")
            .await;
        check("orders", "#orders tbody tr").await;
        operator
            .run(&format!("location.hash = '#/orders/{id}'"))
            .await;
        check("story", "#story li").await;
        operator.run("location.hash = '#/journal'").await;
        check("journal", "#journal-entries tbody tr").await;
        operator.run("location.hash = '#/withdrawals'").await;
        check("withdrawals", "main h2").await;
    })
    .await;
}
