//! `boxoffice apply`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::catalog_update::{self, Mode};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::table_options::TableOptions;

#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// The catalogue: YAML or JSON
    file: PathBuf,
    /// Print the changes without making them
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(args: &ApplyArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let mode = if args.dry_run {
        Mode::DryRun
    } else {
        Mode::Apply
    };
    catalog_update::apply_file(&tables.store().await?, &args.file, mode, out).await
}
