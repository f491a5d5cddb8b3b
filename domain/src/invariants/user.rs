//! A user's money and reservations.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::withdrawals::check_withdrawals;
use super::{Finding, Invariant, Stored};
use crate::charge::{Charge, ChargeStatus};
use crate::clock::EpochMs;
use crate::event::Programme;
use crate::ids::{EntryId, EventId, ReservationId, SeatNumber, UserId};
use crate::money::Money;
use crate::plans::Cancellation;
use crate::reservation::{Reservation, State};
use crate::wallet::{EntryKind, LedgerEntry, Wallet};
use crate::withdrawal::Withdrawal;

/// The charge that a charge key remembers.
#[derive(Clone, Copy, Debug)]
pub struct RememberedCharge {
    pub charge_id: EntryId,
    pub amount: Money,
    pub balance: Money,
}

/// A charge that is pending this long after its end is not being settled, in seconds.
const LONGEST_SETTLEMENT_SECONDS: u32 = 60 * 60;

/// A user's items, except queue entries.
#[derive(Clone, Debug, Default)]
pub struct UserItems {
    pub wallet: Option<Stored<Wallet>>,
    /// The wallet's key, whether or not there is one.
    pub wallet_key: String,
    /// In the order of their numbers.
    pub ledger: Vec<(u64, Stored<LedgerEntry>)>,
    pub charges: Vec<Stored<RememberedCharge>>,
    /// The charges that a payment provider confirms.
    pub provider_charges: Vec<Stored<Charge>>,
    pub withdrawals: Vec<Stored<Withdrawal>>,
    pub reservations: Vec<Stored<Reservation>>,
    pub archived: Vec<Stored<Reservation>>,
}

impl UserItems {
    /// Checks money and reservations. With `only`, checks nothing but this event's reservations.
    pub fn check(
        &self,
        user: UserId,
        events: &BTreeMap<EventId, Programme>,
        only: Option<&EventId>,
        now: EpochMs,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        if only.is_none() {
            self.check_wallet(&mut findings);
            self.check_charges(&mut findings);
            self.check_pending(now, &mut findings);
            findings.extend(check_withdrawals(self, now));
        }
        let mut paid = self.paid();
        let in_scope = |id: &ReservationId| only.is_none_or(|only| id.event_id() == only);
        let current = self.reservations.iter().map(|r| (r, false));
        let all = current.chain(self.archived.iter().map(|r| (r, true)));
        for (reservation, is_archived) in all {
            let id = &reservation.value.reservation_id;
            let paid = paid.remove(id).unwrap_or_default();
            if !in_scope(id) {
                continue;
            }
            let programme = events.get(id.event_id());
            let is_cancelled =
                programme.is_some_and(|of| of.event.cancelled_at(id.date()).is_some());
            findings.extend(check_payment(reservation, paid, is_cancelled));
            findings.extend(check_quantity(reservation));
            findings.extend(check_owner(reservation, user, is_archived, now));
            match programme {
                Some(programme) => {
                    let control = &programme.event.control;
                    let own = id
                        .date()
                        .and_then(|date| control.cancellation_of(Some(date)));
                    let cancellations = own.into_iter().chain(control.cancellation);
                    let broken = cancellations.filter_map(|of| check_cancelled(reservation, of));
                    findings.extend(broken.take(1));
                }
                None => findings.push(Finding::new(
                    Invariant::OneReservation,
                    &reservation.key,
                    format!("an event {}", id.event_id()),
                    "no such event",
                )),
            }
        }
        for (id, amount) in paid.into_iter().filter(|(id, _)| in_scope(id)) {
            let entry = self
                .ledger
                .iter()
                .find(|(_, entry)| entry.value.reservation_id() == Some(id));
            let key = entry.map_or_else(String::new, |(_, entry)| entry.key.clone());
            findings.push(Finding::new(
                Invariant::Money,
                key,
                format!("a reservation {id}"),
                format!("no such reservation; {} was paid for it", amount.0),
            ));
        }
        findings
    }

    /// Payments less refunds, by reservation.
    fn paid(&self) -> HashMap<&ReservationId, Money> {
        let mut paid: HashMap<&ReservationId, Money> = HashMap::new();
        for (_, entry) in &self.ledger {
            if let Some(id) = entry.value.reservation_id() {
                let paid = paid.entry(id).or_default();
                *paid = *paid - entry.value.amount;
            }
        }
        paid
    }

