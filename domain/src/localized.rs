//! Texts in several languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A BCP 47 language tag: a language in lower case, optionally with script, region and variants.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LanguageTag(String);

impl LanguageTag {
    /// The tag of a text whose language is not stated.
    pub const UNDETERMINED: &'static str = "und";

    /// Parses a tag.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split('-');
        let language = parts.next().unwrap_or_default();
        let is_language = (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_subtag = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if is_language && text.len() <= 35 && parts.all(is_subtag) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` is not a language tag such as en, ko or zh-Hant"
            ))
        }
    }

    /// The tag of a text whose language is not stated.
    #[must_use]
    pub fn undetermined() -> Self {
        Self(Self::UNDETERMINED.to_owned())
    }
}

impl std::fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text in one or more languages.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LocalizedText(BTreeMap<LanguageTag, String>);

impl LocalizedText {
    /// A text in these languages. `None` if there is no language.
    #[must_use]
    pub fn new(texts: BTreeMap<LanguageTag, String>) -> Option<Self> {
        (!texts.is_empty()).then_some(Self(texts))
    }

    /// A text whose language is not stated.
    #[must_use]
    pub fn undetermined(text: String) -> Self {
        Self(BTreeMap::from([(LanguageTag::undetermined(), text)]))
    }

    /// The texts by language.
    pub fn iter(&self) -> impl Iterator<Item = (&LanguageTag, &str)> {
        self.0.iter().map(|(language, text)| (language, &**text))
    }

    /// The size of the stored texts in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.iter().map(|(_, text)| text.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_tag_begins_with_a_language_in_lower_case() {
        for tag in ["en", "ko", "und", "zh-Hant", "pt-BR", "de-1901", "en-x-a"] {
            assert!(LanguageTag::parse(tag).is_ok(), "{tag}");
        }
        for tag in [
            "",
            "EN",
            "e",
            "english",
            "en_US",
            "en-",
            "한국어",
            "en-toolongsubtag",
        ] {
            assert!(LanguageTag::parse(tag).is_err(), "{tag}");
        }
    }
}
