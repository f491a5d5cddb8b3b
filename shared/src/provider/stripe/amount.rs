//! Amounts as Stripe writes them.
//!
//! Stripe has minor units of its own for some currencies:
//! <https://docs.stripe.com/currencies#minor-units>.

use domain::money::{Currency, Money};

/// How many decimals Stripe's amounts have: Stripe's list of zero-decimal currencies and of
/// three-decimal ones. UGX and ISK have none, but Stripe still writes them with two.
fn stripe_decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "JPY" | "KMF" | "KRW" | "MGA" | "PYG" | "RWF" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// The amount as Stripe writes it. `None` if Stripe cannot take it: it has more decimals than
/// Stripe's, or is of a three-decimal currency and no multiple of ten.
pub(super) fn to_stripe(amount: Money, currency: &Currency) -> Option<i64> {
    let code = currency.to_string();
    let theirs = stripe_decimals(&code);
    let amount = rescale(amount.0, u32::from(currency.decimals()), theirs)?;
    (theirs < 3 || amount % 10 == 0).then_some(amount)
}

/// An amount and a currency of Stripe. `None` if they are none of ours.
pub(super) fn from_stripe(amount: i64, currency: &str) -> Option<(Money, Currency)> {
    let code = currency.to_ascii_uppercase();
    let theirs = stripe_decimals(&code);
    let currency = Currency::try_from(code).ok()?;
    let amount = rescale(amount, theirs, u32::from(currency.decimals()))?;
    Some((Money(amount), currency))
}

fn rescale(amount: i64, from: u32, to: u32) -> Option<i64> {
    if to >= from {
        amount.checked_mul(10_i64.checked_pow(to - from)?)
    } else {
        let divisor = 10_i64.checked_pow(from - to)?;
        (amount % divisor == 0).then(|| amount / divisor)
    }
}

/// A currency as Stripe's parameters want it.
pub(super) fn code(currency: &Currency) -> String {
    currency.to_string().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::try_from(code.to_owned()).unwrap()
    }

    #[test]
    fn an_amount_is_written_in_stripes_minor_unit_and_read_back() {
        for (code, ours, theirs) in [
            ("KRW", 44_000, 44_000),
            ("JPY", 900, 900),
            ("EUR", 1_250, 1_250),
            ("ISK", 5, 500),
            ("UGX", 5, 500),
            ("MGA", 500, 5),
            ("KWD", 12_340, 12_340),
            ("HUF", 1_000, 1_000),
        ] {
            let currency = currency(code);
            assert_eq!(to_stripe(Money(ours), &currency), Some(theirs), "{code}");
            let read = from_stripe(theirs, &code.to_ascii_lowercase());
            assert_eq!(read, Some((Money(ours), currency)), "{code}");
        }
    }

    #[test]
    fn an_amount_that_stripe_cannot_take_is_not_rounded() {
        for (code, ours) in [("KWD", 12_345), ("MGA", 501), ("ISK", i64::MAX)] {
            assert_eq!(to_stripe(Money(ours), &currency(code)), None, "{code}");
        }
        assert_eq!(from_stripe(501, "isk"), None);
        assert_eq!(from_stripe(1, "points"), None);
    }
}
