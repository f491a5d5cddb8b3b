//! Withdrawals: money that goes back from the wallet to where it came from.
//!
//! The money leaves the wallet in the transaction that lists the withdrawal. The schedule then has
//! the payment provider refund it.

use serde::{Deserialize, Serialize};

use super::charges::{take_from, take_from_unbought};
use super::client::{Consistency, Store};
use super::due::{Due, delete_due, put_due};
use super::error::{Result, StoreError};
use super::expression::Write;
use super::item::{Item, read_item, write_item, write_value};
use super::refused::{TransactionError, Verdict};
use super::wallets::Step;
use super::{TransactionLost, keys, wallets};
use domain::charge::{Charge, ProviderId, ProviderName, ProviderPayment};
use domain::clock::EpochMs;
use domain::ids::{EntryId, ReservationId, UserId};
use domain::money::Money;
use domain::wallet::{EntryKind, IdempotencyKey, LedgerEntry, Wallet};
use domain::withdrawal::{Part, Withdrawal, WithdrawalKey, WithdrawalState};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum StoredStatus {
    Waiting,
    Sent,
    Done,
    Reversed,
}

impl From<&WithdrawalState> for StoredStatus {
    fn from(state: &WithdrawalState) -> Self {
        match state {
            WithdrawalState::Waiting => Self::Waiting,
            WithdrawalState::Sent { .. } => Self::Sent,
            WithdrawalState::Done { .. } => Self::Done,
            WithdrawalState::Reversed { .. } => Self::Reversed,
        }
    }
}

/// A withdrawal as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredWithdrawal {
    user_id: UserId,
    number: u64,
    /// Repeats what follows from user and number, for readers of the table. Never read here.
    #[serde(skip_deserializing)]
    withdrawal_id: String,
    charge_id: EntryId,
    provider: ProviderName,
    payment: ProviderPayment,
    amount: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reservation_id: Option<ReservationId>,
    status: StoredStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_id: Option<ProviderId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<EpochMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    created_at: EpochMs,
}

impl From<&Withdrawal> for StoredWithdrawal {
    fn from(withdrawal: &Withdrawal) -> Self {
        Self {
            user_id: withdrawal.key.user_id,
            number: withdrawal.key.number,
            withdrawal_id: withdrawal.key.withdrawal_id().to_string(),
            charge_id: withdrawal.charge_id,
            provider: withdrawal.provider,
            payment: withdrawal.payment.clone(),
            amount: withdrawal.amount,
            reservation_id: withdrawal.reservation_id.clone(),
            status: StoredStatus::from(&withdrawal.state),
            refund_id: withdrawal.refund_id().cloned(),
            ended_at: withdrawal.ended_at(),
            problem: withdrawal.problem.clone(),
            created_at: withdrawal.created_at,
        }
    }
}

impl TryFrom<StoredWithdrawal> for Withdrawal {
    type Error = StoreError;
    fn try_from(stored: StoredWithdrawal) -> Result<Self> {
        let missing = |field| StoreError::Unreadable(format!("a withdrawal without {field}"));
        let refund_id = stored.refund_id.ok_or_else(|| missing("refundId"));
        let ended_at = stored.ended_at.ok_or_else(|| missing("endedAt"));
        let state = match stored.status {
            StoredStatus::Waiting => WithdrawalState::Waiting,
            StoredStatus::Sent => WithdrawalState::Sent {
                refund_id: refund_id?,
            },
            StoredStatus::Done => WithdrawalState::Done {
                refund_id: refund_id?,
                at: ended_at?,
            },
            StoredStatus::Reversed => WithdrawalState::Reversed { at: ended_at? },
        };
        Ok(Self {
            key: WithdrawalKey {
                user_id: stored.user_id,
                number: stored.number,
            },
            charge_id: stored.charge_id,
            provider: stored.provider,
            payment: stored.payment,
            amount: stored.amount,
            reservation_id: stored.reservation_id,
            state,
            problem: stored.problem,
            created_at: stored.created_at,
        })
    }
}

pub(super) fn read_withdrawal(item: Item) -> Result<Withdrawal> {
    read_item::<StoredWithdrawal>(item)?.try_into()
}

