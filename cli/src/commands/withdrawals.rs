//! `boxoffice withdrawals`: money that is on its way back to where it came from.

use anyhow::Result;
use clap::Args;
use shared::store::Store;

use crate::open_withdrawals::OpenWithdrawals;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::table_options::TableOptions;

#[derive(Args, Debug)]
pub struct WithdrawalsArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(
    args: &WithdrawalsArgs,
    tables: &TableOptions,
    out: &mut Output,
) -> Result<Outcome> {
    print(&tables.store().await?, args.json, out).await?;
    Ok(Outcome::Done)
}

/// Prints the open withdrawals, the oldest first.
pub async fn print(store: &Store, as_json: bool, out: &mut Output) -> Result<()> {
    let open = OpenWithdrawals::read(store).await?;
    if as_json {
        return out.json(&open);
    }
    for line in open.to_text() {
        out.line(line);
    }
    Ok(())
}
