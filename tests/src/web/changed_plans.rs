//! What buyers see when plans change: a date that is postponed, a date or an event that is cancelled.

use serde_json::json;

use super::accessible::by_day_and_night;
use super::browser::{DESKTOP, KOREAN, PHONE, browse};
use super::site::{HALL, NARROW, Site};
use crate::serve::run;

impl Site {
    /// Runs a command on the server's tables.
    async fn operates(&self, command: &[&str]) {
        let command = [command, &["--endpoint-url", &self.server.dynamodb]].concat();
        let done = run(&command).await;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(0), "{said}");
    }

    /// The key of the first date of the hall.
    async fn first_date(&self) -> String {
        let event = self.event("hall").await;
        event["dates"][0]["date"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postponed_date_shows_both_times_on_its_page_and_on_its_tickets() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with(&[HALL]).await;
        let tickets = [
            english.buys(&site, [1, 2]).await,
            korean.buys(&site, [3, 4]).await,
        ];
        let date = site.first_date().await;
        let until = "2098-12-31T23:59:00+09:00";
        let to = "2099-01-09T19:00:00+09:00";
        site.operates(&[
            "postpone",
            "hall",
            &date,
            "--to",
            to,
            "--returns-until",
            until,
        ])
        .await;
        // It is the last one now.
        site.becomes(
            "hall",
            "/dates/1/startsAt",
            json!("2099-01-09T10:00:00.000Z"),
        )
        .await;
        for (buyer, ticket, [valid, window, moved]) in [
            (
                english,
                &tickets[0],
                [
                    "Your ticket is valid.",
                    "get back everything you paid, with all fees",
                    "New time. It was",
                ],
            ),
            (
                korean,
                &tickets[1],
                [
                    "티켓은 그대로 유효합니다.",
                    "수수료를 포함한 결제 금액 전액이 환불됩니다.",
                    "일정이 변경되었습니다. 원래 일시:",
                ],
            ),
        ] {
            buyer.open(&site.view(&format!("tickets/{ticket}"))).await;
            buyer.shows("[data-testid=plan-postponed]").await;
            for text in [valid, window, moved, "2099"] {
                buyer.says(text).await;
            }
            by_day_and_night(buyer, "a ticket of a postponed date").await;
            buyer.open(&site.view("e/hall")).await;
            buyer.shows(".date-row [data-testid=moved-from]").await;
            buyer.says(moved).await;
            by_day_and_night(buyer, "an event with a postponed date").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_date_is_shown_as_such_and_its_ticket_says_that_the_money_is_back() {
    browse([DESKTOP, KOREAN], async |[english, korean]| {
        let site = Site::with(&[HALL]).await;
        let tickets = [
            english.buys(&site, [1, 2]).await,
            korean.buys(&site, [3, 4]).await,
        ];
        let date = site.first_date().await;
        site.operates(&["cancel-event", "hall", &date, "--why", "rain", "--yes"])
            .await;
        for (buyer, ticket, [by, refused]) in [
            (
                english,
                &tickets[0],
                [
                    "The organiser has cancelled the performance.",
                    "The organiser has cancelled this date.",
                ],
            ),
            (
                korean,
                &tickets[1],
                [
                    "주최 측이 공연을 취소했습니다.",
                    "주최 측이 이 회차를 취소했습니다.",
                ],
            ),
        ] {
            buyer.open(&site.view(&format!("tickets/{ticket}"))).await;
            buyer.shows("[data-testid=plan-cancelled]").await;
            buyer.says(by).await;
            by_day_and_night(buyer, "a ticket of a cancelled date").await;
            buyer.open(&site.view("e/hall")).await;
            buyer
                .click(&format!("[data-testid=choose-date][data-date=\"{date}\"]"))
                .await;
            buyer.shows("[data-testid=date-cancelled]").await;
            buyer.says(refused).await;
            by_day_and_night(buyer, "an event with a cancelled date").await;
            // The other one is for sale.
            buyer.click("[data-testid=other-date]").await;
            buyer.shows("[data-testid=join]").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_an_event_that_is_cancelled_is_told_so() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with(&[NARROW]).await;
        site.stranger("narrow").await;
        for buyer in [english, korean] {
            buyer.joins(&site, "narrow").await;
            buyer.shows("[data-testid=position]").await;
        }
        let cancels = site.operates(&["cancel-event", "narrow", "--why", "rain", "--yes"]);
        let looks = async {
            for (buyer, text) in [
                (english, "This event is cancelled"),
                (korean, "취소되었습니다"),
            ] {
                buyer.shows("[data-testid=room-cancelled]").await;
                buyer.says(text).await;
                by_day_and_night(buyer, "the waiting room of a cancelled event").await;
                buyer.open(&site.view("e/narrow")).await;
                buyer.says(text).await;
                by_day_and_night(buyer, "a cancelled event").await;
            }
        };
        tokio::join!(cancels, looks);
        let queue = site
            .call("GET", "/events/narrow/queue", "", json!({}))
            .await;
        assert!(queue["cancelledAt"].is_string(), "{queue}");
        assert_eq!(queue["state"], "CLOSED");
    })
    .await;
}
