//! Texts of a catalogue: in one language or several, plain or in a subset of Markdown.

use std::collections::BTreeMap;

use domain::localized::{LanguageTag, LocalizedText};
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag};
use serde::de::value::Error as ScalarError;
use serde::de::{Deserialize, Deserializer, MapAccess};

use super::raw::check_name;
use super::yaml::FieldValue;
use crate::output::is_hidden;

/// Languages of one text.
const MAX_LANGUAGES: usize = 20;
/// Characters of a text in Markdown, in each language.
const MAX_MARKDOWN_LENGTH: usize = 10_000;
/// Characters of a text without markup, in each language.
const MAX_PLAIN_LENGTH: usize = 300;
/// Bytes of an event's texts in Markdown, in all languages: a quarter of what an item of DynamoDB can hold.
pub(super) const MAX_BYTES_PER_EVENT: usize = 100_000;

/// A text as it is written: a string, or a map from languages to strings. Not checked yet.
pub(super) struct WrittenText(BTreeMap<String, String>);

impl FieldValue for WrittenText {
    const KIND: &'static str = "a text, or a map from languages to texts";

    fn from_scalar<'de>(
        scalar: impl Deserializer<'de, Error = ScalarError>,
    ) -> Result<Self, String> {
        let text = String::deserialize(scalar).map_err(|error| error.to_string())?;
        Ok(Self(BTreeMap::from([(
            LanguageTag::UNDETERMINED.to_owned(),
            text,
        )])))
    }

    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Result<Self, String>, A::Error> {
        let mut texts = BTreeMap::new();
        let mut repeated = None;
        while let Some((language, text)) = map.next_entry::<String, String>()? {
            if texts.insert(language.clone(), text).is_some() {
                repeated = Some(language);
            }
        }
        Ok(match repeated {
            Some(language) => Err(format!("{language}: appears more than once")),
            None if texts.is_empty() => Err("must not be empty".to_owned()),
            None if texts.len() > MAX_LANGUAGES => {
                Err(format!("must have at most {MAX_LANGUAGES} languages"))
            }
            None => Ok(Self(texts)),
        })
    }
}

impl WrittenText {
    /// The text, if it is in Markdown that the pages can show.
    pub(super) fn markdown(self) -> Result<LocalizedText, String> {
        self.each(check_markdown)
    }

    /// The text, if it is a short one without markup.
    pub(super) fn plain(self) -> Result<LocalizedText, String> {
        self.each(|text| check_name(text, MAX_PLAIN_LENGTH))
    }

    fn each(self, check: impl Fn(&str) -> Result<(), String>) -> Result<LocalizedText, String> {
        let mut texts = BTreeMap::new();
        for (language, text) in self.0 {
            let text = text.trim();
            check(text).map_err(|message| {
                if language == LanguageTag::UNDETERMINED {
                    message
                } else {
                    format!("{language}: {message}")
                }
            })?;
            texts.insert(LanguageTag::parse(&language)?, text.to_owned());
        }
        LocalizedText::new(texts).ok_or_else(|| "must not be empty".to_owned())
    }
}

/// Paragraphs, bullet lists, bold, italics, and links to https addresses. Everything else is refused, so that no page has to
/// decide what to do with it.
fn check_markdown(text: &str) -> Result<(), String> {
    if !(1..=MAX_MARKDOWN_LENGTH).contains(&text.chars().count()) {
        return Err(format!("must have 1 to {MAX_MARKDOWN_LENGTH} characters"));
    }
    if text.chars().any(|c| is_hidden(c) && c != '\n') {
        return Err(
            "must not contain control characters, or characters that change the direction of the text"
                .to_owned(),
        );
    }
    let parser = Parser::new_ext(text, Options::empty());
    if parser.reference_definitions().iter().next().is_some() {
        return Err("must not contain link definitions: write [text](https://…)".to_owned());
    }
    let mut lists = 0;
    for event in parser {
        match event {
            Event::Start(Tag::List(None)) => {
                lists += 1;
                if lists > 1 {
                    return Err("must not contain a list in a list".to_owned());
                }
            }
            Event::End(pulldown_cmark::TagEnd::List(_)) => lists -= 1,
            Event::Start(Tag::Link {
                link_type: LinkType::Inline,
                dest_url,
                title,
                ..
            }) if is_https(&dest_url) && title.is_empty() => {}
            Event::Start(Tag::Link { dest_url, .. }) => {
                return Err(format!(
                    "`{dest_url}` must be a link to an https address: [text](https://…)"
                ));
            }
            Event::Start(Tag::Paragraph | Tag::Item | Tag::Emphasis | Tag::Strong)
            | Event::End(_)
            | Event::Text(_)
            | Event::SoftBreak
            | Event::HardBreak => {}
            other => {
                return Err(format!(
                    "must not contain {}: only paragraphs, lists with `-`, **bold**, *italics* and [links](https://…)",
                    name_of(&other)
                ));
            }
        }
    }
    Ok(())
}

fn name_of(event: &Event<'_>) -> &'static str {
    match event {
        Event::Start(Tag::Heading { .. }) => "headings",
        Event::Start(Tag::List(Some(_))) => "numbered lists",
        Event::Start(Tag::BlockQuote(_)) => "quotations",
        Event::Start(Tag::CodeBlock(_)) | Event::Code(_) => "code",
        Event::Start(Tag::HtmlBlock) | Event::Html(_) | Event::InlineHtml(_) => "HTML",
        Event::Start(Tag::Image { .. }) => "images",
        Event::Rule => "horizontal lines",
        _ => "this markup",
    }
}

/// Whether a text is an https address that needs no escaping.
pub(super) fn is_https(address: &str) -> bool {
    address.strip_prefix("https://").is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric())
            && rest
                .chars()
                .all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '\\'))
    }) && address.len() <= 500
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subset_of_markdown_is_accepted() {
        for text in [
            "One paragraph.",
            "Two\nlines\n\nand **bold**, *italics*, _also_.",
            "A list:\n\n- one\n- [two](https://example.com/a?b=c#d)\n* three",
            "8세 이상 관람가입니다. 2 * 3 < 7 & more",
        ] {
            assert_eq!(check_markdown(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "# Heading",
            "Heading\n=======",
            "1. numbered",
            "> quote",
            "`code`",
            "```\ncode\n```",
            "    indented",
            "<b>HTML</b>",
            "<script>alert(1)</script>",
            "a <!-- comment --> b",
            "![image](https://example.com/a.png)",
            "---",
            "- a\n  - b",
            "[a](http://example.com)",
            "[a](javascript:alert(1))",
            "[a](//example.com)",
            "[a](https://example.com \"title\")",
            "<https://example.com>",
            "[a][b]\n\n[b]: https://example.com",
            "a\u{202e}b",
            "a\u{7}b",
        ] {
            // Surrounding white space is trimmed before.
            let text = format!("x\n\n{text}\n\nx");
            let text = if text == "x\n\n\n\nx" { "" } else { &text };
            assert!(check_markdown(text).is_err(), "{text}");
        }
        assert!(check_markdown(&"가".repeat(MAX_MARKDOWN_LENGTH + 1)).is_err());
        assert!(check_markdown(&"가".repeat(MAX_MARKDOWN_LENGTH)).is_ok());
    }
}
