//! Wallets: the balance is always the sum of the ledger.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::EpochMs;
use crate::ids::{EntryId, ReservationId};
use crate::money::Money;
use crate::reservation::{Reservation, ReservedSeat};

/// A wallet. One that was never charged is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Wallet {
    pub balance: Money,
    /// The number of ledger entries. The next entry has the following number.
    pub seq: u64,
    /// What came from payment providers and has not gone back to them, whether it was spent or not.
    #[serde(default)]
    pub returnable: Money,
}

/// The kind of a ledger entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "LedgerEntryKind"))]
#[serde(rename_all = "UPPERCASE")]
pub enum EntryKind {
    /// Money was added.
    Charge,
    /// A reservation was paid.
    Payment,
    /// A cancelled reservation was refunded.
    Refund,
    /// Money goes back to where it came from.
    Withdrawal,
    /// A withdrawal that the payment provider could not make.
    Reversal,
}

impl EntryKind {
    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "CHARGE",
            Self::Payment => "PAYMENT",
            Self::Refund => "REFUND",
            Self::Withdrawal => "WITHDRAWAL",
            Self::Reversal => "REVERSAL",
        }
    }
}

/// One change of a wallet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LedgerEntry {
    pub entry_id: EntryId,
    pub kind: EntryKind,
    /// Negative for payments and withdrawals.
    pub amount: Money,
    pub balance_after: Money,
    /// What was paid or refunded.
    pub purchase: Option<Purchase>,
    /// The withdrawal that was made or reversed.
    pub withdrawal_id: Option<EntryId>,
    pub at: EpochMs,
}

impl LedgerEntry {
    /// The reservation that was paid or refunded.
    #[must_use]
    pub fn reservation_id(&self) -> Option<&ReservationId> {
        let purchase = self.purchase.as_ref();
        purchase.map(|purchase| &purchase.reservation_id)
    }
}

/// What a payment or a refund is for, as the reservation said then. A catalogue that changes the
/// event or its seats later does not change the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purchase {
    pub reservation_id: ReservationId,
    /// Empty in entries that an earlier version wrote, like the fields below.
    pub event_name: String,
    pub seats: Vec<ReservedSeat>,
    /// The number of tickets.
    pub quantity: Option<u32>,
}

impl Purchase {
    #[must_use]
    pub fn of(reservation: &Reservation) -> Self {
        Self {
            reservation_id: reservation.reservation_id.clone(),
            event_name: reservation.event_name.clone(),
            seats: reservation.seats.clone(),
            quantity: Some(reservation.quantity),
        }
    }
}

/// Why a wallet refuses a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WalletRefusal {
    /// The payment exceeds the balance.
    Insufficient { balance: Money, required: Money },
    /// The charge would exceed the ceiling.
    OverCeiling { balance: Money, ceiling: Money },
    /// More than can go back to where it came from.
    NotWithdrawable { withdrawable: Money },
}

impl Wallet {
    /// The wallet after a charge of `amount`. Refused if the balance would exceed the ceiling.
    pub fn charged(self, amount: Money, ceiling: Money) -> Result<Self, WalletRefusal> {
        let balance = self.balance + amount;
        if balance > ceiling {
            return Err(WalletRefusal::OverCeiling {
                balance: self.balance,
                ceiling,
            });
        }
        Ok(self.changed_to(balance))
    }

    /// The wallet after a payment of `price`. Refused if the price exceeds the balance.
    pub fn paid(self, price: Money) -> Result<Self, WalletRefusal> {
        if self.balance < price {
            return Err(WalletRefusal::Insufficient {
                balance: self.balance,
                required: price,
            });
        }
        Ok(self.changed_to(self.balance - price))
    }

    /// The wallet after a refund. There is no ceiling, because the money is the buyer's.
    #[must_use]
    pub fn refunded(self, amount: Money) -> Self {
        self.changed_to(self.balance + amount)
    }

    /// The wallet after a payment provider's money has come, or come back. There is no ceiling,
    /// because the money is the buyer's.
    #[must_use]
    pub fn credited(self, amount: Money) -> Self {
        Self {
            returnable: self.returnable + amount,
            ..self.changed_to(self.balance + amount)
        }
    }

    /// What can go back to where it came from. What was granted is spent first, and never goes out.
    #[must_use]
    pub fn withdrawable(self) -> Money {
        self.balance.min(self.returnable)
    }

