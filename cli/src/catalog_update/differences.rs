//! What a catalogue changes, field by field, in the catalogue's own terms.

use std::collections::{BTreeMap, BTreeSet};

use domain::clock::EpochMs;
use domain::event::{Event, EventDate};
use domain::fees::TaxRate;
use domain::localized::LocalizedText;
use domain::profile::Texts;
use domain::seating::{Drawing, Rows};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::store::Described;

/// One line for each changed field, with its old and its new value.
pub(super) fn differences(before: &Described, after: &Described) -> Vec<String> {
    let (former, programme) = (&before.programme, &after.programme);
    let mut lines = changes(
        &event_fields(&former.event),
        &event_fields(&programme.event),
    );
    lines.extend(changes(
        &text_fields(&before.texts),
        &text_fields(&after.texts),
    ));
    let keys: BTreeSet<_> = former.dates.keys().chain(programme.dates.keys()).collect();
    for key in keys {
        match (former.dates.get(key), programme.dates.get(key)) {
            (Some(before), Some(after)) => {
                lines.extend(changes(&date_fields(before), &date_fields(after)));
            }
            (None, Some(date)) => lines.push(format!("dates[{key}]: added: {}", summary(date))),
            (Some(date), None) => lines.push(format!("dates[{key}]: removed: {}", summary(date))),
            (None, None) => {}
        }
    }
    lines
}

/// Describes a date in few words.
pub(super) fn summary(date: &EventDate) -> String {
    let sections = date.sections.iter().map(|section| {
        let rows = section
            .rows
            .as_ref()
            .map(|rows| format!(" in {} rows", rows.count()))
            .unwrap_or_default();
        format!(
            "{} {} seats{rows} at {}",
            section.name, section.seats, section.price
        )
    });
    let sections: Vec<String> = sections.collect();
    format!("startsAt {}, {}", date.starts_at, sections.join(", "))
}

/// Values as they are printed, by field.
type Fields = BTreeMap<String, String>;

fn changes(before: &Fields, after: &Fields) -> Vec<String> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let value = |fields: &Fields, key| fields.get(key).map_or("none", String::as_str).to_owned();
    keys.into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| format!("{key}: {} -> {}", value(before, key), value(after, key)))
        .collect()
}

fn event_fields(event: &Event) -> Fields {
    let mut fields = Fields::new();
    flatten("", &to_json(&event.terms), &mut fields);
    // What operators set by command.
    let control = [
        ("maxActive", event.control.max_active.map(|n| n.to_string())),
        ("batchSize", event.control.batch_size.map(|n| n.to_string())),
        ("beacon", event.control.beacon.clone()),
    ];
    for (name, value) in control {
        if let Some(value) = value {
            fields.insert(format!("{name} set by command"), value);
        }
    }
    fields
}

/// The beginning of each text by field and language.
fn text_fields(texts: &Texts) -> Fields {
    const SHOWN: usize = 60;
    let named = [("description", &texts.description), ("terms", &texts.terms)];
    let mut fields = Fields::new();
    for (name, text) in named {
        for (language, text) in text.iter().flat_map(LocalizedText::iter) {
            let count = text.chars().count();
            let shown: String = text.chars().take(SHOWN).collect();
            // Texts that begin alike differ by their hash.
            let hash = hex::encode(Sha256::digest(text));
            let shown = if count > SHOWN {
                format!("{shown}… ({count} characters, {})", &hash[..8])
            } else {
                shown
            };
            fields.insert(format!("{name}.{language}"), shown);
        }
    }
    fields
}

fn date_fields(date: &EventDate) -> Fields {
    let key = format!("dates[{}]", date.date);
    let mut fields = Fields::from([(format!("{key}.startsAt"), date.starts_at.to_string())]);
    if let Some(doors) = date.doors_open_at {
        fields.insert(format!("{key}.doorsOpenAt"), doors.to_string());
    }
    for section in &date.sections {
        let path = format!("{key}.sections[{}]", section.name);
        let mut field = |name: &str, value: String| {
            fields.insert(format!("{path}.{name}"), value);
        };
        field("seats", section.seats.to_string());
        field("price", section.price.to_string());
        field("first seat", section.first_seat.to_string());
        match &section.rows {
            None => {}
            Some(Rows::Equal(rows)) => field("rows", rows.to_string()),
            Some(Rows::Lengths(lengths)) => field("rows", list(lengths)),
        }
        if !section.row_labels.is_empty() {
            field("rowLabels", list(&section.row_labels));
        }
        if let Some(numbering) = &section.numbering {
            let from = serde_json::to_value(numbering.from).unwrap_or_default();
            field("numbering.from", printed("from", &from));
            field("numbering.start", numbering.start.to_string());
            if !numbering.skip.is_empty() {
                field("numbering.skip", list(&numbering.skip));
            }
        }
        if !section.aisles.is_empty() {
            field("aisles", list(&section.aisles));
        }
        if let Some(drawing) = &section.drawing {
            let Drawing {
                x,
                y,
                rotate,
                curve,
            } = drawing;
            field(
                "drawing",
                format!("x {x}, y {y}, rotate {rotate}, curve {curve}"),
            );
        }
    }
    fields
}

/// As a catalogue has it.
fn list<T: ToString>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    format!("[{}]", values.join(", "))
}

fn to_json(terms: &domain::event::Terms) -> Value {
    // Terms are plain structs, which always convert.
    serde_json::to_value(terms).unwrap_or_default()
}

/// Names that the terms have and a catalogue does not, because it has their fields one level higher.
const WITHOUT_LEVEL: [&str; 2] = ["general", "batch"];
/// Derived from other fields.
const DERIVED: [&str; 4] = ["lastStart", "stockShards", "overview", "sizes"];

fn flatten(path: &str, value: &Value, fields: &mut Fields) {
    let Value::Object(map) = value else {
        fields.insert(path.to_owned(), printed(path, value));
        return;
    };
    let below = |name: &str| match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    };
    for (name, value) in map {
        match (name.as_str(), value) {
            (name, _) if DERIVED.contains(&name) => {}
            // Stored in hundredths of a percent.
            ("taxRate", rate) => {
                let rate = serde_json::from_value::<TaxRate>(rate.clone());
                let percent = rate.map_or_else(|_| String::new(), TaxRate::in_percent);
                fields.insert(below("taxRatePercent"), percent);
            }
            ("presales", Value::Array(presales)) => {
                for presale in presales {
                    let name = presale.get("name").and_then(Value::as_str);
                    flatten(
                        &format!("presales[{}]", name.unwrap_or_default()),
                        presale,
                        fields,
                    );
                }
            }
            ("profile", profile) => flatten(path, profile, fields),
            ("admission" | "strategy", Value::Object(inner)) => {
                // `{"general": {…}}` stands for `admission: general` and the fields within.
                for (word, inner) in inner {
                    fields.insert(below(name), word.clone());
                    if WITHOUT_LEVEL.contains(&word.as_str()) {
                        flatten(path, inner, fields);
                    }
                }
            }
            (name, value) => flatten(&below(name), value, fields),
        }
    }
}

fn printed(path: &str, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(ms) if path.ends_with("At") => ms
            .as_i64()
            .map_or_else(|| ms.to_string(), |ms| EpochMs(ms).to_string()),
        other => other.to_string(),
    }
}
