//! The pages of the shop that people open and share: what messengers and search engines read of them, and the data that they
//! bring along.

use std::path::Path;

use domain::money::Money;
use lambda_http::http::HeaderMap;
use serde_json::{Value, json};

use crate::wire::{Fault, Rule};
use crate::world::{DATE, EVENT, FESTIVAL, Reply, World, concert, festival};

/// What a browser gets for a path.
async fn open(world: &World, path: &str) -> Reply {
    let headers = [
        ("host", "tickets.example.com"),
        ("x-forwarded-proto", "https"),
    ];
    world.send("GET", path, &headers, None).await
}

/// The text of the first element that begins like this.
fn element<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start}"));
    let (_, content) = rest.split_once('>').unwrap();
    content.split_once(end).unwrap().0
}

/// The JSON in the first script that begins like this.
fn script(page: &str, start: &str) -> Value {
    serde_json::from_str(element(page, start, "</script>")).unwrap()
}

const ANSWER: &str = "<script id=\"answer\"";
const STRUCTURED: &str = "<script type=\"application/ld+json\"";

fn meta<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("=\"{name}\" content=\""))
        .unwrap_or_else(|| panic!("no {name}"));
    rest.split_once('"').unwrap().0
}

fn policy(headers: &HeaderMap) -> &str {
    headers["content-security-policy"].to_str().unwrap()
}

#[tokio::test]
async fn the_page_of_an_event_tells_messengers_and_search_engines_what_it_is() {
    let world = World::new().await;
    let reply = open(&world, &format!("/e/{EVENT}")).await;
    assert_eq!(reply.status, 200);
    let address = format!("https://tickets.example.com/e/{EVENT}");
    assert_eq!(
        element(&reply.text, "<title", "</title>"),
        "Winter Live 2026 · Boxoffice"
    );
    assert_eq!(
        meta(&reply.text, "og:title"),
        "Winter Live 2026 · Olympic Hall"
    );
    assert_eq!(meta(&reply.text, "og:url"), address);
    assert!(
        reply
            .text
            .contains(&format!("<link rel=\"canonical\" href=\"{address}\">"))
    );
    let structured = script(&reply.text, STRUCTURED);
    let first = &structured[0];
    assert_eq!(first["@type"], "MusicEvent");
    assert_eq!(first["name"], "Winter Live 2026");
    assert_eq!(first["startDate"], "2026-12-24T10:00:00.000Z");
    assert_eq!(first["location"]["name"], "Olympic Hall");
    assert_eq!(first["offers"]["price"], "50000");
    assert_eq!(first["offers"]["priceCurrency"], "KRW");
    assert_eq!(
        first["offers"]["availability"],
        "https://schema.org/InStock"
    );
    assert_eq!(structured.as_array().unwrap().len(), 2, "one for each date");
}

#[tokio::test]
async fn search_engines_are_told_the_price_with_the_fee_of_the_ticket() {
    let mut programme = concert();
    programme.event.terms.fees.per_ticket = Money(2_000);
    let world = World::with(programme).await;
    let reply = open(&world, &format!("/e/{EVENT}")).await;
    let structured = script(&reply.text, STRUCTURED);
    assert_eq!(structured[0]["offers"]["price"], "52000");
}

/// A browser that is told two widths loads two pictures.
#[test]
fn preloaded_pictures_are_as_wide_as_the_pages_show_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let head = source("functions/shop-page/src/head.rs");
    for (name, page, first) in [
        ("SIZES", "web/js/event.js", "true"),
        ("CARD_SIZES", "web/js/events.js", "isFirst"),
    ] {
        let (_, sizes) = head.split_once(&format!("const {name}: &str = ")).unwrap();
        let (sizes, _) = sizes.split_once(';').unwrap();
        let shown = format!("picture(event, {sizes}, {first})");
        assert!(source(page).contains(&shown), "{shown}");
    }
}

