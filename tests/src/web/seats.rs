//! The seat map of a large hall.

use std::fmt::Write as _;
use std::io::Write;

use serde_json::json;

use thirtyfour::prelude::Key;

use super::browser::{Browser, DESKTOP, Eyes, PHONE, browse};
use super::site::{GREAT, HALL, OPERA, Site};

/// Twenty sections of a thousand seats.
fn stadium() -> String {
    let mut text = GREAT
        .split("          - {name: R")
        .next()
        .unwrap()
        .replace("great", "stadium");
    for section in 0..20 {
        let _ = writeln!(
            text,
            "          - {{name: S{section}, seats: 1000, price: 50000, rows: 20, rowLabels: A, numbering: {{from: left}}, aisles: [25]}}"
        );
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hall_of_twenty_thousand_seats_shows_sections_first_and_moves_without_redrawing_a_seat() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[&stadium()]).await;
        buyer.goes_to_the_seats(&site, "stadium").await;
        buyer.says("S13").await;
        assert_eq!(buyer.run("return document.querySelectorAll('.block').length").await, 20);
        assert_eq!(buyer.run("return document.querySelectorAll('.seat[data-seat]').length").await, 0);
        buyer.enters_the_section(13).await;
        let elements = buyer.run("return document.querySelectorAll('*').length").await;
        assert!(elements.as_u64().unwrap() < 8000, "{elements} elements");
        // Zooms in, drags around and zooms out: 160 frames.
        let moves = "const done = arguments[0];
            const map = document.querySelector('[data-testid=seat-map]');
            const changes = [];
            const watch = new MutationObserver((found) => changes.push(...found.filter((it) => it.target !== map && !it.target.closest('.tip'))));
            watch.observe(map, {attributes: true, subtree: true, attributeFilter: ['d', 'transform', 'x', 'y']});
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
        let _ = writeln!(std::io::stderr(), "20,000 seats, {elements} elements, frames in ms: {told}");
        assert_eq!(told["drawnAnew"], 0, "{told}");
        // Slower than a phone. The figures depend on what else the machine does, so they are only printed.
        buyer.devtools("Emulation.setCPUThrottlingRate", json!({"rate": 4})).await;
        let told = buyer.driver.execute_async(moves, Vec::new()).await.unwrap();
        let told = told.json();
        let _ = writeln!(std::io::stderr(), "the same on a processor that is four times slower: {told}");
        buyer.devtools("Emulation.setCPUThrottlingRate", json!({"rate": 1})).await;
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
        let label = |section: u32| format!("document.querySelector(\".block[data-section='{section}']\")?.getAttribute('aria-label')");
        buyer.until(&format!("{} === 'Section B, ₩66,000, 480 left'", label(3))).await;
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
        buyer.until(&format!("{} === 'Section B, ₩60,000, 480 left'", label(3))).await;
        buyer.until(&format!("{} === 'Section R, ₩160,000, 320 left'", label(0))).await;
        buyer.enters_the_section(0).await;
        let seat = "document.querySelector('.seat.available')?.getAttribute('aria-label')";
        buyer.until(&format!("/^Section R, row \\d, seat \\d+, ₩160,000, available$/.test({seat})")).await;
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
            "Section R, row 1, seat 9, ₩50,000, not available now"
        );
        let shapes = "return new Set(['9', '10', '11'].map((it) => document.querySelector(`.seat[data-seat='${it}'] path`).getAttribute('d'))).size";
        assert_eq!(buyer.run(shapes).await, 3);
        for words in ["R ₩50,000", "S ₩30,000", "selected", "not available now", "sold"] {
            buyer.says(words).await;
        }
    })
    .await;
}

