//! Paying in one step: one confirmation tops up what is missing, and pays.

use std::time::Duration;

use serde_json::{Value, json};

use super::browser::{Browser, DESKTOP, KOREAN, PHONE, browse};
use super::site::{BRIEF, FIELD, HALL, Site};

/// How far the page's estimate of the server's time can be off, and a good deal more: dates of answers have whole seconds.
const PAGE_CLOCK_ERROR: Duration = Duration::from_secs(3);

/// The amounts of the buyer's ledger, newest first.
pub(super) async fn amounts(buyer: &Browser, site: &Site) -> Value {
    buyer.open(&site.view("wallet")).await;
    buyer.shows(".ledger .entries li").await;
    let amounts = "return [...document.querySelectorAll('.ledger .entry-sums p:first-child')].map((it) => it.innerText)";
    buyer.run(amounts).await
}

/// Charges the wallet outside of the page.
async fn charges_elsewhere(buyer: &Browser, amount: u32) {
    let script = format!(
        "const {{token, userId}} = JSON.parse(localStorage[Object.keys(localStorage).find((it) => it.startsWith('boxoffice.token.'))]);
        fetch(`/users/${{userId}}/wallet/charges`, {{method: 'POST', body: '{{\"amount\":{amount}}}',
            headers: {{authorization: `Bearer ${{token}}`, 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID()}}}})
            .then((answer) => {{ window.charged = answer.ok; }})"
    );
    buyer.run(&script).await;
    buyer.until("window.charged").await;
}

/// Holds a seat of the hall.
pub(super) async fn holds_a_seat(buyer: &Browser, site: &Site, seat: u32) {
    buyer.goes_to_the_seats(site, "hall").await;
    buyer.chooses(&[seat]).await;
    buyer.holds().await;
}

/// From now on, requests with these paths are carried out, but this page never gets an answer.
pub(super) async fn gets_no_answer(buyer: &Browser, path: &str) {
    buyer
        .run(&format!(
            "const fetched = window.fetch;
            window.fetch = async (path, options) => {{
                const answer = await fetched(path, options);
                if (!/{path}$/.test(path) || options.method !== 'POST') return answer;
                window.sent = true;
                return new Promise((resolve) => {{ window.release = () => resolve(answer); }});
            }}"
        ))
        .await;
}

