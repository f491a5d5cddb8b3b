//! Waiting, being called, and interruptions of the browser meanwhile.

use serde_json::json;

use super::browser::{DESKTOP, PHONE, browse};
use super::site::{HALL, LOTTERY, NARROW, Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_user_is_admitted_as_soon_as_another_leaves() {
    browse([DESKTOP, PHONE], async |[first, second]| {
        let site = Site::with(&[NARROW]).await;
        first.joins(&site, "narrow").await;
        first.shows("[data-testid=date]").await;
        second.joins(&site, "narrow").await;
        assert_eq!(second.text("[data-testid=position]").await, "1");
        second.until("document.title.startsWith('(1)')").await;
        // Sound is off by default.
        assert_eq!(
            second
                .run("return document.getElementById('sound').getAttribute('aria-pressed')")
                .await,
            "false"
        );
        first.open(&site.view("e/narrow/line")).await;
        first.click(".room .actions .button.quiet").await;
        first.click("dialog button[value=yes]").await;
        second.shows("[data-testid=to-shop]").await;
        second.until("document.title.startsWith('★')").await;
        second
            .until("document.activeElement.matches('[data-testid=to-shop]')")
            .await;
        second.click("[data-testid=to-shop]").await;
        second.shows("[data-testid=date]").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_progress_bar_never_goes_back_and_waiting_pages_poll_the_public_numbers() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[NARROW]).await;
        let mut ahead = Vec::new();
        for _ in 0..4 {
            ahead.push(site.stranger("narrow").await);
        }
        buyer.joins(&site, "narrow").await;
        buyer.shows("[data-testid=position]").await;
        buyer.run("window.seen = []; window.bar = document.querySelector('[role=progressbar]');
            new MutationObserver(() => window.seen.push(Number(window.bar.getAttribute('aria-valuenow')))).observe(window.bar, {attributes: true})").await;
        let position = "Number(document.querySelector('[data-testid=position]').textContent)";
        for (left, token) in ahead.iter().enumerate().take(3) {
            buyer.until(&format!("{position} === {}", 4 - left)).await;
            site.leaves("narrow", token).await;
            // This browser's polls promote the next user, who arrives.
            let next = &ahead[left + 1];
            buyer.until(&format!("{position} === {}", 3 - left)).await;
            site.call("GET", "/events/narrow/tokens/me", next, json!({})).await;
        }
        let seen = buyer.run("return window.seen").await;
        let seen: Vec<i64> = seen.as_array().unwrap().iter().map(|it| it.as_i64().unwrap()).collect();
        assert!(seen.is_sorted() && seen.last() > Some(&50), "{seen:?}");
        let asked = "return performance.getEntriesByType('resource').map((it) => new URL(it.name).pathname)";
        let asked = buyer.run(asked).await;
        let times = |path: &str| asked.as_array().unwrap().iter().filter(|it| *it == path).count();
        assert!(times("/events/narrow/queue") > 3, "{asked}");
        assert_eq!(times("/events/narrow/tokens/me"), 0, "{asked}");
        site.leaves("narrow", &ahead[3]).await;
        buyer.shows("[data-testid=to-shop]").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_in_line_survives_reloads_network_loss_and_several_tabs() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[NARROW, HALL]).await;
        let first = site.stranger("narrow").await;
        buyer.joins(&site, "narrow").await;
        let number = buyer.text(".room .facts div:last-child dd").await;
        buyer.reload().await;
        assert_eq!(buyer.text(".room .facts div:last-child dd").await, number);

        // A second tab joins again, and shows the same place in line.
        let tab = buyer.driver.window().await.unwrap();
        let other = buyer.driver.new_tab().await.unwrap();
        buyer.driver.switch_to_window(other).await.unwrap();
        buyer.open(&site.view("e/narrow")).await;
        buyer.says("You are number 1").await;
        buyer.open(&site.view("e/narrow/line")).await;
        assert_eq!(buyer.text(".room .facts div:last-child dd").await, number);
        let issued = site
            .call("GET", "/events/narrow/queue", "", json!({}))
            .await;
        assert_eq!(issued["issued"], 2);

        buyer.driver.close_window().await.unwrap();
        buyer.driver.switch_to_window(tab).await.unwrap();

        // Offline and online again, while the turn comes.
        buyer.expects(&[0]);
        buyer.set_offline(true).await;
        buyer.shows("#network.down:not(:empty)").await;
        site.leaves("narrow", &first).await;
        assert_eq!(buyer.text(".room .facts div:last-child dd").await, number);
        buyer.set_offline(false).await;
        buyer.shows("[data-testid=to-shop]").await;
        buyer
            .until("document.getElementById('network').textContent === ''")
            .await;
        let other = buyer.driver.new_tab().await.unwrap();
        buyer.driver.switch_to_window(other).await.unwrap();
        buyer.open(&site.view("e/narrow/shop")).await;
        buyer.shows("[data-testid=date]").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_can_be_shown_without_a_network() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        buyer.expects(&[0]);
        buyer.goes_to_the_seats(&site, "hall").await;
        buyer.chooses(&[2]).await;
        buyer.holds().await;
        buyer.pays().await;
        let ticket = buyer.text(".ticket-id").await;
        // The list's modules are loaded before the network is cut.
        buyer.click("[data-nav=tickets]").await;
        buyer.shows(".reservation .card-link").await;
        buyer.set_offline(true).await;
        buyer.click(".reservation .card-link").await;
        buyer.shows(".ticket .qr").await;
        assert_eq!(buyer.text(".ticket-id").await, ticket);
        buyer.says("as last saved in this browser").await;
        buyer.set_offline(false).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draw_is_explained_before_the_opening_and_verified_in_the_buyers_browser() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[LOTTERY]).await;
        for _ in 0..7 {
            site.stranger("lottery").await;
        }
        buyer.open(&site.view("e/lottery")).await;
        buyer.says("Enter the draw").await;
        buyer.click("[data-testid=join]").await;
        buyer.says("Your place in line is drawn at random when the sale opens.").await;
        // The draw appears without a reload.
        buyer.until("document.querySelector('[data-testid=to-shop]') || /^You drew number \\d+ of \\d+ in line [12]\\.$/.test(document.querySelector('[data-testid=drawn]')?.innerText)").await;
        buyer.open(&site.view("e/lottery/draw")).await;
        buyer.says("The secret matches the published fingerprint.").await;
        buyer.says("The fingerprint is the one this browser saved earlier.").await;
        buyer.says("Your number").await;
        let differs = "return document.querySelectorAll('.checks .differs').length";
        assert_eq!(buyer.run(differs).await, 0);
        buyer.shows("h1 + .drawn").await;
        let hidden = "return document.querySelector('details .command').checkVisibility()";
        assert_eq!(buyer.run(hidden).await, false);
        buyer.click("details summary").await;
        buyer.says("verify-draw lottery").await;
        buyer.says("Fingerprint of the secret").await;
    })
    .await;
}