#[tokio::test]
async fn a_page_brings_the_answer_that_its_first_view_shows() {
    let world = World::new().await;
    world.add(festival()).await;
    for (path, api) in [
        ("/".to_owned(), "/events".to_owned()),
        (format!("/e/{EVENT}"), format!("/events/{EVENT}")),
        (format!("/e/{FESTIVAL}"), format!("/events/{FESTIVAL}")),
    ] {
        let page = open(&world, &path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(
            page.text.contains(&format!("data-path=\"{api}\"")),
            "{path}"
        );
        assert_eq!(
            script(&page.text, ANSWER),
            world.get(&api, "").await.body,
            "{path}"
        );
        // It is kept for some seconds, and revalidated by its tag.
        assert_eq!(
            page.header("cache-control"),
            "public, max-age=0, s-maxage=5, must-revalidate"
        );
        let tag = page.header("etag").to_owned();
        let again = world
            .send(
                "GET",
                &path,
                &[
                    ("host", "tickets.example.com"),
                    ("x-forwarded-proto", "https"),
                    ("if-none-match", &tag),
                ],
                None,
            )
            .await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
    }
}

#[tokio::test]
async fn a_sold_out_date_and_an_unpriced_event_are_told_as_they_are() {
    let mut programme = concert();
    for date in programme.dates.values_mut() {
        date.sections.truncate(1);
        date.sections[0].seats = 1;
    }
    let world = World::with(programme).await;
    let buyer = world.joins(EVENT).await;
    assert_eq!(world.hold(&buyer, 1).await.status, 201);
    world.clock.advance_seconds(2);
    let page = open(&world, &format!("/e/{EVENT}")).await;
    let structured = script(&page.text, STRUCTURED);
    let availability = |at: usize| {
        structured[at]["offers"]["availability"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(availability(0), "https://schema.org/SoldOut");
    assert_eq!(availability(1), "https://schema.org/InStock");
    assert_eq!(
        structured[0]["startDate"].as_str().unwrap().get(..10),
        Some(DATE)
    );
    // An event without a start has a page, and nothing for a search engine's calendar.
    let mut someday = festival();
    someday.event.terms.last_start = None;
    world.add(someday).await;
    let page = open(&world, &format!("/e/{FESTIVAL}")).await;
    assert_eq!(script(&page.text, STRUCTURED), json!([]));
}

#[tokio::test]
async fn markup_in_the_name_of_an_event_stays_text() {
    let mut programme = concert();
    let name = "</script><script>alert(1)</script>\"'&<b>";
    programme.event.terms.name = name.to_owned();
    let world = World::with(programme).await;
    let page = open(&world, &format!("/e/{EVENT}")).await;
    assert!(
        !page.text.contains("<script>alert"),
        "it would be an element"
    );
    assert_eq!(script(&page.text, STRUCTURED)[0]["name"], name);
    assert_eq!(script(&page.text, ANSWER)["eventName"], name);
    let escaped = "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;&lt;b&gt;";
    assert!(meta(&page.text, "og:title").starts_with(escaped));
}

#[tokio::test]
async fn an_event_that_does_not_exist_is_a_404_with_a_page() {
    let world = World::new().await;
    for path in ["/e/nobody", "/e/No%20Event"] {
        let page = open(&world, path).await;
        assert_eq!(page.status, 404, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(!page.text.contains(ANSWER), "{path}");
    }
}

#[tokio::test]
async fn without_the_store_the_shop_comes_without_data() {
    let world = World::new().await;
    let process = world.another_process();
    process
        .wire
        .inject(Rule::every("Query", "EVENT#", Fault::Throttle));
    process
        .wire
        .inject(Rule::every("Query", "CATALOG", Fault::Throttle));
    for path in ["/".to_owned(), format!("/e/{EVENT}")] {
        let page = open(&process, &path).await;
        assert_eq!(
            (page.status, page.header("cache-control")),
            (200, "no-store"),
            "{path}"
        );
        assert!(
            page.text.contains("<title>Boxoffice</title>") && !page.text.contains(ANSWER),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_pages_with_data_allow_what_the_others_allow_and_no_more() {
    let world = World::new().await;
    let other = policy(&open(&world, "/wallet").await.headers).to_owned();
    for path in ["/".to_owned(), format!("/e/{EVENT}")] {
        let page = open(&world, &path).await;
        assert_eq!(policy(&page.headers), other, "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let world = World::new().await;
    for (path, status) in [("/", 200), ("/e/winter-live", 200), ("/e/nobody", 404)] {
        assert_eq!(
            world.call("HEAD", path, "", None).await.status,
            status,
            "{path}"
        );
    }
}
