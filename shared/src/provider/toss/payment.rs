//! Payments and their cancellations: <https://docs.tosspayments.com/reference#payment-객체>.

use domain::charge::{Charge, OrderId, ProviderAnswer, ProviderId, ProviderPayment};
use domain::clock::EpochMs;
use domain::money::{Currency, Money};
use serde::Deserialize;
use serde_json::Number;

use super::super::http::unexpected;
use super::super::{ProviderError, RefundAnswer};

/// The currency of all payments in Korea.
pub(super) const WON: &str = "KRW";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payment {
    #[serde(rename = "paymentKey")]
    pub(super) key: String,
    order_id: String,
    pub(super) status: Status,
    currency: String,
    total_amount: Number,
    /// What was not cancelled of the total.
    pub(super) balance_amount: Number,
    /// `None` until the money was taken.
    approved_at: Option<String>,
    virtual_account: Option<VirtualAccount>,
    cancels: Option<Vec<Cancel>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Status {
    /// The window is open.
    Ready,
    /// The buyer has proved who pays, and waits for the confirmation.
    InProgress,
    WaitingForDeposit,
    Done,
    Canceled,
    PartialCanceled,
    /// The confirmation failed.
    Aborted,
    /// It was not confirmed in time.
    Expired,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VirtualAccount {
    due_date: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cancel {
    transaction_key: String,
    #[serde(rename = "cancelReason")]
    reason: String,
    #[serde(rename = "cancelAmount")]
    amount: Number,
    #[serde(rename = "cancelStatus")]
    status: CancelStatus,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum CancelStatus {
    InProgress,
    Done,
    Aborted,
}

impl Payment {
    pub(super) fn is_of(&self, order: OrderId) -> bool {
        OrderId::parse(&self.order_id) == Some(order)
    }

    /// Whether it is for exactly what was asked for.
    pub(super) fn is_for(&self, charge: &Charge) -> bool {
        amount(&self.total_amount, &self.currency)
            .is_some_and(|it| it == (charge.amount, charge.currency.clone()))
    }

    /// What became of a payment that was confirmed, or never will be.
    pub(super) fn answer(&self) -> Result<ProviderAnswer, ProviderError> {
        Ok(match self.status {
            Status::Ready | Status::InProgress => ProviderAnswer::Open,
            Status::WaitingForDeposit => ProviderAnswer::AwaitsDeposit { until: self.due()? },
            Status::Done | Status::PartialCanceled => self.kept()?,
            // The money was taken, and all of it was given back.
            Status::Canceled if self.approved_at.is_some() => ProviderAnswer::Failed,
            Status::Canceled | Status::Expired => ProviderAnswer::Ended,
            Status::Aborted => ProviderAnswer::Failed,
        })
    }

    fn kept(&self) -> Result<ProviderAnswer, ProviderError> {
        let (amount, currency) = amount(&self.balance_amount, &self.currency)
            .ok_or_else(|| unexpected("amount or currency"))?;
        if amount <= Money::ZERO {
            return Ok(ProviderAnswer::Failed);
        }
        Ok(ProviderAnswer::Paid(ProviderPayment {
            payment_id: ProviderId(self.key.clone()),
            amount,
            currency,
        }))
    }

    fn due(&self) -> Result<EpochMs, ProviderError> {
        self.virtual_account
            .as_ref()
            .and_then(|account| moment(&account.due_date))
            .ok_or_else(|| unexpected("virtual account without dueDate"))
    }

    /// Whether the buyer has transferred the money to a virtual account.
    pub(super) fn is_by_deposit(&self) -> bool {
        self.virtual_account.is_some()
    }

    /// Whether money was taken, whatever became of it.
    pub(super) fn was_approved(&self) -> bool {
        self.approved_at.is_some()
    }

    pub(super) fn cancel_because(&self, reason: &str) -> Option<&Cancel> {
        self.cancels().find(|cancel| cancel.reason == reason)
    }

    pub(super) fn cancel_with(&self, id: &ProviderId) -> Option<&Cancel> {
        self.cancels().find(|cancel| cancel.transaction_key == id.0)
    }

    fn cancels(&self) -> impl Iterator<Item = &Cancel> {
        self.cancels.iter().flatten()
    }
}

impl Cancel {
    /// Whether it is of this amount. The payment's currency is the only one it can have.
    pub(super) fn is_of(&self, wanted: Money, currency: &Currency) -> bool {
        amount(&self.amount, &currency.to_string()).is_some_and(|(amount, _)| amount == wanted)
    }

    pub(super) fn answer(&self) -> RefundAnswer {
        let id = ProviderId(self.transaction_key.clone());
        match self.status {
            CancelStatus::Done => RefundAnswer::Done(id),
            CancelStatus::InProgress => RefundAnswer::Pending(id),
            CancelStatus::Aborted => RefundAnswer::Failed(id),
        }
    }
}

/// Toss's amounts are in the major unit, and only foreign currencies have decimals. `None` if the
/// amount or the currency is none of ours.
pub(super) fn amount(amount: &Number, currency: &str) -> Option<(Money, Currency)> {
    let currency = Currency::try_from(currency.to_owned()).ok()?;
    let scale = 10_i64.checked_pow(currency.decimals().into())?;
    let text = amount.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals = decimals.trim_end_matches('0');
    let width = usize::from(currency.decimals());
    if decimals.len() > width {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let minor: i64 = match width {
        0 => 0,
        width => format!("{decimals:0<width$}").parse().ok()?,
    };
    let minor = if text.starts_with('-') { -minor } else { minor };
    let amount = whole.checked_mul(scale)?.checked_add(minor)?;
    Some((Money(amount), currency))
}

/// A time with its offset, such as `2022-01-01T11:31:51+09:00`.
pub(super) fn moment(text: &str) -> Option<EpochMs> {
    EpochMs::parse(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, currency: &str) -> Option<i64> {
        let number: Number = serde_json::from_str(json).unwrap();
        amount(&number, currency).map(|(money, _)| money.0)
    }

    #[test]
    fn an_amount_is_read_in_the_minor_unit_of_its_currency_without_rounding() {
        for (json, currency, minor) in [
            ("15000", "KRW", Some(15_000)),
            ("15000.0", "KRW", Some(15_000)),
            ("15000.5", "KRW", None),
            ("726.24", "USD", Some(72_624)),
            ("726.2", "USD", Some(72_620)),
            ("726.245", "USD", None),
            ("-10.5", "USD", Some(-1_050)),
            ("1e300", "USD", None),
            ("50000000000", "MUSD", None),
        ] {
            assert_eq!(read(json, currency), minor, "{json} {currency}");
        }
    }
}