fn write_withdrawal(withdrawal: &Withdrawal) -> Item {
    write_item(&StoredWithdrawal::from(withdrawal))
}

/// Withdrawals about to be made: the wallet's steps, and the writes except those of the wallet.
#[derive(Default)]
pub(super) struct Leaving {
    pub(super) steps: Vec<Step>,
    pub(super) writes: Vec<Write>,
    withdrawals: Vec<Withdrawal>,
}

/// The parts that are about to leave a wallet, and why.
#[derive(Clone, Copy)]
pub(super) struct Departure<'a> {
    pub(super) user_id: UserId,
    pub(super) parts: &'a [Part],
    pub(super) reservation_id: Option<&'a ReservationId>,
    /// The write that takes a part from its charge.
    pub(super) take: fn(&Part) -> Write,
}

impl Leaving {
    /// Takes parts out of a wallet. A part that it does not have stays there.
    pub(super) fn of(departure: Departure<'_>, wallet: Wallet, now: EpochMs) -> Self {
        let mut wallet = wallet;
        let mut leaving = Self::default();
        for part in departure.parts {
            let Ok(after) = wallet.withdrawn(part.amount) else {
                continue;
            };
            wallet = after;
            let key = WithdrawalKey {
                user_id: departure.user_id,
                number: wallet.seq,
            };
            let withdrawal = Withdrawal {
                key,
                charge_id: part.charge.charge_id,
                provider: part.charge.provider,
                payment: part.payment.clone(),
                amount: part.amount,
                reservation_id: departure.reservation_id.cloned(),
                state: WithdrawalState::Waiting,
                problem: None,
                created_at: now,
            };
            let entry = LedgerEntry {
                entry_id: key.withdrawal_id(),
                kind: EntryKind::Withdrawal,
                amount: -part.amount,
                balance_after: wallet.balance,
                purchase: None,
                withdrawal_id: Some(key.withdrawal_id()),
                at: now,
            };
            leaving.steps.push(Step { to: wallet, entry });
            leaving.writes.push((departure.take)(part));
            leaving.writes.push(
                Write::put(keys::withdrawal(key), write_withdrawal(&withdrawal)).when_absent(),
            );
            leaving.writes.push(put_due(Due::Withdrawal(key), now));
            leaving.withdrawals.push(withdrawal);
        }
        leaving
    }

    /// What leaves the wallet.
    pub(super) fn total(&self) -> Money {
        self.withdrawals.iter().map(|of| of.amount).sum()
    }
}

/// What a user has asked to withdraw with a key: an amount, which became numbered withdrawals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalRequest {
    pub amount: Money,
    pub first_number: u64,
    pub count: u64,
}

/// Why a withdrawal was not made.
#[derive(Debug)]
pub enum WithdrawalConflict {
    /// The key was used before.
    Exists(WithdrawalRequest),
    /// Wallet or charges have changed since they were read.
    Changed,
    Store(StoreError),
}

