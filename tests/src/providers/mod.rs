//! What a shop asks a payment provider, against a fake of each.

mod requests;
mod stripe;
mod stripe_notifications;
mod stripe_parameters;
mod toss;

use domain::charge::{
    Charge, ChargeState, ProviderAnswer, ProviderId, ProviderName, ProviderPayment,
};
use domain::clock::{EpochMs, ManualClock};
use domain::ids::{EntryId, UserId};
use domain::money::{Currency, Money};
use shared::provider::{
    Booked, BookedKind, CheckoutRequest, Provider, ProviderError, RefundAnswer, RefundRequest,
};

const AMOUNT: Money = Money(44_000);
const RETURN_URL: &str = "https://shop.example/wallet/charges/1";

fn clock() -> ManualClock {
    ManualClock::at(EpochMs::parse("2026-12-24T10:00:00Z").unwrap())
}

fn currency(code: &str) -> Currency {
    Currency::try_from(code.to_owned()).unwrap()
}

/// A charge of 44,000 won that can be paid for five minutes.
fn charge(provider: ProviderName, now: EpochMs) -> Charge {
    let user_id = UserId::random();
    Charge {
        charge_id: EntryId::of_charge(user_id, "key"),
        user_id,
        provider,
        amount: AMOUNT,
        currency: currency("KRW"),
        pay_for: None,
        expires_at: now.plus_seconds(300),
        begun: None,
        state: ChargeState::Pending,
        withdrawn: Money::ZERO,
        was_reversed: false,
        created_at: now,
    }
}

fn checkout(charge: &Charge) -> CheckoutRequest<'_> {
    CheckoutRequest {
        charge,
        description: "Winter Live 겨울",
        return_url: RETURN_URL,
    }
}

fn paid(answer: ProviderAnswer) -> ProviderPayment {
    match answer {
        ProviderAnswer::Paid(payment) => payment,
        other => panic!("not paid: {other:?}"),
    }
}

fn code(error: ProviderError) -> String {
    match error {
        ProviderError::Refused(code) => code,
        ProviderError::Unreachable(code) => panic!("unreachable: {code}"),
    }
}

async fn refund(
    provider: &dyn Provider,
    charge: &Charge,
    payment: &ProviderPayment,
    key: &str,
    amount: i64,
) -> Result<RefundAnswer, ProviderError> {
    let request = RefundRequest {
        key,
        order_id: charge.order_id(),
        payment,
        amount: Money(amount),
        at: charge.created_at,
    };
    provider.refund(&request).await
}

fn id_of(answer: RefundAnswer) -> ProviderId {
    match answer {
        RefundAnswer::Done(id) | RefundAnswer::Pending(id) | RefundAnswer::Failed(id) => id,
    }
}

/// All that is booked in a range, page by page.
async fn books(provider: &dyn Provider, from: EpochMs, to: EpochMs) -> Vec<Booked> {
    let mut all = Vec::new();
    let mut position = None;
    for _ in 0..20 {
        let page = provider
            .booked(from, to, position.as_deref())
            .await
            .unwrap();
        all.extend(page.booked);
        position = page.next;
        if position.is_none() {
            return all;
        }
    }
    panic!("the books do not end");
}

fn sum(books: &[Booked], kind: BookedKind) -> Money {
    let of_kind = books.iter().filter(|booked| booked.kind == kind);
    of_kind.map(|booked| booked.amount).sum()
}
