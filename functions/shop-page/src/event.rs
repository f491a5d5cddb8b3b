//! What the heads of pages tell, as get-event and list-events answer it. Texts in several languages are maps of language tags.

use std::collections::BTreeMap;

use domain::fees::Fees;
use domain::ids::EventId;
use domain::money::{Currency, Money};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    #[serde(rename = "eventId")]
    pub(crate) id: EventId,
    #[serde(rename = "eventName")]
    pub(crate) name: String,
    pub(crate) venue: String,
    pub(crate) currency: Currency,
    #[serde(default)]
    fees: Fees,
    #[serde(default)]
    pub(crate) address: Option<String>,
    #[serde(default)]
    pub(crate) organizer: Option<String>,
    #[serde(default)]
    pub(crate) artists: Vec<String>,
    #[serde(default)]
    description: Text,
    #[serde(default)]
    pub(crate) image: Option<Image>,
    #[serde(default)]
    cancelled_at: Option<String>,
    #[serde(default)]
    pub(crate) hidden: bool,
    #[serde(default)]
    pub(crate) opens_at: Option<String>,
    available_tickets: u32,
    /// General admission only, like `starts_at` and `doors_open_at`.
    #[serde(default)]
    price: Option<Money>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    postponed_from: Vec<String>,
    #[serde(default)]
    doors_open_at: Option<String>,
    #[serde(default)]
    dates: Vec<Date>,
}

/// The list of events.
#[derive(Deserialize)]
pub(crate) struct Events {
    events: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(default)]
    image: Option<Image>,
    /// Sorted. All times of the API are in UTC and of one length, so their texts sort like times.
    #[serde(default)]
    start_times: Vec<String>,
}

impl Listed {
    fn next_start(&self, now: &str) -> Option<&str> {
        let mut starts = self.start_times.iter().map(String::as_str);
        starts.find(|start| *start > now)
    }
}

impl Events {
    /// The picture of the event with the next performance, which the list shows first (web/js/event-search.js).
    pub(crate) fn first_image(&self, now: &str) -> Option<&Image> {
        let upcoming = self
            .events
            .iter()
            .filter_map(|event| Some((event.next_start(now)?, event)));
        let (_, first) = upcoming.min_by_key(|(start, _)| *start)?;
        first.image.as_ref()
    }
}

type Text = BTreeMap<String, String>;

#[derive(Deserialize)]
pub(crate) struct Image {
    pub(crate) sources: Vec<Source>,
    #[serde(default)]
    alt: Text,
}

#[derive(Deserialize)]
pub(crate) struct Source {
    /// A path.
    pub(crate) url: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Date {
    starts_at: String,
    #[serde(default)]
    postponed_from: Vec<String>,
    #[serde(default)]
    cancelled_at: Option<String>,
    #[serde(default)]
    doors_open_at: Option<String>,
    available_seats: u32,
    sections: Vec<Section>,
}

#[derive(Deserialize)]
struct Section {
    price: Money,
}

/// A performance, of either kind of admission.
pub(crate) struct Performance<'a> {
    pub(crate) starts_at: &'a str,
    /// The starts before, if it was postponed.
    pub(crate) postponed_from: &'a [String],
    pub(crate) is_cancelled: bool,
    pub(crate) doors_open_at: Option<&'a str>,
    /// With the fee of the ticket.
    pub(crate) lowest_price: Money,
    pub(crate) is_sold_out: bool,
}

impl Event {
    /// All performances whose start is known.
    pub(crate) fn performances(&self) -> impl Iterator<Item = Performance<'_>> {
        let general = self.starts_at.as_deref().map(|starts_at| Performance {
            starts_at,
            postponed_from: &self.postponed_from,
            is_cancelled: self.cancelled_at.is_some(),
            doors_open_at: self.doors_open_at.as_deref(),
            lowest_price: self.fees.with_ticket_fee(self.price.unwrap_or(Money::ZERO)),
            is_sold_out: self.available_tickets == 0,
        });
        let seated = self.dates.iter().map(|date| {
            let prices = date
                .sections
                .iter()
                .map(|section| self.fees.with_ticket_fee(section.price));
            Performance {
                starts_at: &date.starts_at,
                postponed_from: &date.postponed_from,
                is_cancelled: date.cancelled_at.is_some() || self.cancelled_at.is_some(),
                doors_open_at: date.doors_open_at.as_deref(),
                lowest_price: prices.min().unwrap_or(Money::ZERO),
                is_sold_out: date.available_seats == 0,
            }
        });
        general.into_iter().chain(seated)
    }

    /// The first paragraph of the description, without the marks of Markdown. If there is none: the venue.
    pub(crate) fn summary(&self) -> String {
        let text = any_of(&self.description).unwrap_or_default();
        let first = text.split("\n\n").find(|part| !part.trim().is_empty());
        let Some(first) = first else {
            return self.venue.clone();
        };
        first
            .replace(['*', '\n'], " ")
            .trim()
            .chars()
            .take(MOST_SUMMARY)
            .collect()
    }
}

/// Search engines show about this many characters.
const MOST_SUMMARY: usize = 200;

impl Image {
    /// The widest picture.
    pub(crate) fn widest(&self) -> Option<&Source> {
        self.sources.iter().max_by_key(|source| source.width)
    }

    pub(crate) fn alt(&self) -> Option<&str> {
        any_of(&self.alt)
    }
}

/// A page is the same for all languages, because it is cached. The original text if there is one, then English, then any.
fn any_of(text: &Text) -> Option<&str> {
    let text = text
        .get("und")
        .or_else(|| text.get("en"))
        .or_else(|| text.values().next());
    text.map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_picture_is_that_of_the_next_performance() {
        let event = |hash: &str, starts: &[&str]| {
            let source =
                json!({"url": format!("/images/e/{hash}-480.jpg"), "width": 480, "height": 320});
            json!({"startTimes": starts, "image": {"sources": [source]}})
        };
        let events = |list: &[serde_json::Value]| -> Events {
            serde_json::from_value(json!({ "events": list })).unwrap()
        };
        let (early, late) = ("2026-12-24T10:00:00.000Z", "2026-12-31T10:00:00.000Z");
        let listed = events(&[
            json!({}),
            event("later", &[late]),
            event("next", &[early, late]),
        ]);
        let first = |now: &str| {
            let image = listed.first_image(now)?;
            Some(image.sources[0].url.as_str())
        };
        assert_eq!(
            first("2026-12-01T00:00:00.000Z"),
            Some("/images/e/next-480.jpg")
        );
        // The first of its performances has begun. Of two at the same time, the first in the list counts.
        assert_eq!(first(early), Some("/images/e/later-480.jpg"));
        assert_eq!(first(late), None);
        let without = events(&[json!({"startTimes": [early]}), event("later", &[late])]);
        assert!(without.first_image("2026-12-01T00:00:00.000Z").is_none());
    }
}
