//! `boxoffice withdrawals`: money that is on its way back to where it came from.

use anyhow::Result;
use clap::Args;
use domain::ids::UserId;
use domain::withdrawal::Withdrawal;
use serde::Serialize;
use shared::store::Store;

use crate::money_view::WithdrawalView;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::table_options::TableOptions;

#[derive(Args, Debug)]
pub struct WithdrawalsArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An open withdrawal, and whose money it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    user_id: UserId,
    #[serde(flatten)]
    withdrawal: WithdrawalView,
}

impl From<&Withdrawal> for Open {
    fn from(withdrawal: &Withdrawal) -> Self {
        Self {
            user_id: withdrawal.key.user_id,
            withdrawal: WithdrawalView::from(withdrawal),
        }
    }
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
    let mut open = Vec::new();
    for key in store.open_withdrawals().await? {
        // One that has ended since it was listed is not there any more.
        open.extend(store.withdrawal(key).await?);
    }
    open.retain(|withdrawal| withdrawal.ended_at().is_none());
    open.sort_by_key(|withdrawal| {
        (
            withdrawal.created_at,
            withdrawal.key.withdrawal_id().to_string(),
        )
    });
    let open: Vec<Open> = open.iter().map(Open::from).collect();
    if as_json {
        return out.json(&open);
    }
    if open.is_empty() {
        out.line("no withdrawal is on its way");
    }
    for Open {
        user_id,
        withdrawal,
    } in &open
    {
        out.line(format_args!(
            "{}  user {user_id}  {}",
            withdrawal.created_at,
            withdrawal.to_text()
        ));
    }
    Ok(())
}
