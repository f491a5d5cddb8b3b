//! Fees, from the first price that a buyer sees to the receipt.

use serde_json::json;

use super::browser::{KOREAN, PHONE, browse};
use super::site::Site;

/// Seats at 130,000 and a fee of 2,000, and an order fee of 1,000 that stays when tickets are cancelled.
const GALA: &str = "
  - eventId: gala
    name: The Gala
    venue: The Hall, Seoul
    timeZone: Asia/Seoul
    admission: seated
    maxSeatsPerUser: 2
    cancelUntilHours: 0
    fees: {perTicket: 2000, perOrder: 1000}
    taxRatePercent: 10
    organizer: Han River Concerts
    organizerTaxNumber: 123-45-67890
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
    fees: {perTicket: 500, perOrder: 300, refundable: true}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_include_the_fees_from_the_list_to_the_receipt_and_a_cancellation_keeps_them() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[GALA]).await;
        buyer.open(&site.home).await;
        buyer.says("₩132,000").await;
        buyer.click("a[href='/e/gala']").await;
        buyer
            .says("Prices include a fee of ₩2,000 per ticket. A fee of ₩1,000 is added once per order.")
            .await;
        buyer.says("but not the fees").await;
        buyer.says("₩132,000").await;
        buyer.goes_to_the_seats(&site, "gala").await;
        buyer.chooses(&[3, 4]).await;
        buyer.shows(".order-fee").await;
        buyer.says("₩265,000").await;
        buyer.is_accessible("a choice with fees").await;
        buyer.holds().await;
        buyer.says("including ₩5,000 in fees").await;
        buyer.says("but not the fees").await;
        buyer.pays().await;
        buyer.says("You get ₩260,000 back if you cancel").await;

        buyer.click("[data-testid=to-receipt]").await;
        buyer.shows("[data-testid=receipt]").await;
        for text in [
            "Han River Concerts",
            "Tax number 123-45-67890",
            "Fees for 2 tickets",
            "₩265,000",
            "Tax included (10%)",
            "₩24,091",
        ] {
            buyer.says(text).await;
        }
        buyer.is_accessible("a receipt").await;
        let print = |media: &str| json!({ "media": media });
        buyer
            .devtools("Emulation.setEmulatedMedia", print("print"))
            .await;
        let printed = "document.querySelector('[data-testid=receipt]').offsetHeight > 100
            && [...document.querySelectorAll('.top, .foot, .no-print, .back')].every((it) => it.offsetHeight === 0)";
        buyer.until(printed).await;
        buyer
            .devtools("Emulation.setEmulatedMedia", print(""))
            .await;

        buyer.click(".back").await;
        buyer.click("[data-testid=cancel]").await;
        buyer.says("₩260,000 is refunded to your wallet").await;
        buyer.says("The fees of ₩5,000 are not refunded").await;
        buyer.click("dialog button[value=yes]").await;
        buyer.says("₩260,000 was refunded to your wallet").await;
        buyer.click("[data-testid=to-receipt]").await;
        buyer.says("Total after the refund").await;
        // The tax of the fees that stay.
        buyer.says("₩455").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_without_seats_cost_their_fees_and_the_receipt_is_in_korean_too() {
    browse([KOREAN], async |[buyer]| {
        let site = Site::with(&[LAWN]).await;
        buyer.open(&site.view("e/lawn")).await;
        buyer.says("₩20,500").await;
        buyer.says("취소하시면 수수료도 함께 환불됩니다.").await;
        buyer.click("[data-testid=join]").await;
        buyer.shows("[data-testid=reserve]").await;
        buyer.says("₩20,800 결제하기").await;
        buyer.click(".stepper .round:last-child").await;
        buyer.says("₩41,300 결제하기").await;
        // The price changes while the page is open: the buyer confirms the new one.
        let dearer = LAWN.replace("perTicket: 500", "perTicket: 700");
        site.apply(&dearer).await;
        site.becomes("lawn", "/fees/perTicket", json!(700)).await;
        buyer.click("[data-testid=reserve]").await;
        buyer.confirms().await;
        buyer.says("현재 1매 가격은 ₩20,700입니다").await;
        buyer.says("₩41,700 결제하기").await;
        buyer.click("[data-testid=reserve]").await;
        buyer.confirms().await;
        buyer.says("취소 시 환불 금액은 ₩41,700입니다.").await;
        buyer.click("[data-testid=to-receipt]").await;
        buyer.says("영수증 번호").await;
        buyer.says("예매 수수료(2매)").await;
        buyer.says("₩41,700").await;
        buyer.is_accessible("a receipt in Korean").await;
    })
    .await;
}
