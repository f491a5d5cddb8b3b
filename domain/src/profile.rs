//! Facts and texts about an event that its pages and tickets show. No rule depends on them.

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::image::Image;
use crate::localized::LocalizedText;
use crate::money::Money;

/// The name of a time zone of the IANA database: `Asia/Seoul`. The catalogue checks that it exists;
/// the functions do not have the database.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeZoneName(pub String);

/// Short facts about an event. All of them are optional.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artists: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The street address of the venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The venue's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZoneName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizer: Option<String>,
    /// For receipts. An event that has it, has an organizer, as with the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizer_tax_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizer_address: Option<String>,
    /// The minimum age in years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
}

/// What the list of events shows about an event's dates. It is stored with the event, so that the
/// list does not have to read dates.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Overview {
    /// The starts of all dates in ascending order. One for general admission with a start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub start_times: Vec<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lowest_price: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highest_price: Option<Money>,
}

impl Overview {
    /// The overview of dates with these starts and prices.
    #[must_use]
    pub fn of(
        starts: impl Iterator<Item = EpochMs>,
        prices: impl Iterator<Item = Money> + Clone,
    ) -> Self {
        let mut start_times: Vec<EpochMs> = starts.collect();
        start_times.sort_unstable();
        Self {
            start_times,
            lowest_price: prices.clone().min(),
            highest_price: prices.max(),
        }
    }
}

/// Long texts about an event. They are stored apart from the event, which every function reads.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Texts {
    /// In a subset of Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<LocalizedText>,
    /// The conditions of a purchase, in a subset of Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms: Option<LocalizedText>,
}

impl Texts {
    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
