//! Paying at a payment provider: the buyer leaves for its page and comes back.

use serde_json::{Value, json};

use super::accessible::by_day_and_night;
use super::amounts::{of_module, serve_modules};
use super::browser::{Browser, DESKTOP, KOREAN, PHONE, browse};
use super::paying::{NOTHING_PENDING, amounts, gets_no_answer, holds_a_seat};
use super::site::{FIELD, HALL, Site};

/// The steps of a buyer at the demo provider.
impl Browser {
    /// Confirms the payment, which leads to the provider's page.
    pub(super) async fn leaves_to_pay(&self) {
        self.click("[data-testid=pay]").await;
        self.click("dialog button[value=yes]").await;
        self.shows("button[value=pay]").await;
    }

    /// Chooses what becomes of the payment.
    pub(super) async fn decides(&self, choice: &str) {
        self.click(&format!("button[value={choice}]")).await;
    }

    /// Waits until the page of the charge says this.
    pub(super) async fn is_told(&self, status: &str) {
        self.shows(&format!("[data-says=\"charge.{status}\"]"))
            .await;
    }

    pub(super) async fn has_paid_once(&self, site: &Site) {
        self.shows(".ticket .qr").await;
        self.until(NOTHING_PENDING).await;
        let ledger = amounts(self, site).await;
        assert_eq!(ledger, json!(["−₩50,000", "+₩50,000"]));
    }

    /// The address of the charge's page, once the buyer is there.
    pub(super) async fn charge_page(&self) -> String {
        let found = self
            .until("location.pathname.startsWith('/wallet/charges/') && location.href")
            .await;
        found.as_str().unwrap().to_owned()
    }
}

