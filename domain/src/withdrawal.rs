//! Withdrawals: money that goes back from the wallet to where it came from.
//!
//! A withdrawal refunds one payment, or a part of it, at the payment provider. The money leaves the
//! wallet first. If the provider cannot give it back, it returns to the wallet.

use serde::{Deserialize, Serialize};

use crate::charge::{Charge, ProviderId, ProviderName, ProviderPayment};
use crate::clock::EpochMs;
use crate::ids::{EntryId, ReservationId, UserId};
use crate::money::Money;

/// Identifies a withdrawal: the number of its entry in a user's ledger.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WithdrawalKey {
    pub user_id: UserId,
    pub number: u64,
}

impl WithdrawalKey {
    /// The id in the API, in the ledger and at the provider.
    #[must_use]
    pub fn withdrawal_id(self) -> EntryId {
        EntryId::of_withdrawal(self.user_id, self.number)
    }
}

/// A refund of a payment, or of a part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Withdrawal {
    pub key: WithdrawalKey,
    /// The charge whose payment is refunded.
    pub charge_id: EntryId,
    pub provider: ProviderName,
    pub payment: ProviderPayment,
    pub amount: Money,
    /// The reservation that was cancelled, or that was paid too late. `None` if the buyer asked.
    pub reservation_id: Option<ReservationId>,
    pub state: WithdrawalState,
    /// The provider's last error code. For the operator.
    pub problem: Option<String>,
    pub created_at: EpochMs,
}

/// The state of a withdrawal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WithdrawalState {
    /// The provider has not accepted it yet.
    Waiting,
    /// The provider has accepted it, and will tell later whether it succeeded.
    Sent {
        refund_id: ProviderId,
    },
    Done {
        refund_id: ProviderId,
        at: EpochMs,
    },
    /// The provider could not give the money back. It is in the wallet again.
    Reversed {
        at: EpochMs,
    },
}

/// A withdrawal's status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "WithdrawalStatus"))]
#[serde(rename_all = "UPPERCASE")]
pub enum WithdrawalStatus {
    /// The money is on its way.
    Pending,
    /// The payment provider has given the money back. A bank may take some days to show it.
    Done,
    /// The payment provider could not give the money back. It is in the wallet again.
    Reversed,
}

impl Withdrawal {
    #[must_use]
    pub fn status(&self) -> WithdrawalStatus {
        match self.state {
            WithdrawalState::Waiting | WithdrawalState::Sent { .. } => WithdrawalStatus::Pending,
            WithdrawalState::Done { .. } => WithdrawalStatus::Done,
            WithdrawalState::Reversed { .. } => WithdrawalStatus::Reversed,
        }
    }

    /// The provider's id of the refund, once it has accepted it.
    #[must_use]
    pub fn refund_id(&self) -> Option<&ProviderId> {
        match &self.state {
            WithdrawalState::Sent { refund_id } | WithdrawalState::Done { refund_id, .. } => {
                Some(refund_id)
            }
            WithdrawalState::Waiting | WithdrawalState::Reversed { .. } => None,
        }
    }

    /// When it was done or reversed.
    #[must_use]
    pub fn ended_at(&self) -> Option<EpochMs> {
        match self.state {
            WithdrawalState::Done { at, .. } | WithdrawalState::Reversed { at } => Some(at),
            WithdrawalState::Waiting | WithdrawalState::Sent { .. } => None,
        }
    }
}

/// A part of a withdrawn amount, and the charge that it came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    pub charge: Charge,
    pub payment: ProviderPayment,
    pub amount: Money,
}

/// An amount is taken from at most this many charges at once. Each part is written in the same
/// transaction.
pub const MOST_PARTS: usize = 10;

