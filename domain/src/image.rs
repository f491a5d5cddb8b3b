//! The picture of an event, in several sizes.

use serde::{Deserialize, Serialize};

use crate::localized::LocalizedText;

/// An event's picture. The files are stored apart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Identifies the original and the way in which it is scaled.
    pub hash: ImageHash,
    /// What the picture shows, for people who do not see it.
    pub alt: LocalizedText,
    /// In ascending order of width.
    pub sizes: Vec<ImageSize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageSize {
    pub width: u32,
    pub height: u32,
}

impl Image {
    /// The name of each size.
    pub fn names(&self) -> impl Iterator<Item = ImageName> {
        self.sizes.iter().map(|size| ImageName {
            hash: self.hash.clone(),
            width: size.width,
        })
    }
}

/// 24 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ImageHash(String);

impl ImageHash {
    pub const LENGTH: usize = 24;
}

impl TryFrom<String> for ImageHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == Self::LENGTH && text.bytes().all(is_digit) {
            Ok(Self(text))
        } else {
            Err("is not the hash of a picture".to_owned())
        }
    }
}

/// Names one size of a picture. In a path, `.jpg` follows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ImageName {
    pub hash: ImageHash,
    pub width: u32,
}

impl ImageName {
    /// Parses the last part of a path: `<hash>-<width>.jpg`. Each name has one spelling.
    pub fn parse(text: &str) -> Result<Self, String> {
        let malformed = || "is not the name of a picture".to_owned();
        let (hash, width) = text
            .strip_suffix(".jpg")
            .and_then(|name| name.split_once('-'))
            .ok_or_else(malformed)?;
        let name = Self {
            hash: hash.to_owned().try_into()?,
            width: width.parse().map_err(|_| malformed())?,
        };
        if format!("{name}.jpg") == text {
            Ok(name)
        } else {
            Err(malformed())
        }
    }
}

impl std::fmt::Display for ImageName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.hash.0, self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_picture_has_one_spelling() {
        let hash = "0123456789abcdef01234567";
        let name = ImageName::parse(&format!("{hash}-480.jpg")).unwrap();
        assert_eq!((name.width, name.to_string()), (480, format!("{hash}-480")));
        for wrong in [
            format!("{hash}-0480.jpg"),
            format!("{hash}-+480.jpg"),
            format!("{hash}-480.png"),
            format!("{hash}-480"),
            format!("{hash}-.jpg"),
            format!("{hash}0-480.jpg"),
            format!("{}-480.jpg", hash.to_uppercase()),
            "480.jpg".to_owned(),
            String::new(),
        ] {
            assert!(ImageName::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
