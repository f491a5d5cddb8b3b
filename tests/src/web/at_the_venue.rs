//! What an event is, and its times, which are those of the venue.

use serde_json::json;

use super::browser::{Browser, DESKTOP, Eyes, KOREAN, PHONE, browse};
use super::site::Site;

/// An event with everything that a catalogue can say about it.
const DESCRIBED: &str = "
  - eventId: evening
    name: An Evening in Seoul
    venue: Olympic Hall
    city: Seoul
    address: 424 Olympic-ro, Songpa-gu, Seoul
    timeZone: Asia/Seoul
    artists: [Han Seoa, Maru Trio]
    organizer: Han River Concerts
    ageLimit: 8
    durationMinutes: 120
    description:
      en: |
        Songs of **winter** & **more**.

        - [The band](https://example.com/band)
        - *Guests*
      ko: '**겨울**의 노래.'
    terms: {en: No photographs., ko: 사진 촬영 금지.}
    admission: seated
    cancelUntilHours: 24
    dates:
      - {date: +9d, startsAt: '19:00:00', doorsOpenAt: '18:00:00', seats: 20, price: 30000}
      - {date: +10d, startsAt: '19:00:00', doorsOpenAt: '18:00:00', seats: 20, price: 30000}
";
/// Tickets without seats, with a day.
const FAIR: &str = "
  - eventId: fair
    name: The Fair
    venue: The Park
    city: Busan
    timeZone: Asia/Seoul
    admission: general
    totalTickets: 10
    price: 20000
    date: +20d
    startsAt: '11:00:00'
    doorsOpenAt: '10:00:00'
";

/// The reader's clock.
async fn lives_in(buyer: &Browser, zone: &str) {
    let parameters = json!({ "timezoneId": zone });
    buyer
        .devtools("Emulation.setTimezoneOverride", parameters)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_are_the_venues_and_name_its_zone_where_the_readers_clock_differs() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with(&[DESCRIBED, FAIR]).await;
        for (buyer, evening, zone, morning) in [
            (english, "7:00 PM", "Korean Standard Time", "11:00 AM"),
            (korean, "오후 7:00", "한국 표준시", "오전 11:00"),
        ] {
            let abroad = format!("{evening} {zone}");
            // Seoul has the same clock all year, and New York is behind by more than half a day.
            lives_in(buyer, "America/New_York").await;
            buyer.open(&site.view("e/evening")).await;
            buyer.says(&abroad).await;
            let day = site.event("evening").await["dates"][0]["date"]
                .as_str()
                .unwrap()[8..]
                .to_owned();
            assert_eq!(buyer.text(".day b").await, day);
            buyer.click("[data-testid=join]").await;
            buyer.click("[data-testid=date]").await;
            buyer.says(&abroad).await;
            buyer.click("[data-testid=best-available]").await;
            buyer.shows(".paying").await;
            buyer.says(&abroad).await;
            buyer.pays().await;
            buyer.says(&abroad).await;
            buyer.open(&site.view("e/fair")).await;
            buyer.says(&format!("{morning} {zone}")).await;
            lives_in(buyer, "Asia/Seoul").await;
            buyer.open(&site.view("e/evening")).await;
            buyer.says(evening).await;
            let text = buyer.run("return document.body.innerText").await;
            assert!(!text.as_str().unwrap().contains(zone), "{text}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_an_event_tells_what_it_is_and_until_when_tickets_can_be_returned() {
    let still = Eyes {
        still: true,
        ..DESKTOP
    };
    let korean = Eyes {
        still: true,
        ..KOREAN
    };
    browse([still, korean], async |[english, korean]| {
        let site = Site::with(&[DESCRIBED, FAIR]).await;
        for (buyer, texts) in [
            (
                english,
                [
                    "Han Seoa · Maru Trio",
                    "From 8 years",
                    "Doors",
                    "2 hours",
                    "You can return it for a refund until",
                    "Songs of winter & more.",
                ],
            ),
            (
                korean,
                [
                    "Han Seoa · Maru Trio",
                    "8세 이상 관람가",
                    "입장 시작",
                    "2시간",
                    "까지 취소하고 환불받을 수 있습니다.",
                    "겨울의 노래.",
                ],
            ),
        ] {
            buyer.open(&site.view("e/evening")).await;
            buyer.click("[data-testid=choose-date]").await;
            for text in texts {
                buyer.says(text).await;
            }
            buyer.says("Han River Concerts").await;
            buyer.shows(".about strong").await;
            let map = "document.querySelector('.where a').href.includes(encodeURIComponent('424 Olympic-ro'))";
            buyer.until(map).await;
            let terms = "return document.querySelector('.terms p').checkVisibility()";
            assert_eq!(buyer.run(terms).await, false);
            buyer.is_accessible("a described event").await;
        }
        english.shows(".about li a[href='https://example.com/band']").await;
        english.shows(".about li em").await;
        // What the buyer pays for says it too.
        english.click("[data-testid=join]").await;
        english.click("[data-testid=best-available]").await;
        english.shows(".paying").await;
        english.says("You can return it for a refund until").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_filtered_by_city_and_period_and_the_address_keeps_the_choice() {
    browse([DESKTOP, KOREAN], async |buyers| {
        let other = |id: &str, city: &str| FAIR.replace("eventId: fair", &format!("eventId: {id}")).replace("Busan", city);
        let site = Site::with(&[&other("a", "Busan"), DESCRIBED, &other("b", "Daegu"), FAIR]).await;
        for buyer in buyers {
            buyer.open(&site.home).await;
            buyer.until("document.querySelectorAll('.card').length === 4").await;
            // The next one comes first.
            buyer.until("document.querySelector('.card h2').innerText === 'An Evening in Seoul'").await;
            let choose = |name: &str, value: &str| format!("const box = document.querySelector('select[name={name}]'); box.value = '{value}'; box.dispatchEvent(new Event('change'))");
            buyer.run(&choose("city", "Busan")).await;
            buyer.until("document.querySelectorAll('.card').length === 2").await;
            buyer.run(&choose("when", "7")).await;
            buyer.shows(".empty").await;
            buyer.run(&choose("when", "30")).await;
            buyer.until("document.querySelectorAll('.card').length === 2").await;
            assert_eq!(buyer.run("return location.search").await, "?city=Busan&when=30");
            buyer.reload().await;
            buyer.until("document.querySelectorAll('.card').length === 2").await;
            assert_eq!(buyer.run("return document.querySelector('select[name=city]').value").await, "Busan");
            buyer.is_accessible("a filtered list").await;
        }
    })
    .await;
}
