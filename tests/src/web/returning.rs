//! Giving some of the tickets back, and keeping the others.

use super::accessible::by_day_and_night;
use super::browser::{KOREAN, PHONE, browse};
use super::site::Site;

/// Seats at 130,000 with a fee of 2,000 that stays when they are returned.
const GALA: &str = "
  - eventId: gala
    name: The Gala
    venue: The Hall, Seoul
    timeZone: Asia/Seoul
    admission: seated
    maxSeatsPerUser: 3
    cancelUntilHours: 0
    partialReturns: true
    fees: {perTicket: 2000, perOrder: 1000}
    taxRatePercent: 10
    organizer: Han River Concerts
    dates:
      - {date: +9d, startsAt: '19:00:00', seats: 20, price: 130000}
";
/// Tickets without seats, whose fees are refundable.
const LAWN: &str = "
  - eventId: lawn
    name: On the Lawn
    venue: The Park, Seoul
    admission: general
    totalTickets: 100
    price: 20000
    maxSeatsPerUser: 4
    partialReturns: true
    fees: {perTicket: 500, perOrder: 300, refundable: true}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_returns_one_of_the_seats_and_keeps_the_others() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[GALA]).await;
        buyer.goes_to_the_seats(&site, "gala").await;
        buyer.chooses(&[3, 4, 5]).await;
        buyer.holds().await;
        buyer.pays().await;
        buyer.says("You get ₩390,000 back if you cancel").await;

        buyer.click("[data-testid=return-part]").await;
        buyer.shows("dialog [data-testid=part-seats]").await;
        by_day_and_night(buyer, "the choice of seats to return").await;
        // Without a choice, nothing is sent.
        buyer.click("dialog button[value=yes]").await;
        buyer.shows("dialog [data-testid=part-seats]").await;
        buyer.click("dialog input[value='4']").await;
        buyer.says("₩130,000 is refunded.").await;
        buyer.click("dialog button[value=yes]").await;
        buyer.shows("[data-testid=returned]").await;
        buyer.says("₩130,000 was refunded to your wallet.").await;
        buyer.says("You get ₩260,000 back if you cancel").await;
        let passes = "document.querySelectorAll('[data-testid=pass]').length === 2";
        buyer.until(passes).await;
        by_day_and_night(buyer, "a ticket of which a part was returned").await;
        site.has_left("gala", 18).await;

        // The receipt tells what was paid, and what went back.
        buyer.click("[data-testid=to-receipt]").await;
        buyer.says("₩397,000").await;
        buyer.says("Total after the refund").await;
        buyer.says("₩267,000").await;
        buyer
            .is_accessible("a receipt with a returned ticket")
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_without_seats_are_returned_by_their_number_in_korean_too() {
    browse([KOREAN], async |[buyer]| {
        let site = Site::with(&[LAWN]).await;
        buyer.open(&site.view("e/lawn")).await;
        buyer.click("[data-testid=join]").await;
        buyer.shows("[data-testid=reserve]").await;
        buyer.click(".stepper .round:last-child").await;
        buyer.click(".stepper .round:last-child").await;
        buyer.says("₩61,800 결제하기").await;
        buyer.click("[data-testid=reserve]").await;
        buyer.confirms().await;
        buyer.click("[data-testid=return-part]").await;
        buyer.says("환불 금액은 ₩20,500입니다.").await;
        buyer
            .is_accessible("the choice of a number in Korean")
            .await;
        buyer.click("dialog button[value=yes]").await;
        buyer.shows("[data-testid=returned]").await;
        buyer.says("취소한 티켓").await;
        buyer.says("취소 시 환불 금액은 ₩41,300입니다.").await;
        site.has_left("lawn", 98).await;
    })
    .await;
}