const WIDTH: &str = "document.querySelector('svg.map').viewBox.baseVal.width";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_shows_sections_with_price_and_free_seats_then_seats_as_an_usher_says_them() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[OPERA]).await;
        buyer.goes_to_the_seats(&site, "opera").await;
        let label =
            "document.querySelector(\".block[data-section='0']\").getAttribute('aria-label')";
        buyer
            .until(&format!("{label} === 'Section R, ₩165,000, 400 left'"))
            .await;
        for words in ["Section R", "₩165,000", "400 left", "Balcony", "160 left"] {
            buyer.says(words).await;
        }
        buyer.is_accessible("sections of a hall").await;
        buyer.enters_the_section(0).await;
        buyer.is_accessible("seats of a section").await;
        // Row F, of which the map shows the label at the level of its seats.
        buyer.chooses(&[221]).await;
        buyer.holds().await;
        buyer.says("Section R, row F, seat 21").await;
        buyer.pays().await;
        buyer.says("Section R, row F, seat 21").await;
        buyer.click("#language").await;
        buyer.says("R석 F열 21번").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_map_zooms_by_wheel_double_tap_buttons_and_keys_and_the_focus_stays_in_it() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[GREAT]).await;
        buyer.goes_to_the_seats(&site, "great").await;
        buyer.until("document.querySelector('svg.map:not(.seats) .block')").await;
        let width = async || buyer.run(&format!("return {WIDTH}")).await.as_f64().unwrap();
        let whole = width().await;
        let narrower = async |before: f64| {
            buyer.until(&format!("{WIDTH} < {before}")).await;
            width().await
        };
        buyer.run("const map = document.querySelector('svg.map'); const box = map.getBoundingClientRect();
            map.dispatchEvent(new WheelEvent('wheel', {bubbles: true, cancelable: true, deltaY: -240, clientX: box.left + box.width / 2, clientY: box.top + box.height / 2}));").await;
        let wheeled = narrower(whole).await;
        buyer.click(".map-tools button:first-child").await;
        let pressed = narrower(wheeled).await;
        // Between two rows, where no seat is.
        buyer.until("document.querySelector('svg.map.seats .seat')").await;
        buyer.run("const map = document.querySelector('svg.map'); const box = map.getBoundingClientRect();
            map.dispatchEvent(new MouseEvent('dblclick', {bubbles: true, cancelable: true, detail: 2, clientX: box.left + box.width / 2, clientY: box.top + box.height / 2}));").await;
        narrower(pressed).await;
        // By keyboard: the whole hall, a section, its seats, nearer, and back to the section.
        buyer.click(".map-tools button:last-child").await;
        buyer.until(&format!("{WIDTH} > {}", whole - 1.0)).await;
        buyer.run("document.querySelector(\".block[data-section='2']\").focus()").await;
        buyer.press(Key::Enter).await;
        buyer.until("document.activeElement.closest('.seat')?.dataset.seat === '801'").await;
        let near = width().await;
        for key in [Key::Down, Key::Right] {
            buyer.press(key).await;
        }
        buyer.until("document.activeElement.dataset.seat === '842'").await;
        buyer.press("+").await;
        narrower(near).await;
        buyer.press("0").await;
        buyer.until("document.activeElement.dataset.section === '2'").await;
        buyer.until(&format!("{WIDTH} > {}", whole - 1.0)).await;
    })
    .await;
}

impl Browser {
    /// Moves two fingers on the map. `from` and `to` are the point between them, counted from the middle of the map, and how far they are
    /// apart, in CSS pixels.
    async fn pinches(&self, from: ((f64, f64), f64), to: ((f64, f64), f64)) {
        const STEPS: u32 = 8;
        let middle = "const {left, top, width, height} = document.querySelector('.map-view').getBoundingClientRect();
            return [left + width / 2, top + height / 2];";
        let middle = self.run(middle).await;
        let [x, y] = [0, 1].map(|i| middle[i].as_f64().unwrap());
        for step in 0..=STEPS {
            let share = f64::from(step) / f64::from(STEPS);
            let between = |a: f64, b: f64| a + (b - a) * share;
            let at_x = x + between(from.0.0, to.0.0);
            let at_y = y + between(from.0.1, to.0.1);
            let half = between(from.1, to.1) / 2.0;
            let kind = if step == 0 { "touchStart" } else { "touchMove" };
            let fingers = json!([
                {"x": at_x - half, "y": at_y, "id": 1},
                {"x": at_x + half, "y": at_y, "id": 2},
            ]);
            self.devtools(
                "Input.dispatchTouchEvent",
                json!({"type": kind, "touchPoints": fingers}),
            )
            .await;
        }
        let end = json!({"type": "touchEnd", "touchPoints": []});
        self.devtools("Input.dispatchTouchEvent", end).await;
        self.until("!document.querySelector('.gliding')").await;
    }

