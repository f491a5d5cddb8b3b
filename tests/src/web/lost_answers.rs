//! Requests whose answers are lost: the shop repeats them by itself, and nothing happens twice.

use serde_json::{Value, json};

use super::browser::{Browser, DESKTOP, Eyes, KOREAN, PHONE, browse};
use super::site::{FIELD, HALL, Site};

/// Has this page's next request of a method, whose path ends like this, carried out, but its answer lost.
async fn loses_the_answer(browser: &Browser, method: &str, path: &str) {
    let script = format!(
        "const fetched = window.fetch;
        const losses = window.losses ??= [];
        const index = losses.push(false) - 1;
        window.fetch = async (path, options) => {{
            const answer = await fetched(path, options);
            if (losses[index] || options.method !== '{method}' || !/{path}$/.test(path)) return answer;
            losses[index] = true;
            throw new TypeError('the answer is lost');
        }}"
    );
    browser.run(&script).await;
}

/// Waits until all these answers have been lost.
async fn has_lost_it(browser: &Browser) {
    browser.until("window.losses.every(Boolean)").await;
}

/// The kinds and amounts of the buyer's ledger, newest first.
async fn ledger(browser: &Browser, site: &Site) -> Value {
    browser.open(&site.view("wallet")).await;
    browser.shows(".entries li").await;
    let entries = "return [...document.querySelectorAll('.entries li')].map((it) => [it.querySelector('p').innerText, it.querySelector('.entry-sums p').innerText])";
    browser.run(entries).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_lost_answer_is_made_good_without_a_click_and_nothing_happens_twice() {
    let eyes = Eyes {
        still: true,
        ..PHONE
    };
    browse([eyes], async |[buyer]| {
        let site = Site::with(&[HALL, FIELD]).await;
        buyer.open(&site.view("e/hall")).await;
        buyer.shows("[data-testid=join]").await;
        loses_the_answer(buyer, "POST", "tokens").await;
        buyer.click("[data-testid=join]").await;
        has_lost_it(buyer).await;
        buyer.says("nothing is booked or paid twice").await;
        buyer.click("[data-testid=date]").await;
        buyer
            .until("document.getElementById('network').textContent === ''")
            .await;
        let queue = site.call("GET", "/events/hall/queue", "", json!({})).await;
        assert_eq!(queue["issued"], 1);

        buyer.chooses(&[3, 4]).await;
        loses_the_answer(buyer, "POST", "holds").await;
        buyer.click("[data-testid=hold]").await;
        has_lost_it(buyer).await;
        buyer.shows(".hold-clock").await;
        buyer.says("R, row 1, seat 3").await;
        site.has_left("hall", 78).await;

        // Topping up and paying are two requests, after one confirmation.
        loses_the_answer(buyer, "POST", "charges").await;
        loses_the_answer(buyer, "POST", "payment").await;
        buyer.click("[data-testid=pay]").await;
        buyer.confirms().await;
        has_lost_it(buyer).await;
        buyer.shows(".ticket .qr").await;
        buyer.says("You're all set!").await;

        loses_the_answer(buyer, "DELETE", "reservations\\/[^/]+").await;
        buyer.click("[data-testid=cancel]").await;
        buyer.click("dialog button[value=yes]").await;
        has_lost_it(buyer).await;
        buyer.says("₩100,000 was refunded to your wallet").await;

        // Tickets without seats are paid in the same request.
        buyer.joins(&site, "field").await;
        buyer.shows("[data-testid=reserve]").await;
        loses_the_answer(buyer, "POST", "reservations").await;
        buyer.click("[data-testid=reserve]").await;
        buyer.confirms().await;
        has_lost_it(buyer).await;
        buyer.shows(".ticket .qr").await;
        buyer.says("1 ticket").await;
        site.has_left("field", 99).await;

        // Leaving the line.
        buyer.joins(&site, "hall").await;
        buyer.open(&site.view("e/hall/line")).await;
        buyer.shows(".room .actions .button.quiet").await;
        loses_the_answer(buyer, "DELETE", "tokens\\/me").await;
        buyer.click(".room .actions .button.quiet").await;
        buyer.click("dialog button[value=yes]").await;
        has_lost_it(buyer).await;
        buyer.shows("[data-testid=join]").await;

        let expected = json!([
            ["Ticket payment", "−₩20,000"],
            ["Refund", "+₩100,000"],
            ["Ticket payment", "−₩100,000"],
            ["Top-up", "+₩100,000"],
        ]);
        assert_eq!(ledger(buyer, &site).await, expected);
        assert_eq!(buyer.text("[data-testid=balance]").await, "₩80,000");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_goes_on_by_itself_when_the_network_returns() {
    browse([PHONE, KOREAN], async |buyers| {
        let site = Site::with(&[HALL]).await;
        for (buyer, seat, offline, done) in [
            (
                buyers[0],
                1,
                "As soon as you're back, we finish what you started.",
                "You're all set!",
            ),
            (
                buyers[1],
                2,
                "연결되면 진행하던 작업을 이어서 완료합니다.",
                "예매가 완료되었습니다!",
            ),
        ] {
            buyer.expects(&[0]);
            buyer.goes_to_the_seats(&site, "hall").await;
            buyer.chooses(&[seat]).await;
            buyer.holds().await;
            buyer.click("[data-testid=pay]").await;
            buyer.shows("dialog[open]").await;
            buyer.set_offline(true).await;
            buyer.confirms().await;
            buyer.says(offline).await;
            // The notice is visible, although the button is far below the top of the page.
            let seen = "(() => { const box = document.getElementById('network').getBoundingClientRect(); return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight })()";
            buyer.until(seen).await;
            buyer.set_offline(false).await;
            buyer.shows(".ticket .qr").await;
            buyer.says(done).await;
            buyer.until("document.getElementById('network').textContent === ''").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_was_opened_without_a_network_appears_when_it_returns() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.expects(&[0]);
        buyer.joins(&site, "hall").await;
        buyer.shows("[data-testid=date]").await;
        buyer.set_offline(true).await;
        buyer.click("[data-nav=wallet]").await;
        buyer.says("You're offline.").await;
        buyer.shows(".skeleton").await;
        buyer.set_offline(false).await;
        buyer.shows("[data-testid=balance]").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_office_that_is_too_busy_is_asked_again_until_it_answers() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.goes_to_the_seats(&site, "hall").await;
        buyer.chooses(&[1]).await;
        buyer.holds().await;
        buyer.run("const fetched = window.fetch;
            let refusals = 5;
            window.fetch = async (path, options) => {
                if (refusals === 0 || options.method !== 'POST') return fetched(path, options);
                refusals -= 1;
                return new Response('{\"code\":\"busy\",\"status\":503,\"retryAfterSeconds\":0.1}', {status: 503});
            }").await;
        buyer.click("[data-testid=pay]").await;
        buyer.confirms().await;
        buyer.says("It's very busy right now.").await;
        buyer.shows(".ticket .qr").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_was_not_answered_before_a_reload_is_made_once() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.joins(&site, "hall").await;
        buyer.open(&site.view("wallet")).await;
        buyer.shows("#charge-amount").await;
        // The answer never comes.
        buyer.run("const fetched = window.fetch;
            window.fetch = async (path, options) => {
                const answer = await fetched(path, options);
                if (!path.endsWith('/charges')) return answer;
                window.sent = true;
                return new Promise(() => {});
            }").await;
        buyer.write("#charge-amount", "50,000").await;
        buyer.click("[data-testid=charge]").await;
        buyer.until("window.sent").await;
        buyer.reload().await;
        buyer.shows("#charge-amount:not(:disabled)").await;
        assert_eq!(
            ledger(buyer, &site).await,
            json!([["Top-up", "+₩50,000"]])
        );
        assert_eq!(buyer.run("return Object.keys(localStorage).filter((it) => it.startsWith('boxoffice.charge'))").await, json!([]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charges_from_two_tabs_at_once_are_both_made_and_both_tabs_show_the_balance() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.joins(&site, "hall").await;
        let mut tabs = vec![buyer.driver.window().await.unwrap()];
        for _ in 0..2 {
            tabs.push(buyer.driver.new_tab().await.unwrap());
        }
        let to = async |tab: usize| {
            let tab = tabs[tab].clone();
            buyer.driver.switch_to_window(tab).await.unwrap();
        };
        for tab in 0..2 {
            to(tab).await;
            buyer.open(&site.view("wallet")).await;
            buyer.shows("#charge-amount").await;
        }
        // The first tab's charge is made, but its answer comes late.
        to(0).await;
        buyer.run("const fetched = window.fetch;
            window.fetch = async (path, options) => {
                const answer = await fetched(path, options);
                if (path.endsWith('/charges')) await new Promise((resolve) => { window.release = resolve; });
                return answer;
            }").await;
        buyer.write("#charge-amount", "10000").await;
        buyer.click("[data-testid=charge]").await;
        buyer.until("!!window.release").await;
        let is = |balance: &str| {
            format!("document.querySelector('[data-testid=balance]')?.textContent === '{balance}'")
        };
        to(1).await;
        buyer.write("#charge-amount", "20000").await;
        buyer.click("[data-testid=charge]").await;
        buyer.until(&is("₩30,000")).await;
        // A third tab sees that a charge is under way.
        to(2).await;
        buyer.open(&site.view("wallet")).await;
        buyer.says("waiting for the answer about ₩10,000").await;
        to(0).await;
        buyer.run("window.release()").await;
        for tab in 0..3 {
            to(tab).await;
            buyer.until(&is("₩30,000")).await;
            buyer.until("document.querySelectorAll('.entries li').length === 2").await;
            buyer.shows("#charge-amount:not(:disabled)").await;
        }
        assert_eq!(
            ledger(buyer, &site).await,
            json!([["Top-up", "+₩20,000"], ["Top-up", "+₩10,000"]])
        );
    })
    .await;
}