    fn check_wallet(&self, findings: &mut Vec<Finding>) {
        let mut found = |key: &str, expected: String, found: String| {
            findings.push(Finding::new(Invariant::Money, key, expected, found));
        };
        let mut sum = Money::ZERO;
        let mut entry_number = 0;
        for (seq, Stored { key, value: entry }) in &self.ledger {
            entry_number += 1;
            sum = sum + entry.amount;
            if *seq != entry_number {
                let expected = format!("entry {entry_number} of the ledger");
                found(key, expected, format!("entry {seq}"));
                entry_number = *seq;
            }
            if entry.balance_after != sum {
                let expected = format!("a balance of {} after this entry", sum.0);
                found(key, expected, entry.balance_after.0.to_string());
            }
            if sum < Money::ZERO {
                let expected = "a balance that is not negative".to_owned();
                found(key, expected, sum.0.to_string());
            }
            // Free reservations have payments and refunds of 0.
            let has_right_sign = match entry.kind {
                EntryKind::Charge | EntryKind::Reversal => entry.amount > Money::ZERO,
                EntryKind::Refund => entry.amount >= Money::ZERO,
                EntryKind::Payment => entry.amount <= Money::ZERO,
                EntryKind::Withdrawal => entry.amount < Money::ZERO,
            };
            if !has_right_sign {
                let expected = "charges and reversals above 0, refunds not below 0, payments not \
                                above 0, withdrawals below 0";
                let is = format!("{:?} of {}", entry.kind, entry.amount.0);
                found(key, expected.to_owned(), is);
            }
        }
        let wallet = self.wallet.as_ref().map(|wallet| wallet.value);
        let wallet = wallet.unwrap_or_default();
        if wallet.balance != sum {
            let expected = format!("the sum of its ledger, {}", sum.0);
            let is = format!("a balance of {}", wallet.balance.0);
            found(&self.wallet_key, expected, is);
        }
        if wallet.seq != entry_number {
            let expected = format!("{entry_number} entries");
            found(&self.wallet_key, expected, format!("seq {}", wallet.seq));
        }
    }

    /// Every charge has one charge key, or one confirmation of a provider, and each of these has one
    /// charge.
    fn check_charges(&self, findings: &mut Vec<Finding>) {
        let mut charges: HashMap<EntryId, &Stored<LedgerEntry>> = self
            .ledger
            .iter()
            .filter(|(_, entry)| entry.value.kind == EntryKind::Charge)
            .map(|(_, entry)| (entry.value.entry_id, entry))
            .collect();
        for remembered in &self.charges {
            let RememberedCharge {
                charge_id,
                amount,
                balance,
            } = remembered.value;
            let is = match charges.remove(&charge_id) {
                Some(entry)
                    if entry.value.amount == amount && entry.value.balance_after == balance =>
                {
                    continue;
                }
                Some(entry) => format!(
                    "a charge of {}, with a balance of {} after it",
                    entry.value.amount.0, entry.value.balance_after.0
                ),
                None => "no such charge".to_owned(),
            };
            let expected = format!(
                "a charge {charge_id} of {} in the ledger, with a balance of {} after it",
                amount.0, balance.0
            );
            findings.push(Finding::new(
                Invariant::Money,
                &remembered.key,
                expected,
                is,
            ));
        }
        let done = self
            .provider_charges
            .iter()
            .filter(|charge| charge.value.status() == ChargeStatus::Done);
        for Stored { key, value } in done {
            let is = match charges.remove(&value.charge_id) {
                Some(entry) if entry.value.amount == value.amount => continue,
                Some(entry) => format!("a charge of {}", entry.value.amount.0),
                None => "no such charge".to_owned(),
            };
            let expected = format!(
                "a charge {} of {} in the ledger",
                value.charge_id, value.amount.0
            );
            findings.push(Finding::new(Invariant::Money, key, expected, is));
        }
        for (_, entry) in charges {
            findings.push(Finding::new(
                Invariant::Money,
                &entry.key,
                "a charge key, or a charge that is done, for this charge",
                "none",
            ));
        }
    }

    /// No charge is pending long after its end.
    fn check_pending(&self, now: EpochMs, findings: &mut Vec<Finding>) {
        let pending = self
            .provider_charges
            .iter()
            .filter(|charge| charge.value.status() == ChargeStatus::Pending);
        for Stored { key, value } in pending {
            if value.expires_at.plus_seconds(LONGEST_SETTLEMENT_SECONDS) < now {
                findings.push(Finding::new(
                    Invariant::Money,
                    key,
                    format!("a charge that has ended at {}", value.expires_at),
                    "it is still pending",
                ));
            }
        }
    }
}

/// A reservation of a cancelled event or date.
fn check_cancelled(
    reservation: &Stored<Reservation>,
    cancellation: Cancellation,
) -> Option<Finding> {
    let found = |expected: String, found: String| {
        Some(Finding::new(
            Invariant::Cancellation,
            &reservation.key,
            expected,
            found,
        ))
    };
    let payment = match &reservation.value.state {
        State::Confirmed { payment } | State::Cancelled { payment, .. } => payment.as_ref(),
        State::Held { .. } => None,
    };
    if let Some(payment) = payment
        && cancellation.has_settled(payment.paid_at)
    {
        return found(
            format!("no payment after the cancellation at {}", cancellation.at),
            format!("a payment at {}", payment.paid_at),
        );
    }
    match (&reservation.value.state, cancellation.refunded_at) {
        (State::Confirmed { .. }, Some(at)) => found(
            format!("everything refunded since {at}"),
            "CONFIRMED".to_owned(),
        ),
        _ => None,
    }
}

