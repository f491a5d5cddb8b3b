//! Money that goes back to where the buyer paid from: from the wallet, with a cancelled ticket, and after a payment that came too late.

use serde_json::{Value, json};

use super::accessible::by_day_and_night;
use super::browser::{Browser, DESKTOP, KOREAN, PHONE, browse};
use super::paying::{NOTHING_PENDING, amounts, gets_no_answer, holds_a_seat};
use super::site::{HALL, Site};

/// The same hall, whose event sends refunds back by itself.
const HALL_THAT_PAYS_BACK: &str = "
  - eventId: hall
    name: Evening at the Hall
    venue: The Hall, Seoul
    admission: seated
    maxSeatsPerUser: 2
    cancelUntilHours: 0
    refundTo: source
    dates:
      - {date: +9d, startsAt: \"19:00:00+09:00\", seats: 40, price: 50000}
";

impl Browser {
    /// Pays for held seats at the provider. Returns the provider's page.
    async fn pays_at_the_provider(&self) -> String {
        self.leaves_to_pay().await;
        let page = self.run("return location.href").await;
        self.decides("pay").await;
        self.shows(".ticket .qr").await;
        page.as_str().unwrap().to_owned()
    }

    /// Chooses on the provider's page of a paid order what becomes of refunds.
    async fn has_refunds(&self, page: &str, outcome: &str) {
        self.open(page).await;
        self.run("window.isBefore = true").await;
        self.click(&format!("button[name=refunds][value={outcome}]"))
            .await;
        self.until("!window.isBefore && document.body.innerText.includes('Paid.')")
            .await;
    }

    /// Waits until a withdrawal is told to be in this state.
    async fn is_told_of_a_withdrawal(&self, status: &str) {
        self.shows(&format!("[data-says=\"withdrawal.{status}\"]"))
            .await;
    }

    /// Waits until the list in the wallet has withdrawals in these states.
    async fn has_withdrawals(&self, statuses: Value) {
        let shown = "JSON.stringify([...document.querySelectorAll('.withdrawals li')].map((it) => it.dataset.status))";
        self.until(&format!("{shown} === {:?}", statuses.to_string()))
            .await;
    }

    async fn has_balance(&self, balance: &str) {
        let css = "document.querySelector('[data-testid=balance]')?.innerText";
        self.until(&format!("{css} === {balance:?}")).await;
    }

    /// Asks for the filled-in amount back.
    async fn withdraws(&self) {
        self.click("[data-testid=withdraw]").await;
        self.confirms().await;
    }

    /// Cancels the ticket of the page, and chooses where the refund goes.
    async fn cancels(&self, to: &str) {
        self.click("[data-testid=cancel]").await;
        self.click(&format!("input[name=refund-to][value={to}]"))
            .await;
        self.confirms().await;
    }

    async fn chosen(&self) -> Value {
        self.shows("[data-testid=refund-choice]").await;
        self.run("return document.querySelector('[data-testid=refund-choice] input:checked').value")
            .await
    }
}

/// A ticket that was paid at the provider and cancelled: its money is in the wallet. Returns the provider's page.
async fn has_money_of_the_provider(buyer: &Browser, site: &Site, seat: u32) -> String {
    holds_a_seat(buyer, site, seat).await;
    let page = buyer.pays_at_the_provider().await;
    buyer.cancels("wallet").await;
    buyer.says("₩50,000").await;
    buyer.open(&site.view("wallet")).await;
    buyer.has_balance("₩50,000").await;
    page
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wallet_gives_back_what_was_paid_and_tells_how_far_it_is() {
    browse([DESKTOP, KOREAN], async |[english, korean]| {
        let site = Site::with_provider(&[HALL]).await;
        for (buyer, seat, texts) in [
            (
                english,
                1,
                [
                    "Up to ₩50,000 can go back to where you paid from.",
                    "₩50,000 is on its way back.",
                    "₩50,000 has been given back.",
                ],
            ),
            (
                korean,
                2,
                [
                    "최대 ₩50,000까지 결제하신 수단으로",
                    "₩50,000 환불이 진행 중입니다.",
                    "₩50,000 환불이 완료되었습니다.",
                ],
            ),
        ] {
            let [offer, pending, done] = texts;
            let page = has_money_of_the_provider(buyer, &site, seat).await;
            buyer.has_refunds(&page, "wait").await;
            buyer.open(&site.view("wallet")).await;
            buyer.says(offer).await;
            let filled = "return document.getElementById('withdraw-amount').value";
            assert_eq!(buyer.run(filled).await, "50000");
            by_day_and_night(buyer, "a wallet whose money can go back").await;
            buyer.click("[data-testid=withdraw]").await;
            buyer.shows("dialog[open]").await;
            by_day_and_night(buyer, "confirming that money goes back").await;
            buyer.confirms().await;
            buyer.has_balance("₩0").await;
            buyer.has_withdrawals(json!(["PENDING"])).await;
            buyer.says(pending).await;
            by_day_and_night(buyer, "money on its way back").await;
            buyer.has_refunds(&page, "succeed").await;
            buyer.open(&site.view("wallet")).await;
            // Nothing more can go back.
            buyer
                .until("document.querySelector('[data-testid=withdraw-panel]').hidden")
                .await;
            assert_eq!(
                amounts(buyer, &site).await,
                json!(["−₩50,000", "+₩50,000", "−₩50,000", "+₩50,000"])
            );
            buyer.has_withdrawals(json!(["DONE"])).await;
            buyer.says(done).await;
            by_day_and_night(buyer, "money that was given back").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_could_not_be_given_back_is_in_the_wallet_again() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with_provider(&[HALL]).await;
        for (buyer, seat, text) in [
            (
                english,
                1,
                "₩50,000 could not be given back. It is in your wallet again.",
            ),
            (
                korean,
                2,
                "₩50,000을 환불하지 못했습니다. 금액은 다시 지갑에 입금되었습니다.",
            ),
        ] {
            let page = has_money_of_the_provider(buyer, &site, seat).await;
            buyer.has_refunds(&page, "fail").await;
            buyer.open(&site.view("wallet")).await;
            buyer.shows("[data-testid=withdraw]").await;
            buyer.withdraws().await;
            buyer.has_withdrawals(json!(["REVERSED"])).await;
            buyer.says(text).await;
            buyer.has_balance("₩50,000").await;
            by_day_and_night(buyer, "money that could not be given back").await;
            assert_eq!(
                amounts(buyer, &site).await,
                json!(["+₩50,000", "−₩50,000", "+₩50,000", "−₩50,000", "+₩50,000"])
            );
            buyer.has_refunds(&page, "succeed").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_can_go_back_but_never_more_than_was_paid_there_and_never_twice() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with_provider(&[HALL]).await;
        has_money_of_the_provider(buyer, &site, 1).await;
        for (amount, text) in [
            ("50001", "At most ₩50,000 can go back"),
            ("0", "Enter an amount above zero"),
        ] {
            buyer.write("#withdraw-amount", amount).await;
            buyer.click("[data-testid=withdraw]").await;
            buyer.says(text).await;
            by_day_and_night(buyer, "an amount that cannot go back").await;
        }
        buyer.write("#withdraw-amount", "20000").await;
        gets_no_answer(buyer, "withdrawals").await;
        buyer.withdraws().await;
        buyer.until("window.sent").await;
        // Whatever page is opened next gets the answer.
        buyer.reload().await;
        buyer.has_withdrawals(json!(["DONE"])).await;
        buyer.has_balance("₩30,000").await;
        buyer
            .until("document.getElementById('withdraw-amount').value === '30000'")
            .await;
        buyer.until(NOTHING_PENDING).await;
        assert_eq!(
            amounts(buyer, &site).await,
            json!(["−₩20,000", "+₩50,000", "−₩50,000", "+₩50,000"])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cancels_chooses_where_the_refund_goes_and_is_told_what_went_where() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with_provider(&[HALL]).await;
        for (buyer, seat, texts) in [
            (
                english,
                1,
                [
                    "₩50,000 goes back to where you paid from.",
                    "₩50,000 has been given back.",
                ],
            ),
            (
                korean,
                2,
                [
                    "₩50,000은 결제 수단으로 환불됩니다.",
                    "₩50,000 환불이 완료되었습니다.",
                ],
            ),
        ] {
            let [goes_back, done] = texts;
            holds_a_seat(buyer, &site, seat).await;
            let page = buyer.pays_at_the_provider().await;
            let ticket = buyer.run("return location.href").await;
            buyer.has_refunds(&page, "wait").await;
            buyer.open(ticket.as_str().unwrap()).await;
            buyer.click("[data-testid=cancel]").await;
            assert_eq!(buyer.chosen().await, "wallet");
            by_day_and_night(buyer, "choosing where a refund goes").await;
            buyer.click("input[name=refund-to][value=source]").await;
            buyer.confirms().await;
            buyer.says(goes_back).await;
            buyer.is_told_of_a_withdrawal("PENDING").await;
            by_day_and_night(buyer, "a cancelled ticket whose money goes back").await;
            buyer.has_refunds(&page, "succeed").await;
            buyer.open(ticket.as_str().unwrap()).await;
            buyer.is_told_of_a_withdrawal("DONE").await;
            buyer.says(done).await;
            assert_eq!(
                amounts(buyer, &site).await,
                json!(["−₩50,000", "+₩50,000", "−₩50,000", "+₩50,000"])
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_provider_did_not_take_stays_in_the_wallet_and_the_event_says_what_is_usual() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with_provider(&[HALL_THAT_PAYS_BACK]).await;
        holds_a_seat(buyer, &site, 1).await;
        buyer.pays_at_the_provider().await;
        buyer.click("[data-testid=cancel]").await;
        assert_eq!(buyer.chosen().await, "source");
        buyer.click("dialog button[value=no]").await;
        buyer.cancels("wallet").await;
        buyer.says("₩50,000 was refunded to your wallet.").await;
        // Most of the money leaves the wallet, and a seat is bought with the rest and the provider.
        buyer.open(&site.view("wallet")).await;
        buyer.shows("[data-testid=withdraw]").await;
        buyer.write("#withdraw-amount", "20000").await;
        buyer.withdraws().await;
        buyer.has_balance("₩30,000").await;
        holds_a_seat(buyer, &site, 2).await;
        buyer.pays_at_the_provider().await;
        buyer.cancels("source").await;
        buyer
            .says("₩50,000 goes back to where you paid from.")
            .await;
        // Each payment is refunded by itself.
        buyer.open(&site.view("wallet")).await;
        buyer.has_withdrawals(json!(["DONE", "DONE", "DONE"])).await;
        buyer.has_balance("₩0").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_anywhere_but_to_the_wallet_where_no_provider_takes_payments() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[HALL_THAT_PAYS_BACK]).await;
        holds_a_seat(buyer, &site, 1).await;
        buyer.pays().await;
        buyer.click("[data-testid=cancel]").await;
        buyer
            .says("₩50,000 is refunded to your wallet. This cannot be undone.")
            .await;
        let choice = "return document.querySelector('[data-testid=refund-choice]')";
        assert!(buyer.run(choice).await.is_null());
        buyer.confirms().await;
        buyer.says("₩50,000 was refunded to your wallet.").await;
        buyer.open(&site.view("wallet")).await;
        buyer.has_balance("₩50,000").await;
        for hidden in ["withdraw-panel", "withdrawals"] {
            let is_hidden =
                format!("return document.querySelector('[data-testid={hidden}]').hidden");
            assert_eq!(buyer.run(&is_hidden).await, true, "{hidden}");
        }
    })
    .await;
}
