//! template.yaml, parsed as YAML: `!Ref Table` becomes the string `Table`, and `!Sub` and other tags leave their strings.

use serde_json::Value;

pub const TEMPLATE: &str = include_str!("../../template.yaml");

pub const FUNCTION: &str = "AWS::Serverless::Function";

/// The whole template.
///
/// # Panics
/// If it is not YAML.
#[must_use]
pub fn template() -> Value {
    serde_saphyr::from_str(TEMPLATE).expect("YAML")
}

/// The resources of this type, by their logical ids.
///
/// # Panics
/// If there are no resources at all.
pub fn resources_of<'a>(
    template: &'a Value,
    kind: &'static str,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let resources = template["Resources"].as_object().expect("resources");
    let resources = resources.iter().map(|(id, value)| (id.as_str(), value));
    resources.filter(move |(_, resource)| resource["Type"] == kind)
}

/// `list-events` for `ListEventsFunction`.
#[must_use]
pub fn binary(function: &Value) -> &str {
    text(&function["Metadata"]["BuildProperties"]["Binary"])
}

/// # Panics
/// If it is not a string.
#[must_use]
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The strings of a list; none if it is not a list.
#[must_use]
pub fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(text).collect()
}
