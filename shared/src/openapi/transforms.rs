//! Transformations of the generated JSON schemas.

use schemars::Schema;
use serde_json::{Value, json};

/// Optional values are omitted and never null.
pub(super) fn never_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let null = json!({"type": "null"});
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| *choice != null);
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (name, value) in only {
                schema.insert(name, value);
            }
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

/// Combines an enum whose values have their own comments into one list of values.
pub(super) fn plain_enum(schema: &mut Schema) {
    let Some(Value::Array(choices)) = schema.get("oneOf") else {
        return;
    };
    let mut words = Vec::new();
    let mut lines = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum")) {
            (Some(Value::String(word)), _) => {
                let said = choice["description"].as_str().unwrap_or_default();
                lines.push(format!("- `{word}`: {}", said.replace('\n', " ")));
                words.push(Value::from(word.as_str()));
            }
            (None, Some(Value::Array(undescribed))) => words.extend(undescribed.iter().cloned()),
            _ => return,
        }
    }
    let said = match schema.get("description") {
        Some(Value::String(said)) => format!("{said}\n\n"),
        _ => String::new(),
    };
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), words.into());
    schema.insert(
        "description".to_owned(),
        format!("{said}{}", lines.join("\n\n")).into(),
    );
}

/// Joins the lines of a comment's paragraphs.
pub(super) fn on_one_line(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let lines: Vec<_> = text
            .split("\n\n")
            .map(|part| part.replace('\n', " "))
            .collect();
        *text = lines.join("\n\n");
    }
}
