//! What a first visit costs on a slow phone: how soon the main content is there, how much it moves, how many bytes it takes, and
//! how long a click takes until a seat is held. Measured, and asserted only where no time is meant:
//! `BOXOFFICE_BROWSER=required BOXOFFICE_AXE=… cargo test -p tests --lib -- web::numbers --ignored --nocapture`.

use std::io::Write;

use serde_json::{Value, json};

use super::amounts::serve_modules;
use super::browser::{Browser, Eyes, PHONE, browse};
use super::site::Site;

/// A phone of common size.
const COMMON_PHONE: Eyes = Eyes {
    width: 390,
    height: 844,
    ..PHONE
};
/// Visits of each page, of which the median counts.
const VISITS: usize = 5;
/// The event of the example catalogue that is measured.
const EVENT: &str = "han-seoa-winter-light";

/// The latency of Lighthouse's "slow 4G", in milliseconds.
const SLOW_4G: u32 = 150;
/// A bad network: each answer comes when what is there already has been drawn for long.
const BAD: u32 = 1500;

/// Lighthouse's "slow 4G", with this latency, on a processor that is four times slower.
async fn is_slow(browser: &Browser, latency: u32) {
    browser.devtools("Network.enable", json!({})).await;
    let network = json!({"offline": false, "latency": latency, "downloadThroughput": 1_638_400 / 8, "uploadThroughput": 750_000 / 8});
    browser
        .devtools("Network.emulateNetworkConditions", network)
        .await;
    let processor = json!({"rate": 4});
    browser
        .devtools("Emulation.setCPUThrottlingRate", processor)
        .await;
}

/// What the browser noticed while the page loaded. A shift counts unless the user has just done something.
const NOTICED: &str = "
    const done = arguments[0];
    const noticed = {lcp: 0, element: null, cls: 0, shifts: []};
    const place = (box) => [box.x, box.y, box.width, box.height].map(Math.round).join(' ');
    const watch = (type, each) => new PerformanceObserver((list) => list.getEntries().forEach(each)).observe({type, buffered: true});
    watch('largest-contentful-paint', (entry) => { noticed.lcp = Math.round(entry.startTime); noticed.element = entry.element?.className || entry.element?.tagName; });
    watch('layout-shift', (entry) => {
        if (entry.hadRecentInput) return;
        noticed.cls += entry.value;
        for (const {node, previousRect, currentRect} of entry.sources) noticed.shifts.push(`${node?.outerHTML?.slice(0, 60)}: from ${place(previousRect)} to ${place(currentRect)} after ${Math.round(entry.startTime)}`);
    });
    setTimeout(() => {
        const sent = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
        const bytes = (those) => those.reduce((sum, entry) => sum + entry.transferSize, 0);
        const isImage = (entry) => entry.initiatorType === 'img' || /\\.jpg$/.test(entry.name);
        noticed.bytes = bytes(sent.filter((entry) => !isImage(entry)));
        noticed.imageBytes = bytes(sent.filter(isImage));
        noticed.requests = sent.length;
        const answered = performance.getEntriesByType('navigation')[0].responseStart;
        done({...noticed, answered: Math.round(answered)});
    }, 3000);";

/// A visit with nothing kept from earlier ones. (A switched off cache would load a preloaded picture twice.)
async fn visit(browser: &Browser, address: &str) -> Value {
    browser.open("about:blank").await;
    let everything = json!({"origin": address, "storageTypes": "all"});
    browser
        .devtools("Storage.clearDataForOrigin", everything)
        .await;
    browser
        .devtools("Network.clearBrowserCache", json!({}))
        .await;
    browser.open(address).await;
    browser.shows("#main .view:not(:has(.skeleton)) h1").await;
    let noticed = browser.driver.execute_async(NOTICED, Vec::new()).await;
    noticed.unwrap().json().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn the_first_visit_on_a_slow_phone_is_measured() {
    browse([COMMON_PHONE], async |[buyer]| {
        let site = Site::of_the_example().await;
        is_slow(buyer, SLOW_4G).await;
        for (name, path) in [("list", String::new()), ("event", format!("e/{EVENT}"))] {
            let mut visits = Vec::new();
            for _ in 0..VISITS {
                visits.push(visit(buyer, &site.view(&path)).await);
            }
            visits.sort_by_key(|noticed| noticed["lcp"].as_u64());
            let median = &visits[VISITS / 2];
            let of_answer = median["lcp"].as_f64().unwrap() / median["answered"].as_f64().unwrap();
            let _ = writeln!(
                std::io::stderr(),
                "{name}: {median}; the largest paint after {of_answer:.1} times the time to the first byte"
            );
        }
        buyer.goes_to_the_seats(&site, EVENT).await;
        buyer.chooses(&[20]).await;
        let held = "const done = arguments[0]; const began = performance.now();
            new MutationObserver((_, watch) => {
                if (!document.querySelector('[data-testid=pay]')) return;
                watch.disconnect();
                done(Math.round(performance.now() - began));
            }).observe(document.getElementById('main'), {childList: true, subtree: true});
            document.querySelector('[data-testid=hold]').click();";
        let held = buyer.driver.execute_async(held, Vec::new()).await.unwrap();
        let _ = writeln!(std::io::stderr(), "from the click to the page of the held seat: {} ms", held.json());
    })
    .await;
}

/// The limit of "good" by <https://web.dev/articles/cls> is 0.1.
const MOST_SHIFT: f64 = 0.05;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_shifts_while_the_list_and_an_event_load_slowly() {
    browse([COMMON_PHONE], async |[buyer]| {
        let site = Site::of_the_example().await;
        for latency in [SLOW_4G, BAD] {
            is_slow(buyer, latency).await;
            for path in [String::new(), format!("e/{EVENT}")] {
                let noticed = visit(buyer, &site.view(&path)).await;
                assert!(
                    noticed["cls"].as_f64().unwrap() <= MOST_SHIFT,
                    "/{path} at {latency} ms: {noticed}"
                );
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_shown_while_the_rest_of_the_page_is_still_on_its_way() {
    browse([COMMON_PHONE], async |[buyer]| {
        let site = Site::of_the_example().await;
        buyer.open(&site.home).await;
        let page = buyer
            .run("return fetch('/').then((answer) => answer.text())")
            .await;
        let (first, _) = page.as_str().unwrap().rsplit_once("<script>").unwrap();
        // A page without a policy, into which the shop's page is written as it would arrive.
        buyer.open(&serve_modules().await).await;
        let write = json!(first).to_string();
        buyer
            .run(&format!("document.open(); document.write({write})"))
            .await;
        buyer
            .until("document.querySelectorAll('.card').length > 3")
            .await;
        let loading =
            "return [document.readyState, document.querySelectorAll('script:not([type])').length]";
        assert_eq!(buyer.run(loading).await, json!(["loading", 1]));
    })
    .await;
}
