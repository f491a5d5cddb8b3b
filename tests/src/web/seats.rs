//! The seat map of a large hall.

use std::io::Write;

use serde_json::json;

use super::browser::{DESKTOP, PHONE, browse};
use super::site::{GREAT, HALL, Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moving_a_map_of_two_thousand_seats_redraws_none_of_them() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[GREAT]).await;
        buyer.goes_to_the_seats(&site, "great").await;
        buyer.until("document.querySelectorAll('.seat.available[data-seat]').length === 2000").await;
        let elements = buyer.run("return document.querySelectorAll('*').length").await;
        assert!(elements.as_u64().unwrap() < 7000, "{elements} elements");
        // Zooms in, drags around and zooms out: 160 frames.
        let moves = "const done = arguments[0];
            const map = document.querySelector('[data-testid=seat-map]');
            const changes = [];
            const watch = new MutationObserver((found) => changes.push(...found.filter((it) => it.target !== map && !it.target.closest('.tip'))));
            watch.observe(map, {attributes: true, childList: true, subtree: true, attributeFilter: ['d', 'transform', 'x', 'y']});
            const frames = [];
            const box = map.getBoundingClientRect();
            const at = (name, x, y) => map.dispatchEvent(new PointerEvent(name, {bubbles: true, pointerId: 1, isPrimary: true, clientX: x, clientY: y}));
            map.setPointerCapture = () => {};
            let before = null;
            const step = (now) => {
                if (before !== null) frames.push(now - before);
                before = now;
                const n = frames.length;
                if (n < 40) map.dispatchEvent(new WheelEvent('wheel', {bubbles: true, cancelable: true, ctrlKey: true, deltaY: -20, clientX: box.left + box.width / 2, clientY: box.top + box.height / 2}));
                else if (n === 40) at('pointerdown', box.left + 150, box.top + 150);
                else if (n < 120) at('pointermove', box.left + 150 + 80 * Math.sin(n / 8), box.top + 150 + 80 * Math.cos(n / 8));
                else if (n === 120) at('pointerup', box.left + 150, box.top + 150);
                else if (n < 160) map.dispatchEvent(new WheelEvent('wheel', {bubbles: true, cancelable: true, ctrlKey: true, deltaY: 20, clientX: box.left + 90, clientY: box.top + 90}));
                else {
                    watch.disconnect();
                    frames.sort((a, b) => a - b);
                    done({drawnAnew: changes.length, median: frames[80], p95: frames[152], most: frames.at(-1), width: map.viewBox.baseVal.width});
                    return;
                }
                requestAnimationFrame(step);
            };
            requestAnimationFrame(step);";
        let told = buyer.driver.execute_async(moves, Vec::new()).await.unwrap();
        let told = told.json();
        let _ = writeln!(std::io::stderr(), "2,000 seats, {elements} elements, frames in ms: {told}");
        assert_eq!(told["drawnAnew"], 0, "{told}");
        // A tap still selects a seat.
        buyer.chooses(&[1234]).await;
        buyer.holds().await;
        buyer.says("A, row 11, seat 1234").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_applied_while_seats_are_chosen_changes_the_map_and_keeps_the_choice() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.goes_to_the_seats(&site, "hall").await;
        buyer.chooses(&[10, 25]).await;
        buyer.says("₩80,000").await;
        // Other prices, and the last ten seats of the second section are gone.
        let changed = HALL
            .replace(
                "{name: R, seats: 20, price: 50000, rows: 2}",
                "{name: R, seats: 20, price: 60000, rows: 2}",
            )
            .replace(
                "{name: S, seats: 20, price: 30000, rows: 2}",
                "{name: S, seats: 10, price: 40000, rows: 1}",
            );
        assert_ne!(changed, HALL);
        site.apply(&changed).await;
        buyer
            .says("The seats or prices of this date have just changed.")
            .await;
        buyer.says("₩100,000").await;
        buyer.shows(".seat.selected[data-seat='10']").await;
        buyer.shows(".seat.selected[data-seat='25']").await;
        assert_eq!(
            buyer
                .run("return document.querySelectorAll('.seat[data-seat]').length")
                .await,
            30
        );
        buyer.holds().await;
        buyer.says("R, row 1, seat 10").await;
        buyer.says("S, row 1, seat 25").await;
        buyer.says("₩100,000").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_applied_between_two_pages_of_seats_leaves_no_mixture_on_the_map() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[GREAT]).await;
        buyer.goes_to_the_seats(&site, "great").await;
        buyer.until("document.querySelectorAll('.seat.available[data-seat]').length === 2000").await;
        // The first page of the next refresh is read before, the second after the change.
        buyer.run("const fetched = window.fetch;
            window.fetch = async (path, options) => {
                if (!path.includes('cursor=') || window.release) return fetched(path, options);
                await new Promise((resolve) => { window.release = resolve; });
                return fetched(path, options);
            }").await;
        buyer.until("!!window.release").await;
        let changed = GREAT.replace("price: 165000", "price: 160000").replace("price: 66000", "price: 60000");
        site.apply(&changed).await;
        site.becomes("great", "/dates/0/sections/3/price", json!(60_000)).await;
        buyer.run("window.release()").await;
        let label = |seat: u32| format!("document.querySelector(\".seat.available[data-seat='{seat}']\")?.getAttribute('aria-label')");
        buyer.until(&format!("{} === 'Section B, row 12, seat 2000, ₩60,000, available'", label(2000))).await;
        buyer.until(&format!("{} === 'Section R, row 1, seat 1, ₩160,000, available'", label(1))).await;
        buyer.until("document.querySelectorAll('.seat.available[data-seat]').length === 2000").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_taken_by_others_appear_on_the_map_and_each_state_has_its_own_shape() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.goes_to_the_seats(&site, "hall").await;
        buyer.chooses(&[10]).await;
        let other = site.stranger("hall").await;
        let event = site.event("hall").await;
        let body = json!({"date": event["dates"][0]["date"], "seatNumber": 9});
        site.call("POST", "/events/hall/holds", &other, body).await;
        buyer.shows(".seat.held.fresh[data-seat='9']").await;
        let label = "return document.querySelector(\".seat[data-seat='9']\").getAttribute('aria-label')";
        assert_eq!(
            buyer.run(label).await,
            "Section R, row 1, seat 9, ₩50,000, held by someone else"
        );
        let shapes = "return new Set(['9', '10', '11'].map((it) => document.querySelector(`.seat[data-seat='${it}'] path`).getAttribute('d'))).size";
        assert_eq!(buyer.run(shapes).await, 3);
        for words in ["R ₩50,000", "S ₩30,000", "selected", "held by someone else", "sold"] {
            buyer.says(words).await;
        }
    })
    .await;
}
