//! Payments at a payment provider that do not go as planned: what the buyer is told, and what the pages notice by themselves.

use super::accessible::by_day_and_night;
use super::browser::{Browser, KOREAN, PHONE, browse};
use super::paying::{NOTHING_PENDING, holds_a_seat};
use super::site::{HALL, Site};

/// Chooses on the provider's page what becomes of the payment of the page's charge, without leaving the page.
async fn decides_elsewhere(buyer: &Browser, choice: &str) {
    let script = format!(
        "const [user, charge] = [JSON.parse(localStorage['boxoffice.user']), Object.keys(localStorage)
            .find((it) => it.startsWith('boxoffice.checkout.')).slice('boxoffice.checkout.'.length)];
        fetch(`/demo-payments/${{(user + charge).replaceAll('-', '')}}`, {{method: 'POST', body: new URLSearchParams({{choice: '{choice}'}})}})
            .then((answer) => {{ window.decided = answer.ok; }})"
    );
    buyer.run(&script).await;
    buyer.until("window.decided").await;
}

/// Begins another payment for the seats of the page's charge, as another device of the buyer would.
async fn pays_elsewhere(buyer: &Browser) {
    let script = "const token = JSON.parse(localStorage[Object.keys(localStorage).find((it) => it.startsWith('boxoffice.token.'))]);
        const { amount, payFor } = JSON.parse(localStorage[Object.keys(localStorage).find((it) => it.startsWith('boxoffice.checkout.'))]);
        fetch(`/users/${token.userId}/wallet/charges`, {method: 'POST', body: JSON.stringify({amount, payFor}),
            headers: {authorization: `Bearer ${token.token}`, 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID()}})
            .then((answer) => { window.begun = answer.status === 202; })";
    buyer.run(script).await;
    buyer.until("window.begun").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_has_ended_is_told_and_the_buyer_pays_again_while_the_seats_are_held() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with_provider(&[HALL]).await;
        for (buyer, seat, text) in [
            (
                english,
                1,
                "The payment of ₩50,000 was not made in time. Nothing was taken.",
            ),
            (
                korean,
                2,
                "₩50,000 결제가 제시간에 완료되지 않았습니다. 결제된 금액은 없습니다.",
            ),
        ] {
            holds_a_seat(buyer, &site, seat).await;
            buyer.leaves_to_pay().await;
            buyer.decides("go-back").await;
            buyer.is_told("pending").await;
            pays_elsewhere(buyer).await;
            buyer.is_told("expired").await;
            buyer.says(text).await;
            buyer.shows("[role=timer]").await;
            by_day_and_night(buyer, "a payment that has ended").await;
            buyer.click("[data-testid=try-again]").await;
            buyer.click("dialog button[value=yes]").await;
            buyer.decides("pay").await;
            buyer.has_paid_once(&site).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_paid_another_amount_is_asked_to_contact_the_organizer_and_has_no_ticket() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with_provider(&[HALL]).await;
        for (buyer, seat, text) in [
            (
                english,
                1,
                "The payment provider took an amount other than ₩50,000.",
            ),
            (
                korean,
                2,
                "요청한 금액(₩50,000)과 다른 금액이 결제되었습니다.",
            ),
        ] {
            holds_a_seat(buyer, &site, seat).await;
            buyer.leaves_to_pay().await;
            buyer.decides("pay-half").await;
            buyer.is_told("differs").await;
            buyer.says(text).await;
            by_day_and_night(buyer, "a payment of another amount").await;
            // Paying again is not what the buyer should do now.
            let again = "return document.querySelector('[data-testid=try-again]')";
            assert!(buyer.run(again).await.is_null());
            buyer.click(".charge-next a").await;
            buyer.shows("[data-testid=pay]").await;
            buyer.until(NOTHING_PENDING).await;
            buyer.open(&site.view("wallet")).await;
            assert_eq!(buyer.text("[data-testid=balance]").await, "₩0");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_paid_is_told_that_the_seats_are_about_to_be_confirmed() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let site = Site::with_provider(&[HALL]).await;
        for (buyer, seat, text) in [
            (
                english,
                1,
                "Your ₩50,000 has arrived. We are confirming your seats.",
            ),
            (korean, 2, "좌석을 확정하고 있습니다."),
        ] {
            holds_a_seat(buyer, &site, seat).await;
            buyer.leaves_to_pay().await;
            buyer.decides("go-back").await;
            buyer.is_told("pending").await;
            // The moment between the credit and the purchase is too short to be seen otherwise.
            buyer
                .run(
                    "const fetched = window.fetch;
                    window.fetch = async (path, options) => {
                        const answer = await fetched(path, options);
                        if (window.isOver || !/\\/charges\\/[^/]+$/.test(path)) return answer;
                        const told = await answer.clone().json();
                        return told.purchase !== 'PAID' ? answer : new Response(JSON.stringify({...told, purchase: 'DUE'}), {headers: answer.headers});
                    }",
                )
                .await;
            decides_elsewhere(buyer, "pay-unnoticed").await;
            buyer.is_told("due").await;
            buyer.says(text).await;
            by_day_and_night(buyer, "a payment that has just arrived").await;
            buyer.run("window.isOver = true").await;
            buyer.has_paid_once(&site).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn my_tickets_shows_a_payment_that_nobody_noticed_without_a_reload() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with_provider(&[HALL]).await;
        holds_a_seat(buyer, &site, 1).await;
        buyer.leaves_to_pay().await;
        buyer.decides("go-back").await;
        buyer.is_told("pending").await;
        buyer.open(&site.view("tickets")).await;
        buyer.shows(".reservation.held").await;
        buyer
            .run("document.querySelector('.reservation .card-link').focus()")
            .await;
        decides_elsewhere(buyer, "pay-unnoticed").await;
        buyer.shows(".reservation.confirmed").await;
        buyer
            .until("document.activeElement.matches('.reservation.confirmed .card-link')")
            .await;
        buyer.until(NOTHING_PENDING).await;
        assert_eq!(buyer.run("return window.decided").await, true);
        buyer.click(".reservation .card-link").await;
        buyer.has_paid_once(&site).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn my_tickets_follows_a_payment_that_another_device_has_begun() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with_provider(&[HALL]).await;
        holds_a_seat(buyer, &site, 1).await;
        buyer.leaves_to_pay().await;
        let checkout = buyer.run("return location.pathname").await;
        buyer.open(&site.home).await;
        buyer
            .run("for (const it of Object.keys(localStorage)) if (it.startsWith('boxoffice.checkout.')) localStorage.removeItem(it)")
            .await;
        buyer.open(&site.view("tickets")).await;
        buyer.shows(".reservation.held").await;
        let pays = format!(
            "fetch({checkout}, {{method: 'POST', body: new URLSearchParams({{choice: 'pay-unnoticed'}})}})"
        );
        buyer.run(&pays).await;
        buyer.shows(".reservation.confirmed").await;
        buyer.until(NOTHING_PENDING).await;
    })
    .await;
}