/// Payments less refunds are the price and what was kept of tickets that were given back, or what a
/// cancellation keeps. The seats' prices and the fees are the price.
fn check_payment(
    reservation: &Stored<Reservation>,
    paid: Money,
    is_cancelled: bool,
) -> Vec<Finding> {
    let Stored { key, value } = reservation;
    let mut findings = Vec::new();
    let mut found = |expected: String, found: String| {
        findings.push(Finding::new(Invariant::Money, key, expected, found));
    };
    let owed = match &value.state {
        State::Confirmed { .. } => value.total_price + value.returned.kept,
        // With all fees, if it was cancelled or returned after a postponement. Who had returned the
        // tickets before has been refunded without them.
        State::Cancelled {
            payment: Some(payment),
            refunded,
            ..
        } if (is_cancelled || value.performance.returns_until.is_some())
            && *refunded == payment.amount - value.returned.kept =>
        {
            value.returned.kept
        }
        State::Cancelled {
            payment: Some(_), ..
        } => value.fees.kept_on_cancellation() + value.returned.kept,
        State::Held { .. } | State::Cancelled { payment: None, .. } => Money::ZERO,
    };
    if paid != owed {
        let expected = format!("payments less refunds of {}", owed.0);
        found(expected, paid.0.to_string());
    }
    let seats: i64 = value.seats.iter().map(|seat| seat.price.0).sum();
    let fees = value.fees.total().0;
    if value.date().is_some() && seats + fees != value.total_price.0 {
        let expected = format!("the sum of its seats' prices, {seats}, and its fees, {fees}");
        found(expected, format!("a price of {}", value.total_price.0));
    }
    if let State::Confirmed {
        payment: Some(payment),
    }
    | State::Cancelled {
        payment: Some(payment),
        ..
    } = &value.state
    {
        let returned = &value.returned;
        let bought = value.total_price + returned.refunded + returned.kept;
        if returned.quantity > 0 && payment.amount != bought {
            let expected = format!("a payment of {}, for all tickets that it had", bought.0);
            found(expected, payment.amount.0.to_string());
        }
    }
    findings
}

/// No more seats or tickets than were allowed when it was made, each of which it has.
fn check_quantity(reservation: &Stored<Reservation>) -> Vec<Finding> {
    let Stored { key, value } = reservation;
    let mut findings = Vec::new();
    let mut found = |invariant, expected: String, found: String| {
        findings.push(Finding::new(invariant, key, expected, found));
    };
    if value.quantity > value.seat_limit {
        let expected = format!("at most {} tickets", value.seat_limit);
        found(
            Invariant::OneReservation,
            expected,
            value.quantity.to_string(),
        );
    }
    let returned = &value.returned;
    let all = value.seats.iter().chain(&returned.seats);
    let distinct: BTreeSet<SeatNumber> = all.map(|seat| seat.seat_number).collect();
    let has_its_seats = match value.date() {
        Some(_) => {
            let quantities = (value.quantity as usize, returned.quantity as usize);
            distinct.len() == value.seats.len() + returned.seats.len()
                && (value.seats.len(), returned.seats.len()) == quantities
        }
        None => value.seats.is_empty() && returned.seats.is_empty(),
    };
    if !has_its_seats {
        found(
            Invariant::OneReservation,
            "as many different seats as tickets".to_owned(),
            format!(
                "{} tickets, {} seats, {} of them different",
                value.quantity + returned.quantity,
                value.seats.len() + returned.seats.len(),
                distinct.len()
            ),
        );
    }
    let taken: u32 = value.stock.iter().map(|take| take.quantity).sum();
    if value.date().is_none() && taken != value.quantity {
        let expected = format!("{} tickets taken from the stock", value.quantity);
        found(Invariant::Stock, expected, taken.to_string());
    }
    findings
}

fn check_owner(
    reservation: &Stored<Reservation>,
    user: UserId,
    is_archived: bool,
    now: EpochMs,
) -> Vec<Finding> {
    let Stored { key, value } = reservation;
    let mut findings = Vec::new();
    let mut found = |expected: String, found: String| {
        findings.push(Finding::new(
            Invariant::OneReservation,
            key,
            expected,
            found,
        ));
    };
    if value.user_id != user {
        let expected = format!("a reservation of user {user}");
        found(expected, format!("one of user {}", value.user_id));
    }
    if is_archived && value.is_live(now) {
        let expected = "an ended reservation, because it is archived".to_owned();
        found(expected, format!("{:?}", value.status(now)));
    }
    findings
}
