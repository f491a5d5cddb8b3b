//! Blocks: seats that an operator keeps off sale.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::ids::{Malformed, SeatNumber};
use crate::journal::Why;

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

/// Who may buy blocked seats with a code: 1 to 40 of `a-z`, `0-9` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channel(String);

impl Channel {
    const MOST: usize = 40;

    /// Parses a name.
    ///
    /// # Errors
    /// If it is empty, too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if (1..=Self::MOST).contains(&text.len()) && text.bytes().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "a channel has 1 to {} characters: a-z, 0-9 and -",
                Self::MOST
            ))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Channel {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text)
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What keeps a seat off sale. It belongs to no user and to no reservation. While somebody holds or owns the seat by its channel,
/// the claim keeps it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    pub kind: BlockKind,
    /// Why, in the words of the operator who blocked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Why>,
    /// From then on the seat is on sale again, without a job. `None`: until an operator unblocks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<EpochMs>,
    /// Whose codes open the seat. `None`: nobody can buy it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

impl Block {
    /// Whether the seat is still off sale.
    #[must_use]
    pub fn lasts(&self, now: EpochMs) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    /// Whether one of these channels opens the seat.
    #[must_use]
    pub fn is_open_to(&self, channels: &BTreeSet<Channel>) -> bool {
        self.channel
            .as_ref()
            .is_some_and(|channel| channels.contains(channel))
    }
}

impl fmt::Display for Block {
    /// Without the reason: `sponsor until 2026-12-20T01:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(channel) = &self.channel {
            write!(f, " for channel {channel}")?;
        }
        match self.until {
            Some(until) => write!(f, " until {until}"),
            None => Ok(()),
        }
    }
}

/// Shows seats, which must be in ascending order, as numbers and ranges: `101-104,125`.
pub struct Ranges<'a>(pub &'a [SeatNumber]);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|one, next| one.0 + 1 == next.0);
        for (index, run) in runs.enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match run {
                [] => {}
                [only] => write!(f, "{comma}{only}")?,
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
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
    fn a_block_with_a_channel_is_open_to_those_who_have_the_channel() {
        let channel = |name| Channel::parse(name).unwrap();
        let mut block = Block {
            kind: BlockKind::Sponsor,
            reason: None,
            until: None,
            channel: Some(channel("kim-ltd")),
        };
        assert!(block.is_open_to(&BTreeSet::from([channel("a"), channel("kim-ltd")])));
        assert!(!block.is_open_to(&BTreeSet::from([channel("a")])));
        assert_eq!(block.to_string(), "sponsor for channel kim-ltd");
        block.channel = None;
        assert!(!block.is_open_to(&BTreeSet::from([channel("kim-ltd")])));
        for name in ["", "Kim", "a b", &"x".repeat(41)] {
            assert!(Channel::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_block_ends_in_the_millisecond_of_its_release_and_one_without_never_ends() {
        let mut block = Block {
            kind: BlockKind::House,
            reason: None,
            until: Some(EpochMs(1_000)),
            channel: None,
        };
        assert!(block.lasts(EpochMs(999)));
        assert!(!block.lasts(EpochMs(1_000)));
        block.until = None;
        assert!(block.lasts(EpochMs(i64::MAX)));
    }
}
