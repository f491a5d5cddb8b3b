//! Catalogues: the files in which an operator describes the events on sale.
//!
//! A file is read in two steps: `yaml` and `raw` read it into typed structs that know the line of every field, and
//! `check` turns them into events. All errors are reported at once, each with its line and field. A file with an error is
//! refused as a whole.

mod check;
mod error;
mod fees;
mod presales;
mod profile;
mod raw;
mod section;
mod texts;
pub(crate) mod times;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use domain::clock::EpochMs;
use domain::ids::EventId;
use serde_saphyr::DuplicateKeyPolicy;
use shared::store::Settings;

pub use check::{Catalog, DEFAULT_WALLET_CEILING, Doubt, DoubtReason};
pub use error::CatalogError;
pub use profile::WantedPicture;
pub use raw::MAX_ACTIVE_LIMIT;
pub use raw::PictureSource;

/// Far more than a catalogue needs.
const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// Reads the text of a catalogue's file.
pub fn read_file(file: &Path) -> Result<String> {
    let read = || {
        let length = std::fs::metadata(file)?.len();
        ensure!(
            length <= MAX_FILE_BYTES,
            "it is larger than {MAX_FILE_BYTES} bytes"
        );
        Ok(std::fs::read_to_string(file)?)
    };
    read().with_context(|| format!("cannot read the catalogue {}", file.display()))
}

/// What the table has already.
#[derive(Default, Debug)]
pub struct Known {
    /// When each event was first applied. Relative dates count from then.
    pub first_applied: BTreeMap<EventId, EpochMs>,
    pub settings: Option<Settings>,
}

/// Reads a catalogue. Relative dates of new events count from `now`.
pub fn parse(
    text: &str,
    known: &Known,
    now: EpochMs,
) -> std::result::Result<Catalog, Vec<CatalogError>> {
    let options = serde_saphyr::options! {
        // A band may be called Yes or No.
        strict_booleans: true,
        // The reader reports repeated keys itself, with their paths.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
    };
    let root = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| vec![syntax_error(&error)])?;
    let mut errors = Vec::new();
    let catalog = check::catalog(root, known, now, &mut errors);
    match catalog {
        Some(catalog) if errors.is_empty() => Ok(catalog),
        _ => {
            errors.sort();
            Err(errors)
        }
    }
}

fn syntax_error(error: &serde_saphyr::Error) -> CatalogError {
    let line = error.location().map_or(1, |location| location.line());
    let message = error.without_snippet().to_string();
    CatalogError {
        line: line.max(1),
        field: String::new(),
        message: message.lines().next().unwrap_or("is not YAML").to_owned(),
    }
}

#[cfg(test)]
mod tests;
