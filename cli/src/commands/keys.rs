//! `boxoffice keys`: the keys that sign queue tokens.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use shared::store::Rotation;

use crate::author::{self, WhyOption};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::table_options::TableOptions;

#[derive(Subcommand, Debug)]
pub enum KeysCommand {
    /// Make a new signing key; tokens of the former key stay valid until they expire
    Rotate(RotateArgs),
}

#[derive(Args, Debug)]
pub struct RotateArgs {
    #[command(flatten)]
    why: WhyOption,
}

pub async fn rotate(args: &RotateArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    let author = author::of(&args.why, tables).await?;
    let Rotation {
        kid,
        signs_from,
        retired,
        former_until,
    } = store
        .rotate_signing_keys(&author)
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
