//! The operator's desk.

use serde_json::json;

use super::browser::{DESKTOP, Eyes, PHONE, browse};
use super::site::{HALL, LOTTERY_TOMORROW, NARROW, Site};
use crate::serve::run;

/// A user holds a seat of the hall's first date.
async fn somebody_holds(site: &Site, seat: u32) {
    let token = site.stranger("hall").await;
    let event = site.event("hall").await;
    let body = json!({"date": event["dates"][0]["date"], "seatNumber": seat});
    site.call("POST", "/events/hall/holds", &token, body).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_and_steers_a_sale() {
    browse([DESKTOP], async |[operator]| {
        let site = Site::with(&[HALL, NARROW]).await;
        somebody_holds(&site, 3).await;
        site.call("GET", "/events/nowhere", "", json!({})).await;
        operator.open(&site.server.desk).await;
        operator.shows("#events option[value=hall]").await;
        operator.run("const list = document.getElementById('events'); list.value = 'hall'; list.dispatchEvent(new Event('change'))").await;
        operator.until("document.getElementById('name').textContent === 'Evening at the Hall'").await;
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
        // The key has left the address, and a reload keeps the event.
        operator.until("location.hash === ''").await;
        operator.reload().await;
        operator.until("document.getElementById('name').textContent === 'Evening at the Hall'").await;

        operator.write("#why", "the doors are jammed").await;
        operator.click("#pause").await;
        operator.until("document.getElementById('state').textContent === 'Paused'").await;
        operator.until("document.getElementById('why').value === ''").await;
        let journal = run(&["journal", "hall", "--endpoint-url", &site.server.dynamodb]).await;
        let journal = String::from_utf8(journal.stdout).unwrap();
        assert!(journal.contains("why: the doors are jammed"), "{journal}");
        let state = site.call("GET", "/events/hall/queue", "", json!({})).await;
        assert_eq!(state["eventId"], "hall");
        operator.click("#resume").await;
        operator.until("document.getElementById('state').textContent === 'Open'").await;
        operator.write("#max-active", "7").await;
        operator.click("#max-active-form button").await;
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
        operator.click("#confirm button[value=no]").await;
        operator.until("!document.getElementById('confirm').open").await;
        assert_eq!(operator.text("#state").await, "Open");
        operator.click("#close").await;
        operator.click("#confirm-yes").await;
        operator.until("document.getElementById('state').textContent === 'Closed'").await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_shows_rows_aisles_and_labels_like_the_shops_map() {
    browse([DESKTOP], async |[operator]| {
        let site = Site::with(&[UNEVEN]).await;
        somebody_holds(&site, 5).await;
        operator.open(&site.server.desk).await;
        operator.click("#dates button").await;
        operator.shows("#seats canvas:nth-of-type(2)").await;
        operator.says("R: 0 sold, 1 held, 0 blocked, 15 free").await;
        // The pointer over the middle of the first seat of a row, to the right of an aisle, and in the aisle, in seats from the
        // middle of the row.
        let title = "const canvas = arguments[0] === 0 ? document.querySelector('#seats canvas') : document.querySelectorAll('#seats canvas')[1];
            const box = canvas.getBoundingClientRect();
            canvas.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + box.width / 2 + arguments[2] * 14, clientY: box.top + 7 + 14 * arguments[1]}));
            return canvas.title;";
        for (section, row, along, expected) in [
            (0, 0, -1.9, "row A, seat 104: free"),
            (0, 1, -2.9, "row B, seat 106: held"),
            (0, 2, 2.9, "row D, seat 101: free"),
            (0, 0, -2.9, ""),
            (0, 1, -1.0, ""),
            (1, 0, -6.9, "seat 17: free"),
        ] {
            let given = vec![json!(section), json!(row), json!(along)];
            let said = operator.driver.execute(title, given).await.unwrap();
            assert_eq!(said.json(), expected);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_is_accessible_in_light_and_dark_and_in_both_languages() {
    let eyes = Eyes {
        still: true,
        ..PHONE
    };
    browse([eyes], async |[operator]| {
        let site = Site::with(&[HALL, LOTTERY_TOMORROW]).await;
        somebody_holds(&site, 3).await;
        operator.open(&site.server.desk).await;
        operator.shows("#events option[value=hall]").await;
        for event in ["hall", "lottery"] {
            operator.run(&format!("const list = document.getElementById('events'); list.value = '{event}'; list.dispatchEvent(new Event('change'))")).await;
            operator.shows("#dates button").await;
            operator.click("#dates button").await;
            operator.shows("#seats canvas").await;
            for dark in [false, true] {
                operator.set_dark(dark).await;
                for language in 0..2 {
                    operator.is_accessible(&format!("desk, {event}, dark {dark}, language {language}")).await;
                    operator.click("#language").await;
                }
            }
        }
    })
    .await;
}