    /// The point of the hall this far from the middle of the map, in CSS pixels, and how many of them a unit of the hall has.
    async fn sees_at(&self, (x, y): (f64, f64)) -> [f64; 3] {
        let script = format!(
            "const {{x, y, width, height}} = document.querySelector('svg.map').viewBox.baseVal;
            const scale = document.querySelector('.map-view').clientWidth / width;
            return [x + width / 2 + {x} / scale, y + height / 2 + {y} / scale, scale];"
        );
        let seen = self.run(&script).await;
        [0, 1, 2].map(|i| seen[i].as_f64().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_fingers_zoom_and_move_the_map_around_the_point_between_them_and_choose_no_seat() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[GREAT]).await;
        buyer
            .devtools(
                "Emulation.setTouchEmulationEnabled",
                json!({"enabled": true, "maxTouchPoints": 2}),
            )
            .await;
        buyer.goes_to_the_seats(&site, "great").await;
        buyer.enters_the_section(2).await;
        buyer
            .run("document.querySelector('.map-view').scrollIntoView({block: 'center', behavior: 'instant'})")
            .await;
        let stays = |before: [f64; 3], after: [f64; 3], factor: f64| {
            let off = (before[0] - after[0]).hypot(before[1] - after[1]) * after[2];
            assert!(off < 1.0, "{off} px away");
            let grown = after[2] / before[2];
            assert!((grown / factor - 1.0).abs() < 0.02, "{grown} times");
        };
        // Spread around a point off the middle, pinched around it, and moved together.
        let here = (30.0, -20.0);
        let before = buyer.sees_at(here).await;
        buyer.pinches((here, 60.0), (here, 120.0)).await;
        let near = buyer.sees_at(here).await;
        stays(before, near, 2.0);
        let there = (-20.0, 25.0);
        buyer.pinches((here, 100.0), (there, 100.0)).await;
        stays(near, buyer.sees_at(there).await, 1.0);
        let moved = buyer.sees_at(there).await;
        buyer.pinches((there, 150.0), (there, 100.0)).await;
        stays(moved, buyer.sees_at(there).await, 2.0 / 3.0);
        let chosen = "return document.querySelectorAll('.selected[data-seat], .chosen li').length";
        assert_eq!(buyer.run(chosen).await, 0);
        // The page itself has not become larger.
        assert_eq!(buyer.run("return visualViewport.scale").await, 1);
    })
    .await;
}