impl From<StoreError> for WithdrawalConflict {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Replaces a withdrawal by its next state, if it is still as it was read.
fn advance(from: &Withdrawal, to: &Withdrawal) -> Write {
    Write::put(keys::withdrawal(from.key), write_withdrawal(to))
        .when("#status = :status")
        .bind(":status", write_value(&StoredStatus::from(&from.state)))
}

fn note_problem(key: WithdrawalKey, code: &str) -> Write {
    Write::update(keys::withdrawal(key), "SET #problem = :code")
        .when("#status = :waiting")
        .bind(":code", code)
        .bind(":waiting", write_value(&StoredStatus::Waiting))
}

/// Puts the money of a withdrawal into the wallet again.
fn reverse_writes(
    from: &Withdrawal,
    to: &Withdrawal,
    charge: &Charge,
    wallet: Wallet,
    now: EpochMs,
) -> Vec<Write> {
    let after = wallet.credited(from.amount);
    let entry = LedgerEntry {
        entry_id: EntryId::new(now),
        kind: EntryKind::Reversal,
        amount: from.amount,
        balance_after: after.balance,
        purchase: None,
        withdrawal_id: Some(from.key.withdrawal_id()),
        at: now,
    };
    let mut writes = vec![
        advance(from, to),
        super::charges::give_back(charge, from.amount),
        delete_due(Due::Withdrawal(from.key)),
    ];
    let step = Step { to: after, entry };
    writes.extend(wallets::change(from.key.user_id, wallet, &[step]));
    writes
}

impl Store {
    /// Withdraws parts of charges, once per key: wallet, ledger, charges and withdrawals, in one
    /// transaction.
    pub async fn withdraw(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        wallet: Wallet,
        parts: &[Part],
    ) -> std::result::Result<Vec<Withdrawal>, WithdrawalConflict> {
        let request = WithdrawalRequest {
            amount: domain::withdrawal::total_of(parts),
            first_number: wallet.seq + 1,
            count: parts.len() as u64,
        };
        let made = self
            .transact(|now| {
                let departure = Departure {
                    user_id: user,
                    parts,
                    reservation_id: None,
                    take: take_from,
                };
                let leaving = Leaving::of(departure, wallet, now);
                let request_key = keys::withdrawal_request(user, &key.sha256());
                let mut writes = vec![Write::put(request_key, write_item(&request)).when_absent()];
                writes.extend(wallets::change(user, wallet, &leaving.steps));
                writes.extend(leaving.writes);
                (writes, leaving.withdrawals)
            })
            .await;
        match made {
            Ok(withdrawals) => Ok(withdrawals),
            Err(TransactionError::Store(error)) => Err(error.into()),
            Err(TransactionError::Refused(verdicts)) => match verdicts.into_iter().next() {
                Some(Verdict::Refused(Some(item))) => {
                    Err(WithdrawalConflict::Exists(read_item(item)?))
                }
                _ => Err(WithdrawalConflict::Changed),
            },
        }
    }

