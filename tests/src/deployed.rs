//! template.yaml, read as YAML: `!Ref Table` is the text `Table`, and `!Sub` and the like leave their texts.

use serde_json::Value;

pub const TEMPLATE: &str = include_str!("../../template.yaml");

pub const FUNCTION: &str = "AWS::Serverless::Function";

/// All of it.
///
/// # Panics
/// Where it is no YAML.
#[must_use]
pub fn template() -> Value {
    serde_saphyr::from_str(TEMPLATE).expect("YAML")
}

/// The resources of this kind, by their logical ids.
///
/// # Panics
/// Where there are no resources at all.
pub fn resources_of<'a>(
    template: &'a Value,
    kind: &'static str,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let resources = template["Resources"].as_object().expect("resources");
    let resources = resources.iter().map(|(id, value)| (id.as_str(), value));
    resources.filter(move |(_, resource)| resource["Type"] == kind)
}

/// `list-events` of `ListEventsFunction`.
#[must_use]
pub fn binary(function: &Value) -> &str {
    text(&function["Metadata"]["BuildProperties"]["Binary"])
}

/// # Panics
/// Where it is none.
#[must_use]
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Those of a list; none where there is no list.
#[must_use]
pub fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(text).collect()
}
