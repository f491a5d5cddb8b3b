//! Calendar files that the pages offer.

use std::path::Path;
use std::time::Duration;

use super::browser::{Browser, KOREAN, PHONE, browse};
use super::site::{LOTTERY_TOMORROW, Site};

/// The lines of a calendar file, with folded lines joined, once the browser has saved it.
pub(super) async fn saved_calendar_file(browser: &Browser, name: &str) -> Vec<String> {
    let file = browser.downloads().join(name);
    for _ in 0..600 {
        if let Some(text) = finished(&file) {
            assert!(text.lines().all(|line| line.len() <= 75), "{text}");
            assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
            let unfolded = text.replace("\r\n ", "");
            return unfolded.lines().map(str::to_owned).collect();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} is never saved", file.display());
}

fn finished(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.ends_with("END:VCALENDAR\r\n").then_some(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opening_of_a_sale_can_be_put_into_the_users_calendar() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let name = "Luck, Love; and a very long name of a very long evening";
        let event = LOTTERY_TOMORROW.replace("Luck of the Draw", &format!("\"{name}\""));
        let site = Site::with(&[&event]).await;
        let opens = site.event("lottery").await["opensAt"].clone();
        let digits: String = opens.as_str().unwrap()[..19]
            .chars()
            .filter(|c| !"-:".contains(*c))
            .collect();
        let escaped = "Luck\\, Love\\; and a very long name of a very long evening";
        for (buyer, title) in [
            (english, format!("SUMMARY:Tickets on sale: {escaped}")),
            (korean, format!("SUMMARY:{escaped} 티켓 오픈")),
        ] {
            buyer.open(&site.view("e/lottery")).await;
            buyer.click("[data-testid=opening-file]").await;
            let lines = saved_calendar_file(buyer, "lottery-sale.ics").await;
            assert_eq!(lines.first().unwrap(), "BEGIN:VCALENDAR");
            assert!(lines.contains(&format!("DTSTART:{digits}Z")), "{lines:?}");
            assert!(lines.contains(&title), "{lines:?}");
            assert!(lines.contains(&"TRIGGER:-PT10M".to_owned()), "{lines:?}");
        }
    })
    .await;
}