/// Gives the held seat of the page back without the page knowing.
async fn releases_elsewhere(buyer: &Browser) {
    let script =
        "const {token} = JSON.parse(localStorage[Object.keys(localStorage).find((it) => it.startsWith('boxoffice.token.'))]);
        fetch(`/reservations/${location.pathname.split('/').pop()}`, {method: 'DELETE', headers: {authorization: `Bearer ${token}`}})
            .then((answer) => { window.released = answer.ok; })";
    buyer.run(script).await;
    buyer.until("window.released").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_paid_at_the_provider_and_the_buyer_comes_back_to_the_ticket() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with_provider(&[HALL]).await;
        for (buyer, seat, text) in [
            (english, 1, "You pay ₩50,000 at the payment provider."),
            (korean, 2, "결제 대행사에서 ₩50,000을 결제하시면"),
        ] {
            holds_a_seat(buyer, &site, seat).await;
            buyer.click("[data-testid=pay]").await;
            buyer.says(text).await;
            by_day_and_night(buyer, "confirming a payment at the provider").await;
            buyer.click("dialog button[value=yes]").await;
            buyer.decides("pay").await;
            buyer.has_paid_once(&site).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wallet_pays_its_part_and_everything_if_it_can() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with_provider(&[HALL]).await;
        buyer.joins(&site, "hall").await;
        tops_up(buyer, &site, "20000").await;
        buyer.goes_on_to_the_seats(&site, "hall").await;
        buyer.chooses(&[1]).await;
        buyer.holds().await;
        buyer.click("[data-testid=pay]").await;
        buyer
            .says("You pay the missing ₩30,000 at the payment provider, and ₩20,000 from your wallet.")
            .await;
        buyer.click("dialog button[value=yes]").await;
        buyer.decides("pay").await;
        buyer.shows(".ticket .qr").await;
        buyer.click("[data-testid=cancel]").await;
        buyer.confirms().await;
        buyer.says("was refunded").await;
        holds_a_seat(buyer, &site, 2).await;
        buyer.pays().await;
        assert_eq!(
            amounts(buyer, &site).await,
            json!(["−₩50,000", "+₩50,000", "−₩50,000", "+₩30,000", "+₩20,000"])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_payment_can_be_tried_again_while_the_seats_are_held() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with_provider(&[HALL]).await;
        for (buyer, seat, text) in [
            (
                english,
                1,
                "The payment of ₩50,000 was refused. Nothing was taken.",
            ),
            (
                korean,
                2,
                "₩50,000 결제가 거절되었습니다. 결제된 금액은 없습니다.",
            ),
        ] {
            holds_a_seat(buyer, &site, seat).await;
            buyer.leaves_to_pay().await;
            buyer.decides("fail").await;
            buyer.is_told("refused").await;
            buyer.says(text).await;
            buyer.shows("[role=timer]").await;
            by_day_and_night(buyer, "a refused payment").await;
            buyer.click("[data-testid=try-again]").await;
            buyer.click("dialog button[value=yes]").await;
            buyer.decides("pay").await;
            buyer.has_paid_once(&site).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_without_paying_finds_the_payment_at_the_seats_and_can_go_on_with_it() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with_provider(&[HALL]).await;
        holds_a_seat(buyer, &site, 1).await;
        buyer.leaves_to_pay().await;
        buyer.decides("go-back").await;
        buyer.is_told("pending").await;
        by_day_and_night(buyer, "a pending payment").await;
        let page = buyer.charge_page().await;
        buyer.click(".charge-next a.quiet").await;
        buyer.shows("[data-testid=under-way]").await;
        by_day_and_night(buyer, "seats with a pending payment").await;
        buyer.open(&site.view("wallet")).await;
        buyer.click("[data-testid=under-way] a").await;
        assert_eq!(buyer.charge_page().await, page);
        buyer.click("[data-testid=to-checkout]").await;
        buyer.decides("pay").await;
        buyer.has_paid_once(&site).await;
        // The way back is harmless.
        buyer.open(&page).await;
        buyer.shows(".ticket .qr").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_paid_and_closed_the_page_finds_the_ticket_from_any_view() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with_provider(&[HALL]).await;
        holds_a_seat(buyer, &site, 1).await;
        buyer.leaves_to_pay().await;
        buyer.decides("pay-unnoticed").await;
        buyer.says("Paid.").await;
        buyer.open("about:blank").await;
        buyer.open(&site.view("tickets")).await;
        buyer.click(".reservation .card-link").await;
        buyer.has_paid_once(&site).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_payment_is_waited_for() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with_provider(&[HALL]).await;
        holds_a_seat(buyer, &site, 1).await;
        buyer.leaves_to_pay().await;
        buyer.decides("pay-slowly").await;
        buyer.is_told("pending").await;
        buyer.has_paid_once(&site).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clicking_twice_reloading_and_paying_again_lead_to_the_same_payment() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with_provider(&[HALL]).await;
        holds_a_seat(buyer, &site, 1).await;
        gets_no_answer(buyer, "charges").await;
        buyer
            .run(
                "const pay = document.querySelector('[data-testid=pay]'); pay.click(); pay.click()",
            )
            .await;
        buyer.shows("dialog[open]").await;
        let yes = "const dialogs = [...document.querySelectorAll('dialog button[value=yes]')];
            for (const yes of dialogs) { yes.click(); yes.click(); }
            return dialogs.length";
        assert_eq!(buyer.run(yes).await, 1);
        buyer.until("window.sent").await;
        let seats = buyer.run("return location.href").await;
        // Whatever page is opened next gets the answer.
        buyer.open(&site.view("wallet")).await;
        buyer.click("[data-testid=under-way] a").await;
        let page = buyer.charge_page().await;
        let charge = page.rsplit('/').next().unwrap().replace('-', "");
        buyer.open(seats.as_str().unwrap()).await;
        buyer.shows("[data-testid=under-way]").await;
        buyer.leaves_to_pay().await;
        let order = buyer.run("return location.pathname").await;
        assert!(order.as_str().unwrap().ends_with(&charge), "{order} {page}");
        buyer.decides("pay-twice-notified").await;
        buyer.has_paid_once(&site).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_pays_for_seats_that_are_gone_is_told_so_and_gets_the_money_back() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with_provider(&[HALL]).await;
        for (buyer, seat, texts) in [
            (
                english,
                1,
                [
                    "Your ₩50,000 goes back to where you paid from.",
                    "₩50,000 has been given back.",
                ],
            ),
            (
                korean,
                2,
                [
                    "결제하신 금액(₩50,000)은 결제 수단으로 환불됩니다.",
                    "₩50,000 환불이 완료되었습니다.",
                ],
            ),
        ] {
            let [goes_back, done] = texts;
            holds_a_seat(buyer, &site, seat).await;
            let reservation = buyer.run("return location.href").await;
            buyer.leaves_to_pay().await;
            let checkout = buyer.run("return location.href").await;
            buyer.open(reservation.as_str().unwrap()).await;
            releases_elsewhere(buyer).await;
            buyer.open(checkout.as_str().unwrap()).await;
            buyer.decides("pay").await;
            buyer.is_told("returned").await;
            buyer.says(goes_back).await;
            by_day_and_night(buyer, "a payment that came too late").await;
            // Without a reload.
            buyer.says(done).await;
            by_day_and_night(buyer, "a late payment that was given back").await;
            assert_eq!(amounts(buyer, &site).await, json!(["−₩50,000", "+₩50,000"]));
        }
    })
    .await;
}

/// Tops the wallet up at the provider.
async fn tops_up(buyer: &Browser, site: &Site, amount: &str) {
    buyer.open(&site.view("wallet")).await;
    buyer.shows("#charge-amount").await;
    buyer.write("#charge-amount", amount).await;
    buyer.click("[data-testid=charge]").await;
    buyer.decides("pay").await;
    buyer.is_told("topped_up").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wallet_is_topped_up_at_the_provider() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with_provider(&[HALL]).await;
        buyer.joins(&site, "hall").await;
        tops_up(buyer, &site, "70000").await;
        by_day_and_night(buyer, "a wallet that was topped up").await;
        buyer.click(".charge-next a").await;
        assert_eq!(buyer.text("[data-testid=balance]").await, "₩70,000");
        assert_eq!(amounts(buyer, &site).await, json!(["+₩70,000"]));
        buyer.until(NOTHING_PENDING).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_without_seats_are_reserved_after_topping_up_with_the_number_that_was_chosen() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with_provider(&[FIELD]).await;
        buyer.joins(&site, "field").await;
        buyer.shows("[data-testid=reserve]").await;
        buyer
            .run("for (let i = 0; i < 2; i += 1) document.querySelectorAll('.stepper button')[1].click()")
            .await;
        buyer.click("[data-testid=reserve]").await;
        buyer.says("Top it up first, then reserve").await;
        by_day_and_night(buyer, "topping up before reserving").await;
        buyer.click("dialog button[value=yes]").await;
        buyer.decides("pay").await;
        buyer.is_told("topped_up").await;
        buyer.click(".charge-next a").await;
        buyer.says("3 tickets").await;
        buyer.click("[data-testid=reserve]").await;
        buyer.confirms().await;
        buyer.shows(".ticket .qr").await;
        assert_eq!(amounts(buyer, &site).await, json!(["−₩60,000", "+₩60,000"]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_payment_window_of_toss_payments_gets_the_values_of_the_charge() {
    browse([PHONE], async |[buyer]| {
        let home = serve_modules().await;
        let id = "7f6f1a4e-3d0b-4c53-9d3a-0a1b2c3d4e5f";
        buyer.open(&format!("{home}wallet/charges/{id}#pay")).await;
        let checkout = json!({
            "kind": "tossWindow", "clientKey": "test_ck", "customerKey": "buyer", "orderId": "order", "orderName": "Evening at the Hall",
            "amount": 50_000, "currency": "KRW", "successUrl": "https://shop.example/s", "failUrl": "https://shop.example/f",
        });
        // The script of the provider cannot be had here.
        let body = format!(
            "const asked = {{}};
            window.TossPayments = (clientKey) => ({{ payment: ({{ customerKey }}) => ({{ requestPayment: async (wanted) => Object.assign(asked, {{ clientKey, customerKey, wanted }}) }}) }});
            document.head.append = (element) => {{ asked.script = element.src; element.dispatchEvent(new Event('load')); }};
            asked.opens = [module.takeOpening(), module.takeOpening()];
            await module.goToCheckout({{ chargeId: '{id}', checkout: {checkout} }});
            return asked"
        );
        let asked: Value = of_module(buyer, "checkouts", &body).await;
        assert_eq!(
            asked,
            json!({
                "script": "https://js.tosspayments.com/v2/standard",
                "opens": [true, false],
                "clientKey": "test_ck",
                "customerKey": "buyer",
                "wanted": {
                    "method": "CARD", "amount": {"currency": "KRW", "value": 50_000}, "orderId": "order", "orderName": "Evening at the Hall",
                    "successUrl": "https://shop.example/s", "failUrl": "https://shop.example/f", "windowTarget": "self",
                },
            })
        );
    })
    .await;
}
