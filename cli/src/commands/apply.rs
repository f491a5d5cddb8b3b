//! `boxoffice apply`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::author::{self, WhyOption};
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
    #[command(flatten)]
    why: WhyOption,
}

pub async fn run(args: &ApplyArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    if args.dry_run {
        return catalog_update::apply_file(&store, &args.file, Mode::DryRun, out).await;
    }
    let author = author::of(&args.why, tables).await?;
    catalog_update::apply_file(&store, &args.file, Mode::Apply(&author), out).await
}