/// Takes an amount from charges: from `first`, then from the newest ones, because old cards expire.
/// Charges whose money the provider could not give back come last. The parts may be less than the
/// amount.
#[must_use]
pub fn parts_of(amount: Money, charges: Vec<Charge>, first: Option<EntryId>) -> Vec<Part> {
    let mut charges = charges;
    charges.sort_by_key(|charge| {
        (
            Some(charge.charge_id) != first,
            charge.was_reversed,
            std::cmp::Reverse(charge.created_at),
        )
    });
    let mut left = amount;
    let mut parts = Vec::new();
    for charge in charges {
        if left == Money::ZERO || parts.len() == MOST_PARTS {
            break;
        }
        let Some((payment, returnable)) = charge.returnable() else {
            continue;
        };
        let amount = returnable.min(left);
        left = left - amount;
        parts.push(Part {
            payment: payment.clone(),
            amount,
            charge,
        });
    }
    parts
}

/// The sum of parts.
#[must_use]
pub fn total_of(parts: &[Part]) -> Money {
    parts.iter().map(|part| part.amount).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge::ChargeState;
    use crate::money::Currency;
    use proptest::prelude::*;

    fn charge(at: i64, amount: i64, withdrawn: i64) -> Charge {
        let user_id = UserId::random();
        let currency = Currency::try_from("KRW".to_owned()).unwrap();
        Charge {
            charge_id: EntryId::new(EpochMs(at)),
            user_id,
            provider: ProviderName::Demo,
            amount: Money(amount),
            currency: currency.clone(),
            pay_for: None,
            expires_at: EpochMs(at),
            begun: None,
            state: ChargeState::Done {
                payment: ProviderPayment {
                    payment_id: ProviderId(format!("pi_{at}")),
                    amount: Money(amount),
                    currency,
                },
                at: EpochMs(at),
                purchase: None,
            },
            withdrawn: Money(withdrawn),
            was_reversed: false,
            created_at: EpochMs(at),
        }
    }

    fn taken(parts: &[Part]) -> Vec<(i64, i64)> {
        parts
            .iter()
            .map(|part| (part.charge.created_at.0, part.amount.0))
            .collect()
    }

    #[test]
    fn the_newest_charges_go_back_first() {
        let charges = vec![charge(1, 50, 0), charge(3, 50, 20), charge(2, 50, 50)];
        let parts = parts_of(Money(60), charges, None);
        assert_eq!(taken(&parts), [(3, 30), (1, 30)]);
    }

    #[test]
    fn the_charge_of_the_reservation_comes_first_and_one_that_was_reversed_last() {
        let mut reversed = charge(9, 50, 0);
        reversed.was_reversed = true;
        let own = charge(1, 50, 0);
        let first = Some(own.charge_id);
        let parts = parts_of(Money(120), vec![charge(5, 50, 0), reversed, own], first);
        assert_eq!(taken(&parts), [(1, 50), (5, 50), (9, 20)]);
    }

    #[test]
    fn a_charge_that_was_not_paid_gives_nothing() {
        let mut failed = charge(1, 50, 0);
        failed.state = ChargeState::Expired;
        assert_eq!(parts_of(Money(10), vec![failed], None), []);
    }

    #[test]
    fn the_id_of_a_withdrawal_follows_from_user_and_number() {
        let user_id = UserId::random();
        let id = |number| WithdrawalKey { user_id, number }.withdrawal_id();
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
    }

    proptest! {
        #[test]
        fn no_charge_gives_more_than_it_brought(amounts in proptest::collection::vec((1..100_i64, 0..100_i64), 0..15), wanted in 0..2_000_i64) {
            let charges: Vec<Charge> = amounts
                .iter()
                .zip(1_i64..)
                .map(|((amount, withdrawn), at)| charge(at, *amount, *withdrawn.min(amount)))
                .collect();
            let there: i64 = charges.iter().map(|charge| charge.amount.0 - charge.withdrawn.0).sum();
            let parts = parts_of(Money(wanted), charges, None);
            prop_assert!(parts.len() <= MOST_PARTS);
            for part in &parts {
                prop_assert!(part.amount > Money::ZERO);
                prop_assert!(part.charge.withdrawn + part.amount <= part.charge.amount);
            }
            let total = total_of(&parts).0;
            prop_assert!(total <= wanted);
            if parts.len() < MOST_PARTS {
                prop_assert_eq!(total, wanted.min(there));
            }
        }
    }
}