/// No payment, charge or checkout is kept.
pub(super) const NOTHING_PENDING: &str = "!Object.keys(localStorage).some((it) => /^boxoffice\\.(payment|charge|checkout|withdrawal)/.test(it))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_confirmation_says_what_happens_tops_up_what_is_missing_and_pays() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with(&[HALL]).await;
        for (buyer, seat, texts) in [
            (
                english,
                1,
                [
                    "Pay ₩50,000?",
                    "We top up the missing ₩30,000, and pay ₩50,000 from your wallet.",
                    "Yours until",
                ],
            ),
            (
                korean,
                2,
                [
                    "₩50,000 결제",
                    "부족한 금액(₩30,000)을 충전한 뒤 지갑에서 ₩50,000 결제됩니다.",
                    "까지 선점",
                ],
            ),
        ] {
            holds_a_seat(buyer, &site, seat).await;
            charges_elsewhere(buyer, 20_000).await;
            // What one buys comes first, then a calm clock, then the button.
            let order = "(() => { const top = (css) => document.querySelector(css).getBoundingClientRect().top;
                const tops = ['.paying h1', '.paying .facts', '.hold-clock', '[data-testid=pay]'].map(top);
                return tops.every((it, i) => i === 0 || it > tops[i - 1]) })()";
            buyer.until(order).await;
            buyer.says(texts[2]).await;
            buyer.shows(".hold-clock:not(.hurry)").await;
            buyer.click("[data-testid=pay]").await;
            for text in &texts[..2] {
                buyer.says(text).await;
            }
            let sums = buyer
                .run("return [...document.querySelectorAll('dialog dd')].map((it) => it.innerText)")
                .await;
            assert_eq!(sums, json!(["₩20,000", "₩30,000", "-₩50,000", "₩0"]));
            buyer.click("dialog button[value=no]").await;
            buyer
                .until("document.activeElement.dataset.testid === 'pay'")
                .await;
            buyer.pays().await;
            buyer.until(NOTHING_PENDING).await;
            assert_eq!(
                amounts(buyer, &site).await,
                json!(["−₩50,000", "+₩30,000", "+₩20,000"])
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_a_reload_interrupted_is_finished_without_a_click() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[HALL, FIELD]).await;
        for (seat, path) in [(1, "charges"), (2, "payment")] {
            holds_a_seat(buyer, &site, seat).await;
            gets_no_answer(buyer, path).await;
            buyer.click("[data-testid=pay]").await;
            buyer.click("dialog button[value=yes]").await;
            buyer.until("window.sent").await;
            buyer.reload().await;
            buyer.shows(".ticket .qr").await;
            buyer.until(NOTHING_PENDING).await;
            buyer.click("[data-testid=cancel]").await;
            buyer.confirms().await;
            buyer.says("was refunded").await;
        }
        for path in ["charges", "reservations"] {
            buyer.joins(&site, "field").await;
            buyer.shows("[data-testid=reserve]").await;
            buyer
                .run("for (let i = 0; i < 2; i += 1) document.querySelectorAll('.stepper button')[1].click()")
                .await;
            gets_no_answer(buyer, path).await;
            buyer.click("[data-testid=reserve]").await;
            buyer.click("dialog button[value=yes]").await;
            buyer.until("window.sent").await;
            buyer.reload().await;
            buyer.shows(".ticket .qr").await;
            buyer.says("3 tickets").await;
            if path == "charges" {
                buyer.click("[data-testid=cancel]").await;
                buyer.confirms().await;
                buyer.says("was refunded").await;
            }
        }
        site.has_left("field", 97).await;
        // The second seat was paid with the refund of the first, the tickets with that and what was missing.
        assert_eq!(
            amounts(buyer, &site).await,
            json!(["−₩60,000", "+₩60,000", "−₩60,000", "+₩10,000", "+₩50,000", "−₩50,000", "+₩50,000", "−₩50,000", "+₩50,000"])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_payment_is_finished_on_whatever_page_the_buyer_comes_back_to() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        holds_a_seat(buyer, &site, 1).await;
        gets_no_answer(buyer, "charges").await;
        buyer.click("[data-testid=pay]").await;
        buyer.click("dialog button[value=yes]").await;
        buyer.until("window.sent").await;
        buyer.open("about:blank").await;
        buyer.open(&site.home).await;
        buyer.until(NOTHING_PENDING).await;
        buyer.click("[data-nav=tickets]").await;
        buyer.shows(".reservation.confirmed").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_that_both_confirm_pay_and_top_up_once() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        holds_a_seat(buyer, &site, 1).await;
        let page = buyer.run("return location.href").await;
        let first = buyer.driver.window().await.unwrap();
        let second = buyer.driver.new_tab().await.unwrap();
        let to = async |tab: &thirtyfour::WindowHandle| {
            buyer.driver.switch_to_window(tab.clone()).await.unwrap();
        };
        to(&second).await;
        buyer.open(page.as_str().unwrap()).await;
        for tab in [&second, &first] {
            to(tab).await;
            buyer.click("[data-testid=pay]").await;
            buyer.shows("dialog[open]").await;
        }
        buyer.click("dialog button[value=yes]").await;
        buyer.shows(".ticket .qr").await;
        to(&second).await;
        // The page has become the ticket. The dialog may still be open on it.
        let yes = "document.querySelector('dialog button[value=yes]')?.click()";
        buyer.run(yes).await;
        buyer.shows(".ticket .qr").await;
        buyer.until(NOTHING_PENDING).await;
        assert_eq!(amounts(buyer, &site).await, json!(["−₩50,000", "+₩50,000"]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_that_changed_since_the_confirmation_is_shown_before_anything_is_paid() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        holds_a_seat(buyer, &site, 1).await;
        buyer.click("[data-testid=pay]").await;
        buyer.says("We top up the missing ₩50,000").await;
        charges_elsewhere(buyer, 10_000).await;
        buyer.click("dialog button[value=yes]").await;
        buyer
            .says("Your balance has just changed. We top up the missing ₩40,000")
            .await;
        buyer.confirms().await;
        buyer.shows(".ticket .qr").await;
        assert_eq!(
            amounts(buyer, &site).await,
            json!(["−₩50,000", "+₩40,000", "+₩10,000"])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_was_topped_up_for_a_hold_that_lapsed_stays_in_the_wallet_and_the_page_says_so()
{
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with(&[BRIEF]).await;
        for (buyer, seat, hurry, text) in [
            (
                english,
                1,
                "Time left to pay: ",
                "The ₩30,000 that you topped up is in your wallet.",
            ),
            (
                korean,
                2,
                "결제 가능 시간 ",
                "충전하신 금액(₩30,000)은 지갑에 그대로 있습니다.",
            ),
        ] {
            buyer.expects(&[410]);
            buyer.goes_to_the_seats(&site, "brief").await;
            buyer.chooses(&[seat]).await;
            buyer.holds().await;
            // Six seconds are left: the clock is prominent, and read out.
            buyer.shows(".hold-clock.hurry").await;
            let read =
                format!("document.getElementById('polite').textContent.startsWith({hurry:?})");
            buyer.until(&read).await;
            gets_no_answer(buyer, "charges").await;
            buyer.click("[data-testid=pay]").await;
            buyer.click("dialog button[value=yes]").await;
            buyer.until("window.sent").await;
            buyer
                .until("document.querySelector('.hold-clock .clock').textContent === '0:00'")
                .await;
            // The page only estimates the server's clock. The hold lapses by the server's own.
            tokio::time::sleep(PAGE_CLOCK_ERROR).await;
            buyer.run("window.release()").await;
            buyer.shows("[data-testid=lapsed]").await;
            buyer.says(text).await;
            buyer.reload().await;
            buyer.says(text).await;
            assert_eq!(amounts(buyer, &site).await, json!(["+₩30,000"]));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_top_up_beyond_the_wallets_ceiling_is_refused_and_nothing_is_paid() {
    browse([PHONE], async |[buyer]| {
        let hall = HALL.replace("price: 50000", "price: 6000000");
        let site = Site::with(&[&hall]).await;
        buyer.expects(&[422]);
        buyer.goes_to_the_seats(&site, "hall").await;
        buyer.chooses(&[1, 2]).await;
        buyer.holds().await;
        buyer.click("[data-testid=pay]").await;
        buyer.confirms().await;
        buyer
            .says("Your wallet can hold at most ₩10,000,000.")
            .await;
        buyer.until(NOTHING_PENDING).await;
        buyer.shows("[data-testid=pay]:not(:disabled)").await;
    })
    .await;
}
