//! Money that is on its way back to where it came from.

use anyhow::Result;
use domain::ids::UserId;
use domain::withdrawal::Withdrawal;
use serde::Serialize;
use shared::store::Store;

use crate::money_view::WithdrawalView;

/// The open withdrawals, the oldest first.
#[derive(Serialize)]
#[serde(transparent)]
pub struct OpenWithdrawals(Vec<Open>);

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

impl OpenWithdrawals {
    pub async fn read(store: &Store) -> Result<Self> {
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
        Ok(Self(open.iter().map(Open::from).collect()))
    }

    /// The lines for a terminal.
    #[must_use]
    pub fn to_text(&self) -> Vec<String> {
        if self.0.is_empty() {
            return vec!["no withdrawal is on its way".to_owned()];
        }
        let line = |open: &Open| {
            let withdrawal = &open.withdrawal;
            format!(
                "{}  user {}  {}",
                withdrawal.created_at,
                open.user_id,
                withdrawal.to_text()
            )
        };
        self.0.iter().map(line).collect()
    }
}
