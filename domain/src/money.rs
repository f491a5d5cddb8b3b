//! Money: integers in the currency's minor unit, never floating point.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

use serde::{Deserialize, Serialize};

/// An amount in the minor unit of the table's currency (for KRW: won). Negative amounts occur in
/// ledger entries.
///
/// Every incoming amount is at most [`Money::MAX`], so the sum of all entries that a wallet can
/// hold stays far below the limit of the integer.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(pub i64);

impl Money {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// The largest amount, price or ceiling: 2^53 − 1, the last integer that every JSON parser
    /// represents exactly.
    pub const MAX: Self = Self(9_007_199_254_740_991);

    /// The amount in the currency's major unit, for people: `12.50`, or `44000` for KRW.
    #[must_use]
    pub fn in_major_units(self, currency: &Currency) -> String {
        let digits = usize::from(currency.decimals());
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = format!("{:0>width$}", self.0.unsigned_abs(), width = digits + 1);
        match amount.split_at(amount.len() - digits) {
            (major, "") => format!("{sign}{major}"),
            (major, minor) => format!("{sign}{major}.{minor}"),
        }
    }

    /// The amount multiplied by `count`.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Self(self.0.saturating_mul(count.into()))
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

impl Currency {
    /// How many decimals an amount has in the major unit, by ISO 4217: the minor unit is the last
    /// of them. `web/js/i18n.js` has the same table.
    #[must_use]
    pub fn decimals(&self) -> u8 {
        match self.0.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF"
            | "UGX" | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) {
            Ok(Self(code))
        } else {
            Err("a currency is three capital letters, such as KRW".to_owned())
        }
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_shown_in_the_major_unit_of_its_currency() {
        for (amount, currency, shown) in [
            (1_250, "EUR", "12.50"),
            (5, "USD", "0.05"),
            (-5, "USD", "-0.05"),
            (0, "EUR", "0.00"),
            (44_000, "KRW", "44000"),
            (900, "JPY", "900"),
            (12_345, "KWD", "12.345"),
            (7, "KWD", "0.007"),
            (i64::MIN, "EUR", "-92233720368547758.08"),
        ] {
            let currency = Currency::try_from(currency.to_owned()).unwrap();
            assert_eq!(Money(amount).in_major_units(&currency), shown);
        }
    }
}
