//! Every main view in light and dark mode, in both languages, on a phone and on a desktop: axe-core finds nothing, and no
//! page is wider than the screen.

use super::browser::{Browser, DESKTOP, Eyes, PHONE, browse};
use super::site::{FIELD, HALL, LOTTERY_TOMORROW, NARROW, Site};

/// In light and in dark mode.
async fn by_day_and_night(buyer: &Browser, what: &str) {
    for dark in [false, true] {
        buyer.set_dark(dark).await;
        buyer.is_accessible(&format!("{what}, dark {dark}")).await;
    }
    buyer.set_dark(false).await;
}

async fn every_view(buyer: &Browser) {
    let site = Site::with(&[HALL, NARROW, LOTTERY_TOMORROW, FIELD]).await;
    buyer.open(&site.home).await;
    buyer.shows(".card .from:not(:empty)").await;
    by_day_and_night(buyer, "events").await;
    for (view, shown) in [
        ("tickets", ".empty"),
        ("wallet", ".empty"),
        ("nowhere", ".empty"),
        ("e/hall", "[data-testid=join]"),
    ] {
        buyer.open(&site.view(view)).await;
        buyer.shows(shown).await;
        by_day_and_night(buyer, view).await;
    }
    buyer.joins(&site, "hall").await;
    buyer.shows("[data-testid=date]").await;
    by_day_and_night(buyer, "dates").await;
    buyer.click("[data-testid=date]").await;
    buyer.shows(".seat.available[data-seat]").await;
    buyer.chooses(&[12]).await;
    by_day_and_night(buyer, "map").await;
    buyer.click(".segments button:last-child").await;
    buyer.shows(".seat-list").await;
    buyer.click(".seat-list summary").await;
    buyer.shows(".list-seat[aria-pressed=true]").await;
    by_day_and_night(buyer, "list").await;
    buyer.holds().await;
    by_day_and_night(buyer, "paying").await;
    buyer.click("[data-testid=pay]").await;
    buyer.shows("dialog[open]").await;
    by_day_and_night(buyer, "confirming a payment").await;
    buyer.click("dialog button[value=no]").await;
    buyer.pays().await;
    by_day_and_night(buyer, "ticket").await;
    buyer.click("[data-testid=pass]").await;
    buyer.shows(".pass .qr").await;
    by_day_and_night(buyer, "ticket of a seat").await;
    for (view, shown) in [("tickets", ".reservation"), ("wallet", ".entries li")] {
        buyer.open(&site.view(view)).await;
        buyer.shows(shown).await;
        by_day_and_night(buyer, view).await;
    }
    buyer.joins(&site, "field").await;
    buyer.shows("[data-testid=reserve]").await;
    by_day_and_night(buyer, "general admission").await;
    buyer.joins(&site, "lottery").await;
    buyer.shows(".panel.draw").await;
    by_day_and_night(buyer, "before a draw").await;
    buyer.open(&site.view("e/lottery/draw")).await;
    buyer.shows(".steps").await;
    by_day_and_night(buyer, "draw").await;
    let first = site.stranger("narrow").await;
    buyer.joins(&site, "narrow").await;
    buyer.shows("[data-testid=position]").await;
    by_day_and_night(buyer, "waiting room").await;
    site.leaves("narrow", &first).await;
    buyer.shows("[data-testid=to-shop]").await;
    by_day_and_night(buyer, "turn").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_view_is_accessible_in_english_on_a_desktop() {
    let eyes = Eyes {
        still: true,
        ..DESKTOP
    };
    browse([eyes], async |[buyer]| every_view(buyer).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_view_is_accessible_in_korean_on_a_narrow_phone() {
    let eyes = Eyes {
        still: true,
        language: "ko-KR,ko",
        ..PHONE
    };
    browse([eyes], async |[buyer]| every_view(buyer).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_moves_when_reduced_motion_is_preferred() {
    let still = Eyes {
        still: true,
        ..PHONE
    };
    browse([still, PHONE], async |[still, lively]| {
        let site = Site::with(&[HALL]).await;
        for buyer in [still, lively] {
            buyer.open(&site.view("e/hall")).await;
            buyer.shows("[data-testid=join]").await;
        }
        let moves = "return getComputedStyle(document.querySelector('.view')).animationName";
        assert_eq!(still.run(moves).await, "none");
        assert_eq!(lively.run(moves).await, "arrive");
    })
    .await;
}
