//! Charges that a payment provider confirms.

use serde::{Deserialize, Serialize};

use super::client::{Consistency, Query, Store};
use super::due::{Due, delete_due, put_due};
use super::error::{Result, StoreError};
use super::expression::{IntoAttribute, Write};
use super::item::{Item, read_item, write_item, write_value};
use super::refused::{TransactionError, Verdict};
use super::reservations::{HoldExtension, extend_writes};
use super::wallets::Step;
use super::{TransactionLost, keys, wallets};
use domain::charge::{
    Begun, Charge, ChargeState, ChargeStatus, FailureReason, OrderId, ProviderName,
    ProviderPayment, PurchaseState,
};
use domain::clock::EpochMs;
use domain::ids::{EntryId, ReservationId, UserId};
use domain::money::{Currency, Money};
use domain::wallet::{EntryKind, LedgerEntry, Wallet};
use domain::withdrawal::Part;

/// A charge as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredCharge {
    charge_id: EntryId,
    user_id: UserId,
    provider: ProviderName,
    amount: Money,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pay_for: Option<ReservationId>,
    expires_at: EpochMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun: Option<Begun>,
    status: ChargeStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment: Option<ProviderPayment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    done_at: Option<EpochMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purchase: Option<PurchaseState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<FailureReason>,
    #[serde(default)]
    withdrawn: Money,
    #[serde(default)]
    was_reversed: bool,
    created_at: EpochMs,
}

impl From<&Charge> for StoredCharge {
    fn from(charge: &Charge) -> Self {
        let charge = charge.clone();
        let status = charge.status();
        let (payment, done_at, purchase, failure) = match charge.state {
            ChargeState::Pending | ChargeState::Expired => (None, None, None, None),
            ChargeState::Done {
                payment,
                at,
                purchase,
            } => (Some(payment), Some(at), purchase, None),
            ChargeState::Failed(reason) => (None, None, None, Some(reason)),
        };
        Self {
            charge_id: charge.charge_id,
            user_id: charge.user_id,
            provider: charge.provider,
            amount: charge.amount,
            currency: charge.currency,
            pay_for: charge.pay_for,
            expires_at: charge.expires_at,
            begun: charge.begun,
            status,
            payment,
            done_at,
            purchase,
            failure,
            withdrawn: charge.withdrawn,
            was_reversed: charge.was_reversed,
            created_at: charge.created_at,
        }
    }
}

impl TryFrom<StoredCharge> for Charge {
    type Error = StoreError;
    fn try_from(stored: StoredCharge) -> Result<Self> {
        let missing = |field| StoreError::Unreadable(format!("a charge without {field}"));
        let state = match stored.status {
            ChargeStatus::Pending => ChargeState::Pending,
            ChargeStatus::Done => ChargeState::Done {
                payment: stored.payment.ok_or_else(|| missing("payment"))?,
                at: stored.done_at.ok_or_else(|| missing("doneAt"))?,
                purchase: stored.purchase,
            },
            ChargeStatus::Failed => {
                ChargeState::Failed(stored.failure.ok_or_else(|| missing("failure"))?)
            }
            ChargeStatus::Expired => ChargeState::Expired,
        };
        Ok(Self {
            charge_id: stored.charge_id,
            user_id: stored.user_id,
            provider: stored.provider,
            amount: stored.amount,
            currency: stored.currency,
            pay_for: stored.pay_for,
            expires_at: stored.expires_at,
            begun: stored.begun,
            state,
            withdrawn: stored.withdrawn,
            was_reversed: stored.was_reversed,
            created_at: stored.created_at,
        })
    }
}

pub(super) fn read_charge(item: Item) -> Result<Charge> {
    read_item::<StoredCharge>(item)?.try_into()
}

fn write_charge(charge: &Charge) -> Item {
    write_item(&StoredCharge::from(charge))
}

/// Replaces a charge by its next state, if its status is still the one that was read, and no checkout has been noted since.
/// A charge without a checkout ends without a question to the provider, so it must not end once somebody can pay in one.
fn advance(from: &Charge, to: &Charge) -> Write {
    let condition = match from.begun {
        Some(_) => "#status = :status AND #createdAt = :created",
        None => "#status = :status AND #createdAt = :created AND attribute_not_exists(#begun)",
    };
    Write::put(keys::charge(from.order_id()), write_charge(to))
        .when(condition)
        .bind(":status", write_value(&from.status()))
        .bind(":created", from.created_at)
}

fn note_checkout(order: OrderId, begun: &Begun) -> Write {
    Write::update(keys::charge(order), "SET #begun = :begun")
        .when("#status = :pending AND attribute_not_exists(#begun)")
        .bind(":begun", write_value(begun))
        .bind(":pending", "PENDING")
}

