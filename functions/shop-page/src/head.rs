//! The head of a page: its title, Open Graph for messengers (<https://ogp.me>), and JSON-LD for search engines
//! (<https://developers.google.com/search/docs/appearance/structured-data/event>).

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::event::{Event, Events, Image, Performance};
use crate::within_script;

const SITE: &str = "Boxoffice";
const LEAD: &str = "Concert tickets: a fair line, and seats held for you while you pay.";
/// A search engine reads no more than the next performances.
const MOST_PERFORMANCES: usize = 60;

/// How wide the page of an event shows its picture. As in web/js/event.js: otherwise the browser loads two sizes.
const SIZES: &str = "(min-width: 44rem) 32rem, 100vw";
/// The same for the cards of the list, as in web/js/events.js.
const CARD_SIZES: &str = "(min-width: 64rem) 22rem, (min-width: 44rem) 45vw, 100vw";

pub(crate) fn of_no_event() -> Markup {
    html! {
        title { (SITE) }
        meta name="description" content=(LEAD);
    }
}

/// `now` is a time as the API writes it.
pub(crate) fn of_front_page(events: &Events, origin: &str, now: &str) -> Markup {
    html! {
        (of_no_event())
        link rel="canonical" href={ (origin) "/" };
        (open_graph(SITE, LEAD, &format!("{origin}/")))
        @if let Some(image) = events.first_image(now) { (early_request(image, CARD_SIZES)) }
    }
}

pub(crate) fn of_event(event: &Event, origin: &str) -> Markup {
    let address = format!("{origin}/e/{}", event.id);
    let title = format!("{} · {}", event.name, event.venue);
    let summary = event.summary();
    html! {
        title { (event.name) " · " (SITE) }
        meta name="description" content=(summary);
        @if event.hidden { meta name="robots" content="noindex"; }
        link rel="canonical" href=(address);
        (open_graph(&title, &summary, &address))
        @if let Some(image) = &event.image { (picture(image, origin)) }
        script type="application/ld+json" { (within_script(&structured(event, &address, origin).to_string())) }
    }
}

fn open_graph(title: &str, summary: &str, address: &str) -> Markup {
    html! {
        meta property="og:site_name" content=(SITE);
        meta property="og:type" content="website";
        meta property="og:title" content=(title);
        meta property="og:description" content=(summary);
        meta property="og:url" content=(address);
    }
}

/// Lets the browser load the picture that the page shows first before the script asks for it.
fn early_request(image: &Image, sizes: &str) -> Markup {
    let sources: Vec<String> = image
        .sources
        .iter()
        .map(|source| format!("{} {}w", source.url, source.width))
        .collect();
    html! {
        link rel="preload" as="image" imagesrcset=(sources.join(", ")) imagesizes=(sizes) fetchpriority="high";
    }
}

/// The picture for messengers, and for the page.
fn picture(image: &Image, origin: &str) -> Markup {
    html! {
        (early_request(image, SIZES))
        @if let Some(widest) = image.widest() {
            meta property="og:image" content={ (origin) (widest.url) };
            meta property="og:image:width" content=(widest.width);
            meta property="og:image:height" content=(widest.height);
            @if let Some(alt) = image.alt() { meta property="og:image:alt" content=(alt); }
            meta name="twitter:card" content="summary_large_image";
        }
    }
}

/// An Event of schema.org for each performance.
fn structured(event: &Event, address: &str, origin: &str) -> Value {
    let performances = event.performances().take(MOST_PERFORMANCES);
    performances
        .map(|performance| one(event, &performance, address, origin))
        .collect()
}

fn one(event: &Event, performance: &Performance<'_>, address: &str, origin: &str) -> Value {
    let image = event.image.as_ref().and_then(Image::widest);
    let performers = event
        .artists
        .iter()
        .map(|artist| json!({"@type": "PerformingGroup", "name": artist}));
    let mut described = json!({
        "@context": "https://schema.org",
        "@type": "MusicEvent",
        "name": event.name,
        "description": event.summary(),
        "url": address,
        "startDate": performance.starts_at,
        "doorTime": performance.doors_open_at,
        "previousStartDate": performance.postponed_from,
        "eventStatus": status(performance),
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": {
            "@type": "Place",
            "name": event.venue,
            "address": event.address.as_deref().unwrap_or(&event.venue),
        },
        "image": image.map(|image| [format!("{origin}{}", image.url)]),
        "performer": performers.collect::<Value>(),
        "organizer": event.organizer.as_ref().map(|name| json!({"@type": "Organization", "name": name, "url": origin})),
        "offers": {
            "@type": "Offer",
            "url": address,
            "price": performance.lowest_price.in_major_units(&event.currency),
            "priceCurrency": event.currency,
            "availability": if performance.is_sold_out { "https://schema.org/SoldOut" } else { "https://schema.org/InStock" },
            "validFrom": event.opens_at,
        },
    });
    without_nulls(&mut described);
    described
}

/// As schema.org names it.
fn status(performance: &Performance<'_>) -> &'static str {
    if performance.is_cancelled {
        "https://schema.org/EventCancelled"
    } else if performance.postponed_from.is_empty() {
        "https://schema.org/EventScheduled"
    } else {
        "https://schema.org/EventRescheduled"
    }
}

fn without_nulls(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, field| {
            !field.is_null() && field.as_array().is_none_or(|list| !list.is_empty())
        });
        fields.values_mut().for_each(without_nulls);
    }
}
