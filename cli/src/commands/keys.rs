//! `boxoffice keys`: the keys that sign queue tokens.

use anyhow::{Context, Result};
use clap::Subcommand;
use shared::store::Rotation;

use crate::outcome::Outcome;
use crate::output::Output;
use crate::table_options::TableOptions;

#[derive(Subcommand, Debug)]
pub enum KeysCommand {
    /// Make a new signing key; tokens of the former key stay valid until they expire
    Rotate,
}

pub async fn rotate(tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let Rotation {
        kid,
        signs_from,
        retired,
        former_until,
    } = tables
        .store()
        .await?
        .rotate_signing_keys()
        .await
        .with_context(|| format!("the table of signing keys {}", tables.names().keys))?;
    out.line(format_args!(
        "new key    {kid}, signs from {signs_from}; running processes load it within 5 minutes"
    ));
    for former in retired {
        out.line(format_args!(
            "retired    {former}, its tokens are valid until they expire, {former_until} at the latest"
        ));
    }
    Ok(Outcome::Done)
}