fn move_end(order: OrderId, end: EpochMs) -> Write {
    Write::update(keys::charge(order), "SET #expiresAt = :end")
        .when("#status = :pending AND #expiresAt < :end")
        .bind(":end", end)
        .bind(":pending", "PENDING")
}

/// Takes a part out of what can go back of a charge.
pub(super) fn take_from(part: &Part) -> Write {
    Write::update(
        keys::charge(part.charge.order_id()),
        "SET #withdrawn = :after",
    )
    .when("#status = :done AND #withdrawn = :before")
    .bind(":after", part.charge.withdrawn + part.amount)
    .bind(":before", part.charge.withdrawn)
    .bind(":done", write_value(&ChargeStatus::Done))
}

/// Takes a part out of what can go back of a charge whose reservation could not be paid any more.
pub(super) fn take_from_unbought(part: &Part) -> Write {
    Write::update(
        keys::charge(part.charge.order_id()),
        "SET #withdrawn = :after, #purchase = :returned",
    )
    .when("#purchase = :due AND #withdrawn = :before")
    .bind(":after", part.charge.withdrawn + part.amount)
    .bind(":before", part.charge.withdrawn)
    .bind(":returned", write_value(&PurchaseState::Returned))
    .bind(":due", write_value(&PurchaseState::Due))
}

/// Lets an amount of a charge go back again: the provider could not give it back this time.
pub(super) fn give_back(charge: &Charge, amount: Money) -> Write {
    Write::update(
        keys::charge(charge.order_id()),
        "SET #withdrawn = :after, #wasReversed = :yes",
    )
    .when("#withdrawn = :before")
    .bind(":after", charge.withdrawn - amount)
    .bind(":before", charge.withdrawn)
    .bind(":yes", write_value(&true))
}

fn end_purchase(order: OrderId, outcome: PurchaseState) -> Write {
    Write::update(keys::charge(order), "SET #purchase = :outcome")
        .when("#purchase = :due")
        .bind(":outcome", write_value(&outcome))
        .bind(":due", write_value(&PurchaseState::Due))
}

/// Why a charge was not begun.
#[derive(Debug)]
pub enum ChargeConflict {
    /// The charge exists already.
    Exists(Box<Charge>),
    /// The reservation or the session has changed since it was read.
    HoldChanged,
    Store(StoreError),
}

impl Store {
    /// A charge that a payment provider confirms.
    pub async fn provider_charge(&self, order: OrderId) -> Result<Option<Charge>> {
        let item = self
            .get_item(&keys::charge(order), Consistency::Strong)
            .await?;
        item.map(read_charge).transpose()
    }

    /// Writes a pending charge, lists it, and extends the hold that it is to pay for, in one
    /// transaction.
    pub async fn begin_charge(
        &self,
        charge: &Charge,
        due_at: EpochMs,
        hold: Option<&HoldExtension>,
    ) -> std::result::Result<(), ChargeConflict> {
        let order = charge.order_id();
        let begun = self
            .transact(|now| {
                let mut writes = vec![
                    Write::put(keys::charge(order), write_charge(charge)).when_absent(),
                    put_due(Due::Charge(order), due_at),
                ];
                writes.extend(hold.iter().flat_map(|hold| extend_writes(hold, now)));
                (writes, ())
            })
            .await;
        match begun {
            Ok(()) => Ok(()),
            Err(TransactionError::Store(error)) => Err(ChargeConflict::Store(error)),
            Err(TransactionError::Refused(verdicts)) => match verdicts.into_iter().next() {
                Some(Verdict::Refused(Some(item))) => Err(match read_charge(item) {
                    Ok(charge) => ChargeConflict::Exists(Box::new(charge)),
                    Err(error) => ChargeConflict::Store(error),
                }),
                _ => Err(ChargeConflict::HoldChanged),
            },
        }
    }

    /// Remembers the checkout that was begun for a pending charge. If another request was first, its
    /// checkout stays.
    pub async fn note_checkout(&self, order: OrderId, begun: &Begun) -> Result<bool> {
        self.write_if_allowed(|_| note_checkout(order, begun)).await
    }

    /// Lets a pending charge be paid until a later time.
    pub async fn move_charge_end(&self, order: OrderId, end: EpochMs) -> Result<bool> {
        self.write_if_allowed(|_| move_end(order, end)).await
    }

