//! `boxoffice withdrawals`: money that is on its way back to where it came from.

use anyhow::Result;
use clap::Args;
use domain::charge::{ProviderId, ProviderName};
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{EntryId, ReservationId, UserId};
use domain::money::{Currency, Money};
use domain::withdrawal::Withdrawal;
use serde::Serialize;
use shared::store::Store;

use crate::outcome::Outcome;
use crate::output::Output;
use crate::table_options::TableOptions;

#[derive(Args, Debug)]
pub struct WithdrawalsArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An open withdrawal, as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Open<'a> {
    withdrawal_id: EntryId,
    user_id: UserId,
    charge_id: EntryId,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<&'a ReservationId>,
    provider: ProviderName,
    payment_id: &'a ProviderId,
    /// Once the provider has accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<&'a ProviderId>,
    amount: Money,
    currency: &'a Currency,
    /// The provider's last error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
    #[serde(serialize_with = "rfc3339::serialize")]
    created_at: EpochMs,
}

impl<'a> From<&'a Withdrawal> for Open<'a> {
    fn from(withdrawal: &'a Withdrawal) -> Self {
        Self {
            withdrawal_id: withdrawal.key.withdrawal_id(),
            user_id: withdrawal.key.user_id,
            charge_id: withdrawal.charge_id,
            reservation_id: withdrawal.reservation_id.as_ref(),
            provider: withdrawal.provider,
            payment_id: &withdrawal.payment.payment_id,
            refund_id: withdrawal.refund_id(),
            amount: withdrawal.amount,
            currency: &withdrawal.payment.currency,
            problem: withdrawal.problem.as_deref(),
            created_at: withdrawal.created_at,
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
    if as_json {
        let listed: Vec<Open<'_>> = open.iter().map(Open::from).collect();
        return out.json(&listed);
    }
    if open.is_empty() {
        out.line("no withdrawal is on its way");
    }
    for withdrawal in &open {
        let currency = &withdrawal.payment.currency;
        let state = match (withdrawal.refund_id(), &withdrawal.problem) {
            (Some(refund), _) => format!("accepted as {refund}"),
            (None, Some(code)) => format!("refused: {code}"),
            (None, None) => "not sent yet".to_owned(),
        };
        out.line(format_args!(
            "{}  {} {currency}  since {}  {} payment {}  user {}  {state}",
            withdrawal.key.withdrawal_id(),
            withdrawal.amount.in_major_units(currency),
            withdrawal.created_at,
            withdrawal.provider,
            withdrawal.payment.payment_id,
            withdrawal.key.user_id,
        ));
    }
    Ok(())
}
