//! Catalogues: the file in which an operator says what is on sale.
//!
//! A file is read into a tree that knows the line of every value, and the tree is read field by field. So every refusal
//! names line and field, all of them are told at once, and a malformed file is refused whole.

mod read;
mod tree;

use std::collections::BTreeMap;
use std::fmt;

use domain::clock::EpochMs;
use domain::event::Programme;
use domain::ids::EventId;
use shared::store::Settings;

pub use read::DEFAULT_WALLET_CEILING;

/// A catalogue that makes sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Catalog {
    pub settings: Settings,
    pub programmes: Vec<Programme>,
}

/// What is wrong with one place of a catalogue.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fault {
    /// Counted from 1.
    pub line: u64,
    /// A dotted path: `events[0].queue.maxActive`; empty for the file itself.
    pub field: String,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "{}: {}", self.line, self.message)
        } else {
            write!(f, "{}: {}: {}", self.line, self.field, self.message)
        }
    }
}

/// Reads a catalogue. Relative dates count from when an event was first applied: `known` says it for those that are
/// there, `now` stands for the others.
pub fn parse(
    text: &str,
    known: &BTreeMap<EventId, EpochMs>,
    now: EpochMs,
) -> Result<Catalog, Vec<Fault>> {
    let tree = tree::parse(text).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let catalog = read::catalog(&tree, known, now, &mut faults);
    match catalog {
        Some(catalog) if faults.is_empty() => Ok(catalog),
        _ => {
            faults.sort();
            Err(faults)
        }
    }
}

#[cfg(test)]
mod tests;
