//! Tickets that have been bought: each seat's page, without a network, on paper, in the calendar, and shared.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

use super::browser::{Browser, DESKTOP, KOREAN, PHONE, browse, browse_again};
use super::calendar_file::saved_calendar_file;
use super::site::{FIELD, HALL, Site};

impl Browser {
    /// Buys seats of the hall. Returns the reservation's id.
    pub(super) async fn buys(&self, site: &Site, seats: [u32; 2]) -> String {
        self.goes_to_the_seats(site, "hall").await;
        self.chooses(&seats).await;
        self.holds().await;
        self.pays().await;
        self.text(".ticket-id").await
    }

    async fn path(&self) -> String {
        let path = self.run("return location.pathname").await;
        path.as_str().unwrap().to_owned()
    }

    /// The number of pages that the present view takes on paper.
    async fn printed_pages(&self) -> usize {
        let printed = self.devtools("Page.printToPDF", json!({})).await;
        let file = BASE64_STANDARD
            .decode(printed["data"].as_str().unwrap())
            .unwrap();
        let text = String::from_utf8_lossy(&file);
        // `/Type /Pages` is the list of them.
        text.matches("/Type /Page\n").count() + text.matches("/Type /Page/").count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_seat_has_a_page_with_its_own_code() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with(&[HALL]).await;
        let id = english.buys(&site, [12, 13]).await;
        english.click("[data-testid=pass]").await;
        english.shows(".pass .qr").await;
        let first = format!("/tickets/{id}/12");
        let second = format!("/tickets/{id}/13");
        assert_eq!(english.path().await, first);
        assert_eq!(english.text("#pass-seat").await, "Section R, row 2, seat 12");
        assert_eq!(english.text(".pass .ticket-id").await, format!("{id}/12"));
        english.says("Ticket 1 of 2").await;
        // By button, by key, and by a movement of the finger.
        english.click("[data-testid=next]").await;
        english.says("Ticket 2 of 2").await;
        assert_eq!(english.path().await, second);
        let focused = "return document.activeElement.dataset.testid";
        assert_eq!(english.run(focused).await, "previous");
        english.press(thirtyfour::Key::Left).await;
        english.says("Ticket 1 of 2").await;
        english
            .run(
                "const on = document.querySelector('.pass');
                const touch = (x) => new Touch({identifier: 1, target: on, clientX: x, clientY: 300});
                on.dispatchEvent(new TouchEvent('touchstart', {touches: [touch(250)], bubbles: true}));
                on.dispatchEvent(new TouchEvent('touchend', {changedTouches: [touch(120)], bubbles: true}));",
            )
            .await;
        english.says("Ticket 2 of 2").await;
        // The code is on white at night, too.
        english.set_dark(true).await;
        let ground = "return getComputedStyle(document.querySelector('.pass')).backgroundColor";
        assert_eq!(english.run(ground).await, "rgb(255, 255, 255)");
        // Back leads to the whole booking.
        english.run("history.back()").await;
        english.shows(".ticket .qr").await;
        korean.buys(&site, [22, 23]).await;
        korean.click("[data-testid=pass]").await;
        korean.says("2장 중 1번째").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_open_without_a_server_after_the_browser_was_closed() {
    browse_again(
        PHONE,
        async |buyer| {
            let mut site = Site::with(&[HALL]).await;
            let id = buyer.buys(&site, [12, 13]).await;
            buyer
                .until("navigator.serviceWorker.controller?.state === 'activated'")
                .await;
            site.server.signal("-KILL").await;
            (site.home.clone(), id)
        },
        async |buyer, (home, id)| {
            buyer.open(&format!("{home}/tickets/{id}/13")).await;
            buyer.shows(".pass .qr").await;
            assert_eq!(buyer.text("#pass-seat").await, "Section R, row 2, seat 13");
            for path in [format!("/tickets/{id}"), "/tickets".to_owned()] {
                buyer.open(&format!("{home}{path}")).await;
                buyer.says("Evening at the Hall").await;
                buyer.says("saved in this browser").await;
            }
            // Every path of the shop opens, and says what is the matter.
            buyer.open(&format!("{home}/e/hall")).await;
            buyer.shows("main *").await;
            // The API is never answered from a cache.
            let answer = "return fetch('/events').then(() => 'answered', () => 'failed')";
            assert_eq!(buyer.run(answer).await, "failed");
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_worker_keeps_one_version_of_the_page_and_nothing_else() {
    browse([PHONE, PHONE], async |[buyer, visitor]| {
        let site = Site::with(&[HALL]).await;
        visitor.open(&site.home).await;
        visitor.shows(".card .from").await;
        buyer.open(&site.home).await;
        buyer
            .run("return caches.open('shop-of-an-older-version').then(() => true)")
            .await;
        buyer.buys(&site, [12, 13]).await;
        buyer.until("navigator.serviceWorker.controller?.state === 'activated'").await;
        let kept = buyer
            .run(
                "return (async () => {
                    const found = [];
                    for (const name of await caches.keys())
                        for (const request of await (await caches.open(name)).keys()) found.push([name.slice(0, 5), new URL(request.url).pathname]);
                    return [(await caches.keys()).length, found];
                })()",
            )
            .await;
        assert_eq!(kept, json!([1, [["shop-", "/tickets"]]]));
        // Who has no ticket does not load the page twice.
        let registered = "return navigator.serviceWorker.getRegistrations().then((all) => all.length)";
        assert_eq!(buyer.run(registered).await, 1);
        assert_eq!(visitor.run(registered).await, 0);
    })
    .await;
}

/// The page of an event brings the event's data along. Shown at another path, or later, the data would be wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_that_a_service_worker_keeps_carries_the_data_of_no_path() {
    browse([PHONE], async |[buyer]| {
        let mut site = Site::with(&[HALL, FIELD]).await;
        let id = buyer.buys(&site, [12, 13]).await;
        buyer
            .until("navigator.serviceWorker.controller?.state === 'activated'")
            .await;
        // The worker sees these pages, and does not keep them.
        let brought = "return document.getElementById('answer')?.dataset.path ?? null";
        for event in ["hall", "field"] {
            buyer.open(&site.view(&format!("e/{event}"))).await;
            assert_eq!(buyer.run(brought).await, format!("/events/{event}"));
        }
        let kept = "return (async () => {
            const [name] = await caches.keys();
            const pages = await (await caches.open(name)).matchAll();
            return Promise.all(pages.map((page) => page.text()));
        })()";
        let kept = buyer.run(kept).await;
        let pages = kept.as_array().unwrap();
        assert_eq!(pages.len(), 1);
        let page = pages[0].as_str().unwrap();
        assert!(page.contains("<main") && !page.contains("id=\"answer\""));
        site.server.signal("-KILL").await;
        buyer.expects(&[0]);
        for path in ["e/field", "e/hall", "", &format!("tickets/{id}")] {
            buyer.open(&site.view(path)).await;
            buyer.shows("main *").await;
            assert_eq!(buyer.run(brought).await, json!(null), "{path}");
        }
        buyer.shows(".ticket .qr").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_prints_on_one_page_whatever_its_title() {
    browse([PHONE, DESKTOP], async |[phone, desktop]| {
        let long_word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftskonzert";
        let korean = "아주 긴 제목을 가진 겨울밤의 특별한 공연 그리고 그 뒤에 이어지는 이야기".repeat(2);
        for title in [long_word, korean.as_str()] {
            let event = HALL.replace("Evening at the Hall", title);
            let site = Site::with(&[&event]).await;
            for (buyer, seats) in [(phone, [2, 3]), (desktop, [12, 13])] {
                buyer.buys(&site, seats).await;
                let wider = "return document.documentElement.scrollWidth - innerWidth";
                assert!(buyer.run(wider).await.as_i64().unwrap() <= 0, "{title}");
                assert_eq!(buyer.printed_pages().await, 1, "{title}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upcoming_and_past_tickets_are_apart() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with(&[HALL]).await;
        for (buyer, seats, titles) in [
            (english, [2, 3], ["Upcoming", "Past and cancelled"]),
            (korean, [12, 13], ["예정된 공연", "지난 공연 및 취소 내역"]),
        ] {
            buyer.buys(&site, seats).await;
            buyer.open(&site.view("tickets")).await;
            buyer
                .shows("[data-testid=upcoming] .reservation.confirmed")
                .await;
            assert_eq!(buyer.text("#list-upcoming").await, titles[0]);
            buyer.click("[data-testid=upcoming] .card-link").await;
            buyer.click("[data-testid=cancel]").await;
            buyer.click("dialog [value=yes]").await;
            buyer.until("!document.querySelector('.ticket')").await;
            buyer.open(&site.view("tickets")).await;
            buyer
                .shows("[data-testid=past] .reservation.cancelled")
                .await;
            assert_eq!(buyer.text("#list-past").await, titles[1]);
            let upcoming = "return document.querySelectorAll('[data-testid=upcoming]').length";
            assert_eq!(buyer.run(upcoming).await, 0);
        }
        // A concert that began yesterday is past, without a network and a token, too.
        english.buys(&site, [12, 13]).await;
        english
            .run(
                "for (const key of Object.keys(localStorage)) {
                    if (key.startsWith('boxoffice.token.')) localStorage.removeItem(key);
                    if (!key.startsWith('boxoffice.reservation.')) continue;
                    const kept = JSON.parse(localStorage[key]);
                    kept.reservation.startsAt = new Date(Date.now() - 86400000).toISOString();
                    localStorage[key] = JSON.stringify(kept);
                }",
            )
            .await;
        english.open(&site.view("tickets")).await;
        english
            .shows("[data-testid=past] .reservation.confirmed")
            .await;
        english.says("saved in this browser").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sharing_names_the_event_and_never_the_ticket() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with(&[HALL]).await;
        let event = format!("{}/e/hall", site.home);
        let id = english.buys(&site, [12, 13]).await;
        // The device's dialog, where there is one.
        english
            .run("navigator.share = async (shared) => { window.shared = shared; };")
            .await;
        english.click("[data-testid=share]").await;
        let shared = english.until("window.shared").await;
        assert_eq!(shared["url"], event);
        assert_eq!(shared["title"], "Evening at the Hall");
        assert!(!shared.to_string().contains(&id), "{shared}");
        // Otherwise the clipboard; and if that fails, the link is shown.
        korean.buys(&site, [22, 23]).await;
        korean
            .run(
                "delete Navigator.prototype.share;
                navigator.clipboard.writeText = async (text) => { window.copied = text; };",
            )
            .await;
        korean.click("[data-testid=share]").await;
        assert_eq!(korean.until("window.copied").await, event);
        korean.says("링크를 복사했습니다.").await;
        korean
            .run("navigator.clipboard.writeText = async () => { throw new Error(); };")
            .await;
        korean.click("[data-testid=share]").await;
        korean.says(&event).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_can_be_put_into_the_users_calendar() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        let id = buyer.buys(&site, [12, 13]).await;
        buyer.click("[data-testid=calendar]").await;
        let lines = saved_calendar_file(buyer, "hall.ics").await;
        let has = |line: &str| assert!(lines.iter().any(|it| it == line), "{line}: {lines:?}");
        has("SUMMARY:Evening at the Hall");
        has("LOCATION:The Hall\\, Seoul");
        has("DESCRIPTION:Section R\\, row 2\\, seat 12\\nSection R\\, row 2\\, seat 13");
        has(&format!("URL:{}/tickets/{id}", site.home));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_move_to_another_device_by_a_link_of_one_use() {
    browse([PHONE, KOREAN], async |[first, second]| {
        let site = Site::with(&[HALL]).await;
        let id = first.buys(&site, [12, 13]).await;
        // The other device has a ticket of its own.
        let own = second.buys(&site, [22, 23]).await;
        first.open(&site.view("tickets")).await;
        first.click("[data-testid=move]").await;
        first.click("[data-testid=make-link]").await;
        let code = first.text("[data-testid=link-code]").await;
        first.shows(".move-link .qr").await;
        first.is_accessible("link").await;
        // The link, as the other phone's camera opens it. The code does not stay in the address.
        second
            .open(&format!("{}/tickets/move#{code}", site.home))
            .await;
        second.shows("[data-testid=aside]").await;
        assert_eq!(second.run("return location.hash").await, "");
        second.is_accessible("using a link").await;
        second.click("[data-testid=use-link]").await;
        second.click("[data-testid=upcoming] .card-link").await;
        assert_eq!(second.text(".ticket-id").await, id);
        // Its own ticket is set aside, and comes back.
        second.open(&site.view("tickets")).await;
        second.click("[data-testid=take-back]").await;
        second
            .until(&format!(
                "document.querySelector('.card-link')?.pathname === '/tickets/{own}'"
            ))
            .await;
        second.shows("[data-testid=users-aside]").await;
        // The link worked once. Typed, it is refused, and the page says what to do.
        second.expects(&[404]);
        second.open(&site.view("tickets/move")).await;
        second.write("#move-typed", &code.to_lowercase()).await;
        second.click("[data-testid=type-code]").await;
        second.click("[data-testid=use-link]").await;
        second.shows("[data-code=link_not_valid]").await;
        // The first device keeps its tickets.
        first.open(&format!("{}/tickets/{id}", site.home)).await;
        first.shows(".ticket .qr").await;
    })
    .await;
}