    /// The wallet after a withdrawal. Refused if it exceeds [`Wallet::withdrawable`].
    pub fn withdrawn(self, amount: Money) -> Result<Self, WalletRefusal> {
        let withdrawable = self.withdrawable();
        if withdrawable < amount {
            return Err(WalletRefusal::NotWithdrawable { withdrawable });
        }
        Ok(Self {
            returnable: self.returnable - amount,
            ..self.changed_to(self.balance - amount)
        })
    }

    fn changed_to(self, balance: Money) -> Self {
        Self {
            balance,
            seq: self.seq + 1,
            returnable: self.returnable,
        }
    }
}

/// The client's name for one charge, so that a repeated request charges only once. Only its hash is
/// stored.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Parses a header value: 1 to 64 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, String> {
        if (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 64 visible ASCII characters".to_owned())
        }
    }

    /// SHA-256 of the key, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        use fmt::Write;
        let digest = Sha256::digest(self.0.as_bytes());
        digest
            .iter()
            .fold(String::with_capacity(64), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_balance_is_never_negative() {
        let wallet = Wallet {
            balance: Money(99),
            seq: 1,
            returnable: Money::ZERO,
        };
        assert_eq!(
            wallet.paid(Money(100)),
            Err(WalletRefusal::Insufficient {
                balance: Money(99),
                required: Money(100)
            })
        );
        assert_eq!(
            wallet.paid(Money(99)),
            Ok(Wallet {
                balance: Money::ZERO,
                seq: 2,
                returnable: Money::ZERO,
            })
        );
    }

    #[test]
    fn a_charge_reaches_the_ceiling_but_never_exceeds_it() {
        let wallet = Wallet::default().charged(Money(70), Money(100)).unwrap();
        assert!(wallet.charged(Money(30), Money(100)).is_ok());
        assert!(wallet.charged(Money(31), Money(100)).is_err());
        assert!(Wallet::default().charged(Money::MAX, Money(100)).is_err());
    }

    #[test]
    fn what_was_granted_never_goes_out_even_after_it_was_spent_and_refunded() {
        let granted = Wallet::default().charged(Money(10), Money(100)).unwrap();
        assert_eq!(granted.withdrawable(), Money::ZERO);
        let both = granted.credited(Money(10));
        let spent = both.paid(Money(10)).unwrap();
        let out = spent.withdrawn(Money(10)).unwrap();
        let refunded = out.refunded(Money(10));
        assert_eq!(refunded.balance, Money(10));
        assert_eq!(
            refunded.withdrawn(Money(1)),
            Err(WalletRefusal::NotWithdrawable {
                withdrawable: Money::ZERO
            })
        );
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii_and_never_logged() {
        assert!(IdempotencyKey::parse(&"k".repeat(64)).is_ok());
        for bad in ["", "a b", "é", "tab\t", &"k".repeat(65)] {
            assert!(IdempotencyKey::parse(bad).is_err(), "{bad:?}");
        }
        let key = IdempotencyKey::parse("secret-key").unwrap();
        assert!(!format!("{key:?}").contains("secret"));
        assert_eq!(
            IdempotencyKey::parse("abc").unwrap().sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    proptest! {
        #[test]
        fn a_balance_is_the_sum_of_the_accepted_changes(changes in proptest::collection::vec((0..5_u8, 1..1_000_000_i64), 0..100)) {
            let ceiling = Money(5_000_000);
            let mut wallet = Wallet::default();
            let mut sum = 0;
            let mut entries = 0;
            let mut provided = 0;
            for (kind, amount) in changes {
                let (next, signed) = match kind {
                    0 => (wallet.charged(Money(amount), ceiling), amount),
                    1 => (wallet.paid(Money(amount)), -amount),
                    2 => (wallet.withdrawn(Money(amount)), -amount),
                    3 => (Ok(wallet.credited(Money(amount))), amount),
                    _ => (Ok(wallet.refunded(Money(amount))), amount),
                };
                if let Ok(next) = next {
                    if matches!(kind, 2 | 3) {
                        provided += signed;
                    }
                    wallet = next;
                    sum += signed;
                    entries += 1;
                }
                prop_assert!(wallet.balance >= Money::ZERO);
                prop_assert!(wallet.returnable >= Money::ZERO);
                prop_assert_eq!(
                    wallet,
                    Wallet { balance: Money(sum), seq: entries, returnable: Money(provided) }
                );
            }
        }
    }
}
