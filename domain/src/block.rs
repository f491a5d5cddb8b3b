//! Blocks: seats that an operator keeps off sale.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;

/// The longest reason of a block, in characters. A claim with it stays under one kilobyte, so that
/// its write costs one unit.
pub const LONGEST_REASON: usize = 200;

/// For whom or why a seat is kept off sale.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockKind {
    /// For guests of the house or of the artist.
    House,
    /// For a sponsor.
    Sponsor,
    /// The stage cannot be seen well, or equipment may stand there.
    Sightline,
    /// For people who need an accessible seat.
    Accessible,
    /// For those who accompany them.
    Companion,
}

impl BlockKind {
    pub const ALL: [Self; 5] = [
        Self::House,
        Self::Sponsor,
        Self::Sightline,
        Self::Accessible,
        Self::Companion,
    ];

    /// Its name in commands and catalogues.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::House => "house",
            Self::Sponsor => "sponsor",
            Self::Sightline => "sightline",
            Self::Accessible => "accessible",
            Self::Companion => "companion",
        }
    }

    /// The kind with this name.
    ///
    /// # Errors
    /// If there is none; the message lists the names.
    pub fn parse(name: &str) -> Result<Self, String> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| format!("a kind is one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

impl fmt::Display for BlockKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a seat is off sale: one line of text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct BlockReason(String);

impl BlockReason {
    /// # Errors
    /// If the text is empty, longer than [`LONGEST_REASON`], or has control characters.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 || length > LONGEST_REASON || text.chars().any(char::is_control) {
            return Err(format!(
                "a reason is one line of 1 to {LONGEST_REASON} characters"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for BlockReason {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What keeps a seat off sale. It belongs to no user and to no reservation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Block {
    pub kind: BlockKind,
    pub reason: Option<BlockReason>,
    /// From then on the seat is on sale again, without a job. `None`: until an operator unblocks it.
    pub until: Option<EpochMs>,
}

impl Block {
    /// Whether the seat is still off sale.
    #[must_use]
    pub fn lasts(&self, now: EpochMs) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_which_is_also_how_it_is_stored() {
        for kind in BlockKind::ALL {
            assert_eq!(BlockKind::parse(kind.name()), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        let error = BlockKind::parse("press").unwrap_err();
        assert!(error.ends_with("house, sponsor, sightline, accessible, companion"));
    }

    #[test]
    fn a_reason_is_one_line_that_is_not_too_long() {
        assert_eq!(
            BlockReason::parse(" mixing desk ").unwrap().to_string(),
            "mixing desk"
        );
        for text in ["", "  ", "two\nlines", &"x".repeat(LONGEST_REASON + 1)] {
            assert!(BlockReason::parse(text).is_err(), "{text:?}");
        }
        assert!(BlockReason::parse(&"좌".repeat(LONGEST_REASON)).is_ok());
    }

    #[test]
    fn a_block_ends_in_the_millisecond_of_its_release_and_one_without_never_ends() {
        let mut block = Block {
            kind: BlockKind::House,
            reason: None,
            until: Some(EpochMs(1_000)),
        };
        assert!(block.lasts(EpochMs(999)));
        assert!(!block.lasts(EpochMs(1_000)));
        block.until = None;
        assert!(block.lasts(EpochMs(i64::MAX)));
    }
}
