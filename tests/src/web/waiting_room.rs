//! What the waiting room tells: people ahead, the expected wait, and that the turn is near.

use serde_json::json;

use super::amounts::{of_module, serve_modules};
use super::browser::{Browser, DESKTOP, KOREAN, PHONE, browse};
use super::site::{NARROW, Site};

/// Replaces the browser's notifications by ones that the test can read. The tab counts as being in the background.
async fn pretends_to_notify(buyer: &Browser) {
    let script = "window.Notification = class {
            static permission = 'default';
            static async requestPermission() { window.asked = true; return this.permission = 'granted'; }
            constructor(title, options) { (window.notified ??= []).push(`${title} | ${options.body}`); }
            close() {}
        };
        document.hasFocus = () => false;";
    let parameters = json!({ "source": script });
    buyer
        .devtools("Page.addScriptToEvaluateOnNewDocument", parameters)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_is_offered_and_tells_that_the_turn_is_near_and_that_it_has_come() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        for (buyer, near, turn) in [
            (
                english,
                "Your turn is near | One by One: you will be called soon. Keep the page open.",
                "It's your turn! | One by One",
            ),
            (
                korean,
                "곧 입장할 차례입니다 | One by One: 곧 입장합니다. 이 페이지를 열어 두세요.",
                "입장할 차례입니다! | One by One",
            ),
        ] {
            let site = Site::with(&[NARROW]).await;
            pretends_to_notify(buyer).await;
            let mut ahead = Vec::new();
            for _ in 0..5 {
                ahead.push(site.stranger("narrow").await);
            }
            buyer.joins(&site, "narrow").await;
            buyer
                .shows("[data-testid=notify][aria-pressed=false]")
                .await;
            // The browser asks only after a click.
            assert_eq!(buyer.run("return window.asked ?? false").await, false);
            buyer.click("[data-testid=notify]").await;
            buyer.shows("[data-testid=notify][aria-pressed=true]").await;
            assert_eq!(buyer.run("return window.asked").await, true);
            buyer
                .until("document.activeElement.dataset.testid === 'notify'")
                .await;
            for token in &ahead[1..] {
                site.leaves("narrow", token).await;
            }
            buyer.until("window.notified?.length === 1").await;
            site.leaves("narrow", &ahead[0]).await;
            buyer.shows("[data-testid=to-shop]").await;
            buyer.until("window.notified?.length >= 2").await;
            assert_eq!(
                buyer.run("return window.notified").await,
                json!([near, turn])
            );
            // The sound has a button beside it. It is off until it is clicked.
            assert_eq!(
                buyer
                    .run("return document.getElementById('sound').getAttribute('aria-pressed')")
                    .await,
                "false"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bar_compares_the_people_ahead_with_those_at_the_start_also_after_a_reload() {
    browse([PHONE], async |[buyer]| {
        let site = Site::with(&[NARROW]).await;
        let mut ahead = Vec::new();
        for _ in 0..5 {
            ahead.push(site.stranger("narrow").await);
        }
        buyer.joins(&site, "narrow").await;
        buyer
            .says("Of 4 ahead of you at the start, 4 are left.")
            .await;
        let share = "document.querySelector('[role=progressbar]').getAttribute('aria-valuenow')";
        buyer.until(&format!("{share} === '0'")).await;
        site.leaves("narrow", &ahead[1]).await;
        buyer
            .says("Of 4 ahead of you at the start, 3 are left.")
            .await;
        buyer.until(&format!("{share} === '25'")).await;
        buyer.reload().await;
        buyer
            .says("Of 4 ahead of you at the start, 3 are left.")
            .await;
        buyer.until(&format!("{share} === '25'")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_several_lanes_the_page_says_how_many_are_ahead_approximately_and_which_line_it_is() {
    browse([PHONE, KOREAN], async |[english, korean]| {
        let lanes = NARROW.replace("maxActive: 1", "maxActive: 2, lanes: 2");
        let site = Site::with(&[&lanes]).await;
        // The lane follows from the user id: until both lanes have people waiting.
        for _ in 0..200 {
            site.stranger("narrow").await;
            let queue = site
                .call("GET", "/events/narrow/queue", "", json!({}))
                .await;
            let lanes = queue["lanes"].as_array().unwrap();
            if lanes.iter().all(|lane| lane["issued"].as_u64() >= Some(4)) {
                break;
            }
        }
        for (buyer, ahead, line) in [
            (english, "people ahead of you, approximately", "in line "),
            (korean, "명 정도가 앞에 있습니다", "번 줄 "),
        ] {
            buyer.joins(&site, "narrow").await;
            buyer.says(ahead).await;
            buyer.says(line).await;
            let told = "Number(document.querySelector('[data-testid=position]').innerText)";
            let even = buyer
                .run(&format!("return {told} > 0 && {told} % 2 === 0"))
                .await;
            assert_eq!(even, true, "{}", buyer.run(&format!("return {told}")).await);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_expected_wait_moves_slowly_and_says_why_if_it_changes_much() {
    browse([DESKTOP], async |[buyer]| {
        buyer.open(&serve_modules().await).await;
        // Minutes of wait, polled every 10 s, with the reasons that were given.
        let body = "const follow = (polls) => {
                let now = 1e12;
                let before = null;
                return polls.map((minutes) => {
                    const isStopped = minutes === 'stopped';
                    const waitSeconds = isStopped || minutes === null ? null : minutes * 60;
                    before = module.nextEstimate(before, { waitSeconds, isStopped }, now);
                    const shown = before.dueAt === null ? null : Math.round((before.dueAt - now) / 6000) / 10;
                    now += 10000;
                    return before.reason ? [shown, before.reason] : [shown];
                });
            };
            return [follow([20, 22, 18, 21]), follow([20, 60, 60, 60]), follow([60, 10, 60, 10]), follow([20, 'stopped', null, 20]), follow([20, null]), follow([60, 20, 20])]";
        let followed = of_module(buyer, "wait-estimate", body).await;
        let expected = concat!(
            // A wavering pace.
            "[[[20],[20.4],[19.7],[19.9]],",
            // Really slower: the second large change is adopted.
            "[[20],[29.9],[60,\"slower\"],[59.9,\"slower\"]],",
            // One way and the other: never adopted.
            "[[60],[47.4],[50.4],[40.2]],",
            // A pause, and then the pace is measured again.
            "[[20],[null],[null],[20,\"resumed\"]],",
            // Not measured for a moment.
            "[[20],[19.8]],",
            "[[60],[49.9],[20,\"faster\"]]]",
        );
        assert_eq!(followed.to_string(), expected);
    })
    .await;
}
