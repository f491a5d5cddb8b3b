//! Blocks: seats that an operator keeps off sale.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::EpochMs;
use crate::ids::SeatNumber;
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

/// What keeps a seat off sale. It belongs to no user and to no reservation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Block {
    pub kind: BlockKind,
    /// Why, in the words of the operator who blocked it.
    pub reason: Option<Why>,
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

impl fmt::Display for Block {
    /// Without the reason: `sponsor until 2026-12-20T01:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
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