/// Sections at the sides and behind the stage, a corner, and a balcony that bends.
const TURNED: &str = "
  - eventId: turned
    name: All Around
    venue: The Arena, Seoul
    admission: seated
    dates:
      - date: +9d
        startsAt: \"19:00:00+09:00\"
        sections:
          - {name: R, seats: 200, price: 165000, rows: 8, drawing: {y: 3}}
          - {name: Left, seats: 90, price: 120000, rows: 6, rowLabels: [A-F], drawing: {x: -20, y: 8, rotate: 90}}
          - {name: Right, seats: 90, price: 120000, rows: 6, drawing: {x: 20, y: 8, rotate: -90}}
          - {name: 가, seats: 80, price: 99000, rows: 5, drawing: {x: -18, y: 22, rotate: 45}}
          - {name: Balcony, seats: 240, price: 66000, rows: 4, drawing: {y: 40, curve: 100}}
          - {name: Behind the stage, seats: 60, price: 55000, rows: 3, drawing: {y: -8, rotate: 180}}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_texts_of_turned_and_curved_sections_are_level_inside_and_large_enough_to_read() {
    let phone = Eyes {
        width: 390,
        height: 844,
        ..PHONE
    };
    let korean = Eyes {
        dark: true,
        ..phone.in_korean()
    };
    browse([phone, korean], async |buyers| {
        let site = Site::with(&[TURNED]).await;
        for buyer in buyers {
            buyer.goes_to_the_seats(&site, "turned").await;
            buyer
                .until("document.querySelectorAll('.block-text tspan').length >= 6")
                .await;
            let outside = "const svg = document.querySelector('svg.map');
                const scale = svg.clientWidth / svg.viewBox.baseVal.width;
                return [...document.querySelectorAll('.block')].flatMap((block, i) => {
                    const text = document.querySelectorAll('.block-text')[i];
                    const box = text.getBBox();
                    const isInside = [[0, 0], [1, 0], [0, 1], [1, 1]].every(([right, down]) => {
                        const corner = svg.createSVGPoint();
                        corner.x = box.x + right * box.width;
                        corner.y = box.y + down * box.height;
                        return block.querySelector('path').isPointInFill(corner);
                    });
                    const size = parseFloat(getComputedStyle(text).fontSize) * scale;
                    return isInside && size >= 8 && !text.hasAttribute('transform') ? [] : [[text.textContent, isInside, size]];
                });";
            assert_eq!(buyer.run(outside).await, json!([]));
            // Nearby, before the first row of each section.
            buyer.enters_the_section(1).await;
            let turned = "return document.querySelectorAll('.section-label[transform]').length";
            assert_eq!(buyer.run(turned).await, 0);
            let height = "return document.querySelector('.section-label').getBoundingClientRect().height";
            assert!(buyer.run(height).await.as_f64() > Some(9.0));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_labels_are_level_with_their_rows() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.goes_to_the_seats(&site, "hall").await;
        buyer.shows(".row-mark").await;
        // Both ends of the first row of S, by the pixel.
        let apart = "const middle = (it) => { const box = it.getBoundingClientRect(); return {x: box.left + box.width / 2, y: box.top + box.height / 2}; };
            const marks = [...document.querySelectorAll('.row-mark')].slice(4, 6).map(middle);
            const ends = [21, 30].map((seat) => middle(document.querySelector(`.seat[data-seat='${seat}'] path`)));
            const size = document.querySelector(\".seat[data-seat='21'] path\").getBoundingClientRect().height;
            return Math.max(...marks.map((mark, i) => Math.abs(mark.y - ends[i].y) / size));";
        let apart = buyer.run(apart).await.as_f64().unwrap();
        assert!(apart < 0.5, "{apart} of a seat apart");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_that_the_user_holds_are_shown_as_the_users_own_on_the_map_and_in_the_list() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.goes_to_the_seats(&site, "hall").await;
        let seats = buyer.run("return location.href").await;
        buyer.chooses(&[10]).await;
        buyer.holds().await;
        buyer.shows("[data-testid=pay]").await;
        buyer.open(seats.as_str().unwrap()).await;
        buyer.shows(".seat.mine[data-seat='10']").await;
        let label =
            "return document.querySelector(\".seat[data-seat='10']\").getAttribute('aria-label')";
        assert_eq!(
            buyer.run(label).await,
            "Section R, row 1, seat 10, ₩50,000, held by you"
        );
        buyer.click(".segments button:last-child").await;
        buyer.click(".seat-list summary").await;
        buyer.shows(".list-seat[data-seat='10']:disabled").await;
        let text = buyer.text(".list-seat[data-seat='10']").await;
        assert!(text.contains("held by you"), "{text}");
    })
    .await;
}
