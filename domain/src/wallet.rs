//! Wallets: a balance that is always the sum of its ledger.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::EpochMs;
use crate::ids::{EntryId, ReservationId};
use crate::money::Money;

/// A wallet; one that has never been charged is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Wallet {
    pub balance: Money,
    /// How many ledger entries there are; the next has this number plus one.
    pub seq: u64,
}

/// What kind of change an entry records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename = "LedgerEntryKind"))]
#[serde(rename_all = "UPPERCASE")]
pub enum EntryKind {
    /// Money came in.
    Charge,
    /// A reservation was paid.
    Payment,
    /// A cancelled reservation was given back.
    Refund,
}

/// One change of a wallet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LedgerEntry {
    pub entry_id: EntryId,
    pub kind: EntryKind,
    /// Signed: a payment is negative.
    pub amount: Money,
    pub balance_after: Money,
    pub reservation_id: Option<ReservationId>,
    pub at: EpochMs,
}

/// Why a wallet refuses a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WalletRefusal {
    /// A payment of more than there is.
    Insufficient { balance: Money, required: Money },
    /// A charge over the ceiling.
    OverCeiling { balance: Money, ceiling: Money },
}

impl Wallet {
    /// The wallet with `amount` more; refused over the ceiling.
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

    /// The wallet after paying `price`; refused where that is more than there is.
    pub fn paid(self, price: Money) -> Result<Self, WalletRefusal> {
        if self.balance < price {
            return Err(WalletRefusal::Insufficient {
                balance: self.balance,
                required: price,
            });
        }
        Ok(self.changed_to(self.balance - price))
    }

    /// The wallet with a payment given back. No ceiling: the money is the buyer's.
    #[must_use]
    pub fn refunded(self, amount: Money) -> Self {
        self.changed_to(self.balance + amount)
    }

    fn changed_to(self, balance: Money) -> Self {
        Self {
            balance,
            seq: self.seq + 1,
        }
    }
}

/// The client's name for one charge, so that a repeated request charges once. Stored only as its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads a header's value: 1 to 64 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, String> {
        if (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("1 to 64 visible ASCII characters".to_owned())
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
    fn a_wallet_never_goes_below_nothing() {
        let wallet = Wallet {
            balance: Money(99),
            seq: 1,
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
                seq: 2
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
    fn an_idempotency_key_is_visible_ascii_and_never_shown() {
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
        fn a_balance_is_the_sum_of_what_was_accepted(changes in proptest::collection::vec((0..3_u8, 1..1_000_000_i64), 0..100)) {
            let ceiling = Money(5_000_000);
            let mut wallet = Wallet::default();
            let mut sum = 0;
            let mut entries = 0;
            for (kind, amount) in changes {
                let (next, signed) = match kind {
                    0 => (wallet.charged(Money(amount), ceiling), amount),
                    1 => (wallet.paid(Money(amount)), -amount),
                    _ => (Ok(wallet.refunded(Money(amount))), amount),
                };
                if let Ok(next) = next {
                    wallet = next;
                    sum += signed;
                    entries += 1;
                }
                prop_assert!(wallet.balance >= Money::ZERO);
                prop_assert_eq!(wallet, Wallet { balance: Money(sum), seq: entries });
            }
        }
    }
}
