//! What an order costs besides its tickets' prices, and the tax that is contained in all of it.

use serde::{Deserialize, Serialize};

use crate::money::Money;

/// The fees of an event. They are part of every price that a buyer sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Fees {
    /// For each ticket that has a price.
    pub per_ticket: Money,
    /// Once for an order that has such a ticket.
    pub per_order: Money,
    /// Whether a cancellation gives the fees back too.
    pub refundable: bool,
}

/// The fees of one reservation, as they were when it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReservedFees {
    /// Of all its tickets together.
    pub tickets: Money,
    pub order: Money,
    pub refundable: bool,
}

impl Fees {
    /// Whether nothing is charged besides the prices.
    #[must_use]
    pub fn is_none(&self) -> bool {
        (self.per_ticket, self.per_order) == (Money::ZERO, Money::ZERO)
    }

    /// What a ticket of this price costs with its fee. A free ticket has no fee.
    #[must_use]
    pub fn with_ticket_fee(&self, price: Money) -> Money {
        match price {
            Money::ZERO => Money::ZERO,
            price => price + self.per_ticket,
        }
    }

    /// What an order of tickets of these prices pays in fees. An order of free tickets has none.
    #[must_use]
    pub fn of_order(&self, prices: impl IntoIterator<Item = Money>) -> ReservedFees {
        let paid = prices.into_iter().filter(|price| *price > Money::ZERO);
        let paid = u32::try_from(paid.count()).unwrap_or(u32::MAX);
        ReservedFees {
            tickets: self.per_ticket.times(paid),
            order: self.per_order.times(paid.min(1)),
            refundable: self.refundable,
        }
    }
}

impl ReservedFees {
    #[must_use]
    pub fn total(&self) -> Money {
        self.tickets + self.order
    }

    /// Of one of the tickets with a price, if there are this many.
    #[must_use]
    pub fn of_one_ticket(&self, with_price: u32) -> Money {
        let each = self.tickets.0.checked_div(i64::from(with_price));
        Money(each.unwrap_or_default())
    }

    /// What stays with the organiser when the reservation is cancelled.
    #[must_use]
    pub fn kept_on_cancellation(&self) -> Money {
        if self.refundable {
            Money::ZERO
        } else {
            self.total()
        }
    }
}

/// A tax rate in hundredths of a percent: 1000 is 10 %. Prices and fees contain the tax.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaxRate(u32);

impl TaxRate {
    /// 100 %.
    pub const MOST: u32 = 10_000;

    /// `None` above [`TaxRate::MOST`].
    #[must_use]
    pub fn of_basis_points(basis_points: u32) -> Option<Self> {
        (basis_points <= Self::MOST).then_some(Self(basis_points))
    }

    #[must_use]
    pub fn basis_points(self) -> u32 {
        self.0
    }

    /// The rate in percent, for people: `10`, `7.5` or `8.25`.
    #[must_use]
    pub fn in_percent(self) -> String {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => whole.to_string(),
            rest if rest % 10 == 0 => format!("{whole}.{}", rest / 10),
            rest => format!("{whole}.{rest:02}"),
        }
    }

    /// The tax in an amount that contains it, rounded to the nearest minor unit.
    #[must_use]
    pub fn contained_in(self, amount: Money) -> Money {
        let rate = i128::from(self.0);
        let base = i128::from(Self::MOST) + rate;
        let tax = (i128::from(amount.0) * rate + base / 2).div_euclid(base);
        // It is at most half of the amount.
        Money(i64::try_from(tax).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FEES: Fees = Fees {
        per_ticket: Money(2_000),
        per_order: Money(500),
        refundable: false,
    };

    #[test]
    fn an_order_pays_a_fee_for_each_ticket_with_a_price_and_one_for_itself() {
        let fees = FEES.of_order([Money(130_000), Money::ZERO, Money(90_000)]);
        assert_eq!((fees.tickets, fees.order), (Money(4_000), Money(500)));
        assert_eq!(fees.total(), Money(4_500));
        assert_eq!(FEES.with_ticket_fee(Money(130_000)), Money(132_000));
    }

    #[test]
    fn free_tickets_pay_no_fees() {
        let fees = FEES.of_order([Money::ZERO, Money::ZERO]);
        assert_eq!(fees.total(), Money::ZERO);
        assert_eq!(FEES.with_ticket_fee(Money::ZERO), Money::ZERO);
    }

    #[test]
    fn only_refundable_fees_go_back() {
        let fees = FEES.of_order([Money(1)]);
        assert_eq!(fees.kept_on_cancellation(), Money(2_500));
        let refundable = ReservedFees {
            refundable: true,
            ..fees
        };
        assert_eq!(refundable.kept_on_cancellation(), Money::ZERO);
    }

    #[test]
    fn a_price_contains_its_tax_to_the_nearest_unit() {
        for (basis_points, amount, tax) in [
            (1_000, 132_000, 12_000),
            (1_000, 100, 9),
            (1_900, 1_250, 200),
            (825, 10_825, 825),
            (0, 100, 0),
            (10_000, 3, 2),
        ] {
            let rate = TaxRate::of_basis_points(basis_points).unwrap();
            assert_eq!(rate.contained_in(Money(amount)), Money(tax));
        }
        assert_eq!(TaxRate::of_basis_points(10_001), None);
    }

    #[test]
    fn a_rate_is_shown_in_percent_with_the_decimals_that_it_has() {
        for (basis_points, percent) in [(1_000, "10"), (750, "7.5"), (825, "8.25"), (5, "0.05")] {
            let rate = TaxRate::of_basis_points(basis_points).unwrap();
            assert_eq!(rate.in_percent(), percent);
        }
    }

    proptest! {
        #[test]
        fn an_order_costs_what_its_tickets_cost_with_their_fees_and_the_fee_of_the_order(
            prices in proptest::collection::vec(0_i64..1_000_000, 1..20),
            per_ticket in 0_i64..100_000,
            per_order in 0_i64..100_000,
        ) {
            let fees = Fees { per_ticket: Money(per_ticket), per_order: Money(per_order), refundable: false };
            let prices: Vec<Money> = prices.into_iter().map(Money).collect();
            let shown: Money = prices.iter().map(|price| fees.with_ticket_fee(*price)).sum();
            let reserved = fees.of_order(prices.iter().copied());
            let total = prices.iter().copied().sum::<Money>() + reserved.total();
            prop_assert_eq!(total, shown + reserved.order);
            let is_free = prices.iter().all(|price| *price == Money::ZERO);
            prop_assert_eq!(reserved.order, if is_free { Money::ZERO } else { Money(per_order) });
        }

        #[test]
        fn a_contained_tax_and_the_rest_are_the_amount_and_in_proportion(
            amount in 0_i64..=Money::MAX.0,
            basis_points in 0_u32..=TaxRate::MOST,
        ) {
            let tax = TaxRate::of_basis_points(basis_points).unwrap().contained_in(Money(amount)).0;
            prop_assert!((0..=amount).contains(&tax));
            let net = i128::from(amount - tax);
            let error = net * i128::from(basis_points) - i128::from(tax) * i128::from(TaxRate::MOST);
            prop_assert!(error.abs() <= i128::from(TaxRate::MOST + basis_points) / 2 + 1);
        }
    }
}
