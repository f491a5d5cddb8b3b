//! Finding an event, and choosing a date of it.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::clock::EpochMs;
use serde_json::json;

use super::amounts::{of_module, serve_modules};
use super::browser::{Browser, DESKTOP, Eyes, KOREAN, PHONE, browse};
use super::site::{FIELD, HALL, LOTTERY_TOMORROW, NARROW, Site};

/// Two performances on each of twenty days, in more than one month.
pub(super) fn long_run() -> String {
    let mut text = "
  - eventId: run
    name: The Long Run
    venue: The Theatre, Seoul
    admission: seated
    maxSeatsPerUser: 4
    dates:
"
    .to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    for day in 3..23 {
        let at = EpochMs(i64::try_from(now.as_millis()).unwrap() + day * 86_400_000);
        let day = &at.to_string()[..10];
        for time in ["14:00", "19:00"] {
            writeln!(text, "      - {{date: \"{day}T{time}\", startsAt: \"{day}T{time}:00+09:00\", seats: 4, price: 30000}}").unwrap();
        }
    }
    text
}

async fn names(buyer: &Browser) -> serde_json::Value {
    buyer
        .run("return [...document.querySelectorAll('.event-lists > .events h2')].map((it) => it.innerText)")
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_that_is_chosen_on_the_page_of_the_event_opens_its_seats_when_the_turn_comes() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with(&[HALL, NARROW]).await;
        let event = site.event("hall").await;
        let second = event["dates"][1]["date"].as_str().unwrap().to_owned();
        for (buyer, chosen) in [(english, " chosen."), (korean, "선택한 날짜: ")] {
            buyer.open(&site.view("e/hall")).await;
            buyer.click(&format!("[data-date='{second}']")).await;
            buyer
                .until(&format!(
                    "document.getElementById('polite').textContent.includes({chosen:?})"
                ))
                .await;
            buyer
                .shows(&format!("[data-date='{second}'][aria-pressed=true]"))
                .await;
            buyer.reload().await;
            buyer
                .shows(&format!("[data-date='{second}'][aria-pressed=true]"))
                .await;
            buyer.click("[data-testid=join]").await;
            buyer.shows(".seat.available[data-seat]").await;
            let path = buyer.run("return location.pathname").await;
            assert_eq!(path, format!("/e/hall/shop/{second}"));
        }
        // Through the waiting room too.
        let first = site.stranger("narrow").await;
        english.open(&site.view("e/narrow")).await;
        english.click("[data-testid=choose-date]").await;
        english.click("[data-testid=join]").await;
        english.shows("[data-testid=position]").await;
        site.leaves("narrow", &first).await;
        english.click("[data-testid=to-shop]").await;
        english.shows(".seat.available[data-seat]").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_run_is_a_calendar_with_several_performances_a_day() {
    let still = Eyes {
        still: true,
        ..KOREAN
    };
    browse([DESKTOP, still], async |buyers| {
        let site = Site::with(&[&long_run()]).await;
        let event = site.event("run").await;
        let date = |i: usize| event["dates"][i]["date"].as_str().unwrap().to_owned();
        for (buyer, performances) in [(buyers[0], "2 performances"), (buyers[1], "공연 2회")] {
            buyer.open(&site.view("e/run")).await;
            let day = &date(0)[..10];
            let css = format!("[data-day='{day}']");
            buyer.shows(&css).await;
            let label = format!("document.querySelector({css:?}).textContent.includes({performances:?})");
            buyer.until(&label).await;
            buyer.click(&css).await;
            buyer.until("document.querySelectorAll('.date-row').length === 2").await;
            buyer.is_accessible("a calendar").await;
            // To the last month, and back.
            buyer.run("while (!document.querySelector('.calendar-head .round:last-child').disabled) document.querySelector('.calendar-head .round:last-child').click()").await;
            buyer.click(&format!("[data-day='{}']", &date(39)[..10])).await;
            buyer.click(&format!("[data-date='{}']", date(39))).await;
            buyer.shows(".date-row.chosen-date").await;
            buyer.click("[data-testid=join]").await;
            buyer.shows(".seat.available[data-seat]").await;
            let path = buyer.run("return decodeURIComponent(location.pathname)").await;
            assert_eq!(path, format!("/e/run/shop/{}", date(39)));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sold_out_date_says_so_and_offers_others_that_have_seats() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let hall = HALL.replace("seats: 40,", "seats: 2,");
        let site = Site::with(&[&hall]).await;
        let event = site.event("hall").await;
        let second = event["dates"][1]["date"].clone();
        let token = site.stranger("hall").await;
        let body = json!({"date": second, "seatNumbers": [1, 2]});
        site.call("POST", "/events/hall/holds", &token, body).await;
        site.has_left("hall", 40).await;
        for (buyer, text) in [
            (
                english,
                "is no longer available. These dates still have seats:",
            ),
            (
                korean,
                "공연은 예매할 수 없습니다. 다음 날짜에는 좌석이 남아 있습니다:",
            ),
        ] {
            buyer.open(&site.view("e/hall")).await;
            buyer.shows(".date-row.none").await;
            buyer
                .click(".date-row.none [data-testid=choose-date]")
                .await;
            buyer.says(text).await;
            buyer.click("[data-testid=other-date]").await;
            buyer.shows(".date-row.open.chosen-date").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_sorted_by_date_and_is_filtered_by_words_whatever_their_case_and_accents() {
    browse([DESKTOP, KOREAN], async |buyers| {
        let cafe = NARROW.replace("One by One", "Chez Élodie");
        let site = Site::with(&[LOTTERY_TOMORROW, &cafe, HALL, FIELD]).await;
        for (buyer, found, none, all) in [
            (buyers[0], "1 event", "Nothing found", "Show all events"),
            (
                buyers[1],
                "공연 1건",
                "검색 결과가 없습니다",
                "전체 공연 보기",
            ),
        ] {
            buyer.open(&site.home).await;
            buyer
                .until("document.querySelectorAll('.card').length === 4")
                .await;
            buyer.write("input[name=q]", "CHEZ elodie seoul").await;
            buyer.says(found).await;
            assert_eq!(names(buyer).await, json!(["Chez Élodie"]));
            buyer
                .until(&format!(
                    "document.getElementById('polite').textContent === {found:?}"
                ))
                .await;
            // The state is in the address, and is the same after going back.
            assert_eq!(
                buyer
                    .run("return new URLSearchParams(location.search).get('q')")
                    .await,
                "CHEZ elodie seoul"
            );
            buyer.click(".card-link").await;
            buyer.shows("[data-testid=join]").await;
            buyer.driver.back().await.unwrap();
            // What was announced is still in the page, so only the list itself tells that it is there.
            buyer.shows(".card").await;
            assert_eq!(buyer.text("[data-testid=count]").await, found);
            assert_eq!(
                buyer
                    .run("return document.querySelector('input[name=q]').value")
                    .await,
                "CHEZ elodie seoul"
            );
            buyer.write("input[name=q]", "nobody at all").await;
            buyer.says(none).await;
            buyer.is_accessible("nothing found").await;
            buyer.says(all).await;
            buyer.click(".empty button").await;
            buyer
                .until("document.querySelectorAll('.card').length === 4")
                .await;
            assert_eq!(buyer.run("return location.search").await, "");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_events_are_apart_and_the_next_performance_decides_the_order() {
    browse([DESKTOP], async |[buyer]| {
        buyer.open(&serve_modules().await).await;
        let body = "const at = (day) => `2026-12-${String(day).padStart(2, '0')}T10:00:00.000Z`;
            const event = (eventName, city, state, ...days) => ({ eventName, venue: 'Hall', city, state, artists: ['Björk'], startTimes: days.map(at) });
            const events = [event('Later', 'Seoul', 'OPEN', 20), event('Over', 'Busan', 'CLOSED', 1, 2), event('Long', 'Seoul', 'OPEN', 3, 15, 30),
                { eventName: 'Undated', venue: 'Park', state: 'OPEN' }, event('Just over', 'Seoul', 'CLOSED', 9), event('Soon', 'Seoul', 'CLOSED', 12)];
            const now = Date.parse(at(10));
            const names = (list) => list.map((event) => event.eventName).join(' ');
            const { upcoming, past } = module.sorted(events, now);
            const month = (start) => new Date(start).toISOString().slice(0, 7);
            const find = (filter) => names(module.matching(events, filter, now, month));
            return [names(upcoming), names(past), find({ q: 'bjork HALL' }), find({ q: 'park' }), find({ city: 'Busan' }), find({ when: '7' }), find({ when: '2026-12', q: 'lo' }), find({ when: '2027-01' })]";
        let found = of_module(buyer, "event-search", body).await;
        let expected = json!([
            "Soon Long Later Undated",
            "Just over Over",
            "Later Over Long Just over Soon",
            "Undated",
            "Over",
            "Long Soon",
            "Long",
            "",
        ]);
        assert_eq!(found, expected);
    })
    .await;
}