    /// Credits a charge that was paid: charge, wallet and ledger, in one transaction. The charge
    /// stays listed if a reservation is to be paid next.
    pub async fn credit_charge(
        &self,
        charge: &Charge,
        payment: &ProviderPayment,
        wallet: Wallet,
    ) -> std::result::Result<Charge, TransactionLost> {
        let order = charge.order_id();
        let made = self.transact(|now| {
            let purchase = charge.pay_for.as_ref().map(|_| PurchaseState::Due);
            let done = Charge {
                state: ChargeState::Done {
                    payment: payment.clone(),
                    at: now,
                    purchase,
                },
                ..charge.clone()
            };
            // There is no ceiling any more: the provider has the buyer's money.
            let after = wallet.credited(charge.amount);
            let entry = LedgerEntry {
                entry_id: charge.charge_id,
                kind: EntryKind::Charge,
                amount: charge.amount,
                balance_after: after.balance,
                purchase: None,
                withdrawal_id: None,
                at: now,
            };
            let mut writes = vec![advance(charge, &done)];
            let step = Step { to: after, entry };
            writes.extend(wallets::change(charge.user_id, wallet, &[step]));
            writes.push(match purchase {
                Some(_) => put_due(Due::Charge(order), now),
                None => delete_due(Due::Charge(order)),
            });
            (writes, done)
        });
        Ok(made.await?)
    }

    /// Ends a pending charge that was not paid, and takes it off the list.
    pub async fn end_charge(
        &self,
        charge: &Charge,
        state: ChargeState,
    ) -> std::result::Result<Charge, TransactionLost> {
        let ended = Charge {
            state,
            ..charge.clone()
        };
        let made = self.transact(|_| {
            let writes = vec![
                advance(charge, &ended),
                delete_due(Due::Charge(charge.order_id())),
            ];
            (writes, ended.clone())
        });
        Ok(made.await?)
    }

    /// Notes what has become of the reservation that a charge was for, and takes the charge off the
    /// list, in one transaction. A repeated call changes nothing.
    pub async fn end_purchase(&self, order: OrderId, outcome: PurchaseState) -> Result<()> {
        let ended = self
            .transact(|_| {
                (
                    vec![end_purchase(order, outcome), delete_due(Due::Charge(order))],
                    (),
                )
            })
            .await;
        match ended {
            // Another request has noted it.
            Ok(()) | Err(TransactionError::Refused(_)) => Ok(()),
            Err(TransactionError::Store(error)) => Err(error),
        }
    }

    /// All charges of a user that a payment provider confirms.
    pub async fn provider_charges(&self, user: UserId) -> Result<Vec<Charge>> {
        let query = Query::new(
            "#pk = :pk AND begins_with(#sk, :prefix)",
            [
                (":pk", keys::wallet_pk(user).into_attribute()),
                (":prefix", keys::CHARGE_PREFIX.into_attribute()),
            ],
        )
        .consistency(Consistency::Strong);
        let charges = self.query_all(&query).await?.into_iter().map(read_charge);
        charges.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::charge::{Checkout, ProviderId};

    fn charge(state: ChargeState) -> Charge {
        let user_id = UserId::random();
        Charge {
            charge_id: EntryId::of_charge(user_id, "00"),
            user_id,
            provider: ProviderName::Demo,
            amount: Money(5_000),
            currency: Currency::try_from("KRW".to_owned()).unwrap(),
            pay_for: None,
            expires_at: EpochMs(9),
            begun: Some(Begun {
                checkout_id: ProviderId("cs_1".to_owned()),
                checkout: Checkout::Page {
                    url: "https://pay.example.com/cs_1".to_owned(),
                },
            }),
            state,
            withdrawn: Money(3),
            was_reversed: true,
            created_at: EpochMs(7),
        }
    }

    fn payment() -> ProviderPayment {
        ProviderPayment {
            payment_id: ProviderId("pi_1".to_owned()),
            amount: Money(5_000),
            currency: Currency::try_from("KRW".to_owned()).unwrap(),
        }
    }

    #[test]
    fn a_charge_in_every_state_is_read_as_it_was_written() {
        for state in [
            ChargeState::Pending,
            ChargeState::Done {
                payment: payment(),
                at: EpochMs(8),
                purchase: Some(PurchaseState::Due),
            },
            ChargeState::Failed(FailureReason::Differs),
            ChargeState::Expired,
        ] {
            let charge = charge(state);
            assert_eq!(read_charge(write_charge(&charge)).unwrap(), charge);
        }
    }

    #[test]
    fn every_placeholder_is_bound() {
        let pending = charge(ChargeState::Pending);
        let order = pending.order_id();
        let begun = pending.begun.clone().unwrap();
        let without_checkout = Charge {
            begun: None,
            ..pending.clone()
        };
        let part = Part {
            payment: payment(),
            amount: Money(5),
            charge: pending.clone(),
        };
        for write in [
            advance(&pending, &charge(ChargeState::Expired)),
            advance(&without_checkout, &charge(ChargeState::Expired)),
            note_checkout(order, &begun),
            move_end(order, EpochMs(1)),
            take_from(&part),
            take_from_unbought(&part),
            give_back(&pending, Money(3)),
            end_purchase(order, PurchaseState::Paid),
        ] {
            write.check().unwrap();
        }
    }
}
