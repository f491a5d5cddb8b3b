//! Charges that a payment provider confirms, and the list of those that have to be asked for.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::client::{Consistency, Query, Store};
use super::error::{Result, StoreError};
use super::expression::{IntoAttribute, Write};
use super::item::{Item, read_item, write_item, write_value};
use super::refused::{TransactionError, Verdict};
use super::reservations::{HoldExtension, extend_writes};
use super::{TransactionLost, keys, wallets};
use domain::charge::{
    Begun, Charge, ChargeState, ChargeStatus, FailureReason, OrderId, ProviderName,
    ProviderPayment, PurchaseState,
};
use domain::clock::EpochMs;
use domain::ids::{EntryId, ReservationId, UserId};
use domain::money::{Currency, Money};
use domain::wallet::{EntryKind, LedgerEntry, Wallet};

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

/// A charge that has to be asked for, as it is listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DueCharge {
    charge_id: EntryId,
    user_id: UserId,
    due_at: EpochMs,
}

fn put_due(order: OrderId, due_at: EpochMs) -> Write {
    let due = DueCharge {
        charge_id: order.charge_id,
        user_id: order.user_id,
        due_at,
    };
    Write::put(keys::due_charge(order.charge_id), write_item(&due))
}

fn delete_due(order: OrderId) -> Write {
    Write::delete(keys::due_charge(order.charge_id))
}

/// Replaces a charge by its next state, if its status is still the one that was read.
fn advance(from: &Charge, to: &Charge) -> Write {
    Write::put(keys::charge(from.order_id()), write_charge(to))
        .when("#status = :status AND #createdAt = :created")
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

/// Takes the right to ask the provider about a charge, which nobody has taken since `stale`.
fn claim_asking(order: OrderId, stale: EpochMs, now: EpochMs) -> Write {
    Write::update(keys::due_charge(order.charge_id), "SET #askedAt = :now")
        .when(
            "attribute_exists(#pk) AND (attribute_not_exists(#askedAt) OR #askedAt <= :stale \
             OR #askedAt > :now)",
        )
        .bind(":now", now)
        .bind(":stale", stale)
}

fn postpone(order: OrderId, due_at: EpochMs) -> Write {
    Write::update(keys::due_charge(order.charge_id), "SET #dueAt = :due")
        .when("attribute_exists(#pk)")
        .bind(":due", due_at)
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
                    put_due(order, due_at),
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
            let after = wallet.refunded(charge.amount);
            let entry = LedgerEntry {
                entry_id: charge.charge_id,
                kind: EntryKind::Charge,
                amount: charge.amount,
                balance_after: after.balance,
                purchase: None,
                at: now,
            };
            let mut writes = vec![advance(charge, &done)];
            writes.extend(wallets::change(charge.user_id, wallet, after, &entry));
            writes.push(match purchase {
                Some(_) => put_due(order, now),
                None => delete_due(order),
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
            let writes = vec![advance(charge, &ended), delete_due(charge.order_id())];
            (writes, ended.clone())
        });
        Ok(made.await?)
    }

    /// Notes what has become of the reservation that a charge was for, and takes the charge off the
    /// list, in one transaction. A repeated call changes nothing.
    pub async fn end_purchase(&self, order: OrderId, outcome: PurchaseState) -> Result<()> {
        let ended = self
            .transact(|_| (vec![end_purchase(order, outcome), delete_due(order)], ()))
            .await;
        match ended {
            // Another request has noted it.
            Ok(()) | Err(TransactionError::Refused(_)) => Ok(()),
            Err(TransactionError::Store(error)) => Err(error),
        }
    }

    /// Takes the right to ask the provider about a listed charge. `false` if another request has
    /// just asked, or if it is not listed.
    pub async fn claim_asking(&self, order: OrderId, pause_ms: i64) -> Result<bool> {
        self.write_if_allowed(|now| claim_asking(order, now.plus_ms(-pause_ms), now))
            .await
    }

    /// Lets a listed charge be asked for at a later time.
    pub async fn postpone_charge(&self, order: OrderId, due_at: EpochMs) -> Result<()> {
        self.write_if_allowed(|_| postpone(order, due_at))
            .await
            .map(drop)
    }

    /// The listed charges that are due, at most `most` of each shard.
    pub async fn due_charges(&self, now: EpochMs, most: usize) -> Result<Vec<OrderId>> {
        let mut due = Vec::new();
        for shard in 0..keys::DUE_SHARDS {
            let query = Query::new(
                "#pk = :pk",
                [(":pk", AttributeValue::S(keys::due_pk(shard)))],
            );
            let mut listed = self
                .query_all(&query)
                .await?
                .into_iter()
                .map(read_item::<DueCharge>)
                .collect::<Result<Vec<_>>>()?;
            listed.retain(|charge| charge.due_at <= now);
            listed.sort_unstable_by_key(|charge| charge.due_at);
            due.extend(listed.into_iter().take(most).map(|charge| OrderId {
                user_id: charge.user_id,
                charge_id: charge.charge_id,
            }));
        }
        Ok(due)
    }

    /// A user's pending charges.
    pub async fn pending_charges(&self, user: UserId) -> Result<Vec<Charge>> {
        let query = Query::new(
            "#pk = :pk AND begins_with(#sk, :prefix)",
            [
                (":pk", keys::wallet_pk(user).into_attribute()),
                (":prefix", keys::CHARGE_PREFIX.into_attribute()),
            ],
        );
        let charges = self.query_all(&query).await?.into_iter().map(read_charge);
        let mut charges = charges.collect::<Result<Vec<_>>>()?;
        charges.retain(|charge| charge.status() == ChargeStatus::Pending);
        Ok(charges)
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
        for write in [
            put_due(order, EpochMs(1)),
            delete_due(order),
            advance(&pending, &charge(ChargeState::Expired)),
            note_checkout(order, &begun),
            move_end(order, EpochMs(1)),
            claim_asking(order, EpochMs(1), EpochMs(2)),
            postpone(order, EpochMs(1)),
            end_purchase(order, PurchaseState::Paid),
        ] {
            write.check().unwrap();
        }
    }
}
