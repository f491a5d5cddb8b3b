//! What a catalogue says about fees, tax, and who sells the tickets.

use std::fmt;

use domain::fees::{Fees, TaxRate};
use domain::money::Money;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::check::Scope;
use super::raw::{Name, RawFees, Value, Whole, check_name};
use super::yaml::{Field, Map};

const MAX_TAX_NUMBER_LENGTH: usize = 40;

/// A tax number, without the white space around it. Countries write them differently.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct TaxNumber(String);

impl TryFrom<String> for TaxNumber {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        check_name(text, MAX_TAX_NUMBER_LENGTH)?;
        Ok(Self(text.to_owned()))
    }
}

/// A tax rate, written in percent.
#[derive(Clone, Copy)]
pub(super) struct Percent(pub(super) TaxRate);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PercentVisitor)
    }
}

struct PercentVisitor;

impl Visitor<'_> for PercentVisitor {
    type Value = Percent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 100 with at most two decimals, such as 10 or 8.25")
    }

    fn visit_f64<E: Error>(self, percent: f64) -> Result<Self::Value, E> {
        // The shortest text that stands for the number is the one that was written.
        let text = percent.to_string();
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let rate = match decimals.len() {
            0..=2 => format!("{whole}{decimals:0<2}").parse().ok(),
            _ => None,
        };
        rate.and_then(TaxRate::of_basis_points)
            .map(Percent)
            .ok_or_else(|| E::custom(format!("must be {}", Expected(&self))))
    }

    fn visit_i64<E: Error>(self, percent: i64) -> Result<Self::Value, E> {
        match u32::try_from(percent) {
            Ok(percent) => self.visit_f64(percent.into()),
            Err(_) => Err(E::custom(format!("must be {}", Expected(&self)))),
        }
    }

    fn visit_u64<E: Error>(self, percent: u64) -> Result<Self::Value, E> {
        self.visit_i64(i64::try_from(percent).unwrap_or(i64::MAX))
    }
}

/// Writes what a visitor expects.
struct Expected<'a>(&'a PercentVisitor);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}

/// Reads the fees of an event. A wallet must be able to pay one ticket at the highest price.
pub(super) fn fees(
    scope: &mut Scope<'_>,
    field: Field<Map<RawFees>>,
    highest_price: Option<Money>,
    wallet_ceiling: Money,
) -> Fees {
    let line = field.line();
    let Some((mut fields, raw)) = scope.enter("fees", field) else {
        return Fees::default();
    };
    let fees = Fees {
        per_ticket: fields
            .value("perTicket", raw.per_ticket)
            .map_or(Money::ZERO, Whole::money),
        per_order: fields
            .value("perOrder", raw.per_order)
            .map_or(Money::ZERO, Whole::money),
        refundable: fields.value("refundable", raw.refundable).unwrap_or(false),
    };
    let dearest = highest_price.unwrap_or(Money::ZERO);
    let total = dearest + fees.of_order([dearest]).total();
    if total > wallet_ceiling && dearest <= wallet_ceiling {
        let message = format!(
            "with the price of {dearest} they are more than a wallet can hold: walletCeiling is {wallet_ceiling}"
        );
        scope.error(line, "fees", message);
    }
    fees
}

/// Who sells the tickets.
#[derive(Clone, Default)]
pub(super) struct Organizer {
    pub(super) name: Option<String>,
    pub(super) tax_number: Option<String>,
    pub(super) address: Option<String>,
}

/// Reads an organizer. The tax number and the address belong to a name.
pub(super) fn organizer(
    scope: &mut Scope<'_>,
    name: Value<Name>,
    tax_number: Value<TaxNumber>,
    address: Value<Name>,
) -> Organizer {
    if !name.is_present() {
        let message = "needs an organizer beside it";
        scope.refuse("organizerTaxNumber", &tax_number, message);
        scope.refuse("organizerAddress", &address, message);
    }
    Organizer {
        name: scope.value("organizer", name).map(|Name(name)| name),
        tax_number: scope
            .value("organizerTaxNumber", tax_number)
            .map(|TaxNumber(number)| number),
        address: scope
            .value("organizerAddress", address)
            .map(|Name(address)| address),
    }
}

impl Organizer {
    /// Itself, or the organizer of the whole file if the event names none.
    pub(super) fn or(self, of_file: &Self) -> Self {
        match self.name {
            Some(_) => self,
            None => of_file.clone(),
        }
    }
}