    /// What a user has asked to withdraw with a key.
    pub async fn withdrawal_request(
        &self,
        user: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<WithdrawalRequest>> {
        let key = keys::withdrawal_request(user, &key.sha256());
        self.get(&key, Consistency::Strong).await
    }

    /// Gives the money of a charge back that came too late for its reservation, and notes it there:
    /// one transaction.
    pub async fn return_charge(
        &self,
        part: &Part,
        wallet: Wallet,
    ) -> std::result::Result<(), TransactionLost> {
        let charge = &part.charge;
        let made = self.transact(|now| {
            let departure = Departure {
                user_id: charge.user_id,
                parts: std::slice::from_ref(part),
                reservation_id: charge.pay_for.as_ref(),
                take: take_from_unbought,
            };
            let leaving = Leaving::of(departure, wallet, now);
            let mut writes = vec![delete_due(Due::Charge(charge.order_id()))];
            writes.extend(wallets::change(charge.user_id, wallet, &leaving.steps));
            writes.extend(leaving.writes);
            (writes, ())
        });
        Ok(made.await?)
    }

    /// A withdrawal.
    pub async fn withdrawal(&self, key: WithdrawalKey) -> Result<Option<Withdrawal>> {
        let item = self
            .get_item(&keys::withdrawal(key), Consistency::Strong)
            .await?;
        item.map(read_withdrawal).transpose()
    }

    /// A user's withdrawals with numbers below `before`, newest first.
    pub async fn withdrawals(
        &self,
        user: UserId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Withdrawal>> {
        let query = wallets::newest_numbered(user, keys::WITHDRAWAL_PREFIX, before, limit)
            .consistency(Consistency::Strong);
        let page = self.query(&query, None).await?;
        page.items.into_iter().map(read_withdrawal).collect()
    }

    /// Notes that the provider has accepted a withdrawal or has made it. One that is done is taken
    /// off the list. `false` if it has changed since it was read.
    pub async fn note_refund(
        &self,
        from: &Withdrawal,
        refund_id: &ProviderId,
        is_done: bool,
    ) -> Result<bool> {
        let noted = self
            .transact(|now| {
                let refund_id = refund_id.clone();
                let state = if is_done {
                    WithdrawalState::Done { refund_id, at: now }
                } else {
                    WithdrawalState::Sent { refund_id }
                };
                let to = Withdrawal {
                    state,
                    problem: None,
                    ..from.clone()
                };
                let mut writes = vec![advance(from, &to)];
                writes.extend(is_done.then(|| delete_due(Due::Withdrawal(from.key))));
                (writes, ())
            })
            .await;
        match noted {
            Ok(()) => Ok(true),
            Err(TransactionError::Refused(_)) => Ok(false),
            Err(TransactionError::Store(error)) => Err(error),
        }
    }

    /// Remembers why the provider does not accept a withdrawal.
    pub async fn note_problem(&self, key: WithdrawalKey, code: &str) -> Result<()> {
        self.write_if_allowed(|_| note_problem(key, code))
            .await
            .map(drop)
    }

    /// Puts the money of a withdrawal into the wallet again: withdrawal, wallet, ledger and charge,
    /// in one transaction.
    pub async fn reverse_withdrawal(
        &self,
        from: &Withdrawal,
        code: &str,
        charge: &Charge,
        wallet: Wallet,
    ) -> std::result::Result<(), TransactionLost> {
        let made = self.transact(|now| {
            let to = Withdrawal {
                state: WithdrawalState::Reversed { at: now },
                problem: Some(code.to_owned()),
                ..from.clone()
            };
            (reverse_writes(from, &to, charge, wallet, now), ())
        });
        Ok(made.await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::charge::ChargeState;
    use domain::money::Currency;

    fn payment() -> ProviderPayment {
        ProviderPayment {
            payment_id: ProviderId("pi_1".to_owned()),
            amount: Money(50),
            currency: Currency::try_from("KRW".to_owned()).unwrap(),
        }
    }

    fn part() -> Part {
        let user_id = UserId::random();
        let charge = Charge {
            charge_id: EntryId::of_charge(user_id, "00"),
            user_id,
            provider: ProviderName::Demo,
            amount: Money(50),
            currency: payment().currency,
            pay_for: None,
            expires_at: EpochMs(9),
            begun: None,
            state: ChargeState::Done {
                payment: payment(),
                at: EpochMs(8),
                purchase: None,
            },
            withdrawn: Money::ZERO,
            was_reversed: false,
            created_at: EpochMs(7),
        };
        Part {
            payment: payment(),
            amount: Money(30),
            charge,
        }
    }

    fn wallet() -> Wallet {
        Wallet {
            balance: Money(50),
            seq: 1,
            returnable: Money(50),
        }
    }

    fn leaving(parts: &[Part]) -> Leaving {
        let departure = Departure {
            user_id: UserId::random(),
            parts,
            reservation_id: None,
            take: take_from,
        };
        Leaving::of(departure, wallet(), EpochMs(9))
    }

    fn withdrawal() -> Withdrawal {
        leaving(&[part()]).withdrawals.into_iter().next().unwrap()
    }

    #[test]
    fn a_withdrawal_in_every_state_is_read_as_it_was_written() {
        let refund_id = ProviderId("re_1".to_owned());
        for state in [
            WithdrawalState::Waiting,
            WithdrawalState::Sent {
                refund_id: refund_id.clone(),
            },
            WithdrawalState::Done {
                refund_id,
                at: EpochMs(9),
            },
            WithdrawalState::Reversed { at: EpochMs(9) },
        ] {
            let written = Withdrawal {
                state,
                ..withdrawal()
            };
            assert_eq!(
                read_withdrawal(write_withdrawal(&written)).unwrap(),
                written
            );
        }
    }

    #[test]
    fn a_part_that_the_wallet_does_not_have_stays_there() {
        let mut large = part();
        large.amount = Money(51);
        let leaving = leaving(&[large, part()]);
        let left: Vec<Money> = leaving.steps.iter().map(|step| step.to.balance).collect();
        assert_eq!(left, [Money(20)]);
        assert_eq!(leaving.total(), Money(30));
    }

    #[test]
    fn every_placeholder_is_bound() {
        let from = withdrawal();
        let part = part();
        let mut writes = leaving(std::slice::from_ref(&part)).writes;
        writes.extend(reverse_writes(
            &from,
            &from,
            &part.charge,
            wallet(),
            EpochMs(9),
        ));
        writes.push(note_problem(from.key, "code"));
        for write in writes {
            write.check().unwrap();
        }
    }
}
